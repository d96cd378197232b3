//! How values are written into a URL: percent-encoding, and OpenAPI's styles for lists and objects. Pure.
//! Must not know where a request goes.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::registry::{Manner, Style};

/// All but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What `allowReserved` leaves encoded: besides what is no reserved character, those that would end the value.
const UNSAFE: &AsciiSet = &RESERVED
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';');

/// A single value as text. A whole number is written as one: the doubles of SQL say `7.0`, and addresses mean 7.
pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Number(number) if number.is_f64() => {
            let text = number.to_string();
            text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
        }
        other => other.to_string(),
    }
}

/// Percent-encoded but for unreserved characters.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The parts of a value that are written one behind the other: items, keys and values, or the value itself.
pub(super) fn parts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().map(scalar).collect(),
        Value::Object(map) => map.iter().flat_map(|(key, value)| [key.clone(), scalar(value)]).collect(),
        other => vec![scalar(other)],
    }
}

/// The pairs of a query that `value` becomes, names as they are and values encoded.
pub(super) fn pairs(wire: &str, manner: Manner, value: &Value) -> Vec<(String, String)> {
    let encoded =
        |text: &str| if manner.reserved { utf8_percent_encode(text, UNSAFE).to_string() } else { encode(text) };
    let one = |text: String| vec![(wire.to_owned(), text)];
    let joined = |mark: &str| one(parts(value).iter().map(|part| encoded(part)).collect::<Vec<_>>().join(mark));
    match (manner.style, value) {
        (Style::Json, value) => one(encoded(&value.to_string())),
        (Style::Deep, Value::Object(_)) => flattened(wire, value, &|name, key| format!("{name}[{key}]"), &encoded),
        (Style::Dotted, Value::Object(_) | Value::Array(_)) => {
            flattened(wire, value, &|name, key| format!("{name}.{key}"), &encoded)
        }
        (Style::Members, Value::Object(_) | Value::Array(_)) => {
            // An item's key is its number, a field's a word.
            let join = |name: &str, key: &str| match key.parse::<usize>() {
                Ok(number) => format!("{name}.member.{number}"),
                Err(_) => format!("{name}.{key}"),
            };
            flattened(wire, value, &join, &encoded)
        }
        (_, Value::Array(items)) if manner.explode => {
            items.iter().map(|item| (wire.to_owned(), encoded(&scalar(item)))).collect()
        }
        (Style::Plain, Value::Object(map)) if manner.explode => {
            map.iter().map(|(key, value)| (key.clone(), encoded(&scalar(value)))).collect()
        }
        (Style::Space, Value::Array(_) | Value::Object(_)) => joined("%20"),
        (Style::Pipe, Value::Array(_) | Value::Object(_)) => joined("%7C"),
        (_, Value::Array(_) | Value::Object(_)) => joined(","),
        (_, single) => one(encoded(&scalar(single))),
    }
}

/// The pairs of a form that `value` becomes: lists repeat their name, the fields of objects are named `a[b]`.
pub(super) fn form_pairs(name: &str, value: &Value) -> Vec<(String, String)> {
    flattened(name, value, &|name, key| format!("{name}[{key}]"), &encode)
}

/// Every scalar within `value`, its name made of the keys that lead to it. The items of a list are counted from 1 where
/// names have dots, and repeat the name where they have brackets.
fn flattened(
    name: &str,
    value: &Value,
    join: &dyn Fn(&str, &str) -> String,
    encoded: &dyn Fn(&str) -> String,
) -> Vec<(String, String)> {
    let dots = join("", "") == ".";
    match value {
        Value::Object(map) => {
            map.iter().flat_map(|(key, inner)| flattened(&join(name, key), inner, join, encoded)).collect()
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(i, inner)| {
                let name = if dots { join(name, &(i + 1).to_string()) } else { name.to_owned() };
                flattened(&name, inner, join, encoded)
            })
            .collect(),
        Value::Null => Vec::new(),
        single => vec![(name.to_owned(), encoded(&scalar(single)))],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_number_is_written_without_a_fraction() {
        let texts = [json!(7.0), json!(7), json!(-0.5), json!(1e300), json!(u64::MAX)].map(|n| scalar(&n));
        assert_eq!(texts, ["7", "7", "-0.5", "1e+300", "18446744073709551615"]);
    }

    fn query(style: Style, explode: bool, value: &Value) -> String {
        pairs("x", Manner { style, explode, reserved: false }, value)
            .iter()
            .map(|(n, v)| format!("{n}={v}"))
            .collect::<Vec<_>>()
            .join("&")
    }

    #[test]
    fn lists_and_objects_are_written_as_openapi_has_it() {
        let list = json!(["blue", "b l"]);
        let object = json!({"R": 100, "G": "a&b"});
        for (style, explode, value, written) in [
            (Style::Plain, true, &list, "x=blue&x=b%20l"),
            (Style::Plain, false, &list, "x=blue,b%20l"),
            (Style::Plain, true, &object, "R=100&G=a%26b"),
            (Style::Plain, false, &object, "x=R,100,G,a%26b"),
            (Style::Space, false, &list, "x=blue%20b%20l"),
            (Style::Pipe, false, &list, "x=blue%7Cb%20l"),
            (Style::Pipe, false, &object, "x=R%7C100%7CG%7Ca%26b"),
            (Style::Deep, true, &object, "x[R]=100&x[G]=a%26b"),
            (Style::Deep, true, &json!({"a": {"b": [1, 2]}, "n": null}), "x[a][b]=1&x[a][b]=2"),
            (Style::Json, false, &json!({"a": [1]}), "x=%7B%22a%22%3A%5B1%5D%7D"),
            (
                Style::Dotted,
                true,
                &json!([{"Name": "n", "Value": ["v", "w"]}]),
                "x.1.Name=n&x.1.Value.1=v&x.1.Value.2=w",
            ),
            (
                Style::Members,
                true,
                &json!([{"Name": "n", "Value": ["v", "w"]}]),
                "x.member.1.Name=n&x.member.1.Value.member.1=v&x.member.1.Value.member.2=w",
            ),
            (Style::Dotted, true, &json!("plain"), "x=plain"),
            (Style::Deep, true, &json!(false), "x=false"),
        ] {
            assert_eq!(query(style, explode, value), written, "{style:?} {explode} {value}");
        }
    }

    #[test]
    fn reserved_characters_stand_as_they_are_but_for_those_that_end_the_value() {
        let sent = pairs("x", Manner { reserved: true, ..Manner::default() }, &json!("a/b:c?d&e=f#g+h i%[j]"));
        assert_eq!(sent, [("x".to_owned(), "a/b:c?d%26e%3Df%23g%2Bh%20i%25%5Bj%5D".to_owned())]);
    }
}
