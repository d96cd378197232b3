//! Lateral relations that begin with no table, such as `LATERAL (SELECT unnest(f(t.x)))`: the relation to the left with
//! more columns and more rows. The engine plans such a join and cannot execute it; this rule makes one plan of both
//! sides. Knows no JSON.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, NullHandling, RecursionUnnestOption, Result, ScalarValue, UnnestOptions};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, Unnest};
use datafusion::optimizer::AnalyzerRule;

use crate::error::Error;
use crate::plan::errors::wrap;

/// Rewrites lateral joins over unnesting sub-queries.
#[derive(Debug)]
pub struct LateralUnnest;

impl AnalyzerRule for LateralUnnest {
    fn name(&self) -> &'static str {
        "lateral_unnest"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Join(join) => merged(join),
            other => Ok(Transformed::no(other)),
        })?;
        refuse_leftover(&plan.data)?;
        if plan.transformed {
            // What is above a rewritten join may see other nullability.
            return plan.data.transform_up_with_subqueries(|n| n.recompute_schema().map(Transformed::yes)).data();
        }
        Ok(plan.data)
    }
}

/// A lateral relation that only a query further out could feed is refused here: the engine's own words would not help.
fn refuse_leftover(plan: &LogicalPlan) -> Result<()> {
    let mut left = false;
    plan.apply_with_subqueries(|node| {
        // Only what stands in FROM is an input; a sub-query of an expression, such as IN (SELECT 'x'), is none.
        left |= node.inputs().iter().any(|input| match input {
            LogicalPlan::Subquery(lateral) => begins_with_nothing(&lateral.subquery),
            _ => false,
        });
        Ok(if left { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    if left {
        let error = Error::statement("json_each or UNNEST of a column of the query around it is not supported here");
        return Err(wrap(error.hint("name it in the FROM that has the column: FROM t, json_each(t.x)")));
    }
    Ok(())
}

fn begins_with_nothing(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Unnest(_) => plan.inputs().first().is_some_and(|input| begins_with_nothing(input)),
        _ => false,
    }
}

/// The lateral sub-query on the right side of a join.
fn lateral(right: &LogicalPlan) -> Option<&LogicalPlan> {
    match right {
        LogicalPlan::Subquery(lateral) if begins_with_nothing(&lateral.subquery) => Some(&lateral.subquery),
        LogicalPlan::SubqueryAlias(alias) => lateral(&alias.input),
        _ => None,
    }
}

fn merged(join: Join) -> Result<Transformed<LogicalPlan>> {
    let (JoinType::Inner | JoinType::Left, Some(right)) = (join.join_type, lateral(&join.right)) else {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    };
    let on = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    let is_true = |e: &Expr| matches!(e, Expr::Literal(ScalarValue::Boolean(Some(true)), _));
    let condition = conjunction(on.chain(join.filter.clone()).filter(|e| !is_true(e)));
    let outer = join.join_type == JoinType::Left;
    if outer && (condition.is_some() || !keeps_outer_rows(right)) {
        let error = Error::statement("a LEFT JOIN with json_each or UNNEST takes no condition");
        return Err(wrap(
            error.hint("write LEFT JOIN json_each(x) AS e ON true, or join with a sub-query that filters"),
        ));
    }
    let lift = Lift { left: &join.left, outer };
    let Some(plan) = lift.over_left(right, 0)? else { return Ok(Transformed::no(LogicalPlan::Join(join))) };

    // The columns of the join, under their names.
    let columns = plan.schema().columns().into_iter().zip(join.schema.iter());
    let named = columns.map(|(column, (qualifier, field))| {
        if column.relation.as_ref() == qualifier && column.name == *field.name() {
            Expr::Column(column)
        } else {
            Expr::Column(column).alias_qualified(qualifier.cloned(), field.name())
        }
    });
    let named: Vec<Expr> = named.collect();
    let plan = LogicalPlan::Projection(Projection::try_new(named, Arc::new(plan))?);
    let plan = match condition {
        Some(condition) => LogicalPlan::Filter(Filter::try_new(condition, Arc::new(plan))?),
        None => plan,
    };
    Ok(Transformed::yes(plan))
}

/// Whether a row of the left side without members would get NULLs, as LEFT JOIN promises: one unnesting of a list, and
/// nothing computed or filtered after it. Without unnesting, every row has its one row anyway.
fn keeps_outer_rows(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::Projection(projection) if !has_unnest(plan) => keeps_outer_rows(&projection.input),
        LogicalPlan::Projection(projection) => {
            projection.expr.iter().all(|e| matches!(e.clone().unalias_nested().data, Expr::Column(_)))
                && keeps_outer_rows(&projection.input)
        }
        LogicalPlan::SubqueryAlias(alias) => keeps_outer_rows(&alias.input),
        LogicalPlan::Unnest(unnest) if unnest.list_type_columns.is_empty() => keeps_outer_rows(&unnest.input),
        LogicalPlan::Unnest(unnest) => unnest.list_type_columns.len() == 1 && !has_unnest(&unnest.input),
        _ => false,
    }
}

fn has_unnest(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::Unnest(_)) || plan.inputs().iter().any(|input| has_unnest(input))
}

/// Puts the nodes of a lateral relation over the left side: each yields the left side's columns first, then its own.
struct Lift<'a> {
    left: &'a LogicalPlan,
    outer: bool,
}

impl Lift<'_> {
    /// `node` over the left side; None where it has a shape that is not ours to rewrite. `depth` makes names unique.
    fn over_left(&self, node: &LogicalPlan, depth: usize) -> Result<Option<LogicalPlan>> {
        let input = match node {
            LogicalPlan::EmptyRelation(empty) => return Ok(empty.produce_one_row.then(|| self.left.clone())),
            LogicalPlan::Projection(projection) => &projection.input,
            LogicalPlan::Filter(filter) => &filter.input,
            LogicalPlan::SubqueryAlias(alias) => &alias.input,
            LogicalPlan::Unnest(unnest) => &unnest.input,
            _ => return Ok(None),
        };
        let Some(below) = self.over_left(input, depth + 1)? else { return Ok(None) };
        let old = input.schema();
        match node {
            LogicalPlan::Projection(projection) => {
                let mut exprs: Vec<Expr> = self.left.schema().columns().into_iter().map(Expr::Column).collect();
                for (at, expr) in projection.expr.iter().enumerate() {
                    let expr = self.moved(expr.clone().unalias_nested().data, old, below.schema())?;
                    exprs.push(expr.alias(format!("__lateral_{depth}_{at}")));
                }
                Ok(Some(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(below))?)))
            }
            LogicalPlan::Filter(filter) => {
                let predicate = self.moved(filter.predicate.clone(), old, below.schema())?;
                Ok(Some(LogicalPlan::Filter(Filter::try_new(predicate, Arc::new(below))?)))
            }
            LogicalPlan::Unnest(unnest) => self.unnest(unnest, below).map(Some),
            _ => Ok(Some(below)),
        }
    }

    fn unnest(&self, unnest: &Unnest, below: LogicalPlan) -> Result<LogicalPlan> {
        let old = unnest.input.schema();
        let new = below.schema().clone();
        let column = |column: &Column| self.column(column, old, &new);
        let columns = unnest.exec_columns.iter().map(column).collect::<Result<Vec<_>>>()?;
        let recursions = unnest.options.recursions.iter().map(|recursion| {
            Ok(RecursionUnnestOption { input_column: column(&recursion.input_column)?, ..recursion.clone() })
        });
        let null_handling = match &unnest.options.null_handling {
            _ if self.outer && !unnest.list_type_columns.is_empty() => NullHandling::PreserveAndExpandEmpty,
            as_it_was => *as_it_was,
        };
        let options = UnnestOptions { null_handling, recursions: recursions.collect::<Result<Vec<_>>>()? };
        LogicalPlanBuilder::from(below).unnest_columns_with_options(columns, options)?.build()
    }

    /// A column of the relation `old`, in what it became behind the left side's columns.
    fn column(&self, column: &Column, old: &DFSchema, new: &DFSchema) -> Result<Column> {
        let at = self.left.schema().fields().len() + old.index_of_column(column)?;
        Ok(Column::from(new.qualified_field(at)))
    }

    /// An expression over `old` as one over `new`; columns of the left side are no longer outer ones.
    fn moved(&self, expr: Expr, old: &DFSchema, new: &DFSchema) -> Result<Expr> {
        let moved = expr.transform(|e| match e {
            Expr::Column(column) => Ok(Transformed::yes(Expr::Column(self.column(&column, old, new)?))),
            Expr::OuterReferenceColumn(_, column) if self.left.schema().has_column(&column) => {
                Ok(Transformed::yes(Expr::Column(column)))
            }
            other => Ok(Transformed::no(other)),
        });
        moved.data()
    }
}
