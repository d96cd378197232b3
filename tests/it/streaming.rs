//! What the first page brings is there before the second is; what nobody wants any more is not read; and a statement stays
//! within its memory: it spills, or says that it cannot.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use futures::StreamExt;
use serde_json::json;
use weir::error::Kind;
use weir::session::{Notices, Session, SessionOptions};

use crate::gated::{Gate, rows};
use crate::harness::{Program, impatient, run_in, told};

/// Nothing here takes as long: a test that would hang fails instead.
const LONG_ENOUGH: Duration = Duration::from_mins(1);

/// Pages of ten rows, of 95.
async fn gate() -> Gate {
    Gate::new(10, |page| (200, rows(page, 10, 3, 95))).await
}

async fn set(session: &Session, name: &str, value: &str) {
    session.run(&format!("SET {name} = '{value}'")).await.unwrap();
}

#[tokio::test]
async fn the_first_rows_are_there_before_the_second_page_is() {
    for partitions in ["1", "2", "8"] {
        for sql in [
            "SELECT * FROM gate.store.things",
            "SELECT upper(name) AS n, id + 1 AS next FROM gate.store.things WHERE id % 2 = 0 AND length(name) > 3",
            "SELECT size->>'w' AS w, size->'w' AS j FROM gate.store.things WHERE name LIKE 'n%' LIMIT 50",
            "SELECT DISTINCT ON (id) id FROM (SELECT id FROM gate.store.things) AS t LIMIT 0",
            "SELECT id FROM gate.store.things UNION ALL SELECT 1",
        ] {
            let gate = gate().await;
            let session = gate.session();
            set(&session, "datafusion.execution.target_partitions", partitions).await;
            let mut stream = session.run(sql).await.unwrap().rows.unwrap();
            let first = tokio::time::timeout(LONG_ENOUGH, stream.next()).await;
            let first = first.unwrap_or_else(|_| panic!("{sql} at {partitions}: {:?}", gate.pages()));
            if sql.contains("LIMIT 0") {
                assert!(first.is_none());
                continue;
            }
            assert!(first.unwrap().unwrap().num_rows() > 0, "{sql}");
            assert!(gate.pages().answered.len() <= 1, "{sql} at {partitions}: {:?}", gate.pages());
            gate.open(100);
            while let Some(batch) = stream.next().await {
                batch.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn the_first_lines_are_printed_before_the_second_page_is_there() {
    for (format, lines) in [("jsonl", 10), ("csv", 11), ("json", 10), ("tsv", 11), ("markdown", 12), ("insert", 10)] {
        let gate = gate().await;
        let program = gate.program();
        let mut command = program.command(env!("CARGO_BIN_EXE_weir"));
        command.args([
            "-o",
            format,
            "--registry",
            registry(&gate).as_str(),
            "exec",
            "SELECT id FROM gate.store.things",
        ]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let first = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            // The last line of an array has no end yet.
            let whole = if format == "json" { lines - 1 } else { lines };
            for _ in 0..whole {
                out.read_line(&mut text).unwrap();
            }
            (text, out)
        });
        let (text, mut out) = tokio::time::timeout(LONG_ENOUGH, first).await.expect("lines before the page").unwrap();
        assert_eq!(gate.pages().answered, [1], "{format}: {text}");
        gate.open(100);
        let (code, rest) = tokio::task::spawn_blocking(move || {
            let mut rest = String::new();
            out.read_to_string(&mut rest).unwrap();
            (child.wait().unwrap().code(), rest)
        })
        .await
        .unwrap();
        assert_eq!(code, Some(0));
        assert_eq!((text + &rest).lines().count(), lines + 85, "{format}");
    }
}

fn registry(gate: &Gate) -> String {
    gate.documents().display().to_string()
}

#[tokio::test]
async fn dropping_the_rows_ends_the_requests_under_way() {
    for sql in [
        "SELECT id FROM gate.store.things",
        "SELECT id FROM gate.store.things ORDER BY name",
        "SELECT name, count(*) FROM gate.store.things GROUP BY name",
        "SELECT a.id FROM gate.store.things AS a JOIN gate.store.things AS b ON a.id = b.id + 1",
    ] {
        let gate = gate().await;
        let session = gate.session();
        let stream = session.run(sql).await.unwrap().rows.unwrap();
        let mut stream = Box::pin(stream);
        // It is read until it waits, which is as long as the server wants.
        let under_way = gate.until("pages under way", |pages| pages.asked.len() >= 5);
        tokio::select! {
            pages = under_way => assert_eq!(pages.answered, [1], "{sql}"),
            () = async { while stream.next().await.is_some() {} } => panic!("{sql}: the end came before the pages"),
        }
        drop(stream);
        let pages = gate.until("all have been left", |pages| pages.left.len() + 1 == pages.asked.len()).await;
        assert_eq!(pages.answered, [1], "{sql}");
    }
}

#[tokio::test]
async fn ctrl_c_ends_the_requests_under_way_and_a_copy_leaves_the_old_file() {
    let file = tempfile::tempdir().unwrap();
    let place = file.path().join("things.csv");
    for sql in [
        "SELECT id FROM gate.store.things".to_owned(),
        format!("COPY (SELECT id, text FROM gate.store.things) TO '{}'", place.display()),
    ] {
        std::fs::write(&place, "old").unwrap();
        let gate = gate().await;
        let program = gate.program();
        let mut command = program.command(env!("CARGO_BIN_EXE_weir"));
        command
            .args(["--registry", registry(&gate).as_str(), "exec", &sql])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        gate.until("pages under way", |pages| pages.asked.len() >= 5).await;
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        gate.until("all have been left", |pages| pages.left.len() + 1 == pages.asked.len()).await;
        let code = tokio::task::spawn_blocking(move || child.wait().unwrap().code()).await.unwrap();
        assert_eq!((code, gate.pages().answered), (Some(130), vec![1]));
        assert_eq!(std::fs::read_to_string(&place).unwrap(), "old", "{sql}");
        assert_eq!(std::fs::read_dir(file.path()).unwrap().count(), 1, "nothing else is left behind");
    }
}

#[tokio::test]
async fn a_reader_that_has_gone_ends_a_read_quietly() {
    for (format, first) in [
        ("jsonl", "{\"id\":0}\n"),
        ("json", "[{\"id\":0},\n"),
        ("csv", "id\n"),
        ("tsv", "id\n"),
        ("markdown", "| id |\n"),
        ("insert", "INSERT INTO \"rows\" (\"id\") VALUES (0);\n"),
        ("html", "<!doctype html>\n"),
        ("vega", "{\"$schema\":\"https://vega.github.io/schema/vega-lite/v5.json\",\n"),
        ("vertical", "─[ row 1 ]──────────────────────────────\n"),
    ] {
        let gate = Gate::new(10, |page| (200, rows(page, 10, 3, 4000))).await;
        let program = gate.program();
        let mut command = program.command(env!("CARGO_BIN_EXE_weir"));
        let sql = "SELECT id FROM gate.store.things";
        command.args(["-o", format, "--registry", registry(&gate).as_str(), "exec", sql]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            line
        });
        assert_eq!(line.await.unwrap(), first);
        // The reader is gone by now; the next page is the first that cannot be written. Which one comes first is not known.
        gate.open(1000);
        let ended = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
        let told = (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned());
        assert_eq!(told, (Some(0), String::new()), "{format}");
        let pages = gate.pages();
        assert!(pages.asked.len() < 200, "{format}, of 400 pages: {pages:?}");
    }
}

#[tokio::test]
async fn a_worker_that_panics_is_an_error() {
    // The one thing of a session that is the caller's own and runs within a worker: it is told of the wait.
    let gate = Gate::new(10, |page| if page == 1 { (200, rows(1, 10, 3, 95)) } else { (429, "{}".to_owned()) }).await;
    gate.open(100);
    let notices = Notices::new(|_| panic!("a defect of the caller"));
    let mut settings = impatient();
    settings.retry_delay = Duration::from_secs(2);
    let session = gate.session_with(SessionOptions { notices, settings, ..SessionOptions::default() });
    let given = run_in(&session, "SELECT id FROM gate.store.things").await.unwrap();
    assert_eq!(given.rows.len(), 10);
    let error = given.failure.unwrap();
    assert_eq!(error.kind(), Kind::Internal, "{}", told(&error));
    assert!(error.hint_text().is_some_and(|hint| hint.contains("report")));
    assert_eq!(run_in(&session, "SELECT 1 AS a").await.unwrap().rows.len(), 1, "the session goes on");
}

/// 20 MB in pages of a thousand rows, all of them let through.
async fn large() -> Gate {
    let gate = Gate::new(1000, |page| (200, rows(page, 1000, 1000, 20_000))).await;
    gate.open(1000);
    gate
}

#[tokio::test]
async fn a_sort_beyond_the_memory_goes_to_the_disk() {
    let gate = large().await;
    let session = gate.session();
    set(&session, "datafusion.execution.target_partitions", "2").await;
    set(&session, "memory_limit", "12MB").await;
    let sql = "SELECT id, name, text FROM gate.store.things ORDER BY name";
    let given = run_in(&session, &format!("EXPLAIN ANALYZE {sql}")).await.unwrap();
    let plan: Vec<&str> = given.rows.iter().map(|row| row["plan"].as_str().unwrap()).collect();
    let sort = plan.iter().find(|line| line.contains("SortExec")).unwrap();
    assert!(sort.contains("spill_count=") && !sort.contains("spill_count=0"), "{sort}");
    let given = run_in(&session, sql).await.unwrap();
    assert!(given.failure.is_none(), "{}", told(&given.failure.unwrap()));
    let names: Vec<&str> = given.rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert!(names.len() == 20_000 && names.is_sorted());
    assert!(given.rows.iter().all(|row| row["text"].as_str().unwrap().len() == 1000));
    let given =
        run_in(&session, "SELECT value FROM system.session.settings WHERE name = 'memory_limit'").await.unwrap();
    assert_eq!(given.rows[0]["value"], json!("12MB"));
}

#[tokio::test]
async fn what_cannot_be_spilled_is_an_error_that_says_what_to_do() {
    let gate = large().await;
    let session = gate.session();
    for (limit, sql) in [
        ("8MB", "SELECT length(string_agg(text, ',')) AS n FROM gate.store.things GROUP BY id % 1"),
        ("8MB", "SELECT a.text, b.text FROM gate.store.things AS a JOIN gate.store.things AS b ON a.name = b.name"),
        ("1MB", "SELECT id FROM gate.store.things"),
    ] {
        set(&session, "memory_limit", limit).await;
        let error = match run_in(&session, sql).await {
            Err(error) => error,
            Ok(given) => given.failure.unwrap_or_else(|| panic!("{sql}: {} rows", given.rows.len())),
        };
        assert_eq!(error.kind(), Kind::Statement, "{sql}: {}", told(&error));
        assert!(error.message().contains("memory"), "{}", told(&error));
        assert!(error.hint_text().is_some_and(|hint| hint.contains("SET memory_limit")), "{}", told(&error));
    }
    session.run("RESET memory_limit").await.unwrap();
    assert_eq!(run_in(&session, "SELECT id FROM gate.store.things").await.unwrap().rows.len(), 20_000);
    let error = session.run("SET memory_limit = 'lots'").await.unwrap_err();
    assert!(error.message().contains("memory_limit = 'lots'"), "{error}");
}

#[tokio::test]
async fn pages_that_are_large_are_read_one_at_a_time() {
    let gate = Gate::new(1000, |page| (200, rows(page, 1000, 1000, 8000))).await;
    let session = gate.session();
    // Of 16 MB an eighth is for pages under way: one of a megabyte and its rows.
    set(&session, "memory_limit", "16MB").await;
    let mut stream = session.run("SELECT id, text FROM gate.store.things").await.unwrap().rows.unwrap();
    stream.next().await.unwrap().unwrap();
    gate.until("the second is asked for", |pages| pages.asked.len() == 2).await;
    gate.open(1);
    stream.next().await.unwrap().unwrap();
    assert_eq!(gate.until("the third is asked for", |pages| pages.asked.len() > 2).await.asked, [1, 2, 3]);
    gate.open(10);
    while let Some(batch) = stream.next().await {
        batch.unwrap();
    }
    assert_eq!(gate.pages().answered.len(), 8);
}

#[tokio::test]
async fn copy_writes_every_format_and_unions_as_text() {
    let gate = gate().await;
    gate.open(100_000);
    let sql = |name: &str| format!("COPY (SELECT id, name, size->'w' AS w FROM gate.store.things) TO '{name}'");
    for name in ["t.parquet", "t.arrow", "t.csv", "t.json"] {
        let read = format!("SELECT count(*) AS n, sum(CAST(w AS BIGINT)) AS s FROM '{name}'");
        let program = gate.program().arguments(["-o", "jsonl", "exec"]);
        let ran = program.arguments([format!("{}; {read}", sql(name))]).run().await.code(0).says(&["95 rows written"]);
        assert_eq!(ran.out, "{\"n\":95,\"s\":4465}\n", "{name}");
    }
}

#[tokio::test]
async fn a_copy_that_fails_leaves_the_old_file_as_it_was() {
    let gate = Gate::new(10, |page| if page < 5 { (200, rows(page, 10, 3, 95)) } else { (400, "{}".to_owned()) }).await;
    gate.open(100);
    for name in ["t.parquet", "t.arrow", "t.csv", "t.json"] {
        let program = gate.program().file(name, "old").arguments(["exec"]);
        let program: Program = program.arguments([format!("COPY (SELECT id FROM gate.store.things) TO '{name}'")]);
        let (ran, folder) = program.run_kept().await;
        ran.code(4);
        assert_eq!(std::fs::read(folder.path().join(name)).unwrap(), b"old", "{name}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{name}: nothing else is left behind");
        let sql = format!("COPY (SELECT id FROM gate.store.things) TO 'new/{name}'");
        let (ran, folder) = gate.program().arguments(["exec", &sql]).run_kept().await;
        ran.code(4);
        assert!(!folder.path().join("new").join(name).exists(), "{name} looks whole");
    }
}
