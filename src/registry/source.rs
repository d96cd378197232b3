//! The registry: where documents are, and the model of what has been read so far.
//! Documents are read when they are first named: provider.yaml when any provider is, a service's when it is.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use include_dir::{Dir, include_dir};

use super::document::Document;
use super::load;
use super::model::{AuthScheme, Provider, Resource, Service};
use crate::error::{Error, Result, nearest};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/registry");

/// All providers of the program and of the folders added to it.
pub struct Registry {
    folders: Vec<PathBuf>,
    read: OnceLock<Vec<Entry>>,
    problems: Mutex<Vec<String>>,
    services: Mutex<HashMap<(String, String), Arc<Service>>>,
    documents_read: Mutex<Vec<String>>,
}

struct Entry {
    provider: Arc<Provider>,
    /// Where each service's document is, by the service's name.
    documents: HashMap<String, Location>,
}

#[derive(Clone)]
struct Location {
    root: Root,
    path: PathBuf,
}

#[derive(Clone)]
enum Root {
    Embedded,
    Folder(PathBuf),
}

impl Root {
    fn read(&self, path: &Path) -> Result<Cow<'static, str>> {
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
    fn name(&self, path: &Path) -> String {
        match self {
            Root::Embedded => Path::new("registry").join(path).display().to_string(),
            Root::Folder(folder) => folder.join(path).display().to_string(),
        }
    }

    /// Every provider.yaml: `<provider>/provider.yaml`, or the newest `src/<provider>/<version>/provider.yaml`.
    fn providers(&self) -> Result<Vec<PathBuf>> {
        match self {
            Root::Embedded => {
                Ok(EMBEDDED.dirs().map(|d| d.path().join("provider.yaml")).filter(|p| EMBEDDED.contains(p)).collect())
            }
            Root::Folder(folder) => {
                let mut found = Vec::new();
                for entry in folders_in(folder)? {
                    if folder.join(&entry).join("provider.yaml").is_file() {
                        found.push(entry.join("provider.yaml"));
                    }
                }
                if folder.join("src").is_dir() {
                    for entry in folders_in(&folder.join("src"))? {
                        let provider = Path::new("src").join(entry);
                        let newest = folders_in(&folder.join(&provider))?.into_iter().next_back();
                        let file = newest.map(|version| provider.join(version).join("provider.yaml"));
                        found.extend(file.filter(|f| folder.join(f).is_file()));
                    }
                }
                Ok(found)
            }
        }
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

impl Registry {
    /// The embedded documents, and those of `folders`, which may add providers and services and replace services.
    ///
    /// # Errors
    /// When a folder does not exist. Nothing is read yet.
    pub fn open(folders: &[PathBuf]) -> Result<Registry> {
        for folder in folders {
            if !folder.is_dir() {
                return Err(Error::new(
                    crate::error::Kind::Usage,
                    format!("the registry folder {} does not exist", folder.display()),
                )
                .hint("--registry takes a folder of providers, each with a provider.yaml"));
            }
        }
        Ok(Registry {
            folders: folders.to_vec(),
            read: OnceLock::new(),
            problems: Mutex::default(),
            services: Mutex::default(),
            documents_read: Mutex::default(),
        })
    }

    /// The providers, in the order found; embedded ones first.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<Provider>> + Clone {
        self.entries().iter().map(|e| &e.provider)
    }

    /// What could not be used of the documents read so far, each with file and path.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        lock(&self.problems).clone()
    }

    /// The names of the documents read so far.
    #[must_use]
    pub fn documents_read(&self) -> Vec<String> {
        lock(&self.documents_read).clone()
    }

    fn entries(&self) -> &[Entry] {
        self.read.get_or_init(|| {
            let mut entries = Vec::new();
            let folders = self.folders.iter().cloned().map(Root::Folder);
            for root in std::iter::once(Root::Embedded).chain(folders) {
                match root.providers() {
                    Ok(files) => {
                        for file in files {
                            if let Err(error) = self.add(&mut entries, &root, &file) {
                                lock(&self.problems).push(error.to_string());
                            }
                        }
                    }
                    Err(error) => lock(&self.problems).push(error.to_string()),
                }
            }
            entries
        })
    }

    /// Reads one provider.yaml. For a provider that is known already it adds services and replaces those of the same
    /// name; how the provider is reached stays as it was.
    fn add(&self, entries: &mut Vec<Entry>, root: &Root, file: &Path) -> Result<()> {
        let document = self.document(root, file)?;
        let (provider, references) = load::provider(&document)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut documents = HashMap::new();
        for (service, reference) in provider.services.iter().zip(references) {
            let path = place_of(root, folder, &reference);
            documents.insert(service.name.clone(), Location { root: root.clone(), path });
        }
        match entries.iter_mut().find(|e| e.provider.name == provider.name) {
            None => entries.push(Entry { provider: Arc::new(provider), documents }),
            Some(known) => {
                let mut merged = (*known.provider).clone();
                merged.services.retain(|s| !documents.contains_key(&s.name));
                merged.services.extend(provider.services);
                known.provider = Arc::new(merged);
                known.documents.extend(documents);
            }
        }
        Ok(())
    }

    fn document(&self, root: &Root, path: &Path) -> Result<Document> {
        let name = root.name(path);
        let text = root.read(path)?;
        lock(&self.documents_read).push(name.clone());
        Document::parse(&name, &text)
    }

    /// The provider of that name.
    ///
    /// # Errors
    /// Did-you-mean, and the problems of documents that could not be read.
    pub fn provider(&self, name: &str) -> Result<Arc<Provider>> {
        let found = self.entries().iter().find(|e| e.provider.name == name);
        found.map(|e| e.provider.clone()).ok_or_else(|| {
            let names = self.providers().map(|p| p.name.as_str());
            // A document of another provider is no reason.
            let problems: Vec<String> = self.problems().into_iter().filter(|problem| problem.contains(name)).collect();
            unknown("provider", name, names, "SHOW PROVIDERS", &problems)
        })
    }

    /// From now on the provider is signed in to by `scheme` alone, whatever its document says.
    ///
    /// # Errors
    /// When the provider is not known.
    pub fn sign_in(&mut self, provider: &str, scheme: &AuthScheme) -> Result<()> {
        self.provider(provider)?;
        let entries = self.read.get_mut().into_iter().flatten();
        for entry in entries.filter(|e| e.provider.name == provider) {
            let access = &mut Arc::make_mut(&mut entry.provider).access;
            access.schemes = vec![scheme.clone()];
            access.credentials_help = None;
        }
        Ok(())
    }

    /// Whether a provider has that name. Never an error.
    #[must_use]
    pub fn has_provider(&self, name: &str) -> bool {
        self.providers().any(|p| p.name == name)
    }

    /// The service of that name, its document read now if it was not yet.
    ///
    /// # Errors
    /// Unknown names with did-you-mean; a document that cannot be read or is no document.
    pub fn service(&self, provider: &str, name: &str) -> Result<Arc<Service>> {
        let known = self.provider(provider)?;
        let key = (provider.to_owned(), name.to_owned());
        if let Some(service) = lock(&self.services).get(&key) {
            return Ok(service.clone());
        }
        let entry = self.entries().iter().find(|e| e.provider.name == provider);
        let Some(location) = entry.and_then(|e| e.documents.get(name)) else {
            let names = known.services.iter().map(|s| s.name.as_str());
            return Err(unknown("service", name, names, &format!("SHOW SERVICES IN {provider}"), &[]));
        };
        let document = self.document(&location.root, &location.path)?;
        let inherited = known.services.iter().find(|s| s.name == name).map(|s| s.inherited.clone()).unwrap_or_default();
        let service = Arc::new(load::service(&document, &inherited, provider, name)?);
        lock(&self.problems).extend(service.problems.iter().cloned());
        lock(&self.services).insert(key, service.clone());
        Ok(service)
    }

    /// The resource of that name.
    ///
    /// # Errors
    /// As for [`Registry::service`]; a resource that the document has but that cannot be used, with the reason.
    pub fn resource(&self, provider: &str, service: &str, name: &str) -> Result<Arc<Resource>> {
        let loaded = self.service(provider, service)?;
        let of_it = format!("x-stackQL-resources.{name}");
        let problems: Vec<String> = loaded.problems.iter().filter(|p| p.contains(&of_it)).cloned().collect();
        if let Some(resource) = loaded.resources.iter().find(|r| r.name == name)
            && (!resource.methods.is_empty() || problems.is_empty())
        {
            return Ok(resource.clone());
        }
        let names = loaded.resources.iter().map(|r| r.name.as_str());
        Err(unknown("table", name, names, &format!("SHOW RESOURCES IN {provider}.{service}"), &problems))
    }
}

/// A service's `$ref` is relative to the provider's folder; StackQL's are relative to `src`.
fn place_of(root: &Root, folder: &Path, reference: &str) -> PathBuf {
    let beside = folder.join(reference);
    let exists = |path: &Path| match root {
        Root::Embedded => EMBEDDED.contains(path),
        Root::Folder(base) => base.join(path).is_file(),
    };
    let from_root = [Path::new("src").join(reference), PathBuf::from(reference)];
    if exists(&beside) { beside } else { from_root.into_iter().find(|p| exists(p)).unwrap_or(beside) }
}

fn unknown<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str>, look: &str, problems: &[String]) -> Error {
    if let Some(problem) = problems.first() {
        return Error::document(format!("{what} `{name}` cannot be used: {problem}"))
            .hint("mend the document at that place; docs/registry.md describes what may stand there");
    }
    let names: Vec<&str> = names.collect();
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {look} lists them all"),
        None => format!("{look} lists them"),
    };
    Error::statement(format!("there is no {what} `{name}`")).hint(hint)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
