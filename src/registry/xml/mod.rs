//! Answers in XML: a text becomes a tree, a tree becomes JSON, and `XPath` finds nodes in it. The one place that knows
//! `quick-xml`. Knows nothing of answers or documents.

mod path;
mod tree;

pub use path::Path;
pub use tree::parse;
