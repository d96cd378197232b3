//! What makes JSON rows of an answer that does not have them where a path of keys leads. Plain data: templates are kept as
//! their text.

use serde::{Deserialize, Serialize};

use super::value::Kind;

/// A step from an answer's body to the JSON that its rows are read from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reshape {
    /// A template of the document makes the JSON.
    Template {
        /// What the template is run over.
        input: TemplateInput,
        /// The template.
        text: String,
    },
    /// XML, whose rows are found and typed by their schema; the result is `{list: [rows]}`.
    SchemaXml {
        /// The key of the rows in the result.
        list: String,
        /// The rows stand within an element whose name ends in `Result`.
        unwraps: bool,
        /// Names of the elements of a row, and their types.
        fields: Vec<(String, Kind)>,
    },
    /// XML without a template: each node at this `XPath` is a row; without one, what the outermost element holds.
    Nodes(Option<String>),
    /// Text that is not JSON: one row of text.
    Text,
    /// The values at a path with indexes or `[*]`.
    Pick(String),
    /// The objects of the map at a path, one row a key; the key becomes the field of this name.
    Entries {
        /// Where the map stands.
        at: String,
        /// The field that holds the key.
        key: String,
    },
}

/// What a template is run over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TemplateInput {
    /// The body's JSON; of several values one behind the other, each.
    Json,
    /// The body's text.
    Text,
    /// The body's XML, as Go's mxj has it.
    Xml,
}
