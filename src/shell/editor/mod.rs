//! Reading what somebody types: lines edited with history, completion, hints and colours until a statement is finished.
//! It must not know what is then done with the text.

pub mod assist;
mod assistant;
mod highlight;
mod library;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustyline::config::Configurer;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{CompletionType, Config, EditMode};

use crate::error::{Error, Kind, Result};
use crate::secret::private_folder;
use crate::session::Session;
use crate::sql;
use assistant::Assistant;
use library::Library;

/// How many entries the history keeps.
const MOST_REMEMBERED: usize = 10_000;

/// What came from the keyboard.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// A finished text: statements, or one meta command.
    Text(String),
    /// Ctrl-C. True when it threw something away.
    Interrupted(bool),
    /// Ctrl-D, or the end of a file.
    End,
}

/// How the editor behaves.
#[derive(Debug, Default, Clone)]
pub struct Manner {
    /// Somebody types, and does not feed a pipe.
    pub interactive: bool,
    pub colour: bool,
    pub vi: bool,
    pub history: Option<PathBuf>,
    /// For `~` in paths.
    pub home: Option<PathBuf>,
    /// Meta commands with what they take.
    pub commands: Vec<(String, String)>,
    /// What may stand behind the words of some of them.
    pub words: Vec<(String, Vec<String>)>,
}

/// A line editor that knows what the session knows.
pub struct Editor {
    lines: rustyline::Editor<Assistant, DefaultHistory>,
    history: Option<PathBuf>,
    interactive: bool,
}

impl Editor {
    /// An editor; reads the history, and begins to read names on another thread.
    pub fn new(session: &Session, manner: Manner) -> Result<Editor> {
        let defect = |e: ReadlineError| Error::new(Kind::Internal, format!("no line editor: {e}"));
        let config = Config::builder()
            .auto_add_history(false)
            .max_history_size(MOST_REMEMBERED)
            .and_then(|config| config.history_ignore_dups(true))
            .map_err(defect)?
            .completion_type(CompletionType::List)
            .completion_show_all_if_ambiguous(true)
            .bell_style(rustyline::config::BellStyle::None)
            .edit_mode(mode(manner.vi))
            .build();
        let mut lines = rustyline::Editor::with_config(config).map_err(defect)?;
        let library = Library::new(session, manner.commands, manner.words);
        let (colour, home, state) = (manner.colour, manner.home, Mutex::default());
        lines.set_helper(Some(Assistant { library, colour, home, state }));
        let history = manner.history.filter(|_| manner.interactive);
        if let Some(path) = &history {
            // A history that is not there yet, or cannot be read, is no reason not to start.
            let _ = path.parent().map(private_folder);
            let _ = lines.load_history(path);
        }
        Ok(Editor { lines, history, interactive: manner.interactive })
    }

    /// Reads until a text is finished.
    pub fn read(&mut self, prompt: &str, session: &Session) -> Result<Input> {
        if self.interactive
            && let Some(helper) = self.lines.helper()
        {
            helper.library.refresh(session);
            let mut state = helper.state();
            state.typed.clear();
            state.prompt = prompt.chars().count();
        }
        match self.lines.readline(prompt) {
            Ok(text) => Ok(Input::Text(text)),
            Err(ReadlineError::Interrupted) => Ok(Input::Interrupted(self.threw_away())),
            Err(ReadlineError::Eof) => Ok(Input::End),
            Err(error) => Err(Error::new(Kind::Internal, format!("the terminal cannot be read: {error}"))),
        }
    }

    /// What is kept from earlier sessions, the oldest first.
    pub fn remembered(&self) -> Vec<String> {
        self.lines.history().iter().cloned().collect()
    }

    /// Keeps a text for recall, now and in later sessions.
    pub fn remember(&mut self, text: &str) {
        let text = text.trim();
        if text.is_empty() || !self.interactive {
            return;
        }
        if let (Ok(true), Some(path)) = (self.lines.add_history_entry(text), &self.history) {
            // A history that cannot be written is no reason to stop.
            let _ = self.lines.append_history(path);
        }
    }

    /// Keys as in vi, or as in emacs.
    pub fn set_vi(&mut self, vi: bool) {
        self.lines.set_edit_mode(mode(vi));
    }

    fn threw_away(&self) -> bool {
        self.lines.helper().is_some_and(|helper| !helper.state().typed.trim().is_empty())
    }
}

/// Whether what was typed can be run: a word of the shell, a meta command, or statements that `;` ends.
pub fn is_finished(text: &str) -> bool {
    let text = text.trim();
    let word = matches!(text.to_ascii_lowercase().as_str(), "quit" | "exit" | "help" | "");
    // No statement begins with a dot; the commands of other shells do.
    word || text.starts_with(['\\', '.']) || sql::is_complete(text) || ends_with_command(text)
}

/// A meta command may end a statement in place of `;`: `SELECT 1 \g`.
fn ends_with_command(text: &str) -> bool {
    let scan = sql::scan(text);
    let line = text.rfind('\n').map_or(0, |at| at + 1);
    let begins = |s: &sql::Stretch| {
        let word = text[s.end..].starts_with(char::is_alphabetic);
        s.start >= line && &text[s.start..s.end] == "\\" && word
    };
    scan.open.is_none() && scan.stretches.iter().any(begins)
}

/// Whether an inputrc asks for the keys of vi.
pub fn wants_vi(inputrc: &Path) -> bool {
    let text = std::fs::read_to_string(inputrc).unwrap_or_default();
    let mut modes = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("set") && words.next() == Some("editing-mode")).then(|| words.next() == Some("vi"))
    });
    modes.next_back().unwrap_or(false)
}

fn mode(vi: bool) -> EditMode {
    if vi { EditMode::Vi } else { EditMode::Emacs }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_finished_by_a_semicolon_a_word_or_a_meta_command() {
        for text in ["", "quit", "EXIT", "\\d x", "SELECT 1;", "SELECT 1 \\g", "SELECT 1\nFROM t \\gx"] {
            assert!(is_finished(text), "{text}");
        }
        for text in ["SELECT 1", "SELECT '\\g", "quit 1", "SELECT 1 \\g\nFROM t", "SELECT E'\\n'"] {
            assert!(!is_finished(text), "{text}");
        }
    }

    #[test]
    fn the_last_editing_mode_of_an_inputrc_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("inputrc");
        std::fs::write(&path, "# set editing-mode emacs\n set editing-mode  vi\n").expect("written");
        assert!(wants_vi(&path));
        assert!(!wants_vi(&folder.path().join("none")));
    }
}
