//! Writes under fire that are not killed: answers that are lost, limits, errors of the server, disks that take nothing,
//! two programs at once, Ctrl-C, a pipe that closes; what the outcomes say and what the program ends with.

use std::path::Path;

use serde_json::Value;
use weir::sandbox::{Fault, FaultKind};

use crate::fire::{Fire, Running, inputs, meetings, names, states};
use crate::harness::{ACCOUNT, APP, write_file};

fn fault(skip: usize, times: usize, kind: FaultKind) -> Fault {
    let (method, path_contains) = (Some("POST".to_owned()), "/accounts/".to_owned());
    Fault { method, path_contains, query_contains: None, skip, times, kind }
}

/// The lines of an outcomes file, by number of the row.
fn outcomes(fire: &Fire, name: &str) -> Vec<Value> {
    let mut lines: Vec<Value> = fire.read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.sort_by_key(|line| line["row"].as_u64());
    lines
}

fn count(lines: &[Value], outcome: &str) -> usize {
    lines.iter().filter(|line| line["outcome"] == outcome).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_lost_after_the_effect_are_asked_for_again_under_their_keys() {
    let fire = Fire::with(60).await;
    fire.sandbox.add_fault(fault(5, 3, FaultKind::AnswerLost));
    fire.sandbox.add_fault(fault(20, 2, FaultKind::LateServerError));
    fire.run(["exec", &inputs(), "--outcomes", "outcomes.jsonl"]).await.code(0);
    fire.assert_complete(60);
    assert_eq!(fire.posts(), 65);
    let lines = outcomes(&fire, "outcomes.jsonl");
    assert_eq!((lines.len(), count(&lines, "done")), (60, 60));
    assert_eq!(lines.iter().map(|line| line["attempts"].as_u64().unwrap()).sum::<u64>(), 65);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_lost_without_a_key_is_one_post_and_stays_unknown() {
    for kind in [FaultKind::AnswerLost, FaultKind::LateServerError, FaultKind::ServerError, FaultKind::BadGatewayHtml] {
        let effect = matches!(kind, FaultKind::AnswerLost | FaultKind::LateServerError);
        let fire = Fire::with(20).await;
        fire.sandbox.add_fault(fault(7, 1, kind.clone()));
        let settings = ["--write-concurrency", "1", "--outcomes", "outcomes.jsonl"];
        fire.run(["exec", &meetings()].into_iter().chain(settings))
            .await
            .code(6)
            .says(&["may have taken effect", "weir resume"]);
        assert_eq!((fire.posts(), fire.met().len()), (8, if effect { 8 } else { 7 }), "{kind:?}");
        assert_eq!(fire.states(), states(&[("done", 7), ("unknown", 1), ("planned", 12)]), "{kind:?}");
        let lines = outcomes(&fire, "outcomes.jsonl");
        assert_eq!(
            (count(&lines, "done"), count(&lines, "unknown"), count(&lines, "not sent")),
            (7, 1, 12),
            "{kind:?}"
        );
        assert_eq!((&lines[7]["outcome"], &lines[7]["attempts"]), (&"unknown".into(), &1.into()), "{kind:?}");
        let id = fire.last_run().0;
        fire.run(["resume", &id]).await.code(6);
        assert_eq!((fire.posts(), fire.states()), (20, states(&[("done", 19), ("unknown", 1)])), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_429_is_waited_out_whatever_the_operation() {
    for statement in [inputs(), meetings()] {
        let fire = Fire::with(30).await;
        fire.sandbox.add_fault(fault(6, 6, FaultKind::RateLimited { retry_after: 1 }));
        fire.run(["exec", &statement]).await.code(0);
        assert_eq!((fire.posts(), fire.made().len() + fire.met().len()), (36, 30));
        assert_eq!(fire.states(), states(&[("done", 30)]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_outlasts_the_patience_leaves_rows_that_are_not_done_and_resumes() {
    let fire = Fire::with(20).await;
    fire.sandbox.add_fault(fault(10, 4, FaultKind::RateLimited { retry_after: 3600 }));
    let ran = fire.run(["exec", &meetings(), "--timeout", "5", "--write-concurrency", "1"]).await.code(6);
    assert!(ran.talk.contains("weir resume"), "{}", ran.talk);
    assert_eq!((fire.posts(), fire.met().len()), (11, 10));
    // Turned away is not doubtful: nothing is unknown.
    assert!(!fire.states().contains_key("unknown"), "{:?}", fire.states());
    fire.sandbox.clear_faults();
    let id = fire.last_run().0;
    // The hour holds for the process after it: it is told of, and nothing is sent that would be turned away.
    let ran = fire.run(["resume", &id, "--timeout", "5"]).await.code(5);
    assert!(ran.talk.contains("as it told another process"), "{}", ran.talk);
    assert_eq!(fire.posts(), 11);
    fire.the_pause_is_over();
    fire.run(["resume", &id]).await.code(0);
    assert_eq!((fire.met(), fire.states()), (names(20), states(&[("done", 20)])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_takes_no_journal_refuses_before_anything_is_sent() {
    let fire = Fire::with(20).await;
    fire.file("plain", "not a folder");
    fire.file("damaged/journal.sqlite", "no database at all, but long enough to be looked at\n");
    for place in ["plain", "plain/below", "/proc/none", "damaged"] {
        let mut command = fire.weir(["exec", &inputs()]);
        command.env("WEIR_STATE_DIR", place);
        let ran = Running::of(command).end().await.code(2);
        assert!(ran.talk.contains("journal") && ran.talk.contains("hint:"), "{place}: {}", ran.talk);
        assert_eq!(fire.posts(), 0, "{place}");
    }
}

/// `weir` where no file may grow beyond `blocks` of 512 bytes: writing on fails, as on a full disk.
fn cramped(fire: &Fire, blocks: u32, sql: &str) -> Running {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" exec \"$1\"");
    let mut command = fire.program.command("/bin/sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_weir"), sql]);
    Running::of(command)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_while_planning_refuses_and_leaves_no_run() {
    let fire = Fire::with(500).await;
    fire.run(["resume"]).await.code(0);
    let ran = cramped(&fire, 200, &inputs()).end().await.code(2).says(&["nothing was sent"]);
    assert!(ran.talk.contains("journal.sqlite"), "{}", ran.talk);
    assert_eq!((fire.posts(), fire.states()), (0, states(&[])));
    fire.run(["exec", &inputs()]).await.code(0);
    fire.assert_complete(500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_on_the_way_stops_the_sending_and_resumes() {
    let fire = Fire::with(200).await;
    fire.run(["resume"]).await.code(0);
    let ran = cramped(&fire, 900, &inputs()).end().await.code(6).says(&["journal", "weir resume"]);
    let (made, seen) = (fire.made().len(), fire.states());
    assert!(made > 0 && made < 200, "{made} of 200: {}", ran.talk);
    let done = seen.get("done").copied().unwrap_or_default();
    assert!(done <= made && made <= done + 4, "{made} made, {seen:?}");
    let id = fire.last_run().0;
    fire.run(["resume", &id]).await.code(0);
    fire.assert_complete(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_journal_could_not_keep_is_told_even_where_it_was_the_last() {
    let fire = Fire::with(5).await;
    fire.run(["resume"]).await.code(0);
    let trigger = "CREATE TRIGGER spoil BEFORE UPDATE ON rows WHEN NEW.row = 4 AND NEW.state = 'done'
        BEGIN SELECT RAISE(ABORT, 'spoilt'); END";
    fire.journal().execute_batch(trigger).unwrap();
    let ran = fire.run(["exec", &inputs(), "--write-concurrency", "1"]).await.code(0);
    assert_eq!(fire.made(), names(5));
    assert!(ran.talk.contains("journal") && ran.talk.contains("spoilt"), "{}", ran.talk);
    assert_eq!(fire.states(), states(&[("done", 4), ("unknown", 1)]));
    fire.journal().execute_batch("DROP TRIGGER spoil").unwrap();
    let id = fire.last_run().0;
    fire.run(["resume", &id]).await.code(0);
    fire.assert_complete(5);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_runs_at_once_share_the_journal() {
    let fire = Fire::with(100).await;
    fire.gate.let_answers(3);
    let (one, other) = (fire.start(["exec", &inputs()]), fire.start(["exec", &meetings()]));
    fire.gate.until(|p| p.answered == 11).await;
    fire.gate.open();
    let (one, other) = tokio::join!(one.end(), other.end());
    drop((one.code(0), other.code(0)));
    assert_eq!((fire.made(), fire.met()), (names(100), names(100)));
    let done: u32 =
        fire.journal().query_row("SELECT count(*) FROM runs WHERE state = 'done'", [], |r| r.get(0)).unwrap();
    let rows: u32 =
        fire.journal().query_row("SELECT count(*) FROM rows WHERE state = 'done'", [], |r| r.get(0)).unwrap();
    assert_eq!((done, rows), (2, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_that_resume_a_run_is_refused_and_so_is_who_forgets_it() {
    let fire = Fire::with(40).await;
    fire.gate.let_answers(4);
    let running = fire.start(["exec", &inputs()]);
    fire.gate.until(|p| p.answered == 8).await;
    let id = fire.last_run().0;
    fire.run(["resume", &id]).await.code(2).says(&["another process works on run", "hint:"]);
    running.kill();
    fire.gate.lose();
    fire.gate.let_answers(2);
    let before = fire.gate.passage().answered;
    let running = fire.start(["resume", &id]);
    fire.gate.until(|p| p.answered >= before + 6).await;
    let posts = fire.posts();
    fire.run(["resume", &id]).await.code(2).says(&["another process works on run"]);
    fire.run(["resume", &id, "--forget"]).await.code(2).says(&["another process works on run"]);
    assert_eq!(fire.posts(), posts);
    fire.gate.open();
    running.end().await.code(0);
    fire.assert_complete(40);
    fire.run(["resume", &id]).await.code(2).says(&["nothing is left"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_resumed_against_its_own_server_account_and_credentials_alone() {
    let fire = Fire::with(20).await;
    fire.sandbox.add_fault(fault(3, 1, FaultKind::SuccessFalse));
    let statement =
        format!("INSERT INTO cloudflare.realtime_kit.meetings (app_id, title) SELECT '{APP}', name FROM 'inputs.csv'");
    fire.run(["exec", &statement, "--write-concurrency", "1"]).await.code(6);
    let (id, posts) = (fire.last_run().0, fire.posts());
    let other = crate::gate::Gate::before(fire.sandbox.address()).await;
    for (name, value, word) in [
        ("CLOUDFLARE_BASE_URL", format!("http://{}/client/v4", other.address()), "base URL"),
        ("CLOUDFLARE_API_TOKEN", weir::sandbox::TOKEN_STREAM_READ.to_owned(), "credentials"),
        ("CLOUDFLARE_ACCOUNT_ID", weir::sandbox::OTHER_ACCOUNT.to_owned(), "account_id"),
    ] {
        let mut command = fire.weir(["resume", &id]);
        command.env(name, &value);
        let ran = Running::of(command).end().await.code(2);
        assert!(ran.talk.contains(word) && ran.talk.contains("hint:"), "{name}: {}", ran.talk);
        assert!(!ran.talk.contains(weir::sandbox::TOKEN_STREAM_READ), "{}", ran.talk);
    }
    assert_eq!((fire.posts(), fire.states()), (posts, states(&[("done", 3), ("failed", 1), ("planned", 16)])));
    fire.run(["resume", &id]).await.code(0);
    assert_eq!(fire.met(), names(20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumption_tells_what_failed_now_beside_what_it_holds_back_by_the_numbers_of_the_run() {
    let fire = Fire::with(20).await;
    fire.sandbox.add_fault(fault(5, 1, FaultKind::AnswerLost));
    fire.run(["exec", &meetings(), "--write-concurrency", "1"]).await.code(6).says(&["row 6"]);
    let id = fire.last_run().0;
    fire.sandbox.add_fault(fault(2, 1, FaultKind::SuccessFalse));
    let resume = ["resume", &id, "--write-concurrency", "1", "--outcomes", "outcomes.jsonl"];
    let ran = fire.run(resume).await.code(6).says(&["row 9 failed", "--resend-unknown"]);
    assert!(ran.out.contains("unknown"), "{}", ran.out);
    let rows: Vec<u64> = outcomes(&fire, "outcomes.jsonl").iter().map(|line| line["row"].as_u64().unwrap()).collect();
    assert_eq!(rows, (7..=20).collect::<Vec<_>>());
    assert_eq!(fire.states(), states(&[("done", 7), ("failed", 1), ("unknown", 1), ("planned", 11)]));
    fire.run(["resume", &id, "--resend-unknown"]).await.code(0);
    assert_eq!(fire.states(), states(&[("done", 20)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_that_closes_does_not_stop_the_inserts() {
    let fire = Fire::with(120).await;
    let sql = format!("{} RETURNING uid", inputs());
    let mut command = fire.program.command("/bin/sh");
    let script = "\"$0\" exec \"$1\" -o csv | head -1";
    command.args(["-c", script, env!("CARGO_BIN_EXE_weir"), &sql]);
    let ran = Running::of(command).end().await.code(0);
    assert_eq!(ran.out, "uid\n");
    fire.assert_complete(120);
    // Nor does one that was never open.
    let mut command = fire.program.command("/bin/sh");
    command.args(["-c", "\"$0\" exec \"$1\" -o csv >&-", env!("CARGO_BIN_EXE_weir"), &sql]);
    Running::of(command).end().await;
    assert_eq!((fire.posts(), fire.states()), (240, states(&[("done", 120)])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_what_is_under_way_and_leaves_the_rest_planned() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let fire = Fire::with(200).await;
        fire.gate.let_answers(10);
        let running = fire.start(["exec", &inputs(), "--outcomes", "outcomes.jsonl", "--events", "events.jsonl"]);
        fire.gate.until(|p| p.answered == 14).await;
        running.signal(signal);
        // It is heard before the answers come: the note about it is the sign, and the last thing but for the end.
        let heard = running.says("waiting for the requests under way").await;
        fire.gate.open();
        let ran = heard.end().await.code(code);
        assert!(ran.talk.contains("14 of 200") && ran.talk.contains("weir resume"), "{}", ran.talk);
        assert_eq!((fire.posts(), fire.made()), (14, names(14)));
        assert_eq!(fire.states(), states(&[("done", 14), ("planned", 186)]));
        let lines = outcomes(&fire, "outcomes.jsonl");
        assert_eq!((lines.len(), count(&lines, "done"), count(&lines, "not sent")), (200, 14, 186));
        let events = fire.read("events.jsonl");
        let last: Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["exit_code"]), (&"run_end".into(), &code.into()));
        let id = fire.last_run().0;
        // What goes on with it ends in the same way.
        fire.gate.let_answers(10);
        let again = fire.start(["resume", &id]);
        fire.gate.until(|p| p.answered == 28).await;
        again.signal(signal);
        let heard = again.says("waiting for the requests under way").await;
        fire.gate.open();
        heard.end().await.code(code);
        fire.run(["resume", &id]).await.code(0);
        fire.assert_complete(200);
        assert_eq!(fire.posts(), 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_does_not_wait_for_a_limit_to_end() {
    for statement in [inputs(), meetings()] {
        let fire = Fire::with(50).await;
        // Far longer than any test may take: what waits for it would not end.
        fire.sandbox.add_fault(fault(10, 1, FaultKind::RateLimited { retry_after: 3600 }));
        let running = fire.start(["exec", &statement]);
        let waiting = running.says("rate limited by the API, waiting").await;
        waiting.interrupt();
        let ran = waiting.end().await.code(130).says(&["interrupted", "weir resume"]);
        let there = fire.made().len() + fire.met().len();
        assert!((10..14).contains(&there), "{there}: {}", ran.talk);
        let seen = fire.states();
        assert_eq!((seen.get("done"), seen.contains_key("unknown")), (Some(&there), false), "{seen:?}");
        fire.the_pause_is_over();
        let id = fire.last_run().0;
        fire.run(["resume", &id]).await.code(0);
        assert_eq!((fire.made().len() + fire.met().len(), fire.states()), (50, states(&[("done", 50)])));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_twice_leaves_what_is_under_way_and_it_resumes() {
    let fire = Fire::with(50).await;
    fire.gate.let_answers(10);
    let running = fire.start(["exec", &inputs()]);
    fire.gate.until(|p| p.answered == 14).await;
    running.interrupt();
    let heard = running.says("waiting for the requests under way").await;
    heard.interrupt();
    heard.end().await.code(130);
    fire.gate.lose();
    let id = fire.last_run().0;
    fire.run(["resume", &id]).await.code(0);
    fire.assert_complete(50);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_error_continue_goes_on_until_more_fail_than_may() {
    // (max_failures, exit, done, failed, planned)
    let table = [
        (None, 6, 90, 10, 0),
        (Some("10"), 6, 90, 10, 0),
        (Some("4"), 6, 8, 5, 87),
        (Some("10%"), 6, 90, 10, 0),
        (Some("4%"), 6, 8, 5, 87),
        (Some("0"), 6, 8, 1, 91),
    ];
    for (most, code, done, failed, planned) in table {
        let fire = Fire::with(100).await;
        fire.sandbox.add_fault(fault(8, 10, FaultKind::SuccessFalse));
        let sql = inputs();
        let mut arguments =
            vec!["exec", &sql, "--on-error", "continue", "--write-concurrency", "1", "--outcomes", "o.jsonl"];
        arguments.extend(most.into_iter().flat_map(|most| ["--max-failures", most]));
        let ran = fire.run(arguments).await.code(code);
        assert_eq!(
            fire.states(),
            states(&[("done", done), ("failed", failed), ("planned", planned)]),
            "{most:?}: {}",
            ran.talk
        );
        assert_eq!(fire.posts(), done + failed, "{most:?}");
        let lines = outcomes(&fire, "o.jsonl");
        let counts = (count(&lines, "done"), count(&lines, "failed"), count(&lines, "not sent"));
        assert_eq!(counts, (done, failed, planned), "{most:?}");
        assert!(lines[8]["message"].is_string() && lines[8]["status"] == 200, "{}", lines[8]);
        fire.sandbox.clear_faults();
        let id = fire.last_run().0;
        fire.run(["resume", &id]).await.code(0);
        fire.assert_complete(100);
    }
}

/// Every byte that lies in the folder of the journal, and in the folders in it.
fn bytes_of(folder: &Path) -> Vec<u8> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { bytes_of(&path) } else { std::fs::read(path).unwrap() }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_with_secrets_are_resumed_with_their_input_and_never_lie_in_the_journal() {
    let fire = Fire::with(0).await;
    let uid = fire.sandbox.live_inputs(ACCOUNT)[0]["uid"].as_str().unwrap().to_owned();
    let rows: Vec<String> =
        (0..12).map(|n| format!("rtmps://canary-host.example/{n:02},canary-stream-key-{n:02}\n")).collect();
    fire.file("outputs.csv", &format!("url,k\n{}", rows.concat()));
    let sql = format!(
        "INSERT INTO cloudflare.stream.live_input_outputs (live_input_uid, url, stream_key) SELECT '{uid}', url, k FROM 'outputs.csv'"
    );
    let outputs = fire.sandbox.counts().outputs;
    fire.file("statement.sql", &sql);
    fire.gate.let_requests(4);
    let running = fire.start(["exec", "-i", "statement.sql", "--write-concurrency", "1"]);
    fire.gate.until(|p| p.asked == 5 && p.passed == 4).await;
    // The files of a journal at work hold more than those of one that was closed.
    let clean = |bytes: &[u8]| !bytes.windows(6).any(|window| window == b"canary");
    assert!(clean(&bytes_of(&fire.state())));
    running.kill();
    fire.gate.lose();
    assert!(clean(&bytes_of(&fire.state())));
    let id = fire.last_run().0;
    let missing = fire.run(["resume", &id]).await.code(6).says(&["secret", "-i FILE"]);
    assert!(!missing.talk.contains("canary") && !missing.out.contains("canary"), "{}{}", missing.talk, missing.out);
    assert_eq!(fire.posts(), 4);
    // Another statement, and another input, are no help.
    fire.file("other.sql", &meetings());
    fire.run(["resume", &id, "-i", "other.sql"]).await.code(2).says(&["live_input_outputs.create"]);
    write_file(&fire.program.folder.path().join("outputs.csv"), "url,k\nrtmps://elsewhere.example/a,other\n");
    fire.run(["resume", &id, "-i", "statement.sql"]).await.code(6);
    assert_eq!(fire.posts(), 4);
    // The input in another order is as good. One row may have arrived, and is not sent unasked.
    let turned: String = rows.iter().rev().map(String::as_str).collect();
    write_file(&fire.program.folder.path().join("outputs.csv"), &format!("url,k\n{turned}"));
    fire.run(["resume", &id, "-i", "statement.sql"]).await.code(6).says(&["--resend-unknown"]);
    assert_eq!((fire.posts(), fire.states()), (11, states(&[("done", 11), ("unknown", 1)])));
    fire.run(["resume", &id, "-i", "statement.sql", "--resend-unknown"]).await.code(0);
    let bodies: std::collections::BTreeSet<String> =
        fire.sandbox.requests().iter().filter(|seen| seen.method == "POST").map(|seen| seen.body.clone()).collect();
    assert_eq!((bodies.len(), fire.posts(), fire.sandbox.counts().outputs), (12, 12, outputs + 12));
    assert!(clean(&bytes_of(&fire.state())));
}
