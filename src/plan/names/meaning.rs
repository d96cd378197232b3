//! What a condition of a WHERE is on, where rows and requests have one name for two things that cannot be compared:
//! before planning, so that its value has the type of what is meant. Knows the registry and sqlparser's trees.

use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{BinaryOperator, Expr, Ident, Select, TableFactor, UnaryOperator, Value, VisitMut, VisitorMut};

use super::spelling::{called, relations};
use super::tables::{folded, idents};
use crate::registry::{Column, Kind, Resource, Shape, aside, can_mean_row};

/// Turns conditions that can only mean a parameter to it, and gives the values of parameters their form.
pub(super) fn settle<T: VisitMut>(node: &mut T, resources: &[Arc<Resource>]) {
    let _ = VisitMut::visit(node, &mut Meanings { resources });
}

struct Meanings<'a> {
    resources: &'a [Arc<Resource>],
}

impl VisitorMut for Meanings<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let factors = select.from.iter().flat_map(relations);
        let scope = Scope(factors.filter_map(|factor| self.relation(factor)).collect());
        if let Some(selection) = &mut select.selection {
            scope.conjunct(selection);
        }
        ControlFlow::Continue(())
    }
}

impl<'a> Meanings<'a> {
    /// How a relation is called, and what it is. The last of two resources of a name is the one that a write sees.
    fn relation(&self, factor: &TableFactor) -> Option<(Vec<String>, &'a Resource)> {
        let TableFactor::Table { name, args: None, .. } = factor else { return None };
        let full = idents(name).iter().map(|part| part.value.clone()).collect::<Vec<_>>().join(".");
        let resource = self.resources.iter().rev().find(|r| r.full_name() == full)?;
        Some((idents(&called(factor)?).iter().map(folded).collect(), resource))
    }
}

/// The relations of one FROM that are resources.
struct Scope<'a>(Vec<(Vec<String>, &'a Resource)>);

impl<'a> Scope<'a> {
    fn conjunct(&self, expr: &mut Expr) {
        match expr {
            Expr::Nested(inner) => self.conjunct(inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.conjunct(left);
                self.conjunct(right);
            }
            condition => {
                let mut said = Vec::new();
                if says(condition, &mut said).is_some() {
                    self.settle(condition, &said);
                }
            }
        }
    }

    /// `said`: the names in the condition, each with the values that it is compared with.
    fn settle(&self, condition: &mut Expr, said: &[(Expr, serde_json::Value)]) {
        let Some((first, _)) = said.first() else { return };
        let Some((resource, column)) = self.column(first) else { return };
        let same = |name: &Expr| self.column(name).is_some_and(|(_, c)| std::ptr::eq(c, column));
        if !said.iter().all(|(name, _)| same(name)) {
            return;
        }
        let beside = resource.column(&aside(&column.name)).filter(|c| c.paths.is_empty() && !column.paths.is_empty());
        let beside = beside.filter(|c| said.iter().any(|(_, value)| !can_mean_row(&column.shape, &c.shape, value)));
        let meant = beside.unwrap_or(column);
        if beside.is_some() || meant.paths.is_empty() || meant.shape.kind == Kind::Any {
            write(condition, meant, beside.is_some());
        }
    }

    fn column(&self, expr: &Expr) -> Option<(&'a Resource, &'a Column)> {
        let (column, table) = match expr {
            Expr::Identifier(ident) => (ident, &[][..]),
            Expr::CompoundIdentifier(parts) => parts.split_last()?,
            _ => return None,
        };
        let table: Vec<String> = table.iter().map(folded).collect();
        let mut found = self.0.iter().filter(|(called, _)| called.ends_with(&table)).filter_map(|(_, resource)| {
            let by_wire = |c: &&Column| column.quote_style.is_none() && c.wire == column.value;
            let by_name = resource.column(&folded(column));
            Some((*resource, by_name.or_else(|| resource.columns.iter().find(by_wire))?))
        });
        found.next().filter(|_| found.next().is_none())
    }
}

/// Gathers what a condition compares, where it is of the forms that a request can say: equality with values, lists of
/// them, a column by itself, and ORs of these.
fn says(condition: &Expr, said: &mut Vec<(Expr, serde_json::Value)>) -> Option<()> {
    let mut flag =
        |name: &Expr, value: bool| is_name(name).then(|| said.push((name.clone(), serde_json::Value::Bool(value))));
    match condition {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => flag(condition, true),
        Expr::IsTrue(inner) => flag(inner, true),
        Expr::IsFalse(inner) | Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => flag(inner, false),
        Expr::Nested(inner) => says(inner, said),
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => says(left, said).and_then(|()| says(right, said)),
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
            let (name, value) = if is_name(left) { (left, right) } else { (right, left) };
            let value = literal(value).filter(|_| is_name(name))?;
            said.push((name.as_ref().clone(), value));
            Some(())
        }
        Expr::InList { expr, list, negated: false } if is_name(expr) => {
            for value in list {
                said.push((expr.as_ref().clone(), literal(value)?));
            }
            Some(())
        }
        _ => None,
    }
}

/// Writes a condition of those forms anew: its name, where the parameter beside it is meant, and its values.
fn write(condition: &mut Expr, meant: &Column, renamed: bool) {
    match condition {
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
            rename(condition, meant, renamed);
            if meant.shape.kind != Kind::Boolean {
                equals(condition, &meant.shape, true);
            }
        }
        Expr::Nested(inner) => write(inner, meant, renamed),
        Expr::IsTrue(inner) | Expr::IsFalse(inner) | Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => {
            rename(inner, meant, renamed);
            let (value, mut name) = (matches!(condition, Expr::IsTrue(_)), inner_of(condition));
            if meant.shape.kind != Kind::Boolean {
                equals(&mut name, &meant.shape, value);
                *condition = name;
            }
        }
        Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
            write(left, meant, renamed);
            write(right, meant, renamed);
        }
        Expr::BinaryOp { left, right, .. } => {
            let (name, value) = if is_name(left) { (left, right) } else { (right, left) };
            rename(name, meant, renamed);
            put(value, &meant.shape);
        }
        Expr::InList { expr, list, .. } => {
            rename(expr, meant, renamed);
            for value in list {
                put(value, &meant.shape);
            }
        }
        _ => {}
    }
}

fn inner_of(condition: &Expr) -> Expr {
    match condition {
        Expr::IsTrue(inner) | Expr::IsFalse(inner) | Expr::UnaryOp { expr: inner, .. } => inner.as_ref().clone(),
        other => other.clone(),
    }
}

/// `name` as `name = value`.
fn equals(name: &mut Expr, shape: &Shape, value: bool) {
    let mut right = Expr::Value(Value::Boolean(value).into());
    put(&mut right, shape);
    *name = Expr::BinaryOp { left: Box::new(name.clone()), op: BinaryOperator::Eq, right: Box::new(right) };
}

fn rename(name: &mut Expr, meant: &Column, renamed: bool) {
    let ident = match name {
        Expr::Identifier(ident) => Some(ident),
        Expr::CompoundIdentifier(parts) => parts.last_mut(),
        _ => None,
    };
    if let Some(ident) = ident.filter(|_| renamed) {
        let span = ident.span;
        *ident = Ident::with_quote('"', &meant.name);
        ident.span = span;
    }
}

/// A value in the form that the column's type has in a statement.
fn put(value: &mut Expr, shape: &Shape) {
    let Some(said) = literal(value) else { return };
    let text = said.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let new = match (shape.kind, &said) {
        (Kind::Boolean, serde_json::Value::String(_)) => match text.to_ascii_lowercase().as_str() {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            _ => return,
        },
        (Kind::Integer | Kind::Number | Kind::Boolean, _) | (_, serde_json::Value::String(_)) => return,
        _ => Value::SingleQuotedString(text),
    };
    *value = Expr::Value(new.into());
}

fn is_name(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// A text, number or truth value that stands in the statement.
fn literal(expr: &Expr) -> Option<serde_json::Value> {
    match expr {
        Expr::Nested(inner) => literal(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } if matches!(expr.as_ref(), Expr::Value(_)) => {
            literal(expr).filter(serde_json::Value::is_number)
        }
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => serde_json::from_str(text).ok(),
            Value::Boolean(flag) => Some(serde_json::Value::Bool(*flag)),
            other => other.clone().into_string().map(serde_json::Value::String),
        },
        _ => None,
    }
}
