//! The functions of templates: Go's own, and those that StackQL's documents add. Each takes values and gives one.

use std::cell::Cell;
use std::rc::Rc;

use super::value::Value;
use super::{compare, format, text};
use crate::registry::xml;

/// Why a function cannot do what it is asked to.
pub type Refused = String;

const KNOWN: [&str; 36] = [
    "and",
    "or",
    "not",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "len",
    "index",
    "slice",
    "print",
    "printf",
    "println",
    "html",
    "js",
    "urlquery",
    "call",
    "toJson",
    "kindOf",
    "plus1",
    "separator",
    "jsonMapFromString",
    "safeIndex",
    "toBool",
    "toInt",
    "getXPath",
    "getXPathAllOuter",
    "getRegexpFirstMatch",
    "getRegexpAllMatches",
    "default",
    "join",
    "quote",
    "lower",
    "upper",
];

pub fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// Calls a function; `and` and `or` are not here, as they do not look at all of their arguments.
pub fn call(name: &str, arguments: &[Value]) -> Result<Value, Refused> {
    match (name, arguments) {
        ("not", [value]) => Ok(Value::Bool(!value.truth())),
        ("eq", [first, others @ ..]) if !others.is_empty() => Ok(Value::Bool(compare::is_any(first, others)?)),
        ("ne", [one, other]) => Ok(Value::Bool(!compare::equal(one, other)?)),
        ("lt", [one, other]) => Ok(Value::Bool(compare::less(one, other)?)),
        ("le", [one, other]) => Ok(Value::Bool(compare::less(one, other)? || compare::equal(one, other)?)),
        ("gt", [one, other]) => Ok(Value::Bool(!(compare::less(one, other)? || compare::equal(one, other)?))),
        ("ge", [one, other]) => Ok(Value::Bool(!compare::less(one, other)?)),
        ("len", [value]) => length(value),
        ("index", [value, indexes @ ..]) => indexes.iter().try_fold(indexable(value)?, |v, i| index(&v, i)),
        ("slice", [value, bounds @ ..]) if bounds.len() <= 3 => slice(value, bounds),
        ("print", values) => Ok(Value::text(format::print(values))),
        ("println", values) => Ok(Value::text(format::println(values))),
        ("printf", [pattern, values @ ..]) => Ok(Value::text(format::printf(&words(pattern)?, values))),
        ("html", values) => Ok(Value::text(text::html(&joined(values)))),
        ("js", values) => Ok(Value::text(text::script(&joined(values)))),
        ("urlquery", values) => Ok(Value::text(text::query(&joined(values)))),
        ("call", [Value::Separator(function)]) => Ok(separated(function)),
        ("call", [other, ..]) => Err(format!("a {} is no function", other.kind())),
        _ => added(name, arguments),
    }
}

/// What StackQL adds, and the few of the usual additions that need no more than a line.
fn added(name: &str, arguments: &[Value]) -> Result<Value, Refused> {
    match (name, arguments) {
        ("toJson", [value]) => Ok(Value::text(text::json(value)?)),
        ("kindOf", [value]) => Ok(Value::text(value.kind())),
        ("plus1", [Value::Int(n)]) => Ok(Value::Int(n.saturating_add(1))),
        ("separator", [text]) => Ok(Value::Separator(Rc::new((Cell::new(false), words(text)?)))),
        ("jsonMapFromString", [text]) => map_of(&words(text)?),
        ("safeIndex", [Value::Map(entries), key]) => Ok(entries.get(&words(key)?).cloned().unwrap_or(Value::Nil)),
        ("safeIndex", [nothing, _]) if nothing.is_nil() => Ok(Value::Nil),
        ("toBool", [Value::Text(text)]) => Ok(Value::Bool(&**text == "true")),
        ("toBool", [value]) => Ok(Value::Bool(matches!(value, Value::Bool(true)))),
        ("toInt", [value]) => Ok(Value::Int(whole(value))),
        ("default", [fallback, value]) => Ok(if value.truth() { value.clone() } else { fallback.clone() }),
        ("getXPath", [text, path]) => {
            let (root, path) = (xml::parse(&words(text)?)?, xml::Path::parse(&words(path)?)?);
            let found = path.find(&root);
            found.first().map(|f| Value::text(f.text())).ok_or_else(|| "nothing stands there".to_owned())
        }
        ("getXPathAllOuter", [text, path]) => {
            let (root, path) = (xml::parse(&words(text)?)?, xml::Path::parse(&words(path)?)?);
            Ok(Value::List(path.find(&root).iter().map(|f| Value::text(f.outer())).collect()))
        }
        ("getRegexpFirstMatch", [text, pattern]) => {
            let groups = groups(&words(text)?, &words(pattern)?)?;
            groups.first().cloned().ok_or_else(|| "the pattern has no group".to_owned())
        }
        ("getRegexpAllMatches", [text, pattern]) => Ok(Value::List(groups(&words(text)?, &words(pattern)?)?.into())),
        ("quote", [Value::Text(text)]) => Ok(Value::text(text::quoted(text))),
        ("lower", [text]) => Ok(Value::text(words(text)?.to_lowercase())),
        ("upper", [text]) => Ok(Value::text(words(text)?.to_uppercase())),
        ("join", [by, Value::List(items)]) => {
            let texts: Vec<String> = items.iter().map(|item| format::print(std::slice::from_ref(item))).collect();
            Ok(Value::text(texts.join(&words(by)?)))
        }
        _ if arguments.is_empty() => Err("it needs a value".to_owned()),
        _ => {
            let kinds = arguments.iter().map(Value::kind).collect::<Vec<_>>().join(", ");
            Err(format!("it does not take these arguments: {kinds}"))
        }
    }
}

/// A text, where a function takes nothing else.
fn words(value: &Value) -> Result<Rc<str>, Refused> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        other => Err(format!("a text is needed, and this is {}", other.type_name())),
    }
}

fn joined(values: &[Value]) -> String {
    match values {
        [Value::Text(text)] => text.to_string(),
        values => {
            let shown = values.iter().map(|v| if v.is_nil() { Value::text("<no value>") } else { v.clone() });
            format::print(&shown.collect::<Vec<_>>())
        }
    }
}

fn separated(function: &(Cell<bool>, Rc<str>)) -> Value {
    match function.0.replace(true) {
        true => Value::Text(function.1.clone()),
        false => Value::text(""),
    }
}

fn map_of(text: &str) -> Result<Value, Refused> {
    match serde_json::from_str(text) {
        Ok(json @ serde_json::Value::Object(_)) => Ok(Value::from(&json)),
        Ok(serde_json::Value::Null) => Ok(Value::Map(Rc::default())),
        Ok(_) => Err("the text is JSON, and no object".to_owned()),
        Err(error) => Err(format!("the text is no JSON (line {}, column {})", error.line(), error.column())),
    }
}

/// The groups of the first match. A pattern takes time in proportion to the text, whatever it is.
fn groups(text: &str, pattern: &str) -> Result<Vec<Value>, Refused> {
    let pattern = regex::Regex::new(pattern).map_err(|_| "the pattern cannot be read".to_owned())?;
    let found = pattern.captures(text).ok_or_else(|| "the pattern matches nothing".to_owned())?;
    let groups = found.iter().skip(1).map(|group| Value::text(group.map_or("", |g| g.as_str())));
    Ok(groups.collect())
}

fn whole(value: &Value) -> i64 {
    match value {
        Value::Text(text) => {
            let text = text.trim_start();
            let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
            let end = text.len() - digits.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            text[..end].parse().unwrap_or_default()
        }
        Value::Long(n) => i64::try_from(*n).unwrap_or_default(),
        #[expect(clippy::cast_possible_truncation, reason = "it is cut as Go cuts it")]
        Value::Float(f) => *f as i64,
        _ => 0,
    }
}

fn length(value: &Value) -> Result<Value, Refused> {
    let length = match value {
        Value::Text(text) => text.len(),
        Value::List(items) => items.len(),
        Value::Map(entries) => entries.len(),
        other => return Err(format!("a {} has no length", other.kind())),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn indexable(value: &Value) -> Result<Value, Refused> {
    if value.is_nil() { Err("nothing is there to look into".to_owned()) } else { Ok(value.clone()) }
}

fn index(value: &Value, at: &Value) -> Result<Value, Refused> {
    match (indexable(value)?, at) {
        (Value::Map(entries), Value::Text(key)) => Ok(entries.get(key).cloned().unwrap_or(Value::Nil)),
        (Value::List(items), Value::Int(n)) => {
            let found = usize::try_from(*n).ok().and_then(|n| items.get(n).cloned());
            found.ok_or_else(|| format!("{n} is out of range: there are {}", items.len()))
        }
        (Value::Text(text), Value::Int(n)) => {
            let found = usize::try_from(*n).ok().and_then(|n| text.as_bytes().get(n).copied());
            found.map(|b| Value::Int(i64::from(b))).ok_or_else(|| format!("{n} is out of range"))
        }
        (value, at) => Err(format!("a {} cannot be looked into with a {}", value.kind(), at.kind())),
    }
}

fn slice(value: &Value, bounds: &[Value]) -> Result<Value, Refused> {
    let Value::Int(length) = length(value)? else { return Err("it has no length".to_owned()) };
    let mut limits = [0, length, length];
    for (limit, bound) in limits.iter_mut().zip(bounds) {
        match bound {
            Value::Int(n) if (0..=length).contains(n) => *limit = *n,
            Value::Int(n) => return Err(format!("{n} is out of range")),
            other => return Err(format!("a {} is no bound", other.kind())),
        }
    }
    let [from, to, most] = limits.map(|n| usize::try_from(n).unwrap_or_default());
    if from > to || to > most {
        return Err(format!("the bounds {from} and {to} are out of order"));
    }
    match value {
        Value::Text(text) if bounds.len() < 3 => {
            text.get(from..to).map(Value::text).ok_or_else(|| "the bounds are within a character".to_owned())
        }
        Value::List(items) => Ok(Value::List(items[from..to].into())),
        other => Err(format!("a {} cannot be cut so", other.kind())),
    }
}
