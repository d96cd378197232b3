//! What `eq`, `lt` and the others compare, and what they refuse to: values of different kinds.

use super::call::Refused;
use super::value::Value;

/// Whether `first` equals any of the others.
pub fn is_any(first: &Value, others: &[Value]) -> Result<bool, Refused> {
    for other in others {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub fn equal(one: &Value, other: &Value) -> Result<bool, Refused> {
    if one.is_nil() || other.is_nil() {
        return Ok(one.is_nil() && other.is_nil());
    }
    match (one, other) {
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Int(a), Value::Int(b)) => Ok(a == b),
        (Value::Long(a), Value::Long(b)) => Ok(a == b),
        (Value::Text(a), Value::Text(b)) => Ok(a == b),
        (Value::Float(_) | Value::Long(_), Value::Float(_) | Value::Long(_)) => Ok(one.float() == other.float()),
        _ => Err(incomparable(one, other)),
    }
}

pub fn less(one: &Value, other: &Value) -> Result<bool, Refused> {
    match (one, other) {
        (Value::Int(a), Value::Int(b)) => Ok(a < b),
        (Value::Long(a), Value::Long(b)) => Ok(a < b),
        (Value::Text(a), Value::Text(b)) => Ok(a < b),
        (Value::Float(_) | Value::Long(_), Value::Float(_) | Value::Long(_)) => Ok(one.float() < other.float()),
        _ => Err(incomparable(one, other)),
    }
}

fn incomparable(one: &Value, other: &Value) -> Refused {
    let (one, other) = (one.kind(), other.kind());
    let hint = match (one, other) {
        ("float64", "int") | ("int", "float64") => " (numbers of an answer are float64: compare with `1.0`)",
        _ => "",
    };
    format!("a {one} and a {other} cannot be compared{hint}")
}
