//! Which methods serve which verb: `x-weir.verbs`, else `sqlVerbs`, else StackQL's names for methods.
//! Knows the lists and their references; no method itself.

use serde_json::Value;

use super::model::Verbs;
use super::weir_keys::VerbKeys;

/// Methods that a verb without a list falls back to, by key.
const FALLBACK: [(&str, &[&str]); 3] = [
    ("select", &["select", "list", "aggregatedList", "get"]),
    ("insert", &["insert", "create"]),
    ("delete", &["delete"]),
];

/// The lists of `resource`, whose key is `key` and whose methods are `own`, and the methods in them that stand in another
/// resource: its key, and the method's.
pub(super) fn read(resource: &Value, keys: &VerbKeys, key: &str, own: &[String]) -> (Verbs, Vec<(String, String)>) {
    let mut lent = Vec::new();
    let mut list = |verb: &str, told: &Option<Vec<String>>| -> Vec<String> {
        if let Some(names) = told {
            return names.clone();
        }
        let Some(entries) = resource.pointer(&format!("/sqlVerbs/{verb}")) else {
            return fallback(resource, verb, own);
        };
        let mut names = Vec::new();
        for entry in entries.as_array().into_iter().flatten() {
            let Some(reference) = entry.get("$ref").and_then(Value::as_str) else { continue };
            let Some(name) = reference.rsplit('/').next().map(unescaped) else { continue };
            if let Some(other) = other_resource(reference, key)
                && !own.contains(&name)
                && !lent.contains(&(other.clone(), name.clone()))
            {
                lent.push((other, name.clone()));
            }
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    };
    let verbs = Verbs {
        select: list("select", &keys.select),
        insert: list("insert", &keys.insert),
        update: list("update", &keys.update),
        replace: list("replace", &keys.replace),
        delete: list("delete", &keys.delete),
    };
    (verbs, lent)
}

/// The methods that a verb without a list is served by. A document of our own that has lists at all means what it says.
fn fallback(resource: &Value, verb: &str, own: &[String]) -> Vec<String> {
    if resource.get("x-weir").is_some() {
        return Vec::new();
    }
    let names = FALLBACK.iter().find(|(known, _)| *known == verb).map(|(_, names)| *names).unwrap_or_default();
    names.iter().filter(|name| own.iter().any(|o| o == *name)).map(|name| (*name).to_owned()).collect()
}

/// The resource that a reference such as `#/components/x-stackQL-resources/r/methods/m` leads to, if it is not `key`.
fn other_resource(reference: &str, key: &str) -> Option<String> {
    let (before, _) = reference.rsplit_once("/methods/")?;
    let name = unescaped(before.rsplit('/').next()?);
    (before.contains("x-stackQL-resources") && name != key).then_some(name)
}

/// A part of a JSON pointer as the name that it means.
fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

impl Verbs {
    /// The lists without the names that are not known.
    pub(super) fn known(mut self, mut known: impl FnMut(&str, &str) -> bool) -> Verbs {
        for (verb, list) in [
            ("select", &mut self.select),
            ("insert", &mut self.insert),
            ("update", &mut self.update),
            ("replace", &mut self.replace),
            ("delete", &mut self.delete),
        ] {
            list.retain(|name| known(verb, name));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn references_lead_to_methods_of_the_resource_and_of_others() {
        let resource = json!({"sqlVerbs": {
            "select": [
                {"$ref": "#/components/x-stackQL-resources/things/methods/get"},
                {"$ref": "../methods/list"},
                {"$ref": "#/components/x-stackQL-resources/others/methods/all"},
            ],
            "insert": [],
        }});
        let (verbs, lent) =
            read(&resource, &VerbKeys::default(), "things", &names(&["get", "list", "insert", "delete"]));
        assert_eq!(verbs.select, ["get", "list", "all"]);
        assert_eq!(lent, [("others".to_owned(), "all".to_owned())]);
        // A list that is empty says that there is none; a verb without a list falls back to the methods' names.
        assert_eq!((verbs.insert, verbs.delete), (names(&[]), names(&["delete"])));
    }

    #[test]
    fn a_verb_without_a_list_is_served_by_the_methods_that_are_called_so() {
        let own = names(&["get", "create", "insert", "aggregatedList", "update"]);
        let (verbs, _) = read(&json!({}), &VerbKeys::default(), "things", &own);
        assert_eq!(verbs.select, ["aggregatedList", "get"]);
        assert_eq!(verbs.insert, ["insert", "create"]);
        assert_eq!((verbs.update, verbs.replace), (names(&[]), names(&[])));
    }
}
