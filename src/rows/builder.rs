//! One column under construction: JSON values in, an Arrow array out. A value that does not fit its type becomes
//! NULL and is counted.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int64Builder, StringViewBuilder, TimestampNanosecondBuilder,
};
use arrow::buffer::Buffer;
use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use bytes::Bytes;

use super::moment;
use super::scan::Token;
use super::text::{self, string};
use crate::registry::Kind;

/// The text that values stand in, as the bytes that a string array can point into.
#[derive(Debug, Clone)]
pub struct Page {
    bytes: Buffer,
}

impl Page {
    /// None where there are more bytes than a string array can point into.
    pub fn new(bytes: &Bytes) -> Option<Page> {
        fits(bytes.len()).then(|| Page { bytes: Buffer::from(bytes.clone()) })
    }
}

/// Places in a page are counted by 32 bits.
fn fits(length: usize) -> bool {
    length < u32::MAX as usize
}

/// A JSON value.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    pub raw: &'a str,
    pub token: Token,
    /// Where it begins in the page; None where it does not stand there.
    pub at: Option<usize>,
}

/// A column's values so far.
pub enum ColumnBuilder {
    Text(Texts),
    Json(Texts),
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
    pub fn new(kind: Kind, wire: &str, page: &Page) -> Self {
        match kind {
            Kind::String => ColumnBuilder::Text(Texts::new(page)),
            Kind::Object | Kind::Array | Kind::Any => ColumnBuilder::Json(Texts::new(page)),
            Kind::Integer => ColumnBuilder::Integer(Int64Builder::with_capacity(FIRST_ROWS)),
            Kind::Number => ColumnBuilder::Number(Float64Builder::with_capacity(FIRST_ROWS)),
            Kind::Boolean => ColumnBuilder::Boolean(BooleanBuilder::with_capacity(FIRST_ROWS), wire.to_owned()),
            Kind::Timestamp => {
                ColumnBuilder::Timestamp(TimestampNanosecondBuilder::with_capacity(FIRST_ROWS).with_timezone("UTC"))
            }
        }
    }

    /// Appends a value; None and `null` are NULL.
    #[inline]
    pub fn append(&mut self, value: Option<Value<'_>>) -> Fit {
        let Some(value) = value.filter(|v| v.token != Token::Null) else {
            self.append_null();
            return Fit::Fits;
        };
        let raw = value.raw;
        let fits = match self {
            ColumnBuilder::Text(texts) => texts.append_text(value),
            ColumnBuilder::Json(texts) => {
                texts.append_json(value);
                true
            }
            ColumnBuilder::Integer(builder) => put(integer(raw), |v| builder.append_value(v)),
            ColumnBuilder::Number(builder) => put(number(raw), |v| builder.append_value(v)),
            ColumnBuilder::Boolean(builder, wire) => put(boolean(raw, wire), |v| builder.append_value(v)),
            ColumnBuilder::Timestamp(builder) => put(moment_of(value), |v| builder.append_value(v)),
        };
        if fits {
            return Fit::Fits;
        }
        self.append_null();
        Fit::DoesNot
    }

    fn append_null(&mut self) {
        match self {
            ColumnBuilder::Text(texts) | ColumnBuilder::Json(texts) => texts.builder.append_null(),
            ColumnBuilder::Integer(builder) => builder.append_null(),
            ColumnBuilder::Number(builder) => builder.append_null(),
            ColumnBuilder::Boolean(builder, _) => builder.append_null(),
            ColumnBuilder::Timestamp(builder) => builder.append_null(),
        }
    }

    pub fn finish(&mut self) -> ArrayRef {
        match self {
            ColumnBuilder::Text(texts) | ColumnBuilder::Json(texts) => Arc::new(texts.builder.finish()),
            ColumnBuilder::Integer(builder) => Arc::new(builder.finish()),
            ColumnBuilder::Number(builder) => Arc::new(builder.finish()),
            ColumnBuilder::Boolean(builder, _) => Arc::new(builder.finish()),
            ColumnBuilder::Timestamp(builder) => Arc::new(builder.finish()),
        }
    }
}

/// Text that is long stays where it stands in the page: the array points there. What is short is copied, and what is
/// written otherwise in the page (escapes, JSON on several lines).
pub struct Texts {
    builder: StringViewBuilder,
    page: Page,
    /// The page's number among the array's buffers, once something points there.
    block: Option<u32>,
}

impl Texts {
    fn new(page: &Page) -> Texts {
        Texts { builder: StringViewBuilder::with_capacity(FIRST_ROWS), page: page.clone(), block: None }
    }

    /// Text holds any value: a number, boolean, object or array as its JSON.
    #[inline]
    fn append_text(&mut self, value: Value<'_>) -> bool {
        match value.token {
            Token::Text => {
                let inner = &value.raw[1..value.raw.len() - 1];
                self.append(inner, value.at.map(|at| at + 1));
                true
            }
            Token::Escaped => put(text::string(value.raw), |text| self.builder.append_value(text)),
            _ => {
                self.append_json(value);
                true
            }
        }
    }

    #[inline]
    fn append_json(&mut self, value: Value<'_>) {
        match value.token {
            Token::Object | Token::Array => match text::compact(value.raw) {
                Cow::Borrowed(raw) => self.append(raw, value.at),
                Cow::Owned(copy) => self.builder.append_value(copy),
            },
            _ => self.append(value.raw, value.at),
        }
    }

    #[inline]
    fn append(&mut self, text: &str, at: Option<usize>) {
        let within = at.filter(|_| text.len() >= LONG).and_then(|at| u32::try_from(at).ok());
        let pointed = match (within, u32::try_from(text.len())) {
            (Some(at), Ok(length)) => {
                let block = *self.block.get_or_insert_with(|| self.builder.append_block(self.page.bytes.clone()));
                self.builder.try_append_view(block, at, length).is_ok()
            }
            _ => false,
        };
        if !pointed {
            self.builder.append_value(text);
        }
    }
}

/// Rows that there is room for at first.
const FIRST_ROWS: usize = 128;

/// Text from here on is not copied. What is shorter is copied sooner than arrow checks that it is text (benches/README.md).
const LONG: usize = 1024;

fn put<T>(value: Option<T>, append: impl FnOnce(T)) -> bool {
    value.map(append).is_some()
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

/// The usual form first, straight from where it stands.
#[inline]
fn moment_of(value: Value<'_>) -> Option<i64> {
    let plain = if value.token == Token::Text { value.raw.get(1..value.raw.len() - 1) } else { None };
    plain.and_then(moment::utc).or_else(|| timestamp(value.raw))
}

/// RFC 3339 with 0 to 9 fractional digits; a number is Unix time in seconds, or in milliseconds where seconds would
/// lie beyond the year 5000.
fn timestamp(raw: &str) -> Option<i64> {
    const SECONDS_END: i64 = 100_000_000_000;
    if let Some(text) = string(raw) {
        return moment::utc(&text).or_else(|| string_to_timestamp_nanos(text.trim()).ok());
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
}
