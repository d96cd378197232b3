//! The judge is judged: requests that a document does not allow, each with the reason that must be found.

use serde_json::json;

use super::answer::answer;
use super::document::Service;
use super::request::{Request, Said, judge, meant};
use super::sample::{Fill, Sampler};
use super::schema::Judge;

const DOCUMENT: &str = "
openapi: 3.0.3
servers: [{url: 'http://127.0.0.1:1/api.example/v1'}]
paths:
  /things/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      parameters:
      - {name: kind, in: query, required: true, schema: {type: string, enum: [a, b]}}
      - {name: size, in: query, schema: {type: integer, minimum: 0, exclusiveMinimum: true}}
      - {name: tags, in: query, schema: {type: array, items: {type: string, maxLength: 3}}}
      - {name: ids, in: query, explode: false, schema: {type: array, items: {type: integer}}}
      - {name: filter, in: query, style: deepObject, schema: {type: object, properties: {n: {type: integer}}}}
      - {name: X-Tenant, in: header, required: true, schema: {type: string}}
      responses: {'200': {content: {application/json: {schema: {type: object, properties: {
        total_count: {type: integer}, result: {type: array, items: {type: object, properties: {id: {type: integer}, name: {type: string}}}}}}}}}}
    put:
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [id, name],
        additionalProperties: false,
        properties: {id: {type: integer, readOnly: true}, name: {type: string, nullable: true}, on: {type: boolean}}}}}}
      responses: {'200': {description: ok}}
    delete: {responses: {'204': {description: gone}}}
  /form:
    post:
      requestBody: {content: {application/x-www-form-urlencoded: {schema: {type: object, required: [to], properties: {to: {type: string}, n: {type: integer}}}}}}
      responses: {'200': {description: ok}}
components:
  x-stackQL-resources:
    things: {methods: {get: {operation: {$ref: '#/paths/~1things~1{id}/get'}, response: {openAPIDocKey: '200', objectKey: $.result}}}}
";

fn service() -> Service {
    Service::read("demo", DOCUMENT, &json!({}), "http://127.0.0.1:1")
}

fn request(line: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let (verb, target) = line.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    Request {
        verb: verb.to_owned(),
        path: format!("/api.example/v1{path}"),
        query: query.to_owned(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.as_bytes().to_vec(),
    }
}

/// Why the request is not allowed; empty where it is.
fn why(line: &str, headers: &[(&str, &str)], body: &str) -> String {
    let (service, request) = (service(), request(line, headers, body));
    let Some((at, captures)) = meant(&service, &request).into_iter().next() else { return "no operation".to_owned() };
    judge((&service, &service.operations[at]), &captures, &request, None).1.unwrap_or_default()
}

#[test]
fn a_request_is_allowed_or_the_first_reason_is_named() {
    let tenant = [("x-tenant", "t")];
    let json = [("content-type", "application/json")];
    let form = [("content-type", "application/x-www-form-urlencoded")];
    for (line, headers, body, reason) in [
        ("GET /things/7?kind=a", &tenant[..], "", ""),
        ("GET /things/7?kind=a&size=1&tags=x&tags=y&ids=1,2&filter%5Bn%5D=3", &tenant, "", ""),
        ("GET /thing/7?kind=a", &tenant, "", "no operation"),
        ("POST /things/7?kind=a", &tenant, "", "no operation"),
        ("GET /things/7%2F8?kind=a", &tenant, "", "the path parameter `id`: \"7/8\" is not of type"),
        ("GET /things/x?kind=a", &tenant, "", "the path parameter `id`"),
        ("GET /things/7", &tenant, "", "the query parameter `kind` is missing"),
        ("GET /things/7?kind=a", &[], "", "the header parameter `X-Tenant` is missing"),
        ("GET /things/7?kind=c", &tenant, "", "the query parameter `kind`: \"c\" is not one of"),
        ("GET /things/7?kind=a&kind=b", &tenant, "", "the query parameter `kind`"),
        ("GET /things/7?kind=a&colour=red", &tenant, "", "the query parameter `colour` is not declared"),
        ("GET /things/7?kind=a&size=0", &tenant, "", "the query parameter `size`"),
        ("GET /things/7?kind=a&tags=x,y,z", &tenant, "", "the query parameter `tags`"),
        ("GET /things/7?kind=a&ids=1&ids=2", &tenant, "", "the query parameter `ids`"),
        ("GET /things/7?kind=a&filter%5Bn%5D=x", &tenant, "", "the query parameter `filter`"),
        ("GET /things/7?kind=a", &tenant, "{}", "a body came, and none is declared"),
        ("DELETE /things/7", &json, "{}", "a body came, and none is declared"),
        ("PUT /things/7", &json, "{\"name\":\"x\",\"on\":false}", ""),
        ("PUT /things/7", &json, "{\"name\":null}", ""),
        ("PUT /things/7", &json, "", "the body is missing"),
        ("PUT /things/7", &json, "{\"on\":false}", "the body: \"name\" is a required property"),
        ("PUT /things/7", &json, "{\"name\":1}", "the body"),
        ("PUT /things/7", &json, "{\"name\":\"x\",\"on\":\"false\"}", "the body: \"false\" is not of type"),
        ("PUT /things/7", &json, "{\"name\":\"x\",\"colour\":1}", "the body: Additional properties"),
        ("PUT /things/7", &json, "name=x", "the body is no JSON"),
        ("PUT /things/7", &form, "name=x", "the body is `application/x-www-form-urlencoded` where"),
        ("POST /form", &form, "to=a%20b&n=0", ""),
        ("POST /form", &form, "to=a&n=x", "the body: \"x\" is not of type"),
        ("POST /form", &form, "n=1", "the body: \"to\" is a required property"),
    ] {
        let found = why(line, headers, body);
        assert!(found.starts_with(reason) && reason.is_empty() == found.is_empty(), "{line} {body}: `{found}`");
    }
}

#[test]
fn an_answer_has_two_rows_that_agree_with_the_request_and_its_second_page_has_none() {
    let service = service();
    let said = Said { parameters: vec![("path".to_owned(), "id".to_owned(), "7".to_owned())], body: None };
    let asked = request("GET /things/7?kind=a", &[], "");
    let of = |page| answer((&service, &service.operations[0]), service.methods.first(), (&asked, &said), page);
    let (first, second) = (of(0), of(1));
    let body: serde_json::Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!((first.status, first.rows, second.rows), (200, Some(2), Some(0)), "{body}");
    assert_eq!(
        (&body["total_count"], &body["result"][0]["id"], &body["result"][1]["id"]),
        (&json!(2), &json!(7), &json!(7))
    );
}

#[test]
fn values_are_made_that_their_own_schema_allows() {
    let root = json!({"node": {"type": "object", "required": ["id"], "properties": {
        "id": {"type": "string", "format": "uuid"}, "next": {"$ref": "#/node"}, "all": {"type": "array", "items": {"$ref": "#/node"}}}}});
    for schema in [
        json!({"$ref": "#/node"}),
        json!({"type": "string", "pattern": "^[a-z]{3}-\\d+$"}),
        json!({"type": "string", "minLength": 9, "maxLength": 9}),
        json!({"type": "integer", "minimum": 8, "maximum": 20, "multipleOf": 5}),
        json!({"allOf": [{"type": "object", "properties": {"a": {"enum": ["x", "y"]}}}, {"required": ["a"]}]}),
        json!({"oneOf": [{"type": "object", "required": ["b"], "properties": {"b": {"type": "number"}}}, {"type": "null"}]}),
        json!({"type": "array", "minItems": 3, "items": {"type": "boolean"}}),
        json!({"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1}),
    ] {
        for fill in [Fill::Required, Fill::Falsy, Fill::All] {
            let value = Sampler { root: &root, fill, request: true, choice: 0, items: 1 }.value(&schema, "name");
            let judge = Judge::new(&root, &schema, true).unwrap();
            assert_eq!(judge.why_not(&value), None, "{schema}: {value}");
        }
    }
    let off = Sampler { root: &root, fill: Fill::Falsy, request: true, choice: 0, items: 1 };
    let schema = json!({"properties": {"a": {"type": "boolean"}, "b": {"type": "integer"}, "c": {"type": "string"}}});
    assert_eq!(off.value(&schema, "name"), json!({"a": false, "b": 0, "c": ""}));
}
