//! COPY in the formats of the output floor: the same bytes as `-o` with `-f`, in a file that appears whole or not at all.
//! Owns which COPY is such a one; the others are the engine's, which knows partitions, options and Parquet.

use std::path::{Path, PathBuf};

use datafusion::sql::parser::{CopyToSource, CopyToStatement, Statement as DfStatement};
use futures::StreamExt;
use sqlparser::ast::Query;

use super::query::{statement_of, written};
use super::{Answer, Run, Session};
use crate::error::{Error, Kind, Result};
use crate::output::{Flow, Format, Options, Printer, Target};
use crate::plan;
use crate::sql::{self, Statement};

/// A query, and the file that its rows go to.
pub(super) struct Export {
    query: Query,
    /// The query is the statement's own, so that places in errors are places in it.
    typed: bool,
    format: Format,
    path: PathBuf,
}

impl Export {
    /// The export that a statement is. None for what the engine writes.
    pub(super) fn of(statement: &DfStatement) -> Result<Option<Export>> {
        let DfStatement::CopyTo(copy) = statement else { return Ok(None) };
        let format = match &copy.stored_as {
            Some(name) => Some(name.parse().map_err(|error: Error| Error::statement(error.message()))?),
            None => Format::of_path(Path::new(&copy.target)),
        };
        let Some(format) = format else { return Err(untold(&copy.target)) };
        let target = copy.target.strip_prefix("file://").unwrap_or(&copy.target);
        let plain = copy.options.is_empty() && copy.partitioned_by.is_empty();
        // Without an ending the engine takes a name for a folder.
        let is_file = !target.contains("://") && !target.ends_with('/') && Path::new(target).extension().is_some();
        let format = match format {
            Format::Parquet | Format::Arrow => return Ok(None),
            Format::Csv | Format::Json if !plain || !is_file => return Ok(None),
            // What FROM 'file.json' reads is an object a line.
            Format::Json => Format::Jsonl,
            format => format,
        };
        if !plain || target.contains("://") {
            let name = format.name();
            return Err(Error::statement(format!(
                "COPY as {name} takes a file, and neither OPTIONS nor PARTITIONED BY"
            ))
            .hint("csv, json and parquet have options"));
        }
        let (query, typed) = source(copy)?;
        Ok(Some(Export { query, typed, format, path: PathBuf::from(target) }))
    }
}

fn untold(target: &str) -> Error {
    let names = Format::names().collect::<Vec<_>>().join(", ");
    Error::statement(format!("the name `{target}` does not tell a format"))
        .hint(format!("end it with .csv, .json, .parquet, .md or the like, or say STORED AS with one of {names}"))
}

/// What is copied, and whether its text is the statement's.
fn source(copy: &CopyToStatement) -> Result<(Query, bool)> {
    match &copy.source {
        CopyToSource::Query(query) => Ok((query.as_ref().clone(), true)),
        CopyToSource::Relation(name) => match sql::parse(&format!("SELECT * FROM {name}"))? {
            Statement::Query(query) => Ok((*query, false)),
            _ => Err(Error::new(Kind::Internal, format!("{name} is no table"))),
        },
    }
}

impl Session {
    /// Plans what would be written. Writes nothing.
    pub(super) async fn check_export(&self, run: &Run, mut export: Export) -> Result<()> {
        plan::name_as_typed(&mut export.query);
        let planned = async { self.plan(run, statement_of(export.query)).await?.physical().await };
        let typed = export.typed;
        planned.await.map(drop).map_err(|error| if typed { error } else { error.map_place(|_| None) })
    }

    /// Writes the file.
    pub(super) async fn export(&self, run: &Run, mut export: Export) -> Result<Answer> {
        plan::name_as_typed(&mut export.query);
        let typed = export.typed;
        let rows = self.rows_of(run, export.query).await;
        let mut rows = rows.map_err(|error| if typed { error } else { error.map_place(|_| None) })?;
        let folder = export.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|error| {
                let what = format!("the folder of `{}` could not be made: {error}", export.path.display());
                Error::new(Kind::Usage, what).hint("name a folder that you may write to").caused_by(error)
            })?;
        }
        let mut target = Target::create(&export.path)?;
        let mut printer = Printer::new(&Options::new(export.format), rows.schema(), &mut target);
        while let Some(batch) = rows.next().await {
            if printer.write(&batch?)? == Flow::Closed {
                break;
            }
        }
        let printed = printer.finish()?;
        target.commit()?;
        Ok(Answer::done(run, written(printed.rows)))
    }
}
