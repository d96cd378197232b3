//! What the tests share: a sandbox with a session in front of it, and comparisons that show where two texts part. It knows nothing of what is tested.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use weir::error::{Error, Result};
use weir::output::{Format, Options as Print, Printer};
use weir::sandbox::{self, Sandbox, Seen, Shapes};
use weir::session::{Session, SessionOptions, Settings, Summary};

pub use crate::child::{Program, Ran};
pub use weir::sandbox::{FIRST_APP as APP, MAIN_ACCOUNT as ACCOUNT};

/// A row as its JSON object.
pub type Row = Map<String, Value>;

/// A sandbox, and a session that talks to it.
pub struct World {
    pub sandbox: Sandbox,
    pub session: Session,
}

/// What one statement gave.
pub struct Given {
    pub columns: Vec<String>,
    /// The Arrow type of each column.
    pub types: Vec<String>,
    pub rows: Vec<Row>,
    /// What a dry run shows.
    pub lines: Vec<String>,
    pub message: Option<String>,
    pub summary: Summary,
    /// What came after the rows.
    pub failure: Option<Error>,
}

impl World {
    /// The sandbox as it starts by itself.
    pub async fn new() -> World {
        World::with(Shapes::default()).await
    }

    /// A sandbox that answers in `shapes`.
    pub async fn with(shapes: Shapes) -> World {
        let sandbox = Sandbox::start(sandbox::Options { shapes, ..sandbox::Options::default() }).await.unwrap();
        let session = session(sandbox.environment(), impatient());
        World { sandbox, session }
    }

    /// Runs one statement that must succeed.
    pub async fn run(&self, sql: &str) -> Given {
        let given = self.try_run(sql).await.unwrap_or_else(|error| panic!("{sql}\n{}", told(&error)));
        if let Some(error) = &given.failure {
            panic!("{sql}\n{}", told(error));
        }
        given
    }

    /// The rows of one statement.
    pub async fn rows(&self, sql: &str) -> Vec<Row> {
        self.run(sql).await.rows
    }

    /// Runs one statement; an error before its first row is `Err`, one after it stands in [`Given::failure`].
    pub async fn try_run(&self, sql: &str) -> Result<Given> {
        run_in(&self.session, sql).await
    }

    /// Runs one statement that must be refused.
    pub async fn refused(&self, sql: &str) -> Error {
        match self.try_run(sql).await {
            Err(error) | Ok(Given { failure: Some(error), .. }) => error,
            Ok(given) => panic!("this was not refused: {sql}\n{:?}", given.rows),
        }
    }

    /// Runs one statement that must be refused before anything is sent.
    pub async fn refused_unsent(&self, sql: &str) -> Error {
        self.sandbox.forget_requests();
        let error = self.refused(sql).await;
        assert_eq!(self.seen(), Vec::<String>::new(), "nothing should have been sent for {sql}: {error}");
        error
    }

    /// The requests the server saw since the last time, as [`line`]s.
    pub fn seen(&self) -> Vec<String> {
        let seen = self.sandbox.requests().iter().map(line).collect();
        self.sandbox.forget_requests();
        seen
    }

    /// The one request the server saw since the last time.
    pub fn one_seen(&self) -> Seen {
        let mut seen = self.sandbox.requests();
        self.sandbox.forget_requests();
        assert_eq!(seen.len(), 1, "one request was expected: {:?}", seen.iter().map(line).collect::<Vec<_>>());
        seen.remove(0)
    }

    /// The program, led to this sandbox by its environment.
    pub fn program(&self) -> Program {
        Program::new().environment(self.sandbox.environment())
    }
}

/// Repeats fast: no test should wait for a back-off.
pub fn impatient() -> Settings {
    Settings { retry_delay: std::time::Duration::from_millis(1), ..Settings::default() }
}

/// A session with these variables.
pub fn session<K: Into<String>>(variables: impl IntoIterator<Item = (K, String)>, settings: Settings) -> Session {
    let variables = variables.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Session::new(SessionOptions { variables, settings, ..SessionOptions::default() }).unwrap()
}

/// Runs one statement in a session.
pub async fn run_in(session: &Session, sql: &str) -> Result<Given> {
    use futures::StreamExt;
    let mut answer = session.run(sql).await?;
    let (mut columns, mut types, mut rows, mut failure) = (Vec::new(), Vec::new(), Vec::new(), None);
    if let Some(mut stream) = answer.rows.take() {
        columns = stream.schema().fields().iter().map(|field| field.name().clone()).collect();
        types = stream.schema().fields().iter().map(|field| field.data_type().to_string()).collect();
        let mut text = Vec::new();
        let mut printer = Printer::new(&Print::new(Format::Jsonl), stream.schema(), &mut text);
        while let Some(batch) = stream.next().await {
            match batch {
                Ok(batch) => drop(printer.write(&batch)?),
                Err(error) => failure = Some(error),
            }
        }
        printer.finish()?;
        let text = String::from_utf8(text).unwrap();
        rows = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    }
    let summary = session.close(&answer);
    if failure.is_none() {
        answer.check_complete()?;
    }
    let lines = answer.lines.unwrap_or_default();
    Ok(Given { columns, types, rows, lines, message: answer.message, summary, failure })
}

/// A request in one line: `POST /accounts/../live_inputs {"enabled":true}`, without the part that all paths share.
pub fn line(seen: &Seen) -> String {
    let path = seen.path.strip_prefix("/client/v4").unwrap_or(&seen.path);
    let mut line = format!("{} {path}", seen.method);
    for (at, (name, value)) in seen.query.iter().enumerate() {
        let _ = write!(line, "{}{name}={value}", if at == 0 { '?' } else { '&' });
    }
    if !seen.body.is_empty() {
        let _ = write!(line, " {}", seen.body);
    }
    line
}

/// An error as the program tells it.
pub fn told(error: &Error) -> String {
    let hint = error.hint_text().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    format!("exit {}: {error}{hint}", error.kind().exit_code())
}

/// Writes a file and the folders it stands in.
pub fn write_file(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// The folder of this package.
pub fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Asserts that two texts are equal, and shows the lines that differ.
#[track_caller]
pub fn same_text(expected: &str, actual: &str, what: &str) {
    if expected == actual {
        return;
    }
    let (left, right): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let mut shown = String::new();
    for at in 0..left.len().max(right.len()) {
        match (left.get(at), right.get(at)) {
            (Some(a), Some(b)) if a == b => {}
            (a, b) => {
                for (sign, line) in [('-', a), ('+', b)] {
                    if let Some(line) = line {
                        let _ = writeln!(shown, "{:>4} {sign} {line}", at + 1);
                    }
                }
            }
        }
        if shown.lines().count() > 40 {
            shown.push_str("     ...\n");
            break;
        }
    }
    panic!("{what}: expected (-) and actual (+) differ\n{shown}");
}
