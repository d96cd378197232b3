//! Conditions in the words of `OData`, and the names of columns, for the lists whose documents say that they take them. Pure. What is said here
//! only narrows what comes: every condition is applied to the rows again, so that only what loses no row may be said.
//! Servers compare texts as they like, mostly without regard to case: `eq` brings more then, `ne` and `lt` less.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Like;
use serde_json::Value;

use super::filters::{Term, term};
use super::reading::{ParameterSet, outward};
use crate::registry::{Among, Column, Comparison, Kind, Method, PushedFilter, PushedSelect, Resource};

/// What the filter's parameter is told.
pub struct Told {
    /// Its value.
    pub text: String,
    /// Which of the filters stand in it, with what words.
    pub parts: Vec<(usize, String)>,
}

/// What of `filters` the parameter of `method` can be told.
pub fn told(
    (filter, method): (&PushedFilter, &Method),
    resource: &Resource,
    filters: &[(usize, &Expr)],
) -> Option<Told> {
    let known = |name: &str| {
        let column = resource.column(name).filter(|c| is_own(c) && !c.shape.secret && filter.columns.has(&c.wire))?;
        method.answer.columns.iter().any(|c| c.wire == column.wire).then_some(column)
    };
    let says = |(index, expr): &(usize, &Expr)| Some((*index, said(&filter.operators, &known, expr)?));
    let mut parts: Vec<(usize, String)> = filters.iter().filter_map(says).collect();
    if !filter.operators.has("and") {
        parts.truncate(1);
    }
    let text = parts.iter().map(|(_, part)| part.as_str()).collect::<Vec<_>>().join(" and ");
    (!parts.is_empty()).then_some(Told { text, parts })
}

/// Tells the parameter that takes names of columns those that are wanted, where the statement does not do it itself.
pub fn tell_columns(set: &mut ParameterSet, method: &Method, wanted: &[Column]) {
    let Some(select) = &method.pushdown.select else { return };
    if set.arguments.iter().all(|(wire, _)| *wire != select.parameter) {
        set.arguments.extend(names(select, method, wanted).map(|names| (select.parameter.clone(), names)));
    }
}

/// The columns that are wanted, as the parameter takes them. `None`: all of them, or one that it cannot name.
fn names(select: &PushedSelect, method: &Method, wanted: &[Column]) -> Option<Value> {
    let wanted: Vec<&Column> = wanted.iter().filter(|c| !c.paths.is_empty()).collect();
    let all = method.answer.columns.iter().all(|c| wanted.iter().any(|w| w.wire == c.wire));
    let known = wanted.iter().all(|c| is_own(c) && select.columns.has(&c.wire));
    if all || !known || wanted.is_empty() {
        return None;
    }
    let names: Vec<&str> = wanted.iter().map(|c| c.wire.as_str()).collect();
    Some(if select.list { names.into() } else { names.join(&select.delimiter).into() })
}

/// Whether a column is a property of the row itself, under its own name.
fn is_own(column: &Column) -> bool {
    matches!(column.paths.as_slice(), [path] if path.0 == [column.wire.clone()])
}

/// One condition.
fn said<'r>(operators: &Among, known: &dyn Fn(&str) -> Option<&'r Column>, expr: &Expr) -> Option<String> {
    if let Some((name, function, text)) = pattern(expr) {
        let column = known(&name).filter(|c| c.shape.kind == Kind::String)?;
        return operators.has(function).then(|| format!("{function}({},{})", column.wire, quoted(&text)));
    }
    let term = term(expr)?;
    let column = known(term.column())?;
    match &term {
        Term::Among(_, values) if operators.has("eq") => {
            let parts: Option<Vec<String>> =
                values.iter().map(|v| Some(format!("{} eq {}", column.wire, literal(column.shape.kind, v)?))).collect();
            match parts?.as_slice() {
                [only] => Some(only.clone()),
                several if !several.is_empty() && several.len() <= MOST && operators.has("or") => {
                    Some(format!("({})", several.join(" or ")))
                }
                _ => None,
            }
        }
        Term::Compares(_, comparison, value) => {
            let word = match comparison {
                Comparison::Less => "lt",
                Comparison::AtMost => "le",
                Comparison::Greater => "gt",
                Comparison::AtLeast => "ge",
                _ => return None,
            };
            let bound = match column.shape.kind {
                Kind::Integer | Kind::Number => literal(column.shape.kind, value)?,
                Kind::Timestamp => outward(value.as_str()?, *comparison)?,
                _ => return None,
            };
            operators.has(word).then(|| format!("{} {word} {bound}", column.wire))
        }
        Term::Among(..) | Term::Null(..) => None,
    }
}

/// So many values are said one by one; more make a text that servers refuse.
const MOST: usize = 15;

/// A value as `OData` writes it. The moments of equality are not said: how finely a server keeps them nobody knows.
fn literal(kind: Kind, value: &Value) -> Option<String> {
    match (kind, value) {
        (Kind::String, Value::String(text)) => Some(quoted(text)),
        (Kind::Integer | Kind::Number, Value::Number(number)) => Some(number.to_string()),
        (Kind::Boolean, Value::Bool(flag)) => Some(flag.to_string()),
        _ => None,
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Column, function and text of a LIKE that only leaves out the beginning, the end, or both.
fn pattern(expr: &Expr) -> Option<(String, &'static str, String)> {
    let Expr::Like(Like { negated: false, expr, pattern, escape_char: None, case_insensitive: false }) = expr else {
        return None;
    };
    let (Expr::Column(column), Expr::Literal(pattern, _)) = (expr.as_ref(), pattern.as_ref()) else { return None };
    let (ScalarValue::Utf8(Some(pattern))
    | ScalarValue::Utf8View(Some(pattern))
    | ScalarValue::LargeUtf8(Some(pattern))) = pattern
    else {
        return None;
    };
    let begins = pattern.strip_prefix('%');
    let inner = begins.unwrap_or(pattern);
    let ends = inner.strip_suffix('%');
    let text = ends.unwrap_or(inner);
    if text.is_empty() || text.contains(['%', '_', '\\']) {
        return None;
    }
    let function = match (begins.is_some(), ends.is_some()) {
        (false, true) => "startswith",
        (true, false) => "endswith",
        (true, true) => "contains",
        (false, false) => "eq",
    };
    (function != "eq").then(|| (column.name.clone(), function, text.to_owned()))
}
