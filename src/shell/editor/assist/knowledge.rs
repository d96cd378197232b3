//! What completion and hints may offer: names by kind, plain data. Filled by the shell, partly while somebody types; what
//! is asked for and not there yet is noted, so that it can be fetched. Reads no document itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use crate::session::{Column, Table};

/// A service: provider and name.
pub type Service = (String, String);

/// Everything that can be offered.
#[derive(Default)]
pub struct Knowledge {
    /// Services by provider.
    pub providers: BTreeMap<String, Vec<String>>,
    /// Tables of the services that have been read.
    pub read: HashMap<Service, Arc<Vec<Table>>>,
    /// The session's own tables, and those of `system`.
    pub own: Vec<Table>,
    /// Names of functions.
    pub functions: BTreeSet<String>,
    /// Names and values of settings.
    pub settings: Vec<(String, String)>,
    /// The settings that are one of a few words, with these.
    pub choices: Vec<(&'static str, &'static [&'static str])>,
    /// What USE named.
    pub in_use: Vec<String>,
    /// Meta commands with what they take: `\d [name]`.
    pub commands: Vec<(String, String)>,
    /// What may stand behind the words of some of them: `\pset format`.
    pub words: Vec<(String, Vec<String>)>,
    /// Services that were asked for and are not read.
    pub wanted: Mutex<BTreeSet<Service>>,
}

impl Knowledge {
    /// The tables of a service, as far as they are known now.
    pub fn tables(&self, provider: &str, service: &str) -> Vec<&Table> {
        let own = self.own.iter().filter(|t| t.path.len() == 3 && t.path[0] == provider && t.path[1] == service);
        let key = (provider.to_owned(), service.to_owned());
        match self.read.get(&key) {
            Some(tables) => own.chain(tables.iter()).collect(),
            None => {
                let exists = self.providers.get(provider).is_some_and(|services| services.contains(&key.1));
                if exists {
                    self.wanted.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
                }
                own.collect()
            }
        }
    }

    /// Catalogs: providers, and those of the session.
    pub fn catalogs(&self) -> BTreeSet<&str> {
        let own = self.own.iter().filter(|t| t.path.len() == 3).map(|t| t.path[0].as_str());
        self.providers.keys().map(String::as_str).chain(own).collect()
    }

    /// Schemas of a catalog: a provider's services.
    pub fn schemas(&self, catalog: &str) -> BTreeSet<&str> {
        let own = self.own.iter().filter(|t| t.path.len() == 3 && t.path[0] == catalog).map(|t| t.path[1].as_str());
        self.providers.get(catalog).into_iter().flatten().map(String::as_str).chain(own).collect()
    }

    /// The table that a name means under USE.
    pub fn table(&self, path: &[String]) -> Option<&Table> {
        let lower: Vec<String> = path.iter().map(|part| part.to_lowercase()).collect();
        let full: Vec<&str> = match (lower.as_slice(), self.in_use.as_slice()) {
            ([one], _) if self.own.iter().any(|t| t.path == [one.clone()]) => vec![one],
            ([one], [provider, service, ..]) | ([service, one], [provider, ..]) => vec![provider, service, one],
            (names, _) => names.iter().map(String::as_str).collect(),
        };
        match full.as_slice() {
            [one] => self.own.iter().find(|t| t.path == [*one]),
            [provider, service, one] => {
                self.tables(provider, service).into_iter().find(|t| t.path.last().is_some_and(|name| name == one))
            }
            _ => None,
        }
    }

    /// Whether the session, the environment or the document supplies a value when a statement does not.
    fn supplied(&self, table: &Table, value: &Column) -> bool {
        let [provider, service, ..] = table.path.as_slice() else { return value.supplied };
        let names = [format!("{provider}.{service}.{}", value.name), format!("{provider}.{}", value.name)];
        value.supplied || self.settings.iter().any(|(name, _)| names.contains(name))
    }

    /// What the verb's method that lacks least still needs, when `given` is named.
    pub fn missing<'a>(&self, table: &'a Table, verb: &str, given: &dyn Fn(&Column) -> bool) -> Vec<&'a Column> {
        let methods = table.methods.iter().filter(|m| m.verb == verb);
        let lacking = methods.map(|m| self.lacking(table, &m.takes, given));
        lacking.min_by_key(Vec::len).unwrap_or_default()
    }

    /// Those of `takes` that are required and neither given nor supplied.
    pub fn lacking<'a>(&self, table: &Table, takes: &'a [Column], given: &dyn Fn(&Column) -> bool) -> Vec<&'a Column> {
        takes.iter().filter(|c| c.required && !given(c) && !self.supplied(table, c)).collect()
    }
}
