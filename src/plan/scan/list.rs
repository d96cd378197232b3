//! One list that is being read: where its pager stands, what it has brought, and rows that it repeats.
//! Knows no request. A key takes about nine bytes in a list of millions.

use std::fmt;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use datafusion::common::hash_utils::{QualityRandomState, create_hashes};

use crate::error::{Error, Kind, Result};
use crate::http::{Completeness, Pager};

/// Where the list of one parameter set stands.
pub struct List {
    pub pager: Pager,
    /// Pages asked for beside each other that have not come yet.
    pub beside: usize,
    /// All rows so far.
    pub rows: u64,
    /// The total that the first page told.
    pub total: Option<u64>,
    seen: Seen,
    pub repeated: u64,
    pub moved: bool,
    /// How it ended, until that is told.
    pub end: Option<Completeness>,
    pub ended: bool,
}

impl List {
    /// A list of which nothing has come.
    pub fn new(pager: Pager) -> List {
        List {
            pager,
            beside: 0,
            rows: 0,
            total: None,
            seen: Seen::default(),
            repeated: 0,
            moved: false,
            end: None,
            ended: false,
        }
    }

    /// The rows of `batch` whose key has not come before.
    pub fn fresh(&mut self, batch: &RecordBatch, key: &[usize]) -> Result<RecordBatch> {
        let columns: Vec<ArrayRef> = key.iter().map(|i| batch.column(*i).clone()).collect();
        let mut hashes = vec![0; batch.num_rows()];
        create_hashes(&columns, &QualityRandomState::with_seed(0), &mut hashes).map_err(internal)?;
        let before = self.repeated;
        let whole = columns.iter().all(|c| c.null_count() == 0);
        let mut keep = Vec::with_capacity(hashes.len());
        for (row, hash) in hashes.into_iter().enumerate() {
            // A row without its key cannot be told from others: it stays.
            let known = whole || columns.iter().all(|c| !c.is_null(row));
            let fresh = !known || self.seen.insert(hash);
            self.repeated += u64::from(!fresh);
            keep.push(fresh);
        }
        if self.repeated == before {
            return Ok(batch.clone());
        }
        filter_record_batch(batch, &BooleanArray::from(keep)).map_err(internal)
    }

    /// Bytes that the keys take.
    pub fn memory(&self) -> usize {
        self.seen.count * size_of::<u64>()
    }
}

/// Keys that have come, as 64 bits each: among a million rows, the odds that two of different keys look the same are one
/// in thirty million. They stand in buckets by their first bits, which are split when they have grown, one after the
/// other: there is no moment in which all of them stand there twice, and hardly any room is kept free.
struct Seen {
    buckets: Vec<Vec<u64>>,
    /// The buckets' number is two to the power of this.
    bits: u32,
    count: usize,
}

impl Default for Seen {
    fn default() -> Self {
        Seen { buckets: vec![Vec::new(), Vec::new()], bits: 1, count: 0 }
    }
}

impl Seen {
    /// Keys in a bucket, on average, before all are split, while the list is short: looking through few is quick, and
    /// what the buckets take beside their keys is little in all.
    const FEW: usize = 16;
    /// The same from [`Self::LONG`] on, where every byte a key counts.
    const FULL: usize = 96;
    /// Two to the power of this is the number of buckets of a long list.
    const LONG: u32 = 14;
    /// A bucket grows by so many.
    const STEP: usize = 8;

    /// Whether the key is new.
    fn insert(&mut self, key: u64) -> bool {
        let at = usize::try_from(key >> (u64::BITS - self.bits)).unwrap_or_default();
        let bucket = &mut self.buckets[at];
        // Without stopping at the first hit, several are compared at once.
        if bucket.iter().fold(0, |hits, known| hits | u8::from(*known == key)) > 0 {
            return false;
        }
        if bucket.len() == bucket.capacity() {
            bucket.reserve_exact(Self::STEP);
        }
        bucket.push(key);
        self.count += 1;
        let full = if self.bits < Self::LONG { Self::FEW } else { Self::FULL };
        if self.count > self.buckets.len() * full {
            self.split();
        }
        true
    }

    fn split(&mut self) {
        self.bits += 1;
        let next = 1_u64 << (u64::BITS - self.bits);
        let mut buckets = Vec::with_capacity(self.buckets.len() * 2);
        for bucket in std::mem::take(&mut self.buckets) {
            let (high, low) = bucket.into_iter().partition::<Vec<u64>, _>(|key| key & next != 0);
            buckets.extend([low, high]);
        }
        self.buckets = buckets;
    }
}

fn internal(error: impl fmt::Display) -> Error {
    Error::new(Kind::Internal, format!("a batch could not be made: {error}"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringViewArray};
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;
    use crate::http::Pager;
    use crate::registry::Paging;

    fn list() -> List {
        List::new(Pager::new(&Paging::whole(), None))
    }

    #[test]
    fn keys_are_new_once_through_every_split() {
        let (mut seen, mut known) = (Seen::default(), HashSet::new());
        let mut key = 1_u64;
        for _ in 0..100_000 {
            // A generator of all 64 bits, every fourth key one that came before.
            key = key.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let asked = if key.is_multiple_of(4) { known.iter().next().copied().unwrap_or(key) } else { key };
            assert_eq!(seen.insert(asked), known.insert(asked));
        }
        assert_eq!(seen.count, known.len());
        assert!(seen.bits > 8, "it has been split: {}", seen.bits);
        for key in [0, u64::MAX] {
            assert!(seen.insert(key) && !seen.insert(key));
        }
    }

    #[test]
    fn a_row_is_known_by_all_columns_of_its_key_and_stays_without_one() {
        let fields = vec![Field::new("a", DataType::Utf8View, true), Field::new("b", DataType::Int64, true)];
        let rows = |a: Vec<Option<&str>>, b: Vec<Option<i64>>| {
            let columns: Vec<ArrayRef> = vec![Arc::new(StringViewArray::from(a)), Arc::new(Int64Array::from(b))];
            RecordBatch::try_new(Arc::new(Schema::new(fields.clone())), columns).unwrap()
        };
        let mut list = list();
        let long = "a text that is too long to stand in a view";
        let first = rows(vec![Some("x"), Some("x"), Some(long), None], vec![Some(1), Some(2), Some(1), Some(1)]);
        assert_eq!(list.fresh(&first, &[0, 1]).unwrap(), first);
        let second = rows(vec![None, Some(long), Some("y"), Some("x")], vec![Some(1), Some(1), Some(1), Some(3)]);
        let fresh = rows(vec![None, Some("y"), Some("x")], vec![Some(1), Some(1), Some(3)]);
        assert_eq!((list.fresh(&second, &[0, 1]).unwrap(), list.repeated), (fresh, 1));
    }
}
