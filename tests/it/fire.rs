//! What the tests of writes under fire share: a sandbox behind a gate, a folder for the journal, the program as a child
//! that can be killed, and a view of the journal's file from outside. It knows nothing of what is tested.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode};
use weir::sandbox::{self, Sandbox};

use crate::gate::Gate;
use crate::harness::{ACCOUNT, APP, Program, Ran, write_file};

/// The server, the gate in front of it, and the program's surroundings.
pub struct Fire {
    pub sandbox: Sandbox,
    pub gate: Gate,
    /// Its folder is where the program runs; the journal lies in `state` within.
    pub program: Program,
}

/// The program at work. Dropping it kills it.
pub struct Running {
    child: Option<Child>,
    said: String,
}

/// How many rows of the last run are in which state.
pub type States = BTreeMap<String, usize>;

/// Live inputs from the file; the operation takes an idempotency key.
pub fn inputs() -> String {
    let meta = r#"'{"name": "' || name || '"}'"#;
    format!("INSERT INTO cloudflare.stream.live_inputs (account_id, meta) SELECT '{ACCOUNT}', {meta} FROM 'inputs.csv'")
}

/// Meetings from the file; the operation knows no key.
pub fn meetings() -> String {
    format!("INSERT INTO cloudflare.realtime_kit.meetings (app_id, title) SELECT '{APP}', name FROM 'inputs.csv'")
}

pub fn states(of: &[(&str, usize)]) -> States {
    of.iter().filter(|(_, n)| *n > 0).map(|(state, n)| ((*state).to_owned(), *n)).collect()
}

impl Fire {
    /// With `rows` names in `inputs.csv`.
    pub async fn with(rows: usize) -> Fire {
        let sandbox = Sandbox::start(sandbox::Options::default()).await.unwrap();
        let gate = Gate::before(sandbox.address()).await;
        let program = Program::new().environment(sandbox.environment());
        let state = program.folder.path().join("state");
        let program = program
            .set("CLOUDFLARE_BASE_URL", &format!("http://{}/client/v4", gate.address()))
            .set("WEIR_STATE_DIR", state.to_str().unwrap());
        let fire = Fire { sandbox, gate, program };
        let mut csv = "name\n".to_owned();
        (0..rows).for_each(|row| writeln!(csv, "{}", name(row)).unwrap());
        fire.file("inputs.csv", &csv);
        fire
    }

    pub fn file(&self, name: &str, text: &str) {
        write_file(&self.program.folder.path().join(name), text);
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.program.folder.path().join(name)).unwrap()
    }

    /// Where the journal lies.
    pub fn state(&self) -> PathBuf {
        self.program.folder.path().join("state")
    }

    /// Forgets what the processes so far know of the API's limits, as though the time had passed.
    pub fn the_pause_is_over(&self) {
        std::fs::remove_dir_all(self.state().join("limits")).unwrap();
    }

    /// The program, to be changed before it starts.
    pub fn weir<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = self.program.command(env!("CARGO_BIN_EXE_weir"));
        command.args(arguments);
        command
    }

    /// Starts `weir ARGUMENTS`.
    pub fn start<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Running {
        Running::of(self.weir(arguments))
    }

    /// Runs `weir ARGUMENTS` to its end.
    pub async fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Ran {
        self.start(arguments).end().await
    }

    /// The file of the journal, as another process sees it.
    pub fn journal(&self) -> Connection {
        let connection = Connection::open(self.state().join("journal.sqlite")).unwrap();
        connection.busy_timeout(Duration::ZERO).unwrap();
        connection
    }

    /// A copy of the journal, once there is one: what a killed program left is for the next program to recover.
    pub fn copy(&self) -> Option<Connection> {
        let copy = self.program.folder.path().join("copy.sqlite");
        for end in ["", "-wal", "-shm"] {
            // Only what is there is copied, and nothing of the copy before stays.
            let _ = std::fs::remove_file(format!("{}{end}", copy.display()));
        }
        std::fs::copy(self.state().join("journal.sqlite"), &copy).ok()?;
        let _ = std::fs::copy(self.state().join("journal.sqlite-wal"), format!("{}-wal", copy.display()));
        Some(Connection::open(copy).unwrap())
    }

    /// The states of the rows of the last run.
    pub fn states(&self) -> States {
        states_in(&self.copy().unwrap())
    }

    /// The last run: its id, and whether it is `running`, `partial` or `done`.
    pub fn last_run(&self) -> (String, String) {
        let last = "SELECT id, state FROM runs ORDER BY number DESC LIMIT 1";
        self.copy().unwrap().query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    }

    /// Names of the live inputs that came from the file, in order; one that is there twice is there twice.
    pub fn made(&self) -> Vec<String> {
        let name = |input: &serde_json::Value| input["meta"]["name"].as_str().map(str::to_owned);
        sorted(self.sandbox.live_inputs(ACCOUNT).iter().filter_map(name))
    }

    /// The same for meetings.
    pub fn met(&self) -> Vec<String> {
        let title = |meeting: &serde_json::Value| meeting["title"].as_str().map(str::to_owned);
        sorted(self.sandbox.meetings(APP).iter().filter_map(title))
    }

    /// POSTs that reached the server.
    pub fn posts(&self) -> usize {
        self.sandbox.requests().iter().filter(|seen| seen.method == "POST").count()
    }

    /// Server and journal have all of `rows`, each once.
    #[track_caller]
    pub fn assert_complete(&self, rows: usize) {
        assert_eq!(self.made(), names(rows));
        assert_eq!((self.states(), self.last_run().1.as_str()), (states(&[("done", rows)]), "done"));
    }

    /// The journal, locked at a moment at which `wanted` was true of its rows, so that no process can write a further
    /// mark; `None` where `gone` came first. It looks until then, without a pause and without a lock.
    pub fn seize(&self, wanted: impl Fn(&States) -> bool, gone: impl Fn(&States) -> bool) -> Option<Connection> {
        let connection = self.journal();
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < Duration::from_mins(1), "the moment did not come: {:?}", states_in(&connection));
            let seen = states_in(&connection);
            if gone(&seen) {
                return None;
            }
            if !wanted(&seen) {
                continue;
            }
            match connection.execute_batch("BEGIN IMMEDIATE") {
                Ok(()) => {}
                Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => continue,
                Err(e) => panic!("{e}"),
            }
            if wanted(&states_in(&connection)) {
                return Some(connection);
            }
            connection.execute_batch("ROLLBACK").unwrap();
        }
    }
}

fn states_in(connection: &Connection) -> States {
    let counts = "SELECT state, count(*) FROM rows WHERE run = (SELECT max(number) FROM runs) GROUP BY state";
    let mut counts = connection.prepare(counts).unwrap();
    let counts = counts.query_map([], |row| Ok((row.get(0)?, row.get::<_, u32>(1)? as usize))).unwrap();
    counts.collect::<rusqlite::Result<_>>().unwrap()
}

/// The name in row `row` of the file.
pub fn name(row: usize) -> String {
    format!("bulk-{row:04}")
}

pub fn names(rows: usize) -> Vec<String> {
    (0..rows).map(name).collect()
}

fn sorted(found: impl Iterator<Item = String>) -> Vec<String> {
    let mut found: Vec<String> = found.filter(|name| name.starts_with("bulk-")).collect();
    found.sort();
    found
}

impl Running {
    pub fn of(mut command: Command) -> Running {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running { child: Some(command.spawn().unwrap()), said: String::new() }
    }

    /// SIGKILL; it is gone when this returns.
    pub fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        assert!(child.try_wait().unwrap().is_none(), "it has ended by itself");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGKILL, unless it has ended already; says which.
    pub fn kill_if_there(mut self) -> bool {
        let there = self.child.as_mut().unwrap().try_wait().unwrap().is_none();
        drop(self);
        there
    }

    /// What Ctrl-C sends.
    pub fn interrupt(&self) {
        self.signal("-INT");
    }

    pub fn signal(&self, signal: &str) {
        let number = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([signal, &number]).status().unwrap().success());
    }

    /// Waits until it has said `words` on standard error; gives it back, with all that it said.
    pub async fn says(mut self, words: &'static str) -> Running {
        let mut stderr = self.child.as_mut().unwrap().stderr.take().unwrap();
        tokio::task::spawn_blocking(move || {
            let mut some = [0; 4096];
            while !self.said.contains(words) {
                let length = stderr.read(&mut some).unwrap();
                assert!(length > 0, "it ended and said: {}", self.said);
                self.said.push_str(&String::from_utf8_lossy(&some[..length]));
            }
            self.child.as_mut().unwrap().stderr = Some(stderr);
            self
        })
        .await
        .unwrap()
    }

    /// Waits until it ends, without holding up the server it talks to.
    pub async fn end(mut self) -> Ran {
        let (child, said) = (self.child.take().unwrap(), std::mem::take(&mut self.said));
        let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
        Ran { code: output.status.code(), out: text(output.stdout), talk: said + &text(output.stderr) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
