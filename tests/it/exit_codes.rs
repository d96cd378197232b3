//! The table of exit codes, each through the real program with a statement that ends so. The same table stands in error.rs
//! and in docs/scripts.md.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use weir::sandbox::{Fault, FaultKind, TOKEN};

use crate::harness::{ACCOUNT, APP, Program, World};
use crate::scripted::{Reply, Scripted};

const INPUTS: &str = "SELECT uid FROM cloudflare.stream.live_inputs";
const INPUT: &str = "DELETE FROM cloudflare.stream.live_inputs WHERE uid = '00000000000000000000000000000000'";

#[tokio::test]
async fn zero_to_two_need_no_server() {
    Program::new().exec("SELECT 1; ASSERT true").await.code(0);
    Program::new().exec("SELEC 1").await.code(1).says(&["error: line 1, column 1: "]);
    Program::new().arguments(["exec", "-i", "no.sql"]).run().await.code(2).says(&["no.sql cannot be read"]);
}

#[tokio::test]
async fn three_four_and_five_are_credentials_the_api_and_the_way_to_it() {
    let world = World::new().await;
    world.program().set("CLOUDFLARE_API_TOKEN", "cfut_wrong").exec(INPUTS).await.code(3).says(&["401"]);
    world.program().exec(INPUT).await.code(4).says(&["404"]);
    world.program().set("CLOUDFLARE_BASE_URL", "http://127.0.0.1:9").exec(INPUTS).await.code(5).says(&["hint: "]);
}

#[tokio::test]
async fn six_is_a_write_that_is_partly_done() {
    let world = World::new().await;
    let second = Fault { method: Some("POST".to_owned()), skip: 1, ..Fault::once("/meetings", FaultKind::ServerError) };
    world.sandbox.add_fault(second);
    let sql =
        format!("INSERT INTO cloudflare.realtime_kit.meetings (app_id, title) VALUES ('{APP}', 'a'), ('{APP}', 'b')");
    world.program().arguments(["--write-concurrency", "1"]).exec(&sql).await.code(6).says(&["1 of 2 rows"]);
}

#[tokio::test]
async fn seven_is_an_assertion_and_eight_a_list_that_may_be_cut() {
    let ran = Program::new().exec("ASSERT (SELECT 3) = 4, 'four of them'; SELECT 'not reached'").await.code(7);
    let ran = ran.says(&["error: line 1, column 1: four of them (found 3, wanted 4)"]);
    assert_eq!(ran.out, "");
    let row = |at: usize| json!({"uid": format!("{at:032x}"), "meta": {}, "created": "2026-01-01T00:00:00Z"});
    let server = Scripted::start(move |_| {
        let rows: Vec<Value> = (0..1000).map(row).collect();
        Reply::json(&json!({"success": true, "result": rows, "errors": [], "messages": []}))
    })
    .await;
    let program = Program::new()
        .set("CLOUDFLARE_BASE_URL", &server.url)
        .set("CLOUDFLARE_API_TOKEN", TOKEN)
        .set("CLOUDFLARE_ACCOUNT_ID", ACCOUNT);
    program.arguments(["--strict", "-o", "csv"]).exec(INPUTS).await.code(8).says(&["may not be whole"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_hundred_and_thirty_is_ctrl_c_and_143_sigterm_and_the_events_are_whole() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        a_run_that_is_cut_off(signal, code).await;
    }
}

#[cfg(unix)]
async fn a_run_that_is_cut_off(signal: &'static str, code: i32) {
    let world = World::new().await;
    world.sandbox.add_fault(Fault::once("/accounts/", FaultKind::Hang));
    let program = world.program().file("s.sql", &format!("SELECT 1;\n{INPUTS};\nSELECT 2;"));
    let mut child = program
        .command(env!("CARGO_BIN_EXE_weir"))
        .args(["exec", "-i", "s.sql", "--keep-going", "--events", "e.jsonl"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while world.sandbox.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    let ended = tokio::task::spawn_blocking(move || {
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        child.wait().unwrap().code()
    });
    assert_eq!(ended.await.unwrap(), Some(code));
    let text = std::fs::read_to_string(program.folder.path().join("e.jsonl")).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<String> =
        events.iter().map(|e| format!("{} {} {}", e["event"].as_str().unwrap(), e["n"], e["outcome"])).collect();
    assert_eq!(
        told,
        [
            "statement_start 1 null",
            "statement_end 1 \"ok\"",
            "statement_start 2 null",
            "statement_end 2 \"cancelled\"",
            "run_end null null"
        ]
    );
    assert_eq!((&events[4]["exit_code"], &events[4]["skipped"]), (&json!(code), &json!(1)));
}
