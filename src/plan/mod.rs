//! Floor 2: the only floor that extends DataFusion. Resources as tables, scans as requests, names and filters.
//! Knows registry, http and rows; no session, no output, no shell.

mod bind;
mod catalog;
mod context;
mod errors;
mod filters;
mod json;
mod names;
mod progress;
mod pushdown;
mod reading;
mod rules;
mod scan;
mod system;
mod table;
mod warnings;

pub use bind::{BindRule, PlanOptions};
pub use catalog::Catalogs;
pub use context::{Defaults, StatementContext};
pub use errors::{subject, unwrap, wrap};
pub use json::{register as register_json, respell_from, without_unions};
pub use names::lineage::Lineage;
pub use names::spelling::{Spelling, name_as_typed, name_items, rewrite};
pub use names::tables::{Names, OWN_CATALOG, OWN_SCHEMA, Resolved, SYSTEM_CATALOG, folded, idents, place};
pub use progress::{Progress, Reached};
pub use rules::physical_rules;
pub use scan::answers::Answers;
pub use scan::count::CountExec;
pub use scan::exec::{FetchExec, reads_twice};
pub use scan::hydrate::HydrateExec;
pub use system::{Ended, Outcome, SessionFacts, SystemCatalog};
pub use table::{ResourceTable, Shown};
pub use warnings::Warnings;
