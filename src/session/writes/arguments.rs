//! The arguments of a write: names to places in the request, values fitted, every request complete and checked before
//! the first is sent. Sends nothing.

use std::sync::Arc;

use arrow::array::RecordBatch;
use serde_json::{Map, Value};
use sqlparser::ast::Ident;

use crate::error::{Error, Kind, Result, counted};
use crate::http::{Call, Prepared, prepare};
use crate::plan::folded;
use crate::registry::{Choice, Kind as ValueKind, Method, Resource, Shape, Verb, fit, required, takes};
use crate::rows::to_json;
use crate::session::Run;

/// One call, checked.
#[derive(Clone)]
pub(super) struct Planned {
    pub(super) call: Call,
    /// As it will be sent, for EXPLAIN.
    pub(super) request: Prepared,
    /// SQL name and value of what it carries.
    pub(super) sent: Vec<(String, Value)>,
}

/// What a method cannot do without, of the body too.
pub(super) fn check_required(
    run: &Run,
    (resource, method): (&Resource, &Method),
    names: &[String],
    json: Option<&Map<String, Value>>,
) -> Result<()> {
    let given = |name: &str| {
        names.iter().any(|n| match takes(method, n) {
            Some(Choice::Parameter(p)) => p.name == name,
            Some(Choice::Body(f)) => f.name == name,
            Some(Choice::Inside(inside)) => inside.field.name == name,
            None => false,
        })
    };
    let supplied = |name: &str| match takes(method, name) {
        Some(Choice::Parameter(p)) => run.context.default_of(resource, p).is_some(),
        Some(Choice::Body(f)) => json.is_some_and(|j| j.contains_key(&f.wire)),
        Some(Choice::Inside(_)) | None => false,
    };
    let lacking: Vec<&str> = required(method).filter(|name| !given(name) && !supplied(name)).collect();
    let Some(first) = lacking.first() else { return Ok(()) };
    let variable = method.parameters.iter().find(|p| p.name == *first).and_then(|p| p.variable.as_ref());
    let or = variable.map(|v| format!(", or set the environment variable {v}")).unwrap_or_default();
    let whole = format!("{}.{}", resource.full_name(), method.name);
    Err(Error::statement(format!("{whole} needs {}", lacking.join(" and "))).hint(
        match resource.verb_of(&method.name) {
            Verb::Insert => format!(
                "give {first} a value{or}; SHOW INSERT INTO {} writes a statement to fill in",
                resource.full_name()
            ),
            _ => format!("add @{first} = '...'{or}; DESCRIBE METHOD {whole} lists what it takes"),
        },
    ))
}

/// The call of one row, every value fitted and the request prepared. `json` is a body given whole.
pub(super) fn call_of(
    run: &Run,
    (resource, method): (&Resource, &Arc<Method>),
    values: Vec<(String, Value)>,
    json: Option<Map<String, Value>>,
) -> Result<Planned> {
    let whole = format!("{}.{}", resource.full_name(), method.name);
    let mut arguments = Vec::new();
    let mut sent = Vec::new();
    let advice = |error: Error| error.hint(format!("DESCRIBE METHOD {whole} lists what it takes"));
    let mut body = json.map(|json| fitted_body(run, &whole, method, json)).transpose().map_err(advice)?;
    // `@@json = '{}'` for a method that takes no body says nothing, and nothing is sent.
    body = body.filter(|body| !body.is_empty() || method.body.is_some());
    for (name, value) in values {
        let choice =
            takes(method, &name).ok_or_else(|| Error::new(Kind::Internal, format!("{whole} does not take {name}")))?;
        let (sql_name, shape) = match &choice {
            Choice::Parameter(p) => (&p.name, &p.shape),
            Choice::Body(f) => (&f.name, &f.shape),
            Choice::Inside(inside) => (&name, inside.shape),
        };
        if value.is_null() {
            check_null(&whole, resource.verb_of(&method.name), &choice)?;
        }
        let value = fitted(run, sql_name, value, shape).map_err(advice)?;
        sent.push((sql_name.clone(), value.clone()));
        let twice = |where_| Error::statement(format!("{name} is given twice: by itself and in {where_}"));
        match choice {
            Choice::Parameter(p) => arguments.push((p.wire.clone(), value)),
            Choice::Body(f) => {
                if body.get_or_insert_default().insert(f.wire.clone(), value).is_some() {
                    return Err(twice("@@json".to_owned()));
                }
            }
            Choice::Inside(inside) => {
                let keys: Vec<&str> = inside.path.iter().map(String::as_str).collect();
                let object = body.get_or_insert_default().entry(&inside.field.wire);
                put(object.or_insert_with(|| Value::Object(Map::new())), &keys, value)
                    .ok_or_else(|| twice(inside.field.name.clone()))?;
            }
        }
    }
    for parameter in method.parameters.iter().filter(|p| p.required) {
        if arguments.iter().any(|(wire, _)| *wire == parameter.wire) {
            continue;
        }
        if let Some(text) = run.context.default_of(resource, parameter) {
            let value = fitted(run, &parameter.name, Value::String(text), &parameter.shape)?;
            sent.push((parameter.name.clone(), value.clone()));
            arguments.push((parameter.wire.clone(), value));
        }
    }
    shared_with_body(run, method, &arguments, &mut body)?;
    let mut call = Call::new(method.clone(), arguments);
    call.body = body.map(Value::Object);
    run.context.check_places(&resource.provider, &call)?;
    let request = prepare(&call, run.context.base_url(&resource.provider)?.as_deref())?;
    Ok(Planned { call, request, sent })
}

/// Puts `value` at `keys` within an object. `None` where something else stands there already.
fn put(object: &mut Value, keys: &[&str], value: Value) -> Option<()> {
    let map = object.as_object_mut()?;
    match keys {
        [] => None,
        [last] => map.insert((*last).to_owned(), value).is_none().then_some(()),
        [first, rest @ ..] => put(map.entry(*first).or_insert_with(|| Value::Object(Map::new())), rest, value),
    }
}

/// One name is one value: what the body cannot do without, and a parameter of the same name has, goes into both.
fn shared_with_body(
    run: &Run,
    method: &Method,
    arguments: &[(String, Value)],
    body: &mut Option<Map<String, Value>>,
) -> Result<()> {
    for field in method.body.iter().flat_map(|b| &b.fields).filter(|f| f.required) {
        let parameter = method.parameters.iter().find(|p| p.name == field.name);
        let value = parameter.and_then(|p| arguments.iter().find(|(wire, _)| *wire == p.wire));
        if let Some((_, value)) = value
            && !body.as_ref().is_some_and(|b| b.contains_key(&field.wire))
        {
            let value = fitted(run, &field.name, value.clone(), &field.shape)?;
            body.get_or_insert_default().insert(field.wire.clone(), value);
        }
    }
    Ok(())
}

/// Refuses NULL with the advice that fits the statement.
fn check_null(whole: &str, verb: Verb, choice: &Choice<'_>) -> Result<()> {
    match choice {
        Choice::Parameter(p) if p.required => {
            Err(Error::statement(format!("{whole} needs {}, and it is NULL", p.name))
                .hint(format!("leave such rows out, with WHERE .. IS NOT NULL, or give {} a value", p.name)))
        }
        Choice::Body(f) if verb == Verb::Update && !f.shape.nullable => {
            Err(Error::statement(format!("{} cannot be NULL", f.name))
                .hint(format!("leave {} out of the statement to keep it as it is", f.name)))
        }
        _ => Ok(()),
    }
}

/// The error for a name that `method` does not take, where the name is a column made from the inside of a field that it
/// does take.
pub(super) fn inside(error: Error, resource: &Resource, method: &Method, names: &[String]) -> Error {
    let Some(name) = names.iter().find(|name| takes(method, name).is_none()) else { return error };
    let paths = resource.column(name).into_iter().flat_map(|c| &c.paths);
    let fields = || method.body.iter().flat_map(|b| &b.fields);
    let part = paths.filter(|p| p.0.len() > 1).find_map(|p| Some((fields().find(|f| f.wire == p.0[0])?, &p.0[1..])));
    let Some((field, rest)) = part else { return error };
    let (field, path) = (&field.name, rest.join("."));
    let told = Error::statement(error.message());
    match resource.verb_of(&method.name) {
        Verb::Update => {
            told.hint(format!("{name} is a part of {field}: SET {field} = json_set({field}, '$.{path}', ..)"))
        }
        _ => told.hint(format!("{name} is a part of {field}: give {field}, as json_set('{{}}', '$.{path}', ..)")),
    }
}

fn fitted(run: &Run, name: &str, value: Value, shape: &Shape) -> Result<Value> {
    if shape.secret
        && let Value::String(text) = &value
    {
        run.context.redactor.learn(text);
    }
    let fitted = fit(name, value, shape)?;
    fitted.warnings.into_iter().for_each(|w| run.context.warnings.add(w));
    Ok(fitted.value)
}

/// The spelling of a column that some method of the verb takes: as it was typed, or as the engine folds it.
pub(super) fn spelled(resource: &Resource, verb: Verb, ident: &Ident) -> String {
    let taken = resource.methods_of(verb).any(|m| takes(m, &ident.value).is_some());
    if taken { ident.value.clone() } else { folded(ident) }
}

pub(super) fn spelled_in(method: &Method, ident: &Ident) -> String {
    if takes(method, &ident.value).is_some() { ident.value.clone() } else { folded(ident) }
}

/// Two spellings of one column are one column.
pub(super) fn check_once(method: &Method, names: &[String]) -> Result<()> {
    let key = |name: &String| match takes(method, name) {
        Some(Choice::Parameter(p)) => Some((true, p.wire.clone())),
        Some(Choice::Body(f)) => Some((false, f.wire.clone())),
        Some(Choice::Inside(inside)) => Some((false, format!("{}.{}", inside.field.wire, inside.path.join(".")))),
        None => None,
    };
    for (i, name) in names.iter().enumerate() {
        if names[..i].iter().any(|before| key(before) == key(name)) {
            return Err(Error::statement(format!("{name} is given twice")));
        }
    }
    Ok(())
}

/// The rows of batches as JSON values.
pub(super) fn argument_rows(batches: Vec<RecordBatch>, columns: usize) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for batch in batches {
        if batch.num_columns() != columns {
            return Err(Error::statement(format!(
                "{} named, and {} given for each row",
                counted(columns as u64, "column"),
                counted(batch.num_columns() as u64, "value")
            )));
        }
        for row in 0..batch.num_rows() {
            rows.push(batch.columns().iter().map(|c| to_json(c.as_ref(), row)).collect::<Result<Vec<_>>>()?);
        }
    }
    Ok(rows)
}

/// `@@json`: an object, or, for a method whose body has no properties, whatever its body is.
pub(super) fn body_of(whole: &str, method: &Method, value: Value) -> Result<Map<String, Value>> {
    let wrong = |why: String| {
        Error::statement(format!("{whole}: @@json {why}")).hint("write it as @@json = '{\"name\": \"value\"}'")
    };
    let value = match value {
        Value::Null => return Err(wrong("is NULL".to_owned())),
        Value::String(text) => serde_json::from_str(&text).map_err(|e| wrong(format!("is not JSON: {e}")))?,
        value => value,
    };
    match (method.body.as_ref().filter(|body| body.whole).and_then(|body| body.fields.first()), value) {
        (Some(field), value) => Ok(Map::from_iter([(field.wire.clone(), value)])),
        (None, Value::Object(map)) => Ok(map),
        (None, _) => Err(wrong("must be an object".to_owned())),
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

/// Values that come from secret columns are masked wherever the request that carries them is shown.
pub(super) fn learn(run: &Run, rows: &[Vec<Value>], secret: &[bool]) {
    for (value, _) in rows.iter().flat_map(|row| row.iter().zip(secret)).filter(|(_, secret)| **secret) {
        value.as_str().into_iter().for_each(|text| run.context.redactor.learn(text));
    }
}

/// Puts an error at the column it names.
pub(super) fn at_column(error: Error, names: &[String], idents: &[Ident]) -> Error {
    match names.iter().zip(idents).find(|(name, _)| error.message().ends_with(&format!(" {name}"))) {
        Some((_, ident)) => placed(error, ident),
        None => error,
    }
}

/// An error at the place of a name.
pub(super) fn placed(error: Error, ident: &Ident) -> Error {
    match crate::plan::place(ident) {
        Some(place) => error.at(place),
        None => error,
    }
}

pub(super) fn in_row(error: Error, index: usize, rows: usize) -> Error {
    if rows == 1 {
        return error;
    }
    let mut told = Error::new(error.kind(), format!("row {}: {}; nothing was sent", index + 1, error.message()));
    if let Some(hint) = error.hint_text() {
        told = told.hint(hint);
    }
    told
}
