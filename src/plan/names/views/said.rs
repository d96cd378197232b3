//! What a SELECT says that columns equal: `a = 'x'`, `t.a IN ('x', 'y')`, `t.a = u.b`, in WHERE and in the conditions of
//! joins. Knows sqlparser's trees only.

use std::mem;

use sqlparser::ast::{BinaryOperator, Expr, JoinConstraint, JoinOperator, Select, TableFactor, Value};

use crate::plan::names::spelling::called;
use crate::plan::names::tables::{folded, idents};

/// What a column equals.
#[derive(Debug, Clone)]
pub enum Said {
    /// One of these literals.
    Values(Vec<Expr>),
    /// What another relation has.
    Later,
}

/// A condition on a column.
#[derive(Debug, Clone)]
pub struct Condition {
    /// The relation that is named with it.
    pub relation: Option<String>,
    /// Its name as [`key`] has it.
    pub column: String,
    /// What is said.
    pub said: Said,
}

/// A column's name without what differs between spellings: `subscriptionId`, `subscription_id`.
pub fn key(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The conditions of a SELECT that hold for every row of it.
pub fn conditions(select: &Select) -> Vec<Condition> {
    let mut found: Vec<Condition> =
        select.selection.iter().flat_map(conjuncts).filter_map(condition).flatten().collect();
    for join in select.from.iter().flat_map(|from| &from.joins) {
        let (constraint, outer) = match &join.join_operator {
            JoinOperator::Join(c) | JoinOperator::Inner(c) => (c, false),
            JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => (c, true),
            _ => continue,
        };
        let joined = name_of(&join.relation);
        let on = match constraint {
            JoinConstraint::On(on) => on,
            JoinConstraint::Using(columns) => {
                let relation = joined.filter(|_| outer);
                let names = columns.iter().filter_map(|name| idents(name).pop());
                found.extend(names.map(|name| Condition {
                    relation: relation.clone(),
                    column: key(&name.value),
                    said: Said::Later,
                }));
                continue;
            }
            _ => continue,
        };
        // Rows of the side that is kept are there whatever the condition says.
        let counts = |c: &Condition| !outer || (c.relation.is_some() && c.relation == joined);
        found.extend(conjuncts(on).into_iter().filter_map(condition).flatten().filter(counts));
    }
    found
}

fn name_of(factor: &TableFactor) -> Option<String> {
    called(factor).and_then(|name| idents(&name).pop()).map(|name| folded(&name))
}

/// The parts of an AND.
pub fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
            conjuncts(left).into_iter().chain(conjuncts(right)).collect()
        }
        Expr::Nested(inner) => conjuncts(inner),
        other => vec![other],
    }
}

/// What a part says, of one column or, where two are equal, of both.
fn condition(part: &Expr) -> Option<Vec<Condition>> {
    let of =
        |column: &Expr, said: Said| column_of(column).map(|(relation, column)| Condition { relation, column, said });
    Some(match part {
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            // Nothing equals NULL: it is no value to ask for.
            if [left, right].iter().any(|side| matches!(side.as_ref(), Expr::Value(v) if v.value == Value::Null)) {
                return None;
            }
            let said = |other: &Expr| match other {
                literal if is_literal(literal) => Said::Values(vec![literal.clone()]),
                _ => Said::Later,
            };
            of(left, said(right)).into_iter().chain(of(right, said(left))).collect()
        }
        Expr::InList { expr, list, negated: false } if list.iter().all(is_literal) => {
            vec![of(expr, Said::Values(list.clone()))?]
        }
        Expr::InSubquery { expr, negated: false, .. } => vec![of(expr, Said::Later)?],
        // `a = 'x' OR a = 'y'`
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => either(&condition(left)?, &condition(right)?)?,
        Expr::Nested(inner) => condition(inner)?,
        _ => return None,
    })
}

/// One column equals values of both.
fn either(left: &[Condition], right: &[Condition]) -> Option<Vec<Condition>> {
    let ([left], [right]) = (left, right) else { return None };
    let (Said::Values(first), Said::Values(second)) = (&left.said, &right.said) else { return None };
    let same = left.column == right.column && left.relation == right.relation;
    let said = Said::Values(first.iter().chain(second).cloned().collect());
    same.then(|| vec![Condition { said, ..left.clone() }])
}

/// The relation that is named with a column, and the column.
pub fn column_of(expr: &Expr) -> Option<(Option<String>, String)> {
    match expr {
        Expr::Identifier(name) => Some((None, key(&name.value))),
        Expr::CompoundIdentifier(parts) => {
            let [.., relation, name] = parts.as_slice() else { return None };
            Some((Some(folded(relation)), key(&name.value)))
        }
        Expr::Nested(inner) => column_of(inner),
        _ => None,
    }
}

pub fn is_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if !matches!(value.value, Value::Null | Value::Placeholder(_)))
}

/// Takes out of WHERE what is said of columns (relation and name) that stand in a view, and not in its rows.
pub fn drop_settled(select: &mut Select, settled: &[(String, String)]) {
    let is_settled = |part: &Expr| {
        let found = condition(part).unwrap_or_default();
        found.len() == 1
            && found.iter().all(|c| {
                settled
                    .iter()
                    .any(|(name, column)| *column == c.column && c.relation.as_ref().is_none_or(|r| r == name))
            })
    };
    if !settled.is_empty()
        && let Some(whole) = mem::take(&mut select.selection)
    {
        select.selection = conjunction(conjuncts(&whole).into_iter().filter(|part| !is_settled(part)).cloned());
    }
}

/// The parts as one condition.
pub fn conjunction(parts: impl Iterator<Item = Expr>) -> Option<Expr> {
    let nested = |part: Expr| match part {
        Expr::BinaryOp { op: BinaryOperator::Or, .. } => Expr::Nested(Box::new(part)),
        other => other,
    };
    parts.map(nested).reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    })
}
