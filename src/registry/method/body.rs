//! The body that a method's request takes: its media type and properties. Must not know parameters or answers.

use serde_json::Value;

use crate::error::Result;
use crate::registry::document::Document;
use crate::registry::model::Body;
use crate::registry::schema;

/// The body's media type and properties. A form or another media type is kept as it is called.
pub(super) fn read_body(document: &Document, method: &Value, operation: &Value, here: &str) -> Result<Option<Body>> {
    let Some(body) = operation.get("requestBody") else { return Ok(None) };
    let body = document.resolve(body)?;
    let Some(content) = body.get("content").and_then(Value::as_object) else { return Ok(None) };
    let wanted = method.pointer("/request/mediaType").and_then(Value::as_str);
    let entry = wanted
        .and_then(|w| content.get_key_value(w))
        .or_else(|| content.get_key_value("application/json").or_else(|| content.iter().next()));
    let Some((media_type, media)) = entry else { return Ok(None) };
    let empty = Value::Null;
    let schema = media.get("schema").unwrap_or(&empty);
    let fields = schema::fields(document, schema, &format!("{here}: body"), 0)?;
    let resolved = document.resolve(schema)?;
    Ok(Some(Body {
        media_type: media_type.clone(),
        required: body.get("required") == Some(&Value::Bool(true)),
        open: fields.is_empty()
            || matches!(resolved.get("additionalProperties"), Some(Value::Bool(true) | Value::Object(_))),
        fields,
    }))
}
