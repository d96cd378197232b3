//! 500 INSERTs into a local server that takes 20 ms for each, four at a time and journalled, against the ideal of 125
//! rounds of 20 ms. Prints medians; judges nothing. `cargo bench --bench writes`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and stops where it cannot go on")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use weir::{Session, SessionOptions};

const ROWS: usize = 500;
const LATENCY: Duration = Duration::from_millis(20);
const AT_A_TIME: usize = 4;
const RUNS: usize = 7;

#[tokio::main]
async fn main() {
    let made = Arc::new(AtomicUsize::new(0));
    let path = "/accounts/{account}/stream/live_inputs";
    let router = Router::new().route(path, post(create)).with_state(made.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let pairs = [
        ("CLOUDFLARE_BASE_URL", format!("http://{address}")),
        ("CLOUDFLARE_API_TOKEN", "a-token-for-the-bench".to_owned()),
        ("CLOUDFLARE_ACCOUNT_ID", "bench".to_owned()),
    ];
    let variables: HashMap<String, String> = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();

    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("inputs.csv");
    let mut text = "name\n".to_owned();
    (0..ROWS).for_each(|row| writeln!(text, "bulk-{row:04}").unwrap());
    std::fs::write(&csv, text).unwrap();
    let meta = r#"'{"name": "' || name || '"}'"#;
    let sql = format!("INSERT INTO cloudflare.stream.live_inputs (meta) SELECT {meta} FROM '{}'", csv.display());

    let rounds = ROWS.div_ceil(AT_A_TIME);
    let ideal = LATENCY.as_secs_f64() * f64::from(u32::try_from(rounds).unwrap());
    println!("ideal for {ROWS} rows: {rounds} rounds of {} ms, {:.0} ms", LATENCY.as_millis(), ideal * 1000.0);
    println!("one flush of the disk: {:.1} ms", flush(folder.path().join("flushed")) * 1000.0);
    for (name, journal) in [("without a journal", false), ("journalled", true)] {
        let mut times = Vec::new();
        for run in 0..RUNS {
            // A session of its own each time, so that the limiter of one run does not hold the next.
            let state = journal.then(|| folder.path().join(format!("state-{run}")));
            let session =
                Session::new(SessionOptions { variables: variables.clone(), state, ..SessionOptions::default() });
            let session = session.unwrap();
            made.store(0, Ordering::Relaxed);
            let begin = Instant::now();
            let answer = session.run(&sql).await.unwrap();
            times.push(begin.elapsed());
            assert_eq!((answer.message.as_deref(), made.load(Ordering::Relaxed)), (Some("500 rows inserted"), ROWS));
        }
        let whole = median(&mut times);
        println!("{name}: {:.0} ms ({:.2} x the ideal)", whole * 1000.0, whole / ideal);
    }
}

async fn create(State(made): State<Arc<AtomicUsize>>) -> String {
    let number = made.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(LATENCY).await;
    format!(
        "{{\"success\":true,\"errors\":[],\"messages\":[],\"result\":{{\"uid\":\"{number:032x}\",\"enabled\":true,\
         \"meta\":{{\"name\":\"n\"}},\"created\":\"2026-01-01T00:00:00Z\",\"modified\":\"2026-01-01T00:00:00Z\"}}}}"
    )
}

/// What the disk takes for appending a page to a file and flushing it.
fn flush(path: PathBuf) -> f64 {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    let mut times = (0..101).map(|_| {
        let begin = Instant::now();
        file.write_all(&[1; 4096]).unwrap();
        file.sync_data().unwrap();
        begin.elapsed()
    });
    median(&mut times.by_ref().collect::<Vec<_>>())
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}
