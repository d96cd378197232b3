//! The method that is read, and where it stands: its operation, its path item, the document and the `config` that holds
//! there. Collects what is odd of it: odd is not broken. Must not know what is read from it.

use serde_json::Value;

use crate::registry::config::Config;
use crate::registry::document::Document;
use crate::registry::model::{Location, Style};

/// One method and what stands around it.
pub(super) struct Place<'a> {
    pub document: &'a Document,
    pub config: Config<'a>,
    pub method: &'a Value,
    pub operation: &'a Value,
    pub item: Option<&'a Value>,
    /// File and path, for messages.
    pub here: String,
    /// What was mended, one sentence each.
    pub notes: Vec<String>,
    /// The first reason why the method cannot be executed.
    pub unsupported: Option<String>,
}

impl Place<'_> {
    /// Says what was taken otherwise than the document has it.
    pub fn note(&mut self, what: &str) {
        let note = format!("{}: {what}", self.here);
        self.notes.push(note);
    }

    /// Says why the method cannot be executed. The first reason stays.
    pub fn cannot(&mut self, reason: String) {
        self.unsupported.get_or_insert(reason);
    }

    /// Parameters whose name begins with two underscores tell which method is meant, and are not sent.
    pub fn drops_double_underscore(&self) -> bool {
        self.config.algorithm("requestTranslate") == Some("drop_double_underscore_params")
    }

    /// Whether signing in sets the header or query parameter `wire`.
    pub fn signs_in(&self, location: Location, wire: &str) -> bool {
        if location == Location::Header && wire.eq_ignore_ascii_case("authorization") {
            return true;
        }
        let mut next = self.config.get("auth");
        while let Some(auth) = next {
            let text = |key: &str| auth.get(key).and_then(Value::as_str);
            let is_named = |name: &str| match location {
                Location::Header => text("location") != Some("query") && name.eq_ignore_ascii_case(wire),
                Location::Query => text("location") == Some("query") && name == wire,
                _ => false,
            };
            if text("name").is_some_and(is_named) {
                return true;
            }
            next = auth.get("successor");
        }
        false
    }

    /// The query of a GET goes into the body of a POST, as a form.
    pub fn posts_its_query(&self) -> bool {
        self.config.algorithm("requestTranslate").is_some_and(|a| a.starts_with("get_query_to_post_form"))
    }

    /// How lists and objects in the query are flattened, where AWS's way is meant. Its protocols have one each.
    pub fn flattens_as_aws(&self) -> Option<Style> {
        let protocol = self.document.root.pointer("/info/x-protocol").and_then(Value::as_str);
        let style = if protocol == Some("query") { Style::Members } else { Style::Dotted };
        (self.config.algorithm("queryParamTranspose") == Some("AWSCanonical")).then_some(style)
    }
}
