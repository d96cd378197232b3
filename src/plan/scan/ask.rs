//! One request of a read: asked, judged, decoded. Runs as a task of its own, so that pages travel side by side.

use std::sync::Arc;

use arrow::array::RecordBatch;
use serde_json::Value;

use super::fetch::Fetch;
use crate::error::{Error, Kind, Result};
use crate::http::{Call, Exchange, PageFacts, PageRequest, Reply, next_link, no_rows, refused, success};
use crate::plan::context::StatementContext;
use crate::plan::reading::ParameterSet;
use crate::registry::{Column, Method, Paging, PagingStyle, Resource};
use crate::rows::{Decoded, Decoder, Envelope, Rows};

/// A page of a list, decoded.
pub struct Page {
    /// All columns that the scan decodes.
    pub batch: RecordBatch,
    /// What it says of the pages that follow.
    pub facts: PageFacts,
    /// The API said that there is nothing: a 404 that means no rows.
    pub absent: bool,
    /// The answer has no body, or `null` for one.
    pub blank: bool,
    /// Bytes of the answer.
    pub bytes: usize,
}

/// Asks for one page.
pub async fn page(
    context: Arc<StatementContext>,
    fetch: Arc<Fetch>,
    decoder: Arc<Decoder>,
    (set, request): (usize, PageRequest),
) -> Result<Page> {
    let (set, _) = fetch.sets.get(set).ok_or_else(|| Error::new(Kind::Internal, "no such parameter set"))?;
    one(&context, &fetch, &decoder, (set, request)).await
}

/// Asks for one page of the list that `set` names.
pub async fn one(
    context: &StatementContext,
    fetch: &Fetch,
    decoder: &Decoder,
    (set, request): (&ParameterSet, PageRequest),
) -> Result<Page> {
    let call = Call::new(fetch.method.clone(), set.arguments.clone()).with_page(request);
    let exchange = context.exchange(&fetch.resource.provider)?;
    let reply = context.answers.get(&context.client, &exchange, &call, &context.warnings).await?;
    if fetch.method.not_found.as_ref().is_some_and(|rule| no_rows(rule, &exchange.access, &reply)) {
        let batch = RecordBatch::new_empty(decoder.schema().clone());
        let (facts, bytes) = (PageFacts::default(), reply.body.len());
        return Ok(Page { batch, facts, absent: true, blank: false, bytes });
    }
    let paging = fetch.paging();
    let read = |envelope: &Envelope<'_>| decode(envelope, (&fetch.method, &paging), decoder, (set, &reply));
    let (decoded, facts) =
        with_envelope(&exchange, &fetch.method, &reply, read).map_err(|e| in_table(e, &fetch.resource))?;
    for misfit in decoded.misfits {
        context.warnings.add_misfit(&fetch.resource.full_name(), misfit);
    }
    let blank = matches!(reply.body.trim_ascii(), b"" | b"null");
    Ok(Page { batch: decoded.batch, facts, absent: false, blank, bytes: reply.body.len() })
}

/// Judges an answer and reads it. No tree of values is made of a JSON answer.
fn with_envelope<T>(
    exchange: &Exchange,
    method: &Method,
    reply: &Reply,
    read: impl FnOnce(&Envelope<'_>) -> Result<T>,
) -> Result<T> {
    if !(200..300).contains(&reply.status) {
        return Err(refused(exchange, method, reply));
    }
    let is_json = method.answer.media_type.contains("json");
    let is_empty = reply.status == 204 || reply.body.iter().all(u8::is_ascii_whitespace);
    if !is_json || is_empty {
        let value = success(exchange, method, reply)?.unwrap_or(Value::Null);
        return read(&Envelope::parse(value.to_string().as_bytes())?);
    }
    let envelope = match Envelope::parse(&reply.body) {
        Ok(envelope) => envelope,
        // The HTTP floor knows best how to say what came instead.
        Err(error) => return Err(success(exchange, method, reply).err().unwrap_or(error)),
    };
    let says_no = exchange.access.success.as_ref().and_then(|path| envelope.at(path));
    if says_no.is_some_and(|raw| raw.get() == "false") {
        return Err(refused(exchange, method, reply));
    }
    read(&envelope)
}

fn decode(
    envelope: &Envelope<'_>,
    (method, paging): (&Method, &Paging),
    decoder: &Decoder,
    (set, reply): (&ParameterSet, &Reply),
) -> Result<(Decoded, PageFacts)> {
    let rows = match envelope.is_null() {
        true => Rows::None,
        false => envelope.rows(&method.answer.rows)?,
    };
    let echo = |column: &Column| {
        let value = set.echo.iter().find(|(name, _)| *name == column.name).map(|(_, value)| value)?;
        Some(value.to_string())
    };
    let decoded = decoder.decode(&rows, &echo)?;
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

/// Says which page of which table an error is about.
pub fn on_page(error: Error, resource: &Resource, page: u64) -> Error {
    if page == 1 || error.message().contains(&format!("page {page}")) {
        return in_table(error, resource);
    }
    let name = resource.full_name();
    let text = error.message().strip_prefix(&format!("{name}: ")).unwrap_or(error.message());
    let mut named = Error::new(error.kind(), format!("{name}, page {page}: {text}"));
    if let Some(hint) = error.hint_text() {
        named = named.hint(hint);
    }
    named.caused_by(error)
}

/// Says which table an error is about.
pub fn in_table(error: Error, resource: &Resource) -> Error {
    let name = resource.full_name();
    if error.message().contains(&name) {
        return error;
    }
    let mut named = Error::new(error.kind(), format!("{name}: {}", error.message()));
    if let Some(hint) = error.hint_text() {
        named = named.hint(hint);
    }
    named.caused_by(error)
}
