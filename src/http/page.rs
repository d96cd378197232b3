//! One page of a list: what it adds to the request, and what its answer says about the list. Pure.
//! Owns the reading of `Link` headers; what bodies say is read beside their rows. Which page follows is `paging`'s.

use regex::Regex;
use url::Url;

use crate::registry::JsonPath;

/// What one page adds to the request of the first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    /// Query parameters by wire name.
    pub query: Vec<(String, String)>,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Texts in the JSON of the body.
    pub body: Vec<(JsonPath, String)>,
    /// The token of a query of GraphQL.
    pub graphql: Option<String>,
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
    /// Whether the API says that there is more; none where it does not say.
    pub more: Option<bool>,
    /// The token of the next page.
    pub cursor: Option<String>,
    /// The URL of the next page, from the body or a header that the document names.
    pub next_url: Option<String>,
    /// The URL of the next page, from the `Link` header.
    pub link: Option<String>,
    /// Tells the first row from others.
    pub first_row: Option<u64>,
    /// The last row's value of the keyset's field.
    pub last_value: Option<String>,
}

/// Whether two URLs share scheme, host and port: only then may credentials go from one to the other.
pub fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin().is_tuple() && one.origin() == other.origin()
}

/// What a header says of the next page: what the first group of `pattern` finds; without a pattern the target of
/// `rel="next"`, or where there are no targets the whole.
pub fn from_header(header: &str, pattern: Option<&str>) -> Option<String> {
    let Some(pattern) = pattern else {
        let plain = || (!header.contains('<')).then(|| header.trim().to_owned());
        return next_link(header).or_else(plain);
    };
    let found = Regex::new(pattern).ok()?.captures(header)?;
    found.get(1).or_else(|| found.get(0)).map(|text| text.as_str().to_owned())
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
    use super::*;

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
