//! The physical rules of a weir session: DataFusion's own, with weir's at their places.

use std::sync::Arc;

use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::limit_pushdown::LimitPushdown;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

use super::scan::count::CountRule;
use super::scan::late::LateHydration;

/// All rules in order. Counting and late fetching come first, before anything is
/// repartitioned. A second `LimitPushdown` comes last: an
/// order that the API takes over leaves the limit above it (`PushdownSort` runs after the first).
#[must_use]
pub fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> =
        vec![Arc::new(CountRule), Arc::new(LateHydration)];
    rules.extend(PhysicalOptimizer::new().rules);
    rules.push(Arc::new(LimitPushdown::new()));
    rules
}
