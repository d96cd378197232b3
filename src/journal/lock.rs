//! The lock of a run: one process works on it, and the system takes the lock back when that process ends, however it
//! ends. A lock file is removed only after the run can never be worked on again (it is done, or forgotten), and ids
//! are never given twice; so a lock on a removed file guards nothing that matters. Must not know SQLite.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{failure, place};
use crate::error::Result;

/// A run that this process works on. Dropping it lets the run go.
#[derive(Debug)]
pub(super) struct RunLock {
    // Locked; closing it is what lets go.
    _file: File,
    path: PathBuf,
}

fn path_of(dir: &Path, id: &str) -> PathBuf {
    dir.join(format!("run-{id}.lock"))
}

impl RunLock {
    /// The lock of run `id`, or `None` where another holds it.
    pub(super) fn take(dir: &Path, id: &str) -> Result<Option<RunLock>> {
        let path = path_of(dir, id);
        let file = place::open_lock(&path)?;
        // Whoever lists the runs holds each lock for a moment; that must not look like a process at work.
        for _ in 0..20 {
            match file.try_lock() {
                Ok(()) => return Ok(Some(RunLock { _file: file, path })),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(5)),
                Err(TryLockError::Error(e)) => return Err(failure::file(&path, "cannot be locked", e)),
            }
        }
        Ok(None)
    }

    /// Whether a process works on run `id`.
    pub(super) fn is_held(dir: &Path, id: &str) -> Result<bool> {
        let path = path_of(dir, id);
        let Ok(file) = File::open(&path) else { return Ok(false) };
        match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(e)) => Err(failure::file(&path, "cannot be locked", e)),
        }
    }

    /// Lets go of a run that nobody will work on again.
    pub(super) fn remove(self) {
        // What stays behind is an empty file.
        let _ = std::fs::remove_file(&self.path);
    }
}
