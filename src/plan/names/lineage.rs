//! Which columns of a plan hold values of secret columns, so that such a value is masked wherever it goes.
//! Knows the engine's logical plans and the registry's columns; changes nothing.

use datafusion::common::Column;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::plan::table::ResourceTable;

/// Follows columns to where they come from. Where a value comes from a table of the session's own,
/// `own_tables` tells whether it may be secret.
#[derive(Debug, Clone, Copy)]
pub struct Lineage {
    /// The session made a table of secret values.
    pub own_tables: bool,
}

impl Lineage {
    /// For each column of the plan, whether it holds secret values.
    #[must_use]
    pub fn secret_columns(self, plan: &LogicalPlan) -> Vec<bool> {
        plan.schema().columns().iter().map(|column| self.column(plan, column)).collect()
    }

    /// Whether an expression over the plan's columns holds secret values.
    #[must_use]
    pub fn expression(self, plan: &LogicalPlan, expr: &Expr) -> bool {
        expr.column_refs().into_iter().any(|column| self.column(plan, column))
    }

    fn column(self, plan: &LogicalPlan, column: &Column) -> bool {
        let Ok(at) = plan.schema().index_of_column(column) else { return false };
        match plan {
            LogicalPlan::TableScan(scan) => match source_as_provider(&scan.source) {
                Ok(provider) => match provider.downcast_ref::<ResourceTable>() {
                    Some(table) => table.is_secret(&column.name),
                    None => self.own_tables,
                },
                Err(_) => false,
            },
            LogicalPlan::SubqueryAlias(alias) => {
                self.column(&alias.input, &Column::from(alias.input.schema().qualified_field(at)))
            }
            LogicalPlan::Projection(projection) => self.expression(&projection.input, &projection.expr[at]),
            LogicalPlan::Union(union) => union.inputs.iter().any(|input| {
                let columns = input.schema().columns();
                columns.get(at).is_some_and(|column| self.column(input, column))
            }),
            LogicalPlan::Aggregate(aggregate) => {
                let exprs: Vec<&Expr> = aggregate.group_expr.iter().chain(&aggregate.aggr_expr).collect();
                exprs.get(at).is_some_and(|expr| self.expression(&aggregate.input, expr))
            }
            // Joins, filters, sorts and windows pass their inputs' columns on under the same names.
            other => {
                other.inputs().into_iter().any(|input| input.schema().has_column(column) && self.column(input, column))
            }
        }
    }
}
