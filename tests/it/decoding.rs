//! The decoder against `serde_json`: random answers, whole and damaged, are refused by both, or both find the same rows,
//! figures and misfits. The oracle knows nothing of how the decoder works; it reads with `RawValue`, again and again.
//! `fuzz` is the same without end: CONTRIBUTING.md has its command.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampNanosecondType};
use bytes::Bytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::value::RawValue;
use weir::registry::{Column, JsonPath, Kind, Shape};
use weir::rows::{Decoder, Outline, compact};

use crate::lists::Dice;

const ROWS: [&str; 3] = ["$.data.items", "$.data", "$.items"];
const FIGURES: [&str; 4] = ["$.total", "$.info.next", "$.data.total", "$.ok"];

fn path(text: &str) -> JsonPath {
    JsonPath::parse(text).unwrap()
}

fn columns() -> Vec<Column> {
    let column = |(name, kind, paths): (&str, Kind, &[&str])| Column {
        name: name.to_owned(),
        wire: name.to_owned(),
        paths: paths.iter().map(|text| path(text)).collect(),
        shape: Shape { kind, ..Shape::default() },
        description: String::new(),
        hidden: false,
        only_by_key: false,
    };
    let columns: [(&str, Kind, &[&str]); 9] = [
        ("id", Kind::String, &["$.id"]),
        ("n", Kind::Integer, &["$.n"]),
        ("x", Kind::Number, &["$.x"]),
        ("on", Kind::Boolean, &["$.on"]),
        ("at", Kind::Timestamp, &["$.at"]),
        ("meta", Kind::Object, &["$.meta"]),
        ("state", Kind::String, &["$.meta.id", "$.meta", "$.id"]),
        ("deep", Kind::Any, &["$.meta.meta.n", "$.x"]),
        ("_raw", Kind::Any, &["$"]),
    ];
    columns.into_iter().map(column).collect()
}

/// What is to be found in an answer: the JSON of each figure, and rows with values as text and how many did not fit; no
/// rows at all where no path leads to any.
#[derive(Debug, PartialEq)]
struct Found {
    figures: Vec<Option<String>>,
    rows: Option<(Vec<Vec<Option<String>>>, u64)>,
}

fn by_decoder(body: &[u8]) -> Result<Found, &'static str> {
    let figures = FIGURES.map(path);
    let outline = Outline::new(&ROWS.map(path), &figures);
    let (decoder, body) = (Decoder::new(columns()), Bytes::copy_from_slice(body));
    let mut answer = decoder.read(&body, &outline, &|_| None).map_err(|unreadable| {
        assert!(unreadable.at <= unreadable.length && unreadable.length == body.len());
        unreadable.why
    })?;
    let figures = figures.iter().map(|path| answer.at(path).map(str::to_owned)).collect();
    let rows = answer.rows().ok().map(|decoded| {
        let misfits = decoded.misfits.iter().filter(|m| !m.column.is_empty()).map(|m| m.count).sum();
        let batch = compact(decoded.batch).unwrap();
        ((0..batch.num_rows()).map(|row| texts(&batch, row)).collect(), misfits)
    });
    Ok(Found { figures, rows })
}

fn texts(batch: &RecordBatch, row: usize) -> Vec<Option<String>> {
    let text = |column: &dyn Array| match column.data_type() {
        DataType::Utf8View => column.as_string_view().value(row).to_owned(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        _ => column.as_primitive::<TimestampNanosecondType>().value(row).to_string(),
    };
    batch.columns().iter().map(|column| column.is_valid(row).then(|| text(column))).collect()
}

type Raw = Box<RawValue>;

/// The value at `keys`; the last of equal keys counts.
fn behind(raw: &Raw, keys: &[String]) -> Option<Raw> {
    let Some((key, rest)) = keys.split_first() else { return Some(raw.clone()) };
    let members: HashMap<String, Raw> = serde_json::from_str(raw.get()).ok()?;
    behind(members.get(key)?, rest)
}

fn by_serde(body: &[u8]) -> Result<Found, serde_json::Error> {
    let whole: Raw = serde_json::from_slice(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body))?;
    let at = |text: &&str| behind(&whole, &path(text).0);
    let figures = FIGURES.iter().map(|path| at(path).map(|raw| raw.get().to_owned())).collect();
    let null = whole.get() == "null";
    let found = if null { Some(whole.clone()) } else { ROWS.iter().find_map(at) };
    let rows = found.map(|raw| match raw.get().as_bytes()[0] {
        b'[' => serde_json::from_str::<Vec<Raw>>(raw.get()).unwrap(),
        b'n' => Vec::new(),
        _ => vec![raw],
    });
    let rows = rows.map(|rows| {
        let columns = columns();
        let mut misfits = 0;
        let mut row = |row: &Raw| columns.iter().map(|column| expected(column, row, &mut misfits)).collect();
        (rows.iter().map(&mut row).collect(), misfits)
    });
    Ok(Found { figures, rows })
}

fn expected(column: &Column, row: &Raw, misfits: &mut u64) -> Option<String> {
    let kind = column.shape.kind;
    let simple = |raw: &Raw| !matches!(raw.get().as_bytes()[0], b'{' | b'[' | b'n');
    let mut values = column.paths.iter().filter_map(|path| behind(row, &path.0));
    let value = match column.paths.len() {
        1 => values.next(),
        _ => values.find(|raw| kind.is_json() || simple(raw)),
    };
    let raw = value.filter(|raw| raw.get() != "null")?;
    let string = serde_json::from_str::<String>(raw.get()).ok();
    let scalar = if raw.get().starts_with('"') { string.clone() } else { Some(raw.get().to_owned()) };
    let scalar = scalar.filter(|_| simple(&raw));
    let trimmed = scalar.as_deref().map(str::trim);
    let fitted = match kind {
        Kind::String if raw.get().starts_with('"') => string,
        Kind::Integer => trimmed.and_then(integer).map(|n| n.to_string()),
        Kind::Number => trimmed.and_then(float).map(|n| n.to_string()),
        Kind::Boolean => scalar.as_deref().and_then(|text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "on" => Some("true".to_owned()),
            "false" | "0" => Some("false".to_owned()),
            _ => None,
        }),
        Kind::Timestamp => match &string {
            Some(text) => string_to_timestamp_nanos(text.trim()).ok().map(|n| n.to_string()),
            None => trimmed.filter(|text| !text.starts_with('"')).and_then(unix_time).map(|n| n.to_string()),
        },
        _ => Some(on_one_line(raw.get())),
    };
    *misfits += u64::from(fitted.is_none());
    fitted
}

fn float(text: &str) -> Option<f64> {
    text.parse().ok().filter(|n: &f64| n.is_finite())
}

fn integer(text: &str) -> Option<i64> {
    let whole = |n: &f64| n.fract() == 0.0 && n.abs() < 9e15;
    text.parse().ok().or_else(|| format!("{:.0}", float(text).filter(whole)?).parse().ok())
}

/// Nanoseconds of a number of seconds, or of milliseconds where it is large.
fn unix_time(text: &str) -> Option<i64> {
    if text.contains(['.', 'e', 'E']) {
        return format!("{:.0}", (float(text)? * 1e9).trunc()).parse().ok();
    }
    let number = integer(text)?;
    number.checked_mul(if number.abs() < 100_000_000_000 { 1_000_000_000 } else { 1_000_000 })
}

fn on_one_line(raw: &str) -> String {
    if !raw.contains('\n') {
        return raw.to_owned();
    }
    let mut text = String::new();
    let (mut inside, mut escaped) = (false, false);
    for c in raw.chars().filter(|c| !matches!(c, '\n' | '\r' | '\t')) {
        if inside || c != ' ' {
            text.push(c);
        }
        inside ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
    }
    text
}

/// Asserts that both say the same of `body`.
fn agree(body: &[u8]) {
    let (ours, theirs) = (by_decoder(body), by_serde(body));
    let shown = body.escape_ascii().to_string();
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{shown}"),
        (Err(_), Err(_)) => {}
        // A key that cannot be read could be one that is wanted; serde_json passes over it in objects that it passes over.
        (Err(why), Ok(_)) if why.contains("surrogate") && shown.contains("\\\\u") => {}
        (ours, theirs) => panic!("{ours:?}\nserde_json: {theirs:?}\n{shown}"),
    }
}

const BLANKS: [&str; 6] = ["", "", "", " ", "\n  ", "\t\r"];
const KEYS: [&str; 16] = [
    "data",
    "items",
    "id",
    "n",
    "x",
    "on",
    "at",
    "meta",
    "total",
    "info",
    "next",
    "ok",
    "\\u0069d",
    "d\\u0061ta",
    "é",
    "",
];
const SCALARS: [&str; 30] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "5",
    "1.0",
    "12.5",
    "1e2",
    "1E-7",
    "1e400",
    "9007199254740993",
    "9223372036854775807",
    "18446744073709551616",
    "\"\"",
    "\"a\"",
    "\"twelve bytes\"",
    "\"more than twelve bytes\"",
    "\"a\\n\\\"\\\\\\/ \\u00e9\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"\\ude00 \\ud83d\"",
    "\"é 🎥 \u{7f}\"",
    "\" 12 \"",
    "\"+7\"",
    "\"True\"",
    "\"on\"",
    "\"2026-01-01T00:00:00Z\"",
    "\"{[,:]}\"",
    "\"\\u0000\"",
];

/// JSON text with the keys that are looked for, again and again, at any place.
fn json() -> impl Strategy<Value = String> {
    let blank = || proptest::sample::select(&BLANKS[..]);
    let long = (0_usize..3000).prop_map(|length| format!("\"{}\"", "long ".repeat(length / 5)));
    let leaf = prop_oneof![30 => proptest::sample::select(&SCALARS[..]).prop_map(str::to_owned), 1 => long];
    leaf.prop_recursive(6, 96, 8, move |inner| {
        let key = proptest::sample::select(&KEYS[..]);
        let member = (key, blank(), inner.clone()).prop_map(|(key, gap, value)| format!("\"{key}\"{gap}:{value}"));
        let joined = |items: Vec<String>, gap: &str| items.join(&format!("{gap},{gap}"));
        let object = (proptest::collection::vec(member, 0..8), blank())
            .prop_map(move |(members, gap)| format!("{{{gap}{}{gap}}}", joined(members, gap)));
        let array = (proptest::collection::vec(inner, 0..5), blank())
            .prop_map(move |(items, gap)| format!("[{gap}{}{gap}]", joined(items, gap)));
        prop_oneof![3 => object, 1 => array]
    })
}

/// An answer: mostly one with rows, where they are looked for.
fn body() -> impl Strategy<Value = String> {
    let rows = || proptest::collection::vec(json(), 0..6).prop_map(|rows| format!("[{}]", rows.join(",")));
    let member = prop_oneof![
        2 => rows().prop_map(|rows| format!("\"data\": {rows}")),
        1 => rows().prop_map(|rows| format!("\"data\": {{\"items\": {rows}, \"total\": 7}}")),
        1 => rows().prop_map(|rows| format!("\"items\":{rows}")),
        2 => (proptest::sample::select(&KEYS[..]), json()).prop_map(|(key, value)| format!("\"{key}\": {value}")),
    ];
    let envelope = proptest::collection::vec(member, 0..5).prop_map(|members| format!("{{{}}}", members.join(", ")));
    prop_oneof![6 => envelope, 1 => json()]
}

/// Damages a body in one to three places; `other` lends parts.
fn damaged(mut body: Vec<u8>, other: &[u8], dice: &mut Dice) -> Vec<u8> {
    for _ in 0..=dice.below(3) {
        let at = dice.below(body.len() + 1);
        let from = dice.below(other.len() + 1);
        let part = &other[from..(from + dice.below(12)).min(other.len())];
        match dice.below(7) {
            0 => body.truncate(at),
            1 if at < body.len() => body[at] ^= 1 << dice.below(8),
            2 => body.insert(at, [0, b'"', b'\\', b'}', b']', b',', 0xff, 0xed, b'{', b'['][dice.below(10)]),
            3 if at < body.len() => drop(body.remove(at)),
            4 => drop(body.splice(at..at, part.iter().copied())),
            5 => drop(body.splice(at..(at + 9).min(body.len()), part.iter().copied())),
            _ => body.extend_from_slice(part),
        }
    }
    body
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_and_figures_are_what_serde_json_finds(body in body()) {
        agree(body.as_bytes());
    }

    #[test]
    fn damaged_answers_are_refused_where_serde_json_refuses_them(body in body(), other in body(), seed in any::<u64>()) {
        agree(&damaged(body.into_bytes(), other.as_bytes(), &mut Dice(seed | 1)));
    }

    #[test]
    fn bytes_that_mean_nothing_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        agree(&bytes);
    }
}

#[test]
fn the_order_of_the_envelopes_keys_does_not_matter() {
    let parts = [r#""ok":true"#, r#""data":[{"id":"a"},{"id":"b"}]"#, r#""total":2"#, r#""info":{"next":"c"}"#];
    let order =
        |order: [usize; 4]| by_decoder(format!("{{{}}}", order.map(|at| parts[at]).join(",")).as_bytes()).unwrap();
    let first = order([0, 1, 2, 3]);
    assert_eq!(first.figures, [Some("2"), Some("\"c\""), None, Some("true")].map(|figure| figure.map(str::to_owned)));
    assert_eq!(first.rows.as_ref().unwrap().0.len(), 2);
    for code in 0..256 {
        let indices = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6];
        if (0..4).all(|at| indices.contains(&at)) {
            assert_eq!(order(indices), first, "{indices:?}");
        }
    }
}

/// Runs for `WEIR_FUZZ_SECONDS` (10 without it): random answers, whole and damaged.
#[test]
#[ignore = "takes as long as it is given"]
#[expect(clippy::disallowed_methods, reason = "how the tests are run is said by their own environment")]
fn fuzz() {
    let seconds = std::env::var("WEIR_FUZZ_SECONDS").map_or(10, |text| text.parse().expect("a number of seconds"));
    let clock = Instant::now();
    let seed = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let (mut dice, mut runner, strategy) = (Dice(seed), TestRunner::default(), body());
    let (mut bodies, mut rounds) = (vec![b"{}".to_vec()], 0_u64);
    while clock.elapsed() < Duration::from_secs(seconds) {
        let fresh = strategy.new_tree(&mut runner).unwrap().current().into_bytes();
        agree(&fresh);
        for _ in 0..50 {
            let (one, other) = (&bodies[dice.below(bodies.len())], &bodies[dice.below(bodies.len())]);
            agree(&damaged(one.clone(), other, &mut dice));
            rounds += 1;
        }
        if bodies.len() < 500 {
            bodies.push(fresh);
        } else {
            let at = dice.below(bodies.len());
            bodies[at] = fresh;
        }
    }
    eprintln!("{rounds} damaged answers from seed {seed}");
}
