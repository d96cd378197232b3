//! JSON as text: where its members stand, without building a tree. Numbers keep their digits, members their order and
//! their doubles, and depth costs no stack. Knows no path, no SQL, no Arrow.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;

/// `text` without the blanks around it, if it is one JSON value.
pub fn checked(text: &str) -> Option<&str> {
    serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get)
}

/// Valid JSON without blanks between its tokens.
pub fn compact(json: &str) -> Cow<'_, str> {
    // A blank outside of strings is rare: most APIs send none.
    let mut blanks = false;
    outside_strings(json, |c| blanks |= c.is_some_and(|c| c.is_ascii_whitespace()));
    if !blanks {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len());
    let mut chars = json.chars();
    outside_strings(json, |c| {
        let next = chars.next();
        if !c.is_some_and(|c| c.is_ascii_whitespace()) {
            text.extend(next);
        }
    });
    Cow::Owned(text)
}

/// Calls `see` for every character, with None for those of a string.
fn outside_strings(json: &str, mut see: impl FnMut(Option<char>)) {
    let (mut in_string, mut escaped) = (false, false);
    for c in json.chars() {
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            see(None);
        } else {
            in_string = c == '"';
            see((!in_string).then_some(c));
        }
    }
}

/// A member of an object, or an item of an array: places in the text they were found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key with its quotes; None in an array.
    pub key: Option<Range<usize>>,
    /// The value.
    pub value: Range<usize>,
}

impl Entry {
    /// Where the entry begins.
    pub fn start(&self) -> usize {
        self.key.as_ref().unwrap_or(&self.value).start
    }
}

/// The entries of the object or array that stands at `container` in `json`, which must be valid; none for a scalar.
pub fn entries(json: &str, container: Range<usize>) -> Entries<'_> {
    let bytes = &json.as_bytes()[..container.end];
    let keyed = bytes.get(container.start) == Some(&b'{');
    let nested = keyed || bytes.get(container.start) == Some(&b'[');
    Entries { bytes, keyed, at: if nested { container.start + 1 } else { container.end } }
}

/// Walks over the entries of one container.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    keyed: bool,
    at: usize,
}

impl Entries<'_> {
    /// Steps over blanks and the separators between entries.
    fn skip(&mut self) {
        while self.bytes.get(self.at).is_some_and(|b| b.is_ascii_whitespace() || *b == b',' || *b == b':') {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Range<usize> {
        self.skip();
        let start = self.at;
        self.at = end_of(self.bytes, start);
        start..self.at
    }
}

impl Iterator for Entries<'_> {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        self.skip();
        if self.bytes.get(self.at).is_none_or(|b| matches!(b, b'}' | b']')) {
            return None;
        }
        let key = self.keyed.then(|| self.value());
        Some(Entry { key, value: self.value() })
    }
}

/// Where the value that begins at `start` ends.
fn end_of(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, b) in bytes.iter().enumerate().skip(start) {
        if in_string {
            in_string = escaped || *b != b'"';
            escaped = !escaped && *b == b'\\';
            if !in_string && depth == 0 {
                return at + 1;
            }
            continue;
        }
        match b {
            b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    bytes.len()
}

/// The text of a JSON string that stands in its quotes. Half of a surrogate pair is no Unicode: such a string stays as
/// it is written.
pub fn unquoted(raw: &str) -> Cow<'_, str> {
    let inner = raw.strip_prefix('"').and_then(|r| r.strip_suffix('"')).unwrap_or(raw);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    serde_json::from_str::<String>(raw).map_or(Cow::Borrowed(inner), Cow::Owned)
}

/// `text` as a JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A value as SQL text: a string's own text, the JSON of any other; None for null.
pub fn text_of(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first()? {
        b'n' => None,
        b'"' => Some(unquoted(raw)),
        _ => Some(compact(raw)),
    }
}

/// `raw` is an object or an array.
pub fn is_nested(raw: &str) -> bool {
    raw.starts_with(['{', '['])
}

/// The kind of a value, in `SQLite`'s words.
pub fn kind(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "text",
        Some(b't') => "true",
        Some(b'f') => "false",
        Some(b'n') | None => "null",
        Some(_) if raw.contains(['.', 'e', 'E']) => "real",
        Some(_) => "integer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(json: &str) -> Vec<(Option<&str>, &str)> {
        let part = |range: Range<usize>| &json[range];
        entries(json, 0..json.len()).map(|e| (e.key.map(part), part(e.value))).collect()
    }

    #[test]
    fn entries_are_found_whatever_stands_in_them() {
        assert_eq!(
            parts(r#"{ "a" : 1 , "b\"}":{"x":["]"]},"a":"," , "":-1.50e+9}"#),
            [
                (Some(r#""a""#), "1"),
                (Some(r#""b\"}""#), r#"{"x":["]"]}"#),
                (Some(r#""a""#), r#"",""#),
                (Some(r#""""#), "-1.50e+9")
            ]
        );
        assert_eq!(parts("[[],\n{}, \"\\\\\",null]"), [(None, "[]"), (None, "{}"), (None, r#""\\""#), (None, "null")]);
        for none in ["{}", "[ ]", "1", r#""[1]""#, "null"] {
            assert!(parts(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{}1{}", "[".repeat(500_000), "]".repeat(500_000));
        assert_eq!(checked(&deep).map(str::len), Some(1_000_001));
        assert_eq!(parts(&deep).len(), 1);
        assert_eq!(compact(&deep).len(), 1_000_001);
    }

    #[test]
    fn only_one_whole_value_is_json() {
        for (text, json) in [
            (" 1 ", Some("1")),
            ("1 2", None),
            ("", None),
            ("{a:1}", None),
            ("[1,]", None),
            ("NaN", None),
            ("01", None),
        ] {
            assert_eq!(checked(text), json, "{text}");
        }
    }

    #[test]
    fn blanks_go_but_not_from_strings() {
        assert_eq!(compact("{ \"a \\\" b\" :\n[ 1,\t2 ] }"), "{\"a \\\" b\":[1,2]}");
        assert!(matches!(compact("{\"a b\":1}"), Cow::Borrowed(_)));
    }

    #[test]
    fn text_is_bare_and_escapes_are_read() {
        assert_eq!(text_of(r#""\u00fc\ud83d\ude00\n""#).as_deref(), Some("ü😀\n"));
        assert_eq!(text_of(r#""\ud83d""#).as_deref(), Some(r"\ud83d"));
        assert_eq!(text_of("null"), None);
        assert_eq!(text_of("[ 1 ]").as_deref(), Some("[1]"));
    }
}
