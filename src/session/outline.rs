//! What a session knows by name, as plain data, for whoever helps somebody type: tables with their columns, methods with
//! what they take, functions and settings. Sends nothing. A service's document is read only by [`Outline::tables`], so
//! that the caller decides on which thread that happens. It must not know how names are shown or completed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use futures::FutureExt;

use super::Session;
use super::engine::Engine;
use crate::plan::{OWN_CATALOG, OWN_SCHEMA};
use crate::registry::{AuthScheme, Column as Documented, Method, Registry, Resource};

/// A way to the session's documents that can be taken to another thread.
#[derive(Clone)]
pub struct Outline {
    registry: Arc<Registry>,
    variables: Arc<HashMap<String, String>>,
}

/// A table by its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Provider, service and name; the name alone for a table of the session.
    pub path: Vec<String>,
    /// What can be selected and filtered, request parameters among it.
    pub columns: Vec<Column>,
    /// Its HTTP operations; none for tables of the session.
    pub methods: Vec<Routine>,
}

/// A column, or a value that a method takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Column {
    /// SQL name.
    pub name: String,
    /// The other spelling that is understood.
    pub wire: String,
    /// The values it can have, where documented.
    pub values: Vec<String>,
    /// A method cannot do without it.
    pub required: bool,
    /// The environment or the document supplies it when the statement does not.
    pub supplied: bool,
    /// `SELECT *` leaves it out.
    pub hidden: bool,
    /// It is a property of the body: what SET and an INSERT say, and no condition.
    pub in_body: bool,
}

/// A method of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routine {
    /// `create`
    pub name: String,
    /// The verb of SQL that reaches it: SELECT, INSERT ... EXEC.
    pub verb: String,
    /// Parameters and properties of the body.
    pub takes: Vec<Column>,
    /// It takes a body as a whole.
    pub body: bool,
}

impl Session {
    /// What this session knows by name.
    #[must_use]
    pub fn outline(&self) -> Outline {
        Outline { registry: self.registry.clone(), variables: self.variables.clone() }
    }

    /// Tables and views that the session made, and those of `system`. Reads no document.
    #[must_use]
    pub fn own_tables(&self) -> Vec<Table> {
        self.engine.outlined()
    }

    /// Names of all functions that SQL can call.
    #[must_use]
    pub fn functions(&self) -> BTreeSet<String> {
        self.engine.functions()
    }

    /// The settings that are one of a few words, each with its words.
    #[must_use]
    pub fn setting_words(&self) -> Vec<(&'static str, &'static [&'static str])> {
        super::settings::words().collect()
    }

    /// Name and value of every setting, defaults of parameters (`provider.parameter`) among them.
    #[must_use]
    pub fn all_settings(&self) -> Vec<(String, String)> {
        self.settings().rows().into_iter().map(|[name, value, ..]| (name, value)).collect()
    }
}

impl Outline {
    /// Names of the providers. Reads every provider.yaml the first time.
    #[must_use]
    pub fn providers(&self) -> Vec<String> {
        self.registry.providers().map(|p| p.name.clone()).collect()
    }

    /// Names of a provider's services. Reads no service's document.
    #[must_use]
    pub fn services(&self, provider: &str) -> Vec<String> {
        let found = self.registry.providers().find(|p| p.name == provider);
        found.map(|p| p.services.iter().map(|s| s.name.clone()).collect()).unwrap_or_default()
    }

    /// The tables of one service; none when its document cannot be read. Reads the document, which may take seconds.
    #[must_use]
    pub fn tables(&self, provider: &str, service: &str) -> Vec<Table> {
        let resources = self.registry.resources(provider, service).unwrap_or_default();
        resources.iter().map(|resource| self.table(resource)).collect()
    }

    /// For each provider that needs credentials and has none: its name, the variables that would do, and where to get
    /// them. Empty when at least one provider can be used.
    #[must_use]
    pub fn without_credentials(&self) -> Vec<(String, String, Option<String>)> {
        let usable = |scheme: &AuthScheme| scheme.is_set(|name| self.variables.get(name).map(String::as_str));
        let mut lacking = Vec::new();
        for provider in self.registry.providers() {
            let access = &provider.access;
            if access.schemes.is_empty() || access.schemes.iter().any(usable) {
                return Vec::new();
            }
            let ways: Vec<String> = access.schemes.iter().map(|s| s.variables().join(" and ")).collect();
            lacking.push((provider.name.clone(), ways.join(", or "), access.credentials_help.clone()));
        }
        lacking
    }

    fn table(&self, resource: &Resource) -> Table {
        let routine = |method: &Arc<Method>| self.routine(resource, method);
        Table {
            path: vec![resource.provider.clone(), resource.service.clone(), resource.name.clone()],
            columns: resource.columns.iter().map(column).collect(),
            methods: resource.methods.iter().filter(|m| m.unsupported.is_none()).map(routine).collect(),
        }
    }

    fn routine(&self, resource: &Resource, method: &Method) -> Routine {
        let set = |name: &String| self.variables.get(name).is_some_and(|value| !value.is_empty());
        let parameters = method.parameters.iter().map(|p| Column {
            name: p.name.clone(),
            wire: p.wire.clone(),
            values: p.shape.values.clone(),
            required: p.required,
            supplied: p.constant.is_some() || p.variable.as_ref().is_some_and(set),
            ..Column::default()
        });
        let fields = method.body.iter().flat_map(|body| &body.fields).map(|f| Column {
            name: f.name.clone(),
            wire: f.wire.clone(),
            values: f.shape.values.clone(),
            required: f.required,
            in_body: true,
            ..Column::default()
        });
        Routine {
            name: method.name.clone(),
            verb: resource.verb_of(&method.name).to_string(),
            takes: parameters.chain(fields).collect(),
            body: method.body.is_some(),
        }
    }
}

impl Engine {
    /// The catalogs that are not a provider's. Their tables are in memory, so that none has to be waited for.
    fn outlined(&self) -> Vec<Table> {
        let mut tables = Vec::new();
        for (catalog_name, catalog) in self.own_catalogs() {
            for schema_name in catalog.schema_names() {
                let Some(schema) = catalog.schema(&schema_name) else { continue };
                for name in schema.table_names() {
                    let found = schema.table(&name).now_or_never().and_then(Result::ok).flatten();
                    let columns = found.map(|table| table.schema()).into_iter().flat_map(|schema| {
                        let names: Vec<String> = schema.fields().iter().map(|f| f.name().clone()).collect();
                        names.into_iter().map(|name| Column { name, ..Column::default() })
                    });
                    let path = if catalog_name == OWN_CATALOG && schema_name == OWN_SCHEMA {
                        vec![name.clone()]
                    } else {
                        vec![catalog_name.clone(), schema_name.clone(), name.clone()]
                    };
                    tables.push(Table { path, columns: columns.collect(), methods: Vec::new() });
                }
            }
        }
        tables
    }
}

fn column(column: &Documented) -> Column {
    Column {
        name: column.name.clone(),
        wire: column.wire.clone(),
        values: column.shape.values.clone(),
        hidden: column.hidden,
        ..Column::default()
    }
}
