//! Bodies through steps, without a document.

use serde_json::{Value, json};

use crate::registry::{Answer, Kind, Reshape, TemplateInput};

fn made(step: Reshape, body: &str) -> Result<Value, String> {
    let answer = Answer { reshape: vec![step], ..Answer::default() };
    let text = answer.reshaped(body.as_bytes()).map_err(|e| e.to_string())?.unwrap();
    serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))
}

fn template(input: TemplateInput, text: &str) -> Reshape {
    Reshape::Template { input, text: text.to_owned() }
}

fn pick(path: &str, body: &str) -> Value {
    made(Reshape::Pick(path.to_owned()), body).unwrap()
}

#[test]
fn a_template_runs_over_json_text_or_xml() {
    let of_json =
        template(TemplateInput::Json, r#"[{{range $i, $v := .result}}{{if $i}},{{end}}{"v": {{toJson $v}}}{{end}}]"#);
    assert_eq!(made(of_json.clone(), r#"{"result": [1, "a"]}"#).unwrap(), json!([{"v": 1}, {"v": "a"}]));
    // Nothing that the template could be run over: no rows.
    assert_eq!(made(of_json.clone(), "null").unwrap(), Value::Null);
    assert!(made(of_json, "<html>SECRET").unwrap_err().contains("the answer is not JSON (line 1, column 1)"));
    let of_text = template(TemplateInput::Text, r#"[{"contents": {{ toJson . }}}]"#);
    assert_eq!(made(of_text, "a \"b\"\n<c>").unwrap(), json!([{"contents": "a \"b\"\n<c>"}]));
    let of_xml = template(
        TemplateInput::Xml,
        "{\"rows\": [{{- $items := index . \"R\" \"set\" \"item\" -}}\
         {{- if eq (printf \"%T\" $items) \"map[string]interface {}\" -}}{{template \"row\" $items}}\
         {{- else -}}{{- range $i, $v := $items -}}{{- if $i}},{{end -}}{{template \"row\" $v}}{{- end -}}{{- end }}]}\
         {{- define \"row\"}}{\"id\": {{printf \"%q\" (index . \"id\")}}, \"size\": {{toInt (index . \"size\")}}, \
         \"on\": {{toBool (index . \"on\")}}}{{end}}",
    );
    let two = "<R><set><item><id>a</id><size>8</size><on>true</on></item><item><id>b</id></item></set></R>";
    let one = "<R><set><item><id>a</id><size>8</size><on>true</on></item></set></R>";
    let a = json!({"id": "a", "size": 8, "on": true});
    assert_eq!(made(of_xml.clone(), one).unwrap(), json!({"rows": [a]}));
    let no_id = made(of_xml, two).unwrap();
    assert_eq!(no_id, json!({"rows": [a, {"id": "b", "size": 0, "on": false}]}));
}

#[test]
fn rows_of_xml_are_found_by_their_schema_within_the_envelopes_of_aws() {
    let fields = [("id", Kind::String), ("n", Kind::Integer), ("on", Kind::Boolean), ("tags", Kind::Object)];
    let fields: Vec<(String, Kind)> = fields.map(|(name, kind)| (name.to_owned(), kind)).into();
    let rows = |unwraps: bool, body: &str| {
        let step = Reshape::SchemaXml { list: "line_items".to_owned(), unwraps, fields: fields.clone() };
        made(step, body).unwrap()["line_items"].clone()
    };
    let a = json!({"id": "001", "n": 7, "on": true, "tags": null});
    let row = "<id>001</id><n>7</n><on>true</on><extra/>";
    assert_eq!(
        rows(false, &format!("<R xmlns='x'><reqId>r</reqId><set><item>{row}</item><item>{row}</item></set></R>")),
        json!([a, a])
    );
    assert_eq!(rows(false, &format!("<R><set><item>{row}</item></set></R>")), json!([a]));
    assert_eq!(
        rows(true, &format!("<R><ListResult><Things><member>{row}</member></Things></ListResult><Meta/></R>")),
        json!([a])
    );
    assert_eq!(rows(true, &format!("<R><GetResult>{row}</GetResult></R>")), json!([a]));
    assert_eq!(rows(false, "<R><set/></R>"), json!([]));
    let tagged = rows(false, "<R><set><item><id>1</id><n/><tags><k>v</k></tags></item></set></R>");
    assert_eq!(tagged, json!([{"id": "1", "n": null, "on": null, "tags": {"k": "v"}}]));
}

#[test]
fn a_path_may_have_indexes_wildcards_and_quoted_keys() {
    let body = r#"{"a": [{"b": [1, 2]}, {"b": [3]}, {}], "m": {"x": {"d": [1]}, "y": {"w": 0}}, "k y": {"b.c": 5}}"#;
    assert_eq!(pick("$.a[0].b", body), json!([1, 2]));
    assert_eq!(pick("$.a[-2].b", body), json!([3]));
    assert_eq!(pick("$.a[*].b", body), json!([1, 2, 3]));
    assert_eq!(pick("$.m[*].d", body), json!([1]));
    assert_eq!(pick("$.m.*", body), json!([{"d": [1]}, {"w": 0}]));
    assert_eq!(pick("$['k y'][\"b.c\"]", body), json!(5));
    assert_eq!(pick("a[9].b", body), Value::Null);
    for bad in ["$.a[?(@.x)]", "$..b", "$x", "$.a[0:1]", "$.a[", "$.", "$.a]"] {
        assert!(super::Pick::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn text_is_one_row_and_bytes_that_are_none_are_kept_in_base64() {
    let text =
        |body: &[u8]| Answer { reshape: vec![Reshape::Text], ..Answer::default() }.reshaped(body).unwrap().unwrap();
    assert_eq!(text(b"a \"b\"\n"), r#""a \"b\"\n""#);
    assert_eq!(text(b"\xff\x00\x01\x02"), r#""/wABAg==""#);
    assert_eq!(text(b"\xff\xfe\xfd"), r#""//79""#);
}
