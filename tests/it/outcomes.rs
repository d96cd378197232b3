//! Failures that take more than a row of a table: bad documents, lists that may be cut, writes that are partly done,
//! assertions.

use serde_json::json;
use weir::sandbox::{Fault, FaultKind, TOKEN};

use crate::errors::presentable;
use crate::harness::{ACCOUNT, APP, Program, World};
use crate::scripted::{Reply, Scripted};

const INPUTS: &str = "SELECT uid FROM cloudflare.stream.live_inputs";

#[tokio::test]
async fn a_bad_document_is_named_with_file_and_line() {
    let good = "id: demo\nname: demo\nversion: v1\ntitle: Demo\nproviderServices:\n  things:\n    id: things:v1\n    name: things\n    title: Things\n    version: v1\n    service: {$ref: services/things.yaml}\n";
    for (file, text, says) in [
        ("provider.yaml", "id: demo\nname: demo\n  version: [v1\n", vec!["docs/demo/provider.yaml:3:", "not YAML"]),
        ("provider.yaml", "- demo\n", vec!["demo/provider.yaml", "mapping"]),
        (
            "services/things.yaml",
            "openapi: 3.0.3\npaths: {\n",
            vec!["error: docs/demo/services/things.yaml:3:", "not YAML"],
        ),
        (
            "services/things.yaml",
            "openapi: 3.0.3\ninfo: [1,\n  2: 3\n",
            vec!["error: docs/demo/services/things.yaml:4:", "not YAML"],
        ),
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
    let ran = world.program().arguments(["-o", "json", "--write-concurrency", "1"]).exec(&sql).await.code(6);
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
