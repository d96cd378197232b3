//! One row below the other, a line a column: for rows that are too wide for a table.
//! Owns the head of a row and the place of the values, which are whole; does no I/O. Rows are written as they come.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::table::{escaped, widths_of};
use super::value::{self, Value};
use super::{End, Hidden, Layout, Options, text};
use crate::error::Result;

/// The line above a row is as long as this, where the terminal does not say.
const LINE: usize = 40;

/// Begins a result.
pub(super) fn start(schema: &SchemaRef, options: &Options) -> Box<dyn Layout> {
    let names: Vec<String> = schema.fields().iter().map(|field| escaped(field.name())).collect();
    let widths = widths_of(&names);
    let widest = widths.iter().copied().max().unwrap_or_default();
    let names = names.iter().zip(widths).map(|(name, width)| format!("{name}{}", " ".repeat(widest - width))).collect();
    Box::new(Records { schema: schema.clone(), options: options.clone(), names, rows: 0, hidden: Hidden::default() })
}

struct Records {
    schema: SchemaRef,
    options: Options,
    /// Filled up to the width of the longest.
    names: Vec<String>,
    rows: usize,
    hidden: Hidden,
}

impl Layout for Records {
    fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let columns = value::columns(&self.schema, batch)?;
        let room = self.options.max_rows.map_or(usize::MAX, |most| most.saturating_sub(self.rows));
        let shown = batch.num_rows().min(room);
        self.hidden.rows += (batch.num_rows() - shown) as u64;
        let mut scratch = Vec::new();
        for row in 0..shown {
            self.rows += 1;
            let head = format!("─[ row {} ]", self.rows);
            let rest = self.options.width.unwrap_or(LINE).min(LINE).saturating_sub(head.chars().count());
            out.extend_from_slice(format!("{head}{}\n", "─".repeat(rest)).as_bytes());
            for (name, column) in self.names.iter().zip(&columns) {
                scratch.clear();
                match column.value(row) {
                    Value::Null => scratch.extend_from_slice(self.options.null().as_bytes()),
                    value => text::plain(&mut scratch, &value),
                }
                let value = escaped(&String::from_utf8_lossy(&scratch));
                out.extend_from_slice(format!("{name} │ {value}").trim_end().as_bytes());
                out.push(b'\n');
            }
        }
        Ok(())
    }

    fn end(&mut self, _: End, _: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }

    fn hidden(&self) -> Hidden {
        self.hidden
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::super::tests::{batch, printed};
    use super::super::{Format, Options};

    #[test]
    fn every_value_is_whole_and_stands_below_the_others() {
        let long = format!("{{\"a\":\"{}\"}}", "x".repeat(200));
        let rows = batch(vec![
            ("id", Arc::new(Int64Array::from(vec![7, 8])) as ArrayRef),
            ("日本", Arc::new(StringArray::from(vec![Some(long.as_str()), None]))),
            ("a\u{1b}[2J", Arc::new(StringArray::from(vec!["b\nc\u{1b}[2J", ""]))),
        ]);
        let text = printed(&Options { width: Some(30), ..Options::new(Format::Vertical) }, &rows);
        let expected = format!(
            "\
─[ row 1 ]────────────────────
id         │ 7
日本       │ {long}
a\\u{{1b}}[2J │ b\\nc\\u{{1b}}[2J
─[ row 2 ]────────────────────
id         │ 8
日本       │ NULL
a\\u{{1b}}[2J │
"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn rows_beyond_the_most_are_counted_not_shown() {
        let options = Options { max_rows: Some(2), ..Options::new(Format::Vertical) };
        let rows = super::super::tests::numbers(5);
        let mut out = Vec::new();
        let mut printer = super::super::Printer::new(&options, &rows.schema(), &mut out);
        let _ = printer.write(&rows).unwrap();
        assert_eq!(printer.finish().unwrap().hidden_rows, 3);
        assert_eq!(String::from_utf8(out).unwrap().matches("row").count(), 2);
    }
}
