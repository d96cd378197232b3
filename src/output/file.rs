//! A file that appears whole or not at all.
//! Owns the way from a path to something to write to, and the moment when the new file takes the old one's place.
//! Knows no format.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Kind, Result};

/// Somewhere to write a result to. A regular file is written beside its place under another name and takes its place in
/// [`commit`](Target::commit); a target dropped before leaves the old file as it was and nothing else behind. A device,
/// a pipe or the program's own output is written to directly.
#[derive(Debug)]
pub struct Target {
    to: To,
}

#[derive(Debug)]
enum To {
    Direct(File),
    Beside { file: NamedTempFile, place: PathBuf },
}

/// What a path leads to, links followed.
enum Found {
    Output(File),
    Stream(PathBuf),
    Regular(PathBuf, fs::Metadata),
    Nothing(PathBuf),
}

impl Target {
    /// Opens `path` for writing. Refuses directories, and files that may not be written.
    pub fn create(path: &Path) -> Result<Self> {
        let to = open(path).map_err(|error| {
            let hint = match error.kind() {
                ErrorKind::IsADirectory => "name a file in it",
                ErrorKind::NotFound => "create the directory first",
                ErrorKind::PermissionDenied => {
                    "both the file and its directory must be writable: the new file is written beside the old one"
                }
                _ => "choose another file, or write to standard output and redirect that",
            };
            Error::new(Kind::Usage, format!("`{}` cannot be written: {error}", path.display()))
                .hint(hint)
                .caused_by(error)
        })?;
        Ok(Target { to })
    }

    /// Puts the file in its place, once its bytes are safe on the disk.
    pub fn commit(self) -> Result<()> {
        let (file, place) = match self.to {
            To::Direct(mut file) => return file.flush().map_err(|error| lost("the output", error)),
            To::Beside { file, place } => (file, place),
        };
        let name = format!("`{}`", place.display());
        file.as_file().sync_all().map_err(|error| lost(&name, error))?;
        file.persist(&place).map_err(|error| lost(&name, error.error))?;
        // The name is on the disk once the directory is. Not every file system can be asked for that, and the file is
        // whole either way.
        #[cfg(unix)]
        let _ = File::open(directory(&place)).and_then(|directory| directory.sync_all());
        Ok(())
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.to {
            To::Direct(file) => file.write(bytes),
            To::Beside { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Direct(file) => file.flush(),
            To::Beside { file, .. } => file.flush(),
        }
    }
}

fn lost(name: &str, error: io::Error) -> Error {
    Error::new(Kind::Usage, format!("{name} could not be completed: {error}"))
        .hint("what stood there before is unchanged; look whether there is space left")
        .caused_by(error)
}

fn open(path: &Path) -> io::Result<To> {
    match find(path)? {
        Found::Output(file) => Ok(To::Direct(file)),
        // Appending, because a descriptor's path may lead to a file that somebody else is writing too.
        Found::Stream(place) => OpenOptions::new().append(true).open(place).map(To::Direct),
        Found::Nothing(place) => {
            // Not the narrow permissions that temporary files otherwise have.
            let mut builder = beside();
            #[cfg(unix)]
            builder.permissions(ordinary());
            Ok(To::Beside { file: begin(&builder, &place)?, place })
        }
        Found::Regular(place, old) => {
            // A rename would replace even what may not be written; so ask.
            OpenOptions::new().write(true).open(&place)?;
            let file = begin(&beside(), &place)?;
            keep_owner(file.as_file(), &old);
            file.as_file().set_permissions(old.permissions())?;
            Ok(To::Beside { file, place })
        }
    }
}

/// Follows links one by one, so that a link stays a link and its end is what is replaced, even an end that is not there.
fn find(path: &Path) -> io::Result<Found> {
    /// As many links in a row as Linux follows.
    const LINKS: usize = 40;
    if path.as_os_str().is_empty() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the name is empty"));
    }
    if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(ErrorKind::IsADirectory.into());
    }
    let mut place = path.to_path_buf();
    for _ in 0..LINKS {
        if let Some(output) = own_output(&place)? {
            return Ok(Found::Output(output));
        }
        // A descriptor's link does not always lead to something that has a name.
        if place.starts_with("/proc") || place.starts_with("/dev/fd") {
            return Ok(Found::Stream(place));
        }
        match fs::symlink_metadata(&place) {
            Ok(found) if found.is_symlink() => place = directory(&place).join(fs::read_link(&place)?),
            Ok(found) if found.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(found) if found.is_file() => return Ok(Found::Regular(place, found)),
            Ok(_) => return Ok(Found::Stream(place)),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing(place)),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// The program's own output, when that is what `place` is called. Opening it by name would begin at the start of a
/// file that it was redirected to, and fails on a socket.
#[cfg(unix)]
fn own_output(place: &Path) -> io::Result<Option<File>> {
    use std::os::fd::AsFd;
    let is = |names: [&str; 3]| names.iter().any(|name| place == Path::new(name));
    if is(["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]) {
        return Ok(Some(io::stdout().as_fd().try_clone_to_owned()?.into()));
    }
    if is(["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"]) {
        return Ok(Some(io::stderr().as_fd().try_clone_to_owned()?.into()));
    }
    Ok(None)
}

#[cfg(not(unix))]
fn own_output(_: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

fn directory(place: &Path) -> &Path {
    place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn beside() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".weir-").suffix(".part");
    builder
}

/// A new file in the directory of `place`. Its own name means nothing to the user, so errors leave it out.
fn begin(builder: &tempfile::Builder<'_, '_>, place: &Path) -> io::Result<NamedTempFile> {
    let directory = directory(place);
    fs::metadata(directory)?;
    builder.tempfile_in(directory).map_err(|error| error.kind().into())
}

/// What a new file may have; the system takes away what the user's umask says.
#[cfg(unix)]
fn ordinary() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}

/// The new file belongs to whom the old one did, as far as the system allows that.
#[cfg(unix)]
fn keep_owner(file: &File, old: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let _ = fchown(file, None, Some(old.gid()));
    let _ = fchown(file, Some(old.uid()), None);
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &fs::Metadata) {}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

    use super::*;

    fn files(directory: &Path) -> Vec<String> {
        let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    fn write(path: &Path, text: &str) {
        let mut target = Target::create(path).unwrap();
        target.write_all(text.as_bytes()).unwrap();
        target.commit().unwrap();
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn the_old_file_stays_until_the_new_one_is_whole() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("out.csv");
        fs::write(&path, "old").unwrap();
        let mut target = Target::create(&path).unwrap();
        target.write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        target.commit().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(files(home.path()), ["out.csv"]);
    }

    #[test]
    fn a_target_that_is_dropped_leaves_nothing_behind() {
        let home = tempfile::tempdir().unwrap();
        let (old, new) = (home.path().join("old"), home.path().join("new"));
        fs::write(&old, "old").unwrap();
        for path in [&old, &new] {
            let mut target = Target::create(path).unwrap();
            target.write_all(b"half").unwrap();
            assert_eq!(files(home.path()).len(), 2);
            drop(target);
        }
        assert_eq!(fs::read_to_string(&old).unwrap(), "old");
        assert_eq!(files(home.path()), ["old"]);
    }

    #[test]
    fn an_existing_file_keeps_its_permissions_and_a_new_one_has_the_usual() {
        let home = tempfile::tempdir().unwrap();
        let (old, new, usual) = (home.path().join("old"), home.path().join("new"), home.path().join("usual"));
        fs::write(&usual, "").unwrap();
        for permissions in [0o640, 0o666, 0o600, 0o755] {
            fs::write(&old, "").unwrap();
            fs::set_permissions(&old, fs::Permissions::from_mode(permissions)).unwrap();
            write(&old, "x");
            assert_eq!(mode(&old), permissions);
        }
        write(&new, "x");
        assert_eq!(mode(&new), mode(&usual));
    }

    #[test]
    fn a_link_stays_and_its_end_is_written() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("deep")).unwrap();
        let (link, second, end) = (home.path().join("link"), home.path().join("second"), home.path().join("deep/end"));
        symlink("second", &link).unwrap();
        symlink("deep/end", &second).unwrap();
        write(&link, "new file");
        assert_eq!(fs::read_to_string(&end).unwrap(), "new file");
        write(&link, "again");
        assert_eq!(fs::read_to_string(&end).unwrap(), "again");
        assert!(
            fs::symlink_metadata(&link).unwrap().is_symlink() && fs::symlink_metadata(&second).unwrap().is_symlink()
        );
        assert_eq!(files(&home.path().join("deep")), ["end"]);
    }

    #[test]
    fn directories_missing_directories_and_circles_are_refused() {
        let home = tempfile::tempdir().unwrap();
        let circle = home.path().join("circle");
        symlink("circle", &circle).unwrap();
        for (path, words) in [
            (home.path().to_path_buf(), "is a directory"),
            (home.path().join("new/"), "is a directory"),
            (home.path().join("no/such"), "No such file"),
            (circle, "too many"),
            (PathBuf::new(), "is empty"),
        ] {
            let error = Target::create(&path).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            assert!(error.message().contains(words), "{error}");
            assert!(error.hint_text().is_some());
            assert!(!error.message().contains(".part"), "{error}");
        }
        assert_eq!(files(home.path()), ["circle"]);
    }

    #[test]
    fn devices_and_pipes_are_written_to_directly() {
        write(Path::new("/dev/null"), "x");
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device(), "it was not replaced by a file");

        let home = tempfile::tempdir().unwrap();
        let (reader, writer) = io::pipe().unwrap();
        let named = home.path().join("pipe");
        // A descriptor's path stands for any stream with a name; the link shows that links are followed to it.
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
        if !cfg!(target_os = "linux") {
            return;
        }
        symlink(&path, &named).unwrap();
        write(&named, "through the pipe");
        drop(writer);
        assert_eq!(io::read_to_string(reader).unwrap(), "through the pipe");
        assert!(fs::symlink_metadata(&named).unwrap().is_symlink());
    }

    #[test]
    fn the_programs_own_output_is_not_opened_anew() {
        for name in ["/dev/stdout", "/dev/stderr"] {
            let target = Target::create(Path::new(name)).unwrap();
            assert!(matches!(target.to, To::Direct(_)));
            target.commit().unwrap();
        }
    }
}
