//! A session that only checks: each statement is planned as far as that goes without a request. What changes the session
//! alone (USE, SET, its own tables) is done, a table of rows that would be read is made without rows, and nothing else is.

use datafusion::logical_expr::{CreateMemoryTable, DdlStatement, EmptyRelation, LogicalPlan};
use datafusion::sql::parser::Statement as DfStatement;
use sqlparser::ast::{Expr, Ident};
use std::sync::Arc;

use super::export::Export;
use super::query::{Planned, statement_of};
use super::writes::{Planning, Reads, check_extent};
use super::{Answer, Run, Session};
use crate::error::Result;
use crate::plan::{self, unwrap};
use crate::sql::Statement;

impl Session {
    /// Checks one statement. It is the only road of a session that only checks, so that nothing can be sent there.
    pub(super) async fn check(&self, run: &Run, statement: Statement) -> Result<Answer> {
        match statement {
            Statement::Query(mut query) => {
                plan::name_as_typed(&mut query);
                self.plan(run, statement_of(*query)).await?.physical().await?;
            }
            Statement::Local(statement) => self.check_local(run, *statement).await?,
            Statement::Show(show) => drop(self.show(run, &show).await?),
            Statement::Describe(describe) => drop(self.describe(run, &describe).await?),
            Statement::Explain(explain) => return Box::pin(self.check(run, *explain.inner)).await,
            Statement::Use(name) => drop(self.use_(run, &name)?),
            Statement::Set { name, value } => self.check_set(run, &name, value).await?,
            Statement::Reset { name } => drop(self.reset(run, &name)?),
            Statement::Assert { condition, .. } => drop(self.plan_assertion(run, *condition).await?),
            write => {
                if let Planning::Complete(write) = self.plan_write(run, write, Reads::Explain).await? {
                    check_extent(run, &write)?;
                }
            }
        }
        Ok(Answer::done(run, "checked"))
    }

    /// The session's own tables and views are made, so that later statements know them; rows are not read, and files
    /// are not written.
    async fn check_local(&self, run: &Run, statement: DfStatement) -> Result<()> {
        if let Some(export) = Export::of(&statement)? {
            return self.check_export(run, export).await;
        }
        let mut planned = self.plan(run, statement).await?;
        let whole = planned.logical.clone();
        let done = match whole {
            LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(table)) => {
                planned.logical = table.input.as_ref().clone();
                planned.physical().await?;
                let schema = table.input.schema().clone();
                let none = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema });
                LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(CreateMemoryTable { input: Arc::new(none), ..table }))
            }
            LogicalPlan::Copy(copy) => {
                planned.logical = copy.input.as_ref().clone();
                return planned.physical().await.map(drop);
            }
            other => other,
        };
        let Planned { context, .. } = planned;
        context.execute_logical_plan(plan::without_unions(done)?).await.map(drop).map_err(unwrap)
    }

    /// SET to what must be computed from tables is only planned: there are no rows to compute it from.
    async fn check_set(&self, run: &Run, name: &[Ident], value: Expr) -> Result<()> {
        if super::settings::plain(&value).is_some() {
            return self.set(run, name, value).await.map(drop);
        }
        self.setting(name)?;
        self.plan_values(run, vec![value]).await?.physical().await.map(drop)
    }
}
