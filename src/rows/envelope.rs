//! An answer's envelope: finds rows, totals and cursors while the bytes are passed over once, in any order of keys, and
//! decodes the rows where it meets them. Knows JSON and paths of keys; nothing of requests.

use bytes::Bytes;

use super::builder::Page;
use super::decode::{Decoded, Decoder, Echo, Table};
use super::paths::{Nowhere, Paths, ROOT, Visit, Walk};
use super::scan::{Broken, Scan, Span, Token};
use super::text;
use crate::error::{Error, Kind, Result};
use crate::registry::JsonPath;

/// Where to look in an answer.
#[derive(Debug, Clone)]
pub struct Outline {
    paths: Paths,
    rows: Vec<(JsonPath, usize)>,
}

impl Outline {
    /// Rows are at the first of `rows` that is there; values are wanted at `figures` too.
    #[must_use]
    pub fn new<'p>(rows: &[JsonPath], figures: impl IntoIterator<Item = &'p JsonPath>) -> Outline {
        let mut paths = Paths::default();
        let rows = rows.iter().map(|path| (path.clone(), paths.add_stop(path))).collect();
        for path in figures {
            paths.add(path);
        }
        Outline { paths, rows }
    }
}

/// An answer that was passed over: one JSON value, its rows decoded.
pub struct Answer<'a> {
    text: &'a str,
    outline: &'a Outline,
    walk: Walk<'a>,
    tables: Tables<'a>,
}

/// An answer that is not one JSON value. The text is not quoted, as it may hold secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable {
    /// Bytes before the place where that shows.
    pub at: usize,
    /// All bytes.
    pub length: usize,
    /// It ends too early; what there is of it is no mistake.
    pub cut: bool,
    /// What is wrong.
    pub why: &'static str,
}

impl From<Unreadable> for Error {
    fn from(it: Unreadable) -> Error {
        let (at, length, why) = (it.at, it.length, it.why);
        let message = match it.cut {
            true => format!("the answer is cut short (at byte {at} of {length})"),
            false => format!("the answer is not JSON (at byte {at} of {length}: {why})"),
        };
        Error::new(Kind::Network, message)
            .hint("run the statement again; if it stays, something between here and the API changes its answers")
    }
}

impl Decoder {
    /// Reads an answer, and decodes its rows. A byte order mark is passed over. `echo` gives the value of a column that is
    /// a request parameter, as JSON text.
    ///
    /// # Errors
    /// When the body is not one JSON value.
    pub fn read<'a>(
        &'a self,
        body: &'a Bytes,
        outline: &'a Outline,
        echo: &'a Echo<'a>,
    ) -> std::result::Result<Answer<'a>, Unreadable> {
        let skipped = if body.starts_with(MARK) { MARK.len() } else { 0 };
        let unreadable = |broken: Broken| Unreadable {
            at: broken.at + skipped,
            length: body.len(),
            cut: broken.cut,
            why: broken.why,
        };
        let text = text_of(&body[skipped..]).map_err(unreadable)?;
        let why = "4 GiB or more in one answer; ask for fewer rows a page";
        let page = Page::new(&body.slice(skipped..)).ok_or(Broken { at: 0, cut: false, why }).map_err(unreadable)?;
        let mut tables = Tables { decoder: self, text, page, echo, met: Vec::new() };
        let mut walk = Walk::new(&outline.paths);
        let mut scan = Scan::new(text, 0);
        scan.blank();
        walk.value(text, &mut scan, &mut tables).and_then(|_| scan.end()).map_err(unreadable)?;
        Ok(Answer { text, outline, walk, tables })
    }
}

/// Byte order mark.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The text of a body.
fn text_of(body: &[u8]) -> std::result::Result<&str, Broken> {
    std::str::from_utf8(body).map_err(|error| {
        let before = std::str::from_utf8(&body[..error.valid_up_to()]).unwrap_or_default();
        // Where the text before is no JSON either, that is the reason.
        let mut scan = Scan::new(before, 0);
        scan.blank();
        let mistake = scan.value().and_then(|_| scan.end()).err().filter(|broken| !broken.cut);
        let cut = error.error_len().is_none();
        mistake.unwrap_or(Broken { at: error.valid_up_to(), cut, why: "a byte that is not UTF-8" })
    })
}

/// The arrays of rows that were met, with the place where each begins.
struct Tables<'a> {
    decoder: &'a Decoder,
    text: &'a str,
    page: Page,
    echo: &'a Echo<'a>,
    met: Vec<(usize, Table<'a>)>,
}

impl<'a> Tables<'a> {
    fn empty(&self) -> Table<'a> {
        Table::new(self.decoder, (self.text, &self.page), self.echo)
    }
}

impl Visit for Tables<'_> {
    fn array(&mut self, _: usize, scan: &mut Scan<'_>) -> std::result::Result<(), Broken> {
        let (at, mut table) = (scan.at(), self.empty());
        table.array(scan)?;
        self.met.push((at, table));
        Ok(())
    }
}

impl<'a> Answer<'a> {
    /// The JSON at `path`, which is one that the answer was read with.
    #[must_use]
    pub fn at(&self, path: &JsonPath) -> Option<&'a str> {
        self.span(path).map(|span| &self.text[span.start..span.end])
    }

    fn span(&self, path: &JsonPath) -> Option<Span> {
        self.walk.at(self.outline.paths.find(path)?)
    }

    /// The number at the first of `paths` that holds one; numbers written as text count.
    #[must_use]
    pub fn number_at(&self, paths: &[JsonPath]) -> Option<u64> {
        paths.iter().find_map(|path| {
            let text = self.at(path)?.trim_matches('"');
            text.parse().ok().or_else(|| text.strip_suffix(".0")?.parse().ok())
        })
    }

    /// The text at the first of `paths` that holds some; a number counts as its text, null, `""`, true and false do not count.
    #[must_use]
    pub fn text_at(&self, paths: &[JsonPath]) -> Option<String> {
        paths.iter().find_map(|path| {
            let span = self.span(path).filter(|span| !matches!(span.token, Token::True | Token::False))?;
            scalar_text(&self.text[span.start..span.end], span.token).filter(|text| !text.is_empty())
        })
    }

    /// The text of the last row's `field`, where it has a scalar there.
    #[must_use]
    pub fn last_text(&self, decoded: &Decoded, field: &str) -> Option<String> {
        let row = decoded.last_row?;
        let mut paths = Paths::default();
        let place = paths.add(&JsonPath(vec![field.to_owned()]));
        let mut walk = Walk::new(&paths);
        walk.value(self.text, &mut Scan::new(self.text, row.start), &mut Nowhere).ok()?;
        let span = walk.at(place)?;
        scalar_text(&self.text[span.start..span.end], span.token)
    }

    /// The rows: at the first path of rows that is there. An object there is one row, null is none.
    ///
    /// # Errors
    /// [`Kind::Api`] when none of the paths is there.
    pub fn rows(&mut self) -> Result<Decoded> {
        self.rows_or_none(false)
    }

    /// The same; where `may_lack` them, an object in which none of the paths is there has no rows.
    ///
    /// # Errors
    /// As for [`Answer::rows`].
    pub fn rows_or_none(&mut self, may_lack: bool) -> Result<Decoded> {
        let mut table = self.tables.empty();
        if self.walk.at(ROOT).is_some_and(|whole| whole.token == Token::Null) {
            return table.finish();
        }
        let Some(span) = self.outline.rows.iter().find_map(|(_, place)| self.walk.at(*place)) else {
            if may_lack && self.walk.at(ROOT).is_some_and(|whole| whole.token == Token::Object) {
                return table.finish();
            }
            let paths = self.outline.rows.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>().join(" or ");
            return Err(Error::new(Kind::Api, format!("the answer has no rows: nothing stands at {paths}"))
                .hint("the API may have changed; `x-weir.rows` of the method's document says where its rows are"));
        };
        match span.token {
            Token::Null => {}
            Token::Array => {
                let met = self.tables.met.iter().position(|(at, _)| *at == span.start);
                let met = met.ok_or_else(|| Error::new(Kind::Internal, "the rows were passed over"))?;
                table = self.tables.met.swap_remove(met).1;
            }
            _ => {
                let row = table.row(&mut Scan::new(self.text, span.start));
                row.map_err(|broken| Error::new(Kind::Network, format!("the answer's row cannot be read: {broken}")))?;
            }
        }
        table.finish()
    }
}

/// The text of a scalar: a string's own, a number's or boolean's JSON. None for null, objects and arrays.
fn scalar_text(raw: &str, token: Token) -> Option<String> {
    match token {
        Token::Text | Token::Escaped => text::string(raw).map(Into::into),
        Token::Object | Token::Array | Token::Null => None,
        Token::Number | Token::True | Token::False => Some(raw.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Column, Kind as K, Shape};

    fn path(text: &str) -> JsonPath {
        JsonPath::parse(text).unwrap()
    }

    fn raw() -> Decoder {
        let shape = Shape { kind: K::Any, ..Shape::default() };
        let (name, description) = ("_raw".to_owned(), String::new());
        let paths = vec![JsonPath::default()];
        let column = Column { wire: name.clone(), name, paths, shape, description, hidden: true, only_by_key: false };
        Decoder::new(vec![column])
    }

    fn with_answer<T>(outline: &Outline, body: &[u8], look: impl FnOnce(&mut Answer<'_>) -> T) -> T {
        let body = Bytes::copy_from_slice(body);
        look(&mut raw().read(&body, outline, &|_| None).unwrap())
    }

    #[test]
    fn rows_are_at_the_first_path_that_is_there() {
        let outline = Outline::new(&[path("$.answer.items"), path("$.answer")], []);
        let rows = |body: &str| {
            with_answer(&outline, body.as_bytes(), |answer| match answer.rows() {
                Ok(decoded) => {
                    let texts = arrow::array::AsArray::as_string_view(decoded.batch.column(0).as_ref());
                    texts.iter().flatten().collect::<Vec<_>>().join(" ")
                }
                Err(e) => e.to_string(),
            })
        };
        assert_eq!(rows(r#"{"success": true, "answer": [1, 2]}"#), "1 2");
        assert_eq!(rows(r#"{"answer": {"items": [1], "total": 1}}"#), "1");
        assert_eq!(rows(r#"{"answer": {"total": 1, "items": {"id": 1}}}"#), r#"{"id": 1}"#);
        assert_eq!(rows(r#"{"answer": {"id": 1}}"#), r#"{"id": 1}"#);
        assert_eq!(rows(r#"{"answer": null}"#), "");
        assert_eq!(rows("null"), "");
        // Of equal keys the last one counts.
        assert_eq!(rows(r#"{"answer": [1], "answer": [2]}"#), "2");
        assert_eq!(rows(r#"{"answer": {"items": [1]}, "answer": [2]}"#), "2");
        assert_eq!(rows(r#"{"answer": {"items": [1], "items": null}}"#), "");
        assert!(rows(r#"{"data": []}"#).contains("nothing stands at $.answer.items or $.answer"));
    }

    #[test]
    fn a_body_that_is_no_json_is_refused_without_quoting_it() {
        let outline = Outline::new(&[path("$")], []);
        let refused = |body: &'static [u8]| {
            let decoder = raw();
            let unreadable = decoder.read(&Bytes::from_static(body), &outline, &|_| None).err().unwrap();
            Error::from(unreadable)
        };
        let cut = refused(b"{\"key\": \"SECRET");
        assert_eq!(cut.kind(), Kind::Network);
        assert!(
            cut.to_string().contains("cut short (at byte 15 of 15)") && !cut.to_string().contains("SECRET"),
            "{cut}"
        );
        assert!(refused(b"<html>SECRET").to_string().contains("not JSON (at byte 0 of 12"));
        assert!(
            refused(b"{\"a\": \"\xff\"}").to_string().contains("not JSON (at byte 7 of 10: a byte that is not UTF-8")
        );
        assert!(refused(b"{\"a\" \"\xff\"}").to_string().contains("not JSON (at byte 5 of 9: `:`"));
        assert!(refused(b"{\"a\": \"\xe2\x82").to_string().contains("cut short"));
        assert!(refused(b"").to_string().contains("cut short (at byte 0 of 0)"));
        assert!(refused(b"\xef\xbb\xbf{]").to_string().contains("at byte 4 of 5"));
        with_answer(&outline, b"\xef\xbb\xbf {}", |answer| assert_eq!(answer.rows().unwrap().batch.num_rows(), 1));
    }

    #[test]
    fn figures_are_read_from_numbers_and_text() {
        let body = br#"{"paging": {"total": "12", "next": "abc", "none": "", "n": 7}, "next": false}"#;
        let paths = ["$.x", "$.paging.total", "$.paging.none", "$.paging.n", "$.paging.next", "$.next"].map(path);
        with_answer(&Outline::new(&[], &paths), body, |answer| {
            assert_eq!(answer.number_at(&paths[..2]), Some(12));
            assert_eq!(answer.text_at(&paths[2..4]), Some("7".to_owned()));
            assert_eq!(answer.text_at(&paths[4..]), Some("abc".to_owned()));
            assert_eq!(answer.text_at(&paths[5..]), None);
        });
    }

    #[test]
    fn the_last_row_tells_where_the_next_page_begins() {
        let last = |body: &str| {
            with_answer(&Outline::new(&[path("$.a")], []), body.as_bytes(), |answer| {
                let decoded = answer.rows().unwrap();
                answer.last_text(&decoded, "at")
            })
        };
        assert_eq!(last(r#"{"a": [{"at": 1}, {"at": "x\u0079"}]}"#).as_deref(), Some("xy"));
        assert_eq!(last(r#"{"a": [{"at": 1}, {"b": {"at": 2}, "at": 3}]}"#).as_deref(), Some("3"));
        assert_eq!(last(r#"{"a": [{"at": {}}]}"#), None);
        assert_eq!(last(r#"{"a": []}"#), None);
    }
}
