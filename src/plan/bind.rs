//! A required parameter that comes from another relation: JOIN on it, IN (SELECT ..), = (SELECT ..), EXISTS.
//! The join stays as it is; the scan that lacks the parameter gets a plan for its keys. Knows the engine's logical
//! plans; sends nothing.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ExtensionOptions};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, TableScan,
};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::context::StatementContext;
use super::names::lineage::Lineage;
use super::table::{Keys, ResourceTable};

/// The statement's context where rules can find it.
#[derive(Debug, Clone)]
pub struct PlanOptions {
    /// The context of the statement that is being planned.
    pub context: Arc<StatementContext>,
}

impl ConfigExtension for PlanOptions {
    const PREFIX: &'static str = "weir";
}

impl ExtensionOptions for PlanOptions {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, _: &str) -> Result<()> {
        datafusion::common::config_err!("weir.{key} is no setting of the engine")
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}

/// Gives unbound scans their keys.
#[derive(Debug)]
pub struct BindRule;

impl OptimizerRule for BindRule {
    fn name(&self) -> &'static str {
        "weir_bind"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let options = config.options();
        let Some(options) = options.extensions.get::<PlanOptions>() else { return Ok(Transformed::no(plan)) };
        match plan {
            LogicalPlan::Join(join) => bind_join(join, &options.context),
            LogicalPlan::Filter(mut filter) => {
                for (inner, outer, key) in scalar_subqueries(&filter.predicate) {
                    let binder = Binder { context: &options.context, outer: &outer };
                    if let Some(bound) = binder.bind(&filter.input, vec![(inner, key)])? {
                        filter.input = Arc::new(bound);
                        return Ok(Transformed::yes(LogicalPlan::Filter(filter)));
                    }
                }
                Ok(Transformed::no(LogicalPlan::Filter(filter)))
            }
            other => Ok(Transformed::no(other)),
        }
    }
}

fn bind_join(mut join: Join, context: &StatementContext) -> Result<Transformed<LogicalPlan>> {
    // Every row of an outer side must survive, so only the other side may be narrowed to its keys.
    let right_may = matches!(
        join.join_type,
        JoinType::Inner
            | JoinType::Left
            | JoinType::LeftSemi
            | JoinType::RightSemi
            | JoinType::LeftAnti
            | JoinType::LeftMark
    );
    let left_may = matches!(
        join.join_type,
        JoinType::Inner | JoinType::Right | JoinType::LeftSemi | JoinType::RightSemi | JoinType::RightAnti
    );
    for flip in [false, true] {
        if !(if flip { left_may } else { right_may }) {
            continue;
        }
        let (outer, inner) = if flip { (&join.right, &join.left) } else { (&join.left, &join.right) };
        // A side that lacks keys itself can give none; it may get them from a join further up, which comes back here.
        if lacks_keys(outer, context)? {
            continue;
        }
        let pairs = join.on.iter().filter_map(|(left, right)| {
            let (key, column) = if flip { (right, left) } else { (left, right) };
            Some((bare_column(column)?, key.clone()))
        });
        let binder = Binder { context, outer };
        if let Some(bound) = binder.bind(inner, pairs.collect())? {
            *(if flip { &mut join.left } else { &mut join.right }) = Arc::new(bound);
            return Ok(Transformed::yes(LogicalPlan::Join(join)));
        }
    }
    Ok(Transformed::no(LogicalPlan::Join(join)))
}

/// Whether a scan of `plan` cannot run yet.
fn lacks_keys(plan: &LogicalPlan, context: &StatementContext) -> Result<bool> {
    plan.exists(|node| {
        let LogicalPlan::TableScan(scan) = node else { return Ok(false) };
        let provider = source_as_provider(&scan.source)?;
        Ok(provider.downcast_ref::<ResourceTable>().is_some_and(|table| table.lacks_keys(&scan.filters, context)))
    })
}

/// `column = (SELECT ..)` within a filter: the column, the query, and its one column.
fn scalar_subqueries(predicate: &Expr) -> Vec<(Column, Arc<LogicalPlan>, Expr)> {
    let of = |column: &Expr, query: &Expr| {
        let Expr::ScalarSubquery(query) = query else { return None };
        if !query.outer_ref_columns.is_empty() {
            return None;
        }
        let key = Expr::Column(query.subquery.schema().columns().into_iter().next()?);
        Some((bare_column(column)?, query.subquery.clone(), key))
    };
    let pairs = split_conjunction(predicate).into_iter().filter_map(|conjunct| match conjunct {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => of(left, right).or_else(|| of(right, left)),
        _ => None,
    });
    pairs.collect()
}

/// The column, also within a cast that only changes how its text is held.
fn bare_column(expr: &Expr) -> Option<Column> {
    match expr {
        Expr::Column(column) => Some(column.clone()),
        Expr::Cast(cast) => bare_column(&cast.expr),
        _ => None,
    }
}

/// The relation that keys come from.
struct Binder<'a> {
    context: &'a StatementContext,
    outer: &'a Arc<LogicalPlan>,
}

impl Binder<'_> {
    /// `plan` with its unbound scan bound. `pairs`: columns of `plan`, each with the outer key it equals. None: there
    /// is nothing to bind.
    fn bind(&self, plan: &LogicalPlan, pairs: Vec<(Column, Expr)>) -> Result<Option<LogicalPlan>> {
        if pairs.is_empty() {
            return Ok(None);
        }
        match plan {
            LogicalPlan::TableScan(scan) => self.scan(scan, &pairs),
            LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Projection(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Sort(_) => {
                // A sort that stops early chooses among all rows, not among those of the keys.
                if matches!(plan, LogicalPlan::Sort(sort) if sort.fetch.is_some()) {
                    return Ok(None);
                }
                let below = pairs.into_iter().filter_map(|(c, key)| Some((through(plan, &c)?, key))).collect();
                let [input] = plan.inputs()[..] else { return Ok(None) };
                let Some(bound) = self.bind(input, below)? else { return Ok(None) };
                plan.with_new_exprs(plan.expressions(), vec![bound]).map(Some)
            }
            LogicalPlan::Join(join) => self.nested(join, &pairs),
            _ => Ok(None),
        }
    }

    /// A join within the inner side: each side gets the pairs of its own columns.
    fn nested(&self, join: &Join, pairs: &[(Column, Expr)]) -> Result<Option<LogicalPlan>> {
        let side = |plan: &LogicalPlan, may: bool| -> Result<Option<LogicalPlan>> {
            let own = pairs.iter().filter(|(c, _)| plan.schema().has_column(c)).cloned().collect();
            if may { self.bind(plan, own) } else { Ok(None) }
        };
        let left_may =
            matches!(join.join_type, JoinType::Inner | JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti);
        let left = side(&join.left, left_may)?;
        let right = side(&join.right, matches!(join.join_type, JoinType::Inner | JoinType::Right))?;
        if left.is_none() && right.is_none() {
            return Ok(None);
        }
        let mut join = join.clone();
        if let Some(left) = left {
            join.left = Arc::new(left);
        }
        if let Some(right) = right {
            join.right = Arc::new(right);
        }
        // The side that has its keys now may be what the other waited for.
        bind_join(join, self.context).map(|join| Some(join.data))
    }

    fn scan(&self, scan: &TableScan, pairs: &[(Column, Expr)]) -> Result<Option<LogicalPlan>> {
        let provider = source_as_provider(&scan.source)?;
        let Some(table) = provider.downcast_ref::<ResourceTable>() else { return Ok(None) };
        let names: Vec<&str> = pairs.iter().map(|(c, _)| c.name.as_str()).collect();
        let Some(needed) = table.unbound(&scan.filters, &names, self.context) else { return Ok(None) };
        let keys = needed.iter().enumerate().filter_map(|(i, name)| {
            let (_, key) = pairs.iter().find(|(c, _)| c.name == *name)?;
            Some(key.clone().alias(format!("key_{i}")))
        });
        let keys: Vec<Expr> = keys.collect();
        let lineage = Lineage { own_tables: self.context.own_secrets };
        let secret = keys.iter().map(|key| lineage.expression(self.outer, key)).collect();
        let plan = LogicalPlanBuilder::from(self.outer.as_ref().clone()).project(keys)?.build()?;
        let bound = table.with_keys(Keys { plan: Arc::new(plan), names: needed, secret });
        let mut scan = scan.clone();
        scan.source = provider_as_source(Arc::new(bound));
        Ok(Some(LogicalPlan::TableScan(scan)))
    }
}

/// The column of `plan`'s input that its column `column` is.
fn through(plan: &LogicalPlan, column: &Column) -> Option<Column> {
    let at = plan.schema().index_of_column(column).ok()?;
    match plan {
        LogicalPlan::SubqueryAlias(alias) => Some(Column::from(alias.input.schema().qualified_field(at))),
        LogicalPlan::Projection(projection) => plain(projection.expr.get(at)?),
        LogicalPlan::Aggregate(aggregate) => plain(aggregate.group_expr.get(at)?),
        _ => Some(column.clone()),
    }
}

fn plain(expr: &Expr) -> Option<Column> {
    match expr {
        Expr::Alias(alias) => plain(&alias.expr),
        Expr::Column(column) => Some(column.clone()),
        _ => None,
    }
}
