//! How far a scan reads ahead, in bytes: as many pages as fit into what it has set aside, and always one.
//! Owns the account of pages under way with the statement's memory; knows nothing of requests or rows.

use std::sync::Arc;

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};

use crate::error::Result;
use crate::plan::errors::unwrap;

/// The most that one scan sets aside for pages that it has asked for and not passed on.
const MOST: usize = 64 << 20;
/// The share of the statement's memory that one scan may set aside: a sort above it needs the rest.
const SHARE: usize = 8;

/// What a scan's pages under way may take.
#[derive(Debug)]
pub struct Ahead {
    reservation: MemoryReservation,
    /// Set aside at the start, before a sort or a join above takes all there is.
    room: usize,
    /// The largest page so far.
    largest: usize,
    /// What the scan remembers besides, by list.
    kept: usize,
}

impl Ahead {
    /// Sets aside what can be had of `pool`.
    pub fn new(pool: &Arc<dyn MemoryPool>) -> Ahead {
        let reservation = MemoryConsumer::new("pages under way").register(pool);
        let whole = match pool.memory_limit() {
            MemoryLimit::Finite(bytes) => bytes / SHARE,
            _ => MOST,
        };
        // Many scans in one statement share; one that finds nothing left reads a page at a time.
        let parts = std::iter::successors(Some(whole.min(MOST)), |room| Some(room / 2));
        let room = parts.take(8).find(|room| reservation.try_grow(*room).is_ok()).unwrap_or(0);
        Ahead { reservation, room, largest: 0, kept: 0 }
    }

    /// How many pages may be under way, of `wanted`. How large they are is learnt from those that have come.
    pub fn pages(&self, wanted: usize) -> usize {
        let each = self.largest.max(1);
        wanted.min((self.room / each).max(1))
    }

    /// Takes into account a page that has come, and what is remembered of all of them.
    ///
    /// # Errors
    /// When it alone is more than the statement's memory has room for.
    pub fn came(&mut self, page: usize, kept: usize) -> Result<()> {
        self.largest = self.largest.max(page);
        self.kept = kept;
        self.reservation.try_resize(self.room.max(page) + kept).map_err(unwrap)
    }

    /// The page that came has been passed on.
    pub fn passed_on(&mut self) {
        self.reservation.resize(self.room + self.kept);
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::{FairSpillPool, UnboundedMemoryPool};

    use super::*;
    use crate::error::Kind;

    fn pool(bytes: usize) -> Arc<dyn MemoryPool> {
        Arc::new(FairSpillPool::new(bytes))
    }

    #[test]
    fn large_pages_travel_one_at_a_time_and_small_ones_as_many_as_wanted() {
        let pool = pool(80 << 20);
        let mut ahead = Ahead::new(&pool);
        assert_eq!(pool.reserved(), 10 << 20);
        assert_eq!(ahead.pages(8), 8, "nothing is known of the first");
        ahead.came(1 << 20, 0).unwrap();
        assert_eq!((ahead.pages(8), ahead.pages(20)), (8, 10));
        ahead.came(4 << 20, 0).unwrap();
        assert_eq!(ahead.pages(8), 2);
        ahead.came(30 << 20, 5).unwrap();
        assert_eq!((ahead.pages(8), pool.reserved()), (1, (30 << 20) + 5));
        ahead.passed_on();
        assert_eq!(pool.reserved(), (10 << 20) + 5);
        let error = ahead.came(81 << 20, 0).unwrap_err();
        assert_eq!(error.kind(), Kind::Statement);
        assert!(error.hint_text().is_some_and(|hint| hint.contains("memory_limit")), "{error}");
        drop(ahead);
        assert_eq!(pool.reserved(), 0);
    }

    #[test]
    fn a_scan_that_finds_no_room_reads_a_page_at_a_time() {
        let pool = pool(8 << 20);
        let taken = MemoryConsumer::new("a join").register(&pool);
        taken.try_grow(8 << 20).unwrap();
        assert_eq!(Ahead::new(&pool).pages(8), 1);
        taken.shrink(1 << 20);
        assert_eq!(Ahead::new(&pool).room, 1 << 20);
        let unbounded: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        assert_eq!(Ahead::new(&unbounded).room, MOST);
    }
}
