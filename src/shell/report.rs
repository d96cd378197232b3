//! All talk goes to standard error: errors with place and hint, warnings, what a statement cost.
//! Data never does.

use std::io::Write;

use super::draw::{self, Look, Source};
use crate::error::Error;
use crate::output::escaped;
use crate::secret::Redactor;
use crate::session::Record;

/// Says something, secrets masked.
#[derive(Debug, Clone)]
pub struct Report {
    redactor: Redactor,
    /// How errors are drawn; none where nobody looks at a terminal.
    look: Option<Look>,
    /// Say nothing of what went as it should.
    quiet: bool,
}

impl Report {
    pub fn new(redactor: Redactor) -> Report {
        Report { redactor, look: None, quiet: false }
    }

    /// From now on errors are drawn into their statement.
    pub fn looking(self, look: Option<Look>) -> Report {
        Report { look, ..self }
    }

    /// From now on only errors, warnings and what was asked for are said.
    pub fn quiet(self, quiet: bool) -> Report {
        Report { quiet, ..self }
    }

    /// An error of a text. On a terminal with the line it is about, elsewhere as [`Report::error`] has it.
    pub fn error_in(&self, error: &Error, source: Source<'_>) {
        let Some(look) = self.look else { return self.error(error) };
        // Masking would move what is underlined; a text that holds a secret is not shown.
        if self.redactor.clean(source.text) == source.text
            && let Some(drawn) = draw::draw(error, source, look)
        {
            return self.line(&drawn);
        }
        if draw::says_nothing(error, source) {
            return self.error(&error.clone().map_place(|_| None));
        }
        self.error(error);
    }

    /// `error: file:line:column: what` and, on a line of its own, `hint: what to do`.
    pub fn error(&self, error: &Error) {
        self.line(&harmless(&format!("error: {error}")));
        if let Some(hint) = error.hint_text() {
            self.line(&harmless(&format!("hint: {hint}")));
        }
    }

    pub fn warning(&self, text: &str) {
        self.line(&harmless(&format!("warning: {text}")));
    }

    pub fn note(&self, text: &str) {
        self.done(&format!("note: {text}"));
    }

    /// What happened, for a statement that has no rows.
    pub fn done(&self, text: &str) {
        if !self.quiet {
            self.line(&harmless(text));
        }
    }

    /// One request, as `-v` lists it.
    pub fn request(&self, record: &Record) {
        let outcome = match (&record.status, &record.error) {
            (_, Some(error)) => error.clone(),
            (Some(status), None) => status.to_string(),
            (None, None) => "no answer".to_owned(),
        };
        let attempts = if record.attempts > 1 { format!(", {} attempts", record.attempts) } else { String::new() };
        let millis = record.taken.as_millis();
        self.line(&format!(
            "  {} {}: {outcome}, {} B, {millis} ms{attempts}",
            record.verb.as_str(),
            record.url,
            record.bytes
        ));
    }

    /// `text` with its secrets masked.
    pub fn cleaned(&self, text: &str) -> String {
        self.redactor.clean(text)
    }

    /// A closed standard error is nothing to fail for.
    pub fn line(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{}", self.redactor.clean(text));
    }
}

/// Words of an API, a file or a statement, with nothing in them that could drive the terminal. Lines stay lines.
fn harmless(text: &str) -> String {
    text.split('\n').map(escaped).collect::<Vec<_>>().join("\n")
}
