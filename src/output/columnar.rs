//! Parquet and Arrow IPC: results for programs, with the types of their columns.
//! Owns which Arrow type is written as which: what few readers know (views, dictionaries, unions) as what all know.
//! Does no I/O. Of the query engine it names the Parquet writer alone.
//!
//! Rows go out a row group or a batch at a time. What failed is not ended, so no reader takes it for whole.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::ipc::writer::{FileWriter, StreamWriter};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;

use super::value::{self, Value};
use super::{End, Format, Layout, Options, nested, text};
use crate::error::{Error, Kind, Result};

/// A row group ends with so many rows or bytes: what is written is kept in memory until then.
const GROUP_ROWS: usize = 122_880;
const GROUP_BYTES: usize = 64 << 20;

/// Begins a Parquet file.
pub(super) fn start_parquet(schema: &SchemaRef, _: &Options) -> Box<dyn Layout> {
    Columnar::start(schema, Format::Parquet)
}

/// Begins an Arrow IPC file.
pub(super) fn start_arrow(schema: &SchemaRef, _: &Options) -> Box<dyn Layout> {
    Columnar::start(schema, Format::Arrow)
}

/// Begins an Arrow IPC stream.
pub(super) fn start_stream(schema: &SchemaRef, _: &Options) -> Box<dyn Layout> {
    Columnar::start(schema, Format::Arrows)
}

struct Columnar {
    announced: SchemaRef,
    written: SchemaRef,
    format: Format,
    /// None before the first row.
    writer: Option<Writer>,
}

enum Writer {
    Parquet(Box<ArrowWriter<Vec<u8>>>),
    File(FileWriter<Vec<u8>>),
    Stream(StreamWriter<Vec<u8>>),
}

impl Columnar {
    fn start(schema: &SchemaRef, format: Format) -> Box<dyn Layout> {
        let names = nested::distinct_names(schema.fields());
        let fields = schema.fields().iter().zip(names).map(|(field, name)| {
            // Every column may be NULL: a plan may promise more than it keeps.
            Field::new(name, written(field.data_type(), format), true).with_metadata(marks(field))
        });
        let written = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Box::new(Columnar { announced: schema.clone(), written, format, writer: None })
    }

    fn writer(&mut self) -> Result<&mut Writer> {
        if self.written.fields().is_empty() {
            return Err(Error::statement(format!("a result without columns cannot be {}", self.format.name())));
        }
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => Writer::open(self.format, &self.written)?,
        };
        Ok(self.writer.insert(writer))
    }

    /// The rows as they are written.
    fn fitted(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let columns = value::columns(&self.announced, batch)?;
        let arrays = batch.columns().iter().zip(&columns).zip(self.written.fields());
        let arrays = arrays.map(|((array, column), field)| match is_text(array.data_type(), self.format) {
            true => Ok(texts((0..batch.num_rows()).map(|row| column.value(row)))),
            false => cast(array, field.data_type()).map_err(|error| unwritten(&error)),
        });
        RecordBatch::try_new(self.written.clone(), arrays.collect::<Result<_>>()?).map_err(|error| unwritten(&error))
    }
}

impl Layout for Columnar {
    fn rows(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<()> {
        let batch = self.fitted(batch)?;
        let writer = self.writer()?;
        match writer {
            Writer::Parquet(writer) => writer.write(&batch).map_err(|error| unwritten(&error))?,
            Writer::File(writer) => writer.write(&batch).map_err(|error| unwritten(&error))?,
            Writer::Stream(writer) => writer.write(&batch).map_err(|error| unwritten(&error))?,
        }
        out.append(writer.bytes());
        Ok(())
    }

    fn end(&mut self, end: End, out: &mut Vec<u8>) -> Result<()> {
        if end == End::Cut {
            return Ok(());
        }
        let writer = self.writer()?;
        match writer {
            Writer::Parquet(writer) => writer.finish().map(drop).map_err(|error| unwritten(&error))?,
            Writer::File(writer) => writer.finish().map_err(|error| unwritten(&error))?,
            Writer::Stream(writer) => writer.finish().map_err(|error| unwritten(&error))?,
        }
        out.append(writer.bytes());
        Ok(())
    }
}

impl Writer {
    fn open(format: Format, schema: &SchemaRef) -> Result<Writer> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .set_max_row_group_bytes(Some(GROUP_BYTES))
            .build();
        match format {
            Format::Arrow => FileWriter::try_new(Vec::new(), schema).map(Writer::File).map_err(|e| unwritten(&e)),
            Format::Arrows => StreamWriter::try_new(Vec::new(), schema).map(Writer::Stream).map_err(|e| unwritten(&e)),
            _ => ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties))
                .map(|writer| Writer::Parquet(Box::new(writer)))
                .map_err(|e| unwritten(&e)),
        }
    }

    /// What was written and has not been taken.
    fn bytes(&mut self) -> &mut Vec<u8> {
        match self {
            Writer::Parquet(writer) => writer.inner_mut(),
            Writer::File(writer) => writer.get_mut(),
            Writer::Stream(writer) => writer.get_mut(),
        }
    }
}

fn unwritten(error: &dyn std::fmt::Display) -> Error {
    Error::new(Kind::Statement, format!("the result cannot be written with its types: {error}"))
        .hint("CAST the column to text, or choose another format")
}

/// Whether the values of a column are written as their texts, what has parts as JSON.
fn is_text(data_type: &DataType, format: Format) -> bool {
    match data_type {
        DataType::Union(..) => true,
        // Parquet has no length of time with months and nanoseconds.
        DataType::Interval(_) => format == Format::Parquet,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _)
        | DataType::RunEndEncoded(_, item) => is_text(item.data_type(), format),
        DataType::Struct(members) => {
            members.is_empty() || members.iter().any(|member| is_text(member.data_type(), format))
        }
        DataType::Dictionary(_, values) => is_text(values, format),
        _ => false,
    }
}

/// The type that a column is written with.
fn written(data_type: &DataType, format: Format) -> DataType {
    if is_text(data_type, format) {
        return DataType::Utf8;
    }
    let of = |field: &FieldRef| -> FieldRef {
        Arc::new(field.as_ref().clone().with_data_type(written(field.data_type(), format)))
    };
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => written(values, format),
        DataType::RunEndEncoded(_, values) => written(values.data_type(), format),
        DataType::List(item) | DataType::ListView(item) => DataType::List(of(item)),
        DataType::LargeList(item) | DataType::LargeListView(item) => DataType::LargeList(of(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(of(item), *length),
        DataType::Struct(members) => DataType::Struct(members.iter().map(of).collect()),
        DataType::Map(entries, sorted) => DataType::Map(of(entries), *sorted),
        other => other.clone(),
    }
}

/// What tells a reader that a column's texts are JSON: our own mark, and Arrow's where all of them are.
fn marks(field: &Field) -> HashMap<String, String> {
    const OURS: &str = "weir.json";
    const ARROWS: &str = "ARROW:extension:name";
    let mark = |key: &str| field.metadata().get(key).map(String::as_str);
    match mark(OURS) {
        Some(kind @ ("object" | "array" | "any")) => {
            HashMap::from([(OURS.to_owned(), kind.to_owned()), (ARROWS.to_owned(), "arrow.json".to_owned())])
        }
        Some(kind) => HashMap::from([(OURS.to_owned(), kind.to_owned())]),
        None if mark(ARROWS) == Some("arrow.json") => HashMap::from([(ARROWS.to_owned(), "arrow.json".to_owned())]),
        None => HashMap::new(),
    }
}

fn texts<'a>(values: impl Iterator<Item = Value<'a>>) -> ArrayRef {
    let (mut builder, mut scratch) = (StringBuilder::new(), Vec::new());
    for value in values {
        if matches!(value, Value::Null) {
            builder.append_null();
            continue;
        }
        scratch.clear();
        text::plain(&mut scratch, &value);
        builder.append_value(String::from_utf8_lossy(&scratch));
    }
    Arc::new(builder.finish())
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        Array, AsArray, BooleanArray, DictionaryArray, Int64Array, IntervalMonthDayNanoArray, ListArray, StringArray,
        StringViewArray, StructArray, TimestampNanosecondArray, UnionArray,
    };
    use arrow::buffer::{OffsetBuffer, ScalarBuffer};
    use arrow::datatypes::{Int8Type, IntervalMonthDayNano, UnionFields};
    use arrow::ipc::reader::{FileReader, StreamReader};
    use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::super::Printer;
    use super::*;

    const FORMATS: [Format; 3] = [Format::Parquet, Format::Arrow, Format::Arrows];

    /// What a reader of the format finds in `bytes`.
    fn read(format: Format, bytes: Vec<u8>) -> Vec<RecordBatch> {
        match format {
            Format::Parquet => {
                let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
                reader.build().unwrap().map(Result::unwrap).collect()
            }
            Format::Arrow => {
                FileReader::try_new(std::io::Cursor::new(bytes), None).unwrap().map(Result::unwrap).collect()
            }
            _ => StreamReader::try_new(bytes.as_slice(), None).unwrap().map(Result::unwrap).collect(),
        }
    }

    fn print(format: Format, batch: &RecordBatch, times: usize) -> Vec<u8> {
        let mut out = Vec::new();
        let mut printer = Printer::new(&Options::new(format), &batch.schema(), &mut out);
        for _ in 0..times {
            let _ = printer.write(batch).unwrap();
        }
        printer.finish().unwrap();
        out
    }

    /// Columns of the types that results have, two rows.
    fn columns() -> Vec<(Field, ArrayRef)> {
        let json = HashMap::from([("weir.json".to_owned(), "object".to_owned())]);
        let at = TimestampNanosecondArray::from(vec![Some(i64::MAX), None]).with_timezone("UTC");
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7, 8]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["x", "y"]));
        let members = UnionFields::from_iter([
            (0, Arc::new(Field::new("n", DataType::Int64, true))),
            (1, Arc::new(Field::new("t", DataType::Utf8, true))),
        ]);
        let union =
            UnionArray::try_new(members, ScalarBuffer::from(vec![0, 1]), None, vec![numbers.clone(), texts.clone()]);
        let item = Arc::new(Field::new("item", DataType::Utf8View, true));
        let views: ArrayRef = Arc::new(StringViewArray::from(vec!["a", "日本"]));
        let list = ListArray::new(item.clone(), OffsetBuffer::from_lengths([2, 0]), views.clone(), None);
        let words: DictionaryArray<Int8Type> = vec![Some("a"), None].into_iter().collect();
        let spans = IntervalMonthDayNanoArray::from(vec![Some(IntervalMonthDayNano::new(1, 2, 3)), None]);
        let arrays: Vec<(&str, ArrayRef)> = vec![
            ("int", Arc::new(Int64Array::from(vec![Some(i64::MIN), None]))),
            ("bool", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("at", Arc::new(at)),
            ("text", views.clone()),
            ("union", Arc::new(union.unwrap())),
            ("list", Arc::new(list)),
            ("struct", Arc::new(StructArray::from(vec![(item, views)]))),
            ("word", Arc::new(words)),
            ("span", Arc::new(spans)),
        ];
        let mut columns: Vec<(Field, ArrayRef)> = arrays
            .into_iter()
            .map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array))
            .collect();
        let objects = StringViewArray::from(vec![Some("{\"a\":1}"), None]);
        columns.push((Field::new("json", DataType::Utf8View, true).with_metadata(json), Arc::new(objects)));
        columns
    }

    fn batch() -> RecordBatch {
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns().into_iter().unzip();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
    }

    #[test]
    fn types_are_kept_and_what_few_readers_know_is_what_all_know() {
        for format in FORMATS {
            let batches = read(format, print(format, &batch(), 1));
            let (schema, rows) = (batches[0].schema(), &batches[0]);
            let of = |name: &str| schema.field_with_name(name).unwrap().data_type().clone();
            assert_eq!((of("int"), of("bool"), of("text")), (DataType::Int64, DataType::Boolean, DataType::Utf8));
            assert_eq!(of("at"), batch().column(2).data_type().clone(), "{format:?}");
            assert_eq!((of("word"), of("union"), of("json")), (DataType::Utf8, DataType::Utf8, DataType::Utf8));
            assert_eq!(of("list"), DataType::List(Arc::new(Field::new("item", DataType::Utf8, true))), "{format:?}");
            let text = |name: &str| rows.column_by_name(name).unwrap().as_string::<i32>().iter().collect::<Vec<_>>();
            assert_eq!(text("union"), [Some("7"), Some("y")]);
            assert_eq!(text("json"), [Some("{\"a\":1}"), None]);
            assert_eq!(text("text"), [Some("a"), Some("日本")]);
            assert_eq!(rows.column(0).as_ref(), &Int64Array::from(vec![Some(i64::MIN), None]) as &dyn Array);
            if format == Format::Parquet {
                assert_eq!(text("span"), [Some("P1M2DT0.000000003S"), None]);
            }
            let json = schema.field_with_name("json").unwrap();
            assert_eq!(json.metadata().get("ARROW:extension:name").map(String::as_str), Some("arrow.json"));
        }
    }

    #[test]
    fn no_rows_are_a_whole_file_and_many_batches_lose_nothing() {
        for format in FORMATS {
            let none = read(format, print(format, &batch().slice(0, 0), 1));
            assert_eq!(none.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
            let many = read(format, print(format, &batch(), 1000));
            assert_eq!(many.iter().map(RecordBatch::num_rows).sum::<usize>(), 2000);
        }
    }

    #[test]
    fn what_failed_is_not_whole() {
        for format in [Format::Parquet, Format::Arrow] {
            let mut out = Vec::new();
            let mut printer = Printer::new(&Options::new(format), &batch().schema(), &mut out);
            let _ = printer.write(&batch()).unwrap();
            printer.abort();
            let whole = match format {
                Format::Parquet => ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(out)).is_ok(),
                _ => FileReader::try_new(std::io::Cursor::new(out), None).is_ok(),
            };
            assert!(!whole, "{format:?}");
        }
    }
}
