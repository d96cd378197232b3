//! Where documents are: the program's own, and the folders added to it, in the layouts they come in.
//! Finds and reads files; knows nothing of what is in them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::path::{Component, Path, PathBuf};

use include_dir::{Dir, include_dir};

use crate::error::{Error, Kind, Result};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/registry");

/// A folder of providers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// The program's own.
    Embedded,
    /// One that was added.
    Folder(PathBuf),
}

impl Root {
    /// The text of a document.
    pub fn read(&self, path: &Path) -> Result<Cow<'static, str>> {
        match self {
            Root::Embedded => EMBEDDED
                .get_file(path)
                .and_then(include_dir::File::contents_utf8)
                .map(Cow::Borrowed)
                .ok_or_else(|| Error::document(format!("no document {}", self.name(path)))),
            Root::Folder(folder) => std::fs::read_to_string(folder.join(path))
                .map(Cow::Owned)
                .map_err(|e| Error::document(format!("{} cannot be read: {e}", self.name(path))).caused_by(e)),
        }
    }

    /// The document's name in messages.
    pub fn name(&self, path: &Path) -> String {
        match self {
            Root::Embedded => Path::new("registry").join(path).display().to_string(),
            Root::Folder(folder) => folder.join(path).display().to_string(),
        }
    }

    fn has(&self, path: &Path) -> bool {
        match self {
            Root::Embedded => EMBEDDED.contains(path),
            Root::Folder(folder) => folder.join(path).is_file(),
        }
    }

    /// Every provider.yaml, one a provider: the folder's own, `<provider>/provider.yaml`, or the newest
    /// `<provider>/<version>/provider.yaml`, in the folder or in its `src`.
    ///
    /// # Errors
    /// When a folder cannot be read, or holds no provider.
    pub fn providers(&self) -> Result<Vec<PathBuf>> {
        let Root::Folder(folder) = self else {
            let files = EMBEDDED.dirs().map(|d| d.path().join("provider.yaml"));
            return Ok(files.filter(|p| EMBEDDED.contains(p)).collect());
        };
        if self.has(Path::new("provider.yaml")) {
            return Ok(vec![PathBuf::from("provider.yaml")]);
        }
        let mut found = Vec::new();
        // The folder may be one provider's, with its versions in it.
        match self.newest(Path::new(""))? {
            Some(file) => found.push(file),
            None => {
                for base in ["", "src"].map(Path::new).into_iter().filter(|base| folder.join(base).is_dir()) {
                    for provider in folders_in(&folder.join(base))? {
                        let provider = base.join(provider);
                        let own = provider.join("provider.yaml");
                        found.extend(if self.has(&own) { Some(own) } else { self.newest(&provider)? });
                    }
                }
            }
        }
        if found.is_empty() {
            return Err(Error::new(Kind::Usage, format!("the registry folder {} holds no provider", folder.display()))
                .hint("a provider.yaml stands in it, in <provider>/, or in src/<provider>/<version>/"));
        }
        Ok(found)
    }

    /// The newest version's provider.yaml in a provider's folder.
    fn newest(&self, provider: &Path) -> Result<Option<PathBuf>> {
        let Root::Folder(folder) = self else { return Ok(None) };
        let folders = folders_in(&folder.join(provider))?.into_iter();
        let named = folders.filter_map(|folder| Some((Version::of(folder.to_str()?)?, folder)));
        let versions = named.map(|(version, name)| (version, provider.join(name).join("provider.yaml")));
        Ok(versions.filter(|(_, file)| self.has(file)).max().map(|(_, file)| file))
    }

    /// Where the document is that a provider.yaml in `folder` names: beside it (weir's own layout), or from the folder of
    /// all providers (StackQL's). A name that differs only in case is taken where there is no other: such registries are
    /// made on file systems that do not tell them apart.
    ///
    /// # Errors
    /// For a reference that leads out of the registry.
    pub fn place_of(&self, folder: &Path, reference: &str) -> Result<PathBuf> {
        let wanted = Path::new(reference);
        if !wanted.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(Error::document(format!("`{reference}` leads out of the registry"))
                .hint("a service's document is named by a path within its registry"));
        }
        let mut places = vec![folder.join(wanted)];
        places.extend(folder.ancestors().skip(1).map(|above| above.join(wanted)));
        places.push(Path::new("src").join(wanted));
        // A version's own folder was given: the providers' folder is two above.
        places.push(Path::new("../..").join(wanted));
        if let Some(found) = places.iter().find(|place| self.has(place)) {
            return Ok(found.clone());
        }
        Ok(places.iter().find_map(|place| self.but_for_case(place)).unwrap_or_else(|| places.swap_remove(0)))
    }

    fn but_for_case(&self, path: &Path) -> Option<PathBuf> {
        let Root::Folder(folder) = self else { return None };
        let (parent, wanted) = (path.parent()?, path.file_name()?.to_str()?);
        let names = std::fs::read_dir(folder.join(parent)).ok()?.filter_map(|e| e.ok()?.file_name().into_string().ok());
        let mut alike = names.filter(|name| name.eq_ignore_ascii_case(wanted));
        let found = alike.next()?;
        alike.next().is_none().then(|| parent.join(found))
    }
}

/// The folders in `folder`, sorted by name.
fn folders_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |e: std::io::Error| {
        Error::document(format!("the registry folder {} cannot be read: {e}", folder.display())).caused_by(e)
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.path().is_dir() {
            names.push(PathBuf::from(entry.file_name()));
        }
    }
    names.sort();
    Ok(names)
}

/// A version as folders are named by it: `v00.00.00000`, `1.10`, `v2.0-beta`. Ordered by its numbers, and one with
/// something behind them before the one without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    numbers: Vec<u64>,
    early: Option<String>,
}

impl Version {
    /// None: the text is no version.
    pub fn of(text: &str) -> Option<Version> {
        let bare = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let (numbers, early) = match bare.split_once(['-', '+']) {
            Some((numbers, early)) => (numbers, Some(early.to_owned())),
            None => (bare, None),
        };
        let mut numbers: Vec<u64> = numbers.split('.').map(|n| n.parse().ok()).collect::<Option<_>>()?;
        while numbers.len() > 1 && numbers.last() == Some(&0) {
            numbers.pop();
        }
        Some(Version { numbers, early })
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_numbers = self.numbers.cmp(&other.numbers);
        by_numbers.then_with(|| match (&self.early, &other.early) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => a.cmp(b),
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let root = Root::Folder(folder.path().to_owned());
        (folder, root)
    }

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        let of = |text: &str| Version::of(text).unwrap();
        for (older, newer) in
            [("v1.9", "v1.10"), ("v00.00.00000", "v24.05.00210"), ("1", "v1.0.1"), ("v2.0-beta", "v2.0"), ("v9", "v10")]
        {
            assert!(of(older) < of(newer), "{older} {newer}");
        }
        assert_eq!(of("v1"), of("1.0.0"));
        for text in ["services", "v", "1.x", "", "vv1"] {
            assert_eq!(Version::of(text), None, "{text}");
        }
    }

    #[test]
    fn every_layout_gives_each_provider_once_in_its_newest_version() {
        for (files, found) in [
            (vec!["acme/provider.yaml", "zeta/provider.yaml"], vec!["acme/provider.yaml", "zeta/provider.yaml"]),
            (
                vec!["src/acme/v1.9/provider.yaml", "src/acme/v1.10/provider.yaml", "src/acme/v2/notes"],
                vec!["src/acme/v1.10/provider.yaml"],
            ),
            (
                vec!["acme/v1/provider.yaml", "zeta/v2/provider.yaml"],
                vec!["acme/v1/provider.yaml", "zeta/v2/provider.yaml"],
            ),
            (vec!["provider.yaml", "services/a.yaml"], vec!["provider.yaml"]),
            (vec!["v1.9/provider.yaml", "v1.10/provider.yaml"], vec!["v1.10/provider.yaml"]),
        ] {
            let (_kept, root) = folder(&files);
            let found: Vec<PathBuf> = found.into_iter().map(PathBuf::from).collect();
            assert_eq!(root.providers().unwrap(), found, "{files:?}");
        }
    }

    #[test]
    fn a_folder_without_a_provider_says_so() {
        for files in [vec![], vec!["acme/services/a.yaml"], vec!["src/acme/latest/provider.yaml"]] {
            let (_kept, root) = folder(&files);
            let error = root.providers().unwrap_err();
            assert!(error.message().ends_with("holds no provider"), "{error}");
            assert!(error.hint_text().unwrap().contains("provider.yaml"));
        }
    }

    #[test]
    fn a_document_is_found_from_its_provider_or_from_all_of_them() {
        let (kept, root) =
            folder(&["src/acme/v1/services/Org.yaml", "src/acme/v1/provider.yaml", "zeta/services/b.yaml"]);
        let place = |folder: &str, reference: &str| root.place_of(Path::new(folder), reference).unwrap();
        let file = PathBuf::from("src/acme/v1/services/Org.yaml");
        assert_eq!(place("src/acme/v1", "acme/v1/services/Org.yaml"), file);
        assert_eq!(place("src/acme/v1", "acme/v1/services/org.yaml"), file);
        assert_eq!(place("src/acme/v1", "services/Org.yaml"), file);
        assert_eq!(place("zeta", "services/b.yaml"), PathBuf::from("zeta/services/b.yaml"));
        assert_eq!(place("zeta", "services/none.yaml"), PathBuf::from("zeta/services/none.yaml"));
        let version = Root::Folder(kept.path().join("src/acme/v1"));
        let place = version.place_of(Path::new(""), "acme/v1/services/Org.yaml").unwrap();
        assert!(version.read(&place).is_ok());
        for bad in ["../zeta/services/b.yaml", "/etc/hostname", "services/../../x"] {
            assert!(root.place_of(Path::new("zeta"), bad).unwrap_err().to_string().contains("out of the registry"));
        }
    }
}
