//! Writes: INSERT and EXEC on one road. All arguments are complete and checked before the first request; each row is
//! one call, sent exactly once; then RETURNING reads the answers.

use std::sync::Arc;

use arrow::array::RecordBatch;
use serde_json::{Map, Value};
use sqlparser::ast::{Expr, Ident, SelectItem, VisitMut, VisitorMut};

use super::returning::{Answered, Returnable};
use super::{Answer, Run, Session};
use crate::error::{Error, Kind, Result};
use crate::http::{Call, Prepared, may_have_taken_effect, prepare, success};
use crate::plan::folded;
use crate::registry::{
    Choice, Kind as ValueKind, Method, Resource, Shape, Supply, Verb, check_given, choose, fit, required, takes,
};
use crate::rows::to_json;
use crate::sql::{Exec, Insert};

/// A write whose requests are complete.
pub(super) struct Write {
    pub(super) resource: Arc<Resource>,
    pub(super) method: Arc<Method>,
    /// One a row, in order.
    pub(super) calls: Vec<Planned>,
}

/// One call, checked.
pub(super) struct Planned {
    pub(super) call: Call,
    /// As it will be sent, for EXPLAIN.
    pub(super) request: Prepared,
    /// SQL name and value of what it carries.
    pub(super) sent: Vec<(String, Value)>,
}

impl Session {
    pub(super) async fn insert(&self, run: &Run, insert: Insert) -> Result<Answer> {
        let returning = insert.returning.clone();
        let (write, returnable) = self.plan_insert(run, insert).await?;
        self.check_budget(run, &write)?;
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
        let method = self.method_for(run, &resource, &columns)?;
        let given: Vec<&str> = columns.iter().map(String::as_str).collect();
        check_given(&resource, Verb::Insert, &method, &given).map_err(|e| at_column(e, &columns, &insert.columns))?;
        check_once(&method, &columns)?;
        let returnable = Returnable::of(&resource, &method);
        if let Some(items) = &insert.returning {
            self.check_returning(run, &returnable, items).await?;
        }
        let rows = match insert.source {
            None => vec![Vec::new()],
            Some(query) => argument_rows(self.rows_of(run, *query).await?.collect().await?, columns.len())?,
        };
        let mut calls = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let values: Vec<(String, Value)> = columns.iter().cloned().zip(row.iter().cloned()).collect();
            let planned = self.call_of(run, &resource, &method, (values, None));
            calls.push(planned.map_err(|e| in_row(e, index, rows.len()))?);
        }
        Ok((Write { resource, method, calls }, returnable))
    }

    fn method_for(&self, run: &Run, resource: &Resource, columns: &[String]) -> Result<Arc<Method>> {
        let given: Vec<&str> = columns.iter().map(String::as_str).collect();
        let default = |p: &_| run.context.default_of(resource, p).is_some();
        choose(resource, Verb::Insert, &Supply { given: &given, default: &default }).cloned()
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
        let method = self.method_of(&resource, name)?;
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
        self.check_required(run, (&resource, &method), &names, json.as_ref())?;
        let values = names.into_iter().zip(values).collect();
        let planned = self.call_of(run, &resource, &method, (values, json))?;
        Ok(Write { resource, method, calls: vec![planned] })
    }

    /// What a method cannot do without, of the body too.
    fn check_required(
        &self,
        run: &Run,
        (resource, method): (&Resource, &Method),
        names: &[String],
        json: Option<&Map<String, Value>>,
    ) -> Result<()> {
        let given = |name: &str| {
            names.iter().any(|n| match takes(method, n) {
                Some(Choice::Parameter(p)) => p.name == name,
                Some(Choice::Body(f)) => f.name == name,
                None => false,
            })
        };
        let supplied = |name: &str| match takes(method, name) {
            Some(Choice::Parameter(p)) => run.context.default_of(resource, p).is_some(),
            Some(Choice::Body(f)) => json.is_some_and(|j| j.contains_key(&f.wire)),
            None => false,
        };
        let lacking: Vec<&str> = required(method).filter(|name| !given(name) && !supplied(name)).collect();
        let Some(first) = lacking.first() else { return Ok(()) };
        let variable = method.parameters.iter().find(|p| p.name == *first).and_then(|p| p.variable.as_ref());
        let or = variable.map(|v| format!(", or set the environment variable {v}")).unwrap_or_default();
        let whole = format!("{}.{}", resource.full_name(), method.name);
        Err(Error::statement(format!("{whole} needs {}", lacking.join(" and ")))
            .hint(format!("add @{first} = '...'{or}; DESCRIBE METHOD {whole} lists what it takes")))
    }

    /// The call of one row, every value fitted and the request prepared. `json` is a body given whole.
    fn call_of(
        &self,
        run: &Run,
        resource: &Resource,
        method: &Arc<Method>,
        (values, json): (Vec<(String, Value)>, Option<Map<String, Value>>),
    ) -> Result<Planned> {
        let whole = format!("{}.{}", resource.full_name(), method.name);
        let mut arguments = Vec::new();
        let mut sent = Vec::new();
        let mut body = json.map(|json| fitted_body(run, &whole, method, json)).transpose()?;
        for (name, value) in values {
            let choice = takes(method, &name)
                .ok_or_else(|| Error::new(Kind::Internal, format!("{whole} does not take {name}")))?;
            let (sql_name, shape) = match choice {
                Choice::Parameter(p) => (&p.name, &p.shape),
                Choice::Body(f) => (&f.name, &f.shape),
            };
            let value = self.fitted(run, sql_name, value, shape)?;
            sent.push((sql_name.clone(), value.clone()));
            match choice {
                Choice::Parameter(p) => arguments.push((p.wire.clone(), value)),
                Choice::Body(f) => {
                    if body.get_or_insert_default().insert(f.wire.clone(), value).is_some() {
                        return Err(Error::statement(format!("{name} is given twice: by itself and in @@json")));
                    }
                }
            }
        }
        for parameter in method.parameters.iter().filter(|p| p.required) {
            if arguments.iter().any(|(wire, _)| *wire == parameter.wire) {
                continue;
            }
            if let Some(text) = run.context.default_of(resource, parameter) {
                let value = self.fitted(run, &parameter.name, Value::String(text), &parameter.shape)?;
                sent.push((parameter.name.clone(), value.clone()));
                arguments.push((parameter.wire.clone(), value));
            }
        }
        let mut call = Call::new(method.clone(), arguments);
        call.body = body.map(Value::Object);
        let request = prepare(&call, run.context.base_url(&resource.provider)?.as_deref())?;
        Ok(Planned { call, request, sent })
    }

    fn fitted(&self, run: &Run, name: &str, value: Value, shape: &Shape) -> Result<Value> {
        if shape.secret
            && let Value::String(text) = &value
        {
            run.context.redactor.learn(text);
        }
        let fitted = fit(name, value, shape)?;
        fitted.warnings.into_iter().for_each(|w| run.context.warnings.add(w));
        Ok(fitted.value)
    }

    fn check_budget(&self, run: &Run, write: &Write) -> Result<()> {
        let (needed, left) = (write.calls.len() as u64, run.context.budget.left());
        if needed <= left {
            return Ok(());
        }
        Err(Error::new(
            Kind::Network,
            format!("the statement would send {needed} requests, and {left} are left of its budget; nothing was sent"),
        )
        .hint("SET max_requests = ... raises the budget"))
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

fn interrupted(done: usize, all: usize) -> Error {
    Error::new(Kind::Interrupted, format!("interrupted: {done} of {all} rows were written, the others were not sent"))
}

/// A write that failed: whether it may have taken effect all the same, and what was done before it.
fn undone(error: Error, done: usize, all: usize) -> Error {
    let doubtful = may_have_taken_effect(&error);
    if all == 1 || (done == 0 && !doubtful) {
        return error;
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

/// The spelling of a column that some method of the verb takes: as it was typed, or as the engine folds it.
fn spelled(resource: &Resource, verb: Verb, ident: &Ident) -> String {
    let taken = resource.methods_of(verb).any(|m| takes(m, &ident.value).is_some());
    if taken { ident.value.clone() } else { folded(ident) }
}

fn spelled_in(method: &Method, ident: &Ident) -> String {
    if takes(method, &ident.value).is_some() { ident.value.clone() } else { folded(ident) }
}

/// Two spellings of one column are one column.
fn check_once(method: &Method, names: &[String]) -> Result<()> {
    let key = |name: &String| match takes(method, name) {
        Some(Choice::Parameter(p)) => Some((true, p.wire.clone())),
        Some(Choice::Body(f)) => Some((false, f.wire.clone())),
        None => None,
    };
    for (i, name) in names.iter().enumerate() {
        if names[..i].iter().any(|before| key(before) == key(name)) {
            return Err(Error::statement(format!("{name} is given twice")));
        }
    }
    Ok(())
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

/// The rows of batches as JSON values.
fn argument_rows(batches: Vec<RecordBatch>, columns: usize) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for batch in batches {
        if batch.num_columns() != columns {
            return Err(Error::statement(format!(
                "{columns} columns are named, and {} values are given for each row",
                batch.num_columns()
            )));
        }
        for row in 0..batch.num_rows() {
            rows.push(batch.columns().iter().map(|c| to_json(c.as_ref(), row)).collect::<Result<Vec<_>>>()?);
        }
    }
    Ok(rows)
}

/// `@@json`: an object, or NULL for none.
fn body_of(whole: &str, value: Value) -> Result<Map<String, Value>> {
    let wrong = |why: String| {
        Error::statement(format!("{whole}: @@json {why}")).hint("write it as @@json = '{\"name\": \"value\"}'")
    };
    match value {
        Value::Null => Err(wrong("is NULL".to_owned())),
        Value::String(text) => match serde_json::from_str(&text) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => Err(wrong("must be an object".to_owned())),
            Err(e) => Err(wrong(format!("is not JSON: {e}"))),
        },
        Value::Object(map) => Ok(map),
        _ => Err(wrong("must be an object".to_owned())),
    }
}

/// A body given whole, checked against the document.
fn fitted_body(run: &Run, whole: &str, method: &Method, json: Map<String, Value>) -> Result<Map<String, Value>> {
    let Some(body) = &method.body else {
        if json.is_empty() {
            return Ok(json);
        }
        return Err(Error::statement(format!("{whole} takes no body")).hint("leave @@json out"));
    };
    // What is required may be given beside @@json; the whole is checked when it is complete.
    let fields = body.fields.iter().cloned().map(|f| crate::registry::Field { required: false, ..f }).collect();
    let shape = Shape { kind: ValueKind::Object, fields, ..Shape::default() };
    let fitted = fit("@@json", Value::Object(json), &shape)?;
    fitted.warnings.into_iter().for_each(|w| run.context.warnings.add(w));
    match fitted.value {
        Value::Object(map) => Ok(map),
        _ => Err(Error::new(Kind::Internal, "@@json is no object")),
    }
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
