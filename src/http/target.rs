//! Where a request goes: server, path and query of a call, with every value encoded and none able to move the request
//! to another host or path. Pure. Must not know headers, bodies or the network.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::Url;

use super::call::{Call, missing};
use super::style::{encode, pairs, parts, scalar};
use crate::error::{Error, Kind, Result};
use crate::registry::{Location, Parameter, PathPart};
use crate::secret::MASK;

/// A target in parts: what stands before the path of the template, the path, and the query.
pub(super) struct Target {
    server: String,
    pub(super) path: String,
    query: Vec<(String, String)>,
}

impl Target {
    pub(super) fn text(&self) -> String {
        let mut text = format!("{}{}", self.server, self.path);
        for (name, value) in &self.query {
            // A template may bring a query of its own.
            text.push(if text.contains('?') { '&' } else { '?' });
            text.push_str(&encode(name));
            text.push('=');
            text.push_str(value);
        }
        text
    }
}

/// The target of `call`, with secret values masked where `masked` says so.
pub(super) fn target(call: &Call, base_url: Option<&str>, masked: bool) -> Result<Target> {
    let server = match base_url {
        Some(base) => checked_base(base)?,
        None => server(call, masked)?,
    };
    let mut path = String::new();
    for part in &call.method.path {
        match part {
            PathPart::Literal(text) => path.push_str(text),
            PathPart::Parameter(wire) => path.push_str(&path_value(call, wire, masked)?),
        }
    }
    if !path.is_empty() && !path.starts_with('/') {
        path.insert(0, '/');
    }
    Ok(Target { server, path, query: query(call, masked) })
}

fn checked_base(base: &str) -> Result<String> {
    let wrong = |why: &str| {
        Error::new(Kind::Usage, format!("the base URL that replaces the document's is no use: {why}"))
            .hint("It must look like https://host/path, without query and without user name.")
    };
    let trimmed = base.trim().trim_end_matches('/');
    let url = Url::parse(trimmed).map_err(|e| wrong(&e.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("it is not an http or https URL with a host"));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it has a query, a fragment or a user name"));
    }
    Ok(trimmed.to_owned())
}

/// The document's server with its variables filled in. Only unreserved characters may come in: anything else could move
/// the request, and the credentials with it, to another host.
fn server(call: &Call, masked: bool) -> Result<String> {
    let mut text = call.method.server.clone();
    for parameter in call.method.parameters.iter().filter(|p| p.location == Location::Server) {
        let place = format!("{{{}}}", parameter.wire);
        if !text.contains(&place) {
            continue;
        }
        let value = value_of(call, parameter).filter(|v| !v.is_null()).ok_or_else(|| missing(call, parameter))?;
        let value = scalar(&value);
        let whole_host = text.split_once("://").is_some_and(|(_, t)| t.split('/').next() == Some(place.as_str()));
        let (bare, port) = value.rsplit_once(':').filter(|_| whole_host).unwrap_or((&value, "0"));
        if bare.is_empty() || encode(bare) != bare || climbs(bare) || port.parse::<u16>().is_err() {
            return Err(Error::statement(format!(
                "`{}` cannot be part of a server's address: letters, digits, `-`, `.`, `_` and `~` can",
                parameter.name
            )));
        }
        text = text.replace(&place, if masked && parameter.shape.secret { MASK } else { &value });
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn path_value(call: &Call, wire: &str, masked: bool) -> Result<String> {
    let parameter = call.method.parameters.iter().find(|p| p.wire == wire && p.location == Location::Path);
    let name = parameter.map_or(wire, |p| p.name.as_str());
    let value = parameter.map_or_else(|| call.argument(wire).cloned(), |p| value_of(call, p));
    let refuse = |what: &str| {
        Err(Error::statement(format!("`{name}` is {what}, and stands in the path of method {}", call.method.name))
            .hint(format!("Give `{name}` the value that names one thing.")))
    };
    let Some(value) = value else {
        return Err(parameter.map_or_else(
            || {
                Error::document(format!(
                    "the path of method {} has a parameter `{wire}` it does not describe",
                    call.method.name
                ))
            },
            |p| missing(call, p),
        ));
    };
    let texts: Vec<String> = match &value {
        Value::Null => return refuse("NULL"),
        other => parts(other),
    };
    if texts.is_empty() || texts.iter().any(|t| t.trim().is_empty()) {
        return refuse("empty");
    }
    if texts.iter().any(|t| climbs(t)) {
        return refuse("`.` or `..`, which would name another path");
    }
    if masked && parameter.is_some_and(|p| p.shape.secret) {
        return Ok(MASK.to_owned());
    }
    if let (Value::Object(map), Some(true)) = (&value, parameter.map(|p| p.manner.explode)) {
        let pairs = map.iter().map(|(key, value)| format!("{}={}", encode(key), encode(&scalar(value))));
        return Ok(pairs.collect::<Vec<_>>().join(","));
    }
    if parameter.is_some_and(|p| p.manner.reserved)
        && let [text] = texts.as_slice()
    {
        return match segments(text) {
            Some(path) => Ok(path),
            None => refuse("a path with an empty part"),
        };
    }
    Ok(texts.iter().map(|t| encode(t)).collect::<Vec<_>>().join(","))
}

/// A path within a path: its parts encoded, and its slashes as they are. A slash at either end says nothing.
fn segments(text: &str) -> Option<String> {
    let text = text.strip_prefix('/').unwrap_or(text);
    let text = text.strip_suffix('/').unwrap_or(text);
    let parts: Vec<String> = text.split('/').map(encode).collect();
    parts.iter().all(|part| !part.trim().is_empty()).then(|| parts.join("/"))
}

/// Whether a segment of `text` is `.` or `..`, however often it has been percent-encoded: some gateways decode more
/// than once.
fn climbs(text: &str) -> bool {
    let mut text = text.to_owned();
    loop {
        if text.split(['/', '\\']).any(|segment| segment == "." || segment == "..") {
            return true;
        }
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == text {
            return false;
        }
        text = decoded;
    }
}

/// The query in document order, then what the paging adds beyond the document's parameters. Values come encoded.
fn query(call: &Call, masked: bool) -> Vec<(String, String)> {
    let mut query = Vec::new();
    for parameter in call.method.parameters.iter().filter(|p| p.location == Location::Query) {
        if let Some((_, value)) = call.page.query.iter().find(|(name, _)| *name == parameter.wire) {
            query.push((parameter.wire.clone(), encode(value)));
            continue;
        }
        let Some(value) = value_of(call, parameter).filter(|v| !v.is_null()) else { continue };
        if masked && parameter.shape.secret {
            query.push((parameter.wire.clone(), MASK.to_owned()));
            continue;
        }
        query.extend(pairs(&parameter.wire, parameter.manner, &value));
    }
    let documented =
        |name: &str| call.method.parameters.iter().any(|p| p.location == Location::Query && p.wire == name);
    let beyond = call.page.query.iter().filter(|(name, _)| !documented(name));
    query.extend(beyond.map(|(name, value)| (name.clone(), encode(value))));
    query
}

/// What the call gives for a parameter, or the document's constant.
pub(super) fn value_of(call: &Call, parameter: &Parameter) -> Option<Value> {
    call.argument(&parameter.wire).cloned().or_else(|| parameter.constant.clone().map(Value::String))
}

/// Parses a built URL, and makes sure that parsing did not change its path: dot segments that only arise between the
/// parts of a template would be resolved here.
pub(super) fn parsed(text: &str) -> Result<Url> {
    let url = Url::parse(text).map_err(|e| {
        Error::document(format!("a method's server and path do not make a URL ({e})"))
            .hint("Check `servers` in the document, and the values of its variables.")
    })?;
    let path = text.split('?').next().unwrap_or_default();
    let behind_host = path.find("://").and_then(|at| path[at + 3..].find('/').map(|slash| &path[at + 3 + slash..]));
    if let Some(written) = behind_host
        && written.matches('/').count() != url.path().matches('/').count()
    {
        return Err(Error::statement("a value in the path would make the request go to another path"));
    }
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(Error::document("a method's server is not an http or https URL with a host"));
    }
    Ok(url)
}
