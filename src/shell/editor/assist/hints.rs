//! What a statement still lacks, in a few grey words behind the cursor: required parameters, and what is open on a new
//! line. Pure; knows no terminal.

use super::knowledge::Knowledge;
use super::names::{columns_of, lacking, named_by, routine};
use super::scope::{Scope, scope};
use super::tokens::{Kind, tokens};
use super::{Around, CHANGES, around};
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
    let given = |column: &Column| {
        around.tokens.iter().any(|t| named_by(column, t.text.trim_start_matches('@').trim_matches('"')))
    };
    let at = around.tokens.last().map_or(0, super::tokens::Token::end);
    let seen = scope(&around.tokens, at);
    let read = || {
        let lacking = lacking(&seen, knows, &given);
        let mut names: Vec<String> = lacking.into_iter().map(|(column, _)| column.name.clone()).collect();
        names.dedup();
        names
    };
    let verb = around.verb();
    match verb.as_str() {
        "EXEC" | "EXECUTE" | "CALL" => called(around, &seen, knows, &given).unwrap_or_else(read),
        // A condition on anything but what names a row is looked up first.
        verb if CHANGES.contains(&verb) && has_condition(around) && !names_the_row(around, &seen, knows) => read(),
        "INSERT" | "UPDATE" | "REPLACE" | "DELETE" => {
            let target = if verb == "INSERT" { seen.tables.last() } else { seen.tables.first() };
            let table = target.and_then(|reference| knows.table(&reference.path));
            let lacking = table.map(|table| knows.missing(table, &verb, &given)).unwrap_or_default();
            lacking.iter().map(|column| column.name.clone()).collect()
        }
        "SELECT" | "WITH" | "CREATE" | "COPY" | "ASSERT" => read(),
        _ => Vec::new(),
    }
}

/// What an EXEC lacks; None where its FROM gives it.
fn called(
    around: &Around<'_>,
    seen: &Scope,
    knows: &Knowledge,
    given: &dyn Fn(&Column) -> bool,
) -> Option<Vec<String>> {
    let Some((table, routine)) = routine(around, knows) else { return Some(Vec::new()) };
    if around.tokens.iter().any(|t| t.text == "@@json") && seen.tables.is_empty() {
        return Some(Vec::new());
    }
    let columns: Vec<Column> = seen.tables.iter().flat_map(|reference| columns_of(reference, seen, knows)).collect();
    // What a query's text does not tell may be anything.
    let dim = seen.tables.iter().any(|reference| columns_of(reference, seen, knows).is_empty());
    let comes = |column: &Column| dim || columns.iter().any(|c| named_by(column, &c.name));
    let lacking = knows.lacking(table, &routine.takes, given).into_iter().filter(|column| !comes(column));
    let names: Vec<String> = lacking.map(|column| format!("@{}", column.name)).collect();
    (!names.is_empty() || seen.tables.is_empty()).then_some(names)
}

/// Whether something stands behind WHERE.
fn has_condition(around: &Around<'_>) -> bool {
    let at = around.tokens.iter().position(|t| t.is("WHERE"));
    at.is_some_and(|at| around.tokens.len() > at + 1)
}

/// Whether the condition says one of the values that name a row of the table that is changed.
fn names_the_row(around: &Around<'_>, seen: &Scope, knows: &Knowledge) -> bool {
    let Some(table) = seen.tables.first().and_then(|reference| knows.table(&reference.path)) else { return false };
    let all = knows.missing(table, &around.verb(), &|_| false);
    let said = around.tokens.iter().skip_while(|t| !t.is("WHERE")).filter_map(super::tokens::Token::name);
    let read = knows.missing(table, "SELECT", &|_| false);
    let keys: Vec<&Column> = all.into_iter().filter(|c| !c.in_body && !read.iter().any(|r| r.name == c.name)).collect();
    said.into_iter().any(|name| keys.iter().any(|key| named_by(key, &name)))
}
