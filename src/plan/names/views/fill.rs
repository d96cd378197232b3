//! What a statement says of a view's columns, written into the view's query, as StackQL has it: a value replaces the
//! view's own (`region = 'us-east-1'`) or its placeholder (`'{{ account_id }}'`, `'<Id>'`, `'replace-me'`). A placeholder
//! that nothing is said of goes, and the table behind the view says what it needs, or takes it from its defaults.
//! Knows sqlparser's trees only.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Query, Select, SelectItem, SetExpr, TableFactor, Value, VisitMut, VisitorMut,
};

use super::said::{Condition, Said, column_of, conjunction, conjuncts, is_literal, key};
use crate::error::{Error, Result};
use crate::registry::{Resource, sql_name};

/// What is given to a view.
pub struct Given {
    said: BTreeMap<String, Said>,
    /// The names of the view's rows, where they are told.
    outputs: BTreeSet<String>,
    used: BTreeSet<String>,
}

impl Given {
    pub fn new(query: &Query, said: &[&Condition]) -> Given {
        let mut known: BTreeMap<String, Said> = BTreeMap::new();
        for condition in said {
            // A value that is told is better than one that is awaited.
            let told = matches!(known.get(&condition.column), Some(Said::Values(_)));
            if !told {
                known.insert(condition.column.clone(), condition.said.clone());
            }
        }
        Given { said: known, outputs: outputs(&query.body), used: BTreeSet::new() }
    }

    /// Columns that were used and are none of the view's rows.
    pub fn settled(&self) -> Vec<String> {
        self.used.difference(&self.outputs).cloned().collect()
    }

    /// Writes what is given into the view's query.
    ///
    /// # Errors
    /// When a placeholder outside of its conditions stays without a value.
    pub fn fill(&mut self, query: &mut Query, resource: &Resource) -> Result<()> {
        self.query(query);
        let mut rest = Placeholders { given: self, lacking: None };
        let _ = VisitMut::visit(query, &mut rest);
        match rest.lacking {
            None => Ok(()),
            Some(name) => {
                let name = sql_name(&name);
                Err(Error::statement(format!("{} needs {name}", resource.full_name()))
                    .hint(format!("add WHERE {name} = '...'")))
            }
        }
    }

    fn query(&mut self, query: &mut Query) {
        for cte in query.with.iter_mut().flat_map(|with| &mut with.cte_tables) {
            self.query(&mut cte.query);
        }
        self.body(&mut query.body);
    }

    fn body(&mut self, body: &mut SetExpr) {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.query(query),
            SetExpr::SetOperation { left, right, .. } => {
                self.body(left);
                self.body(right);
            }
            _ => {}
        }
    }

    fn select(&mut self, select: &mut Select) {
        let factors = select
            .from
            .iter_mut()
            .flat_map(|f| std::iter::once(&mut f.relation).chain(f.joins.iter_mut().map(|j| &mut j.relation)));
        for factor in factors {
            if let TableFactor::Derived { subquery, .. } = factor {
                self.query(subquery);
            }
        }
        if let Some(whole) = mem::take(&mut select.selection) {
            let parts: Vec<Expr> = conjuncts(&whole).into_iter().filter_map(|part| self.part(part)).collect();
            select.selection = conjunction(parts.into_iter());
        }
    }

    /// A condition of the view with what is given; none where it goes.
    fn part(&mut self, part: &Expr) -> Option<Expr> {
        let Some((column, literals)) = equals(part) else { return Some(part.clone()) };
        let Some((_, name)) = column_of(column) else { return Some(part.clone()) };
        let holder = literals.iter().find_map(|literal| placeholder(literal));
        let name = match &holder {
            Some(named) if !self.said.contains_key(&name) && self.said.contains_key(&key(named)) => key(named),
            _ => name,
        };
        let is_given = holder.is_some() || self.outputs.contains(&name);
        match self.said.get(&name).filter(|_| is_given) {
            Some(said) => {
                self.used.insert(name);
                match said {
                    Said::Later => None,
                    Said::Values(values) => Some(among(column, values)),
                }
            }
            None if holder.is_some() => None,
            None => Some(part.clone()),
        }
    }
}

/// `column = literal` or `column IN (literals)`.
fn equals(part: &Expr) -> Option<(&Expr, Vec<&Expr>)> {
    match part {
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } if is_literal(right) => Some((left, vec![right])),
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } if is_literal(left) => Some((right, vec![left])),
        Expr::InList { expr, list, negated: false } if list.iter().all(is_literal) => {
            Some((expr, list.iter().collect()))
        }
        _ => None,
    }
}

fn among(column: &Expr, values: &[Expr]) -> Expr {
    let expr = Box::new(column.clone());
    match values {
        [value] => Expr::BinaryOp { left: expr, op: BinaryOperator::Eq, right: Box::new(value.clone()) },
        values => Expr::InList { expr, list: values.to_vec(), negated: false },
    }
}

/// What a literal that stands for a value calls it; empty where it has no name.
fn placeholder(literal: &Expr) -> Option<String> {
    let Expr::Value(value) = literal else { return None };
    let Value::SingleQuotedString(text) = &value.value else { return None };
    let text = text.trim();
    let within = |open: &str, close: &str| Some(text.strip_prefix(open)?.strip_suffix(close)?.trim().to_owned());
    let named = within("{{", "}}").or_else(|| within("<", ">"));
    named.or_else(|| (key(text) == "replaceme").then(String::new))
}

/// The names of the rows.
fn outputs(body: &SetExpr) -> BTreeSet<String> {
    let select = match body {
        SetExpr::Select(select) => select,
        SetExpr::Query(query) => return outputs(&query.body),
        SetExpr::SetOperation { left, .. } => return outputs(left),
        _ => return BTreeSet::new(),
    };
    let name = |item: &SelectItem| match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(key(&alias.value)),
        SelectItem::UnnamedExpr(expr) => column_of(expr).map(|(_, name)| name),
        _ => None,
    };
    select.projection.iter().filter_map(name).collect()
}

/// Placeholders that stand elsewhere than in a condition.
struct Placeholders<'a> {
    given: &'a mut Given,
    lacking: Option<String>,
}

impl VisitorMut for Placeholders<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let holds = |text: &str| text.trim().starts_with("{{") && text.trim().ends_with("}}");
        let Expr::Value(value) = &*expr else { return ControlFlow::Continue(()) };
        let Value::SingleQuotedString(text) = &value.value else { return ControlFlow::Continue(()) };
        // Only the template's own marks: `<..>` may be a text like any other.
        let Some(name) = Some(text).filter(|text| holds(text)).and_then(|_| placeholder(expr)) else {
            return ControlFlow::Continue(());
        };
        match self.given.said.get(&key(&name)) {
            Some(Said::Values(values)) if values.len() == 1 => {
                self.given.used.insert(key(&name));
                *expr = values[0].clone();
            }
            _ => self.lacking = self.lacking.take().or(Some(name)),
        }
        ControlFlow::Continue(())
    }
}
