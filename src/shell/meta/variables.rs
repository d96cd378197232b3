//! Variables of the shell: `\set name value`, and `:name` in a statement.
//! Owns where a `:name` is a variable and what is put in its place: a whole literal or a whole name, never text pasted
//! in. Must not know statements; strings and comments are found by the scanner.

use std::collections::BTreeMap;

use crate::error::{Error, Place, Result, nearest};
use crate::sql::{self, Mark, Stretch};

/// Names with their values.
pub type Variables = BTreeMap<String, String>;

/// A text with its variables filled in.
#[derive(Debug)]
pub struct Filled {
    pub text: String,
    /// Where each literal stands in the text, where its variable stood, and the length of both.
    changes: Vec<Change>,
}

#[derive(Debug)]
struct Change {
    from: usize,
    from_length: usize,
    to: usize,
    to_length: usize,
}

impl Filled {
    /// A place in the filled text as the place in `typed`, the text that was typed.
    pub fn back(&self, place: Place, typed: &str) -> Place {
        let Some(offset) = offset(&self.text, &place) else { return place };
        let before = self.changes.iter().take_while(|change| change.to <= offset).last();
        let original = match before {
            None => offset,
            Some(change) if offset < change.to + change.to_length => change.from,
            Some(change) => offset - change.to - change.to_length + change.from + change.from_length,
        };
        match typed.is_char_boundary(original) {
            true => Place { file: place.file, ..sql::place_at(typed, original) },
            false => place,
        }
    }
}

/// The byte at a place.
fn offset(text: &str, place: &Place) -> Option<usize> {
    let line = usize::try_from(place.line).ok()?.checked_sub(1)?;
    let start = match line {
        0 => 0,
        _ => text.match_indices('\n').nth(line - 1)?.0 + 1,
    };
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let within = text[start..].char_indices().nth(column).map_or(text.len() - start, |(at, _)| at);
    Some(start + within)
}

/// How a variable is written.
enum Way {
    /// `:name`: a number where the value is one, else a string.
    Value,
    /// `:'name'`: a string, whatever it looks like.
    Text,
    /// `:"name"`: a name.
    Name,
}

/// Fills in the variables of a statement.
///
/// # Errors
/// For one that is not set, with its place.
pub fn fill(text: &str, variables: &Variables) -> Result<Filled> {
    let scan = sql::scan(text);
    let code = |stretch: &&Stretch| matches!(stretch.mark, Mark::Code | Mark::Quoted | Mark::Semicolon);
    let stretches: Vec<&Stretch> = scan.stretches.iter().filter(code).collect();
    let mut filled = Filled { text: String::with_capacity(text.len()), changes: Vec::new() };
    let mut done = 0;
    for (at, colon) in stretches.iter().enumerate() {
        let Some((way, name)) = variable(text, &stretches, at) else { continue };
        let end = stretches[at + 1].end;
        let literal = match variables.get(&name) {
            Some(value) => literal(&way, value),
            // `x[:n]` may be a slice, and the parser says what is wrong with it if it is none.
            None if at > 0 && &text[stretches[at - 1].start..colon.start] == "[" => continue,
            None => return Err(unset(&name, variables).at(sql::place_at(text, colon.start))),
        };
        filled.text.push_str(&text[done..colon.start]);
        let (from_length, to_length) = (end - colon.start, literal.len());
        filled.changes.push(Change { from: colon.start, from_length, to: filled.text.len(), to_length });
        filled.text.push_str(&literal);
        done = end;
    }
    filled.text.push_str(&text[done..]);
    Ok(filled)
}

/// The variable whose colon is the stretch `at`: a lone colon with no blank behind it, and nothing before it that it
/// could belong to, as in `x::int`, `a:b`, `f(x):b` and `[1:n]`.
fn variable(text: &str, stretches: &[&Stretch], at: usize) -> Option<(Way, String)> {
    let colon = stretches[at];
    let next = stretches.get(at + 1)?;
    if &text[colon.start..colon.end] != ":" || next.start != colon.end {
        return None;
    }
    let before = text[..colon.start].chars().next_back();
    if before.is_some_and(|c| c.is_alphanumeric() || "_$:)]}\"'".contains(c)) {
        return None;
    }
    let word = &text[next.start..next.end];
    let inside = |quote: char| word.strip_prefix(quote)?.strip_suffix(quote).filter(|name| !name.contains(quote));
    match next.mark {
        Mark::Code if word.starts_with(|c: char| c.is_alphabetic() || c == '_') => Some((Way::Value, word.to_owned())),
        Mark::Quoted => inside('"')
            .map(|name| (Way::Name, name.to_owned()))
            .or_else(|| inside('\'').map(|name| (Way::Text, name.to_owned()))),
        _ => None,
    }
}

fn literal(way: &Way, value: &str) -> String {
    match way {
        Way::Name => format!("\"{}\"", value.replace('"', "\"\"")),
        // Two minus signs would begin a comment.
        Way::Value if is_number(value) && value.starts_with('-') => format!("({value})"),
        Way::Value if is_number(value) => value.to_owned(),
        Way::Value | Way::Text => format!("'{}'", value.replace('\'', "''")),
    }
}

/// Digits beyond these are an identifier more likely than a quantity, and a number would lose them.
const MOST_DIGITS: usize = 18;

/// Whether a value is a number as JSON writes it: `007` and `1_000` are texts.
fn is_number(value: &str) -> bool {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let plain = value.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    plain && digits <= MOST_DIGITS && serde_json::from_str::<serde_json::Number>(value).is_ok()
}

fn unset(name: &str, variables: &Variables) -> Error {
    let error = Error::statement(format!("the variable `{name}` is not set"));
    match nearest(name, variables.keys().map(String::as_str)) {
        Some(near) => error.hint(format!("did you mean `:{near}`? \\set lists the variables")),
        None => error.hint(format!(
            "\\set {name} value sets it, \\gset sets variables from a result; if none was meant, put a blank after the colon"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let all =
            [("n", "5"), ("minus", "-5"), ("t", "it's"), ("id", "007"), ("big", "12345678901234567890"), ("e", "")];
        all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn filled(text: &str) -> String {
        fill(text, &variables()).unwrap().text
    }

    #[test]
    fn a_value_is_a_whole_literal_of_its_type() {
        assert_eq!(filled("SELECT :n, :t,:id , (:big), :e"), "SELECT 5, 'it''s','007' , ('12345678901234567890'), ''");
        assert_eq!(filled("SELECT 1-:minus"), "SELECT 1-(-5)");
        assert_eq!(filled("SELECT :'n' AS :\"t\""), "SELECT '5' AS \"it's\"");
        assert_eq!(filled("SELECT ARRAY[:n, :n], a=:n;"), "SELECT ARRAY[5, 5], a=5;");
    }

    #[test]
    fn what_is_no_variable_is_left_alone() {
        for text in [
            "SELECT ':n', \":n\", $$:n$$, x::int, '1'::text, (1)::n, a:b, f(x):n, x[1:n], x[a:n] -- :n",
            "SELECT 1 /* :n */ # :n",
            "SELECT a[:unset]",
            "SELECT x : n, y :: n",
            "",
        ] {
            assert_eq!(filled(text), text);
        }
    }

    #[test]
    fn one_that_is_not_set_is_an_error_with_its_place() {
        let error = fill("SELECT 1,\n :nn FROM t", &variables()).unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 2: the variable `nn` is not set");
        assert!(error.hint_text().unwrap().contains("did you mean `:n`?"));
    }

    #[test]
    fn a_value_cannot_leave_its_literal() {
        let hostile = "x'; DELETE FROM t; --";
        let all = Variables::from([("v".to_owned(), hostile.to_owned()), ("q".to_owned(), "a\"; DROP".to_owned())]);
        let text = fill("SELECT :v, :\"q\"", &all).unwrap().text;
        assert_eq!(text, "SELECT 'x''; DELETE FROM t; --', \"a\"\"; DROP\"");
        assert_eq!(sql::split(&text).unwrap().len(), 1);
    }

    #[test]
    fn places_are_those_of_what_was_typed() {
        let typed = "SELECT :t, x\nFROM :n y";
        let filled = fill(typed, &variables()).unwrap();
        let back = |line, column| {
            let place = filled.back(Place { file: None, line, column }, typed);
            (place.line, place.column)
        };
        assert_eq!(filled.text, "SELECT 'it''s', x\nFROM 5 y");
        assert_eq!(back(1, 1), (1, 1));
        assert_eq!(back(1, 9), (1, 8), "within the literal");
        assert_eq!(back(1, 17), (1, 12), "the x behind it");
        assert_eq!(back(2, 8), (2, 9), "the y in the second line");
    }
}
