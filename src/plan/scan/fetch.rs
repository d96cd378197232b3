//! What a scan asks for: the table, the method, the parameter sets, the columns and the filters. Plain data, which can be
//! shown and compared; it sends nothing.

use std::sync::Arc;

use datafusion::physical_expr::PhysicalExpr;
use serde_json::{Map, Value};

use crate::http::Call;
use crate::plan::reading::ParameterSet;
use crate::registry::{Column, Known, Location, Method, Paging, Parameter, Resource};

/// What a scan asks for. Plain data: it can be shown and compared.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// The table.
    pub resource: Arc<Resource>,
    /// The method that reads it.
    pub method: Arc<Method>,
    /// Columns that are decoded: the output's first, then those that only filters need.
    pub columns: Vec<Column>,
    /// How many of `columns` are the output.
    pub output: usize,
    /// Which of `columns` tell one row from another, where the list comes in pages; rows that come twice are dropped.
    pub key: Vec<usize>,
    /// Filters that the rows must pass here.
    pub predicates: Vec<Arc<dyn PhysicalExpr>>,
    /// Every filter with what became of it, for EXPLAIN.
    pub shown_filters: Vec<String>,
    /// The statement gives the rows itself: nothing is asked for.
    pub given: bool,
    /// The rows are those that a write means: a row that leaves out what a filter asked for is not taken to have it, since
    /// the API may have passed over the filter.
    pub strict: bool,
    /// What is asked for, in order, each with a check of its rows.
    pub sets: Vec<(ParameterSet, Option<Arc<dyn PhysicalExpr>>)>,
}

impl Fetch {
    /// Name and value of the columns that take a value from the request: those that are parameters alone, and those that
    /// a row leaves out, where the request cannot do without them or the method's rows never have them. A row that could
    /// have said it and does not says nothing.
    #[must_use]
    pub fn echo(&self, set: &ParameterSet) -> Vec<(String, Value)> {
        let needed = |name: &str| self.method.parameters.iter().any(|p| p.required && p.name == name);
        let never = |name: &str| self.method.answer.columns.iter().all(|c| c.name != name);
        let fills = set.fills.iter().filter(|(name, _)| needed(name) || (!self.strict && never(name)));
        set.echo.iter().chain(fills).cloned().collect()
    }

    /// The call of one parameter set, of its first page.
    #[must_use]
    pub fn call(&self, set: &ParameterSet) -> Call {
        let call = Call::new(self.method.clone(), set.arguments.clone());
        let body: Map<String, Value> = set.body.iter().cloned().collect();
        if body.is_empty() { call } else { call.with_body(Value::Object(body)) }
    }

    /// How the method's list comes in pages. Where the statement says which page it wants, that page is the list; where it
    /// says how large a page is, so large they are.
    #[must_use]
    pub fn paging(&self) -> Paging {
        let Some(mut paging) = self.method.paging.clone() else { return Paging::whole() };
        if paging.known == Known::Told {
            return paging;
        }
        let given = |wire: &str| self.sets.iter().any(|(set, _)| set.arguments.iter().any(|(name, _)| name == wire));
        if paging.position().is_some_and(given) {
            return Paging::whole();
        }
        if paging.size.as_ref().is_some_and(|size| given(&size.parameter)) {
            paging.size = None;
            paging.full = Vec::new();
        }
        // Nobody said that a total counts what a filter leaves.
        if paging.known == Known::Inferred && self.sent_filters().any(given) {
            paging.concurrent = false;
        }
        paging
    }

    /// Whether the API's total is the number of rows.
    #[must_use]
    pub fn counts_by_total(&self) -> bool {
        let paging = self.paging();
        let given = |wire: &str| self.sets.iter().any(|(set, _)| set.arguments.iter().any(|(name, _)| name == wire));
        let all = paging.known != Known::Told && !self.sent_filters().any(given);
        let sized = paging.size.as_ref().is_some_and(|size| !size.if_wanted);
        !paging.total.is_empty() && sized && (!paging.total_may_differ || all)
    }

    /// Parameters that are not needed to ask at all, and so narrow what comes.
    fn sent_filters(&self) -> impl Iterator<Item = &str> {
        let size = self.method.paging.as_ref().and_then(|paging| paging.size.as_ref()).map(|size| &size.parameter);
        let select = self.method.pushdown.select.as_ref().map(|select| &select.parameter);
        let narrows = move |p: &&Parameter| {
            !p.required && p.location == Location::Query && Some(&p.wire) != size && Some(&p.wire) != select
        };
        self.method.parameters.iter().filter(narrows).map(|p| p.wire.as_str())
    }

    /// How many rows to ask the API for, when every row it gives is a row of the answer.
    #[must_use]
    pub fn wanted(&self, limit: Option<usize>) -> Option<u64> {
        let plain = self.predicates.is_empty() && self.sets.iter().all(|(_, check)| check.is_none());
        limit.filter(|_| plain).map(|l| l as u64)
    }
}
