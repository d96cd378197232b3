//! Variables of the shell and of scripts: values with their types, and their way into a statement.
//! A value is put in as a whole literal or a whole name, never as text. Must not know sessions or commands.

mod fill;
mod load;
mod template;

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::error::{Error, Kind, Result, nearest};

pub use fill::{Filled, fill, mentions};
pub use load::{load, pair};
pub use template::{Template, is_templated};

/// Names with their values.
pub type Variables = BTreeMap<String, Value>;

/// A variable's value.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    json: Json,
    /// As somebody wrote it; numbers keep their digits so.
    typed: Option<String>,
}

/// Digits beyond these are an identifier more likely than a quantity, and a number would lose them.
const MOST_DIGITS: usize = 18;

impl Value {
    /// A value as it is typed: what is JSON is what it is there, everything else is text. `007`, `1_000` and numbers
    /// of more than 18 digits are texts.
    pub fn typed(text: &str) -> Value {
        let digits = text.chars().filter(char::is_ascii_digit).count();
        let json = if text.trim() == text { serde_json::from_str(text).ok() } else { None };
        match json {
            Some(Json::Number(_)) if digits > MOST_DIGITS => Value::text(text),
            Some(Json::String(text)) => Value::text(&text),
            Some(json) => Value { json, typed: Some(text.to_owned()) },
            None => Value::text(text),
        }
    }

    /// A text, whatever it looks like.
    pub fn text(text: &str) -> Value {
        Value { json: Json::from(text), typed: None }
    }

    /// A value of a file.
    pub fn json(json: Json) -> Value {
        Value { json, typed: None }
    }

    /// What a name with a dot means: a member of an object.
    fn member(&self, name: &str) -> Option<Value> {
        self.json.get(name).cloned().map(Value::json)
    }

    fn is_object(&self) -> bool {
        self.json.is_object()
    }

    /// Its text, for `:'name'` and the words of commands; none where it is NULL.
    pub fn words(&self) -> Option<String> {
        match (&self.typed, &self.json) {
            (Some(typed), _) => Some(typed.clone()),
            (None, Json::Null) => None,
            (None, Json::String(text)) => Some(text.clone()),
            (None, json) => Some(json.to_string()),
        }
    }

    /// Its members' names, for errors.
    fn members(&self) -> impl Iterator<Item = &str> {
        self.json.as_object().into_iter().flat_map(|object| object.keys().map(String::as_str))
    }

    /// As `\set` lists it: it can be typed so.
    pub fn shown(&self) -> String {
        match &self.json {
            Json::String(text) => format!("'{}'", text.replace('\'', "''")),
            json => self.typed.clone().unwrap_or_else(|| json.to_string()),
        }
    }
}

/// Whether `:name` can name it.
///
/// # Errors
/// When it cannot.
pub fn check_name(name: &str) -> Result<()> {
    let mut chars = name.chars();
    let first = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    match first && chars.all(|c| c.is_alphanumeric() || c == '_') {
        true => Ok(()),
        false => Err(Error::new(Kind::Usage, format!("`{name}` cannot be the name of a variable"))
            .hint("it needs letters, digits and _, a letter first; SELECT .. AS name gives a column one")),
    }
}

/// The error for a variable that is not there.
pub fn unset<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Error {
    let error = Error::statement(format!("the variable `{name}` is not set"));
    match nearest(name, known) {
        Some(near) => error.hint(format!("did you mean `:{near}`? \\set lists the variables")),
        None => error.hint(format!(
            "--var {name}=value or \\set {name} value sets it, \\gset sets variables from a result; if none was meant, \
             put a blank after the colon"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_as_json_is_what_it_is_there() {
        let shown = |text: &str| Value::typed(text).shown();
        for text in ["5", "-1.50", "1e3", "true", "false", "null", "[1,\"a\"]", "{\"a\":1}"] {
            assert_eq!(shown(text), text);
        }
        for text in ["007", "1_000", "+5", "True", "12345678901234567890", " 5", "", "it is", "nan", "[1,", "0x10"] {
            assert_eq!(shown(text), format!("'{text}'"));
        }
        assert_eq!(shown("\"5\""), "'5'", "quotes keep a text");
        assert_eq!(Value::typed("1.50").words().as_deref(), Some("1.50"));
        assert_eq!(Value::json(Json::Null).words(), None);
    }

    #[test]
    fn names_are_words() {
        for name in ["a", "_x", "größe", "A1_b"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "1a", "a.b", "a-b", "a b", "count(*)", "a'"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
