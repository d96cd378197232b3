//! How many requests a join takes, counted by the server: the outer side once, the inner once for each key, none twice, at 1
//! and at 8 target partitions.

use std::collections::HashSet;

use serde_json::{Value, json};
use url::Url;
use weir::session::Session;

use crate::harness::{ACCOUNT, impatient, run_in, session, told, write_file};
use crate::scripted::{Asked, Reply, Scripted};

const STREAMS: &str = "cloudflare.realtime_kit.livestreams";
const APPS: usize = 20;
const ROWS: usize = 150;

fn app_id(at: usize) -> String {
    format!("00000000-0000-4000-8000-{at:012}")
}

/// `RealtimeKit` with twenty apps of 150 livestreams; every livestream has one session.
async fn kit() -> (Scripted, Session) {
    let server = Scripted::start(answer).await;
    let session = session(environment(&server), impatient());
    (server, session)
}

fn environment(server: &Scripted) -> [(&'static str, String); 3] {
    [
        ("CLOUDFLARE_BASE_URL", server.url.clone()),
        ("CLOUDFLARE_API_TOKEN", "cfut_test".to_owned()),
        ("CLOUDFLARE_ACCOUNT_ID", ACCOUNT.to_owned()),
    ]
}

fn answer(asked: &Asked) -> Reply {
    let url = Url::parse("http://host").unwrap().join(&asked.target).unwrap();
    let path: Vec<&str> = url.path_segments().unwrap().skip(4).collect();
    let query = |name: &str, default: usize| {
        url.query_pairs().find(|(found, _)| found == name).map_or(default, |(_, value)| value.parse().unwrap())
    };
    let (page, size) = (query("page_no", 1), query("per_page", 20));
    let rows: Vec<Value> = match path.as_slice() {
        ["apps"] => (0..APPS).map(|at| json!({"id": app_id(at), "name": format!("app {at}")})).collect(),
        [app, "livestreams"] => (0..ROWS)
            .map(|at| json!({"id": format!("{at:08}{}", &app[8..]), "name": format!("stream {at}"), "status": "IDLE"}))
            .collect(),
        [_, "livestreams", stream] => vec![json!({"id": format!("s-{stream}"), "livestream_id": stream})],
        other => panic!("{other:?}"),
    };
    let (total, from) = (rows.len(), rows.len().min((page - 1) * size));
    let rows = &rows[from..total.min(from + size)];
    let data = if path.len() == 3 { json!({"livestream": {"id": path[2]}, "sessions": rows}) } else { json!(rows) };
    Reply::json(&json!({"success": true, "data": data, "paging": {"total_count": total}}))
}

/// The statement's rows and requests at 1 and at 8 partitions; no request may come twice.
async fn join_costs(cases: &[(&str, usize, usize)]) {
    let (server, session) = kit().await;
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("apps.csv");
    let listed: Vec<String> = (0..3).map(|at| format!("{},{at}", app_id(at))).collect();
    write_file(&csv, &format!("app,no\n{}\n", listed.join("\n")));
    let mut wrong = Vec::new();
    for count in [1, 8] {
        run_in(&session, &format!("SET datafusion.execution.target_partitions = {count}")).await.unwrap();
        for (sql, rows, requests) in cases {
            let sql = sql
                .replace("$CSV", csv.to_str().unwrap())
                .replace("$APPS", "cloudflare.realtime_kit.apps")
                .replace("$STREAMS", STREAMS)
                .replace("$SESSIONS", "cloudflare.realtime_kit.livestream_sessions")
                .replace("$A0", &app_id(0))
                .replace("$A1", &app_id(1));
            let given = match run_in(&session, &sql).await {
                Ok(given) if given.failure.is_none() => given.rows.len(),
                Ok(given) => {
                    wrong.push(format!("{sql}\n  {}", told(&given.failure.unwrap())));
                    0
                }
                Err(error) => {
                    wrong.push(format!("{sql}\n  {}", told(&error)));
                    0
                }
            };
            let lines = server.lines();
            let distinct: HashSet<&String> = lines.iter().collect();
            if (given, lines.len(), distinct.len()) != (*rows, *requests, *requests) {
                wrong.push(format!(
                    "{sql}\n  at {count} partitions: {given} rows by {} requests, {} of them distinct; expected {rows} by {requests}",
                    lines.len(),
                    distinct.len()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_join_reads_the_outer_side_once_and_the_inner_once_a_key() {
    join_costs(&[
        ("SELECT a.name, l.id FROM $APPS a JOIN $STREAMS l ON l.app_id = a.id", APPS * ROWS, 1 + 2 * APPS),
        ("SELECT a.name, l.id FROM $STREAMS l JOIN $APPS a ON l.app_id = a.id", APPS * ROWS, 1 + 2 * APPS),
        ("SELECT a.name, l.id FROM $APPS a LEFT JOIN $STREAMS l ON l.app_id = a.id", APPS * ROWS, 1 + 2 * APPS),
        (
            "SELECT a.name, l.id FROM $APPS a, $STREAMS l WHERE l.app_id = a.id AND l.name = 'stream 3'",
            APPS,
            1 + 2 * APPS,
        ),
        (
            "SELECT l.id FROM $APPS a JOIN $STREAMS l ON l.app_id = a.id WHERE a.name IN ('app 3', 'app 7')",
            2 * ROWS,
            1 + 4,
        ),
        ("SELECT id FROM $STREAMS WHERE app_id IN (SELECT id FROM $APPS)", APPS * ROWS, 1 + 2 * APPS),
        ("SELECT id FROM $STREAMS WHERE app_id IN (SELECT id FROM $APPS WHERE name = 'app 3')", ROWS, 1 + 2),
        ("SELECT id FROM $STREAMS WHERE app_id = (SELECT id FROM $APPS WHERE name = 'app 3')", ROWS, 1 + 2),
        (
            "SELECT id FROM $STREAMS l WHERE EXISTS (SELECT 1 FROM $APPS a WHERE a.id = l.app_id AND a.name = 'app 3')",
            ROWS,
            3,
        ),
        ("SELECT a.name, count(*) FROM $APPS a JOIN $STREAMS l ON l.app_id = a.id GROUP BY a.name", APPS, 1 + 2 * APPS),
    ])
    .await;
}

#[tokio::test]
async fn a_chain_of_three_tables_asks_nothing_twice() {
    join_costs(&[
        (
            "SELECT a.name, s.id FROM $APPS a JOIN $STREAMS l ON l.app_id = a.id \
             JOIN $SESSIONS s ON s.app_id = l.app_id AND s.livestream_id = l.id WHERE l.name = 'stream 4'",
            APPS,
            1 + 2 * APPS + APPS,
        ),
        (
            "SELECT s.id FROM $SESSIONS s JOIN $STREAMS l ON s.app_id = l.app_id AND s.livestream_id = l.id \
             JOIN $APPS a ON l.app_id = a.id WHERE l.name = 'stream 4' AND a.name = 'app 2'",
            1,
            1 + 2 + 1,
        ),
        (
            "WITH l AS (SELECT l.* FROM $APPS a JOIN $STREAMS l ON l.app_id = a.id WHERE l.name LIKE 'stream 4%') \
             SELECT x.id FROM l x JOIN l y ON x.id = y.id",
            11 * APPS,
            1 + 2 * APPS,
        ),
    ])
    .await;
}

#[tokio::test]
async fn keys_come_from_values_and_files_each_once_and_null_is_none() {
    join_costs(&[
        (
            "SELECT l.id FROM (VALUES ('$A0'), ('$A1'), ('$A0'), (NULL)) v(app) JOIN $STREAMS l ON l.app_id = v.app",
            3 * ROWS,
            4,
        ),
        ("SELECT l.id FROM '$CSV' v JOIN $STREAMS l ON l.app_id = v.app", 3 * ROWS, 6),
        ("SELECT l.id FROM $STREAMS l WHERE l.app_id IN (SELECT app FROM '$CSV' WHERE no < 2)", 2 * ROWS, 4),
        ("SELECT l.id FROM '$CSV' v JOIN $STREAMS l ON l.app_id = v.app WHERE v.no > 7", 0, 0),
    ])
    .await;
}

#[tokio::test]
async fn more_keys_than_the_budget_allows_are_refused_before_the_first_of_them() {
    let (server, session) = kit().await;
    run_in(&session, "SET max_requests = 15").await.unwrap();
    let sql = format!("SELECT l.id FROM cloudflare.realtime_kit.apps a JOIN {STREAMS} l ON l.app_id = a.id");
    let error = match run_in(&session, &sql).await {
        Err(error) => error,
        Ok(given) => given.failure.expect("twenty keys and a budget of fifteen"),
    };
    assert!(error.message().contains("20 requests") && error.message().contains("14"), "{}", told(&error));
    assert_eq!(server.lines().len(), 1);
}
