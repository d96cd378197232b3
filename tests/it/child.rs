//! The real program as a child process: a clean environment, a folder of its own, and what it said on which stream. It knows
//! nothing of what is tested.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::{Command, Stdio};

use crate::harness::write_file;

/// The program, to be run with nothing of the environment of the tests.
pub struct Program {
    runs: OsString,
    arguments: Vec<OsString>,
    variables: BTreeMap<OsString, OsString>,
    input: String,
    pub folder: tempfile::TempDir,
}

/// What the program did.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub talk: String,
}

impl Program {
    pub fn new() -> Program {
        let folder = tempfile::tempdir().unwrap();
        let history = folder.path().join("history").into_os_string();
        let variables = BTreeMap::from([("WEIR_HISTORY".into(), history)]);
        let runs = env!("CARGO_BIN_EXE_weir").into();
        Program { runs, arguments: Vec::new(), variables, input: String::new(), folder }
    }

    /// A shell that runs a script, in the same clean surroundings.
    pub fn shell(script: &str) -> Program {
        Program { runs: "/bin/sh".into(), ..Program::new() }.arguments(["-euc", script])
    }

    pub fn environment<'a>(mut self, variables: impl IntoIterator<Item = (&'a str, String)>) -> Program {
        self.variables.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    pub fn set(self, name: &str, value: &str) -> Program {
        self.environment([(name, value.to_owned())])
    }

    pub fn unset(mut self, name: &str) -> Program {
        self.variables.remove(&OsString::from(name));
        self
    }

    pub fn arguments<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Program {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub fn input(mut self, text: &str) -> Program {
        text.clone_into(&mut self.input);
        self
    }

    /// A file in the folder that the program runs in.
    pub fn file(self, name: &str, text: &str) -> Program {
        write_file(&self.folder.path().join(name), text);
        self
    }

    /// `weir exec ARGUMENTS SQL`.
    pub async fn exec(self, sql: &str) -> Ran {
        self.arguments(["exec", sql]).run().await
    }

    /// Runs it, and waits without holding up the server it talks to.
    pub async fn run(self) -> Ran {
        self.run_kept().await.0
    }

    /// Runs it; its folder stays as long as what is returned.
    pub async fn run_kept(self) -> (Ran, tempfile::TempDir) {
        tokio::task::spawn_blocking(move || {
            let ran = self.finish();
            (ran, self.folder)
        })
        .await
        .unwrap()
    }

    /// `program` in the clean surroundings, to be started by the caller.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.variables).current_dir(self.folder.path());
        command
    }

    fn finish(&self) -> Ran {
        let mut command = self.command(&self.runs);
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = streams.args(&self.arguments).spawn().unwrap();
        // A program that refuses its arguments does not read what it is given.
        let _ = child.stdin.take().unwrap().write_all(self.input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
        Ran { code: output.status.code(), out: text(output.stdout), talk: text(output.stderr) }
    }
}

impl Ran {
    /// Asserts the exit code; a wrong one shows both streams.
    #[track_caller]
    pub fn code(self, expected: i32) -> Ran {
        assert_eq!(self.code, Some(expected), "\n--- stdout\n{}\n--- stderr\n{}", self.out, self.talk);
        self
    }

    /// Asserts that standard error has these words.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Ran {
        for word in words {
            assert!(self.talk.contains(word), "stderr should say {word:?}:\n{}", self.talk);
        }
        self
    }
}
