//! What of a SELECT the parameters of a list can say beside their own equality, in StackQL's words
//! (`queryParamPushdown`). Its `top` is the size of a page, as documents have it elsewhere. Plain data.

use serde::{Deserialize, Serialize};

/// What a list can be asked to do with WHERE and with the columns that are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushdown {
    /// Conditions on columns of the rows.
    pub filter: Option<PushedFilter>,
    /// The columns that are wanted.
    pub select: Option<PushedSelect>,
}

/// A query parameter that takes conditions, written as `OData` has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedFilter {
    /// Wire name of the parameter.
    pub parameter: String,
    /// `OData`'s words for the operators that it takes: `eq`, `ge`, `contains`, `and`; empty: all.
    pub operators: Among,
    /// Wire names of the columns that it knows; empty: all.
    pub columns: Among,
}

/// A query parameter that takes the names of columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedSelect {
    /// Wire name of the parameter.
    pub parameter: String,
    /// The parameter is a list, and is written as one.
    pub list: bool,
    /// What stands between names where it is a text.
    pub delimiter: String,
    /// Wire names of the columns that it knows; empty: all.
    pub columns: Among,
}

/// Names that are supported: all where none are listed, or `*` is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Among(pub Vec<String>);

impl Among {
    /// Whether `name` is one of them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|known| known == "*" || known == name)
    }
}
