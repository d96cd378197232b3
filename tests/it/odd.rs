//! Writes to a made-up provider with awkward documents: keys under another name, several keys, keys that are hard to put in
//! a path, rows without a key, lists that are only written as a whole, required properties, optional parameters, effects
//! that come later. Held by what the server was asked.

use serde_json::{Value, json};
use tempfile::TempDir;
use weir::session::{Session, SessionOptions};

use crate::harness::{impatient, run_in, told, write_file};
use crate::scripted::{Asked, Reply, Scripted};

const PROVIDER: &str = include_str!("odd/provider.yaml");

const YARD: &str = include_str!("odd/yard.yaml");

struct Odd {
    server: Scripted,
    session: Session,
    _documents: TempDir,
}

fn answer(asked: &Asked) -> Reply {
    let path = asked.target.split('?').next().unwrap_or_default();
    let names = ["plain", "a/b", "it's \"x\" ü ?#%", "x..y", "100%"];
    let rows: Vec<Value> = names.iter().map(|name| json!({"name": name, "uses": 0, "region": "eu"})).collect();
    match (asked.method.as_str(), path) {
        ("GET", "/things") => Reply::json(&json!({"items": [
            {"id": "a", "serial": 7, "colour": "red", "size": 1},
            {"id": "b", "serial": 8, "colour": "green", "size": null},
        ]})),
        ("GET", "/tags" | "/crumbs") => Reply::json(&json!({"items": rows})),
        ("POST", "/jobs") => {
            let what: Value = serde_json::from_str(&asked.body).unwrap();
            Reply::json(&json!({"id": what["what"], "state": "queued"})).status(202)
        }
        ("GET", job) if job.starts_with("/jobs/") => {
            let state = if job == "/jobs/slow" { "queued" } else { job.trim_start_matches("/jobs/") };
            Reply::json(&json!({"id": job.trim_start_matches("/jobs/"), "state": state}))
        }
        ("GET", _) => Reply::json(&json!({"theme": "dark", "loud": false})),
        ("DELETE", _) => Reply::json(&Value::Null).status(204),
        _ => Reply::json(&serde_json::from_str(&asked.body).unwrap()),
    }
}

impl Odd {
    async fn open() -> Odd {
        let server = Scripted::start(answer).await;
        let documents = tempfile::tempdir().unwrap();
        write_file(&documents.path().join("odd/provider.yaml"), PROVIDER);
        write_file(&documents.path().join("odd/services/yard.yaml"), YARD);
        let variables = [("ODD_URL", server.url.clone()), ("ODD_KEY", "canary-key".to_owned())];
        let mut settings = impatient();
        settings.write_concurrency = 1;
        let options = SessionOptions {
            registries: vec![documents.path().to_owned()],
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            settings,
            ..SessionOptions::default()
        };
        Odd { server, session: Session::new(options).unwrap(), _documents: documents }
    }

    /// What is said, led by `!` where it is an error, and then what the server was asked.
    async fn lines(&self, sql: &str) -> Vec<String> {
        let said = match run_in(&self.session, sql).await {
            Ok(given) => match given.failure {
                Some(error) => format!("! {}", told(&error)),
                None => given.message.unwrap_or_default(),
            },
            Err(error) => format!("! {}", told(&error)),
        };
        std::iter::once(said).chain(self.server.lines()).collect()
    }

    /// That each statement sends just these requests.
    async fn sends(&self, cases: &[(&str, &[&str])]) {
        for (sql, expected) in cases {
            let lines = self.lines(sql).await;
            assert!(!lines[0].starts_with('!'), "{sql}: {}", lines[0]);
            assert_eq!(lines[1..], **expected, "{sql}");
        }
    }

    /// That each statement is refused in these words, after nothing but these reads.
    async fn refuses(&self, cases: &[(&str, &str)]) {
        for (sql, words) in cases {
            let lines = self.lines(sql).await;
            assert!(lines[0].starts_with("! exit 1") && lines[0].contains(words), "{sql}: {}", lines[0]);
            assert!(lines[0].contains("hint: "), "{sql}: {}", lines[0]);
            let writes: Vec<&String> = lines[1..].iter().filter(|line| !line.starts_with("GET ")).collect();
            assert!(writes.is_empty(), "{sql}: {writes:?}");
        }
    }
}

#[tokio::test]
async fn a_thing_is_changed_by_the_key_that_the_statement_or_its_rows_give() {
    let odd = Odd::open().await;
    let blue = "{\"colour\":\"blue\"}";
    let (a, b, seven) =
        (format!("PATCH /things/a {blue}"), format!("PATCH /things/b {blue}"), format!("PATCH /by-serial/7 {blue}"));
    odd.sends(&[
        ("UPDATE odd.yard.things SET colour = 'blue' WHERE thing_id = 'a'", &[&a]),
        ("UPDATE odd.yard.things SET colour = 'blue' WHERE thing_id IN ('a', 'b')", &[&a, &b]),
        ("UPDATE odd.yard.things SET colour = 'blue' WHERE serial = 7", &[&seven]),
        ("UPDATE odd.yard.things SET colour = 'blue' WHERE serial = '7'", &[&seven]),
        ("UPDATE odd.yard.things SET colour = 'blue' WHERE serial = 7.5", &["GET /things"]),
        ("UPDATE odd.yard.things SET colour = 'blue' WHERE id = 'a'", &["GET /things", &seven]),
        ("UPDATE odd.yard.things SET colour = 'blue' WHERE colour = 'red'", &["GET /things", &seven]),
        (
            "UPDATE odd.yard.things SET size = size + 1 WHERE serial = 7",
            &["GET /things", "PATCH /by-serial/7 {\"size\":2.0}"],
        ),
        ("UPDATE odd.yard.things SET size = NULL WHERE thing_id = 'a'", &["PATCH /things/a {\"size\":null}"]),
    ])
    .await;
    odd.refuses(&[
        ("UPDATE odd.yard.things SET colour = 'blue' WHERE thing_id = 'a' AND serial = 7", "equally well"),
        ("UPDATE odd.yard.things SET size = size + 1 WHERE thing_id = 'a'", "leave size of its rows out"),
        ("UPDATE odd.yard.things SET size = 'wide' WHERE thing_id = 'a'", "is not a number"),
        ("UPDATE odd.yard.things SET colour = NULL WHERE thing_id = 'a'", "to keep it as it is"),
        ("UPDATE odd.yard.things SET colour = 'blue'", "without a condition"),
        ("UPDATE odd.yard.things SET colour = 'blue' WHERE color = 'red'", "did you mean `colour`"),
    ])
    .await;
}

#[tokio::test]
async fn replace_needs_what_the_body_needs_though_the_row_has_it_now() {
    let odd = Odd::open().await;
    odd.sends(&[
        ("REPLACE odd.yard.things SET colour = 'x', size = DEFAULT, note = DEFAULT WHERE thing_id = 'a'", &["PUT /things/a {\"colour\":\"x\",\"size\":1.5}"]),
        ("REPLACE odd.yard.things SET colour = 'x', note = NULL WHERE thing_id = 'a'", &["PUT /things/a {\"colour\":\"x\",\"note\":null}"]),
        (
            "REPLACE odd.yard.things AS t SET colour = s.colour FROM odd.yard.things AS s WHERE t.thing_id = s.id AND s.serial = 8",
            &["GET /things", "PUT /things/b {\"colour\":\"green\"}"],
        ),
    ])
    .await;
    odd.refuses(&[
        ("REPLACE odd.yard.things SET size = 3 WHERE thing_id = 'a'", "put needs colour, and SET does not give it"),
        ("REPLACE odd.yard.things SET colour = DEFAULT WHERE thing_id = 'a'", "has no documented default"),
        ("REPLACE odd.yard.things SET colour = 'x' WHERE id = 'a'", "needs thing_id"),
    ])
    .await;
}

#[tokio::test]
async fn an_optional_parameter_says_how_and_never_which() {
    let odd = Odd::open().await;
    odd.sends(&[
        ("DELETE FROM odd.yard.things WHERE thing_id = 'a' AND force = true", &["DELETE /things/a?force=true"]),
        ("DELETE FROM odd.yard.things WHERE thing_id = 'a' AND force", &["DELETE /things/a?force=true"]),
        ("DELETE FROM odd.yard.things WHERE thing_id = 'a' AND NOT force", &["DELETE /things/a?force=false"]),
        ("DELETE FROM odd.yard.things WHERE thing_id = 'a'", &["DELETE /things/a"]),
        (
            "DELETE FROM odd.yard.things WHERE thing_id IN (SELECT id FROM odd.yard.things WHERE colour = 'red') AND force = true",
            &["GET /things", "DELETE /things/a?force=true"],
        ),
    ])
    .await;
    odd.refuses(&[
        ("DELETE FROM odd.yard.things WHERE force = true", "needs thing_id"),
        ("DELETE FROM odd.yard.tags WHERE force = true", "without a condition"),
        ("DELETE FROM odd.yard.tags WHERE force = true OR name = 'plain'", "without a condition"),
        ("DELETE FROM odd.yard.tags WHERE force = true AND uses = 0", "do not tell their force"),
        ("DELETE FROM odd.yard.things WHERE thing_id = 'a' RETURNING colour", "leave colour of its rows out"),
    ])
    .await;
}

#[tokio::test]
async fn an_optional_parameter_that_rows_have_too_says_which_and_then_how() {
    let odd = Odd::open().await;
    let tags = "DELETE FROM odd.yard.tags WHERE";
    odd.sends(&[
        (&format!("{tags} name = 'plain' AND region = 'eu'"), &["GET /tags", "DELETE /tags/plain?region=eu"]),
        (&format!("{tags} name = 'plain' AND ('eu' = region)"), &["GET /tags", "DELETE /tags/plain?region=eu"]),
        (&format!("{tags} name = 'plain' AND region = 'us'"), &["GET /tags"]),
        (&format!("{tags} name = 'plain' AND region LIKE 'e%'"), &["GET /tags", "DELETE /tags/plain"]),
        (&format!("{tags} name = 'plain' AND (region = 'eu' OR uses = 7)"), &["GET /tags", "DELETE /tags/plain"]),
    ])
    .await;
}

#[tokio::test]
async fn keys_never_change_the_path() {
    let odd = Odd::open().await;
    odd.sends(&[
        (
            "DELETE FROM odd.yard.tags WHERE uses = 0",
            &[
                "GET /tags",
                "DELETE /tags/plain",
                "DELETE /tags/a%2Fb",
                "DELETE /tags/it%27s%20%22x%22%20%C3%BC%20%3F%23%25",
                "DELETE /tags/x..y",
                "DELETE /tags/100%25",
            ],
        ),
        ("DELETE FROM odd.yard.tags WHERE name = 'a/b'", &["DELETE /tags/a%2Fb"]),
        ("DELETE FROM odd.yard.tags WHERE name = E'a\\nb'", &["DELETE /tags/a%0Ab"]),
        ("DELETE FROM odd.yard.tags WHERE name = 'plain?force=true'", &["DELETE /tags/plain%3Fforce%3Dtrue"]),
        (
            "UPDATE odd.yard.tags SET uses = uses + 1 WHERE name = 'a/b'",
            &["GET /tags", "PATCH /tags/a%2Fb {\"uses\":1}"],
        ),
    ])
    .await;
    odd.refuses(&[
        ("DELETE FROM odd.yard.tags WHERE name = ''", "is empty"),
        ("DELETE FROM odd.yard.tags WHERE name IN ('fine', ' ')", "row 2"),
        ("DELETE FROM odd.yard.tags WHERE name IN ('fine', '..')", "row 2"),
        ("DELETE FROM odd.yard.tags WHERE name = '../settings'", "another path"),
        ("DELETE FROM odd.yard.tags WHERE name = '%2e%2e'", "another path"),
        ("DELETE FROM odd.yard.tags WHERE name = '.'", "another path"),
    ])
    .await;
}

#[tokio::test]
async fn a_single_row_needs_no_key_and_a_list_without_one_is_written_only_as_a_whole() {
    let odd = Odd::open().await;
    odd.sends(&[
        (
            "UPDATE odd.yard.settings SET theme = 'x' WHERE theme = 'dark'",
            &["GET /settings", "PATCH /settings {\"theme\":\"x\"}"],
        ),
        ("UPDATE odd.yard.settings SET theme = 'x' WHERE theme = 'light'", &["GET /settings"]),
        (
            "REPLACE odd.yard.tenant_settings SET theme = 'x' WHERE tenant = 't/1'",
            &["PUT /tenants/t%2F1/settings {\"theme\":\"x\"}"],
        ),
        (
            "REPLACE odd.yard.tenant_settings SET loud = NOT loud WHERE tenant = 't'",
            &["GET /tenants/t/settings", "PUT /tenants/t/settings {\"loud\":true}"],
        ),
        ("DELETE FROM odd.yard.tenant_settings WHERE tenant = 't'", &["DELETE /tenants/t/settings"]),
        (
            "DELETE FROM odd.yard.tenant_settings WHERE tenant = 't' RETURNING theme",
            &["GET /tenants/t/settings", "DELETE /tenants/t/settings"],
        ),
        ("EXEC odd.yard.crumbs.clear @uses = 0", &["DELETE /crumbs?uses=0"]),
        ("DELETE FROM odd.yard.crumbs WHERE uses = 0", &["DELETE /crumbs?uses=0"]),
    ])
    .await;
    let whole = "takes nothing that tells one row from another";
    odd.refuses(&[
        ("UPDATE odd.yard.settings SET theme = 'x'", "without a condition"),
        ("REPLACE odd.yard.tenant_settings SET theme = 'x'", "needs tenant"),
        ("DELETE FROM odd.yard.tenant_settings WHERE tenant <> 't'", "needs tenant"),
        ("DELETE FROM odd.yard.crumbs", "without a condition"),
        ("DELETE FROM odd.yard.crumbs WHERE force = true", "without a condition"),
        ("DELETE FROM odd.yard.crumbs WHERE name = 'plain'", whole),
        ("DELETE FROM odd.yard.crumbs WHERE uses = 0 AND name = 'plain'", whole),
        ("DELETE FROM odd.yard.crumbs WHERE uses >= 0", whole),
        ("DELETE FROM odd.yard.crumbs WHERE name IN (SELECT name FROM odd.yard.tags)", whole),
        ("UPDATE odd.yard.crumbs SET uses = 0 WHERE name = 'plain'", whole),
    ])
    .await;
    odd.sends(&[
        ("SET allow_unfiltered = on", &[]),
        ("DELETE FROM odd.yard.crumbs", &["DELETE /crumbs"]),
        ("DELETE FROM odd.yard.crumbs WHERE force", &["DELETE /crumbs?force=true"]),
        ("UPDATE odd.yard.crumbs SET uses = 3", &["PATCH /crumbs {\"uses\":3}"]),
        ("UPDATE odd.yard.settings SET loud = NOT loud", &["GET /settings", "PATCH /settings {\"loud\":true}"]),
    ])
    .await;
    odd.refuses(&[
        ("DELETE FROM odd.yard.crumbs WHERE name = 'plain'", whole),
        ("UPDATE odd.yard.crumbs SET uses = uses + 1", whole),
    ])
    .await;
}

#[tokio::test]
async fn a_statement_waits_for_its_effect_only_where_it_is_told_to() {
    let odd = Odd::open().await;
    let state = async |sql: &str| {
        let given = run_in(&odd.session, sql).await.unwrap_or_else(|error| panic!("{}", told(&error)));
        assert!(given.failure.is_none(), "{sql}");
        (given.rows.first().map(|row| row["state"].clone()), given.summary.warnings)
    };
    let job = |hint: &str, what: &str| {
        format!("INSERT {hint} INTO odd.yard.jobs (what) VALUES ('{what}') RETURNING id, state")
    };
    assert_eq!(state(&job("", "ready")).await.0, Some(json!("queued")));
    assert_eq!(odd.server.lines(), ["POST /jobs {\"what\":\"ready\"}"]);
    assert_eq!(state(&job("/*+ AWAIT */", "ready")).await.0, Some(json!("ready")));
    assert_eq!(odd.server.lines(), ["POST /jobs {\"what\":\"ready\"}", "GET /jobs/ready"]);

    // What did not settle, or settled badly, is an error after its row: the write itself is done.
    for (what, code, words) in
        [("slow", "exit 5", "still state = 'queued' after 0.03 s"), ("broken", "exit 4", "ended as state = 'broken'")]
    {
        odd.lines("SET wait = '30ms'").await;
        let given = run_in(&odd.session, &job("", what)).await.unwrap_or_else(|error| panic!("{}", told(&error)));
        let error = told(&given.failure.unwrap());
        assert!(error.contains(code) && error.contains(words), "{error}");
        assert_eq!(given.rows.len(), 1);
        let lines = odd.server.lines();
        assert_eq!(lines.iter().filter(|line| line.starts_with("POST")).count(), 1, "{lines:?}");
    }
    odd.lines("SET wait = 0").await;
    let lines = odd.lines("UPDATE /*+ AWAIT */ odd.yard.things SET colour = 'x' WHERE thing_id = 'a'").await;
    assert_eq!(lines, ["1 row updated", "PATCH /things/a {\"colour\":\"x\"}"]);
    let given = run_in(&odd.session, "UPDATE /*+ AWAIT */ odd.yard.things SET colour = 'x' WHERE thing_id = 'a'")
        .await
        .unwrap();
    assert!(given.summary.warnings.iter().any(|w| w.contains("not waited")), "{:?}", given.summary.warnings);
}
