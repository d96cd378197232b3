//! Go's `text/template`, as far as provider documents use it: a template's text becomes a [`Template`], which makes a text
//! of a JSON value. Owns the language and its functions; knows nothing of requests, answers or documents.
//!
//! It does what Go does, to the byte, with one exception: an integer that a double cannot hold is written in full. A
//! document may be hostile or wrong, so depth, steps and size are bounded.

mod call;
mod compare;
mod format;
mod lex;
mod number;
mod parse;
mod run;
mod text;
mod tree;
mod value;

use self::tree::{Node, Parts};
use crate::error::{Error, Kind, Result};

/// A template, parsed.
#[derive(Debug, Clone)]
pub struct Template {
    source: String,
    body: Vec<Node>,
    named: Parts,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`Kind::Document`] with line and column within the template where it is none.
    pub fn parse(source: &str) -> Result<Template> {
        let (body, named) = parse::parse(source).map_err(|fault| fault.error(source, Kind::Document))?;
        Ok(Template { source: source.to_owned(), body, named })
    }

    /// The text that the template makes of `input`. An input that is text (for templates over raw text) is a JSON string.
    ///
    /// # Errors
    /// [`Kind::Api`] with line and column within the template where it cannot go on, as Go's could not: the answer is not
    /// what the template is written for.
    pub fn render(&self, input: &serde_json::Value) -> Result<String> {
        run::run(self, &value::Value::from(input)).map_err(|fault| fault.error(&self.source, Kind::Api))
    }
}

/// What is wrong at a place of the template.
#[derive(Debug)]
struct Fault {
    at: usize,
    what: String,
}

impl Fault {
    fn new(at: usize, what: impl Into<String>) -> Fault {
        Fault { at, what: what.into() }
    }

    fn error(&self, source: &str, kind: Kind) -> Error {
        let before = source.get(..self.at).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Error::new(kind, format!("template, line {line}, column {column}: {}", self.what))
    }
}

#[cfg(test)]
mod tests;
