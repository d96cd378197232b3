//! The program from outside: data on standard output and talk on standard error, scripts, files that appear whole, exit codes
//! of the command line, and what it never reads.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use weir::sandbox::{Fault, FaultKind};

use crate::harness::{APP, Program, World};

#[tokio::test]
async fn data_goes_to_stdout_and_talk_to_stderr() {
    let ran = Program::new().arguments(["-o", "csv"]).exec("SELECT 1 AS a, 'x,\"y\"' AS b, NULL AS c").await.code(0);
    assert_eq!((ran.out.as_str(), ran.talk.as_str()), ("a,b,c\n1,\"x,\"\"y\"\"\",\n", ""));
    let ran =
        Program::new().arguments(["--timing", "-o", "jsonl"]).exec("SET strict = true; SELECT 1 AS a").await.code(0);
    assert_eq!(ran.out, "{\"a\":1}\n");
    let ran = ran.says(&["strict set", "1 row, 0 requests, 0 B, "]);
    assert_eq!(ran.talk.lines().count(), 3);
    let world = World::new().await;
    let ran =
        world.program().arguments(["-v"]).exec("SELECT uid FROM cloudflare.stream.live_inputs LIMIT 1").await.code(0);
    ran.says(&["GET http://127.0.0.1:", "/stream/live_inputs: 200"]);
}

#[tokio::test]
async fn the_sandbox_inside_needs_nothing_and_says_that_it_is_one() {
    let ran = Program::new()
        .arguments(["--sandbox", "-o", "json"])
        .exec("SELECT count(*) AS n FROM cloudflare.stream.live_inputs")
        .await;
    let ran = ran.code(0).says(&["simulation"]);
    assert_eq!(serde_json::from_str::<Value>(&ran.out).unwrap(), json!([{"n": 120}]));
    // It does not lead anything else there: what the environment says of the API is put aside.
    let ran = Program::new().set("CLOUDFLARE_BASE_URL", "http://192.0.2.1/").set("CLOUDFLARE_API_TOKEN", "mine");
    ran.arguments(["--sandbox"]).exec("SELECT uid FROM cloudflare.stream.live_inputs LIMIT 1").await.code(0);
}

#[tokio::test]
async fn json_before_a_failure_is_well_formed() {
    let world = World::new().await;
    let third = Fault { times: 99, skip: 2, ..Fault::once("/livestreams", FaultKind::SuccessFalse) };
    world.sandbox.add_fault(third);
    let sql = format!(
        "SELECT 1 AS one; SELECT id, created_at FROM cloudflare.realtime_kit.livestreams WHERE app_id = '{APP}'; SELECT 2"
    );
    for format in ["json", "jsonl"] {
        world.sandbox.clear_faults();
        world.sandbox.add_fault(Fault {
            times: 99,
            query_contains: Some("page_no=9".to_owned()),
            ..Fault::once("/livestreams", FaultKind::SuccessFalse)
        });
        let ran = world.program().arguments(["-o", format]).exec(&sql).await.code(4);
        let values: Vec<Value> = serde_json::Deserializer::from_str(&ran.out)
            .into_iter::<Value>()
            .collect::<Result<_, _>>()
            .unwrap_or_else(|error| panic!("{format}: {error}\n{}", ran.out));
        let rows = match format {
            "json" => {
                assert_eq!((values.len(), &values[0]), (2, &json!([{"one": 1}])));
                values[1].as_array().unwrap().len()
            }
            _ => values.len() - 1,
        };
        assert_eq!(rows, 800, "the rows of the pages before");
    }
}

#[tokio::test]
async fn a_file_appears_when_it_is_whole_and_stays_as_it_was_otherwise() {
    let world = World::new().await;
    let sql = "SELECT uid FROM cloudflare.stream.live_inputs LIMIT 2";
    let program = world.program().file("out.csv", "old\n").arguments(["-o", "csv", "-f", "out.csv", "exec"]);
    let (ran, folder) =
        program.arguments([&format!("{sql}; SELECT nonsense FROM cloudflare.stream.live_inputs")]).run_kept().await;
    assert_eq!(
        (ran.code(1).out.as_str(), std::fs::read_to_string(folder.path().join("out.csv")).unwrap().as_str()),
        ("", "old\n")
    );
    assert_eq!(names(folder.path()), ["out.csv"], "nothing else is left behind");

    let program = world.program().file("out.csv", "old\n").arguments(["-o", "csv", "-f", "out.csv", "exec", sql]);
    let (ran, folder) = program.run_kept().await;
    assert_eq!(ran.code(0).out, "");
    let text = std::fs::read_to_string(folder.path().join("out.csv")).unwrap();
    assert_eq!((text.lines().count(), text.lines().next()), (3, Some("uid")));
    assert_eq!(names(folder.path()), ["out.csv"]);

    let program = world.program().arguments(["-f", "no/such/folder/out.csv", "exec", sql]);
    program.run().await.code(2).says(&["no/such/folder"]);
}

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_script_is_read_whole_stops_at_its_first_failure_and_says_where() {
    let world = World::new().await;
    let script = "-- a comment; with a semicolon\nSELECT 'a;b -- c' AS a;\n\n  SELECT 1,\n    nonsense FROM cloudflare.stream.live_inputs;\nINSERT INTO cloudflare.realtime_kit.apps (name) VALUES ('never');\n";
    let program =
        world.program().file("sub/script.sql", script).arguments(["-o", "csv", "exec", "-i", "sub/script.sql"]);
    let ran = program.run().await.code(1).says(&["error: sub/script.sql:5:5: ", "nonsense", "hint: "]);
    assert_eq!(ran.out, "a\na;b -- c\n");
    assert_eq!((world.seen(), world.sandbox.counts().writes), (vec![], 0));

    // A slip in the last line changes nothing, because the script is read first.
    let script = "INSERT INTO cloudflare.realtime_kit.apps (name) VALUES ('never');\nSELEC 1;\n";
    let program = world.program().file("slip.sql", script).arguments(["exec", "-i", "slip.sql"]);
    program.run().await.code(1).says(&["error: slip.sql:2:1: "]);
    assert_eq!(world.seen(), Vec::<String>::new());

    // Standard input is `-`; a failure of the API is told with the statement's place.
    let script = "SELECT 1 AS a;\n EXEC cloudflare.stream.live_inputs.disable @uid = 'x'; SELECT 2 AS b";
    let ran = world.program().arguments(["-o", "jsonl", "exec", "-i", "-"]).input(script).run().await;
    let ran = ran.code(4).says(&["error: -:2:2: "]);
    assert_eq!(ran.out, "{\"a\":1}\n");
    // Statement and files run in the order in which they stand in the help.
    let program = Program::new()
        .file("a.sql", "SELECT 2 AS n")
        .file("b.sql", "\u{feff}SELECT 3 AS n;")
        .arguments(["-o", "jsonl", "exec"]);
    let ran = program.arguments(["SELECT 1 AS n", "-i", "a.sql", "-i", "b.sql"]).run().await.code(0);
    assert_eq!(ran.out, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
}

#[tokio::test]
async fn usage_errors_exit_2() {
    for (arguments, says) in [
        (vec!["frobnicate"], "frobnicate"),
        (vec!["exec"], "nothing to run"),
        (vec!["exec", "--nonsense", "SELECT 1"], "--nonsense"),
        (vec!["exec", "-o", "jsn", "SELECT 1"], "did you mean `json`"),
        (vec!["exec", "-i", "no.sql"], "no.sql"),
        (vec!["exec", "--max-requests", "many", "SELECT 1"], "many"),
        (vec!["shell", "-f", "x"], "-f"),
        (vec!["sandbox", "--port", "99999"], "99999"),
        (vec![], "--help"),
    ] {
        let ran = Program::new().arguments(arguments.clone()).run().await.code(2).says(&[says]);
        assert_eq!(ran.out, "", "{arguments:?}");
    }
    let ran = Program::new().arguments(["--help"]).run().await.code(0);
    for word in ["exec", "shell", "sandbox", "--sandbox", "--registry", "--timing", "--strict", "130"] {
        assert!(ran.out.contains(word), "--help should tell of {word}");
    }
}

#[tokio::test]
async fn what_the_server_sees_is_in_the_request_table() {
    let world = World::new().await;
    let sql = format!(
        "SELECT count(name) FROM cloudflare.realtime_kit.livestreams WHERE app_id = '{APP}' AND status = 'LIVE'; \
         SELECT method, url, status FROM system.session.requests"
    );
    let ran = world.program().arguments(["-o", "jsonl"]).exec(&sql).await.code(0);
    let told: Vec<String> = ran
        .out
        .lines()
        .skip(1)
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            let url = row["url"].as_str().unwrap().trim_start_matches(&world.sandbox.base_url()).to_owned();
            format!("{} {url}", row["method"].as_str().unwrap())
        })
        .collect();
    let (mut told, mut seen) = (told, world.seen());
    told.sort();
    seen.sort();
    assert!(seen.len() > 3);
    assert_eq!(told, seen);
}

#[tokio::test]
async fn an_interrupted_read_exits_130_and_a_write_waits_for_its_request() {
    let world = World::new().await;
    for (sql, presses, says) in [
        ("SELECT uid FROM cloudflare.stream.live_inputs", 1, "interrupted"),
        ("INSERT INTO cloudflare.realtime_kit.apps (name) VALUES ('a'), ('b')", 2, "may have taken effect"),
    ] {
        world.sandbox.forget_requests();
        world.sandbox.add_fault(Fault::once("/accounts/", FaultKind::Hang));
        let program = world.program();
        let mut command = program.command(env!("CARGO_BIN_EXE_weir"));
        let mut child = command
            .args(["--write-concurrency", "1", "exec", sql])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while world.sandbox.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        let ended = tokio::task::spawn_blocking(move || {
            let mut talk = BufReader::new(child.stderr.take().unwrap());
            let mut told = String::new();
            for press in 0..presses {
                if press > 0 {
                    // The first press is answered by a note; the second comes after it.
                    talk.read_line(&mut told).unwrap();
                }
                assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
            }
            talk.read_to_string(&mut told).unwrap();
            (child.wait().unwrap().code(), told)
        });
        let (code, told) = ended.await.unwrap();
        assert_eq!(code, Some(130), "{sql}: {told}");
        assert!(told.contains(says), "{sql}: {told}");
        assert_eq!(world.seen().len(), 1, "{sql}");
    }
    assert_eq!(world.sandbox.counts().writes, 0);
}
