//! Rows that a statement says itself: the values that its conditions give the parameters of a method, with no request.
//! A write by key finds its targets so. Must not know what is done with them.

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::fetch::Fetch;
use super::pages::filtered;
use crate::error::Result;
use crate::registry::{Answer, Column, HttpVerb, JsonPath, Method, Pushdown, Resource, Verbs, asks, columns_of};
use crate::rows::{Decoder, Outline};

/// The targets of `method` as a table: one column for each of its parameters and fields, and one way to read it.
#[must_use]
pub fn targets(resource: &Resource, method: &Method) -> Resource {
    let asks = asks(method);
    let mut columns = columns_of(&[], asks.iter());
    // A condition may say them under either name.
    let rows: Vec<Column> = resource.columns.iter().filter(|c| !c.paths.is_empty()).cloned().collect();
    for column in columns_of(&rows, asks.iter()) {
        if columns.iter().all(|c| c.name != column.name) {
            columns.push(column);
        }
    }
    for column in &mut columns {
        column.hidden = false;
    }
    let read = Method {
        http: HttpVerb::Get,
        answer: Answer::default(),
        paging: None,
        order: Vec::new(),
        pushdown: Pushdown::default(),
        not_found: None,
        ..method.clone()
    };
    Resource {
        columns,
        verbs: Verbs { select: vec![read.name.clone()], ..Verbs::default() },
        methods: vec![Arc::new(read)],
        key: Vec::new(),
        hydrate: None,
        views: Vec::new(),
        ..resource.clone()
    }
}

/// One row for each parameter set, as far as the filters let it through.
///
/// # Errors
/// When a filter cannot be applied.
pub fn rows(fetch: &Fetch) -> Result<RecordBatch> {
    let said = |column: &Column| Column { paths: vec![JsonPath(vec![column.name.clone()])], ..column.clone() };
    let decoder = Decoder::new(fetch.columns.iter().map(said).collect());
    let rows = fetch.sets.iter().map(|(set, _)| Value::Object(set.echo.iter().cloned().collect::<Map<_, _>>()));
    let text = Value::Array(rows.collect()).to_string();
    let outline = Outline::new(&[JsonPath::default()], []);
    let mut batch = decoder.read(&Bytes::from(text), &outline, &|_| None)?.rows()?.batch;
    for predicate in &fetch.predicates {
        batch = filtered(&batch, predicate)?;
    }
    Ok(batch.project(&(0..fetch.output).collect::<Vec<_>>()).unwrap_or(batch))
}
