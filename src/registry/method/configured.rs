//! StackQL's `config.pagination` into a paging: which token of the answer goes where into the next request, and what ends
//! it. Any form that its documents know; what is not understood is noted, and the rest is left to `inferred`.

use serde_json::Value;

use super::place::Place;
use crate::registry::model::{JsonPath, Known, Paging, PagingStyle, Parameter, Slot, Source};
use crate::registry::reshape::Pick;

/// The paging that `config.pagination` tells, where there is one.
pub(super) fn configured(place: &mut Place<'_>, parameters: &[Parameter]) -> Option<Paging> {
    let said = place.config.get("pagination").filter(|said| said.as_object().is_some_and(|map| !map.is_empty()))?;
    match style(said, parameters) {
        Ok((style, pages)) => {
            let concurrent = matches!(style, PagingStyle::Page { .. });
            Some(Paging {
                style,
                total_pages: pages,
                concurrent,
                total_may_differ: true,
                known: Known::Configured,
                ..Paging::whole()
            })
        }
        Err(why) => {
            place.note(&format!("config.pagination: {why}; it is passed over"));
            None
        }
    }
}

/// The style, and where the number of all pages stands.
fn style(said: &Value, parameters: &[Parameter]) -> Result<(PagingStyle, Vec<JsonPath>), String> {
    let word = |part: &str, key: &str| said.pointer(&format!("/{part}/{key}")).and_then(Value::as_str).unwrap_or("");
    let algorithm = said.get("algorithm").and_then(Value::as_str).unwrap_or_default();
    let name = word("requestToken", "key");
    match algorithm {
        "" | "default" => {}
        "page_number" if word("requestToken", "location").eq_ignore_ascii_case("body") => {
            return Err("page numbers in the body of a request are not known here".to_owned());
        }
        "page_number" => {
            let first = parameters.iter().find(|p| p.wire == name).map_or(1, first_page);
            let pages = word("responseTerminator", "key");
            let pages = if pages.is_empty() { Vec::new() } else { paths(pages)? };
            return Ok((PagingStyle::Page { parameter: name.to_owned(), first }, pages));
        }
        "odata_next_link" => {
            let key = Some(word("responseToken", "key")).filter(|key| !key.is_empty()).unwrap_or("@odata.nextLink");
            return Ok((PagingStyle::NextUrl { from: Source::Body(paths(key)?) }, Vec::new()));
        }
        other => return Err(format!("`{other}` is no algorithm that is known here")),
    }
    let key = word("responseToken", "key");
    let pattern = said.pointer("/responseToken/args/regex").and_then(Value::as_str);
    if let Some(error) = pattern.and_then(|pattern| regex::Regex::new(pattern).err()) {
        return Err(format!("responseToken.args.regex: {error}"));
    }
    let in_header = word("responseToken", "location").eq_ignore_ascii_case("header");
    let from = match in_header {
        true => Source::Header { name: key.to_owned(), pattern: pattern.map(str::to_owned) },
        false => Source::Body(paths(key)?),
    };
    let into = match word("requestToken", "location").to_ascii_lowercase().as_str() {
        "request" if in_header && pattern.is_none() && key.eq_ignore_ascii_case("link") => {
            return Ok((PagingStyle::Link, Vec::new()));
        }
        "request" => return Ok((PagingStyle::NextUrl { from }, Vec::new())),
        "query" | "" => Slot::Query(name.to_owned()),
        "header" => Slot::Header(name.to_owned()),
        "body" => Slot::Body(paths(name)?.pop().unwrap_or_default()),
        other => return Err(format!("`{other}` is no place of a request's token")),
    };
    if name.is_empty() {
        return Err("requestToken has no key".to_owned());
    }
    Ok((PagingStyle::Cursor { into, from }, Vec::new()))
}

/// The number of the first page: the parameter's default, else 1.
pub(super) fn first_page(parameter: &Parameter) -> u64 {
    let default = parameter
        .shape
        .default
        .as_ref()
        .and_then(|default| default.as_u64().or_else(|| default.as_str()?.parse().ok()));
    default.filter(|first| *first <= 1).unwrap_or(1)
}

/// A path of keys; a key with dots in it (`@odata.nextLink`) is tried as it is before it is taken for a path.
pub(super) fn paths(text: &str) -> Result<Vec<JsonPath>, String> {
    let keys = Pick::parse(text)?.keys().filter(|keys| !keys.is_empty());
    let keys = keys.ok_or_else(|| format!("`{text}` is not a path of keys"))?;
    let whole = text.trim().trim_start_matches("$.").to_owned();
    let mut paths = Vec::new();
    let is_one = !text.trim().starts_with('$') || whole.contains('@');
    if keys.len() > 1 && is_one && !whole.contains('[') {
        paths.push(JsonPath(vec![whole]));
    }
    paths.push(JsonPath(keys));
    Ok(paths)
}
