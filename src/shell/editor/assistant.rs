//! Between the line editor and what helps somebody type: when a text is finished, its colours, hints and candidates, and
//! the files that a path may mean. Knows rustyline's traits; decides nothing about SQL itself.

use std::borrow::Cow;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Context, Helper};

use super::assist::Candidates;
use super::highlight::highlight;
use super::library::Library;
use crate::shell::args::terminal_width;

/// What rustyline asks while somebody types.
pub struct Assistant {
    pub library: Library,
    pub colour: bool,
    /// For `~` in paths.
    pub home: Option<PathBuf>,
    pub state: Mutex<State>,
}

/// What changes while a line is edited.
#[derive(Default)]
pub struct State {
    /// What stands in the line, so that Ctrl-C can tell whether it cleared something.
    pub typed: String,
    /// Columns of the prompt.
    pub prompt: usize,
    /// This is the line that Enter leaves behind: no bracket stands out in it.
    last: bool,
    /// Candidates that are still to be listed, and rows that the line takes beyond its first.
    listing: (usize, usize),
}

/// A hint that is only looked at: no key puts it into the line.
pub struct Lack(String);

impl Hint for Lack {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Helper for Assistant {}

impl Assistant {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// At most how many rows a line takes beyond its first, on so many columns. Some characters are two columns wide; that
/// all but ASCII are is near enough.
fn more_rows(prompt: usize, line: &str, columns: usize) -> usize {
    let width = |row: &str| row.chars().map(|c| if c.is_ascii() { 1 } else { 2 }).sum::<usize>();
    let rows =
        line.split('\n').enumerate().map(|(at, row)| 1 + (width(row) + if at == 0 { prompt } else { 0 }) / columns);
    rows.sum::<usize>() - 1
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, cursor: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let Candidates { start, list, path } = self.library.complete(line, cursor);
        let shown = format!("{line}{}", self.library.hint(line).unwrap_or_default());
        let mut pairs: Vec<Pair> = list.into_iter().map(|c| Pair { display: c.shown, replacement: c.text }).collect();
        if let Some(begun) = path {
            // In a string the end of the path is the end of the string.
            let quoted = line[..start].ends_with('\'') && !line[cursor..].starts_with('\'');
            pairs.extend(files(&begun, self.home.as_deref(), if quoted { "'" } else { "" }));
        }
        let columns = terminal_width().unwrap_or(80);
        let mut state = self.state();
        state.listing = (pairs.len(), more_rows(state.prompt, &shown, columns));
        Ok((start, pairs))
    }
}

impl Hinter for Assistant {
    type Hint = Lack;

    fn hint(&self, line: &str, cursor: usize, _: &Context<'_>) -> Option<Lack> {
        if cursor < line.len() { None } else { self.library.hint(line).map(Lack) }
    }
}

impl Highlighter for Assistant {
    fn highlight<'l>(&self, line: &'l str, cursor: usize) -> Cow<'l, str> {
        let mut state = self.state();
        line.clone_into(&mut state.typed);
        if !self.colour || line.is_empty() {
            return Cow::Borrowed(line);
        }
        Cow::Owned(highlight(line, (!state.last).then_some(cursor)))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        if self.colour { Cow::Owned(format!("\x1b[1m{prompt}\x1b[0m")) } else { Cow::Borrowed(prompt) }
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        if self.colour { Cow::Owned(format!("\x1b[90m{hint}\x1b[0m")) } else { Cow::Borrowed(hint) }
    }

    fn highlight_char(&self, line: &str, _: usize, kind: CmdKind) -> bool {
        let mut state = self.state();
        line.clone_into(&mut state.typed);
        state.last = kind == CmdKind::ForcedRefresh;
        self.colour
    }

    /// After a list rustyline 19 clears as many rows above the cursor as the line took, as if the list were not between
    /// them. Empty rows behind the last candidate are what is cleared then.
    fn highlight_candidate<'c>(&self, candidate: &'c str, _: CompletionType) -> Cow<'c, str> {
        let mut state = self.state();
        state.listing.0 = state.listing.0.saturating_sub(1);
        match state.listing {
            (0, rows) if rows > 0 => Cow::Owned(format!("{candidate}{}", "\n".repeat(rows))),
            _ => Cow::Borrowed(candidate),
        }
    }
}

impl Validator for Assistant {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let finished = super::is_finished(context.input());
        Ok(if finished { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

/// Files and folders whose path begins so. Hidden ones only when they were begun.
fn files(begun: &str, home: Option<&Path>, end: &str) -> Vec<Pair> {
    let (folder, name) = match begun.rfind(['/', MAIN_SEPARATOR]) {
        Some(at) => begun.split_at(at + 1),
        None => ("", begun),
    };
    let looked_in = match (folder.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ if folder.is_empty() => PathBuf::from("."),
        _ => PathBuf::from(folder),
    };
    let Ok(entries) = std::fs::read_dir(looked_in) else { return Vec::new() };
    let mut found: Vec<Pair> = entries
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path().is_dir())))
        .filter(|(entry, _)| entry.starts_with(name) && (name.starts_with('.') || !entry.starts_with('.')))
        .map(|(entry, is_folder)| {
            let end = if is_folder { "/" } else { end };
            let shown = if is_folder { format!("{entry}/") } else { entry.clone() };
            Pair { display: shown, replacement: format!("{folder}{entry}{end}") }
        })
        .collect();
    found.sort_by(|a, b| a.display.cmp(&b.display));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_completed_folder_by_folder() {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(home.path().join("data")).expect("a folder");
        for name in ["data.csv", "dates.sql", ".hidden"] {
            std::fs::write(home.path().join(name), "").expect("a file");
        }
        let found = |begun: &str| -> Vec<String> {
            files(begun, Some(home.path()), "'").into_iter().map(|pair| pair.replacement).collect()
        };
        assert_eq!(found("~/data"), ["~/data.csv'", "~/data/"]);
        assert_eq!(found("~/"), ["~/data.csv'", "~/data/", "~/dates.sql'"]);
        assert_eq!(found("~/.h"), ["~/.hidden'"]);
        assert_eq!(found("~/none/x"), Vec::<String>::new());
    }
}
