//! The limits that keep a deep or long statement from overflowing the stack, of the parser and of all that walk its
//! trees later. Knows tokens only, no statement.

use super::dialect;
use crate::error::{Error, Result};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan};

/// How deep expressions and sub-queries may nest.
pub(super) const DEEPEST: usize = 100;

/// How many operators (a UNION counts several times) may follow one another in one list item. `a OR b OR c ..`
/// becomes a tree as deep as it is long, and copying or freeing a tree that deep overflows the stack.
const LONGEST_CHAIN: usize = 600;

/// Refuses what would become too deep a tree without nesting in the text.
pub(super) fn bounded(tokens: &[TokenWithSpan]) -> Result<()> {
    let mut chains = vec![0_usize];
    for (at, token) in tokens.iter().enumerate() {
        match &token.token {
            Token::LParen => chains.push(0),
            Token::RParen if chains.len() > 1 => {
                chains.pop();
            }
            Token::Comma => chains.iter_mut().last().into_iter().for_each(|n| *n = 0),
            other => chains.iter_mut().last().into_iter().for_each(|n| *n += weight(other)),
        }
        // INTERVAL INTERVAL .. is read by a recursion that nothing bounds.
        let intervals = tokens[at..].iter().take(2).filter(|t| is_interval(&t.token)).count();
        if chains.len() > 4 * DEEPEST || intervals == 2 {
            return Err(too_deep(token.span.start));
        }
        if chains.last().is_some_and(|n| *n > LONGEST_CHAIN) {
            return Err(Error::statement(format!("more than {LONGEST_CHAIN} operators follow one another"))
                .at(dialect::place(token.span.start))
                .hint("write IN (..) for many ORs, VALUES for many UNIONs, or join with a file"));
        }
    }
    Ok(())
}

fn is_interval(token: &Token) -> bool {
    matches!(token, Token::Word(word) if word.keyword == Keyword::INTERVAL)
}

/// How much deeper a token makes the tree. A comma and a parenthesis make it wider; some nodes are larger than others.
fn weight(token: &Token) -> usize {
    use Keyword::{AND, BETWEEN, COLLATE, ILIKE, IN, INTERVAL, IS, LIKE, NOT, NOTNULL, OR, SIMILAR, ZONE};
    use Keyword::{EXCEPT, INTERSECT, MINUS, UNION};
    match token {
        Token::Word(word) => match word.keyword {
            UNION | EXCEPT | INTERSECT | MINUS => LONGEST_CHAIN / DEEPEST,
            COLLATE | INTERVAL | IS | NOTNULL | ZONE => 3,
            AND | BETWEEN | ILIKE | IN | LIKE | NOT | OR | SIMILAR => 1,
            _ => 0,
        },
        Token::Number(..) | Token::SingleQuotedString(_) | Token::Comma | Token::Period => 0,
        Token::DoubleColon | Token::LBracket => 3,
        _ => 1,
    }
}

/// The error for a statement with more levels than are read.
pub(super) fn too_deep(location: Location) -> Error {
    Error::statement("the statement is nested too deeply")
        .at(dialect::place(location))
        .hint(format!("more than {DEEPEST} levels are not read; give the inner parts names with WITH"))
}

#[cfg(test)]
mod tests {
    use crate::sql::parse;

    /// Beginning, what is repeated, middle, what closes it.
    const SHAPES: &[(&str, &str, &str, &str)] = &[
        ("SELECT ", "(", "1", ")"),
        ("SELECT ", "f(a, ", "1", ")"),
        ("SELECT ", "CAST(", "1", " AS INT)"),
        ("SELECT ", "CASE WHEN a THEN ", "1", " END"),
        ("SELECT ", "ARRAY[", "1", "]"),
        ("SELECT ", "NOT ", "1", ""),
        ("SELECT ", "INTERVAL ", "'1 day'", ""),
        ("SELECT ", "position(", "a", ")"),
        ("SELECT a IN ", "(SELECT ", "1", ")"),
        ("SELECT * FROM ", "(SELECT * FROM ", "t", ")"),
        ("SELECT * FROM ", "(a JOIN ", "t", " ON true)"),
        ("", "WITH a AS (", "SELECT 1", ") SELECT 1"),
        ("SELECT 1", " UNION ALL SELECT 1", "", ""),
        ("SELECT 1", " + 1", "", ""),
        ("SELECT a", "::int", "", ""),
        ("SELECT a", " IS NULL", "", ""),
        ("SELECT a", "->'b'", "", ""),
        ("ASSERT ", "(", "true", ")"),
        ("EXEC m @a = ", "(", "1", ")"),
        ("CREATE TABLE t AS ", "(", "SELECT 1", ")"),
    ];

    #[test]
    fn deep_statements_are_refused_and_no_stack_overflows() {
        for (head, open, middle, close) in SHAPES {
            let text = |n| format!("{head}{}{middle}{}", open.repeat(n), close.repeat(n));
            let error = parse(&text(5_000)).expect_err(open);
            assert!(["deeply", "follow"].iter().any(|w| error.message().contains(w)), "{open}: {error}");
            // What is let through can be copied, compared and freed on a small stack.
            for n in [15, 60, 97, 180] {
                if let Ok(statement) = parse(&text(n)) {
                    assert_eq!(statement.clone(), statement);
                }
            }
            if *open != "INTERVAL " {
                assert!(parse(&text(15)).is_ok(), "{open}: {:?}", parse(&text(15)));
            }
        }
    }

    #[test]
    fn a_slip_deep_within_is_found_in_linear_time() {
        for (head, open, ..) in SHAPES {
            assert!(parse(&format!("{head}{} 1 1 1", open.repeat(40))).is_err(), "{open}");
        }
    }

    #[test]
    fn a_long_chain_is_refused_and_a_long_list_is_not() {
        let chain = |n| format!("SELECT {}", vec!["a = 1"; n].join(" OR "));
        assert!(parse(&chain(290)).is_ok());
        let error = parse(&chain(30_000)).expect_err("too long");
        assert!(error.message().contains("operators"), "{error}");
        assert!(parse(&format!("SELECT a IN ({})", vec!["-1"; 30_000].join(", "))).is_ok());
        assert!(parse(&format!("VALUES {}", vec!["(1, -2)"; 10_000].join(", "))).is_ok());
    }
}
