//! `_`, the last result as a table of the session: looking again costs no request.
//! Owns its bound and what is said when it was too large; the shell decides which results are kept.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{MemTable, SchemaProvider, Session as Engine, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::{Answer, Session};
use crate::error::{Error, Kind, Result, counted};
use crate::plan::{unwrap, wrap};
use crate::sql::Statement;

/// The name of the last result among the session's tables.
pub const LAST: &str = "_";

/// A result of more rows is not kept.
const MOST_ROWS: usize = 100_000;
/// Nor is one that takes more memory.
const MOST_BYTES: usize = 64 << 20;

/// The rows of a result as they are kept for `_`: all of them, or none when there are too many.
#[derive(Debug)]
pub struct Kept {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Kept {
    /// Nothing yet.
    #[must_use]
    pub fn new(schema: &SchemaRef) -> Kept {
        Kept { schema: schema.clone(), batches: Vec::new(), rows: 0, bytes: 0 }
    }

    /// Keeps a batch, unless the result has become too large: then what was kept goes too.
    pub fn add(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        match self.is_whole() {
            true => self.batches.push(batch.clone()),
            false => self.batches.clear(),
        }
    }

    /// Whether every row that came is here.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.rows <= MOST_ROWS && self.bytes <= MOST_BYTES
    }

    /// How many rows came.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What the rows have for columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The rows; none of a result that was too large.
    #[must_use]
    pub fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// Why there are no rows, for a result that was too large.
    ///
    /// # Errors
    /// When it was.
    pub fn check(&self) -> Result<()> {
        if self.is_whole() { Ok(()) } else { Err(too_large(self.rows)) }
    }
}

fn too_large(rows: usize) -> Error {
    let rows = counted(rows as u64, "row");
    Error::statement(format!("the last result was not kept: {rows} are more than {LAST} holds"))
        .hint(format!("{LAST} holds {MOST_ROWS} rows or 64 MiB; CREATE TABLE t AS SELECT .. keeps more"))
}

impl Session {
    /// Makes `kept` the table `_`. What stands in it is as secret as it was in `answer`; what a write returned may be,
    /// whatever it is called.
    ///
    /// # Errors
    /// When the engine does not take it, which is a defect.
    pub fn remember(&self, answer: &Answer, kept: &Kept, written: bool) -> Result<()> {
        let schema = distinct(&kept.schema);
        let table: Arc<dyn TableProvider> = match kept.is_whole() {
            false => Arc::new(Gone { schema, rows: kept.rows }),
            true => {
                let renamed = kept.batches.iter().map(|batch| {
                    let columns = batch.columns().to_vec();
                    // What came may differ from what was announced, in the kind of text array for one.
                    let fields = schema.fields().iter().zip(&columns);
                    let fields = fields.map(|(f, c)| f.as_ref().clone().with_data_type(c.data_type().clone()));
                    let came = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
                    RecordBatch::try_new(came, columns)
                        .map_err(|e| Error::new(Kind::Internal, format!("the last result could not be kept: {e}")))
                });
                let batches = renamed.collect::<Result<Vec<_>>>()?;
                let schema = batches.first().map_or(schema, RecordBatch::schema);
                Arc::new(MemTable::try_new(schema, vec![batches]).map_err(unwrap)?)
            }
        };
        self.forget_last()?;
        self.engine.own_schema().register_table(LAST.to_owned(), table).map_err(unwrap)?;
        self.last_secrets.store(written || answer.is_secret(), Ordering::Relaxed);
        Ok(())
    }

    fn forget_last(&self) -> Result<()> {
        self.engine.own_schema().deregister_table(LAST).map(drop).map_err(unwrap)
    }

    /// Whether what `statement` finds in the session's own tables may be secret.
    pub(super) fn reads_secrets(&self, statement: &Statement) -> bool {
        // The tree as it prints itself holds each name in quotes; a text that is but `_` counts too, which hides more.
        let names_last = || format!("{statement:?}").contains("\"_\"");
        self.own_secrets.load(Ordering::Relaxed) || self.last_secrets.load(Ordering::Relaxed) && names_last()
    }
}

/// The schema with names that are each there once: a query may have two columns of one name, a table may not.
fn distinct(schema: &SchemaRef) -> SchemaRef {
    let mut taken: HashSet<String> = HashSet::new();
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| {
            let mut name = field.name().clone();
            let mut number = 1;
            while !taken.insert(name.clone()) {
                name = format!("{}_{number}", field.name());
                number += 1;
            }
            field.as_ref().clone().with_name(name).with_nullable(true)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

/// Stands for a result that was too large, so that using it says so.
#[derive(Debug)]
struct Gone {
    schema: SchemaRef,
    rows: usize,
}

#[async_trait]
impl TableProvider for Gone {
    fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Engine,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>, DataFusionError> {
        Err(wrap(too_large(self.rows)))
    }
}
