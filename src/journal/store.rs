//! The journal's file: opened, made, checked, its tables; one connection that everybody takes in turn.
//! Must not know what a run goes through.
//!
//! Write-ahead logging with `synchronous = EXTRA`: a commit is one flush of one file, and what is committed survives a
//! power cut. Where the disk cannot do that (some network disks), SQLite stays with its older journal, which takes
//! more flushes and holds as much.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use serde_json::Value;

use super::{failure, place};
use crate::error::{Error, Kind, Result};
use crate::secret::Redactor;

/// `weir` in bytes: the file says whose it is.
const APPLICATION: i32 = 0x7765_6972;
/// Of the tables below. A newer one is refused, an older one is to be brought up to date here.
const VERSION: i32 = 1;
/// How long another process may hold the file: it does while it plans a large write.
const PATIENCE: Duration = Duration::from_secs(30);
/// Files up to here are read through when they are opened; larger ones tell of damage when it is met.
const CHECKED: i64 = 8 << 20;

/// A run's own number never leaves this file; people use its id. Rows are found by their place, and counted without
/// being read. `salt` and `rounds` are those of the hash of secret values.
const TABLES: &str = "
    CREATE TABLE runs (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL CHECK (state IN ('running', 'partial', 'done')),
        created_at INTEGER NOT NULL,
        finished_at INTEGER,
        statement TEXT NOT NULL,
        verb TEXT NOT NULL,
        resource TEXT NOT NULL,
        method TEXT NOT NULL,
        document TEXT,
        provider TEXT NOT NULL,
        base_url TEXT NOT NULL,
        account TEXT NOT NULL,
        key_header TEXT,
        key_seconds INTEGER,
        settings TEXT NOT NULL,
        salt BLOB NOT NULL,
        rounds INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE rows (
        run INTEGER NOT NULL REFERENCES runs,
        row INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('planned', 'sent', 'done', 'failed', 'unknown')),
        arguments TEXT NOT NULL,
        label TEXT NOT NULL,
        secret INTEGER NOT NULL,
        idempotency_key TEXT,
        key_used_at INTEGER,
        sent_at INTEGER,
        answered_at INTEGER,
        status INTEGER,
        code TEXT,
        message TEXT,
        request_id TEXT,
        attempts INTEGER,
        millis INTEGER,
        answer TEXT,
        PRIMARY KEY (run, row)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX rows_by_state ON rows (run, state);
    -- the last number given on each day, so that the id of a forgotten run is not given again
    CREATE TABLE days (day TEXT PRIMARY KEY, last INTEGER NOT NULL) STRICT;
    -- what makes fingerprints of credentials this journal's own
    CREATE TABLE salt (salt BLOB NOT NULL) STRICT;
    INSERT INTO salt VALUES (randomblob(16));
";

/// The file, and what is needed around it.
pub(super) struct Store {
    pub(super) dir: PathBuf,
    pub(super) path: PathBuf,
    pub(super) redactor: Redactor,
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens the journal in `dir`, or makes it. Everything that would keep it from being written is found here.
    pub(super) fn open(dir: &Path, redactor: Redactor) -> Result<Store> {
        let (dir, path) = place::prepare(dir)?;
        let connection = connect(&path)?;
        Ok(Store { dir, path, redactor, connection: Mutex::new(connection) })
    }

    /// The connection, when nobody else in this process uses it.
    pub(super) fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` in a transaction that is on disk when this returns, or was never there.
    pub(super) fn write<T>(&self, doing: &str, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.connection();
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(|e| self.failed(doing, e))?;
        let value = work(&transaction)?;
        transaction.commit().map_err(|e| self.failed(doing, e))?;
        Ok(value)
    }

    /// Moves what was committed from the log into the file proper, as far as nobody else is in the way; finds out that
    /// the disk has no room for it.
    pub(super) fn settle(&self, doing: &str) -> Result<()> {
        let connection = self.connection();
        let settled = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        match settled {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Ok(()),
            other => other.map_err(|e| self.failed(doing, e)),
        }
    }

    /// What SQLite says, as weir's error.
    pub(super) fn failed(&self, doing: &str, error: rusqlite::Error) -> Error {
        failure::sqlite(&self.path, doing, error)
    }

    /// A text that may be kept.
    pub(super) fn clean(&self, text: &str) -> String {
        self.redactor.clean(text)
    }

    /// The same for every text within `value`.
    pub(super) fn clean_json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.clean(text)),
            Value::Array(items) => items.iter().map(|item| self.clean_json(item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(key, value)| (self.clean(key), self.clean_json(value))).collect()
            }
            other => other.clone(),
        }
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let failed = |e| failure::sqlite(path, "open the journal", e);
    // SQLite's own lock is not needed: the connection stands behind one of ours.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(PATIENCE).map_err(failed)?;
    // Before anything is changed: is it a journal, and one that this weir understands?
    let fresh = inspect(&mut connection, path)?;
    if fresh {
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL").map_err(failed)?;
    }
    write_ahead(&connection).map_err(failed)?;
    // fullfsync: on macOS, a plain flush stops at the disk's own memory. secure_delete: what is forgotten is gone.
    connection
        .execute_batch(
            "PRAGMA synchronous = EXTRA; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
             PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA trusted_schema = OFF;
             PRAGMA journal_size_limit = 8388608;",
        )
        .map_err(failed)?;
    make_tables(&mut connection).map_err(failed)?;
    check_whole(&connection, path)?;
    Ok(connection)
}

/// Whether the file is empty; an error where it is somebody else's, or from a newer weir.
fn inspect(connection: &mut Connection, path: &Path) -> Result<bool> {
    let failed = |e| failure::sqlite(path, "open the journal", e);
    // In a transaction, all answers are of one moment: another process may be making the tables just now.
    let connection = connection.transaction().map_err(failed)?;
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i32>(0)).map_err(failed);
    let application = number("PRAGMA application_id")?;
    if application == APPLICATION {
        let version = number("PRAGMA user_version")?;
        if version > VERSION {
            let message = format!(
                "the journal `{}` was written by a newer weir (its tables are version {version}, this weir knows {VERSION})",
                path.display()
            );
            return Err(
                Error::new(Kind::Usage, message).hint("use that weir, or keep the journal in another directory")
            );
        }
        return Ok(false);
    }
    let fresh = application == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0;
    if fresh {
        return Ok(true);
    }
    let message = format!("`{}` is a database, and not a journal of weir", path.display());
    Err(Error::new(Kind::Usage, message).hint("move it away, or keep the journal in another directory"))
}

/// Two processes that open a new file at once get in each other's way here, and here alone SQLite does not wait.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let begun = Instant::now();
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())) {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && begun.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            other => return other,
        }
    }
}

fn make_tables(connection: &mut Connection) -> rusqlite::Result<()> {
    // Also shows that the file can be written.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if version == 0 {
        transaction.execute_batch(TABLES)?;
        transaction
            .execute_batch(&format!("PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}"))?;
    }
    transaction.commit()
}

/// Reads a file of ordinary size through, so that damage is found before anything is sent.
fn check_whole(connection: &Connection, path: &Path) -> Result<()> {
    let failed = |e| failure::sqlite(path, "open the journal", e);
    let size = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
    if connection.query_row(size, [], |row| row.get::<_, i64>(0)).map_err(failed)? > CHECKED {
        return Ok(());
    }
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if found == "ok" {
        return Ok(());
    }
    let message = format!("cannot open the journal: the journal `{}`: it is damaged ({found})", path.display());
    Err(Error::new(Kind::Usage, message).hint(failure::set_aside(path)))
}

/// Milliseconds since 1970, as times are stored.
pub(super) fn millis(at: SystemTime) -> i64 {
    match at.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    }
}

/// The time that [`millis`] stored.
pub(super) fn time(millis: i64) -> SystemTime {
    let away = Duration::from_millis(millis.unsigned_abs());
    if millis < 0 { UNIX_EPOCH - away } else { UNIX_EPOCH + away }
}

/// A count, as SQLite stores it.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The count that [`stored`] stored.
pub(super) fn count(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}
