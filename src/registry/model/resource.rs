//! A resource, the table: its methods by verb, and its columns. Plain data.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::operation::Method;
use super::value::Column;
use super::view::View;

/// A resource: a table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Resource {
    /// The provider's name.
    pub provider: String,
    /// `stream`
    pub service: String,
    /// The last part of the table's name.
    pub name: String,
    /// Identifier as the document gives it.
    pub id: String,
    /// Title in a person's words.
    pub title: String,
    /// One or more sentences.
    pub description: String,
    /// All methods, in document order.
    #[serde(with = "methods")]
    pub methods: Vec<Arc<Method>>,
    /// Which methods serve which verb, by name, in document order.
    pub verbs: Verbs,
    /// Columns of the table: those of its rows first, then request parameters, then hidden ones.
    pub columns: Vec<Column>,
    /// Columns that tell one row from another, where documented.
    pub key: Vec<String>,
    /// The method that fetches by key what the list leaves out, where there is one.
    pub hydrate: Option<String>,
    /// What SELECT means where the document gives a query for it; before methods, in the order in which they are tried.
    pub views: Vec<View>,
    /// Of methods that fit a write equally well the first is meant, as in StackQL's documents.
    pub first_wins: bool,
}

/// Method names by verb.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verbs {
    /// SELECT
    pub select: Vec<String>,
    /// INSERT
    pub insert: Vec<String>,
    /// UPDATE
    pub update: Vec<String>,
    /// REPLACE
    pub replace: Vec<String>,
    /// DELETE
    pub delete: Vec<String>,
}

/// What SQL can say to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verb {
    /// SELECT
    Select,
    /// INSERT
    Insert,
    /// UPDATE
    Update,
    /// REPLACE
    Replace,
    /// DELETE
    Delete,
    /// EXEC
    Exec,
}

impl Verb {
    /// Every verb, in the order SHOW METHODS lists them.
    pub const ALL: [Verb; 6] = [Verb::Select, Verb::Insert, Verb::Delete, Verb::Update, Verb::Replace, Verb::Exec];
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verb::Select => "SELECT",
            Verb::Insert => "INSERT",
            Verb::Update => "UPDATE",
            Verb::Replace => "REPLACE",
            Verb::Delete => "DELETE",
            Verb::Exec => "EXEC",
        })
    }
}

impl Resource {
    /// `provider.service.resource`
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}.{}.{}", self.provider, self.service, self.name)
    }

    /// The method of that name.
    #[must_use]
    pub fn method(&self, name: &str) -> Option<&Arc<Method>> {
        self.methods.iter().find(|m| m.name == name)
    }

    /// The methods of a verb, in document order. EXEC reaches those that serve no other verb.
    pub fn methods_of(&self, verb: Verb) -> impl Iterator<Item = &Arc<Method>> {
        self.methods.iter().filter(move |m| self.verb_of(&m.name) == verb)
    }

    /// The verb that reaches a method (the first that lists it; EXEC when none does).
    #[must_use]
    pub fn verb_of(&self, method: &str) -> Verb {
        let lists = [
            (Verb::Select, &self.verbs.select),
            (Verb::Insert, &self.verbs.insert),
            (Verb::Delete, &self.verbs.delete),
            (Verb::Update, &self.verbs.update),
            (Verb::Replace, &self.verbs.replace),
        ];
        lists.into_iter().find(|(_, names)| names.iter().any(|n| n == method)).map_or(Verb::Exec, |(verb, _)| verb)
    }

    /// The column with this SQL name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The column with this SQL name in the rows that `method` gives: one of its own, or one of the table's that is made
    /// from what its rows hold.
    #[must_use]
    pub fn row_column<'a>(&'a self, method: &'a Method, name: &str) -> Option<&'a Column> {
        let own = &method.answer.columns;
        let holds = |key: Option<&String>| key.is_some_and(|key| own.iter().any(|c| c.wire == *key));
        let made = |column: &&Column| column.paths.iter().any(|path| holds(path.0.first()));
        own.iter().find(|c| c.name == name).or_else(|| self.column(name).filter(made))
    }
}

/// Methods are written as if each stood in its list by itself.
mod methods {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Method;

    pub fn serialize<S: Serializer>(methods: &[Arc<Method>], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(methods.iter().map(AsRef::as_ref))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Arc<Method>>, D::Error> {
        Ok(Vec::<Method>::deserialize(deserializer)?.into_iter().map(Arc::new).collect())
    }
}
