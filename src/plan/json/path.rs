//! Paths into JSON as `SQLite` and `MySQL` write them: `$.a."b c"[0][#-1]`. Owns how they are read and where they
//! lead. Knows no Arrow and no DataFusion.

use std::ops::Range;

use super::document::{Entry, entries, unquoted};
use crate::error::{Error, Result};

/// More steps than this are no path that somebody means.
const LONGEST: usize = 1_000;

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To the first member of this name.
    Key(String),
    /// To an item, from 0.
    Index(usize),
    /// To an item counted from the end: 1 is the last, 0 the place behind it.
    FromEnd(usize),
}

/// A path that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(pub Vec<Step>);

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A value, and the entry that it is of the container around it (None for the whole document).
    Found { value: Range<usize>, within: Option<Range<usize>> },
    /// Nothing: the innermost value on the way there, and the number of the step that is missing in it.
    Missing { last: Range<usize>, step: usize },
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// When it is none, with what is wrong and how paths are written.
    pub fn parse(text: &str) -> Result<Path> {
        let Some(mut rest) = text.strip_prefix('$') else {
            return Err(wrong(text, "it does not begin with $"));
        };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = match rest.as_bytes()[0] {
                b'.' => key(&rest[1..]),
                b'[' => bracket(&rest[1..]),
                _ => Err("a step begins with a dot or a bracket"),
            }
            .map_err(|why| wrong(text, why))?;
            steps.push(step);
            rest = after;
            if steps.len() > LONGEST {
                return Err(wrong("$...", "it has more than a thousand steps"));
            }
        }
        Ok(Path(steps))
    }

    /// Walks down `json`, which must be valid.
    #[must_use]
    pub fn find(&self, json: &str) -> Target {
        let (mut value, mut within) = (0..json.len(), None);
        for (number, step) in self.0.iter().enumerate() {
            let Some(entry) = step.of(json, value.clone()) else {
                return Target::Missing { last: value, step: number };
            };
            within = Some(value);
            value = entry.value;
        }
        Target::Found { value, within }
    }

    /// The value that the path leads to in `json`.
    #[must_use]
    pub fn get<'a>(&self, json: &'a str) -> Option<&'a str> {
        match self.find(json) {
            Target::Found { value, .. } => Some(&json[value]),
            Target::Missing { .. } => None,
        }
    }
}

impl Step {
    /// The entry of the value at `container` that the step leads to.
    pub fn of(&self, json: &str, container: Range<usize>) -> Option<Entry> {
        let is_array = json.as_bytes().get(container.start) == Some(&b'[');
        let mut all = entries(json, container);
        match self {
            Step::Key(name) => all.find(|e| e.key.clone().is_some_and(|k| unquoted(&json[k]) == name.as_str())),
            Step::Index(index) => is_array.then(|| all.nth(*index)).flatten(),
            Step::FromEnd(back) => {
                let count = if is_array { all.clone().count() } else { 0 };
                (*back > 0).then(|| count.checked_sub(*back)).flatten().and_then(|index| all.nth(index))
            }
        }
    }
}

type Read<'a> = std::result::Result<(Step, &'a str), &'static str>;

/// What follows a dot.
fn key(rest: &str) -> Read<'_> {
    if let Some(inner) = rest.strip_prefix('"') {
        let (name, after) = until_quote(inner, '"')?;
        return Ok((Step::Key(name), after));
    }
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    match &rest[..end] {
        "" => Err("a key is missing after a dot"),
        "*" => Err("a path leads to one value, and * to many"),
        name => Ok((Step::Key(name.to_owned()), &rest[end..])),
    }
}

/// What follows an opening bracket.
fn bracket(rest: &str) -> Read<'_> {
    if let Some(quote) = rest.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let (name, after) = until_quote(&rest[1..], quote)?;
        let after = after.strip_prefix(']').ok_or("a bracket is not closed")?;
        return Ok((Step::Key(name), after));
    }
    let (inner, after) = rest.split_once(']').ok_or("a bracket is not closed")?;
    let number = |digits: &str| digits.trim().parse::<usize>().map_err(|_| "a bracket holds no number");
    let step = match inner.trim() {
        "#" => Step::FromEnd(0),
        "*" => return Err("a path leads to one value, and * to many"),
        inner => match inner.strip_prefix('#').map_or(inner, str::trim_start).strip_prefix('-') {
            Some(back) => Step::FromEnd(number(back)?),
            None => Step::Index(number(inner)?),
        },
    };
    Ok((step, after))
}

/// A name up to its closing quote. `\` stands before a quote or itself, as in JSON.
fn until_quote(inner: &str, quote: char) -> std::result::Result<(String, &str), &'static str> {
    let mut escaped = false;
    for (at, c) in inner.char_indices() {
        if c == quote && !escaped {
            let raw = &inner[..at];
            let name = match quote {
                '"' => unquoted(&format!("\"{raw}\"")).into_owned(),
                _ => raw.replace(r"\'", "'"),
            };
            return Ok((name, &inner[at + c.len_utf8()..]));
        }
        escaped = !escaped && c == '\\';
    }
    Err("a quote is not closed")
}

fn wrong(text: &str, why: &str) -> Error {
    let error = Error::statement(format!("`{text}` is no path into JSON: {why}"));
    match text.chars().next() {
        Some(c) if (c.is_alphanumeric() || c == '_') && !text.contains('*') => {
            error.hint(format!("did you mean '$.{text}'?"))
        }
        _ if text.contains('*') => error.hint("FROM t, json_each(column) makes a row of every member or item"),
        _ => error.hint("a path looks like $.key[0].\"other key\"[#-1]; $ alone is the whole value"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_sqlite_reads_them() {
        let key = |name: &str| Step::Key(name.to_owned());
        for (text, steps) in [
            ("$", vec![]),
            ("$.a.b[0]", vec![key("a"), key("b"), Step::Index(0)]),
            (r#"$."a.b"[#-1]"#, vec![key("a.b"), Step::FromEnd(1)]),
            (r#"$."say \"x\"".c d"#, vec![key(r#"say "x""#), key("c d")]),
            ("$[-2][#]", vec![Step::FromEnd(2), Step::FromEnd(0)]),
            (r"$['it\'s']", vec![key("it's")]),
            ("$.ü[ 1 ]", vec![key("ü"), Step::Index(1)]),
            (r#"$["a"]['b']"#, vec![key("a"), key("b")]),
        ] {
            assert_eq!(Path::parse(text).unwrap().0, steps, "{text}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused_with_what_to_write() {
        for (text, why, hint) in [
            ("a.b", "does not begin with $", "did you mean '$.a.b'?"),
            ("", "does not begin with $", "a path looks like"),
            ("$.", "a key is missing", "a path looks like"),
            ("$a", "a step begins with", "a path looks like"),
            ("$[x]", "no number", "a path looks like"),
            ("$[99999999999999999999999]", "no number", "a path looks like"),
            ("$[0", "not closed", "a path looks like"),
            ("$.\"a", "a quote is not closed", "a path looks like"),
            ("$.a[*]", "leads to one value", "json_each"),
            ("$.*", "leads to one value", "json_each"),
        ] {
            let error = Path::parse(text).expect_err(text);
            assert!(error.message().contains(why), "{text}: {error}");
            assert!(error.hint_text().is_some_and(|h| h.contains(hint)), "{text}: {:?}", error.hint_text());
        }
        assert!(Path::parse(&format!("${}", ".a".repeat(2_000))).is_err());
    }

    #[test]
    fn a_path_leads_to_the_first_of_its_name_and_to_nothing_in_scalars() {
        let json = r#"{"a":[1,{"k.1":12345678901234567890.10}],"a":2,"\u0062":"x"}"#;
        for (path, found) in [
            ("$.a[0]", Some("1")),
            (r#"$.a[#-1]."k.1""#, Some("12345678901234567890.10")),
            ("$.b", Some("\"x\"")),
            ("$.a[2]", None),
            ("$.a[#-3]", None),
            ("$.a[#]", None),
            ("$.a.x", None),
            ("$.b[0]", None),
            ("$[0]", None),
            ("$", Some(json)),
        ] {
            assert_eq!(Path::parse(path).unwrap().get(json), found, "{path}");
        }
    }
}
