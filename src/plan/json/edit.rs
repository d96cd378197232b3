//! Changes to JSON text: set, insert, replace, remove. Only the text around the change is looked at; the rest stays as
//! it was. Knows no Arrow and no DataFusion.

use super::document::{compact, entries, is_nested, quoted};
use super::path::{Path, Step, Target};

/// What may happen at the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// Write there, whatever is there.
    Set,
    /// Write there if nothing is there.
    Insert,
    /// Write there if something is there.
    Replace,
}

/// Writes the JSON `value` at `path` of `json`, both valid. Objects and arrays on the way are made where they are
/// missing; where the path goes through a scalar or beyond the end of an array, nothing happens (as in `SQLite`).
pub fn write(json: &str, path: &Path, value: &str, change: Change) -> String {
    match path.find(json) {
        Target::Found { value: place, .. } if change != Change::Insert => {
            format!("{}{value}{}", &json[..place.start], &json[place.end..])
        }
        Target::Missing { last, step } if change != Change::Replace => {
            let Some((first, others)) = path.0.get(step..).and_then(|left| left.split_first()) else {
                return json.to_owned();
            };
            let count = entries(json, last.clone()).count();
            let fits = is_nested(&json[last.clone()]) && grows(first, json.as_bytes()[last.start], count);
            match built(others, value).filter(|_| fits) {
                Some(built) => {
                    let comma = if count == 0 { "" } else { "," };
                    let end = last.end - 1;
                    let key = if let Step::Key(name) = first { quoted(name) + ":" } else { String::new() };
                    format!("{}{comma}{key}{built}{}", &json[..end], &json[end..])
                }
                None => json.to_owned(),
            }
        }
        _ => json.to_owned(),
    }
}

/// Whether a missing step can be added behind `count` entries of a container that begins with `opening`.
fn grows(step: &Step, opening: u8, count: usize) -> bool {
    match step {
        Step::Key(_) => opening == b'{',
        Step::Index(index) => opening == b'[' && *index == count,
        Step::FromEnd(back) => opening == b'[' && *back == 0,
    }
}

/// `value` in new containers for `steps`; None where a step cannot be the first of its container.
fn built(steps: &[Step], value: &str) -> Option<String> {
    let (mut before, mut after) = (String::new(), String::new());
    for step in steps {
        match step {
            Step::Key(name) => {
                before += "{";
                before += &quoted(name);
                before += ":";
                after += "}";
            }
            Step::Index(0) | Step::FromEnd(0) => {
                before += "[";
                after += "]";
            }
            Step::Index(_) | Step::FromEnd(_) => return None,
        }
    }
    let after: String = after.chars().rev().collect();
    Some(before + value + &after)
}

/// Takes away what `path` leads to; None when that is the whole document.
pub fn remove(json: &str, path: &Path) -> Option<String> {
    let Target::Found { value, within } = path.find(json) else { return Some(json.to_owned()) };
    let all: Vec<_> = entries(json, within?).collect();
    let at = all.iter().position(|e| e.value == value)?;
    let entry = &all[at];
    // With the comma behind it, or, for the last, the one before it.
    let (start, end) = match (all.get(at + 1), at.checked_sub(1).and_then(|before| all.get(before))) {
        (Some(next), _) => (entry.start(), next.start()),
        (None, Some(before)) => (before.value.end, entry.value.end),
        (None, None) => (entry.start(), entry.value.end),
    };
    Some(format!("{}{}", &json[..start], &json[end..]))
}

/// `[a,b]` of JSON values.
pub fn array(values: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", values.into_iter().collect::<Vec<_>>().join(","))
}

/// `{"k":a}` of keys as text and JSON values.
pub fn object(members: impl IntoIterator<Item = (String, String)>) -> String {
    let members = members.into_iter().map(|(key, value)| format!("{}:{value}", quoted(&key)));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// JSON without blanks, ready to be changed.
pub fn prepared(json: &str) -> String {
    compact(json).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Path {
        Path::parse(text).unwrap()
    }

    #[test]
    fn set_writes_over_adds_and_makes_the_way() {
        for (json, at, result) in [
            (r#"{"a":1}"#, "$.a", r#"{"a":9}"#),
            (r#"{"a":1}"#, "$.b", r#"{"a":1,"b":9}"#),
            ("{}", "$.a.b[0].c", r#"{"a":{"b":[{"c":9}]}}"#),
            ("[1,2]", "$[1]", "[1,9]"),
            ("[1,2]", "$[2]", "[1,2,9]"),
            ("[1,2]", "$[#]", "[1,2,9]"),
            ("[1,2]", "$[#-1]", "[1,9]"),
            ("[1,2]", "$[5]", "[1,2]"),
            ("[]", "$[#]", "[9]"),
            (r#"{"a":1}"#, "$.a.b", r#"{"a":1}"#),
            (r#"{"a":1}"#, "$[0]", r#"{"a":1}"#),
            (r#"{"a":[]}"#, "$.a.b", r#"{"a":[]}"#),
            ("1", "$", "9"),
            (r#"{"a":1,"a":2}"#, "$.a", r#"{"a":9,"a":2}"#),
            (r#"{"n":12345678901234567890123}"#, r#"$."x \"y\"""#, r#"{"n":12345678901234567890123,"x \"y\"":9}"#),
        ] {
            assert_eq!(write(json, &path(at), "9", Change::Set), result, "{json} {at}");
        }
    }

    #[test]
    fn insert_and_replace_do_half_of_set() {
        let json = r#"{"a":1}"#;
        assert_eq!(write(json, &path("$.a"), "9", Change::Insert), json);
        assert_eq!(write(json, &path("$.b"), "9", Change::Insert), r#"{"a":1,"b":9}"#);
        assert_eq!(write(json, &path("$.a"), "9", Change::Replace), r#"{"a":9}"#);
        assert_eq!(write(json, &path("$.b"), "9", Change::Replace), json);
    }

    #[test]
    fn remove_takes_the_comma_along() {
        for (json, at, result) in [
            (r#"{"a":1,"b":2,"c":3}"#, "$.a", Some(r#"{"b":2,"c":3}"#)),
            (r#"{"a":1,"b":2,"c":3}"#, "$.b", Some(r#"{"a":1,"c":3}"#)),
            (r#"{"a":1,"b":2,"c":3}"#, "$.c", Some(r#"{"a":1,"b":2}"#)),
            (r#"{"a":1}"#, "$.a", Some("{}")),
            ("[1,[2,3]]", "$[1][#-1]", Some("[1,[2]]")),
            ("[1]", "$[7]", Some("[1]")),
            ("[1]", "$", None),
        ] {
            assert_eq!(remove(json, &path(at)).as_deref(), result, "{json} {at}");
        }
    }
}
