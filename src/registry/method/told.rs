//! What `x-weir` says of a method: its paging, what makes a repeat take effect once, how a call settles.
//! Must not know the operation itself.

use std::time::Duration;

use serde_json::Value;

use super::path;
use crate::error::{Error, Result};
use crate::registry::model::{Idempotency, Known, PageSize, Paging, PagingStyle, Settles, Slot, Source};
use crate::registry::weir_keys::{IdempotencyKeys, PagingKeys, SettlesKeys};

/// Seconds between two questions whether a call has taken effect, where the document says nothing.
const DEFAULT_EVERY: f64 = 2.0;

pub(super) fn paging(keys: PagingKeys, here: &str) -> Result<Paging> {
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
        "cursor" => PagingStyle::Cursor {
            into: Slot::Query(need(keys.parameter.clone(), "parameter")?),
            from: Source::Body(paths(&keys.next)?),
        },
        "keyset" => PagingStyle::Keyset {
            parameter: need(keys.parameter.clone(), "parameter")?,
            field: need(keys.field.clone(), "field")?,
        },
        "next_url" => PagingStyle::NextUrl { from: Source::Body(paths(&keys.next)?) },
        "link" => PagingStyle::Link,
        other => return Err(Error::document(format!("{here}: `{other}` is no style of paging"))),
    };
    if matches!(style, PagingStyle::Cursor { .. } | PagingStyle::NextUrl { .. }) && keys.next.is_empty() {
        return Err(Error::document(format!("{here}: style `{}` needs `next`", keys.style)));
    }
    Ok(Paging {
        style,
        size: keys.size.map(|s| PageSize {
            parameter: s.parameter,
            largest: s.largest.max(1),
            smallest: 1,
            if_wanted: false,
        }),
        total: paths(&keys.total)?,
        total_pages: paths(&keys.total_pages)?,
        concurrent: keys.concurrent,
        window: keys.window,
        total_may_differ: keys.total_may_differ,
        known: Known::Told,
        goes_on: Vec::new(),
        full: Vec::new(),
    })
}

pub(super) fn idempotency(keys: IdempotencyKeys, here: &str) -> Result<Idempotency> {
    let here = format!("{here}.x-weir.idempotency_key");
    let valid = keys.hours.map(|hours| span(hours * 3600.0, &format!("{here}.hours"))).transpose()?;
    Ok(Idempotency { header: header(keys.header, &here)?, valid })
}

/// What it refers to in its resource is checked where the resource is whole.
pub(super) fn settles(keys: SettlesKeys, here: &str) -> Result<Settles> {
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
