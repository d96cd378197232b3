//! Candidates within and for string literals: the values that a column or parameter can have, and paths of files. Reads
//! tokens and a [`Knowledge`]; touches no file.

use super::names::{begins, columns_of, plain, routine};
use super::scope::{next, scope};
use super::tokens::{Kind, Token};
use super::{Around, Candidate, Candidates, Knowledge};
use crate::session::Column;

/// Whether a string has its closing quote.
pub fn is_closed(text: &str) -> bool {
    match text.find('\'') {
        Some(quote) if !text.starts_with('$') => {
            let inner = &text[quote + 1..];
            // Doubled quotes are text, so an odd number of them at the end closes.
            inner.len() - inner.trim_end_matches('\'').len() == 1
                || (inner.trim_end_matches('\'').len() + 1 < inner.len() && inner.matches('\'').count() % 2 == 1)
        }
        _ => text.len() > 2 && text.ends_with('$'),
    }
}

/// Within a string: values of the column that it is compared with, or a file's path.
pub fn in_string(around: &Around<'_>, string: &Token<'_>, cursor: usize, knows: &Knowledge) -> Candidates {
    if !string.text.starts_with('\'') {
        return Candidates::default();
    }
    let start = string.start + 1;
    let prefix = &string.text[1..cursor - string.start];
    let before: Vec<Token<'_>> = around.tokens.iter().take_while(|t| t.start < string.start).copied().collect();
    if before.last().is_some_and(|t| t.is_one_of(&["FROM", "TO", "JOIN"])) {
        return Candidates { start, list: Vec::new(), path: Some(prefix.to_owned()) };
    }
    // The closing quote comes along where there is none.
    let closed = is_closed(string.text) && cursor < string.end();
    let values = values(around, &before, knows);
    let fitting = values.into_iter().filter(|value| begins(value, prefix));
    let list = fitting
        .map(|value| {
            let text = value.replace('\'', "''");
            Candidate { text: if closed { text } else { format!("{text}'") }, shown: value }
        })
        .collect();
    Candidates { start, list, path: None }
}

/// Values in quotes where one is to come: `status = `.
pub fn unquoted(around: &Around<'_>, knows: &Knowledge) -> Vec<Candidate> {
    if !around.prefix.is_empty() || !around.qualifier.is_empty() {
        return Vec::new();
    }
    let values = values(around, &around.before, knows);
    let quoted = values.into_iter().map(|value| format!("'{}'", value.replace('\'', "''")));
    quoted.map(|text| Candidate { shown: text.clone(), text }).collect()
}

/// The words that the setting at the cursor can be.
pub fn choices(around: &Around<'_>, knows: &Knowledge) -> Vec<Candidate> {
    let fitting = choices_of(&around.before, knows).into_iter().filter(|word| begins(word, around.prefix));
    fitting.map(plain).collect()
}

/// The words of the setting in `SET name =`.
fn choices_of(before: &[Token<'_>], knows: &Knowledge) -> Vec<String> {
    let [_, name, sign] = before else { return Vec::new() };
    let fits = |known: &str| name.text.eq_ignore_ascii_case(known) && (sign.is_sign('=') || sign.is("TO"));
    let found = knows.choices.iter().find(|(known, _)| fits(known));
    found.into_iter().flat_map(|(_, words)| *words).map(|word| (*word).to_owned()).collect()
}

/// What the value behind `before` can be.
fn values(around: &Around<'_>, before: &[Token<'_>], knows: &Knowledge) -> Vec<String> {
    let Some(last) = before.last() else { return Vec::new() };
    if before[0].is("SET") {
        return choices_of(before, knows);
    }
    if last.is_sign('=') || last.is_sign('>') || last.is_sign('!') {
        let Some(at) = before.iter().rposition(|t| !"=<>!".contains(t.text)) else { return Vec::new() };
        if before[at].kind == Kind::Parameter {
            return argument(around, &before[at], knows);
        }
        return of_column(around, &before[..=at], knows);
    }
    match opened(before) {
        Some(open) if before[..open].last().is_some_and(|t| t.is("IN")) => {
            let end = before[..open - 1].iter().rposition(|t| !t.is("NOT")).map_or(0, |i| i + 1);
            of_column(around, &before[..end], knows)
        }
        Some(open) => inserted(around, before, open, knows),
        None => Vec::new(),
    }
}

/// The innermost bracket that is not closed.
fn opened(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    tokens.iter().enumerate().rev().find_map(|(i, token)| {
        if token.is_sign(')') {
            depth += 1;
        } else if token.is_sign('(') {
            if depth == 0 {
                return Some(i);
            }
            depth -= 1;
        }
        None
    })
}

/// Values of the column whose name ends `tokens`.
fn of_column(around: &Around<'_>, tokens: &[Token<'_>], knows: &Knowledge) -> Vec<String> {
    let Some(name) = tokens.last().and_then(Token::name) else { return Vec::new() };
    let table = match tokens {
        [.., table, dot, _] if dot.is_sign('.') => table.name(),
        _ => None,
    };
    let fits = |column: &Column| column.name.eq_ignore_ascii_case(&name) || column.wire == name;
    let at = tokens.last().map_or(0, Token::end);
    let seen = scope(&around.tokens, at);
    for reference in &seen.tables {
        let own_name = reference.alias.as_ref().or(reference.path.last());
        if table.as_ref().is_some_and(|t| own_name.is_none_or(|own| !own.eq_ignore_ascii_case(t))) {
            continue;
        }
        let columns = columns_of(reference, &seen, knows);
        let taken = knows.table(&reference.path).into_iter().flat_map(|t| &t.methods).flat_map(|m| &m.takes);
        if let Some(found) = columns.iter().chain(taken).find(|c| fits(c) && !c.values.is_empty()) {
            return found.values.clone();
        }
    }
    Vec::new()
}

/// Values of an argument of EXEC.
fn argument(around: &Around<'_>, name: &Token<'_>, knows: &Knowledge) -> Vec<String> {
    let name = name.text.trim_start_matches('@');
    let found = routine(around, knows).and_then(|(_, r)| r.takes.iter().find(|c| c.name == name || c.wire == name));
    found.map(|column| column.values.clone()).unwrap_or_default()
}

/// Values at a place of VALUES: those of the column at the same place of the list before it.
fn inserted(around: &Around<'_>, before: &[Token<'_>], open: usize, knows: &Knowledge) -> Vec<String> {
    let Some(list) = before.iter().position(|t| t.is_sign('(')).filter(|list| *list < open) else { return Vec::new() };
    if !before[list..open].iter().any(|t| t.is("VALUES")) || !before[0].is("INSERT") {
        return Vec::new();
    }
    let (mut place, mut i) = (0, open + 1);
    while i < before.len() {
        place += usize::from(before[i].is_sign(','));
        i = next(before, i, before.len());
    }
    let column = before[list + 1..].iter().take_while(|t| !t.is_sign(')')).filter(|t| !t.is_sign(',')).nth(place);
    let at = column.and_then(|column| before.iter().position(|t| t.start == column.start));
    at.map(|at| of_column(around, &before[..=at], knows)).unwrap_or_default()
}
