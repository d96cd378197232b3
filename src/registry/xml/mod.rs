//! Answers in XML: a text becomes a tree, a tree becomes JSON, and `XPath` finds nodes in it. The one place that knows
//! `quick-xml`. Knows nothing of answers or documents.

mod json;
mod path;
mod tree;

pub use json::{Cast, to_json};
pub use path::{Found, Path};
pub use tree::parse;
