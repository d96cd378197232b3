//! RETURNING: a SELECT over the answers of a write. Planned before anything is sent, run when the answers are there.
//! A name is a column first, a value of the request second, a field of the answer's envelope third.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use datafusion::catalog::MemTable;
use serde_json::{Map, Value, json};
use sqlparser::ast::SelectItem;

use super::query::select_of;
use super::{Rows, Run, Session};
use crate::error::{Error, Kind, Result};
use crate::registry::{Column, JsonPath, Method, Resource};
use crate::rows::{Decoder, Envelope, schema};
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

/// The columns that RETURNING can name after `method`. Those before `visible` are what `*` means.
pub(super) struct Returnable {
    columns: Vec<Column>,
    visible: usize,
    rows: Vec<JsonPath>,
}

impl Returnable {
    pub(super) fn of(resource: &Resource, method: &Method) -> Returnable {
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
        let text = Value::Array(rows).to_string();
        let decoder = Decoder::new(self.columns.clone());
        let envelope = Envelope::parse(text.as_bytes())?;
        let decoded = decoder.decode(&envelope.rows(&[JsonPath::default()])?, &|_| None)?;
        Ok(decoded.batch)
    }
}

impl Session {
    /// Plans RETURNING over no rows, so that what it cannot have is refused before anything is sent.
    pub(super) async fn check_returning(
        &self,
        run: &Run,
        returnable: &Returnable,
        returning: &[SelectItem],
    ) -> Result<()> {
        let empty = RecordBatch::new_empty(schema(&returnable.columns));
        self.project(run, returnable, returning, empty).await.map(drop)
    }

    /// RETURNING over the answers of the calls that were made, and then `failure`.
    pub(super) async fn return_answers(
        &self,
        run: &Run,
        returnable: &Returnable,
        returning: &[SelectItem],
        (answers, failure): (&[Answered], Option<Error>),
    ) -> Result<Rows> {
        let rows = self.project(run, returnable, returning, returnable.batch(answers)?).await?;
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
        super::mutate::respell_items(&mut items, &wire, &|name| returnable.columns.iter().any(|c| c.name == name));
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
    use sqlparser::ast::{ExcludeSelectItem, Ident, ObjectName};
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
