//! Rows as INSERT statements, one a row, for another database or for weir itself.
//! Owns how a value is written as SQL. Does no I/O; nothing is run.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::value::{self, Value};
use super::{End, Layout, Options, nested, text};
use crate::error::Result;

/// Begins the statements.
pub(super) fn start(schema: &SchemaRef, options: &Options) -> Box<dyn Layout> {
    let columns: Vec<String> = nested::distinct_names(schema.fields()).iter().map(|name| quoted(name, '"')).collect();
    let head = format!("INSERT INTO {} ({}) VALUES (", table(&options.into), columns.join(", "));
    Box::new(Insert { schema: schema.clone(), head: head.into_bytes() })
}

struct Insert {
    schema: SchemaRef,
    head: Vec<u8>,
}

/// A name with dots is one of parts; what is no plain name stands in quotes.
fn table(name: &str) -> String {
    let is_plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with(|c: char| c.is_ascii_digit())
            && part.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
    };
    // `rows` and other words of SQL are names only in quotes.
    if name.contains('.') && name.split('.').all(is_plain) { name.to_owned() } else { quoted(name, '"') }
}

fn quoted(text: &str, quote: char) -> String {
    let twice = [quote, quote].iter().collect::<String>();
    format!("{quote}{}{quote}", text.replace(quote, &twice))
}

impl Layout for Insert {
    fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let columns = value::columns(&self.schema, batch)?;
        for row in 0..if columns.is_empty() { 0 } else { batch.num_rows() } {
            out.extend_from_slice(&self.head);
            for (index, column) in columns.iter().enumerate() {
                if index > 0 {
                    out.extend_from_slice(b", ");
                }
                literal(out, &column.value(row));
            }
            out.extend_from_slice(b");\n");
        }
        Ok(())
    }

    fn end(&mut self, _: End, _: &mut Vec<u8>) -> Result<()> {
        Ok(())
    }
}

/// `value` as SQL. JSON and what has parts is a string of JSON, times are strings as RFC 3339 has them, which databases
/// read; NaN and the infinities, which SQL has no number for, are strings of their names.
fn literal(out: &mut Vec<u8>, value: &Value<'_>) {
    let is_finite = match value {
        Value::Float(n) => n.is_finite(),
        Value::Float32(n) => n.is_finite(),
        _ => true,
    };
    match value {
        Value::Null => out.extend_from_slice(b"NULL"),
        Value::Bool(true) => out.extend_from_slice(b"TRUE"),
        Value::Bool(false) => out.extend_from_slice(b"FALSE"),
        Value::Int(_) | Value::UInt(_) | Value::Decimal(..) | Value::WideDecimal(..) => text::plain(out, value),
        Value::Float(_) | Value::Float32(_) if is_finite => text::plain(out, value),
        value => {
            let mut plain = Vec::new();
            text::plain(&mut plain, value);
            if matches!(value, Value::Binary(_)) {
                out.push(b'X');
            }
            out.extend_from_slice(quoted(&String::from_utf8_lossy(&plain), '\'').as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BinaryArray, BooleanArray, Float64Array, Int64Array, StringArray};

    use super::super::tests::{batch, numbers, printed};
    use super::super::{Format, Options};

    #[test]
    fn no_value_can_end_its_string() {
        let rows = batch(vec![
            ("i", Arc::new(Int64Array::from(vec![Some(i64::MIN), None])) as ArrayRef),
            ("f", Arc::new(Float64Array::from(vec![0.1, f64::NAN]))),
            ("b", Arc::new(BooleanArray::from(vec![true, false]))),
            ("x", Arc::new(BinaryArray::from_vec(vec![b"\x00\xff", b""]))),
            ("a\"b", Arc::new(StringArray::from(vec!["it's'); DROP TABLE t; --", "日本"]))),
        ]);
        let expected = "\
INSERT INTO \"rows\" (\"i\", \"f\", \"b\", \"x\", \"a\"\"b\") VALUES (-9223372036854775808, 0.1, TRUE, X'00ff', 'it''s''); DROP TABLE t; --');
INSERT INTO \"rows\" (\"i\", \"f\", \"b\", \"x\", \"a\"\"b\") VALUES (NULL, 'NaN', FALSE, X'', '日本');
";
        assert_eq!(printed(&Options::new(Format::Insert), &rows), expected);
    }

    #[test]
    fn a_name_of_parts_is_written_as_it_is() {
        let into = |name: &str| {
            let options = Options { into: name.to_owned(), ..Options::new(Format::Insert) };
            printed(&options, &numbers(1))
        };
        assert_eq!(into("a.b.c"), "INSERT INTO a.b.c (\"n\") VALUES (0);\n");
        assert_eq!(into("order"), "INSERT INTO \"order\" (\"n\") VALUES (0);\n");
        assert_eq!(into("a.b; DROP"), "INSERT INTO \"a.b; DROP\" (\"n\") VALUES (0);\n");
    }
}
