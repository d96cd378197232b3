//! A document as read: YAML into one JSON value, with its name for messages, and `$ref` within it.
//! Knows OpenAPI's references and nothing of its meaning.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, VariantAccess, Visitor};
use serde_json::map::Entry;
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
        let deserializer = yaml_serde::Deserializer::from_str(text);
        let root = Node.deserialize(deserializer).map_err(|e| not_yaml(file, &e))?;
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
/// When the text is no YAML, with its place.
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

/// YAML's values as JSON's, without a tree of YAML in between, which would take as long again. Keys that are not text
/// (`200:`) become text; tags are passed over; `<<` is merged; integers beyond 64 bits are the nearest double.
struct Node;

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    #[expect(clippy::cast_precision_loss, reason = "a bound that no 64-bit value reaches may be rounded")]
    fn visit_i128<E>(self, number: i128) -> Result<Value, E> {
        Ok(Value::from(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "a bound that no 64-bit value reaches may be rounded")]
    fn visit_u128<E>(self, number: u128) -> Result<Value, E> {
        Ok(Value::from(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::from(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Value, A::Error> {
        let (_, content) = tagged.variant::<String>()?;
        content.newtype_variant_seed(Node)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element_seed(Node)? {
            list.push(entry);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key_seed(Node)? {
            let key = if let Value::String(text) = key { text } else { key.to_string() };
            match map.entry(key) {
                Entry::Vacant(place) => place.insert(entries.next_value_seed(Node)?),
                Entry::Occupied(place) => {
                    return Err(A::Error::custom(format_args!("the key `{}` stands there twice", place.key())));
                }
            };
        }
        if let Some(merged) = map.shift_remove("<<") {
            merge(&mut map, merged).map_err(A::Error::custom)?;
        }
        Ok(Value::Object(map))
    }
}

/// YAML's `<<`: the entries of one mapping or of several, where the mapping has none of its own of that name.
fn merge(map: &mut Map<String, Value>, merged: Value) -> Result<(), &'static str> {
    match merged {
        Value::Object(entries) => {
            for (key, value) in entries {
                map.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::Array(list) if list.iter().all(Value::is_object) => list.into_iter().try_for_each(|one| merge(map, one)),
        _ => Err("`<<` takes a mapping, or a list of mappings"),
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
    fn what_json_cannot_say_is_said_as_it_can() {
        let text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: {<<: [*a, {z: 4, x: 9}]}\nd: !text 5\n\
                    e: 18446744073709552000\nf: .nan\ng: ~\nh: 0x1F\ni: -5\ntrue: yes\n";
        let root = Document::parse("d", text).unwrap().root;
        let expected = serde_json::json!({
            "a": {"x": 1, "y": 2}, "b": {"y": 3, "x": 1}, "c": {"x": 1, "y": 2, "z": 4}, "d": 5,
            "e": 18_446_744_073_709_552_000_f64, "f": null, "g": null, "h": 31, "i": -5, "true": "yes"
        });
        assert_eq!(root, expected);
    }

    #[test]
    fn a_key_that_stands_twice_and_a_merge_of_nothing_are_refused_with_their_place() {
        for (text, said) in [("a: 1\nb: 2\na: 3\n", "the key `a` stands there twice"), ("a: {<<: 5}\n", "`<<` takes")] {
            let error = Document::parse("demo.yaml", text).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            assert_eq!(error.place().unwrap().file.as_deref(), Some("demo.yaml"));
        }
        assert!(Document::parse("demo.yaml", "- a list\n").unwrap_err().to_string().contains("a mapping must stand"));
        assert!(Document::parse("demo.yaml", "").unwrap_err().to_string().contains("demo.yaml"));
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
