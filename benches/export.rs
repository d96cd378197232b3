//! Large lists out of a local server that is not the bottleneck: CPU and peak memory of whole processes, each beside the
//! same bytes only fetched and validated as JSON. Prints medians; judges nothing. `cargo bench --bench export`
//!
//! What is measured runs as a child, so that the server's work, in this process, is not counted: the child's CPU is what
//! the system adds to its parent's account of ended children, its peak is the highest `VmHWM` that was seen.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a bench prints, and stops where it cannot go on")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use bytes::Bytes;
use futures::StreamExt;
use weir::{Session, SessionOptions};

const PAGE: usize = 1000;
const SMALL: usize = 200_000;
const LARGE: usize = 2_000_000;
const AT_A_TIME: usize = 8;
const RUNS: usize = 5;

const PROVIDER: &str = "{id: bench, name: bench, version: v1, title: Bench, description: Rows., protocolType: http,
config: {auth: {type: null_auth}}, providerServices: {lists: {id: 'lists:v1', name: lists, preferred: true, title: Lists,
version: v1, description: Rows., service: {$ref: services/lists.yaml}}}, x-weir: {base_url: {env: BENCH_URL}, limits: {concurrent: 8}}}
";

const SERVICE: &str = "{openapi: 3.0.3, info: {title: Lists, version: v1}, servers: [{url: 'https://bench.example'}],
paths: {'/rows': {get: {operationId: rows, parameters: [], responses: {'200': {description: Rows., content: {application/json: {schema:
  {type: object, properties: {data: {type: array, items: {type: object, properties: {
    id: {type: string}, name: {type: string}, status: {type: string}, disabled: {type: boolean}, meeting_id: {type: string},
    created_at: {type: string, format: date-time}, updated_at: {type: string, format: date-time}, viewers: {type: integer},
    ingest_server: {type: string}, stream_key: {type: string}, playback_url: {type: string}, recording: {type: object}}}}}}}}}}}}},
components: {x-stackQL-resources: {rows: {id: bench.lists.rows, name: rows, title: Rows, description: Rows., methods: {list: {
  operation: {$ref: '#/paths/~1rows/get'}, response: {mediaType: application/json, openAPIDocKey: '200', objectKey: $.data},
  x-weir: {paging: {style: page, parameter: page, first: 1, size: {parameter: per_page, largest: 1000}, total: [$.total], concurrent: true}}}},
  sqlVerbs: {select: [{$ref: '#/components/x-stackQL-resources/rows/methods/list'}], insert: [], update: [], replace: [], delete: []},
  x-weir: {key: [id]}}}}}
";

fn main() {
    let typed: Vec<String> = std::env::args().collect();
    match typed.iter().skip(1).map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--validate", url, pages] => runtime().block_on(validate(url, pages.parse().unwrap())),
        ["--count", url, documents] => runtime().block_on(count(url, Path::new(documents))),
        ["--serve"] => serve_only(),
        _ => measure(),
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

/// Every page fetched and looked through, and no value kept.
async fn validate(url: &str, pages: usize) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let asked = futures::stream::iter(1..=pages).map(|page| {
        let (client, url) = (client.clone(), format!("{url}/rows?page={page}&per_page={PAGE}"));
        tokio::spawn(async move {
            let body = client.get(url).send().await.unwrap().bytes().await.unwrap();
            serde_json::from_slice::<serde::de::IgnoredAny>(&body).unwrap();
            body.len()
        })
    });
    let bytes: usize = asked.buffered(AT_A_TIME).map(Result::unwrap).fold(0, async |sum, bytes| sum + bytes).await;
    println!("{bytes}");
}

/// Every row decoded in all its columns, and only counted.
async fn count(url: &str, documents: &Path) {
    let variables = HashMap::from([("BENCH_URL".to_owned(), url.to_owned())]);
    let options = SessionOptions { variables, registries: vec![documents.to_owned()], ..SessionOptions::default() };
    let session = Session::new(options).unwrap();
    let mut rows = session.run("SELECT * FROM bench.lists.rows").await.unwrap().rows.unwrap();
    let mut count = 0;
    while let Some(batch) = rows.next().await {
        count += batch.unwrap().num_rows();
    }
    println!("{count}");
}

/// A page as bytes, and where in it the rows' numbers stand.
struct Template {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

impl Template {
    fn new(total: usize) -> Template {
        let mut text = String::from("{\"success\":true,\"data\":[");
        let mut places = Vec::with_capacity(PAGE);
        for row in 0..PAGE {
            text.push_str(if row == 0 { "{\"id\":\"" } else { ",{\"id\":\"" });
            places.push(text.len());
            let _ = write!(
                text,
                "00000000-4c5a-4b1e-9f43-0d1c2b3a4f{:02x}\",\"name\":\"Evening show, part {row}\",\"status\":\"{}\",\
                 \"disabled\":{},\"meeting_id\":{},\"created_at\":\"2026-01-{:02}T10:{:02}:00.{:03}Z\",\
                 \"updated_at\":\"2026-02-01T00:00:{:02}Z\",\"viewers\":{},\"ingest_server\":\"rtmps://live.example.com:443/live/\",\
                 \"stream_key\":\"f6a1c0b2d3e4{row:08}aabbccddeeff00112233\",\
                 \"playback_url\":\"https://live.example.com/b236bde30eb07b9d01318940e5fc3eda/manifest.m3u8\",\
                 \"recording\":{{\"mode\":\"automatic\",\"seconds\":{}}}}}",
                row % 256,
                ["LIVE", "IDLE", "ERRORED"][row % 3],
                row % 7 == 0,
                if row % 3 == 0 { "null".to_owned() } else { format!("\"bbb1c0b2-d3e4-4b1e-9f43-0d1c2b3a{row:04x}\"") },
                1 + row % 28,
                row % 60,
                row,
                row % 60,
                row * 37,
                row % 9
            );
        }
        let _ = write!(text, "],\"total\":{total}}}");
        Template { bytes: text.into_bytes(), places }
    }

    fn page(&self, page: usize) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for (row, place) in self.places.iter().enumerate() {
            let mut number = (page - 1) * PAGE + row;
            for digit in bytes[*place..place + 8].iter_mut().rev() {
                *digit = b'0' + u8::try_from(number % 10).unwrap();
                number /= 10;
            }
        }
        bytes
    }
}

async fn rows(
    State(template): State<Arc<Template>>,
    Query(query): Query<HashMap<String, String>>,
) -> impl IntoResponse {
    let page = query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    ([(CONTENT_TYPE, "application/json")], Bytes::from(template.page(page)))
}

/// Serves a list of so many rows for as long as the runtime lives.
fn serve(runtime: &tokio::runtime::Runtime, total: usize) -> String {
    let template = Arc::new(Template::new(total));
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/rows", get(rows)).with_state(template);
    runtime.spawn(async move { axum::serve(listener, router).await });
    url
}

fn documents(folder: &Path) {
    std::fs::create_dir_all(folder.join("bench/services")).unwrap();
    std::fs::write(folder.join("bench/provider.yaml"), PROVIDER).unwrap();
    std::fs::write(folder.join("bench/services/lists.yaml"), SERVICE).unwrap();
}

/// For a profiler: the lists, until it is stopped.
fn serve_only() {
    let folder = tempfile::tempdir().unwrap();
    documents(folder.path());
    let runtime = runtime();
    let (small, large) = (serve(&runtime, SMALL), serve(&runtime, LARGE));
    println!(
        "--registry {}\nBENCH_URL={small}  {SMALL} rows\nBENCH_URL={large}  {LARGE} rows",
        folder.path().display()
    );
    std::thread::park();
}

fn measure() {
    let folder = tempfile::tempdir().unwrap();
    documents(folder.path());
    let runtime = runtime();
    let (small, large) = (serve(&runtime, SMALL), serve(&runtime, LARGE));
    let this = std::env::current_exe().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    let own = |arguments: &[&str]| {
        let mut command = Command::new(&this);
        command.args(arguments);
        command
    };
    let weir = |url: &str, arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(["--registry", &folder.path().display().to_string(), "--max-requests", "1000000"]);
        command.args(arguments).env("BENCH_URL", url);
        command
    };
    let all = "SELECT * FROM bench.lists.rows";
    let copy = |name: &str| format!("COPY ({all}) TO '{}'", place(name));
    let csv = |url: &str| weir(url, &["-o", "csv", "-f", &place("rows.csv"), "exec", all]);

    println!("{SMALL} rows, {} pages, {} MB of JSON; CPU is the process's, peak its resident memory", SMALL / PAGE, {
        Template::new(SMALL).bytes.len() * (SMALL / PAGE) / 1_000_000
    });
    let pages = (SMALL / PAGE).to_string();
    let base = told("fetched and validated as JSON", RUNS, None, || own(&["--validate", &small, &pages]));
    let counted = told("SELECT *, counted", RUNS, Some(base), || own(&["--count", &small, &place("")]));
    let written = told("-o csv -f FILE", RUNS, Some(counted), || csv(&small));
    told("-o jsonl -f FILE", RUNS, Some(counted), || {
        weir(&small, &["-o", "jsonl", "-f", &place("rows.jsonl"), "exec", all])
    });
    told("COPY TO csv", RUNS, Some(counted), || weir(&small, &["exec", &copy("copy.csv")]));
    let parquet = told("COPY TO parquet", RUNS, Some(counted), || weir(&small, &["exec", &copy("rows.parquet")]));

    println!("{LARGE} rows, {} pages", LARGE / PAGE);
    told("-o csv -f FILE", 1, Some(written), || csv(&large));
    told("COPY TO parquet", 1, Some(parquet), || weir(&large, &["exec", &copy("large.parquet")]));
    println!("one row");
    told("SELECT 1", RUNS, None, || weir(&small, &["exec", "SELECT 1"]));
}

/// What a process cost.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    cpu: Duration,
    peak: u64,
}

/// Runs a command some times and prints the medians, CPU and memory also as a share of `beside`.
fn told(name: &str, runs: usize, beside: Option<Cost>, command: impl Fn() -> Command) -> Cost {
    let costs: Vec<Cost> = (0..runs).map(|_| run(command())).collect();
    let cost = Cost {
        wall: median(costs.iter().map(|cost| cost.wall)),
        cpu: median(costs.iter().map(|cost| cost.cpu)),
        peak: median(costs.iter().map(|cost| cost.peak)),
    };
    let beside = beside.map(|beside| {
        #[allow(clippy::cast_precision_loss, reason = "a ratio to two digits")]
        let memory = cost.peak as f64 / beside.peak as f64;
        format!("   {:.2} x CPU, {memory:.2} x peak", cost.cpu.as_secs_f64() / beside.cpu.as_secs_f64())
    });
    println!(
        "  {name:<30} {:>6.2} s CPU {:>6.2} s {:>5} MB{}",
        cost.cpu.as_secs_f64(),
        cost.wall.as_secs_f64(),
        cost.peak / 1000,
        beside.unwrap_or_default()
    );
    cost
}

fn run(mut command: Command) -> Cost {
    let (begun, before) = (Instant::now(), ended_children());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let exit = loop {
        peak = peak.max(high_water(&status));
        match child.try_wait().unwrap() {
            Some(exit) => break exit,
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    assert!(exit.success(), "{command:?}");
    Cost { wall: begun.elapsed(), cpu: ended_children().saturating_sub(before), peak }
}

/// Kilobytes, 0 where there is no such line.
fn high_water(status: &str) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// CPU of children that have ended, which Linux counts in hundredths of a second.
fn ended_children() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    // After the name, which may hold anything, the 12th and 13th field are user and system time of ended children.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[13..=14].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn median<T: Ord + Copy>(of: impl Iterator<Item = T>) -> T {
    let mut all: Vec<T> = of.collect();
    all.sort();
    all[all.len() / 2]
}
