//! UPDATE, REPLACE and DELETE: which things are meant, with which new values. Where the conditions name them by the
//! method's own parameters, nothing is read; else the matching rows are read first. Sends no write.

use std::sync::Arc;

use serde_json::{Map, Value};
use sqlparser::ast::{Expr, Ident, ObjectName, SelectItem, TableWithJoins};

use super::arguments::{Planned, argument_rows, call_of, in_row, learn};
use super::conditions::{Conditions, may_condition};
use super::insert::is_default;
use super::returning::Returning;
use super::target::Target;
use super::{Planning, Reads, Write, guard};
use crate::error::{Error, Result};
use crate::plan::{Lineage, folded};
use crate::registry::{Choice, Field, Method, Resource, Supply, Verb, check_given, choose, takes};
use crate::session::{Run, Session};
use crate::sql::{Change, Delete};

/// UPDATE, REPLACE and DELETE as one.
pub(super) struct Changes {
    pub(super) verb: Verb,
    pub(super) table: ObjectName,
    pub(super) alias: Option<Ident>,
    pub(super) set: Vec<(Ident, Expr)>,
    pub(super) from: Vec<TableWithJoins>,
    pub(super) selection: Option<Expr>,
    pub(super) returning: Option<Vec<SelectItem>>,
    pub(super) awaits: bool,
}

impl Changes {
    pub(super) fn of(change: Change, verb: Verb) -> Changes {
        let Change { table, alias, assignments: set, from, selection, returning, awaits } = change;
        Changes { verb, table, alias, set, from, selection, returning, awaits }
    }
}

impl From<Delete> for Changes {
    fn from(delete: Delete) -> Changes {
        let Delete { table, alias, using: from, selection, returning, awaits } = delete;
        Changes { verb: Verb::Delete, table, alias, set: Vec::new(), from, selection, returning, awaits }
    }
}

/// What SET does to a field.
enum New {
    /// Sent.
    Value(String, Box<Expr>),
    /// A constant of the document: DEFAULT.
    Default(String, Value),
}

impl Session {
    /// Everything of the statement up to, and without, the first request of the write. The rows that it means are read
    /// where its conditions do not name them, unless it is only explained.
    pub(super) async fn plan_changes(&self, run: &Run, changes: Changes, reads: Reads) -> Result<Planning> {
        let parts = crate::plan::idents(&changes.table);
        let resource = self.with_names(|names| names.resource(&parts))?;
        let target = Target::new(resource.clone(), &parts, changes.alias.clone());
        let mentioned = changes.selection.iter().flat_map(|s| target.mentioned(s)).collect::<Vec<_>>();
        let method = change_method(run, &resource, &changes, &mentioned)?;
        guard::check_writable(run, &resource, &method, changes.verb)?;
        let news = news(&resource, &method, &changes)?;
        let filtered = guard::check_filtered(&target, &method, changes.verb, changes.selection.as_ref());
        let returning = Returning::of(&resource, &method, changes.returning.clone());
        self.check_returning(run, &returning).await?;
        let old = if changes.verb == Verb::Delete { returning.not_answered(&resource, &method) } else { Vec::new() };
        let set: Vec<String> = changes.set.iter().map(|(ident, _)| set_name(&resource, changes.verb, ident)).collect();
        let conditions = Conditions::new((&target, &method), &changes, (&mentioned, &set));
        let (parameters, mut items): (Vec<String>, Vec<Expr>) = conditions.brought().into_iter().unzip();
        check_body((&resource, &method), changes.verb, &[set, parameters.clone()].concat())?;
        items.extend(news.iter().filter_map(|new| match new {
            New::Value(_, expr) => Some(expr.as_ref().clone()),
            New::Default(..) => None,
        }));
        items.extend(old.iter().map(|name| target.column(name)));
        let count = items.len();
        let query = target.query(items, changes.from.clone(), changes.selection.clone())?;
        if let (Err(error), false) = (filtered, run.settings.allow_unfiltered) {
            // A name that does not exist is no condition, and is what was wrong.
            self.check_names(run, query, &conditions).await?;
            return Err(error);
        }
        let planned = self.plan_targets(run, query, &conditions).await?;
        if let Some(reading) = self.reads_first(run, &planned, (reads, &method)).await? {
            return Ok(Planning::Reads(reading));
        }
        let secret = Lineage { own_tables: run.context.own_secrets }.secret_columns(&planned.logical);
        let rows = argument_rows(self.rows_planned(run, &planned).await?.collect().await?, count)?;
        learn(run, &rows, &secret);
        let shape = RowShape { parameters, news, old };
        let mut calls = Vec::with_capacity(rows.len());
        let all = rows.len();
        for (index, row) in rows.into_iter().enumerate() {
            let planned = shape.call(run, (&resource, &method), row);
            calls.push(planned.map_err(|e| run.context.without_values(in_row(e, index, all)))?);
        }
        let calls = each_once(calls)?;
        let (verb, awaits) = (changes.verb, changes.awaits);
        Ok(Planning::Complete(Write { verb, resource, method, calls, counted: true, returning, awaits }))
    }
}

/// What the columns of a target's row are, in order.
struct RowShape {
    parameters: Vec<String>,
    news: Vec<New>,
    old: Vec<String>,
}

impl RowShape {
    fn call(&self, run: &Run, (resource, method): (&Arc<Resource>, &Arc<Method>), row: Vec<Value>) -> Result<Planned> {
        let mut cells = row.into_iter();
        let mut values: Vec<(String, Value)> = Vec::new();
        for (name, value) in self.parameters.iter().zip(cells.by_ref()) {
            let required = method.parameters.iter().any(|p| p.required && p.name == *name);
            if value.is_null() && required {
                let full = resource.full_name();
                return Err(Error::statement(format!("a row of {full} has no {name}, so it cannot be told apart"))
                    .hint(format!("leave such rows out: WHERE {name} IS NOT NULL")));
            }
            if !value.is_null() {
                values.push((name.clone(), value));
            }
        }
        for new in &self.news {
            match new {
                New::Value(name, _) => values.push((name.clone(), cells.next().unwrap_or_default())),
                New::Default(name, value) => values.push((name.clone(), value.clone())),
            }
        }
        let mut planned = call_of(run, (resource, method), values, None)?;
        for (name, value) in self.old.iter().zip(cells) {
            let json = resource.column(name).is_some_and(|c| c.shape.kind.is_json());
            let value = match &value {
                Value::String(text) if json => serde_json::from_str(text).unwrap_or(value),
                _ => value,
            };
            planned.sent.push((name.clone(), value));
        }
        Ok(planned)
    }
}

/// The method that serves the statement: by what it names itself, or, where that is not enough, with what the rows can
/// tell.
fn change_method(run: &Run, resource: &Resource, changes: &Changes, mentioned: &[String]) -> Result<Arc<Method>> {
    let parameter = |name: &&String| {
        resource.methods_of(changes.verb).any(|m| match takes(m, name) {
            Some(Choice::Parameter(_)) => true,
            Some(Choice::Body(field)) => may_condition(resource, changes.verb, field),
            _ => false,
        })
    };
    let set = changes.set.iter().map(|(ident, _)| set_name(resource, changes.verb, ident));
    let set: Vec<String> = set.collect();
    let mut given: Vec<&str> = mentioned.iter().filter(parameter).map(String::as_str).collect();
    given.extend(set.iter().map(String::as_str));
    let default = |p: &_| run.context.default_of(resource, p).is_some();
    let by_name = choose(resource, changes.verb, &Supply { given: &given, told: &[], default: &default });
    let method = match by_name {
        Ok(method) => method.clone(),
        Err(_) => {
            // What rows only repeat of the request, reading them cannot tell.
            let rows = resource.columns.iter().filter(|c| !c.paths.is_empty());
            let told: Vec<&str> = rows.map(|c| c.name.as_str()).collect();
            let supply = Supply { given: &given, told: &told, default: &default };
            let chosen = choose(resource, changes.verb, &supply).cloned();
            chosen.map_err(|error| {
                run.context.set_up_first(error, &resource.provider, |supplied| {
                    let default = |p: &_| default(p) || supplied(p);
                    choose(resource, changes.verb, &Supply { default: &default, ..supply }).is_ok()
                })
            })?
        }
    };
    let names: Vec<&str> = set.iter().map(String::as_str).collect();
    let idents: Vec<Ident> = changes.set.iter().map(|(ident, _)| ident.clone()).collect();
    check_given(resource, changes.verb, &method, &names).map_err(|e| {
        super::arguments::at_column(super::arguments::inside(e, resource, &method, &set), &set, &idents)
    })?;
    Ok(method)
}

/// What SET calls a field: a body property before a parameter of that name.
fn set_name(resource: &Resource, verb: Verb, ident: &Ident) -> String {
    let fields = || resource.methods_of(verb).flat_map(|m| &m.body).flat_map(|b| &b.fields);
    let spelled = [ident.value.clone(), folded(ident)];
    let field = spelled.iter().find_map(|name| fields().find(|f| f.name == *name || f.wire == *name));
    match field {
        Some(field) => format!("data__{}", field.wire),
        None => super::arguments::spelled(resource, verb, ident),
    }
}

/// The new values, checked against the method as far as that can be done without them.
fn news(resource: &Resource, method: &Method, changes: &Changes) -> Result<Vec<New>> {
    let set: Vec<String> = changes.set.iter().map(|(ident, _)| set_name(resource, changes.verb, ident)).collect();
    let mut news = Vec::with_capacity(changes.set.len());
    for ((ident, expr), name) in changes.set.iter().zip(set) {
        let field = match takes(method, &name) {
            Some(Choice::Parameter(p)) if p.required => {
                return Err(super::arguments::placed(
                    Error::statement(format!("{} tells which row is meant, and cannot be set", p.name))
                        .hint(format!("the row stands in WHERE: WHERE {} = '...'", p.name)),
                    ident,
                ));
            }
            Some(Choice::Body(field)) => Some(field),
            _ => None,
        };
        match field {
            Some(field) if is_default(expr) => {
                news.extend(default_of(field, changes.verb, ident)?.map(|v| New::Default(name, v)));
            }
            _ => news.push(New::Value(name, Box::new(expr.clone()))),
        }
    }
    Ok(news)
}

/// What the body cannot do without must be given: what the row has now is not what the statement says.
fn check_body((resource, method): (&Resource, &Method), verb: Verb, given: &[String]) -> Result<()> {
    let given = |field: &Field| {
        given.iter().any(|name| match takes(method, name) {
            Some(Choice::Body(f)) => f.wire == field.wire,
            Some(Choice::Inside(inside)) => inside.field.wire == field.wire,
            Some(Choice::Parameter(p)) => p.name == field.name,
            None => false,
        })
    };
    let lacking = method.body.iter().flat_map(|b| &b.fields).find(|f| f.required && !given(f));
    let Some(Field { name, .. }) = lacking else { return Ok(()) };
    let whole = format!("{}.{}", resource.full_name(), method.name);
    if verb == Verb::Delete {
        return Err(Error::statement(format!("{whole} needs {name}, and WHERE does not give it one value"))
            .hint(format!("add it to the WHERE: AND {name} = '...'")));
    }
    Err(Error::statement(format!("{whole} needs {name}, and SET does not give it")).hint(match resource.column(name) {
        Some(_) => format!("SET {name} = .., or SET {name} = {name} to keep it"),
        None => format!("SET {name} = .."),
    }))
}

/// What SET field = DEFAULT sends. None: the field is left out, of a request that says all of the thing anew.
fn default_of(field: &Field, verb: Verb, ident: &Ident) -> Result<Option<Value>> {
    match (&field.shape.default, verb) {
        (Some(value), _) => Ok(Some(value.clone())),
        (None, Verb::Replace) if !field.required => Ok(None),
        (None, Verb::Replace) => Err(super::arguments::placed(
            Error::statement(format!("{} must be given, and has no documented default", field.name))
                .hint("write the value itself"),
            ident,
        )),
        (None, _) => Err(super::arguments::placed(
            Error::statement(format!(
                "the default of {} is not documented, and leaving it out would leave it as it is",
                field.name
            ))
            .hint("write the value itself"),
            ident,
        )),
    }
}

/// The calls without repetitions: a row that several rows of FROM match is still one thing.
fn each_once(calls: Vec<Planned>) -> Result<Vec<Planned>> {
    let mut seen: Map<String, Value> = Map::new();
    let mut kept = Vec::with_capacity(calls.len());
    for planned in calls {
        let key = Value::Array(
            planned.call.arguments.iter().map(|(n, v)| Value::from(vec![Value::from(n.clone()), v.clone()])).collect(),
        );
        let body = planned.call.body.clone().unwrap_or_default();
        match seen.get(&key.to_string()) {
            None => {
                seen.insert(key.to_string(), body);
                kept.push(planned);
            }
            Some(before) if *before == body => {}
            Some(_) => {
                return Err(Error::statement(format!(
                    "{} would be sent twice, with different values; nothing was sent",
                    planned.request.label
                ))
                .hint("several rows match it: narrow FROM or WHERE until one is left"));
            }
        }
    }
    Ok(kept)
}
