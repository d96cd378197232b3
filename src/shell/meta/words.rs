//! The arguments of a command: words, some of them quoted, some of them variables.

use crate::error::{Error, Kind, Result};
use crate::shell::variables::{Value, Variables};

/// The words of what stands behind a command. `'..'` and `".."` hold blanks together, a doubled quote stands for
/// itself; `:name` outside of them is the variable's value, and stands as it is where there is none;
/// a word `:{?name}` is whether there is.
///
/// # Errors
/// For a quote that is not closed.
pub fn words(rest: &str, variables: &Variables) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = rest.trim_start();
    while !rest.is_empty() {
        let (word, after) = word(rest, variables)?;
        let is_set = super::asked(&word).map(|name| variables.contains_key(name).to_string());
        words.push(is_set.unwrap_or(word));
        rest = after.trim_start();
    }
    Ok(words)
}

/// The first word, and what follows.
fn word<'a>(text: &'a str, variables: &Variables) -> Result<(String, &'a str)> {
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match quote {
            Some(open) if c == open => match chars.next_if(|(_, next)| *next == open) {
                Some(_) => word.push(c),
                None => quote = None,
            },
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c.is_whitespace() => return Ok((word, &text[at..])),
            None if c == ':' => {
                let name = named(&text[at + 1..]);
                match variables.get(name).and_then(Value::words).filter(|_| !text[..at].ends_with(':')) {
                    None => word.push(c),
                    Some(value) => {
                        word.push_str(&value);
                        while chars.next_if(|(next, _)| *next <= at + name.len()).is_some() {}
                    }
                }
            }
            _ => word.push(c),
        }
    }
    match quote {
        None => Ok((word, "")),
        Some(open) => Err(Error::new(Kind::Usage, format!("the {open} in the command is not closed"))
            .hint(format!("close it with {open}; {open}{open} inside stands for one"))),
    }
}

/// The name that a text begins with.
pub fn named(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_at_blanks_and_kept_whole_by_quotes() {
        let variables = Variables::from([("f".to_owned(), Value::text("a file.sql"))]);
        let cut = |text| words(text, &variables).unwrap();
        assert_eq!(cut("  null   '(none)' "), ["null", "(none)"]);
        assert_eq!(cut("'it''s  one' \"two words\" x'y z'"), ["it's  one", "two words", "xy z"]);
        assert_eq!(cut(":f :unset '' :{?f} :{?g}"), ["a file.sql", ":unset", "", "true", "false"]);
        assert_eq!(
            cut("a/:f :f/x :f'/y z':f ':f' ::f x:unset"),
            ["a/a file.sql", "a file.sql/x", "a file.sql/y za file.sql", ":f", "::f", "x:unset",]
        );
        assert_eq!(cut(""), Vec::<String>::new());
        assert!(words("it's", &variables).unwrap_err().hint_text().unwrap().contains("close it"));
    }
}
