//! What a condition means where a row column and a parameter have one name and cannot be compared: rows say when an
//! address was verified, and the parameter asks whether it was. The parameter then stands beside the row's column, in a
//! column of its own; a condition whose value can be the parameter's alone is one on that. Pure functions.

use serde_json::Value;

use super::fit::fit;
use super::model::{Column, Field, Kind, Location, Method, Parameter, Resource, Shape};
use super::sql_name;

/// Behind the name of a row column: the parameter of that name.
const ASIDE: &str = "_parameter";

/// The column of a parameter that cannot be compared with the row column of its name.
#[must_use]
pub fn aside(name: &str) -> String {
    format!("{name}{ASIDE}")
}

/// The name that a statement has for the column `name`: of a parameter that stands aside, its own.
#[must_use]
pub fn takes_aside<'n>(resource: &Resource, name: &'n str) -> &'n str {
    // A parameter that is called so itself has a wire name that says so.
    let stands_aside = resource.column(name).is_none_or(|c| c.paths.is_empty() && sql_name(&c.wire) != name);
    name.strip_suffix(ASIDE).filter(|base| stands_aside && resource.column(base).is_some()).unwrap_or(name)
}

/// Everything that a read with `method` can be asked by: its parameters, and the fields of its body.
#[must_use]
pub fn asks(method: &Method) -> Vec<Parameter> {
    let mut asks = method.parameters.clone();
    for field in method.body.iter().flat_map(|b| &b.fields) {
        if asks.iter().all(|p| p.name != field.name) {
            asks.push(of_body(field));
        }
    }
    asks
}

fn of_body(field: &Field) -> Parameter {
    Parameter {
        wire: field.wire.clone(),
        name: field.name.clone(),
        location: Location::Body,
        required: field.required,
        shape: field.shape.clone(),
        description: field.description.clone(),
        variable: None,
        constant: None,
        predicate: None,
        exact: false,
        hidden: None,
        manner: super::model::Manner::default(),
    }
}

/// The columns for `parameters` beside `columns`: one for each that no column is named after, and one aside for each that
/// cannot be compared with the column of its name.
#[must_use]
pub fn columns_of<'p>(columns: &[Column], parameters: impl Iterator<Item = &'p Parameter>) -> Vec<Column> {
    let mut new: Vec<Column> = Vec::new();
    for parameter in parameters {
        let known = columns.iter().chain(&new).find(|c| c.name == parameter.name);
        let name = match known {
            None => parameter.name.clone(),
            Some(known) if !known.paths.is_empty() && differ(&known.shape, &parameter.shape) => aside(&parameter.name),
            Some(_) => continue,
        };
        if columns.iter().chain(&new).any(|c| c.name == name) {
            continue;
        }
        let is_aside = name != parameter.name;
        let seldom = !parameter.required || parameter.location == Location::Server;
        new.push(Column {
            name,
            wire: parameter.wire.clone(),
            paths: Vec::new(),
            shape: parameter.shape.clone(),
            description: parameter.description.clone(),
            hidden: is_aside || parameter.hidden.unwrap_or(seldom),
            only_by_key: false,
        });
    }
    new
}

/// Whether some value of the parameter could not be held against the rows' own.
fn differ(column: &Shape, parameter: &Shape) -> bool {
    let numbers = [Kind::Integer, Kind::Number];
    match (column.kind, parameter.kind) {
        (Kind::Object | Kind::Array, _) => true,
        (column, parameter) => column != parameter && !(numbers.contains(&column) && numbers.contains(&parameter)),
    }
}

/// Whether `column = value` can mean the rows' column, where a parameter has its name.
#[must_use]
pub fn can_mean_row(column: &Shape, parameter: &Shape, value: &Value) -> bool {
    if !differ(column, parameter) {
        return true;
    }
    match (column.kind, parameter.kind) {
        // A number that the request takes as text is a number.
        (Kind::Integer | Kind::Number, Kind::String | Kind::Any) => {
            fit("", value.clone(), &Shape { kind: Kind::Number, ..Shape::default() }).is_ok()
        }
        (Kind::String, Kind::Any) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_condition_is_on_the_rows_where_its_value_can_be_held_against_theirs() {
        let can = |column: Kind, parameter: Kind, value: Value| {
            let of = |kind: Kind| Shape { kind, ..Shape::default() };
            can_mean_row(&of(column), &of(parameter), &value)
        };
        for kind in [Kind::String, Kind::Integer, Kind::Number, Kind::Boolean, Kind::Timestamp, Kind::Any] {
            assert!(can(kind, kind, json!("x")), "{kind:?}");
        }
        assert!(can(Kind::Integer, Kind::Number, json!(1)) && can(Kind::Integer, Kind::String, json!("7")));
        assert!(can(Kind::String, Kind::Any, json!("x")));
        for (column, parameter, value) in [
            (Kind::Timestamp, Kind::Boolean, json!(true)),
            (Kind::Timestamp, Kind::String, json!("2026-01-31")),
            (Kind::Object, Kind::String, json!("x")),
            (Kind::Array, Kind::Array, json!("[\"a\"]")),
            (Kind::Array, Kind::String, json!("a")),
            (Kind::Integer, Kind::String, json!("main.yml")),
            (Kind::String, Kind::Integer, json!(7)),
            (Kind::Boolean, Kind::String, json!("true")),
            (Kind::Any, Kind::String, json!("x")),
        ] {
            assert!(!can(column, parameter, value), "{column:?} {parameter:?}");
        }
    }
}
