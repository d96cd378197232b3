//! A table as GitHub's Markdown has it: a header, a line of dashes that says which columns stand right, a line a row.
//! Owns what Markdown would take for itself in a value. Does no I/O.
//!
//! A reader sees every value as it is: what would be emphasis, a link, HTML or the end of a cell is escaped, and a line
//! break is `<br>`. Markdown knows no table without a header, so there always is one.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::table::escaped;
use super::value::{self, Value};
use super::{End, Layout, Options, text};
use crate::error::Result;

/// Begins a table.
pub(super) fn start(schema: &SchemaRef, options: &Options) -> Box<dyn Layout> {
    Box::new(Markdown { schema: schema.clone(), options: options.clone(), begun: false })
}

struct Markdown {
    schema: SchemaRef,
    options: Options,
    begun: bool,
}

impl Markdown {
    fn header(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        if self.options.before > 0 {
            out.push(b'\n');
        }
        for field in self.schema.fields() {
            out.extend_from_slice(b"| ");
            cell(out, field.name());
            out.push(b' ');
        }
        out.extend_from_slice(b"|\n");
        for field in self.schema.fields() {
            let is_number = value::is_number(field.data_type());
            out.extend_from_slice(if is_number { b"|--:" } else { b"|---" });
        }
        out.extend_from_slice(b"|\n");
    }
}

impl Layout for Markdown {
    fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let schema = self.schema.clone();
        let columns = value::columns(&schema, batch)?;
        if columns.is_empty() {
            return Ok(());
        }
        self.header(out);
        let mut scratch = Vec::new();
        for row in 0..batch.num_rows() {
            for column in &columns {
                scratch.clear();
                match column.value(row) {
                    Value::Null => scratch.extend_from_slice(self.options.null().as_bytes()),
                    value => text::plain(&mut scratch, &value),
                }
                out.extend_from_slice(b"| ");
                cell(out, &String::from_utf8_lossy(&scratch));
                out.push(b' ');
            }
            out.extend_from_slice(b"|\n");
        }
        Ok(())
    }

    fn end(&mut self, end: End, out: &mut Vec<u8>) -> Result<()> {
        if end == End::Whole && !self.schema.fields().is_empty() {
            self.header(out);
        }
        Ok(())
    }
}

/// `text` as the content of a cell.
fn cell(out: &mut Vec<u8>, text: &str) {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\t', " ");
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.extend_from_slice(b"<br>");
        }
        let shown = escaped(line);
        let mut before = None;
        let mut rest = shown.chars().peekable();
        while let Some(character) = rest.next() {
            let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            let is_special = match character {
                '\\' | '|' | '`' | '*' | '[' | ']' | '<' | '~' | '&' | '$' => true,
                // Within a word it is only a sign, and most names of columns have it.
                '_' => !(is_word(before) && is_word(rest.peek().copied())),
                _ => false,
            };
            if is_special {
                out.push(b'\\');
            }
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            before = Some(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::super::tests::{batch, numbers, printed};
    use super::super::{Format, Options};

    #[test]
    fn numbers_stand_right_and_what_markdown_would_take_is_escaped() {
        let rows = batch(vec![
            ("room_name", Arc::new(Int64Array::from(vec![Some(7), None])) as ArrayRef),
            ("a|b", Arc::new(StringArray::from(vec!["x|y\\|z\r\n_é_ **b** `c`", "<img onerror=a> [l](u) &amp; 日本"]))),
        ]);
        let text = printed(&Options::new(Format::Markdown), &rows);
        let expected = r"| room_name | a\|b |
|--:|---|
| 7 | x\|y\\\|z<br>\_é\_ \*\*b\*\* \`c\` |
| NULL | \<img onerror=a> \[l\](u) \&amp; 日本 |
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_second_table_stands_apart_and_an_empty_one_has_its_header() {
        let options = Options { before: 1, ..Options::new(Format::Markdown) };
        assert_eq!(printed(&options, &numbers(0)), "\n| n |\n|--:|\n");
    }
}
