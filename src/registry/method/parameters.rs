//! Where a method is sent, and the values that its request takes outside the body: server variables, and the parameters of
//! the path item and of the operation. Must not know bodies or answers.

use serde_json::Value;

use super::braces;
use super::place::Place;
use crate::error::{Error, Result};
use crate::registry::model::{Comparison, Kind, Location, Manner, Parameter, PathPart, Predicate, Shape, Style};
use crate::registry::weir_keys::{self, ParameterKeys};
use crate::registry::{schema, sql_name};

/// Headers that are the client's own, in small letters: no document and no statement sets them.
pub const OWN_HEADERS: [&str; 7] =
    ["authorization", "host", "content-length", "content-type", "transfer-encoding", "connection", "user-agent"];

/// The server of a method, its operation, its path item or the document, and its variables as parameters. Where none
/// says a whole URL, that is noted: a base URL may still be set.
pub(super) fn server(place: &mut Place<'_>) -> (String, Vec<Parameter>) {
    let first = |value: &Value| value.get("servers").and_then(|s| s.get(0)).cloned();
    let levels = [Some(place.method), Some(place.operation), place.item, Some(&place.document.root)];
    let Some(server) = levels.into_iter().flatten().find_map(first) else {
        place.note("no `servers` says where to send it");
        return (String::new(), Vec::new());
    };
    let url = braces::bare(server.get("url").and_then(Value::as_str).unwrap_or_default());
    let url = url.trim_end_matches('/').to_owned();
    if !url.contains("://") {
        place.note(&format!("the server `{url}` is no whole URL, such as https://api.example.com"));
    }
    let variables = server.get("variables").and_then(Value::as_object);
    let mut parameters: Vec<Parameter> = variables
        .into_iter()
        .flatten()
        .filter(|(wire, _)| url.contains(&format!("{{{wire}}}")))
        .map(|(wire, variable)| server_variable(&url, wire, variable))
        .collect();
    for wire in names_in(&url) {
        if parameters.iter().all(|p| p.wire != wire) {
            parameters.push(server_variable(&url, &wire, &Value::Null));
        }
    }
    (url, parameters)
}

/// Which host is asked is never guessed: the credentials go there. So a default counts only behind the host, and before
/// it.
fn server_variable(url: &str, wire: &str, variable: &Value) -> Parameter {
    let constant = variable.get("default").map(text_of).filter(|d| !d.is_empty() && !in_host(url, wire));
    let values = variable.get("enum").and_then(Value::as_array).into_iter().flatten();
    Parameter {
        wire: wire.to_owned(),
        name: sql_name(wire),
        location: Location::Server,
        required: true,
        shape: Shape { values: values.map(text_of).collect(), ..Shape::default() },
        description: schema::description(variable),
        variable: variable.get("x-stackQL-envVar").and_then(Value::as_str).map(str::to_owned),
        constant,
        predicate: None,
        exact: true,
        hidden: None,
        manner: Manner::default(),
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn in_host(url: &str, wire: &str) -> bool {
    let behind = url.split_once("://").map_or(url, |(_, behind)| behind);
    behind.split('/').next().unwrap_or_default().contains(&format!("{{{wire}}}"))
}

/// What stands in braces.
fn names_in(text: &str) -> Vec<String> {
    text.split('{').skip(1).filter_map(|part| part.split_once('}')).map(|(name, _)| name.to_owned()).collect()
}

/// Parameters of the path item and of the operation; the operation's replace the item's of the same place and name.
/// What the path names and nothing declares is a required text.
pub(super) fn read_parameters(place: &mut Place<'_>, path: &[PathPart]) -> Result<Vec<Parameter>> {
    let lists = [place.item.and_then(|i| i.get("parameters")), place.operation.get("parameters")];
    let mut parameters: Vec<Parameter> = Vec::new();
    let literals = literals(path);
    for value in lists.into_iter().flatten().filter_map(Value::as_array).flatten() {
        let value = place.document.resolve(value)?;
        let Some(mut parameter) = parameter(place, value)? else { continue };
        if let Some(literal) =
            literals.iter().find(|(name, _)| parameter.location == Location::Query && *name == parameter.wire)
        {
            fix(&mut parameter, literal.1);
        }
        match parameters.iter_mut().find(|p| p.wire == parameter.wire && p.location == parameter.location) {
            Some(known) => *known = parameter,
            None => parameters.push(parameter),
        }
    }
    if place.operation.get("x-stackQL-graphQL").is_none() {
        of_the_path(place, path, &mut parameters);
    }
    for part in path {
        if let PathPart::Parameter(wire) = part
            && !parameters.iter().any(|p| p.wire == *wire && p.location == Location::Path)
        {
            place.note(&format!("the path's parameter `{wire}` is not declared; it is taken as a required text"));
            let value = serde_json::json!({"name": wire, "in": "path", "schema": {"type": "string"}});
            parameters.extend(parameter(place, &value)?);
        }
    }
    for parameter in parameters.iter_mut().filter(|p| p.location == Location::Path) {
        parameter.manner.reserved |= begins_the_path(path, &parameter.wire) && names_a_path(&parameter.name);
    }
    tell_apart(&mut parameters);
    Ok(parameters)
}

/// Whether the path's first segment is the parameter: the whole of another path may stand there, as in Azure's
/// `/{scope}/providers/..`.
fn begins_the_path(path: &[PathPart], wire: &str) -> bool {
    let (slash, first, rest) = match path {
        [PathPart::Literal(slash), PathPart::Parameter(first), rest @ ..] => (slash.as_str(), first, rest),
        [PathPart::Parameter(first), rest @ ..] => ("/", first, rest),
        _ => return false,
    };
    let ends = match rest.first() {
        Some(PathPart::Literal(next)) => next.starts_with(['/', '?']),
        Some(PathPart::Parameter(_)) => false,
        None => true,
    };
    slash == "/" && first == wire && ends
}

fn names_a_path(name: &str) -> bool {
    name == "resource_id" || name.split('_').any(|word| matches!(word, "scope" | "uri" | "path"))
}

/// A declared parameter of the path goes where the path has its name, or has it in another spelling; one that the path
/// does not have can be sent nowhere, and is no parameter.
fn of_the_path(place: &mut Place<'_>, path: &[PathPart], parameters: &mut Vec<Parameter>) {
    let is_there = |parameters: &[Parameter], wire: &str| {
        parameters.iter().any(|p| p.location == Location::Path && p.wire == wire)
    };
    let named = path.iter().filter_map(|part| if let PathPart::Parameter(wire) = part { Some(wire) } else { None });
    let open: Vec<&String> = named.clone().filter(|wire| !is_there(parameters, wire)).collect();
    parameters.retain_mut(|parameter| {
        if parameter.location != Location::Path || named.clone().any(|wire| *wire == parameter.wire) {
            return true;
        }
        if let Some(wire) = open.iter().find(|wire| sql_name(wire) == parameter.name) {
            parameter.wire.clone_from(wire);
            return true;
        }
        place.note(&format!("the path does not have its parameter `{}`; it is taken as none", parameter.wire));
        false
    });
}

/// The query that stands in the path itself.
fn literals(path: &[PathPart]) -> Vec<(&str, &str)> {
    let mut texts = path.iter().filter_map(|part| if let PathPart::Literal(text) = part { Some(text) } else { None });
    let query = texts.find_map(|text| Some(text.split_once('?')?.1)).unwrap_or_default();
    query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(_, value)| !value.is_empty()).collect()
}

/// A parameter that stands in the path with its value: it may be told, and is sent once.
fn fix(parameter: &mut Parameter, value: &str) {
    parameter.location = Location::Nowhere;
    parameter.required = false;
    parameter.shape = Shape { kind: Kind::String, values: vec![value.to_owned()], ..Shape::default() };
}

/// One SQL name is one value. Parameters of one wire name share it, whatever their places; of others with the same SQL name the
/// second is called by its place too.
fn tell_apart(parameters: &mut [Parameter]) {
    for index in 1..parameters.len() {
        let (before, rest) = parameters.split_at_mut(index);
        let parameter = &mut rest[0];
        if before.iter().any(|p| p.name == parameter.name && p.wire != parameter.wire) {
            let place = match parameter.location {
                Location::Header => "header",
                Location::Path => "path",
                _ => "query",
            };
            parameter.name = format!("{}_{place}", parameter.name);
        }
    }
}

fn parameter(place: &mut Place<'_>, value: &Value) -> Result<Option<Parameter>> {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let flag = |key: &str| value.get(key) == Some(&Value::Bool(true));
    let wire = text("name").ok_or_else(|| Error::document(format!("{}: a parameter has no name", place.here)))?;
    let location = match text("in") {
        // Of three of these OpenAPI says it too: `parameters` tells nothing of them.
        Some("header") if OWN_HEADERS.contains(&wire.to_ascii_lowercase().as_str()) => return Ok(None),
        Some("path") => Location::Path,
        Some("query") => Location::Query,
        Some("header") => Location::Header,
        // A cookie is nothing that SQL can say.
        Some("cookie") if flag("required") => {
            place.cannot(format!("it needs the cookie `{wire}`, and weir sends none"));
            return Ok(None);
        }
        _ => return Ok(None),
    };
    if location == Location::Header && is_signature(wire) {
        return Ok(None);
    }
    let here = format!("{}: parameter {wire}", place.here);
    let keys: ParameterKeys = weir_keys::read(value, &here)?;
    let predicate = keys.predicate.map(|p| predicate(&p, &here)).transpose()?;
    let content = value.get("content").and_then(Value::as_object).and_then(|c| c.iter().next());
    let mut shape = match value.get("schema").or_else(|| content.and_then(|(_, media)| media.get("schema"))) {
        Some(s) => schema::shape(place.document, s, &here)?,
        None => Shape::default(),
    };
    // An object of which nothing is said is often a text, as a mask of fields is.
    if shape.kind == Kind::Object && shape.fields.is_empty() && !is_map(place, value) {
        shape.kind = Kind::Any;
    }
    let style = match content {
        Some((media, _)) if media.contains("json") => Style::Json,
        _ => style(place, (wire, location), text("style").unwrap_or_default()),
    };
    // OpenAPI: `form`, the default style of a query, explodes unless told otherwise; `simple`, of path and header, does
    // not.
    let explode = match (value.get("explode").and_then(Value::as_bool), location) {
        (Some(explode), _) => explode,
        (None, Location::Query) => style == Style::Plain,
        (None, _) => false,
    };
    let signs_in = place.signs_in(location, wire);
    // Whoever gives it all the same gives a secret.
    shape.secret |= signs_in;
    let unsent = wire.starts_with("__") && place.drops_double_underscore();
    // StackQL sends the default of a header, as `X-Amz-Target` needs it; a query's is the API's own business.
    let constant = shape.default.as_ref().filter(|d| location == Location::Header && !d.is_null()).map(text_of);
    // What is not sent says nothing of a row's column.
    let plain = if unsent { wire.to_owned() } else { sql_name(wire) };
    Ok(Some(Parameter {
        name: keys.name.or_else(|| text("x-stackQL-alias").map(str::to_owned)).unwrap_or(plain),
        wire: wire.to_owned(),
        location: if unsent { Location::Nowhere } else { location },
        required: location == Location::Path || (flag("required") && !flag("allowEmptyValue") && !signs_in),
        shape,
        description: schema::description(value),
        variable: keys.default.map(|d| d.env),
        constant,
        predicate,
        exact: keys.exact,
        hidden: keys.hidden,
        manner: Manner { style, explode, reserved: flag("allowReserved") || flag("x-ms-skip-url-encoding") },
    }))
}

/// Headers that a signature of AWS consists of: whoever signs sets them, and nobody else.
fn is_signature(wire: &str) -> bool {
    const NAMES: [&str; 7] = [
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-security-token",
        "x-amz-signature",
        "x-amz-signedheaders",
    ];
    NAMES.contains(&wire.to_ascii_lowercase().as_str())
}

/// Whether the document says what the keys of an object may hold.
fn is_map(place: &Place<'_>, parameter: &Value) -> bool {
    let schema = parameter.get("schema").and_then(|schema| place.document.resolve(schema).ok());
    schema
        .is_none_or(|schema| schema.get("additionalProperties").is_some() || schema.get("patternProperties").is_some())
}

fn style(place: &mut Place<'_>, (wire, location): (&str, Location), word: &str) -> Style {
    match (word, location) {
        ("spaceDelimited", Location::Query) => Style::Space,
        ("pipeDelimited", Location::Query) => Style::Pipe,
        ("deepObject", Location::Query) => Style::Deep,
        ("" | "form", Location::Query) => place.flattens_as_aws().unwrap_or(Style::Plain),
        ("" | "form" | "simple", _) => Style::Plain,
        (other, _) => {
            place.cannot(format!("its parameter `{wire}` has the style `{other}`, which weir does not write"));
            Style::Plain
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_begins_the_path_and_is_called_so_may_be_a_path() {
        let literal = |text: &str| PathPart::Literal(text.to_owned());
        let named = |name: &str| PathPart::Parameter(name.to_owned());
        assert!(begins_the_path(&[literal("/"), named("scope"), literal("/providers/locks")], "scope"));
        assert!(begins_the_path(&[literal("/"), named("scope"), literal("?version=1")], "scope"));
        assert!(begins_the_path(&[literal("/"), named("resourceId")], "resourceId"));
        for path in [
            vec![literal("/of/"), named("scope"), literal("/locks")],
            vec![literal("/"), named("scope"), literal(".json")],
            vec![literal("/"), named("scope"), named("x")],
            vec![literal("/"), named("x"), literal("/"), named("scope")],
        ] {
            assert!(!begins_the_path(&path, "scope"), "{path:?}");
        }
        assert!(["scope", "resource_uri", "resource_id", "scope_path"].iter().all(|name| names_a_path(name)));
        assert!(!["id", "owner", "zone_id", "telescope"].iter().any(|name| names_a_path(name)));
    }

    #[test]
    fn what_stands_in_the_path_with_its_value_is_told_and_not_sent() {
        let path = [PathPart::Literal("/rules?masked=true&empty=&version=1".to_owned())];
        assert_eq!(literals(&path), [("masked", "true"), ("version", "1")]);
    }
}
