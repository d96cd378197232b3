//! What became of one row of a write: the rows of `system.session.outcomes`. Plain data, secrets masked.

use std::fmt;
use std::time::Duration;

/// How a row of a write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The API said that it is done.
    Done,
    /// The API refused, or the request could not be sent: it took no effect.
    Failed,
    /// It was sent, and nobody said how it ended.
    Unknown,
    /// It was never sent.
    NotSent,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ended::Done => "done",
            Ended::Failed => "failed",
            Ended::Unknown => "unknown",
            Ended::NotSent => "not sent",
        })
    }
}

/// What became of one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Number of the statement in its session.
    pub statement: u64,
    /// Number of the row in its statement, from 1.
    pub row: u64,
    /// How it ended.
    pub ended: Ended,
    /// Verb and path of the request, secrets masked.
    pub request: String,
    /// HTTP status of the last answer, where one came.
    pub status: Option<u16>,
    /// The API's code for a refusal.
    pub code: Option<String>,
    /// Why it did not succeed.
    pub message: Option<String>,
    /// The API's name for the request, for its support.
    pub request_id: Option<String>,
    /// Attempts that reached the wire.
    pub attempts: u32,
    /// What the attempts took on the wire.
    pub taken: Duration,
}
