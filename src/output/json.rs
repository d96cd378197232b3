//! JSON, as one array of objects or as one object a line (JSONL, also called NDJSON).
//! Owns what stands around the values: keys, commas, brackets. Does no I/O.
//!
//! Keys stand in the columns' order. Of columns with the same name the second is written as `name_1`, and so on.

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};

use super::{End, Layout, Options, nested, text, value};
use crate::error::Result;

/// Begins a JSON array. Whenever it ends, even before the first row, what was written is well-formed.
pub(super) fn start_array(schema: &SchemaRef, _: &Options) -> Box<dyn Layout> {
    Box::new(Json { keys: keys(schema), schema: schema.clone(), array: true, begun: false })
}

/// Begins JSON lines.
pub(super) fn start_lines(schema: &SchemaRef, _: &Options) -> Box<dyn Layout> {
    Box::new(Json { keys: keys(schema), schema: schema.clone(), array: false, begun: false })
}

struct Json {
    schema: SchemaRef,
    /// What stands before each value of a row: `{"id":`, `,"name":`.
    keys: Vec<Vec<u8>>,
    array: bool,
    begun: bool,
}

fn keys(schema: &Schema) -> Vec<Vec<u8>> {
    let names = nested::distinct_names(schema.fields());
    let keys = names.iter().enumerate().map(|(index, name)| {
        let mut key = vec![if index == 0 { b'{' } else { b',' }];
        text::json_string(&mut key, name);
        key.push(b':');
        key
    });
    keys.collect()
}

impl Layout for Json {
    fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let columns = value::columns(&self.schema, batch)?;
        for row in 0..batch.num_rows() {
            if self.array {
                // The line break goes before a row, so that the last one is not followed by a comma.
                out.extend_from_slice(if self.begun { b",\n" } else { b"[" });
            }
            self.begun = true;
            if columns.is_empty() {
                out.push(b'{');
            }
            for (key, column) in self.keys.iter().zip(&columns) {
                out.extend_from_slice(key);
                text::json(out, &column.value(row));
            }
            out.push(b'}');
            if !self.array {
                out.push(b'\n');
            }
        }
        Ok(())
    }

    fn end(&mut self, _: End, out: &mut Vec<u8>) -> Result<()> {
        if self.array {
            out.extend_from_slice(if self.begun { b"]\n" } else { b"[]\n" });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use arrow::datatypes::{DataType, Field};

    use super::super::tests::{batch, printed};
    use super::super::{Format, Options};
    use super::*;

    #[test]
    fn keys_stand_in_column_order_and_each_once() {
        let number = |n: i64| Arc::new(Int64Array::from(vec![n])) as ArrayRef;
        let rows = batch(vec![("z", number(1)), ("a", number(2)), ("z", number(3)), ("say \"hi\"\n", number(4))]);
        assert_eq!(
            printed(&Options::new(Format::Jsonl), &rows),
            "{\"z\":1,\"a\":2,\"z_1\":3,\"say \\\"hi\\\"\\n\":4}\n"
        );
    }

    #[test]
    fn a_column_of_json_is_written_as_json_when_it_is_that() {
        let cells =
            ["{\"a\": [1, 1.10, 12345678901234567890123]}", "{\n  \"b\": \"\\n\"\r\n}", "{no", "", "\"text\"", "1 2"];
        let array = StringArray::from(cells.map(Some).into_iter().chain([None]).collect::<Vec<_>>());
        let print = |mark: Option<(&str, &str)>| {
            let metadata = mark.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
            let field = Field::new("j", DataType::Utf8, true).with_metadata(metadata);
            let rows = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(array.clone())]).unwrap();
            printed(&Options::new(Format::Jsonl), &rows)
        };
        let nested = [
            r#"{"j":{"a": [1, 1.10, 12345678901234567890123]}}"#,
            r#"{"j":{   "b": "\n"  }}"#,
            r#"{"j":"{no"}"#,
            r#"{"j":""}"#,
            r#"{"j":"text"}"#,
            r#"{"j":"1 2"}"#,
            r#"{"j":null}"#,
        ];
        for value in ["object", "array", "any"] {
            assert_eq!(print(Some(("weir.json", value))).lines().collect::<Vec<_>>(), nested);
        }
        assert_eq!(print(Some(("ARROW:extension:name", "arrow.json"))).lines().collect::<Vec<_>>(), nested);
        for mark in [None, Some(("weir.json", "no"))] {
            assert!(print(mark).starts_with(r#"{"j":"{\"a\": [1"#), "text stays text without the mark");
        }
    }

    #[test]
    fn every_text_reads_back_as_itself() {
        let mut text: String = (0..0x300).filter_map(char::from_u32).collect();
        text.push_str("\u{2028}\u{1f600}\\");
        let rows = batch(vec![("t", Arc::new(StringArray::from(vec![text.as_str()])))]);
        let line = printed(&Options::new(Format::Jsonl), &rows);
        assert_eq!(line.bytes().filter(|byte| *byte < b' ').count(), 1, "the line break at the end, and no other");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["t"], text);
    }
}
