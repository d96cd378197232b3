//! One column under construction: JSON values in, an Arrow array out. A value that does not fit its type becomes
//! NULL and is counted.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringViewBuilder, TimestampNanosecondBuilder,
};
use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;

use crate::registry::Kind;

/// A column's values so far.
pub enum ColumnBuilder {
    Text(StringViewBuilder),
    Json(StringViewBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
    /// With the wire name: an API may say `"disabled": "disabled"` for true.
    Boolean(BooleanBuilder, String),
    Timestamp(TimestampNanosecondBuilder),
}

/// Whether a value fitted the column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    Fits,
    DoesNot,
}

impl ColumnBuilder {
    pub fn new(kind: Kind, wire: &str, capacity: usize) -> Self {
        match kind {
            Kind::String => ColumnBuilder::Text(StringViewBuilder::with_capacity(capacity)),
            Kind::Object | Kind::Array | Kind::Any => ColumnBuilder::Json(StringViewBuilder::with_capacity(capacity)),
            Kind::Integer => ColumnBuilder::Integer(Int64Builder::with_capacity(capacity)),
            Kind::Number => ColumnBuilder::Number(Float64Builder::with_capacity(capacity)),
            Kind::Boolean => ColumnBuilder::Boolean(BooleanBuilder::with_capacity(capacity), wire.to_owned()),
            Kind::Timestamp => {
                ColumnBuilder::Timestamp(TimestampNanosecondBuilder::with_capacity(capacity).with_timezone("UTC"))
            }
        }
    }

    /// Appends the JSON value `raw`; None and `null` are NULL.
    pub fn append(&mut self, raw: Option<&str>) -> Fit {
        let Some(raw) = raw.filter(|r| *r != "null") else {
            self.append_null();
            return Fit::Fits;
        };
        let fits = match self {
            ColumnBuilder::Text(builder) => append_text(builder, raw),
            ColumnBuilder::Json(builder) => {
                builder.append_value(compact(raw));
                true
            }
            ColumnBuilder::Integer(builder) => put(integer(raw), |v| builder.append_value(v)),
            ColumnBuilder::Number(builder) => put(number(raw), |v| builder.append_value(v)),
            ColumnBuilder::Boolean(builder, wire) => put(boolean(raw, wire), |v| builder.append_value(v)),
            ColumnBuilder::Timestamp(builder) => put(timestamp(raw), |v| builder.append_value(v)),
        };
        if fits {
            return Fit::Fits;
        }
        self.append_null();
        Fit::DoesNot
    }

    fn append_null(&mut self) {
        match self {
            ColumnBuilder::Text(builder) | ColumnBuilder::Json(builder) => builder.append_null(),
            ColumnBuilder::Integer(builder) => builder.append_null(),
            ColumnBuilder::Number(builder) => builder.append_null(),
            ColumnBuilder::Boolean(builder, _) => builder.append_null(),
            ColumnBuilder::Timestamp(builder) => builder.append_null(),
        }
    }

    pub fn finish(&mut self) -> ArrayRef {
        match self {
            ColumnBuilder::Text(builder) | ColumnBuilder::Json(builder) => Arc::new(builder.finish()),
            ColumnBuilder::Integer(builder) => Arc::new(builder.finish()),
            ColumnBuilder::Number(builder) => Arc::new(builder.finish()),
            ColumnBuilder::Boolean(builder, _) => Arc::new(builder.finish()),
            ColumnBuilder::Timestamp(builder) => Arc::new(builder.finish()),
        }
    }
}

fn put<T>(value: Option<T>, append: impl FnOnce(T)) -> bool {
    value.map(append).is_some()
}

/// The text of a JSON string, without copying where it has no escapes. None for other values and for escapes that are
/// no text (half of a surrogate pair).
fn string(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(raw).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}

/// Text holds any value: a number, boolean, object or array as its JSON.
fn append_text(builder: &mut StringViewBuilder, raw: &str) -> bool {
    if raw.starts_with('"') {
        return put(string(raw), |text| builder.append_value(text));
    }
    builder.append_value(compact(raw));
    true
}

/// JSON on one line. Line breaks stand only between tokens, where they mean nothing.
fn compact(raw: &str) -> Cow<'_, str> {
    if !raw.contains('\n') {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in raw.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if c.is_ascii_whitespace() {
            continue;
        } else {
            in_string = c == '"';
        }
        text.push(c);
    }
    Cow::Owned(text)
}

/// The characters of a scalar: a string's text or a number's JSON.
fn scalar(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first()? {
        b'"' => string(raw),
        b'{' | b'[' => None,
        _ => Some(Cow::Borrowed(raw)),
    }
}

fn integer(raw: &str) -> Option<i64> {
    let text = scalar(raw)?;
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let n: f64 = text.parse().ok()?;
        #[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
        (n.fract() == 0.0 && n.abs() < 9.0e15).then_some(n as i64)
    })
}

fn number(raw: &str) -> Option<f64> {
    scalar(raw)?.trim().parse().ok().filter(|n: &f64| n.is_finite())
}

fn boolean(raw: &str, wire: &str) -> Option<bool> {
    let text = scalar(raw)?;
    match text.as_ref() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        other if other.eq_ignore_ascii_case("true") || other.eq_ignore_ascii_case(wire) => Some(true),
        other if other.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// RFC 3339 with 0 to 9 fractional digits; a number is Unix time in seconds, or in milliseconds where seconds would
/// lie beyond the year 5000.
fn timestamp(raw: &str) -> Option<i64> {
    const SECONDS_END: i64 = 100_000_000_000;
    if let Some(text) = string(raw) {
        return string_to_timestamp_nanos(text.trim()).ok();
    }
    if raw.contains(['.', 'e', 'E']) {
        let seconds = number(raw)?;
        #[allow(clippy::cast_possible_truncation, reason = "beyond the range the cast saturates and is then refused")]
        let nanos = (seconds * 1e9) as i64;
        return (nanos != i64::MAX && nanos != i64::MIN).then_some(nanos);
    }
    let number = integer(raw)?;
    number.checked_mul(if number.abs() < SECONDS_END { 1_000_000_000 } else { 1_000_000 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_have_any_number_of_digits() {
        for (text, nanos) in [
            (r#""1970-01-01T00:00:01Z""#, 1_000_000_000),
            (r#""1970-01-01T00:00:00.5Z""#, 500_000_000),
            (r#""1970-01-01T00:00:00.72217Z""#, 722_170_000),
            (r#""1970-01-01T00:00:00.123456789Z""#, 123_456_789),
            (r#""1970-01-01T01:00:00+01:00""#, 0),
            ("5", 5_000_000_000),
            ("1767225600000", 1_767_225_600_000_000_000),
        ] {
            assert_eq!(timestamp(text), Some(nanos), "{text}");
        }
        for text in [r#""null""#, r#""""#, r#""soon""#, "true", "{}"] {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn booleans_may_be_words() {
        for (raw, value) in [
            ("true", Some(true)),
            ("\"false\"", Some(false)),
            ("\"True\"", Some(true)),
            ("\"disabled\"", Some(true)),
            ("0", Some(false)),
            ("\"maybe\"", None),
            ("{}", None),
        ] {
            assert_eq!(boolean(raw, "disabled"), value, "{raw}");
        }
    }

    #[test]
    fn integers_keep_every_digit() {
        assert_eq!(integer("9007199254740993"), Some(9_007_199_254_740_993));
        assert_eq!(integer("\"12\""), Some(12));
        assert_eq!(integer("12.0"), Some(12));
        assert_eq!(integer("12.5"), None);
        assert_eq!(integer("18446744073709551615"), None);
    }

    #[test]
    fn json_on_several_lines_becomes_one() {
        assert_eq!(compact("{\n  \"a b\": \"x\\\" y\",\n  \"c\": [1, 2]\n}"), "{\"a b\":\"x\\\" y\",\"c\":[1,2]}");
    }

    #[test]
    fn text_escapes_are_read() {
        assert_eq!(string(r#""a\u00e9\n\ud83d\ude00""#).as_deref(), Some("aé\n😀"));
        assert_eq!(string(r#""\ud83d""#), None);
    }
}
