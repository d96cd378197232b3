//! `--outcomes FILE`: what became of each row of a write, a JSON object a line, as soon as it is known.
//! Must not know how a write is sent.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::json;

use crate::error::{Error, Kind, Result};
use crate::session::{Observer, Outcome};

/// Writes outcomes to a file, which is emptied first.
///
/// # Errors
/// When the file cannot be written.
pub fn to(path: &Path) -> Result<Observer> {
    let name = path.display().to_string();
    let wrong = |e: std::io::Error| Error::new(Kind::Usage, format!("{name} cannot be written: {e}")).caused_by(e);
    let file = Mutex::new(File::create(path).map_err(wrong)?);
    Ok(Arc::new(move |outcome: &Outcome| {
        let line = line(outcome);
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // One write a line: a reader never sees half of one. The write itself must not fail for a full disk here.
        if let Err(error) = file.write_all(line.as_bytes()) {
            let _ = writeln!(std::io::stderr(), "warning: {name} cannot be written: {error}");
        }
    }))
}

fn line(outcome: &Outcome) -> String {
    let Outcome { statement, row, ended, request, status, code, message, request_id, attempts, taken } = outcome;
    let millis = u64::try_from(taken.as_millis()).unwrap_or(u64::MAX);
    let object = json!({
        "statement": statement, "row": row, "outcome": ended.to_string(), "request": request, "status": status,
        "code": code, "message": message, "request_id": request_id, "attempts": attempts, "taken_ms": millis,
    });
    format!("{object}\n")
}
