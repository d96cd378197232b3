//! `FROM t, json_each(t.x)` in a statement's tree: every such call becomes a lateral sub-query that unnests it. The
//! engine can plan that, and `lateral` makes it executable. Knows sqlparser's trees only; plans nothing.

use std::mem;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Join, JoinConstraint, JoinOperator, ObjectName,
    Query, Select, SelectItem, SetExpr, TableAlias, TableAliasColumnDef, TableFactor, TableWithJoins, VisitMut,
    VisitorMut,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use super::each::{COLUMNS, NAME};
use crate::plan::names::tables::{folded, idents};

/// Rewrites `json_each(..)` in every FROM of `node`, and lets it and UNNEST see all relations that stand before it.
pub fn respell_from<T: VisitMut>(node: &mut T) {
    let _ = VisitMut::visit(node, &mut Froms);
}

struct Froms;

impl VisitorMut for Froms {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let lateral = |from: &TableWithJoins| {
            is_lateral(&from.relation) || from.joins.iter().any(|join| is_lateral(&join.relation))
        };
        if select.from.iter().skip(1).any(lateral) {
            select.from = joined(mem::take(&mut select.from));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let Some(lateral) = unnested(factor) {
            *factor = lateral;
        }
        ControlFlow::Continue(())
    }
}

/// May name columns of the relations before it.
fn is_lateral(factor: &TableFactor) -> bool {
    match factor {
        TableFactor::Derived { lateral, .. } => *lateral,
        TableFactor::UNNEST { .. } => true,
        TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => is_json_each(name),
        _ => false,
    }
}

fn is_json_each(name: &ObjectName) -> bool {
    matches!(idents(name).as_slice(), [only] if folded(only) == NAME)
}

/// `a, b JOIN c ON .., json_each(x)` as one chain of joins. The engine looks for the columns of a lateral relation in
/// the relation to its left only, and a comma would end that.
fn joined(from: Vec<TableWithJoins>) -> Vec<TableWithJoins> {
    let mut from = from.into_iter();
    let Some(mut chain) = from.next() else { return Vec::new() };
    for next in from {
        // A comma binds weaker than JOIN, which makes a difference to nothing but these.
        let outer = |join: &Join| {
            use JoinOperator::{FullOuter, Right, RightAnti, RightOuter, RightSemi};
            matches!(join.join_operator, Right(_) | RightOuter(_) | FullOuter(_) | RightSemi(_) | RightAnti(_))
        };
        let (relation, joins) = if next.joins.iter().any(outer) {
            (TableFactor::NestedJoin { table_with_joins: Box::new(next), alias: None }, Vec::new())
        } else {
            (next.relation, next.joins)
        };
        let join_operator = JoinOperator::CrossJoin(JoinConstraint::None);
        chain.joins.push(Join { relation, global: false, join_operator });
        chain.joins.extend(joins);
    }
    vec![chain]
}

/// `LATERAL (SELECT unnest(unnest(json_each(..)))) AS json_each(key, value, type)`; None for other relations.
fn unnested(factor: &mut TableFactor) -> Option<TableFactor> {
    let (args, alias) = match factor {
        TableFactor::Table { name, args: Some(args), alias, with_ordinality: false, .. } if is_json_each(name) => {
            (mem::take(&mut args.args), alias.take())
        }
        TableFactor::Function { name, args, alias, with_ordinality: false, .. } if is_json_each(name) => {
            (mem::take(args), alias.take())
        }
        _ => return None,
    };
    let mut alias =
        alias.unwrap_or_else(|| TableAlias { explicit: true, name: Ident::new(NAME), columns: Vec::new(), at: None });
    for column in COLUMNS.iter().skip(alias.columns.len()) {
        alias.columns.push(TableAliasColumnDef { name: Ident::with_quote('"', *column), data_type: None });
    }
    let subquery = Box::new(template(args)?);
    Some(TableFactor::Derived { lateral: true, subquery, alias: Some(alias), sample: None })
}

/// `SELECT unnest(unnest(json_each(args)))`: of the list, then of its structs.
fn template(args: Vec<FunctionArg>) -> Option<Query> {
    let text = format!("SELECT unnest(unnest({NAME}()))");
    let mut query = *Parser::new(&GenericDialect {}).try_with_sql(&text).ok()?.parse_query().ok()?;
    if let SetExpr::Select(select) = query.body.as_mut()
        && let Some(SelectItem::UnnamedExpr(expr)) = select.projection.first_mut()
    {
        fill(expr, args);
    }
    Some(query)
}

/// Puts `args` into the innermost call of `expr`.
fn fill(expr: &mut Expr, args: Vec<FunctionArg>) {
    let Expr::Function(function) = expr else { return };
    let FunctionArguments::List(list) = &mut function.args else { return };
    match list.args.first_mut() {
        Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(inner))) => fill(inner, args),
        _ => list.args = args,
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::dialect::PostgreSqlDialect;

    use super::*;

    fn respelled(text: &str) -> String {
        let mut query = *Parser::new(&PostgreSqlDialect {}).try_with_sql(text).unwrap().parse_query().unwrap();
        respell_from(&mut query);
        query.to_string()
    }

    const EACH: &str = "LATERAL (SELECT unnest(unnest(json_each(x))))";

    #[test]
    fn json_each_becomes_a_lateral_query_under_its_name() {
        assert_eq!(
            respelled("SELECT 1 FROM t, json_each(x)"),
            format!("SELECT 1 FROM t CROSS JOIN {EACH} AS json_each (\"key\", \"value\", \"type\")")
        );
        assert_eq!(
            respelled("SELECT 1 FROM t JOIN LATERAL JSON_EACH(x) e (k) ON true"),
            format!("SELECT 1 FROM t JOIN {EACH} e (k, \"value\", \"type\") ON true")
        );
    }

    #[test]
    fn relations_after_a_comma_stay_in_their_order_and_grouping() {
        assert_eq!(
            respelled("SELECT 1 FROM a, b RIGHT JOIN c ON b.i = c.i, unnest(a.x) u JOIN d ON u.v = d.v"),
            "SELECT 1 FROM a CROSS JOIN (b RIGHT JOIN c ON b.i = c.i) CROSS JOIN UNNEST(a.x) u JOIN d ON u.v = d.v"
        );
        for unchanged in ["SELECT 1 FROM a, b JOIN c ON b.i = c.i", "SELECT 1 FROM range(1, 2), t"] {
            assert_eq!(respelled(unchanged), unchanged);
        }
    }

    #[test]
    fn sub_queries_are_rewritten_too() {
        assert!(respelled("SELECT (SELECT max(e.value) FROM json_each('[1]') e)").contains("LATERAL (SELECT unnest"));
    }
}
