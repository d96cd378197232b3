//! What the processes of one user know together of the way to one origin with one credential: which requests went out, and
//! until when the API asked to wait. One small file for each, under a name that tells nothing. Owns the file and its lock,
//! which is never held while somebody waits. Must not know requests.
//!
//! Times are the wall clock's, the only one that processes share. A step of it shortens a wait or is bounded by it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use super::auth::Credentials;
use crate::registry::RateWindow;
use crate::secret::private_folder;

/// How a file begins; another beginning is no file of ours, and is begun anew.
const MARK: &[u8; 8] = b"weirrate";
/// Bytes of an entry: a time, and who is under way.
const ENTRY: usize = 16;
/// A request of a process that died counts this long beyond its window.
const LOST: u64 = 120_000;
/// How often one looks whether another process's request is back.
const LOOK: u64 = 50;
/// Files that nobody used for a day go.
const OLD: Duration = Duration::from_hours(24);
/// Attempts at the lock where nothing can wait for it.
const TRIES: usize = 100;

/// The folder of all of them.
#[derive(Debug)]
pub(super) struct Shared {
    folder: PathBuf,
    told: AtomicBool,
    /// Milliseconds since 1970.
    clock: fn() -> u64,
}

/// One way's file.
#[derive(Debug)]
pub(super) struct Book {
    path: PathBuf,
    shared: Arc<Shared>,
}

/// What came of asking.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It may go; the number is to be given back.
    Free(u64),
    /// Ask again after so many milliseconds; true: the API asked for it.
    Wait(u64, bool),
    /// Another process is writing just now.
    Busy,
}

impl Shared {
    pub(super) fn new(folder: PathBuf) -> Shared {
        Shared { folder, told: AtomicBool::new(false), clock: now }
    }

    /// One whose time the test makes.
    #[cfg(test)]
    pub(super) fn with_clock(folder: PathBuf, clock: fn() -> u64) -> Shared {
        Shared { clock, ..Shared::new(folder) }
    }

    /// Whether this is the first trouble, which is told; the others are like it.
    pub(super) fn is_news(&self) -> bool {
        !self.told.swap(true, Ordering::Relaxed)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of an origin and credentials.
    pub(super) fn book(self: &Arc<Self>, origin: &str, credentials: &Credentials) -> io::Result<Book> {
        private_folder(&self.folder)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key()?);
        let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        let who = credentials.digest(|bytes| hex(hmac::sign(&key, bytes).as_ref()));
        let name = hex(hmac::sign(&key, format!("{origin} {who}").as_bytes()).as_ref());
        let path = self.folder.join(format!("{}.rate", name.get(..32).unwrap_or(&name)));
        if !path.exists() {
            self.sweep();
        }
        Ok(Book { path, shared: Arc::clone(self) })
    }

    /// What names are made with: without it, a short token could be guessed from one.
    fn key(&self) -> io::Result<Vec<u8>> {
        let mut file = open(&self.folder.join("key"))?;
        file.lock()?;
        let mut key = Vec::new();
        file.read_to_end(&mut key)?;
        if key.len() != 32 {
            key = vec![0; 32];
            SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("no random numbers"))?;
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&key)?;
            file.set_len(32)?;
        }
        Ok(key)
    }

    fn sweep(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let age = entry.metadata().and_then(|found| found.modified()).ok().and_then(|then| then.elapsed().ok());
            if path.extension().is_some_and(|end| end == "rate") && age.is_some_and(|age| age > OLD) {
                // One that stays is in nobody's way.
                let _ = fs::remove_file(path);
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Book {
    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Takes a turn where one is free.
    pub(super) fn take(&self, windows: &[RateWindow]) -> io::Result<Turn> {
        Ok(self.with(|page| page.take(windows, (self.shared.clock)()))?.unwrap_or(Turn::Busy))
    }

    /// The request of that number came back; or it never left.
    pub(super) fn end(&self, number: u64, sent: bool) {
        self.surely(|page| page.end(number, sent.then(self.shared.clock)));
    }

    /// Nothing goes out for so long.
    pub(super) fn pause(&self, wait: Duration) {
        let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.surely(|page| page.pause((self.shared.clock)(), wait));
    }

    /// What cannot be written is left: an entry that nobody ends grows old by itself.
    fn surely(&self, change: impl Fn(&mut Page) -> (bool, ())) {
        for _ in 0..TRIES {
            match self.with(&change) {
                Ok(None) => std::thread::yield_now(),
                Ok(Some(())) | Err(_) => return,
            }
        }
    }

    /// Reads, changes and writes under the lock, which goes with the process that dies. None: somebody else has it.
    fn with<T>(&self, change: impl FnOnce(&mut Page) -> (bool, T)) -> io::Result<Option<T>> {
        let mut file = open(&self.path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(error),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut page = Page::read(&bytes).unwrap_or_default();
        let (changed, value) = change(&mut page);
        if changed {
            let bytes = page.bytes();
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&bytes)?;
            file.set_len(bytes.len() as u64)?;
        }
        Ok(Some(value))
    }
}

/// What stands in a file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Page {
    /// When the last pause was asked for, and its end.
    paused: (u64, u64),
    /// When a request came back; or when it went out, and its number.
    entries: Vec<(u64, u64)>,
}

impl Page {
    /// None: the bytes are no page.
    fn read(bytes: &[u8]) -> Option<Page> {
        let rest = bytes.strip_prefix(MARK)?;
        let mut numbers = rest.chunks_exact(8).map(|b| b.try_into().map(u64::from_le_bytes).unwrap_or_default());
        let (count, from, to) = (numbers.next()?, numbers.next()?, numbers.next()?);
        let entries: Vec<(u64, u64)> = std::iter::from_fn(|| Some((numbers.next()?, numbers.next()?))).collect();
        let whole = rest.len() == 24 + entries.len() * ENTRY && count == entries.len() as u64;
        whole.then_some(Page { paused: (from, to), entries })
    }

    fn bytes(&self) -> Vec<u8> {
        let head = [self.entries.len() as u64, self.paused.0, self.paused.1];
        let numbers = head.into_iter().chain(self.entries.iter().flat_map(|(at, number)| [*at, *number]));
        MARK.iter().copied().chain(numbers.flat_map(u64::to_le_bytes)).collect()
    }

    fn take(&mut self, windows: &[RateWindow], now: u64) -> (bool, Turn) {
        let (asked, until) = self.paused;
        // Where the clock was set back, the pause is as long as it was meant.
        let left = until.saturating_sub(now).min(until.saturating_sub(asked));
        if left > 0 {
            return (false, Turn::Wait(left, true));
        }
        if windows.is_empty() {
            return (false, Turn::Free(0));
        }
        self.grow_old(windows, now);
        let wait = windows.iter().filter_map(|window| self.wait(*window, now)).max();
        if let Some(wait) = wait {
            return (false, Turn::Wait(wait, false));
        }
        let number = number();
        self.entries.push((now, number));
        (true, Turn::Free(number))
    }

    /// Drops what counts in no window, and has nothing lie in the future.
    fn grow_old(&mut self, windows: &[RateWindow], now: u64) {
        let longest = windows.iter().copied().map(length).max().unwrap_or(0);
        for (at, _) in &mut self.entries {
            *at = (*at).min(now);
        }
        self.entries.retain(|(at, number)| at + longest + if *number == 0 { 0 } else { LOST } > now);
        self.entries.sort_unstable();
    }

    /// How long until the window takes one more; None: it does now.
    fn wait(&self, window: RateWindow, now: u64) -> Option<u64> {
        let (length, most) = (length(window), usize::try_from(window.requests).unwrap_or(usize::MAX));
        let under_way = self.entries.iter().filter(|(at, number)| *number != 0 && at + length + LOST > now).count();
        let back: Vec<u64> =
            self.entries.iter().filter(|(at, number)| *number == 0 && at + length > now).map(|(at, _)| *at).collect();
        let over = (under_way + back.len()).checked_sub(most)?;
        Some(back.get(over).map_or(LOOK, |at| (at + length).saturating_sub(now).max(1)))
    }

    fn end(&mut self, number: u64, back: Option<u64>) -> (bool, ()) {
        self.entries.retain(|(_, known)| *known != number);
        self.entries.extend(back.map(|at| (at, 0)));
        (true, ())
    }

    fn pause(&mut self, now: u64, wait: u64) -> (bool, ()) {
        if now.saturating_add(wait) > self.paused.1 || self.paused.0 > now {
            self.paused = (now, now.saturating_add(wait));
        }
        (true, ())
    }
}

fn length(window: RateWindow) -> u64 {
    u64::from(window.seconds) * 1000
}

/// A number that no other request under way has; never 0.
fn number() -> u64 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    (u64::from(std::process::id()) << 32) | u64::from(NEXT.fetch_add(1, Ordering::Relaxed)) | (1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: [RateWindow; 1] = [RateWindow { requests: 2, seconds: 10 }];

    fn free(page: &mut Page, now: u64) -> u64 {
        match page.take(&WINDOW, now).1 {
            Turn::Free(number) => number,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_window_counts_what_is_under_way_and_what_came_back() {
        let mut page = Page::default();
        let (a, _b) = (free(&mut page, 1_000), free(&mut page, 1_000));
        assert_eq!(page.take(&WINDOW, 2_000).1, Turn::Wait(LOOK, false));
        page.end(a, Some(3_000));
        assert_eq!(page.take(&WINDOW, 4_000).1, Turn::Wait(9_000, false));
        let c = free(&mut page, 13_000);
        page.end(c, None);
        free(&mut page, 13_000);
    }

    #[test]
    fn one_whose_process_died_does_not_count_for_ever() {
        let mut page = Page::default();
        free(&mut page, 0);
        free(&mut page, 0);
        assert_eq!(page.take(&WINDOW, 100_000).1, Turn::Wait(LOOK, false));
        free(&mut page, 130_001);
        assert_eq!(page.entries.len(), 1);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_longer() {
        let mut page = Page::default();
        for _ in 0..2 {
            let number = free(&mut page, 1_000_000);
            page.end(number, Some(1_000_000));
        }
        assert_eq!(page.take(&WINDOW, 500_000).1, Turn::Wait(10_000, false));
        let mut page = Page::default();
        page.pause(1_000_000, 30_000);
        assert_eq!(page.take(&WINDOW, 500_000).1, Turn::Wait(30_000, true));
        page.pause(500_000, 5_000);
        assert_eq!(page.take(&WINDOW, 500_000).1, Turn::Wait(5_000, true));
        free(&mut page, 505_000);
    }

    #[test]
    fn bytes_that_are_no_page_are_begun_anew() {
        let page = Page { paused: (1, 2), entries: vec![(3, 4), (5, 0)] };
        let bytes = page.bytes();
        assert_eq!(Page::read(&bytes), Some(page));
        for end in 0..bytes.len() {
            assert_eq!(Page::read(&bytes[..end]), None, "{end}");
        }
        assert_eq!(Page::read(b"something else that is no page of this at all"), None);
    }

    #[test]
    fn a_file_is_shared_private_and_named_by_nothing_that_tells() {
        let folder = tempfile::tempdir().unwrap();
        let shared = || Arc::new(Shared::new(folder.path().join("limits")));
        let of = |shared: &Arc<Shared>| shared.book("https://api.example", &Credentials::none()).unwrap();
        let (one, other) = (of(&shared()), of(&shared()));
        assert_eq!(one.path, other.path);
        let Turn::Free(number) = one.take(&WINDOW).unwrap() else { panic!() };
        assert!(matches!(other.take(&WINDOW).unwrap(), Turn::Free(_)));
        assert_eq!(other.take(&WINDOW).unwrap(), Turn::Wait(LOOK, false));
        one.end(number, false);
        assert!(matches!(other.take(&WINDOW).unwrap(), Turn::Free(_)));
        one.pause(Duration::from_secs(30));
        assert!(matches!(other.take(&WINDOW).unwrap(), Turn::Wait(_, true)));
        std::fs::write(&one.path, "rubbish").unwrap();
        assert!(matches!(other.take(&WINDOW).unwrap(), Turn::Free(_)));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&folder.path().join("limits")), mode(&one.path)), (0o700, 0o600));
        }
    }

    #[test]
    fn a_turn_costs_little_beside_a_request() {
        let folder = tempfile::tempdir().unwrap();
        let shared = Arc::new(Shared::new(folder.path().to_owned()));
        let book = shared.book("https://api.example", &Credentials::none()).unwrap();
        let windows = [RateWindow { requests: 1200, seconds: 300 }];
        let begun = std::time::Instant::now();
        for _ in 0..1000 {
            // A process that another test begins holds what is open here, until it is another program.
            let number = loop {
                match book.take(&windows).unwrap() {
                    Turn::Free(number) => break number,
                    Turn::Busy => std::thread::yield_now(),
                    wait @ Turn::Wait(..) => panic!("{wait:?}"),
                }
            };
            book.end(number, true);
        }
        println!("a turn: {:?}, its end included", begun.elapsed() / 1000);
        // A hundred times what it takes on a quiet machine.
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}
