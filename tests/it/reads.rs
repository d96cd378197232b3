//! How many requests a read takes, counted by the server. The counts must not depend on how many workers the engine has:
//! every table here holds at 1 and at 8 target partitions. Joins are in `joins`.

use std::collections::HashSet;

use url::Url;
use weir::sandbox::LIVE_INPUTS;
use weir::session::Settings;

use crate::harness::{ACCOUNT, APP, Program, World, line, told, write_file};

const STREAMS: &str = "cloudflare.realtime_kit.livestreams";

/// A statement with the names that these tests share.
pub fn spelled(world: &World, sql: &str) -> String {
    let apps = world.sandbox.apps(ACCOUNT);
    // Apps of 101, 200 and 150 livestreams: two pages each.
    let two_pages: Vec<String> =
        [4, 6, 15].iter().map(|at| format!("'{}'", apps[*at]["id"].as_str().unwrap())).collect();
    let stream = world.sandbox.livestreams(APP)[7]["id"].as_str().unwrap().to_owned();
    let input = world.sandbox.live_inputs(ACCOUNT)[7]["uid"].as_str().unwrap().to_owned();
    // The API's order is newest first.
    let third = world.sandbox.livestreams(APP).iter().rev().nth(2).unwrap()["id"].as_str().unwrap().to_owned();
    let names = [
        ("$STREAMS", STREAMS),
        ("$APPS", "cloudflare.realtime_kit.apps"),
        ("$MEETINGS", "cloudflare.realtime_kit.meetings"),
        ("$SESSIONS", "cloudflare.realtime_kit.livestream_sessions"),
        ("$INPUTS", "cloudflare.stream.live_inputs"),
        ("$THREE", &two_pages.join(", ")),
        ("$TWO", &two_pages[..2].join(", ")),
        ("$ONE", &two_pages[0]),
        ("$APP", APP),
        ("$STREAM", &stream),
        ("$INPUT", &input),
        ("$THIRD", &third[..13]),
    ];
    // Longer names first: $APPS is not $APP with an S.
    let mut names = names;
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    names.iter().fold(sql.to_owned(), |sql, (name, value)| sql.replace(name, value))
}

/// From here on the engine has so many workers.
pub async fn partitions(world: &World, count: usize) {
    world.run(&format!("SET datafusion.execution.target_partitions = {count}")).await;
    world.seen();
}

/// Each statement with its rows and requests, at 1 and at 8 partitions.
async fn costs(cases: &[(&str, usize, usize)]) {
    let world = World::new().await;
    let mut wrong = Vec::new();
    for count in [1, 8] {
        partitions(&world, count).await;
        for (sql, rows, requests) in cases {
            let sql = spelled(&world, sql);
            let given = match world.try_run(&sql).await {
                Ok(given) if given.failure.is_none() => given,
                Ok(given) => {
                    wrong.push(format!("{sql}\n  {}", told(&given.failure.unwrap())));
                    continue;
                }
                Err(error) => {
                    wrong.push(format!("{sql}\n  {}", told(&error)));
                    continue;
                }
            };
            let seen = world.seen();
            if (given.rows.len(), seen.len()) != (*rows, *requests) {
                wrong.push(format!(
                    "{sql}\n  at {count} partitions: {} rows by {} requests, expected {rows} by {requests}: {seen:?}",
                    given.rows.len(),
                    seen.len()
                ));
            }
            // What weir says of itself is what the server saw.
            if given.summary.totals.requests != seen.len() as u64 {
                wrong.push(format!("{sql}\n  tells {} requests, {} came", given.summary.totals.requests, seen.len()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_limit_an_order_a_key_a_count_and_a_contradiction() {
    costs(&[
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' LIMIT 10", 10, 1),
        ("SELECT * FROM $STREAMS WHERE app_id = '$APP' LIMIT 100", 100, 1),
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' LIMIT 101", 101, 2),
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' LIMIT 10 OFFSET 95", 10, 2),
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' LIMIT 0", 0, 0),
        ("SELECT id FROM (SELECT * FROM $STREAMS WHERE app_id = '$APP') AS s LIMIT 10", 10, 1),
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' ORDER BY created_at DESC LIMIT 10", 10, 1),
        ("SELECT name FROM $STREAMS WHERE app_id = '$APP' ORDER BY created_at DESC LIMIT 10", 10, 1),
        ("SELECT * FROM $STREAMS WHERE app_id = '$APP' ORDER BY created_at LIMIT 10", 10, 1),
        ("SELECT id, created_at AS c FROM $STREAMS WHERE app_id = '$APP' ORDER BY c DESC LIMIT 10", 10, 1),
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' AND status = 'LIVE' ORDER BY created_at DESC LIMIT 10", 10, 1),
        ("SELECT * FROM $STREAMS WHERE app_id = '$APP' AND id = '$STREAM'", 1, 1),
        ("SELECT * FROM $INPUTS WHERE uid = '$INPUT'", 1, 1),
        ("SELECT rtmps FROM $INPUTS WHERE uid = '$INPUT' AND created > '2020-01-01'", 1, 1),
        ("SELECT count(*) FROM $STREAMS WHERE app_id = '$APP'", 1, 1),
        ("SELECT count(*) AS n FROM $STREAMS WHERE app_id = '$APP'", 1, 1),
        ("SELECT count(1) FROM $STREAMS WHERE app_id IN ($THREE)", 1, 3),
        ("SELECT count(*) FROM $APPS", 1, 1),
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' AND 1 = 0", 0, 0),
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' AND app_id = 'another'", 0, 0),
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' AND status = 'LIVE' AND status = 'IDLE'", 0, 0),
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' AND status IN ('LIVE', 'IDLE') AND status = 'ERRORED'", 0, 0),
        ("SELECT id FROM $STREAMS WHERE app_id = NULL", 0, 0),
        ("SELECT count(*) FROM $STREAMS WHERE app_id = '$APP' AND app_id = 'another'", 1, 0),
    ])
    .await;
}

#[tokio::test]
async fn a_filter_that_the_third_row_meets_ends_the_reading_there() {
    costs(&[
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' AND id LIKE '$THIRD%' LIMIT 1", 1, 1),
        ("SELECT * FROM $STREAMS WHERE app_id = '$APP' AND upper(id) LIKE upper('$THIRD%') LIMIT 1", 1, 1),
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' AND name IS NULL LIMIT 1", 1, 1),
        ("SELECT upper(name) FROM $STREAMS WHERE app_id = '$APP' AND length(name) > 3 LIMIT 1", 1, 1),
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' AND id LIKE '$THIRD%' ORDER BY created_at DESC LIMIT 1", 1, 1),
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' AND name IS NULL LIMIT 1 OFFSET 2", 1, 1),
    ])
    .await;
}

#[tokio::test]
async fn lists_of_values_are_read_one_by_one_and_never_twice() {
    costs(&[
        ("SELECT id FROM $STREAMS WHERE app_id IN ($THREE)", 451, 6),
        ("SELECT id FROM $STREAMS WHERE app_id IN ($TWO, $TWO)", 301, 4),
        ("SELECT id FROM $STREAMS WHERE app_id = $ONE OR app_id IN ($TWO)", 301, 4),
        ("SELECT id FROM $STREAMS WHERE app_id IN ($THREE) LIMIT 10", 10, 1),
        ("SELECT id FROM $STREAMS WHERE app_id IN ($THREE) LIMIT 110", 110, 3),
        // Two filtered reads, not one full one.
        ("SELECT id FROM $STREAMS WHERE app_id = $ONE AND status IN ('LIVE', 'IDLE')", 65, 2),
        ("SELECT id FROM $STREAMS WHERE app_id = $ONE AND (status = 'LIVE' OR status = 'IDLE')", 65, 2),
        // All the values there are: one full read.
        ("SELECT id FROM $STREAMS WHERE app_id = $ONE AND status IN ('LIVE', 'IDLE', 'ERRORED', 'INVOKED')", 101, 2),
        ("SELECT id FROM $STREAMS WHERE app_id IN ($TWO) AND status IN ('LIVE', 'IDLE')", 196, 4),
    ])
    .await;
}

#[tokio::test]
async fn columns_that_the_list_leaves_out_cost_a_request_for_each_row_that_is_left() {
    costs(&[
        ("SELECT uid, status_state FROM $INPUTS LIMIT 5", 5, 6),
        ("SELECT uid, recording, rtmps FROM $INPUTS LIMIT 5", 5, 6),
        ("SELECT * FROM $INPUTS LIMIT 5", 5, 6),
        ("SELECT uid, rtmps FROM $INPUTS ORDER BY created DESC LIMIT 5", 5, 6),
        ("SELECT uid, rtmps FROM $INPUTS ORDER BY name, uid LIMIT 5", 5, 6),
        ("SELECT rtmps FROM $INPUTS ORDER BY created DESC LIMIT 5", 5, 6),
        ("SELECT rtmps AS r, created AS c FROM $INPUTS ORDER BY c DESC, uid LIMIT 5", 5, 6),
        ("SELECT uid, rtmps FROM $INPUTS ORDER BY created DESC LIMIT 3 OFFSET 2", 3, 4),
        ("SELECT uid, name, created FROM $INPUTS", LIVE_INPUTS, 1),
        ("SELECT count(*) FROM $INPUTS", 1, 1),
        ("SELECT count(*) FROM $INPUTS WHERE enabled", 1, 1),
        ("SELECT uid FROM $INPUTS WHERE name IS NOT NULL ORDER BY created LIMIT 5", 5, 1),
        ("SELECT uid, rtmps FROM $INPUTS WHERE uid = '$INPUT'", 1, 1),
    ])
    .await;
}

#[tokio::test]
async fn a_table_that_stands_twice_is_read_once() {
    costs(&[
        ("WITH s AS (SELECT * FROM $STREAMS WHERE app_id = $ONE) SELECT a.id FROM s a JOIN s b ON a.id = b.id", 101, 2),
        (
            "SELECT a.id FROM $STREAMS a JOIN $STREAMS b ON a.id = b.id WHERE a.app_id = $ONE AND b.app_id = $ONE",
            101,
            2,
        ),
        ("SELECT id FROM $STREAMS WHERE app_id = $ONE UNION ALL SELECT id FROM $STREAMS WHERE app_id = $ONE", 202, 2),
        ("SELECT id FROM $STREAMS WHERE app_id = $ONE UNION SELECT id FROM $STREAMS WHERE app_id = $ONE", 101, 2),
        ("SELECT id FROM $APPS WHERE name = (SELECT max(name) FROM $APPS)", 1, 1),
        ("SELECT uid FROM $INPUTS WHERE created = (SELECT max(created) FROM $INPUTS)", 1, 1),
        ("SELECT a.uid FROM $INPUTS a JOIN $INPUTS b ON a.uid = b.uid", LIVE_INPUTS, 1),
        ("SELECT (SELECT count(*) FROM $APPS) AS a, (SELECT count(*) FROM $APPS) AS b", 1, 1),
    ])
    .await;
}

#[tokio::test]
async fn what_one_statement_read_the_next_reads_again() {
    let world = World::new().await;
    for _ in 0..2 {
        world.run("SELECT id FROM cloudflare.realtime_kit.apps").await;
        assert_eq!(world.seen().len(), 1);
    }
}

#[tokio::test]
async fn one_list_is_taken_where_it_answers_for_less_than_a_request_a_key() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("cams.csv");
    let inputs = world.sandbox.live_inputs(ACCOUNT);
    let uids: Vec<&str> = inputs.iter().take(30).map(|input| input["uid"].as_str().unwrap()).collect();
    write_file(&csv, &format!("uid\n{}\n", uids.join("\n")));
    let sql = format!("SELECT i.name FROM '{}' c JOIN cloudflare.stream.live_inputs i ON i.uid = c.uid", csv.display());
    for count in [1, 8] {
        partitions(&world, count).await;
        assert_eq!(world.rows(&sql).await.len(), 30);
        assert_eq!(world.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_budget_that_ends_in_the_middle_of_a_list_is_an_error() {
    let world = World::new().await;
    world.run("SET max_requests = 5").await;
    let error = world.refused(&format!("SELECT id FROM {STREAMS} WHERE app_id = '{APP}'")).await;
    assert!(told(&error).contains("max_requests"), "{}", told(&error));
    assert!(world.seen().len() <= 5);
}

#[tokio::test]
async fn a_reader_who_stops_listening_stops_the_requests() {
    use futures::StreamExt;
    let world = World::new().await;
    let sql = format!("SELECT id FROM {STREAMS} WHERE app_id = '{APP}'");
    let mut answer = world.session.run(&sql).await.unwrap();
    let mut rows = answer.rows.take().unwrap();
    assert!(rows.next().await.unwrap().unwrap().num_rows() > 0);
    drop(rows);
    // One page was read, and no more can be under way than travel side by side.
    assert!(world.sandbox.requests().len() <= 1 + 8, "{}", world.sandbox.requests().len());
    world.seen();
}

#[tokio::test]
async fn the_page_is_as_small_as_the_limit_and_pages_go_no_further() {
    let world = World::new().await;
    for (limit, expected) in [("3", vec![3]), ("100", vec![100]), ("150", vec![100, 100])] {
        world.run(&format!("SELECT id FROM {STREAMS} WHERE app_id = '{APP}' LIMIT {limit}")).await;
        let sizes: Vec<usize> =
            world.sandbox.requests().iter().map(|seen| seen.param("per_page").unwrap().parse().unwrap()).collect();
        world.seen();
        assert_eq!(sizes, expected, "LIMIT {limit}");
    }
    world.run(&format!("SELECT count(*) FROM {STREAMS} WHERE app_id = '{APP}'")).await;
    assert_eq!(world.one_seen().param("per_page"), Some("1"));
}

#[tokio::test]
async fn natural_predicates_travel_as_the_parameters_they_stand_for() {
    let world = World::new().await;
    let cases = [
        ("created_at >= '2026-01-01T00:00:00Z'", "start_time=2026-01-01T00:00:00.000Z"),
        ("created_at > '2025-12-01'", "start_time=2025-12-01T00:00:00.000Z"),
        ("created_at <= '2025-03-01T10:00:00.0001Z'", "end_time=2025-03-01T10:00:00.001Z"),
        ("created_at BETWEEN '2025-12-01' AND '2025-12-02'", "end_time=2025-12-02T00:00:00.000Z"),
        ("meeting_id IS NULL", "exclude_meetings=true"),
        ("status = 'LIVE'", "status=LIVE"),
    ];
    for (predicate, sent) in cases {
        let sql = format!("SELECT id FROM {STREAMS} WHERE app_id = '{APP}' AND {predicate} LIMIT 1");
        world.run(&sql).await;
        let seen = world.sandbox.requests();
        world.seen();
        assert!(
            seen.iter().all(|one| line(one).contains(sent)),
            "{sql}: {:?}",
            seen.iter().map(line).collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn the_program_tells_the_requests_that_the_server_saw() {
    let world = World::new().await;
    let sql = format!("SELECT id FROM {STREAMS} WHERE app_id = '{APP}' LIMIT 10");
    let program: Program = world.program();
    program.arguments(["--timing"]).exec(&sql).await.code(0).says(&["10 rows, 1 request,"]);
    assert_eq!(world.seen().len(), 1);
    let refused = world.program().arguments(["--max-requests", "5"]);
    refused.exec(&format!("SELECT id FROM {STREAMS} WHERE app_id = '{APP}'")).await.says(&["max_requests"]);
    assert!(world.seen().len() <= 5);
}

#[tokio::test]
async fn the_request_table_has_what_the_server_saw() {
    let world = World::new().await;
    world.run(&spelled(&world, "SELECT id FROM $STREAMS WHERE app_id IN ($THREE)")).await;
    let seen: HashSet<String> = world.sandbox.requests().iter().map(|one| one.path.clone()).collect();
    assert_eq!(world.seen().len(), 6);
    let rows = world.rows("SELECT url, status FROM system.session.requests").await;
    assert_eq!((rows.len(), seen.len()), (6, 3));
    for row in rows {
        let url = Url::parse(row["url"].as_str().unwrap()).unwrap();
        assert!(seen.contains(url.path()) && row["status"] == 200, "{row:?}");
    }
}

#[test]
fn the_default_budget_is_that_of_the_design() {
    assert_eq!(Settings::default().max_requests, 1000);
}
