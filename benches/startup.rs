//! What starting costs: `weir exec "SELECT 1"` as a whole process, against an empty DataFusion program in the same run.
//! Prints medians; judges nothing. `cargo bench --bench startup`

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
