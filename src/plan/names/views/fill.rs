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

#[cfg(test)]
mod tests {
    use sqlparser::dialect::GenericDialect;
    use sqlparser::parser::Parser;

    use super::*;
    use crate::plan::names::views::said::conditions;

    fn query(text: &str) -> Query {
        *Parser::new(&GenericDialect {}).try_with_sql(text).unwrap().parse_query().unwrap()
    }

    /// The conditions of the view below under a WHERE, and the columns of it that are settled by that.
    fn filled(view: &str, statement: &str) -> (String, String) {
        let (mut view, statement) = (query(view), query(&format!("SELECT * FROM v {statement}")));
        let SetExpr::Select(select) = statement.body.as_ref() else { panic!("no SELECT") };
        let conditions = conditions(select);
        let mut given = Given::new(&view, &conditions.iter().collect::<Vec<_>>());
        given.query(&mut view);
        let text = view.to_string();
        (text.split_once(" WHERE ").map_or("", |(_, rest)| rest).to_owned(), given.settled().join(" "))
    }

    #[test]
    fn what_is_said_takes_the_place_of_a_views_own_values_and_of_its_placeholders() {
        let view = "SELECT region, Id AS thing FROM t WHERE kind = 'K' AND region = 'north' AND Id = '<ThingId>' \
                    AND account_id = '{{ account_id }}' AND size > 3";
        for (statement, conditions, settled) in [
            ("", "kind = 'K' AND region = 'north' AND size > 3", ""),
            ("WHERE region = 'south'", "kind = 'K' AND region = 'south' AND size > 3", ""),
            ("WHERE 'south' = v.region", "kind = 'K' AND region = 'south' AND size > 3", ""),
            ("WHERE (region = 'a' OR region = 'b')", "kind = 'K' AND region IN ('a', 'b') AND size > 3", ""),
            ("WHERE region IN ('a', 'b')", "kind = 'K' AND region IN ('a', 'b') AND size > 3", ""),
            ("WHERE region = NULL", "kind = 'K' AND region = 'north' AND size > 3", ""),
            ("WHERE region <> 'south' OR id = '1'", "kind = 'K' AND region = 'north' AND size > 3", ""),
            ("WHERE NOT region = 'south'", "kind = 'K' AND region = 'north' AND size > 3", ""),
            // What another relation has is awaited.
            ("WHERE region = upper('south')", "kind = 'K' AND size > 3", ""),
            ("JOIN u USING (region)", "kind = 'K' AND size > 3", ""),
            ("JOIN u ON u.a = v.region", "kind = 'K' AND size > 3", ""),
            ("WHERE region = (SELECT 1) AND region = 'south'", "kind = 'K' AND region = 'south' AND size > 3", ""),
            // Under any spelling; what is no column of the rows has done its work.
            ("WHERE id = '7'", "kind = 'K' AND region = 'north' AND Id = '7' AND size > 3", "id"),
            ("WHERE accountId = 7", "kind = 'K' AND region = 'north' AND account_id = 7 AND size > 3", "accountid"),
            // Neither a column of the rows nor a placeholder: it is the view's own affair.
            ("WHERE kind = 'L'", "kind = 'K' AND region = 'north' AND size > 3", ""),
        ] {
            let expected = (conditions.to_owned(), settled.to_owned());
            assert_eq!(filled(view, statement), expected, "{statement}");
        }
    }

    #[test]
    fn an_outer_join_says_nothing_of_the_side_that_is_kept() {
        let view = "SELECT region FROM t WHERE region = 'north'";
        assert_eq!(filled(view, "LEFT JOIN u ON v.region = 'south'").0, "region = 'north'");
        assert_eq!(filled(view, "JOIN u ON v.region = 'south'").0, "region = 'south'");
        let united = "SELECT a FROM (SELECT a FROM t WHERE a = 'replace-me') x UNION SELECT a FROM u WHERE a = ''";
        assert!(filled(united, "WHERE a = 'b'").0.starts_with("a = 'b') x UNION"));
    }
}
