//! Views that documents give: where a statement reads one, the view's query takes the place of the table, with what the
//! statement says of its columns written into it (`fill`). Knows sqlparser's trees and the registry's views; plans
//! nothing.

mod fill;
mod said;

use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{
    Expr, Ident, ObjectName, Query, Select, SelectItem, SetExpr, TableAlias, TableFactor, VisitMut, VisitorMut,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Span;

use super::spelling::called;
use super::tables::{folded, idents, is_file};
use crate::error::{Error, Result};
use crate::plan::json::respell_from;
use crate::registry::{Resource, View, sql_name};
use fill::Given;
use said::{Condition, conditions, key};

/// Puts the query of a view in the place of each table of `select` that is one; `find` tells the resource that a name
/// means. Gives the views.
///
/// # Errors
/// When a view needs what is not said, or its SQL is not understood.
pub fn expand(select: &mut Select, find: &dyn Fn(&ObjectName) -> Option<Arc<Resource>>) -> Result<Vec<Arc<Resource>>> {
    let is_view = |factor: &TableFactor| match factor {
        TableFactor::Table { name, args: None, .. } => find(name).filter(|resource| !resource.views.is_empty()),
        _ => None,
    };
    let factors =
        select.from.iter().flat_map(|f| std::iter::once(&f.relation).chain(f.joins.iter().map(|j| &j.relation)));
    let views: Vec<Option<Arc<Resource>>> = factors.map(is_view).collect();
    if views.iter().all(Option::is_none) {
        return Ok(Vec::new());
    }
    let conditions = conditions(select);
    let mut settled = Vec::new();
    let mut found = Vec::new();
    let factors = select
        .from
        .iter_mut()
        .flat_map(|f| std::iter::once(&mut f.relation).chain(f.joins.iter_mut().map(|j| &mut j.relation)));
    for (factor, resource) in factors.zip(views) {
        let Some(resource) = resource else { continue };
        let name = called(factor).and_then(|name| idents(&name).pop()).map(|name| folded(&name)).unwrap_or_default();
        let own: Vec<&Condition> =
            conditions.iter().filter(|c| c.relation.as_ref().is_none_or(|r| *r == name)).collect();
        let Some(view) = fitting(&resource, &own)? else { continue };
        let mut query = parsed(&resource, view)?;
        let mut given = Given::new(&query, &own);
        given.fill(&mut query, &resource)?;
        settled.extend(given.settled().into_iter().map(|column| (name.clone(), column)));
        put(factor, query, &resource);
        found.push(resource);
    }
    said::drop_settled(select, &settled);
    Ok(found)
}

/// The first view that has what it needs. None: none has, and methods answer SELECT as well.
fn fitting<'a>(resource: &'a Resource, said: &[&Condition]) -> Result<Option<&'a View>> {
    let lacks = |view: &&View| -> Vec<String> {
        let is_said = |name: &&String| said.iter().any(|condition| condition.column == key(name));
        view.needs.iter().filter(|name| !is_said(name)).map(|name| sql_name(name)).collect()
    };
    if let Some(view) = resource.views.iter().find(|view| lacks(view).is_empty()) {
        return Ok(Some(view));
    }
    if !resource.verbs.select.is_empty() {
        return Ok(None);
    }
    let lacking = resource.views.first().map(|view| lacks(&view)).unwrap_or_default();
    let wanted: Vec<String> = lacking.iter().map(|name| format!("{name} = '...'")).collect();
    Err(Error::statement(format!("{} needs {}", resource.full_name(), lacking.join(" and ")))
        .hint(format!("add WHERE {}", wanted.join(" AND "))))
}

/// The query of a view, as if the statement had it in this place.
fn parsed(resource: &Resource, view: &View) -> Result<Query> {
    let refuse = |why: &str| {
        Error::document(format!("the view {} cannot be read: {why}", resource.full_name()))
            .hint(format!("its document says: {}", view.sql))
    };
    let mut parser = Parser::new(&GenericDialect {}).try_with_sql(&view.sql).map_err(|e| refuse(&e.to_string()))?;
    let mut query = *parser.parse_query().map_err(|e| refuse(&e.to_string()))?;
    if let ControlFlow::Break(why) = VisitMut::visit(&mut query, &mut Unplaced) {
        return Err(refuse(&why));
    }
    tell_apart(&mut query);
    respell_from(&mut query);
    Ok(query)
}

/// What stands in a view has no place in the statement. Its names for columns become SQL names, as all are. A document
/// reads no files of this machine.
struct Unplaced;

impl VisitorMut for Unplaced {
    type Break = String;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<String> {
        match expr {
            Expr::Identifier(ident) => ident.span = Span::empty(),
            Expr::CompoundIdentifier(parts) => parts.iter_mut().for_each(|part| part.span = Span::empty()),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &mut ObjectName) -> ControlFlow<String> {
        if let [only] = idents(name).as_slice()
            && is_file(only)
        {
            return ControlFlow::Break(format!("it reads the file `{}`, which a document must not", only.value));
        }
        let parts = idents(name).into_iter().map(|part| Ident { span: Span::empty(), ..part });
        *name = ObjectName::from(parts.collect::<Vec<_>>());
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<String> {
        for item in &mut select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                *alias = Ident::with_quote('"', sql_name(&alias.value));
            }
        }
        ControlFlow::Continue(())
    }
}

/// Of items with one name the later ones are numbered, as SQLite does.
fn tell_apart(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let mut taken: Vec<String> = Vec::new();
    for item in &mut select.projection {
        let (name, expr) = match &*item {
            SelectItem::ExprWithAlias { expr, alias } => (alias.value.clone(), expr),
            SelectItem::UnnamedExpr(expr @ Expr::Identifier(name)) => (sql_name(&name.value), expr),
            SelectItem::UnnamedExpr(expr @ Expr::CompoundIdentifier(parts)) => {
                (parts.last().map(|name| sql_name(&name.value)).unwrap_or_default(), expr)
            }
            _ => continue,
        };
        let count = taken.iter().filter(|known| **known == name).count();
        if count > 0 {
            let alias = Ident::with_quote('"', format!("{name}_{count}"));
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
        taken.push(name);
    }
}

/// The view's query in the place of its name.
fn put(factor: &mut TableFactor, query: Query, resource: &Resource) {
    let TableFactor::Table { alias, .. } = factor else { return };
    let name = Ident::with_quote('"', &resource.name);
    let alias = alias.take().unwrap_or(TableAlias { explicit: true, name, columns: Vec::new(), at: None });
    *factor = TableFactor::Derived { lateral: false, subquery: Box::new(query), alias: Some(alias), sample: None };
}
