//! Guards and previews as the program has them: flags, exit codes, the lines for a shell, outcomes. What statements refuse
//! and send stands in tests/sql.

use serde_json::{Value, json};
use weir::sandbox::{Fault, FaultKind, TOKEN};

use crate::harness::{ACCOUNT, APP, Program, World};
use crate::seeds::idle_meeting;
use crate::terminal::at_a_terminal_of;

fn uid(world: &World, at: usize) -> String {
    world.sandbox.live_inputs(ACCOUNT)[at]["uid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_lines_for_curl_say_to_a_shell_what_would_be_sent() {
    let world = World::new().await;
    world.run("SET dry_run = curl").await;
    let name = "it's $HOME \"q\" `x` \\ !! %s $(id)\nline two\ttab 東京 🎥 ;&|<>*?[a]{b,c} ~ #";
    let meta = json!({ "name": name }).to_string();
    let key = "it's / $(id) ? & \" ü";
    for (sql, method, body) in [
        (
            format!("INSERT INTO cloudflare.stream.live_inputs (meta) VALUES ('{}')", meta.replace('\'', "''")),
            "POST",
            true,
        ),
        (
            format!(
                "UPDATE cloudflare.stream.live_inputs SET meta = '{}' WHERE uid = '{}'",
                meta.replace('\'', "''"),
                key.replace('\'', "''")
            ),
            "PUT",
            true,
        ),
        (
            format!("DELETE FROM cloudflare.stream.live_inputs WHERE uid = '{}'", key.replace('\'', "''")),
            "DELETE",
            false,
        ),
    ] {
        let line = world.run(&sql).await.lines.remove(0);
        assert!(!line.contains(TOKEN), "{line}");
        let program = Program::shell(&format!("curl() {{ printf '%s\\0' \"$@\"; }}\n{line}"));
        let ran = program.set("CLOUDFLARE_API_TOKEN", "the-token").run().await.code(0);
        let words: Vec<&str> = ran.out.trim_end_matches('\0').split('\0').collect();
        assert_eq!(words[..4], ["-X", method, "-H", "Authorization: Bearer the-token"], "{line}");
        let url = words.last().unwrap();
        assert!(url.starts_with(&world.sandbox.base_url()) && !url.contains([' ', '"', '\'', '$']), "{url}");
        let data = words.iter().position(|word| *word == "--data-raw").map(|at| words[at + 1]);
        assert_eq!(data.is_some(), body, "{line}");
        if let Some(data) = data {
            let sent: Value = serde_json::from_str(data).unwrap();
            assert_eq!(sent["meta"]["name"], name);
            assert!(words.contains(&"Content-Type: application/json"), "{line}");
        }
    }
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn a_session_that_began_read_only_stays_so() {
    let world = World::new().await;
    let uid = uid(&world, 1);
    let write = format!("UPDATE cloudflare.stream.live_inputs SET enabled = true WHERE uid = '{uid}'");
    for sql in [format!("SET read_only = off; {write}"), format!("RESET read_only; {write}"), write.clone()] {
        let ran = world.program().arguments(["--read-only"]).exec(&sql).await.code(1);
        ran.says(&["read-only", "hint: "]);
    }
    let call = format!("EXEC cloudflare.stream.live_inputs.disable @uid = '{uid}'");
    world.program().arguments(["--read-only"]).exec(&call).await.code(1).says(&["read-only"]);
    assert_eq!(world.sandbox.counts().writes, 0);
    let read = format!(
        "SELECT count(*) AS n FROM cloudflare.stream.live_inputs; EXPLAIN SELECT uid FROM cloudflare.stream.live_inputs WHERE uid = '{uid}'"
    );
    world.program().arguments(["--read-only"]).exec(&read).await.code(0);
    world.program().exec(&write).await.code(0);
    assert_eq!(world.sandbox.counts().writes, 1);
}

#[tokio::test]
async fn flags_bound_what_a_write_may_touch() {
    let world = World::new().await;
    let (a, b) = (uid(&world, 1), uid(&world, 2));
    let sql = format!("DELETE FROM cloudflare.stream.live_inputs WHERE uid IN ('{a}', '{b}')");
    let flags = |flags: &[&str]| world.program().arguments(flags.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>());
    flags(&["--max-affected", "1"]).exec(&sql).await.code(1).says(&["2 rows", "max_affected is 1"]);
    flags(&["--max-requests", "1"]).exec(&sql).await.code(5).says(&["2 requests", "1 left"]);
    let ran = flags(&["--dry-run"]).exec(&sql).await.code(0);
    assert!(ran.out.contains(&format!("DELETE {}", world.sandbox.base_url())), "{}", ran.out);
    ran.says(&["dry run: 2 requests", "none sent"]);
    assert_eq!(world.sandbox.counts().writes, 0);
    assert_eq!(world.seen(), Vec::<String>::new());
    // Nobody sits at the other end of `exec`, so nobody is asked.
    flags(&["--max-affected", "2"]).exec(&sql).await.code(0).says(&["2 rows deleted"]);
    assert_eq!(world.sandbox.counts().writes, 2);
}

#[tokio::test]
async fn exit_codes_tell_a_refusal_a_network_that_is_down_and_a_write_partly_done() {
    let world = World::new().await;
    let input = uid(&world, 1);
    let gone = "DELETE FROM cloudflare.stream.live_inputs WHERE uid = '00000000000000000000000000000000'";
    world.program().exec(gone).await.code(4).says(&["404", "hint: "]);
    let several = format!(
        "DELETE FROM cloudflare.stream.live_inputs WHERE uid IN ('{input}', '00000000000000000000000000000000')"
    );
    let ran = world.program().arguments(["--write-concurrency", "1"]).exec(&several).await.code(6);
    ran.says(&["1 of 2 rows were deleted", "row 2", "hint: "]);
    world.program().set("CLOUDFLARE_BASE_URL", "http://127.0.0.1:9").exec(gone).await.code(5).says(&["hint: "]);
}

#[tokio::test]
async fn outcomes_tell_row_by_row_what_happened() {
    let world = World::new().await;
    let second = Fault { method: Some("POST".to_owned()), skip: 1, ..Fault::once("/meetings", FaultKind::ServerError) };
    world.sandbox.add_fault(second);
    let insert = format!(
        "INSERT INTO cloudflare.realtime_kit.meetings (app_id, title) VALUES ('{APP}', 'a'), ('{APP}', 'b'), ('{APP}', 'c')"
    );
    let look = "SELECT row, outcome, status, attempts FROM system.session.outcomes ORDER BY row";
    world.run("SET write_concurrency = 1").await;
    let error = world.refused(&insert).await;
    assert_eq!(error.kind().exit_code(), 6, "{error}");
    let rows = json!(world.rows(look).await);
    assert_eq!(
        rows,
        json!([
            {"row": 1, "outcome": "done", "status": 201, "attempts": 1},
            {"row": 2, "outcome": "unknown", "status": 500, "attempts": 1},
            {"row": 3, "outcome": "not sent", "status": null, "attempts": 0},
        ])
    );
    // On to the end, and a file that has the same.
    let second = Fault { method: Some("POST".to_owned()), skip: 1, ..Fault::once("/meetings", FaultKind::ServerError) };
    world.sandbox.add_fault(second);
    let program =
        world.program().arguments(["--write-concurrency", "1", "--on-error", "continue", "--outcomes", "o.jsonl"]);
    let (ran, folder) = program.arguments(["exec", &insert]).run_kept().await;
    ran.code(6).says(&["2 of 3 rows were written", "row 2"]);
    let text = std::fs::read_to_string(folder.path().join("o.jsonl")).unwrap();
    let ends: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ends: Vec<(&Value, &Value)> = ends.iter().map(|end| (&end["row"], &end["outcome"])).collect();
    assert_eq!(json!(ends), json!([[1, "done"], [2, "unknown"], [3, "done"]]));
}

#[tokio::test]
async fn a_livestream_that_was_started_is_waited_for_until_it_is_live() {
    let world = World::new().await;
    let meeting = idle_meeting(&world);
    let sql = format!(
        "INSERT /*+ AWAIT */ INTO cloudflare.realtime_kit.livestreams (app_id, meeting_id) VALUES ('{APP}', '{meeting}') RETURNING status"
    );
    let going_live = async {
        while !world.sandbox.requests().iter().any(|seen| seen.method == "GET") {
            tokio::task::yield_now().await;
        }
        world.sandbox.advance(3000);
    };
    let (given, ()) = tokio::join!(world.run(&sql), going_live);
    assert_eq!(json!(given.rows), json!([{"status": "LIVE"}]));
    let seen = world.seen();
    assert!(seen.len() == 3 && seen[0].starts_with("POST ") && seen[1] == seen[2], "{seen:?}");
}

#[tokio::test]
async fn a_destructive_write_is_asked_about_once_and_only_a_yes_sends_it() {
    let world = World::new().await;
    let (one, two) = (uid(&world, 1), uid(&world, 2));
    let ended = at_a_terminal_of(world.program(), &["shell"], (40, 200), move |t| {
        t.ready("weir>");
        t.line("USE cloudflare.stream;");
        t.ready("weir:cloudflare.stream>");
        for answer in ["no", "", "yesterday"] {
            t.line(&format!("DELETE FROM live_inputs WHERE uid IN ('{one}', '{two}');"));
            t.until("DELETE of 2 rows");
            t.until("yes to go on: ");
            t.line(answer);
            t.until("not confirmed; nothing was sent");
            t.ready("weir:cloudflare.stream>");
        }
        // One row is changed without a question.
        t.line(&format!("UPDATE live_inputs SET enabled = false WHERE uid = '{one}';"));
        assert!(!t.until("1 row updated").contains("go on"));
        t.ready("weir:cloudflare.stream>");
        t.line(&format!("DELETE FROM live_inputs WHERE uid = '{one}';"));
        t.until("yes to go on: ");
        t.line("yes");
        assert!(!t.until("1 row deleted").contains("go on"));
        t.ready("weir:cloudflare.stream>");
        t.line("SET confirm = off;");
        t.ready("weir:cloudflare.stream>");
        t.line(&format!("DELETE FROM live_inputs WHERE uid = '{two}';"));
        assert!(!t.until("1 row deleted").contains("go on"));
        t.ready("weir:cloudflare.stream>");
        t.line("\\q");
    })
    .await;
    assert_eq!(ended.code, Some(0));
    let writes: Vec<String> = world.seen().iter().map(|line| line[..3].to_owned()).collect();
    assert_eq!(writes, ["PUT", "DEL", "DEL"]);
}
