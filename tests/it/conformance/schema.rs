//! Schemas of OpenAPI as JSON Schema, for the `jsonschema` crate to judge by.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// Judges values by one schema of a document.
pub struct Judge(jsonschema::Validator);

impl Judge {
    /// For a value in a request (`readOnly` is not asked for) where `request`, else in an answer.
    pub fn new(root: &Value, schema: &Value, request: bool) -> Result<Judge, String> {
        let build = |patterns: bool| {
            let schema = Bundle { root, request, patterns, names: HashMap::new(), waiting: Vec::new() }.whole(schema);
            jsonschema::options().with_draft(jsonschema::Draft::Draft7).build(&schema).map_err(|e| e.to_string())
        };
        // Patterns are written for other engines; one that is not understood judges nothing.
        build(true).or_else(|_| build(false)).map(Judge)
    }

    pub fn allows(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }

    /// Why the value is not allowed, and where.
    pub fn why_not(&self, value: &Value) -> Option<String> {
        self.0.iter_errors(value).next().map(|error| {
            let text: String = error.to_string().chars().take(200).collect();
            format!("{text} (at `{}`)", error.instance_path())
        })
    }
}

/// Collects a schema and all that it refers to into one.
struct Bundle<'a> {
    root: &'a Value,
    request: bool,
    patterns: bool,
    names: HashMap<String, String>,
    waiting: Vec<String>,
}

impl Bundle<'_> {
    fn whole(mut self, schema: &Value) -> Value {
        let mut whole = self.schema(schema);
        let mut definitions = Map::new();
        while let Some(reference) = self.waiting.pop() {
            let found = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            let made = found.map_or(json!({}), |found| self.schema(found));
            definitions.insert(self.names[&reference].clone(), made);
        }
        if let Value::Object(map) = &mut whole {
            map.insert("definitions".to_owned(), Value::Object(definitions));
        }
        // A `$ref` hides what stands beside it.
        if whole.get("$ref").is_some() {
            let reference = whole["$ref"].take();
            whole.as_object_mut().unwrap().remove("$ref");
            whole["allOf"] = json!([{"$ref": reference}]);
        }
        whole
    }

    fn schema(&mut self, schema: &Value) -> Value {
        let Some(map) = schema.as_object() else {
            return if schema == &Value::Bool(false) { json!(false) } else { json!({}) };
        };
        if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
            let next = self.names.len();
            let name = self.names.entry(reference.to_owned()).or_insert_with(|| {
                self.waiting.push(reference.to_owned());
                format!("d{next}")
            });
            return json!({"$ref": format!("#/definitions/{name}")});
        }
        let mut made = Map::new();
        for (key, value) in map {
            if let Some(value) = self.keyword(map, key, value) {
                // OpenAPI's oneOf is often not exclusive in practice: what fits two alternatives is no mistake here.
                let key = if key == "oneOf" { "anyOf" } else { key };
                match made.get_mut(key) {
                    Some(Value::Array(known)) if key == "anyOf" => known.extend(value.as_array().cloned().unwrap()),
                    _ => drop(made.insert(key.to_owned(), value)),
                }
            }
        }
        if map.get("nullable") == Some(&Value::Bool(true)) {
            return json!({"anyOf": [{"type": "null"}, Value::Object(made)]});
        }
        Value::Object(made)
    }

    fn keyword(&mut self, map: &Map<String, Value>, key: &str, value: &Value) -> Option<Value> {
        let list = |this: &mut Self| Some(value.as_array()?.iter().map(|part| this.schema(part)).collect());
        match key {
            "properties" => {
                let made = value.as_object()?.iter().map(|(name, part)| (name.clone(), self.schema(part)));
                Some(Value::Object(made.collect()))
            }
            "items" | "not" => Some(self.schema(value)),
            "additionalProperties" => Some(if value.is_boolean() { value.clone() } else { self.schema(value) }),
            "allOf" | "anyOf" | "oneOf" => list(self),
            "required" => {
                let hidden = |name: &str| {
                    let property = map.get("properties").and_then(|all| all.get(name));
                    let key = if self.request { "readOnly" } else { "writeOnly" };
                    property
                        .is_some_and(|p| super::document::resolve(self.root, p).get(key) == Some(&Value::Bool(true)))
                };
                let names = value.as_array()?.iter().filter(|name| name.as_str().is_some_and(|name| !hidden(name)));
                Some(names.cloned().collect())
            }
            "type" => known_type(value),
            "exclusiveMinimum" | "exclusiveMaximum" => {
                let bound = if key == "exclusiveMinimum" { "minimum" } else { "maximum" };
                match value {
                    Value::Bool(true) => map.get(bound).cloned(),
                    Value::Number(_) => Some(value.clone()),
                    _ => None,
                }
            }
            // Some are words for people: `YYYY-MM-DD`.
            "pattern" => (self.patterns && value.as_str().is_some_and(|p| !p.contains("YYYY"))).then(|| value.clone()),
            "minimum" | "maximum" | "multipleOf" => value.is_number().then(|| value.clone()),
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" => {
                value.is_u64().then(|| value.clone())
            }
            "enum" => {
                let words = value.as_array()?;
                // YAML reads `on` and `1` otherwise than their writers; the type says what was meant.
                let mut all = words.clone();
                if map.get("type") == Some(&json!("string")) {
                    all.extend(words.iter().filter(|w| !w.is_string()).map(|w| w.to_string().into()));
                }
                (!all.is_empty()).then_some(Value::Array(all))
            }
            "const" => Some(value.clone()),
            "uniqueItems" => value.is_boolean().then(|| value.clone()),
            _ => None,
        }
    }
}

fn known_type(value: &Value) -> Option<Value> {
    let known = |word: &Value| {
        matches!(word.as_str(), Some("string" | "integer" | "number" | "boolean" | "object" | "array" | "null"))
    };
    match value {
        Value::String(_) => known(value).then(|| value.clone()),
        Value::Array(words) => {
            let all: Vec<Value> = words.iter().filter(|w| known(w)).cloned().collect();
            (!all.is_empty()).then_some(Value::Array(all))
        }
        _ => None,
    }
}
