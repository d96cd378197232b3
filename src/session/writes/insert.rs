//! INSERT: columns and a source become calls. Reads its source; sends no write.

use std::collections::HashSet;

use serde_json::Value;
use sqlparser::ast::{Expr, Query, SetExpr, Value as Literal};

use super::arguments::{argument_rows, at_column, call_of, check_once, check_required, in_row, inside, learn, spelled};
use super::returning::Returning;
use super::{Planning, Reads, Write, guard};
use crate::error::{Error, Result};
use crate::plan::Lineage;
use crate::registry::{Method, Resource, Supply, Verb, check_given, choose};
use crate::session::query::statement_of;
use crate::session::{Run, Session};
use crate::sql::Insert;
use std::sync::Arc;

impl Session {
    /// Everything of an INSERT up to, and without, the first request of the write. Reads of its source are sent, unless
    /// it is only explained.
    pub(super) async fn plan_insert(&self, run: &Run, insert: Insert, reads: Reads) -> Result<Planning> {
        let parts = crate::plan::idents(&insert.table);
        let resource = self.with_names(|names| names.resource(&parts))?;
        let full = resource.full_name();
        if insert.columns.is_empty() && insert.source.is_some() {
            return Err(Error::statement(format!("INSERT INTO {full} must name its columns"))
                .hint(format!("INSERT INTO {full} (a, b) ...; SHOW INSERT INTO {full} writes one to fill in")));
        }
        let columns: Vec<String> = insert.columns.iter().map(|c| spelled(&resource, Verb::Insert, c)).collect();
        let given: Vec<&str> = columns.iter().map(String::as_str).collect();
        let method = insert_method(run, &resource, &given)?;
        check_given(&resource, Verb::Insert, &method, &given)
            .map_err(|e| at_column(inside(e, &resource, &method, &columns), &columns, &insert.columns))?;
        check_once(&method, &columns)?;
        guard::check_writable(run, &resource, &method, Verb::Insert)?;
        let returning = Returning::of(&resource, &method, insert.returning);
        self.check_returning(run, &returning).await?;
        let (rows, defaults) = match insert.source {
            None => (vec![Vec::new()], HashSet::new()),
            Some(mut query) => {
                let defaults = take_defaults(&mut query)?;
                let planned = self.plan(run, statement_of(*query)).await?;
                if let Some(reading) = self.reads_first(run, &planned, (reads, &method)).await? {
                    return Ok(Planning::Reads(reading));
                }
                let secret = Lineage { own_tables: run.context.own_secrets }.secret_columns(&planned.logical);
                let batches = self.rows_planned(run, &planned).await?.collect().await?;
                let rows = argument_rows(batches, columns.len())?;
                learn(run, &rows, &secret);
                (rows, defaults)
            }
        };
        let mut calls = Vec::with_capacity(rows.len());
        let count = rows.len();
        for (index, row) in rows.into_iter().enumerate() {
            let named = columns.iter().cloned().zip(row).enumerate();
            let values: Vec<(String, Value)> =
                named.filter(|(i, _)| !defaults.contains(&(index, *i))).map(|(_, pair)| pair).collect();
            let names: Vec<String> = values.iter().map(|(name, _)| name.clone()).collect();
            let planned = check_required(run, (&resource, &method), &names, None)
                .and_then(|()| call_of(run, (&resource, &method), values, None));
            calls.push(planned.map_err(|e| run.context.without_values(in_row(e, index, count)))?);
        }
        let (verb, awaits) = (Verb::Insert, insert.awaits);
        Ok(Planning::Complete(Write { verb, resource, method, calls, counted: false, returning, awaits }))
    }
}

fn insert_method(run: &Run, resource: &Arc<Resource>, given: &[&str]) -> Result<Arc<Method>> {
    let default = |p: &_| run.context.default_of(resource, p).is_some();
    let chosen = choose(resource, Verb::Insert, &Supply { given, told: &[], default: &default }).cloned();
    chosen.map_err(|error| {
        run.context.set_up_first(error, &resource.provider, |supplied| {
            let default = |p: &_| default(p) || supplied(p);
            choose(resource, Verb::Insert, &Supply { given, told: &[], default: &default }).is_ok()
        })
    })
}

/// The places of DEFAULT in a list of VALUES, by row and column. They become NULL there, and are left out of the
/// request. sqlparser reads the word as a name.
fn take_defaults(query: &mut Query) -> Result<HashSet<(usize, usize)>> {
    let plain = query.order_by.is_none() && query.limit_clause.is_none() && query.with.is_none();
    let mut found = HashSet::new();
    let SetExpr::Values(values) = query.body.as_mut() else { return Ok(found) };
    for (row, cells) in values.rows.iter_mut().enumerate() {
        for (column, cell) in cells.content.iter_mut().enumerate() {
            if is_default(cell) {
                *cell = Expr::Value(Literal::Null.into());
                found.insert((row, column));
            }
        }
    }
    if plain || found.is_empty() {
        return Ok(found);
    }
    Err(Error::statement("DEFAULT stands in a plain list of VALUES")
        .hint("leave ORDER BY, LIMIT and WITH out, or leave the column out"))
}

/// The word DEFAULT where a value stands.
pub(super) fn is_default(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(ident) if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
}
