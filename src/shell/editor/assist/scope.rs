//! Which tables a place in a statement can see: those of its own FROM and of the queries around it, with their aliases,
//! the names of WITH, and the columns that a sub-query gives. Reads tokens, never fails, and must not know documents.

use super::tokens::Token;

/// A table that a statement names, or a query in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The name's parts; empty for a query in brackets.
    pub path: Vec<String>,
    pub alias: Option<String>,
    /// The columns of a query in brackets, as far as its text tells.
    pub columns: Vec<String>,
    /// Where the reference ends in the text.
    pub end: usize,
}

/// What can be seen from one place.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The nearest query's tables first.
    pub tables: Vec<Reference>,
    /// Names that WITH gives, and their columns.
    pub named: Vec<(String, Vec<String>)>,
}

/// Words that end the list of tables behind FROM.
const AFTER_TABLES: &[&str] = &[
    "WHERE",
    "GROUP",
    "HAVING",
    "ORDER",
    "LIMIT",
    "OFFSET",
    "FETCH",
    "WINDOW",
    "QUALIFY",
    "RETURNING",
    "SELECT",
    "SET",
    "VALUES",
];
/// Further words that are not the alias of the table before them.
const NO_ALIAS: &[&str] = &[
    "JOIN",
    "INNER",
    "LEFT",
    "RIGHT",
    "FULL",
    "CROSS",
    "NATURAL",
    "ON",
    "USING",
    "UNION",
    "INTERSECT",
    "EXCEPT",
    "LATERAL",
    "TABLESAMPLE",
    "DEFAULT",
    "WITH",
];
const SET_OPERATIONS: &[&str] = &["UNION", "INTERSECT", "EXCEPT"];

/// What can be seen from byte `at` of a statement's tokens (comments left out).
pub fn scope(tokens: &[Token<'_>], at: usize) -> Scope {
    let mut scope = Scope::default();
    let (mut low, mut high) = (0, tokens.len());
    loop {
        let (from, to) = part(tokens, low, high, at);
        let mut found = references(tokens, from, to);
        // The inner query's tables hide outer ones of the same name by standing first.
        found.append(&mut scope.tables);
        scope.tables = found;
        named(tokens, low, high, &mut scope.named);
        match group_around(tokens, low, high, at) {
            Some((inner_low, inner_high)) => (low, high) = (inner_low, inner_high),
            None => return scope,
        }
    }
}

/// The part of `low..high` between UNION and the like that holds `at`.
fn part(tokens: &[Token<'_>], low: usize, high: usize, at: usize) -> (usize, usize) {
    let (mut from, mut i) = (low, low);
    while i < high {
        if tokens[i].is_one_of(SET_OPERATIONS) {
            if tokens[i].start >= at {
                return (from, i);
            }
            from = i + 1;
        }
        i = next(tokens, i, high);
    }
    (from, high)
}

/// The bracket group directly in `low..high` that holds `at`, without its brackets.
fn group_around(tokens: &[Token<'_>], low: usize, high: usize, at: usize) -> Option<(usize, usize)> {
    let mut i = low;
    while i < high && tokens[i].start < at {
        let after = next(tokens, i, high);
        if tokens[i].is_sign('(') {
            let closed = after > i + 1 && tokens[after - 1].is_sign(')');
            let end = if closed { after - 1 } else { after };
            if !closed || at <= tokens[after - 1].start {
                return Some((i + 1, end));
            }
        }
        i = after;
    }
    None
}

/// The token behind `i`, behind the whole group where one begins.
pub fn next(tokens: &[Token<'_>], i: usize, high: usize) -> usize {
    if !tokens[i].is_sign('(') {
        return i + 1;
    }
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().take(high).skip(i) {
        if token.is_sign('(') {
            depth += 1;
        } else if token.is_sign(')') {
            depth -= 1;
            if depth == 0 {
                return at + 1;
            }
        }
    }
    high
}

/// The tables that `low..high` names itself, not those of its sub-queries.
fn references(tokens: &[Token<'_>], low: usize, high: usize) -> Vec<Reference> {
    // The FROM of `extract(day FROM x)` names no table.
    if low > 0 && !has_statement(tokens, low, high) {
        return Vec::new();
    }
    let (mut found, mut i, mut listing) = (Vec::new(), low, false);
    while i < high {
        let token = &tokens[i];
        let begins = if low == 0 { super::explained(tokens) } else { low };
        let first = i == begins && token.is_one_of(&["UPDATE", "REPLACE", "DESCRIBE", "DESC"]);
        let from = token.is("FROM") && !(i > low && tokens[i - 1].is("DISTINCT"));
        let begins = from || first || token.is_one_of(&["JOIN", "INTO"]) || (listing && token.is_sign(','));
        if token.is_one_of(AFTER_TABLES) {
            listing = false;
        }
        if !begins {
            i = next(tokens, i, high);
            continue;
        }
        listing |= from || token.is("JOIN");
        let (reference, after) = reference(tokens, i + 1, high);
        found.extend(reference);
        i = after.max(i + 1);
    }
    found
}

/// Whether a group is a query, not the arguments of a function.
fn has_statement(tokens: &[Token<'_>], low: usize, high: usize) -> bool {
    tokens[low..high].first().is_some_and(|t| t.is_one_of(&["SELECT", "WITH", "VALUES"]))
        || low.checked_sub(2).and_then(|i| tokens.get(i)).is_some_and(|t| t.is_one_of(&["FROM", "JOIN"]))
}

/// One table or query with its alias, and the token behind.
fn reference(tokens: &[Token<'_>], mut i: usize, high: usize) -> (Option<Reference>, usize) {
    while i < high && tokens[i].is_one_of(&["LATERAL", "ONLY"]) {
        i += 1;
    }
    let mut reference = Reference { path: Vec::new(), alias: None, columns: Vec::new(), end: 0 };
    if i < high && tokens[i].is_sign('(') {
        let after = next(tokens, i, high);
        let end = if tokens[after - 1].is_sign(')') { after - 1 } else { after };
        reference.columns = columns_of(tokens, i + 1, end);
        i = after;
    } else {
        while i < high && !ends_table(&tokens[i]) {
            let Some(name) = tokens[i].name() else { break };
            reference.path.push(name);
            i += 1;
            if i < high && tokens[i].is_sign('.') && tokens.get(i + 1).is_some_and(|t| t.name().is_some()) {
                i += 1;
            } else {
                break;
            }
        }
        if reference.path.is_empty() {
            return (None, i);
        }
        // A function that gives a table; its columns are not known.
        if i < high && tokens[i].is_sign('(') && !tokens[..i].iter().any(|t| t.is("INTO")) {
            return (None, next(tokens, i, high));
        }
    }
    reference.end = tokens[i - 1].end();
    if i < high && tokens[i].is("AS") {
        i += 1;
    }
    if i < high && !ends_table(&tokens[i]) {
        reference.alias = tokens[i].name();
        i += usize::from(reference.alias.is_some());
    }
    (Some(reference), i)
}

/// The names that a WITH at the start of `low..high` gives.
fn named(tokens: &[Token<'_>], low: usize, high: usize, into: &mut Vec<(String, Vec<String>)>) {
    let begins = (low..high.min(low + 2)).find(|i| tokens[*i].is("WITH"));
    let Some(mut i) = begins.map(|i| i + 1) else { return };
    while i < high {
        if tokens[i].is("RECURSIVE") {
            i += 1;
            continue;
        }
        let Some(name) = tokens[i].name() else { return };
        i += 1;
        let mut columns = Vec::new();
        if i < high && tokens[i].is_sign('(') {
            let after = next(tokens, i, high);
            columns = tokens[i..after].iter().filter_map(Token::name).collect();
            i = after;
        }
        if i >= high || !tokens[i].is("AS") {
            return;
        }
        i += 1;
        while i < high && tokens[i].is_one_of(&["NOT", "MATERIALIZED"]) {
            i += 1;
        }
        if i >= high || !tokens[i].is_sign('(') {
            return;
        }
        let after = next(tokens, i, high);
        let closed = tokens[after - 1].is_sign(')');
        if columns.is_empty() {
            columns = columns_of(tokens, i + 1, if closed { after - 1 } else { after });
        }
        into.push((name, columns));
        if !closed || after >= high || !tokens[after].is_sign(',') {
            return;
        }
        i = after + 1;
    }
}

/// The columns of a query: the last name of each item of its list, which is the alias where there is one.
pub fn columns_of(tokens: &[Token<'_>], low: usize, high: usize) -> Vec<String> {
    let Some(select) = (low..high).find(|i| tokens[*i].is("SELECT")) else { return Vec::new() };
    let (mut columns, mut last, mut i) = (Vec::new(), None, select + 1);
    while i < high && !tokens[i].is("FROM") {
        if tokens[i].is_sign(',') {
            columns.extend(last.take());
        } else if tokens[i].is_sign('(') {
            // The name of a function is not that of the column.
            last = None;
        } else {
            last = tokens[i].name();
        }
        i = next(tokens, i, high);
    }
    columns.extend(last);
    columns
}

/// A word behind a table that is not its alias.
fn ends_table(token: &Token) -> bool {
    token.is_one_of(AFTER_TABLES) || token.is_one_of(NO_ALIAS)
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokens;
    use super::*;

    /// The tables seen from `|`, as `path alias`.
    fn seen(text: &str) -> Vec<String> {
        let at = text.find('|').expect("a cursor");
        let text = text.replace('|', "");
        let tokens = tokens(&text).0;
        let shown = |r: &Reference| format!("{} {}", r.path.join("."), r.alias.clone().unwrap_or_default());
        scope(&tokens, at).tables.iter().map(|r| shown(r).trim().to_owned()).collect()
    }

    #[test]
    fn a_place_sees_its_own_tables_and_those_around_it() {
        assert_eq!(seen("SELECT | FROM a.b.c AS x, d JOIN e.f ON 1 = 1 WHERE y"), ["a.b.c x", "d", "e.f"]);
        assert_eq!(seen("SELECT 1 FROM t WHERE x IN (SELECT | FROM u) AND y"), ["u", "t"]);
        assert_eq!(seen("SELECT | FROM t WHERE x IN (SELECT y FROM u)"), ["t"]);
        assert_eq!(seen("SELECT 1 FROM t UNION SELECT | FROM u"), ["u"]);
        assert_eq!(seen("SELECT | FROM t UNION SELECT 1 FROM u"), ["t"]);
        assert_eq!(seen("SELECT extract(day FROM |x) FROM t LEFT JOIN \"A b\" z ON "), ["t", "A b z"]);
        assert_eq!(seen("SELECT 1 FROM t WHERE a IS DISTINCT FROM b AND |"), ["t"]);
    }

    #[test]
    fn writes_name_their_table_too() {
        assert_eq!(seen("INSERT INTO a.b.c (x, |"), ["a.b.c"]);
        assert_eq!(seen("UPDATE t SET | = 1"), ["t"]);
        assert_eq!(seen("DELETE FROM t WHERE |"), ["t"]);
    }

    #[test]
    fn queries_with_names_tell_their_columns() {
        let text = "WITH a AS (SELECT x, count(*) AS n, t.y FROM t), b(p, q) AS (SELECT 1, 2) SELECT  FROM a";
        let tokens = tokens(text).0;
        let scope = scope(&tokens, text.len());
        let named: Vec<(&str, Vec<&str>)> =
            scope.named.iter().map(|(n, c)| (n.as_str(), c.iter().map(String::as_str).collect())).collect();
        assert_eq!(named, [("a", vec!["x", "n", "y"]), ("b", vec!["p", "q"])]);
    }

    #[test]
    fn a_query_in_brackets_is_a_table_with_columns() {
        let text = "SELECT  FROM (SELECT a, b AS c FROM t) s";
        let scope = scope(&tokens(text).0, 7);
        assert_eq!(scope.tables[0].columns, ["a", "c"]);
        assert_eq!(scope.tables[0].alias.as_deref(), Some("s"));
    }
}
