//! The text of one statement becomes a [`Statement`].
//! Owns the choice by the first word; what sqlparser would misread is read from tokens by `exec` and `show`, writes by
//! `change`. It must not know what a name stands for.

use super::cursor::{Cursor, THE_END};
use super::statement::{Explain, Statement};
use super::{change, depth, dialect, exec, refuse, show};
use crate::error::{Error, Kind, Result};
use datafusion::error::DataFusionError;
use datafusion::sql::parser::{CopyToSource, DFParserBuilder, Statement as DfStatement};
use sqlparser::ast::{self, ObjectType};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

/// Enough for the deepest statement that [`depth::DEEPEST`] lets through, in a debug build; most is never touched.
const STACK: usize = 32 << 20;

/// Reads one statement; a `;` may end it. Places in errors are relative to `text`.
pub fn parse(text: &str) -> Result<Statement> {
    // A thread of its own, because sqlparser recurses in frames so large that a deep statement can overflow the 2 MiB
    // of a worker before the limit on nesting ends it.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("parse".to_owned()).stack_size(STACK);
        let parsed = thread.spawn_scoped(scope, || parse_here(text)).map(std::thread::ScopedJoinHandle::join);
        match parsed {
            Ok(Ok(parsed)) => parsed,
            Ok(Err(_)) => Err(Error::new(Kind::Internal, "the parser failed on this statement")
                .hint("please report the statement; writing it differently may help")),
            Err(error) => Err(Error::new(Kind::Internal, "no thread could be started to parse").caused_by(error)),
        }
    })
}

fn parse_here(text: &str) -> Result<Statement> {
    let mut tokens = dialect::tokens(text)?;
    while tokens.list.last().is_some_and(|t| t.token == Token::SemiColon) {
        tokens.list.pop();
    }
    if let Some(inner) = tokens.list.iter().find(|t| t.token == Token::SemiColon) {
        return Err(Error::statement("more than one statement is given").at(dialect::place(inner.span.start)));
    }
    refuse::unfilled(&tokens.list)?;
    let mut cursor = Cursor::new(&tokens);
    let said = statement(&mut cursor);
    said.map_err(|error| error.at(dialect::place(tokens.list.first().map_or(tokens.end, |t| t.span.start))))
}

/// The statement that begins at the cursor.
fn statement(cursor: &mut Cursor<'_>) -> Result<Statement> {
    let Some(word) = cursor.word() else {
        return match cursor.peek(0) {
            None => Err(Error::statement("there is no statement")),
            Some(Token::LParen) => query(cursor.rest()),
            Some(_) => Err(refuse::unknown(cursor)),
        };
    };
    let start = *cursor;
    cursor.skip();
    match word.to_uppercase().as_str() {
        "SELECT" | "WITH" | "VALUES" => query(start.rest()),
        "TABLE" => query(&all_of(start.rest())),
        "CREATE" | "DROP" | "COPY" => local(&start),
        "INSERT" | "UPDATE" | "DELETE" => change::change(&start),
        "REPLACE" => change::replace(&start),
        "EXEC" => {
            let exec = exec::exec(cursor)?;
            exec.arguments.iter().map(|a| &a.value).chain(&exec.json).try_for_each(refuse::writes_within)?;
            exec.source.iter().try_for_each(refuse::writes_within)?;
            Ok(Statement::Exec(exec))
        }
        "SHOW" => show::show(cursor).map(Statement::Show),
        "DESCRIBE" | "DESC" => show::describe(cursor).map(Statement::Describe),
        "USE" => show::use_(cursor),
        "SET" => show::set(cursor),
        "RESET" => show::reset(cursor),
        "EXPLAIN" => explain(cursor),
        "ASSERT" => assert(cursor),
        _ => Err(refuse::unknown(&start)),
    }
}

fn query(tokens: &[TokenWithSpan]) -> Result<Statement> {
    let query = dialect::all(tokens, THE_END, Parser::parse_query)?;
    refuse::writes_within(&query)?;
    Ok(Statement::Query(query))
}

/// TABLE t is SELECT * FROM t; sqlparser reads names of at most two parts after TABLE.
fn all_of(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let (table, name) = tokens.split_at(1.min(tokens.len()));
    let span = table.first().map_or(Span::empty(), |t| t.span);
    let select = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
    select.into_iter().map(|token| TokenWithSpan { token, span }).chain(name.iter().cloned()).collect()
}

fn explain(cursor: &mut Cursor<'_>) -> Result<Statement> {
    let analyze = cursor.take_word("ANALYZE");
    let verbose = cursor.take_word("VERBOSE");
    if cursor.is_word("EXPLAIN") {
        return Err(cursor.error("EXPLAIN explains a statement, not another EXPLAIN"));
    }
    if cursor.rest().is_empty() {
        return Err(cursor.expected("the statement to explain"));
    }
    if cursor.peek(0) == Some(&Token::LParen)
        && matches!(cursor.peek(1), Some(Token::Word(w)) if !is_query_word(&w.value))
    {
        return Err(cursor.error("options of EXPLAIN stand without brackets").hint("EXPLAIN ANALYZE SELECT .."));
    }
    let inner = Box::new(statement(cursor)?);
    Ok(Statement::Explain(Explain { analyze, verbose, inner }))
}

fn is_query_word(word: &str) -> bool {
    ["SELECT", "WITH", "VALUES", "TABLE"].iter().any(|w| word.eq_ignore_ascii_case(w))
}

/// ASSERT condition [, 'message']
fn assert(cursor: &mut Cursor<'_>) -> Result<Statement> {
    if cursor.rest().is_empty() {
        return Err(cursor.expected("a condition").hint("ASSERT (SELECT count(*) FROM t) = 3, 'three rows'"));
    }
    let bare = cursor.word().is_some_and(is_query_word);
    let length = if bare { query_length(cursor) } else { condition_length(cursor) };
    let end = if length == cursor.rest().len() { THE_END } else { "," };
    let condition = if bare {
        let query = dialect::all(&cursor.rest()[..length], end, Parser::parse_query)?;
        (0..length).for_each(|_| cursor.skip());
        Box::new(ast::Expr::Subquery(query))
    } else {
        Box::new(cursor.expression(length, end)?)
    };
    refuse::writes_within(condition.as_ref())?;
    let message = if cursor.take(&Token::Comma) { Some(cursor.string("a message in single quotes")?) } else { None };
    cursor.finish()?;
    Ok(Statement::Assert { condition, message })
}

/// The number of tokens before a comma outside all brackets.
fn condition_length(cursor: &Cursor<'_>) -> usize {
    let mut depth = 0_i64;
    let comma = cursor.rest().iter().position(|token| {
        match token.token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth -= 1,
            _ => {}
        }
        depth == 0 && token.token == Token::Comma
    });
    comma.unwrap_or(cursor.rest().len())
}

/// The number of tokens before the message of an ASSERT whose query has no brackets: a comma, a string, and the end.
fn query_length(cursor: &Cursor<'_>) -> usize {
    let rest = cursor.rest();
    let message = |token: &Token| {
        matches!(token, Token::SingleQuotedString(_) | Token::EscapedStringLiteral(_) | Token::DollarQuotedString(_))
    };
    match rest {
        [.., comma, last] if comma.token == Token::Comma && message(&last.token) => rest.len() - 2,
        _ => rest.len(),
    }
}

/// CREATE, DROP, COPY: the engine's parser, of which only some is let through.
fn local(cursor: &Cursor<'_>) -> Result<Statement> {
    let tokens = cursor.rest();
    let mut parser = DFParserBuilder::new(tokens.to_vec())
        .with_dialect(dialect::dialect())
        .with_recursion_limit(depth::DEEPEST)
        .build()
        .map_err(|error| engine_error(&error, cursor))?;
    let mut statement = parser.parse_statement().map_err(|error| engine_error(&error, cursor))?;
    let next = parser.parser.peek_token();
    if next.token != Token::EOF {
        let error = parser.parser.expected::<()>(THE_END, next);
        error.map_err(|error| dialect::reword(&error, tokens, THE_END))?;
    }
    allowed(&mut statement, cursor)?;
    Ok(Statement::Local(Box::new(statement)))
}

/// Lets tables and views through, and nothing that writes within a query.
fn allowed(statement: &mut DfStatement, cursor: &Cursor<'_>) -> Result<()> {
    let what = match statement {
        DfStatement::CreateExternalTable(_) => return Ok(()),
        DfStatement::CopyTo(copy) => {
            return match &copy.source {
                CopyToSource::Query(query) => refuse::writes_within(query),
                CopyToSource::Relation(_) => Ok(()),
            };
        }
        DfStatement::Statement(statement) => {
            refuse::writes_within(statement.as_ref())?;
            match statement.as_mut() {
                // Every table of a session is temporary: the word says nothing, and the engine refuses it.
                ast::Statement::CreateTable(table) => {
                    table.temporary = false;
                    return Ok(());
                }
                ast::Statement::CreateView(view) if !view.materialized => {
                    view.temporary = false;
                    return Ok(());
                }
                ast::Statement::Drop { object_type: ObjectType::Table | ObjectType::View, .. } => return Ok(()),
                ast::Statement::CreateView(_) => "CREATE MATERIALIZED VIEW",
                ast::Statement::Drop { .. } => "this DROP",
                ast::Statement::Copy { .. } => "this COPY",
                _ => "this statement",
            }
        }
        DfStatement::Explain(_) | DfStatement::Reset(_) => "this statement",
    };
    Err(cursor.error(format!("{what} is not there")).hint(
        "there is CREATE [OR REPLACE] TABLE, VIEW and EXTERNAL TABLE, DROP TABLE and VIEW, and COPY .. TO 'file'",
    ))
}

/// An error of the engine's parser, without its wrappers.
fn engine_error(error: &DataFusionError, cursor: &Cursor<'_>) -> Error {
    match error {
        DataFusionError::SQL(error, _) => dialect::reword(error, cursor.rest(), THE_END),
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => engine_error(inner, cursor),
        other => {
            let text = other.strip_backtrace();
            dialect::reword(&ParserError::ParserError(text), cursor.rest(), THE_END)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> (String, String) {
        let error = parse(text).expect_err(text);
        (error.to_string(), error.hint_text().unwrap_or_default().to_owned())
    }

    fn is_query(text: &str) {
        assert!(matches!(parse(text), Ok(Statement::Query(_))), "{text}: {:?}", parse(text));
    }

    #[test]
    fn queries_of_all_shapes_are_read() {
        for text in [
            "SELECT 1;",
            "(SELECT 1) UNION ALL (SELECT 2)",
            "WITH t AS (SELECT 1) SELECT * FROM t",
            "VALUES (1), (2)",
            "TABLE a.b.c",
            "SELECT * EXCLUDE (a, b) FROM t",
            "SELECT t.* EXCLUDE (a) FROM t",
            "SELECT a FROM t LIMIT 5, 10",
            "SELECT * FROM 'file.csv' f WHERE f.a = 1",
            "SELECT repo, json_each.value FROM g.r.repos, json_each(topics) WHERE org = 'o'",
            "SELECT meta->>'name' AS n, meta->'a' FROM t WHERE meta->>'name' = 'n' AND meta#>>'{a}' = 'b'",
            "SELECT a // c\n FROM t # don't\n WHERE b = 1",
            "SELECT count(*) FILTER (WHERE a), row_number() OVER (PARTITION BY b ORDER BY c DESC) FROM t",
            "SELECT deleteRecordingAfterDays, \"select\", offset, status FROM a.b.c ORDER BY 1 DESC NULLS LAST",
            "SELECT * FROM a FULL JOIN b USING (id) WHERE x IN (SELECT y FROM z) OR a BETWEEN 1 AND 2",
            "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r",
        ] {
            is_query(text);
        }
        let Ok(Statement::Query(query)) = parse("SELECT a FROM t LIMIT 5, 10") else { panic!("no query") };
        assert_eq!(query.limit_clause.map(|l| l.to_string().trim().to_owned()).as_deref(), Some("LIMIT 5, 10"));
        let Ok(Statement::Query(query)) = parse("SELECT 1 // 2\n") else { panic!("no query") };
        assert_eq!(query.to_string(), "SELECT 1");
    }

    #[test]
    fn local_tables_and_files_are_read() {
        for text in [
            "CREATE TABLE t AS SELECT 1 a",
            "CREATE OR REPLACE TEMP TABLE t (id INT, z TEXT)",
            "CREATE VIEW v AS SELECT 1",
            "CREATE OR REPLACE VIEW v AS SELECT 1",
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'f.csv' OPTIONS ('format.has_header' 'true')",
            "DROP TABLE IF EXISTS t",
            "DROP VIEW v",
            "COPY t TO 'f.parquet'",
            "COPY (SELECT 1) TO 'f.csv' STORED AS CSV;",
        ] {
            assert!(matches!(parse(text), Ok(Statement::Local(_))), "{text}: {:?}", parse(text));
        }
        let Ok(Statement::Local(local)) = parse("CREATE TEMP TABLE t (id INT)") else { panic!("no table") };
        assert_eq!(local.to_string(), "CREATE TABLE t (id INT)");
        for text in
            ["CREATE MATERIALIZED VIEW v AS SELECT 1", "CREATE INDEX i ON t (a)", "DROP SCHEMA s", "COPY t FROM 'f'"]
        {
            let (message, _) = refused(text);
            assert!(message.starts_with("line 1, column "), "{text}: {message}");
        }
        let (message, _) = refused("CREATE EXTERNAL TABLE t\nSTORED CSV");
        assert_eq!(message, "line 2, column 8: expected AS, found CSV");
        assert_eq!(refused("DROP TABLE t now").0, "line 1, column 14: expected the end of the statement, found now");
    }

    #[test]
    fn explain_takes_any_statement() {
        for text in
            ["SELECT 1", "EXEC a.b @x = 1", "REPLACE t SET a = 1", "DELETE FROM t", "SHOW PROVIDERS", "(SELECT 1)"]
        {
            let Ok(Statement::Explain(explain)) = parse(&format!("EXPLAIN ANALYZE {text}")) else { panic!("{text}") };
            assert!(explain.analyze);
            assert_eq!(*explain.inner, parse(text).expect(text));
        }
        assert!(refused("EXPLAIN EXPLAIN SELECT 1").0.contains("not another"));
        assert_eq!(
            refused("EXPLAIN").0,
            "line 1, column 8: expected the statement to explain, found the end of the statement"
        );
        assert_eq!(refused("EXPLAIN\nEXEC a.b @p =").0.split(':').next(), Some("line 2, column 14"));
        assert!(refused("EXPLAIN (ANALYZE) SELECT 1").1.contains("EXPLAIN ANALYZE"));
    }

    #[test]
    fn assert_has_a_condition_and_perhaps_a_message() {
        let Ok(Statement::Assert { condition, message }) =
            parse("ASSERT (SELECT count(a, b) FROM t) = 3, 'three, it''s'")
        else {
            panic!("no assert")
        };
        assert_eq!(condition.to_string(), "(SELECT count(a, b) FROM t) = 3");
        assert_eq!(message.as_deref(), Some("three, it's"));
        assert!(matches!(parse("ASSERT EXISTS (SELECT 1)"), Ok(Statement::Assert { message: None, .. })));
        assert_eq!(refused("ASSERT").0, "line 1, column 7: expected a condition, found the end of the statement");
        assert_eq!(refused("ASSERT a = 1, b").0, "line 1, column 15: expected a message in single quotes, found b");
        assert_eq!(refused("ASSERT a =, 'm'").0, "line 1, column 11: expected an expression, found ,");
        for (text, said) in [
            ("ASSERT SELECT count(*) = 0 FROM t", None),
            ("ASSERT SELECT a, b FROM t, u, 'none''s there'", Some("none's there")),
            ("ASSERT WITH x AS (SELECT 1) SELECT true FROM x, 'm';", Some("m")),
        ] {
            let Ok(Statement::Assert { condition, message }) = parse(text) else { panic!("{text}") };
            assert!(matches!(*condition, ast::Expr::Subquery(_)), "{text}");
            assert_eq!(message.as_deref(), said, "{text}");
        }
        assert!(refused("ASSERT SELECT FROM t, 'm'").0.starts_with("line 1, column 15"));
    }

    #[test]
    fn errors_have_their_place_in_the_text() {
        assert_eq!(refused("SELECT 'ü', FROM t").0, "line 1, column 13: expected an expression, found FROM");
        assert_eq!(refused("SELECT *\n  FORM t").0, "line 2, column 8: expected the end of the statement, found t");
        assert_eq!(refused("SELECT a FROM").0, "line 1, column 14: expected a name, found the end of the statement");
        assert_eq!(refused("SELECT 1; SELECT 2").0, "line 1, column 9: more than one statement is given");
        assert_eq!(refused(" -- nothing").0, "line 1, column 1: there is no statement");
        assert_eq!(refused("SELECT 'x").0, "line 1, column 8: the string that begins here is not closed");
    }

    #[test]
    fn deep_statements_are_refused_and_fairly_deep_ones_are_not() {
        let nested =
            |open: &str, n: usize, close: &str| format!("SELECT * FROM {}t{}", open.repeat(n), close.repeat(n));
        assert!(
            refused(&format!("SELECT {}1{}", "(".repeat(5_000), ")".repeat(5_000))).0.contains("nested too deeply")
        );
        assert!(refused(&nested("(SELECT * FROM ", 5_000, ")")).0.contains("nested too deeply"));
        assert!(refused(&"EXPLAIN ".repeat(5_000)).0.contains("not another"));
        is_query(&nested("(SELECT * FROM ", 20, ")"));
    }
}
