//! Templates against what Go makes of them. `go.json` was written by Go 1.26: templates over one input, each with its text,
//! or null where Go refuses to read or to run it.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Template;

fn render(template: &str, input: &Value) -> Result<String, String> {
    Template::parse(template).and_then(|t| t.render(input)).map_err(|e| e.to_string())
}

#[test]
fn templates_make_what_go_makes() {
    let table: Value = serde_json::from_str(include_str!("go.json")).unwrap();
    let cases = table["cases"].as_array().unwrap();
    assert!(cases.len() > 800, "the table is cut");
    for case in cases {
        let (template, expected) = (case[0].as_str().unwrap(), case[1].as_str());
        let made = render(template, &table["input"]);
        assert_eq!(made.as_deref().ok(), expected, "{template}: {made:?}");
    }
}

#[test]
fn bodies_of_documents_are_made_as_their_authors_meant() {
    let sparse = "{\n{{- $sep := \"\" -}}\n\
        {{- if .name }}{{ $sep }}\"name\": {{ toJson .name }}{{- $sep = \",\" -}}{{ end }}\n\
        {{- if .meta }}{{ $sep }}\"meta\": {{ if eq (kindOf .meta) \"string\" }}{{ .meta }}{{ else }}{{ toJson .meta }}{{ end }}{{- $sep = \",\" -}}{{ end }}\n}";
    let input = json!({"name": "a \"b\"", "meta": {"y": 1, "x": [true]}});
    assert_eq!(render(sparse, &input).unwrap(), "{\"name\": \"a \\\"b\\\"\",\"meta\": {\"x\":[true],\"y\":1}\n}");
    assert_eq!(render(sparse, &json!({"meta": "{\"x\": 1}"})).unwrap(), "{\"meta\": {\"x\": 1}\n}");
    let wrapped = "{{- $wrapped := printf \"{\\\"users\\\":%s}\" . -}}\n{{- $wrapped -}}\n";
    assert_eq!(render(wrapped, &json!("[{\"id\": 1}]")).unwrap(), "{\"users\":[{\"id\": 1}]}");
}

#[test]
fn an_integer_that_a_double_cannot_hold_is_written_in_full() {
    let input = json!({"id": 9_007_199_254_740_993_u64, "n": 9_007_199_254_740_992_u64});
    assert_eq!(
        render("{{.id}} {{toJson .id}} {{.n}}", &input).unwrap(),
        "9007199254740993 9007199254740993 9.007199254740992e+15"
    );
}

#[test]
fn texts_are_searched_by_patterns_and_xml_by_paths() {
    let text = json!("<r><a id='1'>x</a><a>y</a></r>");
    assert_eq!(
        render("{{getXPath . \"/r/a[2]\"}}|{{index (getXPathAllOuter . \"/r/a\") 0}}", &text).unwrap(),
        "y|<a id=\"1\">x</a>"
    );
    assert!(render("{{getXPath . \"/r/b\"}}", &text).unwrap_err().contains("nothing stands there"));
    assert_eq!(
        render("{{getRegexpFirstMatch . \"id='(.)'\"}}{{index (getRegexpAllMatches . \"(r)><(a)\") 1}}", &text)
            .unwrap(),
        "1a"
    );
    assert!(render("{{getRegexpFirstMatch . \"zz(.)\"}}", &text).unwrap_err().contains("matches nothing"));
}

#[test]
fn a_mistake_is_named_with_line_and_column() {
    assert_eq!(
        render("{{ if .a }}\n  {{ nofunc .b }}{{ end }}", &json!({})).unwrap_err(),
        "template, line 2, column 6: no function is called `nofunc`"
    );
    assert_eq!(
        render("a\n{{ index .a 5 }}", &json!({"a": [1]})).unwrap_err(),
        "template, line 2, column 4: index: 5 is out of range: there are 1"
    );
}

#[test]
fn a_hostile_template_ends() {
    let endless = "{{define \"a\"}}{{template \"a\" .}}{{end}}{{template \"a\" .}}";
    assert!(render(endless, &json!(1)).unwrap_err().contains("without end"));
    let doubled = "{{$x := \"aaaaaaaaaaaaaaaa\"}}{{range 100}}{{$x = printf \"%s%s\" $x $x}}{{end}}{{$x}}";
    assert!(render(doubled, &json!(1)).unwrap_err().contains("too much text"));
    let deep = format!("{}1{}", "{{if true}}".repeat(5000), "{{end}}".repeat(5000));
    assert!(render(&deep, &json!(1)).unwrap_err().contains("within each other"));
    assert!(render(&format!("{{{{{}1{}}}}}", "(".repeat(5000), ")".repeat(5000)), &json!(1)).is_err());
    assert!(render("{{range 1000000000}}{{end}}", &json!(1)).unwrap_err().contains("does not end"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[a-z{}.$|()\"'` \n:=,/*0-9-]{0,60}") {
        let _ = render(&text, &json!({"a": [1, "x"], "b": {"c": null}}));
    }

    #[test]
    fn no_pieces_make_it_panic(pieces in proptest::collection::vec(prop::sample::select(vec![
        "{{", "}}", "{{-", "-}}", " ", "if ", "range ", "with ", "else", "end", "define ", "template ", "\"a\"", ".a", ".b.c", "$x", "$", ":=", "=",
        "|", "(", ")", "index ", "printf ", "\"%5.2q%v%d\"", "len ", "slice ", "1", "-2", "3.5", "nil", "eq ", "text", "and ", "break", "call ",
        "separator ", "toJson ", "é", "'a'", "/*", "*/", ",", "print ",
    ]), 0..24)) {
        let _ = render(&pieces.concat(), &json!({"a": [1, "é"], "b": {"c": null}}));
    }
}
