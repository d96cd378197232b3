//! A sort with a limit goes below the fetching by key, so that only the rows that are left are fetched.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;

use super::hydrate::HydrateExec;

/// Sort above Hydrate becomes Hydrate above Sort.
#[derive(Debug)]
pub struct LateHydration;

impl PhysicalOptimizerRule for LateHydration {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let changed = plan.transform_up(|node| {
            Ok(match lifted(&node)? {
                Some(new) => Transformed::yes(new),
                None => Transformed::no(node),
            })
        })?;
        Ok(changed.data)
    }

    fn name(&self) -> &'static str {
        "weir_late_hydration"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn lifted(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(sort) = node.downcast_ref::<SortExec>() else { return Ok(None) };
    if sort.fetch().is_none() {
        return Ok(None);
    }
    if let Some(hydrate) = sort.input().downcast_ref::<HydrateExec>() {
        return Ok(below(sort, hydrate, sort.expr().iter().cloned().collect()));
    }
    let Some(projection) = sort.input().downcast_ref::<ProjectionExec>() else { return Ok(None) };
    let Some(hydrate) = projection.input().downcast_ref::<HydrateExec>() else { return Ok(None) };
    // The sort's columns as they are called below the projection.
    let mut order = Vec::new();
    for key in sort.expr() {
        let Some(column) = key.expr.downcast_ref::<Column>() else { return Ok(None) };
        let below = projection.expr()[column.index()].expr.clone();
        order.push(PhysicalSortExpr { expr: below, options: key.options });
    }
    let Some(new) = below(sort, hydrate, order) else { return Ok(None) };
    Ok(Some(Arc::new(ProjectionExec::try_new(projection.expr().to_vec(), new)?)))
}

/// Hydrate over Sort over Hydrate's input; None where the order needs what is fetched.
fn below(sort: &SortExec, hydrate: &HydrateExec, order: Vec<PhysicalSortExpr>) -> Option<Arc<dyn ExecutionPlan>> {
    if !hydrate.keeps_every_row() {
        return None;
    }
    let schema = hydrate.input().schema();
    let mut keys = Vec::with_capacity(order.len());
    for key in &order {
        let column = key.expr.downcast_ref::<Column>()?;
        if hydrate.description().fetches(column.name()) {
            return None;
        }
        let Ok(index) = schema.index_of(column.name()) else { return None };
        let expr: Arc<dyn PhysicalExpr> = Arc::new(Column::new(column.name(), index));
        keys.push(PhysicalSortExpr { expr, options: key.options });
    }
    let keys = LexOrdering::new(keys)?;
    let sorted = SortExec::new(keys, hydrate.input().clone()).with_fetch(sort.fetch());
    let new = HydrateExec::new(hydrate.description().clone(), Arc::new(sorted), None, order);
    Some(Arc::new(new))
}
