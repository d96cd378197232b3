//! Candidates that are names and words: keywords, functions, tables, columns, methods, arguments, settings. Takes names
//! from a [`Knowledge`]; must not know where they come from.

use super::scope::{Reference, Scope, scope};
use super::tokens::Token;
use super::{Around, CHANGES, Candidate, Knowledge};
use crate::session::{Column, Table};

/// Words that are no column's name without quotes.
const RESERVED: &[&str] = &[
    "all",
    "and",
    "any",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "cast",
    "create",
    "cross",
    "delete",
    "desc",
    "distinct",
    "else",
    "end",
    "except",
    "exists",
    "false",
    "fetch",
    "for",
    "from",
    "full",
    "group",
    "having",
    "in",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "join",
    "lateral",
    "left",
    "like",
    "limit",
    "natural",
    "not",
    "null",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "returning",
    "right",
    "select",
    "set",
    "some",
    "table",
    "then",
    "to",
    "true",
    "union",
    "update",
    "user",
    "using",
    "values",
    "when",
    "where",
    "window",
    "with",
];

/// A name as it must be written, in quotes where it needs them.
pub fn written(name: &str, prefix: &str) -> String {
    let mut chars = name.chars();
    let plain = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !RESERVED.contains(&name);
    if plain && !prefix.starts_with('"') { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Whether what was typed begins a name, whatever the case.
pub fn begins(name: &str, prefix: &str) -> bool {
    let prefix = prefix.strip_prefix('"').unwrap_or(prefix);
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Those of `names` that begin with the prefix, as names.
fn named<'a>(names: impl IntoIterator<Item = &'a str>, prefix: &str) -> Vec<Candidate> {
    let fitting = names.into_iter().filter(|name| begins(name, prefix));
    fitting.map(|name| plain(written(name, prefix))).collect()
}

pub fn plain(text: String) -> Candidate {
    Candidate { shown: text.clone(), text }
}

/// Keywords, in the case that was begun. None behind a dot.
pub fn keywords(words: &[&str], around: &Around<'_>) -> Vec<Candidate> {
    if !around.qualifier.is_empty() {
        return Vec::new();
    }
    let small = around.prefix.chars().any(char::is_lowercase);
    let fitting = words.iter().filter(|word| begins(word, around.prefix));
    fitting.map(|word| plain(if small { word.to_lowercase() } else { (*word).to_owned() })).collect()
}

/// Functions, each with its bracket.
pub fn functions(around: &Around<'_>, knows: &Knowledge) -> Vec<Candidate> {
    // All of them are too many to look at; what begins with a letter is few.
    if !around.qualifier.is_empty() || around.prefix.is_empty() {
        return Vec::new();
    }
    let fitting = knows.functions.iter().filter(|name| begins(name, around.prefix));
    fitting.map(|name| plain(format!("{name}("))).collect()
}

/// Names at the place of a table: what WITH named, tables, services, providers, by what stands before the last dot.
pub fn tables(around: &Around<'_>, knows: &Knowledge) -> Vec<Candidate> {
    let prefix = around.prefix;
    let last = |tables: Vec<&Table>| {
        let names: Vec<String> = tables.iter().filter_map(|t| t.path.last().cloned()).collect();
        named(names.iter().map(String::as_str), prefix)
    };
    match (around.qualifier.as_slice(), knows.in_use.as_slice()) {
        ([], in_use) => {
            let seen = scope(&around.tokens, around.start);
            let mut found = named(seen.named.iter().map(|(name, _)| name.as_str()), prefix);
            found.extend(named(knows.own.iter().filter(|t| t.path.len() == 1).map(|t| t.path[0].as_str()), prefix));
            if let [provider, service, ..] = in_use {
                found.extend(last(knows.tables(provider, service)));
            }
            if let [provider, ..] = in_use {
                found.extend(dotted(knows.schemas(provider), prefix));
            }
            found.extend(dotted(knows.catalogs(), prefix));
            found
        }
        ([catalog], in_use) => {
            let mut found = Vec::new();
            if let [provider, ..] = in_use
                && !knows.catalogs().contains(catalog.as_str())
            {
                found.extend(last(knows.tables(provider, catalog)));
            }
            found.extend(dotted(knows.schemas(catalog), prefix));
            found
        }
        ([catalog, schema], _) => last(knows.tables(catalog, schema)),
        _ => Vec::new(),
    }
}

/// Names that a dot follows.
fn dotted<'a>(names: impl IntoIterator<Item = &'a str>, prefix: &str) -> Vec<Candidate> {
    let candidates = named(names, prefix);
    candidates.into_iter().map(|c| plain(format!("{}.", c.text))).collect()
}

/// Providers, or services of the provider before the dot (or in use).
pub fn schemas(around: &Around<'_>, knows: &Knowledge) -> Vec<Candidate> {
    match around.qualifier.as_slice() {
        [] => {
            let mut found = named(knows.catalogs(), around.prefix);
            if let [provider, ..] = knows.in_use.as_slice() {
                found.extend(named(knows.schemas(provider), around.prefix));
            }
            found
        }
        [catalog] => named(knows.schemas(catalog), around.prefix),
        _ => Vec::new(),
    }
}

/// Columns of the tables in scope, what filters still lack first; behind a dot those of that table.
pub fn columns(around: &Around<'_>, knows: &Knowledge, filters: bool) -> Vec<Candidate> {
    let seen = scope(&around.tokens, around.start);
    let mut found = Vec::new();
    let given = |column: &Column| {
        // What is being typed is not given yet.
        let others = around.tokens.iter().filter(|t| t.start > around.start || t.end() < around.start);
        others.filter_map(Token::name).any(|name| named_by(column, &name))
    };
    if filters && around.qualifier.is_empty() {
        let required = lacking(&seen, knows, &given).into_iter().map(|(c, table)| (c, format!("required by {table}")));
        let keys = keys(around, &seen, knows, &given).into_iter().map(|c| (c, "names the row".to_owned()));
        for (column, why) in required.chain(keys).filter(|(c, _)| begins(&c.name, around.prefix)) {
            let text = written(&column.name, around.prefix);
            found.push(Candidate { shown: format!("{text} ({why})"), text });
        }
    }
    for reference in &seen.tables {
        let own_name = reference.alias.as_ref().or(reference.path.last());
        match around.qualifier.as_slice() {
            [] => {
                found.extend(spelt(&columns_of(reference, &seen, knows), around.prefix));
                // A table's name may stand before its columns' where there are several.
                if seen.tables.len() > 1 {
                    found.extend(dotted(own_name.map(String::as_str), around.prefix));
                }
            }
            [one] if own_name.is_some_and(|name| name.eq_ignore_ascii_case(one)) => {
                found.extend(spelt(&columns_of(reference, &seen, knows), around.prefix));
            }
            _ => {}
        }
    }
    found
}

/// What the change at the cursor still needs to name one row: what its condition may say in place of any other.
pub fn keys<'a>(
    around: &Around<'_>,
    seen: &Scope,
    knows: &'a Knowledge,
    given: &dyn Fn(&Column) -> bool,
) -> Vec<&'a Column> {
    let verb = around.verb();
    let depth = |sign| around.before.iter().filter(|token| token.is_sign(sign)).count();
    if !CHANGES.contains(&verb.as_str()) || depth('(') > depth(')') {
        return Vec::new();
    }
    let table = seen.tables.first().and_then(|reference| knows.table(&reference.path));
    let missing = table.map(|table| knows.missing(table, &verb, given)).unwrap_or_default();
    missing.into_iter().filter(|column| !column.in_body).collect()
}

/// The parameters that the tables in scope still need when `given` is named, each with its table.
pub fn lacking<'a>(seen: &Scope, knows: &'a Knowledge, given: &dyn Fn(&Column) -> bool) -> Vec<(&'a Column, &'a str)> {
    let tables = seen.tables.iter().filter_map(|reference| knows.table(&reference.path));
    tables
        .flat_map(|table| {
            let name = table.path.last().map_or("", String::as_str);
            knows.missing(table, "SELECT", given).into_iter().map(move |column| (column, name))
        })
        .collect()
}

/// Whether a name means the column, in either spelling.
pub fn named_by(column: &Column, name: &str) -> bool {
    name.eq_ignore_ascii_case(&column.name) || name == column.wire
}

/// The columns that a table in scope has, visible ones first.
pub fn columns_of(reference: &Reference, seen: &Scope, knows: &Knowledge) -> Vec<Column> {
    let bare = |names: &[String]| names.iter().map(|n| Column { name: n.clone(), ..Column::default() }).collect();
    if reference.path.is_empty() {
        return bare(&reference.columns);
    }
    if let [one] = reference.path.as_slice()
        && let Some((_, columns)) = seen.named.iter().find(|(name, _)| name.eq_ignore_ascii_case(one))
    {
        return bare(columns);
    }
    let mut columns = knows.table(&reference.path).map(|t| t.columns.clone()).unwrap_or_default();
    columns.sort_by_key(|column| column.hidden);
    columns
}

/// Columns by what was typed: the SQL name, or the wire spelling where only that fits. Hidden ones only when begun.
fn spelt(columns: &[Column], prefix: &str) -> Vec<Candidate> {
    let of = |column: &Column| {
        if begins(&column.name, prefix) && (!column.hidden || !prefix.is_empty()) {
            return Some(plain(written(&column.name, prefix)));
        }
        // Without quotes the wire spelling is understood whatever its case.
        let understood = column.wire.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        (!prefix.is_empty() && understood && begins(&column.wire, prefix)).then(|| plain(column.wire.clone()))
    };
    columns.iter().filter_map(of).collect()
}

/// What the write at the cursor takes and does not have yet, required values first.
pub fn taken(around: &Around<'_>, knows: &Knowledge) -> Vec<Candidate> {
    let seen = scope(&around.tokens, around.start);
    let Some(table) = seen.tables.first().and_then(|reference| knows.table(&reference.path)) else { return Vec::new() };
    let verb = around.verb();
    // What names the row is said by WHERE.
    let sets = |column: &Column| verb == "INSERT" || column.in_body;
    let given = |column: &Column| around.before.iter().filter_map(Token::name).any(|name| named_by(column, &name));
    let missing = knows.missing(table, &verb, &given);
    let mut found: Vec<Candidate> = missing
        .iter()
        .filter(|column| sets(column) && begins(&column.name, around.prefix))
        .map(|column| {
            let text = written(&column.name, around.prefix);
            Candidate { shown: format!("{text} (required)"), text }
        })
        .collect();
    let takes = table.methods.iter().filter(|m| m.verb == verb).flat_map(|m| &m.takes);
    let rest: Vec<Column> = takes.filter(|c| sets(c) && !given(c)).cloned().collect();
    found.extend(spelt(&rest, around.prefix));
    found
}

/// At `EXEC`: parts of a table's name, then its methods.
pub fn methods(around: &Around<'_>, knows: &Knowledge) -> Vec<Candidate> {
    let of = |table: &Table| named(table.methods.iter().map(|m| m.name.as_str()), around.prefix);
    let mut found = knows.table(&around.qualifier).filter(|_| !around.qualifier.is_empty()).map(of).unwrap_or_default();
    let parts = tables(around, knows);
    // A table's name is not the end of a method's.
    found.extend(parts.into_iter().map(|c| if c.text.ends_with('.') { c } else { plain(format!("{}.", c.text)) }));
    found
}

/// `@parameter` of the method that EXEC names, required ones first, without those that are there.
pub fn arguments(around: &Around<'_>, knows: &Knowledge) -> Vec<Candidate> {
    let Some((table, routine)) = routine(around, knows) else { return Vec::new() };
    let given = |name: &str| around.before.iter().any(|t| t.text.strip_prefix('@').is_some_and(|g| g == name));
    let missing = knows.lacking(table, &routine.takes, &|c| given(&c.name) || given(&c.wire));
    let (mut required, mut rest) = (Vec::new(), Vec::new());
    for column in routine.takes.iter().filter(|c| !given(&c.name) && !given(&c.wire)) {
        let spelling = if begins(&format!("@{}", column.name), around.prefix) {
            &column.name
        } else if begins(&format!("@{}", column.wire), around.prefix) {
            &column.wire
        } else {
            continue;
        };
        let text = format!("@{spelling} = ");
        if missing.contains(&column) {
            required.push(Candidate { shown: format!("@{spelling} (required)"), text });
        } else {
            rest.push(Candidate { shown: format!("@{spelling}"), text });
        }
    }
    required.append(&mut rest);
    if routine.body && !given("@json") && begins("@@json", around.prefix) {
        required.push(Candidate { shown: "@@json".to_owned(), text: "@@json = ".to_owned() });
    }
    required
}

/// The method that an EXEC names.
pub fn routine<'k>(around: &Around<'_>, knows: &'k Knowledge) -> Option<(&'k Table, &'k crate::session::Routine)> {
    let mut tokens = around.tokens.iter();
    if !tokens.next()?.is_one_of(&["EXEC", "EXECUTE", "CALL"]) {
        return None;
    }
    let mut path = Vec::new();
    loop {
        path.push(tokens.next()?.name()?.to_lowercase());
        match tokens.next() {
            Some(token) if token.is_sign('.') => {}
            _ => break,
        }
    }
    let name = path.pop()?;
    let table = knows.table(&path)?;
    Some((table, table.methods.iter().find(|m| m.name == name)?))
}

/// Settings, and behind `provider.` what its methods need and SET can give.
pub fn settings(around: &Around<'_>, knows: &Knowledge) -> Vec<Candidate> {
    if around.qualifier.is_empty() {
        let names = knows.settings.iter().map(|(name, _)| name.as_str());
        let mut found: Vec<Candidate> =
            names.filter(|name| begins(name, around.prefix)).map(|name| plain(name.to_owned())).collect();
        found.extend(dotted(knows.providers.keys().map(String::as_str), around.prefix));
        return found;
    }
    let mut required: Vec<&str> = knows
        .read
        .iter()
        .filter(|((provider, service), _)| {
            *provider == around.qualifier[0] && around.qualifier.get(1).is_none_or(|named| named == service)
        })
        .flat_map(|(_, tables)| tables.iter().flat_map(|t| &t.methods).flat_map(|m| &m.takes))
        .filter(|column| column.required)
        .map(|column| column.name.as_str())
        .collect();
    required.sort_unstable();
    required.dedup();
    named(required, around.prefix)
}
