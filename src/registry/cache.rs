//! Models of documents that have been read once, in files beside the user's other caches: an index in front, and behind it
//! each resource by itself, so that naming one table reads that one. A file that is not whole, not readable or another
//! loader's is as good as none; nothing here is ever an error. Knows no document and no path of one; holds no secret, as
//! documents hold none.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use ring::digest::{Context, SHA256, digest};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::model::{Resource, Service};
use crate::secret::private_folder;

/// How every file begins. The loader that wrote it is part of its key.
const MAGIC: &[u8; 8] = b"weirmod1";

/// How every file's name ends.
const SUFFIX: &str = ".model";

/// What the files may take together, in bytes; the oldest go first.
const LARGEST: u64 = 200 << 20;

/// A file that is read is as new as one that was written, but its time is not set at every reading.
const FRESH: Duration = Duration::from_hours(24);

/// A file that has not become one in this time never will.
const ABANDONED: Duration = Duration::from_hours(1);

type Hash = [u8; 32];

/// Names what was made of some texts by this loader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(Hash);

impl Key {
    /// The key of these texts, in this order.
    pub fn of(texts: &[&str]) -> Key {
        Key::by(env!("WEIR_LOADER"), texts)
    }

    fn by(loader: &str, texts: &[&str]) -> Key {
        let mut context = Context::new(&SHA256);
        for text in std::iter::once(&loader).chain(texts) {
            // With its length, so that no two lists of texts run together to the same.
            context.update(&(text.len() as u64).to_le_bytes());
            context.update(text.as_bytes());
        }
        Key(bytes_of(context.finish().as_ref()))
    }

    fn file_name(&self) -> String {
        let digits = self.0.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect::<String>() + SUFFIX
    }
}

fn bytes_of(bytes: &[u8]) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(bytes);
    hash
}

fn hash(bytes: &[u8]) -> Hash {
    bytes_of(digest(&SHA256, bytes).as_ref())
}

/// A folder of models.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    swept: AtomicBool,
    largest: u64,
}

/// The index in front of a file.
#[derive(Serialize, Deserialize)]
struct Index<T> {
    first: T,
    /// Of each part behind it: where it ends, counted from the index's end, and what it must hash to.
    parts: Vec<(u64, Hash)>,
}

/// A service whose resources are in a file.
#[derive(Debug)]
pub struct Stored {
    path: PathBuf,
    begin: u64,
    parts: Vec<(u64, Hash)>,
}

impl Cache {
    /// A cache in `folder`, which is made when something is written.
    pub fn new(folder: &Path) -> Cache {
        Cache { folder: folder.join("models"), swept: AtomicBool::new(false), largest: LARGEST }
    }

    /// The service of that key, and where its resources are, in the order of its entries.
    pub fn find(&self, key: &Key) -> Option<(Service, Stored)> {
        let (service, stored) = self.read::<Service>(key)?;
        (service.resources.len() == stored.parts.len()).then_some((service, stored))
    }

    /// A value of its own.
    pub fn value<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        self.read(key).map(|(value, _)| value)
    }

    fn read<T: DeserializeOwned>(&self, key: &Key) -> Option<(T, Stored)> {
        let path = self.folder.join(key.file_name());
        let mut file = File::open(&path).ok()?;
        let mut head = [0; 80];
        file.read_exact(&mut head).ok()?;
        let (magic, rest) = head.split_at(8);
        let (of, rest) = rest.split_at(32);
        let (length, sum) = rest.split_at(8);
        let length = u64::from_le_bytes(length.try_into().ok()?);
        // A length that is wrong must not ask for memory that is not there.
        let meta = file.metadata().ok()?;
        if magic != MAGIC || of != key.0 || length > meta.len().saturating_sub(80) {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        file.read_exact(&mut bytes).ok()?;
        if hash(&bytes) != sum {
            return None;
        }
        let index: Index<T> = rmp_serde::from_slice(&bytes).ok()?;
        let begin = 80 + length;
        if meta.len() != begin + index.parts.last().map_or(0, |(end, _)| *end) {
            return None;
        }
        if meta.modified().ok()?.elapsed().is_ok_and(|age| age > FRESH) {
            let _ = file.set_modified(SystemTime::now());
        }
        Some((index.first, Stored { path, begin, parts: index.parts }))
    }

    /// Keeps a service and its resources, in the order of its entries.
    pub fn store(&self, key: &Key, service: &Service, resources: &[Arc<Resource>]) {
        let parts: Result<Vec<Vec<u8>>, _> = resources.iter().map(|r| rmp_serde::to_vec(r.as_ref())).collect();
        if let Ok(parts) = parts {
            self.write(key, service, &parts);
        }
    }

    /// Keeps a value of its own.
    pub fn store_value<T: Serialize>(&self, key: &Key, value: &T) {
        self.write(key, value, &[]);
    }

    /// A file appears when it is whole; who writes the same at the same time writes the same bytes.
    fn write<T: Serialize>(&self, key: &Key, first: &T, parts: &[Vec<u8>]) {
        let mut end = 0;
        let places = parts.iter().map(|part| {
            end += part.len() as u64;
            (end, hash(part))
        });
        let index = Index { first, parts: places.collect() };
        let Ok(bytes) = rmp_serde::to_vec(&index) else { return };
        let written = private_folder(&self.folder).and_then(|()| {
            let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.folder)?;
            let head = [&MAGIC[..], &key.0, &(bytes.len() as u64).to_le_bytes(), &hash(&bytes)].concat();
            for piece in [&head, &bytes].into_iter().chain(parts) {
                file.write_all(piece)?;
            }
            file.persist(self.folder.join(key.file_name())).map_err(std::io::Error::from)
        });
        if written.is_ok() && !self.swept.swap(true, Ordering::Relaxed) {
            self.sweep();
        }
    }

    /// Takes away the oldest files beyond what is allowed, and what a writer that was killed left.
    fn sweep(&self) {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(meta) = entry.metadata() else { continue };
            let Ok(modified) = meta.modified() else { continue };
            if name.ends_with(SUFFIX) {
                files.push((modified, meta.len(), entry.path()));
            } else if name.starts_with(".new-") && modified.elapsed().is_ok_and(|age| age > ABANDONED) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        files.sort();
        let mut sum: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if sum <= self.largest {
                break;
            }
            let _ = std::fs::remove_file(path);
            sum -= size;
        }
    }
}

impl Stored {
    /// The resource at that place of the index. None: the file is not there any more, or not what it was.
    pub fn resource(&self, place: usize) -> Option<Resource> {
        let (end, sum) = self.parts.get(place)?;
        let start = if place == 0 { 0 } else { self.parts[place - 1].0 };
        let mut file = File::open(&self.path).ok()?;
        file.seek(SeekFrom::Start(self.begin + start)).ok()?;
        let mut bytes = Vec::new();
        file.take(end.checked_sub(start)?).read_to_end(&mut bytes).ok()?;
        if hash(&bytes) != *sum {
            return None;
        }
        rmp_serde::from_slice(&bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::config::Inherited;
    use crate::registry::document::Document;
    use crate::registry::{index, load};

    const TEXT: &str = "
servers: [{url: 'https://demo.example'}]
paths:
  /things: {get: {responses: {'200': {content: {application/json: {schema: {type: array, items: {properties: {
    id: {type: string, nullable: true, default: null}, size: {type: integer, default: 3, enum: [1, 3]}, parts: {type: array, items: {type: object}}}}}}}}}}}
  /boxes/{id}: {delete: {parameters: [{name: id, in: path, required: true}], responses: {}}}
components:
  x-stackQL-resources:
    things: {methods: {list: {operation: {$ref: '#/paths/~1things/get'}, x-weir: {paging: {style: link}}}}}
    boxes: {methods: {drop: {operation: {$ref: '#/paths/~1boxes~1{id}/delete'}}, lost: {}}}
";

    fn made() -> (Service, Vec<Arc<Resource>>) {
        let document = Document::parse("demo.yaml", TEXT).unwrap();
        let loaded = load::service(&document, &Inherited::default(), "demo", "store").unwrap();
        let service = index::service("store", loaded.resources.iter().map(AsRef::as_ref), loaded.problems);
        assert_eq!((service.resources.len(), service.problems.len()), (2, 1));
        (service, loaded.resources)
    }

    fn kept() -> (tempfile::TempDir, Cache, Key) {
        let folder = tempfile::tempdir().unwrap();
        let (cache, key) = (Cache::new(folder.path()), Key::of(&[TEXT]));
        let (service, resources) = made();
        cache.store(&key, &service, &resources);
        (folder, cache, key)
    }

    fn whole(cache: &Cache, key: &Key) -> bool {
        let Some((service, stored)) = cache.find(key) else { return false };
        let (expected, resources) = made();
        assert_eq!(service, expected);
        let found: Option<Vec<Resource>> = (0..2).map(|place| stored.resource(place)).collect();
        found.is_some_and(|found| {
            assert_eq!(format!("{found:?}"), format!("{resources:?}"));
            true
        })
    }

    #[test]
    fn what_was_kept_comes_back_as_it_was() {
        let (folder, cache, key) = kept();
        assert!(whole(&cache, &key));
        assert!(cache.find(&key).unwrap().1.resource(2).is_none());
        let again = Cache::new(folder.path());
        assert!(whole(&again, &key));
        again.store_value(&Key::of(&["words"]), &vec!["a", "b"]);
        assert_eq!(again.value::<Vec<String>>(&Key::of(&["words"])).unwrap(), ["a", "b"]);
        assert!(again.find(&Key::of(&["words"])).is_none(), "a value is no service");
    }

    #[test]
    fn another_text_or_another_loader_finds_nothing() {
        let (_folder, cache, key) = kept();
        assert!(cache.find(&Key::of(&[TEXT, ""])).is_none());
        assert!(cache.find(&Key::of(&[&TEXT.replace("size", "bulk")])).is_none());
        assert_ne!(Key::by("another loader", &[TEXT]), key);
        assert_ne!(Key::of(&["ab", "c"]), Key::of(&["a", "bc"]));
        // Nor does a file that lies under another's name.
        let other = Key::of(&["other"]);
        std::fs::rename(cache.folder.join(key.file_name()), cache.folder.join(other.file_name())).unwrap();
        assert!(cache.find(&other).is_none() && cache.find(&key).is_none());
    }

    #[test]
    fn a_file_that_was_cut_or_changed_anywhere_is_as_good_as_none() {
        let (_folder, cache, key) = kept();
        let path = cache.folder.join(key.file_name());
        let bytes = std::fs::read(&path).unwrap();
        // All of the head, and enough of what is behind it to meet the index and each part.
        let places = || (0..bytes.len()).filter(|at| *at < 90 || at % 61 == 0);
        for length in places() {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(!whole(&cache, &key), "cut at {length}");
        }
        for at in places() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x41;
            std::fs::write(&path, damaged).unwrap();
            assert!(!whole(&cache, &key), "changed at {at}");
        }
        std::fs::write(&path, [&bytes[..], b"more"].concat()).unwrap();
        assert!(!whole(&cache, &key));
        let (service, resources) = made();
        cache.store(&key, &service, &resources);
        assert!(whole(&cache, &key), "it is written anew");
    }

    #[test]
    fn a_place_that_cannot_be_written_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let (cache, key) = (Cache::new(&file), Key::of(&[TEXT]));
        let (service, resources) = made();
        cache.store(&key, &service, &resources);
        assert!(cache.find(&key).is_none());
    }

    #[test]
    fn many_who_write_the_same_at_once_leave_one_whole_file() {
        let (folder, _, key) = kept();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let cache = Cache::new(folder.path());
                    let (service, resources) = made();
                    for _ in 0..20 {
                        cache.store(&key, &service, &resources);
                        assert!(whole(&cache, &key));
                    }
                });
            }
        });
        assert_eq!(std::fs::read_dir(folder.path().join("models")).unwrap().count(), 1);
    }

    #[test]
    fn the_oldest_go_when_there_is_too_much_and_so_does_what_was_left_half_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = Cache::new(folder.path());
        let keys: Vec<Key> = ["a", "b", "c", "d"].iter().map(|name| Key::of(&[name])).collect();
        let begin = SystemTime::now() - 10 * FRESH;
        for (i, key) in (1_u32..).zip(&keys) {
            cache.store_value(key, &"x".repeat(1000));
            let file = File::options().write(true).open(cache.folder.join(key.file_name())).unwrap();
            file.set_modified(begin + FRESH * i).unwrap();
        }
        // Reading makes it new.
        assert!(cache.value::<String>(&keys[0]).is_some());
        let left = cache.folder.join(".new-left");
        File::create(&left).unwrap().set_modified(begin).unwrap();
        cache.largest = 2500;
        cache.sweep();
        let there: Vec<bool> = keys.iter().map(|key| cache.value::<String>(key).is_some()).collect();
        assert_eq!(there, [true, false, false, true]);
        assert!(!left.exists());
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_look_into_it() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, cache, key) = kept();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&cache.folder), mode(&cache.folder.join(key.file_name()))), (0o700, 0o600));
    }
}
