//! The loop that sends the calls of a write: a few at a time, each once, in order; what stops it, and what became of
//! each row. It runs as a task of its own, so that nothing that happens to the statement cuts a request in two.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::Value;

use super::{Answered, Sent, Write, participle};
use crate::error::{Error, Kind, Result, counted};
use crate::http::{Client, Delivery, Halt, may_have_taken_effect, refusal_code, success};
use crate::journal::{self, Ending};
use crate::plan::{Ended, Outcome, StatementContext};
use crate::registry::Verb;
use crate::session::settings::{MaxFailures, OnError};
use crate::session::{Observer, Run, Session};

/// What became of the rows, in their order, and the errors of those that did not succeed.
pub(super) struct Ends {
    pub(super) rows: Vec<Outcome>,
    pub(super) errors: Errors,
}

/// Errors by number of the row, from 0; and why the rest was not sent, where a row's failure was not the reason.
#[derive(Default)]
pub(super) struct Errors {
    of_rows: BTreeMap<usize, Error>,
    stopped: Option<Error>,
    /// The run in the journal that can be gone on with.
    run: Option<String>,
}

/// Where the marks of a write go.
pub(super) struct Record {
    pub(super) run: journal::Run,
    /// Number in the journal of each row.
    pub(super) numbers: Vec<u64>,
    /// Rows that are sent under another key than the journal has for them.
    pub(super) new_keys: Vec<bool>,
}

impl Record {
    /// Of a run that begins: its rows are the journal's.
    pub(super) fn of(run: journal::Run) -> Record {
        Record { run, numbers: Vec::new(), new_keys: Vec::new() }
    }

    fn number(&self, row: usize) -> u64 {
        self.numbers.get(row).copied().unwrap_or(row as u64)
    }
}

/// One write under way.
struct Sender {
    record: Option<Record>,
    /// The journal failed: nothing more may be sent.
    broken: Mutex<Option<Error>>,
    context: Arc<StatementContext>,
    /// The statement's, which an interruption keeps from sending.
    client: Client,
    write: Arc<Write>,
    interrupted: Halt,
    /// Nobody waits for the statement any more: no further call is begun.
    left: Arc<AtomicBool>,
    on_error: OnError,
    max_failures: Option<MaxFailures>,
    concurrency: usize,
    observer: Observer,
}

/// Tells the task that nobody waits for it.
struct Leaving(Arc<AtomicBool>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Session {
    /// Sends every call once. An error: nothing was sent, or a defect hides what was.
    pub(super) async fn send_all(&self, run: &Run, write: Arc<Write>, record: Option<Record>) -> Result<(Ends, Sent)> {
        let left = Arc::new(AtomicBool::new(false));
        let sender = Sender {
            record,
            broken: Mutex::default(),
            context: run.context.clone(),
            client: run.context.client.clone().until(run.interrupted.clone()),
            write: write.clone(),
            interrupted: run.interrupted.clone(),
            left: left.clone(),
            on_error: run.settings.on_error,
            max_failures: run.settings.max_failures,
            concurrency: run.settings.write_concurrency,
            observer: self.observer.clone(),
        };
        let leaving = Leaving(left);
        let done = tokio::spawn(sender.run()).await;
        drop(leaving);
        let (ends, bodies) = done.map_err(|_| {
            Error::new(Kind::Internal, "a write ran into a defect of weir; some of its requests may have been sent")
                .hint("system.session.requests has those that ended")
        })?;
        let answers = bodies.into_iter().filter_map(|(row, body)| {
            let sent = write.calls.get(row)?.sent.clone();
            Some(Answered { sent, body })
        });
        let answers = answers.collect();
        Ok((ends, Sent { write, answers }))
    }
}

impl Sender {
    async fn run(mut self) -> (Ends, BTreeMap<usize, Option<Value>>) {
        let all = self.write.calls.len();
        self.context.progress.begin_write(all as u64);
        let mut rows: Vec<Option<Outcome>> = vec![None; all];
        let (mut bodies, mut errors) = (BTreeMap::new(), Errors::default());
        let mut under_way = FuturesUnordered::new();
        let mut next = 0;
        loop {
            while next < all && under_way.len() < self.concurrency && self.may_begin(&mut errors, all) {
                under_way.push(self.one(next));
                next += 1;
            }
            let Some((row, outcome, end)) = under_way.next().await else { break };
            (self.observer)(&outcome);
            self.context.progress.wrote();
            let kept_from_sending =
                outcome.ended == Ended::NotSent && (self.is_broken() || self.interrupted.is_wished());
            rows[row] = Some(outcome);
            match end {
                Ok(body) => drop(bodies.insert(row, body)),
                // That is no failure of the row.
                Err(error) if kept_from_sending => drop(errors.stopped.get_or_insert(error)),
                Err(error) => drop(errors.of_rows.insert(row, error)),
            }
        }
        drop(under_way);
        if self.interrupted.is_wished() && bodies.len() < all {
            errors.stopped = Some(interrupted());
        }
        let rows = rows.into_iter().enumerate().map(|(row, outcome)| {
            outcome.unwrap_or_else(|| {
                let outcome = self.outcome(row, Ended::NotSent);
                (self.observer)(&outcome);
                outcome
            })
        });
        let rows: Vec<Outcome> = rows.collect();
        errors.run = self.finish(&rows).await;
        (Ends { rows, errors }, bodies)
    }

    /// Ends the run in the journal; says what the journal does not know, where nothing else will. Gives the run's id.
    async fn finish(&mut self, rows: &[Outcome]) -> Option<String> {
        let record = self.record.take()?;
        let id = record.run.id().to_owned();
        let finished = record.run.finish(SystemTime::now()).await;
        let broken = self.broken.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(error) = broken.or(finished.err())
            && rows.iter().all(|row| row.ended != Ended::NotSent)
        {
            let text = format!("the journal could not keep how all rows of run {id} ended: {}", error.message());
            self.context.warnings.add(format!("{text}; weir resume {id} --show lists what it knows"));
        }
        Some(id)
    }

    fn is_broken(&self) -> bool {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Whether one more call may begin. Why not is kept, where it is not the failure of a row.
    fn may_begin(&self, errors: &mut Errors, all: usize) -> bool {
        if self.interrupted.is_wished() || self.left.load(Ordering::Relaxed) {
            errors.stopped = Some(interrupted());
            return false;
        }
        if let Some(error) = self.broken.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            errors.stopped = Some(journal_failed(error));
            return false;
        }
        let failures = errors.of_rows.len();
        match (self.on_error, self.max_failures) {
            (OnError::Stop, _) => failures == 0,
            (OnError::Continue, None) => true,
            (OnError::Continue, Some(most)) => !most.passed(failures, all),
        }
    }

    async fn one(&self, row: usize) -> (usize, Outcome, Result<Option<Value>>) {
        if let Some(record) = &self.record
            && let Err(error) = self.mark_sent(record, row).await
        {
            let error = self.break_off(error);
            return (row, self.outcome(row, Ended::NotSent), Err(error));
        }
        let (delivery, end) = self.sent(row).await;
        let ended = match &end {
            Ok(_) => Ended::Done,
            Err(error) if may_have_taken_effect(error) => Ended::Unknown,
            // The budget ended, or the deadline passed, before it reached the wire.
            Err(_) if delivery.as_ref().is_none_or(|d| d.attempts == 0) => Ended::NotSent,
            Err(_) => Ended::Failed,
        };
        let mut outcome = self.outcome(row, ended);
        if let Some(delivery) = delivery {
            outcome.status = delivery.status;
            outcome.request_id = delivery.request_id;
            outcome.attempts = delivery.attempts;
            outcome.taken = delivery.taken;
        }
        if let Err(error) = &end {
            outcome.code = refusal_code(error);
            outcome.message = Some(self.context.redactor.clean(error.message()));
        }
        if let Some(record) = &self.record
            && let Err(error) = record.run.answered(record.number(row), kept(&outcome)).await
        {
            self.break_off(error);
        }
        (row, outcome, end)
    }

    /// The mark in the journal without which no request leaves.
    async fn mark_sent(&self, record: &Record, row: usize) -> Result<()> {
        let (number, now) = (record.number(row), SystemTime::now());
        let key = self.write.calls.get(row).and_then(|c| c.call.idempotency_key.as_deref());
        match key.filter(|_| record.new_keys.get(row) == Some(&true)) {
            Some(key) => record.run.sent_under(number, key, now).await,
            None => record.run.sent(number, now).await,
        }
    }

    /// Nothing more is sent: what happens could not be kept.
    fn break_off(&self, error: Error) -> Error {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        journal_failed(broken.get_or_insert(error))
    }

    async fn sent(&self, row: usize) -> (Option<Delivery>, Result<Option<Value>>) {
        let Some(planned) = self.write.calls.get(row) else {
            return (None, Err(Error::new(Kind::Internal, "no such row")));
        };
        let exchange = match self.context.exchange_for(&self.write.resource.provider, &self.write.method).await {
            Ok(exchange) => exchange,
            Err(error) => return (None, Err(error)),
        };
        let mut delivery = self.client.deliver(&exchange, &planned.call).await;
        let reply = std::mem::replace(&mut delivery.result, Err(Error::new(Kind::Internal, "the answer was taken")));
        let end = reply.and_then(|reply| success(&exchange, &self.write.method, &reply));
        (Some(delivery), end)
    }

    fn outcome(&self, row: usize, ended: Ended) -> Outcome {
        let label = self.write.calls.get(row).map(|c| c.request.label.clone()).unwrap_or_default();
        Outcome {
            statement: self.context.statement,
            row: self.record.as_ref().map_or(row as u64, |record| record.number(row)) + 1,
            ended,
            request: self.context.redactor.clean(&label),
            status: None,
            code: None,
            message: None,
            request_id: None,
            attempts: 0,
            taken: std::time::Duration::ZERO,
        }
    }
}

fn interrupted() -> Error {
    Error::new(Kind::Interrupted, "interrupted")
}

fn journal_failed(error: &Error) -> Error {
    Error::new(error.kind(), format!("the journal cannot be written, so no more is sent: {}", error.message()))
        .hint("make room where it lies, or look at the disk")
}

/// An outcome as the journal keeps it.
fn kept(outcome: &Outcome) -> journal::Outcome {
    let ending = match outcome.ended {
        Ended::Done => Ending::Done,
        Ended::Failed => Ending::Failed,
        Ended::Unknown => Ending::Unknown,
        Ended::NotSent => Ending::NotSent,
    };
    journal::Outcome {
        status: outcome.status,
        code: outcome.code.clone(),
        message: outcome.message.clone(),
        request_id: outcome.request_id.clone(),
        attempts: outcome.attempts,
        millis: u64::try_from(outcome.taken.as_millis()).unwrap_or(u64::MAX),
        ..journal::Outcome::new(ending, SystemTime::now())
    }
}

/// The error of a write that did not wholly succeed: what was done, what was not, the first reason, and how to go on.
pub(super) fn failure(write: &Write, errors: &Errors, rows: &[Outcome]) -> Option<Error> {
    let error = partly(write, errors, rows)?;
    let Some(run) = &errors.run else { return Some(error) };
    let go_on = format!("weir resume {run} goes on with what is not done");
    let hint = match error.hint_text() {
        Some(hint) => format!("{}. {go_on}", hint.trim_end_matches('.')),
        None => go_on,
    };
    // The first hint given stays, so this is another error.
    Some(Error::new(error.kind(), error.message()).hint(hint).caused_by(error))
}

fn partly(write: &Write, errors: &Errors, rows: &[Outcome]) -> Option<Error> {
    let count = |ended: Ended| rows.iter().filter(|o| o.ended == ended).count();
    let (all, done, unknown, not_sent) = (rows.len(), count(Ended::Done), count(Ended::Unknown), count(Ended::NotSent));
    let word = if write.verb == Verb::Insert { "written" } else { participle(write.verb) };
    let first = errors.of_rows.iter().next();
    let Some((row, error)) = first else {
        let stopped = errors.stopped.as_ref().filter(|_| not_sent > 0)?;
        let text = format!("{}: {done} of {all} rows were {word}, the others were not sent", stopped.message());
        let kind = if done == 0 || stopped.kind() == Kind::Interrupted { stopped.kind() } else { Kind::Partial };
        let told = Error::new(kind, text);
        return Some(match stopped.hint_text() {
            Some(hint) => told.hint(hint),
            None => told,
        });
    };
    let doubtful = may_have_taken_effect(error);
    if all == 1 {
        let told = error.hint_text().is_some_and(|hint| hint.contains("taken effect"));
        return Some(if doubtful && !told { in_doubt(error) } else { error.clone() });
    }
    if done == 0 && !doubtful && unknown == 0 && errors.of_rows.len() == 1 && errors.stopped.is_none() {
        return Some(error.clone());
    }
    let doubt = if doubtful { " (it may have taken effect)" } else { "" };
    let more = match errors.of_rows.len() - 1 {
        0 => String::new(),
        n => format!("; {} more failed", counted(n as u64, "row")),
    };
    let rest = if not_sent == 0 && !more.is_empty() { String::new() } else { format!("; {not_sent} were not sent") };
    let kind = match (&errors.stopped, done) {
        (Some(stopped), _) if stopped.kind() == Kind::Interrupted => Kind::Interrupted,
        (_, 0) => error.kind(),
        _ => Kind::Partial,
    };
    let row = rows.get(*row).map_or(*row as u64 + 1, |outcome| outcome.row);
    let text = format!("{done} of {all} rows were {word}; row {row}{doubt} failed: {}{more}{rest}", error.message());
    let told = Error::new(kind, text);
    let told = match error.hint_text() {
        Some(hint) => told.hint(hint),
        None => told,
    };
    Some(told.caused_by(error.clone()))
}

/// A refusal after which nobody knows whether the request did what it should.
fn in_doubt(error: &Error) -> Error {
    let told = Error::new(error.kind(), format!("{}; it may have taken effect", error.message()));
    told.hint("look before you run it again").caused_by(error.clone())
}
