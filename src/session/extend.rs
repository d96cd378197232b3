//! weir's tables in a DataFusion session that somebody else has made. Statements then go through DataFusion alone:
//! there is no INSERT, EXEC, SHOW or USE, and names of columns are the SQL names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use datafusion::catalog::CatalogProvider;
use datafusion::execution::session_state::SessionStateBuilder;

use super::{SessionOptions, keyring};
use crate::error::Result;
use crate::http::{Budget, Client, ClientOptions};
use crate::plan::{
    Answers, BindRule, Catalogs, Defaults, PlanOptions, Progress, StatementContext, Warnings, physical_rules, unwrap,
};
use crate::secret::Redactor;

/// Adds providers as catalogs, weir's rules, and the JSON functions to `builder`. Its catalogs and settings stay; its
/// list of physical optimizer rules is replaced by DataFusion's own with weir's among them. The budget of requests
/// ([`Settings::max_requests`](super::Settings)) is the whole session's, as DataFusion does not tell statements apart.
///
/// # Errors
/// When a registry folder does not exist, or `auth` is not understood.
pub fn extend(mut builder: SessionStateBuilder, options: SessionOptions) -> Result<SessionStateBuilder> {
    let registry = Arc::new(keyring::registry(&options)?);
    let variables = Arc::new(options.variables);
    let mut settings = options.settings;
    for account in &options.accounts {
        let named = |(name, value, _): &(String, String, _)| (format!("{}.{name}", account.name), value.clone());
        settings.defaults.extend(account.defaults.iter().map(named));
    }
    let client = Client::new(ClientOptions { policy: settings.policy(), ..ClientOptions::default() });
    let (keyring, leash) = keyring::keyring(&variables);
    // Whoever has the builder has no end that this could know of.
    std::mem::forget(leash);
    let context = Arc::new(StatementContext {
        registry: registry.clone(),
        client,
        statement: 0,
        defaults: Defaults { set: settings.defaults.clone(), variables: variables.clone(), stand_ins: false },
        keyring,
        variables,
        warnings: Warnings::default(),
        redactor: Redactor::default(),
        deadline: None,
        budget: Budget::new(settings.max_requests),
        notices: options.notices,
        progress: Progress::default(),
        answers: Answers::default(),
        own_secrets: false,
        values_hidden: false.into(),
        exchanges: Mutex::default(),
    });
    let own: HashMap<String, Arc<dyn CatalogProvider>> = match builder.catalog_list() {
        Some(list) => list.catalog_names().into_iter().filter_map(|n| Some((n.clone(), list.catalog(&n)?))).collect(),
        None => HashMap::new(),
    };
    let mut config = builder.config().take().unwrap_or_default();
    config.options_mut().optimizer.enable_round_robin_repartition = false;
    let config = config.with_option_extension(PlanOptions { context: context.clone() }).with_extension(context);
    let mut builder = builder
        .with_config(config)
        .with_catalog_list(Arc::new(Catalogs::new(registry, Arc::default(), own)))
        .with_optimizer_rule(Arc::new(BindRule))
        .with_physical_optimizer_rules(physical_rules());
    let mut functions = datafusion::execution::registry::MemoryFunctionRegistry::new();
    datafusion_functions_json::register_all(&mut functions).map_err(unwrap)?;
    let udfs = datafusion::execution::FunctionRegistry::udfs(&functions);
    let found = udfs.iter().filter_map(|name| datafusion::execution::FunctionRegistry::udf(&functions, name).ok());
    builder.scalar_functions().get_or_insert_default().extend(found);
    Ok(builder)
}
