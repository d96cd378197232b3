//! OpenAPI schemas into the model's shapes, fields and columns.
//! Knows the schema part of OpenAPI 3.0 and 3.1 as documents use it; reads leniently.

use std::collections::HashSet;

use serde_json::Value;

use super::document::Document;
use super::model::{Column, Field, JsonPath, Kind, Shape};
use super::sql_name;
use super::weir_keys::{self, PropertyKeys};
use crate::error::{Error, Result};

/// Schemas nest without end through `$ref`; what is deeper than this is any JSON.
const DEEPEST: usize = 6;

/// Where the columns of an answer begin: of what is in them only the first names and types are ever asked for, and the
/// whole of it would be many times the document.
const COLUMN: usize = DEEPEST - 1;

/// The type and the rules of a value.
pub fn shape(document: &Document, schema: &Value, place: &str) -> Result<Shape> {
    shape_at(document, schema, place, 0)
}

/// The columns of an object schema, in document order.
pub fn columns(document: &Document, schema: &Value, place: &str) -> Result<Vec<Column>> {
    let mut columns: Vec<Column> = Vec::new();
    for field in fields(document, schema, place, COLUMN)? {
        let name = if columns.iter().any(|c| c.name == field.name) { field.wire.clone() } else { field.name };
        columns.push(Column {
            name,
            paths: vec![JsonPath(vec![field.wire.clone()])],
            wire: field.wire,
            shape: field.shape,
            description: field.description,
            hidden: false,
            only_by_key: false,
        });
    }
    Ok(columns)
}

/// Rows that are no objects (a list of names) have one column, `value`.
pub fn scalar_column(document: &Document, schema: &Value, place: &str) -> Result<Option<Column>> {
    let shape = shape(document, schema, place)?;
    Ok((!shape.kind.is_json()).then(|| Column {
        name: "value".to_owned(),
        wire: "value".to_owned(),
        paths: vec![JsonPath::default()],
        description: description(schema),
        shape,
        hidden: false,
        only_by_key: false,
    }))
}

/// The schema's own type word; 3.1 gives a list of words, of which `null` is one.
fn type_word(schema: &Value) -> Option<&str> {
    match schema.get("type") {
        Some(Value::String(word)) => Some(word),
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).find(|w| *w != "null"),
        _ => None,
    }
}

/// The type word that `x-weir.type` and derived columns use.
pub fn kind_of(word: &str) -> Option<Kind> {
    Some(match word {
        "string" => Kind::String,
        "integer" => Kind::Integer,
        "number" => Kind::Number,
        "boolean" => Kind::Boolean,
        "timestamp" => Kind::Timestamp,
        "object" => Kind::Object,
        "array" => Kind::Array,
        "any" => Kind::Any,
        _ => return None,
    })
}

fn kind(schema: &Value) -> Kind {
    match type_word(schema) {
        Some("string") if schema.get("format").and_then(Value::as_str) == Some("date-time") => Kind::Timestamp,
        Some(word) => kind_of(word).unwrap_or(Kind::Any),
        None if schema.get("properties").is_some() || schema.get("allOf").is_some() => Kind::Object,
        None if schema.get("items").is_some() => Kind::Array,
        None => kind_of_parts(schema),
    }
}

/// The type all alternatives of a `oneOf` or `anyOf` share, if they share one.
fn kind_of_parts(schema: &Value) -> Kind {
    let parts = ["oneOf", "anyOf"].iter().find_map(|key| schema.get(*key).and_then(Value::as_array));
    let mut kinds = parts.into_iter().flatten().filter(|p| type_word(p) != Some("null")).map(kind);
    match kinds.next() {
        Some(first) if kinds.all(|k| k == first) => first,
        _ => Kind::Any,
    }
}

fn shape_at(document: &Document, schema: &Value, place: &str, depth: usize) -> Result<Shape> {
    let schema = document.resolve(schema)?;
    let keys: PropertyKeys = weir_keys::read(schema, place)?;
    let kind = match &keys.kind {
        Some(word) => kind_of(word)
            .ok_or_else(|| Error::document(format!("{}: {place}.x-weir.type: `{word}` is no type", document.file)))?,
        None => kind(schema),
    };
    let values = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
    let items = schema.get("items").filter(|_| kind == Kind::Array && depth < DEEPEST);
    Ok(Shape {
        kind,
        values: values.filter(|v| !v.is_null()).map(text_of).collect(),
        open: keys.open,
        minimum: schema.get("minimum").and_then(Value::as_f64),
        maximum: schema.get("maximum").and_then(Value::as_f64),
        min_length: schema.get("minLength").and_then(Value::as_u64),
        max_length: schema.get("maxLength").and_then(Value::as_u64),
        nullable: keys.clear_by_null || kind == Kind::Any || allows_null(schema),
        secret: keys.secret || schema.get("format").and_then(Value::as_str) == Some("password"),
        fields: if kind == Kind::Object { fields(document, schema, place, depth + 1)? } else { Vec::new() },
        items: items.map(|items| shape_at(document, items, place, depth + 1)).transpose()?.map(Box::new),
        default: schema.get("default").cloned(),
    })
}

fn allows_null(schema: &Value) -> bool {
    schema.get("nullable") == Some(&Value::Bool(true))
        || schema.get("type").and_then(Value::as_array).is_some_and(|words| words.iter().any(|w| w == "null"))
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The properties of an object schema. `allOf`, `oneOf` and `anyOf` are merged where it has none of its own, and
/// `allOf` in any case.
pub fn fields(document: &Document, schema: &Value, place: &str, depth: usize) -> Result<Vec<Field>> {
    gathered(document, schema, (place, depth), false)
}

/// What a request may say: the properties of an object schema and of all its alternatives.
pub fn request_fields(document: &Document, schema: &Value, place: &str) -> Result<Vec<Field>> {
    gathered(document, schema, (place, 0), true)
}

fn gathered(document: &Document, schema: &Value, (place, depth): (&str, usize), every: bool) -> Result<Vec<Field>> {
    if depth > DEEPEST {
        return Ok(Vec::new());
    }
    let mut found = Found { every, ..Found::default() };
    gather(document, schema, 0, &mut found)?;
    let required: HashSet<&str> = found.required.into_iter().collect();
    let mut fields: Vec<Field> = Vec::with_capacity(found.properties.len());
    for (wire, property) in found.properties {
        let place = format!("{place}.{wire}");
        let property = document.resolve(property)?;
        let keys: PropertyKeys = keys(document, property, &place)?;
        // What is read only is required of answers alone.
        let read_only = property.get("readOnly") == Some(&Value::Bool(true));
        fields.push(Field {
            name: keys.name.unwrap_or_else(|| sql_name(wire)),
            wire: wire.clone(),
            required: !read_only && required.contains(wire.as_str()),
            shape: shape_at(document, property, &place, depth)?,
            description: description(property),
        });
    }
    Ok(fields)
}

/// The keys under a property's `x-weir`.
fn keys(document: &Document, property: &Value, place: &str) -> Result<PropertyKeys> {
    match property.get("x-weir") {
        None => Ok(PropertyKeys::default()),
        Some(_) => weir_keys::read(property, &format!("{}: {place}", document.file)),
    }
}

/// What the parts of a schema hold together.
#[derive(Default)]
struct Found<'a> {
    /// Those of alternatives too, beside properties of its own.
    every: bool,
    properties: Vec<(&'a String, &'a Value)>,
    names: HashSet<&'a str>,
    required: Vec<&'a str>,
}

fn gather<'a>(document: &'a Document, schema: &'a Value, depth: usize, found: &mut Found<'a>) -> Result<()> {
    let schema = document.resolve(schema)?;
    if depth > DEEPEST {
        return Ok(());
    }
    if let Some(names) = schema.get("required").and_then(Value::as_array) {
        found.required.extend(names.iter().filter_map(Value::as_str));
    }
    let own = schema.get("properties").and_then(Value::as_object);
    for (name, property) in own.into_iter().flatten() {
        if found.names.insert(name) {
            found.properties.push((name, property));
        }
    }
    let alone = own.is_some() && !found.every;
    let alternatives: &[&str] = if alone { &["allOf"] } else { &["allOf", "oneOf", "anyOf"] };
    for key in alternatives {
        for part in schema.get(*key).and_then(Value::as_array).into_iter().flatten() {
            let known = found.required.len();
            gather(document, part, depth + 1, found)?;
            if *key != "allOf" {
                // What one alternative requires is not required of all.
                found.required.truncate(known);
            }
        }
    }
    Ok(())
}

/// `description`, on one line.
pub fn description(value: &Value) -> String {
    let text = value.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The schema at `path` within `schema`, where the properties lead there.
pub fn at_path<'a>(document: &'a Document, schema: &'a Value, path: &JsonPath) -> Option<&'a Value> {
    path.0.iter().try_fold(document.resolve(schema).ok()?, |schema, key| property(document, schema, key, 0))
}

fn property<'a>(document: &'a Document, schema: &'a Value, key: &str, depth: usize) -> Option<&'a Value> {
    let schema = document.resolve(schema).ok()?;
    if let Some(found) = schema.get("properties").and_then(|p| p.get(key)) {
        return document.resolve(found).ok();
    }
    if depth > DEEPEST {
        return None;
    }
    ["allOf", "oneOf", "anyOf"]
        .iter()
        .filter_map(|parts| schema.get(*parts)?.as_array())
        .flatten()
        .find_map(|part| property(document, part, key, depth + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::parse("demo.yaml", text).unwrap()
    }

    #[test]
    fn a_row_has_a_column_for_each_property_also_through_all_of() {
        let document = document(
            "row:\n  allOf:\n  - $ref: '#/base'\n  - properties: {madeAt: {type: string, format: date-time}}\n\
             base: {properties: {id: {type: string}, meta: {type: object}, tags: {type: array}, x: {}}}",
        );
        let columns = columns(&document, &document.root["row"], "row").unwrap();
        let seen: Vec<_> = columns.iter().map(|c| (c.name.as_str(), c.shape.kind)).collect();
        assert_eq!(
            seen,
            [
                ("id", Kind::String),
                ("meta", Kind::Object),
                ("tags", Kind::Array),
                ("x", Kind::Any),
                ("made_at", Kind::Timestamp)
            ]
        );
    }

    #[test]
    fn a_default_is_kept_as_the_document_has_it() {
        let document = document(
            "row: {properties: {a: {type: boolean, default: false}, b: {type: object, default: {mode: off}}, \
             c: {$ref: '#/c'}, d: {type: integer}, e: {type: string, nullable: true, default: null}}}\n\
             c: {type: integer, default: 0}",
        );
        let columns = columns(&document, &document.root["row"], "row").unwrap();
        let defaults: Vec<Option<Value>> = columns.into_iter().map(|c| c.shape.default).collect();
        let object = serde_json::json!({"mode": "off"});
        assert_eq!(defaults, [Some(Value::Bool(false)), Some(object), Some(Value::from(0)), None, Some(Value::Null)]);
    }

    #[test]
    fn a_schema_that_holds_itself_ends() {
        let document = document("node: {type: object, properties: {next: {$ref: '#/node'}, n: {type: integer}}}");
        assert_eq!(columns(&document, &document.root["node"], "node").unwrap().len(), 2);
    }

    #[test]
    fn an_unknown_key_under_x_weir_is_named_with_its_place() {
        let document = document("row: {properties: {a: {type: string, x-weir: {secert: true}}}}");
        let error = columns(&document, &document.root["row"], "row").unwrap_err().to_string();
        assert!(error.contains("demo.yaml: row.a.x-weir") && error.contains("secert"), "{error}");
    }

    #[test]
    fn null_may_be_sent_where_the_schema_or_x_weir_says_so() {
        let document = document(
            "row: {properties: {a: {type: [string, 'null']}, b: {type: string, nullable: true}, c: {type: string}, \
             d: {type: integer, x-weir: {clear_by_null: true}}}}",
        );
        let columns = columns(&document, &document.root["row"], "row").unwrap();
        let nullable: Vec<_> = columns.iter().map(|c| c.shape.nullable).collect();
        assert_eq!(nullable, [true, true, false, true]);
    }
}
