//! A resource as a DataFusion table. Takes every filter on itself (`FetchExec` applies what the request does not), so
//! that a limit reaches it and nothing stands between it and the output.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableType, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::scalar::ScalarValue;
use serde_json::Value;

use super::context::StatementContext;
use super::errors::wrap;
use super::pushdown;
use super::reading::{self, Reading, Said};
use super::scan::exec::FetchExec;
use super::scan::fetch::Fetch;
use super::scan::given;
use super::scan::hydrate::{HydrateExec, Hydration};
use super::scan::keys::KeySource;
use crate::registry::{Column, Method, PagingStyle, Parameter, Resource, asks, takes_aside};
use crate::rows;

/// Hidden columns that a statement names: only those are in its tables, so that `SELECT *` finds nothing to hide.
pub type Shown = Arc<BTreeSet<String>>;

/// A resource with the columns that a statement sees of it.
#[derive(Debug)]
pub struct ResourceTable {
    resource: Arc<Resource>,
    columns: Vec<Column>,
    schema: SchemaRef,
    keys: Option<Keys>,
    /// Its rows are what the statement says of the parameters; nothing is asked for.
    given: bool,
    strict: bool,
}

/// Keys from another relation.
#[derive(Debug, Clone)]
pub struct Keys {
    /// One column for each name.
    pub plan: Arc<LogicalPlan>,
    /// SQL names of the parameters.
    pub names: Vec<String>,
    /// For each, whether its values come from secret columns.
    pub secret: Vec<bool>,
}

impl ResourceTable {
    /// All columns that are not hidden, and those of the hidden ones that are in `shown`.
    #[must_use]
    pub fn new(resource: Arc<Resource>, shown: &Shown) -> Self {
        let visible = |c: &&Column| !c.hidden || shown.contains(&c.name);
        let columns: Vec<Column> = resource.columns.iter().filter(visible).cloned().collect();
        let schema = rows::schema(&columns);
        ResourceTable { resource, columns, schema, keys: None, given: false, strict: false }
    }

    /// The resource with every column, hidden ones too.
    #[must_use]
    pub fn whole(resource: Arc<Resource>) -> Self {
        let all = resource.columns.iter().map(|c| c.name.clone()).collect();
        Self::new(resource, &Arc::new(all))
    }

    /// The targets of a method of `resource`: what the statement's conditions say of its parameters, with no request.
    #[must_use]
    pub fn of_targets(resource: &Resource, method: &Method) -> Self {
        ResourceTable { given: true, ..Self::whole(Arc::new(given::targets(resource, method))) }
    }

    /// The same table, its rows those that a write means.
    #[must_use]
    pub fn for_write(self) -> Self {
        ResourceTable { strict: true, ..self }
    }

    /// Whether a column holds secrets.
    #[must_use]
    pub fn is_secret(&self, column: &str) -> bool {
        self.resource.column(column).is_some_and(|c| c.shape.secret)
    }

    /// The same table with keys from another relation.
    #[must_use]
    pub fn with_keys(&self, keys: Keys) -> Self {
        let (resource, columns, schema) = (self.resource.clone(), self.columns.clone(), self.schema.clone());
        ResourceTable { resource, columns, schema, keys: Some(keys), given: self.given, strict: self.strict }
    }

    /// Whether a scan under `filters` cannot run without keys from another relation.
    #[must_use]
    pub fn lacks_keys(&self, filters: &[Expr], context: &StatementContext) -> bool {
        let default = |p: &_| context.default_of(&self.resource, p);
        self.keys.is_none() && reading::plan(&self.resource, &Said { filters, keyed: &[] }, &default).is_err()
    }

    /// The parameters among `names` that a scan under `filters` lacks. None: it lacks nothing, or something else.
    #[must_use]
    pub fn unbound(&self, filters: &[Expr], names: &[&str], context: &StatementContext) -> Option<Vec<String>> {
        let default = |p: &_| context.default_of(&self.resource, p);
        let plan = |keyed: &[String]| reading::plan(&self.resource, &Said { filters, keyed }, &default);
        if self.keys.is_some() || plan(&[]).is_ok() {
            return None;
        }
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let method = plan(&names).ok()?.method;
        // Only what this method cannot do without: what it takes besides is the join's to compare.
        let given: Vec<String> = filters
            .iter()
            .filter_map(super::filters::term)
            .map(|t| takes_aside(&self.resource, t.column()).to_owned())
            .collect();
        let lacks = |p: &&Parameter| p.required && names.contains(&p.name) && !given.contains(&p.name);
        let needed: Vec<String> =
            asks(&method).iter().filter(lacks).filter(|p| default(p).is_none()).map(|p| p.name.clone()).collect();
        (!needed.is_empty()).then_some(needed)
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
        let keyed = self.keys.as_ref().map(|k| k.names.clone()).unwrap_or_default();
        let said = Said { filters, keyed: &keyed };
        let reading = reading::plan(&self.resource, &said, &default).map_err(|error| {
            wrap(context.set_up_first(error, &self.resource.provider, |supplied| {
                let default = |p: &Parameter| default(p).or_else(|| supplied(p).then(|| "-".to_owned()));
                reading::plan(&self.resource, &said, &default).is_ok()
            }))
        })?;
        let output: Vec<usize> = projection.cloned().unwrap_or_else(|| (0..self.columns.len()).collect());
        let residual = |i: &usize| !reading.exact.contains(i);
        let keys = match &self.keys {
            Some(keys) => {
                let plan = session.create_physical_plan(&keys.plan).await?;
                Some(KeySource { plan, parameters: reading.keyed.clone(), secret: keys.secret.clone() })
            }
            None => None,
        };
        let scan = Scan { table: self, session, reading: &reading, filters, keys };
        let wanted: Vec<&Column> = output.iter().map(|i| &self.columns[*i]).collect();
        let own: Vec<usize> = (0..filters.len()).filter(residual).collect();
        let Some(by_key) = scan.by_key(&wanted, &own) else {
            return Ok(Arc::new(scan.fetch(wanted, &own, limit, &context)?));
        };
        // Filters on what is fetched by key come after it, and then the limit does too.
        let (late, early): (Vec<usize>, Vec<usize>) = own.into_iter().partition(|i| scan.touches(*i, &by_key.columns));
        let listed = scan.listed(&wanted, &late, &by_key);
        let input = scan.fetch(listed, &early, limit.filter(|_| late.is_empty()), &context)?;
        let what = scan.hydration(&wanted, &late, by_key)?;
        let limit = limit.filter(|_| !late.is_empty());
        Ok(Arc::new(HydrateExec::new(Arc::new(what), Arc::new(input), limit, Vec::new())))
    }
}

/// A scan that is being planned.
struct Scan<'a> {
    table: &'a ResourceTable,
    session: &'a dyn Session,
    reading: &'a Reading,
    filters: &'a [Expr],
    keys: Option<KeySource>,
}

/// What must be fetched by key.
struct ByKey {
    method: Arc<Method>,
    columns: Vec<Column>,
    /// Wire name of each parameter, and the column that holds its value.
    arguments: Vec<(String, String)>,
}

impl Scan<'_> {
    fn columns_of(&self, filter: usize) -> Vec<&Column> {
        let refs = self.filters[filter].column_refs();
        self.table.columns.iter().filter(|c| refs.iter().any(|r| r.name == c.name)).collect()
    }

    fn touches(&self, filter: usize, columns: &[Column]) -> bool {
        self.columns_of(filter).iter().any(|c| columns.iter().any(|k| k.name == c.name))
    }

    /// The columns among `wanted` and those of the filters that the chosen list leaves out.
    fn by_key(&self, wanted: &[&Column], filters: &[usize]) -> Option<ByKey> {
        let resource = &self.table.resource;
        let method = resource.method(resource.hydrate.as_ref()?)?;
        if method.name == self.reading.method.name {
            return None;
        }
        let mut columns: Vec<Column> = Vec::new();
        let filtered = filters.iter().flat_map(|f| self.columns_of(*f));
        for column in wanted.iter().copied().chain(filtered).filter(|c| c.only_by_key) {
            if columns.iter().all(|c| c.name != column.name) {
                columns.push(column.clone());
            }
        }
        let needed = method.parameters.iter().filter(|p| p.required);
        let arguments = needed.map(|p| (p.wire.clone(), p.name.clone())).collect();
        (!columns.is_empty()).then(|| ByKey { method: method.clone(), columns, arguments })
    }

    /// The columns that the list must bring: all that are wanted and not fetched by key, those of late filters, and
    /// what the fetching by key needs.
    fn listed<'c>(&'c self, wanted: &[&'c Column], late: &[usize], by_key: &ByKey) -> Vec<&'c Column> {
        let mut listed: Vec<&Column> = Vec::new();
        let late = late.iter().flat_map(|f| self.columns_of(*f));
        let keys = by_key.arguments.iter().filter_map(|(_, name)| self.table.resource.column(name));
        for column in wanted.iter().copied().chain(late).chain(keys) {
            let fetched = by_key.columns.iter().any(|c| c.name == column.name);
            if !fetched && listed.iter().all(|c| c.name != column.name) {
                listed.push(column);
            }
        }
        listed
    }

    /// The reading of the list (or of one row by its key).
    fn fetch(
        &self,
        output: Vec<&Column>,
        filters: &[usize],
        limit: Option<usize>,
        context: &StatementContext,
    ) -> Result<FetchExec> {
        let resource = &self.table.resource;
        let outputs = output.len();
        let mut columns: Vec<Column> = output.into_iter().cloned().collect();
        let add = |columns: &mut Vec<Column>, column: &Column| match columns.iter().position(|c| c.name == column.name)
        {
            Some(position) => position,
            None => {
                columns.push(column.clone());
                columns.len() - 1
            }
        };
        for column in filters.iter().flat_map(|f| self.columns_of(*f)) {
            add(&mut columns, column);
        }
        let checked = self.reading.sets.iter().flat_map(|s| &s.checks).map(|(name, _)| name);
        let keyed = self.reading.keyed.iter().filter(|p| !p.exact).map(|p| &p.name);
        for column in checked.chain(keyed).filter_map(|name| resource.column(name)).filter(|c| !c.paths.is_empty()) {
            add(&mut columns, column);
        }
        let paged = self.reading.method.paging.as_ref().is_some_and(|p| p.style != PagingStyle::Whole);
        let names: &[String] = if paged { &resource.key } else { &[] };
        let key = names.iter().filter_map(|name| resource.column(name)).map(|c| add(&mut columns, c)).collect();
        let predicates = self.predicates(filters, &columns)?;
        let mut sets = Vec::with_capacity(self.reading.sets.len());
        for set in &self.reading.sets {
            let check = set.check(&columns).map(|expr| self.physical(&expr, &columns)).transpose()?;
            let mut set = set.clone();
            if !self.table.given {
                pushdown::tell_columns(&mut set, &self.reading.method, &columns);
            }
            sets.push((set, check));
        }
        let fetch = Fetch {
            resource: resource.clone(),
            method: self.reading.method.clone(),
            columns,
            output: outputs,
            key,
            predicates,
            shown_filters: shown_filters(resource, self.filters, &self.reading.notes),
            given: self.table.given,
            strict: self.table.strict,
            sets,
        };
        FetchExec::new(fetch, limit, self.keys.clone(), context).map_err(wrap)
    }

    fn hydration(&self, wanted: &[&Column], late: &[usize], by_key: ByKey) -> Result<Hydration> {
        let mut columns: Vec<Column> = wanted.iter().map(|c| (*c).clone()).collect();
        for column in late.iter().flat_map(|f| self.columns_of(*f)) {
            if columns.iter().all(|c| c.name != column.name) {
                columns.push(column.clone());
            }
        }
        let predicates = self.predicates(late, &columns)?;
        let output = by_key.columns.len();
        let fetch = Fetch {
            resource: self.table.resource.clone(),
            method: by_key.method,
            columns: by_key.columns,
            output,
            key: Vec::new(),
            predicates: Vec::new(),
            shown_filters: Vec::new(),
            given: false,
            strict: self.table.strict,
            sets: Vec::new(),
        };
        let arguments = by_key.arguments;
        Ok(Hydration { fetch: Arc::new(fetch), arguments, columns, output: wanted.len(), predicates })
    }

    fn predicates(&self, filters: &[usize], columns: &[Column]) -> Result<Vec<Arc<dyn PhysicalExpr>>> {
        filters.iter().map(|i| self.physical(&unqualified(&self.filters[*i])?, columns)).collect()
    }

    fn physical(&self, expr: &Expr, columns: &[Column]) -> Result<Arc<dyn PhysicalExpr>> {
        let schema = DFSchema::try_from(rows::schema(columns).as_ref().clone())?;
        self.session.create_physical_expr(expr.clone(), &schema)
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

/// The filter with its timestamps as people write them.
fn readable(filter: &Expr) -> Result<Expr> {
    use datafusion::common::tree_node::{Transformed, TreeNode};
    let expr = unqualified(filter)?.transform(|e| {
        let text = match &e {
            Expr::Literal(value @ ScalarValue::TimestampNanosecond(Some(_), _), _) => {
                rows::to_json(&value.to_array()?, 0)
            }
            _ => return Ok(Transformed::no(e)),
        };
        Ok(match text {
            Ok(Value::String(text)) => Transformed::yes(lit(text)),
            _ => Transformed::no(e),
        })
    })?;
    Ok(expr.data)
}

/// Each filter with what became of it, for EXPLAIN. What is compared with a secret column is not shown.
fn shown_filters(resource: &Resource, filters: &[Expr], notes: &[(usize, String)]) -> Vec<String> {
    let is_secret = |filter: &Expr| {
        let columns = filter.column_refs();
        columns.iter().any(|c| resource.column(&c.name).is_some_and(|c| c.shape.secret))
    };
    let shown = filters.iter().enumerate().map(|(i, filter)| {
        let text = match is_secret(filter) {
            true => format!(
                "a filter on {}",
                filter.column_refs().iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ")
            ),
            false => readable(filter).map_or_else(|_| filter.to_string(), |f| f.human_display().to_string()),
        };
        let sent: Vec<&str> = notes.iter().filter(|(n, _)| *n == i).map(|(_, note)| note.as_str()).collect();
        if sent.is_empty() { format!("{text}: applied here") } else { format!("{text}: {}", sent.join("; ")) }
    });
    shown.collect()
}
