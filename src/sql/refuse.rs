//! What weir does not have, said clearly: other statements, other tools' commands, variables, placeholders that were
//! left unfilled, and writes hidden in queries. Knows only how they look.

use super::cursor::Cursor;
use super::dialect;
use crate::error::{Error, Result, nearest};
use sqlparser::ast::{Query, Select, SetExpr, Value, ValueWithSpan, Visit, Visitor};
use sqlparser::tokenizer::{Token, TokenWithSpan};
use std::ops::ControlFlow;

/// The words a statement may begin with.
const KNOWN: &[&str] = &[
    "SELECT", "WITH", "VALUES", "TABLE", "INSERT", "UPDATE", "REPLACE", "DELETE", "EXEC", "SHOW", "DESCRIBE", "DESC",
    "USE", "SET", "RESET", "EXPLAIN", "ASSERT", "CREATE", "DROP", "COPY",
];

/// Words that begin a statement elsewhere: what to say, and what to do instead.
fn instead(word: &str) -> Option<(&'static str, &'static str)> {
    const NO_TRANSACTIONS: &str = "there are no transactions: an API does each call at once";
    const ONE_BY_ONE: &str = "leave it out; each write reports what it did";
    Some(match word {
        "BEGIN" | "START" | "COMMIT" | "END" | "ROLLBACK" | "ABORT" | "SAVEPOINT" | "RELEASE" => {
            (NO_TRANSACTIONS, ONE_BY_ONE)
        }
        "GRANT" | "REVOKE" | "DENY" => {
            ("rights are not given with GRANT or REVOKE", "the API's own tables and methods hold them: SHOW RESOURCES")
        }
        "MERGE" | "UPSERT" => ("MERGE is not there", "write an UPDATE and an INSERT, each with its condition"),
        "TRUNCATE" => ("TRUNCATE is not there", "DELETE FROM t WHERE .. names what is to go"),
        "ALTER" => ("ALTER is not there", "a table of an API is fixed; a table of your own can be dropped and created"),
        "REGISTRY" => (
            "there is no registry to pull from",
            "documents come with the program, and from the folders of --registry: SHOW PROVIDERS",
        ),
        "AUTH" => ("there is no login", "give a token in the provider's environment variable; SHOW AUTH tells which"),
        "PURGE" => ("there is nothing to purge", "every statement asks the API anew"),
        "NATIVEQUERY" => {
            ("there is no other engine below to query", "write the query itself; its functions are DataFusion's")
        }
        "SLEEP" => ("SLEEP is not there", "wait in the script that calls this one"),
        "REFRESH" => ("there are no materialized views", "CREATE OR REPLACE TABLE t AS SELECT .. reads anew"),
        "EXECUTE" | "CALL" => ("there are no stored procedures", "a method of a resource is called with EXEC"),
        "PREPARE" | "DEALLOCATE" => ("there are no prepared statements", "write the values into the statement"),
        "ANALYZE" | "VACUUM" | "OPTIMIZE" => ("there is nothing to tidy up", "EXPLAIN ANALYZE shows what a query took"),
        "FROM" => ("a query begins with SELECT", "SELECT .. FROM t"),
        "LIST" | "LS" | "HELP" => ("this is no SQL statement", "SHOW PROVIDERS, then SHOW SERVICES IN .., is a way in"),
        _ => return None,
    })
}

/// The error for a statement that begins with a word we do not know.
pub(super) fn unknown(cursor: &Cursor<'_>) -> Error {
    let Some(word) = cursor.word() else {
        return cursor.expected("a statement").hint("a statement begins with SELECT, INSERT, SHOW and the like");
    };
    let word = word.to_uppercase();
    if let Some((message, hint)) = instead(&word) {
        return cursor.error(message).hint(hint);
    }
    let error = cursor.error(format!("no statement begins with {word}"));
    match nearest(&word, KNOWN.iter().copied()) {
        Some(near) => error.hint(format!("did you mean {near}?")),
        None => error.hint(format!("statements begin with {}", KNOWN.join(", "))),
    }
}

/// What word processors make of quotes; the tokenizer takes them for letters.
const CURLY: [char; 4] = ['\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}'];

/// Refuses `{{ name }}`, `:name`, curly quotes and EXEC inside a query, wherever they stand in the tokens.
pub(super) fn unfilled(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut brackets = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        let next = tokens.get(at + 1);
        let name = match &token.token {
            Token::LBracket => {
                brackets += 1;
                None
            }
            Token::RBracket => {
                brackets = brackets.saturating_sub(1);
                None
            }
            Token::SingleQuotedString(text) => placeholder(text),
            Token::LBrace if next.is_some_and(|n| n.token == Token::LBrace) => {
                Some(tokens.get(at + 2).map_or_else(String::new, |t| t.token.to_string()))
            }
            // Within brackets a colon makes a slice.
            Token::Colon if brackets == 0 && next.is_some_and(|n| n.span.start == token.span.end) => {
                return Err(variable(token, &format!(":{}", next.map_or_else(String::new, |n| n.token.to_string()))));
            }
            Token::Word(word) if word.quote_style.is_none() && word.value.contains(CURLY) => {
                return Err(Error::statement("curly quotation marks quote nothing")
                    .at(dialect::place(token.span.start))
                    .hint("strings stand in ' and names in \"; a page or an editor may have changed them"));
            }
            Token::Placeholder(name) => return Err(variable(token, name)),
            Token::LParen if next.is_some_and(|n| is_exec(&n.token)) => {
                return Err(Error::statement("EXEC stands alone; it cannot be part of a query")
                    .at(dialect::place(token.span.start))
                    .hint("run it as a statement of its own; its answer is shown"));
            }
            _ => None,
        };
        if let Some(name) = name {
            return Err(Error::statement(format!("the placeholder {{{{ {name} }}}} is not filled in"))
                .at(dialect::place(token.span.start))
                .hint(format!("put a value in its place; to send these very braces, write '{{' || '{{ {name} }}}}'")));
        }
    }
    Ok(())
}

/// The name in a string that is nothing but `{{ name }}`, as examples in documentation have it.
fn placeholder(text: &str) -> Option<String> {
    let name = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_.-$ |".contains(c));
    plain.then(|| name.to_owned())
}

fn variable(token: &TokenWithSpan, name: &str) -> Error {
    Error::statement(format!("{name} is a variable, and there are no variables yet"))
        .at(dialect::place(token.span.start))
        .hint("write the value itself; if no variable was meant, put a blank after the colon")
}

fn is_exec(token: &Token) -> bool {
    super::cursor::bare(token).is_some_and(|word| word.eq_ignore_ascii_case("EXEC"))
}

/// Refuses what does not only read, wherever it hides: WITH x AS (DELETE ..), SELECT INTO.
pub(super) fn writes_within<T: Visit>(tree: &T) -> Result<()> {
    match tree.visit(&mut ReadsOnly) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct ReadsOnly;

impl Visitor for ReadsOnly {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        if !query.locks.is_empty() {
            return ControlFlow::Break(Error::statement("FOR UPDATE and FOR SHARE are not there: an API has no locks"));
        }
        let mut open = vec![query.body.as_ref()];
        while let Some(body) = open.pop() {
            let verb = match body {
                SetExpr::SetOperation { left, right, .. } => {
                    open.extend([left.as_ref(), right.as_ref()]);
                    continue;
                }
                SetExpr::Insert(_) => "INSERT",
                SetExpr::Update(_) => "UPDATE",
                SetExpr::Delete(_) => "DELETE",
                SetExpr::Merge(_) => "MERGE",
                SetExpr::Select(_) | SetExpr::Query(_) | SetExpr::Values(_) | SetExpr::Table(_) => continue,
            };
            return ControlFlow::Break(Error::statement(format!("{verb} cannot be part of a query")).hint(format!(
                "let the statement begin with {verb}; INSERT takes its WITH after the columns: INSERT INTO t (..) WITH .. SELECT .."
            )));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
        if select.into.is_none() {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(Error::statement("SELECT .. INTO is not there").hint("write CREATE TABLE t AS SELECT .."))
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<Error> {
        match &value.value {
            Value::Placeholder(name) => ControlFlow::Break(
                Error::statement(format!("{name} is a variable, and there are no variables yet"))
                    .at(dialect::place(value.span.start))
                    .hint("write the value itself"),
            ),
            _ => ControlFlow::Continue(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::sql::parse;

    fn refused(text: &str) -> (String, String) {
        let error = parse(text).expect_err(text);
        (error.to_string(), error.hint_text().unwrap_or_default().to_owned())
    }

    #[test]
    fn statements_of_elsewhere_are_refused_by_name() {
        for text in [
            "BEGIN",
            "commit",
            "ROLLBACK",
            "GRANT ALL ON t TO u",
            "MERGE INTO t USING u ON 1=1",
            "REGISTRY PULL google",
        ] {
            assert!(!refused(text).1.is_empty(), "{text}");
        }
        for text in
            ["AUTH LOGIN google", "PURGE", "NATIVEQUERY 'x'", "SLEEP 1000", "REFRESH MATERIALIZED VIEW v", "TRUNCATE t"]
        {
            assert!(!refused(text).0.contains("no statement begins"), "{text}");
        }
        assert_eq!(refused("PURGE").0, "line 1, column 1: there is nothing to purge");
    }

    #[test]
    fn a_slip_of_the_first_word_is_noticed() {
        assert_eq!(
            refused("SELCT 1"),
            ("line 1, column 1: no statement begins with SELCT".into(), "did you mean SELECT?".into())
        );
        assert!(refused("12").0.contains("expected a statement"));
    }

    #[test]
    fn placeholders_left_unfilled_are_named() {
        let (text, hint) = refused("EXEC a.b.c.stop\n@meeting_id='{{ meeting_id }}' --required,\n@x='1'");
        assert_eq!(text, "line 2, column 13: the placeholder {{ meeting_id }} is not filled in");
        assert!(hint.contains("'{' || '{ meeting_id }}'"), "{hint}");
        assert!(refused("INSERT INTO t (a) SELECT '{{name}}'").0.contains("{{ name }}"));
        assert!(refused("SELECT * FROM t WHERE a = {{ a }}").0.contains("{{ a }}"));
        assert!(parse("SELECT 'hello {{ name }}', '{' || '{ name }}'").is_ok());
        assert!(parse("SELECT '{{\"a\": 1}}'").is_ok());
    }

    #[test]
    fn curly_quotes_are_no_quotes() {
        assert!(refused("SELECT * FROM t WHERE a = \u{2018}x\u{2019}").0.starts_with("line 1, column 27: curly"));
        assert!(parse("SELECT 'it\u{2019}s'").is_ok());
    }

    #[test]
    fn variables_are_named() {
        for (text, name) in [
            ("SELECT * FROM t WHERE a = :name", ":name is a variable"),
            ("SELECT :'name'", ":'name' is a variable"),
            ("SELECT :\"name\"", ":\"name\" is a variable"),
            ("SELECT $1", "$1 is a variable"),
            ("EXEC m @a = :x", ":x is a variable"),
            ("SELECT * FROM :t", ":t is a variable"),
        ] {
            assert!(refused(text).0.contains(name), "{text}: {}", refused(text).0);
        }
        assert!(parse("SELECT a::int, b[1:2]").is_ok());
    }

    #[test]
    fn a_write_cannot_hide_in_a_query() {
        for text in [
            "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
            "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
            "WITH x AS (SELECT 1) DELETE FROM t",
            "SELECT * FROM (WITH x AS (UPDATE t SET a = 1 RETURNING *) SELECT * FROM x) y",
            "INSERT INTO t WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x",
            "DELETE FROM t WHERE a IN (WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x)",
            "CREATE TABLE c AS WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x",
            "COPY (WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x) TO 'f.csv'",
            "EXEC m @a = (WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x)",
            "ASSERT EXISTS (WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x)",
            "EXPLAIN WITH x AS (DELETE FROM u RETURNING a) SELECT a FROM x",
        ] {
            assert!(refused(text).0.contains("cannot be part of a query"), "{text}: {}", refused(text).0);
        }
        assert!(refused("SELECT a INTO b FROM c").1.contains("CREATE TABLE"));
        assert!(refused("SELECT * FROM (EXEC a.b.c @x = 1) e").0.contains("EXEC stands alone"));
    }
}
