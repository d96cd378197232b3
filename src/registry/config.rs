//! StackQL's `config`: what a document says of all that stands below it. A key is looked for at the method first, then
//! at its resource, its service's document, the service's entry in provider.yaml, and the provider.
//! Knows where the parts stand and which comes first; no key's meaning.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::Document;

/// What a service's methods inherit from provider.yaml.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Inherited {
    /// `config` of the service's entry.
    entry: Option<Value>,
    /// `config` of the provider.
    provider: Option<Value>,
}

impl Inherited {
    /// Of the service whose entry in `document` this is.
    pub(super) fn of(document: &Document, entry: &Value) -> Inherited {
        let config = |value: &Value| value.get("config").filter(|c| c.is_object()).cloned();
        // A service's entry may also carry it under the name that its document uses.
        let named = entry.get("x-stackQL-config").filter(|c| c.is_object()).cloned();
        Inherited { entry: config(entry).or(named), provider: config(&document.root) }
    }
}

/// The parts that hold for one place of a document, nearest first.
#[derive(Debug, Clone)]
pub(super) struct Config<'a> {
    /// Nearer than the provider's.
    parts: Vec<&'a Value>,
    provider: Option<&'a Value>,
}

impl<'a> Config<'a> {
    /// What holds for all of a service's document.
    pub(super) fn of_service(document: &'a Document, inherited: &'a Inherited) -> Config<'a> {
        let own = ["x-stackQL-config", "config"].iter().find_map(|key| document.root.get(*key));
        let parts = own.into_iter().chain(inherited.entry.as_ref()).collect();
        Config { parts, provider: inherited.provider.as_ref() }
    }

    /// The same, for a resource or method in it.
    pub(super) fn below(&self, part: &'a Value) -> Config<'a> {
        let own = ["config", "x-stackQL-config"].iter().find_map(|key| part.get(*key));
        Config { parts: own.into_iter().chain(self.parts.iter().copied()).collect(), provider: self.provider }
    }

    /// What the nearest part that has this key says under it.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.own(key).or_else(|| self.provider?.get(key).filter(|value| !value.is_null()))
    }

    /// The same, where the provider does not count: what it says of itself is read with it.
    pub(super) fn own(&self, key: &str) -> Option<&'a Value> {
        self.parts.iter().find_map(|part| part.get(key).filter(|value| !value.is_null()))
    }

    /// `{key: {algorithm: ...}}`, the form of most keys; `default` and nothing are the same.
    pub(super) fn algorithm(&self, key: &str) -> Option<&'a str> {
        let word = self.get(key)?.get("algorithm")?.as_str()?;
        (!word.is_empty() && word != "default").then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_part_that_has_a_key_says_it() {
        let provider = Document::parse(
            "provider.yaml",
            "config: {a: provider, b: provider, c: provider, d: provider, e: provider}\n\
             entry: {config: {a: entry, b: entry, c: entry, d: entry}}",
        )
        .unwrap();
        let inherited = Inherited::of(&provider, &provider.root["entry"]);
        let service = Document::parse(
            "service.yaml",
            "x-stackQL-config: {a: service, b: service, c: service}\n\
             resource: {config: {a: resource, b: resource}}\n\
             method: {config: {a: method, none: null, translate: {algorithm: naive}, plain: {algorithm: default}}}",
        )
        .unwrap();
        let whole = Config::of_service(&service, &inherited);
        let method = whole.below(&service.root["resource"]).below(&service.root["method"]);
        for (key, place) in [("a", "method"), ("b", "resource"), ("c", "service"), ("d", "entry"), ("e", "provider")] {
            assert_eq!(method.get(key).and_then(Value::as_str), Some(place), "{key}");
        }
        assert_eq!(whole.get("a").and_then(Value::as_str), Some("service"));
        assert_eq!((method.get("none"), method.get("f")), (None, None));
        assert_eq!((method.algorithm("translate"), method.algorithm("plain")), (Some("naive"), None));
    }
}
