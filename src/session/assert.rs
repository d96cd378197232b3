//! ASSERT: whether something holds, and what was found where it does not. It reads, and changes nothing.

use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use sqlparser::ast::{BinaryOperator, Expr, Ident, Query, SelectItem, SetExpr, TableFactor, Value};
use std::ops::ControlFlow;

use super::query::{Planned, select_of, statement_of};
use super::{Answer, Run, Session};
use crate::error::{Error, Kind, Result, counted};
use crate::plan::unwrap;
use crate::sql::{self, Statement};

/// A condition that is ready to be asked: its first column tells whether it holds, the next what was compared.
pub(super) struct Assertion {
    planned: Planned,
    compared: Option<(BinaryOperator, [String; 2])>,
    /// It is a query, and not an expression.
    bare: bool,
    text: String,
}

impl Session {
    /// Plans what an ASSERT asks.
    pub(super) async fn plan_assertion(&self, run: &Run, condition: Expr) -> Result<Assertion> {
        let text = condition.to_string();
        let bare = matches!(condition, Expr::Subquery(_));
        let (query, compared, text) = match condition {
            Expr::Subquery(query) => {
                let text = query.to_string();
                (*query, None, text)
            }
            Expr::BinaryOp { left, op, right } if compares(&op) && (is_query(&left) || is_query(&right)) => {
                let sides = [left.to_string(), right.to_string()];
                (comparison(*left, op.clone(), *right)?, Some((op, sides)), text)
            }
            other if asks_for_rows(&other) => (filtered(other)?, None, text),
            other => (select_of(vec![named(other, "c0")])?, None, text),
        };
        let planned = self.plan(run, statement_of(query)).await?;
        let assertion = Assertion { planned, compared, bare, text };
        assertion.check_columns()?;
        assertion.planned.physical().await?;
        Ok(assertion)
    }

    pub(super) async fn assert(&self, run: &Run, condition: Expr, message: Option<String>) -> Result<Answer> {
        let assertion = self.plan_assertion(run, condition).await?;
        let rows = self.rows_planned(run, &assertion.planned).await?.collect().await?;
        let count = rows.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>();
        if count > 1 {
            return Err(Error::statement(format!(
                "ASSERT needs one row, and its query has {}",
                counted(count as u64, "row")
            ))
            .hint("SELECT bool_and(..) asks it of all of them"));
        }
        let row = rows.iter().find(|batch| batch.num_rows() > 0);
        let value = |column: usize| row.map(|row| ScalarValue::try_from_array(row.column(column), 0).map_err(unwrap));
        if let Some(ScalarValue::Boolean(Some(true))) = value(0).transpose()? {
            return Ok(Answer::done(run, "the assertion holds"));
        }
        let mut what = message.unwrap_or_else(|| format!("the assertion does not hold: {}", assertion.text));
        let hidden = run.context.values_hidden.load(std::sync::atomic::Ordering::Relaxed);
        if row.is_none() && assertion.bare {
            what += " (its query has no row)";
        } else if let Some((op, sides)) = assertion.compared.filter(|_| !hidden) {
            let (left, right) = (value(1).transpose()?, value(2).transpose()?);
            what = format!("{what} ({})", found(&op, &sides, [left, right].map(shown)));
        }
        Err(Error::new(Kind::Assert, what))
    }
}

impl Assertion {
    /// The plan that asks it.
    pub(super) fn planned(&self) -> &Planned {
        &self.planned
    }

    /// One column, and a boolean.
    fn check_columns(&self) -> Result<()> {
        let schema = self.planned.logical.schema();
        let fields = schema.fields();
        if fields.len() != 1 && self.compared.is_none() {
            let columns = counted(fields.len() as u64, "column");
            return Err(Error::statement(format!("ASSERT needs one boolean, and its query has {columns}")));
        }
        match fields.first().map(|field| field.data_type()) {
            Some(DataType::Boolean | DataType::Null) => Ok(()),
            Some(other) => Err(Error::statement(format!("ASSERT needs a boolean, and {} is {other}", self.text))),
            None => Err(Error::statement("ASSERT needs a boolean, and its query has no column")),
        }
    }
}

fn compares(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

fn is_query(side: &Expr) -> bool {
    match side {
        Expr::Subquery(_) => true,
        Expr::Nested(inner) => is_query(inner),
        _ => false,
    }
}

/// Whether EXISTS or IN (SELECT ..) stands in it, which the engine knows as filters only.
fn asks_for_rows(condition: &Expr) -> bool {
    let found = sqlparser::ast::visit_expressions(condition, |expr| match expr {
        Expr::Exists { .. } | Expr::InSubquery { .. } => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// A row where the condition holds, and none where it does not.
fn filtered(condition: Expr) -> Result<Query> {
    let mut query = select_of(vec![named(Expr::value(Value::Boolean(true)), "c0")])?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.selection = Some(condition);
    }
    Ok(query)
}

fn named(expr: Expr, name: &str) -> SelectItem {
    SelectItem::ExprWithAlias { expr, alias: Ident::new(name) }
}

/// Both sides computed once, and compared: what was found can be told without asking again.
fn comparison(left: Expr, op: BinaryOperator, right: Expr) -> Result<Query> {
    let Statement::Query(mut query) = sql::parse("SELECT l = r AS c0, l, r FROM (SELECT 1) AS sides")? else {
        return Err(Error::new(Kind::Internal, "SELECT is no query"));
    };
    if let SetExpr::Select(select) = query.body.as_mut() {
        if let Some(SelectItem::ExprWithAlias { expr: Expr::BinaryOp { op: equal, .. }, .. }) =
            select.projection.first_mut()
        {
            *equal = op;
        }
        if let Some(TableFactor::Derived { subquery, .. }) = select.from.first_mut().map(|from| &mut from.relation) {
            **subquery = select_of(vec![named(left, "l"), named(right, "r")])?;
        }
    }
    Ok(*query)
}

fn shown(value: Option<ScalarValue>) -> String {
    value.filter(|value| !value.is_null()).map_or_else(|| "NULL".to_owned(), |value| value.to_string())
}

/// `found 3, wanted 0`; the side that was computed is what was found.
fn found(op: &BinaryOperator, [left, right]: &[String; 2], [found, wanted]: [String; 2]) -> String {
    let query = |side: &str| side.starts_with('(');
    match op {
        BinaryOperator::Eq if query(right) && !query(left) => format!("found {wanted}, wanted {found}"),
        BinaryOperator::Eq => format!("found {found}, wanted {wanted}"),
        _ if query(right) && !query(left) => format!("found {wanted}, wanted {found} {op} it"),
        _ => format!("found {found}, wanted {op} {wanted}"),
    }
}
