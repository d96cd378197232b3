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
        }
    }
}

/// The page size a request can ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageSize {
    /// Wire name of the query parameter.
    pub parameter: String,
    /// Largest size the API takes.
    pub largest: u64,
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
    /// A token from the answer goes into the next request's query. No token: the end.
    Cursor {
        /// Wire name of the query parameter.
        parameter: String,
        /// Where the token stands, tried in order.
        next: Vec<JsonPath>,
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
        /// Where the URL stands, tried in order.
        next: Vec<JsonPath>,
    },
    /// `Link: <url>; rel="next"` (RFC 8288). None: the end.
    Link,
}
