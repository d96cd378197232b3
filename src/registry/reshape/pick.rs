//! Paths of JSON with indexes and wildcards: `$.a[0].b`, `$.items[*].disks`, `$.*`, `$['a b']`.

use std::borrow::Cow;

use serde_json::Value;

use crate::registry::document::Document;
use crate::registry::schema;

/// A path, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Pick(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Key(String),
    /// From the end where it is negative.
    Index(i64),
    All,
}

impl Pick {
    /// Reads a path.
    ///
    /// # Errors
    /// What of it is not known: filters, slices, `..`.
    pub fn parse(text: &str) -> Result<Pick, String> {
        let wrong = || format!("`{text}` is not a path such as `$.result.items`, `$.a[0].b` or `$.a[*].b`");
        let trimmed = text.trim();
        let mut rest: Cow<'_, str> = match trimmed.strip_prefix('$') {
            Some(rest) if rest.is_empty() || rest.starts_with(['.', '[']) => rest.into(),
            Some(_) => return Err(wrong()),
            None if trimmed.starts_with('[') => trimmed.into(),
            None => format!(".{trimmed}").into(),
        };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, length) = step(&rest).ok_or_else(wrong)?;
            steps.push(step);
            rest = rest[length..].to_owned().into();
        }
        Ok(Pick(steps))
    }

    /// The keys, where it is made of nothing else. `[*]` at the end says nothing that rows do not say.
    pub fn keys(&self) -> Option<Vec<String>> {
        let steps = match self.0.split_last() {
            Some((Step::All, before)) if !before.is_empty() => before,
            _ => &self.0,
        };
        let key = |step: &Step| if let Step::Key(key) = step { Some(key.clone()) } else { None };
        steps.iter().map(key).collect()
    }

    /// The same path without a wildcard at its end, where it has one.
    pub fn ends_in_all(&self) -> Option<Pick> {
        match self.0.split_last() {
            Some((Step::All, before)) => Some(Pick(before.to_vec())),
            _ => None,
        }
    }

    /// The first value that it leads to.
    pub fn first<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.find(value).into_iter().next()
    }

    fn find<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        self.0.iter().fold(vec![value], |found, step| found.into_iter().flat_map(|at| within(step, at)).collect())
    }

    /// The rows: what the path leads to. Arrays that a wildcard leads to are put one behind the other.
    pub fn rows(&self, value: &Value) -> Value {
        let found = self.find(value);
        if !self.0.contains(&Step::All) {
            return found.first().map_or(Value::Null, |value| (*value).clone());
        }
        let flat = !found.is_empty() && found.iter().all(|value| value.is_array());
        Value::Array(match flat {
            true => found.into_iter().filter_map(Value::as_array).flatten().cloned().collect(),
            false => found.into_iter().cloned().collect(),
        })
    }

    /// The schema of what it leads to.
    pub fn schema<'d>(&self, document: &'d Document, schema: &'d Value) -> Option<&'d Value> {
        self.0.iter().try_fold(document.resolve(schema).ok()?, |at, step| match step {
            Step::Key(key) => schema::property(document, at, key, 0).or_else(|| schema::map_of(document, at)),
            Step::Index(_) => schema::items(document, at),
            Step::All => schema::items(document, at).or_else(|| schema::map_of(document, at)),
        })
    }
}

/// The step that `rest` begins with, and its length.
fn step(rest: &str) -> Option<(Step, usize)> {
    if let Some(inner) = rest.strip_prefix('[') {
        if let Some(quote) = inner.chars().next().filter(|c| matches!(c, '\'' | '"')) {
            let end = inner[1..].find(quote)? + 1;
            let key = inner[1..end].to_owned();
            return inner[end + 1..].starts_with(']').then_some((Step::Key(key), end + 3));
        }
        let end = inner.find(']')?;
        let step = match inner[..end].trim() {
            "*" | "" => Step::All,
            index => Step::Index(index.parse().ok()?),
        };
        return Some((step, end + 2));
    }
    let inner = rest.strip_prefix('.')?;
    let end = inner.find(['.', '[']).unwrap_or(inner.len());
    match &inner[..end] {
        "" => None,
        "*" => Some((Step::All, end + 1)),
        key if key.contains(']') => None,
        key => Some((Step::Key(key.to_owned()), end + 1)),
    }
}

fn within<'v>(step: &Step, value: &'v Value) -> Vec<&'v Value> {
    match (step, value) {
        (Step::Key(key), Value::Object(entries)) => entries.get(key).into_iter().collect(),
        (Step::Index(index), Value::Array(items)) => {
            let place = usize::try_from(*index).ok();
            let from_end = || usize::try_from(index.unsigned_abs()).ok().and_then(|n| items.len().checked_sub(n));
            place.or_else(from_end).and_then(|place| items.get(place)).into_iter().collect()
        }
        (Step::All, Value::Array(items)) => items.iter().collect(),
        (Step::All, Value::Object(entries)) => entries.values().collect(),
        _ => Vec::new(),
    }
}
