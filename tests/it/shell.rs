//! The interactive shell, typed at through a terminal (`script` lends one) and fed through a pipe.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use weir::sandbox::{Fault, FaultKind};

use crate::harness::{Program, World};

/// A program in a terminal. What it prints comes as it prints it.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    printed: Receiver<Vec<u8>>,
    text: String,
}

/// Nothing here takes as long; a test that hangs ends with what was printed.
const LONG_ENOUGH: Duration = Duration::from_mins(1);

impl Terminal {
    /// None where the machine has no `script`.
    fn open(program: &Program) -> Option<Terminal> {
        let mut command = program.command("script");
        command.args(["-qefc", &format!("exec '{}' shell", env!("CARGO_BIN_EXE_weir")), "/dev/null"]);
        command.env("TERM", "xterm").env("SHELL", "/bin/sh").env("PATH", "/usr/bin:/bin");
        let mut child = match command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            spawned => spawned.unwrap(),
        };
        let (keys, mut out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (tell, printed) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = out.read(&mut buffer) {
                if tell.send(buffer[..read].to_vec()).is_err() {
                    break;
                }
            }
        });
        Some(Terminal { child, keys, printed, text: String::new() })
    }

    fn type_in(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until `text` is printed, and forgets all up to its end.
    #[track_caller]
    fn until(&mut self, text: &str) -> String {
        let begun = Instant::now();
        loop {
            if let Some(at) = self.text.find(text) {
                let rest = self.text.split_off(at + text.len());
                return std::mem::replace(&mut self.text, rest);
            }
            let left = LONG_ENOUGH.saturating_sub(begun.elapsed());
            match self.printed.recv_timeout(left) {
                Ok(bytes) => self.text.push_str(&String::from_utf8_lossy(&bytes)),
                Err(gone) => panic!("waited for {text:?} ({gone}), and have {:?}", self.text),
            }
        }
    }

    fn end(mut self) -> Option<i32> {
        drop(self.keys);
        self.child.wait().unwrap().code()
    }
}

/// Runs what a person would do at a terminal, while the server goes on serving.
async fn at_a_terminal(
    program: Program,
    person: impl FnOnce(&mut Terminal) + Send + 'static,
) -> Option<(Option<i32>, String)> {
    let work = move || {
        let mut terminal = Terminal::open(&program)?;
        person(&mut terminal);
        let code = terminal.end();
        let history = std::fs::read_to_string(program.folder.path().join("history")).unwrap_or_default();
        Some((code, history))
    };
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test]
async fn statements_span_lines_ctrl_c_clears_and_the_history_remembers() {
    let world = World::new().await;
    let ended = at_a_terminal(world.program(), |terminal| {
        terminal.until("weir> ");
        terminal.type_in("SELECT 40 +\r");
        terminal.type_in(" 2 AS answer;\r");
        terminal.until("42");
        terminal.until("weir> ");
        terminal.type_in("SELECT 'thrown away");
        terminal.until("away");
        terminal.type_in("\x03");
        terminal.until("leaves");
        terminal.until("weir> ");
        terminal.type_in("USE cloudflare.stream;\r");
        terminal.until("weir:cloudflare.stream> ");
        terminal.type_in("SELECT nonsense FROM live_inputs;\r");
        terminal.until("error: ");
        terminal.until("hint: ");
        terminal.until("weir:cloudflare.stream> ");
        terminal.type_in("SELECT count(*) AS n FROM live_inputs;\r");
        terminal.until("120");
        terminal.until("1 row, ");
        terminal.until("weir:cloudflare.stream> ");
        terminal.type_in("EXEC live_inputs.disable @uid = 'x', @stream_key = 'canary-typed';\r");
        terminal.until("weir:cloudflare.stream> ");
        // Two up is what was typed before that, because that is forgotten at once.
        terminal.type_in("\x1b[A");
        terminal.until("count(*)");
        terminal.type_in("\r");
        terminal.until("120");
        terminal.until("weir:cloudflare.stream> ");
        terminal.type_in("\\q\r");
    })
    .await;
    let Some((code, history)) = ended else {
        eprintln!("left out: this machine has no `script`");
        return;
    };
    assert_eq!(code, Some(0));
    assert!(history.contains("SELECT 40 +") && history.contains("USE cloudflare.stream"), "{history}");
    assert!(!history.contains("canary") && !history.contains("thrown away"), "{history}");
}

#[tokio::test]
async fn ctrl_c_stops_a_statement_and_the_shell_goes_on() {
    let world = World::new().await;
    world.sandbox.add_fault(Fault::once("/live_inputs", FaultKind::Hang));
    let program = world.program();
    let (tell, told) = channel::<()>();
    let person = at_a_terminal(program, move |terminal| {
        terminal.until("weir> ");
        terminal.type_in("SELECT uid FROM cloudflare.stream.live_inputs;\r");
        told.recv_timeout(LONG_ENOUGH).unwrap();
        terminal.type_in("\x03");
        terminal.until("interrupted");
        terminal.until("weir> ");
        terminal.type_in("SELECT count(uid) AS n FROM cloudflare.stream.live_inputs;\r");
        terminal.until("120");
        terminal.until("weir> ");
        terminal.type_in("\x04");
    });
    let server = async {
        while world.sandbox.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        // A machine without `script` has nobody who listens.
        let _ = tell.send(());
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = person => if let Some((code, _)) = ended { assert_eq!(code, Some(0)) },
        () = server => {}
    }
}

#[tokio::test]
async fn the_shell_reads_a_pipe_goes_on_after_an_error_and_needs_no_terminal() {
    let world = World::new().await;
    let lines = "USE cloudflare.stream;\nSELECT 1 AS a,\n  2 AS b;\nSELECT nonsense FROM live_inputs;\nSELECT count(*) AS n FROM live_inputs; SELECT 3 AS c;\n\\nonsense\n\\?\n\\q\nSELECT 'not reached';\n";
    let ran = world.program().arguments(["-o", "csv", "shell"]).input(lines).run().await.code(0);
    assert_eq!(ran.out, "a,b\n1,2\nn\n120\nc\n3\n");
    ran.says(&[
        "using cloudflare.stream",
        "there is no column `nonsense`",
        "there is no command \\nonsense",
        "SHOW PROVIDERS",
        "1 row, 1 request",
    ]);
    // The end of the input ends the shell, and what was not finished is not run.
    let ran =
        world.program().arguments(["-o", "csv", "shell"]).input("SELECT 1 AS a;\nSELECT 2 AS b\n").run().await.code(0);
    assert!(ran.out.starts_with("a\n1\n"), "{}", ran.out);
    let ran = Program::new().arguments(["shell", "--sandbox"]).input("\\q\n").run().await.code(0);
    ran.says(&["simulation"]);
}
