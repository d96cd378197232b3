//! Commands that run the statement before them, or the last one again: `\g`, `\gx`, `\gset`, `\gexec`, `\p`.
//! Every statement goes the same road as a typed one.

use super::Command;
use crate::error::{Error, Kind, Place, Result, counted};
use crate::output::cells;
use crate::session::Kept;
use crate::shell::desk::{Desk, Way};
use crate::shell::variables::{Value, check_name};
use crate::sql::Piece;

impl Desk<'_> {
    /// The statement that a command runs: the one before it, else the last one.
    pub(super) fn meant(&self, command: &Command) -> Result<Piece> {
        let meant = command.before.clone().or_else(|| {
            // An error in a statement that is not seen any more has no place.
            self.said.clone().map(|said| Piece { place: Place { file: None, line: 1, column: 1 }, ..said })
        });
        meant.ok_or_else(|| {
            Error::new(Kind::Usage, format!("there is no statement for \\{} yet", command.name))
                .hint(format!("SELECT .. \\{}", command.name))
        })
    }

    /// `\g` and `\gx`, to a file or program where one is named.
    pub(super) fn go(&mut self, command: &Command, expanded: bool) -> Result<()> {
        let piece = self.meant(command)?;
        if command.rest.trim_end_matches(';').is_empty() {
            return self.statement(&piece, Way { expanded, ..Way::default() }).map(drop);
        }
        let out = self.open(&command.rest, false)?;
        // What is dropped without being closed leaves no file behind.
        self.statement(&piece, Way { expanded, to: Some(out.sink()), ..Way::default() })?;
        out.close()
    }

    /// `\gset`: a variable a column of the one row.
    pub(super) fn set_from(&mut self, command: &Command) -> Result<()> {
        let piece = self.meant(command)?;
        let prefix = super::words(&command.rest, &self.variables)?.into_iter().next().unwrap_or_default();
        let kept = self.gathered(&piece)?;
        for (name, value) in settings_of(&kept, &prefix)? {
            match value {
                Some(value) => drop(self.variables.insert(name, value)),
                None => drop(self.variables.remove(&name)),
            }
        }
        Ok(())
    }

    /// `\gexec`: every value of the result is a statement, shown and then run.
    pub(super) fn run_from(&mut self, command: &Command) -> Result<()> {
        let piece = self.meant(command)?;
        let kept = self.gathered(&piece)?;
        for text in rows_of(&kept)?.into_iter().flatten().flatten() {
            for piece in crate::sql::split(&text)? {
                self.report.line(&format!("{};", piece.text));
                self.statement(&piece, Way::default())?;
            }
        }
        self.said = Some(piece);
        Ok(())
    }

    /// Runs a statement whose rows are looked at and not shown.
    fn gathered(&mut self, piece: &Piece) -> Result<Kept> {
        let gathered = self.statement(piece, Way { gather: true, ..Way::default() })?;
        for warning in gathered.summary.iter().flat_map(|summary| &summary.warnings) {
            self.report.warning(warning);
        }
        gathered.kept.ok_or_else(|| Error::statement("the statement has no rows"))
    }
}

/// The texts of all rows.
pub(super) fn rows_of(kept: &Kept) -> Result<crate::output::Cells> {
    kept.check()?;
    let mut rows = Vec::new();
    for batch in kept.batches() {
        rows.extend(cells(kept.schema(), batch)?);
    }
    Ok(rows)
}

/// What `\gset` sets: a variable a column of the one row, of the column's type; none where it is NULL.
///
/// # Errors
/// When there is not one row, or a column's name is none for a variable.
pub fn settings_of(kept: &Kept, prefix: &str) -> Result<Vec<(String, Option<Value>)>> {
    let mut rows = rows_of(kept)?;
    let (Some(row), true) = (rows.pop(), rows.is_empty()) else {
        let rows = counted((rows.len() + usize::from(!rows.is_empty())) as u64, "row");
        return Err(Error::statement(format!("\\gset needs exactly one row, and there are {rows}"))
            .hint("LIMIT 1, or a condition that leaves one"));
    };
    let mut settings = Vec::with_capacity(row.len());
    for (field, value) in kept.schema().fields().iter().zip(row) {
        let name = format!("{prefix}{}", field.name());
        check_name(&name)?;
        let kind = field.data_type();
        let typed = kind.is_numeric() || *kind == arrow::datatypes::DataType::Boolean;
        settings.push((name, value.map(|text| if typed { Value::typed(&text) } else { Value::text(&text) })));
    }
    Ok(settings)
}
