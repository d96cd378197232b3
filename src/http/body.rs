//! The body of a request: rendered by its media type, and once more with its secrets masked.
//! Must not know URLs, headers or the network.

use serde_json::Value;

use super::target::{encode, scalar};
use crate::error::{Error, Result};
use crate::registry::{Body, Field, HttpVerb, Method};
use crate::secret::{MASK, Secret};

/// The body, and its masked text. A documented JSON body that nobody filled is sent as `{}` by POST, PUT and PATCH:
/// several APIs refuse such a request without one.
pub(super) fn body(method: &Method, given: Option<&Value>) -> Result<(Option<Vec<u8>>, Option<String>)> {
    let Some(described) = &method.body else {
        return match given {
            Some(_) => Err(Error::statement(format!("method {} takes no body", method.name))),
            None => Ok((None, None)),
        };
    };
    let json = is_json(media_type(described));
    let writes = matches!(method.http, HttpVerb::Post | HttpVerb::Put | HttpVerb::Patch);
    let value = match given {
        Some(value) => value.clone(),
        None if json && writes => Value::Object(serde_json::Map::new()),
        None if described.required => {
            return Err(Error::statement(format!("method {} needs a body, and has none", method.name)));
        }
        None => return Ok((None, None)),
    };
    let text = rendered(described, &value)?;
    let shown = rendered(described, &masked(&described.fields, &value))?;
    Ok((Some(text.into_bytes()), Some(shown)))
}

pub(super) fn media_type(body: &Body) -> &str {
    if body.media_type.is_empty() { "application/json" } else { &body.media_type }
}

/// Whether it is JSON: `application/json`, `application/scim+json; charset=utf-8` ...
pub(super) fn is_json(media_type: &str) -> bool {
    let bare = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    bare == "application/json" || bare == "text/json" || bare.ends_with("+json")
}

fn rendered(described: &Body, value: &Value) -> Result<String> {
    let media = media_type(described);
    let bare = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match (bare.as_str(), value) {
        _ if is_json(media) => Ok(value.to_string()),
        ("application/x-www-form-urlencoded", Value::Object(fields)) => Ok(fields
            .iter()
            .filter(|(_, v)| !v.is_null())
            .map(|(name, v)| format!("{}={}", encode(name), encode(&scalar(v))))
            .collect::<Vec<_>>()
            .join("&")),
        (text, Value::String(content)) if text.starts_with("text/") => Ok(content.clone()),
        _ => Err(Error::statement(format!("weir cannot write a body of type {media}"))),
    }
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
