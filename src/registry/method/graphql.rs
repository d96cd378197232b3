//! `x-stackQL-graphQL` of an operation: the query, where it is sent, and how its list goes on. Must not know how a query is
//! filled in.

use serde_json::Value;

use super::configured::paths;
use super::place::Place;
use crate::error::{Error, Result};
use crate::registry::model::{GraphQl, Kind, Known, Location, Paging, PagingStyle, Parameter, PathPart, Slot, Source};
use crate::registry::template::Template;

/// Words under which a query asks for so many rows.
const SIZES: [&str; 3] = ["limit", "first", "last"];

/// The query of the operation, where it has one. Its parameters go into the query, and nowhere else.
pub(super) fn graphql(
    place: &mut Place<'_>,
    (server, path): (&mut String, &mut Vec<PathPart>),
    parameters: &mut [Parameter],
) -> Result<Option<(GraphQl, Paging)>> {
    let Some(said) = place.operation.get("x-stackQL-graphQL") else { return Ok(None) };
    let here = format!("{}: x-stackQL-graphQL", place.here);
    let text = |key: &str| said.pointer(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let query = text("/query").ok_or_else(|| Error::document(format!("{here}: `query` is missing")))?;
    let url = text("/url").ok_or_else(|| Error::document(format!("{here}: `url` is missing")))?;
    Template::parse(query).map_err(|e| Error::document(format!("{here}.query: {e}")))?;
    let cursor = text("/cursor/format").map(str::to_owned);
    if let Some(format) = &cursor {
        Template::parse(format).map_err(|e| Error::document(format!("{here}.cursor.format: {e}")))?;
    }
    if text("/httpVerb").is_some_and(|verb| !verb.eq_ignore_ascii_case("post")) {
        place.cannot("its query is not sent by POST".to_owned());
    }
    // What replaces the document's server replaces it for queries too.
    match url.strip_prefix(server.as_str()).filter(|rest| !server.is_empty() && rest.starts_with('/')) {
        Some(rest) => *path = vec![PathPart::Literal(rest.to_owned())],
        None => (*server, *path) = (url.trim_end_matches('/').to_owned(), Vec::new()),
    }
    for parameter in parameters.iter_mut().filter(|p| p.location != Location::Server) {
        parameter.location = Location::Nowhere;
    }
    let paging = paging(place, said, parameters);
    Ok(Some((GraphQl { query: query.to_owned(), cursor, mutation: is_mutation(query) }, paging)))
}

/// Whether an operation of the query changes something.
fn is_mutation(query: &str) -> bool {
    let mut depth = 0_usize;
    query.lines().map(|line| line.split('#').next().unwrap_or_default()).any(|line| {
        let outside = depth == 0 && line.split(|c: char| !c.is_alphanumeric()).any(|word| word == "mutation");
        for c in line.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        outside
    })
}

fn paging(place: &mut Place<'_>, said: &Value, parameters: &[Parameter]) -> Paging {
    let text = |key: &str| said.pointer(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let strategy = text("/cursor/strategy").unwrap_or("cursor_after");
    let from = text("/cursor/jsonPath").and_then(|path| paths(path).ok());
    let flag = text("/cursor/terminateOnJsonPath").and_then(|path| paths(path).ok());
    let paging = Paging { known: Known::Configured, ..Paging::whole() };
    match (strategy, from) {
        ("cursor_after", Some(from)) if !from.iter().any(|path| path.0.iter().any(|key| key == "__no_cursor")) => {
            let style = PagingStyle::Cursor { into: Slot::GraphQl, from: Source::Body(from) };
            return Paging { style, ..paging };
        }
        ("page_info", Some(from)) if flag.is_some() => {
            let style = PagingStyle::Cursor { into: Slot::GraphQl, from: Source::Body(from) };
            return Paging { style, goes_on: flag.unwrap_or_default(), ..paging };
        }
        ("cursor_after" | "page_info" | "keyset", _) => {}
        (other, _) => place.note(&format!("x-stackQL-graphQL.cursor: `{other}` is no strategy that is known here")),
    }
    // Rows that share the last one's key would be lost by asking for what is greater, so the list is one page, and it is
    // told when that is full.
    let size = parameters.iter().find(|p| SIZES.contains(&p.wire.as_str()) && p.shape.kind != Kind::String);
    let default = size.and_then(|p| p.shape.default.as_ref()).and_then(Value::as_u64);
    Paging { known: Known::Inferred, full: default.into_iter().collect(), ..paging }
}
