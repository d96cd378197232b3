//! The engine below: one DataFusion state for the session, and a context made from it for each statement.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
    SchemaProvider,
};
use datafusion::common::ScalarValue;
use datafusion::config::Dialect;
use datafusion::execution::context::{SessionContext, SessionState};
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::SessionConfig;

use super::memory::Memory;
use super::{Run, State};
use crate::error::{Error, Kind, Result};
use crate::http::RequestLog;
use crate::plan::{
    BindRule, Catalogs, OWN_CATALOG, OWN_SCHEMA, Outcome, PlanOptions, SYSTEM_CATALOG, SessionFacts, Shown,
    StatementContext, SystemCatalog, physical_rules, register_json, unwrap,
};
use crate::registry::Registry;

/// Rows in a group of a Parquet file.
const ROW_GROUP: usize = 128 * 1024;

/// Functions, optimizer rules and the session's own tables.
pub struct Engine {
    registry: Arc<Registry>,
    base: SessionState,
    tables: Arc<MemorySchemaProvider>,
    own: HashMap<String, Arc<dyn CatalogProvider>>,
    memory: Memory,
}

impl SessionFacts for State {
    fn log(&self) -> RequestLog {
        self.log.clone()
    }

    fn warnings(&self) -> Vec<(u64, String)> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn outcomes(&self) -> Vec<Outcome> {
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn settings(&self) -> Vec<[String; 7]> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).rows()
    }
}

impl Engine {
    pub fn new(registry: Arc<Registry>, state: Arc<State>) -> Result<Engine> {
        let mut config = SessionConfig::new()
            .with_default_catalog_and_schema(OWN_CATALOG, OWN_SCHEMA)
            .with_create_default_catalog_and_schema(false)
            .with_information_schema(false);
        config.options_mut().sql_parser.dialect = Dialect::PostgreSQL;
        // Dealing the rows of a page out to several workers costs their order and holds the first of them back.
        config.options_mut().optimizer.enable_round_robin_repartition = false;
        // A writer keeps a group of rows until it is full; a million of them, which is the engine's own, are too many.
        config.options_mut().execution.parquet.max_row_group_size = ROW_GROUP;
        let base = SessionStateBuilder::new()
            .with_config(config)
            .with_default_features()
            .with_optimizer_rule(Arc::new(BindRule))
            .with_physical_optimizer_rules(physical_rules())
            .build();
        let context = SessionContext::new_with_state(base);
        let mut base = context.state();
        datafusion_functions_json::register_all(&mut base).map_err(unwrap)?;
        register_json(&mut base)?;
        let tables = Arc::new(MemorySchemaProvider::new());
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(OWN_SCHEMA, tables.clone()).map_err(unwrap)?;
        let system: Arc<dyn CatalogProvider> = Arc::new(SystemCatalog::new(registry.clone(), state));
        let own = HashMap::from([
            (OWN_CATALOG.to_owned(), Arc::new(catalog) as Arc<dyn CatalogProvider>),
            (SYSTEM_CATALOG.to_owned(), system),
        ]);
        Ok(Engine { registry, base, tables, own, memory: Memory::default() })
    }

    /// Tables and views that the session made.
    pub fn own_tables(&self) -> Vec<String> {
        self.tables.table_names()
    }

    /// The catalogs that are not a provider's: the session's own and `system`.
    pub fn own_catalogs(&self) -> impl Iterator<Item = (&String, &Arc<dyn CatalogProvider>)> {
        self.own.iter()
    }

    /// Names of all functions.
    pub fn functions(&self) -> std::collections::BTreeSet<String> {
        let scalar = self.base.scalar_functions().keys();
        let others = self.base.aggregate_functions().keys().chain(self.base.window_functions().keys());
        scalar.chain(others).cloned().chain(self.base.table_functions().keys().cloned()).collect()
    }

    /// Where the session's tables and views are.
    pub fn own_schema(&self) -> &MemorySchemaProvider {
        &self.tables
    }

    /// A context for one statement: its catalogs show the hidden columns that it names, its configuration carries its
    /// way to the providers. `files`: the statement reads files by name.
    pub fn context(&self, run: &Run, shown: Shown, files: bool) -> Result<SessionContext> {
        let mut config = self.base.config().clone();
        let limit = run.settings.memory_limit;
        // What a sort sets aside to merge what it spilled must be well below the limit, or it cannot even begin.
        let execution = &mut config.options_mut().execution;
        execution.sort_spill_reservation_bytes = execution.sort_spill_reservation_bytes.min(limit.bytes() / 16);
        for (name, value) in &run.settings.engine {
            config.options_mut().set(name, value).map_err(unwrap)?;
        }
        let config = config
            .with_option_extension(PlanOptions { context: run.context.clone() })
            .with_extension::<StatementContext>(run.context.clone());
        let catalogs = Catalogs::new(self.registry.clone(), shown, self.own.clone());
        let state = SessionStateBuilder::new_from_existing(self.base.clone())
            .with_config(config)
            .with_runtime_env(self.memory.under(limit)?)
            .with_catalog_list(Arc::new(catalogs))
            .build();
        let context = SessionContext::new_with_state(state);
        Ok(if files { context.enable_url_table() } else { context })
    }

    /// A context with the engine's functions and no table.
    pub fn alone(&self, config: SessionConfig, runtime: Arc<RuntimeEnv>) -> SessionContext {
        let config = config.with_create_default_catalog_and_schema(true);
        let catalogs = Arc::new(MemoryCatalogProviderList::new());
        let catalog = MemoryCatalogProvider::new();
        // A new catalog has no schema yet that could be in the way.
        let _ = catalog.register_schema(OWN_SCHEMA, Arc::new(MemorySchemaProvider::new()));
        catalogs.register_catalog(OWN_CATALOG.to_owned(), Arc::new(catalog));
        let state = SessionStateBuilder::new_from_existing(self.base.clone())
            .with_config(config)
            .with_runtime_env(runtime)
            .with_catalog_list(catalogs)
            .build();
        SessionContext::new_with_state(state)
    }

    /// Whether the engine takes a setting.
    pub fn check_option(&self, name: &str, value: &str) -> Result<()> {
        let mut config = self.base.config().clone();
        config
            .options_mut()
            .set(name, value)
            .map_err(|e| Error::statement(format!("{name} = '{value}' is not accepted: {}", unwrap(e).message())))
    }

    /// The engine's own value of a setting.
    pub fn option(&self, name: &str) -> Option<String> {
        let entries = self.base.config().options().entries();
        entries.into_iter().find(|e| e.key == name).and_then(|e| e.value)
    }
}

/// The text of a scalar, as SET and ASSERT need it.
pub fn text_of(value: &ScalarValue) -> Result<String> {
    if value.is_null() {
        return Err(Error::statement("the value is NULL"));
    }
    value
        .cast_to(&arrow::datatypes::DataType::Utf8)
        .ok()
        .and_then(|text| if let ScalarValue::Utf8(text) = text { text } else { None })
        .ok_or_else(|| Error::new(Kind::Statement, format!("{value} has no text")))
}
