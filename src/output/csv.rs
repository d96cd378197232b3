//! CSV as RFC 4180 has it, with `\n` at the ends of lines; TSV is the same with tabs.
//! Owns quoting. Does no I/O.
//!
//! NULL is empty and an empty text is `""`, so that they can be told apart. A text that stands for NULL is never quoted,
//! and a value that reads like it always is. Times are RFC 3339, JSON and what has parts is JSON text. In a result of
//! one column, a NULL is an empty line, as psql's COPY writes it.

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::SchemaRef;

use super::text;
use super::value::{self, Column, Value};
use super::{End, Layout, Options};
use crate::error::Result;

/// A column. Nearly all cells are texts, which look the same whatever they hold: they go the short way.
enum Cells<'a> {
    Texts(&'a StringViewArray),
    Others(Column<'a>),
}

/// Begins a CSV text.
pub(super) fn start(schema: &SchemaRef, options: &Options) -> Box<dyn Layout> {
    let separator = options.separator();
    let null = options.null.clone().unwrap_or_default().into_bytes();
    // Numbers and times have none of these, and nothing of them reads like an empty NULL.
    let plain = null.is_empty() && matches!(separator, b',' | b';' | b'|' | b'\t');
    let dialect = Dialect { separator, null, plain };
    Box::new(Csv { schema: schema.clone(), header: options.header, dialect, scratch: Vec::new() })
}

/// Begins a TSV text.
pub(super) fn start_tabs(schema: &SchemaRef, options: &Options) -> Box<dyn Layout> {
    start(schema, options)
}

/// How values are told from each other and from NULL.
struct Dialect {
    separator: u8,
    null: Vec<u8>,
    /// What is neither text nor bytes never needs quotes.
    plain: bool,
}

struct Csv {
    schema: SchemaRef,
    /// The header is still to be written.
    header: bool,
    dialect: Dialect,
    /// Takes a value whose text is not known before it is written, to see whether it needs quotes.
    scratch: Vec<u8>,
}

impl Csv {
    /// Without columns there is no header and no line: an empty line would read as a NULL.
    fn header(&mut self, out: &mut Vec<u8>) {
        if !self.header || self.schema.fields().is_empty() {
            return;
        }
        self.header = false;
        for (index, field) in self.schema.fields().iter().enumerate() {
            if index > 0 {
                out.push(self.dialect.separator);
            }
            self.dialect.quoted(out, field.name().as_bytes());
        }
        out.push(b'\n');
    }

    fn cell(&mut self, out: &mut Vec<u8>, value: &Value<'_>) {
        match value {
            Value::Null => out.extend_from_slice(&self.dialect.null),
            Value::Text(text) | Value::Json(text) => self.dialect.quoted(out, text.as_bytes()),
            // No bytes are no NULL either.
            Value::Binary(_) | Value::List(_) | Value::Struct(_) | Value::Map(_) => self.looked_at(out, value),
            _ if self.dialect.plain => text::plain(out, value),
            _ => self.looked_at(out, value),
        }
    }

    fn looked_at(&mut self, out: &mut Vec<u8>, value: &Value<'_>) {
        self.scratch.clear();
        text::plain(&mut self.scratch, value);
        self.dialect.quoted(out, &self.scratch);
    }
}

impl Layout for Csv {
    fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let schema = self.schema.clone();
        let columns = value::columns(&schema, batch)?;
        let columns =
            columns.into_iter().zip(batch.columns()).map(|(column, array)| match array.as_string_view_opt() {
                Some(texts) => Cells::Texts(texts),
                None => Cells::Others(column),
            });
        let columns: Vec<Cells<'_>> = columns.collect();
        self.header(out);
        for row in 0..if columns.is_empty() { 0 } else { batch.num_rows() } {
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    out.push(self.dialect.separator);
                }
                match column {
                    Cells::Texts(texts) if texts.is_null(row) => out.extend_from_slice(&self.dialect.null),
                    Cells::Texts(texts) => self.dialect.quoted(out, texts.value(row).as_bytes()),
                    Cells::Others(column) => self.cell(out, &column.value(row)),
                }
            }
            out.push(b'\n');
        }
        Ok(())
    }

    fn end(&mut self, end: End, out: &mut Vec<u8>) -> Result<()> {
        if end == End::Whole {
            self.header(out);
        }
        Ok(())
    }
}

impl Dialect {
    /// `text`, in quotes where a reader would take it for something else.
    fn quoted(&self, out: &mut Vec<u8>, text: &[u8]) {
        // Looking at every byte, without stopping at the first hit, lets the compiler look at many at once.
        let begin = text.is_empty() || text == self.null;
        let between = self.separator;
        let special =
            text.iter().fold(begin, |hit, b| hit | matches!(b, b'"' | b'\n' | b'\r') | matches!(b, b if *b == between));
        if !special {
            out.extend_from_slice(text);
            return;
        }
        out.push(b'"');
        for (index, part) in text.split(|byte| *byte == b'"').enumerate() {
            if index > 0 {
                out.extend_from_slice(b"\"\"");
            }
            out.extend_from_slice(part);
        }
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BinaryArray, StringArray, StringViewArray};

    use super::super::tests::{batch, printed};
    use super::super::{Format, Options};

    fn print(name: &str, cells: Vec<Option<&str>>) -> String {
        printed(&Options::new(Format::Csv), &batch(vec![(name, Arc::new(StringArray::from(cells)))]))
    }

    #[test]
    fn only_what_needs_quotes_has_them() {
        assert_eq!(print("plain", vec![Some("a b"), Some(" é ")]), "plain\na b\n é \n");
        assert_eq!(
            print("a,b", vec![Some("x,y"), Some("say \"hi\""), Some("two\nlines"), Some("\r"), Some("\"")]),
            "\"a,b\"\n\"x,y\"\n\"say \"\"hi\"\"\"\n\"two\nlines\"\n\"\r\"\n\"\"\"\"\n"
        );
    }

    #[test]
    fn null_and_the_empty_text_differ() {
        assert_eq!(print("a", vec![None, Some("")]), "a\n\n\"\"\n");
        let bytes = batch(vec![("a", Arc::new(BinaryArray::from_opt_vec(vec![None, Some(b""), Some(b"\x00\xff")])))]);
        assert_eq!(printed(&Options::new(Format::Csv), &bytes), "a\n\n\"\"\n00ff\n");
    }

    #[test]
    fn a_text_for_null_is_never_a_value_and_a_separator_never_in_one() {
        let rows = batch(vec![
            ("a\tb", Arc::new(StringArray::from(vec![None, Some("-"), Some("x\ty"), Some("")]))),
            ("n", Arc::new(arrow::array::Int64Array::from(vec![Some(-1), None, Some(0), Some(7)]))),
        ]);
        assert_eq!(printed(&Options::new(Format::Tsv), &rows), "\"a\tb\"\tn\n\t-1\n-\t\n\"x\ty\"\t0\n\"\"\t7\n");
        let options =
            Options { null: Some("0".to_owned()), separator: Some(b'-'), header: false, ..Options::new(Format::Csv) };
        assert_eq!(printed(&options, &rows), "0-\"-1\"\n\"-\"-0\nx\ty-\"0\"\n\"\"-7\n");
        let quiet = Options { header: false, ..Options::new(Format::Csv) };
        assert_eq!(printed(&quiet, &rows.slice(0, 0)), "");
    }

    #[test]
    fn texts_look_the_same_in_every_layout() {
        let cells = vec![Some("x"), None, Some(""), Some("say \"hi\", twice, in a text that is long\n")];
        let print = |array| printed(&Options::new(Format::Csv), &batch(vec![("a", array)]));
        let (plain, views) = (StringArray::from(cells.clone()), StringViewArray::from(cells));
        assert_eq!(print(Arc::new(views)), print(Arc::new(plain)));
    }

    #[test]
    fn columns_of_one_name_both_stay() {
        let text = |text: &str| Arc::new(StringArray::from(vec![text]));
        let twice = batch(vec![("a", text("1")), ("a", text("2"))]);
        assert_eq!(printed(&Options::new(Format::Csv), &twice), "a,a\n1,2\n");
    }
}
