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
