//! OpenAPI schemas into the model's shapes, fields and columns.
//! Knows the schema part of OpenAPI 3.0 and 3.1 as documents use it; reads leniently.

use std::collections::{HashMap, HashSet};

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
    let mut fields = Vec::new();
    for property in properties(document, schema)? {
        let mut field = field(document, &property, place, COLUMN)?;
        // Text holds whatever else an alternative has in its place.
        let mut kinds = property.parts.iter().map(|part| kind(document, part, 0));
        if field.shape.kind == Kind::Any && property.parts.len() > 1 && kinds.any(|kind| kind == Kind::String) {
            field.shape.kind = Kind::String;
        }
        fields.push(field);
    }
    // A name that the API itself uses belongs to what it calls so.
    let exact: Vec<String> = fields.iter().filter(|f| f.name == f.wire).map(|f| f.name.clone()).collect();
    let mut columns: Vec<Column> = Vec::with_capacity(fields.len());
    for field in fields {
        let taken = |name: &str| columns.iter().any(|c| c.name == name);
        let is_other = field.name != field.wire && exact.contains(&field.name);
        let mut name = if is_other || taken(&field.name) { field.wire.clone() } else { field.name };
        if taken(&name) {
            name = (2_u32..1000).map(|n| format!("{name}_{n}")).find(|name| !taken(name)).unwrap_or_default();
        }
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

/// The schema's own type words; 3.1 gives a list of them, of which `null` is one.
fn type_words(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(word)) => vec![word],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).filter(|w| *w != "null").collect(),
        _ => Vec::new(),
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

fn kind(document: &Document, schema: &Value, depth: usize) -> Kind {
    let Some(schema) = document.resolve(schema).ok().filter(|_| depth <= DEEPEST) else { return Kind::Any };
    let is_date = schema.get("format").and_then(Value::as_str) == Some("date-time");
    match type_words(schema).as_slice() {
        [] => {}
        ["string"] if is_date => return Kind::Timestamp,
        [word] => return kind_of(word).unwrap_or(Kind::Any),
        words => return common(words.iter().map(|word| kind_of(word).unwrap_or(Kind::Any))),
    }
    if schema.get("properties").is_some() || schema.get("additionalProperties").is_some_and(Value::is_object) {
        return Kind::Object;
    }
    if schema.get("items").is_some() {
        return Kind::Array;
    }
    let parts = |key: &str| schema.get(key).and_then(Value::as_array).into_iter().flatten();
    let all: Vec<Kind> = parts("allOf").map(|p| kind(document, p, depth + 1)).filter(|k| *k != Kind::Any).collect();
    if !all.is_empty() {
        return common(all.into_iter());
    }
    let is_null = |part: &&Value| part.get("type").and_then(Value::as_str) == Some("null");
    let any = parts("oneOf").chain(parts("anyOf")).filter(|part| !is_null(part));
    let any: Vec<Kind> = any.map(|part| kind(document, part, depth + 1)).collect();
    if !any.is_empty() {
        return common(any.into_iter());
    }
    let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten().chain(schema.get("const"));
    common(listed.filter(|v| !v.is_null()).map(|value| match value {
        Value::String(_) => Kind::String,
        Value::Bool(_) => Kind::Boolean,
        Value::Number(n) if n.is_f64() => Kind::Number,
        Value::Number(_) => Kind::Integer,
        _ => Kind::Any,
    }))
}

/// The type that holds values of all these types.
fn common(kinds: impl Iterator<Item = Kind>) -> Kind {
    let both = |one: Kind, other: Kind| match (one, other) {
        (one, other) if one == other => one,
        (Kind::Integer, Kind::Number) | (Kind::Number, Kind::Integer) => Kind::Number,
        (Kind::String, Kind::Timestamp) | (Kind::Timestamp, Kind::String) => Kind::String,
        _ => Kind::Any,
    };
    kinds.reduce(both).unwrap_or(Kind::Any)
}

fn shape_at(document: &Document, schema: &Value, place: &str, depth: usize) -> Result<Shape> {
    let schema = document.resolve(schema)?;
    let keys: PropertyKeys = weir_keys::read(schema, place)?;
    let kind = match &keys.kind {
        Some(word) => kind_of(word)
            .ok_or_else(|| Error::document(format!("{}: {place}.x-weir.type: `{word}` is no type", document.file)))?,
        None => kind(document, schema, 0),
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

/// The properties of an object schema: its own, and those of `allOf`, `oneOf` and `anyOf`.
pub fn fields(document: &Document, schema: &Value, place: &str, depth: usize) -> Result<Vec<Field>> {
    if depth > DEEPEST {
        return Ok(Vec::new());
    }
    properties(document, schema)?.iter().map(|property| field(document, property, place, depth)).collect()
}

/// One property of an object schema.
struct Property<'a> {
    wire: &'a str,
    /// Its schema; several where alternatives say different things of it.
    parts: Vec<&'a Value>,
    required: bool,
}

/// The shape of a column that has one or the other in different answers. Text holds whatever else stands in its place.
pub fn either_column(one: Shape, other: &Shape) -> Shape {
    let is_text = one.kind == Kind::String || other.kind == Kind::String;
    let either = either(one, other.clone());
    if either.kind == Kind::Any && is_text { Shape { kind: Kind::String, ..either } } else { either }
}

fn properties<'a>(document: &'a Document, schema: &'a Value) -> Result<Vec<Property<'a>>> {
    let mut found = Found::default();
    gather(document, schema, (0, false), &mut found)?;
    let required: HashSet<&str> = found.required.into_iter().collect();
    // What is required is there, whether the document describes it or not.
    let known = |name: &&&str| found.places.contains_key(**name) || found.properties.is_empty();
    let mut undescribed: Vec<&str> = required.iter().filter(|name| !known(name)).copied().collect();
    undescribed.sort_unstable();
    let described = found.properties.into_iter();
    let described = described.map(|(wire, parts)| Property { wire, parts, required: required.contains(wire.as_str()) });
    let undescribed = undescribed.into_iter().map(|wire| Property { wire, parts: vec![&NOTHING], required: true });
    Ok(described.chain(undescribed).collect())
}

/// The schema of what nobody describes.
static NOTHING: Value = Value::Null;

fn field(document: &Document, property: &Property<'_>, place: &str, depth: usize) -> Result<Field> {
    let (wire, place) = (property.wire, format!("{place}.{}", property.wire));
    let Some((first, others)) = property.parts.split_first() else {
        return Err(Error::document(format!("{}: {place} has no schema", document.file)));
    };
    let first = document.resolve(first)?;
    let keys: PropertyKeys = keys(document, first, &place)?;
    let mut shape = shape_at(document, first, &place, depth)?;
    for other in others {
        shape = either(shape, shape_at(document, other, &place, depth)?);
    }
    // What is read only is required of answers alone.
    let read_only = first.get("readOnly") == Some(&Value::Bool(true));
    let alias = first.get("x-stackQL-alias").and_then(Value::as_str).map(str::to_owned);
    let plain = Some(sql_name(wire)).filter(|name| !name.is_empty()).unwrap_or_else(|| wire.to_owned());
    Ok(Field {
        name: keys.name.or(alias).unwrap_or(plain),
        wire: wire.to_owned(),
        required: !read_only && property.required,
        shape,
        description: description(first),
    })
}

/// What may be one or the other: the rules that both have.
fn either(one: Shape, other: Shape) -> Shape {
    let kind = common([one.kind, other.kind].into_iter());
    let both = |one: Option<f64>, other: Option<f64>, pick: fn(f64, f64) -> f64| Some(pick(one?, other?));
    let lengths = |one: Option<u64>, other: Option<u64>, pick: fn(u64, u64) -> u64| Some(pick(one?, other?));
    let listed = !one.values.is_empty() && !other.values.is_empty();
    let mut values = if listed { one.values } else { Vec::new() };
    values.extend(other.values.into_iter().filter(|_| listed));
    let mut seen = HashSet::new();
    values.retain(|value| seen.insert(value.clone()));
    let items = match (one.items, other.items) {
        (Some(one), Some(other)) => Some(Box::new(either(*one, *other))),
        (items, None) if other.kind != Kind::Array => items,
        (None, items) if one.kind != Kind::Array => items,
        _ => None,
    };
    Shape {
        kind,
        values,
        open: one.open || other.open,
        minimum: both(one.minimum, other.minimum, f64::min),
        maximum: both(one.maximum, other.maximum, f64::max),
        min_length: lengths(one.min_length, other.min_length, u64::min),
        max_length: lengths(one.max_length, other.max_length, u64::max),
        nullable: one.nullable || other.nullable || kind == Kind::Any,
        secret: one.secret || other.secret,
        fields: if kind == Kind::Object { either_fields(one.fields, other.fields) } else { Vec::new() },
        items,
        default: if one.default == other.default { one.default } else { None },
    }
}

/// The fields of either object; required are those that both require.
fn either_fields(one: Vec<Field>, mut other: Vec<Field>) -> Vec<Field> {
    let mut fields = Vec::with_capacity(one.len());
    for mut field in one {
        match other.iter().position(|f| f.wire == field.wire) {
            Some(at) => {
                let second = other.remove(at);
                field.required &= second.required;
                field.shape = either(field.shape, second.shape);
            }
            None => field.required = false,
        }
        fields.push(field);
    }
    fields.extend(other.into_iter().map(|field| Field { required: false, ..field }));
    fields
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
    properties: Vec<(&'a String, Vec<&'a Value>)>,
    places: HashMap<&'a str, usize>,
    required: Vec<&'a str>,
}

/// `alternative`: of what the schema says, only one of several need hold.
fn gather<'a>(
    document: &'a Document,
    schema: &'a Value,
    (depth, alternative): (usize, bool),
    found: &mut Found<'a>,
) -> Result<()> {
    let schema = document.resolve(schema)?;
    if depth > DEEPEST {
        return Ok(());
    }
    if let Some(names) = schema.get("required").and_then(Value::as_array) {
        found.required.extend(names.iter().filter_map(Value::as_str));
    }
    let own = schema.get("properties").and_then(Value::as_object);
    for (name, property) in own.into_iter().flatten() {
        match found.places.get(name.as_str()) {
            None => {
                found.places.insert(name, found.properties.len());
                found.properties.push((name, vec![property]));
            }
            Some(at) if alternative => {
                let parts = &mut found.properties[*at].1;
                if !parts.iter().any(|part| std::ptr::eq(*part, property) || *part == property) {
                    parts.push(property);
                }
            }
            Some(_) => {}
        }
    }
    for key in ["allOf", "oneOf", "anyOf"] {
        for part in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
            let known = found.required.len();
            gather(document, part, (depth + 1, alternative || key != "allOf"), found)?;
            if key != "allOf" {
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

/// The schema of an array's items.
pub fn items<'a>(document: &'a Document, schema: &'a Value) -> Option<&'a Value> {
    let schema = document.resolve(schema).ok()?;
    let parts = || ["allOf", "oneOf", "anyOf"].iter().filter_map(|key| schema.get(*key)?.as_array()).flatten();
    let own = |schema: &'a Value| document.resolve(schema).ok()?.get("items");
    let items = own(schema).or_else(|| parts().find_map(own))?;
    document.resolve(items).ok()
}

/// The schema of the values of a map: an object whose keys the document does not name.
pub fn map_of<'a>(document: &'a Document, schema: &'a Value) -> Option<&'a Value> {
    let schema = document.resolve(schema).ok()?;
    let values = schema.get("additionalProperties").filter(|v| v.as_object().is_some_and(|v| !v.is_empty()));
    let by_pattern = || schema.get("patternProperties").and_then(Value::as_object).and_then(|p| p.values().next());
    document.resolve(values.or_else(by_pattern)?).ok()
}

/// The names of the properties of an object schema, wherever in `allOf`, `oneOf` and `anyOf` they stand.
pub fn property_names<'a>(document: &'a Document, schema: &'a Value) -> Vec<&'a str> {
    let mut found = Found::default();
    // A reference that leads nowhere has no properties, and is reported where it is read.
    match gather(document, schema, (0, false), &mut found) {
        Ok(()) => found.properties.into_iter().map(|(name, _)| name.as_str()).collect(),
        Err(_) => Vec::new(),
    }
}

/// The schema of one property, wherever in `allOf`, `oneOf` and `anyOf` it stands.
pub fn property<'a>(document: &'a Document, schema: &'a Value, key: &str, depth: usize) -> Option<&'a Value> {
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
    fn what_alternatives_say_of_a_property_is_all_of_it() {
        let document = document(
            "row:\n  oneOf:\n\
             \x20 - {required: [kind], properties: {kind: {enum: [host]}, at: {type: number}, n: {type: integer, minimum: 1}, o: {type: object, required: [a], properties: {a: {type: string}}}}}\n\
             \x20 - {required: [kind], properties: {kind: {enum: [path, host]}, at: {type: boolean}, n: {type: number, minimum: 0}, o: {type: object, properties: {b: {type: string}}}}}\n\
             \x20 - {properties: {name: {type: integer}}}\n\
             \x20 - {properties: {name: {type: string}}}\n",
        );
        let fields = fields(&document, &document.root["row"], "row", 0).unwrap();
        let of = |wire: &str| &fields.iter().find(|f| f.wire == wire).unwrap().shape;
        assert_eq!((of("kind").kind, of("kind").values.join(" ")), (Kind::String, "host path".to_owned()));
        assert_eq!((of("n").kind, of("n").minimum), (Kind::Number, Some(0.0)));
        assert_eq!((of("at").kind, of("name").kind), (Kind::Any, Kind::Any));
        let inner: Vec<_> = of("o").fields.iter().map(|f| (f.wire.as_str(), f.required)).collect();
        assert_eq!(inner, [("a", false), ("b", false)]);
        // In a row, text holds whatever else there may be.
        let columns = columns(&document, &document.root["row"], "row").unwrap();
        let kinds: Vec<_> = columns.iter().map(|c| (c.name.as_str(), c.shape.kind)).collect();
        assert!(kinds.contains(&("name", Kind::String)) && kinds.contains(&("at", Kind::Any)), "{kinds:?}");
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
