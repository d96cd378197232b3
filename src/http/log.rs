//! The requests of a session, as records: what the request table shows and what a statement's last line adds up.
//! Bounded, shared by clones. Must not know secrets: what comes in has been masked.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::registry::HttpVerb;

/// Records kept; the oldest go first.
const RECORDS: usize = 10_000;

/// Statements whose totals are kept.
const STATEMENTS: usize = 10_000;

/// One request with all its attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Number of the statement that sent it.
    pub statement: u64,
    /// When it began.
    pub started: SystemTime,
    /// GET, POST ...
    pub verb: HttpVerb,
    /// The URL, secrets masked.
    pub url: String,
    /// Status of the last answer, where one came.
    pub status: Option<u16>,
    /// Why there is no answer, where none came.
    pub error: Option<String>,
    /// Attempts that reached the wire.
    pub attempts: u32,
    /// Bytes of bodies received, after decompression, of all attempts.
    pub bytes: u64,
    /// What limits, pauses and back-off took.
    pub waited: Duration,
    /// What the attempts took on the wire.
    pub taken: Duration,
}

/// The sum over a statement's requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Requests that reached the wire, every attempt counted.
    pub requests: u64,
    /// Those among them that were repetitions.
    pub retried: u64,
    /// Bytes received.
    pub bytes: u64,
    /// What limits, pauses and back-off took, added up.
    pub waited: Duration,
}

/// The session's log. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct RequestLog(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    records: VecDeque<Record>,
    totals: BTreeMap<u64, Totals>,
}

impl RequestLog {
    /// The records kept, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.book().records.iter().cloned().collect()
    }

    /// The sum over the requests of `statement`; complete even where single records have gone.
    pub fn totals(&self, statement: u64) -> Totals {
        self.book().totals.get(&statement).copied().unwrap_or_default()
    }

    /// Adds a finished request.
    pub(super) fn add(&self, record: Record) {
        let mut book = self.book();
        let totals = book.totals.entry(record.statement).or_default();
        totals.requests += u64::from(record.attempts);
        totals.retried += u64::from(record.attempts.saturating_sub(1));
        totals.bytes += record.bytes;
        totals.waited += record.waited;
        while book.totals.len() > STATEMENTS {
            book.totals.pop_first();
        }
        if book.records.len() == RECORDS {
            book.records.pop_front();
        }
        book.records.push_back(record);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way. It reaches the log however it ends, also when its reader goes away in the middle.
#[derive(Debug)]
pub(super) struct Entry {
    log: RequestLog,
    record: Option<Record>,
}

impl Entry {
    pub(super) fn open(log: &RequestLog, statement: u64, verb: HttpVerb, url: String) -> Self {
        let record = Record {
            statement,
            started: SystemTime::now(),
            verb,
            url,
            status: None,
            error: Some("cancelled".to_owned()),
            attempts: 0,
            bytes: 0,
            waited: Duration::ZERO,
            taken: Duration::ZERO,
        };
        Entry { log: log.clone(), record: Some(record) }
    }

    /// Changes the record while it is open.
    pub(super) fn note(&mut self, change: impl FnOnce(&mut Record)) {
        if let Some(record) = &mut self.record {
            change(record);
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            self.log.add(record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(log: &RequestLog, statement: u64, attempts: u32) {
        let mut entry = Entry::open(log, statement, HttpVerb::Get, "https://api.example/x".into());
        entry.note(|record| {
            record.attempts = attempts;
            record.bytes = 10;
        });
    }

    #[test]
    fn totals_count_every_attempt_and_repetitions_apart() {
        let log = RequestLog::default();
        entry(&log, 1, 1);
        entry(&log, 1, 3);
        entry(&log, 1, 0);
        entry(&log, 2, 1);
        let totals = log.totals(1);
        assert_eq!((totals.requests, totals.retried, totals.bytes), (4, 2, 30));
        assert_eq!(log.totals(9), Totals::default());
    }

    #[test]
    fn a_dropped_request_is_in_the_log_as_cancelled() {
        let log = RequestLog::default();
        entry(&log, 1, 1);
        assert_eq!(log.records()[0].error.as_deref(), Some("cancelled"));
    }

    #[test]
    fn the_oldest_records_go_and_the_totals_stay() {
        let log = RequestLog::default();
        for _ in 0..RECORDS + 5 {
            entry(&log, 7, 1);
        }
        assert_eq!(log.records().len(), RECORDS);
        assert_eq!(log.totals(7).requests, RECORDS as u64 + 5);
    }
}
