//! Random reads of random lists: filters, orders, limits and joins, over lists of every paging style. Each answer equals what
//! the engine makes of the same rows in memory, and no statement sends more requests than reading everything would (one more
//! for each further list where `IN` makes several of one). The seeds are fixed: a failure names its seed, and comes again.

use std::fmt::Write as _;

use crate::harness::Row;
use crate::lists::{Dice, OWNERS, STATES, Style, World};

/// Statements of one world; a world is a server with its lists.
const STATEMENTS: usize = 16;

/// A condition, and how many lists it makes of one.
fn condition(dice: &mut Dice) -> (String, usize) {
    let values = |dice: &mut Dice, of: &[&str]| {
        let count = 1 + dice.below(3);
        let mut values: Vec<String> = (0..count).map(|_| format!("'{}'", dice.pick(of))).collect();
        values.sort();
        values.dedup();
        values
    };
    let time = |dice: &mut Dice| {
        format!(
            "'2026-01-0{}T0{}:00:00{}Z'",
            1 + dice.below(6),
            dice.below(3),
            dice.pick(&["", ".001", ".0005", ".0004"])
        )
    };
    match dice.below(15) {
        0 => (format!("state = '{}'", dice.pick(&STATES)), 1),
        1 => {
            let values = values(dice, &STATES);
            (format!("state IN ({})", values.join(", ")), values.len())
        }
        2 => (format!("owner = '{}'", dice.pick(&OWNERS)), 1),
        3 => {
            let values = values(dice, &OWNERS);
            (values.iter().map(|value| format!("owner = {value}")).collect::<Vec<_>>().join(" OR "), values.len())
        }
        4 => (format!("made_at >= {}", time(dice)), 1),
        5 => (format!("made_at {} {}", dice.pick(&["<", "<=", ">", "="]), time(dice)), 1),
        6 => (format!("made_at BETWEEN {} AND {}", time(dice), time(dice)), 1),
        7 => (format!("label IS {}NULL", dice.pick(&["", "NOT "])), 1),
        8 => (format!("label LIKE '{}'", dice.pick(&["a%", "%a", "_eta", ""])), 1),
        9 => (format!("n {} {}", dice.pick(&["<", ">", "=", "<>"]), dice.below(6)), 1),
        10 => (format!("(n IN (1, 2, 3) OR price < {})", dice.below(3)), 1),
        11 => (dice.pick(&["flag", "NOT flag", "flag IS NULL", "flag IS NOT TRUE"]).to_owned(), 1),
        12 => (format!("id % {} = 1", 2 + dice.below(4)), 1),
        13 => (format!("made_at IN ({}, {})", time(dice), time(dice)), 1),
        _ => {
            let ((one, some), (other, more)) = (condition(dice), condition(dice));
            // Two equalities of one column are a list of values.
            (format!("{}(({one}) OR ({other}))", dice.pick(&["", "NOT "])), some + more)
        }
    }
}

/// A statement over `$T` and `$B`, and the parts that a comparison needs.
#[derive(Debug)]
struct Read {
    /// Without its limit.
    sql: String,
    /// Columns that it is ordered by.
    order: Vec<&'static str>,
    limit: Option<String>,
    /// The boxes that it asks for; none for all of them.
    asked: Option<Vec<usize>>,
    /// Lists that its conditions make of one.
    fan: usize,
}

fn read(boxes: usize, dice: &mut Dice) -> Read {
    let mut fan = 1;
    let conditions: Vec<String> = (0..dice.below(4))
        .map(|_| {
            let (text, lists) = condition(dice);
            fan *= lists;
            format!(" AND ({text})")
        })
        .collect();
    let conditions = conditions.join("");
    let mut asked: Vec<usize> = (0..boxes).filter(|_| dice.one_in(2)).collect();
    if asked.is_empty() || dice.one_in(3) {
        asked = vec![dice.below(boxes)];
    }
    let names: Vec<String> = asked.iter().map(|at| format!("'b{at}'")).collect();
    let of_boxes = format!("box IN ({})", names.join(", "));
    let columns =
        dice.pick(&["id, n, made_at", "*", "made_at, n, id, label, upper(owner) AS who", "id, n, made_at, box"]);
    let (sql, all) = match dice.below(12) {
        0 => (format!("SELECT count(*) AS c FROM $T WHERE {of_boxes}{conditions}"), false),
        1 => (
            format!(
                "SELECT owner, count(*) AS c, min(made_at) AS first FROM $T WHERE {of_boxes}{conditions} GROUP BY owner"
            ),
            false,
        ),
        2 => (
            format!(
                "SELECT b.name, id, n, made_at FROM (SELECT id AS k, name FROM $B) b JOIN $T t ON t.box = b.k WHERE true{conditions}"
            ),
            true,
        ),
        3 => ("SELECT b.name, t.id, n, made_at FROM $B b LEFT JOIN $T t ON t.box = b.id".to_owned(), true),
        4 => (format!("SELECT id, n, made_at FROM $T WHERE box IN (SELECT id FROM $B){conditions}"), true),
        5 => (
            format!(
                "SELECT id, n, made_at FROM $T WHERE {of_boxes}{conditions} UNION SELECT id, n, made_at FROM $T WHERE {of_boxes}{conditions}"
            ),
            false,
        ),
        6 => (format!("SELECT DISTINCT owner, state FROM $T WHERE {of_boxes}{conditions}"), false),
        _ => (format!("SELECT {columns} FROM $T WHERE {of_boxes}{conditions}"), false),
    };
    let orders: [&[&str]; 6] = [&[], &["made_at"], &["made_at"], &["n"], &["made_at", "id"], &["n", "made_at", "id"]];
    let plain =
        sql.contains("made_at") && !sql.contains("GROUP BY") && !sql.contains("count(*)") || sql.contains("SELECT *");
    let order = if plain && !sql.contains("DISTINCT") { orders[dice.below(orders.len())].to_vec() } else { Vec::new() };
    let mut ordered = sql;
    for (at, column) in order.iter().enumerate() {
        let how = dice.pick(&["", " DESC", " DESC NULLS LAST", " ASC NULLS FIRST"]);
        let _ = write!(ordered, "{} {column}{how}", if at == 0 { " ORDER BY" } else { "," });
    }
    let limit = dice.one_in(2).then(|| match dice.below(3) {
        0 => format!(" LIMIT {} OFFSET {}", dice.below(12), dice.below(6)),
        _ => format!(" LIMIT {}", dice.below(15)),
    });
    Read { sql: ordered, order, limit, asked: (!all).then_some(asked), fan }
}

fn remote(sql: &str) -> String {
    sql.replace("$T", "shelf.store.things").replace("$B", "shelf.store.boxes")
}

fn in_memory(sql: &str) -> String {
    sql.replace("$T", "things").replace("$B", "boxes")
}

/// Rows as text, whatever the order of their columns.
fn texts(rows: &[Row]) -> Vec<String> {
    let text = |row: &Row| {
        let mut fields: Vec<String> = row.iter().map(|(name, value)| format!("{name}={value}")).collect();
        fields.sort();
        fields.join(" ")
    };
    rows.iter().map(text).collect()
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

/// Asserts that `found` is a right answer.
async fn compare(world: &World, read: &Read, found: &[Row], what: &str) {
    let limit = read.limit.as_deref().unwrap_or_default();
    let expected = world.rows(&in_memory(&format!("{}{limit}", read.sql))).await;
    assert_eq!(found.len(), expected.len(), "rows of {what}");
    let keys = |rows: &[Row]| {
        let of = |row: &Row| read.order.iter().map(|column| row[*column].to_string()).collect::<Vec<_>>().join(" ");
        rows.iter().map(of).collect::<Vec<String>>()
    };
    assert_eq!(keys(found), keys(&expected), "the order of {what}");
    if read.limit.is_none() || read.order.contains(&"id") {
        assert_eq!(sorted(texts(found)), sorted(texts(&expected)), "rows of {what}");
        return;
    }
    // Which rows come first among equals is nobody's promise: they are rows of the whole answer, each once.
    let mut whole = texts(&world.rows(&in_memory(&read.sql)).await);
    for row in texts(found) {
        let at = whole.iter().position(|known| *known == row);
        whole.swap_remove(at.unwrap_or_else(|| panic!("no such row, or twice: {row} of {what}")));
    }
}

/// The most requests that the statement may send.
fn bound(world: &World, read: &Read) -> usize {
    let boxes: Vec<usize> = read.asked.clone().unwrap_or_else(|| (0..world.boxes.len()).collect());
    // A server that passes over a parameter gives every list whole.
    let times = if world.shape.deaf { read.fan } else { 1 };
    let lists: usize = boxes.iter().map(|at| world.full[*at] * times + read.fan - 1).sum();
    lists + usize::from(read.asked.is_none())
}

async fn random_reads(style: Style, seed: u64) {
    let mut dice = Dice(seed);
    let world = World::new(style, &mut dice).await;
    for at in 0..STATEMENTS {
        let partitions = [1, 2, 8][dice.below(3)];
        world.rows(&format!("SET datafusion.execution.target_partitions = {partitions}")).await;
        let read = read(world.boxes.len(), &mut dice);
        let sql = remote(&format!("{}{}", read.sql, read.limit.as_deref().unwrap_or_default()));
        let what = format!("statement {at} of seed {seed} at {partitions} partitions\n{sql}\n{:?}", world.shape);
        world.server.lines();
        let found = world.rows(&sql).await;
        let lines = world.server.lines();
        compare(&world, &read, &found, &what).await;
        let most = bound(&world, &read);
        assert!(
            lines.len() <= most,
            "{} requests where {most} read everything: {what}\n{}",
            lines.len(),
            lines.join("\n")
        );
        let mut distinct = lines.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), lines.len(), "a request was sent twice: {what}\n{}", lines.join("\n"));
    }
}

async fn random_worlds(styles: &[Style], seeds: std::ops::Range<u64>) {
    for seed in seeds {
        for style in styles {
            Box::pin(random_reads(*style, seed)).await;
        }
    }
}

#[tokio::test]
async fn lists_by_page_number() {
    random_worlds(&[Style::Page], 1..6).await;
}

#[tokio::test]
async fn lists_by_offset() {
    random_worlds(&[Style::Offset], 11..14).await;
}

#[tokio::test]
async fn lists_by_cursor_and_by_link() {
    random_worlds(&[Style::Cursor, Style::Link], 21..23).await;
}

#[tokio::test]
async fn lists_by_key_and_whole_lists() {
    random_worlds(&[Style::Keyset, Style::Whole], 31..33).await;
}
