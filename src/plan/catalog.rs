//! Names to tables: `provider.service.resource` as DataFusion's catalog, schema and table.
//! A statement has its own list of catalogs, as it decides which hidden columns its tables show. Knows no HTTP.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::DataFusionError;

use super::errors::wrap;
use super::table::{ResourceTable, Shown};
use crate::registry::Registry;

/// The registry's providers beside the session's own catalogs.
#[derive(Debug)]
pub struct Catalogs {
    registry: Arc<Registry>,
    shown: Shown,
    own: RwLock<HashMap<String, Arc<dyn CatalogProvider>>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registry")
    }
}

impl Catalogs {
    /// The catalogs of one statement. `own` are the session's tables and the system's.
    #[must_use]
    pub fn new(registry: Arc<Registry>, shown: Shown, own: HashMap<String, Arc<dyn CatalogProvider>>) -> Self {
        Catalogs { registry, shown, own: RwLock::new(own) }
    }
}

impl CatalogProviderList for Catalogs {
    fn register_catalog(&self, name: String, catalog: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        self.own.write().unwrap_or_else(PoisonError::into_inner).insert(name, catalog)
    }

    fn catalog_names(&self) -> Vec<String> {
        let own = self.own.read().unwrap_or_else(PoisonError::into_inner);
        own.keys().cloned().chain(self.registry.providers().map(|p| p.name.clone())).collect()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        if let Some(own) = self.own.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Some(own.clone());
        }
        self.registry.has_provider(name).then(|| {
            let provider = name.to_owned();
            Arc::new(ProviderCatalog { registry: self.registry.clone(), shown: self.shown.clone(), provider }) as _
        })
    }
}

/// One provider.
#[derive(Debug)]
struct ProviderCatalog {
    registry: Arc<Registry>,
    shown: Shown,
    provider: String,
}

impl CatalogProvider for ProviderCatalog {
    fn schema_names(&self) -> Vec<String> {
        let provider = self.registry.provider(&self.provider);
        provider.map(|p| p.services.iter().map(|s| s.name.clone()).collect()).unwrap_or_default()
    }

    /// Every name has a schema: whether the service exists is told by its tables, which can fail with a reason.
    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        Some(Arc::new(ServiceSchema {
            registry: self.registry.clone(),
            shown: self.shown.clone(),
            provider: self.provider.clone(),
            service: name.to_owned(),
        }))
    }
}

/// One service. Its document is read when a table of it is named.
#[derive(Debug)]
struct ServiceSchema {
    registry: Arc<Registry>,
    shown: Shown,
    provider: String,
    service: String,
}

#[async_trait]
impl SchemaProvider for ServiceSchema {
    fn table_names(&self) -> Vec<String> {
        let service = self.registry.service(&self.provider, &self.service);
        service.map(|s| s.resources.iter().map(|r| r.name.clone()).collect()).unwrap_or_default()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let resource = self.registry.resource(&self.provider, &self.service, name).map_err(wrap)?;
        Ok(Some(Arc::new(ResourceTable::new(resource, &self.shown))))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.registry.resource(&self.provider, &self.service, name).is_ok()
    }
}
