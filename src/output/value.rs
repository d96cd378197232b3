//! From an Arrow column to a [`Value`] a cell: the only door through which formats see Arrow's flat types.
//! Owns which Arrow type means what; what has parts is `nested`'s. Knows no format, and allocates nothing a cell.
//!
//! A [`Column`] is prepared once a batch: the type is looked at there, not in every cell.

use std::collections::HashMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType, Field, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalDayTimeType, IntervalMonthDayNanoType,
    IntervalUnit, IntervalYearMonthType, Schema, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type, i256,
};

use super::moment::Moment;
use super::nested::{self, Items, Members, Pairs};
use crate::error::{Error, Kind, Result};

/// One cell.
pub enum Value<'a> {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer.
    UInt(u64),
    /// A double.
    Float(f64),
    /// A single; apart from the double, because its shortest text differs.
    Float32(f32),
    /// A decimal: the unscaled number and its scale.
    Decimal(i128, i8),
    /// A decimal beyond 38 digits.
    WideDecimal(&'a i256, i8),
    /// Text.
    Text(&'a str),
    /// Text that its column says is JSON. Nobody has looked whether it is.
    Json(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
    /// Something of the clock or the calendar.
    Moment(Moment),
    /// A list.
    List(Items<'a>),
    /// A struct.
    Struct(Members<'a>),
    /// A map.
    Map(Pairs<'a>),
}

/// Reads one row of a column; the row is not NULL by the column's own account.
pub(super) type Read<'a> = Box<dyn Fn(usize) -> Value<'a> + 'a>;

/// A column made ready for reading row by row.
pub struct Column<'a> {
    nulls: Option<&'a NullBuffer>,
    read: Read<'a>,
}

impl<'a> Column<'a> {
    /// Prepares `array`; `field` says whether its text is JSON. The type is the array's: what a plan promised and what
    /// it yields may differ in details such as `Utf8` and `Utf8View`.
    pub fn new(field: &Field, array: &'a dyn Array) -> Result<Self> {
        let read = numbers(array)
            .or_else(|| texts(array, json_test(field.metadata())))
            .or_else(|| points(array))
            .or_else(|| lengths(array));
        let read = match read {
            Some(read) => read,
            None => nested::read(field, array)?,
        };
        Ok(Column { nulls: array.nulls(), read })
    }

    /// The cell in `row`, which must be less than the array's length.
    pub fn value(&self, row: usize) -> Value<'a> {
        match self.nulls {
            Some(nulls) if nulls.is_null(row) => Value::Null,
            _ => (self.read)(row),
        }
    }
}

/// The columns of `batch`, under the fields that were announced for them.
pub fn columns<'a>(schema: &Schema, batch: &'a RecordBatch) -> Result<Vec<Column<'a>>> {
    let (announced, came) = (schema.fields().len(), batch.num_columns());
    if announced != came {
        return Err(Error::new(Kind::Internal, format!("{announced} columns were announced and {came} came"))
            .hint("this is a defect of weir: please report it with the statement"));
    }
    schema.fields().iter().zip(batch.columns()).map(|(field, array)| Column::new(field, array.as_ref())).collect()
}

/// The column stands as numbers, so its digits should stand below each other.
pub fn is_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_number(values),
        DataType::RunEndEncoded(_, values) => is_number(values.data_type()),
        other => other.is_numeric(),
    }
}

/// Which texts of a column are JSON.
type JsonTest = fn(&str) -> bool;

/// Two marks say that a column's text is JSON: our own, and the one that Arrow has for it. In a column marked `nested`
/// only objects and arrays are; what else it holds is text, even where that looks like a number.
fn json_test(metadata: &HashMap<String, String>) -> Option<JsonTest> {
    let mark = |key: &str| metadata.get(key).map(String::as_str);
    match mark("weir.json") {
        Some("object" | "array" | "any") => Some(|_| true),
        Some("nested") => Some(|text| text.starts_with(['{', '['])),
        _ if mark("ARROW:extension:name") == Some("arrow.json") => Some(|_| true),
        _ => None,
    }
}

/// A reader of the primitive array behind `array`.
fn primitive<'a, T: ArrowPrimitiveType>(
    array: &'a dyn Array,
    value: impl Fn(T::Native) -> Value<'a> + 'a,
) -> Option<Read<'a>> {
    let array = array.as_primitive_opt::<T>()?;
    Some(Box::new(move |row| value(array.value(row))))
}

fn numbers(array: &dyn Array) -> Option<Read<'_>> {
    match *array.data_type() {
        DataType::Boolean => {
            let array = array.as_boolean_opt()?;
            Some(Box::new(|row| Value::Bool(array.value(row))))
        }
        DataType::Int8 => primitive::<Int8Type>(array, |n| Value::Int(n.into())),
        DataType::Int16 => primitive::<Int16Type>(array, |n| Value::Int(n.into())),
        DataType::Int32 => primitive::<Int32Type>(array, |n| Value::Int(n.into())),
        DataType::Int64 => primitive::<Int64Type>(array, Value::Int),
        DataType::UInt8 => primitive::<UInt8Type>(array, |n| Value::UInt(n.into())),
        DataType::UInt16 => primitive::<UInt16Type>(array, |n| Value::UInt(n.into())),
        DataType::UInt32 => primitive::<UInt32Type>(array, |n| Value::UInt(n.into())),
        DataType::UInt64 => primitive::<UInt64Type>(array, Value::UInt),
        DataType::Float16 => primitive::<Float16Type>(array, |n| Value::Float32(n.to_f32())),
        DataType::Float32 => primitive::<Float32Type>(array, Value::Float32),
        DataType::Float64 => primitive::<Float64Type>(array, Value::Float),
        DataType::Decimal32(_, scale) => primitive::<Decimal32Type>(array, move |n| Value::Decimal(n.into(), scale)),
        DataType::Decimal64(_, scale) => primitive::<Decimal64Type>(array, move |n| Value::Decimal(n.into(), scale)),
        DataType::Decimal128(_, scale) => primitive::<Decimal128Type>(array, move |n| Value::Decimal(n, scale)),
        DataType::Decimal256(_, scale) => {
            let numbers = array.as_primitive_opt::<Decimal256Type>()?.values();
            Some(Box::new(move |row| Value::WideDecimal(&numbers[row], scale)))
        }
        _ => None,
    }
}

fn texts(array: &dyn Array, json: Option<JsonTest>) -> Option<Read<'_>> {
    /// Chooses once a batch, not in every cell.
    fn text<'a>(json: Option<JsonTest>, get: impl Fn(usize) -> &'a str + 'a) -> Read<'a> {
        match json {
            Some(is_json) => Box::new(move |row| {
                let text = get(row);
                if is_json(text) { Value::Json(text) } else { Value::Text(text) }
            }),
            None => Box::new(move |row| Value::Text(get(row))),
        }
    }
    fn bytes<'a>(get: impl Fn(usize) -> &'a [u8] + 'a) -> Read<'a> {
        Box::new(move |row| Value::Binary(get(row)))
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string_opt::<i32>().map(|a| text(json, |row| a.value(row))),
        DataType::LargeUtf8 => array.as_string_opt::<i64>().map(|a| text(json, |row| a.value(row))),
        DataType::Utf8View => array.as_string_view_opt().map(|a| text(json, |row| a.value(row))),
        DataType::Binary => array.as_binary_opt::<i32>().map(|a| bytes(|row| a.value(row))),
        DataType::LargeBinary => array.as_binary_opt::<i64>().map(|a| bytes(|row| a.value(row))),
        DataType::BinaryView => array.as_binary_view_opt().map(|a| bytes(|row| a.value(row))),
        DataType::FixedSizeBinary(_) => array.as_fixed_size_binary_opt().map(|a| bytes(|row| a.value(row))),
        _ => None,
    }
}

/// Dates, times of day, points in time. Every point is UTC: Arrow keeps it so, whatever zone the column names, and
/// one that names none is taken to be so.
fn points(array: &dyn Array) -> Option<Read<'_>> {
    fn time<T: ArrowPrimitiveType>(array: &dyn Array, nanos: i64) -> Option<Read<'_>>
    where
        T::Native: Into<i64>,
    {
        primitive::<T>(array, move |n| Value::Moment(Moment::Time(n.into().saturating_mul(nanos))))
    }
    fn point<T: ArrowPrimitiveType<Native = i64>>(array: &dyn Array, per_second: i64) -> Option<Read<'_>> {
        primitive::<T>(array, move |n| Value::Moment(Moment::timestamp(n, per_second)))
    }
    match array.data_type() {
        DataType::Date32 => primitive::<Date32Type>(array, |n| Value::Moment(Moment::Date(n.into()))),
        DataType::Date64 => primitive::<Date64Type>(array, |n| Value::Moment(Moment::date64(n))),
        DataType::Time32(TimeUnit::Second) => time::<Time32SecondType>(array, 1_000_000_000),
        DataType::Time32(_) => time::<Time32MillisecondType>(array, 1_000_000),
        DataType::Time64(TimeUnit::Microsecond) => time::<Time64MicrosecondType>(array, 1_000),
        DataType::Time64(_) => time::<Time64NanosecondType>(array, 1),
        DataType::Timestamp(TimeUnit::Second, _) => point::<TimestampSecondType>(array, 1),
        DataType::Timestamp(TimeUnit::Millisecond, _) => point::<TimestampMillisecondType>(array, 1_000),
        DataType::Timestamp(TimeUnit::Microsecond, _) => point::<TimestampMicrosecondType>(array, 1_000_000),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => point::<TimestampNanosecondType>(array, 1_000_000_000),
        _ => None,
    }
}

/// Durations and intervals.
fn lengths(array: &dyn Array) -> Option<Read<'_>> {
    fn span<'a>(months: i32, days: i32, nanos: i128) -> Value<'a> {
        Value::Moment(Moment::Span { months, days, nanos })
    }
    fn length<T: ArrowPrimitiveType<Native = i64>>(array: &dyn Array, nanos: i128) -> Option<Read<'_>> {
        primitive::<T>(array, move |n| span(0, 0, i128::from(n) * nanos))
    }
    match array.data_type() {
        DataType::Duration(TimeUnit::Second) => length::<DurationSecondType>(array, 1_000_000_000),
        DataType::Duration(TimeUnit::Millisecond) => length::<DurationMillisecondType>(array, 1_000_000),
        DataType::Duration(TimeUnit::Microsecond) => length::<DurationMicrosecondType>(array, 1_000),
        DataType::Duration(TimeUnit::Nanosecond) => length::<DurationNanosecondType>(array, 1),
        DataType::Interval(IntervalUnit::YearMonth) => primitive::<IntervalYearMonthType>(array, |n| span(n, 0, 0)),
        DataType::Interval(IntervalUnit::DayTime) => {
            primitive::<IntervalDayTimeType>(array, |n| span(0, n.days, i128::from(n.milliseconds) * 1_000_000))
        }
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            primitive::<IntervalMonthDayNanoType>(array, |n| span(n.months, n.days, n.nanoseconds.into()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::*;
    use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
    use arrow::datatypes::{
        FieldRef, Fields, Int8Type, IntervalDayTime, IntervalMonthDayNano, UInt16Type, UnionFields,
    };

    use super::super::text;
    use super::*;

    /// All cells as plain text and as JSON, each in one text.
    fn both(array: &dyn Array) -> (String, String) {
        let column = Column::new(&Field::new("c", array.data_type().clone(), true), array).unwrap();
        let (mut plain, mut json) = (Vec::new(), Vec::new());
        for row in 0..array.len() {
            text::plain(&mut plain, &column.value(row));
            text::json(&mut json, &column.value(row));
            plain.push(b' ');
            json.push(b' ');
        }
        let text = |out| String::from_utf8(out).map(|text: String| text.trim_end().to_owned()).unwrap();
        (text(plain), text(json))
    }

    #[track_caller]
    fn check(array: &dyn Array, plain: &str, json: &str) {
        assert_eq!(both(array), (plain.to_owned(), json.to_owned()), "{}", array.data_type());
        // A slice reads its own rows.
        let (first, sliced) = (both(array.slice(0, 1).as_ref()).1, both(array.slice(1, array.len() - 1).as_ref()).1);
        assert_eq!(format!("{first} {sliced}"), json, "sliced {}", array.data_type());
    }

    #[test]
    fn integers_are_exact() {
        check(&Int8Array::from(vec![Some(-128), None]), "-128", "-128 null");
        check(&Int16Array::from(vec![-1, i16::MAX]), "-1 32767", "-1 32767");
        check(&Int32Array::from(vec![0, i32::MIN]), "0 -2147483648", "0 -2147483648");
        let (least, most) = ("-9223372036854775808", "18446744073709551615");
        check(&Int64Array::from(vec![i64::MIN, 1]), &format!("{least} 1"), &format!("{least} 1"));
        check(&UInt8Array::from(vec![0, 255]), "0 255", "0 255");
        check(&UInt16Array::from(vec![0, 65535]), "0 65535", "0 65535");
        check(&UInt32Array::from(vec![0, u32::MAX]), "0 4294967295", "0 4294967295");
        check(&UInt64Array::from(vec![u64::MAX, 0]), &format!("{most} 0"), &format!("{most} 0"));
    }

    #[test]
    fn floats_without_a_json_number_are_null_in_json_only() {
        let odd = vec![Some(1.5), None, Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY), Some(1e21)];
        check(&Float64Array::from(odd), "1.5  NaN inf -inf 1e21", "1.5 null null null null 1e21");
        check(&Float32Array::from(vec![0.1, f32::NAN]), "0.1 NaN", "0.1 null");
        let halves = arrow::compute::cast(&Float32Array::from(vec![0.5, -2.0]), &DataType::Float16).unwrap();
        check(&halves, "0.5 -2.0", "0.5 -2.0");
    }

    #[test]
    fn decimals_of_every_width_are_exact() {
        let narrow = Decimal32Array::from(vec![Some(-5), Some(12_345), None]).with_precision_and_scale(9, 2).unwrap();
        check(&narrow, "-0.05 123.45", "-0.05 123.45 null");
        let middle = Decimal64Array::from(vec![1, 20]).with_precision_and_scale(18, 0).unwrap();
        check(&middle, "1 20", "1 20");
        let digits = "12345678901234567890.123456789012345678";
        let wide = Decimal128Array::from(vec![12_345_678_901_234_567_890_123_456_789_012_345_678, 0]);
        let wide = wide.with_precision_and_scale(38, 18).unwrap();
        check(&wide, &format!("{digits} 0.000000000000000000"), &format!("{digits} 0.000000000000000000"));
        let widest = Decimal256Array::from(vec![Some(i256::MAX), None, Some(i256::from_i128(-7))]);
        let widest = widest.with_precision_and_scale(76, 1).unwrap();
        let most = "5789604461865809771178549250434395392663499233282028201972879200395656481996.7";
        check(&widest, &format!("{most}  -0.7"), &format!("{most} null -0.7"));
    }

    #[test]
    fn text_and_bytes_come_in_every_layout() {
        let cells = vec![Some("a"), None, Some("a longer text than fits into a view \" ")];
        let plain = "a  a longer text than fits into a view \"";
        let json = r#""a" null "a longer text than fits into a view \" ""#;
        check(&StringArray::from(cells.clone()), plain, json);
        check(&LargeStringArray::from(cells.clone()), plain, json);
        check(&StringViewArray::from(cells), plain, json);
        let bytes: Vec<Option<&[u8]>> = vec![Some(b"\x00\xab"), None];
        check(&BinaryArray::from(bytes.clone()), "00ab", "\"00ab\" null");
        check(&LargeBinaryArray::from(bytes.clone()), "00ab", "\"00ab\" null");
        check(&BinaryViewArray::from(bytes.clone()), "00ab", "\"00ab\" null");
        let fixed = FixedSizeBinaryArray::try_from_sparse_iter_with_size(bytes.into_iter(), 2).unwrap();
        check(&fixed, "00ab", "\"00ab\" null");
        check(&BooleanArray::from(vec![Some(true), None, Some(false)]), "true  false", "true null false");
        check(&NullArray::new(2), "", "null null");
    }

    #[test]
    fn times_are_strings_in_json_and_points_are_utc_whatever_the_zone() {
        check(&Date32Array::from(vec![19_782, -1]), "2024-02-29 1969-12-31", "\"2024-02-29\" \"1969-12-31\"");
        check(
            &Date64Array::from(vec![0, 1]),
            "1970-01-01 1970-01-01T00:00:00.001Z",
            "\"1970-01-01\" \"1970-01-01T00:00:00.001Z\"",
        );
        let noon = "\"12:00:00\" null";
        check(&Time32SecondArray::from(vec![Some(43_200), None]), "12:00:00", noon);
        check(&Time32MillisecondArray::from(vec![Some(43_200_000), None]), "12:00:00", noon);
        check(&Time64MicrosecondArray::from(vec![Some(43_200_000_000), None]), "12:00:00", noon);
        check(&Time64NanosecondArray::from(vec![Some(43_200_000_000_000), None]), "12:00:00", noon);
        let (point, json) = ("2024-02-29T12:30:00Z", "\"2024-02-29T12:30:00Z\" null");
        let second = 1_709_209_800_i64;
        check(&TimestampSecondArray::from(vec![Some(second), None]), point, json);
        check(&TimestampMillisecondArray::from(vec![Some(second * 1_000), None]), point, json);
        check(&TimestampMicrosecondArray::from(vec![Some(second * 1_000_000), None]), point, json);
        let nanos = TimestampNanosecondArray::from(vec![Some(second * 1_000_000_000), None]);
        check(&nanos, point, json);
        for zone in ["UTC", "+00:00", "Asia/Tokyo", "-05:30", "no such zone"] {
            check(&nanos.clone().with_timezone(zone), point, json);
        }
    }

    #[test]
    fn lengths_of_time_are_iso_8601() {
        check(&DurationSecondArray::from(vec![Some(90), None]), "PT1M30S", "\"PT1M30S\" null");
        check(&DurationMillisecondArray::from(vec![1, 0]), "PT0.001S PT0S", "\"PT0.001S\" \"PT0S\"");
        check(&DurationMicrosecondArray::from(vec![1, 0]), "PT0.000001S PT0S", "\"PT0.000001S\" \"PT0S\"");
        check(&DurationNanosecondArray::from(vec![-1, 0]), "PT-0.000000001S PT0S", "\"PT-0.000000001S\" \"PT0S\"");
        check(&IntervalYearMonthArray::from(vec![14, 0]), "P1Y2M PT0S", "\"P1Y2M\" \"PT0S\"");
        let days = IntervalDayTimeArray::from(vec![IntervalDayTime::new(1, 500), IntervalDayTime::new(2, 0)]);
        check(&days, "P1DT0.5S P2D", "\"P1DT0.5S\" \"P2D\"");
        let months = vec![IntervalMonthDayNano::new(1, -2, 3_000_000_000), IntervalMonthDayNano::new(0, 0, 0)];
        check(&IntervalMonthDayNanoArray::from(months), "P1M-2DT3S PT0S", "\"P1M-2DT3S\" \"PT0S\"");
    }

    #[test]
    fn lists_of_every_layout_are_json() {
        let cells = || vec![Some(vec![Some(1), None]), None, Some(vec![]), Some(vec![Some(3)])];
        let (plain, json) = ("[1,null]  [] [3]", "[1,null] null [] [3]");
        check(&ListArray::from_iter_primitive::<Int8Type, _, _>(cells()), plain, json);
        let large = LargeListArray::from_iter_primitive::<Int8Type, _, _>(cells());
        check(&large, plain, json);
        check(&ListViewArray::from(ListArray::from_iter_primitive::<Int8Type, _, _>(cells())), plain, json);
        check(&LargeListViewArray::from(large), plain, json);
        let pairs = vec![Some(vec![Some(1), None]), None, Some(vec![Some(5), Some(6)])];
        let fixed = FixedSizeListArray::from_iter_primitive::<Int8Type, _, _>(pairs, 2);
        check(&fixed, "[1,null]  [5,6]", "[1,null] null [5,6]");
    }

    #[test]
    fn structs_and_maps_are_objects() {
        let fields: Fields =
            vec![Field::new("a", DataType::Utf8, true), Field::new("a", DataType::Date32, true)].into();
        let columns: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from(vec![Some("x"), None, None])), Arc::new(Date32Array::from(vec![0, 1, 2]))];
        let array = StructArray::new(fields, columns, Some(NullBuffer::from(vec![true, true, false])));
        let (first, second) = (r#"{"a":"x","a_1":"1970-01-01"}"#, r#"{"a":null,"a_1":"1970-01-02"}"#);
        check(&array, &format!("{first} {second}"), &format!("{first} {second} null"));

        let mut map = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
        map.keys().append_value("k\"");
        map.values().append_value(1);
        map.append(true).unwrap();
        map.append(false).unwrap();
        map.append(true).unwrap();
        check(&map.finish(), r#"{"k\"":1}  {}"#, r#"{"k\"":1} null {}"#);

        let mut numbered = MapBuilder::new(None, Int64Builder::new(), Int64Builder::new());
        for n in [1, 2] {
            numbered.keys().append_value(n);
            numbered.values().append_null();
            numbered.append(true).unwrap();
        }
        check(&numbered.finish(), r#"{"1":null} {"2":null}"#, r#"{"1":null} {"2":null}"#);
    }

    #[test]
    fn dictionaries_and_runs_show_what_they_stand_for() {
        let words: DictionaryArray<UInt16Type> = vec![Some("a"), None, Some("b"), Some("a")].into_iter().collect();
        check(&words, "a  b a", "\"a\" null \"b\" \"a\"");
        let null_word = DictionaryArray::<Int8Type>::new(
            Int8Array::from(vec![Some(0), Some(1), None]),
            Arc::new(Int64Array::from(vec![Some(7), None])),
        );
        check(&null_word, "7", "7 null null");
        let empty =
            DictionaryArray::<Int8Type>::new(Int8Array::from(vec![None, None]), Arc::new(StringArray::new_null(0)));
        check(&empty, "", "null null");
        let runs =
            RunArray::try_new(&Int32Array::from(vec![2, 3, 5]), &StringArray::from(vec![Some("x"), None, Some("y")]));
        check(&runs.unwrap(), "x x  y y", "\"x\" \"x\" null \"y\" \"y\"");
    }

    /// The union that datafusion-functions-json yields.
    fn json_union() -> UnionArray {
        let mark = || HashMap::from([("ARROW:extension:name".to_owned(), "arrow.json".to_owned())]);
        let field = |name: &str, data_type| -> FieldRef { Arc::new(Field::new(name, data_type, true)) };
        let marked = |name: &str| Arc::new(Field::new(name, DataType::Utf8, false).with_metadata(mark()));
        let fields = UnionFields::from_iter([
            (0, field("null", DataType::Null)),
            (1, field("bool", DataType::Boolean)),
            (2, field("int", DataType::Int64)),
            (4, field("str", DataType::Utf8)),
            (5, marked("array")),
            (6, marked("object")),
        ]);
        let texts = |at: usize, text: &str| -> ArrayRef {
            Arc::new((0..6).map(|row| (row == at).then(|| text.to_owned())).collect::<StringArray>())
        };
        let children: Vec<ArrayRef> = vec![
            Arc::new(NullArray::new(6)),
            Arc::new(BooleanArray::from(vec![None, Some(true), None, None, None, None])),
            Arc::new(Int64Array::from(vec![None, None, Some(7), None, None, None])),
            texts(3, "[text]"),
            texts(4, "[1, 2]"),
            texts(5, "{\"a\": 1}"),
        ];
        UnionArray::try_new(fields, ScalarBuffer::from(vec![0_i8, 1, 2, 4, 5, 6]), None, children).unwrap()
    }

    #[test]
    fn a_union_is_its_active_child_and_json_in_it_is_json() {
        check(&json_union(), " true 7 [text] [1, 2] {\"a\": 1}", "null true 7 \"[text]\" [1, 2] {\"a\": 1}");
        let fields = UnionFields::from_iter([
            (3, Arc::new(Field::new("n", DataType::Int64, true))),
            (9, Arc::new(Field::new("t", DataType::Utf8, true))),
        ]);
        let children: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from(vec![1, 2])), Arc::new(StringArray::from(vec!["x"]))];
        let (ids, offsets) = (ScalarBuffer::from(vec![3_i8, 9, 3]), ScalarBuffer::from(vec![0_i32, 0, 1]));
        let dense = UnionArray::try_new(fields, ids, Some(offsets), children).unwrap();
        check(&dense, "1 x 2", "1 \"x\" 2");
    }

    #[test]
    fn what_has_parts_may_have_parts_with_parts() {
        let inner = Arc::new(json_union());
        let item = Arc::new(Field::new("item", inner.data_type().clone(), true));
        let list = ListArray::new(item, OffsetBuffer::from_lengths([2, 0, 4]), inner, None);
        let json = r#"[null,true] [] [7,"[text]",[1, 2],{"a": 1}]"#;
        check(&list, json, json);
    }
}
