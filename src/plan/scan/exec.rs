//! The plan node that reads a table: a description while planning, requests and batches when it runs.
//! It applies what is left of the filters itself, a page at a time, and stops at its limit. No I/O before `execute`.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column as PhysicalColumn;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, Partitioning, PlanProperties, SortOrderPushdownResult,
};
use futures::{StreamExt, TryStreamExt};
use serde_json::Value;

use super::fetch::Fetch;
use super::given;
use super::keys::{KeySource, keyed};
use super::pages::{Cost, Pages};
use crate::error::{Error, Kind};
use crate::http::{Pager, prepare};
use crate::plan::context::StatementContext;
use crate::plan::errors::wrap;
use crate::rows;

/// Reads a table.
#[derive(Debug, Clone)]
pub struct FetchExec {
    fetch: Arc<Fetch>,
    /// The order that the API was asked for, in words.
    ordered: Option<String>,
    keys: Option<KeySource>,
    limit: Option<usize>,
    /// The first request of each parameter set, secrets masked.
    requests: Vec<String>,
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
}

impl FetchExec {
    /// Checks every request before any is sent.
    ///
    /// # Errors
    /// When a value cannot stand in a request.
    pub fn new(
        fetch: Fetch,
        limit: Option<usize>,
        keys: Option<KeySource>,
        context: &StatementContext,
    ) -> crate::error::Result<Self> {
        let (needed, left) = (fetch.sets.len() as u64, context.budget.left());
        if needed > left && !fetch.given {
            return Err(Error::new(
                Kind::Network,
                format!(
                    "{} needs {needed} requests or more, and {left} are left of the budget",
                    fetch.resource.full_name()
                ),
            )
            .hint("ask for fewer values at a time, or SET max_requests = ..."));
        }
        let base_url = context.base_url(&fetch.resource.provider)?;
        let mut requests = Vec::with_capacity(fetch.sets.len());
        for (set, _) in fetch.sets.iter().filter(|_| !fetch.given) {
            let page = Pager::new(&fetch.paging(), fetch.wanted(limit)).first();
            // A key that is not known yet is shown by its parameter's name.
            let unknown = || keys.iter().flat_map(|k| &k.parameters);
            let mut set = set.clone();
            unknown().for_each(|p| set.send(p, Value::String(p.wire.clone())));
            let unknown: Vec<&str> = unknown().map(|p| p.wire.as_str()).collect();
            let call = fetch.call(&set).with_page(page);
            context.check_places(&fetch.resource.provider, &call)?;
            let prepared = prepare(&call, base_url.as_deref())?;
            let each = if unknown.is_empty() { String::new() } else { format!(" for each {}", unknown.join(", ")) };
            let body =
                prepared.shown_body.filter(|_| !set.body.is_empty()).map(|b| format!(" {b}")).unwrap_or_default();
            requests.push(format!("{} {}{body}{each}", prepared.verb.as_str(), prepared.shown_url));
        }
        let schema = rows::schema(&fetch.columns[..fetch.output]);
        let properties = properties(EquivalenceProperties::new(schema));
        Ok(FetchExec {
            fetch: Arc::new(fetch),
            ordered: None,
            keys,
            limit,
            requests,
            metrics: ExecutionPlanMetricsSet::new(),
            properties: Arc::new(properties),
        })
    }

    /// What it asks for.
    #[must_use]
    pub fn description(&self) -> &Fetch {
        &self.fetch
    }

    /// The order that the API was asked for, in words.
    #[must_use]
    pub fn ordered(&self) -> Option<&str> {
        self.ordered.as_deref()
    }

    /// The same, to be shared with what runs it.
    #[must_use]
    pub fn shared(&self) -> Arc<Fetch> {
        self.fetch.clone()
    }

    /// Whether its parameter sets come from another relation when it runs.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        self.keys.is_some()
    }

    /// The same scan, its requests shown with the smallest page.
    #[must_use]
    pub fn with_smallest_page(mut self) -> FetchExec {
        if let Some(size) = self.fetch.paging().size {
            let (largest, one) = (
                format!("{}={}", size.parameter, size.largest),
                format!("{}={}", size.parameter, size.smallest.max(1)),
            );
            self.requests = self.requests.iter().map(|r| r.replace(&largest, &one)).collect();
        }
        self
    }

    /// The same scan in the order that the API can give. None where it cannot.
    fn ordered_by(&self, order: &PhysicalSortExpr) -> Option<FetchExec> {
        let column = order.expr.downcast_ref::<PhysicalColumn>()?;
        let method = &self.fetch.method;
        let known = method.order.iter().find(|o| o.column == column.name())?;
        let word = if order.options.descending { known.descending.as_ref() } else { known.ascending.as_ref() }?;
        // Lists side by side are each in order, and together they are not.
        if self.fetch.sets.len() > 1 || self.is_keyed() {
            return None;
        }
        let mut fetch = self.fetch.as_ref().clone();
        for (set, _) in &mut fetch.sets {
            set.arguments.retain(|(wire, _)| *wire != known.parameter);
            set.arguments.push((known.parameter.clone(), Value::String(word.clone())));
        }
        let ordered = Some(format!("{} as {}={word}", column.name(), known.parameter));
        let add = |request: &String| {
            let mark = if request.contains('?') { '&' } else { '?' };
            format!("{request}{mark}{}={word}", known.parameter)
        };
        let requests = self.requests.iter().map(add).collect();
        let equivalences = EquivalenceProperties::new_with_orderings(self.output_schema(), [vec![order.clone()]]);
        let properties = Arc::new(properties(equivalences));
        Some(FetchExec { fetch: Arc::new(fetch), ordered, requests, properties, ..self.clone() })
    }

    /// The first request of each parameter set, secrets masked.
    #[must_use]
    pub fn requests(&self) -> &[String] {
        &self.requests
    }

    /// The output's schema.
    #[must_use]
    pub fn output_schema(&self) -> SchemaRef {
        self.properties.eq_properties.schema().clone()
    }
}

/// Whether two places of a plan may send equal requests.
#[must_use]
pub fn reads_twice(plan: &Arc<dyn ExecutionPlan>) -> bool {
    fn gather(plan: &Arc<dyn ExecutionPlan>, seen: &mut Vec<(String, String)>) -> bool {
        if let Some(fetch) = plan.downcast_ref::<FetchExec>().filter(|f| !f.fetch.given) {
            let name = (fetch.fetch.resource.full_name(), fetch.fetch.method.name.clone());
            if seen.contains(&name) {
                return true;
            }
            seen.push(name);
        }
        plan.children().into_iter().any(|child| gather(child, seen))
    }
    gather(plan, &mut Vec::new())
}

fn properties(equivalences: EquivalenceProperties) -> PlanProperties {
    PlanProperties::new(
        equivalences,
        Partitioning::UnknownPartitioning(1),
        EmissionType::Incremental,
        Boundedness::Bounded,
    )
}

impl DisplayAs for FetchExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fetch = &self.fetch;
        write!(f, "FetchExec: {}.{}", fetch.resource.full_name(), fetch.method.name)?;
        match self.requests.as_slice() {
            [] if fetch.given => write!(f, ", no request: {} from the conditions", fetch.sets.len())?,
            [] => f.write_str(", no request: nothing can match")?,
            [only] => write!(f, ", {only}")?,
            [first, rest @ ..] => write!(f, ", {first} and {} more", rest.len())?,
        }
        if let Some(ordered) = &self.ordered {
            write!(f, ", ordered by {ordered}")?;
        }
        if let Some(limit) = self.limit {
            write!(f, ", limit={limit}")?;
        }
        for filter in &fetch.shown_filters {
            write!(f, ", [{filter}]")?;
        }
        Ok(())
    }
}

impl ExecutionPlan for FetchExec {
    fn name(&self) -> &'static str {
        "FetchExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.keys.iter().map(|keys| &keys.plan).collect()
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition; self.children().len()]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.children().len()]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false; self.children().len()]
    }

    fn apply_expressions(
        &self,
        apply: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for predicate in &self.fetch.predicates {
            if apply(predicate)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let mut new = self.as_ref().clone();
        if let (Some(keys), Some(plan)) = (&mut new.keys, children.pop()) {
            keys.plan = plan;
        }
        Ok(Arc::new(new))
    }

    fn supports_limit_pushdown(&self) -> bool {
        false
    }

    fn fetch(&self) -> Option<usize> {
        self.limit
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        Some(Arc::new(FetchExec { limit, ..self.clone() }))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn try_pushdown_sort(&self, order: &[PhysicalSortExpr]) -> Result<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        // Where the API breaks ties is its own affair: it can give an order by one column and no more.
        let [only] = order else { return Ok(SortOrderPushdownResult::Unsupported) };
        Ok(match self.ordered_by(only) {
            Some(ordered) => SortOrderPushdownResult::Exact { inner: Arc::new(ordered) },
            None => SortOrderPushdownResult::Unsupported,
        })
    }

    fn execute(&self, _: usize, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let context = StatementContext::of(task.session_config()).map_err(wrap)?;
        let (fetch, limit, keys) = (self.fetch.clone(), self.limit, self.keys.clone());
        let (cost, pool) = (Cost::new(&self.metrics), task.memory_pool().clone());
        let begin = async move {
            let fetch = match keys {
                Some(keys) => Arc::new(keyed(&fetch, &keys, &context, task).await.map_err(wrap)?),
                None => fetch,
            };
            if fetch.given {
                let rows = given::rows(&fetch).map_err(wrap)?;
                let rows = rows.slice(0, limit.unwrap_or(usize::MAX).min(rows.num_rows()));
                return Ok(futures::stream::once(async { Ok(rows) }).boxed());
            }
            let pages = Pages::new(fetch, limit, context).map_err(wrap)?.counted(cost).within(&pool);
            Ok::<_, DataFusionError>(
                futures::stream::try_unfold(pages, |mut pages| async {
                    let batch = pages.next().await.map_err(wrap)?;
                    Ok(batch.map(|batch| (batch, pages)))
                })
                .boxed(),
            )
        };
        let stream = futures::stream::once(begin).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.output_schema(), stream)))
    }
}
