//! Arguments of the JSON functions: Arrow columns in, JSON text a row out, and the fields of what the functions yield.
//! Owns which columns count as JSON. Knows no function and no path.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::DataFusionError;
use datafusion_functions_json::{JSON_UNION_DATA_TYPE, JsonUnionEncoder, JsonUnionValue};

use super::document::{checked, compact, is_nested, quoted};
use crate::error::{Error, Kind};
use crate::plan::errors::wrap;
use crate::rows::{JSON_KEY, to_json};

/// The mark of a text column whose objects and arrays are JSON, while its other values are bare text: `json_extract`
/// and `json_each` yield such columns. (Every value of a column marked `object`, `array` or `any` is JSON.)
pub const NESTED: &str = "nested";

/// What a text column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Text that is just text.
    Text,
    /// Text; JSON where it is an object or an array.
    Nested,
    /// JSON.
    Json,
}

/// One argument, row by row.
pub enum Argument {
    Text(StringViewArray, TextKind),
    Union(Box<JsonUnionEncoder>),
    Other(ArrayRef),
}

/// What a text argument holds.
pub struct TextKind(Holds);

impl Argument {
    /// Prepares a column for reading.
    pub fn new(array: &ArrayRef, field: &Field) -> Result<Argument, DataFusionError> {
        if is_union(array.data_type())
            && let Some(union) = array.as_union_opt()
            && let Some(encoder) = JsonUnionEncoder::from_union(union.clone())
        {
            return Ok(Argument::Union(Box::new(encoder)));
        }
        if is_text(array.data_type()) {
            let text = cast(array, &DataType::Utf8View)?;
            return Ok(Argument::Text(text.as_string_view().clone(), TextKind(holds(field))));
        }
        Ok(Argument::Other(array.clone()))
    }

    /// The row's SQL text, as paths and keys are given.
    pub fn text(&self, row: usize) -> Option<&str> {
        match self {
            Argument::Text(text, _) => text.is_valid(row).then(|| text.value(row)),
            Argument::Union(_) | Argument::Other(_) => None,
        }
    }

    /// The row as a JSON document: its text, whether that is JSON or not.
    pub fn document(&self, row: usize) -> Option<Cow<'_, str>> {
        match self {
            Argument::Text(..) => self.text(row).map(Cow::Borrowed),
            Argument::Union(union) => union_json(union.get_value(row)).map(Cow::Owned),
            Argument::Other(_) => None,
        }
    }

    /// The row as a value within JSON: text in quotes, unless its column says that it is JSON.
    pub fn value(&self, row: usize) -> Result<String, DataFusionError> {
        match self {
            Argument::Text(text, _) if text.is_null(row) => Ok("null".to_owned()),
            Argument::Text(text, TextKind(holds)) => {
                let text = text.value(row);
                let json = match holds {
                    Holds::Text => None,
                    Holds::Nested => checked(text).filter(|json| is_nested(json)),
                    Holds::Json => checked(text),
                };
                Ok(json.map_or_else(|| quoted(text), |json| compact(json).into_owned()))
            }
            Argument::Union(union) => Ok(union_json(union.get_value(row)).unwrap_or_else(|| "null".to_owned())),
            Argument::Other(array) => Ok(to_json(array.as_ref(), row).map_err(wrap)?.to_string()),
        }
    }
}

/// The value of a JSON union as JSON; None for null.
fn union_json(value: JsonUnionValue<'_>) -> Option<String> {
    match value {
        JsonUnionValue::Str(text) => Some(quoted(text)),
        other => union_text(other).map(Cow::into_owned),
    }
}

/// The value of a JSON union as text: strings bare, all else JSON; None for null.
pub fn union_text(value: JsonUnionValue<'_>) -> Option<Cow<'_, str>> {
    match value {
        JsonUnionValue::JsonNull => None,
        JsonUnionValue::Bool(truth) => Some(Cow::Borrowed(if truth { "true" } else { "false" })),
        JsonUnionValue::Int(number) => Some(Cow::Owned(number.to_string())),
        JsonUnionValue::Float(number) => {
            let finite = serde_json::Number::from_f64(number);
            Some(Cow::Owned(finite.map_or_else(|| "null".to_owned(), |n| n.to_string())))
        }
        JsonUnionValue::Str(text) | JsonUnionValue::Array(text) | JsonUnionValue::Object(text) => {
            Some(Cow::Borrowed(text))
        }
    }
}

/// The union that `->` and `json_get` yield.
pub fn is_union(data_type: &DataType) -> bool {
    *data_type == *JSON_UNION_DATA_TYPE
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Refuses a document or a path that can be none, while the statement is planned.
pub fn expect_text(function: &str, what: &str, field: &Field) -> Result<(), DataFusionError> {
    let given = field.data_type();
    if is_text(given) || what == "JSON" && is_union(given) {
        return Ok(());
    }
    Err(wrap(
        Error::new(Kind::Statement, format!("{function} needs {what} as text here, and was given {given}"))
            .hint("a list or struct of the engine's own is no JSON; json_array(..) and json_object(..) make JSON"),
    ))
}

fn holds(field: &Field) -> Holds {
    match field.metadata().get(JSON_KEY).map(String::as_str) {
        Some("object" | "array" | "any") => Holds::Json,
        Some(NESTED) => Holds::Nested,
        _ if field.metadata().get("ARROW:extension:name").is_some_and(|name| name == "arrow.json") => Holds::Json,
        _ => Holds::Text,
    }
}

/// A nullable text field that is marked as JSON.
pub fn json_field(name: &str, mark: &str) -> FieldRef {
    let metadata = HashMap::from([(JSON_KEY.to_owned(), mark.to_owned())]);
    Arc::new(Field::new(name, DataType::Utf8View, true).with_metadata(metadata))
}
