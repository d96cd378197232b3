//! A run that this process works on: its marks, each on disk before the caller goes on, and its end.
//! Must not know what is sent, nor how.

use std::sync::Arc;
use std::time::SystemTime;

use super::lock::RunLock;
use super::rows::{Rows, Which};
use super::store::Store;
use super::writer::{Mark, Writer};
use super::{Outcome, RunState, Seal};
use crate::error::Result;

/// A run under way. While it lives, no other process works on it; dropped without [`Run::finish`], it is interrupted.
pub struct Run {
    pub(super) store: Arc<Store>,
    pub(super) writer: Arc<Writer>,
    pub(super) number: i64,
    pub(super) id: String,
    pub(super) seal: Seal,
    pub(super) lock: RunLock,
}

impl Run {
    /// What the run is called.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What hashed, and hashes, its secret values.
    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    /// Marks `row` as sent at `at`. Only when this has returned may its request leave: then no crash can make the row
    /// look as if it had not. A row that is done, or awaits its answer, is refused. Given up on, it is marked
    /// nevertheless.
    pub async fn sent(&self, row: u64, at: SystemTime) -> Result<()> {
        self.writer.write(self.number, Mark::Sent { row, at, key: None }).await
    }

    /// As [`Run::sent`], with a new idempotency key in place of the row's own: a key that was refused once, or is too
    /// old, must not be used again.
    pub async fn sent_under(&self, row: u64, key: &str, at: SystemTime) -> Result<()> {
        self.writer.write(self.number, Mark::Sent { row, at, key: Some(key.to_owned()) }).await
    }

    /// Keeps what became of `row`, which was sent. Its texts pass through the redactor.
    pub async fn answered(&self, row: u64, outcome: Outcome) -> Result<()> {
        self.writer.write(self.number, Mark::Answered { row, outcome }).await
    }

    /// All rows that are not done, in their order: not sent, failed and unknown ones.
    pub fn open_rows(&self) -> Rows {
        Rows::new(self.store.clone(), self.number, Which::Open, true)
    }

    /// Ends the run: [`RunState::Done`] when every row is done, [`RunState::Partial`] otherwise; rows that were sent
    /// and not answered are unknown then.
    pub async fn finish(self, at: SystemTime) -> Result<RunState> {
        self.writer.write(self.number, Mark::Finished { at }).await?;
        let state = {
            let connection = self.store.connection();
            let query = "SELECT state = 'done' FROM runs WHERE number = ?1";
            let done: bool = connection
                .query_row(query, [self.number], |row| row.get(0))
                .map_err(|e| self.store.failed("read a run", e))?;
            if done { RunState::Done } else { RunState::Partial }
        };
        if state == RunState::Done {
            self.lock.remove();
        }
        Ok(state)
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Run({})", self.id)
    }
}
