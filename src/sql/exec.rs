//! EXEC, read from tokens.
//! In the Postgres dialect `'x' @ q = 'y'` is an expression, so the arguments are cut here, at `@name =`, and only
//! then is each value parsed. It must not know which methods there are.

use super::cursor::{Cursor, THE_END, bare};
use super::dialect;
use super::statement::{Argument, Exec};
use crate::error::{Error, Result};
use sqlparser::ast::{Expr, Query};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

/// The word before the name has been read.
pub(super) fn exec(cursor: &mut Cursor<'_>) -> Result<Exec> {
    let method = cursor.name("the method's name", 4)?;
    let awaits = cursor.has_directive("AWAIT");
    let mut exec = Exec { method, arguments: Vec::new(), json: None, source: None, awaits };
    if cursor.peek(0) == Some(&Token::LParen) {
        return Err(cursor.expected("@name = value").hint("arguments are named: EXEC p.s.r.m @a = 'x', @b = 'y'"));
    }
    while !cursor.rest().is_empty() {
        if cursor.is_word("FROM") {
            exec.source = Some(source(cursor)?);
            break;
        }
        argument(cursor, &mut exec)?;
        // Commas are optional, and one may end the list: documentation often hides them in comments.
        cursor.take(&Token::Comma);
    }
    Ok(exec)
}

/// `FROM ..` to the end, as the query `SELECT * FROM ..`.
fn source(cursor: &Cursor<'_>) -> Result<Box<Query>> {
    let from = cursor.rest();
    let span = from.first().map_or(Span::empty(), |t| t.span);
    let select = [Token::make_keyword("SELECT"), Token::Mul].map(|token| TokenWithSpan { token, span });
    let tokens: Vec<TokenWithSpan> = select.into_iter().chain(from.iter().cloned()).collect();
    dialect::all(&tokens, THE_END, Parser::parse_query).map_err(|error| {
        error.hint("after the arguments stands FROM (SELECT ..), or FROM table WHERE ..: one call for each row")
    })
}

fn argument(cursor: &mut Cursor<'_>, exec: &mut Exec) -> Result<()> {
    let start = *cursor;
    if cursor.take(&Token::AtAt) {
        if !cursor.take_word("json") {
            return Err(cursor
                .expected("json after @@")
                .hint("the body is @@json = '{..}', an argument @name = value"));
        }
        let value = value(cursor, "@@json")?;
        return match exec.json.replace(value) {
            None => Ok(()),
            Some(_) => Err(start.error("@@json is given twice")),
        };
    }
    if !cursor.take(&Token::AtSign) {
        return Err(cursor.expected("@name = value").hint("arguments are named: @a = 'x', @b = 'y'"));
    }
    let name = cursor.ident("a name after @")?;
    let value = value(cursor, &format!("@{name}"))?;
    if exec.arguments.iter().any(|a| a.name.value == name.value) {
        return Err(start.error(format!("@{name} is given twice")));
    }
    exec.arguments.push(Argument { name, value });
    Ok(())
}

/// `= value`, up to the next argument.
fn value(cursor: &mut Cursor<'_>, name: &str) -> Result<Expr> {
    if !cursor.take(&Token::Eq) {
        return Err(cursor.expected(&format!("= after {name}")));
    }
    let length = value_length(cursor);
    if length == 0 {
        return Err(cursor.expected(&format!("a value after {name} =")).hint("for no value write NULL"));
    }
    let end = if length == cursor.rest().len() { THE_END } else { "the next argument" };
    cursor.expression(length, end).map_err(|error: Error| {
        error.hint(format!("the value of {name} is an expression; strings stand in single quotes"))
    })
}

/// The number of tokens up to a comma, `@name =` or `@@json =` outside all brackets.
fn value_length(cursor: &Cursor<'_>) -> usize {
    let mut depth = 0_usize;
    for (at, token) in cursor.rest().iter().enumerate() {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            Token::Comma if depth == 0 => return at,
            Token::Word(word) if depth == 0 && at > 0 && is_from(word) && !after_distinct(cursor, at) => return at,
            Token::AtSign if depth == 0 && begins_argument(cursor, at) => return at,
            Token::AtAt if depth == 0 && cursor.peek(at + 1).and_then(bare).is_some() => return at,
            _ => {}
        }
    }
    cursor.rest().len()
}

fn is_from(word: &Word) -> bool {
    word.quote_style.is_none() && word.value.eq_ignore_ascii_case("FROM")
}

/// `a IS DISTINCT FROM b` is one expression.
fn after_distinct(cursor: &Cursor<'_>, at: usize) -> bool {
    cursor.peek(at - 1).and_then(bare).is_some_and(|word| word.eq_ignore_ascii_case("DISTINCT"))
}

fn begins_argument(cursor: &Cursor<'_>, at: usize) -> bool {
    // `@x` where the `=` was forgotten is an argument as well; the error is then about the `=`. At the beginning
    // of the value it is not one, but an attempt to refer to another argument.
    let named = at > 0 && matches!(cursor.peek(at + 1), Some(Token::Word(_)));
    named || cursor.peek(at + 2) == Some(&Token::Eq)
}

#[cfg(test)]
mod tests {
    use crate::sql::{Exec, Statement, parse};

    fn exec(text: &str) -> Exec {
        match parse(text) {
            Ok(Statement::Exec(exec)) => exec,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn arguments(text: &str) -> Vec<String> {
        exec(text).arguments.iter().map(|a| format!("{}={}", a.name, a.value)).collect()
    }

    fn refused(text: &str) -> String {
        parse(text).expect_err(text).to_string()
    }

    #[test]
    fn an_example_with_its_commas_in_comments_parses() {
        let text = "EXEC acme.rooms.talks.stop_a_talk\n@meeting_id='m' --required,\n\
                    @account_id='a' --required,\n@app_id='p' --required\n";
        assert_eq!(arguments(text), ["meeting_id='m'", "account_id='a'", "app_id='p'"]);
        assert_eq!(exec(text).method.len(), 4);
    }

    #[test]
    fn with_or_without_commas_arguments_stay_apart() {
        let expected = ["p='x'", "q='y'", "r=1"];
        for text in ["EXEC a.b @p = 'x' @q = 'y' @r=1", "exec a.b @p='x',@q='y',@r=1,", "EXEC a.b @p='x'@q='y' @ r = 1"]
        {
            assert_eq!(arguments(text), expected, "{text}");
        }
        let text = "EXEC a.b /* one */ @p = 'x' @\"q r\" = 'y'";
        assert_eq!(arguments(text), ["p='x'", "\"q r\"='y'"]);
    }

    #[test]
    fn from_begins_the_rows_of_many_calls() {
        let read =
            exec("EXEC a.b @x = upper(name), @y = a IS DISTINCT FROM b FROM (SELECT uid FROM t) AS q WHERE uid <> 'z'");
        assert_eq!(read.arguments.len(), 2);
        let source = read.source.map(|q| q.to_string());
        assert_eq!(source.as_deref(), Some("SELECT * FROM (SELECT uid FROM t) AS q WHERE uid <> 'z'"));
        assert_eq!(exec("EXEC a.b FROM t").source.map(|q| q.to_string()).as_deref(), Some("SELECT * FROM t"));
        assert!(exec("EXEC /*+ AWAIT */ a.b @x = 1").awaits && !exec("EXEC a.b @x = 1").awaits);
        assert!(refused("EXEC a.b FROM (DELETE FROM t RETURNING x)").contains("line 1"));
    }

    #[test]
    fn values_are_expressions() {
        let text = "EXEC m @a = NULL, @b = -1 @c = 'x' || lower('Y'), @d = CAST('1' AS INT) @e = '1'::bigint, \
                    @f = f(1, 2) @g = now() - INTERVAL '1 day' @h = true @i = (SELECT max(x) FROM t) @j = ARRAY[1, 2]";
        assert_eq!(
            arguments(text),
            [
                "a=NULL",
                "b=-1",
                "c='x' || lower('Y')",
                "d=CAST('1' AS INT)",
                "e='1'::BIGINT",
                "f=f(1, 2)",
                "g=now() - INTERVAL '1 day'",
                "h=true",
                "i=(SELECT max(x) FROM t)",
                "j=ARRAY[1, 2]"
            ]
        );
    }

    #[test]
    fn the_body_stands_before_or_after_the_arguments() {
        for text in [
            "EXEC a.b @region = 'x' @@json='{ \"a\": \"b, @c = 1\" }'",
            "EXEC a.b @@JSON = '{ \"a\": \"b, @c = 1\" }', @region = 'x'",
        ] {
            assert_eq!(arguments(text), ["region='x'"]);
            assert_eq!(exec(text).json.map(|j| j.to_string()).as_deref(), Some("'{ \"a\": \"b, @c = 1\" }'"));
        }
        assert!(exec("EXEC a.b").json.is_none());
    }

    #[test]
    fn what_is_missing_is_said_with_its_place() {
        assert_eq!(refused("EXEC"), "line 1, column 5: expected the method's name, found the end of the statement");
        assert_eq!(
            refused("EXEC a.b\n @app_id ="),
            "line 2, column 11: expected a value after @app_id =, found the end of the statement"
        );
        assert_eq!(refused("EXEC a.b @p = , @q = 1"), "line 1, column 15: expected a value after @p =, found ,");
        assert_eq!(refused("EXEC a.b @p 'x'"), "line 1, column 13: expected = after @p, found 'x'");
        assert_eq!(refused("EXEC a.b @p = @q = 1"), "line 1, column 15: expected a value after @p =, found @");
        assert_eq!(
            refused("EXEC a.b @p = 1 @q"),
            "line 1, column 19: expected = after @q, found the end of the statement"
        );
        assert_eq!(
            refused("EXEC a.b @p = 1 +, @q = 2"),
            "line 1, column 18: expected an expression, found the next argument"
        );
        assert_eq!(refused("EXEC a.b p = 1"), "line 1, column 10: expected @name = value, found p");
        assert_eq!(refused("EXEC a.b @p = 1,, @q = 2"), "line 1, column 17: expected @name = value, found ,");
        assert_eq!(refused("EXEC a.b @p = 1 @p = 2"), "line 1, column 17: @p is given twice");
        assert_eq!(refused("EXEC a.b @@json='1' @@json='2'"), "line 1, column 21: @@json is given twice");
        assert_eq!(refused("EXEC a.b @@body='1'"), "line 1, column 12: expected json after @@, found body");
        assert_eq!(refused("EXEC a.b('x')"), "line 1, column 9: expected @name = value, found (");
        assert_eq!(
            refused("EXEC a.b.c.d.e"),
            "line 1, column 6: the method's name has at most 4 parts, this name has 5"
        );
    }
}
