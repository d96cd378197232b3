//! The table that UPDATE, REPLACE or DELETE writes to: its name in the statement, and the query that finds which things
//! are meant. The query is planned twice: over all that could be named, which settles what each name means; then over
//! the least that serves, the conditions alone or the rows. Sends nothing itself.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use sqlparser::ast::{
    Expr, Ident, ObjectName, Query, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins, Visit, VisitMut,
    Visitor, VisitorMut,
};

use super::conditions::Conditions;
use super::guard;
use crate::error::{Error, Kind, Result};
use crate::plan::{ResourceTable, folded, unwrap};
use crate::registry::{Method, Resource, aside, asks, columns_of};
use crate::session::query::{Instead, Planned, select_of, statement_of};
use crate::session::{Run, Session};
use crate::sql::{self, Statement};

/// Where the target stands in the engine, for one statement.
const CATALOG: &str = "weir_write";
const SCHEMA: &str = "of";
const TABLE: &str = "target";

/// What is written to.
pub(super) struct Target {
    pub(super) resource: Arc<Resource>,
    /// Its name in the statement.
    pub(super) alias: Ident,
    /// Names that stand for it, dots kept as parts: all but the alias, where no alias was given.
    full: Vec<String>,
    aliased: bool,
}

impl Target {
    pub(super) fn new(resource: Arc<Resource>, parts: &[Ident], alias: Option<Ident>) -> Target {
        let full = vec![resource.provider.clone(), resource.service.clone(), resource.name.clone()];
        let last = parts.last().map_or_else(|| Ident::new(&resource.name), |i| Ident::with_quote('"', folded(i)));
        let aliased = alias.is_some();
        Target { alias: alias.unwrap_or(last), resource, full, aliased }
    }

    /// `alias."name"`
    pub(super) fn column(&self, name: &str) -> Expr {
        Expr::CompoundIdentifier(vec![self.alias.clone(), Ident::with_quote('"', name)])
    }

    /// The name of the target's column that an expression is, if it is one: qualified by the target's name, or bare.
    pub(super) fn named(&self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Identifier(ident) => Some(self.sql_name(ident)),
            Expr::CompoundIdentifier(parts) => {
                let (column, table) = parts.split_last()?;
                self.is_self(table).then(|| self.sql_name(column))
            }
            _ => None,
        }
    }

    /// Whether these parts name the target.
    pub(super) fn is_self(&self, parts: &[Ident]) -> bool {
        match parts {
            [only] => folded(only) == folded(&self.alias),
            _ => !self.aliased && self.full.ends_with(&parts.iter().map(folded).collect::<Vec<_>>()),
        }
    }

    /// An unquoted wire spelling becomes the SQL name.
    fn sql_name(&self, ident: &Ident) -> String {
        // StackQL's word for a field of the body.
        let field = ident.value.strip_prefix("data__");
        let fields = || self.resource.methods.iter().flat_map(|m| &m.body).flat_map(|b| &b.fields);
        if let Some(field) = field.and_then(|field| fields().find(|f| f.wire == field || f.name == field)) {
            return field.name.clone();
        }
        let by_wire = self.resource.columns.iter().find(|c| c.wire == ident.value && ident.quote_style.is_none());
        let parameters = || self.resource.methods.iter().flat_map(|m| &m.parameters);
        let known = |name: &str| self.resource.column(name).is_some() || parameters().any(|p| p.name == name);
        if known(&folded(ident)) {
            return folded(ident);
        }
        let parameter = parameters().find(|p| p.wire == ident.value).map(|p| p.name.clone());
        by_wire.map(|c| c.name.clone()).or(parameter).unwrap_or_else(|| folded(ident))
    }

    /// Columns of the target that an expression names outside its sub-queries.
    pub(super) fn mentioned(&self, expr: &Expr) -> Vec<String> {
        struct Mentions<'a> {
            target: &'a Target,
            depth: usize,
            found: Vec<String>,
        }
        impl Visitor for Mentions<'_> {
            type Break = ();

            fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
                self.depth += 1;
                ControlFlow::Continue(())
            }

            fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
                self.depth -= 1;
                ControlFlow::Continue(())
            }

            fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
                if self.depth == 0 {
                    self.found.extend(self.target.named(expr));
                }
                ControlFlow::Continue(())
            }
        }
        let mut mentions = Mentions { target: self, depth: 0, found: Vec::new() };
        let _ = expr.visit(&mut mentions);
        mentions.found
    }

    /// `SELECT items FROM target, from WHERE selection`
    pub(super) fn query(&self, items: Vec<Expr>, from: Vec<TableWithJoins>, selection: Option<Expr>) -> Result<Query> {
        let items = items.into_iter().enumerate();
        let items = items.map(|(i, expr)| SelectItem::ExprWithAlias { expr, alias: Ident::new(format!("c{i}")) });
        let mut query = select_of(items.collect())?;
        let Statement::Query(mut source) = sql::parse("SELECT 1 FROM t")? else {
            return Err(Error::new(Kind::Internal, "a query is no query"));
        };
        if let (SetExpr::Select(select), SetExpr::Select(source)) = (query.body.as_mut(), source.body.as_mut()) {
            for relation in &mut source.from {
                if let TableFactor::Table { name, alias, .. } = &mut relation.relation {
                    *name = object_name(&self.full);
                    *alias =
                        Some(TableAlias { explicit: true, name: self.alias.clone(), columns: Vec::new(), at: None });
                }
            }
            select.from = source.from.drain(..).chain(from).collect();
            select.selection = selection;
        }
        let _ = VisitMut::visit(&mut query, &mut Shorten(self));
        Ok(query)
    }

    /// The resource with what `method` takes and is no column of it as columns, and nothing hidden.
    fn nameable(&self, method: &Method) -> Resource {
        let mut resource = self.resource.as_ref().clone();
        let asks = asks(method);
        // What a list is asked by under a name that the method has too is not what the statement means by it.
        resource.columns.retain(|c| !c.paths.is_empty() || asks.iter().all(|p| aside(&p.name) != c.name));
        let new = columns_of(&resource.columns, asks.iter());
        resource.columns.extend(new);
        resource.columns.iter_mut().for_each(|c| c.hidden = false);
        resource
    }
}

/// `provider.service.resource.column` as `alias.column`.
struct Shorten<'a>(&'a Target);

impl VisitorMut for Shorten<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expr
            && parts.len() > 2
            && self.0.is_self(&parts[..parts.len() - 1])
            && let Some(column) = parts.pop()
        {
            *parts = vec![self.0.alias.clone(), column];
        }
        ControlFlow::Continue(())
    }
}

fn object_name(parts: &[String]) -> ObjectName {
    ObjectName::from(parts.iter().map(|p| Ident::with_quote('"', p)).collect::<Vec<_>>())
}

impl Session {
    /// The plan of the query that finds the targets: over the conditions alone where they say everything, else over
    /// the rows.
    pub(super) async fn plan_targets(&self, run: &Run, query: Query, conditions: &Conditions<'_>) -> Result<Planned> {
        let (target, method) = (conditions.target, &conditions.narrowed());
        let nameable = Arc::new(target.nameable(method));
        let all =
            self.plan_over(run, query.clone(), (&nameable, table(ResourceTable::whole(nameable.clone())))).await?;
        let used = used(&all)?;
        let unknown: Vec<&String> = used.iter().filter(|name| target.resource.column(name).is_none()).collect();
        let mut refusal = None;
        let unreadable = !unknown.is_empty() || guard::check_keyed(target, method).is_err();
        if used.iter().all(|name| conditions.needs_no_row(name)) || (unreadable && conditions.say_all(used.iter())) {
            conditions.check_telling()?;
            let given = ResourceTable::of_targets(&target.resource, method);
            let planned = self.plan_over(run, query.clone(), (&nameable, table(given))).await?;
            match planned.physical().await {
                Ok(_) => return Ok(planned),
                Err(error) => refusal = Some(error),
            }
        }
        if let (Some(first), full) = (unknown.first(), target.resource.full_name()) {
            return Err(refusal.unwrap_or_else(|| {
                let of_rows = used.iter().find(|name| !conditions.needs_no_row(name) && *name != *first);
                let others = of_rows.map(|name| format!(", and leave {name} of its rows out")).unwrap_or_default();
                let first = conditions.base(first);
                Error::statement(format!("the rows of {full} do not tell their {first}, which {} takes", method.name))
                    .hint(format!("name it in WHERE by itself: {first} = '...' or {first} IN (...){others}"))
            }));
        }
        guard::check_keyed(target, method)?;
        conditions.check_comparable(used.iter())?;
        if !target.resource.views.is_empty() {
            return self.plan(run, statement_of(query)).await;
        }
        let shown = Arc::new(used);
        let rows = ResourceTable::new(target.resource.clone(), &shown).for_write();
        self.plan_over(run, query, (&nameable, table(rows))).await
    }

    /// Whether all names in the query mean something. Sends nothing.
    pub(super) async fn check_names(&self, run: &Run, query: Query, conditions: &Conditions<'_>) -> Result<()> {
        let nameable = Arc::new(conditions.target.nameable(&conditions.narrowed()));
        let whole = table(ResourceTable::whole(nameable.clone()));
        self.plan_over(run, query, (&nameable, whole)).await.map(drop)
    }

    async fn plan_over(
        &self,
        run: &Run,
        query: Query,
        (names, provider): (&Arc<Resource>, Arc<dyn TableProvider>),
    ) -> Result<Planned> {
        let schema = MemorySchemaProvider::new();
        schema.register_table(TABLE.to_owned(), provider).map_err(unwrap)?;
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::new(schema)).map_err(unwrap)?;
        let place = [CATALOG, SCHEMA, TABLE].map(str::to_owned);
        let catalog: (_, Arc<dyn CatalogProvider>) = (CATALOG, Arc::new(catalog));
        let instead = Instead { names: names.clone(), table: object_name(&place), catalog };
        self.plan_with(run, statement_of(query), Some(instead)).await
    }
}

fn table(table: ResourceTable) -> Arc<dyn TableProvider> {
    Arc::new(table)
}

/// Names of the target's columns that the plan needs, when it is as good as the engine can make it.
fn used(planned: &Planned) -> Result<BTreeSet<String>> {
    let plan = planned.context.state().optimize(&planned.logical).map_err(unwrap)?;
    let mut used = BTreeSet::new();
    let gather = |node: &LogicalPlan| {
        if let LogicalPlan::TableScan(scan) = node
            && scan.table_name.catalog() == Some(CATALOG)
        {
            used.extend(scan.projected_schema.fields().iter().map(|f| f.name().clone()));
            used.extend(
                scan.filters
                    .iter()
                    .flat_map(|f| f.column_refs().into_iter().map(|c| c.name.clone()).collect::<Vec<_>>()),
            );
        }
        Ok(TreeNodeRecursion::Continue)
    };
    plan.apply_with_subqueries(gather).map_err(unwrap)?;
    Ok(used)
}
