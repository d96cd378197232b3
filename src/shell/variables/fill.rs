//! `:name` in a statement: where it is a variable, and what is put in its place.
//! Must not know statements; strings and comments are found by the scanner.

use serde_json::Value as Json;

use super::{Value, Variables, unset};
use crate::error::{Error, Place, Result, nearest};
use crate::sql::{self, Mark, Stretch};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `:name`: a literal of the value's type.
    Value,
    /// `:'name'`: a string, whatever it looks like.
    Text,
    /// `:"name"`: a name.
    Name,
}

/// A variable that a text names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    pub name: String,
    /// Where, in the text.
    pub place: Place,
}

/// One use of a variable in a text.
struct Use<'a> {
    way: Way,
    name: &'a str,
    /// From its colon to the end of its name, in bytes.
    start: usize,
    end: usize,
    /// The stretch behind its name.
    next: usize,
    /// `[` stands before it, where `x[:n]` may be a slice.
    slice: bool,
}

/// The stretches of a text that are no comments.
fn code(text: &str) -> Vec<Stretch> {
    sql::scan(text).stretches.into_iter().filter(|stretch| stretch.mark != Mark::Comment).collect()
}

fn uses<'a>(text: &'a str, stretches: &[Stretch]) -> Vec<Use<'a>> {
    let each = stretches.iter().enumerate().filter_map(|(at, colon)| {
        let (way, name) = variable(text, stretches, at)?;
        let slice = at > 0 && is(text, &stretches[at - 1], "[");
        Some(Use { way, name, start: colon.start, end: stretches[at + 1].end, next: at + 2, slice })
    });
    each.collect()
}

/// The variables that a text names, in their order.
pub fn mentions(text: &str) -> Vec<Mention> {
    let stretches = code(text);
    let uses = uses(text, &stretches);
    let mention = |u: &Use<'_>| Mention { name: u.name.to_owned(), place: sql::place_at(text, u.start) };
    uses.iter().filter(|u| !u.slice).map(mention).collect()
}

/// Fills in the variables of a statement.
///
/// # Errors
/// For one that is not set or cannot stand where it does, with its place.
pub fn fill(text: &str, variables: &Variables) -> Result<Filled> {
    let stretches = code(text);
    let mut filled = Filled::empty();
    let mut done = 0;
    for found in uses(text, &stretches) {
        let here = |error: Error| error.at(sql::place_at(text, found.start));
        let value = match variables.get(found.name) {
            Some(value) => value,
            // The parser says what is wrong with it if it is no slice.
            None if found.slice => continue,
            None => return Err(here(unset(found.name, variables.keys().map(String::as_str)))),
        };
        let (value, end) = member(text, &stretches, (&found, value)).map_err(here)?;
        let around = Around::of(text, &stretches, &found);
        let literal = literal(found.way, (found.name, &value), around).map_err(here)?;
        filled.put(&text[done..found.start], (found.start, end - found.start), &literal);
        done = end;
    }
    filled.text.push_str(&text[done..]);
    Ok(filled)
}

impl Filled {
    /// What is filled into nothing yet.
    pub(super) fn empty() -> Filled {
        Filled { text: String::new(), changes: Vec::new() }
    }

    /// Adds what stands before a change, and the change: `replaced` is where it began and how long it was.
    pub(super) fn put(&mut self, before: &str, replaced: (usize, usize), literal: &str) {
        self.text.push_str(before);
        let (from, from_length) = replaced;
        self.changes.push(Change { from, from_length, to: self.text.len(), to_length: literal.len() });
        self.text.push_str(literal);
    }
}

fn is(text: &str, stretch: &Stretch, word: &str) -> bool {
    text[stretch.start..stretch.end].eq_ignore_ascii_case(word)
}

/// The variable whose colon is the stretch `at`: a lone colon with no blank behind it, and nothing before it that it
/// could belong to, as in `x::int`, `a:b`, `f(x):b` and `[1:n]`.
fn variable<'a>(text: &'a str, stretches: &[Stretch], at: usize) -> Option<(Way, &'a str)> {
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
        Mark::Code if word.starts_with(|c: char| c.is_alphabetic() || c == '_') => Some((Way::Value, word)),
        Mark::Quoted => {
            inside('"').map(|name| (Way::Name, name)).or_else(|| inside('\'').map(|name| (Way::Text, name)))
        }
        _ => None,
    }
}

/// `:name.member` of an object, and where that ends. Behind anything else a dot is SQL's.
fn member(text: &str, stretches: &[Stretch], (found, value): (&Use<'_>, &Value)) -> Result<(Value, usize)> {
    let (mut value, mut end, mut path) = (value.clone(), found.end, found.name.to_owned());
    let mut rest = stretches.get(found.next..).unwrap_or_default();
    while let [dot, word, ..] = rest
        && value.is_object()
        && found.way == Way::Value
        && dot.start == end
        && is(text, dot, ".")
        && word.start == dot.end
        && word.mark == Mark::Code
    {
        let name = &text[word.start..word.end];
        let lacking = || {
            let error = Error::statement(format!("the variable `{path}` has no member `{name}`"));
            match nearest(name, value.members()) {
                Some(near) => error.hint(format!("did you mean `:{path}.{near}`?")),
                None => error.hint(format!("it has {}", value.members().collect::<Vec<_>>().join(", "))),
            }
        };
        value = value.member(name).ok_or_else(lacking)?;
        (end, path, rest) = (word.end, format!("{path}.{name}"), &rest[2..]);
    }
    Ok((value, end))
}

/// Where a list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    /// `IN :list`: it brings its brackets.
    Open,
    /// `IN (:list)`, `IN (1, :list)`, `ARRAY[:list]`: the brackets are there.
    Bracketed,
    Elsewhere,
}

impl Around {
    fn of(text: &str, stretches: &[Stretch], found: &Use<'_>) -> Around {
        let before = &stretches[..found.next - 2];
        if before.last().is_some_and(|last| is(text, last, "IN")) {
            return Around::Open;
        }
        // Back to the bracket that is open here.
        let mut depth = 0_usize;
        for (at, stretch) in before.iter().enumerate().rev().filter(|(_, s)| s.mark == Mark::Code) {
            match &text[stretch.start..stretch.end] {
                ")" | "]" => depth += 1,
                "(" | "[" if depth > 0 => depth -= 1,
                "[" => return Around::Bracketed,
                "(" if at > 0 && is(text, &before[at - 1], "IN") => return Around::Bracketed,
                "(" => return Around::Elsewhere,
                _ => {}
            }
        }
        Around::Elsewhere
    }
}

fn literal(way: Way, (name, value): (&str, &Value), around: Around) -> Result<String> {
    match way {
        Way::Text => Ok(value.words().map_or_else(|| "NULL".to_owned(), |text| string(&text))),
        Way::Name => match (&value.json, value.words()) {
            (Json::Array(_) | Json::Object(_), _) | (_, None) => {
                Err(Error::statement(format!("the variable `{name}` is no name: it is {}", kind(&value.json))))
            }
            (_, Some(text)) if text.is_empty() => {
                Err(Error::statement(format!("the variable `{name}` is empty, and a name is not")))
            }
            (_, Some(text)) => Ok(format!("\"{}\"", text.replace('"', "\"\""))),
        },
        Way::Value => match &value.json {
            Json::Array(items) => list(name, items, around),
            _ => Ok(scalar(value)),
        },
    }
}

fn list(name: &str, items: &[Json], around: Around) -> Result<String> {
    if items.is_empty() {
        return Err(Error::statement(format!("the variable `{name}` is an empty list, and SQL has none"))
            .hint("leave the statement out where there is nothing to name: \\if"));
    }
    let items: Vec<String> = items.iter().map(|item| scalar(&Value::json(item.clone()))).collect();
    let items = items.join(", ");
    match around {
        Around::Open => Ok(format!("({items})")),
        Around::Bracketed => Ok(items),
        Around::Elsewhere => Err(Error::statement(format!("the variable `{name}` is a list, which cannot stand here"))
            .hint(format!("IN :{name} and ARRAY[:{name}] take a list; :'{name}' is its JSON text"))),
    }
}

/// A literal; a list within a list is its JSON text.
fn scalar(value: &Value) -> String {
    match (&value.json, value.words()) {
        (Json::Null, _) | (_, None) => "NULL".to_owned(),
        // Two minus signs would begin a comment.
        (Json::Number(_), Some(number)) if number.starts_with('-') => format!("({number})"),
        (Json::Number(_) | Json::Bool(_), Some(word)) => word,
        (_, Some(text)) => string(&text),
    }
}

/// A string literal. One that looks like a placeholder which nobody filled in is written so that it does not.
fn string(text: &str) -> String {
    let trimmed = text.trim();
    match trimmed.starts_with("{{") && trimmed.ends_with("}}") {
        true => format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''")),
        false => format!("'{}'", text.replace('\'', "''")),
    }
}

/// A value's kind in words.
pub(super) fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "NULL",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::dice::Dice;

    fn variables() -> Variables {
        let all = [
            ("n", "5"),
            ("minus", "-5"),
            ("t", "it's"),
            ("id", "007"),
            ("big", "12345678901234567890"),
            ("e", ""),
            ("yes", "true"),
            ("none", "null"),
            ("five", "\"5\""),
            ("ids", "[\"a\",\"b'\",3,null]"),
            ("nothing", "[]"),
            ("site", "{\"zone\":{\"id\":\"z'1\",\"ttl\":60},\"on\":true}"),
        ];
        all.into_iter().map(|(name, value)| (name.to_owned(), Value::typed(value))).collect()
    }

    fn filled(text: &str) -> String {
        fill(text, &variables()).unwrap().text
    }

    fn refused(text: &str) -> String {
        fill(text, &variables()).unwrap_err().to_string()
    }

    #[test]
    fn a_value_is_a_whole_literal_of_its_type() {
        assert_eq!(filled("SELECT :n, :t,:id , (:big), :e"), "SELECT 5, 'it''s','007' , ('12345678901234567890'), ''");
        assert_eq!(filled("SELECT 1-:minus"), "SELECT 1-(-5)");
        assert_eq!(filled("SELECT :'n' AS :\"t\""), "SELECT '5' AS \"it's\"");
        assert_eq!(filled("SELECT ARRAY[:n, :n], a=:n;"), "SELECT ARRAY[5, 5], a=5;");
        assert_eq!(filled("SELECT :yes, :none, :five, :'none', :'yes'"), "SELECT true, NULL, '5', 'null', 'true'");
    }

    #[test]
    fn a_list_stands_behind_in_and_in_brackets() {
        assert_eq!(filled("a IN :ids"), "a IN ('a', 'b''', 3, NULL)");
        assert_eq!(filled("a NOT IN ( :ids )"), "a NOT IN ( 'a', 'b''', 3, NULL )");
        assert_eq!(filled("a in (f(1), :ids)"), "a in (f(1), 'a', 'b''', 3, NULL)");
        assert_eq!(filled("ARRAY[:ids]"), "ARRAY['a', 'b''', 3, NULL]");
        assert_eq!(filled("SELECT :'ids'"), "SELECT '[\"a\",\"b''\",3,null]'");
        assert!(refused("SELECT :ids").contains("a list, which cannot stand here"));
        assert!(refused("SELECT f(:ids)").contains("a list"));
        assert!(refused("a IN :nothing").contains("an empty list"));
    }

    #[test]
    fn a_dot_leads_into_an_object_and_is_sqls_otherwise() {
        assert_eq!(filled("SELECT :site.zone.id, :site.zone.ttl"), "SELECT 'z''1', 60");
        assert_eq!(filled("SELECT :site.zone"), "SELECT '{\"id\":\"z''1\",\"ttl\":60}'");
        assert_eq!(filled("SELECT * FROM :\"t\".x"), "SELECT * FROM \"it's\".x");
        assert!(refused("SELECT :site.zome").contains("has no member `zome`"));
        let error = fill("SELECT :site.zone.tll", &variables()).unwrap_err();
        assert_eq!(error.hint_text(), Some("did you mean `:site.zone.ttl`?"));
    }

    #[test]
    fn a_name_is_one_name() {
        let all = Variables::from([("q".to_owned(), Value::text("a.\"b"))]);
        assert_eq!(fill("SELECT * FROM :\"q\"", &all).unwrap().text, "SELECT * FROM \"a.\"\"b\"");
        assert!(refused("SELECT :\"e\"").contains("is empty"));
        assert!(refused("SELECT :\"ids\"").contains("is no name: it is a list"));
    }

    #[test]
    fn what_is_no_variable_is_left_alone() {
        for text in [
            "SELECT ':n', \":n\", $$:n$$, x::int, '1'::text, (1)::n, a:b, f(x):n, x[1:n], x[a:n] -- :n",
            "SELECT 1 /* :n */ # :n",
            "SELECT a[:unset]",
            "SELECT x : n, y :: n, '10:30', TIMESTAMP '2026-01-01 10:n'",
            "",
        ] {
            assert_eq!(filled(text), text);
            assert_eq!(mentions(text), []);
        }
    }

    #[test]
    fn one_that_is_not_set_is_an_error_with_its_place() {
        let error = fill("SELECT 1,\n :nn FROM t", &variables()).unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 2: the variable `nn` is not set");
        assert!(error.hint_text().unwrap().contains("did you mean `:n`?"));
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

    /// What stands second in a SELECT of three things from one table without a condition.
    fn second(text: &str) -> sqlparser::ast::Expr {
        assert_eq!(sql::split(text).unwrap().len(), 1, "{text:?}");
        let sql::Statement::Query(query) = sql::parse(text).unwrap_or_else(|e| panic!("{text:?}: {e}")) else {
            panic!("{text:?}")
        };
        let sqlparser::ast::SetExpr::Select(select) = *query.body else { panic!("{text:?}") };
        assert_eq!((select.projection.len(), select.from.len(), &select.selection), (3, 1, &None), "{text:?}");
        match &select.projection[1] {
            sqlparser::ast::SelectItem::UnnamedExpr(expr) => expr.clone(),
            other => panic!("{text:?}: {other}"),
        }
    }

    /// Whatever a value holds, the statement has one literal more and nothing else, and that is what was given.
    #[test]
    fn a_value_cannot_leave_its_literal() {
        const PARTS: &[&str] = &[
            "'",
            "''",
            "\"",
            "\\",
            "\\'",
            "\0",
            "\n",
            "\r",
            ";",
            "--",
            "/*",
            "*/",
            "{{",
            "}}",
            " x ",
            ":n",
            "$$",
            "#",
            "E'",
            "DELETE FROM t",
            "\u{fc}",
            "5",
            "null",
            "[",
            "(",
            ")",
            "u&'",
            "\u{2019}",
        ];
        let mut dice = Dice::new();
        for _ in 0..3_000 {
            let value = dice.text(PARTS, 5);
            let all = Variables::from([("v".to_owned(), Value::text(&value))]);
            for way in [":v", ":'v'"] {
                let text = fill(&format!("SELECT a, {way}, b FROM t"), &all).unwrap().text;
                let sqlparser::ast::Expr::Value(literal) = second(&text) else { panic!("{text:?}") };
                assert_eq!(literal.value.into_string().as_ref(), Some(&value), "{text:?}");
            }
            if !value.is_empty() {
                let text = fill("SELECT a, :\"v\", b FROM t", &all).unwrap().text;
                let sqlparser::ast::Expr::Identifier(ident) = second(&text) else { panic!("{text:?}") };
                assert_eq!(ident.value, value, "{text:?}");
            }
        }
    }
}
