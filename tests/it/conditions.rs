//! What a condition asks for where requests and rows have one name for two things, and what it gives the body of a request.
//! Against a made-up provider in StackQL's words; held by what the server was asked, and by the rows.

use serde_json::{Value, json};
use tempfile::TempDir;
use weir::session::{Session, SessionOptions};

use crate::harness::{impatient, run_in, told, write_file};
use crate::scripted::{Asked, Reply, Scripted};

struct Lane {
    server: Scripted,
    session: Session,
    _documents: TempDir,
}

/// Every list holds the same, whatever it was asked: what is left out, weir left out.
fn answer(asked: &Asked) -> Reply {
    let address = json!({"id": "a", "verified": "2026-01-31T12:00:00Z", "task": {"name": "write"}, "tags": ["x", "y"],
        "number": 7, "kind": "plain", "feedback": 0, "workflow": 7, "name": "vol", "region": "eu", "size": -1,
        "score": 3});
    match (asked.method.as_str(), asked.target.split('?').next().unwrap_or_default()) {
        ("DELETE", _) => Reply::json(&Value::Null).status(204),
        (_, "/addresses/a") | ("POST", "/events" | "/events/e") => Reply::json(&address),
        _ => Reply::json(&json!({"items": [address]})),
    }
}

impl Lane {
    async fn open() -> Lane {
        let server = Scripted::start(answer).await;
        let documents = tempfile::tempdir().unwrap();
        write_file(&documents.path().join("lane/provider.yaml"), include_str!("conditions/provider.yaml"));
        write_file(&documents.path().join("lane/services/main.yaml"), include_str!("conditions/main.yaml"));
        let options = SessionOptions {
            registries: vec![documents.path().to_owned()],
            variables: [("LANE_URL".to_owned(), server.url.clone())].into_iter().collect(),
            settings: impatient(),
            ..SessionOptions::default()
        };
        Lane { server, session: Session::new(options).unwrap(), _documents: documents }
    }

    /// The number of rows, or what was said of an error; then what the server was asked.
    async fn lines(&self, sql: &str) -> Vec<String> {
        let said = match run_in(&self.session, sql).await {
            Ok(given) => match given.failure {
                Some(error) => format!("! {}", told(&error)),
                None => given.rows.len().to_string(),
            },
            Err(error) => format!("! {}", told(&error)),
        };
        std::iter::once(said).chain(self.server.lines()).collect()
    }

    /// That each statement finds the one row, by just this request.
    async fn finds(&self, cases: &[(&str, &str)]) {
        for (sql, request) in cases {
            assert_eq!(self.lines(sql).await, ["1", *request], "{sql}");
        }
    }

    /// That each statement sends just these requests.
    async fn sends(&self, cases: &[(&str, &[&str])]) {
        for (sql, requests) in cases {
            let lines = self.lines(sql).await;
            assert!(!lines[0].starts_with('!'), "{sql}: {}", lines[0]);
            assert_eq!(lines[1..], **requests, "{sql}");
        }
    }

    /// That each statement is refused in these words, and nothing is written.
    async fn refuses(&self, cases: &[(&str, &str)]) {
        for (sql, words) in cases {
            let lines = self.lines(sql).await;
            assert!(lines[0].starts_with('!') && lines[0].contains(words), "{sql}: {}", lines[0]);
            assert!(lines[1..].iter().all(|line| line.starts_with("GET ")), "{sql}: {lines:?}");
        }
    }
}

#[tokio::test]
async fn a_value_that_only_the_parameter_can_have_is_sent_and_held_against_no_row() {
    let lane = Lane::open().await;
    let from = "SELECT id FROM lane.main.addresses";
    lane.finds(&[
        (&format!("{from} WHERE verified = true"), "GET /addresses?verified=true"),
        (&format!("{from} WHERE verified"), "GET /addresses?verified=true"),
        (&format!("{from} a WHERE NOT a.verified"), "GET /addresses?verified=false"),
        (&format!("{from} WHERE verified = 'true' AND id IS NOT NULL"), "GET /addresses?verified=true"),
        (&format!("{from} WHERE task = 'Text Generation'"), "GET /addresses?task=Text%20Generation"),
        (&format!("{from} WHERE tags = 'z'"), "GET /addresses?tags=z"),
        (&format!("{from} WHERE number = 'seven'"), "GET /addresses?number=seven"),
        // What can be the column as well is applied again.
        (&format!("{from} WHERE number = '7'"), "GET /addresses?number=7"),
        (&format!("{from} WHERE kind = 'plain'"), "GET /addresses?kind=plain"),
        (&format!("{from} WHERE feedback = 0"), "GET /addresses?feedback=0"),
    ])
    .await;
    lane.sends(&[
        (&format!("{from} WHERE task IN ('a', 'b')"), &["GET /addresses?task=a", "GET /addresses?task=b"]),
        (&format!("{from} WHERE task = 'a' OR task = 'b'"), &["GET /addresses?task=a", "GET /addresses?task=b"]),
    ])
    .await;
    for (condition, rows) in [
        ("kind = 'other'", "0"),
        ("number = 8", "0"),
        ("verified IS NOT NULL", "1"),
        ("task LIKE '%write%'", "1"),
        ("verified > '2026-01-01' AND verified = false", "1"),
        ("verified < '2026-01-01' AND verified = true", "0"),
    ] {
        let sql = format!("{from} WHERE {condition}");
        assert_eq!(lane.lines(&sql).await[0], rows, "{sql}");
    }
    lane.refuses(&[(&format!("{from} WHERE id = 'a' AND verified = true"), "takes no verified")]).await;
    // The rows' own column stays what it was, and the parameter's shows only where it is named.
    let given = run_in(&lane.session, "SELECT * FROM lane.main.addresses WHERE verified = true").await.unwrap();
    assert_eq!(given.rows[0]["verified"], json!("2026-01-31T12:00:00Z"));
    assert!(given.rows[0].get("verified_parameter").is_none(), "{:?}", given.rows[0]);
}

#[tokio::test]
async fn a_parameter_of_two_types_takes_a_number_as_it_takes_text() {
    let lane = Lane::open().await;
    lane.finds(&[
        ("SELECT id FROM lane.main.runs WHERE workflow = 7", "GET /runs/7"),
        ("SELECT id FROM lane.main.runs WHERE workflow = '7'", "GET /runs/7"),
        ("SELECT id FROM lane.main.runs WHERE workflow = 'main.yml'", "GET /runs/main.yml"),
    ])
    .await;
}

#[tokio::test]
async fn a_read_by_post_is_asked_by_the_fields_of_its_body() {
    let lane = Lane::open().await;
    let from = "SELECT score FROM lane.main.search WHERE";
    lane.finds(&[
        (&format!("{from} words = 'x'"), "POST /search {\"words\":\"x\"}"),
        (&format!("{from} words = 'x' AND max_score = 9"), "POST /search {\"words\":\"x\",\"maxScore\":9}"),
        (&format!("{from} data__words = 'x' AND data__maxScore = 9"), "POST /search {\"words\":\"x\",\"maxScore\":9}"),
        (&format!("{from} words = 'x' AND name = 'vol'"), "POST /search {\"words\":\"x\",\"name\":\"vol\"}"),
    ])
    .await;
    assert_eq!(lane.lines("SELECT score FROM lane.main.search").await.len(), 1);
    lane.refuses(&[("SELECT score FROM lane.main.search", "needs words")]).await;
    let both = lane.lines(&format!("{from} words IN ('x', 'y')")).await;
    assert_eq!(both[1..], ["POST /search {\"words\":\"x\"}", "POST /search {\"words\":\"y\"}"]);
}

#[tokio::test]
async fn a_row_that_could_say_what_a_list_was_asked_by_and_does_not_is_neither_shown_nor_written() {
    let lane = Lane::open().await;
    // An API that passes over the filter would have every crate shown as red, and deleted.
    let table = "lane.main.crates WHERE colour = 'red'";
    assert_eq!(lane.lines(&format!("SELECT * FROM {table}")).await, ["0", "GET /crates?colour=red"]);
    lane.sends(&[
        (&format!("DELETE FROM {table}"), &["GET /crates?colour=red"]),
        ("DELETE FROM lane.main.crates WHERE name = 'vol'", &["GET /crates", "DELETE /crates/a"]),
    ])
    .await;
}

#[tokio::test]
async fn a_delete_gives_its_body_what_the_conditions_say() {
    let lane = Lane::open().await;
    let from = "DELETE FROM lane.main.emails WHERE";
    lane.sends(&[
        (&format!("{from} emails = '[\"a\"]'"), &["DELETE /emails {\"emails\":[\"a\"]}"]),
        (&format!("{from} \"data__emails\" = '[\"a\"]'"), &["DELETE /emails {\"emails\":[\"a\"]}"]),
        (&format!("{from} emails = '[\"a\"]' AND note = 'x'"), &["DELETE /emails {\"emails\":[\"a\"],\"note\":\"x\"}"]),
    ])
    .await;
    lane.refuses(&[
        ("DELETE FROM lane.main.emails", "needs emails"),
        (&format!("{from} email = 'a'"), "needs emails"),
        (&format!("{from} note = 'x'"), "needs emails"),
        (&format!("{from} emails = '[]'"), "an empty emails"),
        (&format!("{from} emails = '[\"a\"]' AND email = 'a'"), "do not tell their emails"),
    ])
    .await;
}

#[tokio::test]
async fn a_delete_by_what_its_query_says_needs_every_condition_to_be_in_it() {
    let lane = Lane::open().await;
    let from = "DELETE FROM lane.main.volumes WHERE";
    lane.sends(&[
        (&format!("{from} name = 'vol' AND region = 'eu'"), &["DELETE /volumes?name=vol&region=eu"]),
        (&format!("{from} name = 'vol' AND force"), &["DELETE /volumes?name=vol&force=true"]),
        ("DELETE FROM lane.main.filters WHERE id = '[\"a\",\"b\"]'", &["DELETE /filters?id=a,b"]),
    ])
    .await;
    let whole = "takes nothing that tells one row from another";
    lane.refuses(&[
        ("DELETE FROM lane.main.volumes", "without a condition"),
        (&format!("{from} force = true"), "without a condition"),
        (&format!("{from} name = 'vol' OR force"), "without a condition"),
        (&format!("{from} name = ''"), "an empty name"),
        (&format!("{from} name = 'vol' AND size = -1"), whole),
        (&format!("{from} name LIKE 'v%'"), whole),
        (&format!("{from} name <> 'vol'"), whole),
        (&format!("{from} name = 'vol' AND region <> 'us'"), whole),
        (&format!("{from} name IN ('vol', 'other')"), whole),
        (&format!("{from} name = 'vol' OR region = 'eu'"), whole),
        ("DELETE FROM lane.main.filters WHERE id = '[]'", "an empty id"),
        ("DELETE FROM lane.main.filters", "without a condition"),
    ])
    .await;
}

#[tokio::test]
async fn what_fixes_an_optional_parameter_of_a_delete_is_sent_with_it() {
    let lane = Lane::open().await;
    let from = "DELETE FROM lane.main.shares WHERE";
    lane.sends(&[
        (&format!("{from} id = 'a' AND region = 'eu'"), &["GET /shares", "DELETE /shares/a?region=eu"]),
        (&format!("{from} id = 'a' AND region IN ('eu', 'us')"), &["GET /shares", "DELETE /shares/a?region=eu"]),
        (&format!("{from} id = 'a' AND size = -1"), &["GET /shares", "DELETE /shares/a?size=-1"]),
        (&format!("{from} id = 'a' AND region = 'us'"), &["GET /shares"]),
        (&format!("{from} id = 'a' AND region = 'eu' AND force"), &["DELETE /shares/a?region=eu&force=true"]),
        ("DELETE FROM lane.main.addresses WHERE id = 'a' AND verified = true", &["DELETE /addresses/a?verified=true"]),
    ])
    .await;
    lane.refuses(&[
        (&format!("{from} id = 'a' AND region LIKE 'e%' AND force"), "do not tell their force"),
        ("DELETE FROM lane.main.addresses WHERE verified = true", "only the API knows"),
    ])
    .await;
}

#[tokio::test]
async fn an_insert_is_served_by_the_method_that_takes_every_name() {
    let lane = Lane::open().await;
    lane.sends(&[
        (
            "INSERT INTO lane.main.events (name, at, event) VALUES ('n', 't', 'e')",
            &["POST /events/e {\"name\":\"n\",\"at\":\"t\"}"],
        ),
        ("INSERT INTO lane.main.events (name, at) VALUES ('n', 't')", &["POST /events {\"name\":\"n\",\"at\":\"t\"}"]),
    ])
    .await;
    lane.refuses(&[("INSERT INTO lane.main.events (name, at, evnt) VALUES ('n', 't', 'e')", "does not take evnt")])
        .await;
}
