//! How sqlparser is set up for weir, and how its errors are said in our words.
//! Owns the dialect and the step from text to tokens. Knows no statement.

use crate::error::{Error, Place, Result};
use crate::sql::{depth, scan};
use sqlparser::ast::Expr;
use sqlparser::dialect::{Dialect, PostgreSqlDialect, Precedence};
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};
use std::any::TypeId;

/// Postgres' dialect with a few things switched on and off. It passes for Postgres wherever sqlparser asks.
///
/// Postgres binds `->>` tighter than `=`, where the generic dialect does not.
#[derive(Debug)]
struct WeirDialect;

static BASE: PostgreSqlDialect = PostgreSqlDialect {};

/// What Postgres says where it differs from sqlparser's defaults. (`derive_dialect!` would do this, but it looks for
/// sqlparser's source in the folder of the package that uses it.)
macro_rules! as_in_postgresql {
    ($($method:ident),* $(,)?) => {
        $(fn $method(&self) -> bool {
            BASE.$method()
        })*
    };
}

impl Dialect for WeirDialect {
    fn dialect(&self) -> TypeId {
        TypeId::of::<PostgreSqlDialect>()
    }

    // LIMIT m, n and * EXCLUDE (..), as StackQL's and DataFusion's users write them.
    fn supports_limit_comma(&self) -> bool {
        true
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        true
    }

    // Off, because the defaults of the trait are off: empty select lists (a slip, mostly), `5!`, hints in comments (blanked
    // before), and argument names given as expressions: for those the parser reads every argument twice, so that
    // nested calls take exponential time.

    as_in_postgresql!(
        supports_unicode_string_literal,
        supports_filter_during_aggregation,
        supports_group_by_expr,
        allow_extract_custom,
        allow_extract_single_quotes,
        supports_create_index_with_clause,
        supports_explain_with_utility_options,
        supports_listen_notify,
        supports_bitwise_shift_operators,
        supports_comment_on,
        supports_load_extension,
        supports_nested_comments,
        supports_string_escape_constant,
        supports_numeric_literal_underscores,
        supports_array_typedef_with_brackets,
        supports_geometric_types,
        supports_set_names,
        supports_alter_column_type_using,
        supports_notnull_operator,
        supports_interval_options,
        supports_insert_table_alias,
        supports_create_table_like_parenthesized,
        supports_select_wildcard_with_alias,
        supports_comma_separated_trim,
        supports_xml_expressions,
    );

    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        BASE.identifier_quote_style(identifier)
    }

    fn is_delimited_identifier_start(&self, c: char) -> bool {
        BASE.is_delimited_identifier_start(c)
    }

    fn is_identifier_start(&self, c: char) -> bool {
        BASE.is_identifier_start(c)
    }

    fn is_identifier_part(&self, c: char) -> bool {
        BASE.is_identifier_part(c)
    }

    fn is_custom_operator_part(&self, c: char) -> bool {
        BASE.is_custom_operator_part(c)
    }

    fn is_reserved_for_identifier(&self, keyword: Keyword) -> bool {
        BASE.is_reserved_for_identifier(keyword) || is_special_call(keyword) || keyword == Keyword::CASE
    }

    fn get_next_precedence(&self, parser: &Parser) -> Option<Result<u8, ParserError>> {
        BASE.get_next_precedence(parser)
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        BASE.prec_value(precedence)
    }
}

/// The tokens of a text without blanks and comments, its directives, and where it ends.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) list: Vec<TokenWithSpan>,
    pub(super) directives: Vec<String>,
    pub(super) end: Location,
}

/// The dialect, for parsers that are not built by [`parser`].
pub(super) fn dialect() -> &'static dyn Dialect {
    &WeirDialect
}

/// Reads the tokens of `text`.
pub(super) fn tokens(text: &str) -> Result<Tokens> {
    let (clean, directives) = scan::without_comments(text)?;
    let mut list = Tokenizer::new(dialect(), &clean)
        .tokenize_with_location()
        .map_err(|e| Error::statement(lower_first(e.message.trim_end_matches('.'))).at(place(e.location)))?;
    list.retain(|t| !matches!(t.token, Token::Whitespace(_)));
    depth::bounded(&list)?;
    soften(&mut list);
    let end = list.last().map_or(Location { line: 1, column: 1 }, |t| t.span.end);
    Ok(Tokens { list, directives: directives.into_iter().map(str::to_owned).collect(), end })
}

/// Calls with a syntax of their own. Reserved (as CASE is), because else the parser reads the inside of each failed
/// one twice: a slip within thirty CASTs would take for ever.
fn is_special_call(keyword: Keyword) -> bool {
    use Keyword::{ARRAY, CAST, CEIL, CONVERT, EXTRACT, FLOOR, OVERLAY, SAFE_CAST, SUBSTR, SUBSTRING, TRY_CAST};
    matches!(
        keyword,
        ARRAY | CAST | CEIL | CONVERT | EXTRACT | FLOOR | OVERLAY | SAFE_CAST | SUBSTR | SUBSTRING | TRY_CAST
    )
}

/// Names that Postgres takes for something else, and that columns of APIs have: `user` would become a call.
fn is_plain_name(keyword: Keyword) -> bool {
    use Keyword::{BOX, CIRCLE, LINE, LSEG, PATH, POINT, POLYGON, USER};
    matches!(keyword, BOX | CIRCLE | LINE | LSEG | PATH | POINT | POLYGON | USER)
}

/// Makes names of words that are keywords only before a bracket, and plain numbers of numbers.
fn soften(tokens: &mut [TokenWithSpan]) {
    for at in 0..tokens.len() {
        let called = tokens.get(at + 1).is_some_and(|next| matches!(next.token, Token::LParen | Token::LBracket));
        let is_position = matches!(&tokens[at].token, Token::Word(word) if word.keyword == Keyword::POSITION);
        let in_call = is_position && is_in_call(&tokens[at + 1..]);
        match &mut tokens[at].token {
            // The tokenizer takes 1_000 for one number, the planner would not.
            Token::Number(digits, _) => digits.retain(|c| c != '_'),
            Token::Word(word) if is_plain_name(word.keyword) => word.keyword = Keyword::NoKeyword,
            // position(a IN b) is special, position(a, b) is not, and trying both takes exponential time.
            Token::Word(word) if is_position && !in_call => word.keyword = Keyword::NoKeyword,
            Token::Word(word) if is_special_call(word.keyword) && word.keyword != Keyword::ARRAY && !called => {
                word.keyword = Keyword::NoKeyword;
            }
            _ => {}
        }
    }
}

/// Whether `(.. IN ..)` follows, the IN within no further bracket.
fn is_in_call(tokens: &[TokenWithSpan]) -> bool {
    let mut depth = 0_usize;
    for token in tokens {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 1 && word.keyword == Keyword::IN => return true,
            _ => {}
        }
        if depth == 0 {
            return false;
        }
    }
    false
}

/// A parser over `tokens`.
fn parser(tokens: &[TokenWithSpan]) -> Parser<'static> {
    Parser::new(dialect()).with_tokens_with_locations(tokens.to_vec()).with_recursion_limit(depth::DEEPEST)
}

/// Parses all of `tokens` with `read`. `end` is what the end of the tokens is called when more was expected.
pub(super) fn all<T>(
    tokens: &[TokenWithSpan],
    end: &str,
    read: impl FnOnce(&mut Parser<'static>) -> Result<T, ParserError>,
) -> Result<T> {
    let mut parser = parser(tokens);
    read(&mut parser)
        .and_then(|value| match parser.peek_token() {
            next if next.token == Token::EOF => Ok(value),
            next => parser.expected(end, next),
        })
        .map_err(|e| reword(&e, tokens, end))
}

/// All of `tokens` as one expression.
pub(super) fn expression(tokens: &[TokenWithSpan], end: &str) -> Result<Expr> {
    all(tokens, end, Parser::parse_expr)
}

/// The place of a token.
pub(super) fn place(location: Location) -> Place {
    Place { file: None, line: location.line.max(1), column: location.column.max(1) }
}

/// A token as it is named in an error: short.
pub(super) fn named(token: &Token) -> String {
    shortened(&token.to_string())
}

/// sqlparser's error in our words, with its place.
pub(super) fn reword(error: &ParserError, tokens: &[TokenWithSpan], end: &str) -> Error {
    const NOWHERE: Location = Location { line: 1, column: 1 };
    let begin = tokens.first().map_or(NOWHERE, |t| t.span.start);
    let (ParserError::ParserError(text) | ParserError::TokenizerError(text)) = error else {
        return depth::too_deep(begin);
    };
    let (text, found_at) = located(text);
    let last = tokens.last().map_or(NOWHERE, |t| t.span.end);
    let found_at = found_at.unwrap_or(begin);
    let Some((expected, found)) = text.strip_prefix("Expected").and_then(|t| t.rsplit_once(", found: ")) else {
        return Error::statement(lower_first(text)).at(place(found_at));
    };
    let expected = said(expected.trim_start_matches([':', ' ']));
    if found == "EOF" {
        return Error::statement(format!("expected {expected}, found {end}")).at(place(last));
    }
    // Some messages give the place of the token after the one they name.
    let named = tokens.iter().rev().skip_while(|t| t.span.start > found_at).find(|t| t.token.to_string() == found);
    let found_at = named.map_or(found_at, |t| t.span.start);
    let error = Error::statement(format!("expected {expected}, found {}", shortened(found))).at(place(found_at));
    if found.starts_with('`') { error.hint("names stand in double quotes: \"a b\"") } else { error }
}

/// Cuts "at Line: 1, Column: 8" off a message.
fn located(text: &str) -> (&str, Option<Location>) {
    let read = || {
        let (message, place) = text.rsplit_once(" at Line: ")?;
        let (line, column) = place.split_once(", Column: ")?;
        Some((message, Location { line: line.parse().ok()?, column: column.trim().parse().ok()? }))
    };
    read().map_or((text, None), |(message, location)| (message, Some(location)))
}

/// sqlparser's name of what it expected, in plain words.
fn said(expected: &str) -> String {
    match expected {
        "identifier" => "a name".to_owned(),
        "literal string" => "a string in single quotes".to_owned(),
        "SELECT, VALUES, or a subquery in the query body" => "SELECT or VALUES".to_owned(),
        other => lower_first(other),
    }
}

fn shortened(text: &str) -> String {
    const LONGEST: usize = 40;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{start}..")
}

/// "Unexpected x" becomes "unexpected x"; "SELECT .." and names in capitals stay.
fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expr(text: &str) -> Result<Expr> {
        expression(&tokens(text)?.list, "the end")
    }

    #[test]
    fn json_arrows_bind_tighter_than_comparison() {
        let Expr::BinaryOp { left, op, .. } = expr("meta->>'name' = 'n'").expect("parses") else {
            panic!("not binary")
        };
        assert_eq!((left.to_string().as_str(), op.to_string().as_str()), ("meta ->> 'name'", "="));
    }

    #[test]
    fn numbers_lose_their_underscores() {
        assert_eq!(expr("1_000 + 2").expect("parses").to_string(), "1000 + 2");
    }

    #[test]
    fn nested_calls_are_read_in_linear_time() {
        for depth in [10, 40] {
            let text = format!("{}1{}", "f(a, ".repeat(depth), ")".repeat(depth));
            assert!(expr(&text).is_ok(), "{depth}");
            for call in ["CAST(", "substring(", "ARRAY[", "floor(", "position(", "CASE WHEN a THEN "] {
                assert!(expr(&format!("{}1 1", call.repeat(depth))).is_err(), "{call} {depth}");
            }
        }
    }

    #[test]
    fn keywords_without_a_bracket_are_columns() {
        for name in
            ["user", "path", "line", "point", "cast", "floor", "substring", "position", "offset", "date", "\"user\""]
        {
            let read = expr(&format!("{name} = 'x'")).expect(name);
            let Expr::BinaryOp { left, .. } = read else { panic!("{name}") };
            assert!(matches!(left.as_ref(), Expr::Identifier(ident) if ident.to_string() == name), "{name}: {left:?}");
        }
        assert!(matches!(expr("position('a' IN b)"), Ok(Expr::Position { .. })));
        assert!(matches!(expr("position(a, b)"), Ok(Expr::Function(_))));
        assert!(matches!(expr("cast(1 AS text)"), Ok(Expr::Cast { .. })));
        assert!(matches!(expr("array[1]"), Ok(Expr::Array(_))));
    }

    #[test]
    fn errors_are_reworded_and_placed() {
        assert_eq!(expr("1 +\n )").expect_err("no").to_string(), "line 2, column 2: expected an expression, found )");
        assert_eq!(expr("1 +").expect_err("no").to_string(), "line 1, column 4: expected an expression, found the end");
        assert_eq!(expr("1 2").expect_err("no").to_string(), "line 1, column 3: expected the end, found 2");
    }
}
