//! EXPLAIN: the requests that a statement would send, secrets masked, and the plan behind them. Sends nothing, and
//! fails where the statement would be refused.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{ExecutionPlan, displayable, execute_stream};

use super::query::statement_of;
use super::show::ready;
use super::writes::{Planning, Reads, check_extent};
use super::{Answer, Rows, Run, Session};
use crate::error::{Error, Result};
use crate::plan::{CountExec, FetchExec, unwrap};
use crate::registry::{Known, Paging, PagingStyle, Source};
use crate::rows::to_json;
use crate::sql::{Explain, Statement};

/// EXPLAIN lists no more requests than this one by one.
const LISTED: usize = 20;

impl Session {
    pub(super) async fn explain(&self, run: &Run, explain: Explain) -> Result<Answer> {
        let verb = explain.inner.verb();
        let lines = match *explain.inner {
            Statement::Query(query) if explain.analyze => return self.analyze(run, *query, explain.verbose).await,
            _ if explain.analyze => {
                return Err(Error::statement(format!("EXPLAIN ANALYZE runs a statement, and does not run {verb}"))
                    .hint(format!("EXPLAIN {verb} ... shows what it would send")));
            }
            Statement::Query(query) => {
                let planned = self.plan(run, statement_of(*query)).await?;
                described(&planned.physical().await?)
            }
            Statement::Local(statement) => {
                let planned = self.plan(run, *statement).await?;
                let mut lines = vec!["EXPLAIN changes no table and writes no file.".to_owned()];
                lines.extend(planned.logical.display_indent().to_string().lines().map(str::to_owned));
                lines
            }
            Statement::Show(_) | Statement::Describe(_) => {
                vec!["Answered from the registry and the session: no request.".to_owned()]
            }
            Statement::Assert { condition, .. } => {
                let assertion = self.plan_assertion(run, *condition).await?;
                described(&assertion.planned().physical().await?)
            }
            Statement::Use(_) | Statement::Set { .. } | Statement::Reset { .. } => {
                vec![format!("{verb} changes only the session: no request of its own.")]
            }
            Statement::Explain(_) => return Err(Error::statement("EXPLAIN of EXPLAIN explains nothing")),
            write => match self.plan_write(run, write, Reads::Explain).await? {
                Planning::Complete(write) => {
                    check_extent(run, &write)?;
                    write.listed()
                }
                Planning::Reads(lines) => lines,
            },
        };
        let lines = lines.into_iter().map(|line| Some(run.context.redactor.clean(&line))).collect();
        Ok(Answer::rows(run, ready(vec![("plan", lines)])?))
    }

    async fn analyze(&self, run: &Run, query: sqlparser::ast::Query, verbose: bool) -> Result<Answer> {
        let mut planned = self.plan(run, statement_of(query)).await?;
        // The plan is made first, so that a statement that is refused fails instead of explaining its refusal.
        planned.physical().await?;
        let explained = LogicalPlanBuilder::from(planned.logical.clone()).explain(verbose, true);
        planned.logical = explained.and_then(LogicalPlanBuilder::build).map_err(unwrap)?;
        let physical = planned.physical().await?;
        let stream = execute_stream(physical, planned.context.task_ctx()).map_err(unwrap)?;
        let mut lines = Vec::new();
        for batch in Rows::of(stream, &run.context).collect().await? {
            for row in 0..batch.num_rows() {
                let text = to_json(batch.column(1).as_ref(), row)?;
                lines.extend(text.as_str().unwrap_or_default().lines().map(str::to_owned));
            }
        }
        let totals = run.context.client.log().totals(run.context.statement);
        lines.push(format!(
            "{} requests, {} retried, {} bytes, waited {:.3} s for limits and repetitions",
            totals.requests,
            totals.retried,
            totals.bytes,
            totals.waited.as_secs_f64()
        ));
        let lines = lines.into_iter().map(|line| Some(run.context.redactor.clean(&line))).collect();
        Ok(Answer::rows(run, ready(vec![("plan", lines)])?))
    }
}

/// Whether the plan sends requests.
pub(super) fn fetches(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let mut found = Vec::new();
    fetches_of(plan, &mut found);
    !found.is_empty()
}

fn fetches_of<'a>(plan: &'a Arc<dyn ExecutionPlan>, found: &mut Vec<&'a FetchExec>) {
    if let Some(fetch) = plan.downcast_ref::<FetchExec>().filter(|f| !f.description().given) {
        found.push(fetch);
    }
    if let Some(count) = plan.downcast_ref::<CountExec>() {
        found.push(count.scan());
    }
    for child in plan.children() {
        fetches_of(child, found);
    }
}

/// Requests, filters and plan of a read.
pub(super) fn described(plan: &Arc<dyn ExecutionPlan>) -> Vec<String> {
    let mut fetches = Vec::new();
    fetches_of(plan, &mut fetches);
    let mut lines = vec!["Requests".to_owned()];
    if fetches.is_empty() {
        lines.push("  none".to_owned());
    }
    for fetch in &fetches {
        for request in fetch.requests().iter().take(LISTED) {
            let line = format!("  {request}{}", pages(fetch));
            // An equal read elsewhere in the statement shares its answer.
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        match fetch.requests().len() {
            0 => lines.push(format!("  none: nothing in {} can match", fetch.description().resource.full_name())),
            n if n > LISTED => lines.push(format!("  and {} more", n - LISTED)),
            _ => {}
        }
    }
    lines.push(format!("Expected: {}", expected(plan, &fetches)));
    for line in fetches.iter().filter_map(|fetch| paging(&fetch.description().paging())) {
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let filters: Vec<&String> = fetches.iter().flat_map(|f| &f.description().shown_filters).collect();
    if !filters.is_empty() {
        lines.push("Filters".to_owned());
        lines.extend(filters.into_iter().map(|f| format!("  {f}")));
    }
    lines.extend(order_and_limit(plan, &fetches));
    lines.push("Plan".to_owned());
    lines.extend(displayable(plan.as_ref()).indent(false).to_string().lines().map(|line| format!("  {line}")));
    lines
}

/// How many requests, as far as it can be known before the first.
fn expected(plan: &Arc<dyn ExecutionPlan>, fetches: &[&FetchExec]) -> String {
    let mut certain = HashSet::new();
    let mut known = true;
    for fetch in fetches {
        let sets = fetch.requests().len();
        let whole = fetch.description().paging().style == PagingStyle::Whole;
        let one_page = whole
            || fetch
                .description()
                .wanted(fetch.fetch())
                .is_some_and(|rows| fetch.description().paging().size.is_some_and(|size| rows <= size.largest));
        known &= (one_page || sets == 0) && !fetch.is_keyed();
        if !fetch.is_keyed() {
            certain.extend(fetch.requests());
        }
    }
    let least = certain.len();
    if has(plan, "HydrateExec") {
        return format!("{least} or more, and one for each row that is left");
    }
    if has(plan, "CountExec") || known {
        return if least == 1 { "1 request".to_owned() } else { format!("{least} requests") };
    }
    format!("{least} or more")
}

fn has(plan: &Arc<dyn ExecutionPlan>, name: &str) -> bool {
    plan.name() == name || plan.children().into_iter().any(|child| has(child, name))
}

/// Whether rows are sorted here. A sort under a limit has another name, so it is known by its type.
fn sorts(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<SortExec>().is_some() || plan.children().into_iter().any(sorts)
}

/// Whether ORDER BY and LIMIT reach the API, and if not why.
fn order_and_limit(plan: &Arc<dyn ExecutionPlan>, fetches: &[&FetchExec]) -> Vec<String> {
    let mut lines = Vec::new();
    for fetch in fetches {
        let name = fetch.description().resource.full_name();
        if let Some(ordered) = fetch.ordered() {
            lines.push(format!("Order: sent to the API: {ordered}"));
        }
        let Some(limit) = fetch.fetch() else { continue };
        let size = fetch.description().paging().size;
        lines.push(match (fetch.description().wanted(Some(limit)), size) {
            (Some(_), Some(size)) => format!("Limit {limit}: sent to the API as {}, for {name}", size.parameter),
            (Some(_), None) => format!("Limit {limit}: the API takes none for {name}; rows beyond it are dropped here"),
            (None, _) => format!("Limit {limit}: stops the paging of {name}; filters are applied here before it"),
        });
    }
    if sorts(plan) {
        lines.push("Order: sorted here; the API cannot give this order, or not for all of the rows".to_owned());
    }
    lines
}

/// How pages are asked for, where nobody said it in our own words.
fn paging(paging: &Paging) -> Option<String> {
    let who = match paging.known {
        Known::Told => return None,
        Known::Configured => "config.pagination",
        Known::Inferred => "inferred",
    };
    let from = paging.next().map(|source| match source {
        Source::Body(paths) => paths.first().map(ToString::to_string).unwrap_or_default(),
        Source::Header { name, .. } => format!("the header {name}"),
    });
    let mut what = match (&paging.style, paging.position()) {
        (PagingStyle::Whole, _) => return None,
        (PagingStyle::Link, _) => "the Link header".to_owned(),
        (PagingStyle::NextUrl { .. }, _) => "the link of each answer".to_owned(),
        (_, Some(parameter)) => parameter.to_owned(),
        (_, None) => "a token in the body".to_owned(),
    };
    if let Some(size) = &paging.size {
        what = format!("{what}/{}", size.parameter);
    }
    if let Some(from) = from {
        what = format!("{what}, from {from}");
    }
    let numbered = matches!(paging.style, PagingStyle::Page { .. } | PagingStyle::Offset { .. });
    if let Some(total) = paging.total.first().or(paging.total_pages.first()).filter(|_| numbered) {
        what = format!("{what}, total at {total}");
    }
    Some(format!("Paging: {what} ({who})"))
}

fn pages(fetch: &FetchExec) -> String {
    let limit = match fetch.fetch() {
        Some(limit) => format!(", until {limit} rows have come"),
        None => String::new(),
    };
    let paging = fetch.description().paging();
    match (&paging.style, paging.position()) {
        (PagingStyle::Whole, _) => String::new(),
        (_, Some(parameter)) => format!("  (then page by page, by {parameter}{limit})"),
        (PagingStyle::Cursor { .. }, None) => format!("  (then page by page, by a token in the body{limit})"),
        (_, None) => format!("  (then page by page, by the link of each{limit})"),
    }
}
