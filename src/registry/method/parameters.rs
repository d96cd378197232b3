//! Where a method is sent, and the values that its request takes outside the body: server variables, and the parameters of
//! the path item and of the operation. Must not know bodies or answers.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::registry::document::Document;
use crate::registry::model::{Comparison, Location, Parameter, Predicate, Shape};
use crate::registry::weir_keys::{self, ParameterKeys};
use crate::registry::{schema, sql_name};

/// The server of an operation, its path item or the document, and its variables as parameters.
pub(super) fn server(
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
pub(super) fn read_parameters(
    document: &Document,
    operation: &Value,
    item: Option<&Value>,
    here: &str,
) -> Result<Vec<Parameter>> {
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
