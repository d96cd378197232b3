//! The arguments of a command: words, some of them quoted, some of them variables.

use crate::error::{Error, Kind, Result};
use crate::shell::variables::Variables;

/// The words of what stands behind a command. `'..'` and `".."` hold blanks together, a doubled quote stands for
/// itself; a word that is `:name` is the variable's value, and stands as it is where there is none;
/// `:{?name}` is whether there is.
///
/// # Errors
/// For a quote that is not closed.
pub fn words(rest: &str, variables: &Variables) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = rest.trim_start();
    while !rest.is_empty() {
        let (word, after) = word(rest)?;
        let value = match super::asked(&word) {
            Some(name) => Some(variables.contains_key(name).to_string()),
            None => rest.strip_prefix(':').and_then(|_| variables.get(&word[1..])?.words()),
        };
        words.push(value.unwrap_or(word));
        rest = after.trim_start();
    }
    Ok(words)
}

/// The first word, and what follows.
fn word(text: &str) -> Result<(String, &str)> {
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
            _ => word.push(c),
        }
    }
    match quote {
        None => Ok((word, "")),
        Some(open) => Err(Error::new(Kind::Usage, format!("the {open} in the command is not closed"))
            .hint(format!("close it with {open}; {open}{open} inside stands for one"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::variables::Value;

    #[test]
    fn words_are_cut_at_blanks_and_kept_whole_by_quotes() {
        let variables = Variables::from([("f".to_owned(), Value::text("a file.sql"))]);
        let cut = |text| words(text, &variables).unwrap();
        assert_eq!(cut("  null   '(none)' "), ["null", "(none)"]);
        assert_eq!(cut("'it''s  one' \"two words\" x'y z'"), ["it's  one", "two words", "xy z"]);
        assert_eq!(cut(":f :unset '' :{?f} :{?g}"), ["a file.sql", ":unset", "", "true", "false"]);
        assert_eq!(cut(""), Vec::<String>::new());
        assert!(words("it's", &variables).unwrap_err().hint_text().unwrap().contains("close it"));
    }
}
