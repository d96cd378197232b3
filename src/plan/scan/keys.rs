//! The keys of a scan whose parameters come from another relation: read once, each distinct key once, in their order.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::execution::TaskContext;
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::create_physical_expr;
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;
use serde_json::Value;

use super::fetch::Fetch;
use crate::error::{Error, Kind, Result};
use crate::plan::context::StatementContext;
use crate::plan::errors::unwrap;
use crate::plan::reading::ParameterSet;
use crate::registry::{Parameter, can_mean_row, fit};
use crate::rows::{schema, to_json};

/// Keys beyond the budget are counted up to so many, to say how many there are: a list of millions is not kept for that.
const COUNTED: usize = 10_000;

/// Where a scan's keys come from.
#[derive(Debug, Clone)]
pub struct KeySource {
    /// One column for each parameter.
    pub plan: Arc<dyn ExecutionPlan>,
    /// The parameters that the keys are values of.
    pub parameters: Vec<Parameter>,
    /// For each, whether its values come from secret columns.
    pub secret: Vec<bool>,
}

/// The scan with a parameter set for each distinct key.
///
/// # Errors
/// When the keys cannot be read, do not fit, or are more than the statement may send requests for.
pub async fn keyed(
    fetch: &Fetch,
    source: &KeySource,
    context: &StatementContext,
    task: Arc<TaskContext>,
) -> Result<Fetch> {
    let keys = distinct(source, context, task).await?;
    if !fetch.given {
        within_budget(fetch, keys.len(), context)?;
    }
    let mut bound = fetch.clone();
    bound.sets = Vec::with_capacity(keys.len() * fetch.sets.len());
    for key in keys {
        for (set, _) in &fetch.sets {
            let mut set = set.clone();
            for (parameter, value) in source.parameters.iter().zip(&key) {
                let value = fit(&parameter.name, value.clone(), &parameter.shape)?.value;
                set.send(parameter, value.clone());
                let is_row_column = fetch.resource.column(&parameter.name).is_some_and(|c| !c.paths.is_empty());
                if is_row_column && !parameter.exact {
                    set.checks.push((parameter.name.clone(), value.clone()));
                }
                // What only a parameter can mean is no value of the rows' own.
                let own = fetch.resource.column(&parameter.name);
                let is_theirs = own.is_some_and(|own| can_mean_row(&own.shape, &parameter.shape, &value));
                match is_row_column {
                    true if is_theirs => set.fills.push((parameter.name.clone(), value)),
                    true => {}
                    false => set.echo.push((parameter.name.clone(), value)),
                }
            }
            let check = check(fetch, &set)?;
            bound.sets.push((set, check));
        }
    }
    Ok(bound)
}

/// The keys in their order, each once.
async fn distinct(source: &KeySource, context: &StatementContext, task: Arc<TaskContext>) -> Result<Vec<Vec<Value>>> {
    let mut stream = source.plan.execute(0, task).map_err(unwrap)?;
    let mut seen: HashSet<String> = HashSet::new();
    let mut keys: Vec<Vec<Value>> = Vec::new();
    while keys.len() < most(context)
        && let Some(batch) = stream.try_next().await.map_err(unwrap)?
    {
        for row in 0..batch.num_rows() {
            let key = batch.columns().iter().map(|c| to_json(c.as_ref(), row)).collect::<Result<Vec<_>>>()?;
            for (value, _) in key.iter().zip(&source.secret).filter(|(_, secret)| **secret) {
                value.as_str().into_iter().for_each(|text| context.redactor.learn(text));
            }
            // NULL equals nothing, so it can find nothing.
            if !key.iter().any(Value::is_null) && seen.insert(Value::from(key.clone()).to_string()) {
                keys.push(key);
            }
        }
    }
    Ok(keys)
}

/// With so many keys nothing will be sent, and more of them need not be read.
fn most(context: &StatementContext) -> usize {
    usize::try_from(context.budget.left()).unwrap_or(usize::MAX).saturating_add(COUNTED)
}

fn within_budget(fetch: &Fetch, keys: usize, context: &StatementContext) -> Result<()> {
    let (needed, left) = ((keys * fetch.sets.len()) as u64, context.budget.left());
    if needed <= left {
        return Ok(());
    }
    let (name, more) = (fetch.resource.full_name(), if keys < most(context) { "" } else { " or more" });
    let what = format!("{name} needs {needed} requests{more}, one a key, and {left} are left of the budget");
    Err(Error::new(Kind::Network, what).hint("narrow the other side of the join, or SET max_requests = ..."))
}

/// Rows of one key must have that key, lest an API that passes over the parameter repeat its rows for each.
fn check(fetch: &Fetch, set: &ParameterSet) -> Result<Option<Arc<dyn datafusion::physical_expr::PhysicalExpr>>> {
    let Some(all) = set.check(&fetch.columns) else { return Ok(None) };
    let schema = DFSchema::try_from(schema(&fetch.columns).as_ref().clone()).map_err(unwrap)?;
    create_physical_expr(&all, &schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())
        .map(Some)
        .map_err(unwrap)
}
