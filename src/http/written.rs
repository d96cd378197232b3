//! How a body is written, by its media type: JSON, forms, XML, text. Pure.
//! Must not know where its values come from or go to.

use std::fmt::Write;

use quick_xml::escape::escape;
use serde_json::{Map, Value};

use super::style::{encode, form_pairs, scalar};
use crate::error::{Error, Result};
use crate::registry::{Body, Xml};

pub(super) fn media_type(body: &Body) -> &str {
    if body.media_type.is_empty() { "application/json" } else { &body.media_type }
}

fn bare(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether it is JSON: `application/json`, `application/scim+json; charset=utf-8`, `application/x-amz-json-1.1` ...
pub(super) fn is_json(media_type: &str) -> bool {
    let bare = bare(media_type);
    let subtype = bare.rsplit('/').next().unwrap_or_default();
    subtype == "json" || subtype.ends_with("+json") || subtype.starts_with("x-amz-json")
}

/// The body as text, and its media type with what belongs to it.
pub(super) fn render(described: &Body, value: &Value) -> Result<(String, String)> {
    let media = media_type(described);
    let text = match (bare(media).as_str(), value) {
        // A template's text is the body, whatever it is.
        (_, Value::String(text)) if described.template.is_some() => text.clone(),
        _ if is_json(media) => value.to_string(),
        ("application/x-www-form-urlencoded", Value::Object(fields)) => form(fields)?,
        ("multipart/form-data", Value::Object(fields)) => {
            let boundary = boundary(fields);
            let text = multipart(fields, &described.files, &boundary)?;
            return Ok((text, format!("multipart/form-data; boundary={boundary}")));
        }
        (_, Value::String(content)) => content.clone(),
        (_, Value::Object(fields)) => match &described.xml {
            Some(envelope) => xml(envelope, fields)?,
            None => return Err(unwritable(media)),
        },
        _ => return Err(unwritable(media)),
    };
    Ok((text, media.to_owned()))
}

fn unwritable(media: &str) -> Error {
    Error::statement(format!("weir cannot write a body of type {media} from fields"))
        .hint("Give the whole body as text.")
}

fn not_null(name: &str, value: &Value) -> Result<()> {
    if value.is_null() {
        return Err(Error::statement(format!("`{name}` is NULL, which a form cannot say"))
            .hint(format!("Leave `{name}` out, or give it a value.")));
    }
    Ok(())
}

/// Lists repeat their name; the fields of objects are named `a[b]`, as forms usually are.
fn form(fields: &Map<String, Value>) -> Result<String> {
    let mut pairs = Vec::new();
    for (name, value) in fields {
        not_null(name, value)?;
        pairs.extend(form_pairs(name, value).into_iter().map(|(name, value)| format!("{}={value}", encode(&name))));
    }
    Ok(pairs.join("&"))
}

/// A boundary that no value holds. It is the same for the same fields, so that a body is what it was shown to be.
fn boundary(fields: &Map<String, Value>) -> String {
    let held = |boundary: &str| fields.values().any(|value| scalar(value).contains(boundary));
    let mut number: u64 = 0;
    loop {
        let boundary = format!("weir-{number:016}");
        if !held(&boundary) {
            return boundary;
        }
        number += 1;
    }
}

/// RFC 7578. A field that is a file has a file's name, which is the field's own.
fn multipart(fields: &Map<String, Value>, files: &[String], boundary: &str) -> Result<String> {
    let mut text = String::new();
    for (name, value) in fields {
        not_null(name, value)?;
        let quoted = name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A");
        let _ = write!(text, "--{boundary}\r\nContent-Disposition: form-data; name=\"{quoted}\"");
        if files.contains(name) {
            let _ = write!(text, "; filename=\"{quoted}\"\r\nContent-Type: application/octet-stream");
        } else if value.is_object() || value.is_array() {
            text.push_str("\r\nContent-Type: application/json");
        }
        let _ = write!(text, "\r\n\r\n{}\r\n", scalar(value));
    }
    let _ = write!(text, "--{boundary}--\r\n");
    Ok(text)
}

/// Keys are elements, and lists repeat theirs.
fn xml(envelope: &Xml, fields: &Map<String, Value>) -> Result<String> {
    let mut text = envelope.declaration.clone();
    let blank = if envelope.annotation.is_empty() { "" } else { " " };
    let _ = write!(text, "<{}{blank}{}>", envelope.root, envelope.annotation);
    for (name, value) in fields {
        element(&mut text, name, value, envelope.raw)?;
    }
    let _ = write!(text, "</{}>", envelope.root);
    Ok(text)
}

fn element(text: &mut String, name: &str, value: &Value, raw: bool) -> Result<()> {
    let begins = |c: char| c.is_alphabetic() || c == '_';
    if !name.starts_with(begins) || !name.chars().all(|c| begins(c) || c.is_numeric() || ":-.".contains(c)) {
        return Err(Error::statement(format!("`{name}` is no name of an XML element")));
    }
    if let Value::Array(items) = value {
        return items.iter().try_for_each(|item| element(text, name, item, raw));
    }
    let _ = write!(text, "<{name}>");
    match value {
        Value::Object(map) => map.iter().try_for_each(|(key, inner)| element(text, key, inner, raw))?,
        Value::String(markup) if raw => text.push_str(markup),
        single => text.push_str(&escape(scalar(single).as_str())),
    }
    let _ = write!(text, "</{name}>");
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(media: &str, value: &Value) -> Result<(String, String)> {
        render(&Body { media_type: media.to_owned(), files: vec!["f".to_owned()], ..Body::default() }, value)
    }

    #[test]
    fn a_form_has_flat_pairs() {
        let form = |value: Value| of("application/x-www-form-urlencoded", &value).map(|(text, _)| text);
        let sent =
            form(json!({"a b": "c&d", "n": 0, "no": false, "e": "", "l": [1, 2], "o": {"k": {"j": "v"}}})).unwrap();
        assert_eq!(sent, "a%20b=c%26d&n=0&no=false&e=&l=1&l=2&o%5Bk%5D%5Bj%5D=v");
        assert!(form(json!({"a": null})).unwrap_err().to_string().contains("`a` is NULL"));
    }

    #[test]
    fn a_multipart_form_parts_at_a_boundary_that_no_value_holds() {
        let (text, media) =
            of("multipart/form-data", &json!({"a\"\r\nX: y": 1, "f": "weir-0000000000000000"})).unwrap();
        assert_eq!(media, "multipart/form-data; boundary=weir-0000000000000001");
        let parts = [
            "--weir-0000000000000001\r\nContent-Disposition: form-data; name=\"a%22%0D%0AX: y\"\r\n\r\n1\r\n",
            "--weir-0000000000000001\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n",
            "Content-Type: application/octet-stream\r\n\r\nweir-0000000000000000\r\n--weir-0000000000000001--\r\n",
        ];
        assert_eq!(text, parts.concat());
        let (text, _) = of("multipart/form-data", &json!({"m": {"k": [1]}})).unwrap();
        assert!(text.contains("name=\"m\"\r\nContent-Type: application/json\r\n\r\n{\"k\":[1]}\r\n"), "{text}");
    }

    #[test]
    fn xml_has_elements_in_the_documents_envelope() {
        let xml = Xml {
            root: "Config".to_owned(),
            annotation: "xmlns=\"u\"".to_owned(),
            declaration: "<?xml version=\"1.0\"?>".to_owned(),
            raw: false,
        };
        let write = |raw: bool, value: &Value| {
            let xml = Some(Xml { raw, ..xml.clone() });
            render(&Body { media_type: "application/xml".to_owned(), xml, ..Body::default() }, value).map(|(t, _)| t)
        };
        assert_eq!(
            write(false, &json!({"A": "x<y", "L": [1, {"B": true}]})).unwrap(),
            "<?xml version=\"1.0\"?><Config xmlns=\"u\"><A>x&lt;y</A><L>1</L><L><B>true</B></L></Config>"
        );
        let markup = write(true, &json!({"A": "<B>1</B>"})).unwrap();
        assert!(markup.contains("<A><B>1</B></A>"), "{markup}");
        assert!(write(false, &json!({"a><b": 1})).is_err());
    }

    #[test]
    fn other_types_are_one_text() {
        assert_eq!(of("application/octet-stream", &json!("bytes")).unwrap().0, "bytes");
        assert_eq!(of("application/x-ndjson", &json!("{}\n{}")).unwrap().0, "{}\n{}");
        assert!(of("application/octet-stream", &json!({"a": 1})).is_err());
        for json in
            ["application/json", "application/scim+json; charset=utf-8", "application/x-amz-json-1.0", "text/json"]
        {
            assert_eq!(of(json, &json!({"a": null})).unwrap().0, "{\"a\":null}", "{json}");
        }
    }
}
