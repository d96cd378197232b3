//! `response` of a method, with a body: what is read of the document, and what becomes of the body.

use crate::registry::document::Document;
use crate::registry::weir_keys::MethodKeys;
use crate::registry::{Answer, Kind, Reshape};

const SCHEMAS: &str = "
components:
  responses: {listed: {content: {application/json: {schema: {$ref: '#/components/schemas/page'}}}}}
  schemas:
    thing: {type: object, properties: {id: {type: string}, n: {type: integer}}}
    page: {type: object, properties: {things: {type: array, items: {$ref: '#/components/schemas/thing'}},
      zones: {type: object, additionalProperties: {type: object, properties: {things: {type: array, items: {$ref: '#/components/schemas/thing'}}}}},
      map: {type: object, additionalProperties: {$ref: '#/components/schemas/thing'}},
      links: {type: object, additionalProperties: {type: string}},
      names: {type: array, items: {type: string}}, grid: {type: array, items: {type: array, items: {type: integer}}}, count: {type: integer}}}
    wrapped: {type: object, properties: {users: {type: array, items: {$ref: '#/components/schemas/thing'}}}}
";

/// The answer of a GET with this `response` and these `responses`.
fn read(response: &str, responses: &str) -> Result<Answer, String> {
    let text = format!(
        "{SCHEMAS}\nmethod: {{operation: {{$ref: '#/paths/x/get'}}, response: {response}}}\noperation: {{responses: {responses}}}\n"
    );
    let document = Document::parse("demo.yaml", &text).unwrap();
    let (method, operation) = (&document.root["method"], &document.root["operation"]);
    super::read(&document, method, operation, &MethodKeys::default(), "demo").map_err(|e| e.to_string())
}

const LISTED: &str = "{'200': {$ref: '#/components/responses/listed'}}";

fn columns(answer: &Answer) -> String {
    answer.columns.iter().map(|c| format!("{} {}", c.name, c.shape.kind.word())).collect::<Vec<_>>().join(", ")
}

fn paths(answer: &Answer) -> String {
    answer.rows.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

#[test]
fn rows_stand_where_object_key_says_and_have_the_columns_of_the_schema_there() {
    for (key, rows, listed) in [
        ("$.things", "$.things", "id string, n integer"),
        ("things", "$.things", "id string, n integer"),
        ("$['things']", "$.things", "id string, n integer"),
        ("$.things[*]", "$.things", "id string, n integer"),
        ("$.things[0]", "$", "id string, n integer"),
        ("$.zones[*].things", "$", "id string, n integer"),
        ("$.map", "$", "key string, id string, n integer"),
        ("$.map.*", "$", "key string, id string, n integer"),
        ("$.links", "$", "key string, value string"),
        ("$.names", "$.names", "column_anon string"),
        ("$.grid", "$.grid", "column_anon array"),
        ("$.count", "$.count", "column_anon integer"),
        ("$.unknown", "$.unknown", ""),
    ] {
        let answer = read(&format!("{{objectKey: \"{key}\"}}"), LISTED).unwrap();
        assert_eq!((paths(&answer).as_str(), columns(&answer).as_str()), (rows, listed), "{key}");
        assert!(answer.may_lack_rows);
    }
    assert!(
        read("{objectKey: '$.a[?(@.b)]'}", LISTED).unwrap_err().contains("demo: answer: `$.a[?(@.b)]` is not a path")
    );
}

#[test]
fn a_map_gives_a_row_for_each_key() {
    let rows = |key: &str, body: &str| {
        let answer = read(&format!("{{objectKey: '{key}'}}"), LISTED).unwrap();
        answer.reshaped(body.as_bytes()).unwrap().unwrap()
    };
    let body = r#"{"map": {"b": {"id": "1"}, "a": {"id": "2"}}, "links": {"x": "u"}}"#;
    for key in ["$.map", "$.map.*", "$.map[*]"] {
        assert_eq!(rows(key, body), r#"[{"key":"b","id":"1"},{"key":"a","id":"2"}]"#, "{key}");
    }
    assert_eq!(rows("$.links", body), r#"[{"key":"x","value":"u"}]"#);
    assert_eq!(rows("$.links", "{}"), "null");
}

#[test]
fn the_answer_of_a_success_is_found_under_any_name() {
    let (own, other) =
        ("{content: {application/json: {schema: {$ref: '#/components/schemas/thing'}}}}", "{description: x}");
    for (key, responses) in [
        ("'200'", format!("{{200: {own}}}")),
        ("'200'", format!("{{'2XX': {own}, default: {other}}}")),
        ("'200'", format!("{{'201': {own}, '404': {other}}}")),
        ("'200'", format!("{{default: {own}}}")),
        ("201", format!("{{'200': {other}, '201': {own}}}")),
        (
            "'200'",
            "{'200': {content: {'application/json; charset=utf-8': {schema: {$ref: '#/components/schemas/thing'}}}}}"
                .to_owned(),
        ),
        (
            "'200'",
            "{'200': {content: {text/html: {}, application/hal+json: {schema: {$ref: '#/components/schemas/thing'}}}}}"
                .to_owned(),
        ),
    ] {
        let answer = read(&format!("{{openAPIDocKey: {key}}}"), &responses).unwrap();
        assert_eq!(columns(&answer), "id string, n integer", "{key} of {responses}");
    }
}

#[test]
fn a_transform_comes_with_a_schema_of_its_own() {
    let template = "body: '{\"users\": {{ . }}}'";
    let response = format!(
        "{{objectKey: $.users, schema_override: {{$ref: '#/components/schemas/wrapped'}}, overrideMediaType: application/json, \
         transform: {{type: golang_template_text_v0.3.0, {template}}}}}"
    );
    let answer = read(&response, LISTED).unwrap();
    assert_eq!((columns(&answer).as_str(), paths(&answer).as_str()), ("id string, n integer", "$.users"));
    assert_eq!(answer.reshaped(br#"[{"id": "a"}]"#).unwrap().unwrap(), r#"{"users": [{"id": "a"}]}"#);
    // Totals and cursors are those of the body as it came.
    assert_eq!(answer.figures(br#"[{"id": "a"}]"#).unwrap(), r#"[{"id": "a"}]"#);
    let broken = response.replace("{{ . }}", "{{ nofunc . }}");
    assert!(
        read(&broken, LISTED).unwrap_err().contains("demo: answer.transform: template, line 1, column 14: no function")
    );
    let unknown = response.replace("golang_template_text_v0.3.0", "jq_v1");
    assert!(read(&unknown, LISTED).unwrap_err().contains("`jq_v1` is no transform"));
}

#[test]
fn xml_is_read_by_xpath_or_by_keys_and_typed_by_its_schema() {
    let responses = "{'200': {content: {text/xml: {schema: {type: object, properties: {things: {type: array, items: {type: object, \
                     properties: {id: {type: string, xml: {attribute: true}}, size: {type: integer, xml: {name: Size}}}}}}}}}}}";
    let body = "<R><things id='a'><Size>5</Size></things><things id='b'/></R>";
    let by_path = read("{objectKey: /R/things}", responses).unwrap();
    assert_eq!((columns(&by_path).as_str(), paths(&by_path).as_str()), ("id string, size integer", "$"));
    assert_eq!(by_path.reshaped(body.as_bytes()).unwrap().unwrap(), r#"[{"-id":"a","Size":"5"},{"-id":"b"}]"#);
    assert_eq!(by_path.columns[0].paths[0].to_string(), "$.-id");
    assert_eq!(by_path.columns[1].paths[0].to_string(), "$.Size");
    let by_keys = read("{objectKey: $.things}", responses).unwrap();
    assert_eq!((columns(&by_keys).as_str(), paths(&by_keys).as_str()), ("id string, size integer", "$.things"));
    assert_eq!(by_keys.figures(body.as_bytes()).unwrap(), r#"{"R":{"things":[{"-id":"a","Size":5},{"-id":"b"}]}}"#);
    assert!(by_keys.reshaped(b"{}").unwrap_err().to_string().contains("not XML"));
}

#[test]
fn what_is_no_json_is_one_row_of_text() {
    for (responses, reshape) in [
        ("{'200': {content: {text/csv: {schema: {type: string}}}}}", vec![Reshape::Text]),
        (
            "{'200': {content: {application/octet-stream: {schema: {type: string, format: binary}}}}}",
            vec![Reshape::Text],
        ),
        // The document says what is in it: then it is JSON, whatever it is called.
        (
            "{'200': {content: {application/vnd.odd: {schema: {type: object, properties: {id: {type: string}}}}}}}",
            vec![],
        ),
        ("{'200': {description: nothing}}", vec![]),
    ] {
        let answer = read("{}", responses).unwrap();
        assert_eq!(answer.reshape, reshape, "{responses}");
        if answer.reshape == [Reshape::Text] {
            assert_eq!(columns(&answer), "column_anon string");
        }
    }
}

#[test]
fn names_that_sql_would_not_take_or_that_are_the_same_are_kept_apart() {
    let schema = "{type: object, properties: {'@type': {type: string}, type: {type: string}, 'a-b': {type: string}, a_b: {type: string}, \
                  aB: {type: string}, '$': {type: string}, 1x: {type: string}, 'größe': {type: number}, select: {type: boolean}, \
                  old: {type: string, x-stackQL-alias: new_name}}}";
    let answer = read("{}", &format!("{{'200': {{content: {{application/json: {{schema: {schema}}}}}}}}}")).unwrap();
    let names: Vec<String> = answer.columns.iter().map(|c| format!("{}={}", c.name, c.wire)).collect();
    let expected = [
        "@type=@type",
        "type=type",
        "a-b=a-b",
        "a_b=a_b",
        "aB=aB",
        "$=$",
        "1x=1x",
        "größe=größe",
        "select=select",
        "new_name=old",
    ];
    assert_eq!(names, expected);
}

#[test]
fn a_type_is_found_wherever_the_schema_says_it() {
    let kinds = |schema: &str| {
        let text = format!(
            "{{'200': {{content: {{application/json: {{schema: {{type: object, properties: {{x: {schema}}}}}}}}}}}}}"
        );
        read("{}", &text).unwrap().columns[0].shape.kind
    };
    for (schema, kind) in [
        ("{type: [string, 'null']}", Kind::String),
        ("{type: [string, integer]}", Kind::Any),
        ("{type: [integer, number]}", Kind::Number),
        ("{allOf: [{$ref: '#/components/schemas/thing'}]}", Kind::Object),
        ("{allOf: [{type: string, format: date-time}, {description: x}]}", Kind::Timestamp),
        ("{anyOf: [{type: string}, {type: 'null'}]}", Kind::String),
        ("{oneOf: [{type: string}, {type: integer}]}", Kind::Any),
        ("{oneOf: [{$ref: '#/components/schemas/thing'}, {$ref: '#/components/schemas/page'}]}", Kind::Object),
        ("{additionalProperties: {type: string}}", Kind::Object),
        ("{items: {}}", Kind::Array),
        ("{enum: [a, b]}", Kind::String),
        ("{const: 3}", Kind::Integer),
        ("{}", Kind::Any),
    ] {
        assert_eq!(kinds(schema), kind, "{schema}");
    }
}
