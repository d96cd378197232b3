//! What a statement still lacks, in a few grey words behind the cursor: required parameters, and what is open on a new
//! line. Pure; knows no terminal.

use super::knowledge::Knowledge;
use super::names::{lacking, named_by, routine};
use super::scope::scope;
use super::tokens::{Kind, tokens};
use super::{Around, around};
use crate::session::Column;

/// The hint for a text with the cursor at its end.
pub fn hint(text: &str, knows: &Knowledge) -> Option<String> {
    if text.trim().is_empty() || text.trim_start().starts_with('\\') {
        return None;
    }
    let (all, open) = tokens(text);
    let fresh = text.rsplit('\n').next().is_some_and(|line| line.trim().is_empty()) && text.contains('\n');
    if fresh {
        return open_in(text).map(|what| format!("  -- {what}"));
    }
    if open.is_some() || all.last().is_some_and(|t| t.kind == Kind::Semicolon) {
        return None;
    }
    let around = around(&all, text.len(), text);
    let names = missing(&around, knows);
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("  needs {one}")),
        [rest @ .., last] => Some(format!("  needs {} and {last}", rest.join(", "))),
    }
}

/// What still has to be closed, or that `;` is missing; nothing where the text is finished.
fn open_in(text: &str) -> Option<String> {
    let (all, open) = tokens(text);
    let line_of = |at: usize| text[..at].matches('\n').count() + 1;
    if let Some(at) = open {
        let rest = &text[at..];
        let what = match rest.chars().next() {
            Some('/') => "/*",
            Some('"') => "\"",
            Some('$') => &rest[..rest[1..].find('$').map_or(1, |i| i + 2)],
            _ => "'",
        };
        return Some(format!("{what} of line {} is open", line_of(at)));
    }
    let mut brackets = Vec::new();
    for token in all.iter().filter(|t| t.kind == Kind::Sign) {
        match token.text {
            "(" | "[" | "{" => brackets.push(token),
            ")" | "]" | "}" => drop(brackets.pop()),
            _ => {}
        }
    }
    if let Some(bracket) = brackets.last() {
        return Some(format!("{} of line {} is open", bracket.text, line_of(bracket.start)));
    }
    let last = all.iter().rfind(|t| t.kind != Kind::Comment)?;
    (last.kind != Kind::Semicolon).then(|| "; ends the statement".to_owned())
}

/// Names of what the statement at the cursor lacks.
fn missing(around: &Around<'_>, knows: &Knowledge) -> Vec<String> {
    let Some(first) = around.tokens.first() else { return Vec::new() };
    let given = |column: &Column| {
        around.tokens.iter().any(|t| named_by(column, t.text.trim_start_matches('@').trim_matches('"')))
    };
    if first.is_one_of(&["EXEC", "EXECUTE", "CALL"]) {
        let Some((table, routine)) = routine(around, knows) else { return Vec::new() };
        if around.tokens.iter().any(|t| t.text == "@@json") {
            return Vec::new();
        }
        let lacking = knows.lacking(table, &routine.takes, &given);
        return lacking.iter().map(|column| format!("@{}", column.name)).collect();
    }
    let at = around.tokens.last().map_or(0, super::tokens::Token::end);
    let seen = scope(&around.tokens, at);
    let verb = first.text.to_uppercase();
    if matches!(verb.as_str(), "INSERT" | "UPDATE" | "REPLACE" | "DELETE") {
        let table = seen.tables.last().and_then(|reference| knows.table(&reference.path));
        let lacking = table.map(|table| knows.missing(table, &verb, &given)).unwrap_or_default();
        return lacking.iter().map(|column| column.name.clone()).collect();
    }
    if !matches!(verb.as_str(), "SELECT" | "WITH" | "EXPLAIN" | "CREATE" | "COPY" | "ASSERT") {
        return Vec::new();
    }
    let mut names: Vec<String> =
        lacking(&seen, knows, &given).into_iter().map(|(column, _)| column.name.clone()).collect();
    names.dedup();
    names
}
