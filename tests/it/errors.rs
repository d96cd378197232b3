//! The table of failures: for each, the exit code, words of the message, and a hint, as somebody at a command line sees them.
//! No message shows how weir is made inside, and none shows the token.

use serde_json::json;
use weir::sandbox::{API_KEY, EMAIL, Fault, FaultKind, TOKEN, TOKEN_STREAM_READ, TOKEN_WITHOUT_PERMISSIONS};

use crate::harness::{ACCOUNT, APP, Program, Ran, World};
use crate::scripted::{Reply, Scripted};

/// One row of the table. Every statement here must fail with `code` and a hint.
struct Case {
    what: &'static str,
    sql: &'static str,
    /// What is different from a healthy environment.
    arrange: fn(&World, Program) -> Program,
    code: i32,
    says: &'static [&'static str],
}

const LIST: &str = "SELECT id FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP'";
const INPUTS: &str = "SELECT uid FROM cloudflare.stream.live_inputs";

fn healthy(_: &World, program: Program) -> Program {
    program
}

/// Every request of the statement meets this.
fn always(world: &World, kind: FaultKind) {
    world.sandbox.add_fault(Fault { times: 99, ..Fault::once("/accounts/", kind) });
}

const CASES: &[Case] = &[
    // Credentials: 3.
    Case {
        what: "wrong token, RealtimeKit",
        sql: LIST,
        arrange: |_, p| p.set("CLOUDFLARE_API_TOKEN", "cfut_wrong"),
        code: 3,
        says: &["401", "Authentication error", "token is not known"],
    },
    Case {
        what: "wrong token, Stream",
        sql: INPUTS,
        arrange: |_, p| p.set("CLOUDFLARE_API_TOKEN", "cfut_wrong"),
        code: 3,
        says: &["401", "token is not known"],
    },
    Case {
        what: "no token",
        sql: LIST,
        arrange: |_, p| p.unset("CLOUDFLARE_API_TOKEN"),
        code: 3,
        says: &["no credentials", "CLOUDFLARE_API_TOKEN"],
    },
    Case {
        what: "empty token",
        sql: LIST,
        arrange: |_, p| p.set("CLOUDFLARE_API_TOKEN", ""),
        code: 3,
        says: &["no credentials", "CLOUDFLARE_API_TOKEN"],
    },
    Case {
        what: "half of the older credentials",
        sql: INPUTS,
        arrange: |_, p| p.unset("CLOUDFLARE_API_TOKEN").set("CLOUDFLARE_EMAIL", EMAIL),
        code: 3,
        says: &["CLOUDFLARE_API_KEY"],
    },
    Case {
        what: "token without permission",
        sql: LIST,
        arrange: |_, p| p.set("CLOUDFLARE_API_TOKEN", TOKEN_WITHOUT_PERMISSIONS),
        code: 3,
        says: &["403", "permission"],
    },
    Case {
        what: "token that may only read",
        sql: "INSERT INTO cloudflare.stream.live_inputs (enabled) VALUES (false)",
        arrange: |_, p| p.set("CLOUDFLARE_API_TOKEN", TOKEN_STREAM_READ),
        code: 3,
        says: &["403", "Stream Write"],
    },
    Case {
        what: "key and e-mail where only tokens are taken",
        sql: LIST,
        arrange: |_, p| {
            p.unset("CLOUDFLARE_API_TOKEN").set("CLOUDFLARE_EMAIL", EMAIL).set("CLOUDFLARE_API_KEY", API_KEY)
        },
        code: 3,
        says: &["401", "hint"],
    },
    // The statement or a document: 1.
    Case {
        what: "unknown provider",
        sql: "SELECT 1 FROM cloudflair.stream.live_inputs",
        arrange: healthy,
        code: 1,
        says: &["-:1:15: ", "`cloudflair`", "cloudflare"],
    },
    Case {
        what: "unknown service",
        sql: "SELECT 1 FROM cloudflare.streams.live_inputs",
        arrange: healthy,
        code: 1,
        says: &["-:1:26: ", "`streams`", "did you mean `stream`"],
    },
    Case {
        what: "unknown table",
        sql: "SELECT 1\nFROM cloudflare.stream.live_inptus",
        arrange: healthy,
        code: 1,
        says: &["-:2:24: ", "`live_inptus`", "did you mean `live_inputs`"],
    },
    Case {
        what: "unknown bare table",
        sql: "SELECT 1 FROM live_inputs",
        arrange: healthy,
        code: 1,
        says: &["-:1:15: ", "live_inputs"],
    },
    Case {
        what: "unknown column",
        sql: "SELECT id,\n  nmae FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP'",
        arrange: healthy,
        code: 1,
        says: &["-:2:3: ", "`nmae`", "did you mean `name`"],
    },
    Case {
        what: "unknown column in WHERE",
        sql: "SELECT id FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP' AND sttus = 'LIVE'",
        arrange: healthy,
        code: 1,
        says: &["-:1:110: ", "`sttus`", "`status`"],
    },
    Case {
        what: "unknown column of INSERT",
        sql: "INSERT INTO cloudflare.stream.live_inputs (enabeld) VALUES (false)",
        arrange: healthy,
        code: 1,
        says: &["-:1:44: ", "enabeld", "enabled"],
    },
    Case {
        what: "unknown argument of EXEC",
        sql: "EXEC cloudflare.stream.live_inputs.disable @uidd = 'x'",
        arrange: healthy,
        code: 1,
        says: &["-:1:45: ", "uidd", "uid"],
    },
    Case {
        what: "unknown method",
        sql: "EXEC cloudflare.stream.live_inputs.disabel @uid = 'x'",
        arrange: healthy,
        code: 1,
        says: &["-:1:36: ", "disabel", "did you mean `disable`"],
    },
    Case {
        what: "missing app_id",
        sql: "SELECT id FROM cloudflare.realtime_kit.livestreams",
        arrange: healthy,
        code: 1,
        says: &["needs app_id", "WHERE app_id ="],
    },
    Case {
        what: "missing app_id in INSERT",
        sql: "INSERT INTO cloudflare.realtime_kit.livestreams (name) VALUES ('x')",
        arrange: healthy,
        code: 1,
        says: &["app_id"],
    },
    Case {
        what: "missing account_id",
        sql: INPUTS,
        arrange: |_, p| p.unset("CLOUDFLARE_ACCOUNT_ID"),
        code: 1,
        says: &["needs account_id", "CLOUDFLARE_ACCOUNT_ID"],
    },
    Case {
        what: "bad enum in SELECT",
        sql: "SELECT id FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP' AND status = 'LIV'",
        arrange: healthy,
        code: 1,
        says: &["status", "'LIV'", "LIVE, IDLE, ERRORED, INVOKED"],
    },
    Case {
        what: "bad enum in INSERT",
        sql: "INSERT INTO cloudflare.stream.live_inputs (recording) VALUES ('{\"mode\": \"on\"}')",
        arrange: healthy,
        code: 1,
        says: &["recording.mode", "'on'", "off", "automatic"],
    },
    Case {
        what: "bad enum in EXEC",
        sql: "EXEC cloudflare.realtime_kit.meetings.update @app_id = '$APP', @id = 'x', @status = 'ACTIV'",
        arrange: healthy,
        code: 1,
        says: &["status", "'ACTIV'", "ACTIVE", "INACTIVE"],
    },
    Case {
        what: "value out of range",
        sql: "INSERT INTO cloudflare.stream.live_inputs (delete_recording_after_days) VALUES (5)",
        arrange: healthy,
        code: 1,
        says: &["delete_recording_after_days", "5", "30", "1096"],
    },
    Case {
        what: "not built yet",
        sql: "DELETE FROM cloudflare.stream.live_inputs WHERE uid = 'x'",
        arrange: healthy,
        code: 1,
        says: &["DELETE is not supported", "nothing was sent"],
    },
    // The API refused: 4.
    Case {
        what: "unknown account",
        sql: INPUTS,
        arrange: |_, p| p.set("CLOUDFLARE_ACCOUNT_ID", "00000000000000000000000000000000"),
        code: 4,
        says: &["404", "7003", "account_id"],
    },
    Case {
        what: "unknown app",
        sql: "SELECT id FROM cloudflare.realtime_kit.livestreams WHERE app_id = '00000000-0000-4000-8000-000000000000'",
        arrange: healthy,
        code: 4,
        says: &["404", "app"],
    },
    Case {
        what: "unknown live input",
        sql: "EXEC cloudflare.stream.live_inputs.disable @uid = 'x'",
        arrange: healthy,
        code: 4,
        says: &["404", "10003"],
    },
    Case {
        what: "success: false with 200",
        sql: LIST,
        arrange: |w, p| {
            always(w, FaultKind::SuccessFalse);
            p
        },
        code: 4,
        says: &["200"],
    },
    Case {
        what: "500, every time",
        sql: LIST,
        arrange: |w, p| {
            always(w, FaultKind::ServerError);
            p
        },
        code: 4,
        says: &["500", "try again later"],
    },
    Case {
        what: "withdrawn upstream",
        sql: "INSERT INTO cloudflare.realtime_kit.livestreams (app_id, name) VALUES ('$APP', 'x')",
        arrange: |w, p| {
            w.sandbox.set_shapes(weir::sandbox::Shapes { withdrawn: true, ..Default::default() });
            p
        },
        code: 4,
        says: &["404", "withdrew it from the published API", "meeting_id"],
    },
    // Network, rate limit, budget: 5.
    Case {
        what: "unreachable host",
        sql: INPUTS,
        arrange: |_, p| p.set("CLOUDFLARE_BASE_URL", "http://127.0.0.1:1/client/v4"),
        code: 5,
        says: &["no connection", "refused"],
    },
    Case {
        what: "unknown host",
        sql: INPUTS,
        arrange: |_, p| p.set("CLOUDFLARE_BASE_URL", "http://localhost:1/client/v4"),
        code: 5,
        says: &["no connection"],
    },
    Case {
        what: "HTML 502",
        sql: LIST,
        arrange: |w, p| {
            always(w, FaultKind::BadGatewayHtml);
            p
        },
        code: 5,
        says: &["502", "HTML"],
    },
    Case {
        what: "truncated body",
        sql: LIST,
        arrange: |w, p| {
            always(w, FaultKind::TruncatedBody);
            p
        },
        code: 5,
        says: &["broke off"],
    },
    Case {
        what: "answer lost",
        sql: LIST,
        arrange: |w, p| {
            always(w, FaultKind::AnswerLost);
            p
        },
        code: 5,
        says: &["GET"],
    },
    Case {
        what: "rate limited for longer than the statement may take",
        sql: "SET statement_timeout = 5; $LIST",
        arrange: |w, p| {
            always(w, FaultKind::RateLimited { retry_after: 300 });
            p
        },
        code: 5,
        says: &["429", "300"],
    },
    Case {
        what: "no answer within the statement's time",
        sql: "SET statement_timeout = 0.05; $LIST",
        arrange: |w, p| {
            always(w, FaultKind::Hang);
            p
        },
        code: 5,
        says: &["time ran out after", "ms"],
    },
    Case {
        what: "redirect to another origin",
        sql: LIST,
        arrange: |w, p| {
            always(w, FaultKind::Redirect { to: "http://127.0.0.1:1/elsewhere".to_owned() });
            p
        },
        code: 4,
        says: &["redirect", "127.0.0.1:1"],
    },
    Case {
        what: "redirect of a write",
        sql: "INSERT INTO cloudflare.realtime_kit.apps (name) VALUES ('x')",
        arrange: |w, p| {
            always(w, FaultKind::Redirect { to: w.sandbox.base_url() });
            p
        },
        code: 4,
        says: &["redirect"],
    },
    Case {
        what: "credentials over plain http to elsewhere",
        sql: INPUTS,
        arrange: |_, p| p.set("CLOUDFLARE_BASE_URL", "http://192.0.2.1/client/v4"),
        code: 2,
        says: &["plain http", "192.0.2.1", "https"],
    },
    Case {
        what: "budget of requests",
        sql: "SET max_requests = 2; $LIST",
        arrange: healthy,
        code: 5,
        says: &["2 requests", "max_requests"],
    },
];

/// What no message may show: the token, and how weir is made.
#[track_caller]
pub fn presentable(what: &str, ran: &Ran) {
    for never in [
        TOKEN,
        "cfut_",
        API_KEY,
        "External error",
        "Invariant",
        "DataFusion",
        "Error {",
        "Some(",
        "panicked",
        "Inner {",
    ] {
        assert!(!ran.talk.contains(never), "{what}: stderr shows {never:?}\n{}", ran.talk);
    }
}

#[tokio::test]
async fn each_failure_gives_its_message_a_hint_and_its_exit_code() {
    let mut wrong = Vec::new();
    for case in CASES {
        let world = World::new().await;
        let program = (case.arrange)(&world, world.program());
        let sql = case.sql.replace("$LIST", LIST).replace("$APP", APP);
        // Nobody should wait for a back-off here; the statement stays the last one, and its place is moved by the first.
        let ran = program
            .file("retry.sql", "SET retry_delay = 0.001;")
            .arguments(["exec", "-i", "retry.sql", "-i", "-"])
            .input(&sql)
            .run()
            .await;
        let text = format!("--- {}\n{}", case.what, ran.talk);
        if ran.code != Some(case.code) {
            wrong.push(format!("exit {:?} instead of {} {text}", ran.code, case.code));
        }
        for word in case.says.iter().filter(|word| !ran.talk.contains(**word)) {
            wrong.push(format!("should say {word:?} {text}"));
        }
        let errors = ran.talk.lines().filter(|line| line.starts_with("error: ")).count();
        let hints = ran.talk.lines().filter(|line| line.starts_with("hint: ")).count();
        if (errors, hints) != (1, 1) {
            wrong.push(format!("{errors} errors and {hints} hints {text}"));
        }
        presentable(case.what, &ran);
        assert!(!ran.talk.contains("cfut_wrong"), "{text}");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_bad_document_is_named_with_file_and_line() {
    let good = "id: demo\nname: demo\nversion: v1\ntitle: Demo\nproviderServices:\n  things:\n    id: things:v1\n    name: things\n    title: Things\n    version: v1\n    service: {$ref: services/things.yaml}\n";
    for (file, text, says) in [
        ("provider.yaml", "id: demo\nname: demo\n  version: [v1\n", vec!["demo/provider.yaml", ".yaml:"]),
        ("provider.yaml", "- demo\n", vec!["demo/provider.yaml", "mapping"]),
        ("services/things.yaml", "openapi: 3.0.3\npaths: {\n", vec!["demo/services/things.yaml", ".yaml:"]),
        ("services/things.yaml", "openapi: 3.0.3\ninfo: [1,\n  2: 3\n", vec!["demo/services/things.yaml", ".yaml:"]),
    ] {
        let program = Program::new().file("docs/demo/provider.yaml", good).file(&format!("docs/demo/{file}"), text);
        let ran = program.arguments(["--registry", "docs", "exec", "SELECT * FROM demo.things.things"]).run().await;
        let ran = ran.code(1).says(&says).says(&["hint: "]);
        presentable(file, &ran);
    }
    let program = Program::new().file("docs/demo/provider.yaml", &(good.to_owned() + "x-weir: {limit: 1}\n"));
    program.arguments(["--registry", "docs", "exec", "SHOW SERVICES IN demo"]).run().await.code(1).says(&[
        "limit",
        "demo/provider.yaml",
        "docs/registry.md",
    ]);
    Program::new()
        .arguments(["--registry", "nowhere", "exec", "SELECT 1"])
        .run()
        .await
        .code(2)
        .says(&["nowhere", "hint: "]);
}

#[tokio::test]
async fn a_list_that_may_be_cut_warns_and_is_an_error_under_strict() {
    let row = |at: usize| json!({"uid": format!("{at:032x}"), "meta": {}, "created": "2026-01-01T00:00:00Z"});
    let server = Scripted::start(move |asked| {
        let rows: Vec<_> = (0..if asked.target.contains("short") { 999 } else { 1000 }).map(row).collect();
        Reply::json(&json!({"success": true, "result": rows, "errors": [], "messages": []}))
    })
    .await;
    let run = |account: &str, strict: bool| {
        let program = Program::new()
            .set("CLOUDFLARE_BASE_URL", &server.url)
            .set("CLOUDFLARE_API_TOKEN", TOKEN)
            .set("CLOUDFLARE_ACCOUNT_ID", account)
            .arguments(["-o", "csv", "exec", INPUTS]);
        if strict { program.arguments(["--strict"]).run() } else { program.run() }
    };
    let ran = run(ACCOUNT, false).await.code(0).says(&["warning: ", "1000"]);
    assert_eq!(ran.out.lines().count(), 1001);
    run(ACCOUNT, true).await.code(8).says(&["error: ", "may not be whole", "hint: ", "--strict"]);
    let ran = run("short", true).await.code(0);
    assert_eq!(ran.talk, "");
}

#[tokio::test]
async fn writes_partly_done_exit_6_and_show_what_was_done() {
    let world = World::new().await;
    let second = Fault { method: Some("POST".to_owned()), skip: 1, ..Fault::once("/meetings", FaultKind::ServerError) };
    world.sandbox.add_fault(second);
    let sql = format!(
        "INSERT INTO cloudflare.realtime_kit.meetings (app_id, title) VALUES ('{APP}', 'a'), ('{APP}', 'b'), ('{APP}', 'c') RETURNING title"
    );
    let ran = world.program().arguments(["-o", "json"]).exec(&sql).await.code(6);
    let ran = ran.says(&["1 of 3 rows", "row 2", "1 were not sent", "hint: "]);
    presentable("partly done", &ran);
    let rows: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(rows, json!([{"title": "a"}]));
    assert_eq!((world.seen().len(), world.sandbox.counts().writes), (2, 1));
}

#[tokio::test]
async fn an_assertion_that_does_not_hold_exits_7_and_stops_the_script() {
    let ran = Program::new().exec("ASSERT 1 = 1; ASSERT 1 = 2, 'one is not two'; SELECT 'not reached'").await;
    let ran = ran.code(7).says(&["line 1, column 15", "one is not two"]);
    assert_eq!(ran.out, "");
}
