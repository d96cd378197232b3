//! The heads of runs, into the file and out of it, and their lists. Must not know rows beyond their counts.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params};

use super::lock::RunLock;
use super::store::{Store, count, millis, stored, time};
use super::{Counts, Idempotency, NewRun, Operation, RowState, RunHead, RunState, RunSummary, Seal, Target, rows};
use crate::error::{Error, Kind, Result};

/// A run that was looked for.
pub(super) struct Found {
    pub(super) number: i64,
    pub(super) head: RunHead,
    pub(super) seal: Seal,
    /// Whether it was begun and not finished, in this process, another, or one that is gone.
    pub(super) running: bool,
    done: bool,
    finished_at: Option<SystemTime>,
}

impl Found {
    /// Refuses a run of which nothing is left to do.
    pub(super) fn check_open(&self) -> Result<()> {
        if !self.done {
            return Ok(());
        }
        Err(Error::new(Kind::Usage, format!("run {} is done: every row took effect, nothing is left", self.head.id)))
    }
}

/// The id of a run that begins at `at`: its day, and the next number of that day.
pub(super) fn new_id(transaction: &Transaction<'_>, at: SystemTime) -> rusqlite::Result<String> {
    let day = "SELECT strftime('%Y%m%d', ?1 / 1000, 'unixepoch')";
    let day: String = transaction.query_row(day, [millis(at)], |row| row.get(0))?;
    let next = "INSERT INTO days VALUES (?1, 1) ON CONFLICT DO UPDATE SET last = last + 1 RETURNING last";
    let last: i64 = transaction.query_row(next, [&day], |row| row.get(0))?;
    Ok(format!("{day}-{last}"))
}

/// Writes the head of run `id`; gives its number.
pub(super) fn insert(store: &Store, transaction: &Transaction<'_>, id: &str, run: &NewRun) -> Result<i64> {
    const INSERT: &str = "
        INSERT INTO runs (id, state, created_at, statement, verb, resource, method, document, provider, base_url,
            account, key_header, key_seconds, settings, salt, rounds)
        VALUES (:id, 'running', :created_at, :statement, :verb, :resource, :method, :document, :provider, :base_url,
            :account, :key_header, :key_seconds, :settings, :salt, :rounds)";
    let key = run.idempotency.as_ref();
    let inserted = transaction.execute(
        INSERT,
        named_params! {
            ":id": id,
            ":created_at": millis(run.created_at),
            ":statement": store.clean(&run.statement),
            ":verb": run.operation.verb,
            ":resource": run.operation.resource,
            ":method": run.operation.method,
            ":document": run.operation.document,
            ":provider": run.target.provider,
            ":base_url": run.target.base_url,
            ":account": run.target.account,
            ":key_header": key.map(|key| &key.header),
            ":key_seconds": key.map(|key| stored(key.lifetime.as_secs())),
            ":settings": store.clean_json(&run.settings).to_string(),
            ":salt": run.seal.salt,
            ":rounds": run.seal.rounds.get(),
        },
    );
    inserted.map_err(|e| store.failed("plan a write", e))?;
    Ok(transaction.last_insert_rowid())
}

/// Run `id`, where there is one.
pub(super) fn find(store: &Store, connection: &Connection, id: &str) -> Result<Option<Found>> {
    let found = connection.query_row("SELECT * FROM runs WHERE id = ?1", [id], found).optional();
    found
        .map_err(|e| store.failed("find a run", e))?
        .map(|(found, settings)| with_settings(store, found, &settings))
        .transpose()
}

/// All runs, with how far they and their rows came.
pub(super) fn summaries(store: &Store) -> Result<Vec<RunSummary>> {
    let failed = |e| store.failed("list the runs", e);
    let connection = store.connection();
    let mut select = connection.prepare("SELECT * FROM runs").map_err(failed)?;
    let heads: Vec<_> = select.query_map([], found).and_then(Iterator::collect).map_err(failed)?;
    let mut counts = counts(store, &connection)?;
    let mut runs = Vec::new();
    for (found, settings) in heads {
        let found = with_settings(store, found, &settings)?;
        let mut counts = counts.remove(&found.number).unwrap_or_default();
        let state = match (found.done, found.running) {
            (true, _) => RunState::Done,
            (_, true) if RunLock::is_held(&store.dir, &found.head.id)? => RunState::Running,
            (_, true) => RunState::Interrupted,
            (_, false) => RunState::Partial,
        };
        if state != RunState::Running {
            counts.unknown += std::mem::take(&mut counts.sent);
        }
        runs.push(RunSummary { head: found.head, state, counts, finished_at: found.finished_at });
    }
    Ok(runs)
}

fn counts(store: &Store, connection: &Connection) -> Result<HashMap<i64, Counts>> {
    let failed = |e| store.failed("list the runs", e);
    let mut counts: HashMap<i64, Counts> = HashMap::new();
    let mut select = connection.prepare("SELECT run, state, count(*) FROM rows GROUP BY run, state").map_err(failed)?;
    let mut found = select.query([]).map_err(failed)?;
    while let Some(row) = found.next().map_err(failed)? {
        let (run, word, found_rows): (i64, String, i64) = row.try_into().map_err(failed)?;
        let state: RowState = rows::state(store, &word)?;
        *counts.entry(run).or_default().of(state) = count(found_rows);
    }
    Ok(counts)
}

/// A run, and its settings as text.
fn found(row: &Row<'_>) -> rusqlite::Result<(Found, String)> {
    let header: Option<String> = row.get("key_header")?;
    let seconds = row.get::<_, Option<i64>>("key_seconds")?.map(count).unwrap_or_default();
    let state: String = row.get("state")?;
    let head = RunHead {
        id: row.get("id")?,
        statement: row.get("statement")?,
        operation: Operation {
            verb: row.get("verb")?,
            resource: row.get("resource")?,
            method: row.get("method")?,
            document: row.get("document")?,
        },
        target: Target { provider: row.get("provider")?, base_url: row.get("base_url")?, account: row.get("account")? },
        idempotency: header.map(|header| Idempotency { header, lifetime: Duration::from_secs(seconds) }),
        settings: serde_json::Value::Null,
        created_at: time(row.get("created_at")?),
    };
    let found = Found {
        number: row.get("number")?,
        head,
        seal: Seal::from_parts(row.get("salt")?, row.get("rounds")?),
        running: state == "running",
        done: state == "done",
        finished_at: row.get::<_, Option<i64>>("finished_at")?.map(time),
    };
    Ok((found, row.get("settings")?))
}

fn with_settings(store: &Store, mut found: Found, settings: &str) -> Result<Found> {
    found.head.settings = rows::parsed(store, settings)?;
    Ok(found)
}
