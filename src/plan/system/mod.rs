//! weir's own tables: `system.registry.*` (what exists) and `system.session.*` (what this session did).
//! Rows are made when a table is scanned; a service's document is read only when the filters leave it in.

mod listing;
mod outcome;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, MemTable, SchemaProvider, Session, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use serde_json::Value;

use crate::http::RequestLog;
use crate::plan::errors::wrap;
use crate::plan::filters::{Term, term};
use crate::registry::{Registry, ResourceEntry};
use listing::Listing;
pub use outcome::{Ended, Outcome};

/// What the session tells its own tables.
pub trait SessionFacts: std::fmt::Debug + Send + Sync {
    /// Every request so far.
    fn log(&self) -> RequestLog;
    /// Number of the statement and text of each warning so far.
    fn warnings(&self) -> Vec<(u64, String)>;
    /// What became of the rows of writes so far.
    fn outcomes(&self) -> Vec<Outcome>;
    /// Name, value, default and description of each setting.
    fn settings(&self) -> Vec<[String; 7]>;
}

/// The catalog `system`.
#[derive(Debug, Clone)]
pub struct SystemCatalog {
    registry: Arc<Registry>,
    facts: Arc<dyn SessionFacts>,
}

impl SystemCatalog {
    /// The tables of one session.
    #[must_use]
    pub fn new(registry: Arc<Registry>, facts: Arc<dyn SessionFacts>) -> Self {
        SystemCatalog { registry, facts }
    }
}

const SCHEMAS: [(&str, &[&str]); 2] = [
    ("registry", &["providers", "services", "resources", "methods", "columns", "parameters", "problems"]),
    ("session", &["requests", "warnings", "outcomes", "settings"]),
];

impl CatalogProvider for SystemCatalog {
    fn schema_names(&self) -> Vec<String> {
        SCHEMAS.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let (_, tables) = SCHEMAS.iter().find(|(schema, _)| *schema == name)?;
        Some(Arc::new(SystemSchema { tables, catalog: self.clone() }))
    }
}

#[derive(Debug)]
struct SystemSchema {
    tables: &'static [&'static str],
    catalog: SystemCatalog,
}

#[async_trait]
impl SchemaProvider for SystemSchema {
    fn table_names(&self) -> Vec<String> {
        self.tables.iter().map(|t| (*t).to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Some(name) = self.tables.iter().find(|t| **t == name) else { return Ok(None) };
        Ok(Some(Arc::new(SystemTable { name, schema: listing::schema(name), catalog: self.catalog.clone() })))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.contains(&name)
    }
}

#[derive(Debug)]
struct SystemTable {
    name: &'static str,
    schema: SchemaRef,
    catalog: SystemCatalog,
}

impl SystemTable {
    fn rows(&self, filters: &[Expr]) -> crate::error::Result<RecordBatch> {
        let mut listing = Listing::new(self.schema.clone());
        let facts = &self.catalog.facts;
        match self.name {
            "requests" => listing.requests(&facts.log()),
            "warnings" => listing.warnings(&facts.warnings()),
            "outcomes" => listing.outcomes(&facts.outcomes()),
            "settings" => listing.settings(&facts.settings()),
            "providers" => listing.providers(&self.catalog.registry),
            "problems" => self.problems(&mut listing),
            "services" => listing.services(&self.catalog.registry, wanted(filters, "provider").as_ref()),
            _ => self.of_resources(filters, &mut listing)?,
        }
        listing.finish()
    }

    /// What cannot be used of all documents, so that all of them are read.
    fn problems(&self, listing: &mut Listing) {
        let registry = &self.catalog.registry;
        for provider in registry.providers() {
            let names: Vec<&str> = provider.services.iter().map(|s| s.name.as_str()).collect();
            registry.read_all(&provider.name, &names);
        }
        listing.problems(&registry.problems());
    }

    /// The tables that need services' documents. With a service named its errors are the statement's; without one, a
    /// document that cannot be read hides nothing else.
    fn of_resources(&self, filters: &[Expr], listing: &mut Listing) -> crate::error::Result<()> {
        let registry = &self.catalog.registry;
        let (providers, services) = (wanted(filters, "provider"), wanted(filters, "service"));
        let resources = wanted(filters, "resource");
        for provider in registry.providers().filter(|p| allows(providers.as_ref(), &p.name)) {
            let named = provider.services.iter().map(|s| s.name.as_str()).filter(|s| allows(services.as_ref(), s));
            let named: Vec<&str> = named.collect();
            registry.read_all(&provider.name, &named);
            for name in named {
                let service = match registry.service(&provider.name, name) {
                    Ok(service) => service,
                    Err(error) if services.is_some() => return Err(error),
                    Err(_) => continue,
                };
                for entry in service.resources.iter().filter(|r| allows(resources.as_ref(), &r.name)) {
                    let place = [&provider.name, name, &entry.name];
                    match self.name {
                        "resources" => listing.resource(place, entry),
                        "methods" => listing.methods(place, entry),
                        _ => self.of_whole(place, entry, listing)?,
                    }
                }
            }
        }
        Ok(())
    }

    /// The tables that need the whole of a resource. One of which nothing can be used has been told of with its document.
    fn of_whole(&self, place: [&str; 3], entry: &ResourceEntry, listing: &mut Listing) -> crate::error::Result<()> {
        if entry.methods.is_empty() {
            return Ok(());
        }
        let resource = self.catalog.registry.resource(place[0], place[1], place[2])?;
        match self.name {
            "columns" => listing.columns(&resource),
            _ => listing.parameters(&resource),
        }
        Ok(())
    }
}

/// The names that the filters leave of a column. None: any.
fn wanted(filters: &[Expr], column: &str) -> Option<Vec<String>> {
    filters.iter().filter_map(term).find_map(|term| match term {
        Term::Among(name, values) if name == column => {
            Some(values.iter().filter_map(Value::as_str).map(str::to_owned).collect())
        }
        _ => None,
    })
}

fn allows(wanted: Option<&Vec<String>>, name: &str) -> bool {
    wanted.is_none_or(|names| names.iter().any(|n| n == name))
}

#[async_trait]
impl TableProvider for SystemTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let batch = self.rows(filters).map_err(wrap)?;
        MemTable::try_new(self.schema.clone(), vec![vec![batch]])?.scan(session, projection, &[], None).await
    }
}
