//! `print`, `printf` and how `{{ }}` shows a value: Go's package fmt, for the values that templates have.

use super::call::Refused;
use super::value::Value;
use super::{number, text};

/// What `{{ value }}` writes.
pub fn printed(value: &Value) -> Result<String, Refused> {
    match value {
        Value::Missing | Value::Nil => Ok("<no value>".to_owned()),
        Value::Separator(_) => Err("a function cannot be printed; `call` it".to_owned()),
        value => Ok(shown(value)),
    }
}

/// `print`: a space stands between two values of which none is a text.
pub fn print(values: &[Value]) -> String {
    let mut out = String::new();
    for (i, value) in values.iter().enumerate() {
        let texts = |v: &Value| matches!(v, Value::Text(_));
        if i > 0 && !texts(value) && !texts(&values[i - 1]) {
            out.push(' ');
        }
        out.push_str(&shown(value));
    }
    out
}

/// `println`: a space between all, and the end of the line.
pub fn println(values: &[Value]) -> String {
    values.iter().map(shown).collect::<Vec<_>>().join(" ") + "\n"
}

/// `%v`
fn shown(value: &Value) -> String {
    verb(value, 'v', &Flags::default())
}

/// What stands between `%` and the verb.
#[derive(Default, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a sign of its own, and any may be there")]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `printf`. What does not fit is written as Go writes it, `%!d(string=x)`; it is no error.
pub fn printf(pattern: &str, values: &[Value]) -> String {
    let mut out = String::new();
    let mut values = values.iter();
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        let (flags, after) = flags(&rest[at + 1..], &mut values);
        let Some(letter) = after.chars().next() else {
            out.push_str("%!(NOVERB)");
            rest = "";
            break;
        };
        rest = &after[letter.len_utf8()..];
        match letter {
            '%' => out.push('%'),
            letter => match values.next() {
                Some(value) => out.push_str(&verb(value, letter, &flags)),
                None => out.extend(["%!", letter.encode_utf8(&mut [0; 4]), "(MISSING)"]),
            },
        }
    }
    out.push_str(rest);
    let extra = values.map(|v| match v.is_nil() {
        true => "<nil>".to_owned(),
        false => format!("{}={}", v.type_name(), shown(v)),
    });
    let extra: Vec<String> = extra.collect();
    if !extra.is_empty() {
        out.extend(["%!(EXTRA ", &extra.join(", "), ")"]);
    }
    out
}

/// No width is larger than this.
const WIDEST: usize = 1_000_000;

fn flags<'p>(text: &'p str, values: &mut std::slice::Iter<'_, Value>) -> (Flags, &'p str) {
    let mut flags = Flags::default();
    let mut rest = text;
    while let Some(c) = rest.chars().next().filter(|c| "-+# 0".contains(*c)) {
        match c {
            '-' => flags.minus = true,
            '+' => flags.plus = true,
            '#' => flags.sharp = true,
            ' ' => flags.space = true,
            _ => flags.zero = true,
        }
        rest = &rest[1..];
    }
    (flags.width, rest) = count(rest, values);
    if let Some(after) = rest.strip_prefix('.') {
        let precision;
        (precision, rest) = count(after, values);
        flags.precision = Some(precision.unwrap_or_default());
    }
    (flags, rest)
}

fn count<'p>(text: &'p str, values: &mut std::slice::Iter<'_, Value>) -> (Option<usize>, &'p str) {
    if let Some(after) = text.strip_prefix('*') {
        let width = values.next().and_then(|v| if let Value::Int(n) = v { usize::try_from(*n).ok() } else { None });
        return (width.filter(|n| *n <= WIDEST), after);
    }
    let after = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (text[..text.len() - after.len()].parse().ok().filter(|n| *n <= WIDEST), after)
}

fn verb(value: &Value, letter: char, flags: &Flags) -> String {
    if letter == 'T' {
        return padded(value.type_name().to_owned(), flags);
    }
    match value {
        Value::Missing | Value::Nil if letter == 'v' => padded("<nil>".to_owned(), flags),
        Value::Missing | Value::Nil => format!("%!{letter}(<nil>)"),
        Value::Bool(b) if matches!(letter, 't' | 'v') => padded(b.to_string(), flags),
        Value::Int(n) => whole(i128::from(*n), letter, flags).unwrap_or_else(|| misfit(value, letter, flags)),
        Value::Float(f) => float(*f, letter, flags).unwrap_or_else(|| misfit(value, letter, flags)),
        Value::Long(n) if matches!(letter, 'v' | 'g') => padded(n.to_string(), flags),
        Value::Long(n) if letter == 'f' => {
            padded(format!("{n}.{:0<1$}", "", flags.precision.unwrap_or(6)), flags).trim_end_matches('.').to_owned()
        }
        Value::Long(_) => {
            float(value.float().unwrap_or_default(), letter, flags).unwrap_or_else(|| misfit(value, letter, flags))
        }
        Value::Text(text) => words(text, letter, flags).unwrap_or_else(|| misfit(value, letter, flags)),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| within(item, letter, flags)).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Map(entries) => {
            let entry = |(key, item): (&std::rc::Rc<str>, &Value)| {
                format!("{}:{}", verb(&Value::Text(key.clone()), letter, flags), within(item, letter, flags))
            };
            format!("map[{}]", entries.iter().map(entry).collect::<Vec<_>>().join(" "))
        }
        _ => misfit(value, letter, flags),
    }
}

/// A value within another: null is shown whatever the verb.
fn within(value: &Value, letter: char, flags: &Flags) -> String {
    if value.is_nil() { padded("<nil>".to_owned(), flags) } else { verb(value, letter, flags) }
}

fn misfit(value: &Value, letter: char, flags: &Flags) -> String {
    match value {
        Value::Separator(_) => format!("%!{letter}(func() string)"),
        value => format!("%!{letter}({}={})", value.type_name(), verb(value, 'v', flags)),
    }
}

fn whole(n: i128, letter: char, flags: &Flags) -> Option<String> {
    let character = || u32::try_from(n).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
    let size = n.unsigned_abs();
    let digits = match letter {
        'd' | 'v' => size.to_string(),
        'b' => format!("{size:b}"),
        'o' => format!("{}{size:o}", if flags.sharp { "0" } else { "" }),
        'O' => format!("0o{size:o}"),
        'x' => format!("{}{size:x}", if flags.sharp { "0x" } else { "" }),
        'X' => format!("{}{size:X}", if flags.sharp { "0X" } else { "" }),
        'c' => return Some(padded(character().to_string(), flags)),
        'q' => return Some(padded(text::quoted_char(character()), flags)),
        'U' => return Some(padded(format!("U+{size:04X}"), flags)),
        _ => return None,
    };
    let digits = match flags.precision {
        Some(0) if n == 0 => String::new(),
        Some(least) => format!("{digits:0>least$}"),
        None => digits,
    };
    Some(signed(&digits, n < 0, &Flags { zero: flags.zero && flags.precision.is_none(), ..flags.clone() }))
}

fn float(value: f64, letter: char, flags: &Flags) -> Option<String> {
    let size = value.abs();
    let six = Some(flags.precision.unwrap_or(6));
    let digits = match letter {
        'e' => number::exponent(size, six),
        'E' => number::exponent(size, six).to_uppercase(),
        'f' | 'F' => number::fixed(size, six),
        'g' | 'v' => number::general(size, flags.precision),
        'G' => number::general(size, flags.precision).to_uppercase(),
        _ => return None,
    };
    let digits = digits.trim_start_matches('+');
    Some(signed(digits, value.is_sign_negative() && !value.is_nan(), flags))
}

fn signed(digits: &str, negative: bool, flags: &Flags) -> String {
    let sign = match (negative, flags.plus, flags.space) {
        (true, ..) => "-",
        (_, true, _) => "+",
        (_, _, true) => " ",
        _ => "",
    };
    match flags.width {
        Some(width) if flags.zero && !flags.minus => {
            let width = width.saturating_sub(sign.len());
            format!("{sign}{digits:0>width$}")
        }
        _ => padded(format!("{sign}{digits}"), flags),
    }
}

fn words(text: &str, letter: char, flags: &Flags) -> Option<String> {
    let cut: String = match flags.precision {
        Some(most) if letter != 'x' && letter != 'X' => text.chars().take(most).collect(),
        _ => text.to_owned(),
    };
    let bytes = || cut.bytes().take(flags.precision.unwrap_or(usize::MAX));
    Some(padded(
        match letter {
            's' | 'v' => cut,
            'q' if flags.sharp && !cut.contains('`') && !cut.contains(char::is_control) => format!("`{cut}`"),
            'q' => text::quoted(&cut),
            'x' => hexed(bytes()),
            'X' => hexed(bytes()).to_uppercase(),
            _ => return None,
        },
        flags,
    ))
}

fn hexed(bytes: impl Iterator<Item = u8>) -> String {
    let digit = |n: u8| char::from_digit(u32::from(n), 16).unwrap_or_default();
    bytes.flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect()
}

fn padded(text: String, flags: &Flags) -> String {
    match flags.width {
        None => text,
        Some(width) if flags.minus => format!("{text:<width$}"),
        Some(width) if flags.zero => format!("{text:0>width$}"),
        Some(width) => format!("{text:>width$}"),
    }
}
