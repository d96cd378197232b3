//! What a statement warns of: each sentence once, values that did not fit counted by column. Prints nothing.

use std::sync::{Arc, Mutex, PoisonError};

use crate::error::counted;
use crate::rows::Misfit;

/// The warnings of a statement. Clones share them.
#[derive(Clone, Default)]
pub struct Warnings(Arc<Mutex<Vec<Warning>>>);

#[derive(Clone)]
enum Warning {
    Said { text: String, incomplete: bool },
    Misfit { table: String, misfit: Misfit },
    Counted { what: String, rows: u64 },
}

impl Warnings {
    /// Adds one sentence; the same sentence is said once.
    pub fn add(&self, text: impl Into<String>) {
        self.say(text.into(), false);
    }

    /// Adds one sentence that tells that the answer may not be whole (an error under `--strict`).
    pub fn add_incomplete(&self, text: impl Into<String>) {
        self.say(text.into(), true);
    }

    fn say(&self, text: String, incomplete: bool) {
        let mut all = self.lock();
        if !all.iter().any(|w| matches!(w, Warning::Said { text: known, .. } if *known == text)) {
            all.push(Warning::Said { text, incomplete });
        }
    }

    /// Counts values that did not fit their column.
    pub fn add_misfit(&self, table: &str, new: Misfit) {
        let mut all = self.lock();
        for warning in all.iter_mut() {
            if let Warning::Misfit { table: known, misfit } = warning
                && known == table
                && misfit.column == new.column
            {
                misfit.count += new.count;
                return;
            }
        }
        all.push(Warning::Misfit { table: table.to_owned(), misfit: new });
    }

    /// Counts rows of which the same is to be said.
    pub fn add_counted(&self, new: &str) {
        let mut all = self.lock();
        for warning in all.iter_mut() {
            if let Warning::Counted { what, rows } = warning
                && what == new
            {
                *rows += 1;
                return;
            }
        }
        all.push(Warning::Counted { what: new.to_owned(), rows: 1 });
    }

    /// All warnings so far, in a person's words.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.lock().iter().map(Warning::text).collect()
    }

    /// The first warning that the answer may not be whole.
    #[must_use]
    pub fn incomplete(&self) -> Option<String> {
        self.lock().iter().find(|w| matches!(w, Warning::Said { incomplete: true, .. })).map(Warning::text)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Warning>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Warning {
    fn text(&self) -> String {
        match self {
            Warning::Said { text, .. } => text.clone(),
            Warning::Counted { what, rows: 1 } => format!("1 row {what}"),
            Warning::Counted { what, rows } => format!("{rows} rows {what}"),
            Warning::Misfit { table, misfit } if misfit.column.is_empty() => {
                format!("{table}: {} came that are no objects; their columns are NULL", counted(misfit.count, "row"))
            }
            Warning::Misfit { table, misfit } => {
                let values = counted(misfit.count, "value");
                let example = misfit.example.as_ref().map(|e| format!(", for example {e}")).unwrap_or_default();
                let (column, wanted) = (&misfit.column, misfit.wanted);
                format!("{table}.{column}: {values} did not fit the type {wanted} and became NULL{example}")
            }
        }
    }
}
