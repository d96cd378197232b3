//! `count(*)` over a table whose filters the API applies itself: asked from the API's total, with the smallest page.
//! Where it tells no total, the pages are counted.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};

use super::ask;
use super::exec::FetchExec;
use super::fetch::Fetch;
use super::pages::Pages;
use crate::http::Pager;
use crate::plan::context::StatementContext;
use crate::plan::errors::wrap;
use crate::rows::Decoder;

/// Puts [`CountExec`] in the place of a count over a [`FetchExec`] that counts every row the API gives.
#[derive(Debug)]
pub struct CountRule;

impl PhysicalOptimizerRule for CountRule {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let changed = plan.transform_down(|node| {
            Ok(match counted(&node) {
                Some(count) => Transformed::yes(count),
                None => Transformed::no(node),
            })
        })?;
        Ok(changed.data)
    }

    fn name(&self) -> &'static str {
        "weir_count"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The count that `node` is, if the API can answer it.
fn counted(node: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    let aggregate = node.downcast_ref::<AggregateExec>()?;
    let partial = match aggregate.mode() {
        AggregateMode::Single | AggregateMode::SinglePartitioned => aggregate,
        AggregateMode::Final | AggregateMode::FinalPartitioned => aggregate.input().downcast_ref::<AggregateExec>()?,
        _ => return None,
    };
    let plain = |a: &AggregateExec| {
        a.group_expr().is_empty() && a.aggr_expr().len() == 1 && a.filter_expr().iter().all(Option::is_none)
    };
    let [function] = partial.aggr_expr() else { return None };
    let counts_rows = function.fun().name() == "count"
        && !function.is_distinct()
        && function.expressions().iter().all(|e| e.downcast_ref::<Literal>().is_some_and(|l| !l.value().is_null()));
    let fetch = partial.input().downcast_ref::<FetchExec>()?;
    let told = fetch.description().counts_by_total();
    if !plain(aggregate) || !plain(partial) || !counts_rows || !told {
        return None;
    }
    if fetch.fetch().is_some() || fetch.is_keyed() || fetch.description().wanted(Some(1)).is_none() {
        return None;
    }
    Some(Arc::new(CountExec::new(fetch.clone(), node.schema())))
}

/// Asks for the number of rows.
#[derive(Debug)]
pub struct CountExec {
    fetch: FetchExec,
    properties: Arc<PlanProperties>,
}

impl CountExec {
    fn new(fetch: FetchExec, schema: arrow::datatypes::SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        CountExec { fetch: fetch.with_smallest_page(), properties: Arc::new(properties) }
    }

    /// The scan that is counted.
    #[must_use]
    pub fn scan(&self) -> &FetchExec {
        &self.fetch
    }
}

impl DisplayAs for CountExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resource = &self.fetch.description().resource;
        write!(f, "CountExec: {} from the API's total, one small request a parameter set", resource.full_name())
    }
}

impl ExecutionPlan for CountExec {
    fn name(&self) -> &'static str {
        "CountExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let context = StatementContext::of(task.session_config()).map_err(wrap)?;
        let fetch = self.fetch.shared();
        let schema = self.schema();
        let batch_schema = schema.clone();
        let stream = futures::stream::once(async move {
            let rows = count(&context, &fetch).await.map_err(wrap)?;
            let rows: ArrayRef = Arc::new(Int64Array::from(vec![rows]));
            Ok(RecordBatch::try_new(batch_schema, vec![rows])?)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }
}

async fn count(context: &Arc<StatementContext>, fetch: &Arc<Fetch>) -> crate::error::Result<i64> {
    let paging = fetch.paging();
    let decoder = Arc::new(Decoder::new(Vec::new()));
    let mut rows: i64 = 0;
    for (index, (set, _)) in fetch.sets.iter().enumerate() {
        let first = Pager::new(&paging, Some(1)).first();
        let page = ask::one(context, fetch, &decoder, (set, first)).await?;
        if page.absent {
            continue;
        }
        rows += match page.facts.total.and_then(|total| i64::try_from(total).ok()) {
            Some(total) => total,
            None => count_pages(context, fetch, index).await?,
        };
    }
    Ok(rows)
}

/// Counts the rows of one parameter set, page by page.
async fn count_pages(context: &Arc<StatementContext>, fetch: &Arc<Fetch>, set: usize) -> crate::error::Result<i64> {
    let only = Fetch { sets: vec![fetch.sets[set].clone()], ..fetch.as_ref().clone() };
    let mut pages = Pages::new(Arc::new(only), None, context.clone())?;
    let mut rows = 0;
    while let Some(batch) = pages.next().await? {
        rows += i64::try_from(batch.num_rows()).unwrap_or(i64::MAX);
    }
    Ok(rows)
}
