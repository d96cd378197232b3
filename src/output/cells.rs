//! The cells of a batch as plain texts, for whoever lays them out by himself: variables, pictures, comparisons.
//! Owns nothing but the loop; what a value looks like is `text`'s.

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use super::text;
use super::value::{self, Value};
use crate::error::Result;

/// Texts row by row; None is NULL.
pub type Cells = Vec<Vec<Option<String>>>;

/// The cells of `batch` under `schema`, as CSV would write them, without quotes.
///
/// # Errors
/// When the batch has other columns than announced.
pub fn cells(schema: &Schema, batch: &RecordBatch) -> Result<Cells> {
    let columns = value::columns(schema, batch)?;
    let text = |value: Value<'_>| match value {
        Value::Null => None,
        value => {
            let mut bytes = Vec::new();
            text::plain(&mut bytes, &value);
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
    };
    let row = |row| columns.iter().map(|column| text(column.value(row))).collect();
    Ok((0..batch.num_rows()).map(row).collect())
}
