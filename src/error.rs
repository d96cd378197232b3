//! What went wrong, said to a person, and the exit code that follows from it.
//! The ground: every floor may use this; it knows no floor, no DataFusion, no HTTP.
//!
//! An [`Error`] says *what* happened, *where* (a place in a statement or a document) and *what to do next*
//! (the hint). Its [`Kind`] is chosen by who must act, and decides the exit code of the program:
//!
//! | code | kind | who acts |
//! |---|---|---|
//! | 1 | [`Kind::Statement`], [`Kind::Document`] | whoever wrote the statement or the document |
//! | 2 | [`Kind::Usage`] | whoever typed the command line |
//! | 3 | [`Kind::Credentials`] | whoever holds the token |
//! | 4 | [`Kind::Api`] | the API refused; read its words |
//! | 5 | [`Kind::Network`] | network, rate limit or budget: wait, or send less |
//! | 6 | [`Kind::Partial`] | writes partly done: look at what was done |
//! | 7 | [`Kind::Assert`] | an ASSERT did not hold |
//! | 8 | [`Kind::Incomplete`] | the answer may be incomplete, under `--strict` |
//! | 130 | [`Kind::Interrupted`] | somebody pressed Ctrl-C |
//! | 143 | [`Kind::Terminated`] | somebody asked the program to end (SIGTERM) |

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// `Result` with weir's own [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who must act; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The statement is refused as it stands.
    Statement,
    /// A registry document is wrong.
    Document,
    /// The command line is wrong.
    Usage,
    /// No credentials, or the API does not accept them.
    Credentials,
    /// The API answered, and said no.
    Api,
    /// Network, rate limit, deadline or budget.
    Network,
    /// Some writes of the statement took effect, some did not.
    Partial,
    /// An ASSERT failed.
    Assert,
    /// The answer may be incomplete, and `--strict` is on.
    Incomplete,
    /// Interrupted by the user.
    Interrupted,
    /// Ended by SIGTERM.
    Terminated,
    /// A defect of weir itself, or of the engine below it.
    Internal,
}

impl Kind {
    /// The exit code of the program for an error of this kind.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Statement | Kind::Document | Kind::Internal => 1,
            Kind::Usage => 2,
            Kind::Credentials => 3,
            Kind::Api => 4,
            Kind::Network => 5,
            Kind::Partial => 6,
            Kind::Assert => 7,
            Kind::Incomplete => 8,
            Kind::Interrupted => 130,
            Kind::Terminated => 143,
        }
    }

    /// Whether somebody wants the whole run to end.
    #[must_use]
    pub fn ends_the_run(self) -> bool {
        matches!(self, Kind::Interrupted | Kind::Terminated)
    }
}

/// A place in a text: `file` is `None` for a statement given on the command line or typed in the shell.
/// `line` and `column` count from 1; columns are characters, not bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name as the user gave it.
    pub file: Option<String>,
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{file}:{}:{}", self.line, self.column),
            None => write!(f, "line {}, column {}", self.line, self.column),
        }
    }
}

/// An error in a person's words. Build one with [`Error::new`] and its short forms, then add
/// [`hint`](Error::hint), [`at`](Error::at) and [`caused_by`](Error::caused_by).
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    kind: Kind,
    message: String,
    hint: Option<String>,
    place: Option<Place>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` with one sentence that says what happened.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, message: message.into(), hint: None, place: None, source: None }))
    }

    /// The statement is refused.
    pub fn statement(message: impl Into<String>) -> Self {
        Self::new(Kind::Statement, message)
    }

    /// A registry document is wrong; `message` names file and path in it.
    pub fn document(message: impl Into<String>) -> Self {
        Self::new(Kind::Document, message)
    }

    /// What to do next. The first hint given stays.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// Where it happened. The first (innermost) place given stays.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.0.place.get_or_insert(place);
        self
    }

    /// The error underneath, for `-v` and for callers of the library.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }

    /// The same error with its texts passed through `change` (redaction uses this). The source is dropped:
    /// its text cannot be changed.
    #[must_use]
    pub fn map_text(mut self, change: impl Fn(&str) -> String) -> Self {
        self.0.message = change(&self.0.message);
        self.0.hint = self.0.hint.as_deref().map(&change);
        self.0.source = None;
        self
    }

    /// The same error without the secrets that `redactor` knows; unchanged, cause and all, where it holds none.
    #[must_use]
    pub fn redacted(self, redactor: &crate::secret::Redactor) -> Self {
        let dirty = |text: &str| redactor.clean(text) != text;
        if dirty(&self.0.message) || self.0.hint.as_deref().is_some_and(dirty) {
            return self.map_text(|text| redactor.clean(text));
        }
        self
    }

    /// The same error, its place moved by `change` (a statement's place becomes its script's).
    #[must_use]
    pub fn map_place(mut self, change: impl FnOnce(Option<Place>) -> Option<Place>) -> Self {
        self.0.place = change(self.0.place.take());
        self
    }

    /// The same error under another kind.
    #[must_use]
    pub fn with_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Who must act.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What happened, without place and hint.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do next, where there is something to say.
    #[must_use]
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Where it happened, where that is known.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }
}

/// The message alone, led by the place where one is known: `script.sql:3:8: no table named x`.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.0.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|s| s as &(dyn StdError + 'static))
    }
}

/// `1 row`, `2 rows`.
#[must_use]
pub fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The nearest of `names` to `wanted`, if near enough to be what was meant.
#[must_use]
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let limit = 1 + wanted.chars().count() / 4;
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wanted, &name.to_lowercase()), name))
        .filter(|(distance, name)| {
            *distance <= limit || (wanted.len() >= 4 && name.to_lowercase().starts_with(&wanted))
        })
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_and_hint_stay() {
        let place = |line| Place { file: None, line, column: 1 };
        let error = Error::statement("no").at(place(3)).at(place(9)).hint("a").hint("b");
        assert_eq!(error.to_string(), "line 3, column 1: no");
        assert_eq!(error.hint_text(), Some("a"));
    }

    #[test]
    fn nearest_finds_slips_and_beginnings_and_nothing_else() {
        let names = ["houseplants", "meetings", "apps"];
        assert_eq!(nearest("houseplnts", names), Some("houseplants"));
        assert_eq!(nearest("house", names), Some("houseplants"));
        assert_eq!(nearest("zones", names), None);
    }
}
