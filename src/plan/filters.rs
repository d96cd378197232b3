//! What a WHERE says, as far as a request can say it: equalities, ranges and NULL tests on single columns.
//! Pure: knows DataFusion's expressions and JSON values; no resource, no request.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use serde_json::Value;

use crate::registry::Comparison;
use crate::rows::to_json;

/// One conjunct that a request may be able to say.
#[derive(Debug, Clone, PartialEq)]
pub enum Term {
    /// The column is one of these values, in the order written, each once.
    Among(String, Vec<Value>),
    /// The column compares with a value.
    Compares(String, Comparison, Value),
    /// IS NULL or IS NOT NULL.
    Null(String, Comparison),
}

impl Term {
    /// The column it speaks of.
    #[must_use]
    pub fn column(&self) -> &str {
        match self {
            Term::Among(column, _) | Term::Compares(column, _, _) | Term::Null(column, _) => column,
        }
    }
}

/// What `filter` says, if it is one of the forms of [`Term`].
#[must_use]
pub fn term(filter: &Expr) -> Option<Term> {
    if let Some((column, values)) = among(filter) {
        return Some(Term::Among(column, values));
    }
    match filter {
        Expr::IsNull(inner) => Some(Term::Null(column(inner)?, Comparison::IsNull)),
        Expr::IsNotNull(inner) => Some(Term::Null(column(inner)?, Comparison::IsNotNull)),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            if let (Some(column), Some(value)) = (column(left), literal(right)) {
                return Some(Term::Compares(column, comparison(*op)?, value));
            }
            let (column, value) = (column(right)?, literal(left)?);
            Some(Term::Compares(column, comparison(op.swap()?)?, value))
        }
        _ => None,
    }
}

fn comparison(op: Operator) -> Option<Comparison> {
    Some(match op {
        Operator::Lt => Comparison::Less,
        Operator::LtEq => Comparison::AtMost,
        Operator::Gt => Comparison::Greater,
        Operator::GtEq => Comparison::AtLeast,
        _ => return None,
    })
}

/// `c = v`, `c IN (..)`, ORs of them over one column, a boolean column and its negation.
fn among(filter: &Expr) -> Option<(String, Vec<Value>)> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
            let pair = column(left).zip(literal(right)).or_else(|| column(right).zip(literal(left)))?;
            Some((pair.0, vec![pair.1]))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            let (column, mut values) = among(left)?;
            let (other, more) = among(right)?;
            values.extend(more);
            (column == other).then(|| (column, each_once(values)))
        }
        Expr::InList(InList { expr, list, negated: false }) => {
            let values = list.iter().map(literal).collect::<Option<Vec<_>>>()?;
            Some((column(expr)?, each_once(values)))
        }
        Expr::Column(_) => Some((column(filter)?, vec![Value::Bool(true)])),
        Expr::IsTrue(inner) => Some((column(inner)?, vec![Value::Bool(true)])),
        Expr::Not(inner) | Expr::IsFalse(inner) => Some((column(inner)?, vec![Value::Bool(false)])),
        _ => None,
    }
}

fn each_once(values: Vec<Value>) -> Vec<Value> {
    let mut seen: Vec<Value> = Vec::with_capacity(values.len());
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}

fn column(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Column(column) => Some(column.name.clone()),
        Expr::Alias(alias) => column(&alias.expr),
        _ => None,
    }
}

/// A literal as JSON; NULL is none, as nothing equals it.
fn literal(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::Literal(value, _) => scalar(value),
        Expr::Alias(alias) => literal(&alias.expr),
        _ => None,
    }
}

fn scalar(value: &ScalarValue) -> Option<Value> {
    if value.is_null() {
        return None;
    }
    let array = value.to_array().ok()?;
    to_json(array.as_ref(), 0).ok()
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_forms_of_equality_are_seen() {
        let among = |values: &[&str]| Some(Term::Among("c".to_owned(), values.iter().map(|v| json!(v)).collect()));
        assert_eq!(term(&col("c").eq(lit("a"))), among(&["a"]));
        assert_eq!(term(&lit("a").eq(col("c"))), among(&["a"]));
        assert_eq!(
            term(&col("c").eq(lit("a")).or(col("c").eq(lit("b"))).or(col("c").eq(lit("a")))),
            among(&["a", "b"])
        );
        assert_eq!(term(&col("c").in_list(vec![lit("b"), lit("a"), lit("b")], false)), among(&["b", "a"]));
        assert_eq!(term(&!col("c")), Some(Term::Among("c".to_owned(), vec![json!(false)])));
    }

    #[test]
    fn ranges_look_the_same_from_both_sides() {
        let expected = Some(Term::Compares("c".to_owned(), Comparison::AtLeast, json!(5)));
        assert_eq!(term(&col("c").gt_eq(lit(5_i64))), expected);
        assert_eq!(term(&lit(5_i64).lt_eq(col("c"))), expected);
    }

    #[test]
    fn what_a_request_cannot_say_is_no_term() {
        assert_eq!(term(&col("c").in_list(vec![lit("a")], true)), None);
        assert_eq!(term(&col("c").eq(lit("a")).or(col("d").eq(lit("b")))), None);
        assert_eq!(term(&col("c").eq(col("d"))), None);
        assert_eq!(term(&col("c").not_eq(lit("a"))), None);
        assert_eq!(term(&col("c").eq(lit(ScalarValue::Utf8(None)))), None);
    }
}
