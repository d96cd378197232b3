//! Which method of a resource serves a statement: a pure function of what the statement supplies.
//!
//! Among the verb's methods whose required parameters are all supplied, the one that uses most required ones wins.
//! A tie is broken by document order for reads and in StackQL's documents, and is an error for writes in our own.

use std::cmp::Reverse;
use std::sync::Arc;

use super::model::{Field, Location, Method, Parameter, Resource, Verb};
use crate::error::{Error, Result};

/// What a statement supplies: names it gives itself, and parameters that have a default.
pub struct Supply<'a> {
    /// SQL names (or accepted spellings) that the statement gives a value.
    pub given: &'a [&'a str],
    /// Whether a parameter is supplied without being named: from the session, the environment or the document.
    pub default: &'a dyn Fn(&Parameter) -> bool,
}

/// Where a value that a statement supplies goes.
#[derive(Debug, Clone, Copy)]
pub enum Choice<'a> {
    /// Into the path, query or a header.
    Parameter(&'a Parameter),
    /// Into the body.
    Body(&'a Field),
}

/// Where `method` puts the value named `name`, if it takes it: by SQL name, by wire name, or by StackQL's
/// `data__` name for a body property.
#[must_use]
pub fn takes<'a>(method: &'a Method, name: &str) -> Option<Choice<'a>> {
    let fields = || method.body.iter().flat_map(|b| &b.fields);
    if let Some(field) = name.strip_prefix("data__") {
        return fields().find(|f| f.wire == field || f.name == field).map(Choice::Body);
    }
    let parameter = method.parameters.iter().find(|p| p.name == name).map(Choice::Parameter);
    parameter
        .or_else(|| fields().find(|f| f.name == name).map(Choice::Body))
        .or_else(|| method.parameters.iter().find(|p| p.wire == name).map(Choice::Parameter))
        .or_else(|| fields().find(|f| f.wire == name).map(Choice::Body))
}

/// SQL names of everything a method cannot do without.
pub fn required(method: &Method) -> impl Iterator<Item = &str> {
    let parameters = method.parameters.iter().filter(|p| p.required).map(|p| p.name.as_str());
    parameters.chain(method.body.iter().flat_map(|b| &b.fields).filter(|f| f.required).map(|f| f.name.as_str()))
}

/// What `method` still needs when `supply` is all there is.
fn missing<'a>(method: &'a Method, supply: &Supply<'_>) -> Vec<&'a str> {
    let given = |name: &str| supply.given.iter().any(|g| names(method, g) == Some(name));
    let from_default = |name: &str| method.parameters.iter().any(|p| p.name == name && (supply.default)(p));
    required(method).filter(|name| !given(name) && !from_default(name)).collect()
}

/// The SQL name that `given` stands for in `method`.
fn names<'a>(method: &'a Method, given: &str) -> Option<&'a str> {
    Some(match takes(method, given)? {
        Choice::Parameter(p) => p.name.as_str(),
        Choice::Body(f) => f.name.as_str(),
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
    let weight = |m: &Arc<Method>| required(m).filter(|n| supply.given.iter().any(|g| names(m, g) == Some(n))).count();
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
    parameters.chain(method.body.iter().flat_map(|b| &b.fields).map(|f| f.name.as_str()))
}
