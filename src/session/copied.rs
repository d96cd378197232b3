//! The file of a COPY, which appears whole or not at all: it is written beside its place under another name. The engine
//! by itself ends a file properly after a failed read, so that the rows that came before look like all of them.
//! Owns which targets that is done for; knows no format.

use std::fs;
use std::path::{Path, PathBuf};

use datafusion::logical_expr::dml::CopyTo;
use tempfile::TempPath;

use crate::error::{Error, Result};

/// A file that is being written, and the place it will take.
pub(super) struct Whole {
    part: TempPath,
    place: PathBuf,
}

impl Whole {
    /// Leads `copy` to a new file beside its target. None for what is no single file on this machine.
    pub(super) fn instead_of(copy: &mut CopyTo) -> Result<Option<Whole>> {
        let target = copy.output_url.strip_prefix("file://").unwrap_or(&copy.output_url);
        let path = Path::new(target);
        // Without an extension, or in parts, it is a folder.
        let Some(extension) = path.extension().and_then(|e| e.to_str()).filter(|_| copy.partition_by.is_empty()) else {
            return Ok(None);
        };
        if target.ends_with('/') || target.contains("://") {
            return Ok(None);
        }
        // A link stays a link, and what it leads to is replaced.
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        if let Ok(found) = fs::metadata(&place) {
            if !found.is_file() {
                return Ok(None);
            }
            // A rename would replace even what may not be written; so ask.
            fs::OpenOptions::new().write(true).open(&place).map_err(|error| lost(&place, &error).caused_by(error))?;
        }
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // The engine would create folders that are missing, too.
        let folder = fs::create_dir_all(folder).and_then(|()| fs::canonicalize(folder));
        let folder = folder.map_err(|error| lost(&place, &error).caused_by(error))?;
        let suffix = format!(".part.{extension}");
        let part = tempfile::Builder::new().prefix(".weir-").suffix(&suffix).tempfile_in(&folder);
        // The other name means nothing to the user: the error leaves it out.
        let part = part.map_err(|error| lost(&place, &error.kind().into()).caused_by(error))?.into_temp_path();
        let Some(url) = part.to_str() else { return Ok(None) };
        url.clone_into(&mut copy.output_url);
        Ok(Some(Whole { part, place }))
    }

    /// Puts the file in its place, once its bytes are safe on the disk.
    pub(super) fn commit(self) -> Result<()> {
        let Whole { part, place } = self;
        let synced = fs::File::open(&part).and_then(|file| file.sync_all());
        synced.map_err(|error| lost(&place, &error).caused_by(error))?;
        if let Ok(old) = fs::metadata(&place) {
            let kept = fs::set_permissions(&part, old.permissions());
            kept.map_err(|error| lost(&place, &error).caused_by(error))?;
        }
        part.persist(&place).map_err(|error| lost(&place, &error.error).caused_by(error.error))
    }
}

fn lost(place: &Path, error: &std::io::Error) -> Error {
    Error::new(crate::error::Kind::Usage, format!("`{}` could not be written: {error}", place.display()))
        .hint("what stood there before is unchanged; look whether there is space left, and whether you may write there")
}
