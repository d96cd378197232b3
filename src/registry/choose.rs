//! Which method of a resource serves a statement: a pure function of what the statement supplies.
//!
//! Among the verb's methods whose required parameters are all supplied, the one that uses most required ones wins; for a
//! write, of those that take every name that it gives, where there are any: the others would refuse it.
//! A tie is broken by document order for reads and in StackQL's documents, and is an error for writes in our own.

use std::cmp::Reverse;
use std::sync::Arc;

use super::model::{Field, Kind, Location, Method, Parameter, Resource, Shape, Verb};
use crate::error::{Error, Result};

/// What a statement supplies: names it gives itself, and parameters that have a default.
pub struct Supply<'a> {
    /// SQL names (or accepted spellings) that the statement gives a value.
    pub given: &'a [&'a str],
    /// Names that it does not give, and that the rows which it means can tell.
    pub told: &'a [&'a str],
    /// Whether a parameter is supplied without being named: from the session, the environment or the document.
    pub default: &'a dyn Fn(&Parameter) -> bool,
}

/// Where a value that a statement supplies goes.
#[derive(Debug, Clone)]
pub enum Choice<'a> {
    /// Into the path, query or a header.
    Parameter(&'a Parameter),
    /// Into the body.
    Body(&'a Field),
    /// Into an object within the body: `"settings.mode"`.
    Inside(Inside<'a>),
}

/// A place within a property of the body.
#[derive(Debug, Clone)]
pub struct Inside<'a> {
    /// The property.
    pub field: &'a Field,
    /// Wire names of the keys that lead there within it.
    pub path: Vec<String>,
    /// What may stand there.
    pub shape: &'a Shape,
}

/// What an object may hold that does not say it.
static ANYTHING: Shape = Shape {
    kind: Kind::Any,
    values: Vec::new(),
    open: true,
    minimum: None,
    maximum: None,
    min_length: None,
    max_length: None,
    nullable: true,
    secret: false,
    fields: Vec::new(),
    items: None,
    default: None,
};

/// Where `method` puts the value named `name`, if it takes it: by SQL name, by wire name, or by StackQL's
/// `data__` name for a body property. Dots lead into an object of the body.
#[must_use]
pub fn takes<'a>(method: &'a Method, name: &str) -> Option<Choice<'a>> {
    let fields = || method.body.iter().flat_map(|b| &b.fields);
    if let Some(field) = name.strip_prefix("data__") {
        let named = fields().find(|f| f.wire == field || f.name == field).map(Choice::Body);
        return named.or_else(|| inside(method, field).map(Choice::Inside));
    }
    let parameter = method.parameters.iter().find(|p| p.name == name).map(Choice::Parameter);
    parameter
        .or_else(|| fields().find(|f| f.name == name).map(Choice::Body))
        .or_else(|| method.parameters.iter().find(|p| p.wire == name).map(Choice::Parameter))
        .or_else(|| fields().find(|f| f.wire == name).map(Choice::Body))
        .or_else(|| inside(method, name).map(Choice::Inside))
}

/// `a.b.c`: the key `b` of the property `a`, and so on. An object that lists its fields has no others.
fn inside<'a>(method: &'a Method, name: &str) -> Option<Inside<'a>> {
    let (first, rest) = name.split_once('.')?;
    let named = |f: &&Field, key: &str| f.wire == key || f.name == key;
    let field = method.body.iter().flat_map(|b| &b.fields).find(|f| named(f, first))?;
    let (mut path, mut shape) = (Vec::new(), &field.shape);
    for key in rest.split('.') {
        let holds = matches!(shape.kind, Kind::Object | Kind::Any);
        let inner = shape.fields.iter().find(|f| named(f, key));
        if key.is_empty() || !holds || (inner.is_none() && !shape.fields.is_empty()) {
            return None;
        }
        path.push(inner.map_or(key, |f| f.wire.as_str()).to_owned());
        shape = inner.map_or(&ANYTHING, |f| &f.shape);
    }
    Some(Inside { field, path, shape })
}

/// SQL names of everything a method cannot do without, each once.
pub fn required(method: &Method) -> impl Iterator<Item = &str> {
    let parameters = method.parameters.iter().filter(|p| p.required).map(|p| p.name.as_str());
    let fields = method.body.iter().flat_map(|b| &b.fields).filter(|f| f.required).map(|f| f.name.as_str());
    each_once(parameters.chain(fields))
}

fn each_once<'a>(names: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let mut seen: Vec<&str> = Vec::new();
    names.filter(move |name| {
        let new = !seen.contains(name);
        seen.push(name);
        new
    })
}

/// What `method` still needs when `supply` is all there is.
fn missing<'a>(method: &'a Method, supply: &Supply<'_>) -> Vec<&'a str> {
    let given = |name: &str| supplied(method, supply, name);
    let from_default = |name: &str| method.parameters.iter().any(|p| p.name == name && (supply.default)(p));
    required(method).filter(|name| !given(name) && !from_default(name)).collect()
}

/// Whether the statement or its rows have a value for what `method` calls `name`.
fn supplied(method: &Method, supply: &Supply<'_>, name: &str) -> bool {
    // A field of the body that is meant as such says nothing of a parameter that has its name.
    let is_parameter = method.parameters.iter().any(|p| p.required && p.name == name);
    let reaches = |given: &&&str| !(is_parameter && given.starts_with("data__"));
    supply.given.iter().chain(supply.told).filter(reaches).any(|given| names(method, given) == Some(name))
}

/// The SQL name that `given` stands for in `method`.
fn names<'a>(method: &'a Method, given: &str) -> Option<&'a str> {
    Some(match takes(method, given)? {
        Choice::Parameter(p) => p.name.as_str(),
        Choice::Body(f) => f.name.as_str(),
        Choice::Inside(inside) => inside.field.name.as_str(),
    })
}

/// The method of `resource` that serves `verb` with what is supplied.
///
/// # Errors
/// When the verb is not supported, something required is missing, or two methods of a write fit equally well.
pub fn choose<'a>(resource: &'a Resource, verb: Verb, supply: &Supply<'_>) -> Result<&'a Arc<Method>> {
    let candidates: Vec<&Arc<Method>> = resource.methods_of(verb).collect();
    if candidates.is_empty() {
        return Err(unsupported(resource, verb));
    }
    let mut fitting: Vec<&Arc<Method>> =
        candidates.iter().copied().filter(|m| m.unsupported.is_none() && missing(m, supply).is_empty()).collect();
    let takes_all = |m: &&Arc<Method>| supply.given.iter().all(|name| takes(m, name).is_some());
    if verb != Verb::Select && fitting.iter().any(&takes_all) {
        fitting.retain(|m| takes_all(m));
    }
    let weight = |m: &Arc<Method>| required(m).filter(|name| supplied(m, supply, name)).count();
    fitting.sort_by_key(|m| Reverse(weight(m)));
    match fitting.as_slice() {
        [] => Err(nothing_fits(resource, verb, &candidates, supply)),
        [first, second, ..] if verb != Verb::Select && !resource.first_wins && weight(first) == weight(second) => {
            Err(Error::statement(format!(
                "the methods {} and {} of {} fit this statement equally well",
                first.name,
                second.name,
                resource.full_name()
            ))
            .hint(format!("leave out what only one of them takes; SHOW METHODS IN {} tells", resource.full_name())))
        }
        [first, ..] => Ok(first),
    }
}

fn unsupported(resource: &Resource, verb: Verb) -> Error {
    let mut verbs: Vec<String> =
        Verb::ALL.into_iter().filter(|v| resource.methods_of(*v).next().is_some()).map(|v| v.to_string()).collect();
    if !resource.views.is_empty() && resource.verbs.select.is_empty() {
        verbs.insert(0, Verb::Select.to_string());
    }
    if verbs.is_empty() {
        verbs.push("nothing".to_owned());
    }
    Error::statement(format!("{} does not support {verb}", resource.full_name())).hint(format!(
        "it supports {}; SHOW METHODS IN {} lists them",
        verbs.join(", "),
        resource.full_name()
    ))
}

fn nothing_fits(resource: &Resource, verb: Verb, candidates: &[&Arc<Method>], supply: &Supply<'_>) -> Error {
    if let Some(reason) = candidates.iter().find_map(|m| m.unsupported.as_deref()) {
        return Error::statement(format!("{} cannot be used: {reason}", resource.full_name()));
    }
    // The method that lacks least is what was meant; document order breaks ties.
    let Some(nearest) = candidates.iter().min_by_key(|m| missing(m, supply).len()) else {
        return unsupported(resource, verb);
    };
    let lacking = missing(nearest, supply);
    let list = lacking.join(" and ");
    let first = lacking.first().copied().unwrap_or_default();
    let how = match verb {
        Verb::Select => format!(
            "add WHERE {first} = '...', join it to a table that has it, or SET {}.{first} = '...'",
            resource.provider
        ),
        Verb::Delete => format!("add WHERE {first} = '...', or SET {}.{first} = '...'", resource.provider),
        Verb::Insert => {
            format!("add {first} to the columns of the INSERT; SHOW INSERT INTO {} writes one", resource.full_name())
        }
        Verb::Update | Verb::Replace => format!("add {first} = '...' to the WHERE"),
        Verb::Exec => format!("add @{first} = '...'"),
    };
    let variable = nearest.parameters.iter().find(|p| p.name == first).and_then(|p| p.variable.as_deref());
    let hint = match variable {
        Some(variable) => format!("{how}, or set the environment variable {variable}"),
        None => how,
    };
    Error::statement(format!("{} needs {list}", resource.full_name())).hint(hint)
}

/// Checks that `method` takes every given name; names the method of the same verb that would.
///
/// # Errors
/// For the first name it does not take.
pub fn check_given(resource: &Resource, verb: Verb, method: &Method, given: &[&str]) -> Result<()> {
    for name in given {
        if takes(method, name).is_some() {
            continue;
        }
        let message = format!("the method {} of {} does not take {name}", method.name, resource.full_name());
        let other = resource.methods_of(verb).find(|m| takes(m, name).is_some());
        let hint = match other {
            Some(other) => {
                let extra: Vec<&str> = required(other).filter(|n| !required(method).any(|m| m == *n)).collect();
                let needs =
                    if extra.is_empty() { String::new() } else { format!(", and needs {}", extra.join(" and ")) };
                format!("the method {} takes it{needs}", other.name)
            }
            None => match crate::error::nearest(name, taken(method)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("it takes {}", taken(method).collect::<Vec<_>>().join(", ")),
            },
        };
        return Err(Error::statement(message).hint(hint));
    }
    Ok(())
}

/// SQL names of everything a method takes, required first.
pub fn taken(method: &Method) -> impl Iterator<Item = &str> {
    let parameters = method.parameters.iter().filter(|p| p.location != Location::Server).map(|p| p.name.as_str());
    each_once(parameters.chain(method.body.iter().flat_map(|b| &b.fields).map(|f| f.name.as_str())))
}
