//! A query of GraphQL as a request's body: the template filled in with the call's values, each written for the place in
//! which the template puts it, so that no value can say more than a value; and the errors of an answer whose status says
//! that all is well. Must not know what a query asks for.

use serde_json::{Map, Value, json};

use super::body::Written;
use super::call::Call;
use super::reply::Reply;
use super::target::value_of;
use crate::error::{Error, Kind, Result};
use crate::registry::{GraphQl, Template};
use crate::secret::MASK;

/// Stand around the number of a value that is not filled in yet. Not in any text: a value that has them is one of these.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// The body of `call`, once more with its secrets masked.
pub(super) fn query(call: &Call, graphql: &GraphQl) -> Result<Written> {
    let text = filled(call, graphql, false)?;
    let shown = filled(call, graphql, true)?;
    let body = |query: String| json!({"query": query}).to_string();
    Ok(Written { bytes: body(text).into_bytes(), shown: body(shown), media_type: "application/json".to_owned() })
}

fn filled(call: &Call, graphql: &GraphQl, masked: bool) -> Result<String> {
    let mut values = Values::default();
    let mut input = Map::new();
    for parameter in &call.method.parameters {
        let Some(value) = value_of(call, parameter).filter(|value| !value.is_null()) else { continue };
        let value = match masked && parameter.shape.secret {
            true => Value::from(MASK),
            false => values.held(&parameter.name, value),
        };
        input.insert(parameter.wire.clone(), value);
    }
    let cursor = match &call.page.graphql {
        None => String::new(),
        Some(token) => {
            let token = values.held("cursor", Value::String(token.clone()));
            match &graphql.cursor {
                Some(format) => Template::parse(format)?.render(&json!({"value": token}))?,
                None => format!(", after: \"{}\"", token.as_str().unwrap_or_default()),
            }
        }
    };
    input.insert("cursor".to_owned(), Value::String(cursor));
    let text = Template::parse(&graphql.query)?.render(&Value::Object(input))?;
    values.put(&text)
}

/// The values that are not in the text yet.
#[derive(Default)]
struct Values(Vec<(String, String)>);

impl Values {
    /// What stands for a value in the template: itself, where it can mean nothing else anywhere.
    fn held(&mut self, name: &str, value: Value) -> Value {
        let text = match value {
            Value::String(text) => text,
            Value::Number(_) | Value::Bool(_) => return value,
            other => other.to_string(),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if text.chars().all(plain) {
            return Value::String(text);
        }
        self.0.push((name.to_owned(), text));
        Value::String(format!("{OPEN}{}{CLOSE}", self.0.len() - 1))
    }

    /// The text with the values in their places: within quotes as the inside of a string, elsewhere not at all.
    fn put(&self, text: &str) -> Result<String> {
        let mut out = String::with_capacity(text.len());
        let mut place = Place::Outside;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if c == OPEN
                && let Some((number, behind)) = rest[c.len_utf8()..].split_once(CLOSE)
                && let Some((name, value)) = number.parse::<usize>().ok().and_then(|at| self.0.get(at))
            {
                out.push_str(&place.written(name, value)?);
                rest = behind;
                continue;
            }
            let length = place.step(rest);
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        }
        Ok(out)
    }
}

/// Where in a query a character stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Outside,
    Comment,
    Quotes,
    Block,
}

impl Place {
    /// Goes past the next character or sign; gives its length.
    fn step(&mut self, rest: &str) -> usize {
        let first = rest.chars().next().map_or(1, char::len_utf8);
        let (next, length) = match *self {
            Place::Outside if rest.starts_with("\"\"\"") => (Place::Block, 3),
            Place::Outside if rest.starts_with('"') => (Place::Quotes, 1),
            Place::Outside if rest.starts_with('#') => (Place::Comment, 1),
            Place::Comment if rest.starts_with('\n') => (Place::Outside, 1),
            Place::Quotes if rest.starts_with("\\\"") || rest.starts_with("\\\\") => (Place::Quotes, 2),
            Place::Quotes if rest.starts_with('"') => (Place::Outside, 1),
            Place::Block if rest.starts_with("\\\"\"\"") => (Place::Block, 4),
            Place::Block if rest.starts_with("\"\"\"") => (Place::Outside, 3),
            same => (same, first),
        };
        *self = next;
        length
    }

    fn written(self, name: &str, value: &str) -> Result<String> {
        match self {
            Place::Quotes => {
                // A string of GraphQL is written as one of JSON is.
                let quoted = Value::from(value).to_string();
                Ok(quoted[1..quoted.len() - 1].to_owned())
            }
            Place::Comment => Ok(String::new()),
            Place::Outside | Place::Block => Err(Error::statement(format!(
                "`{name}` stands outside of quotes in the method's query, where it can only be a number or a name of \
                 letters, digits, `_`, `-` and `.`"
            ))),
        }
    }
}

/// The refusal in an answer that says `errors`, whatever its status.
pub fn graphql_refusal(reply: &Reply) -> Option<Error> {
    let body = reply.json()?;
    let errors = body.get("errors")?.as_array().filter(|errors| !errors.is_empty())?;
    let message = |error: &Value| match error.get("message").and_then(Value::as_str) {
        Some(message) => message.to_owned(),
        None => error.to_string(),
    };
    let messages: Vec<String> = errors.iter().map(message).collect();
    Some(Error::new(Kind::Api, format!("{}: GraphQL: {}", reply.label, messages.join("; "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(template: &str, value: &str) -> Result<String> {
        let mut values = Values::default();
        let held = values.held("v", Value::from(value));
        values.put(&template.replace('V', held.as_str().unwrap()))
    }

    #[test]
    fn a_value_cannot_leave_its_quotes() {
        for (value, written) in [
            ("plain", r#"a(b: "plain")"#),
            (r#"x") { secret } #"#, r#"a(b: "x\") { secret } #")"#),
            (r"back\", r#"a(b: "back\\")"#),
            ("new\nline", r#"a(b: "new\nline")"#),
            ("\u{e000}0\u{e001}", "a(b: \"\u{e000}0\u{e001}\")"),
        ] {
            assert_eq!(put(r#"a(b: "V")"#, value).unwrap(), written, "{value}");
        }
    }

    #[test]
    fn outside_of_quotes_a_value_is_a_number_or_a_name_or_nothing() {
        assert_eq!(put("a(b: V)", "12").unwrap(), "a(b: 12)");
        for hostile in ["1) { secret } x(y: 2", "a b", "\"x\"", "1,first:2"] {
            let error = put("a(b: V)", hostile).unwrap_err();
            assert!(error.message().contains("`v` stands outside of quotes"), "{error}");
        }
        assert!(put(r#"a(b: """V""")"#, "x y").is_err());
        assert_eq!(put("a # V\n", "x y").unwrap(), "a # \n");
        assert_eq!(put(r#"a(c: "\"", b: "V")"#, "x y").unwrap(), r#"a(c: "\"", b: "x y")"#);
    }
}
