//! A document as read: YAML into one JSON value, with its name for messages, and `$ref` within it.
//! Knows OpenAPI's references and nothing of its meaning.

use serde_json::{Map, Value};

use crate::error::{Error, Place, Result};

/// One YAML document.
#[derive(Debug)]
pub struct Document {
    /// The file's name, as messages give it.
    pub file: String,
    /// Its content.
    pub root: Value,
}

impl Document {
    /// Reads YAML.
    ///
    /// # Errors
    /// [`Kind::Document`](crate::error::Kind::Document) with line and column where the text is not YAML, or its top
    /// is not a mapping.
    pub fn parse(file: &str, text: &str) -> Result<Document> {
        let mut yaml: yaml_serde::Value = yaml_serde::from_str(text).map_err(|e| not_yaml(file, &e))?;
        yaml.apply_merge().map_err(|e| not_yaml(file, &e))?;
        let root = to_json(yaml);
        if !root.is_object() {
            return Err(Error::document(format!("{file}: a mapping must stand at the top of a document")));
        }
        Ok(Document { file: file.to_owned(), root })
    }

    /// `value` itself, or what its `$ref` leads to, through at most eight references.
    ///
    /// # Errors
    /// A reference to another document, to nothing, or in a circle.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> Result<&'a Value> {
        let mut value = value;
        for _ in 0..8 {
            match value.get("$ref").and_then(Value::as_str) {
                None => return Ok(value),
                Some(reference) => value = self.pointer(reference)?,
            }
        }
        Err(Error::document(format!("{}: `$ref` runs in a circle", self.file)))
    }

    /// What a `#/...` pointer leads to.
    ///
    /// # Errors
    /// As for [`Document::resolve`].
    pub fn pointer<'a>(&'a self, reference: &str) -> Result<&'a Value> {
        let pointer = reference.strip_prefix('#').ok_or_else(|| {
            Error::document(format!("{}: `{reference}` leads out of the document", self.file))
                .hint("references within a document begin with `#/`")
        })?;
        self.root.pointer(pointer).ok_or_else(|| Error::document(format!("{}: `{reference}` leads nowhere", self.file)))
    }
}

/// The value that a YAML text is; a mapping stands at its top.
///
/// # Errors
/// As for [`Document::parse`].
pub fn read_yaml(file: &str, text: &str) -> Result<Value> {
    Document::parse(file, text).map(|document| document.root)
}

fn not_yaml(file: &str, error: &yaml_serde::Error) -> Error {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
    let error_in = Error::document(format!("not YAML: {message}"))
        .hint("indentation, a bracket or a quote at this place or before it is the usual cause");
    match error.location() {
        Some(at) => {
            error_in.at(Place { file: Some(file.to_owned()), line: at.line() as u64, column: at.column() as u64 })
        }
        None => Error::document(format!("{file}: not YAML: {message}")),
    }
}

/// YAML's values as JSON's. Keys that are not text (`200:`) become text; tags are passed over.
fn to_json(yaml: yaml_serde::Value) -> Value {
    match yaml {
        yaml_serde::Value::Null => Value::Null,
        yaml_serde::Value::Bool(b) => Value::Bool(b),
        yaml_serde::Value::Number(n) => number(&n),
        yaml_serde::Value::String(s) => Value::String(s),
        yaml_serde::Value::Sequence(items) => Value::Array(items.into_iter().map(to_json).collect()),
        yaml_serde::Value::Mapping(entries) => {
            let mut map = Map::with_capacity(entries.len());
            for (key, value) in entries {
                map.insert(key_text(key), to_json(value));
            }
            Value::Object(map)
        }
        yaml_serde::Value::Tagged(tagged) => to_json(tagged.value),
    }
}

fn number(n: &yaml_serde::Number) -> Value {
    if let Some(i) = n.as_i64() {
        return i.into();
    }
    n.as_u64().map_or_else(|| n.as_f64().map_or(Value::Null, Value::from), Value::from)
}

fn key_text(key: yaml_serde::Value) -> String {
    match to_json(key) {
        Value::String(s) => s,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_the_yaml_is_named_by_line() {
        let error = Document::parse("demo/provider.yaml", "id: demo\nname: [demo\n").unwrap_err();
        let place = error.place().unwrap();
        assert_eq!(place.file.as_deref(), Some("demo/provider.yaml"));
        assert!(place.line >= 2, "{error}");
    }

    #[test]
    fn numbers_as_keys_are_text() {
        let document = Document::parse("d", "responses: {200: {a: 1.5}}").unwrap();
        assert_eq!(document.root.pointer("/responses/200/a"), Some(&Value::from(1.5)));
    }

    #[test]
    fn references_are_followed_and_circles_found() {
        let text = "a: {$ref: '#/b'}\nb: {c: 1}\nx: {$ref: '#/y'}\ny: {$ref: '#/x'}\nz: {$ref: 'other.yaml#/a'}";
        let document = Document::parse("d", text).unwrap();
        assert_eq!(document.resolve(&document.root["a"]).unwrap()["c"], 1);
        assert!(document.resolve(&document.root["x"]).unwrap_err().to_string().contains("circle"));
        assert!(document.resolve(&document.root["z"]).unwrap_err().to_string().contains("out of the document"));
    }
}
