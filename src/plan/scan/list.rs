//! One list that is being read: where its pager stands, what it has brought, and rows that it repeats.

use std::collections::HashSet;
use std::fmt;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

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
    pub seen: HashSet<String>,
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
            seen: HashSet::new(),
            repeated: 0,
            moved: false,
            end: None,
            ended: false,
        }
    }

    /// The rows of `batch` whose key has not come before.
    pub fn fresh(&mut self, batch: &RecordBatch, key: &[usize]) -> Result<RecordBatch> {
        let options = FormatOptions::default();
        let columns: Vec<&dyn Array> = key.iter().map(|i| batch.column(*i).as_ref()).collect();
        let formatters = columns.iter().map(|c| ArrayFormatter::try_new(*c, &options));
        let formatters = formatters.collect::<Result<Vec<_>, _>>().map_err(internal)?;
        let mut keep = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            // A row without its key cannot be told from others: it stays.
            let whole = columns.iter().all(|c| !c.is_null(row));
            let text = formatters.iter().map(|f| f.value(row).to_string()).collect::<Vec<_>>().join("\u{1f}");
            keep.push(!whole || self.seen.insert(text));
        }
        let repeated = keep.iter().filter(|k| !**k).count();
        if repeated == 0 {
            return Ok(batch.clone());
        }
        self.repeated += repeated as u64;
        filter_record_batch(batch, &BooleanArray::from(keep)).map_err(internal)
    }
}

fn internal(error: impl fmt::Display) -> Error {
    Error::new(Kind::Internal, format!("a batch could not be made: {error}"))
}
