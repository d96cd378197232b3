//! INSERT, UPDATE, REPLACE and DELETE: sqlparser's trees become ours.
//! What sqlparser reads and weir would not obey (LIMIT of a DELETE, ON CONFLICT) is refused here, because a write that
//! ignores half of its statement does the wrong thing. It must not know what a table can do.

use super::cursor::{Cursor, THE_END, bare};
use super::statement::{Change, Delete, Insert, Statement};
use super::{dialect, refuse};
use crate::error::{Error, Result};
use sqlparser::ast::{self, AssignmentTarget, FromTable, Ident, ObjectName, TableFactor, TableWithJoins};
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Word};

/// StackQL's word for waiting until the effect is there.
const AWAIT: &str = "AWAIT";

/// INSERT, UPDATE or DELETE; the cursor stands on that word.
pub(super) fn change(cursor: &Cursor<'_>) -> Result<Statement> {
    let statement =
        dialect::all(cursor.rest(), THE_END, Parser::parse_statement).map_err(|error| ordered(cursor, error))?;
    refuse::writes_within(&statement).map_err(|error| error.at(dialect::place(cursor.location())))?;
    let awaits = cursor.has_directive(AWAIT);
    match statement {
        ast::Statement::Insert(statement) => insert(statement).map(|i| Statement::Insert(Insert { awaits, ..i })),
        ast::Statement::Update(statement) => {
            update(statement, "UPDATE").map(|c| Statement::Update(Change { awaits, ..c }))
        }
        ast::Statement::Delete(statement) => delete(statement).map(|d| Statement::Delete(Delete { awaits, ..d })),
        _ => Err(cursor.error("this form of the statement is not there")),
    }
    .map_err(|error| error.at(dialect::place(cursor.location())))
}

/// REPLACE, which reads like UPDATE; the cursor stands on the word.
pub(super) fn replace(cursor: &Cursor<'_>) -> Result<Statement> {
    let mut tokens = cursor.rest().to_vec();
    let mut after = *cursor;
    after.skip();
    if after.is_word("INTO") {
        return Err(cursor.error("REPLACE INTO is not there").hint(
            "a new row is written with INSERT INTO t (..) VALUES (..), an existing one with REPLACE t SET .. WHERE ..",
        ));
    }
    if let Some(first) = tokens.first_mut() {
        let word = Word { value: "UPDATE".to_owned(), quote_style: None, keyword: Keyword::UPDATE };
        first.token = Token::Word(word);
    }
    let statement = dialect::all(&tokens, THE_END, Parser::parse_statement).map_err(|error| ordered(cursor, error))?;
    let located = |error: Error| error.at(dialect::place(cursor.location()));
    refuse::writes_within(&statement).map_err(located)?;
    match statement {
        ast::Statement::Update(statement) => {
            let awaits = cursor.has_directive(AWAIT);
            update(statement, "REPLACE").map(|c| Statement::Replace(Change { awaits, ..c })).map_err(located)
        }
        _ => Err(cursor.error("this form of the statement is not there")),
    }
}

/// The reason why an UPDATE or REPLACE was not understood, where that is its ORDER BY.
fn ordered(cursor: &Cursor<'_>, error: Error) -> Error {
    let mut depth = 0_usize;
    for (at, token) in cursor.rest().iter().enumerate() {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 0 && word.keyword == Keyword::ORDER => {
                let by = cursor.peek(at + 1).and_then(bare).is_some_and(|word| word.eq_ignore_ascii_case("BY"));
                if by && (cursor.is_word("UPDATE") || cursor.is_word("REPLACE")) {
                    return Error::statement("ORDER BY of a write is not there")
                        .at(dialect::place(token.span.start))
                        .hint("choose the rows in WHERE, or with IN (SELECT .. ORDER BY .. LIMIT n)");
                }
            }
            _ => {}
        }
    }
    error
}

/// Refuses a clause that stands in the statement but would not be obeyed.
fn absent(present: bool, clause: &str, hint: &str) -> Result<()> {
    if present { Err(Error::statement(format!("{clause} is not there")).hint(hint)) } else { Ok(()) }
}

fn insert(statement: ast::Insert) -> Result<Insert> {
    let conflict = "an API decides itself what is there already; write UPDATE or REPLACE for what is";
    absent(statement.on.is_some() || statement.or.is_some(), "ON CONFLICT", conflict)?;
    absent(statement.overwrite, "INSERT OVERWRITE", "write REPLACE t SET .. WHERE ..")?;
    absent(statement.partitioned.is_some(), "PARTITION", "leave it out")?;
    absent(statement.output.is_some(), "OUTPUT", "write RETURNING at the end")?;
    let ast::TableObject::TableName(table) = statement.table else {
        return Err(Error::statement("a table's name stands after INSERT INTO"));
    };
    let columns = statement.columns.into_iter().map(|name| column(name, "inserted")).collect::<Result<Vec<_>>>()?;
    once(columns.iter(), "named")?;
    Ok(Insert {
        table,
        alias: statement.table_alias.map(|alias| alias.alias),
        columns,
        source: statement.source,
        returning: statement.returning,
        awaits: false,
    })
}

fn update(statement: ast::Update, verb: &str) -> Result<Change> {
    absent(
        statement.limit.is_some(),
        &format!("{verb} .. LIMIT"),
        "choose the rows in WHERE, or with IN (SELECT .. LIMIT n)",
    )?;
    absent(!statement.order_by.is_empty(), &format!("{verb} .. ORDER BY"), "leave it out")?;
    absent(statement.or.is_some(), &format!("{verb} OR .."), "leave it out")?;
    absent(statement.output.is_some(), "OUTPUT", "write RETURNING at the end")?;
    let (table, alias) = target(statement.table, verb)?;
    let mut assignments = Vec::with_capacity(statement.assignments.len());
    for assignment in statement.assignments {
        let AssignmentTarget::ColumnName(name) = assignment.target else {
            return Err(Error::statement("a list of columns cannot be set at once").hint("write SET a = .., b = .."));
        };
        assignments.push((column(name, "set")?, assignment.value));
    }
    once(assignments.iter().map(|(name, _)| name), "set")?;
    let from = match statement.from {
        None => Vec::new(),
        Some(ast::UpdateTableFromKind::AfterSet(from)) => from,
        Some(ast::UpdateTableFromKind::BeforeSet(_)) => {
            return Err(Error::statement("FROM stands after SET").hint(format!("{verb} t SET .. FROM .. WHERE ..")));
        }
    };
    let (selection, returning) = (statement.selection, statement.returning);
    Ok(Change { table, alias, assignments, from, selection, returning, awaits: false })
}

fn delete(statement: ast::Delete) -> Result<Delete> {
    absent(statement.limit.is_some(), "DELETE .. LIMIT", "choose the rows in WHERE, or with IN (SELECT .. LIMIT n)")?;
    absent(!statement.order_by.is_empty(), "DELETE .. ORDER BY", "leave it out")?;
    absent(statement.output.is_some(), "OUTPUT", "write RETURNING at the end")?;
    let (FromTable::WithFromKeyword(mut from) | FromTable::WithoutKeyword(mut from)) = statement.from;
    let several = || Error::statement("one DELETE takes from one table").hint("write a DELETE for each table");
    if !statement.tables.is_empty() || from.len() > 1 {
        return Err(several());
    }
    let (table, alias) = target(from.pop().ok_or_else(several)?, "DELETE")?;
    let using = statement.using.unwrap_or_default();
    let (selection, returning) = (statement.selection, statement.returning);
    Ok(Delete { table, alias, using, selection, returning, awaits: false })
}

/// The one table that is written to.
fn target(table: TableWithJoins, verb: &str) -> Result<(ObjectName, Option<Ident>)> {
    if let TableWithJoins { relation: TableFactor::Table { name, alias, args: None, sample: None, .. }, joins } = table
        && joins.is_empty()
        && alias.as_ref().is_none_or(|alias| alias.columns.is_empty())
    {
        return Ok((name, alias.map(|alias| alias.name)));
    }
    Err(Error::statement(format!("{verb} takes the name of one table"))
        .hint("other tables stand in FROM, USING, or a sub-query of WHERE"))
}

/// A column that is written: a name without dots.
fn column(name: ObjectName, done: &str) -> Result<Ident> {
    let text = name.to_string();
    match (<[_; 1]>::try_from(name.0), done) {
        (Ok([ast::ObjectNamePart::Identifier(ident)]), _) => Ok(ident),
        (_, _) => Err(Error::statement(format!("{text} cannot be {done}: a column has one name, without dots")).hint(
            "leave the table's name out; a field of an object is changed with SET meta = json_set(meta, '$.name', ..)",
        )),
    }
}

/// Refuses a column that is given twice: nobody could tell which one counts.
fn once<'a>(columns: impl Iterator<Item = &'a Ident>, done: &str) -> Result<()> {
    let mut seen: Vec<String> = Vec::new();
    for column in columns {
        let name = if column.quote_style.is_none() { column.value.to_lowercase() } else { column.value.clone() };
        if seen.contains(&name) {
            return Err(Error::statement(format!("{column} is {done} twice")).at(dialect::place(column.span.start)));
        }
        seen.push(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse;

    fn refused(text: &str) -> (String, String) {
        let error = parse(text).expect_err(text);
        (error.to_string(), error.hint_text().unwrap_or_default().to_owned())
    }

    #[test]
    fn insert_keeps_columns_source_and_returning() {
        let text =
            "INSERT /*+ AWAIT */ INTO a.b.c (name, \"x y\", data__z) SELECT 'n', true, NULL RETURNING data, success";
        let Ok(Statement::Insert(insert)) = parse(text) else { panic!("{:?}", parse(text)) };
        assert_eq!(insert.table.to_string(), "a.b.c");
        assert_eq!(insert.columns.iter().map(ToString::to_string).collect::<Vec<_>>(), ["name", "\"x y\"", "data__z"]);
        assert_eq!(insert.source.map(|s| s.to_string()).as_deref(), Some("SELECT 'n', true, NULL"));
        assert_eq!(insert.returning.map(|r| r.len()), Some(2));
        assert!(matches!(parse("INSERT INTO t DEFAULT VALUES"), Ok(Statement::Insert(Insert { source: None, .. }))));
        assert!(matches!(parse("INSERT INTO t (a) VALUES (1), (2)"), Ok(Statement::Insert(_))));
        assert!(matches!(parse("INSERT INTO t (a) WITH x AS (SELECT 1) SELECT * FROM x"), Ok(Statement::Insert(_))));
    }

    #[test]
    fn update_and_replace_read_alike() {
        for (text, replaces) in [
            ("UPDATE /*+ AWAIT */ a.b.c AS t SET x = y + 1, \"Z\" = NULL FROM o WHERE t.id = o.id RETURNING *", false),
            ("replace a.b.c AS t SET x = y + 1, \"Z\" = NULL FROM o WHERE t.id = o.id RETURNING *", true),
        ] {
            let change = match parse(text) {
                Ok(Statement::Update(change)) if !replaces => change,
                Ok(Statement::Replace(change)) if replaces => change,
                other => panic!("{text}: {other:?}"),
            };
            assert_eq!((change.table.to_string(), change.alias.map(|a| a.value)), ("a.b.c".into(), Some("t".into())));
            let set: Vec<_> = change.assignments.iter().map(|(name, value)| format!("{name}={value}")).collect();
            assert_eq!(set, ["x=y + 1", "\"Z\"=NULL"]);
            assert_eq!((change.from.len(), change.returning.map(|r| r.len())), (1, Some(1)));
            assert_eq!(change.selection.map(|s| s.to_string()).as_deref(), Some("t.id = o.id"));
            assert_eq!(change.awaits, !replaces);
        }
    }

    #[test]
    fn delete_reads_where_and_returning() {
        let Ok(Statement::Delete(delete)) = parse("DELETE /*+ AWAIT */ FROM a.b.c WHERE id IN ('x') RETURNING id")
        else {
            panic!("no delete")
        };
        assert_eq!(delete.table.to_string(), "a.b.c");
        assert!(delete.selection.is_some() && delete.returning.is_some() && delete.using.is_empty());
    }

    #[test]
    fn clauses_that_would_not_be_obeyed_are_refused() {
        for text in [
            "DELETE FROM t WHERE a = 1 LIMIT 1",
            "DELETE FROM t ORDER BY a",
            "DELETE a, b FROM a JOIN b ON a.x = b.x",
            "DELETE FROM a, b",
            "DELETE FROM a JOIN b ON a.x = b.x",
            "UPDATE t SET a = 1 LIMIT 1",
            "UPDATE a JOIN b ON a.x = b.x SET a = 1",
            "UPDATE t SET (a, b) = (1, 2)",
            "UPDATE t SET a.b = 1",
            "INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING",
            "INSERT INTO t (a.b) VALUES (1)",
            "INSERT OVERWRITE t VALUES (1)",
            "REPLACE t SET a = 1 LIMIT 3",
            "REPLACE t SET a = 1 WHERE b = 2 ORDER BY a",
            "UPDATE t SET t.a = 1",
        ] {
            let (message, hint) = refused(text);
            assert!(message.starts_with("line 1, column ") && !hint.is_empty(), "{text}: {message} / {hint}");
        }
    }

    #[test]
    fn the_order_by_of_a_write_is_named_and_that_of_its_sub_query_is_none() {
        let (message, hint) = refused("UPDATE t SET a = 1\nWHERE b = 2 ORDER BY a LIMIT 1");
        assert_eq!(message, "line 2, column 13: ORDER BY of a write is not there");
        assert!(hint.contains("IN (SELECT"), "{hint}");
        assert!(parse("UPDATE t SET a = 1 WHERE b IN (SELECT b FROM u ORDER BY b LIMIT 1)").is_ok());
        assert!(!refused("UPDATE t SET a = (SELECT b FROM u ORDER BY b LIMIT 1) WHERE").0.contains("ORDER BY"));
    }

    #[test]
    fn a_column_is_written_once() {
        assert_eq!(refused("INSERT INTO t (a, b, A) VALUES (1, 2, 3)").0, "line 1, column 22: A is named twice");
        assert_eq!(refused("UPDATE t SET a = 1, a = 2").0, "line 1, column 21: a is set twice");
    }

    #[test]
    fn replace_into_is_refused_with_a_way_out() {
        let (message, hint) = refused("REPLACE INTO t (a) VALUES (1)");
        assert_eq!(message, "line 1, column 1: REPLACE INTO is not there");
        assert!(hint.contains("INSERT INTO") && hint.contains("REPLACE t SET"));
    }
}
