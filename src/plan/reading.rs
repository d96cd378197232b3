//! How a table is read: which method, with which sets of parameters, for what a WHERE says. Pure: no I/O, no plan.
//! The residue of the filters is `FetchExec`'s to apply; what is decided here only narrows what the API sends.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, lit};
use serde_json::Value;

use super::filters::{Term, term};
use super::pushdown;
use crate::error::{Error, Result, nearest};
use crate::registry::{
    Column, Comparison, Kind, Location, Method, Parameter, Resource, Shape, Supply, Verb, aside, asks, choose, fit,
    is_listed, takes, takes_aside,
};

/// One list (or one row) to ask for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParameterSet {
    /// Wire name and value of each parameter that is sent.
    pub arguments: Vec<(String, Value)>,
    /// The same for the fields of the body.
    pub body: Vec<(String, Value)>,
    /// SQL name and value of each parameter, for the columns that echo it: where rows do not say it themselves.
    pub echo: Vec<(String, Value)>,
    /// The same for columns of the rows: a row that leaves the column out has what it was asked for by.
    pub fills: Vec<(String, Value)>,
    /// Columns of the rows that must equal what was asked for, lest an API that ignores a parameter repeat its rows.
    pub checks: Vec<(String, Value)>,
}

impl ParameterSet {
    /// Puts a value where the request has it.
    pub fn send(&mut self, parameter: &Parameter, value: Value) {
        let place = if parameter.location == Location::Body { &mut self.body } else { &mut self.arguments };
        place.push((parameter.wire.clone(), value));
    }

    /// `column = what was asked for`, for an API that may pass over a parameter.
    #[must_use]
    pub fn check(&self, columns: &[Column]) -> Option<Expr> {
        let checks = self.checks.iter().filter_map(|(name, value)| {
            let column = columns.iter().find(|c| c.name == *name)?;
            // In the column's own type: an address has numbers as texts.
            let value = match (column.shape.kind, fit(name, value.clone(), &column.shape).ok()?.value) {
                (Kind::Boolean, Value::Bool(b)) => ScalarValue::Boolean(Some(b)),
                (Kind::Integer, Value::Number(n)) => ScalarValue::Int64(n.as_i64()),
                (Kind::Number, Value::Number(n)) => ScalarValue::Float64(n.as_f64()),
                (Kind::String, Value::String(s)) => ScalarValue::Utf8View(Some(s)),
                _ => return None,
            };
            Some(Expr::Column(datafusion::common::Column::from_name(name)).eq(lit(value)))
        });
        checks.reduce(Expr::and)
    }
}

/// The requests that answer a scan.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The method.
    pub method: Arc<Method>,
    /// Its parameter sets in order. Empty: nothing can match, and nothing is sent.
    pub sets: Vec<ParameterSet>,
    /// Indexes of the filters that the request answers by itself; the others are applied to the rows.
    pub exact: Vec<usize>,
    /// For each filter, what became of it, in words.
    pub notes: Vec<(usize, String)>,
    /// Parameters whose values come from another relation when the scan runs.
    pub keyed: Vec<Parameter>,
}

/// What a WHERE and the statement around it say.
pub struct Said<'a> {
    /// The filters of the scan.
    pub filters: &'a [Expr],
    /// Names of parameters whose values come from another relation.
    pub keyed: &'a [String],
}

/// Chooses method and parameter sets for `filters`. `default` supplies what the statement does not.
///
/// # Errors
/// When a required parameter is missing, or a value is none that the parameter takes.
pub fn plan(
    resource: &Resource,
    Said { filters, keyed }: &Said<'_>,
    default: &dyn Fn(&Parameter) -> Option<String>,
) -> Result<Reading> {
    if filters.iter().any(never) {
        let method = resource.methods_of(Verb::Select).next();
        let method = method.ok_or_else(|| no_select(resource))?.clone();
        return Ok(Reading { method, sets: Vec::new(), exact: Vec::new(), notes: Vec::new(), keyed: Vec::new() });
    }
    let terms: Vec<Option<Term>> = filters.iter().map(term).collect();
    let asked = |t: &'_ Term| {
        if let Term::Among(column, _) = t { Some(takes_aside(resource, column).to_owned()) } else { None }
    };
    let named: Vec<String> = terms.iter().flatten().filter_map(asked).collect();
    let given: Vec<&str> = named.iter().chain(keyed.iter()).map(String::as_str).collect();
    let supply = Supply { given: &given, told: &[], default: &|p| default(p).is_some() };
    let method = choose(resource, Verb::Select, &supply)?.clone();
    check_asides(resource, &method, &terms)?;
    if method.graphql.as_ref().is_some_and(|query| query.mutation) {
        let (name, full) = (&method.name, resource.full_name());
        return Err(Error::statement(format!("{full}.{name} sends a mutation, and SELECT changes nothing"))
            .hint(format!("EXEC {full}.{name} sends it")));
    }
    let mut planner = Planner { resource, terms: &terms, exact: Vec::new(), notes: Vec::new() };
    let mut sets = vec![ParameterSet::default()];
    let mut by_key = Vec::new();
    for parameter in &asks(&method) {
        if keyed.contains(&parameter.name) {
            by_key.push(parameter.clone());
            continue;
        }
        let Some(values) = planner.values_of(parameter, default)? else { continue };
        sets = planner.multiply(sets, parameter, &values);
    }
    let Planner { exact, mut notes, .. } = planner;
    tell_filter((resource, &method), filters, (&mut sets, &mut notes));
    by_key.sort_by_key(|p| keyed.iter().position(|k| *k == p.name));
    Ok(Reading { method, sets, exact, notes, keyed: by_key })
}

/// Tells the parameter that takes conditions those that no other says.
fn tell_filter(
    (resource, method): (&Resource, &Method),
    filters: &[Expr],
    (sets, notes): (&mut [ParameterSet], &mut Vec<(usize, String)>),
) {
    let Some(filter) = &method.pushdown.filter else { return };
    let is_sent = |index: usize| notes.iter().any(|(noted, _)| *noted == index);
    let left: Vec<(usize, &Expr)> = filters.iter().enumerate().filter(|(index, _)| !is_sent(*index)).collect();
    let is_given = sets.iter().any(|set| set.arguments.iter().any(|(wire, _)| *wire == filter.parameter));
    let Some(told) = pushdown::told((filter, method), resource, &left).filter(|_| !is_given) else { return };
    for set in sets {
        set.arguments.push((filter.parameter.clone(), Value::String(told.text.clone())));
    }
    let note = |part: String| format!("sent in {} as {part}, and applied again here", filter.parameter);
    notes.extend(told.parts.into_iter().map(|(index, part)| (index, note(part))));
}

/// A parameter that stands aside is compared with nothing: a method that does not take it cannot say what it means.
fn check_asides(resource: &Resource, method: &Method, terms: &[Option<Term>]) -> Result<()> {
    for column in terms.iter().flatten().map(Term::column) {
        let name = takes_aside(resource, column);
        if name != column && takes(method, name).is_none() {
            let (full, method) = (resource.full_name(), &method.name);
            return Err(Error::statement(format!(
                "{full}.{method} takes no {name}, and its rows' {name} is no such value"
            ))
            .hint(format!("SHOW METHODS IN {full} tells which method takes {name}, and what it needs")));
        }
    }
    Ok(())
}

/// A filter that the engine has found to hold for no row.
fn never(filter: &Expr) -> bool {
    matches!(filter, Expr::Literal(ScalarValue::Boolean(Some(false) | None) | ScalarValue::Null, _))
}

fn no_select(resource: &Resource) -> Error {
    Error::statement(format!("{} does not support SELECT", resource.full_name()))
        .hint(format!("SHOW METHODS IN {} lists what it supports", resource.full_name()))
}

struct Planner<'a> {
    resource: &'a Resource,
    terms: &'a [Option<Term>],
    exact: Vec<usize>,
    notes: Vec<(usize, String)>,
}

impl Planner<'_> {
    /// The values to ask for one after the other. None: the parameter is not sent.
    fn values_of(
        &mut self,
        parameter: &Parameter,
        default: &dyn Fn(&Parameter) -> Option<String>,
    ) -> Result<Option<Vec<Value>>> {
        let mut values: Option<Vec<Value>> = None;
        for (index, among) in self.equalities(parameter) {
            let Some(fitted) = self.fit_all(parameter, &among)? else { continue };
            if !parameter.required && covers(&fitted, &parameter.shape) {
                self.notes.push((index, "these are all its values: not sent, applied here".to_owned()));
                continue;
            }
            self.note(index, parameter, "=");
            values = Some(match values {
                None => fitted,
                Some(before) => before.into_iter().filter(|v| fitted.contains(v)).collect(),
            });
        }
        if values.is_some() {
            return Ok(values);
        }
        if let Some(value) = self.by_predicate(parameter) {
            return Ok(Some(vec![value]));
        }
        // The environment and the session supply what is required; an optional parameter is sent only when asked for.
        let Some(text) = default(parameter).filter(|_| parameter.required) else { return Ok(None) };
        Ok(Some(vec![fit(&parameter.name, Value::String(text), &parameter.shape)?.value]))
    }

    fn equalities(&self, parameter: &Parameter) -> Vec<(usize, Vec<Value>)> {
        let serves = |column: &str| {
            takes_aside(self.resource, column) == parameter.name
                || parameter
                    .predicate
                    .as_ref()
                    .is_some_and(|p| p.operator == Comparison::Equal && p.send.is_none() && p.column == column)
        };
        let among = self.terms.iter().enumerate().filter_map(|(i, term)| match term {
            Some(Term::Among(column, values)) if serves(column) => Some((i, values.clone())),
            _ => None,
        });
        among.collect()
    }

    /// The values as the parameter takes them. None: the parameter cannot say one of them, so the rows are filtered
    /// here.
    ///
    /// A value that neither the parameter's nor the column's list knows is a slip far more often than a new word of
    /// the API, and would cost a full read that finds nothing: it is refused.
    fn fit_all(&self, parameter: &Parameter, values: &[Value]) -> Result<Option<Vec<Value>>> {
        let column = self.resource.column(&parameter.name).map(|c| &c.shape);
        let mut fitted = Vec::with_capacity(values.len());
        for value in values {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let known = |shape: &Shape| is_listed(shape, value);
            if known(&parameter.shape) {
                fitted.push(fit(&parameter.name, value.clone(), &parameter.shape)?.value);
            } else if column.is_some_and(|c| !c.values.is_empty() && known(c)) {
                return Ok(None);
            } else {
                let known = column.filter(|c| !c.values.is_empty()).unwrap_or(&parameter.shape);
                return Err(no_such_value(&parameter.name, &text, known));
            }
        }
        Ok(Some(fitted))
    }

    /// The value of a parameter that serves another column's predicate: `created_at >= x` as `start_time`. Of several
    /// the narrowest.
    fn by_predicate(&mut self, parameter: &Parameter) -> Option<Value> {
        let predicate = parameter.predicate.as_ref()?;
        let mut found: Option<(usize, Value)> = None;
        for (index, term) in self.terms.iter().enumerate() {
            let value = match term {
                Some(Term::Null(column, operator)) if *column == predicate.column => {
                    (*operator == predicate.operator).then_some(Value::Null)
                }
                Some(Term::Among(column, values)) if *column == predicate.column => bound(values, predicate.operator),
                Some(Term::Compares(column, operator, value)) if *column == predicate.column => {
                    implies(*operator, predicate.operator).then(|| value.clone())
                }
                _ => None,
            };
            let Some(value) = value else { continue };
            let value = match &predicate.send {
                Some(text) => Value::String(text.clone()),
                None => widen(value, parameter, predicate.operator),
            };
            let narrower = found.as_ref().is_none_or(|(_, known)| is_narrower(&value, known, predicate.operator));
            if narrower {
                found = Some((index, value));
            }
        }
        let (index, value) = found?;
        let value = fit(&parameter.name, value, &parameter.shape).ok()?.value;
        self.note(index, parameter, "for");
        Some(value)
    }

    fn note(&mut self, index: usize, parameter: &Parameter, how: &str) {
        // A parameter that is no column of the rows is echoed by them: its equality holds of itself.
        let echoed = self.resource.column(&parameter.name).is_some_and(|c| c.paths.is_empty());
        let column = self.terms[index].as_ref().map(|t| t.column().to_owned()).unwrap_or_default();
        let itself = takes_aside(self.resource, &column) == parameter.name && how == "=";
        let exact = itself && (echoed || parameter.exact || column != parameter.name);
        if exact {
            self.exact.push(index);
        }
        let place = match parameter.location {
            Location::Path => "path",
            Location::Query => "query",
            Location::Header => "header",
            Location::Body => "body",
            Location::Server => "server",
            Location::Nowhere => "none",
        };
        let again = if exact { "" } else { ", and applied again here" };
        self.notes.push((index, format!("sent as {} in the {place}{again}", parameter.wire)));
    }

    /// One set for each pair of a set so far and a value.
    fn multiply(&self, sets: Vec<ParameterSet>, parameter: &Parameter, values: &[Value]) -> Vec<ParameterSet> {
        let column = self.resource.column(&parameter.name);
        let is_row_column = column.is_some_and(|c| !c.paths.is_empty());
        let aside = aside(&parameter.name);
        let is_aside = takes_aside(self.resource, &aside) != aside && self.resource.column(&aside).is_some();
        let is_compared = self.terms.iter().flatten().any(|term| term.column() == parameter.name);
        let mut product = Vec::with_capacity(sets.len() * values.len());
        for set in sets {
            for value in values {
                let mut set = set.clone();
                set.send(parameter, value.clone());
                if is_aside {
                    set.echo.push((aside.clone(), value.clone()));
                }
                let own = (parameter.name.clone(), value.clone());
                if !is_row_column {
                    set.echo.push(own);
                } else if (!is_aside || is_compared) && parameter.predicate.is_none() {
                    set.fills.push(own);
                }
                if is_row_column && values.len() > 1 && !parameter.exact && (is_compared || !is_aside) {
                    set.checks.push((parameter.name.clone(), value.clone()));
                }
                product.push(set);
            }
        }
        product
    }
}

/// Whether the values are all that the parameter takes: one read without it brings the same rows.
fn covers(values: &[Value], shape: &Shape) -> bool {
    let has = |word: &String| values.iter().any(|v| v.as_str() == Some(word));
    values.len() > 1 && !shape.values.is_empty() && shape.values.iter().all(has)
}

fn no_such_value(name: &str, value: &str, shape: &Shape) -> Error {
    let list = shape.values.join(", ");
    let hint = match nearest(value, shape.values.iter().map(String::as_str)) {
        Some(near) => format!("did you mean '{near}'? The documented values are {list}"),
        None => format!("to look for it all the same, write {name} LIKE '{value}': every row is then read"),
    };
    Error::statement(format!("{name} = '{value}': must be one of {list}")).hint(hint)
}

/// Whether rows for which `have` holds all satisfy the same comparison as `want` (`>` implies `>=`).
fn implies(have: Comparison, want: Comparison) -> bool {
    have == want
        || matches!((have, want), (Comparison::Greater, Comparison::AtLeast) | (Comparison::Less, Comparison::AtMost))
}

/// The bound that a list of equal values implies: the least for `>=`, the greatest for `<=`.
fn bound(values: &[Value], operator: Comparison) -> Option<Value> {
    let pick = |a: Value, b: Value, least: bool| if (text_less(&a, &b)) == least { a } else { b };
    let least = match operator {
        Comparison::AtLeast => true,
        Comparison::AtMost => false,
        _ => return None,
    };
    values.iter().cloned().reduce(|a, b| pick(a, b, least))
}

/// Values of one column have one form (RFC 3339 in UTC with equal digits, or numbers), so their text orders them.
fn text_less(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a < b,
        _ => a.as_str() < b.as_str(),
    }
}

fn is_narrower(new: &Value, known: &Value, operator: Comparison) -> bool {
    match operator {
        Comparison::AtLeast | Comparison::Greater => text_less(known, new),
        Comparison::AtMost | Comparison::Less => text_less(new, known),
        _ => false,
    }
}

/// A timestamp in whole milliseconds, moved outward: APIs seldom keep more, and the rows are filtered again.
fn widen(value: Value, parameter: &Parameter, operator: Comparison) -> Value {
    if parameter.shape.kind != Kind::Timestamp {
        return value;
    }
    value.as_str().and_then(|text| outward(text, operator)).map_or(value, Value::String)
}

/// A moment in whole milliseconds, so moved that the comparison leaves out no moment that it had.
pub fn outward(text: &str, operator: Comparison) -> Option<String> {
    let nanos = arrow::compute::kernels::cast_utils::string_to_timestamp_nanos(text).ok()?;
    let millis = nanos.div_euclid(1_000_000);
    let upward = matches!(operator, Comparison::AtMost | Comparison::Less) && nanos.rem_euclid(1_000_000) > 0;
    let time = arrow::temporal_conversions::timestamp_ms_to_datetime(millis + i64::from(upward))?;
    Some(time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}
