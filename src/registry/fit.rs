//! Whether a value fits a shape, and what it becomes on the way: text to numbers, JSON text to objects.
//! A pure function of value and shape; every request's values pass through it before anything is sent.

use serde_json::Value;

use super::model::{Field, Kind, Shape};
use crate::error::{Error, Result};

/// A value as it will be sent, and what to warn of.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// As it goes into the request.
    pub value: Value,
    /// One sentence each.
    pub warnings: Vec<String>,
}

/// Fits `value` to `shape`. `name` is the column's name, for messages.
///
/// # Errors
/// Naming column, rule and value (the value of a secret is not shown).
pub fn fit(name: &str, value: Value, shape: &Shape) -> Result<Fitted> {
    let mut warnings = Vec::new();
    let value = fit_value(name, value, shape, &mut warnings)?;
    Ok(Fitted { value, warnings })
}

fn fit_value(name: &str, value: Value, shape: &Shape, warnings: &mut Vec<String>) -> Result<Value> {
    if value.is_null() {
        if shape.nullable {
            return Ok(value);
        }
        return Err(Error::statement(format!("{name} cannot be NULL"))
            .hint(format!("leave {name} out of the statement to keep the API's own default")));
    }
    let shown = show(&value, shape);
    let wrong = |what: &str| Error::statement(format!("{name} = {shown} is not {what}"));
    let value = match shape.kind {
        Kind::String => text(value),
        Kind::Integer => integer(&value).ok_or_else(|| wrong("an integer"))?,
        Kind::Number => number(&value).ok_or_else(|| wrong("a number"))?,
        Kind::Boolean => boolean(&value).ok_or_else(|| wrong("a boolean: true or false"))?,
        Kind::Timestamp => {
            timestamp(value).ok_or_else(|| wrong("a timestamp").hint("write it as '2026-01-31T12:00:00Z'"))?
        }
        Kind::Object => json(value).filter(Value::is_object).ok_or_else(|| wrong("a JSON object"))?,
        Kind::Array => json(value).filter(Value::is_array).ok_or_else(|| wrong("a JSON array"))?,
        // Text that looks like an object or array is one; other text is text.
        Kind::Any => match json(value.clone()) {
            Some(parsed @ (Value::Object(_) | Value::Array(_))) => parsed,
            _ => value,
        },
    };
    let value = as_listed(shape, &value).unwrap_or(value);
    check_rules(name, &value, shape, warnings)?;
    fit_inside(name, value, shape, warnings)
}

/// Whether `value` is one of the shape's listed values, or the shape lists none. Numbers are compared as numbers: 0.0 is
/// the 0 of a list.
#[must_use]
pub fn is_listed(shape: &Shape, value: &Value) -> bool {
    shape.values.is_empty() || as_listed(shape, value).is_some()
}

/// `value` as the shape's list has it.
fn as_listed(shape: &Shape, value: &Value) -> Option<Value> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if shape.values.contains(&text) {
        return Some(value.clone());
    }
    let number = value.as_f64()?;
    let mut parsed = shape.values.iter().filter_map(|word| serde_json::from_str::<Value>(word).ok());
    parsed.find(|listed| listed.as_f64() == Some(number))
}

/// The value as messages show it: as it was typed, cut short, and never a secret.
fn show(value: &Value, shape: &Shape) -> String {
    if shape.secret {
        return crate::secret::MASK.to_owned();
    }
    let text = match value {
        Value::String(s) => format!("'{s}'"),
        other => other.to_string(),
    };
    if text.chars().count() <= 80 { text } else { text.chars().take(77).chain("...".chars()).collect() }
}

/// A number that SQL made a double of is the text that was typed: 7, and not 7.0.
fn text(value: Value) -> Value {
    match value {
        Value::String(_) => value,
        Value::Number(n) if n.is_f64() => {
            let n = n.as_f64().and_then(whole).unwrap_or(Value::Number(n));
            Value::String(n.to_string())
        }
        other => Value::String(other.to_string()),
    }
}

fn integer(value: &Value) -> Option<Value> {
    match value {
        Value::Number(n) if n.is_i64() || n.is_u64() => Some(value.clone()),
        Value::Number(n) => whole(n.as_f64()?),
        Value::String(s) => {
            let s = s.trim();
            s.parse::<i64>().map(Value::from).ok().or_else(|| s.parse::<u64>().map(Value::from).ok())
        }
        _ => None,
    }
}

/// A double without a fraction, within the range where doubles are exact.
fn whole(n: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation, reason = "the range is checked")]
    (n.fract() == 0.0 && n.abs() <= EXACT).then(|| Value::from(n as i64))
}

fn number(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(s) => match serde_json::from_str::<Value>(s.trim()) {
            Ok(parsed @ Value::Number(_)) => Some(parsed),
            _ => None,
        },
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(_) => Some(value.clone()),
        Value::String(s) if s.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
        Value::String(s) if s.eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
        _ => None,
    }
}

/// RFC 3339, as documents say `date-time`; a blank between date and time and a missing zone are mended.
fn timestamp(value: Value) -> Option<Value> {
    let Value::String(text) = value else { return None };
    let mended = text.trim().replacen(' ', "T", 1);
    let mended = match mended.split_once('T') {
        None => format!("{mended}T00:00:00Z"),
        Some((_, time)) if time.ends_with(['Z', 'z']) || time.contains(['+', '-']) => mended,
        Some(_) => format!("{mended}Z"),
    };
    is_rfc3339(&mended).then_some(Value::String(mended))
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction](Z|+HH:MM)` with fields in range; the calendar is the API's to judge.
fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize, least: u32, most: u32| {
        bytes.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit))
            && text[from..to].parse::<u32>().is_ok_and(|n| (least..=most).contains(&n))
    };
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if !text.is_ascii() || !marks.iter().all(|(at, mark)| bytes.get(*at) == Some(mark)) {
        return false;
    }
    let fields = digits(0, 4, 0, 9999)
        && digits(5, 7, 1, 12)
        && digits(8, 10, 1, 31)
        && digits(11, 13, 0, 23)
        && digits(14, 16, 0, 59)
        && digits(17, 19, 0, 60);
    let zone = match text[19..].strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            if zone.len() == fraction.len() {
                return false;
            }
            zone
        }
        None => &text[19..],
    };
    let at = text.len() - zone.len();
    fields
        && (matches!(zone, "Z" | "z")
            || (zone.len() == 6 && digits(at + 1, at + 3, 0, 23) && digits(at + 4, at + 6, 0, 59)))
}

/// JSON text as the value it says; a value that is no text stays.
fn json(value: Value) -> Option<Value> {
    match value {
        Value::String(text) => serde_json::from_str(&text).ok(),
        other => Some(other),
    }
}

fn check_rules(name: &str, value: &Value, shape: &Shape, warnings: &mut Vec<String>) -> Result<()> {
    let shown = show(value, shape);
    let refuse = |rule: String| Err(Error::statement(format!("{name} = {shown}: {rule}")));
    if !shape.kind.is_json() && !is_listed(shape, value) {
        let list = shape.values.join(", ");
        if !shape.open {
            return refuse(format!("must be one of {list}"));
        }
        warnings.push(format!("{name} = {shown} is none of the documented values {list}"));
    }
    if let Some(n) = value.as_f64() {
        match (shape.minimum, shape.maximum) {
            (Some(least), Some(most)) if !(least..=most).contains(&n) => {
                return refuse(format!("must be between {least} and {most}"));
            }
            (Some(least), _) if n < least => return refuse(format!("must be at least {least}")),
            (_, Some(most)) if n > most => return refuse(format!("must be at most {most}")),
            _ => {}
        }
    }
    if let Some(text) = value.as_str() {
        let length = text.chars().count() as u64;
        // What is too long is not shown: it is often something else, pasted into the wrong place, and may be a key.
        if let Some(most) = shape.max_length.filter(|most| length > *most) {
            return Err(Error::statement(format!(
                "{name}: at most {most} characters are allowed, and it has {length}"
            )));
        }
        if shape.min_length.is_some_and(|least| length < least) {
            return refuse(format!(
                "at least {} characters are needed, it has {length}",
                shape.min_length.unwrap_or(0)
            ));
        }
    }
    Ok(())
}

/// What the document says of an object's or array's inside. Fields it does not name are passed on as they are, with
/// a warning.
fn fit_inside(name: &str, value: Value, shape: &Shape, warnings: &mut Vec<String>) -> Result<Value> {
    match value {
        Value::Object(map) if !shape.fields.is_empty() => {
            let mut fitted = serde_json::Map::with_capacity(map.len());
            for (key, inner) in map {
                let inner = match shape.fields.iter().find(|f| f.wire == key) {
                    Some(Field { shape, .. }) => fit_value(&format!("{name}.{key}"), inner, shape, warnings)?,
                    None => {
                        warnings.push(format!("{name}.{key} is not documented; it is sent as it is"));
                        inner
                    }
                };
                fitted.insert(key, inner);
            }
            if let Some(lacking) = shape.fields.iter().find(|f| f.required && !fitted.contains_key(&f.wire)) {
                return Err(Error::statement(format!("{name} lacks `{}`, which is required", lacking.wire)));
            }
            Ok(Value::Object(fitted))
        }
        Value::Array(items) => match &shape.items {
            Some(item) => {
                let fitted = items
                    .into_iter()
                    .enumerate()
                    .map(|(i, inner)| fit_value(&format!("{name}[{i}]"), inner, item, warnings));
                fitted.collect::<Result<Vec<_>>>().map(Value::Array)
            }
            None => Ok(Value::Array(items)),
        },
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(kind: Kind) -> Shape {
        Shape { kind, ..Shape::default() }
    }

    fn fitted(value: Value, shape: &Shape) -> Result<Value> {
        fit("c", value, shape).map(|f| f.value)
    }

    #[test]
    fn values_take_the_documented_type() {
        for (kind, given, sent) in [
            (Kind::String, json!("x"), json!("x")),
            (Kind::String, json!(5), json!("5")),
            (Kind::String, json!(""), json!("")),
            (Kind::Integer, json!("45"), json!(45)),
            (Kind::Integer, json!(45.0), json!(45)),
            (Kind::Integer, json!(0), json!(0)),
            (Kind::Number, json!("1.50"), json!(1.5)),
            (Kind::Boolean, json!("false"), json!(false)),
            (Kind::Object, json!("{\"a\": 1}"), json!({"a": 1})),
            (Kind::Array, json!("[1]"), json!([1])),
            (Kind::Any, json!("{\"a\": 1}"), json!({"a": 1})),
            (Kind::Any, json!("plain"), json!("plain")),
            (Kind::Any, json!("5"), json!("5")),
            (Kind::Timestamp, json!("2026-01-31 12:00:00.5"), json!("2026-01-31T12:00:00.5Z")),
            (Kind::Timestamp, json!("2026-01-31"), json!("2026-01-31T00:00:00Z")),
            (Kind::Timestamp, json!("2026-01-31T12:00:00+02:00"), json!("2026-01-31T12:00:00+02:00")),
        ] {
            assert_eq!(fitted(given.clone(), &of(kind)).unwrap(), sent, "{kind:?} {given}");
        }
    }

    #[test]
    fn values_of_another_type_are_refused_by_name_rule_and_value() {
        for (kind, given, words) in [
            (Kind::Integer, json!("4x"), "c = '4x' is not an integer"),
            (Kind::Integer, json!(1.5), "c = 1.5 is not an integer"),
            (Kind::Integer, json!(true), "c = true is not an integer"),
            (Kind::Boolean, json!(1), "c = 1 is not a boolean"),
            (Kind::Object, json!("[1]"), "c = '[1]' is not a JSON object"),
            (Kind::Timestamp, json!("soon"), "c = 'soon' is not a timestamp"),
            (Kind::Timestamp, json!("2026-13-01T00:00:00Z"), "is not a timestamp"),
            (Kind::Number, json!("NaN"), "is not a number"),
            (Kind::String, Value::Null, "c cannot be NULL"),
        ] {
            let error = fitted(given, &of(kind)).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn ranges_enums_and_lengths_hold() {
        let days = Shape { minimum: Some(30.0), maximum: Some(1096.0), ..of(Kind::Integer) };
        assert_eq!(fitted(json!(7), &days).unwrap_err().to_string(), "c = 7: must be between 30 and 1096");
        let mode = Shape { values: vec!["off".to_owned(), "automatic".to_owned()], ..Shape::default() };
        assert!(fitted(json!("on"), &mode).unwrap_err().to_string().contains("must be one of off, automatic"));
        let open = Shape { open: true, ..mode };
        assert_eq!(fit("c", json!("on"), &open).unwrap().warnings.len(), 1);
        let short = Shape { max_length: Some(3), ..Shape::default() };
        assert!(fitted(json!("äöü"), &short).is_ok());
        assert!(fitted(json!("four"), &short).is_err());
    }

    #[test]
    fn a_number_for_a_text_is_what_was_typed() {
        for (given, text) in [(json!(7.0), "7"), (json!(7), "7"), (json!(7.5), "7.5"), (json!(true), "true")] {
            assert_eq!(fitted(given, &of(Kind::String)).unwrap(), json!(text));
        }
    }

    #[test]
    fn listed_numbers_are_compared_as_numbers() {
        let listed = |kind: Kind, values: &[&str]| Shape {
            values: values.iter().map(|v| (*v).to_owned()).collect(),
            ..of(kind)
        };
        let votes = listed(Kind::Number, &["0", "1", "-1", "2.50"]);
        assert_eq!(fitted(json!(0.0), &votes).unwrap(), json!(0));
        assert_eq!(fitted(json!("-1.0"), &votes).unwrap(), json!(-1));
        assert_eq!(fitted(json!(2.5), &votes).unwrap(), json!(2.5));
        assert!(fitted(json!(2), &votes).unwrap_err().to_string().contains("must be one of 0, 1, -1, 2.50"));
        assert_eq!(fitted(json!("true"), &listed(Kind::Boolean, &["true"])).unwrap(), json!(true));
        // Text that looks like a number is text.
        assert!(fitted(json!("1.0"), &listed(Kind::String, &["1"])).is_err());
    }

    #[test]
    fn the_inside_of_an_object_is_checked_too() {
        let field = |wire: &str, shape: Shape| Field {
            wire: wire.to_owned(),
            name: wire.to_owned(),
            required: false,
            shape,
            description: String::new(),
        };
        let mode = Shape { values: vec!["off".to_owned()], ..Shape::default() };
        let recording =
            Shape { fields: vec![field("mode", mode), field("timeoutSeconds", of(Kind::Integer))], ..of(Kind::Object) };
        let error = fitted(json!({"mode": "sideways"}), &recording).unwrap_err().to_string();
        assert!(error.contains("c.mode = 'sideways'"), "{error}");
        let fine = fit("c", json!("{\"timeoutSeconds\": \"5\", \"new\": 1}"), &recording).unwrap();
        assert_eq!(fine.value, json!({"timeoutSeconds": 5, "new": 1}));
        assert_eq!(fine.warnings.len(), 1);
    }

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Shape { secret: true, max_length: Some(3), ..Shape::default() };
        assert!(!fitted(json!("hunter2"), &secret).unwrap_err().to_string().contains("hunter2"));
    }
}
