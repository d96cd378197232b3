//! How a list comes in pages. Plain data; `http::paging` walks it.

use serde::{Deserialize, Serialize};

use super::value::JsonPath;

/// How a list comes in pages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Paging {
    /// The way from one page to the next.
    pub style: PagingStyle,
    /// Query parameter for the page's size, and the largest size to ask for.
    pub size: Option<PageSize>,
    /// Where the number of all rows stands, tried in order.
    pub total: Vec<JsonPath>,
    /// Where the number of all pages stands, tried in order.
    pub total_pages: Vec<JsonPath>,
    /// Pages may be asked for side by side once the total is known.
    pub concurrent: bool,
    /// The API is believed to cut the list at this many rows without saying so.
    pub window: Option<u64>,
    /// The total is only a hint: fewer rows earn a warning, not an error.
    pub total_may_differ: bool,
    /// Who says all this.
    pub known: Known,
    /// Where the answer says `true` as long as there is more, and `false` at the end. Nowhere: a token or a number says it.
    pub goes_on: Vec<JsonPath>,
    /// Where nothing tells how to ask for more: a page of so many rows may not be all.
    pub full: Vec<u64>,
}

/// Who says how a list comes in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Known {
    /// `x-weir`. Its parameters are no columns.
    Told,
    /// StackQL's `config.pagination`.
    Configured,
    /// Nobody: names of parameters and of what stands around the rows. Its totals are hints.
    Inferred,
}

impl Paging {
    /// One answer is all there is.
    #[must_use]
    pub fn whole() -> Self {
        Paging {
            style: PagingStyle::Whole,
            size: None,
            total: Vec::new(),
            total_pages: Vec::new(),
            concurrent: false,
            window: None,
            total_may_differ: false,
            known: Known::Told,
            goes_on: Vec::new(),
            full: Vec::new(),
        }
    }

    /// Wire name of the query parameter that says which page it is.
    #[must_use]
    pub fn position(&self) -> Option<&str> {
        match &self.style {
            PagingStyle::Page { parameter, .. }
            | PagingStyle::Offset { parameter }
            | PagingStyle::Keyset { parameter, .. }
            | PagingStyle::Cursor { into: Slot::Query(parameter) | Slot::Header(parameter), .. } => Some(parameter),
            PagingStyle::Cursor { .. } | PagingStyle::Whole | PagingStyle::NextUrl { .. } | PagingStyle::Link => None,
        }
    }

    /// Where the answer says what the next page is asked for by, where it does not stand in a `Link` header.
    #[must_use]
    pub fn next(&self) -> Option<&Source> {
        match &self.style {
            PagingStyle::Cursor { from, .. } | PagingStyle::NextUrl { from } => Some(from),
            _ => None,
        }
    }
}

/// The page size a request can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageSize {
    /// Wire name of the query parameter.
    pub parameter: String,
    /// Largest size to ask for.
    pub largest: u64,
    /// Smallest size the API takes.
    pub smallest: u64,
    /// Nobody said which size is the largest: it is asked for only where a statement wants so many rows and no more.
    pub if_wanted: bool,
}

/// Where a request carries a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Slot {
    /// Wire name of a query parameter.
    Query(String),
    /// Name of a header.
    Header(String),
    /// In the JSON of its body.
    Body(JsonPath),
    /// In its query of GraphQL.
    GraphQl,
}

/// Where an answer says what comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// In its body, tried in order.
    Body(Vec<JsonPath>),
    /// In a header: what the pattern's first group finds; without one, the target of `rel="next"`, else the whole.
    Header {
        /// Its name.
        name: String,
        /// A regular expression.
        pattern: Option<String>,
    },
}

/// Ways from one page to the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PagingStyle {
    /// One answer is all there is.
    Whole,
    /// A page number in the query, counted from `first`.
    Page {
        /// Wire name of the query parameter.
        parameter: String,
        /// Number of the first page.
        first: u64,
    },
    /// A row offset in the query, counted from 0.
    Offset {
        /// Wire name of the query parameter.
        parameter: String,
    },
    /// A token from the answer goes into the next request. No token: the end.
    Cursor {
        /// Where the request carries it.
        into: Slot,
        /// Where the answer has it.
        from: Source,
    },
    /// The last row's value goes into the next request's query (`after=<created>`); rows that repeat are dropped
    /// by key. Ends when a page brings nothing new.
    Keyset {
        /// Wire name of the query parameter.
        parameter: String,
        /// Wire name of the row's field.
        field: String,
    },
    /// A URL in the answer. None: the end.
    NextUrl {
        /// Where the answer has it.
        from: Source,
    },
    /// `Link: <url>; rel="next"` (RFC 8288). None: the end.
    Link,
}
