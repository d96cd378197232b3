//! What a write must pass before anything is sent: read-only, conditions, the number of rows, the budget, and a person
//! at a terminal. Sends nothing.

use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{BinaryOperator, Expr, Query, TableFactor, UnaryOperator, Value, Visit, Visitor};

use super::Write;
use super::target::Target;
use crate::error::{Error, Kind, Result, counted};
use crate::plan::idents;
use crate::registry::{Kind as ValueKind, Method, Resource, Verb};
use crate::session::{Run, Session};

/// Rows of a destructive write that a person is shown before it.
const SAMPLE: usize = 5;

/// A destructive write, put to whoever sits at the terminal.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// `DELETE of 12 rows of provider.service.resource`
    pub what: String,
    /// The first requests, secrets masked.
    pub sample: Vec<String>,
    /// How many there are besides.
    pub more: usize,
}

/// Asked once before a destructive write; false refuses it.
pub type Confirm = Arc<dyn Fn(&Proposal) -> bool + Send + Sync>;

impl Session {
    /// Asks whoever sits there, where somebody does and the write is destructive.
    pub(super) fn check_confirmed(&self, run: &Run, write: &Write) -> Result<()> {
        let Some(confirm) = self.confirm.as_ref().filter(|_| run.settings.confirm && is_destructive(write)) else {
            return Ok(());
        };
        let of = match write.verb {
            Verb::Exec => format!("{}.{}", write.resource.full_name(), write.method.name),
            _ => write.resource.full_name(),
        };
        let shown = write.calls.iter().take(SAMPLE).map(|c| {
            let body = c.request.shown_body.as_ref().map(|b| format!("  {b}")).unwrap_or_default();
            run.context.redactor.clean(&format!("{}{body}", c.request.label))
        });
        let what = format!("{} of {} of {of}", write.verb, counted(write.calls.len() as u64, "row"));
        let sample: Vec<String> = shown.collect();
        let more = write.calls.len() - sample.len();
        if confirm(&Proposal { what, sample, more }) {
            return Ok(());
        }
        Err(Error::statement("not confirmed; nothing was sent").hint("SET confirm = off stops the asking"))
    }
}

/// Refuses a write in a session that only reads. EXEC of a method that SELECT uses too only reads.
pub(super) fn check_writable(run: &Run, resource: &Resource, method: &Method, verb: Verb) -> Result<()> {
    let reads = verb == Verb::Exec && resource.verb_of(&method.name) == Verb::Select;
    if !run.settings.read_only || reads {
        return Ok(());
    }
    let what = match verb {
        Verb::Exec => format!("EXEC {}.{}", resource.full_name(), method.name),
        _ => format!("{verb} of {}", resource.full_name()),
    };
    Err(Error::statement(format!("the session is read-only: {what} is refused, and nothing was sent"))
        .hint("run it without --read-only, or SET read_only = off where the session began without it"))
}

/// The number of things changed, the number of requests.
pub(in crate::session) fn check_extent(run: &Run, write: &Write) -> Result<()> {
    let (calls, most) = (write.calls.len() as u64, run.settings.max_affected);
    if write.counted && calls > most {
        return Err(Error::statement(format!(
            "{} would change {} of {}, and max_affected is {most}; nothing was sent",
            write.verb,
            counted(calls, "row"),
            write.resource.full_name()
        ))
        .hint(format!("narrow the statement, or allow it: SET max_affected = {calls}, or --max-affected {calls}")));
    }
    let left = run.context.budget.left();
    if calls <= left {
        return Ok(());
    }
    Err(Error::new(
        Kind::Network,
        format!("the statement needs {calls} requests, and its budget has {left} left; nothing was sent"),
    )
    .hint("SET max_requests = ... raises the budget"))
}

/// What cannot be taken back, or touches many things at once.
fn is_destructive(write: &Write) -> bool {
    let calls = write.calls.len();
    match write.verb {
        Verb::Delete | Verb::Replace => calls > 0,
        Verb::Update => calls > 1,
        Verb::Exec => calls > 1 || (calls > 0 && write.method.http == crate::registry::HttpVerb::Delete),
        Verb::Insert | Verb::Select => false,
    }
}

/// Refuses a change without a condition beyond the scope that every list of the table needs.
pub(super) fn check_filtered(target: &Target, method: &Method, verb: Verb, selection: Option<&Expr>) -> Result<()> {
    let scope = scope(&target.resource);
    let of_row = |name: &str| !scope.iter().any(|s| s == name);
    // A thing that its scope alone names is one thing.
    let single = only_scope(method, &scope) && !is_list(&target.resource);
    // An optional parameter of the write says how, not which; and so does a field of its body, unless it cannot do without
    // it, or takes a list there: of what is meant.
    let fields = || method.body.iter().flat_map(|b| &b.fields).filter(|_| verb == Verb::Delete);
    let known = |name: &str| {
        target.resource.column(name).is_some()
            || method.parameters.iter().any(|p| p.required && p.name == name)
            || fields().any(|f| f.name == name && (f.required || f.shape.kind == ValueKind::Array))
    };
    let beyond = |name: &str| known(name) && (single || of_row(name));
    let required = |name: &str| method.parameters.iter().any(|p| p.required && p.name == name);
    let never_null = |name: &str| required(name) || target.resource.key.iter().any(|key| key == name);
    let bounds = Bounds { target, beyond: &beyond, never_null: &never_null };
    if selection.is_some_and(|s| bounds.hold(s, true)) {
        return Ok(());
    }
    let full = target.resource.full_name();
    let within = if scope.is_empty() { String::new() } else { format!(" within its {}", scope.join(" and ")) };
    Err(Error::statement(format!(
        "{verb} without a condition would touch every row of {full}{within}; nothing was sent"
    ))
    .hint("say in WHERE which rows are meant; for every one of them, SET allow_unfiltered = on"))
}

/// Refuses a method that would act on a whole list where single rows of it are meant.
pub(super) fn check_keyed(target: &Target, method: &Method) -> Result<()> {
    if !tells_no_row_apart(target, method) {
        return Ok(());
    }
    let full = target.resource.full_name();
    Err(Error::statement(format!(
        "{full}.{} takes nothing that tells one row from another: it would act on all of them, and not on those that are \
         meant; nothing was sent",
        method.name
    ))
    .hint(format!("EXEC {full}.{} calls it as it is; DESCRIBE METHOD {full}.{} lists what it takes", method.name, method.name)))
}

/// Whether a method of a list needs nothing that tells one of its rows from another.
pub(super) fn tells_no_row_apart(target: &Target, method: &Method) -> bool {
    is_list(&target.resource) && only_scope(method, &scope(&target.resource))
}

/// Whether a method needs nothing but the scope.
fn only_scope(method: &Method, scope: &[String]) -> bool {
    method.parameters.iter().filter(|p| p.required).all(|p| scope.contains(&p.name))
}

/// Whether what SELECT reads is a list, as far as the document tells.
fn is_list(resource: &Resource) -> bool {
    resource.methods_of(Verb::Select).any(|m| m.paging.is_some() || m.answer.many)
}

/// Parameters that the widest list of the resource needs, and that its rows only repeat.
fn scope(resource: &Resource) -> Vec<String> {
    let required = |m: &Method| m.parameters.iter().filter(|p| p.required).map(|p| p.name.clone()).collect::<Vec<_>>();
    let lists = resource.methods_of(Verb::Select).map(|m| required(m));
    let widest = lists.min_by_key(Vec::len).unwrap_or_default();
    widest.into_iter().filter(|name| resource.column(name).is_none_or(|c| c.paths.is_empty())).collect()
}

/// Columns whose conditions tell rows apart.
struct Bounds<'a> {
    target: &'a Target,
    /// Whether a column is more than the scope.
    beyond: &'a dyn Fn(&str) -> bool,
    /// Whether a column is never NULL: the key.
    never_null: &'a dyn Fn(&str) -> bool,
}

impl Bounds<'_> {
    /// Whether every row for which `expr` is `holds` has met a condition on a column beyond the scope, or there is
    /// none. What looks like a condition and is always true is none.
    fn hold(&self, expr: &Expr, holds: bool) -> bool {
        let (both, either) =
            if holds { (BinaryOperator::And, BinaryOperator::Or) } else { (BinaryOperator::Or, BinaryOperator::And) };
        match expr {
            Expr::Nested(inner) => self.hold(inner, holds),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => self.hold(expr, !holds),
            Expr::BinaryOp { left, op, right } if *op == both => self.hold(left, holds) || self.hold(right, holds),
            Expr::BinaryOp { left, op, right } if *op == either => self.hold(left, holds) && self.hold(right, holds),
            Expr::BinaryOp { left, op, right } if left == right && is_reflexive(op) == holds => false,
            Expr::Value(value) => match value.value {
                Value::Boolean(flag) => flag != holds,
                _ => matches!(value.value, Value::Null),
            },
            Expr::IsNotNull(inner) if holds => self.told_apart_by_null(inner),
            Expr::IsNull(inner) if !holds => self.told_apart_by_null(inner),
            Expr::Like { pattern, negated, .. } | Expr::ILike { pattern, negated, .. }
                if *negated != holds && matches_anything(pattern) =>
            {
                false
            }
            Expr::Exists { subquery, .. } => qualified(self.target, subquery).iter().any(|name| (self.beyond)(name)),
            other => self.target.mentioned(other).iter().any(|name| (self.beyond)(name)),
        }
    }

    /// Whether some rows may have a value here and others none: of an expression nobody knows.
    fn told_apart_by_null(&self, expr: &Expr) -> bool {
        self.target.named(expr).is_some_and(|name| (self.beyond)(&name) && !(self.never_null)(&name))
    }
}

/// `x = x` and the like: true wherever x is not NULL.
fn is_reflexive(op: &BinaryOperator) -> bool {
    matches!(op, BinaryOperator::Eq | BinaryOperator::GtEq | BinaryOperator::LtEq)
}

/// `LIKE '%'`
fn matches_anything(pattern: &Expr) -> bool {
    let Expr::Value(value) = pattern else { return false };
    let text = value.value.clone().into_string();
    text.is_some_and(|text| !text.is_empty() && text.chars().all(|c| c == '%'))
}

/// Columns of the target that a sub-query names with the target's name before them. A bare name in there is the
/// sub-query's own, as far as can be told.
fn qualified(target: &Target, query: &Query) -> Vec<String> {
    struct Outer<'a>(&'a Target, Vec<String>);
    impl Visitor for Outer<'_> {
        type Break = ();

        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
            // A relation of the sub-query with the target's name is what that name means in there.
            let TableFactor::Table { name, alias, .. } = factor else { return ControlFlow::Continue(()) };
            let called = match alias {
                Some(alias) => vec![alias.name.clone()],
                None => idents(name),
            };
            let hides = called.last().is_some_and(|last| self.0.is_self(std::slice::from_ref(last)));
            if hides { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if matches!(expr, Expr::CompoundIdentifier(_)) {
                self.1.extend(self.0.named(expr));
            }
            ControlFlow::Continue(())
        }
    }
    let mut outer = Outer(target, Vec::new());
    match query.visit(&mut outer) {
        ControlFlow::Break(()) => Vec::new(),
        ControlFlow::Continue(()) => outer.1,
    }
}
