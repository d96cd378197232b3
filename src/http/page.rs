//! One page of a list: what it adds to the request, and what its answer says about the list. Pure.
//! Owns the reading of tokens, counts and `Link` headers. Which page follows is `paging`'s to say.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;
use url::Url;

use crate::registry::{JsonPath, Paging, PagingStyle};

/// What one page adds to the request of the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Query parameters by wire name.
    pub query: Vec<(String, String)>,
    /// The URL that replaces the request's, where the API gives one.
    pub url: Option<String>,
}

/// What a page brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageFacts {
    /// Rows on the page.
    pub rows: u64,
    /// Rows that were on no earlier page. Where nobody drops repeated rows, the same as `rows`.
    pub fresh: u64,
    /// The API's count of all rows.
    pub total: Option<u64>,
    /// The API's count of all pages.
    pub total_pages: Option<u64>,
    /// The token of the next page.
    pub cursor: Option<String>,
    /// The URL of the next page, from the body.
    pub next_url: Option<String>,
    /// The URL of the next page, from the `Link` header.
    pub link: Option<String>,
    /// Tells the first row from others.
    pub first_row: Option<u64>,
    /// The last row's value of the keyset's field.
    pub last_value: Option<String>,
}

impl PageFacts {
    /// What the envelope and the `Link` header say; the rows are still to be told.
    pub fn of(paging: &Paging, body: &Value, link: Option<&str>) -> Self {
        let (cursor, next_url) = match &paging.style {
            PagingStyle::Cursor { next, .. } => (first(next, body, token), None),
            PagingStyle::NextUrl { next } => (None, first(next, body, token)),
            _ => (None, None),
        };
        PageFacts {
            total: first(&paging.total, body, count),
            total_pages: first(&paging.total_pages, body, count),
            cursor,
            next_url,
            link: link.and_then(next_link),
            ..PageFacts::default()
        }
    }

    /// Adds what the page's rows say.
    #[must_use]
    pub fn with_rows(mut self, paging: &Paging, rows: &[Value]) -> Self {
        self.rows = rows.len() as u64;
        self.fresh = self.rows;
        self.first_row = rows.first().map(fingerprint);
        if let PagingStyle::Keyset { field, .. } = &paging.style {
            self.last_value = rows.last().and_then(|row| token(row.get(field)?));
        }
        self
    }
}

/// Whether two URLs share scheme, host and port: only then may credentials go from one to the other.
pub fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin().is_tuple() && one.origin() == other.origin()
}

fn first<T>(paths: &[JsonPath], body: &Value, read: impl Fn(&Value) -> Option<T>) -> Option<T> {
    paths.iter().find_map(|path| path.find(body).and_then(&read))
}

fn fingerprint(row: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.to_string().hash(&mut hasher);
    hasher.finish()
}

/// A token as it goes into a query. Nothing, `""` and `false` mean that there is none.
fn token(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn count(value: &Value) -> Option<u64> {
    match value {
        // Some APIs count in floating point.
        Value::Number(number) => number.as_u64().or_else(|| format!("{:.0}", number.as_f64()?).parse().ok()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The target of `rel="next"` in a `Link` header (RFC 8288).
pub fn next_link(header: &str) -> Option<String> {
    let mut rest = header;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>')?;
        let target = &rest[start + 1..end];
        let parameters = &rest[end + 1..];
        // The next link begins at the first `<` outside quotes.
        let mut quoted = false;
        let until = parameters.find(|c| {
            quoted ^= c == '"';
            c == '<' && !quoted
        });
        let (own, further) = parameters.split_at(until.unwrap_or(parameters.len()));
        if own.split([';', ',']).any(is_next) {
            return Some(target.trim().to_owned());
        }
        rest = further;
    }
    None
}

fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    let relations = value.trim().trim_matches('"');
    name.trim().eq_ignore_ascii_case("rel") && relations.split_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paging(style: PagingStyle) -> Paging {
        let paths = |text: &str| vec![JsonPath::parse("$.nowhere").unwrap(), JsonPath::parse(text).unwrap()];
        Paging {
            style,
            size: None,
            total: paths("$.paging.all"),
            total_pages: paths("$.paging.pages"),
            concurrent: false,
            window: None,
            total_may_differ: false,
        }
    }

    #[test]
    fn facts_are_read_where_the_document_says() {
        let next = vec![JsonPath::parse("$.info.next").unwrap()];
        let cursor = paging(PagingStyle::Cursor { parameter: "c".into(), next: next.clone() });
        let body = json!({"paging": {"all": "12", "pages": 3.0}, "info": {"next": "tok"}});
        let facts = PageFacts::of(&cursor, &body, Some("<https://h/2>; rel=next"));
        assert_eq!((facts.total, facts.total_pages), (Some(12), Some(3)));
        assert_eq!(
            (facts.cursor.as_deref(), facts.next_url, facts.link.as_deref()),
            (Some("tok"), None, Some("https://h/2"))
        );
        let url = paging(PagingStyle::NextUrl { next });
        assert_eq!(PageFacts::of(&url, &body, None).next_url.as_deref(), Some("tok"));
        for none in [json!({"info": {"next": ""}}), json!({"info": {"next": null}}), json!({"info": null}), json!([])] {
            assert_eq!(PageFacts::of(&url, &none, None), PageFacts::default(), "{none}");
        }
        assert_eq!(PageFacts::of(&url, &json!({"paging": {"all": -1}}), None).total, None);
    }

    #[test]
    fn rows_tell_their_number_first_and_last() {
        let keyset = paging(PagingStyle::Keyset { parameter: "after".into(), field: "at".into() });
        let rows = [json!({"id": 1, "at": "t1"}), json!({"id": 2, "at": "t2"})];
        let facts = PageFacts::default().with_rows(&keyset, &rows);
        assert_eq!((facts.rows, facts.fresh, facts.last_value.as_deref()), (2, 2, Some("t2")));
        let again = PageFacts::default().with_rows(&keyset, &rows[..1]);
        let other = PageFacts::default().with_rows(&keyset, &rows[1..]);
        assert!(facts.first_row == again.first_row && facts.first_row != other.first_row);
    }

    #[test]
    fn the_next_link_is_found_among_others() {
        let table = [
            (r#"<https://h/2>; rel="next""#, Some("https://h/2")),
            (r#"<https://h/0>; rel="prev", <https://h/2?a=1,2>; title="a, <b>"; REL=next"#, Some("https://h/2?a=1,2")),
            (r#"<https://h/9>; rel="last next""#, Some("https://h/9")),
            (r#"<https://h/9>; rel="last""#, None),
            (r#"<https://h/9>; rel="nextish", broken"#, None),
            ("<https://h", None),
            ("", None),
        ];
        for (header, next) in table {
            assert_eq!(next_link(header).as_deref(), next, "{header}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let same = |one: &str, other: &str| same_origin(&Url::parse(one).unwrap(), &Url::parse(other).unwrap());
        assert!(same("https://h/a", "https://H:443/b?c"));
        assert!(!same("https://h", "http://h"));
        assert!(!same("https://h", "https://h.evil"));
        assert!(!same("data:a", "data:a"));
    }
}
