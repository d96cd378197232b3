//! One method of a document into the model: its operation, parameters, body, answer and paging.

use std::time::Duration;

use serde_json::Value;

use super::document::Document;
use super::model::{
    Body, Comparison, HttpVerb, Idempotency, JsonPath, Location, Method, NotFound, Order, PageSize, Paging,
    PagingStyle, Parameter, PathPart, Predicate, Settles, Shape,
};
use super::weir_keys::{self, IdempotencyKeys, MethodKeys, PagingKeys, ParameterKeys, SettlesKeys};
use super::{answer, schema, sql_name};
use crate::error::{Error, Result};

/// Seconds between two questions whether a call has taken effect, where the document says nothing.
const DEFAULT_EVERY: f64 = 2.0;

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
        answer: answer::read(document, method, operation, &keys, &here)?,
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

/// The server of an operation, its path item or the document, and its variables as parameters.
fn server(
    document: &Document,
    operation: &Value,
    item: Option<&Value>,
    here: &str,
) -> Result<(String, Vec<Parameter>)> {
    let first = |value: &Value| value.get("servers").and_then(|s| s.get(0)).cloned();
    let server = first(operation)
        .or_else(|| item.and_then(first))
        .or_else(|| first(&document.root))
        .ok_or_else(|| Error::document(format!("{here}: no `servers` says where to send it")))?;
    let url = server.get("url").and_then(Value::as_str).unwrap_or_default().trim_end_matches('/').to_owned();
    let variables = server.get("variables").and_then(Value::as_object);
    let parameters = variables.into_iter().flatten().map(|(wire, variable)| {
        let constant = variable.get("default").and_then(Value::as_str).filter(|d| !d.is_empty());
        Parameter {
            wire: wire.clone(),
            name: sql_name(wire),
            location: Location::Server,
            required: true,
            shape: Shape::default(),
            description: schema::description(variable),
            variable: variable.get("x-stackQL-envVar").and_then(Value::as_str).map(str::to_owned),
            constant: constant.map(str::to_owned),
            predicate: None,
            exact: true,
            hidden: None,
            explode: false,
        }
    });
    Ok((url, parameters.collect()))
}

/// Parameters of the path item and of the operation; the operation's replace the item's of the same place and name.
fn read_parameters(document: &Document, operation: &Value, item: Option<&Value>, here: &str) -> Result<Vec<Parameter>> {
    let lists = [item.and_then(|i| i.get("parameters")), operation.get("parameters")];
    let mut parameters: Vec<Parameter> = Vec::new();
    for value in lists.into_iter().flatten().filter_map(Value::as_array).flatten() {
        let Some(parameter) = parameter(document, document.resolve(value)?, here)? else { continue };
        match parameters.iter_mut().find(|p| p.wire == parameter.wire && p.location == parameter.location) {
            Some(known) => *known = parameter,
            None => parameters.push(parameter),
        }
    }
    Ok(parameters)
}

fn parameter(document: &Document, value: &Value, here: &str) -> Result<Option<Parameter>> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let location = match text("in") {
        Some("path") => Location::Path,
        Some("query") => Location::Query,
        Some("header") => Location::Header,
        // A cookie is nothing that SQL can say.
        _ => return Ok(None),
    };
    let wire = text("name").ok_or_else(|| Error::document(format!("{here}: a parameter has no name")))?;
    let place = format!("{here}: parameter {wire}");
    let keys: ParameterKeys = weir_keys::read(value, &place)?;
    let predicate = keys.predicate.map(|p| predicate(&p, &place)).transpose()?;
    let shape = match value.get("schema") {
        Some(s) => schema::shape(document, s, &place)?,
        None => Shape::default(),
    };
    let flag = |key: &str| value.get(key) == Some(&Value::Bool(true));
    Ok(Some(Parameter {
        name: keys.name.unwrap_or_else(|| sql_name(wire)),
        wire: wire.to_owned(),
        location,
        required: location == Location::Path || (flag("required") && !flag("allowEmptyValue")),
        shape,
        description: schema::description(value),
        variable: keys.default.map(|d| d.env),
        constant: None,
        predicate,
        exact: keys.exact,
        hidden: keys.hidden,
        // OpenAPI: `form`, the default style of a query, explodes unless told otherwise.
        explode: value.get("explode") != Some(&Value::Bool(false)),
    }))
}

fn predicate(keys: &weir_keys::PredicateKeys, place: &str) -> Result<Predicate> {
    let operator = match keys.operator.as_str() {
        "=" => Comparison::Equal,
        "<" => Comparison::Less,
        "<=" => Comparison::AtMost,
        ">" => Comparison::Greater,
        ">=" => Comparison::AtLeast,
        "is_null" => Comparison::IsNull,
        "is_not_null" => Comparison::IsNotNull,
        other => return Err(Error::document(format!("{place}.x-weir.predicate: `{other}` is no operator"))),
    };
    let send = keys.send.as_ref().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned));
    if send.is_none() && matches!(operator, Comparison::IsNull | Comparison::IsNotNull) {
        return Err(Error::document(format!("{place}.x-weir.predicate: `send` must say what to send")));
    }
    Ok(Predicate { column: keys.column.clone(), operator, send })
}

/// The body's media type and properties. A form or another media type is kept as it is called.
fn read_body(document: &Document, method: &Value, operation: &Value, here: &str) -> Result<Option<Body>> {
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

/// A path of keys, or an error that names the place.
pub fn path(text: &str, here: &str) -> Result<JsonPath> {
    JsonPath::parse(text).map_err(|e| Error::document(format!("{here}: {e}")))
}

fn paging(keys: PagingKeys, here: &str) -> Result<Paging> {
    let here = format!("{here}.x-weir.paging");
    let need = |value: Option<String>, key: &str| {
        value.ok_or_else(|| Error::document(format!("{here}: style `{}` needs `{key}`", keys.style)))
    };
    let paths = |texts: &[String]| texts.iter().map(|t| path(t, &here)).collect::<Result<Vec<_>>>();
    let style = match keys.style.as_str() {
        "whole" => PagingStyle::Whole,
        "page" => {
            PagingStyle::Page { parameter: need(keys.parameter.clone(), "parameter")?, first: keys.first.unwrap_or(1) }
        }
        "offset" => PagingStyle::Offset { parameter: need(keys.parameter.clone(), "parameter")? },
        "cursor" => {
            PagingStyle::Cursor { parameter: need(keys.parameter.clone(), "parameter")?, next: paths(&keys.next)? }
        }
        "keyset" => PagingStyle::Keyset {
            parameter: need(keys.parameter.clone(), "parameter")?,
            field: need(keys.field.clone(), "field")?,
        },
        "next_url" => PagingStyle::NextUrl { next: paths(&keys.next)? },
        "link" => PagingStyle::Link,
        other => return Err(Error::document(format!("{here}: `{other}` is no style of paging"))),
    };
    if matches!(style, PagingStyle::Cursor { .. } | PagingStyle::NextUrl { .. }) && keys.next.is_empty() {
        return Err(Error::document(format!("{here}: style `{}` needs `next`", keys.style)));
    }
    Ok(Paging {
        style,
        size: keys.size.map(|s| PageSize { parameter: s.parameter, largest: s.largest.max(1) }),
        total: paths(&keys.total)?,
        total_pages: paths(&keys.total_pages)?,
        concurrent: keys.concurrent,
        window: keys.window,
        total_may_differ: keys.total_may_differ,
    })
}

fn idempotency(keys: IdempotencyKeys, here: &str) -> Result<Idempotency> {
    let here = format!("{here}.x-weir.idempotency_key");
    let valid = keys.hours.map(|hours| span(hours * 3600.0, &format!("{here}.hours"))).transpose()?;
    Ok(Idempotency { header: header(keys.header, &here)?, valid })
}

/// What it refers to in its resource is checked where the resource is whole.
fn settles(keys: SettlesKeys, here: &str) -> Result<Settles> {
    let here = format!("{here}.x-weir.settles");
    let words = |key: &str, values: &[Value]| -> Result<Vec<String>> {
        let word = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
            _ => Err(Error::document(format!("{here}.{key}: `{value}` is no text, number, true or false"))),
        };
        values.iter().map(word).collect()
    };
    let (done, failed) = (words("done", &keys.done)?, words("failed", &keys.failed)?);
    if done.is_empty() {
        return Err(Error::document(format!("{here}.done: it lists no value, so it would never be done")));
    }
    if let Some(both) = failed.iter().find(|value| done.contains(value)) {
        return Err(Error::document(format!("{here}.failed: `{both}` stands under `done` too")));
    }
    let every = span(keys.every.unwrap_or(DEFAULT_EVERY), &format!("{here}.every"))?;
    Ok(Settles { method: keys.method, column: keys.column, done, failed, every })
}

/// A time that can be waited for.
fn span(seconds: f64, here: &str) -> Result<Duration> {
    let span = Duration::try_from_secs_f64(seconds).ok().filter(|span| !span.is_zero());
    span.ok_or_else(|| Error::document(format!("{here}: it must be a number above 0")))
}

/// The name of a header, as HTTP takes it.
pub fn header(name: String, here: &str) -> Result<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        return Err(Error::document(format!("{here}: `{name}` is no name of a header")));
    }
    Ok(name)
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
