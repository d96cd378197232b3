//! The interactive shell, plain for now: a prompt, statements over several lines until `;`, a history.

use std::borrow::Cow;
use std::path::Path;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Editor, Helper};

use super::history::may_keep;
use super::script::Runner;
use crate::error::{Error, Kind, Result};
use crate::sql;

/// A table on the screen shows no more rows than this; files and other formats have them all.
pub const MOST_ROWS: usize = 1000;

const HELP: &str = "Statements end with `;` and may span lines.
  SHOW PROVIDERS; SHOW SERVICES IN provider; SHOW RESOURCES IN provider.service;
  SHOW METHODS IN provider.service.resource; DESCRIBE provider.service.resource;
  USE provider.service allows bare names. EXPLAIN shows what a statement would send.
\\q, quit, exit or Ctrl-D leave. Ctrl-C cancels a statement.";

/// Runs the shell until the user leaves.
pub fn run(runtime: &tokio::runtime::Runtime, runner: &Runner<'_>, history: Option<&Path>) -> Result<()> {
    let config = Config::builder().auto_add_history(false).build();
    let mut editor: Editor<Lines, DefaultHistory> =
        Editor::with_config(config).map_err(|e| Error::new(Kind::Internal, format!("no line editor: {e}")))?;
    editor.set_helper(Some(Lines));
    if let Some(path) = history {
        // A history that is not there yet, or cannot be read, is no reason not to start.
        let _ = path.parent().map(std::fs::create_dir_all);
        let _ = editor.load_history(path);
    }
    runner.report.line("weir: \\? for help, \\q to leave");
    loop {
        match editor.readline(&prompt(runner)) {
            Ok(text) => {
                if may_keep(&text, runner.session.redactor()) && !text.trim().is_empty() {
                    let _ = editor.add_history_entry(text.trim());
                    let _ = history.map(|path| editor.append_history(path));
                }
                match text.trim().trim_end_matches(';').trim() {
                    "\\q" | "quit" | "exit" => return Ok(()),
                    "\\?" | "help" => runner.report.line(HELP),
                    word if word.starts_with('\\') => {
                        runner
                            .report
                            .error(&Error::statement(format!("there is no command {word}")).hint("\\? lists them"));
                    }
                    _ => statements(runtime, runner, &text),
                }
            }
            Err(ReadlineError::Interrupted) => runner.report.line("\\q or Ctrl-D leaves"),
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(Error::new(Kind::Internal, format!("the terminal cannot be read: {error}"))),
        }
    }
}

/// Runs what was typed, up to the first statement that fails. The session goes on.
fn statements(runtime: &tokio::runtime::Runtime, runner: &Runner<'_>, text: &str) {
    let result = sql::split(text).and_then(|pieces| {
        pieces.iter().try_for_each(|piece| runtime.block_on(runner.piece(piece, &mut std::io::stdout())).map(drop))
    });
    if let Err(error) = result {
        runner.report.error(&error);
    }
}

fn prompt(runner: &Runner<'_>) -> String {
    match runner.session.in_use().as_slice() {
        [] => "weir> ".to_owned(),
        names => format!("weir:{}> ", names.join(".")),
    }
}

/// Tells the line editor when a statement is complete.
struct Lines;

impl Helper for Lines {}

impl Completer for Lines {
    type Candidate = String;
}

impl Hinter for Lines {
    type Hint = String;
}

impl Highlighter for Lines {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Borrowed(prompt)
    }
}

impl Validator for Lines {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let text = context.input().trim();
        let word = matches!(text, "quit" | "exit" | "help" | "") || text.starts_with('\\');
        let complete = word || sql::is_complete(text);
        Ok(if complete { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}
