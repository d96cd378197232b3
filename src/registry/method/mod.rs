//! One method of a document into the model: its operation, its path, and what its parts make of the rest: `parameters`,
//! `body`, `answer`, and under `told` what `x-weir` says of it.
//! Knows the documents' form; no HTTP.

mod answer;
mod body;
mod parameters;
mod told;

use serde_json::Value;

use super::document::Document;
use super::model::{HttpVerb, Location, Method, NotFound, Order, PathPart};
use super::schema;
use super::weir_keys::{self, MethodKeys};
use crate::error::{Error, Result};
use answer::read_answer;
use body::read_body;
use parameters::{read_parameters, server};
use told::{idempotency, paging, settles};

pub use answer::path;
pub use told::header;

/// Reads the method `name`. `place` is its path in the document, for errors.
pub fn read(document: &Document, name: &str, method: &Value, place: &str) -> Result<Method> {
    let here = format!("{}: {place}", document.file);
    let keys: MethodKeys = weir_keys::read(method, &here)?;
    let reference = method.pointer("/operation/$ref").and_then(Value::as_str);
    let reference = reference.ok_or_else(|| Error::document(format!("{here}: `operation.$ref` is missing")))?;
    let operation = document.pointer(reference)?;
    let (path, http) = path_and_verb(reference).ok_or_else(|| {
        Error::document(format!("{here}: `{reference}` is not a reference to an operation under `#/paths`"))
    })?;
    let item = reference.rsplit_once('/').map(|(item, _)| document.pointer(item)).transpose()?;
    let (server, mut parameters) = server(document, operation, item, &here)?;
    parameters.extend(read_parameters(document, operation, item, &here)?);
    let path = path_parts(&path);
    for part in &path {
        if let PathPart::Parameter(wire) = part
            && !parameters.iter().any(|p| p.wire == *wire && p.location == Location::Path)
        {
            return Err(Error::document(format!("{here}: the path's parameter `{wire}` is not declared")));
        }
    }
    Ok(Method {
        name: name.to_owned(),
        description: operation_text(operation),
        http,
        server,
        path,
        parameters,
        body: read_body(document, method, operation, &here)?,
        answer: read_answer(document, method, operation, &keys, &here)?,
        paging: keys.paging.map(|p| paging(p, &here)).transpose()?,
        order: keys
            .order
            .into_iter()
            .map(|o| Order {
                column: o.column,
                parameter: o.parameter,
                ascending: o.ascending,
                descending: o.descending,
            })
            .collect(),
        not_found: keys.not_found.map(|n| match n.means {
            weir_keys::NotFoundMeaning::NoRows => NotFound { unless_codes: n.unless_codes },
        }),
        idempotency: keys.idempotency_key.map(|i| idempotency(i, &here)).transpose()?,
        settles: keys.settles.map(|s| settles(s, &here)).transpose()?,
        safe_to_retry: keys.safe_to_retry,
        withdrawn: keys.withdrawn,
        unsupported: None,
    })
}

/// The description of an operation, or its summary.
fn operation_text(operation: &Value) -> String {
    let text = schema::description(operation);
    if text.is_empty() { operation.get("summary").and_then(Value::as_str).unwrap_or_default().to_owned() } else { text }
}

/// `#/paths/~1accounts~1{id}/get` is `/accounts/{id}` and GET.
fn path_and_verb(reference: &str) -> Option<(String, HttpVerb)> {
    let (path, verb) = reference.strip_prefix("#/paths/")?.rsplit_once('/')?;
    let verb = match verb {
        "get" => HttpVerb::Get,
        "head" => HttpVerb::Head,
        "post" => HttpVerb::Post,
        "put" => HttpVerb::Put,
        "patch" => HttpVerb::Patch,
        "delete" => HttpVerb::Delete,
        _ => return None,
    };
    Some((path.replace("~1", "/").replace("~0", "~"), verb))
}

fn path_parts(path: &str) -> Vec<PathPart> {
    let mut parts = Vec::new();
    let mut rest = path;
    while let Some((literal, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        if !literal.is_empty() {
            parts.push(PathPart::Literal(literal.to_owned()));
        }
        parts.push(PathPart::Parameter(name.to_owned()));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(PathPart::Literal(rest.to_owned()));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_template_is_cut_at_its_parameters() {
        let literal = |s: &str| PathPart::Literal(s.to_owned());
        let parameter = |s: &str| PathPart::Parameter(s.to_owned());
        assert_eq!(
            path_parts("/accounts/{id}/things/{thing_id}"),
            [literal("/accounts/"), parameter("id"), literal("/things/"), parameter("thing_id")]
        );
        assert_eq!(path_parts("/things"), [literal("/things")]);
    }

    #[test]
    fn an_operation_reference_gives_path_and_verb() {
        assert_eq!(path_and_verb("#/paths/~1a~1{b}/post"), Some(("/a/{b}".to_owned(), HttpVerb::Post)));
        assert_eq!(path_and_verb("#/paths/~1a/trace"), None);
        assert_eq!(path_and_verb("#/components/a/get"), None);
    }
}
