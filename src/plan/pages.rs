//! The pages of a scan, one after the other: asks, decodes, filters, and stops when enough rows have come.
//! One batch a page. Knows the description of the scan and the statement's context; plans nothing.

use std::fmt;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use datafusion::physical_expr::PhysicalExpr;

use super::context::StatementContext;
use super::errors::unwrap;
use super::fetch::Fetch;
use super::reading::ParameterSet;
use crate::error::{Error, Kind, Result};
use crate::http::{Completeness, Next, PageFacts, PageRequest, Pager, Reply, next_link, no_rows, success};
use crate::registry::{Column, Paging, PagingStyle};
use crate::rows::{Decoded, Decoder, Envelope};

/// A scan under way.
pub struct Pages {
    fetch: Arc<Fetch>,
    context: Arc<StatementContext>,
    decoder: Decoder,
    paging: Paging,
    /// Rows still wanted.
    left: Option<usize>,
    /// The parameter set that is being read.
    set: usize,
    /// Where its list stands; None before its first page.
    list: Option<(Pager, PageRequest)>,
}

impl Pages {
    /// Nothing is sent before [`Pages::next`].
    pub fn new(fetch: Arc<Fetch>, limit: Option<usize>, context: Arc<StatementContext>) -> Self {
        let decoder = Decoder::new(fetch.columns.clone());
        let paging = fetch.paging();
        Pages { fetch, context, decoder, paging, left: limit, set: 0, list: None }
    }

    /// The next batch of rows; None at the end.
    pub async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while self.left != Some(0) && self.set < self.fetch.sets.len() {
            let batch = self.page().await?;
            if batch.num_rows() > 0 {
                return Ok(Some(batch));
            }
        }
        Ok(None)
    }

    /// Reads one page and moves on to what follows it.
    async fn page(&mut self) -> Result<RecordBatch> {
        let (mut pager, request) = self.list.take().unwrap_or_else(|| {
            let pager = Pager::new(&self.paging, self.wanted());
            let first = pager.first();
            (pager, first)
        });
        let fetch = self.fetch.clone();
        let (set, check) = &fetch.sets[self.set];
        let exchange = self.context.exchange(&fetch.resource.provider)?;
        let call = fetch.call(set).with_page(request);
        let reply = self.context.client.send(&exchange, &call).await?;
        if fetch.method.not_found.as_ref().is_some_and(|rule| no_rows(rule, &exchange.access, &reply)) {
            self.set += 1;
            return Ok(RecordBatch::new_empty(crate::rows::schema(&fetch.columns[..fetch.output])));
        }
        success(&exchange, &fetch.method, &reply)?;
        let (decoded, facts) = self.decode(&reply, set)?;
        for misfit in decoded.misfits {
            self.context.warnings.add_misfit(&fetch.resource.full_name(), misfit);
        }
        match pager.after(&facts).map_err(|e| in_table(e, &fetch))? {
            Next::Page(request) => self.list = Some((pager, request)),
            Next::End(completeness) => {
                if let Completeness::MayBeCut(why) = completeness {
                    self.context.warnings.add_incomplete(format!("{}: {why}", fetch.resource.full_name()));
                }
                self.set += 1;
            }
        }
        self.finish(decoded.batch, check.as_ref())
    }

    fn wanted(&self) -> Option<u64> {
        self.fetch.wanted(self.left)
    }

    fn decode(&self, reply: &Reply, set: &ParameterSet) -> Result<(Decoded, PageFacts)> {
        let fetch = &self.fetch;
        let envelope = Envelope::parse(&reply.body).map_err(|e| in_table(e, fetch))?;
        let rows = envelope.rows(&fetch.method.answer.rows).map_err(|e| in_table(e, fetch))?;
        let echo = |column: &Column| {
            let value = set.echo.iter().find(|(name, _)| *name == column.name).map(|(_, value)| value)?;
            Some(value.to_string())
        };
        let decoded = self.decoder.decode(&rows, &echo).map_err(|e| in_table(e, fetch))?;
        let paging = &self.paging;
        let (cursor, next_url) = match &paging.style {
            PagingStyle::Cursor { next, .. } => (envelope.text_at(next), None),
            PagingStyle::NextUrl { next } => (None, envelope.text_at(next)),
            _ => (None, None),
        };
        let last_value = match &paging.style {
            PagingStyle::Keyset { field, .. } => rows.last_text(field),
            _ => None,
        };
        let count = decoded.batch.num_rows() as u64;
        let facts = PageFacts {
            rows: count,
            fresh: count,
            total: envelope.number_at(&paging.total),
            total_pages: envelope.number_at(&paging.total_pages),
            cursor,
            next_url,
            link: reply.link.as_deref().and_then(next_link),
            first_row: decoded.first_row,
            last_value,
        };
        Ok((decoded, facts))
    }

    /// Filters, cuts at the limit, and drops the columns that only filters needed.
    fn finish(&mut self, batch: RecordBatch, check: Option<&Arc<dyn PhysicalExpr>>) -> Result<RecordBatch> {
        let mut batch = batch;
        for predicate in self.fetch.predicates.iter().chain(check) {
            if batch.num_rows() > 0 {
                batch = filtered(&batch, predicate)?;
            }
        }
        if let Some(left) = &mut self.left {
            batch = batch.slice(0, batch.num_rows().min(*left));
            *left -= batch.num_rows();
        }
        let output: Vec<usize> = (0..self.fetch.output).collect();
        batch.project(&output).map_err(internal)
    }
}

fn filtered(batch: &RecordBatch, predicate: &Arc<dyn PhysicalExpr>) -> Result<RecordBatch> {
    let value = predicate.evaluate(batch).and_then(|v| v.into_array(batch.num_rows())).map_err(unwrap)?;
    let keep = value
        .as_any()
        .downcast_ref::<BooleanArray>()
        .ok_or_else(|| Error::new(Kind::Internal, format!("the filter {predicate} is no boolean")))?;
    filter_record_batch(batch, keep).map_err(internal)
}

fn internal(error: impl fmt::Display) -> Error {
    Error::new(Kind::Internal, format!("a batch could not be made: {error}"))
}

/// Says which table an error is about.
fn in_table(error: Error, fetch: &Fetch) -> Error {
    let name = fetch.resource.full_name();
    let kind = error.kind();
    let mut named = Error::new(kind, format!("{name}: {}", error.message()));
    if let Some(hint) = error.hint_text() {
        named = named.hint(hint);
    }
    named.caused_by(error)
}
