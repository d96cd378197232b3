//! A resource as a DataFusion table. Takes every filter on itself (FetchExec applies what the request does not), so
//! that a limit reaches it and nothing stands between it and the output.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use serde_json::Value;

use super::catalog::Shown;
use super::context::StatementContext;
use super::errors::wrap;
use super::fetch::{Fetch, FetchExec};
use super::reading::{self, ParameterSet};
use crate::registry::{Column, Kind, PagingStyle, Resource};
use crate::rows;

/// A resource with the columns that a statement sees of it.
#[derive(Debug)]
pub struct ResourceTable {
    resource: Arc<Resource>,
    columns: Vec<Column>,
    schema: SchemaRef,
}

impl ResourceTable {
    /// All columns that are not hidden, and those of the hidden ones that are in `shown`.
    #[must_use]
    pub fn new(resource: Arc<Resource>, shown: &Shown) -> Self {
        let visible = |c: &&Column| !c.hidden || shown.contains(&c.name);
        let columns: Vec<Column> = resource.columns.iter().filter(visible).cloned().collect();
        let schema = rows::schema(&columns);
        ResourceTable { resource, columns, schema }
    }
}

#[async_trait]
impl TableProvider for ResourceTable {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Exact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let context = StatementContext::of(session.config()).map_err(wrap)?;
        let default = |p: &_| context.default_of(&self.resource, p);
        let reading = reading::plan(&self.resource, filters, &default).map_err(wrap)?;
        let output: Vec<usize> = projection.cloned().unwrap_or_else(|| (0..self.columns.len()).collect());

        // What is decoded: the output first, then columns that only filters and checks need.
        let mut decoded = output.clone();
        let residual: Vec<(usize, &Expr)> =
            filters.iter().enumerate().filter(|(i, _)| !reading.exact.contains(i)).collect();
        let filtered = residual.iter().flat_map(|(_, f)| f.column_refs()).map(|c| c.name.clone());
        let checked = reading.sets.iter().flat_map(|s| &s.checks).map(|(name, _)| name.clone());
        for name in filtered.chain(checked) {
            let index = self.schema.index_of(&name)?;
            if !decoded.contains(&index) {
                decoded.push(index);
            }
        }
        let paged = reading.method.paging.as_ref().is_some_and(|p| p.style != PagingStyle::Whole);
        let key_names: &[String] = if paged { &self.resource.key } else { &[] };
        let mut key = Vec::with_capacity(key_names.len());
        for name in key_names {
            let index = self.schema.index_of(name)?;
            let position = decoded.iter().position(|d| *d == index).unwrap_or_else(|| {
                decoded.push(index);
                decoded.len() - 1
            });
            key.push(position);
        }
        let columns: Vec<Column> = decoded.iter().map(|i| self.columns[*i].clone()).collect();
        let schema = DFSchema::try_from(rows::schema(&columns).as_ref().clone())?;
        let physical = |expr: &Expr| session.create_physical_expr(expr.clone(), &schema);
        let mut predicates = Vec::with_capacity(residual.len());
        for (_, filter) in &residual {
            predicates.push(physical(&unqualified(filter)?)?);
        }
        let mut sets = Vec::with_capacity(reading.sets.len());
        for set in reading.sets {
            let check = check_of(&columns, &set).map(|expr| physical(&expr)).transpose()?;
            sets.push((set, check));
        }
        let fetch = Fetch {
            resource: self.resource.clone(),
            method: reading.method,
            columns,
            output: output.len(),
            key,
            predicates,
            shown_filters: shown_filters(&self.resource, filters, &reading.notes),
            sets,
        };
        Ok(Arc::new(FetchExec::new(fetch, limit, &context).map_err(wrap)?))
    }
}

/// The filter with its columns as the decoded batch names them.
fn unqualified(filter: &Expr) -> Result<Expr> {
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let expr = filter.clone().transform(|e| {
        Ok(match e {
            Expr::Column(c) => Transformed::yes(Expr::Column(datafusion::common::Column::from_name(c.name))),
            other => Transformed::no(other),
        })
    })?;
    Ok(expr.data)
}

/// `column = what was asked for`, for an API that may pass over a parameter.
fn check_of(columns: &[Column], set: &ParameterSet) -> Option<Expr> {
    let mut checks = set.checks.iter().filter_map(|(name, value)| {
        let column = columns.iter().find(|c| c.name == *name)?;
        let value = match (column.shape.kind, value) {
            (Kind::Boolean, Value::Bool(b)) => ScalarValue::Boolean(Some(*b)),
            (Kind::Integer, Value::Number(n)) => ScalarValue::Int64(n.as_i64()),
            (Kind::Number, Value::Number(n)) => ScalarValue::Float64(n.as_f64()),
            (Kind::String, Value::String(s)) => ScalarValue::Utf8View(Some(s.clone())),
            _ => return None,
        };
        let column = Expr::Column(datafusion::common::Column::from_name(name));
        Some(column.eq(lit(value)))
    });
    let first = checks.next()?;
    Some(checks.fold(first, Expr::and))
}

/// Each filter with what became of it, for EXPLAIN. What is compared with a secret column is not shown.
fn shown_filters(resource: &Resource, filters: &[Expr], notes: &[(usize, String)]) -> Vec<String> {
    let is_secret = |filter: &Expr| {
        let columns = filter.column_refs();
        columns.iter().any(|c| resource.column(&c.name).is_some_and(|c| c.shape.secret))
    };
    let shown = filters.iter().enumerate().map(|(i, filter)| {
        let text = match is_secret(filter) {
            true => format!("a filter on {}", filter.column_refs().iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ")),
            false => unqualified(filter).map_or_else(|_| filter.to_string(), |f| f.human_display().to_string()),
        };
        let sent: Vec<&str> = notes.iter().filter(|(n, _)| *n == i).map(|(_, note)| note.as_str()).collect();
        if sent.is_empty() { format!("{text}: applied here") } else { format!("{text}: {}", sent.join("; ")) }
    });
    shown.collect()
}
