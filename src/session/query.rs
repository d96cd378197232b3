//! Reads and the session's own tables: a query becomes a plan, the plan a stream of rows.

use arrow::array::RecordBatch;
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::{CopyToSource, Statement as DfStatement};
use sqlparser::ast::{self, Expr, Ident, ObjectType, Query, SelectItem, SetExpr};
use std::sync::Arc;

use super::copied::Whole;
use super::engine::text_of;
use super::export::Export;
use super::{Answer, Rows, Run, Session};
use crate::error::{Error, Kind, Result};
use crate::plan::{self, Spelling, StatementContext, rewrite, subject, unwrap};
use crate::registry::Resource;
use crate::sql::{self, Statement};

/// A query that is planned, and nothing sent for it.
pub(super) struct Planned {
    pub(super) context: SessionContext,
    pub(super) logical: LogicalPlan,
    answers: Arc<StatementContext>,
    spelling: Spelling,
}

/// A table that takes the place of a statement's first relation.
pub(super) struct Instead {
    /// Whose columns its names are.
    pub(super) names: Arc<Resource>,
    /// Its name in the engine.
    pub(super) table: ast::ObjectName,
    /// Where it stands there.
    pub(super) catalog: (&'static str, Arc<dyn datafusion::catalog::CatalogProvider>),
}

impl Instead {
    /// The first relation of FROM becomes this table.
    fn put_into(&self, statement: &mut DfStatement) {
        if let DfStatement::Statement(inner) = statement
            && let ast::Statement::Query(query) = inner.as_mut()
            && let SetExpr::Select(select) = query.body.as_mut()
            && let Some(ast::TableFactor::Table { name, .. }) = select.from.first_mut().map(|f| &mut f.relation)
        {
            *name = self.table.clone();
        }
    }
}

impl Session {
    pub(super) async fn query(&self, run: &Run, mut query: Query) -> Result<Answer> {
        plan::name_as_typed(&mut query);
        let rows = self.rows_of(run, query).await?;
        Ok(Answer::rows(run, rows))
    }

    /// The rows of a query.
    pub(super) async fn rows_of(&self, run: &Run, query: Query) -> Result<Rows> {
        let planned = self.plan(run, statement_of(query)).await?;
        self.rows_planned(run, &planned).await
    }

    /// The rows of a query that is planned.
    pub(super) async fn rows_planned(&self, run: &Run, planned: &Planned) -> Result<Rows> {
        let physical = planned.physical().await?;
        let stream = execute_stream(physical, planned.context.task_ctx()).map_err(unwrap)?;
        Ok(Rows::of(stream, &run.context))
    }

    /// The rows of a query over one table that only it sees.
    pub(super) async fn rows_over(
        &self,
        run: &Run,
        query: Query,
        name: &str,
        table: Arc<dyn datafusion::catalog::TableProvider>,
    ) -> Result<Rows> {
        let whole = self.engine.context(run, Arc::default(), false)?;
        let context = self.engine.alone(whole.copied_config(), whole.runtime_env());
        context.register_table(name, table).map_err(unwrap)?;
        let mut identifiers = query.clone();
        let spelling = rewrite(&mut identifiers, &[]);
        let logical = context.state().statement_to_plan(statement_of(query)).await;
        let logical = logical.map_err(|e| located(e, &spelling))?;
        let planned = Planned { logical, context, answers: run.context.clone(), spelling };
        let physical = planned.physical().await?;
        let stream = execute_stream(physical, planned.context.task_ctx()).map_err(unwrap)?;
        Ok(Rows::of(stream, &run.context))
    }

    /// Resolves names and plans. Sends nothing.
    pub(super) async fn plan(&self, run: &Run, statement: DfStatement) -> Result<Planned> {
        self.plan_with(run, statement, None).await
    }

    /// The same, the first relation of the statement replaced by a table that only it sees.
    pub(super) async fn plan_with(
        &self,
        run: &Run,
        mut statement: DfStatement,
        instead: Option<Instead>,
    ) -> Result<Planned> {
        let (spelling, files) = self.respell(run, &mut statement, instead.as_ref())?;
        if let Some(instead) = &instead {
            instead.put_into(&mut statement);
        }
        let context = self.engine.context(run, Arc::new(spelling.shown.clone()), files)?;
        if let Some(Instead { catalog: (name, catalog), .. }) = instead {
            context.register_catalog(name, catalog);
        }
        let planned = context.state().statement_to_plan(statement).await;
        let logical = planned.map_err(|e| located(e, &spelling))?;
        Ok(Planned { context, logical, answers: run.context.clone(), spelling })
    }

    /// Resolves tables and columns of a statement; tells whether it may read files by name.
    fn respell(&self, run: &Run, statement: &mut DfStatement, instead: Option<&Instead>) -> Result<(Spelling, bool)> {
        let (spelling, files) = match statement {
            DfStatement::Statement(inner) => self.respell_node(run, inner.as_mut(), instead)?,
            DfStatement::CopyTo(copy) => match &mut copy.source {
                CopyToSource::Query(query) => self.respell_node(run, query.as_mut(), None)?,
                CopyToSource::Relation(name) => {
                    let parts = plan::idents(name);
                    let own = |name: &Ident| self.engine.own_tables().contains(&plan::folded(name));
                    if !matches!(parts.as_slice(), [name] if own(name)) {
                        let resource = self.with_names(|names| names.resource(&parts))?;
                        if !resource.views.is_empty() {
                            return Err(Error::statement(format!("{} is a view", resource.full_name()))
                                .hint(format!("COPY (SELECT * FROM {name}) TO ...")));
                        }
                    }
                    (Spelling::default(), true)
                }
            },
            _ => (Spelling::default(), true),
        };
        if spelling.touches_secrets || run.context.own_secrets {
            run.context.hide_values();
        }
        for secret in &spelling.secrets {
            run.context.redactor.learn(secret);
        }
        Ok((spelling, files))
    }

    fn respell_node<T: ast::VisitMut + ast::Visit>(
        &self,
        run: &Run,
        node: &mut T,
        instead: Option<&Instead>,
    ) -> Result<(Spelling, bool)> {
        plan::respell_from(node);
        let mut found = self.with_names(|names| match instead {
            None => names.resolve(node),
            Some(_) => names.resolve_instead(node),
        })?;
        if found.resources.iter().any(|resource| is_over_https(run, resource)) {
            run.context.client.get_ready();
        }
        found.resources.extend(instead.map(|i| i.names.clone()));
        // A table that is nothing but a view has names of its own for its columns.
        found.resources.extend(found.views.iter().filter(|view| view.methods.is_empty()).cloned());
        let mut spelling = rewrite(node, &found.resources);
        spelling.views = found.views;
        Ok((spelling, found.files))
    }

    /// CREATE, DROP and COPY. COPY reads and writes files; the rest changes the session's own tables.
    pub(super) async fn local(&self, run: &Run, statement: DfStatement) -> Result<Answer> {
        if let DfStatement::Statement(inner) = &statement
            && let ast::Statement::Drop { object_type, .. } = inner.as_ref()
            && !matches!(object_type, ObjectType::Table | ObjectType::View)
        {
            return Err(Error::statement(format!("DROP {object_type} is not supported")));
        }
        if let Some(export) = Export::of(&statement)? {
            return Box::pin(self.export(run, export)).await;
        }
        let planned = self.plan(run, statement).await?;
        let copied = matches!(planned.logical, LogicalPlan::Copy(_));
        if (planned.spelling.touches_secrets || run.context.own_secrets) && !copied {
            self.own_secrets.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        let Planned { context, logical, spelling, .. } = planned;
        let mut logical = plan::without_unions(logical)?;
        let whole = match &mut logical {
            LogicalPlan::Copy(copy) => Whole::instead_of(copy)?,
            _ => None,
        };
        let frame = context.execute_logical_plan(logical).await.map_err(|e| located(e, &spelling))?;
        let batches = Rows::of(frame.execute_stream().await.map_err(unwrap)?, &run.context).collect().await?;
        whole.map_or(Ok(()), Whole::commit)?;
        let count = if copied { counted(&batches) } else { None };
        let message = count.map_or_else(|| "done".to_owned(), written);
        Ok(Answer::done(run, message))
    }

    /// The one value of an expression, as text.
    pub(super) async fn scalar(&self, run: &Run, value: Expr) -> Result<String> {
        let batch = self.evaluate(run, vec![value]).await?;
        text_of(&ScalarValue::try_from_array(batch.column(0), 0).map_err(unwrap)?)
    }

    /// Plans the values of some expressions.
    pub(super) async fn plan_values(&self, run: &Run, values: Vec<Expr>) -> Result<Planned> {
        let items = values.into_iter().enumerate();
        let items = items.map(|(i, expr)| SelectItem::ExprWithAlias { expr, alias: Ident::new(format!("c{i}")) });
        self.plan(run, statement_of(select_of(items.collect())?)).await
    }

    /// One row with the values of some expressions.
    pub(super) async fn evaluate(&self, run: &Run, values: Vec<Expr>) -> Result<RecordBatch> {
        let planned = self.plan_values(run, values).await?;
        let rows = self.rows_planned(run, &planned).await?;
        let schema = rows.schema().clone();
        let batches = rows.collect().await?;
        let batch = arrow::compute::concat_batches(&schema, &batches)
            .map_err(|e| Error::new(Kind::Internal, format!("values could not be read: {e}")))?;
        if batch.num_rows() == 1 {
            return Ok(batch);
        }
        Err(Error::statement("an expression here must have exactly one value"))
    }

    /// Rows of a query in SQL that weir wrote itself.
    pub(super) async fn rows_of_sql(&self, run: &Run, text: &str) -> Result<Rows> {
        match sql::parse(text)? {
            Statement::Query(query) => self.rows_of(run, *query).await,
            _ => Err(Error::new(Kind::Internal, format!("not a query: {text}"))),
        }
    }
}

impl Planned {
    /// The physical plan. Requests are checked now, and sent when it runs.
    pub(super) async fn physical(&self) -> Result<Arc<dyn ExecutionPlan>> {
        let state = self.context.state();
        let plan = state.create_physical_plan(&self.logical).await;
        let plan = plan.map_err(|e| located(e, &self.spelling))?;
        if plan::reads_twice(&plan) {
            self.answers.answers.share(&self.context.runtime_env().memory_pool);
        }
        Ok(plan)
    }
}

/// Whether requests for the resource go over https: to another base URL, where one is set, or to the document's.
fn is_over_https(run: &Run, resource: &Resource) -> bool {
    let base_url = run.context.base_url(&resource.provider).ok().flatten();
    base_url.is_none_or(|url| url.starts_with("https"))
}

/// An engine's error with the place of the identifier it is about.
fn located(error: datafusion::error::DataFusionError, spelling: &Spelling) -> Error {
    let subject = subject(&error);
    let error = unwrap(error);
    let ident = subject.and_then(|name| {
        let matches = |i: &&Ident| i.value == name || plan::folded(i) == name;
        spelling.identifiers.iter().find(matches).and_then(plan::place)
    });
    match (ident, spelling.views.as_slice()) {
        (Some(place), _) => error.at(place),
        (None, [view, ..]) => {
            let full = view.full_name();
            let told = Error::new(error.kind(), format!("{} (in or around the view {full})", error.message()));
            let hint = error
                .hint_text()
                .map_or_else(|| format!("SHOW EXTENDED METHODS IN {full} tells the view's query"), str::to_owned);
            told.hint(hint)
        }
        (None, []) => error,
    }
}

/// A query as the engine's statement.
pub(super) fn statement_of(query: Query) -> DfStatement {
    DfStatement::Statement(Box::new(ast::Statement::Query(Box::new(query))))
}

/// `SELECT items`
pub(super) fn select_of(items: Vec<SelectItem>) -> Result<Query> {
    let Statement::Query(mut query) = sql::parse("SELECT 1")? else {
        return Err(Error::new(Kind::Internal, "SELECT 1 is no query"));
    };
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = items;
    }
    Ok(*query)
}

/// What COPY says.
pub(super) fn written(count: u64) -> String {
    format!("{} written", crate::error::counted(count, "row"))
}

/// The count that COPY answers with.
fn counted(batches: &[RecordBatch]) -> Option<u64> {
    let batch = batches.first()?;
    let value = ScalarValue::try_from_array(batch.columns().first()?, 0).ok()?;
    text_of(&value).ok()?.parse().ok()
}
