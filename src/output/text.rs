//! One [`Value`] as JSON or as plain text, straight into the bytes that are going out.
//! Owns what each kind of value looks like; knows neither rows nor files, and nothing of Arrow.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::number;
use super::value::Value;

/// `value` as JSON. Numbers keep all their digits; NaN and the infinities, which JSON has no word for, are `null`.
/// Times are strings, bytes are strings of hexadecimal digits. JSON text is written as it is, on one line; a text that
/// is not the JSON its column promises is written as a string.
pub fn json(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Float(n) if !n.is_finite() => out.extend_from_slice(b"null"),
        Value::Float32(n) if !n.is_finite() => out.extend_from_slice(b"null"),
        Value::Text(text) => json_string(out, text),
        Value::Json(text) => match serde_json::from_str::<&RawValue>(text) {
            Ok(raw) => out.extend_from_slice(one_line(raw.get()).as_bytes()),
            Err(_) => json_string(out, text),
        },
        Value::Binary(_) | Value::Moment(_) => {
            out.push(b'"');
            plain(out, value);
            out.push(b'"');
        }
        Value::List(items) => {
            sequence(out, *b"[]", items.iter(), |out, item| json(out, &item));
        }
        Value::Struct(members) => sequence(out, *b"{}", members.iter(), |out, (name, member)| {
            json_string(out, name);
            out.push(b':');
            json(out, &member);
        }),
        Value::Map(pairs) => sequence(out, *b"{}", pairs.iter(), |out, (key, value)| {
            match key {
                Value::Text(key) => json_string(out, key),
                key => {
                    let mut text = Vec::new();
                    plain(&mut text, &key);
                    json_string(out, &String::from_utf8_lossy(&text));
                }
            }
            out.push(b':');
            json(out, &value);
        }),
        _ => plain(out, value),
    }
}

/// `value` as text: no quotes around text and times; what has parts as JSON; NULL as nothing.
pub fn plain(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Null => {}
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(n) => number::integer(out, n),
        Value::UInt(n) => number::integer(out, n),
        Value::Float(n) => number::float(out, n),
        Value::Float32(n) => number::float(out, n),
        Value::Decimal(n, scale) => number::decimal(out, n, *scale),
        Value::WideDecimal(n, scale) => number::decimal(out, n, *scale),
        Value::Text(text) | Value::Json(text) => out.extend_from_slice(text.as_bytes()),
        Value::Binary(bytes) => {
            for byte in *bytes {
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
        Value::Moment(moment) => moment.write(out),
        Value::List(_) | Value::Struct(_) | Value::Map(_) => json(out, value),
    }
}

/// `text` as a JSON string.
pub fn json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    // Most texts have nothing to escape; those that have are copied a run at a time.
    while let Some(at) = rest.iter().position(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\')) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            byte @ (b'"' | b'\\') => out.extend_from_slice(&[b'\\', byte]),
            byte => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// In JSON a raw line break can only be white space between tokens, so a space says the same.
fn one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) { json.replace(['\n', '\r'], " ").into() } else { json.into() }
}

fn sequence<T>(
    out: &mut Vec<u8>,
    [open, close]: [u8; 2],
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T),
) {
    out.push(open);
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(out, item);
    }
    out.push(close);
}
