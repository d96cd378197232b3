//! Floor 2: the only floor that extends DataFusion. Resources as tables, scans as requests, names and filters.
//! Knows registry, http and rows; no session, no output, no shell.

mod answers;
mod ask;
mod bind;
mod catalog;
mod context;
mod count;
mod errors;
mod fetch;
mod filters;
mod hydrate;
mod json;
mod keys;
mod late;
mod lineage;
mod listing;
mod names;
mod pages;
mod reading;
mod rules;
mod spelling;
mod system;
mod table;

pub use answers::Answers;
pub use bind::{BindRule, PlanOptions};
pub use catalog::{Catalogs, Shown};
pub use context::{Defaults, StatementContext, Warnings};
pub use count::CountExec;
pub use errors::{subject, unwrap, wrap};
pub use fetch::{FetchExec, reads_twice};
pub use hydrate::HydrateExec;
pub use json::{register as register_json, respell_from, without_unions};
pub use lineage::Lineage;
pub use names::{Names, OWN_CATALOG, OWN_SCHEMA, Resolved, SYSTEM_CATALOG, folded, idents, place};
pub use rules::physical_rules;
pub use spelling::{Spelling, name_as_typed, name_items, rewrite};
pub use system::{SessionFacts, SystemCatalog};
