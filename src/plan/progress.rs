//! How far the reads of a statement have come, for whoever watches while it runs. Counts only; shared by clones.
//! Must not know who looks, or when.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The counters of a statement. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    pages: AtomicU64,
    rows: AtomicU64,
    total: AtomicU64,
    /// Lists begun or known to come, whose length nobody has told yet.
    unknown: AtomicU64,
    /// Rows of a write, and how many of them have ended.
    to_write: AtomicU64,
    written: AtomicU64,
}

/// How far it is at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reached {
    /// Pages that have come.
    pub pages: u64,
    /// Rows in them, before filters.
    pub rows: u64,
    /// Rows that all lists together will have, where every list has told its length.
    pub total: Option<u64>,
    /// Rows of a write that have ended, and all that it has, once it has begun.
    pub written: Option<(u64, u64)>,
}

impl Progress {
    /// A scan begins that reads so many lists.
    pub fn begin(&self, lists: usize) {
        self.0.unknown.fetch_add(lists as u64, Relaxed);
    }

    /// A list has told how many rows it has; asked once a list.
    pub fn expect(&self, rows: u64) {
        self.0.total.fetch_add(rows, Relaxed);
        self.0.unknown.fetch_sub(1, Relaxed);
    }

    /// A page has come.
    pub fn page(&self, rows: u64) {
        self.0.pages.fetch_add(1, Relaxed);
        self.0.rows.fetch_add(rows, Relaxed);
    }

    /// A write of so many rows begins.
    pub fn begin_write(&self, rows: u64) {
        self.0.to_write.fetch_add(rows, Relaxed);
    }

    /// A row of a write has ended, however it did.
    pub fn wrote(&self) {
        self.0.written.fetch_add(1, Relaxed);
    }

    /// How far it is now.
    #[must_use]
    pub fn reached(&self) -> Reached {
        let total = self.0.total.load(Relaxed);
        let known = self.0.unknown.load(Relaxed) == 0 && total > 0;
        let all = self.0.to_write.load(Relaxed);
        Reached {
            pages: self.0.pages.load(Relaxed),
            rows: self.0.rows.load(Relaxed),
            total: known.then_some(total),
            written: (all > 0).then(|| (self.0.written.load(Relaxed), all)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Progress;

    #[test]
    fn the_total_is_known_when_every_list_has_told_its_own() {
        let progress = Progress::default();
        assert_eq!(progress.reached().total, None);
        progress.begin(2);
        progress.expect(30);
        progress.page(10);
        assert_eq!(progress.reached().total, None, "the second list may be any length");
        progress.expect(5);
        let reached = progress.reached();
        assert_eq!((reached.pages, reached.rows, reached.total), (1, 10, Some(35)));
        assert_eq!(reached.written, None);
        progress.begin_write(3);
        progress.wrote();
        assert_eq!(progress.reached().written, Some((1, 3)));
    }
}
