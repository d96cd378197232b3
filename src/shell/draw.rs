//! An error drawn into the statement it belongs to: the line, the place underlined, and what to do. Pure text; whether
//! somebody looks at a terminal is the caller's to say.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::editor::assist::tokens::{Kind as Token, tokens};
use crate::error::{Error, Kind, Place};

/// How talk looks on the terminal it goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub colour: bool,
    /// Columns of the terminal.
    pub width: usize,
}

/// The text that an error belongs to, and its name.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub text: &'a str,
    pub file: Option<&'a str>,
}

/// Words that begin a statement. An error that has no place of its own is given that of its statement.
const BEGINNINGS: &[&str] = &[
    "SELECT", "INSERT", "UPDATE", "REPLACE", "DELETE", "EXEC", "EXECUTE", "CALL", "WITH", "SHOW", "DESCRIBE", "DESC",
    "EXPLAIN", "USE", "SET", "RESET", "ASSERT", "COPY", "CREATE", "DROP", "VALUES",
];

/// The error with its line, or none where there is no line to show that says more than the message.
pub fn draw(error: &Error, source: Source<'_>, look: Look) -> Option<String> {
    let place = error.place().filter(|place| place.file.is_none() || place.file.as_deref() == source.file)?;
    let span = span(source, place, error.kind())?;
    let mut snippet = Snippet::source(source.text).annotation(AnnotationKind::Primary.span(span));
    if let Some(file) = source.file {
        snippet = snippet.path(file);
    }
    let mut report = Level::ERROR.primary_title(error.message()).element(snippet);
    if let Some(hint) = error.hint_text() {
        report = report.element(Level::HELP.with_name("hint").message(hint));
    }
    let renderer = if look.colour { Renderer::styled() } else { Renderer::plain() };
    Some(renderer.term_width(look.width.max(40)).render(&[report]))
}

/// Whether an error's place is only that of its statement, and there is but one: then it tells nothing.
pub fn says_nothing(error: &Error, source: Source<'_>) -> bool {
    error.place().is_some_and(|place| place.file.is_none() && span(source, place, error.kind()).is_none())
}

/// The bytes to underline.
fn span(source: Source<'_>, place: &Place, kind: Kind) -> Option<Range<usize>> {
    let start = offset(source.text, place)?;
    let (all, _) = tokens(source.text);
    let at = all.iter().position(|t| t.start <= start && start < t.end());
    let Some(at) = at else {
        // At the end: behind the last thing that was said.
        let last = all.iter().rfind(|t| t.end() <= start && t.kind != Token::Comment)?;
        return Some(last.end()..last.end());
    };
    let token = &all[at];
    let statements = all.iter().filter(|t| t.kind == Token::Semicolon).count();
    let ends_with_one = all.iter().rfind(|t| t.kind != Token::Comment).is_some_and(|t| t.kind == Token::Semicolon);
    let one = statements == 0 || (statements == 1 && ends_with_one);
    let begins = all[..at].iter().all(|t| t.kind == Token::Comment) && token.is_one_of(BEGINNINGS);
    if one && (begins || kind != Kind::Statement) {
        return None;
    }
    // A long string is not all wrong, and one line is enough.
    let line = source.text[start..token.end()].find('\n').map_or(token.end(), |at| start + at);
    Some(start..line)
}

/// The byte where a place is.
fn offset(text: &str, place: &Place) -> Option<usize> {
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let mut begin = 0;
    for _ in 0..line {
        begin += text[begin..].find('\n')? + 1;
    }
    let rest = &text[begin..];
    Some(begin + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, line: u64, column: u64) -> String {
        let error = Error::statement("there is no column `nam`")
            .at(Place { file: None, line, column })
            .hint("did you mean `name`?");
        draw(&error, Source { text, file: None }, Look { colour: false, width: 80 }).unwrap_or_default()
    }

    /// The line that is underlined, up to the mark, must be as wide as the mark is far in.
    #[test]
    fn the_mark_stands_under_the_name() {
        let text = drawn("SELECT a,\n  nam FROM t;", 2, 3);
        assert!(text.starts_with("error: there is no column `nam`\n"), "{text}");
        assert!(text.contains("2 |   nam FROM t;\n  |   ^^^"), "{text}");
        assert!(text.ends_with("= hint: did you mean `name`?"), "{text}");
    }

    #[test]
    fn wide_characters_and_tabs_move_the_mark() {
        let text = drawn("SELECT '日本', nam;", 1, 14);
        assert!(text.contains("1 | SELECT '日本', nam;\n  |                ^^^"), "{text}");
        let text = drawn("SELECT\tnam;", 1, 8);
        assert!(text.contains("1 | SELECT    nam;\n  |           ^^^"), "{text}");
    }

    #[test]
    fn the_end_can_be_the_place() {
        let text = drawn("SELECT a FROM\n", 1, 14);
        assert!(text.contains("1 | SELECT a FROM\n  |              ^"), "{text}");
    }

    #[test]
    fn a_place_that_is_only_the_statement_is_not_drawn() {
        assert_eq!(drawn("SELECT nam FROM t;", 1, 1), "");
        assert!(drawn("SELECT 1; SELECT nam;", 1, 11).contains("^^^^^^"));
        let error = Error::statement("no").at(Place { file: Some("registry/x.yaml".into()), line: 1, column: 1 });
        assert!(draw(&error, Source { text: "SELECT 1", file: None }, Look { colour: false, width: 80 }).is_none());
    }
}
