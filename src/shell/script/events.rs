//! `--events FILE`: what a script does, a JSON object a line, as it happens. Owns the fields; docs/scripts.md lists them.
//! Statements stand there as they were written, variables by name, and without texts where they sound secret.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value as Json, json};

use super::read::{Said, Step};
use crate::error::{Error, Kind, Result};
use crate::secret::{MASK, Redactor};
use crate::shell::history::may_keep;
use crate::sql::{self, Mark};

/// Where the events go.
pub struct Events {
    name: String,
    to: Mutex<Box<dyn Write + Send>>,
    /// It was told that they cannot be written.
    lost: AtomicBool,
}

/// What became of one statement.
#[derive(Default)]
pub struct Ended<'a> {
    pub rows: Option<u64>,
    pub message: Option<String>,
    pub requests: u64,
    pub retried: u64,
    pub bytes: u64,
    pub waited: f64,
    pub seconds: f64,
    pub warnings: Vec<String>,
    pub error: Option<&'a Error>,
}

/// The end of all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    pub statements: u64,
    pub failed: u64,
    pub skipped: u64,
}

impl Events {
    /// Events to a file, which is emptied first; `-` is standard error.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn to(path: &Path) -> Result<Events> {
        let name = path.display().to_string();
        let to: Box<dyn Write + Send> = match name.as_str() {
            "-" => Box::new(std::io::stderr()),
            _ => Box::new(
                File::create(path)
                    .map_err(|e| Error::new(Kind::Usage, format!("{name} cannot be written: {e}")).caused_by(e))?,
            ),
        };
        Ok(Events { name, to: Mutex::new(to), lost: AtomicBool::new(false) })
    }

    /// A statement begins.
    pub fn start(&self, (n, step, said): (u64, &Step, &Said), verb: Option<&str>, redactor: &Redactor) {
        self.say(&json!({
            "event": "statement_start", "n": n, "file": step.source.file, "line": said.piece.place.line, "verb": verb,
            "sql": shown(&said.piece.text, redactor),
        }));
    }

    /// A statement has ended.
    pub fn end(&self, n: u64, ended: &Ended<'_>) {
        let outcome = match ended.error.map(Error::kind) {
            None => "ok",
            Some(kind) if kind.ends_the_run() => "cancelled",
            Some(_) => "error",
        };
        self.say(&json!({
            "event": "statement_end", "n": n, "outcome": outcome, "rows": ended.rows, "message": ended.message,
            "requests": ended.requests, "retried": ended.retried, "bytes": ended.bytes, "seconds": ended.seconds,
            "waited": ended.waited, "warnings": ended.warnings, "error": ended.error.map(error),
        }));
    }

    /// A statement is passed over: its branch is not taken.
    pub fn skipped(&self, n: u64, step: &Step, said: &Said) {
        self.say(&json!({
            "event": "statement_end", "n": n, "file": step.source.file, "line": said.piece.place.line,
            "outcome": "skipped",
        }));
    }

    /// Nothing more comes.
    pub fn run_end(&self, tally: Tally, (code, seconds, first): (u8, f64, Option<&Error>)) {
        self.say(&json!({
            "event": "run_end", "exit_code": code, "statements": tally.statements, "failed": tally.failed,
            "skipped": tally.skipped, "seconds": seconds, "error": first.map(error),
        }));
    }

    /// One write a line: a reader never sees half of one.
    fn say(&self, object: &Json) {
        let line = format!("{object}\n");
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = to.write_all(line.as_bytes()).and_then(|()| to.flush())
            && !self.lost.swap(true, Ordering::Relaxed)
        {
            let _ = writeln!(std::io::stderr(), "warning: {} cannot be written: {error}", self.name);
        }
    }
}

/// An error's fields, for machines.
pub fn error(error: &Error) -> Json {
    let place = error.place();
    json!({
        "kind": kind(error.kind()), "exit_code": error.kind().exit_code(), "message": error.message(),
        "hint": error.hint_text(), "file": place.and_then(|p| p.file.as_deref()), "line": place.map(|p| p.line),
        "column": place.map(|p| p.column),
    })
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Statement => "statement",
        Kind::Document => "document",
        Kind::Usage => "usage",
        Kind::Credentials => "credentials",
        Kind::Api => "api",
        Kind::Network => "network",
        Kind::Partial => "partial",
        Kind::Assert => "assert",
        Kind::Incomplete => "incomplete",
        Kind::Interrupted => "interrupted",
        Kind::Terminated => "terminated",
        Kind::Internal => "internal",
    }
}

/// A statement as it may be written down: all its texts are masked where one of them might be a secret.
fn shown(text: &str, redactor: &Redactor) -> String {
    if may_keep(text, redactor) {
        return text.to_owned();
    }
    let (mut masked, mut done) = (String::with_capacity(text.len()), 0);
    for stretch in sql::scan(text).stretches {
        let inside = &text[stretch.start..stretch.end];
        masked.push_str(&text[done..stretch.start]);
        match stretch.mark {
            Mark::Quoted if !inside.starts_with('"') => masked.extend(["'", MASK, "'"]),
            Mark::Comment => {}
            _ => masked.push_str(inside),
        }
        done = stretch.end;
    }
    masked.push_str(&text[done..]);
    redactor.clean(&masked)
}

#[cfg(test)]
mod tests {
    use super::shown;
    use crate::secret::Redactor;

    #[test]
    fn texts_are_masked_where_one_sounds_secret() {
        let show = |text: &str| shown(text, &Redactor::default());
        assert_eq!(show("SELECT * FROM t WHERE a = 'x' -- y"), "SELECT * FROM t WHERE a = 'x' -- y");
        assert_eq!(
            show("INSERT INTO t (name, stream_key) VALUES ('a', $$hunter2$$) -- my token: x"),
            "INSERT INTO t (name, stream_key) VALUES ('***', '***') "
        );
    }
}
