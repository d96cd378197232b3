//! What a statement answers with: rows as they come, or a sentence; and what it cost.

use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt};

use super::{OUTCOMES, Run, State};
use crate::error::{Error, Kind, Result, counted};
use crate::http::Totals;
use crate::plan::{Outcome, StatementContext};

/// The answer to one statement.
pub struct Answer {
    /// The rows; None for a statement that has none.
    pub rows: Option<Rows>,
    /// Lines to print as they stand: what a dry run shows.
    pub lines: Option<Vec<String>>,
    /// What happened, for a statement without rows (`2 rows inserted`).
    pub message: Option<String>,
    context: Arc<StatementContext>,
    started: std::time::Instant,
    strict: bool,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({:?})", self.message)
    }
}

impl Answer {
    /// A sentence without rows.
    pub(super) fn done(run: &Run, message: impl Into<String>) -> Answer {
        Answer { rows: None, message: Some(message.into()), ..Answer::empty(run) }
    }

    /// Rows.
    pub(super) fn rows(run: &Run, rows: Rows) -> Answer {
        Answer { rows: Some(rows), ..Answer::empty(run) }
    }

    /// Lines as they stand.
    pub(super) fn lines(run: &Run, lines: Vec<String>) -> Answer {
        Answer { lines: Some(lines), ..Answer::empty(run) }
    }

    /// Adds a sentence.
    pub(super) fn with_message(mut self, message: impl Into<String>) -> Answer {
        self.message = Some(message.into());
        self
    }

    fn empty(run: &Run) -> Answer {
        let context = run.context.clone();
        Answer { rows: None, lines: None, message: None, context, started: run.started, strict: run.settings.strict }
    }

    /// Whether values of secret columns may stand in its rows.
    pub(super) fn is_secret(&self) -> bool {
        self.context.values_hidden.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// What the statement cost so far, and its warnings. Call it when the rows are read.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let totals = self.context.client.log().totals(self.context.statement);
        let clean = |text: String| self.context.redactor.clean(&text);
        let warnings = self.context.warnings.texts().into_iter().map(clean).collect();
        Summary { statement: self.context.statement, totals, elapsed: self.started.elapsed(), warnings }
    }

    /// Whether the answer is whole, as far as can be known.
    ///
    /// # Errors
    /// [`Kind::Incomplete`] when it may not be, and the session is strict.
    pub fn check_complete(&self) -> Result<()> {
        match self.context.warnings.incomplete() {
            Some(why) if self.strict => {
                Err(Error::new(Kind::Incomplete, format!("the answer may not be whole: {why}"))
                    .hint("narrow the statement until it is, or run without --strict"))
            }
            _ => Ok(()),
        }
    }
}

/// What a statement cost.
#[derive(Debug, Clone)]
pub struct Summary {
    /// Number of the statement in its session.
    pub statement: u64,
    /// Requests, retries, bytes, time waited.
    pub totals: Totals,
    /// From its start until now.
    pub elapsed: Duration,
    /// Its warnings, secrets masked.
    pub warnings: Vec<String>,
}

impl Summary {
    /// `12 rows, 3 requests (1 retried), 41 KiB, 0.62 s, waited 0 s`
    #[must_use]
    pub fn line(&self, rows: u64) -> String {
        let mut line = format!("{}, {}", counted(rows, "row"), counted(self.totals.requests, "request"));
        if self.totals.retried > 0 {
            let _ = write!(line, " ({} retried)", self.totals.retried);
        }
        let bytes = self.totals.bytes;
        let size = if bytes < 10 * 1024 { format!("{bytes} B") } else { format!("{} KiB", bytes / 1024) };
        let waited = self.totals.waited.as_secs_f64();
        let waited = if waited < 0.005 { "0".to_owned() } else { format!("{waited:.2}") };
        let _ = write!(line, ", {size}, {:.2} s, waited {waited} s", self.elapsed.as_secs_f64());
        line
    }
}

/// Rows as they come. Dropping them stops the requests of a read.
pub struct Rows {
    schema: SchemaRef,
    stream: Pin<Box<dyn Stream<Item = Result<RecordBatch>> + Send>>,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rows({:?})", self.schema.fields())
    }
}

impl Rows {
    /// The rows of a plan; its errors in weir's words, secrets masked.
    pub(super) fn of(stream: SendableRecordBatchStream, context: &Arc<StatementContext>) -> Rows {
        let context = context.clone();
        let schema = stream.schema();
        let stream = stream.map(move |batch| batch.map_err(|e| context.told(e)));
        Rows { schema, stream: Box::pin(stream) }
    }

    /// Rows that are there, and the error that came after them, if one did.
    pub(super) fn ready(schema: SchemaRef, batches: Vec<RecordBatch>, failure: Option<Error>) -> Rows {
        let items: Vec<Result<RecordBatch>> = batches.into_iter().map(Ok).chain(failure.map(Err)).collect();
        Rows { schema, stream: Box::pin(futures::stream::iter(items)) }
    }

    /// These rows, and then an error.
    pub(super) fn followed_by(rows: Rows, error: Error) -> Rows {
        let Rows { schema, stream } = rows;
        Rows { schema, stream: Box::pin(stream.chain(futures::stream::iter([Err(error)]))) }
    }

    /// The schema of the batches.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// All rows.
    ///
    /// # Errors
    /// The first error of the stream; the rows before it are lost.
    pub async fn collect(mut self) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await {
            batches.push(batch?);
        }
        Ok(batches)
    }
}

impl Stream for Rows {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = catch_unwind(AssertUnwindSafe(|| self.stream.as_mut().poll_next(cx)));
        polled.unwrap_or_else(|_| {
            // What stands half done is left alone: nothing more comes from it.
            self.stream = Box::pin(futures::stream::empty());
            Poll::Ready(Some(Err(Error::new(Kind::Internal, "the statement ran into a defect of weir")
                .hint("please report it with the statement"))))
        })
    }
}

impl State {
    /// Keeps a statement's warnings for `system.session.warnings`.
    pub(super) fn keep_warnings(&self, statement: u64, texts: &[String]) {
        let mut all = self.warnings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.retain(|(known, _)| *known != statement);
        all.extend(texts.iter().map(|text| (statement, text.clone())));
    }

    /// Keeps what became of a statement's rows for `system.session.outcomes`.
    pub(super) fn keep_outcomes(&self, rows: &[Outcome]) {
        let mut all = self.outcomes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        all.extend(rows.iter().cloned());
        let over = all.len().saturating_sub(OUTCOMES);
        all.drain(..over);
    }
}
