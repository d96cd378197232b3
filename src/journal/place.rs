//! The journal's place on disk: a directory that nobody else writes to, files that nobody else reads. What is too open
//! is closed, what is somebody else's is refused. Must not know SQLite, nor what the files hold.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::failure;
use crate::error::{Error, Kind, Result};
use crate::secret::private_folder;

/// The journal's file.
const NAME: &str = "journal.sqlite";

/// Makes the directory and the file where they are missing and checks them where they are not. Gives the absolute
/// path of the directory and of the file; what SQLite puts beside the file has the file's own permissions.
///
/// The files themselves are never opened here: when a process closes a file, the system drops the locks that SQLite
/// has on it elsewhere in that process.
pub(super) fn prepare(dir: &Path) -> Result<(PathBuf, PathBuf)> {
    let dir = std::path::absolute(dir).map_err(|e| failure::file(dir, "is no path", e))?;
    let path = dir.join(NAME);
    make_directory(&dir)?;
    check_directory(&dir)?;
    if fs::symlink_metadata(&path).is_err() {
        make_file(&dir, &path)?;
    }
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.clone().into_os_string();
        name.push(end);
        close_to_others(Path::new(&name))?;
    }
    sync(&dir)?;
    Ok((dir, path))
}

/// Puts an empty file in its place, closed before it is there. Somebody else's, made meanwhile, is as good.
fn make_file(dir: &Path, path: &Path) -> Result<()> {
    let failed = |e| failure::file(path, "cannot be made", e);
    let empty = tempfile::Builder::new().prefix(NAME).tempfile_in(dir).map_err(failed)?.into_temp_path();
    match empty.persist_noclobber(path) {
        Ok(()) => Ok(()),
        Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(failed(e.error)),
    }
}

/// Opens the lock file `path`, its owner's alone; makes it where it is missing.
pub(super) fn open_lock(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|e| failure::file(path, "cannot be written", e))?;
    close_to_others(path)?;
    Ok(file)
}

fn make_directory(dir: &Path) -> Result<()> {
    if dir.exists() {
        return Ok(());
    }
    private_folder(dir).map_err(|e| failure::file(dir, "cannot be made", e))?;
    // A power cut must not take the directory from under what was flushed into it.
    dir.parent().map_or(Ok(()), sync)
}

/// Flushes the names in `dir`.
fn sync(dir: &Path) -> Result<()> {
    if cfg!(unix) {
        // A directory that may be written to but not read cannot be opened; its journal works all the same.
        if let Ok(open) = File::open(dir) {
            return open.sync_all().map_err(|e| failure::file(dir, "cannot be flushed", e));
        }
    }
    Ok(())
}

#[cfg(unix)]
fn check_directory(dir: &Path) -> Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let found = fs::metadata(dir).map_err(|e| failure::file(dir, "cannot be read", e))?;
    if !found.is_dir() {
        return Err(failure::file(dir, "is not a directory", io::ErrorKind::NotADirectory.into()));
    }
    // Whose a new file is tells who we are; that it can be made tells that the disk takes it.
    let probe = tempfile::tempfile_in(dir).map_err(|e| failure::file(dir, "takes no files", e))?;
    let own = probe.metadata().map_err(|e| failure::file(dir, "takes no files", e))?.uid();
    if found.uid() != own {
        let message = format!("the journal cannot be kept: `{}` belongs to somebody else", dir.display());
        return Err(Error::new(Kind::Usage, message)
            .hint("run weir as the owner of that directory, or keep the journal in another directory"));
    }
    let open_to_others = |mode: u32| mode & 0o022 != 0;
    if !open_to_others(found.mode()) {
        return Ok(());
    }
    // Only a directory that is the journal's own is closed; others may be there for a reason, as /tmp is.
    let own_place = dir.join(NAME).exists() || fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none());
    if own_place {
        let _ = fs::set_permissions(dir, fs::Permissions::from_mode(0o700));
        if fs::metadata(dir).is_ok_and(|now| !open_to_others(now.mode())) {
            return Ok(());
        }
    }
    let message = format!("the journal cannot be kept: others may write to `{}`", dir.display());
    Err(Error::new(Kind::Usage, message)
        .hint(format!("close it (chmod 700 `{}`), or keep the journal in another directory", dir.display())))
}

#[cfg(not(unix))]
fn check_directory(dir: &Path) -> Result<()> {
    tempfile::tempfile_in(dir).map(drop).map_err(|e| failure::file(dir, "takes no files", e))
}

/// Takes the file at `path`, where there is one, from everybody but its owner.
fn close_to_others(path: &Path) -> Result<()> {
    let found = match fs::symlink_metadata(path) {
        // SQLite removes its files when the last connection closes.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(|e| failure::file(path, "cannot be read", e))?,
    };
    if !found.is_file() {
        let message = format!("the journal cannot be kept: `{}` is not a plain file", path.display());
        return Err(Error::new(Kind::Usage, message).hint("move it away, or keep the journal in another directory"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = |found: &fs::Metadata| found.permissions().mode() & 0o077 != 0;
        if open(&found) {
            let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o600));
            if fs::symlink_metadata(path).is_ok_and(|now| open(&now)) {
                let path = path.display();
                let message =
                    format!("the journal cannot be kept: others can read `{path}`, and that cannot be changed");
                return Err(Error::new(Kind::Usage, message)
                    .hint("keep the journal in a directory on a disk that knows owners"));
            }
        }
    }
    Ok(())
}
