//! What the journal keeps, in types: a run as it is begun and as it is read again, its rows, their endings, the counts.
//! Must not know how any of it is stored.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::Seal;
use crate::error::{Error, Kind, Result, counted};

/// A write that is about to begin. Texts pass through the journal's redactor before they are kept.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The statement, as it is shown in lists.
    pub statement: String,
    /// What the run calls, in the registry's words.
    pub operation: Operation,
    /// Whom the requests go to and act for; a run is never resumed against another.
    pub target: Target,
    /// How an answerless row may be sent again, where the operation can do that.
    pub idempotency: Option<Idempotency>,
    /// The settings that the rows are sent under (`on_error` and its like).
    pub settings: Value,
    /// What hashes the secret values of the rows.
    pub seal: Seal,
    /// When the run began.
    pub created_at: SystemTime,
}

/// What a run calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// `insert`, `update`, `replace`, `delete` or `exec`.
    pub verb: String,
    /// The resource's full name.
    pub resource: String,
    /// The method's name.
    pub method: String,
    /// A fingerprint of the document that described the method, to see whether it has changed since.
    pub document: Option<String>,
}

/// Whom the requests of a run go to, and act for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The provider's name.
    pub provider: String,
    /// Where its requests go.
    pub base_url: String,
    /// Whom they act for, in a form that may be kept: an account's id, or [`Journal::fingerprint`] of a credential.
    ///
    /// [`Journal::fingerprint`]: super::Journal::fingerprint
    pub account: String,
}

impl Target {
    /// Refuses to go on with run `id` of this target from a session that talks to `now`.
    pub(super) fn check(&self, id: &str, now: &Target) -> Result<()> {
        let (then, now, hint) = if self.provider != now.provider {
            (&self.provider, &now.provider, "resume it with the provider that it was begun with")
        } else if self.base_url != now.base_url {
            (&self.base_url, &now.base_url, "resume it with the base URL that it was begun with")
        } else if self.account != now.account {
            (&self.account, &now.account, "resume it with the account and the credentials that it was begun with")
        } else {
            return Ok(());
        };
        Err(Error::new(Kind::Usage, format!("run {id} was made against {then}, and this session works against {now}"))
            .hint(hint))
    }
}

/// The header that makes a repeated request count once, and for how long a key is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The header's name.
    pub header: String,
    /// How long the other side remembers a key, from its first use.
    pub lifetime: Duration,
}

/// One row of a write that is about to begin.
#[derive(Debug, Clone)]
pub struct NewRow {
    /// Its arguments, complete; secret values replaced by [`Seal::mark`]. What the redactor knows as a secret is
    /// replaced in any case.
    pub arguments: Value,
    /// What a person knows the row by: its key, or its place in the input.
    pub label: String,
    /// The key that its request will carry.
    pub idempotency_key: Option<String>,
    /// Whether `arguments` holds marks in place of secret values, so that it cannot be sent as it is kept.
    pub secret: bool,
}

/// A run as it was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunHead {
    /// What it is called: its day and a number, `20261121-1`.
    pub id: String,
    /// The statement, redacted.
    pub statement: String,
    /// What it calls.
    pub operation: Operation,
    /// Whom its requests go to and act for.
    pub target: Target,
    /// How an answerless row may be sent again.
    pub idempotency: Option<Idempotency>,
    /// The settings that its rows were sent under.
    pub settings: Value,
    /// When it began.
    pub created_at: SystemTime,
}

/// A row as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptRow {
    /// Its place in the statement's input, from 0.
    pub number: u64,
    /// Its arguments; see [`NewRow::arguments`].
    pub arguments: Value,
    /// What a person knows it by.
    pub label: String,
    /// Whether secret values have to be given again before it can be sent ([`Inputs`](super::Inputs)).
    pub secret: bool,
    /// How far it came.
    pub state: RowState,
    /// When it was last sent.
    pub sent_at: Option<SystemTime>,
    /// The key that its request carries, or carried.
    pub idempotency_key: Option<String>,
    /// When that key was used for the first time; its life counts from here.
    pub key_used_at: Option<SystemTime>,
    /// What its last answer said, where there was one.
    pub outcome: Option<Outcome>,
}

impl KeptRow {
    /// Whether sending the row again under its own key is safe at `now`: the key was used, and is still remembered.
    /// A key that was used in the future is a clock that was set; nothing is known of its age.
    #[must_use]
    pub fn key_lives(&self, idempotency: &Idempotency, now: SystemTime) -> bool {
        let age = self.key_used_at.and_then(|used| now.duration_since(used).ok());
        self.idempotency_key.is_some() && age.is_some_and(|age| age < idempotency.lifetime)
    }
}

/// How far a row came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowState {
    /// Not sent.
    Planned,
    /// Sent, and its answer still awaited. In a run whose process is gone this is read as [`RowState::Unknown`].
    Sent,
    /// It took effect.
    Done,
    /// It was refused.
    Failed,
    /// Sent, and nobody knows what became of it.
    Unknown,
}

impl RowState {
    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RowState::Planned => "planned",
            RowState::Sent => "sent",
            RowState::Done => "done",
            RowState::Failed => "failed",
            RowState::Unknown => "unknown",
        }
    }

    pub(super) fn of(word: &str) -> Option<Self> {
        use RowState::{Done, Failed, Planned, Sent, Unknown};
        [Planned, Sent, Done, Failed, Unknown].into_iter().find(|state| state.as_str() == word)
    }
}

/// What became of a row that was sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// In one word.
    pub ending: Ending,
    /// When that was known.
    pub at: SystemTime,
    /// The HTTP status of the answer.
    pub status: Option<u16>,
    /// The API's own code.
    pub code: Option<String>,
    /// What the API, or weir, says of it.
    pub message: Option<String>,
    /// The request's id on the other side.
    pub request_id: Option<String>,
    /// How often the request was sent.
    pub attempts: u32,
    /// How long it took.
    pub millis: u64,
    /// What the answer named the row: its key columns, not the whole of it.
    pub answer: Option<Value>,
}

impl Outcome {
    /// An outcome with nothing said of it yet.
    #[must_use]
    pub fn new(ending: Ending, at: SystemTime) -> Self {
        Outcome {
            ending,
            at,
            status: None,
            code: None,
            message: None,
            request_id: None,
            attempts: 1,
            millis: 0,
            answer: None,
        }
    }
}

/// How the sending of a row ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It took effect.
    Done,
    /// It was refused, and had no effect.
    Failed,
    /// It may have taken effect.
    Unknown,
    /// It was marked as sent, and certainly never left: the row is planned again.
    NotSent,
}

impl Ending {
    pub(super) fn state(self) -> RowState {
        match self {
            Ending::Done => RowState::Done,
            Ending::Failed => RowState::Failed,
            Ending::Unknown => RowState::Unknown,
            Ending::NotSent => RowState::Planned,
        }
    }

    pub(super) fn of(state: RowState) -> Self {
        match state {
            RowState::Done => Ending::Done,
            RowState::Failed => Ending::Failed,
            RowState::Sent | RowState::Unknown => Ending::Unknown,
            RowState::Planned => Ending::NotSent,
        }
    }
}

/// How far a run came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunState {
    /// A process works on it now.
    Running,
    /// Its process is gone, and left it as it was.
    Interrupted,
    /// It ended, and some rows are not done.
    Partial,
    /// It ended, and every row is done.
    Done,
}

impl RunState {
    /// The word that is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RunState::Running => "running",
            RunState::Interrupted => "interrupted",
            RunState::Partial => "partial",
            RunState::Done => "done",
        }
    }
}

/// How many rows of a run came how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not sent.
    pub planned: u64,
    /// Sent, their answers awaited; 0 where no process works on the run.
    pub sent: u64,
    /// Took effect.
    pub done: u64,
    /// Refused.
    pub failed: u64,
    /// Sent, and nobody knows what became of them.
    pub unknown: u64,
}

impl Counts {
    /// All rows.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.planned + self.sent + self.done + self.failed + self.unknown
    }

    pub(super) fn of(&mut self, state: RowState) -> &mut u64 {
        match state {
            RowState::Planned => &mut self.planned,
            RowState::Sent => &mut self.sent,
            RowState::Done => &mut self.done,
            RowState::Failed => &mut self.failed,
            RowState::Unknown => &mut self.unknown,
        }
    }
}

/// `3 of 5 rows done, 1 failed, 1 not sent`.
impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} done", self.done, counted(self.total(), "row"))?;
        let rest =
            [(self.failed, "failed"), (self.unknown, "unknown"), (self.sent, "under way"), (self.planned, "not sent")];
        rest.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, word)| write!(f, ", {count} {word}"))
    }
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    /// The run as it was begun.
    pub head: RunHead,
    /// How far it came.
    pub state: RunState,
    /// How far its rows came.
    pub counts: Counts,
    /// When it ended, where it did.
    pub finished_at: Option<SystemTime>,
}
