//! Runs `tests/sql/*.txt`: statements with their answers and the requests that the server saw, in the words of a manual.
//! Each file has a sandbox and a session of its own, and its statements run in order.
//!
//! ```text
//! # A comment.
//! > SELECT 1 AS one           a statement, over several lines if need be
//! one                         the columns, then the rows
//! 1
//! POST https://...            what a dry run shows
//! = 1 row inserted            what it says instead of rows, or beside them
//! ~ a warning
//! ! exit 1: line 1, ...       why it fails
//! ! hint: ...
//! -> GET /accounts/...        a request that the server saw; none written is none allowed
//! ```
//!
//! An empty line ends a statement. In all of it `$ACCOUNT`, `$APP` (thousands of rows), `$FEW` (an app with three), `$NONE` (an app
//! with none), `$MEETING` (one that can be started), `$UID`, `$SECOND` and `$THIRD` (live inputs) and `$DIR` (a folder of files) stand for their values.
//! `WEIR_BLESS=1 cargo test` writes the files anew from what happens; read the difference before keeping it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{ACCOUNT, APP, Given, World, home, same_text, told, write_file};
use crate::seeds::idle_meeting;

/// The most characters of a line that are compared.
const LONGEST: usize = 300;

#[tokio::test]
async fn statements_answer_and_ask_what_the_files_say() {
    let folder = home().join("tests/sql");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "txt"));
    files.sort();
    assert!(files.len() >= 8, "the files were not found");
    let mut failures = Vec::new();
    for file in files {
        let running = tokio::spawn(run_file(file.clone()));
        if let Err(panic) = running.await {
            let text = panic.try_into_panic().ok().and_then(|p| p.downcast::<String>().ok());
            failures.push(format!("{}: {}", file.display(), text.map_or_else(|| "panicked".to_owned(), |t| *t)));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n\n"));
}

/// Names in the files and what they stand for here.
struct Names(Vec<(&'static str, String)>);

impl Names {
    fn of(world: &World, folder: &Path) -> Names {
        let uid = |at: usize| world.sandbox.live_inputs(ACCOUNT)[at]["uid"].as_str().unwrap().to_owned();
        let app = |at: usize| world.sandbox.apps(ACCOUNT)[at]["id"].as_str().unwrap().to_owned();
        let few = app(14);
        assert_eq!(world.sandbox.livestreams(&few).len(), 3);
        Names(vec![
            ("$BASE", world.sandbox.base_url()),
            ("$ACCOUNT", ACCOUNT.to_owned()),
            ("$APP", APP.to_owned()),
            ("$FEW", few),
            ("$NONE", app(1)),
            ("$MEETING", idle_meeting(world)),
            ("$UID", uid(1)),
            ("$SECOND", uid(2)),
            ("$THIRD", uid(3)),
            ("$DIR", folder.display().to_string()),
        ])
    }

    fn filled(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    fn named(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| text.replace(value.as_str(), name))
    }
}

async fn run_file(path: PathBuf) {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    local_files(folder.path());
    let names = Names::of(&world, folder.path());
    let expected = std::fs::read_to_string(&path).unwrap();
    let mut actual = String::new();
    for block in blocks(&expected) {
        for line in &block.comment {
            let _ = writeln!(actual, "{line}");
        }
        if block.statement.is_empty() {
            actual.push('\n');
            continue;
        }
        for line in block.statement.lines() {
            let _ = writeln!(actual, "{}", format!("> {line}").trim_end());
        }
        let given = world.try_run(&names.filled(&block.statement)).await;
        let answer = match given {
            Ok(given) => answer(&given),
            Err(error) => told(&error).lines().fold(String::new(), |text, line| text + "! " + line + "\n"),
        };
        let requests = world.seen().iter().fold(String::new(), |text, line| text + "-> " + line + "\n");
        names.named(&(answer + &requests)).lines().for_each(|line| actual.push_str(&(shortened(line) + "\n")));
        actual.push('\n');
    }
    let actual = actual.trim_end().to_owned() + "\n";
    if bless() && actual != expected {
        std::fs::write(&path, &actual).unwrap();
        return;
    }
    same_text(&expected, &actual, &path.display().to_string());
}

#[expect(clippy::disallowed_methods, reason = "how the tests are run is said by their own environment")]
fn bless() -> bool {
    std::env::var_os("WEIR_BLESS").is_some()
}

/// A statement with the comment before it; what it should answer is compared as text, not read.
#[derive(Default)]
struct Block {
    comment: Vec<String>,
    statement: String,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for paragraph in text.split("\n\n").filter(|p| !p.trim().is_empty()) {
        let mut block = Block::default();
        for line in paragraph.lines() {
            if let Some(sql) = line.strip_prefix('>') {
                block.statement.push_str(sql.strip_prefix(' ').unwrap_or(sql));
                block.statement.push('\n');
            } else if line.starts_with('#') && block.statement.is_empty() {
                block.comment.push(line.to_owned());
            }
        }
        let length = block.statement.trim_end().len();
        block.statement.truncate(length);
        blocks.push(block);
    }
    blocks
}

/// Columns, rows, sentence, warnings and what went wrong after the rows.
fn answer(given: &Given) -> String {
    let mut text = String::new();
    if !given.columns.is_empty() {
        let _ = writeln!(text, "{}", given.columns.join(" | "));
    }
    for row in &given.rows {
        let cells: Vec<String> = row.values().map(cell).collect();
        let _ = writeln!(text, "{}", cells.join(" | ").trim_end());
    }
    for line in &given.lines {
        let _ = writeln!(text, "{line}");
    }
    if let Some(message) = &given.message {
        let _ = writeln!(text, "= {message}");
    }
    for warning in &given.summary.warnings {
        let _ = writeln!(text, "~ {warning}");
    }
    if let Some(error) = &given.failure {
        text = told(error).lines().fold(text, |text, line| text + "! " + line + "\n");
    }
    text
}

/// Long lines are cut: what they end in is held by other tests.
fn shortened(line: &str) -> String {
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) if !line.starts_with("->") => format!("{} ...", &line[..at]),
        _ => line.to_owned(),
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t"),
        other => other.to_string(),
    }
}

/// What stands in `$DIR`.
fn local_files(folder: &Path) {
    let file = |name: &str, text: &str| write_file(&folder.join(name), text);
    file("rooms.csv", "status,room,seats\nLIVE,\"Studio, big\",120\nIDLE,Cellar,\nERRORED,\"The \"\"Hut\"\"\",8\n");
    file("inputs.csv", "name,mode,days\nfirst,off,30\n\"second, with comma\",automatic,\nthird,off,31\n");
    file("rooms.json", "{\"status\":\"LIVE\",\"crew\":3}\n{\"status\":\"INVOKED\",\"crew\":null}\n");
}
