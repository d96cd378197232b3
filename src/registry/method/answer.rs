//! What a method's answer holds: where its rows are, and their columns. Must not know the request.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::registry::document::Document;
use crate::registry::model::{Answer, JsonPath};
use crate::registry::schema;
use crate::registry::weir_keys::MethodKeys;

pub(super) fn read_answer(
    document: &Document,
    method: &Value,
    operation: &Value,
    keys: &MethodKeys,
    here: &str,
) -> Result<Answer> {
    let key =
        method.pointer("/response/openAPIDocKey").map(|k| k.as_str().map_or_else(|| k.to_string(), str::to_owned));
    let responses = operation.get("responses").and_then(Value::as_object);
    let response = responses.and_then(|all| match &key {
        Some(key) => all.get(key),
        None => all.iter().find(|(code, _)| code.starts_with('2')).map(|(_, response)| response),
    });
    let rows = row_paths(method, keys, here)?;
    let wanted = method.pointer("/response/mediaType").and_then(Value::as_str);
    let mut answer = Answer { media_type: wanted.unwrap_or("application/json").to_owned(), rows, ..Answer::default() };
    let Some(response) = response else { return Ok(answer) };
    let content = document.resolve(response)?.get("content").and_then(Value::as_object);
    let media = content.and_then(|all| all.get(&answer.media_type).or_else(|| all.values().next()));
    let Some(schema) = media.and_then(|m| m.get("schema")) else { return Ok(answer) };
    let place = format!("{here}: answer");
    let row_schema = answer.rows.iter().find_map(|path| schema::at_path(document, schema, path));
    if let Some(row) = row_schema {
        answer.many = row.get("items").is_some();
        let row = row.get("items").map_or(Ok(row), |items| document.resolve(items))?;
        answer.columns = schema::columns(document, row, &place)?;
        if answer.columns.is_empty() {
            answer.columns.extend(schema::scalar_column(document, row, &place)?);
        }
    }
    if answer.rows.iter().all(|path| !path.0.is_empty()) {
        answer.envelope = schema::columns(document, schema, &place)?;
    }
    Ok(answer)
}

/// `x-weir.rows` first, then `response.objectKey`; `$` where neither is there.
fn row_paths(method: &Value, keys: &MethodKeys, here: &str) -> Result<Vec<JsonPath>> {
    let mut texts: Vec<&str> = keys.rows.iter().map(String::as_str).collect();
    texts.extend(method.pointer("/response/objectKey").and_then(Value::as_str));
    let mut paths = Vec::with_capacity(texts.len());
    for text in texts {
        let path = path(text, here)?;
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    Ok(if paths.is_empty() { vec![JsonPath::default()] } else { paths })
}

/// A path of keys, or an error that names the place.
pub fn path(text: &str, here: &str) -> Result<JsonPath> {
    JsonPath::parse(text).map_err(|e| Error::document(format!("{here}: {e}")))
}
