//! Columns that a list leaves out, fetched by key: one request a row, several at a time, in the rows' order, and only
//! for rows that are left. It never drops a row: one that is gone meanwhile has NULLs, and a warning says so.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{CardinalityEffect, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, Partitioning, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::ask;
use super::fetch::Fetch;
use super::pages::filtered;
use crate::error::{Error, Kind};
use crate::http::PageRequest;
use crate::plan::context::StatementContext;
use crate::plan::errors::wrap;
use crate::plan::reading::ParameterSet;
use crate::registry::Column;
use crate::rows::{Decoder, compact, schema, to_json};

/// Rows that are fetched before the first of them is passed on.
const CHUNK: usize = 32;

/// What is fetched by key. Plain data.
#[derive(Debug)]
pub struct Hydration {
    /// The method that fetches one row, and the columns that it fetches.
    pub fetch: Arc<Fetch>,
    /// Wire name of each parameter, and the input column that holds its value.
    pub arguments: Vec<(String, String)>,
    /// All columns: the output's first, then those that only filters need.
    pub columns: Vec<Column>,
    /// How many of `columns` are the output.
    pub output: usize,
    /// Filters on what was fetched.
    pub predicates: Vec<Arc<dyn PhysicalExpr>>,
}

impl Hydration {
    /// Whether a column is fetched by key.
    #[must_use]
    pub fn fetches(&self, column: &str) -> bool {
        self.fetch.columns.iter().any(|c| c.name == column)
    }
}

/// Adds columns that are fetched by key.
#[derive(Debug, Clone)]
pub struct HydrateExec {
    what: Arc<Hydration>,
    input: Arc<dyn ExecutionPlan>,
    limit: Option<usize>,
    ordering: Vec<PhysicalSortExpr>,
    properties: Arc<PlanProperties>,
}

impl HydrateExec {
    /// `ordering`: the order of the input's rows, in the columns of the output.
    #[must_use]
    pub fn new(
        what: Arc<Hydration>,
        input: Arc<dyn ExecutionPlan>,
        limit: Option<usize>,
        ordering: Vec<PhysicalSortExpr>,
    ) -> Self {
        let schema = schema(&what.columns[..what.output]);
        let equivalences = match ordering.is_empty() {
            true => EquivalenceProperties::new(schema),
            false => EquivalenceProperties::new_with_orderings(schema, [ordering.clone()]),
        };
        let properties = PlanProperties::new(
            equivalences,
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            input.properties().boundedness,
        );
        HydrateExec { what, input, limit, ordering, properties: Arc::new(properties) }
    }

    /// What is fetched by key.
    #[must_use]
    pub fn description(&self) -> &Arc<Hydration> {
        &self.what
    }

    /// The rows that are completed.
    #[must_use]
    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    /// Whether rows may be cut or sorted below just as well as above.
    #[must_use]
    pub fn keeps_every_row(&self) -> bool {
        self.what.predicates.is_empty() && self.limit.is_none()
    }
}

impl DisplayAs for HydrateExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.what.fetch.columns.iter().map(|c| c.name.as_str()).collect();
        let fetch = &self.what.fetch;
        write!(
            f,
            "HydrateExec: {} by {}.{}, one request a row",
            names.join(", "),
            fetch.resource.name,
            fetch.method.name
        )?;
        if !self.what.predicates.is_empty() {
            f.write_str(", then filtered")?;
        }
        self.limit.map_or(Ok(()), |limit| write!(f, ", limit={limit}"))
    }
}

impl ExecutionPlan for HydrateExec {
    fn name(&self) -> &'static str {
        "HydrateExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        apply: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        for predicate in &self.what.predicates {
            if apply(predicate)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else { return internal_err!("HydrateExec has one input") };
        Ok(Arc::new(HydrateExec::new(self.what.clone(), input, self.limit, self.ordering.clone())))
    }

    fn supports_limit_pushdown(&self) -> bool {
        self.what.predicates.is_empty()
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        if self.what.predicates.is_empty() { CardinalityEffect::Equal } else { CardinalityEffect::LowerEqual }
    }

    fn fetch(&self) -> Option<usize> {
        self.limit
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let filters = !self.what.predicates.is_empty();
        filters.then(|| Arc::new(HydrateExec { limit, ..self.clone() }) as Arc<dyn ExecutionPlan>)
    }

    fn execute(&self, partition: usize, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let context = StatementContext::of(task.session_config()).map_err(wrap)?;
        let input = self.input.execute(partition, task)?;
        let decoder = Arc::new(Decoder::new(self.what.fetch.columns.clone()));
        let fetcher = Fetcher { what: self.what.clone(), context, decoder };
        let state = Hydrating { fetcher, input, waiting: None, left: self.limit };
        let stream = stream::try_unfold(state, |mut state| async {
            let batch = state.next().await?;
            Ok(batch.map(|batch| (batch, state)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.output_schema(), stream.into_stream())))
    }
}

impl HydrateExec {
    fn output_schema(&self) -> SchemaRef {
        self.properties.eq_properties.schema().clone()
    }
}

struct Hydrating {
    fetcher: Fetcher,
    input: SendableRecordBatchStream,
    /// Rows of the input that are not fetched yet.
    waiting: Option<RecordBatch>,
    left: Option<usize>,
}

impl Hydrating {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while self.left != Some(0) {
            let batch = match self.waiting.take() {
                Some(batch) => batch,
                None => match self.input.next().await.transpose()? {
                    Some(batch) => batch,
                    None => return Ok(None),
                },
            };
            // Under a limit that waits for a filter, rows beyond the last one needed are fetched for nothing.
            let most = if self.left.is_some() { self.fetcher.widest()? } else { CHUNK };
            let size = batch.num_rows().min(most);
            if size < batch.num_rows() {
                self.waiting = Some(batch.slice(size, batch.num_rows() - size));
            }
            let mut whole = self.fetcher.complete(&batch.slice(0, size)).await.map_err(wrap)?;
            for predicate in &self.fetcher.what.predicates {
                whole = filtered(&whole, predicate).map_err(wrap)?;
            }
            if let Some(left) = &mut self.left {
                whole = whole.slice(0, whole.num_rows().min(*left));
                *left -= whole.num_rows();
            }
            if whole.num_rows() > 0 {
                let output: Vec<usize> = (0..self.fetcher.what.output).collect();
                return Ok(Some(whole.project(&output)?));
            }
        }
        Ok(None)
    }
}

/// Fetches rows by key.
struct Fetcher {
    what: Arc<Hydration>,
    context: Arc<StatementContext>,
    decoder: Arc<Decoder>,
}

impl Fetcher {
    /// Requests at the same time.
    fn widest(&self) -> Result<usize> {
        let provider = self.context.registry.provider(&self.what.fetch.resource.provider).map_err(wrap)?;
        Ok(provider.access.concurrent.max(1))
    }

    /// The rows with the fetched columns.
    async fn complete(&self, batch: &RecordBatch) -> crate::error::Result<RecordBatch> {
        let (needed, left) = (batch.num_rows() as u64, self.context.budget.left());
        if needed > left {
            let names: Vec<&str> = self.what.fetch.columns.iter().map(|c| c.name.as_str()).collect();
            return Err(Error::new(
                Kind::Network,
                format!(
                    "{needed} more rows need a request each for {}, and {left} are left of the budget",
                    names.join(", ")
                ),
            )
            .hint("leave these columns out, narrow the statement, or SET max_requests = ..."));
        }
        let widest = self.widest().map_err(crate::plan::errors::unwrap)?;
        let fetched: Vec<RecordBatch> =
            stream::iter(0..batch.num_rows()).map(|row| self.fetch(batch, row)).buffered(widest).try_collect().await?;
        let fetched = compact(concat_batches(self.decoder.schema(), &fetched).map_err(internal)?)?;
        let column = |column: &Column| -> crate::error::Result<ArrayRef> {
            let source = if self.what.fetches(&column.name) { &fetched } else { batch };
            source.column_by_name(&column.name).cloned().ok_or_else(|| internal(format!("no column {}", column.name)))
        };
        let arrays = self.what.columns.iter().map(column).collect::<crate::error::Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(schema(&self.what.columns), arrays, &options).map_err(internal)
    }

    /// One row by its key; NULLs where it is gone.
    async fn fetch(&self, batch: &RecordBatch, row: usize) -> crate::error::Result<RecordBatch> {
        let mut set = ParameterSet::default();
        for (wire, column) in &self.what.arguments {
            let array = batch.column_by_name(column).ok_or_else(|| internal(format!("no column {column}")))?;
            set.arguments.push((wire.clone(), to_json(array.as_ref(), row)?));
        }
        let resource = &self.what.fetch.resource;
        let has_key = set.arguments.iter().all(|(_, value)| !value.is_null());
        if has_key {
            let page = ask::one(&self.context, &self.what.fetch, &self.decoder, (&set, PageRequest::default())).await?;
            if page.batch.num_rows() > 0 {
                return Ok(page.batch.slice(0, 1));
            }
        }
        self.context.warnings.add_counted(&format!(
            "of {} gone when fetched by key; the columns that the list leaves out are NULL there",
            resource.full_name()
        ));
        let schema = self.decoder.schema();
        let nulls = schema.fields().iter().map(|f| new_null_array(f.data_type(), 1)).collect();
        RecordBatch::try_new(schema.clone(), nulls).map_err(internal)
    }
}

fn internal(error: impl fmt::Display) -> Error {
    Error::new(Kind::Internal, format!("rows could not be completed: {error}"))
}
