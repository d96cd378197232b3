//! `schema_driven_xml`: rows of XML without a template. The envelopes of AWS's protocols are looked through, and the row's
//! schema says which elements are fields and what their text means.

use serde_json::{Map, Value};

use crate::registry::Kind;

/// `{list: [rows]}` of what the outermost element holds.
pub fn rows(root: &Value, (list, unwraps): (&str, bool), fields: &[(String, Kind)]) -> Value {
    let found = match payload(root, unwraps) {
        Value::Object(entries) if fields.iter().any(|(name, _)| entries.contains_key(name)) => vec![entries],
        Value::Object(entries) => list_of(entries).map(normalized).unwrap_or_default(),
        _ => Vec::new(),
    };
    let rows = found.into_iter().map(|row| Value::Object(projected(row, fields)));
    Value::Object([(list.to_owned(), Value::Array(rows.collect()))].into_iter().collect())
}

/// What the outermost element holds, or the element in it whose name ends in `Result`.
pub fn payload(root: &Value, unwraps: bool) -> &Value {
    match root {
        Value::Object(entries) if unwraps => {
            let wrapper = entries.iter().find(|(name, value)| name.ends_with("Result") && value.is_object());
            wrapper.map_or(root, |(_, value)| value)
        }
        root => root,
    }
}

fn projected(row: &Map<String, Value>, fields: &[(String, Kind)]) -> Map<String, Value> {
    let cell = |(name, kind): &(String, Kind)| (name.clone(), row.get(name).map_or(Value::Null, |v| typed(v, *kind)));
    fields.iter().map(cell).collect()
}

/// The text of an element, by its schema's type. An empty element is null unless it is text.
fn typed(value: &Value, kind: Kind) -> Value {
    let Value::String(text) = value else { return value.clone() };
    if text.is_empty() && kind != Kind::String {
        return Value::Null;
    }
    let parsed = match kind {
        Kind::Integer => text.parse::<i64>().ok().map(Value::from),
        Kind::Number => text.parse::<f64>().ok().and_then(serde_json::Number::from_f64).map(Value::Number),
        Kind::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => Some(Value::Bool(true)),
            "false" | "f" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        _ => None,
    };
    parsed.unwrap_or_else(|| value.clone())
}

/// The member that holds the list: an array, a map with `item`, a map with one element in it, or an empty one. Names in
/// order, so that the choice does not hang on the answer.
fn list_of(entries: &Map<String, Value>) -> Option<&Value> {
    let mut members: Vec<(&String, &Value)> = entries.iter().filter(|(name, _)| !name.starts_with('-')).collect();
    members.sort_by_key(|(name, _)| *name);
    let nested = |value: &Value| value.is_array() || value.is_object();
    let only = |value: &Value| value.as_object().filter(|m| m.len() == 1).is_some_and(|m| m.values().all(nested));
    let find = |fits: &dyn Fn(&Value) -> bool| members.iter().find(|(_, value)| fits(value)).map(|(_, value)| *value);
    find(&Value::is_array)
        .or_else(|| find(&|value| value.get("item").is_some()))
        .or_else(|| find(&only))
        .or_else(|| find(&|value| value == ""))
}

fn normalized(member: &Value) -> Vec<&Map<String, Value>> {
    match member {
        Value::Array(items) => items.iter().filter_map(Value::as_object).collect(),
        Value::Object(entries) => match (entries.get("item"), entries.len(), entries.values().next()) {
            (Some(item), ..) => normalized(item),
            (None, 1, Some(only)) if only.is_array() || only.is_object() => normalized(only),
            _ => vec![entries],
        },
        _ => Vec::new(),
    }
}
