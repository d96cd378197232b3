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
}

/// A page that has come and is judged, and not decoded yet.
pub struct Received {
    reply: Reply,
    /// The API said that there is nothing: a 404 that means no rows.
    pub absent: bool,
    /// The answer has no body, or `null` for one.
    pub blank: bool,
    /// What it says of the pages that follow.
    pub facts: PageFacts,
}

impl Received {
    /// Bytes of the answer.
    pub fn bytes(&self) -> usize {
        self.reply.body.len()
    }
}

/// A page as its task gives it.
pub enum Arrived {
    /// Of a list whose pages are known by number: decoded beside the others.
    Decoded(Received, RecordBatch),
    /// Of a list whose next page only this one names: the next is asked for before this one is decoded.
    Raw(Received),
}

/// Asks for one page. `chained`: leave the decoding to [`read`], after the next page was asked for.
pub async fn page(
    context: Arc<StatementContext>,
    fetch: Arc<Fetch>,
    decoder: Arc<Decoder>,
    (set, request, chained): (usize, PageRequest, bool),
) -> Result<Arrived> {
    let (set, _) = fetch.sets.get(set).ok_or_else(|| Error::new(Kind::Internal, "no such parameter set"))?;
    let mut received = receive(&context, &fetch, (set, request)).await?;
    if received.absent {
        return Ok(Arrived::Decoded(received, RecordBatch::new_empty(decoder.schema().clone())));
    }
    if chained {
        received.facts = facts(&context, &fetch, &received)?;
        return Ok(Arrived::Raw(received));
    }
    let batch = read(&context, &fetch, &decoder, (set, &mut received))?;
    Ok(Arrived::Decoded(received, batch))
}

/// Asks for one page of the list that `set` names, and decodes it.
pub async fn one(
    context: &StatementContext,
    fetch: &Fetch,
    decoder: &Decoder,
    (set, request): (&ParameterSet, PageRequest),
) -> Result<Page> {
    let mut received = receive(context, fetch, (set, request)).await?;
    let absent = received.absent;
    let batch = match absent {
        true => RecordBatch::new_empty(decoder.schema().clone()),
        false => read(context, fetch, decoder, (set, &mut received))?,
    };
    Ok(Page { batch, facts: received.facts, absent })
}

async fn receive(
    context: &StatementContext,
    fetch: &Fetch,
    (set, request): (&ParameterSet, PageRequest),
) -> Result<Received> {
    let call = Call::new(fetch.method.clone(), set.arguments.clone()).with_page(request);
    let exchange = context.exchange(&fetch.resource.provider)?;
    let reply = context.answers.get(&context.client, &exchange, &call, &context.warnings).await?;
    let absent = fetch.method.not_found.as_ref().is_some_and(|rule| no_rows(rule, &exchange.access, &reply));
    let blank = matches!(reply.body.trim_ascii(), b"" | b"null");
    Ok(Received { reply, absent, blank, facts: PageFacts::default() })
}

/// Decodes a page.
pub fn read(
    context: &StatementContext,
    fetch: &Fetch,
    decoder: &Decoder,
    (set, received): (&ParameterSet, &mut Received),
) -> Result<RecordBatch> {
    let exchange = context.exchange(&fetch.resource.provider)?;
    let (paging, reply) = (fetch.paging(), &received.reply);
    let read = |envelope: &Envelope<'_>| decode(envelope, (&fetch.method, &paging), decoder, (set, reply));
    let (decoded, facts) =
        with_envelope(&exchange, &fetch.method, reply, read).map_err(|e| in_table(e, &fetch.resource))?;
    for misfit in decoded.misfits {
        context.warnings.add_misfit(&fetch.resource.full_name(), misfit);
    }
    received.facts = facts;
    Ok(decoded.batch)
}

/// What a page says of those that follow, without decoding it.
fn facts(context: &StatementContext, fetch: &Fetch, received: &Received) -> Result<PageFacts> {
    let exchange = context.exchange(&fetch.resource.provider)?;
    let (paging, reply) = (fetch.paging(), &received.reply);
    let read = |envelope: &Envelope<'_>| {
        let rows = if envelope.is_null() { Rows::None } else { envelope.rows(&fetch.method.answer.rows)? };
        Ok(said(envelope, &paging, reply, rows.count()))
    };
    with_envelope(&exchange, &fetch.method, reply, read).map_err(|e| in_table(e, &fetch.resource))
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
    let count = decoded.batch.num_rows() as u64;
    let last_value = match &paging.style {
        PagingStyle::Keyset { field, .. } => rows.last_text(field),
        _ => None,
    };
    let facts = PageFacts { first_row: decoded.first_row, last_value, ..said(envelope, paging, reply, count) };
    Ok((decoded, facts))
}

/// What an answer says beside its rows.
fn said(envelope: &Envelope<'_>, paging: &Paging, reply: &Reply, rows: u64) -> PageFacts {
    let (cursor, next_url) = match &paging.style {
        PagingStyle::Cursor { next, .. } => (envelope.text_at(next), None),
        PagingStyle::NextUrl { next } => (None, envelope.text_at(next)),
        _ => (None, None),
    };
    PageFacts {
        rows,
        fresh: rows,
        total: envelope.number_at(&paging.total),
        total_pages: envelope.number_at(&paging.total_pages),
        cursor,
        next_url,
        link: reply.link.as_deref().and_then(next_link),
        ..PageFacts::default()
    }
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
