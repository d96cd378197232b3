//! What the conditions of an UPDATE, REPLACE or DELETE say to its method: which names are the method's own, what each is
//! fixed to, and what goes from there into the request. Plans and sends nothing.

use sqlparser::ast::{BinaryOperator, Expr, UnaryOperator, Value};

use super::change::Changes;
use super::guard;
use super::target::Target;
use crate::error::{Error, Result};
use crate::registry::{Body, Field, Method, Resource, Verb, takes_aside};

/// The conditions of one statement, beside the method that serves it.
pub(super) struct Conditions<'a> {
    pub(super) target: &'a Target,
    pub(super) method: &'a Method,
    /// Fields of the body that a condition may give.
    fields: Vec<&'a Field>,
    verb: Verb,
    mentioned: &'a [String],
    fixed: Vec<(String, Option<Expr>)>,
}

impl<'a> Conditions<'a> {
    /// `set`: what the statement gives the body besides.
    pub(super) fn new(
        (target, method): (&'a Target, &'a Method),
        changes: &Changes,
        (mentioned, set): (&'a [String], &[String]),
    ) -> Conditions<'a> {
        let fields = method.body.iter().flat_map(|b| &b.fields);
        let is_set = |field: &Field| set.iter().any(|name| name.strip_prefix("data__") == Some(&field.wire));
        let free = |field: &&Field| may_condition(&target.resource, changes.verb, field) && !is_set(field);
        let fixed = changes.selection.iter().flat_map(|s| target.fixed(s)).collect();
        Conditions { target, method, fields: fields.filter(free).collect(), verb: changes.verb, mentioned, fixed }
    }

    /// Name and value of what the query brings: all that the method cannot do without and that rows or conditions can
    /// tell, and what else of its own the statement names. Where rows have that too it is brought where a condition fixes
    /// it: to filter by a region and then to delete in the API's own default region would be another write. A value that
    /// is written out goes into the request as it is written, whatever rows have under that name.
    pub(super) fn brought(&self) -> Vec<(String, Expr)> {
        let resource = &self.target.resource;
        let wanted = self.method.parameters.iter().filter(|p| {
            let named = self.mentioned.contains(&p.name);
            if p.required {
                (named || resource.column(&p.name).is_some() || p.variable.is_none()) && (p.constant.is_none() || named)
            } else {
                named && self.may_be_sent(&p.name)
            }
        });
        let mut names: Vec<&String> = wanted.map(|p| &p.name).collect();
        for field in &self.fields {
            if self.mentioned.contains(&field.name) && self.may_be_sent(&field.name) && !names.contains(&&field.name) {
                names.push(&field.name);
            }
        }
        names.into_iter().map(|name| (name.clone(), self.value(name))).collect()
    }

    fn may_be_sent(&self, name: &str) -> bool {
        !is_row_column(&self.target.resource, name) || self.is_fixed(name)
    }

    fn value(&self, name: &str) -> Expr {
        let written = self.fixed.iter().find_map(|(n, value)| value.clone().filter(|_| n == name));
        written.unwrap_or_else(|| self.target.column(name))
    }

    /// Whether every row that the statement means has one value, or one of a few, under this name.
    fn is_fixed(&self, name: &str) -> bool {
        self.fixed.iter().any(|(fixed, _)| fixed == name)
    }

    /// The method without what no condition gives it.
    pub(super) fn narrowed(&self) -> Method {
        let fields: Vec<Field> = self.fields.iter().map(|f| (*f).clone()).collect();
        let body = self.method.body.clone().filter(|_| !fields.is_empty());
        Method { body: body.map(|body| Body { fields, ..body }), ..self.method.clone() }
    }

    /// Whether a condition on this column of the plan is one on what the method takes.
    pub(super) fn is_own(&self, name: &str) -> bool {
        let name = self.base(name);
        self.method.parameters.iter().any(|p| p.name == name) || self.fields.iter().any(|f| f.name == name)
    }

    /// Whether rows need not be read for a condition on this column: what the request says is all that it means.
    pub(super) fn needs_no_row(&self, name: &str) -> bool {
        let needed = self.method.parameters.iter().any(|p| p.required && p.name == name);
        self.is_own(name) && (needed || self.names_what_goes(name) || !is_row_column(&self.target.resource, name))
    }

    /// Whether it is a field that a DELETE cannot do without, as APIs have it whose every request is a POST, and the
    /// statement says its value.
    fn names_what_goes(&self, name: &str) -> bool {
        self.verb == Verb::Delete
            && self.fields.iter().any(|field| field.required && field.name == name)
            && self.fixed.iter().any(|(fixed, value)| fixed == name && value.is_some())
    }

    /// Whether the request alone says what these conditions mean, though rows have columns of the same names: each is the
    /// method's own, and fixed to a value that is written out.
    pub(super) fn say_all<'n>(&self, mut used: impl Iterator<Item = &'n String>) -> bool {
        let written = |name: &str| self.fixed.iter().any(|(fixed, value)| fixed == name && value.is_some());
        used.all(|name| self.needs_no_row(name) || (self.is_own(name) && written(self.base(name))))
    }

    /// The name as the statement has it.
    pub(super) fn base<'n>(&self, name: &'n str) -> &'n str {
        takes_aside(&self.target.resource, name)
    }

    /// Refuses to read rows for a condition that they cannot be held against: were the API to pass over it, every row
    /// would be written.
    pub(super) fn check_comparable<'n>(&self, mut used: impl Iterator<Item = &'n String>) -> Result<()> {
        let Some(name) = used.find(|name| self.base(name) != name.as_str()) else { return Ok(()) };
        let (full, name) = (self.target.resource.full_name(), self.base(name));
        Err(Error::statement(format!(
            "only the API knows which rows of {full} a condition on {name} means, and no write is left to that; nothing \
             was sent"
        ))
        .hint(format!("name the rows by what they have, as in WHERE id IN (SELECT id FROM {full} WHERE {name} = ..)")))
    }

    /// Refuses a value that tells nothing where it is all that tells one row from another.
    pub(super) fn check_telling(&self) -> Result<()> {
        if !guard::tells_no_row_apart(self.target, self.method) {
            return Ok(());
        }
        let blank = self.fixed.iter().find(|(name, value)| self.is_own(name) && value.as_ref().is_some_and(is_blank));
        let Some((name, _)) = blank else { return Ok(()) };
        let (full, method) = (self.target.resource.full_name(), &self.method.name);
        Err(Error::statement(format!("an empty {name} tells {full}.{method} nothing; nothing was sent"))
            .hint(format!("say in WHERE which rows are meant; EXEC {full}.{method} calls it as it is")))
    }
}

/// Whether a condition may give a field of the body. What SET says of a row that is changed, WHERE says of the row.
pub(super) fn may_condition(resource: &Resource, verb: Verb, field: &Field) -> bool {
    verb == Verb::Delete || !is_row_column(resource, &field.name)
}

/// What no SELECT reads has no rows, though its columns tell what its writes answer.
fn is_row_column(resource: &Resource, name: &str) -> bool {
    !resource.verbs.select.is_empty() && resource.column(name).is_some_and(|c| !c.paths.is_empty())
}

/// Empty text, an empty list or object, NULL.
fn is_blank(value: &Expr) -> bool {
    let Expr::Value(value) = value else { return false };
    match &value.value {
        Value::Null => true,
        other => other.clone().into_string().is_some_and(|text| {
            let bare: String = text.chars().filter(|c| !c.is_whitespace()).collect();
            matches!(bare.as_str(), "" | "[]" | "{}" | "null" | "[\"\"]" | "[null]")
        }),
    }
}

impl Target {
    /// Columns of the target that a condition fixes, all joined by AND, each with its value where that is written out:
    /// `name = 'x'`, `name IN (..)`, a boolean column by itself.
    fn fixed(&self, selection: &Expr) -> Vec<(String, Option<Expr>)> {
        let flag = |expr: &Expr, value: bool| {
            let name = self.named(expr)?;
            Some((name, Some(Expr::Value(Value::Boolean(value).into()))))
        };
        let column = |expr: &Expr| Some((self.named(expr)?, None));
        match selection {
            Expr::Nested(inner) => self.fixed(inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.fixed(left).into_iter().chain(self.fixed(right)).collect()
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                let side = |column: &Expr, value: &Expr| Some((self.named(column)?, written(value)));
                // `name = other.name` fixes the name as well, to the row's own.
                side(left, right).into_iter().chain(side(right, left)).collect()
            }
            Expr::InList { expr, list, negated: false } => {
                let only = if let [only] = list.as_slice() { written(only) } else { None };
                self.named(expr).map(|name| (name, only)).into_iter().collect()
            }
            Expr::InSubquery { expr, negated: false, .. } => column(expr).into_iter().collect(),
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => flag(selection, true).into_iter().collect(),
            Expr::IsTrue(inner) => flag(inner, true).into_iter().collect(),
            Expr::IsFalse(inner) | Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => {
                flag(inner, false).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }
}

/// A value that stands in the statement itself.
fn written(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Nested(inner) => written(inner),
        Expr::Value(_) => Some(expr.clone()),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } if matches!(inner.as_ref(), Expr::Value(_)) => {
            Some(expr.clone())
        }
        _ => None,
    }
}
