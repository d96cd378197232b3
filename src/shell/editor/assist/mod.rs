//! What helps somebody type a statement, as pure functions of the text, the cursor and a [`Knowledge`] of names:
//! completion and hints. Knows no terminal and no line editor, reads no file and sends nothing.

mod commands;
mod hints;
mod knowledge;
mod names;
mod place;
mod scope;
pub mod tokens;
mod values;
mod words;

pub use hints::hint;
pub use knowledge::{Knowledge, Service};

use place::{Place, place};
use tokens::{Kind, Token, tokens};

/// Verbs of statements that change what a condition means.
pub const CHANGES: &[&str] = &["UPDATE", "REPLACE", "DELETE"];

/// One way to go on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Candidate {
    /// What replaces the text from [`Candidates::start`] to the cursor.
    pub text: String,
    /// What is shown in the list.
    pub shown: String,
}

/// Ways to go on from the cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// The first byte that is replaced.
    pub start: usize,
    /// In the order in which they should be offered.
    pub list: Vec<Candidate>,
    /// Files may follow too: the beginning of a path, to be replaced as a whole.
    pub path: Option<String>,
}

/// A statement's tokens around the cursor, comments left out.
pub struct Around<'a> {
    /// All tokens of the statement.
    pub tokens: Vec<Token<'a>>,
    /// Those wholly before the word at the cursor.
    pub before: Vec<Token<'a>>,
    /// Parts of the name at the cursor that are finished by a dot.
    pub qualifier: Vec<String>,
    /// The part of a name that is being typed, and where it begins.
    pub prefix: &'a str,
    pub start: usize,
}

impl Around<'_> {
    /// The statement's first word, in capitals; EXPLAIN is a word before it.
    pub fn verb(&self) -> String {
        self.tokens.get(explained(&self.tokens)).map(|token| token.text.to_uppercase()).unwrap_or_default()
    }
}

/// How many words of EXPLAIN stand before a statement.
pub fn explained(tokens: &[Token<'_>]) -> usize {
    tokens.iter().take_while(|t| t.is_one_of(&["EXPLAIN", "ANALYZE", "VERBOSE"])).count()
}

/// What may stand at the cursor. At most reads memory: fast enough for every keystroke.
pub fn complete(text: &str, cursor: usize, knows: &Knowledge) -> Candidates {
    if let Some(candidates) = commands::complete(text, cursor, knows) {
        return candidates;
    }
    let (all, _) = tokens(text);
    if let Some(inside) = all.iter().find(|t| t.start < cursor && (cursor < t.end() || unclosed(t, cursor))) {
        match inside.kind {
            Kind::String => return values::in_string(&around(&all, inside.start, text), inside, cursor, knows),
            Kind::Comment => return Candidates::default(),
            _ => {}
        }
    }
    let around = around(&all, cursor, text);
    let mut list = offered(&around, knows);
    let mut seen = std::collections::HashSet::new();
    list.retain(|candidate| seen.insert(candidate.text.clone()));
    Candidates { start: around.start, list, path: None }
}

/// Whether the cursor at the end of a token is still inside it, because its end is missing.
fn unclosed(token: &Token<'_>, cursor: usize) -> bool {
    cursor == token.end()
        && match token.kind {
            Kind::String => !values::is_closed(token.text),
            Kind::Comment => !token.text.starts_with("/*") || !token.text.ends_with("*/"),
            _ => false,
        }
}

/// The statement that holds the cursor, and the name that is being typed there.
pub fn around<'a>(all: &[Token<'a>], cursor: usize, text: &'a str) -> Around<'a> {
    let from = all.iter().rposition(|t| t.kind == Kind::Semicolon && t.end() <= cursor).map_or(0, |i| i + 1);
    let to = all[from..].iter().position(|t| t.kind == Kind::Semicolon).map_or(all.len(), |i| from + i);
    let tokens: Vec<Token<'a>> = all[from..to].iter().filter(|t| t.kind != Kind::Comment).copied().collect();
    let mut count = tokens.iter().take_while(|t| t.end() < cursor || (t.end() == cursor && !typed(t))).count();
    let (prefix, start) = match tokens.get(count) {
        Some(token) if token.start < cursor && typed(token) => (&text[token.start..cursor], token.start),
        _ => ("", cursor),
    };
    let mut qualifier = Vec::new();
    // The parts of a name touch each other.
    let mut left = start;
    while !prefix.starts_with('@') && count >= 2 {
        let (name, dot) = (&tokens[count - 2], &tokens[count - 1]);
        let (true, Some(part)) = (dot.is_sign('.') && dot.end() == left && name.end() == dot.start, name.name()) else {
            break;
        };
        qualifier.insert(0, part);
        left = name.start;
        count -= 2;
    }
    Around { before: tokens[..count].to_vec(), tokens, qualifier, prefix, start }
}

/// Whether a token is a name or word that can be completed.
fn typed(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Word | Kind::Name | Kind::Parameter => true,
        Kind::Sign => token.text.starts_with('@'),
        _ => false,
    }
}

fn offered(around: &Around<'_>, knows: &Knowledge) -> Vec<Candidate> {
    let words = |words: &[&str]| names::keywords(words, around);
    match place(&around.before) {
        Place::Nothing => Vec::new(),
        Place::Words(list) => words(list),
        Place::Table => names::tables(around, knows),
        Place::Schema => names::schemas(around, knows),
        Place::Method => names::methods(around, knows),
        Place::Argument => {
            let mut found = names::arguments(around, knows);
            // Rows of a table may give what is required; but that is not what most people want next.
            if !around.prefix.is_empty() || !found.iter().any(|c| c.shown.ends_with("(required)")) {
                found.extend(words(&["FROM"]));
            }
            found
        }
        Place::Taken => names::taken(around, knows),
        Place::Choice => values::choices(around, knows),
        Place::Setting(list) => {
            let mut found = words(list);
            found.extend(names::settings(around, knows));
            found
        }
        Place::Expression { words: list, filters } => {
            let mut found = values::unquoted(around, knows);
            found.extend(names::columns(around, knows, filters));
            found.extend(names::functions(around, knows));
            found.extend(words(list));
            found
        }
    }
}

#[cfg(test)]
mod tests;
