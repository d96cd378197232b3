//! SHOW, DESCRIBE, USE, SET and RESET, read from tokens: sqlparser loses dots and patterns of SHOW, and does not know
//! the rest. It must not know which names and settings there are.

use super::cursor::{Cursor, THE_END};
use super::statement::{Describe, Described, Show, Statement, What};
use crate::error::{Error, Result, nearest};
use sqlparser::ast::{Expr, Ident};
use sqlparser::tokenizer::Token;

const SHOWN: &[&str] = &[
    "PROVIDERS",
    "SERVICES",
    "RESOURCES",
    "METHODS",
    "INSERT",
    "AUTH",
    "VERSION",
    "TABLES",
    "FUNCTIONS",
    "SETTINGS",
    "ALL",
];

/// SHOW; the word has been read.
pub(super) fn show(cursor: &mut Cursor<'_>) -> Result<Show> {
    let mut extended = cursor.take_word("EXTENDED");
    let Some(word) = cursor.word() else {
        return Err(cursor.expected("what to show").hint(what_there_is()));
    };
    let (start, mut like) = (*cursor, None);
    let what = match word.to_uppercase().as_str() {
        // A setting may be called like something that can be shown.
        _ if cursor.peek(1) == Some(&Token::Period) => setting(cursor)?,
        "PROVIDERS" => plain(cursor, What::Providers),
        "SERVICES" => What::Services { provider: within(cursor, &mut like, "a provider", 1)?.pop() },
        "RESOURCES" => What::Resources { service: within(cursor, &mut like, "a service", 2)? },
        "METHODS" => What::Methods { resource: within(cursor, &mut like, "a resource", 3)? },
        "TABLES" => What::Tables { within: within(cursor, &mut like, "a schema", 2)? },
        "INSERT" => insert(cursor, &mut extended)?,
        "AUTH" => auth(cursor)?,
        "VERSION" => plain(cursor, What::Version),
        "FUNCTIONS" => plain(cursor, What::Functions),
        "ALL" | "SETTINGS" => plain(cursor, What::Settings),
        "TRANSACTION" => return Err(start.error("there are no transactions, so there is no isolation level")),
        "COLUMNS" => return Err(start.error("SHOW COLUMNS is not there").hint("DESCRIBE t lists the columns of t")),
        "CREATE" => return Err(start.error("SHOW CREATE is not there").hint("DESCRIBE t lists the columns of t")),
        _ => setting(cursor)?,
    };
    pattern(cursor, &mut like)?;
    if matches!(what, What::Setting(_)) && (like.is_some() || !cursor.rest().is_empty()) {
        return Err(unknown(&start, word));
    }
    if let What::Methods { resource } = &what
        && resource.is_empty()
    {
        return Err(cursor.expected("IN and a resource").hint("SHOW METHODS IN provider.service.resource"));
    }
    cursor.finish()?;
    Ok(Show { extended, what, like })
}

fn plain(cursor: &mut Cursor<'_>, what: What) -> What {
    cursor.skip();
    what
}

fn setting(cursor: &mut Cursor<'_>) -> Result<What> {
    Ok(What::Setting(cursor.name("a setting", usize::MAX)?))
}

/// More than a name follows, so no setting was meant.
fn unknown(start: &Cursor<'_>, word: &str) -> Error {
    let error = start.error(format!("there is no SHOW {}", word.to_uppercase()));
    match nearest(word, SHOWN.iter().copied()) {
        Some(near) => error.hint(format!("did you mean SHOW {near}?")),
        None => error.hint(what_there_is()),
    }
}

fn what_there_is() -> String {
    format!("SHOW {}, or a setting", SHOWN.join(", "))
}

/// `[LIKE 'x'] [IN|FROM a.b] [LIKE 'x']`, after one word.
fn within(cursor: &mut Cursor<'_>, like: &mut Option<String>, what: &str, parts: usize) -> Result<Vec<Ident>> {
    cursor.skip();
    pattern(cursor, like)?;
    if cursor.take_one_of(&["IN", "FROM"]) { cursor.name(what, parts) } else { Ok(Vec::new()) }
}

fn pattern(cursor: &mut Cursor<'_>, like: &mut Option<String>) -> Result<()> {
    let start = *cursor;
    if !cursor.take_word("LIKE") {
        return Ok(());
    }
    match like.replace(cursor.string("a pattern in single quotes")?) {
        None => Ok(()),
        Some(_) => Err(start.error("LIKE is given twice")),
    }
}

/// SHOW INSERT [EXTENDED] [INTO] t [(a, b)]
fn insert(cursor: &mut Cursor<'_>, extended: &mut bool) -> Result<What> {
    cursor.skip();
    *extended |= cursor.take_word("EXTENDED");
    cursor.take_word("INTO");
    let table = cursor.name("a table", 3)?;
    let mut columns = Vec::new();
    if cursor.take(&Token::LParen) {
        loop {
            columns.push(cursor.ident("a column")?);
            if cursor.take(&Token::RParen) {
                break;
            }
            if !cursor.take(&Token::Comma) {
                return Err(cursor.expected(", or )"));
            }
        }
    }
    Ok(What::Insert { table, columns, required_only: cursor.has_directive("REQUIRED") })
}

fn auth(cursor: &mut Cursor<'_>) -> Result<What> {
    cursor.skip();
    cursor.take_one_of(&["IN", "FROM"]);
    let named = !cursor.rest().is_empty() && !cursor.is_word("LIKE");
    Ok(What::Auth { provider: if named { Some(cursor.ident("a provider")?) } else { None } })
}

/// DESCRIBE or DESC; the word has been read.
pub(super) fn describe(cursor: &mut Cursor<'_>) -> Result<Describe> {
    let mut extended = keyword(cursor, "EXTENDED");
    let method = keyword(cursor, "METHOD");
    if method {
        extended |= keyword(cursor, "EXTENDED");
    } else {
        keyword(cursor, "TABLE");
    }
    let start = *cursor;
    if !method && let Some(Token::SingleQuotedString(file)) = cursor.peek(0) {
        let name = Ident::with_quote('\'', file.clone());
        cursor.skip();
        cursor.finish()?;
        return Ok(Describe { extended, what: Described::Table(vec![name]) });
    }
    let name = cursor.name(if method { "a method" } else { "a table" }, if method { 4 } else { 3 });
    let name = name.map_err(|error| match (method, start.peek(1)) {
        (false, Some(Token::Period)) => error.hint("a method is described with DESCRIBE METHOD"),
        _ => error,
    })?;
    cursor.finish()?;
    if method && name.len() < 2 {
        return Err(start.error("a method is named with its resource").hint("DESCRIBE METHOD resource.method"));
    }
    Ok(Describe { extended, what: if method { Described::Method(name) } else { Described::Table(name) } })
}

/// A keyword that a name follows; a table may be called `method`.
fn keyword(cursor: &mut Cursor<'_>, word: &str) -> bool {
    matches!(cursor.peek(1), Some(Token::Word(_) | Token::SingleQuotedString(_))) && cursor.take_word(word)
}

/// USE; the word has been read.
pub(super) fn use_(cursor: &mut Cursor<'_>) -> Result<Statement> {
    let name = cursor.name("a provider, or provider.service", 2)?;
    cursor.finish()?;
    Ok(Statement::Use(name))
}

/// SET name = value or SET name TO value; the word has been read.
pub(super) fn set(cursor: &mut Cursor<'_>) -> Result<Statement> {
    let name = cursor.name("a setting", usize::MAX)?;
    if !(cursor.take(&Token::Eq) || cursor.take_word("TO")) {
        return Err(cursor.expected(&format!("= after {}", dotted(&name))).hint("SET name = value"));
    }
    let value = match (cursor.peek(0), cursor.rest().len()) {
        (None, _) => return Err(cursor.expected("a value").hint("RESET name brings the default back")),
        // A bare word such as `on` is a value here, reserved or not.
        (Some(Token::Word(word)), 1) if !is_literal(&word.value) => Expr::Identifier(cursor.ident("a value")?),
        (_, length) => cursor
            .expression(length, THE_END)
            .map_err(|error| error.hint("values other than numbers and single words stand in single quotes"))?,
    };
    Ok(Statement::Set { name, value })
}

fn is_literal(word: &str) -> bool {
    ["true", "false", "null"].iter().any(|literal| word.eq_ignore_ascii_case(literal))
}

fn dotted(name: &[Ident]) -> String {
    name.iter().map(ToString::to_string).collect::<Vec<_>>().join(".")
}

/// RESET name; the word has been read.
pub(super) fn reset(cursor: &mut Cursor<'_>) -> Result<Statement> {
    let name = cursor.name("a setting", usize::MAX)?;
    cursor.finish()?;
    Ok(Statement::Reset { name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse;

    fn shown(text: &str) -> Show {
        match parse(text) {
            Ok(Statement::Show(show)) => show,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn described(text: &str) -> (bool, bool, String) {
        match parse(text) {
            Ok(Statement::Describe(Describe { extended, what: Described::Table(name) })) => {
                (extended, false, dotted(&name))
            }
            Ok(Statement::Describe(Describe { extended, what: Described::Method(name) })) => {
                (extended, true, dotted(&name))
            }
            other => panic!("{text}: {other:?}"),
        }
    }

    fn refused(text: &str) -> String {
        parse(text).expect_err(text).to_string()
    }

    #[test]
    fn show_keeps_dots_and_patterns() {
        let What::Methods { resource } = shown("SHOW METHODS IN a.b.c").what else { panic!("no methods") };
        assert_eq!(dotted(&resource), "a.b.c");
        for text in ["SHOW SERVICES IN p LIKE 'x%'", "show services like 'x%' from p"] {
            let show = shown(text);
            let What::Services { provider: Some(provider) } = show.what else { panic!("no provider") };
            assert_eq!((provider.value.as_str(), show.like.as_deref()), ("p", Some("x%")));
        }
        let show = shown("SHOW EXTENDED RESOURCES IN p.s");
        assert!(show.extended && matches!(show.what, What::Resources { service } if service.len() == 2));
        assert_eq!(shown("SHOW PROVIDERS LIKE 'c%'").like.as_deref(), Some("c%"));
        assert!(matches!(shown("SHOW SERVICES").what, What::Services { provider: None }));
        assert!(matches!(shown("SHOW TABLES").what, What::Tables { within } if within.is_empty()));
    }

    #[test]
    fn show_insert_reads_columns_and_the_directive() {
        let show = shown("SHOW INSERT /*+ REQUIRED */ INTO p.s.t(a, \"b c\")");
        let What::Insert { table, columns, required_only } = show.what else { panic!("no insert") };
        assert_eq!((dotted(&table), dotted(&columns), required_only), ("p.s.t".into(), "a.\"b c\"".into(), true));
        let show = shown("SHOW EXTENDED INSERT INTO t");
        assert!(show.extended && matches!(show.what, What::Insert { required_only: false, .. }));
    }

    #[test]
    fn settings_versions_and_logins_are_shown() {
        assert_eq!(
            shown("SHOW weir.max_requests").what,
            What::Setting(vec![Ident::new("weir"), Ident::new("max_requests")])
        );
        assert!(matches!(shown("SHOW insert.batch").what, What::Setting(name) if name.len() == 2));
        assert_eq!(shown("SHOW ALL").what, What::Settings);
        assert_eq!(shown("SHOW EXTENDED VERSION").what, What::Version);
        assert!(matches!(shown("SHOW AUTH okta").what, What::Auth { provider: Some(p) } if p.value == "okta"));
        assert_eq!(shown("SHOW AUTH").what, What::Auth { provider: None });
    }

    #[test]
    fn show_says_what_it_does_not_understand() {
        assert_eq!(
            refused("SHOW METHODS"),
            "line 1, column 13: expected IN and a resource, found the end of the statement"
        );
        assert_eq!(refused("SHOW SERVICES IN a.b"), "line 1, column 18: a provider has one part, this name has 2");
        let error = parse("SHOW SERVICE IN p").expect_err("no");
        assert_eq!(error.hint_text(), Some("did you mean SHOW SERVICES?"));
        assert_eq!(
            refused("SHOW SERVICES IN p LIKE x"),
            "line 1, column 25: expected a pattern in single quotes, found x"
        );
        assert_eq!(refused("SHOW PROVIDERS now"), "line 1, column 16: expected the end of the statement, found now");
        assert!(refused("SHOW TRANSACTION ISOLATION LEVEL").contains("no transactions"));
        assert!(refused("SHOW SERVICES LIKE 'a' IN p LIKE 'b'").contains("twice"));
        assert!(refused("SHOW").contains("expected what to show"));
    }

    #[test]
    fn describe_takes_its_words_in_any_order() {
        assert_eq!(described("DESCRIBE a.b.c"), (false, false, "a.b.c".into()));
        assert_eq!(described("desc extended t"), (true, false, "t".into()));
        for text in ["DESCRIBE METHOD EXTENDED t.m", "DESCRIBE EXTENDED METHOD t.m"] {
            assert_eq!(described(text), (true, true, "t.m".into()));
        }
        assert_eq!(described("DESCRIBE TABLE t"), (false, false, "t".into()));
        assert_eq!(described("DESCRIBE method"), (false, false, "method".into()));
        assert_eq!(described("DESCRIBE 'f.csv'"), (false, false, "'f.csv'".into()));
        assert!(refused("DESCRIBE METHOD m").contains("with its resource"));
        assert!(refused("DESCRIBE a.b.c.d").contains("at most 3 parts"));
        assert!(refused("DESCRIBE").contains("expected a table"));
    }

    #[test]
    fn use_set_and_reset_keep_their_names() {
        assert!(matches!(parse("USE a.b"), Ok(Statement::Use(name)) if name.len() == 2));
        assert!(parse("USE a.b.c").is_err());
        for (text, expected) in [
            ("SET a.b = 5", "5"),
            ("SET a.b TO on", "on"),
            ("SET a.b = 'x y'", "'x y'"),
            ("SET a.b = true", "true"),
            ("SET a.b = -1", "-1"),
        ] {
            let Ok(Statement::Set { name, value }) = parse(text) else { panic!("{text}") };
            assert_eq!((dotted(&name).as_str(), value.to_string().as_str()), ("a.b", expected));
        }
        assert!(matches!(parse("SET a = true"), Ok(Statement::Set { value: Expr::Value(_), .. })));
        assert!(matches!(parse("RESET a.b"), Ok(Statement::Reset { name }) if name.len() == 2));
        assert_eq!(refused("SET a"), "line 1, column 6: expected = after a, found the end of the statement");
        assert_eq!(refused("SET a = 30 s"), "line 1, column 12: expected the end of the statement, found s");
    }
}
