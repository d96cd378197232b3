//! Batches to text and files: the floor that prints.
//! Owns the formats, and when bytes go out: rows are written as they come, except in a table. Knows nothing above the
//! ground: no session, no command line, no query engine; it gets a schema, batches, and something to write to.
//!
//! ```text
//! let mut printer = Printer::new(&options, &schema, &mut target);
//! for batch in batches { if printer.write(&batch?)? == Flow::Closed { break } }   // on an error: printer.abort()
//! let printed = printer.finish()?;
//! ```

mod cells;
mod columnar;
mod csv;
mod file;
mod format;
mod html;
mod insert;
mod json;
mod markdown;
mod moment;
mod nested;
mod number;
mod picture;
mod table;
mod text;
mod value;
mod vega;
mod vertical;

use std::io::{ErrorKind, Write};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

pub use self::cells::{Cells, cells};
pub use self::file::Target;
pub use self::format::{Format, Options, separator};
pub use self::picture::{Picture, Role, role};
pub use self::table::{escaped, natural_width, widths_of};
use crate::error::{Error, Kind, Result};

/// Whether somebody still reads.
#[must_use = "when the reader has gone, a read should end quietly"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    More,
    /// The reader has closed the pipe. Nothing more is written, and that is no error.
    Closed,
}

/// What became of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Printed {
    /// Rows that were given to the printer.
    pub rows: u64,
    /// Of these, rows that a table does not show.
    pub hidden_rows: u64,
    /// Columns that had no place in a table.
    pub hidden_columns: usize,
    /// Whether somebody read to the end.
    pub flow: Flow,
}

/// Writes one result, batch after batch. When it is dropped without [`finish`](Printer::finish), the text is ended as
/// [`abort`](Printer::abort) does.
pub struct Printer<W: Write> {
    layout: Box<dyn Layout>,
    to: W,
    buffer: Vec<u8>,
    rows: u64,
    flow: Flow,
    /// Nothing more may be written: the text is ended, or writing failed.
    over: bool,
}

impl<W: Write> Printer<W> {
    /// So many rows are written at once; batches may be larger.
    const CHUNK: usize = 8192;

    /// A printer of rows under `schema`. Nothing is written before the first row or the end.
    pub fn new(options: &Options, schema: &SchemaRef, to: W) -> Self {
        let layout = options.format.start(schema, options);
        Printer { layout, to, buffer: Vec::new(), rows: 0, flow: Flow::More, over: false }
    }

    /// Writes the rows of `batch`, and sends them off at once unless the format has to wait for the end.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<Flow> {
        let mut at = 0;
        while at < batch.num_rows() && !self.over {
            let chunk = batch.slice(at, Self::CHUNK.min(batch.num_rows() - at));
            self.layout.rows(&chunk, &mut self.buffer)?;
            self.send()?;
            self.rows += chunk.num_rows() as u64;
            at += chunk.num_rows();
        }
        Ok(self.flow)
    }

    /// Ends the text of a whole result.
    pub fn finish(mut self) -> Result<Printed> {
        self.end(End::Whole)?;
        Ok(self.printed())
    }

    /// Ends the text after a failure, so that what stands there is well-formed: JSON gets its last bracket, and a table
    /// shows the rows that came. The caller has an error to tell already; another one while doing this adds nothing.
    pub fn abort(mut self) -> Printed {
        let _ = self.end(End::Cut);
        self.printed()
    }

    fn end(&mut self, end: End) -> Result<()> {
        if !self.over {
            let ended = self.layout.end(end, &mut self.buffer);
            let sent = self.send();
            self.over = true;
            ended?;
            sent?;
        }
        Ok(())
    }

    fn printed(&self) -> Printed {
        let Hidden { rows, columns } = self.layout.hidden();
        Printed { rows: self.rows, hidden_rows: rows, hidden_columns: columns, flow: self.flow }
    }

    fn send(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let sent = self.to.write_all(&self.buffer).and_then(|()| self.to.flush());
        self.buffer.clear();
        let Err(error) = sent else { return Ok(()) };
        self.over = true;
        if error.kind() == ErrorKind::BrokenPipe {
            self.flow = Flow::Closed;
            return Ok(());
        }
        Err(Error::new(Kind::Usage, format!("the result could not be written: {error}"))
            .hint("look at where the output goes: whether there is space left, and whether you may write there")
            .caused_by(error))
    }
}

impl<W: Write> Drop for Printer<W> {
    fn drop(&mut self) {
        let _ = self.end(End::Cut);
    }
}

/// How a result ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// All rows came.
    Whole,
    /// Something failed before.
    Cut,
}

/// What a layout was given and does not show.
#[derive(Debug, Clone, Copy, Default)]
struct Hidden {
    rows: u64,
    columns: usize,
}

/// One format: rows in, bytes out.
trait Layout: Send {
    /// Appends to `out` what can be written of these rows now. On an error it has appended nothing.
    fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()>;

    /// Appends what comes after the last row.
    fn end(&mut self, end: End, out: &mut Vec<u8>) -> Result<()>;

    /// What is not shown, known after the end.
    fn hidden(&self) -> Hidden {
        Hidden::default()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
    use arrow::datatypes::{Field, Schema};

    use super::*;

    /// A batch of nullable columns.
    pub(super) fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        let fields: Vec<_> =
            columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect())
            .unwrap()
    }

    /// What `options` make of `batch`.
    pub(super) fn printed(options: &Options, batch: &RecordBatch) -> String {
        let mut out = Vec::new();
        let mut printer = Printer::new(options, &batch.schema(), &mut out);
        assert_eq!(printer.write(batch).unwrap(), Flow::More);
        printer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    pub(super) fn numbers(count: i64) -> RecordBatch {
        batch(vec![("n", Arc::new((0..count).collect::<Int64Array>()))])
    }

    const FORMATS: [Format; 10] = [
        Format::Table,
        Format::Vertical,
        Format::Json,
        Format::Jsonl,
        Format::Csv,
        Format::Tsv,
        Format::Markdown,
        Format::Html,
        Format::Vega,
        Format::Insert,
    ];

    /// Counts what comes, and fails as told once `room` bytes have come.
    struct Pipe {
        room: usize,
        error: ErrorKind,
        writes: usize,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes += 1;
            if self.room == 0 {
                return Err(self.error.into());
            }
            let taken = bytes.len().min(self.room);
            self.room -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn formats_are_found_by_name_and_slips_are_answered() {
        assert_eq!("JSONL".parse::<Format>().unwrap(), Format::Jsonl);
        let error = "tabel".parse::<Format>().unwrap_err();
        assert_eq!(error.hint_text(), Some("did you mean `table`?"));
        assert!(
            error.message().starts_with("there is no format `tabel`, only table, vertical, json, jsonl, csv, "),
            "{error}"
        );
    }

    #[test]
    fn rows_go_out_as_they_come() {
        let numbers = numbers(2);
        for (format, first) in [(Format::Json, "[{\"n\":0},\n{\"n\":1}"), (Format::Csv, "n\n0\n1\n")] {
            let mut out = Vec::new();
            let mut printer = Printer::new(&Options::new(format), &numbers.schema(), &mut out);
            let _ = printer.write(&numbers).unwrap();
            // What the printer has handed over before its end.
            assert_eq!(String::from_utf8_lossy(printer.to), first);
        }
    }

    #[test]
    fn what_was_printed_before_a_failure_is_well_formed() {
        let numbers = numbers(1);
        for (format, nothing, one) in [
            (Format::Json, "[]\n", "[{\"n\":0}]\n"),
            (Format::Jsonl, "", "{\"n\":0}\n"),
            (Format::Csv, "", "n\n0\n"),
            (Format::Table, "", "┌───┐\n│ n │\n├───┤\n│ 0 │\n└───┘\n"),
        ] {
            for (rows, expected) in [(0, nothing), (1, one)] {
                for explicit in [true, false] {
                    let mut out = Vec::new();
                    let mut printer = Printer::new(&Options::new(format), &numbers.schema(), &mut out);
                    let _ = printer.write(&numbers.slice(0, rows)).unwrap();
                    if explicit {
                        assert_eq!(printer.abort().rows, rows as u64);
                    } else {
                        drop(printer);
                    }
                    assert_eq!(String::from_utf8(out).unwrap(), expected, "{format:?}");
                }
            }
        }
    }

    #[test]
    fn an_empty_result_has_its_header() {
        let numbers = numbers(0);
        let print = |format| printed(&Options::new(format), &numbers);
        assert_eq!(print(Format::Json), "[]\n");
        assert_eq!(print(Format::Jsonl), "");
        assert_eq!(print(Format::Csv), "n\n");
        assert_eq!(print(Format::Table), "┌───┐\n│ n │\n├───┤\n└───┘\n");
    }

    #[test]
    fn a_result_without_columns_is_nothing_but_well_formed() {
        let options = RecordBatchOptions::new().with_row_count(Some(2));
        let empty = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap();
        let print = |format| printed(&Options::new(format), &empty);
        assert_eq!(print(Format::Json), "[{},\n{}]\n");
        assert_eq!(print(Format::Jsonl), "{}\n{}\n");
        assert_eq!(print(Format::Csv), "");
        assert_eq!(print(Format::Table), "");
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_is_not_written_to_again() {
        let numbers = numbers(100_000);
        for format in FORMATS {
            let mut pipe = Pipe { room: 10, error: ErrorKind::BrokenPipe, writes: 0 };
            let mut printer = Printer::new(&Options::new(format), &numbers.schema(), &mut pipe);
            let flow = printer.write(&numbers).unwrap();
            assert_eq!(flow, if format == Format::Table { Flow::More } else { Flow::Closed });
            if flow == Flow::Closed {
                assert_eq!(printer.write(&numbers).unwrap(), Flow::Closed);
            }
            assert_eq!(printer.finish().unwrap().flow, Flow::Closed);
            assert_eq!(pipe.writes, 2, "{format:?}: ten bytes went, the next write failed, and that was all");
        }
    }

    #[test]
    fn a_full_disk_is_an_error_once() {
        let numbers = numbers(10);
        let mut pipe = Pipe { room: 10, error: ErrorKind::StorageFull, writes: 0 };
        let mut printer = Printer::new(&Options::new(Format::Json), &numbers.schema(), &mut pipe);
        let error = printer.write(&numbers).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.message().contains("could not be written"), "{error}");
        printer.abort();
        assert_eq!(pipe.writes, 2);
    }

    #[test]
    fn batches_larger_than_a_chunk_lose_nothing() {
        let count = 20_000_usize;
        let numbers = numbers(20_000);
        let text = printed(&Options::new(Format::Jsonl), &numbers.slice(5, count - 5));
        assert_eq!(text.lines().count(), count - 5);
        assert!(text.starts_with("{\"n\":5}\n") && text.ends_with("{\"n\":19999}\n"));
        let whole: serde_json::Value = serde_json::from_str(&printed(&Options::new(Format::Json), &numbers)).unwrap();
        assert_eq!(whole.as_array().map(Vec::len), Some(count));
    }

    #[test]
    fn a_batch_that_was_not_announced_is_an_error() {
        let two = batch(vec![("a", numbers(1).column(0).clone()), ("b", numbers(1).column(0).clone())]);
        let mut out = Vec::new();
        let mut printer = Printer::new(&Options::new(Format::Json), &numbers(1).schema(), &mut out);
        assert_eq!(printer.write(&two).unwrap_err().message(), "1 columns were announced and 2 came");
        printer.abort();
        assert_eq!(out, b"[]\n");
    }
}
