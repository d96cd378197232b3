//! The program that shows what does not fit: `$PAGER`, or `less`. Owns its process and nothing else.
//! It must be waited for before anything else is printed; dropping it waits.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Long lines are not folded, colours are kept, a short text ends it, and what was read stays on the screen.
const LESS: [&str; 2] = ["less", "-SRFX"];

/// A pager that runs.
#[derive(Debug)]
pub struct Pager(Child);

impl Pager {
    /// Starts it, and gives what to write to. None where there is none, or the terminal is too simple for one.
    pub fn open(environment: &HashMap<String, String>) -> Option<(Pager, ChildStdin)> {
        if environment.get("TERM").is_some_and(|term| term == "dumb") {
            return None;
        }
        let mut command = match environment.get("PAGER").map(|pager| pager.trim()) {
            Some("") => return None,
            Some(pager) => shell(pager),
            None => {
                let mut command = Command::new(LESS[0]);
                command.arg(LESS[1]).env("LESSCHARSET", "utf-8");
                command
            }
        };
        let mut child = command.stdin(Stdio::piped()).spawn().ok()?;
        let to = child.stdin.take()?;
        Some((Pager(child), to))
    }

    /// Whether its reader has left it.
    pub fn is_over(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        while self.0.wait().is_err_and(|error| error.kind() == ErrorKind::Interrupted) {}
    }
}

/// A command line, run by the shell.
pub fn shell(line: &str) -> Command {
    let mut command = Command::new(if cfg!(windows) { "cmd" } else { "sh" });
    command.args([if cfg!(windows) { "/C" } else { "-c" }, line]);
    command
}
