//! Reading 10,000 rows in 100 pages from a local server that takes 20 ms a page, against the ideal for 8 at a time.
//! Prints medians; judges nothing. `cargo bench --bench reads`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and stops where it cannot go on")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use futures::StreamExt;
use weir::{Session, SessionOptions};

const ROWS: usize = 10_000;
const PAGE: usize = 100;
const LATENCY: Duration = Duration::from_millis(20);
const AT_A_TIME: usize = 8;
const RUNS: usize = 7;

#[tokio::main]
async fn main() {
    let asked = Arc::new(AtomicUsize::new(0));
    let path = "/accounts/{account}/realtime/kit/{app}/livestreams";
    let router = Router::new().route(path, get(page)).with_state(asked.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let pairs = [
        ("CLOUDFLARE_BASE_URL", format!("http://{address}")),
        ("CLOUDFLARE_API_TOKEN", "a-token-for-the-bench".to_owned()),
        ("CLOUDFLARE_ACCOUNT_ID", "bench".to_owned()),
    ];
    let variables: HashMap<String, String> = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();

    let table = "cloudflare.realtime_kit.livestreams WHERE app_id = 'app'";
    let rounds = 1 + (ROWS / PAGE - 1).div_ceil(AT_A_TIME);
    let ideal = LATENCY.as_secs_f64() * f64::from(u32::try_from(rounds).unwrap());
    println!("ideal for {ROWS} rows: {rounds} rounds of {} ms, {:.0} ms", LATENCY.as_millis(), ideal * 1000.0);
    for (name, sql) in [
        ("all rows, all columns", format!("SELECT * FROM {table}")),
        ("count(*)", format!("SELECT count(*) FROM {table}")),
        ("LIMIT 10", format!("SELECT * FROM {table} LIMIT 10")),
        ("a filter that the first page meets, LIMIT 10", format!("SELECT * FROM {table} AND name LIKE 'n%' LIMIT 10")),
    ] {
        let (mut whole, mut first, mut requests, mut rows) = (Vec::new(), Vec::new(), 0, 0);
        for _ in 0..RUNS {
            // A session of its own each time, so that the limiter of one run does not hold the next.
            let options = SessionOptions { variables: variables.clone(), ..SessionOptions::default() };
            let session = Session::new(options).unwrap();
            asked.store(0, Ordering::Relaxed);
            let begin = Instant::now();
            let mut stream = session.run(&sql).await.unwrap().rows.unwrap();
            rows = 0;
            while let Some(batch) = stream.next().await {
                if rows == 0 {
                    first.push(begin.elapsed());
                }
                rows += batch.unwrap().num_rows();
            }
            whole.push(begin.elapsed());
            requests = asked.load(Ordering::Relaxed);
        }
        let (whole, first) = (median(&mut whole), median(&mut first));
        println!(
            "{name}: {rows} rows, {requests} requests, {:.0} ms ({:.2} x the ideal of all), first row after {:.0} ms",
            whole * 1000.0,
            whole / ideal,
            first * 1000.0
        );
    }
}

async fn page(State(asked): State<Arc<AtomicUsize>>, Query(query): Query<HashMap<String, String>>) -> String {
    asked.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(LATENCY).await;
    let number = |name: &str, default: usize| query.get(name).and_then(|v| v.parse().ok()).unwrap_or(default);
    let (page, size) = (number("page_no", 1), number("per_page", PAGE).min(PAGE));
    let begin = (page - 1) * size;
    let end = (begin + size).min(ROWS);
    let mut body = String::from("{\"success\":true,\"data\":[");
    for i in begin..end {
        let comma = if i == begin { "" } else { "," };
        let _ = write!(
            body,
            "{comma}{{\"id\":\"{i:08}-0000-4000-8000-000000000000\",\"name\":\"n{i}\",\"status\":\"IDLE\",\"disabled\":false,\
             \"meeting_id\":null,\"created_at\":\"2026-01-01T00:00:00.{:03}Z\",\"updated_at\":\"2026-01-01T00:00:00Z\",\
             \"ingest_server\":\"rtmps://live.example:443/live/\",\"stream_key\":\"k{i}\",\"playback_url\":\"https://x/{i}\"}}",
            i % 1000
        );
    }
    let _ =
        write!(body, "],\"paging\":{{\"total_count\":{ROWS},\"start_offset\":{},\"end_offset\":{end}}}}}", begin + 1);
    body
}

fn median(times: &mut [Duration]) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}
