//! XML as JSON, as Go's mxj has it: attributes are keys with `-` before them, text beside them is `#text`, elements of one
//! name are an array, and an empty element is `""`.

use serde_json::{Map, Value};

use super::tree::{Element, Node};

/// What becomes of text that looks like a number, true or false.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast {
    /// It stays text.
    Never,
    /// It becomes one, where it can be written back as it was: `007` and account numbers with a zero stay text.
    WhereExact,
}

/// The JSON of an element, without its name.
pub fn to_json(element: &Element, cast: Cast) -> Value {
    let mut entries = Map::new();
    for (name, value) in &element.attributes {
        add(&mut entries, format!("-{name}"), scalar(value, cast));
    }
    let mut texts: Vec<&str> = Vec::new();
    for node in &element.nodes {
        match node {
            Node::Element(inner) => add(&mut entries, inner.name.clone(), to_json(inner, cast)),
            Node::Text(text) if text.trim().is_empty() => {}
            Node::Text(text) => texts.push(text.trim()),
        }
    }
    let text = texts.join(" ");
    if entries.is_empty() {
        return scalar(&text, cast);
    }
    if !text.is_empty() {
        add(&mut entries, "#text".to_owned(), scalar(&text, cast));
    }
    Value::Object(entries)
}

fn add(entries: &mut Map<String, Value>, key: String, value: Value) {
    match entries.get_mut(&key) {
        // An element's own JSON is never an array, so an array here is one that was begun here.
        Some(Value::Array(values)) => values.push(value),
        Some(first) => {
            let first_of_two = first.take();
            *first = Value::Array(vec![first_of_two, value]);
        }
        None => {
            entries.insert(key, value);
        }
    }
}

fn scalar(text: &str, cast: Cast) -> Value {
    let as_text = || Value::String(text.to_owned());
    if cast == Cast::Never {
        return as_text();
    }
    match text {
        "true" | "True" | "TRUE" | "t" | "T" => Value::Bool(true),
        "false" | "False" | "FALSE" | "f" | "F" => Value::Bool(false),
        _ => {
            let whole = text.parse::<i64>().ok().filter(|n| n.to_string() == text).map(Value::from);
            let broken = || text.parse::<f64>().ok().filter(|n| n.to_string() == text).and_then(number);
            whole.or_else(broken).unwrap_or_else(as_text)
        }
    }
}

fn number(value: f64) -> Option<Value> {
    serde_json::Number::from_f64(value).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::xml::parse;

    fn json(text: &str, cast: Cast) -> Value {
        to_json(&parse(text).unwrap(), cast)
    }

    #[test]
    fn elements_are_keys_and_of_one_name_an_array() {
        let text = "<?xml version='1.0'?>\n<r xmlns='urn:x' a:id=\"1\"><!-- c --><i><n>x &amp; y&#33;</n></i><i/>\
                    <size>8</size><owner>012</owner><big>123456789012345678901</big><f>1.5</f><ok>true</ok>\
                    <t k='v'><![CDATA[<b>]]></t></r>";
        let expected = serde_json::json!({"-xmlns": "urn:x", "-id": 1, "i": [{"n": "x & y!"}, ""], "size": 8,
            "owner": "012", "big": "123456789012345678901", "f": 1.5, "ok": true, "t": {"-k": "v", "#text": "<b>"}});
        assert_eq!(json(text, Cast::WhereExact), expected);
        assert_eq!(json("<r><n>1</n><b>true</b></r>", Cast::Never), serde_json::json!({"n": "1", "b": "true"}));
        assert_eq!(json("<r/>", Cast::Never), "");
    }

    #[test]
    fn what_is_no_xml_is_refused_and_not_quoted() {
        let deep = "<a>".repeat(200);
        for bad in ["", "SECRET", "<SECRET>", "<a></SECRET>", "<a>&SECRET;</a>", "{\"a\": 1}", &deep] {
            let said = parse(bad).unwrap_err();
            assert!(said.contains("not XML"), "{bad}: {said}");
        }
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><x>&a;</x>";
        assert!(parse(bomb).unwrap_err().contains("an entity of its own"));
    }
}
