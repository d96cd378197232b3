//! One request of a read: asked, judged, decoded. Runs as a task of its own, so that pages travel side by side.

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::common::runtime::SpawnedTask;
use serde_json::Value;

use super::fetch::Fetch;
use crate::error::{Error, Kind, Result};
use crate::http::{
    Exchange, PageFacts, PageRequest, Reply, content, from_header, graphql_refusal, misshapen, next_link, no_rows,
    refused, success, unreadable,
};
use crate::plan::context::StatementContext;
use crate::plan::reading::ParameterSet;
use crate::registry::{Column, JsonPath, Method, Paging, PagingStyle, Resource, Slot, Source};
use crate::rows::{Answer, Decoded, Decoder, Outline, compact};

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
    exchange: Arc<Exchange>,
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
        received.facts = facts(&fetch, &received).await?;
        return Ok(Arrived::Raw(received));
    }
    let batch = read(&context, &fetch, &decoder, (set, &mut received)).await?;
    Ok(Arrived::Decoded(received, batch))
}

/// Asks for one page of the list that `set` names, and decodes it.
pub async fn one(
    context: &StatementContext,
    fetch: &Fetch,
    decoder: &Arc<Decoder>,
    (set, request): (&ParameterSet, PageRequest),
) -> Result<Page> {
    let mut received = receive(context, fetch, (set, request)).await?;
    let absent = received.absent;
    let batch = match absent {
        true => RecordBatch::new_empty(decoder.schema().clone()),
        false => read(context, fetch, decoder, (set, &mut received)).await?,
    };
    Ok(Page { batch, facts: received.facts, absent })
}

async fn receive(
    context: &StatementContext,
    fetch: &Fetch,
    (set, request): (&ParameterSet, PageRequest),
) -> Result<Received> {
    let call = fetch.call(set).with_page(request);
    let exchange = context.exchange_for(&fetch.resource.provider, &fetch.method).await?;
    let reply = context.answers.get(&context.client, &exchange, &call, &context.warnings).await?;
    let absent = fetch.method.not_found.as_ref().is_some_and(|rule| no_rows(rule, &exchange.access, &reply));
    let blank = matches!(reply.body.trim_ascii(), b"" | b"null");
    Ok(Received { reply, exchange, absent, blank, facts: PageFacts::default() })
}

/// Decodes a page.
pub async fn read(
    context: &StatementContext,
    fetch: &Fetch,
    decoder: &Arc<Decoder>,
    (set, received): (&ParameterSet, &mut Received),
) -> Result<RecordBatch> {
    let work = Reading::of(fetch, (decoder.clone(), fetch.echo(set)), received);
    let (decoded, facts) =
        aside(received.bytes(), move || work.read()).await.map_err(|e| in_table(e, &fetch.resource))?;
    for misfit in decoded.misfits {
        context.warnings.add_misfit(&fetch.resource.full_name(), misfit);
    }
    received.facts = facts;
    Ok(decoded.batch)
}

/// What a page says of those that follow, without decoding its rows into columns.
async fn facts(fetch: &Fetch, received: &Received) -> Result<PageFacts> {
    let work = Reading::of(fetch, (Arc::new(Decoder::new(Vec::new())), Vec::new()), received);
    let read = aside(received.bytes(), move || work.read()).await.map_err(|e| in_table(e, &fetch.resource))?;
    Ok(read.1)
}

/// Answers larger than this are decoded beside the runtime, so that other pages' timers and sockets are not held up.
const LARGE: usize = 1 << 20;

/// Does `work` over so many bytes. A panic beside the runtime is an error.
async fn aside<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    if bytes <= LARGE {
        return work();
    }
    let done = SpawnedTask::spawn_blocking(work).join().await;
    done.map_err(|e| Error::new(Kind::Internal, format!("a page could not be decoded: {e}")))?
}

/// The reading of one answer, with all that it needs.
struct Reading {
    exchange: Arc<Exchange>,
    method: Arc<Method>,
    paging: Paging,
    reply: Reply,
    decoder: Arc<Decoder>,
    /// Values of the columns that are request parameters.
    echo: Vec<(String, Value)>,
}

impl Reading {
    fn of(fetch: &Fetch, (decoder, echo): (Arc<Decoder>, Vec<(String, Value)>), received: &Received) -> Reading {
        let (exchange, reply) = (received.exchange.clone(), received.reply.clone());
        Reading { exchange, method: fetch.method.clone(), paging: fetch.paging(), reply, decoder, echo }
    }

    /// Judges the answer and decodes it.
    fn read(&self) -> Result<(Decoded, PageFacts)> {
        let (exchange, method, reply) = (&self.exchange, &self.method, &self.reply);
        if !(200..300).contains(&reply.status) {
            return Err(refused(exchange, method, reply));
        }
        if let Some(error) = method.graphql.as_ref().and_then(|_| graphql_refusal(reply)) {
            return Err(error);
        }
        if !method.answer.reshape.is_empty() {
            return self.read_reshaped();
        }
        let is_json = method.answer.media_type.contains("json");
        let is_empty = reply.status == 204 || reply.body.iter().all(u8::is_ascii_whitespace);
        if !is_json || is_empty {
            let value = success(exchange, method, reply)?.unwrap_or(Value::Null);
            return self.read_json(&Bytes::from(value.to_string()));
        }
        self.read_json(&reply.body)
    }

    fn read_json(&self, body: &Bytes) -> Result<(Decoded, PageFacts)> {
        let (exchange, method, reply) = (&self.exchange, &self.method, &self.reply);
        let verdict = exchange.access.success.as_ref();
        let complaints = [JsonPath(vec!["error".to_owned()]), JsonPath(vec!["errors".to_owned()])];
        let lenient = method.answer.may_lack_rows;
        let figures = verdict.into_iter().chain(self.figures()).chain(complaints.iter().filter(|_| lenient));
        let outline = Outline::new(&method.answer.rows, figures);
        let echo = |column: &Column| {
            let (_, value) = self.echo.iter().find(|(name, _)| *name == column.name)?;
            Some(value.to_string())
        };
        let read = self.decoder.read(body, &outline, &echo);
        let mut answer = read.map_err(|it| match method.answer.reshape.is_empty() {
            true => unreadable(reply, (it.at, it.cut), it.why),
            false => misshapen(reply, it.at),
        })?;
        if verdict.and_then(|path| answer.at(path)) == Some("false") {
            return Err(refused(exchange, method, reply));
        }
        // An API that leaves out a list without rows does not complain of anything either.
        let complains =
            complaints.iter().any(|path| answer.at(path).is_some_and(|text| !matches!(text, "null" | "[]")));
        let mut decoded = answer.rows_or_none(lenient && !complains)?;
        let facts = self.facts(&answer, &decoded);
        decoded.batch = compact(decoded.batch)?;
        Ok((decoded, facts))
    }

    /// Rows are in what the document makes of the answer; what it says of other pages, in the answer as it came.
    fn read_reshaped(&self) -> Result<(Decoded, PageFacts)> {
        let made = content(&self.exchange, &self.method, &self.reply)?;
        let (decoded, mut facts) = self.read_json(&made.unwrap_or_else(|| Bytes::from_static(b"null")))?;
        let original = self.method.answer.figures(&self.reply.body).map(Bytes::from);
        let (decoder, outline) = (Decoder::new(Vec::new()), Outline::new(&[], self.figures()));
        let read = original.as_ref().and_then(|body| decoder.read(body, &outline, &|_| None).ok());
        match &read {
            Some(answer) => self.said(answer, &mut facts),
            None => {
                let PageFacts { rows, fresh, link, first_row, last_value, .. } = facts;
                facts = PageFacts { rows, fresh, link, first_row, last_value, ..PageFacts::default() };
            }
        }
        Ok((decoded, facts))
    }

    /// Where an answer speaks of other pages.
    fn figures(&self) -> impl Iterator<Item = &JsonPath> {
        let next = match self.paging.next() {
            Some(Source::Body(paths)) => paths.as_slice(),
            _ => &[],
        };
        self.paging.total.iter().chain(&self.paging.total_pages).chain(&self.paging.goes_on).chain(next)
    }

    /// What an answer says beside its rows.
    fn facts(&self, answer: &Answer<'_>, decoded: &Decoded) -> PageFacts {
        let (paging, rows) = (&self.paging, decoded.batch.num_rows() as u64);
        let mut facts = PageFacts {
            rows,
            fresh: rows,
            link: self.reply.link.as_deref().and_then(next_link),
            first_row: decoded.first_row,
            ..PageFacts::default()
        };
        if let PagingStyle::Keyset { field, .. } = &paging.style {
            facts.last_value = answer.last_text(decoded, field);
        }
        self.said(answer, &mut facts);
        facts
    }

    /// Whether there is more, where a flag says it. A query of GraphQL asks for its flag, so that none is no.
    fn more(&self, answer: &Answer<'_>) -> Option<bool> {
        let flags = &self.paging.goes_on;
        let says = |word: &str| flags.iter().any(|path| answer.at(path) == Some(word));
        let names = || {
            flags.iter().any(|path| {
                answer.at(path).is_some_and(|text| text.starts_with('"') && !matches!(text, "\"\"" | "\"false\""))
            })
        };
        let asked = matches!(&self.paging.style, PagingStyle::Cursor { into: Slot::GraphQl, .. });
        match says("true") || names() {
            true => Some(true),
            false => (says("false") || (asked && !flags.is_empty())).then_some(false),
        }
    }

    /// Totals, and what the next page is asked for by.
    fn said(&self, answer: &Answer<'_>, facts: &mut PageFacts) {
        facts.total = answer.number_at(&self.paging.total);
        facts.total_pages = answer.number_at(&self.paging.total_pages);
        let next = self.paging.next().and_then(|source| match source {
            Source::Body(paths) => answer.text_at(paths),
            Source::Header { pattern, .. } => from_header(self.reply.page_header.as_deref()?, pattern.as_deref()),
        });
        facts.more = self.more(answer);
        let next = next.filter(|_| facts.more != Some(false));
        match &self.paging.style {
            PagingStyle::Cursor { .. } => facts.cursor = next,
            PagingStyle::NextUrl { .. } => facts.next_url = next,
            _ => {}
        }
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

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn large_answers_are_read_on_a_thread_of_their_own_and_small_ones_are_not() {
        let here = thread::current().id();
        assert_eq!(aside(LARGE, || Ok(thread::current().id())).await.unwrap(), here);
        assert_ne!(aside(LARGE + 1, || Ok(thread::current().id())).await.unwrap(), here);
    }

    #[tokio::test]
    async fn a_panic_while_a_large_answer_is_read_is_an_error() {
        let error = aside::<()>(LARGE + 1, || panic!("on purpose")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
        assert!(error.message().contains("a page could not be decoded"), "{error}");
    }
}
