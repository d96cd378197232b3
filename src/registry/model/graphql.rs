//! A query of GraphQL that a method sends. Plain data.

use serde::{Deserialize, Serialize};

/// What `x-stackQL-graphQL` says of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphQl {
    /// Go template of the query, over the method's parameters and `cursor`.
    pub query: String,
    /// Go template of `cursor`, over the token as `value`. `None`: `, after: "<token>"`.
    pub cursor: Option<String>,
    /// It changes something.
    pub mutation: bool,
}
