//! An answer's envelope: finds rows, totals and cursors in the bytes without building a tree of values.
//! Knows JSON and paths of keys; nothing of columns.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{Deserialize, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{Error, Kind, Result};
use crate::registry::JsonPath;

/// An answer's body, checked to be one JSON value, with its top-level entries in reach.
pub struct Envelope<'a> {
    whole: &'a RawValue,
    entries: Option<Vec<(Cow<'a, str>, &'a RawValue)>>,
}

/// Where an answer's rows are.
pub enum Rows<'a> {
    /// A JSON array of rows.
    Array(&'a RawValue),
    /// One row by itself.
    One(&'a RawValue),
    /// The path is there and holds null.
    None,
}

impl<'a> Envelope<'a> {
    /// Reads a body. A byte order mark is passed over.
    ///
    /// # Errors
    /// [`Kind::Network`] when the body is not one JSON value: cut short, not UTF-8, or no JSON at all. The text is not
    /// quoted, as it may hold secrets.
    pub fn parse(body: &'a [u8]) -> Result<Envelope<'a>> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let whole: &RawValue = serde_json::from_slice(body).map_err(|e| {
            let what = match e.classify() {
                serde_json::error::Category::Eof => "is cut short",
                _ => "is not JSON",
            };
            Error::new(Kind::Network, format!("the answer {what} (at byte {} of {})", offset(body, &e), body.len()))
                .hint("run the statement again; if it stays, something between here and the API changes its answers")
        })?;
        let entries = members(whole);
        Ok(Envelope { whole, entries })
    }

    /// Whether the whole answer is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.whole.get() == "null"
    }

    /// The value at `path`, where there is one.
    #[must_use]
    pub fn at(&self, path: &JsonPath) -> Option<&'a RawValue> {
        let Some((first, rest)) = path.0.split_first() else { return Some(self.whole) };
        // The last of equal keys counts, as everywhere in JSON.
        let (_, value) = self.entries.as_ref()?.iter().rev().find(|(key, _)| key == first)?;
        descend(value, rest)
    }

    /// The number at the first of `paths` that holds one; numbers written as text count.
    #[must_use]
    pub fn number_at(&self, paths: &[JsonPath]) -> Option<u64> {
        paths.iter().find_map(|path| {
            let text = self.at(path)?.get().trim_matches('"');
            text.parse().ok().or_else(|| text.strip_suffix(".0")?.parse().ok())
        })
    }

    /// The text at the first of `paths` that holds some; a number counts as its text, null, `""`, true and false do not count.
    #[must_use]
    pub fn text_at(&self, paths: &[JsonPath]) -> Option<String> {
        let token = |raw: &RawValue| scalar_text(raw).filter(|_| !matches!(raw.get(), "true" | "false"));
        paths.iter().find_map(|path| token(self.at(path)?).filter(|text| !text.is_empty()))
    }

    /// The rows: at the first of `paths` that is there.
    ///
    /// # Errors
    /// [`Kind::Api`] when none of the paths is there.
    pub fn rows(&self, paths: &[JsonPath]) -> Result<Rows<'a>> {
        for path in paths {
            let Some(found) = self.at(path) else { continue };
            return Ok(match found.get().as_bytes().first() {
                Some(b'[') => Rows::Array(found),
                Some(b'n') => Rows::None,
                _ => Rows::One(found),
            });
        }
        let paths = paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ");
        Err(Error::new(Kind::Api, format!("the answer has no rows: nothing stands at {paths}"))
            .hint("the API may have changed; `x-weir.rows` of the method's document says where its rows are"))
    }
}

impl Rows<'_> {
    /// How many rows there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Rows::None => 0,
            Rows::One(_) => 1,
            Rows::Array(raw) => {
                let items = serde_json::from_str::<Vec<serde::de::IgnoredAny>>(raw.get());
                items.map_or(0, |items| items.len() as u64)
            }
        }
    }

    /// The text of the last row's `field`, where it has a scalar there.
    #[must_use]
    pub fn last_text(&self, field: &str) -> Option<String> {
        let last: &RawValue = match self {
            Rows::None => return None,
            Rows::One(raw) => raw,
            Rows::Array(raw) => serde_json::from_str::<Vec<&RawValue>>(raw.get()).ok()?.pop()?,
        };
        scalar_text(descend(last, &[field.to_owned()])?)
    }
}

/// The number of bytes before the place where `error` occurred.
fn offset(body: &[u8], error: &serde_json::Error) -> usize {
    let lines = body.split_inclusive(|b| *b == b'\n').take(error.line().saturating_sub(1));
    lines.map(<[u8]>::len).sum::<usize>() + error.column()
}

/// The text of a scalar: a string's own, a number's or boolean's JSON. None for null, objects and arrays.
#[must_use]
pub fn scalar_text(raw: &RawValue) -> Option<String> {
    let text = raw.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(text.to_owned()),
    }
}

/// The value behind `keys` in `raw`.
#[must_use]
pub fn descend<'a>(raw: &'a RawValue, keys: &[String]) -> Option<&'a RawValue> {
    keys.iter().try_fold(raw, |raw, key| {
        let found = members(raw)?.into_iter().rev().find(|(name, _)| name == key)?;
        Some(found.1)
    })
}

/// The entries of an object; None for anything else.
fn members(raw: &RawValue) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    if !raw.get().starts_with('{') {
        return None;
    }
    serde_json::Deserializer::from_str(raw.get()).deserialize_map(Members).ok()
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(Key(key)) = map.next_key()? {
            entries.push((key, map.next_value()?));
        }
        Ok(entries)
    }
}

/// A key, borrowed where it has no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> JsonPath {
        JsonPath::parse(text).unwrap()
    }

    #[test]
    fn rows_are_at_the_first_path_that_is_there() {
        let paths = [path("$.answer.items"), path("$.answer")];
        let kind = |body: &str| match Envelope::parse(body.as_bytes()).unwrap().rows(&paths) {
            Ok(Rows::Array(raw)) => format!("array {}", raw.get().split(',').count()),
            Ok(Rows::One(raw)) => format!("one {}", raw.get()),
            Ok(Rows::None) => "none".to_owned(),
            Err(e) => e.to_string(),
        };
        assert_eq!(kind(r#"{"success": true, "answer": [1, 2]}"#), "array 2");
        assert_eq!(kind(r#"{"answer": {"items": [1], "total": 1}}"#), "array 1");
        assert_eq!(kind(r#"{"answer": {"id": 1}}"#), r#"one {"id": 1}"#);
        assert_eq!(kind(r#"{"answer": null}"#), "none");
        assert!(kind(r#"{"data": []}"#).contains("nothing stands at $.answer.items or $.answer"));
    }

    #[test]
    fn a_body_that_is_no_json_is_refused_without_quoting_it() {
        let refused = |body: &[u8]| Envelope::parse(body).err().unwrap();
        let cut = refused(b"{\"key\": \"SECRET");
        assert_eq!(cut.kind(), Kind::Network);
        assert!(cut.to_string().contains("cut short") && !cut.to_string().contains("SECRET"), "{cut}");
        assert!(refused(b"<html>SECRET").to_string().contains("not JSON"));
        assert!(refused(b"{\"a\": \"\xff\"}").to_string().contains("not JSON"));
        assert!(Envelope::parse(b"\xef\xbb\xbf{}").is_ok());
    }

    #[test]
    fn figures_are_read_from_numbers_and_text() {
        let body = br#"{"paging": {"total": "12", "next": "abc", "none": "", "n": 7}}"#;
        let envelope = Envelope::parse(body).unwrap();
        assert_eq!(envelope.number_at(&[path("$.x"), path("$.paging.total")]), Some(12));
        assert_eq!(envelope.text_at(&[path("$.paging.none"), path("$.paging.n")]), Some("7".to_owned()));
        assert_eq!(envelope.text_at(&[path("$.paging.next")]), Some("abc".to_owned()));
        let ended = Envelope::parse(br#"{"next": false}"#).unwrap();
        assert_eq!(ended.text_at(&[path("$.next")]), None);
    }
}
