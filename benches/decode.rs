//! Decoding 200,000 rows in 200 pages (some 100 MB of JSON): in memory, against validating the same bytes and against
//! arrow-json over rows already cut out; and the whole way from a server in a process of its own, against fetching and
//! validating. Prints medians of processor time; judges nothing. `cargo bench --bench decode`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and stops where it cannot go on")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_json::ReaderBuilder;
use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use bytes::Bytes;
use futures::StreamExt;
use serde::de::IgnoredAny;
use weir::registry::{Column, JsonPath, Kind, Shape};
use weir::rows::{Decoder, Outline, compact};
use weir::{Session, SessionOptions};

const PAGES: usize = 200;
const ROWS: usize = 1000;
const RUNS: usize = 7;

const COLUMNS: [(&str, Kind); 10] = [
    ("id", Kind::String),
    ("name", Kind::String),
    ("status", Kind::String),
    ("disabled", Kind::Boolean),
    ("ingest_server", Kind::String),
    ("stream_key", Kind::String),
    ("playback_url", Kind::String),
    ("meeting_id", Kind::String),
    ("created_at", Kind::Timestamp),
    ("updated_at", Kind::Timestamp),
];

fn main() {
    if std::env::args().any(|argument| argument == "serve") {
        return serve();
    }
    let pages: Vec<Bytes> = (0..PAGES).map(|page| Bytes::from(body(page, ","))).collect();
    let bytes: usize = pages.iter().map(Bytes::len).sum();
    println!("{} rows in {PAGES} pages, {:.1} MB", PAGES * ROWS, mega(bytes));
    in_memory(&pages, bytes);
    whole_way();
}

/// What is measured, by its name, with how many bytes it reads.
type Work<'w> = (String, usize, Box<dyn Fn() + 'w>);

fn in_memory(pages: &[Bytes], bytes: usize) {
    let lines: Vec<String> = (0..PAGES).map(|page| rows(page, "\n")).collect();
    let of_lines = lines.iter().map(String::len).sum();
    let wanted = [("all columns", &COLUMNS[..]), ("id alone", &COLUMNS[..1]), ("no column", &[])];
    let decoder =
        |wanted: &[(&str, Kind)]| Decoder::new(wanted.iter().map(|(name, kind)| column(name, *kind)).collect());
    let mut decoders: Vec<(&str, Decoder)> = wanted.map(|(name, wanted)| (name, decoder(wanted))).into();
    decoders.push(("the row's JSON", decoder(&[("$", Kind::Any)])));
    let validate = || pages.iter().for_each(|page| assert!(serde_json::from_slice::<IgnoredAny>(page).is_ok()));
    let mut works: Vec<Work<'_>> = vec![("validated by serde_json".to_owned(), bytes, Box::new(validate))];
    for (name, decoder) in &decoders {
        let decode = move || {
            let rows: usize = pages.iter().map(|page| decoded(decoder, page).num_rows()).sum();
            assert_eq!(rows, PAGES * ROWS);
        };
        works.push((format!("decoded, {name}"), bytes, Box::new(decode)));
    }
    let schema = decoders[0].1.schema();
    let of_arrow = || lines.iter().for_each(|lines| by_arrow(schema, lines));
    works.push(("arrow-json, one row a line, all columns".to_owned(), of_lines, Box::new(of_arrow)));
    // In turn, so that what else the machine does falls on all of them.
    let mut times: Vec<Vec<Duration>> = works.iter().map(|_| Vec::new()).collect();
    for _ in 0..RUNS {
        for ((_, _, work), times) in works.iter().zip(&mut times) {
            let before = of_this_thread();
            work();
            times.push(of_this_thread().saturating_sub(before));
        }
    }
    let medians: Vec<Duration> = times.iter_mut().map(|times| median(times)).collect();
    for ((name, bytes, _), time) in works.iter().zip(&medians) {
        say(name, *time, medians[0], *bytes);
    }
}

fn by_arrow(schema: &SchemaRef, lines: &str) {
    let mut reader = ReaderBuilder::new(schema.clone()).with_batch_size(ROWS).build_decoder().unwrap();
    assert_eq!(reader.decode(lines.as_bytes()).unwrap(), lines.len());
    assert_eq!(reader.flush().unwrap().unwrap().num_rows(), ROWS);
}

fn decoded(decoder: &Decoder, page: &Bytes) -> RecordBatch {
    let path = |text| JsonPath::parse(text).unwrap();
    let figures = [path("$.success"), path("$.paging.total_count")];
    let outline = Outline::new(&[path("$.data.data"), path("$.data")], &figures);
    let mut answer = decoder.read(page, &outline, &|_| None).unwrap();
    assert_eq!(answer.number_at(&figures[1..]), Some((PAGES * ROWS) as u64));
    compact(answer.rows().unwrap().batch).unwrap()
}

fn column(name: &str, kind: Kind) -> Column {
    let shape = Shape { kind, ..Shape::default() };
    let paths = vec![JsonPath::parse(name).unwrap()];
    let (name, wire) = (name.to_owned(), name.to_owned());
    Column { name, wire, paths, shape, description: String::new(), hidden: false, only_by_key: false }
}

/// From a server in a process of its own, so that the time of this one is the client's.
fn whole_way() {
    let mut server = Command::new(std::env::current_exe().unwrap());
    let mut server = server.arg("serve").stdout(Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let address = address.trim().to_owned();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for round in 1..=3 {
        let (rows, fetch, wall) = cpu(|| runtime.block_on(fetch_and_validate(&address)));
        println!(
            "{round}: fetched and validated {rows} pages: {:.2} s CPU, {:.2} s",
            fetch.as_secs_f64(),
            wall.as_secs_f64()
        );
        let (rows, select, wall) = cpu(|| runtime.block_on(select_and_count(&address)));
        let ratio = select.as_secs_f64() / fetch.as_secs_f64();
        println!(
            "{round}: SELECT *, {rows} rows counted: {:.2} s CPU, {:.2} s; {ratio:.2} x the CPU of fetching and validating",
            select.as_secs_f64(),
            wall.as_secs_f64()
        );
    }
    server.kill().unwrap();
    server.wait().unwrap();
}

async fn fetch_and_validate(address: &str) -> usize {
    // Plain http; the library wants a provider all the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let pages = futures::stream::iter(1..=PAGES).map(|page| {
        let (client, url) = (client.clone(), format!("{address}/accounts/a/realtime/kit/b/livestreams?page_no={page}"));
        tokio::spawn(async move {
            let body = client.get(url).send().await.unwrap().bytes().await.unwrap();
            serde_json::from_slice::<IgnoredAny>(&body).unwrap();
        })
    });
    pages.buffered(8).map(Result::unwrap).count().await
}

async fn select_and_count(address: &str) -> usize {
    let pairs = [
        ("CLOUDFLARE_BASE_URL", address.to_owned()),
        ("CLOUDFLARE_API_TOKEN", "a-token-for-the-bench".to_owned()),
        ("CLOUDFLARE_ACCOUNT_ID", "bench".to_owned()),
    ];
    let variables: HashMap<String, String> = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let session = Session::new(SessionOptions { variables, ..SessionOptions::default() }).unwrap();
    let sql = "SELECT * FROM cloudflare.realtime_kit.livestreams WHERE app_id = 'app'";
    let mut stream = session.run(sql).await.unwrap().rows.unwrap();
    let mut rows = 0;
    while let Some(batch) = stream.next().await {
        rows += batch.unwrap().num_rows();
    }
    rows
}

#[tokio::main]
async fn serve() {
    let bodies: Arc<Vec<Bytes>> = Arc::new((0..PAGES).map(|page| Bytes::from(body(page, ","))).collect());
    let path = "/accounts/{account}/realtime/kit/{app}/livestreams";
    let router = Router::new().route(path, get(page)).with_state(bodies);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    axum::serve(listener, router).await.unwrap();
}

async fn page(State(bodies): State<Arc<Vec<Bytes>>>, Query(query): Query<HashMap<String, String>>) -> Bytes {
    let number: usize = query.get("page_no").and_then(|n| n.parse().ok()).unwrap_or(1);
    bodies[number - 1].clone()
}

fn body(page: usize, between: &str) -> String {
    let (total, start) = (PAGES * ROWS, page * ROWS);
    let rows = rows(page, between);
    format!(
        "{{\"success\":true,\"data\":[{rows}],\"paging\":{{\"total_count\":{total},\"start_offset\":{},\"end_offset\":{}}}}}",
        start + 1,
        start + ROWS
    )
}

/// Rows as the sandbox makes them; some names have characters beyond ASCII and escapes.
fn rows(page: usize, between: &str) -> String {
    let mut text = String::new();
    for i in page * ROWS..(page + 1) * ROWS {
        let name = match i % 8 {
            0 => format!("Künstler-Übertragung {i} 🎥"),
            1 => format!("\\\"live\\\" {i}"),
            _ => format!("stream-{i:04}"),
        };
        let meeting = if i % 3 == 0 { format!("\"{i:08}-61c6-4dd7-8f08-68b9cd5cab5f\"") } else { "null".to_owned() };
        let _ = write!(
            text,
            "{}{{\"id\":\"{i:08}-0000-4000-8000-000000000000\",\"name\":\"{name}\",\"status\":\"{}\",\"disabled\":{},\
             \"ingest_server\":\"rtmps://live.example.com:443/live/\",\"stream_key\":\"canary{:058x}\",\
             \"playback_url\":\"https://customer-s8oj0c1n5ek8ah1e.example.com/{:032x}/manifest/video.m3u8\",\
             \"meeting_id\":{meeting},\"created_at\":\"2025-12-31T18:{:02}:00.91309488Z\",\
             \"updated_at\":\"2025-12-31T19:30:{:02}.91309488Z\"}}",
            if i == page * ROWS { "" } else { between },
            ["IDLE", "LIVE", "ERRORED"][i % 3],
            i % 5 == 0,
            i * 7919,
            i * 104_729,
            i % 60,
            i % 60,
        );
    }
    text
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Processor time of this thread; where the system does not tell, the time on the clock.
fn of_this_thread() -> Duration {
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let spent = spent.and_then(|text| text.split(' ').next()?.parse().ok()).map(Duration::from_nanos);
    spent.unwrap_or_else(|| BEGIN.elapsed())
}

/// What `work` gives, the processor time that this process took for it, and the time on the clock.
fn cpu<T>(work: impl FnOnce() -> T) -> (T, Duration, Duration) {
    let (before, begin) = (spent(), Instant::now());
    let given = work();
    (given, spent().saturating_sub(before), begin.elapsed())
}

/// Processor time of this process, in steps of 10 ms; nothing where the system does not tell.
fn spent() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |nth| after_name.split_whitespace().nth(nth).and_then(|t| t.parse::<u64>().ok()).unwrap_or(0);
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

#[allow(clippy::cast_precision_loss, reason = "printed with one digit")]
fn mega(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

#[allow(clippy::cast_precision_loss, reason = "printed with one digit")]
fn say(what: &str, time: Duration, base: Duration, bytes: usize) {
    let seconds = time.as_secs_f64();
    println!(
        "{what}: {:.0} ms, {:.0} MB/s, {:.2} million rows/s, {:.2} x validating",
        seconds * 1000.0,
        mega(bytes) / seconds,
        (PAGES * ROWS) as f64 / seconds / 1e6,
        seconds / base.as_secs_f64()
    );
}
