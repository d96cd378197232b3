//! Writes: INSERT and EXEC on one road. All arguments are complete and checked before the first request; each row is
//! one call, sent exactly once; then RETURNING reads the answers.

use std::sync::Arc;

use serde_json::Value;
use sqlparser::ast::{Expr, Ident, SelectItem, VisitMut, VisitorMut};

use super::arguments::{Planned, argument_rows, body_of, call_of, check_once, check_required, spelled, spelled_in};
use super::query::statement_of;
use super::returning::{Answered, Returnable};
use super::show::method_of;
use super::{Answer, Run, Session};
use crate::error::{Error, Kind, Result};
use crate::http::{may_have_taken_effect, success};
use crate::plan::{Lineage, folded};
use crate::registry::{Method, Resource, Supply, Verb, check_given, choose};
use crate::sql::{Exec, Insert};

/// A write whose requests are complete.
pub(super) struct Write {
    pub(super) resource: Arc<Resource>,
    pub(super) method: Arc<Method>,
    /// One a row, in order.
    pub(super) calls: Vec<Planned>,
}

impl Session {
    pub(super) async fn insert(&self, run: &Run, insert: Insert) -> Result<Answer> {
        let returning = insert.returning.clone();
        let (write, returnable) = self.plan_insert(run, insert).await?;
        check_budget(run, &write)?;
        let (answers, failure) = self.send_all(run, &write).await;
        let message = match answers.len() {
            1 => "1 row inserted".to_owned(),
            n => format!("{n} rows inserted"),
        };
        match (returning, failure) {
            (None, Some(error)) => Err(error),
            (Some(_), Some(error)) if answers.is_empty() => Err(error),
            (None, None) => Ok(Answer::done(run, message)),
            (Some(items), failure) => {
                let rows = self.return_answers(run, &returnable, &items, (&answers, failure)).await?;
                Ok(Answer::rows(run, rows).with_message(message))
            }
        }
    }

    /// Everything of an INSERT up to, and without, the first request of the write. Reads of its source are sent.
    pub(super) async fn plan_insert(&self, run: &Run, insert: Insert) -> Result<(Write, Returnable)> {
        let parts = crate::plan::idents(&insert.table);
        let resource = self.with_names(|names| names.resource(&parts))?;
        let full = resource.full_name();
        if insert.columns.is_empty() && insert.source.is_some() {
            return Err(Error::statement(format!("INSERT INTO {full} must name its columns"))
                .hint(format!("INSERT INTO {full} (a, b) ...; SHOW INSERT INTO {full} writes one to fill in")));
        }
        let columns: Vec<String> = insert.columns.iter().map(|c| spelled(&resource, Verb::Insert, c)).collect();
        let given: Vec<&str> = columns.iter().map(String::as_str).collect();
        let method = {
            let default = |p: &_| run.context.default_of(&resource, p).is_some();
            let supply = Supply { given: &given, default: &default };
            let chosen = choose(&resource, Verb::Insert, &supply).cloned();
            chosen.map_err(|error| {
                run.context.set_up_first(error, &resource.provider, |supplied| {
                    let default = |p: &_| default(p) || supplied(p);
                    choose(&resource, Verb::Insert, &Supply { given: &given, default: &default }).is_ok()
                })
            })?
        };
        check_given(&resource, Verb::Insert, &method, &given).map_err(|e| at_column(e, &columns, &insert.columns))?;
        check_once(&method, &columns)?;
        let returnable = Returnable::of(&resource, &method);
        if let Some(items) = &insert.returning {
            self.check_returning(run, &returnable, items).await?;
        }
        let rows = match insert.source {
            None => vec![Vec::new()],
            Some(query) => {
                let planned = self.plan(run, statement_of(*query)).await?;
                let lineage = Lineage { own_tables: run.context.own_secrets };
                let secret = lineage.secret_columns(&planned.logical);
                let rows = self.rows_planned(run, &planned).await?.collect().await?;
                let rows = argument_rows(rows, columns.len())?;
                learn(run, &rows, &secret);
                rows
            }
        };
        let mut calls = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let values: Vec<(String, Value)> = columns.iter().cloned().zip(row.iter().cloned()).collect();
            let planned = call_of(run, (&resource, &method), values, None);
            calls.push(planned.map_err(|e| run.context.without_values(in_row(e, index, rows.len())))?);
        }
        Ok((Write { resource, method, calls }, returnable))
    }

    pub(super) async fn exec(&self, run: &Run, exec: Exec) -> Result<Answer> {
        let write = self.plan_exec(run, exec).await?;
        let (answers, failure) = self.send_all(run, &write).await;
        if let Some(error) = failure {
            return Err(error);
        }
        let returnable = Returnable::of(&write.resource, &write.method);
        let answered = answers.iter().any(|a| a.body.is_some());
        let message = format!("{} done", write.method.name);
        let shown: Vec<&str> = match write.method.answer.columns.as_slice() {
            [] => write.method.answer.envelope.iter().map(|c| c.name.as_str()).collect(),
            columns => columns.iter().map(|c| c.name.as_str()).collect(),
        };
        if !answered || shown.is_empty() {
            return Ok(Answer::done(run, message));
        }
        let items: Vec<SelectItem> =
            shown.iter().map(|name| SelectItem::UnnamedExpr(Expr::Identifier(Ident::with_quote('"', *name)))).collect();
        let rows = self.return_answers(run, &returnable, &items, (&answers, None)).await?;
        Ok(Answer::rows(run, rows).with_message(message))
    }

    /// Everything of an EXEC up to, and without, its request.
    pub(super) async fn plan_exec(&self, run: &Run, exec: Exec) -> Result<Write> {
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
        if method.paging.is_some() {
            return Err(Error::statement(format!("{whole} is a list"))
                .hint(format!("SELECT * FROM {} reads it, page after page", resource.full_name())));
        }
        let names: Vec<String> = exec.arguments.iter().map(|a| spelled_in(&method, &a.name)).collect();
        let given: Vec<&str> = names.iter().map(String::as_str).collect();
        let idents: Vec<Ident> = exec.arguments.iter().map(|a| a.name.clone()).collect();
        check_given(&resource, resource.verb_of(&method.name), &method, &given)
            .map_err(|e| at_column(e, &names, &idents))?;
        check_once(&method, &names)?;
        let mut expressions: Vec<Expr> = exec.arguments.into_iter().map(|a| a.value).collect();
        let has_json = exec.json.is_some();
        expressions.extend(exec.json);
        let mut values = Vec::new();
        if !expressions.is_empty() {
            let batch = self.evaluate(run, expressions).await?;
            values = argument_rows(vec![batch.clone()], batch.num_columns())?.pop().unwrap_or_default();
        }
        let json = if has_json { values.pop().map(|v| body_of(&whole, v)).transpose()? } else { None };
        check_required(run, (&resource, &method), &names, json.as_ref())?;
        let values = names.into_iter().zip(values).collect();
        let planned = call_of(run, (&resource, &method), values, json)?;
        Ok(Write { resource, method, calls: vec![planned] })
    }

    /// Sends every call once, in order, and stops at the first that fails.
    async fn send_all(&self, run: &Run, write: &Write) -> (Vec<Answered>, Option<Error>) {
        let mut answers = Vec::with_capacity(write.calls.len());
        for planned in &write.calls {
            if self.interrupted.load(std::sync::atomic::Ordering::Relaxed) {
                return {
                    let done = answers.len();
                    (answers, Some(interrupted(done, write.calls.len())))
                };
            }
            match self.send_one(run, write, planned).await {
                Ok(body) => answers.push(Answered { sent: planned.sent.clone(), body }),
                Err(error) => {
                    let error = undone(error, answers.len(), write.calls.len());
                    return (answers, Some(error));
                }
            }
        }
        (answers, None)
    }

    async fn send_one(&self, run: &Run, write: &Write, planned: &Planned) -> Result<Option<Value>> {
        let exchange = run.context.exchange(&write.resource.provider)?;
        let reply = run.context.client.send(&exchange, &planned.call).await?;
        success(&exchange, &write.method, &reply)
    }
}

fn check_budget(run: &Run, write: &Write) -> Result<()> {
    let (needed, left) = (write.calls.len() as u64, run.context.budget.left());
    if needed <= left {
        return Ok(());
    }
    Err(Error::new(
        Kind::Network,
        format!("the statement needs {needed} requests, and its budget has {left} left; nothing was sent"),
    )
    .hint("SET max_requests = ... raises the budget"))
}

/// Values that come from secret columns are masked wherever the request that carries them is shown.
fn learn(run: &Run, rows: &[Vec<Value>], secret: &[bool]) {
    for (value, _) in rows.iter().flat_map(|row| row.iter().zip(secret)).filter(|(_, secret)| **secret) {
        value.as_str().into_iter().for_each(|text| run.context.redactor.learn(text));
    }
}

fn interrupted(done: usize, all: usize) -> Error {
    Error::new(Kind::Interrupted, format!("interrupted: {done} of {all} rows were written, the others were not sent"))
}

/// A write that failed: whether it may have taken effect all the same, and what was done before it.
fn undone(error: Error, done: usize, all: usize) -> Error {
    let doubtful = may_have_taken_effect(&error);
    if done == 0 && !doubtful {
        return error;
    }
    if all == 1 {
        let told = error.hint_text().is_some_and(|hint| hint.contains("taken effect"));
        return if doubtful && !told { in_doubt(&error) } else { error };
    }
    let rest = all - done - 1;
    let doubt = if doubtful { " (it may have taken effect)" } else { "" };
    let kind = if done == 0 { error.kind() } else { Kind::Partial };
    let mut told = Error::new(
        kind,
        format!(
            "{done} of {all} rows were written; row {}{doubt} failed: {}; {rest} were not sent",
            done + 1,
            error.message()
        ),
    );
    if let Some(hint) = error.hint_text() {
        told = told.hint(hint);
    }
    told.caused_by(error)
}

/// A refusal after which nobody knows whether the request did what it should.
fn in_doubt(error: &Error) -> Error {
    let told = Error::new(error.kind(), format!("{}; it may have taken effect", error.message()));
    told.hint("look before you run it again").caused_by(error.clone())
}

/// Puts an error at the column it names.
fn at_column(error: Error, names: &[String], idents: &[Ident]) -> Error {
    let ident = names.iter().zip(idents).find(|(name, _)| error.message().ends_with(&format!(" {name}")));
    match ident.and_then(|(_, ident)| crate::plan::place(ident)) {
        Some(place) => error.at(place),
        None => error,
    }
}

fn in_row(error: Error, index: usize, rows: usize) -> Error {
    if rows == 1 {
        return error;
    }
    let mut told = Error::new(error.kind(), format!("row {}: {}; nothing was sent", index + 1, error.message()));
    if let Some(hint) = error.hint_text() {
        told = told.hint(hint);
    }
    told
}

/// Wire spellings in RETURNING become SQL names.
pub(super) fn respell_items(
    items: &mut [SelectItem],
    of_wire: &dyn Fn(&str) -> Option<String>,
    is_name: &dyn Fn(&str) -> bool,
) {
    struct Respell<'a>(&'a dyn Fn(&str) -> Option<String>, &'a dyn Fn(&str) -> bool);
    impl VisitorMut for Respell<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> std::ops::ControlFlow<()> {
            if let Expr::Identifier(ident) = expr
                && ident.quote_style.is_none()
                && !(self.1)(&folded(ident))
                && let Some(name) = (self.0)(&ident.value)
            {
                let span = ident.span;
                *ident = Ident::with_quote('"', name);
                ident.span = span;
            }
            std::ops::ControlFlow::Continue(())
        }
    }
    for item in items {
        let _ = VisitMut::visit(item, &mut Respell(of_wire, is_name));
    }
}
