//! Names of columns in a statement, before planning: an unquoted wire spelling becomes the SQL name, `*` leaves hidden
//! columns out, and what is compared with a secret is noted. Knows the registry and sqlparser's trees; plans nothing.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{
    BinaryOperator, ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor, TableWithJoins, Value, VisitMut, VisitorMut,
    WildcardAdditionalOptions,
};

use super::tables::{folded, idents};
use crate::registry::{Column, Resource};

/// What a statement says of columns.
#[derive(Debug, Default)]
pub struct Spelling {
    /// Hidden columns that it names.
    pub shown: BTreeSet<String>,
    /// Identifiers in the order they stand, for places in errors.
    pub identifiers: Vec<Ident>,
    /// Texts compared with secret columns.
    pub secrets: Vec<String>,
    /// It reads columns whose values must not stand in messages.
    pub touches_secrets: bool,
    /// The views of documents that it reads, for errors that come from their queries.
    pub views: Vec<Arc<Resource>>,
}

/// Longer expressions keep the engine's name.
const LONGEST_NAME: usize = 80;

/// Names the outermost query's unnamed expressions as they were typed: `count(id)`, and not the engine's
/// `count(provider.service.table.id)`.
pub fn name_as_typed(query: &mut Query) {
    name_body(&mut query.body);
}

fn name_body(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => name_items(&mut select.projection),
        SetExpr::Query(query) => name_as_typed(query),
        // The names of a set operation are those of its left side.
        SetExpr::SetOperation { left, .. } => name_body(left),
        _ => {}
    }
}

/// The same for the items of a SELECT or RETURNING.
pub fn name_items(items: &mut [SelectItem]) {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for item in items {
        let SelectItem::UnnamedExpr(expr) = item else { continue };
        if matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Nested(_)) {
            continue;
        }
        let text = expr.to_string();
        // `unnest` makes rows and cannot stand behind every name; equal names would clash.
        if text.len() <= LONGEST_NAME && !text.to_lowercase().contains("unnest") && taken.insert(text.clone()) {
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: Ident::with_quote('"', text) };
        }
    }
}

/// Rewrites the columns of `node`, whose tables are resolved and among `resources`.
pub fn rewrite<T: VisitMut>(node: &mut T, resources: &[Arc<Resource>]) -> Spelling {
    super::meaning::settle(node, resources);
    let mut aliases = Aliases::default();
    let _ = VisitMut::visit(node, &mut aliases);
    let mut columns = Columns { resources, aliases: aliases.0, spelling: Spelling::default() };
    let _ = VisitMut::visit(node, &mut columns);
    let mut spelling = columns.spelling;
    for column in resources.iter().flat_map(|r| &r.columns).filter(|c| c.hidden) {
        if spelling.identifiers.iter().any(|i| folded(i) == column.name) {
            spelling.shown.insert(column.name.clone());
        }
    }
    let secret = |name: &str| resources.iter().filter_map(|r| r.column(name)).any(|c| c.shape.secret);
    spelling.touches_secrets = spelling.identifiers.iter().any(|i| secret(&folded(i)));
    let mut stars = Stars { found: false, resources, shown: &spelling.shown };
    let _ = VisitMut::visit(node, &mut stars);
    let all_secret = resources.iter().flat_map(|r| &r.columns).any(|c| c.shape.secret);
    spelling.touches_secrets |= stars.found && all_secret;
    spelling
}

/// Aliases of expressions anywhere in the statement: such a name is the user's own.
#[derive(Default)]
struct Aliases(BTreeSet<String>);

impl VisitorMut for Aliases {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let SelectItem::ExprWithAlias { alias, .. } = item {
                self.0.insert(folded(alias));
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Derived { alias: Some(alias), .. } | TableFactor::Table { alias: Some(alias), .. } = factor
        {
            self.0.extend(alias.columns.iter().map(|c| folded(&c.name)));
        }
        ControlFlow::Continue(())
    }
}

struct Columns<'a> {
    resources: &'a [Arc<Resource>],
    aliases: BTreeSet<String>,
    spelling: Spelling,
}

impl Columns<'_> {
    /// Rewrites one identifier where it is a wire spelling. One that is written in small letters may be a column of a
    /// local table as well, and is left alone when an SQL name anywhere equals it.
    fn respell(&mut self, ident: &mut Ident) {
        // StackQL's word for a field of the body: what a request has is meant before what rows have.
        let field = ident.value.strip_prefix("data__").map(str::to_owned);
        if (ident.quote_style.is_none() || field.is_some()) && !self.aliases.contains(&folded(ident)) {
            let columns = || self.resources.iter().flat_map(|r| &r.columns);
            let is_sql_name = columns().any(|c| c.name == folded(ident));
            let wire = |c: &&Column| c.wire == ident.value && c.wire != c.name;
            let named = |c: &&Column| field.as_ref().is_some_and(|field| c.wire == *field || c.name == *field);
            let in_body = || columns().find(|c| c.paths.is_empty() && named(c)).or_else(|| columns().find(named));
            if !is_sql_name && let Some(column) = columns().find(wire).or_else(in_body) {
                let span = ident.span;
                *ident = Ident::with_quote('"', &column.name);
                ident.span = span;
            }
        }
        self.spelling.identifiers.push(ident.clone());
    }

    fn is_secret(&self, expr: &Expr) -> bool {
        let name = match expr {
            Expr::Identifier(ident) => folded(ident),
            Expr::CompoundIdentifier(parts) => parts.last().map(folded).unwrap_or_default(),
            Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => return self.is_secret(inner),
            _ => return false,
        };
        self.resources.iter().filter_map(|r| r.column(&name)).any(|c| c.shape.secret)
    }

    fn note_secret(&mut self, expr: &Expr) {
        if let Expr::Value(value) = expr
            && let Value::SingleQuotedString(text) = &value.value
        {
            self.spelling.secrets.push(text.clone());
        }
    }

    fn note_secrets(&mut self, expr: &Expr) {
        match expr {
            Expr::BinaryOp { left, right, op } if *op != BinaryOperator::And && *op != BinaryOperator::Or => {
                if self.is_secret(left) {
                    self.note_secret(right);
                }
                if self.is_secret(right) {
                    self.note_secret(left);
                }
            }
            Expr::InList { expr, list, .. } if self.is_secret(expr) => {
                for item in list {
                    self.note_secret(item);
                }
            }
            Expr::Like { expr, pattern, .. } if self.is_secret(expr) => self.note_secret(pattern),
            _ => {}
        }
    }
}

impl VisitorMut for Columns<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Identifier(ident) => self.respell(ident),
            Expr::CompoundIdentifier(parts) => {
                if let Some(last) = parts.last_mut() {
                    self.respell(last);
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        self.note_secrets(expr);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for join in select.from.iter_mut().flat_map(|f| &mut f.joins) {
            if let Some(JoinConstraint::Using(columns)) = constraint(&join.join_operator) {
                self.spelling.identifiers.extend(columns.iter().flat_map(idents));
            }
        }
        ControlFlow::Continue(())
    }
}

fn constraint(operator: &JoinOperator) -> Option<&JoinConstraint> {
    match operator {
        JoinOperator::Join(c)
        | JoinOperator::Inner(c)
        | JoinOperator::Left(c)
        | JoinOperator::LeftOuter(c)
        | JoinOperator::Right(c)
        | JoinOperator::RightOuter(c)
        | JoinOperator::FullOuter(c)
        | JoinOperator::Semi(c)
        | JoinOperator::LeftSemi(c)
        | JoinOperator::RightSemi(c)
        | JoinOperator::Anti(c)
        | JoinOperator::LeftAnti(c)
        | JoinOperator::RightAnti(c) => Some(c),
        _ => None,
    }
}

/// Keeps hidden columns that the statement names elsewhere out of its `*`.
struct Stars<'a> {
    /// Whether there is any.
    found: bool,
    resources: &'a [Arc<Resource>],
    shown: &'a BTreeSet<String>,
}

impl Stars<'_> {
    /// Hidden columns of a relation that the statement shows.
    fn hidden(&self, factor: &TableFactor) -> Vec<String> {
        let TableFactor::Table { name, args: None, .. } = factor else { return Vec::new() };
        let full = idents(name).iter().map(|p| p.value.clone()).collect::<Vec<_>>().join(".");
        let resource = self.resources.iter().find(|r| r.full_name() == full);
        let columns = resource.iter().flat_map(|r| &r.columns);
        columns.filter(|c| c.hidden && self.shown.contains(&c.name)).map(|c| c.name.clone()).collect()
    }

    fn star(&self, select: &Select, options: &WildcardAdditionalOptions) -> Vec<SelectItem> {
        let relations: Vec<&TableFactor> = select.from.iter().flat_map(relations).collect();
        let hidden: Vec<String> = relations.iter().flat_map(|f| self.hidden(f)).collect();
        let unique: BTreeSet<&String> = hidden.iter().collect();
        if unique.len() == hidden.len() {
            return vec![SelectItem::Wildcard(excluding(options, &hidden))];
        }
        // The same hidden column on several sides: an unqualified EXCLUDE would be ambiguous.
        let each = relations.iter().map(|factor| {
            let kind = SelectItemQualifiedWildcardKind::ObjectName(called(factor)?);
            Some(SelectItem::QualifiedWildcard(kind, excluding(options, &self.hidden(factor))))
        });
        each.collect::<Option<Vec<_>>>().unwrap_or_else(|| vec![SelectItem::Wildcard(options.clone())])
    }

    fn qualified(&self, select: &Select, name: &ObjectName) -> Vec<String> {
        let wanted: Vec<String> = idents(name).iter().map(folded).collect();
        let matches = |factor: &&TableFactor| {
            let called = called(factor).map(|n| idents(&n).iter().map(folded).collect::<Vec<_>>());
            called.is_some_and(|c| c.ends_with(&wanted))
        };
        select.from.iter().flat_map(relations).find(matches).map(|f| self.hidden(f)).unwrap_or_default()
    }
}

/// The relations of a FROM item and its joins.
pub(super) fn relations(from: &TableWithJoins) -> Vec<&TableFactor> {
    let factors = std::iter::once(&from.relation).chain(from.joins.iter().map(|j| &j.relation));
    let nested = |factor: &'_ TableFactor| matches!(factor, TableFactor::NestedJoin { alias: None, .. });
    let mut found = Vec::new();
    for factor in factors {
        match factor {
            TableFactor::NestedJoin { table_with_joins, .. } if nested(factor) => {
                found.extend(relations(table_with_joins));
            }
            other => found.push(other),
        }
    }
    found
}

/// The name by which `x.*` calls a relation.
pub(super) fn called(factor: &TableFactor) -> Option<ObjectName> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::TableFunction { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. }
        | TableFactor::NestedJoin { alias: Some(alias), .. } => Some(ObjectName::from(vec![alias.name.clone()])),
        TableFactor::Table { name, args: None, .. } => Some(name.clone()),
        _ => None,
    }
}

fn excluding(options: &WildcardAdditionalOptions, hidden: &[String]) -> WildcardAdditionalOptions {
    let mut options = options.clone();
    if hidden.is_empty() {
        return options;
    }
    let mut names: Vec<ObjectName> = match options.opt_exclude.take() {
        Some(ExcludeSelectItem::Single(name)) => vec![name],
        Some(ExcludeSelectItem::Multiple(names)) => names,
        None => Vec::new(),
    };
    for name in hidden {
        if !names.iter().any(|known| idents(known).first().map(folded).as_ref() == Some(name)) {
            names.push(ObjectName::from(vec![Ident::with_quote('"', name)]));
        }
    }
    options.opt_exclude = Some(ExcludeSelectItem::Multiple(names));
    options
}

impl VisitorMut for Stars<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut items = Vec::with_capacity(select.projection.len());
        for item in &select.projection {
            match item {
                SelectItem::Wildcard(options) => {
                    self.found = true;
                    items.extend(self.star(select, options));
                }
                SelectItem::QualifiedWildcard(kind @ SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                    self.found = true;
                    let hidden = self.qualified(select, name);
                    items.push(SelectItem::QualifiedWildcard(kind.clone(), excluding(options, &hidden)));
                }
                other => items.push(other.clone()),
            }
        }
        select.projection = items;
        ControlFlow::Continue(())
    }
}
