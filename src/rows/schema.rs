//! The Arrow type of a column: text is `Utf8View`, timestamps are UTC nanoseconds, objects and arrays are JSON text.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::registry::{Column, Kind};

/// Metadata key of a field that holds JSON text; its value is `object`, `array`, `any`, or `nested` (text, of which objects and arrays are JSON). Outputs write such text as
/// nested JSON.
pub const JSON_KEY: &str = "weir.json";

/// The Arrow type of a kind of value.
#[must_use]
pub fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::String | Kind::Object | Kind::Array | Kind::Any => DataType::Utf8View,
        Kind::Integer => DataType::Int64,
        Kind::Number => DataType::Float64,
        Kind::Boolean => DataType::Boolean,
        Kind::Timestamp => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
    }
}

/// The Arrow field of a column. Every column may be NULL: APIs leave out what they please.
#[must_use]
pub fn field(column: &Column) -> Field {
    let field = Field::new(&column.name, data_type(column.shape.kind), true);
    if column.shape.kind.is_json() {
        let metadata = HashMap::from([(JSON_KEY.to_owned(), column.shape.kind.word().to_owned())]);
        return field.with_metadata(metadata);
    }
    field
}

/// The schema of some columns, in their order.
#[must_use]
pub fn schema<'a>(columns: impl IntoIterator<Item = &'a Column>) -> SchemaRef {
    Arc::new(Schema::new(columns.into_iter().map(field).collect::<Vec<_>>()))
}
