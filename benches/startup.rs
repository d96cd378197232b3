//! What starting costs: `weir exec "SELECT 1"` as a whole process, against an empty DataFusion program in the same run.
//! Then how long it takes until the shell answers its first key. Prints medians; judges nothing. `cargo bench --bench startup`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and stops where it cannot go on")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use datafusion::prelude::SessionContext;

const RUNS: usize = 31;

fn main() {
    if std::env::args().any(|a| a == "--empty") {
        return empty();
    }
    let this = std::env::current_exe().unwrap();
    let weir = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(["exec", "SELECT 1"]);
        command
    };
    let empty = || {
        let mut command = Command::new(&this);
        command.arg("--empty");
        command
    };
    // In turn, so that both see the machine as it is; the first of each warms up.
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for run in 0..=RUNS {
        let (a, b) = (timed(weir()), timed(empty()));
        if run > 0 {
            ours.push(a);
            theirs.push(b);
        }
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    println!("weir exec \"SELECT 1\"       {:>8.1} ms (median of {RUNS})", millis(ours));
    println!("empty DataFusion program   {:>8.1} ms", millis(theirs));
    println!("difference                 {:>8.1} ms", millis(ours) - millis(theirs));
    #[cfg(unix)]
    {
        let mut prompts: Vec<Duration> = (0..=RUNS).map(|_| first_key()).skip(1).collect();
        println!("first key of weir shell    {:>8.1} ms", millis(median(&mut prompts)));
    }
}

/// From starting the shell until a key that was pressed at its prompt is on the screen of its terminal.
#[cfg(unix)]
fn first_key() -> Duration {
    use std::io::{Read, Write};
    let (mut pty, pts) = pty_process::blocking::open().unwrap();
    pty.resize(pty_process::Size::new(24, 80)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_weir")).args(["shell", "--no-rc"]);
    let command = command.env("WEIR_HISTORY", folder.path().join("history")).env("TERM", "xterm-256color");
    let begin = Instant::now();
    let mut child = command.spawn(pts).unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    let mut until = |pty: &mut pty_process::blocking::Pty, wanted: &str| {
        while !String::from_utf8_lossy(&seen).contains(wanted) {
            let read = pty.read(&mut buffer).unwrap();
            seen.extend_from_slice(&buffer[..read]);
        }
    };
    until(&mut pty, "weir> ");
    pty.write_all(b"7").unwrap();
    until(&mut pty, "7\u{1b}[0m");
    let taken = begin.elapsed();
    // A character is left to be taken away, or the end of the input would not be one.
    pty.write_all(b"\x7f\x04").unwrap();
    while pty.read(&mut buffer).is_ok_and(|read| read > 0) {}
    assert!(child.wait().unwrap().success());
    taken
}

/// The least a DataFusion program does for `SELECT 1`.
fn empty() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let rows = SessionContext::new().sql("SELECT 1").await.unwrap().collect().await.unwrap();
        println!("{} rows", rows[0].num_rows());
    });
}

fn timed(mut command: Command) -> Duration {
    let begin = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success());
    begin.elapsed()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
