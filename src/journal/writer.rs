//! The thread that writes marks: what waits at the same time goes to disk in one flush. Whoever waits for a mark
//! wakes up when it is there. Must not know who sends, nor what a mark means for the sending.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Statement, params};
use tokio::sync::oneshot;

use super::Outcome;
use super::store::{Store, millis, stored};
use crate::error::{Error, Kind, Result};

/// Marks that share one flush, at most.
const TOGETHER: usize = 512;

/// Something that happened to a run.
pub(super) enum Mark {
    /// A row is about to be sent, under a new idempotency key where one is given.
    Sent { row: u64, at: SystemTime, key: Option<String> },
    /// What became of it.
    Answered { row: u64, outcome: Outcome },
    /// The run ended.
    Finished { at: SystemTime },
}

struct Job {
    run: i64,
    mark: Mark,
    done: oneshot::Sender<Result<()>>,
}

/// The way to the thread. Dropping it waits until what was given to it is on disk.
pub(super) struct Writer {
    queue: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(store: Arc<Store>) -> Result<Writer> {
        let (queue, jobs) = channel();
        let thread = std::thread::Builder::new()
            .name("weir-journal".to_owned())
            .spawn(move || work(&store, &jobs))
            .map_err(|e| Error::new(Kind::Internal, format!("the journal cannot start its thread: {e}")))?;
        Ok(Writer { queue: Some(queue), thread: Some(thread) })
    }

    /// Writes `mark` of run `run`; done when it is on disk. Given up on, it is written all the same.
    pub(super) async fn write(&self, run: i64, mark: Mark) -> Result<()> {
        let stopped = || Error::new(Kind::Internal, "the journal stopped writing");
        let (done, written) = oneshot::channel();
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(Job { run, mark, done }).map_err(|_| stopped())?;
        written.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(thread) = self.thread.take() {
            // If it panicked, those who waited have been told.
            let _ = thread.join();
        }
    }
}

fn work(store: &Store, jobs: &Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        let written = store.write("write to the journal", |transaction| {
            let mut marks = Marks::prepare(transaction).map_err(|e| store.failed("write to the journal", e))?;
            let mut replies = Vec::new();
            // What comes in until the flush begins still shares it. A mark that makes no sense is refused by itself;
            // what the disk refuses, it refuses to all.
            while let Some(job) = batch.get(replies.len()) {
                replies.push(marks.make(store, job)?);
                if replies.len() == batch.len() && batch.len() < TOGETHER {
                    batch.extend(jobs.try_recv());
                }
            }
            Ok(replies)
        });
        // Whoever no longer waits needs no answer.
        match written {
            Ok(replies) => batch.into_iter().zip(replies).for_each(|(job, reply)| drop(job.done.send(reply))),
            Err(error) => batch.into_iter().for_each(|job| drop(job.done.send(Err(error.clone())))),
        }
    }
}

/// A row that is done is never sent again, and one whose answer is awaited is not sent a second time.
const SENT: &str = "
    UPDATE rows SET state = 'sent', sent_at = ?3,
        key_used_at = CASE WHEN ?4 IS NULL OR ?4 = idempotency_key THEN coalesce(key_used_at, ?3) ELSE ?3 END,
        idempotency_key = coalesce(?4, idempotency_key),
        answered_at = NULL, status = NULL, code = NULL, message = NULL, request_id = NULL, attempts = NULL,
        millis = NULL, answer = NULL
    WHERE run = ?1 AND row = ?2 AND state IN ('planned', 'failed', 'unknown')
        AND (SELECT state FROM runs WHERE number = ?1) = 'running'";

const ANSWERED: &str = "
    UPDATE rows SET state = ?3, answered_at = ?4, status = ?5, code = ?6, message = ?7, request_id = ?8,
        attempts = ?9, millis = ?10, answer = ?11
    WHERE run = ?1 AND row = ?2 AND state IN ('sent', 'unknown')";

const FINISHED: &str = "
    UPDATE runs SET finished_at = ?2, state = CASE
        WHEN EXISTS (SELECT 1 FROM rows WHERE run = ?1 AND state IN ('planned', 'sent', 'failed', 'unknown'))
        THEN 'partial' ELSE 'done' END
    WHERE number = ?1 AND state = 'running'";

const LOST: &str = "UPDATE rows SET state = 'unknown' WHERE run = ?1 AND state = 'sent'";

/// The statements that marks are written with, prepared for one batch.
struct Marks<'c> {
    connection: &'c Connection,
    sent: Statement<'c>,
    answered: Statement<'c>,
}

impl<'c> Marks<'c> {
    fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Marks { connection, sent: connection.prepare(SENT)?, answered: connection.prepare(ANSWERED)? })
    }

    fn make(&mut self, store: &Store, job: &Job) -> Result<Result<()>> {
        let failed = |e| store.failed("write to the journal", e);
        let changed = match &job.mark {
            Mark::Sent { row, at, key } => self.sent.execute(params![job.run, stored(*row), millis(*at), key]),
            Mark::Answered { row, outcome } => self.answer(store, (job.run, *row), outcome),
            Mark::Finished { at } => {
                lose(self.connection, job.run).map_err(failed)?;
                self.connection.execute(FINISHED, params![job.run, millis(*at)])
            }
        };
        if changed.map_err(failed)? == 1 { Ok(Ok(())) } else { Ok(Err(self.refusal(job).map_err(failed)?)) }
    }

    fn answer(&mut self, store: &Store, (run, row): (i64, u64), outcome: &Outcome) -> rusqlite::Result<usize> {
        let clean = |text: &Option<String>| text.as_deref().map(|text| store.clean(text));
        self.answered.execute(params![
            run,
            stored(row),
            outcome.ending.state().as_str(),
            millis(outcome.at),
            outcome.status,
            clean(&outcome.code),
            clean(&outcome.message),
            clean(&outcome.request_id),
            outcome.attempts,
            stored(outcome.millis),
            outcome.answer.as_ref().map(|answer| store.clean_json(answer).to_string()),
        ])
    }

    /// Why a mark changed nothing: a defect of whoever made it, told before anything is sent twice.
    fn refusal(&self, job: &Job) -> rusqlite::Result<Error> {
        let (row, what) = match &job.mark {
            Mark::Sent { row, .. } => (*row, "sent"),
            Mark::Answered { row, .. } => (*row, "answered"),
            Mark::Finished { .. } => {
                return Ok(Error::new(Kind::Internal, "a run that is not under way was to be finished in the journal"));
            }
        };
        let state: Option<String> = self
            .connection
            .query_row("SELECT state FROM rows WHERE run = ?1 AND row = ?2", params![job.run, stored(row)], |found| {
                found.get(0)
            })
            .optional()?;
        let is = state.unwrap_or_else(|| "not part of the run".to_owned());
        let message = format!("row {} was to be marked as {what} in the journal, and is {is}", row + 1);
        Ok(Error::new(Kind::Internal, message).hint("this is a defect of weir; please report it"))
    }
}

/// Rows whose answer nobody awaits any more are unknown.
pub(super) fn lose(connection: &Connection, run: i64) -> rusqlite::Result<usize> {
    connection.execute(LOST, [run])
}
