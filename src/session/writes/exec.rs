//! EXEC: `@` arguments, and the rows of a relation where there is one, become calls. Sends no write.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use serde_json::{Map, Value};
use sqlparser::ast::{Expr, Ident, Query, SelectItem, SetExpr, TableFactor, visit_expressions};

use super::arguments::{
    argument_rows, at_column, body_of, call_of, check_once, check_required, in_row, learn, spelled_in,
};
use super::returning::Returning;
use super::{Planning, Reads, Write, guard};
use crate::error::{Error, Result};
use crate::plan::{Lineage, folded};
use crate::registry::{Choice, Known, Method, Verb, check_given, takes};
use crate::session::query::statement_of;
use crate::session::show::method_of;
use crate::session::{Run, Session};
use crate::sql::Exec;

impl Session {
    /// Everything of an EXEC up to, and without, its first request. A relation behind FROM is read, unless the
    /// statement is only explained.
    pub(super) async fn plan_exec(&self, run: &Run, mut exec: Exec, reads: Reads) -> Result<Planning> {
        let Some((name, table)) = exec.method.split_last() else {
            return Err(Error::statement("EXEC needs provider.service.resource.method"));
        };
        if table.is_empty() {
            return Err(Error::statement(format!("EXEC {}: which resource?", name.value))
                .hint("EXEC provider.service.resource.method; after USE provider.service, resource.method"));
        }
        let resource = self.with_names(|names| names.resource(table))?;
        let method = method_of(&resource, name)?;
        let whole = format!("{}.{}", resource.full_name(), method.name);
        if method.paging.as_ref().is_some_and(|paging| paging.known == Known::Told) {
            return Err(Error::statement(format!("{whole} is a list"))
                .hint(format!("SELECT * FROM {} reads it, page after page", resource.full_name())));
        }
        let mut names: Vec<String> = exec.arguments.iter().map(|a| spelled_in(&method, &a.name)).collect();
        let given: Vec<&str> = names.iter().map(String::as_str).collect();
        let idents: Vec<Ident> = exec.arguments.iter().map(|a| a.name.clone()).collect();
        let verb = resource.verb_of(&method.name);
        check_given(&resource, verb, &method, &given).map_err(|e| at_column(e, &names, &idents))?;
        guard::check_writable(run, &resource, &method, Verb::Exec)?;
        let mut values: Vec<Expr> = exec.arguments.drain(..).map(|a| a.value).collect();
        let has_json = exec.json.is_some();
        values.extend(exec.json.take());
        let counted = exec.source.is_some();
        let query = match exec.source.take() {
            None => None,
            Some(source) => Some(self.source_query(run, *source, (&method, &mut names, &mut values, has_json)).await?),
        };
        check_given(&resource, verb, &method, &names.iter().map(String::as_str).collect::<Vec<_>>())?;
        check_once(&method, &names)?;
        let rows = match query {
            None if values.is_empty() => vec![Vec::new()],
            None => {
                let batch = self.evaluate(run, values).await?;
                argument_rows(vec![batch.clone()], batch.num_columns())?
            }
            Some(query) => {
                let planned = self.plan(run, statement_of(query)).await?;
                if let Some(reading) = self.reads_first(run, &planned, (reads, &method)).await? {
                    return Ok(Planning::Reads(reading));
                }
                let secret = Lineage { own_tables: run.context.own_secrets }.secret_columns(&planned.logical);
                let batches = self.rows_planned(run, &planned).await?.collect().await?;
                let rows = argument_rows(batches, names.len() + usize::from(has_json))?;
                learn(run, &rows, &secret);
                rows
            }
        };
        let (count, mut calls) = (rows.len(), Vec::with_capacity(rows.len()));
        for (index, row) in rows.into_iter().enumerate() {
            let planned = exec_call(run, (&resource, &method, &whole), (&names, row, has_json));
            calls.push(planned.map_err(|e| run.context.without_values(in_row(e, index, count)))?);
        }
        let returning = Returning::whole_answer(&resource, &method);
        Ok(Planning::Complete(Write {
            verb: Verb::Exec,
            resource,
            method,
            calls,
            counted,
            returning,
            awaits: exec.awaits,
        }))
    }

    /// The query behind FROM, its items the arguments. All columns of a sub-query are arguments; of a table only those
    /// that the method cannot do without and that are not given.
    async fn source_query(
        &self,
        run: &Run,
        mut source: Query,
        (method, names, values, has_json): (&Method, &mut Vec<String>, &mut Vec<Expr>, bool),
    ) -> Result<Query> {
        let planned = self.plan(run, statement_of(source.clone())).await?;
        let every = is_subquery(&source);
        // Named in an argument, a column has done its part, unless the method takes it too.
        let used = named_in(values);
        let json = if has_json { values.pop() } else { None };
        for field in planned.logical.schema().fields() {
            let column = field.name();
            let given = names.iter().any(|name| same(method, name, column));
            let taken = takes(method, column);
            let needed = matches!(taken, Some(Choice::Parameter(p)) if p.required);
            let meant = every && (taken.is_some() || !used.contains(column));
            if (meant || needed) && !given {
                names.push(column.clone());
                values.push(Expr::Identifier(Ident::with_quote('"', column)));
            }
        }
        let items = values.drain(..).chain(json).enumerate();
        let items: Vec<SelectItem> =
            items.map(|(i, expr)| SelectItem::ExprWithAlias { expr, alias: Ident::new(format!("c{i}")) }).collect();
        let SetExpr::Select(select) = source.body.as_mut() else {
            return Err(Error::statement("FROM of an EXEC takes a table or (SELECT ..)"));
        };
        if items.is_empty() {
            return Err(Error::statement("the rows behind FROM give the method nothing")
                .hint("name their columns as the method names its arguments, or write @name = column"));
        }
        select.projection = items;
        Ok(source)
    }
}

fn exec_call(
    run: &Run,
    (resource, method, whole): (&crate::registry::Resource, &std::sync::Arc<Method>, &str),
    (names, mut row, has_json): (&[String], Vec<Value>, bool),
) -> Result<super::arguments::Planned> {
    let json: Option<Map<String, Value>> =
        if has_json { row.pop().map(|v| body_of(whole, method, v)).transpose()? } else { None };
    check_required(run, (resource, method), names, json.as_ref())?;
    call_of(run, (resource, method), names.iter().cloned().zip(row).collect(), json)
}

/// `FROM (SELECT ..)` and nothing more: its columns were written for this.
fn is_subquery(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else { return false };
    matches!(select.from.as_slice(), [only] if only.joins.is_empty() && matches!(only.relation, TableFactor::Derived { .. }))
}

/// The columns that expressions name.
fn named_in(values: &[Expr]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for value in values {
        let _ = visit_expressions(value, |expr| {
            match expr {
                Expr::Identifier(ident) => drop(names.insert(folded(ident))),
                Expr::CompoundIdentifier(parts) => names.extend(parts.last().map(folded)),
                _ => {}
            }
            ControlFlow::<()>::Continue(())
        });
    }
    names
}

/// Whether two names are one argument.
fn same(method: &Method, a: &str, b: &str) -> bool {
    match (takes(method, a), takes(method, b)) {
        (Some(Choice::Parameter(a)), Some(Choice::Parameter(b))) => a.wire == b.wire,
        (Some(Choice::Body(a)), Some(Choice::Body(b))) => a.wire == b.wire,
        (Some(Choice::Inside(a)), Some(Choice::Inside(b))) => a.field.wire == b.field.wire && a.path == b.path,
        _ => a == b,
    }
}
