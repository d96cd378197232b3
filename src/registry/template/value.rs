//! Values while a template runs: JSON's, and the few that only templates have. Owns Go's notions of kind, truth and nil.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A value. Copies are cheap: what is large is shared.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing: the key of a map that has no such key.
    Missing,
    /// JSON's null.
    Nil,
    Bool(bool),
    /// Of the template's own making: a literal, an index, a length.
    Int(i64),
    /// A number of the input.
    Float(f64),
    /// A whole number of the input that a double cannot hold. Go would round it.
    Long(i128),
    Text(Rc<str>),
    List(Rc<[Value]>),
    /// In the order of keys, which is the order of `range`.
    Map(Rc<BTreeMap<Rc<str>, Value>>),
    /// The function that `separator` gives: nothing at first, then its text.
    Separator(Rc<(Cell<bool>, Rc<str>)>),
}

impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Value {
        match json {
            serde_json::Value::Null => Value::Nil,
            serde_json::Value::Bool(b) => Value::Bool(*b),
            serde_json::Value::Number(number) => number_of(number),
            serde_json::Value::String(text) => Value::text(text),
            serde_json::Value::Array(items) => Value::List(items.iter().map(Value::from).collect()),
            serde_json::Value::Object(entries) => {
                Value::Map(Rc::new(entries.iter().map(|(key, item)| (Rc::from(key.as_str()), item.into())).collect()))
            }
        }
    }
}

/// Whole numbers up to here are the same as a double.
const EXACT: u64 = 1 << 53;

fn number_of(number: &serde_json::Number) -> Value {
    let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match whole {
        Some(whole) if whole.unsigned_abs() > u128::from(EXACT) => Value::Long(whole),
        _ => Value::Float(number.as_f64().unwrap_or_default()),
    }
}

impl Value {
    pub fn text(text: impl AsRef<str>) -> Value {
        Value::Text(Rc::from(text.as_ref()))
    }

    /// Whether `if` takes it for true.
    pub fn truth(&self) -> bool {
        match self {
            Value::Missing | Value::Nil => false,
            Value::Bool(b) => *b,
            Value::Int(n) => *n != 0,
            Value::Float(f) => *f != 0.0,
            Value::Long(_) | Value::Separator(_) => true,
            Value::Text(text) => !text.is_empty(),
            Value::List(items) => !items.is_empty(),
            Value::Map(entries) => !entries.is_empty(),
        }
    }

    /// Whether it is nothing or null.
    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Missing | Value::Nil)
    }

    /// A number of the input, as a double.
    pub fn float(&self) -> Option<f64> {
        match self {
            Value::Float(f) => Some(*f),
            #[expect(clippy::cast_precision_loss, reason = "it is rounded as Go rounds it")]
            Value::Long(n) => Some(*n as f64),
            _ => None,
        }
    }

    /// Go's word for its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Missing | Value::Nil => "invalid",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) | Value::Long(_) => "float64",
            Value::Text(_) => "string",
            Value::List(_) => "slice",
            Value::Map(_) => "map",
            Value::Separator(_) => "func",
        }
    }

    /// Go's name of its type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Missing | Value::Nil => "<nil>",
            Value::List(_) => "[]interface {}",
            Value::Map(_) => "map[string]interface {}",
            Value::Separator(_) => "func() string",
            _ => self.kind(),
        }
    }
}
