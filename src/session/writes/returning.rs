//! RETURNING: a SELECT over the answers of a write. Planned before anything is sent, run when the answers are there.
//! A name is a column first, a value of the request second, a field of the answer's envelope third.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;
use datafusion::catalog::MemTable;
use serde_json::{Map, Value, json};
use sqlparser::ast::{Expr, Ident, SelectItem, Visit, VisitMut, Visitor, VisitorMut};

use crate::error::{Error, Kind, Result};
use crate::plan::folded;
use crate::registry::{Column, JsonPath, Method, Resource, takes};
use crate::rows::{Decoder, Outline, compact, schema};
use crate::session::query::select_of;
use crate::session::{Rows, Run, Session};
use crate::sql::{self, Statement};

/// The name of the answers, in RETURNING. Nobody has to type it.
const ANSWERS: &str = "answer";

/// Keys of the object that is made of each answer: the row, what the request carried, and the whole answer.
const ROW: &str = "row";
const SENT: &str = "sent";
const ENVELOPE: &str = "envelope";

/// Where a column of RETURNING is looked for.
#[derive(Clone, Copy, PartialEq)]
enum Source {
    Row,
    RowOrRequest,
    Envelope,
}

/// What one call sent and got.
pub(super) struct Answered {
    /// SQL name and value of everything that the request carried.
    pub(super) sent: Vec<(String, Value)>,
    /// The body of the answer; None where it had none.
    pub(super) body: Option<Value>,
}

/// What a statement returns: what it could name, and what it names.
pub(super) struct Returning {
    returnable: Returnable,
    items: Option<Vec<SelectItem>>,
}

impl Returning {
    pub(super) fn of(resource: &Resource, method: &Method, items: Option<Vec<SelectItem>>) -> Returning {
        Returning { returnable: Returnable::of(resource, method), items }
    }

    /// Of an EXEC: everything that its answer has.
    pub(super) fn whole_answer(resource: &Resource, method: &Method) -> Returning {
        let shown: Vec<&str> = match method.answer.columns.as_slice() {
            [] => method.answer.envelope.iter().map(|c| c.name.as_str()).collect(),
            columns => columns.iter().map(|c| c.name.as_str()).collect(),
        };
        let item = |name: &&str| SelectItem::UnnamedExpr(Expr::Identifier(Ident::with_quote('"', *name)));
        let items = (!shown.is_empty()).then(|| shown.iter().map(item).collect());
        Returning::of(resource, method, items)
    }

    /// Whether the statement returns rows.
    pub(super) fn is_asked(&self) -> bool {
        self.items.is_some()
    }

    /// Columns of the resource that the statement returns and neither answer nor request of the method has: what a
    /// thing was before it was deleted.
    pub(super) fn not_answered(&self, resource: &Resource, method: &Method) -> Vec<String> {
        let Some(items) = &self.items else { return Vec::new() };
        let mut named = Named::default();
        for item in items {
            let _ = item.visit(&mut named);
            named.all |= matches!(item, SelectItem::Wildcard(_));
        }
        let answered = |c: &&Column| {
            method.answer.columns.iter().any(|a| a.name == c.name)
                || takes(method, &c.name).is_some()
                || c.name == "_raw"
        };
        let wanted = |c: &&Column| {
            named.names.iter().any(|n| *n == c.name || *n == c.wire) || (named.all && !c.hidden && !c.only_by_key)
        };
        let old = resource.columns.iter().filter(|c| !answered(c)).filter(wanted);
        old.map(|c| c.name.clone()).collect()
    }
}

/// Names within RETURNING.
#[derive(Default)]
struct Named {
    names: Vec<String>,
    all: bool,
}

impl Visitor for Named {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> std::ops::ControlFlow<()> {
        let last = match expr {
            Expr::Identifier(ident) => Some(ident),
            Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        self.names.extend(last.into_iter().flat_map(|i| [folded(i), i.value.clone()]));
        std::ops::ControlFlow::Continue(())
    }
}

/// The columns that RETURNING can name after `method`. Those before `visible` are what `*` means.
struct Returnable {
    columns: Vec<Column>,
    visible: usize,
    rows: Vec<JsonPath>,
}

impl Returnable {
    fn of(resource: &Resource, method: &Method) -> Returnable {
        let mut columns: Vec<Column> = Vec::new();
        let add = |columns: &mut Vec<Column>, column: &Column, source: Source| {
            if columns.iter().any(|c| c.name == column.name) {
                return;
            }
            let under = |key: &String| JsonPath(vec![SENT.to_owned(), key.clone()]);
            let prefix = if source == Source::Envelope { ENVELOPE } else { ROW };
            let within =
                |p: &JsonPath| JsonPath(std::iter::once(prefix.to_owned()).chain(p.0.iter().cloned()).collect());
            let mut paths: Vec<JsonPath> = column.paths.iter().map(within).collect();
            if source == Source::RowOrRequest {
                paths.push(under(&column.name));
            }
            columns.push(Column { paths, ..column.clone() });
        };
        let own = |c: &&Column| !c.hidden;
        // Columns of the answer first, then those of the table, in the table's order.
        let in_answer = |c: &&Column| method.answer.columns.iter().any(|a| a.name == c.name);
        resource
            .columns
            .iter()
            .filter(own)
            .filter(|c| in_answer(c) || c.paths.is_empty())
            .for_each(|c| add(&mut columns, c, Source::RowOrRequest));
        method.answer.columns.iter().for_each(|c| add(&mut columns, c, Source::RowOrRequest));
        resource.columns.iter().filter(own).for_each(|c| add(&mut columns, c, Source::RowOrRequest));
        let sent = method.parameters.iter().map(|p| (&p.name, &p.wire, &p.shape));
        let sent = sent.chain(method.body.iter().flat_map(|b| &b.fields).map(|f| (&f.name, &f.wire, &f.shape)));
        for (name, wire, shape) in sent {
            let (name, wire, shape) = (name.clone(), wire.clone(), shape.clone());
            let column = Column {
                name,
                wire,
                paths: Vec::new(),
                shape,
                description: String::new(),
                hidden: false,
                only_by_key: false,
            };
            add(&mut columns, &column, Source::RowOrRequest);
        }
        let visible = columns.len();
        resource.columns.iter().filter(|c| c.name == "_raw").for_each(|c| add(&mut columns, c, Source::Row));
        method.answer.envelope.iter().for_each(|c| add(&mut columns, c, Source::Envelope));
        Returnable { columns, visible, rows: method.answer.rows.clone() }
    }

    /// The rows of the answers as one batch.
    fn batch(&self, answers: &[Answered]) -> Result<RecordBatch> {
        let mut rows = Vec::new();
        for answer in answers {
            let sent: Map<String, Value> = answer.sent.iter().cloned().collect();
            let found = answer.body.as_ref().and_then(|body| self.rows.iter().find_map(|path| path.find(body)));
            let of_answer: Vec<Value> = match found {
                Some(Value::Array(rows)) => rows.clone(),
                Some(row) => vec![row.clone()],
                None => vec![Value::Null],
            };
            let envelope = answer.body.clone().unwrap_or(Value::Null);
            rows.extend(of_answer.into_iter().map(|row| json!({ROW: row, SENT: sent, ENVELOPE: envelope})));
        }
        let text = Bytes::from(Value::Array(rows).to_string());
        let decoder = Decoder::new(self.columns.clone());
        let outline = Outline::new(&[JsonPath::default()], []);
        let decoded = decoder.read(&text, &outline, &|_| None)?.rows()?;
        compact(decoded.batch)
    }
}

impl Session {
    /// Plans RETURNING over no rows, so that what it cannot have is refused before anything is sent.
    pub(super) async fn check_returning(&self, run: &Run, returning: &Returning) -> Result<()> {
        let Some(items) = &returning.items else { return Ok(()) };
        let empty = RecordBatch::new_empty(schema(&returning.returnable.columns));
        self.project(run, &returning.returnable, items, empty).await.map(drop)
    }

    /// RETURNING over the answers of the calls that were made, and then `failure`.
    pub(super) async fn return_answers(
        &self,
        run: &Run,
        returning: &Returning,
        (answers, failure): (&[Answered], Option<Error>),
    ) -> Result<Rows> {
        let (returnable, items) = (&returning.returnable, returning.items.as_deref().unwrap_or_default());
        let rows = self.project(run, returnable, items, returnable.batch(answers)?).await?;
        let schema = rows.schema().clone();
        let batches = rows.collect().await?;
        let batch = concat_batches(&schema, &batches)
            .map_err(|e| Error::new(Kind::Internal, format!("RETURNING could not be made: {e}")))?;
        Ok(Rows::ready(schema, vec![batch], failure))
    }

    async fn project(
        &self,
        run: &Run,
        returnable: &Returnable,
        returning: &[SelectItem],
        batch: RecordBatch,
    ) -> Result<Rows> {
        let wire = |name: &str| returnable.columns.iter().find(|c| c.wire == name).map(|c| c.name.clone());
        let mut items = returning.to_vec();
        crate::plan::name_items(&mut items);
        respell_items(&mut items, &wire, &|name| returnable.columns.iter().any(|c| c.name == name));
        let mut query = select_of(items)?;
        let Statement::Query(from) = sql::parse(&format!("SELECT 1 FROM {ANSWERS}"))? else {
            return Err(Error::new(Kind::Internal, "RETURNING has no source"));
        };
        if let (sqlparser::ast::SetExpr::Select(select), sqlparser::ast::SetExpr::Select(source)) =
            (query.body.as_mut(), *from.body)
        {
            select.from = source.from;
            exclude_hidden(select, &returnable.columns[returnable.visible..]);
        }
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).map_err(crate::plan::unwrap)?;
        self.rows_over(run, query, ANSWERS, Arc::new(table)).await
    }
}

/// `*` means the columns, not the envelope.
fn exclude_hidden(select: &mut sqlparser::ast::Select, hidden: &[Column]) {
    use sqlparser::ast::{ExcludeSelectItem, ObjectName};
    for item in &mut select.projection {
        if let SelectItem::Wildcard(options) = item
            && options.opt_exclude.is_none()
            && !hidden.is_empty()
        {
            let names = hidden.iter().map(|c| ObjectName::from(vec![Ident::with_quote('"', &c.name)]));
            options.opt_exclude = Some(ExcludeSelectItem::Multiple(names.collect()));
        }
    }
}

/// Wire spellings in RETURNING become SQL names.
fn respell_items(items: &mut [SelectItem], of_wire: &dyn Fn(&str) -> Option<String>, is_name: &dyn Fn(&str) -> bool) {
    struct Respell<'a>(&'a dyn Fn(&str) -> Option<String>, &'a dyn Fn(&str) -> bool);
    impl VisitorMut for Respell<'_> {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> std::ops::ControlFlow<()> {
            if let Expr::Identifier(ident) = expr
                && ident.quote_style.is_none()
                && !(self.1)(&folded(ident))
                && let Some(name) = (self.0)(&ident.value)
            {
                let span = ident.span;
                *ident = Ident::with_quote('"', name);
                ident.span = span;
            }
            std::ops::ControlFlow::Continue(())
        }
    }
    for item in items {
        let _ = VisitMut::visit(item, &mut Respell(of_wire, is_name));
    }
}
