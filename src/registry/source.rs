//! The registry: the model of what has been read so far, and how more of it is read.
//! Documents are read when they are first named: provider.yaml when any provider is, a service's when it is; and from
//! the cache where they stand in it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::cache::{Cache, Key, Stored};
use super::config::Inherited;
use super::document::Document;
use super::load::{self, Loaded};
use super::model::{Provider, Resource, Service};
use super::provider::{self, LoadedProvider};
use super::roots::Root;
use super::unknown::unknown;
use super::{index, split};
use crate::error::{Error, Result};

/// All providers of the program and of the folders added to it.
pub struct Registry {
    files: Vec<(Root, PathBuf)>,
    cache: Option<Cache>,
    pub(super) read: OnceLock<Vec<Entry>>,
    problems: Mutex<Problems>,
    services: Mutex<HashMap<(String, String), Slot>>,
    documents_read: Mutex<Vec<String>>,
}

/// Two who need a document at the same time read it once.
type Slot = Arc<Mutex<Option<Arc<Held>>>>;

#[derive(Default)]
struct Problems {
    all: Vec<String>,
    /// How many of them have been told.
    told: usize,
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) provider: Arc<Provider>,
    /// Where each service's document is, by the service's name.
    documents: HashMap<String, Location>,
    /// The texts that the provider was read from: what is said there of all services is part of each.
    texts: String,
}

impl Entry {
    /// What provider.yaml says of a service's methods.
    fn inherited(&self, service: &str) -> Inherited {
        let known = self.provider.services.iter().find(|known| known.name == service);
        known.map(|known| known.inherited.clone()).unwrap_or_default()
    }
}

#[derive(Clone)]
struct Location {
    root: Root,
    document: PathBuf,
    resources: Option<PathBuf>,
}

/// A service's documents as they were read.
struct Texts {
    document: Cow<'static, str>,
    /// Empty where the resources stand in the document itself.
    resources: Cow<'static, str>,
}

/// A service, and what has been read of its resources.
struct Held {
    service: Arc<Service>,
    resources: Vec<OnceLock<Arc<Resource>>>,
    stored: Option<Stored>,
}

impl Registry {
    /// The embedded documents, and those of `folders`, which may add providers and services and replace services. What
    /// is read is kept in `cache`, where one is given.
    ///
    /// # Errors
    /// When a folder does not exist or holds no provider. No document is read yet.
    pub fn open(folders: &[PathBuf], cache: Option<&Path>) -> Result<Registry> {
        let mut files = Vec::new();
        for root in std::iter::once(Root::Embedded).chain(folders.iter().cloned().map(Root::Folder)) {
            if let Root::Folder(folder) = &root
                && !folder.is_dir()
            {
                return Err(Error::new(
                    crate::error::Kind::Usage,
                    format!("the registry folder {} does not exist", folder.display()),
                )
                .hint("--registry takes a folder of providers, each with a provider.yaml"));
            }
            files.extend(root.providers()?.into_iter().map(|file| (root.clone(), file)));
        }
        Ok(Registry {
            files,
            cache: cache.map(Cache::new),
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
        lock(&self.problems).all.clone()
    }

    /// The same, as far as this has not given it yet: each is told once.
    #[must_use]
    pub fn new_problems(&self) -> Vec<String> {
        let mut problems = lock(&self.problems);
        let news = problems.all[problems.told..].to_vec();
        problems.told = problems.all.len();
        news
    }

    fn report(&self, problem: String) {
        let mut problems = lock(&self.problems);
        if !problems.all.contains(&problem) {
            problems.all.push(problem);
        }
    }

    /// The names of the documents read so far.
    #[must_use]
    pub fn documents_read(&self) -> Vec<String> {
        lock(&self.documents_read).clone()
    }

    fn entries(&self) -> &[Entry] {
        self.read.get_or_init(|| {
            let mut entries = Vec::new();
            for (root, file) in &self.files {
                if let Err(error) = self.add(&mut entries, root, file) {
                    self.report(error.to_string());
                }
            }
            entries
        })
    }

    /// Reads one provider.yaml. For a provider that is known already it adds services and replaces those of the same
    /// name; how the provider is reached stays as it was.
    fn add(&self, entries: &mut Vec<Entry>, root: &Root, file: &Path) -> Result<()> {
        let text = self.text(root, file)?;
        let LoadedProvider { mut provider, references, problems } = self.loaded_provider(&root.name(file), &text)?;
        for problem in problems {
            self.report(problem);
        }
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut documents = HashMap::new();
        for (service, named) in provider.services.iter().zip(references) {
            let document = root.place_of(folder, &named.document);
            let resources = named.resources.as_deref().map(|r| root.place_of(folder, r)).transpose();
            match (document, resources) {
                (Ok(document), Ok(resources)) => {
                    let location = Location { root: root.clone(), document, resources };
                    documents.insert(service.name.clone(), location);
                }
                (Err(error), _) | (_, Err(error)) => {
                    self.report(format!("{}: providerServices.{}: {error}", root.name(file), named.key));
                }
            }
        }
        provider.services.retain(|service| documents.contains_key(&service.name));
        match entries.iter_mut().find(|e| e.provider.name == provider.name) {
            None => entries.push(Entry { provider: Arc::new(provider), documents, texts: text.into_owned() }),
            Some(known) => {
                let mut merged = (*known.provider).clone();
                merged.services.retain(|s| !documents.contains_key(&s.name));
                merged.services.extend(provider.services);
                known.provider = Arc::new(merged);
                known.documents.extend(documents);
                known.texts.push_str(&text);
            }
        }
        Ok(())
    }

    fn text(&self, root: &Root, path: &Path) -> Result<Cow<'static, str>> {
        let text = root.read(path)?;
        lock(&self.documents_read).push(root.name(path));
        Ok(text)
    }

    fn loaded_provider(&self, name: &str, text: &str) -> Result<LoadedProvider> {
        let Some(cache) = &self.cache else { return provider::provider(&Document::parse(name, text)?) };
        let key = Key::of(&["provider", name, text]);
        if let Some(loaded) = cache.value(&key) {
            return Ok(loaded);
        }
        let loaded = provider::provider(&Document::parse(name, text)?)?;
        cache.store_value(&key, &loaded);
        Ok(loaded)
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
        self.held(provider, name).map(|held| held.service.clone())
    }

    /// Reads the documents of these services of a provider side by side. What cannot be read is a problem, told by
    /// [`Registry::problems`].
    pub fn read_all(&self, provider: &str, services: &[&str]) {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let work = || {
            while let Some(name) = services.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                if let Err(error) = self.held(provider, name) {
                    self.report(error.to_string());
                }
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(services.len());
        std::thread::scope(|scope| {
            // Where no thread can be had, this one does it all.
            for _ in 1..threads {
                let _ = std::thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
    }

    fn held(&self, provider: &str, name: &str) -> Result<Arc<Held>> {
        let known = self.provider(provider)?;
        let entry = self.entries().iter().find(|e| e.provider.name == provider);
        let Some((entry, location)) = entry.and_then(|e| Some((e, e.documents.get(name)?))) else {
            let names = known.services.iter().map(|s| s.name.as_str());
            let of_it = format!("providerServices.{name}:");
            let problems: Vec<String> = self.problems().into_iter().filter(|p| p.contains(&of_it)).collect();
            return Err(unknown("service", name, names, &format!("SHOW SERVICES IN {provider}"), &problems));
        };
        if let Some(reason) = &known.unsupported {
            return Err(Error::document(format!("the provider {provider} cannot be used: {reason}")));
        }
        let slot = lock(&self.services).entry((provider.to_owned(), name.to_owned())).or_default().clone();
        let mut slot = lock(&slot);
        if let Some(held) = &*slot {
            return Ok(held.clone());
        }
        let held = Arc::new(self.read_service(entry, location, name)?);
        for problem in &held.service.problems {
            self.report(problem.clone());
        }
        *slot = Some(held.clone());
        Ok(held)
    }

    fn read_service(&self, entry: &Entry, location: &Location, name: &str) -> Result<Held> {
        let texts = self.texts(location)?;
        let file = location.root.name(&location.document);
        let provider = &entry.provider.name;
        let key = Key::of(&["service", provider, name, &file, &entry.texts, &texts.document, &texts.resources]);
        if let Some((service, stored)) = self.cache.as_ref().and_then(|cache| cache.find(&key)) {
            let resources = service.resources.iter().map(|_| OnceLock::new()).collect();
            return Ok(Held { service: Arc::new(service), resources, stored: Some(stored) });
        }
        let Loaded { resources, problems } = loaded((provider, name), &entry.inherited(name), location, &texts)?;
        let service = index::service(name, resources.iter().map(AsRef::as_ref), problems);
        if let Some(cache) = &self.cache {
            cache.store(&key, &service, &resources);
        }
        let resources = resources.into_iter().map(OnceLock::from).collect();
        Ok(Held { service: Arc::new(service), resources, stored: None })
    }

    fn texts(&self, location: &Location) -> Result<Texts> {
        let document = self.text(&location.root, &location.document)?;
        let resources = location.resources.as_deref().map(|path| self.text(&location.root, path)).transpose()?;
        Ok(Texts { document, resources: resources.unwrap_or_default() })
    }

    /// The whole of the resource at that place of a service's entries.
    fn whole(&self, provider: &str, held: &Held, place: usize) -> Result<Arc<Resource>> {
        if let Some(resource) = held.resources[place].get() {
            return Ok(resource.clone());
        }
        let read = match held.stored.as_ref().and_then(|stored| stored.resource(place)) {
            Some(resource) => Arc::new(resource),
            // The cache was taken away or damaged meanwhile.
            None => self.read_again(provider, &held.service, place)?,
        };
        Ok(held.resources[place].get_or_init(|| read).clone())
    }

    fn read_again(&self, provider: &str, service: &Service, place: usize) -> Result<Arc<Resource>> {
        let entry = self.entries().iter().find(|e| e.provider.name == provider);
        let location = entry.and_then(|entry| entry.documents.get(&service.name));
        let names = (provider, service.name.as_str());
        let inherited = entry.map(|entry| entry.inherited(&service.name)).unwrap_or_default();
        let read = location.map(|at| loaded(names, &inherited, at, &self.texts(at)?)).transpose()?;
        let name = &service.resources[place].name;
        let found = read.into_iter().flat_map(|loaded| loaded.resources).find(|resource| resource.name == *name);
        found.ok_or_else(|| {
            Error::document(format!("{provider}.{}.{name} was taken out of its document meanwhile", service.name))
        })
    }

    /// The resource of that name.
    ///
    /// # Errors
    /// As for [`Registry::service`]; a resource that the document has but that cannot be used, with the reason.
    pub fn resource(&self, provider: &str, service: &str, name: &str) -> Result<Arc<Resource>> {
        let held = self.held(provider, service)?;
        let problems: Vec<String> = held.service.problems.iter().filter(|p| is_of(p, name)).cloned().collect();
        let place = held.service.resources.iter().position(|r| r.name == name);
        match place {
            Some(place) if !held.service.resources[place].methods.is_empty() || problems.is_empty() => {
                self.whole(provider, &held, place)
            }
            _ => {
                let names = held.service.resources.iter().map(|r| r.name.as_str());
                Err(unknown("table", name, names, &format!("SHOW RESOURCES IN {provider}.{service}"), &problems))
            }
        }
    }

    /// Every resource of a service that can be used at all, whole.
    ///
    /// # Errors
    /// As for [`Registry::service`].
    pub fn resources(&self, provider: &str, service: &str) -> Result<Vec<Arc<Resource>>> {
        let held = self.held(provider, service)?;
        (0..held.resources.len()).map(|place| self.whole(provider, &held, place)).collect()
    }
}

/// The model of a service from the texts of its documents.
fn loaded((provider, name): (&str, &str), inherited: &Inherited, location: &Location, texts: &Texts) -> Result<Loaded> {
    let mut document = Document::parse(&location.root.name(&location.document), &texts.document)?;
    if let Some(path) = &location.resources {
        split::join(&mut document, Document::parse(&location.root.name(path), &texts.resources)?)?;
    }
    load::service(&document, inherited, provider, name)
}

/// Whether the problem is one of the resource of that name.
fn is_of(problem: &str, name: &str) -> bool {
    let at = problem.split_once("x-stackQL-resources.").and_then(|(_, rest)| rest.strip_prefix(name));
    at.is_some_and(|behind| behind.starts_with(['.', ':']))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THINGS: &str = "
servers: [{url: 'https://demo.example'}]
paths: {/things: {get: {responses: {'200': {content: {application/json: {schema: {properties: {id: {type: string}}}}}}}}}}
components: {x-stackQL-resources: {things: {methods: {list: {operation: {$ref: '#/paths/~1things/get'}}, lost: {}}}}}
";

    /// A registry of one provider, `demo`, with these services and files beside its provider.yaml.
    fn demo(services: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let version = folder.path().join("src/folder/v1.0");
        std::fs::create_dir_all(&version).unwrap();
        std::fs::write(version.join("provider.yaml"), format!("id: demo\nproviderServices: {{{services}}}\n")).unwrap();
        for (name, text) in files {
            std::fs::write(version.join(name), text).unwrap();
        }
        folder
    }

    fn open(folder: &tempfile::TempDir, cache: Option<&Path>) -> Registry {
        Registry::open(&[folder.path().to_owned()], cache).unwrap()
    }

    #[test]
    fn what_is_missing_or_broken_is_told_by_its_file_and_hides_nothing_else() {
        let services = "a: {service: {$ref: folder/v1.0/a.yaml}}, b: {service: {$ref: folder/v1.0/b.yaml}}, \
                        c: {service: {$ref: folder/v1.0/c.yaml}}, d: {}, e: {service: {$ref: ../../../e.yaml}}";
        let folder = demo(services, &[("a.yaml", THINGS), ("c.yaml", "paths: [\n")]);
        let registry = open(&folder, None);
        registry.read_all("demo", &["a", "b", "c"]);
        assert_eq!(registry.resource("demo", "a", "things").unwrap().methods.len(), 1);
        for (service, said) in [
            ("b", "b.yaml cannot be read"),
            ("c", "not YAML"),
            ("d", "must name its document"),
            ("e", "out of the registry"),
        ] {
            let error = registry.service("demo", service).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        let mut problems = registry.new_problems();
        problems.sort_by_key(|p| {
            ["providerServices.d", "e.yaml", "a.yaml", "b.yaml", "c.yaml"].map(|part| !p.contains(part))
        });
        assert_eq!(problems.len(), 5, "{problems:#?}");
        assert!(problems[0].contains("`service.$ref` must name its document"), "{problems:#?}");
        assert!(problems[1].contains("leads out of the registry"), "{problems:#?}");
        assert!(problems[2].contains("things.methods.lost"), "{problems:#?}");
        assert_eq!(registry.new_problems(), Vec::<String>::new(), "each is told once");
        assert_eq!(registry.problems().len(), 5);
    }

    #[test]
    fn resources_may_stand_in_a_document_of_their_own() {
        let (paths, resources) = THINGS.split_at(THINGS.find("components").unwrap());
        let resources = resources.replace("'#/paths", "'folder/v1.0/a.yaml#/paths");
        let services = "a: {service: {$ref: folder/v1.0/a.yaml}, resources: {$ref: folder/v1.0/r.yaml}}";
        let folder = demo(services, &[("a.yaml", paths), ("r.yaml", &resources)]);
        let registry = open(&folder, None);
        assert_eq!(registry.resource("demo", "a", "things").unwrap().methods[0].name, "list");
    }

    #[test]
    fn a_provider_that_is_no_http_api_is_listed_and_refused_with_the_reason() {
        let folder = demo("a: {service: {$ref: folder/v1.0/a.yaml}}}\nprotocolType: local_templated\nconfig: {", &[]);
        let registry = open(&folder, None);
        assert_eq!(registry.provider("demo").unwrap().services.len(), 1);
        let error = registry.resource("demo", "a", "things").unwrap_err().to_string();
        assert!(error.contains("protocolType: local_templated"), "{error}");
    }

    #[test]
    fn a_document_that_changed_is_read_anew_and_a_cache_that_is_gone_is_not_missed() {
        let folder = demo("a: {service: {$ref: folder/v1.0/a.yaml}}", &[("a.yaml", THINGS)]);
        let kept = tempfile::tempdir().unwrap();
        let columns = |registry: &Registry| registry.resource("demo", "a", "things").unwrap().columns[0].name.clone();
        assert_eq!(columns(&open(&folder, Some(kept.path()))), "id");
        let cached = open(&folder, Some(kept.path()));
        assert_eq!(cached.service("demo", "a").unwrap().problems.len(), 1);
        assert!(cached.held("demo", "a").unwrap().stored.is_some());
        std::fs::remove_dir_all(kept.path()).unwrap();
        assert_eq!(columns(&cached), "id");
        open(&folder, Some(kept.path())).service("demo", "a").unwrap();
        std::fs::write(folder.path().join("src/folder/v1.0/a.yaml"), THINGS.replace("{id:", "{key:")).unwrap();
        assert_eq!(columns(&open(&folder, Some(kept.path()))), "key");
    }

    #[test]
    fn a_resource_whose_name_begins_as_anothers_does_not_have_its_problems() {
        let problem = "a.yaml: components.x-stackQL-resources.zones_logs.methods.list: no";
        assert!(is_of(problem, "zones_logs") && !is_of(problem, "zones") && !is_of(problem, "logs"));
    }
}
