//! What SQLite and the file system say, in a person's words: which file, what is wrong with it, what to do.
//! Must not know what was being stored.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::error::{Error, Kind};

/// What to do with a file that cannot be read: whatever it still holds stays with its owner.
pub(super) fn set_aside(path: &Path) -> String {
    let (path, moved) = (path.display(), path.with_extension("broken").display().to_string());
    format!(
        "move `{path}` and the files `{path}-wal` and `{path}-shm` away together (mv `{path}` `{moved}`); weir then starts a \
         new journal, which knows nothing of earlier runs"
    )
}

/// The error for `error`, met while `doing` something with the journal at `path`.
pub(super) fn sqlite(path: &Path, doing: &str, error: rusqlite::Error) -> Error {
    let place = path.display();
    let (what, hint) = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            ("the disk is full".to_owned(), "make room there, or keep the journal in another directory".to_owned())
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => (
            "it cannot be written".to_owned(),
            "is the disk mounted read-only, or the file somebody else's? Make it writable, or keep the journal in another \
             directory"
                .to_owned(),
        ),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => ("it is damaged".to_owned(), set_aside(path)),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => (
            "another process keeps it locked".to_owned(),
            "wait until that weir has planned its write, then try again".to_owned(),
        ),
        Some(ErrorCode::SystemIoFailure) => (
            format!("the disk reports an error ({error})"),
            "look at the disk, or keep the journal in another directory".to_owned(),
        ),
        _ => {
            let message = format!("cannot {doing}: the journal `{place}`: {error}");
            return Error::new(Kind::Internal, message).caused_by(error);
        }
    };
    Error::new(Kind::Usage, format!("cannot {doing}: the journal `{place}`: {what}")).hint(hint).caused_by(error)
}

/// The error for what the file system says of `path`.
pub(super) fn file(path: &Path, what: &str, error: io::Error) -> Error {
    let message = format!("the journal cannot be kept: `{}` {what}: {error}", path.display());
    Error::new(Kind::Usage, message).hint(elsewhere(path)).caused_by(error)
}

/// The hint for a place that will not do.
pub(super) fn elsewhere(path: &Path) -> String {
    format!("make `{}` a place that only you can write to, or keep the journal in another directory", path.display())
}
