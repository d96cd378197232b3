//! One Arrow value as JSON, on its way into a request. What the value must be is `registry::fit`'s business.

use arrow::array::{Array, AsArray, ListArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Value};

use super::schema::JSON_KEY;
use crate::error::{Error, Result};

/// The value in row `row` of `array`. Numbers keep their digits, timestamps become RFC 3339, lists and structs
/// nested JSON.
///
/// # Errors
/// For a type that JSON has no form for (an interval, binary data), and for a number that is not finite.
pub fn to_json(array: &dyn Array, row: usize) -> Result<Value> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Float16 => float(array.as_primitive::<Float16Type>().value(row).to_f64())?,
        DataType::Float32 => float(f64::from(array.as_primitive::<Float32Type>().value(row)))?,
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row))?,
        DataType::Decimal128(..) => decimal(&array.as_primitive::<Decimal128Type>().value_as_string(row)),
        DataType::Decimal256(..) => decimal(&array.as_primitive::<Decimal256Type>().value_as_string(row)),
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::Timestamp(..) => timestamp(&formatted(array, row)?).into(),
        DataType::Date32 | DataType::Date64 | DataType::Time32(_) | DataType::Time64(_) => {
            formatted(array, row)?.into()
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            to_json(dictionary.values(), dictionary.normalized_keys()[row])?
        }
        DataType::List(_) => list(array.as_list::<i32>(), row)?,
        DataType::LargeList(_) => items(array.as_list::<i64>().value(row).as_ref())?,
        DataType::FixedSizeList(..) => items(array.as_fixed_size_list().value(row).as_ref())?,
        DataType::Struct(fields) => {
            let values = array.as_struct();
            let mut map = Map::with_capacity(fields.len());
            for (field, column) in fields.iter().zip(values.columns()) {
                map.insert(
                    field.name().clone(),
                    nested(field.metadata().get(JSON_KEY).map(String::as_str), column, row)?,
                );
            }
            Value::Object(map)
        }
        DataType::Union(..) => union(array, row)?,
        other => {
            return Err(Error::statement(format!("a value of type {other} cannot be sent"))
                .hint("CAST it to VARCHAR, or to a number"));
        }
    })
}

/// A value of a column with a JSON mark, or none. Under the mark `nested` only objects and arrays are JSON.
fn nested(mark: Option<&str>, column: &dyn Array, row: usize) -> Result<Value> {
    let value = to_json(column, row)?;
    let is_json = |text: &str| mark.is_some_and(|mark| mark != "nested" || text.starts_with(['{', '[']));
    Ok(match &value {
        Value::String(text) if is_json(text) => serde_json::from_str(text).unwrap_or(value),
        _ => value,
    })
}

fn list(array: &ListArray, row: usize) -> Result<Value> {
    items(array.value(row).as_ref())
}

fn items(values: &dyn Array) -> Result<Value> {
    (0..values.len()).map(|i| to_json(values, i)).collect::<Result<Vec<_>>>().map(Value::Array)
}

/// A JSON union, as functions over JSON yield them: the active child's value; its `object` and `array` children hold text.
fn union(array: &dyn Array, row: usize) -> Result<Value> {
    let values = array.as_union();
    let id = values.type_id(row);
    let name = match values.data_type() {
        DataType::Union(fields, _) => fields.iter().find(|(i, _)| *i == id).map(|(_, f)| f.name().clone()),
        _ => None,
    };
    let mark = name.filter(|n| n == "object" || n == "array");
    nested(mark.as_deref(), values.child(id), values.value_offset(row))
}

fn float(n: f64) -> Result<Value> {
    serde_json::Number::from_f64(n).map(Value::Number).ok_or_else(|| {
        Error::statement(format!("the number {n} cannot be sent")).hint("JSON has no infinity and no NaN")
    })
}

/// A decimal as a number where a JSON number holds it without loss, else as text.
fn decimal(text: &str) -> Value {
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    match serde_json::from_str::<Value>(short) {
        Ok(number @ Value::Number(_)) if format!("{number}") == short => number,
        _ => Value::String(text.to_owned()),
    }
}

fn formatted(array: &dyn Array, row: usize) -> Result<String> {
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array, &options);
    formatter
        .and_then(|f| f.value(row).try_to_string())
        .map_err(|e| Error::statement(format!("a value cannot be written as text: {e}")))
}

/// Arrow prints a timestamp without zone without a `Z`; weir's are UTC.
fn timestamp(text: &str) -> String {
    let zoned = text.ends_with('Z') || text.get(10..).is_some_and(|t| t.contains(['+', '-']));
    if zoned { text.to_owned() } else { format!("{text}Z") }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, StringViewArray, StructArray,
        TimestampNanosecondArray,
    };
    use arrow::datatypes::Field;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_keep_their_type() {
        let cases: Vec<(ArrayRef, Value)> = vec![
            (Arc::new(BooleanArray::from(vec![false])), json!(false)),
            (Arc::new(Int64Array::from(vec![9_007_199_254_740_993])), json!(9_007_199_254_740_993_i64)),
            (Arc::new(Float64Array::from(vec![1.5])), json!(1.5)),
            (Arc::new(Int64Array::from(vec![None])), json!(null)),
            (Arc::new(StringViewArray::from(vec![""])), json!("")),
            (Arc::new(TimestampNanosecondArray::from(vec![500_000_000])), json!("1970-01-01T00:00:00.500Z")),
            (Arc::new(Decimal128Array::from(vec![1250]).with_precision_and_scale(10, 2).unwrap()), json!(12.5)),
            (
                Arc::new(StructArray::from(vec![(
                    Arc::new(Field::new("a", DataType::Int64, true)),
                    Arc::new(Int64Array::from(vec![1])) as ArrayRef,
                )])),
                json!({"a": 1}),
            ),
        ];
        for (array, expected) in cases {
            assert_eq!(to_json(array.as_ref(), 0).unwrap(), expected);
        }
    }

    #[test]
    fn what_json_cannot_say_is_refused() {
        assert!(to_json(&Float64Array::from(vec![f64::NAN]), 0).is_err());
    }
}
