//! A map as rows: one a key. Knows nothing of where the map stood.

use serde_json::{Map, Value};

/// One row for each key of a map: `key`, and the fields of the value; a value that is no object is the field `value`.
/// A field that has the key's name stays what it is.
pub fn rows(map: Option<&Value>, key: &str) -> Value {
    let Some(Value::Object(entries)) = map else { return map.cloned().unwrap_or(Value::Null) };
    let row = |(name, value): (&String, &Value)| {
        let mut row = Map::new();
        row.insert(key.to_owned(), Value::String(name.clone()));
        match value {
            Value::Object(fields) => row.extend(fields.clone()),
            other => {
                row.insert("value".to_owned(), other.clone());
            }
        }
        Value::Object(row)
    };
    Value::Array(entries.iter().map(row).collect())
}
