//! What an answer has around its rows: the scalars of its schema, by name, in those places where APIs speak of pages. Must
//! not know what the names mean.

use serde_json::Value;

use crate::registry::document::Document;
use crate::registry::model::JsonPath;
use crate::registry::{schema, sql_name};

/// Objects in which APIs speak of pages.
const CONTAINERS: [&str; 15] = [
    "result_info",
    "pagination",
    "paging",
    "page_info",
    "page",
    "pages",
    "page_context",
    "meta",
    "metadata",
    "response_metadata",
    "list_metadata",
    "links",
    "next",
    "cursors",
    "cursor",
];

/// Deeper than `$._links.next.href` and `$.result.pagination.cursors.after` none is found.
const DEEPEST: usize = 4;

/// A scalar around the rows.
pub(super) struct Leaf {
    pub path: JsonPath,
    /// Its key, as SQL would spell it.
    pub name: String,
    pub is_url: bool,
    /// The type words of its schema; none where it says nothing.
    words: Vec<String>,
}

impl Leaf {
    /// It says yes or no.
    pub fn is_flag(&self) -> bool {
        self.words.iter().any(|word| word == "boolean")
    }

    pub fn is_number(&self) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| word == "integer" || word == "number")
    }
}

/// The scalars of `envelope` beside the rows, which stand at one of `rows`.
pub(super) fn leaves(document: &Document, envelope: &Value, rows: &[JsonPath]) -> Vec<Leaf> {
    let mut found = Vec::new();
    // Where the answer is the list itself, there is nothing around it.
    if rows.iter().all(|path| !path.0.is_empty()) {
        let walk = Walk { document, rows };
        walk.object(envelope, &mut Vec::new(), &mut found);
    }
    found
}

struct Walk<'a> {
    document: &'a Document,
    rows: &'a [JsonPath],
}

impl Walk<'_> {
    fn object(&self, schema: &Value, at: &mut Vec<String>, found: &mut Vec<Leaf>) {
        for key in schema::property_names(self.document, schema) {
            let Some(property) = schema::property(self.document, schema, key, 0) else { continue };
            at.push(key.to_owned());
            self.property(property, at, found);
            at.pop();
        }
    }

    fn property(&self, schema: &Value, at: &mut Vec<String>, found: &mut Vec<Leaf>) {
        if self.rows.iter().any(|path| path.0 == *at) {
            return;
        }
        let Some(name) = at.last().map(|key| sql_name(key)) else { return };
        let words = words(schema);
        let is_object = schema.get("properties").is_some() || schema.get("allOf").is_some();
        let leads_to_rows = self.rows.iter().any(|path| path.0.starts_with(at));
        if is_object || words.iter().any(|word| word == "object") {
            let known = CONTAINERS.contains(&name.trim_start_matches('_'));
            if at.len() < DEEPEST && (known || leads_to_rows) {
                self.object(schema, at, found);
            }
            return;
        }
        if words.iter().any(|word| word == "array") {
            return;
        }
        let is_url = matches!(schema.get("format").and_then(Value::as_str), Some("uri" | "url" | "uri-reference"));
        found.push(Leaf { path: JsonPath(at.clone()), name, is_url, words });
    }
}

fn words(schema: &Value) -> Vec<String> {
    match schema.get("type") {
        Some(Value::String(word)) => vec![word.clone()],
        Some(Value::Array(words)) => {
            words.iter().filter_map(Value::as_str).filter(|w| *w != "null").map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
