//! The names that completion offers, kept up to date beside the typing: a thread reads documents, and what has been read
//! is there at once. Nothing here makes a keystroke wait for a document longer than [`PATIENCE`]. Sends nothing.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::assist::{Candidates, Knowledge, Service, complete, hint};
use crate::session::{Outline, Session};

/// How long Tab waits for a document that is being read.
const PATIENCE: Duration = Duration::from_millis(40);

/// Names, and the thread that fetches them.
pub struct Library {
    shared: Arc<Shared>,
    jobs: Sender<Job>,
    asked: Mutex<BTreeSet<Service>>,
}

#[derive(Default)]
struct Shared {
    knowledge: RwLock<Knowledge>,
    /// How many jobs are not done.
    pending: Mutex<usize>,
    done: Condvar,
}

enum Job {
    Providers,
    Service(Service),
}

impl Library {
    /// Begins to read what providers and services there are.
    pub fn new(session: &Session, commands: Vec<(String, String)>, words: Vec<(String, Vec<String>)>) -> Library {
        let shared = Arc::new(Shared::default());
        {
            let mut knowledge = shared.knowledge.write().unwrap_or_else(PoisonError::into_inner);
            knowledge.functions = session.functions();
            knowledge.commands = commands;
            knowledge.words = words;
            knowledge.choices = session.setting_words();
        }
        let (jobs, todo) = channel();
        let (worker, outline) = (shared.clone(), session.outline());
        // Without the thread there is less to offer, and that is all.
        let _ = std::thread::Builder::new().name("names".to_owned()).spawn(move || work(&worker, &outline, &todo));
        let library = Library { shared, jobs, asked: Mutex::default() };
        library.ask(Job::Providers);
        library
    }

    /// Takes in what the last statement changed: tables, settings, USE.
    pub fn refresh(&self, session: &Session) {
        let (own, settings, in_use) = (session.own_tables(), session.all_settings(), session.in_use());
        let mut knowledge = self.shared.knowledge.write().unwrap_or_else(PoisonError::into_inner);
        knowledge.own = own;
        knowledge.settings = settings;
        knowledge.in_use = in_use;
        if let [provider, service] = knowledge.in_use.as_slice() {
            // What USE names will be wanted soon.
            knowledge.tables(provider, service);
        }
        drop(knowledge);
        self.fetch_wanted();
    }

    /// What may stand at the cursor. Waits a moment for a document that has to be read first.
    pub fn complete(&self, text: &str, cursor: usize) -> Candidates {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let candidates = complete(text, cursor, &self.knowledge());
            self.fetch_wanted();
            let pending = self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner);
            let left = deadline.saturating_duration_since(Instant::now());
            if *pending == 0 || left.is_zero() {
                return candidates;
            }
            let waited = self.shared.done.wait_timeout(pending, left);
            drop(waited);
        }
    }

    /// What the text still lacks. Never waits.
    pub fn hint(&self, text: &str) -> Option<String> {
        let hint = hint(text, &self.knowledge());
        self.fetch_wanted();
        hint
    }

    fn knowledge(&self) -> std::sync::RwLockReadGuard<'_, Knowledge> {
        self.shared.knowledge.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn fetch_wanted(&self) {
        let wanted = std::mem::take(&mut *self.knowledge().wanted.lock().unwrap_or_else(PoisonError::into_inner));
        for service in wanted {
            let first = self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(service.clone());
            if first {
                self.ask(Job::Service(service));
            }
        }
    }

    fn ask(&self, job: Job) {
        *self.shared.pending.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        if self.jobs.send(job).is_err() {
            self.shared.finish();
        }
    }
}

impl Shared {
    fn finish(&self) {
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.done.notify_all();
    }
}

/// Reads one document after the other; nobody waits for the lock meanwhile.
fn work(shared: &Shared, outline: &Outline, todo: &Receiver<Job>) {
    while let Ok(job) = todo.recv() {
        match job {
            Job::Providers => {
                let found = outline.providers().into_iter().map(|name| (outline.services(&name), name));
                let found = found.map(|(services, name)| (name, services)).collect();
                shared.knowledge.write().unwrap_or_else(PoisonError::into_inner).providers = found;
            }
            Job::Service(service) => {
                let tables = Arc::new(outline.tables(&service.0, &service.1));
                shared.knowledge.write().unwrap_or_else(PoisonError::into_inner).read.insert(service, tables);
            }
        }
        shared.finish();
    }
}
