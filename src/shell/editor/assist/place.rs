//! What may stand at a place of a statement, judged by the tokens before it. Reads tokens, never fails; which names there
//! are is not known here.

use super::tokens::{Kind, Token};
use super::words::{
    AFTER_TABLE, CHANGED, COMPARED, CONDITION, ENCLOSED, GROUPED, JOINED, OPERAND, OPERATORS, ORDERED, QUERIES, READ,
    SELECTED, SELECTING, SHOWN, STATEMENTS, WRITTEN,
};
use super::{CHANGES, explained};

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nothing that could be offered: a new name, a number.
    Nothing,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A table's name.
    Table,
    /// Columns, functions, and these words. In a WHERE what is still missing comes first.
    Expression { words: &'static [&'static str], filters: bool },
    /// What a write takes: `INSERT INTO t (`, `UPDATE t SET`.
    Taken,
    /// `provider.service.resource.method`
    Method,
    /// `@parameter`
    Argument,
    /// A provider, or provider and service.
    Schema,
    /// The value of a setting.
    Choice,
    /// A setting's name, or one of these words.
    Setting(&'static [&'static str]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clause {
    Start,
    Select,
    Tables,
    On,
    Where,
    Group,
    Order,
    Limit,
    Into,
    Inserted,
    Columns,
    Values,
    Target,
    Assign,
    Returning,
    Exec,
    Show,
    Within,
    Describe,
    Use,
    Setting,
    Create,
    Copy,
    CopyTo,
    With,
    Joined,
    Arguments,
}

/// What may stand behind these tokens of one statement.
pub fn place(tokens: &[Token<'_>]) -> Place {
    let mut clauses = vec![Clause::Start];
    for (i, token) in tokens.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| &tokens[i]);
        let current = *clauses.last().unwrap_or(&Clause::Start);
        if token.is_sign('(') {
            clauses.push(inside(current));
        } else if token.is_sign(')') {
            if clauses.len() > 1 {
                clauses.pop();
            }
            if let Some(last) = clauses.last_mut()
                && *last == Clause::Into
            {
                *last = Clause::Inserted;
            }
        } else if token.kind == Kind::Word
            && !before.is_some_and(|b| b.is_sign('.'))
            && let Some(last) = clauses.last_mut()
            && let Some(changed) = enters(*last, token, before)
        {
            *last = changed;
        }
    }
    let clause = *clauses.last().unwrap_or(&Clause::Start);
    let changes = clauses.len() == 1 && tokens.get(explained(tokens)).is_some_and(|t| t.is_one_of(CHANGES));
    match (clause, ends_operand(tokens)) {
        // Nothing is grouped or ordered in a change.
        (Clause::Tables, true) if changes => Place::Words(CHANGED),
        (Clause::Where, true) if changes => Place::Words(CONDITION),
        (clause, whole) => offered(clause, whole, tokens),
    }
}

/// The clause within a bracket.
fn inside(around: Clause) -> Clause {
    match around {
        Clause::Into => Clause::Columns,
        Clause::Values => Clause::Values,
        Clause::Tables | Clause::With | Clause::Copy | Clause::Create => Clause::Start,
        _ => Clause::Arguments,
    }
}

/// The clause that a word begins, if it begins one.
fn enters(current: Clause, token: &Token<'_>, before: Option<&Token<'_>>) -> Option<Clause> {
    let word = token.text.to_ascii_uppercase();
    let first = current == Clause::Start;
    Some(match word.as_str() {
        "SELECT" => Clause::Select,
        "FROM" if current == Clause::Arguments || before.is_some_and(|b| b.is("DISTINCT")) => return None,
        "FROM" | "IN" if current == Clause::Show => Clause::Within,
        "FROM" | "JOIN" => Clause::Tables,
        "ON" => Clause::On,
        "WHERE" | "HAVING" | "QUALIFY" | "ASSERT" => Clause::Where,
        "GROUP" => Clause::Group,
        "ORDER" => Clause::Order,
        "LIMIT" | "OFFSET" => Clause::Limit,
        "INTO" => Clause::Into,
        "VALUES" => Clause::Values,
        "RETURNING" => Clause::Returning,
        "UNION" | "INTERSECT" | "EXCEPT" => Clause::Joined,
        "SET" if current == Clause::Target => Clause::Assign,
        "SET" | "RESET" if first => Clause::Setting,
        "UPDATE" | "REPLACE" if first => Clause::Target,
        "EXEC" | "EXECUTE" | "CALL" if first => Clause::Exec,
        "SHOW" if first => Clause::Show,
        "DESCRIBE" | "DESC" if first => Clause::Describe,
        "USE" if first => Clause::Use,
        "CREATE" | "DROP" if first => Clause::Create,
        "AS" if current == Clause::Create => Clause::Start,
        "COPY" if first => Clause::Copy,
        "TO" if current == Clause::Copy => Clause::CopyTo,
        "WITH" if first => Clause::With,
        _ => return None,
    })
}

/// Whether the tokens end with a whole value or name.
fn ends_operand(tokens: &[Token<'_>]) -> bool {
    let Some(last) = tokens.last() else { return false };
    match last.kind {
        Kind::Word => !last.is_one_of(OPERATORS),
        Kind::Name | Kind::String | Kind::Number | Kind::Parameter => true,
        Kind::Sign if last.is_sign('*') => {
            tokens.len() > 1 && {
                let before = &tokens[tokens.len() - 2];
                before.is_one_of(&["SELECT", "DISTINCT"]) || before.is_sign('.') || before.is_sign(',')
            }
        }
        Kind::Sign => last.is_sign(')'),
        Kind::Comment | Kind::Semicolon => false,
    }
}

fn offered(clause: Clause, whole: bool, tokens: &[Token<'_>]) -> Place {
    let last = |words: &[&str]| tokens.last().is_some_and(|t| t.is_one_of(words));
    let query = tokens.last().is_some_and(|t| t.is_sign('('));
    let comma = tokens.last().is_some_and(|t| t.is_sign(','));
    match (clause, whole) {
        _ if tokens.len() > 2 && last(&["AS"]) && tokens[tokens.len() - 2].is("STORED") => match clause {
            Clause::CopyTo => Place::Words(WRITTEN),
            _ => Place::Words(READ),
        },
        _ if last(&["AS"]) && !matches!(clause, Clause::Start | Clause::With) => Place::Nothing,
        (Clause::Start, _) => Place::Words(STATEMENTS),
        (Clause::Joined, _) => Place::Words(QUERIES),
        (Clause::With, true) if tokens.last().is_some_and(|t| t.is_sign(')')) => {
            Place::Words(&["SELECT", "INSERT INTO"])
        }
        (Clause::With | Clause::Returning, true) => Place::Words(&["AS"]),
        (Clause::Setting, _) if last(&["SET", "RESET"]) => Place::Setting(&[]),
        (Clause::Setting, false) if tokens.last().is_some_and(|t| t.is_sign('=') || t.is("TO")) => Place::Choice,
        (Clause::CopyTo, true) => Place::Words(&["STORED AS"]),
        (Clause::With | Clause::CopyTo | Clause::Setting, _)
        | (Clause::Limit, false)
        | (Clause::Columns | Clause::Describe | Clause::Use, true) => Place::Nothing,
        (Clause::Limit, true) => Place::Words(&["OFFSET", "UNION ALL"]),
        (Clause::Select, false) => Place::Expression { words: SELECTING, filters: false },
        (Clause::Select, true) => Place::Words(SELECTED),
        (Clause::Tables | Clause::Describe | Clause::Copy | Clause::Target | Clause::Into, false) => Place::Table,
        (Clause::Target, true) => Place::Words(&["SET"]),
        (Clause::Tables, true) => Place::Words(AFTER_TABLE),
        (Clause::Copy, true) => Place::Words(&["TO"]),
        (Clause::Into | Clause::Inserted, _) => Place::Words(&["VALUES", "SELECT", "WITH"]),
        (Clause::On, true) => Place::Words(JOINED),
        (Clause::Arguments, false) if query => {
            Place::Expression { words: &["SELECT", "DISTINCT", "CASE", "NULL"], filters: true }
        }
        (Clause::On | Clause::Where | Clause::Arguments, false) => Place::Expression { words: OPERAND, filters: true },
        (Clause::Where, true) => Place::Words(COMPARED),
        (Clause::Arguments, true) => Place::Words(ENCLOSED),
        (Clause::Group | Clause::Order, _) if last(&["GROUP", "ORDER"]) => Place::Words(&["BY"]),
        (Clause::Group, true) => Place::Words(GROUPED),
        (Clause::Order, true) => Place::Words(ORDERED),
        (Clause::Group | Clause::Order, false) => Place::Expression { words: &["CASE"], filters: false },
        (Clause::Columns, false) => Place::Taken,
        (Clause::Values, true) => Place::Words(&["RETURNING"]),
        (Clause::Values, false) => Place::Expression { words: &["NULL", "TRUE", "FALSE", "DEFAULT"], filters: false },
        (Clause::Assign, _) if comma || last(&["SET"]) => Place::Taken,
        (Clause::Assign, true) => Place::Words(&["WHERE", "FROM", "RETURNING"]),
        (Clause::Assign | Clause::Returning, false) => Place::Expression { words: OPERAND, filters: false },
        (Clause::Exec, false) if last(&["EXEC", "EXECUTE", "CALL"]) => Place::Method,
        (Clause::Exec, _) if value_follows(tokens) => {
            Place::Expression { words: &["NULL", "TRUE", "FALSE"], filters: false }
        }
        (Clause::Exec, _) => Place::Argument,
        (Clause::Show, _) if last(&["SHOW", "EXTENDED"]) => Place::Setting(SHOWN),
        (Clause::Show, _) => Place::Words(&["IN", "LIKE"]),
        (Clause::Within, false) if tokens.iter().any(|t| t.is_one_of(&["METHODS", "INSERT"])) => Place::Table,
        (Clause::Within | Clause::Use, false) => Place::Schema,
        (Clause::Within, true) => Place::Words(&["LIKE"]),
        (Clause::Create, _) => created(tokens),
    }
}

/// Behind CREATE and DROP.
fn created(tokens: &[Token<'_>]) -> Place {
    match tokens.last() {
        Some(t) if t.is_one_of(&["CREATE", "DROP"]) => Place::Words(&["TABLE", "VIEW", "OR REPLACE TABLE"]),
        Some(t) if t.is_one_of(&["TABLE", "VIEW"]) && tokens[0].is("DROP") => Place::Table,
        Some(t) if t.is_one_of(&["TABLE", "VIEW"]) => Place::Nothing,
        _ => Place::Words(&["AS"]),
    }
}

/// Whether an argument's `=` is the last of them.
fn value_follows(tokens: &[Token<'_>]) -> bool {
    tokens.last().is_some_and(|t| t.is_sign('='))
}
