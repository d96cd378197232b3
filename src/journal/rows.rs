//! Rows of a run, into the file and out of it, never all in memory. Must not know why they are asked for.

use std::collections::VecDeque;
use std::sync::Arc;

use rusqlite::{Row, Transaction, params};
use serde_json::Value;

use super::store::{Store, count, time};
use super::{Ending, KeptRow, NewRow, Outcome, RowState, Seal};
use crate::error::{Error, Kind, Result};

/// Rows a page, when they are read.
const PAGE: usize = 500;

const INSERT: &str = "INSERT INTO rows (run, row, state, arguments, label, secret, idempotency_key)
                      VALUES (?1, ?2, 'planned', ?3, ?4, ?5, ?6)";

/// Writes `rows` as planned rows of run `number`; nothing that the redactor knows as a secret is among them.
pub(super) fn plan(
    store: &Store,
    transaction: &Transaction<'_>,
    (number, seal): (i64, &Seal),
    rows: impl IntoIterator<Item = NewRow>,
) -> Result<()> {
    let failed = |e| store.failed("plan a write", e);
    let mut insert = transaction.prepare(INSERT).map_err(failed)?;
    for (place, mut row) in (0_i64..).zip(rows) {
        let secret = seal.hide(&mut row.arguments, &store.redactor) | row.secret;
        let arguments = row.arguments.to_string();
        insert
            .execute(params![number, place, arguments, store.clean(&row.label), secret, row.idempotency_key])
            .map_err(failed)?;
    }
    Ok(())
}

/// Which rows are read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    All,
    /// Those that are not done.
    Open,
}

/// Rows of a run in their order, a page at a time; each is read once, whatever becomes of it meanwhile.
pub struct Rows {
    store: Arc<Store>,
    run: i64,
    which: Which,
    /// Whether rows without an answer are awaited by a process at work, or lost.
    running: bool,
    page: VecDeque<KeptRow>,
    last: i64,
    ended: bool,
}

impl Rows {
    pub(super) fn new(store: Arc<Store>, run: i64, which: Which, running: bool) -> Rows {
        Rows { store, run, which, running, page: VecDeque::new(), last: -1, ended: false }
    }

    fn turn(&mut self) -> Result<()> {
        let failed = |e| self.store.failed("read the rows of a run", e);
        let open = match self.which {
            Which::All => "",
            // The sign keeps SQLite on the rows' own order: a page is then read without sorting the rest.
            Which::Open => "AND +state <> 'done'",
        };
        let query = format!("SELECT * FROM rows WHERE run = ?1 AND row > ?2 {open} ORDER BY row LIMIT {PAGE}");
        let connection = self.store.connection();
        let mut select = connection.prepare(&query).map_err(failed)?;
        let mut found = select.query(params![self.run, self.last]).map_err(failed)?;
        while let Some(row) = found.next().map_err(failed)? {
            self.page.push_back(kept(&self.store, row, self.running)?);
            self.last = row.get("row").map_err(failed)?;
        }
        self.ended = self.page.len() < PAGE;
        Ok(())
    }
}

impl Iterator for Rows {
    type Item = Result<KeptRow>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && !self.ended
            && let Err(error) = self.turn()
        {
            self.ended = true;
            self.page.clear();
            return Some(Err(error));
        }
        self.page.pop_front().map(Ok)
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rows({:?} after {})", self.which, self.last)
    }
}

fn kept(store: &Store, row: &Row<'_>, running: bool) -> Result<KeptRow> {
    let (mut kept, arguments, word) = columns(row).map_err(|e| store.failed("read the rows of a run", e))?;
    kept.arguments = parsed(store, &arguments)?;
    kept.state = match state(store, &word)? {
        RowState::Sent if !running => RowState::Unknown,
        state => state,
    };
    if let Some(outcome) = outcome(row).map_err(|e| store.failed("read the rows of a run", e))? {
        let (outcome, answer) = outcome;
        let answer = answer.map(|text| parsed(store, &text)).transpose()?;
        kept.outcome = Some(Outcome { ending: Ending::of(kept.state), answer, ..outcome });
    }
    Ok(kept)
}

/// A row without what its JSON and its state say.
fn columns(row: &Row<'_>) -> rusqlite::Result<(KeptRow, String, String)> {
    let at = |name: &str| row.get::<_, Option<i64>>(name).map(|at| at.map(time));
    let kept = KeptRow {
        number: count(row.get("row")?),
        arguments: Value::Null,
        label: row.get("label")?,
        secret: row.get("secret")?,
        state: RowState::Planned,
        sent_at: at("sent_at")?,
        idempotency_key: row.get("idempotency_key")?,
        key_used_at: at("key_used_at")?,
        outcome: None,
    };
    Ok((kept, row.get("arguments")?, row.get("state")?))
}

fn outcome(row: &Row<'_>) -> rusqlite::Result<Option<(Outcome, Option<String>)>> {
    let Some(at) = row.get::<_, Option<i64>>("answered_at")? else { return Ok(None) };
    let outcome = Outcome {
        ending: Ending::Unknown,
        at: time(at),
        status: row.get("status")?,
        code: row.get("code")?,
        message: row.get("message")?,
        request_id: row.get("request_id")?,
        attempts: row.get::<_, Option<u32>>("attempts")?.unwrap_or_default(),
        millis: row.get::<_, Option<i64>>("millis")?.map(count).unwrap_or_default(),
        answer: None,
    };
    Ok(Some((outcome, row.get("answer")?)))
}

pub(super) fn parsed(store: &Store, text: &str) -> Result<Value> {
    serde_json::from_str(text).map_err(|e| unreadable(store, &e.to_string()))
}

pub(super) fn state(store: &Store, word: &str) -> Result<RowState> {
    RowState::of(word).ok_or_else(|| unreadable(store, &format!("a row is `{word}`")))
}

/// The file is sound, and what stands in it is not.
fn unreadable(store: &Store, what: &str) -> Error {
    Error::new(Kind::Usage, format!("the journal `{}` holds what weir did not write: {what}", store.path.display()))
        .hint(super::failure::set_aside(&store.path))
}
