//! Where values come from: `name=value` of the command line, and files of JSON, YAML or `NAME=value` lines.
//! Owns which of these a file is; must not know what the values are for.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::{Value, Variables, check_name};
use crate::error::{Error, Kind, Place, Result};
use crate::session::read_yaml;

/// `name=value`; the value is kept as it stands.
///
/// # Errors
/// When it is no such pair.
pub fn pair(text: &str) -> Result<(String, String)> {
    let Some((name, value)) = text.split_once('=') else {
        return Err(Error::new(Kind::Usage, format!("`{text}` is no name=value")).hint("--var name=value"));
    };
    let name = name.trim();
    check_name(name)?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The variables of a file.
///
/// # Errors
/// When it is none of the three, with the place.
pub fn load(file: &str, text: &str) -> Result<Variables> {
    let lower = file.to_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    let json = match () {
        () if ends(&[".json"]) => json(file, text)?,
        () if ends(&[".yaml", ".yml"]) => yaml(file, text)?,
        () if ends(&[".jsonnet", ".libsonnet"]) => return Err(jsonnet(file)),
        () if ends(&[".env"]) || lower.rsplit(['/', '\\']).next().is_some_and(|n| n.starts_with(".env")) => {
            return lines(file, text);
        }
        () if text.trim_start().starts_with('{') => json(file, text)?,
        () if statements(text).all(|(_, line)| line.contains('=')) => return lines(file, text),
        () => yaml(file, text)?,
    };
    let Json::Object(members) = json else {
        return Err(Error::new(Kind::Usage, format!("{file}: an object of names and values must stand at its top")));
    };
    let mut all = Variables::new();
    for (name, value) in members {
        check_name(&name).map_err(|error| {
            let led = Error::new(error.kind(), format!("{file}: {}", error.message()));
            error.hint_text().into_iter().fold(led, Error::hint)
        })?;
        check_digits(file, &name, &value)?;
        all.insert(name, Value::json(value));
    }
    Ok(all)
}

/// Refuses a whole number that lost digits when it was read: it is an identifier, and would name another thing.
fn check_digits(file: &str, name: &str, value: &Json) -> Result<()> {
    let lost = |number: f64| number.fract() == 0.0 && (9.2e18..1e40).contains(&number.abs());
    match value {
        Json::Number(number) if number.is_f64() && number.as_f64().is_some_and(lost) => {
            Err(Error::new(Kind::Usage, format!("{file}: `{name}` has more digits than a number keeps"))
                .hint("write it in quotes"))
        }
        Json::Array(items) => items.iter().try_for_each(|item| check_digits(file, name, item)),
        Json::Object(members) => {
            members.iter().try_for_each(|(key, value)| check_digits(file, &format!("{name}.{key}"), value))
        }
        _ => Ok(()),
    }
}

/// Reads JSON for nothing but keys that stand in an object twice, of which the last would hold.
struct Once;

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Once, D::Error> {
        from.deserialize_any(Once)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = Once;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Once, M::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(M::Error::custom(format!("the key `{key}` stands there twice")));
            }
            keys.insert(key);
            map.next_value::<Once>()?;
        }
        Ok(Once)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Once, S::Error> {
        while items.next_element::<Once>()?.is_some() {}
        Ok(Once)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_str<E>(self, _: &str) -> Result<Once, E> {
        Ok(Once)
    }

    fn visit_unit<E>(self) -> Result<Once, E> {
        Ok(Once)
    }
}

/// The value that a JSON text is.
pub(super) fn json(file: &str, text: &str) -> Result<Json> {
    let read = serde_json::from_str::<Once>(text).and_then(|_| serde_json::from_str(text));
    read.map_err(|e| {
        let full = e.to_string();
        let message = full.split(" at line ").next().unwrap_or(&full);
        let place = Place { file: Some(file.to_owned()), line: e.line() as u64, column: e.column().max(1) as u64 };
        Error::new(Kind::Usage, format!("not JSON: {message}")).at(place)
    })
}

fn yaml(file: &str, text: &str) -> Result<Json> {
    read_yaml(file, text).map_err(|error| error.with_kind(Kind::Usage))
}

/// The error for a file in jsonnet.
pub(super) fn jsonnet(file: &str) -> Error {
    Error::new(Kind::Usage, format!("{file} is jsonnet, which is a language of its own and is not run"))
        .hint("jsonnet FILE > values.json writes what it means as JSON")
}

/// Lines that are neither empty nor comments, with their numbers.
fn statements(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// `NAME=value`, also with `export` before it. In quotes a value is text; else it is read as `--var` reads it.
fn lines(file: &str, text: &str) -> Result<Variables> {
    let mut all = Variables::new();
    for (line, said) in statements(text) {
        let place = Place { file: Some(file.to_owned()), line: line as u64, column: 1 };
        let said = said.strip_prefix("export ").unwrap_or(said);
        // A line may hold a secret; what is wrong with it is said without it.
        let Some((name, value)) = said.split_once('=') else {
            return Err(Error::new(Kind::Usage, "this line is no NAME=value").at(place));
        };
        let name = name.trim();
        check_name(name).map_err(|error| error.at(place.clone()))?;
        let value = value.trim();
        let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let value = match quote {
            None => Value::typed(value.split(" #").next().unwrap_or_default().trim_end()),
            Some(quote) => {
                let open =
                    || Error::new(Kind::Usage, format!("the {quote} in this line is not closed")).at(place.clone());
                let inside = value[1..].rfind(quote).map(|end| &value[1..=end]).ok_or_else(open)?;
                match quote {
                    '"' => Value::text(&inside.replace("\\n", "\n").replace("\\\"", "\"")),
                    _ => Value::text(inside),
                }
            }
        };
        all.insert(name.to_owned(), value);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(file: &str, text: &str) -> Vec<String> {
        let all = load(file, text).unwrap_or_else(|error| panic!("{error}"));
        all.iter().map(|(name, value)| format!("{name}={}", value.shown())).collect()
    }

    #[test]
    fn three_kinds_of_files_say_the_same() {
        let expected = ["app='it''s'", "ids=[\"a\",2]", "n=5", "on=true"];
        assert_eq!(shown("v.json", r#"{"app":"it's","n":5,"on":true,"ids":["a",2]}"#), expected);
        assert_eq!(shown("v.yaml", "app: it's\nn: 5\non: true\nids: [a, 2]\n"), expected);
        assert_eq!(shown("prod.env", "# mine\nexport app=it's\n\nn=5 # five\non=true\nids=[\"a\",2]\n"), expected);
        assert_eq!(shown("values", r#"{"app":"it's","n":5,"on":true,"ids":["a",2]}"#), expected);
        assert_eq!(shown("values", "app: it's\nn: 5\non: true\nids: [a, 2]\n"), expected);
        assert_eq!(shown("values", "app=it's\nn=5\non=true\nids=[\"a\",2]"), expected);
    }

    #[test]
    fn types_are_those_of_the_file() {
        assert_eq!(
            shown("v.json", r#"{"a":"5","b":5,"c":null,"d":"true","e":1.5}"#),
            ["a='5'", "b=5", "c=null", "d='true'", "e=1.5"]
        );
        assert_eq!(shown(".env.prod", "A='5'\nB=\"x\\ny\"\nC=\nD=007"), ["A='5'", "B='x\ny'", "C=''", "D='007'"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_without_its_line() {
        let told = |file: &str, text: &str| load(file, text).unwrap_err().to_string();
        assert!(told("v.json", "{\"a\": 1,\n nope}").starts_with("v.json:2:"), "{}", told("v.json", "{\n nope}"));
        assert!(told("v.yaml", "a: [1\n").starts_with("v.yaml:"));
        assert_eq!(told("x.env", "A=1\nhunter2"), "x.env:2:1: this line is no NAME=value");
        assert!(told("v.json", "[1]").contains("an object of names"));
        assert!(told("v.json", "{\"a b\": 1}").contains("`a b` cannot be the name"));
        assert!(told("v.jsonnet", "{}").contains("jsonnet"));
        assert!(pair("novalue").unwrap_err().to_string().contains("name=value"));
        assert_eq!(pair("a=b=c").unwrap(), ("a".to_owned(), "b=c".to_owned()));
    }
}
