//! The body of a request: its fields laid out as the document says, and once more with its secrets masked. How a media
//! type is written is `written`'s. Must not know URLs, headers or the network.

use serde_json::{Map, Value};

use super::written::{is_json, media_type, render};
use crate::error::{Error, Result};
use crate::registry::{Body, Field, HttpVerb, Method, Template};
use crate::secret::{MASK, Secret};

/// A body as it is sent, as it is shown, and what it is called.
pub(super) struct Written {
    pub bytes: Vec<u8>,
    pub shown: String,
    pub media_type: String,
}

/// The body, if there is one. A documented JSON body that nobody filled is sent as `{}` by POST, PUT and PATCH, and one of
/// XML as its root alone: several APIs refuse such a request without one; by others where the document requires it and
/// none of its fields.
pub(super) fn written(method: &Method, given: Option<&Value>) -> Result<Option<Written>> {
    let Some(described) = &method.body else {
        return match given {
            Some(_) => Err(Error::statement(format!("method {} takes no body", method.name))),
            None => Ok(None),
        };
    };
    let media_type = media_type(described).to_owned();
    let json = is_json(&media_type);
    let writes = matches!(method.http, HttpVerb::Post | HttpVerb::Put | HttpVerb::Patch);
    if given.is_none()
        && let Some(default) = &described.default
    {
        return Ok(Some(Written { bytes: default.clone().into_bytes(), shown: default.clone(), media_type }));
    }
    let value = match (given, &described.base) {
        (Some(value), _) => value.clone(),
        (None, Some(base)) => Value::Object(base.clone()),
        (None, None) if json && (writes || (described.required && !described.whole)) => Value::Object(Map::new()),
        (None, None) if described.xml.is_some() && writes => Value::Object(Map::new()),
        (None, None) if described.required => {
            return Err(Error::statement(format!("method {} needs a body, and has none", method.name)));
        }
        (None, None) => return Ok(None),
    };
    if given.is_none() {
        let (text, media_type) = render(described, &value)?;
        return Ok(Some(Written { bytes: text.clone().into_bytes(), shown: text, media_type }));
    }
    let shown = masked(&described.fields, &value);
    let (text, media_type) = render(described, &laid_out(described, value)?)?;
    let (shown, _) = render(described, &laid_out(described, shown)?)?;
    Ok(Some(Written { bytes: text.into_bytes(), shown, media_type }))
}

/// The fields where they belong: the one that is the whole, or within their place, over what the document lays below.
fn laid_out(described: &Body, value: Value) -> Result<Value> {
    let value = match value {
        Value::Object(mut map) if described.whole && described.fields.iter().all(|f| map.contains_key(&f.wire)) => {
            described.fields.first().and_then(|f| map.remove(&f.wire)).unwrap_or_default()
        }
        value => value,
    };
    let value = match &described.nest {
        Some(nest) => {
            let inner = if nest.text { Value::String(value.to_string()) } else { value };
            nest.path.iter().rev().fold(inner, |inner, key| Value::Object(Map::from_iter([(key.clone(), inner)])))
        }
        None => value,
    };
    let value = match (&described.base, value) {
        (Some(base), Value::Object(map)) => {
            let mut merged = base.clone();
            merged.extend(map);
            Value::Object(merged)
        }
        (_, value) => value,
    };
    match &described.template {
        None => Ok(value),
        Some(template) => templated(template, &value),
    }
}

/// What a template makes of the fields: the text of the body.
fn templated(template: &str, value: &Value) -> Result<Value> {
    let rendered = Template::parse(template).and_then(|template| template.render(value));
    rendered.map(Value::String).map_err(|error| {
        Error::statement(format!("the document's template makes no body of these values: {}", error.message()))
    })
}

fn masked(fields: &[Field], value: &Value) -> Value {
    match value {
        Value::Object(entries) => entries
            .iter()
            .map(|(name, inner)| {
                let field = fields.iter().find(|f| f.wire == *name);
                let inner = match field {
                    Some(field) if field.shape.secret && !inner.is_null() => Value::from(MASK),
                    Some(field) => masked(within(field), inner),
                    None => inner.clone(),
                };
                (name.clone(), inner)
            })
            .collect(),
        Value::Array(items) => items.iter().map(|item| masked(fields, item)).collect(),
        other => other.clone(),
    }
}

/// The fields of an object, or of the objects that an array holds.
fn within(field: &Field) -> &[Field] {
    match &field.shape.items {
        Some(items) => &items.fields,
        None => &field.shape.fields,
    }
}

/// The secret values of a body.
pub(super) fn secret_fields(fields: &[Field], value: &Value, found: &mut Vec<Secret>) {
    match value {
        Value::Object(entries) => {
            for (name, inner) in entries {
                match fields.iter().find(|f| f.wire == *name) {
                    Some(field) if field.shape.secret => texts(inner, found),
                    Some(field) => secret_fields(within(field), inner, found),
                    None => {}
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| secret_fields(fields, item, found)),
        _ => {}
    }
}

/// Every text and number within `value`.
pub(super) fn texts(value: &Value, found: &mut Vec<Secret>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(entries) => entries.values().for_each(|item| texts(item, found)),
        Value::String(text) => found.push(Secret::new(text)),
        Value::Number(number) => found.push(Secret::new(number.to_string())),
        Value::Null | Value::Bool(_) => {}
    }
}
