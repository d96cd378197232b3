//! The statements that weir knows, as they were said.
//! Data only: expressions and queries stay sqlparser's trees, with names unresolved and spans relative to the
//! statement's text.

use datafusion::sql::parser::Statement as DfStatement;
use sqlparser::ast::{self, Expr, Ident, ObjectName};

/// One statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// SELECT, WITH, VALUES, TABLE. Holds no write anywhere within it.
    Query(Box<ast::Query>),
    /// CREATE TABLE, VIEW, EXTERNAL TABLE; DROP TABLE, VIEW; COPY .. TO: the session's own tables and files.
    Local(Box<DfStatement>),
    /// INSERT INTO.
    Insert(Insert),
    /// UPDATE: some properties of a thing.
    Update(Change),
    /// REPLACE: the whole of a thing.
    Replace(Change),
    /// DELETE FROM.
    Delete(Delete),
    /// EXEC of a method that is no row operation.
    Exec(Exec),
    /// SHOW.
    Show(Show),
    /// DESCRIBE.
    Describe(Describe),
    /// USE `provider[.service]`.
    Use(Vec<Ident>),
    /// SET name = value.
    Set {
        /// The setting, dots kept as parts.
        name: Vec<Ident>,
        /// Its value; a bare word is an identifier.
        value: Expr,
    },
    /// RESET name.
    Reset {
        /// The setting, dots kept as parts.
        name: Vec<Ident>,
    },
    /// EXPLAIN of any statement but another EXPLAIN.
    Explain(Explain),
    /// ASSERT: stops a script when the condition is not true.
    Assert {
        /// What must be true.
        condition: Box<Expr>,
        /// What to say when it is not.
        message: Option<String>,
    },
}

impl Statement {
    /// Whether it is a write: a request that changes something, or may.
    pub fn is_write(&self) -> bool {
        matches!(
            self,
            Statement::Insert(_)
                | Statement::Update(_)
                | Statement::Replace(_)
                | Statement::Delete(_)
                | Statement::Exec(_)
        )
    }

    /// The names of its columns as they are typed, where each is named in its SELECT.
    pub fn column_names(&self) -> Option<Vec<String>> {
        let Statement::Query(query) = self else { return None };
        let ast::SetExpr::Select(select) = query.body.as_ref() else { return None };
        let name = |item: &ast::SelectItem| match item {
            ast::SelectItem::ExprWithAlias { alias: name, .. }
            | ast::SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.value.clone()),
            _ => None,
        };
        select.projection.iter().map(name).collect()
    }

    /// Whether it may answer with rows when it is run; what a method gives is not known before.
    pub fn may_have_rows(&self) -> bool {
        match self {
            Statement::Query(_)
            | Statement::Show(_)
            | Statement::Describe(_)
            | Statement::Explain(_)
            | Statement::Exec(_) => true,
            Statement::Insert(insert) => insert.returning.is_some(),
            Statement::Update(change) | Statement::Replace(change) => change.returning.is_some(),
            Statement::Delete(delete) => delete.returning.is_some(),
            Statement::Local(_)
            | Statement::Use(_)
            | Statement::Set { .. }
            | Statement::Reset { .. }
            | Statement::Assert { .. } => false,
        }
    }

    /// The keyword that the statement begins with, for messages and the journal.
    pub fn verb(&self) -> &'static str {
        match self {
            Statement::Query(_) => "SELECT",
            Statement::Local(statement) => match statement.as_ref() {
                DfStatement::CopyTo(_) => "COPY",
                DfStatement::Statement(s) if matches!(s.as_ref(), ast::Statement::Drop { .. }) => "DROP",
                _ => "CREATE",
            },
            Statement::Insert(_) => "INSERT",
            Statement::Update(_) => "UPDATE",
            Statement::Replace(_) => "REPLACE",
            Statement::Delete(_) => "DELETE",
            Statement::Exec(_) => "EXEC",
            Statement::Show(_) => "SHOW",
            Statement::Describe(_) => "DESCRIBE",
            Statement::Use(_) => "USE",
            Statement::Set { .. } => "SET",
            Statement::Reset { .. } => "RESET",
            Statement::Explain(_) => "EXPLAIN",
            Statement::Assert { .. } => "ASSERT",
        }
    }
}

/// INSERT INTO table (columns) source RETURNING ..
#[derive(Debug, Clone, PartialEq)]
pub struct Insert {
    /// What to insert into.
    pub table: ObjectName,
    /// The name it has in RETURNING, if given.
    pub alias: Option<Ident>,
    /// The columns, each once; empty when none were named.
    pub columns: Vec<Ident>,
    /// The rows; `None` for DEFAULT VALUES.
    pub source: Option<Box<ast::Query>>,
    /// What to show of the answers.
    pub returning: Option<Vec<ast::SelectItem>>,
    /// `/*+ AWAIT */`: the statement ends when its effect has settled.
    pub awaits: bool,
}

/// UPDATE or REPLACE table SET .. FROM .. WHERE .. RETURNING ..
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What to change.
    pub table: ObjectName,
    /// The name it has in the statement, if given.
    pub alias: Option<Ident>,
    /// Columns, each once, with their new values.
    pub assignments: Vec<(Ident, Expr)>,
    /// Other relations to read from.
    pub from: Vec<ast::TableWithJoins>,
    /// Which rows.
    pub selection: Option<Expr>,
    /// What to show of the answers.
    pub returning: Option<Vec<ast::SelectItem>>,
    /// `/*+ AWAIT */`: the statement ends when its effect has settled.
    pub awaits: bool,
}

/// DELETE FROM table USING .. WHERE .. RETURNING ..
#[derive(Debug, Clone, PartialEq)]
pub struct Delete {
    /// What to delete from.
    pub table: ObjectName,
    /// The name it has in the statement, if given.
    pub alias: Option<Ident>,
    /// Other relations to read from.
    pub using: Vec<ast::TableWithJoins>,
    /// Which rows.
    pub selection: Option<Expr>,
    /// What to show of the answers.
    pub returning: Option<Vec<ast::SelectItem>>,
    /// `/*+ AWAIT */`: the statement ends when its effect has settled.
    pub awaits: bool,
}

/// EXEC method @name = value, .. @@json = value FROM ..
#[derive(Debug, Clone, PartialEq)]
pub struct Exec {
    /// The method's name, one to four parts.
    pub method: Vec<Ident>,
    /// The arguments in the order given, each name once.
    pub arguments: Vec<Argument>,
    /// The whole body, as JSON text.
    pub json: Option<Expr>,
    /// `FROM ..`: one call for each of its rows; as `SELECT * FROM ..`.
    pub source: Option<Box<ast::Query>>,
    /// `/*+ AWAIT */`: the statement ends when its effect has settled.
    pub awaits: bool,
}

/// One `@name = value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Argument {
    /// The name without `@`.
    pub name: Ident,
    /// The value.
    pub value: Expr,
}

/// `SHOW [EXTENDED] what [LIKE pattern]`
#[derive(Debug, Clone, PartialEq)]
pub struct Show {
    /// With the further columns.
    pub extended: bool,
    /// What to show.
    pub what: What,
    /// Only names like this.
    pub like: Option<String>,
}

/// What SHOW can show.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// The providers.
    Providers,
    /// The services of a provider, or of the one in use.
    Services {
        /// The provider, if named.
        provider: Option<Ident>,
    },
    /// The resources of a service.
    Resources {
        /// `provider.service`, `service`, or empty for the one in use.
        service: Vec<Ident>,
    },
    /// The methods of a resource.
    Methods {
        /// One to three parts.
        resource: Vec<Ident>,
    },
    /// An INSERT to fill in.
    Insert {
        /// The table.
        table: Vec<Ident>,
        /// Only these columns; empty for all.
        columns: Vec<Ident>,
        /// Only what must be given (`/*+ REQUIRED */`).
        required_only: bool,
    },
    /// Who is logged in, at one provider or all.
    Auth {
        /// The provider, if named.
        provider: Option<Ident>,
    },
    /// The program's version.
    Version,
    /// The tables and views there are.
    Tables {
        /// Only those in this catalog and schema; empty for all.
        within: Vec<Ident>,
    },
    /// The functions there are.
    Functions,
    /// One setting.
    Setting(Vec<Ident>),
    /// All settings.
    Settings,
}

/// `DESCRIBE [EXTENDED] what`
#[derive(Debug, Clone, PartialEq)]
pub struct Describe {
    /// With the further columns.
    pub extended: bool,
    /// What to describe.
    pub what: Described,
}

/// What DESCRIBE can describe.
#[derive(Debug, Clone, PartialEq)]
pub enum Described {
    /// A table, by a name of one to three parts.
    Table(Vec<Ident>),
    /// A method, by a name of two to four parts.
    Method(Vec<Ident>),
}

/// `EXPLAIN [ANALYZE] [VERBOSE] statement`
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    /// Run it and say what it took.
    pub analyze: bool,
    /// Show all plans.
    pub verbose: bool,
    /// What to explain.
    pub inner: Box<Statement>,
}
