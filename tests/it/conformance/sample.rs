//! Values made from schemas: the same for the same schema and name, small, and of every shape that the schema has.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use super::document::resolve;

/// How much of what may be left out is there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Nothing.
    Required,
    /// All of it, with false, 0 and "" where they are allowed.
    Falsy,
    /// All of it.
    All,
}

/// Makes values.
#[derive(Clone, Copy)]
pub struct Sampler<'a> {
    pub root: &'a Value,
    pub fill: Fill,
    /// For a request, `readOnly` is left out; for an answer, `writeOnly`.
    pub request: bool,
    /// Which alternative of a oneOf.
    pub choice: usize,
    /// Items in an array, keys in a map.
    pub items: usize,
}

/// The deepest that optional properties are filled.
const DEEP: usize = 4;
/// The deepest of all.
const DEEPEST: usize = 9;

impl Sampler<'_> {
    pub fn value(&self, schema: &Value, name: &str) -> Value {
        self.at(schema, name, 0, false)
    }

    fn at(&self, schema: &Value, name: &str, depth: usize, optional: bool) -> Value {
        let flat = flat(self.root, schema, self.choice, 0);
        if let Some(value) = flat.get("const") {
            return value.clone();
        }
        if let Some(word) = flat.get("enum").and_then(Value::as_array).and_then(|w| w.iter().find(|v| !v.is_null())) {
            let text = flat.get("type") == Some(&json!("string")) && !word.is_string();
            return if text { word.to_string().into() } else { word.clone() };
        }
        let falsy = self.fill == Fill::Falsy && optional;
        match kind(&flat) {
            "object" => self.object(&flat, name, depth),
            "array" => self.array(&flat, name, depth),
            "boolean" => json!(!falsy),
            "integer" => integer(&flat, falsy),
            "number" => number(&flat, falsy),
            "string" => text(&flat, name, falsy),
            _ if self.request => name.into(),
            _ => json!(name),
        }
    }

    fn object(&self, flat: &Map<String, Value>, name: &str, depth: usize) -> Value {
        let mut made = Map::new();
        let required: Vec<&str> =
            flat.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let properties = flat.get("properties").and_then(Value::as_object);
        for (key, property) in properties.into_iter().flatten() {
            let hidden = if self.request { "readOnly" } else { "writeOnly" };
            let needed = required.contains(&key.as_str());
            // What is read only in one place may be required in another, as the id of a reference.
            let insists = needed && self.request && self.choice > 1;
            if !insists && resolve(self.root, property).get(hidden) == Some(&Value::Bool(true)) {
                continue;
            }
            let limit = if needed { DEEPEST } else { DEEP };
            if depth < limit && (needed || self.fill != Fill::Required) {
                made.insert(key.clone(), self.at(property, key, depth + 1, !needed));
            }
        }
        for key in required.into_iter().filter(|_| self.request) {
            if !made.contains_key(key) && properties.is_none_or(|all| !all.contains_key(key)) {
                made.insert(key.to_owned(), json!(key));
            }
        }
        let least = flat.get("minProperties").and_then(Value::as_u64).unwrap_or(0);
        if let Some(map) = flat.get("additionalProperties").filter(|a| a.is_object())
            && properties.is_none_or(Map::is_empty)
            && depth < DEEP
            && (self.fill != Fill::Required || least > 0 || !self.request)
        {
            for at in 1..=self.items {
                made.insert(format!("key{at}"), self.at(map, &format!("{name}{at}"), depth + 1, false));
            }
        }
        Value::Object(made)
    }

    fn array(&self, flat: &Map<String, Value>, name: &str, depth: usize) -> Value {
        let least = flat.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        let most = flat.get("maxItems").and_then(Value::as_u64).unwrap_or(u64::MAX);
        let wished = if depth > 2 { 1 } else { self.items as u64 };
        let count = wished.max(least).min(most).min(8);
        let anything = json!({"type": "string"});
        let items = flat.get("items").filter(|items| items.is_object()).unwrap_or(&anything);
        if depth >= DEEPEST {
            return json!([]);
        }
        let mut made: Vec<Value> = Vec::new();
        for at in 1..=count {
            let value = self.at(items, &format!("{name}{at}"), depth + 1, false);
            if flat.get("uniqueItems") != Some(&Value::Bool(true)) || !made.contains(&value) {
                made.push(value);
            }
        }
        Value::Array(made)
    }
}

/// A schema with its references followed, its allOf merged in, and one alternative of oneOf and anyOf.
pub fn flat(root: &Value, schema: &Value, choice: usize, depth: usize) -> Map<String, Value> {
    let Some(own) = resolve(root, schema).as_object() else { return Map::new() };
    let mut made: Map<String, Value> = own.clone();
    if depth > 8 {
        return made;
    }
    for part in own.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        merge(&mut made, flat(root, part, choice, depth + 1));
    }
    for key in ["oneOf", "anyOf"] {
        let parts: Vec<&Value> = own
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|part| resolve(root, part).get("type") != Some(&json!("null")))
            .collect();
        if let Some(part) = parts.get(choice % parts.len().max(1)) {
            merge(&mut made, flat(root, part, choice, depth + 1));
        }
    }
    made
}

fn merge(made: &mut Map<String, Value>, part: Map<String, Value>) {
    for (key, value) in part {
        match (key.as_str(), made.get_mut(&key)) {
            ("properties", Some(Value::Object(known))) => {
                for (name, property) in value.as_object().into_iter().flatten() {
                    match known.get_mut(name) {
                        None => drop(known.insert(name.clone(), property.clone())),
                        Some(first) if first != property => {
                            *first = json!({"allOf": [property, first.clone()]});
                        }
                        Some(_) => {}
                    }
                }
            }
            ("required", Some(Value::Array(known))) => {
                known.extend(value.as_array().into_iter().flatten().cloned());
            }
            ("enum", Some(Value::Array(known))) => {
                let both: Vec<Value> =
                    known.iter().filter(|w| value.as_array().is_some_and(|v| v.contains(w))).cloned().collect();
                if !both.is_empty() {
                    *known = both;
                }
            }
            ("oneOf" | "anyOf" | "allOf", _) | (_, Some(_)) => {}
            _ => drop(made.insert(key, value)),
        }
    }
}

pub fn kind(flat: &Map<String, Value>) -> &str {
    let word = match flat.get("type") {
        Some(Value::String(word)) => Some(word.as_str()),
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).find(|w| *w != "null"),
        _ => None,
    };
    match word {
        Some(word) => word,
        None if flat.contains_key("properties") => "object",
        None if flat.contains_key("items") => "array",
        None if flat.get("additionalProperties").is_some_and(Value::is_object) => "object",
        None if flat.contains_key("pattern") || flat.contains_key("format") => "string",
        None => "any",
    }
}

fn integer(flat: &Map<String, Value>, falsy: bool) -> Value {
    let bound = |key: &str| flat.get(key).and_then(Value::as_f64);
    let least =
        bound("minimum").map(|n| if flat.get("exclusiveMinimum").is_some_and(|e| e == true) { n + 1.0 } else { n });
    let most = bound("maximum").unwrap_or(f64::MAX);
    let step = bound("multipleOf").filter(|s| *s > 0.0);
    let wished: f64 = if falsy { 0.0 } else { 7.0 };
    let mut n = wished.max(least.unwrap_or(0.0)).min(most);
    if let Some(step) = step {
        n = (n / step).ceil() * step;
    }
    #[expect(clippy::cast_possible_truncation, reason = "made of small numbers and of the bounds of documents")]
    Value::from(n as i64)
}

fn number(flat: &Map<String, Value>, falsy: bool) -> Value {
    let bound = |key: &str| flat.get(key).and_then(Value::as_f64);
    let wished: f64 = if falsy { 0.0 } else { 2.5 };
    let n = wished.max(bound("minimum").unwrap_or(0.0)).min(bound("maximum").unwrap_or(f64::MAX));
    if bound("multipleOf").is_some() { integer(flat, falsy) } else { json!(n) }
}

fn text(flat: &Map<String, Value>, name: &str, falsy: bool) -> Value {
    let length = |key: &str| flat.get(key).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let (least, most) = (length("minLength").unwrap_or(0), length("maxLength").unwrap_or(usize::MAX));
    let plain = !flat.contains_key("pattern") && !flat.contains_key("format");
    if falsy && plain && least == 0 {
        return json!("");
    }
    let format = flat.get("format").and_then(Value::as_str);
    let usual = formatted(format.unwrap_or_default(), name);
    if let Some(pattern) = flat.get("pattern").and_then(Value::as_str).filter(|p| !p.contains("YYYY")) {
        // The usual form is what an API means; a pattern may allow a month of 77 as well.
        let judge = super::schema::Judge::new(&Value::Null, &json!({"pattern": pattern}), true);
        let fits = usual != name && judge.is_ok_and(|judge| judge.allows(&usual.into()));
        if let Some(made) = matching(pattern, least, most, flat).filter(|_| !fits) {
            return made.into();
        }
    }
    let mut made = usual.to_owned();
    while made.chars().count() < least {
        made.push('x');
    }
    made.chars().take(most).collect::<String>().into()
}

fn formatted<'n>(format: &str, name: &'n str) -> &'n str {
    match format {
        "date-time" => "2026-01-31T12:00:00Z",
        "date" => "2026-01-31",
        "time" => "12:00:00Z",
        "uuid" => "f3a1c5de-0000-4000-8000-0123456789ab",
        "email" => "someone@example.com",
        "uri" | "url" | "uri-reference" | "uri-template" => "https://example.com/x",
        "hostname" | "idn-hostname" => "host.example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "byte" => "d2Vpcg==",
        "duration" => "PT1H",
        _ => name,
    }
}

/// A text that the pattern matches, always the same one.
fn matching(pattern: &str, least: usize, most: usize, flat: &Map<String, Value>) -> Option<String> {
    for key in ["example", "default"] {
        let said = flat.get(key).and_then(Value::as_str);
        let judge = super::schema::Judge::new(&Value::Null, &json!({"pattern": pattern}), true);
        if let (Some(said), Ok(judge)) = (said, judge)
            && judge.allows(&said.into())
            // What stands for a value in documentation is none.
            && !said.contains("{{")
            && (least..=most).contains(&said.chars().count())
        {
            return Some(said.to_owned());
        }
    }
    let bare = pattern.strip_prefix('^').unwrap_or(pattern);
    let bare = bare.strip_suffix('$').unwrap_or(bare);
    // `\w` is a letter of any script for the generator; an API means ASCII.
    let bare = bare.replace("\\w", "[A-Za-z0-9_]").replace("\\d", "[0-9]").replace("\\S", "[A-Za-z0-9]");
    let strategy =
        [format!("(?s-u:{bare})"), bare].iter().find_map(|pattern| proptest::string::string_regex(pattern).ok())?;
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    for _ in 0..40 {
        let made = strategy.new_tree(&mut runner).ok()?.current();
        if (least..=most).contains(&made.chars().count())
            && !made.is_empty()
            && made.chars().all(|c| c.is_ascii_graphic())
        {
            return Some(made);
        }
    }
    None
}
