//! Text that points into the page it came in keeps the whole page in memory. Owns when that is too much, and the copy
//! that is made then. Must not know which rows are left, or why.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::buffer::Buffer;

use crate::error::{Error, Kind, Result};

/// The same rows. A column whose text is less than half of what it keeps in memory gets a copy of its own, so that a few
/// rows, or a narrow column, do not keep the pages that they came in.
///
/// # Errors
/// None that can be told of: arrow refuses no batch that it has made.
pub fn compact(batch: RecordBatch) -> Result<RecordBatch> {
    if !batch.columns().iter().any(is_wasteful) {
        return Ok(batch);
    }
    let copied = |column: &ArrayRef| match is_wasteful(column) {
        true => Arc::new(column.as_string_view().gc()) as ArrayRef,
        false => column.clone(),
    };
    let columns = batch.columns().iter().map(copied).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
        .map_err(|e| Error::new(Kind::Internal, format!("a batch could not be made: {e}")))
}

/// Each column for itself, though several may share a page: what is written to a file or counted against a limit has the
/// page once a column.
fn is_wasteful(column: &ArrayRef) -> bool {
    let Some(texts) = column.as_string_view_opt() else { return false };
    let held: usize = texts.data_buffers().iter().map(Buffer::len).sum();
    held > 0 && texts.total_buffer_bytes_used() < held / 2
}

#[cfg(test)]
mod tests {
    use arrow::array::StringViewBuilder;
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    /// Two columns that point into one page of 100 bytes; values of the first have 30 bytes, of the second 10 more than fit
    /// into the array.
    fn batch() -> RecordBatch {
        let page = Buffer::from(vec![b'x'; 100]);
        let column = |length: u32| {
            let mut builder = StringViewBuilder::new();
            let block = builder.append_block(page.clone());
            for place in [0, 40] {
                builder.try_append_view(block, place, length).unwrap();
            }
            Arc::new(builder.finish()) as ArrayRef
        };
        let field = |name| Field::new(name, DataType::Utf8View, true);
        let schema = Arc::new(Schema::new(vec![field("a"), field("b")]));
        RecordBatch::try_new(schema, vec![column(30), column(22)]).unwrap()
    }

    fn buffers(batch: &RecordBatch) -> Vec<usize> {
        batch.columns().iter().flat_map(|c| c.as_string_view().data_buffers()).map(Buffer::len).collect()
    }

    #[test]
    fn a_page_is_kept_while_half_of_it_is_shown_and_copied_from_below_that() {
        let whole = compact(batch()).unwrap();
        assert_eq!(buffers(&whole), [100, 44]);
        assert_eq!(whole, batch());
        let one = compact(whole.slice(1, 1)).unwrap();
        assert_eq!(buffers(&one), [30, 44]);
        assert_eq!(one, batch().slice(1, 1));
        assert_eq!(buffers(&compact(whole.slice(0, 0)).unwrap()), [0; 0]);
    }
}
