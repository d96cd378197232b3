//! What EXPLAIN says of a read: its requests, filters, order and limit, and a plan in which nothing stands between the read
//! and its output. What it expects is what is then sent.

use crate::harness::{APP, World};
use crate::reads::{partitions, spelled};

const STREAMS: &str = "cloudflare.realtime_kit.livestreams";

async fn explained(world: &World, sql: &str) -> String {
    let given = world.run(&format!("EXPLAIN {}", spelled(world, sql))).await;
    assert_eq!(world.seen(), Vec::<String>::new(), "EXPLAIN sends nothing");
    given.rows.iter().map(|row| row["plan"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn explain_says_what_becomes_of_filters_order_and_limit() {
    let world = World::new().await;
    let table: &[(&str, &[&str])] = &[
        (
            "SELECT id FROM $STREAMS WHERE app_id = '$APP' LIMIT 10",
            &[
                "per_page=10",
                "Expected: 1 request",
                "sent as app_id in the path",
                "Limit 10: sent to the API as per_page",
            ],
        ),
        (
            "SELECT id FROM $STREAMS WHERE app_id = '$APP' ORDER BY created_at DESC LIMIT 10",
            &["sort_order=DSC", "Order: sent to the API: created_at as sort_order=DSC", "Expected: 1 request"],
        ),
        (
            "SELECT id FROM $STREAMS WHERE app_id = '$APP' ORDER BY name LIMIT 10",
            &["Order: sorted here; the API cannot give this order", "1 or more"],
        ),
        (
            "SELECT id FROM $STREAMS WHERE app_id = '$APP' AND name LIKE 'a%' LIMIT 10",
            &[
                "name LIKE a%: applied here",
                "Limit 10: stops the paging",
                "filters are applied here before it",
                "1 or more",
            ],
        ),
        (
            "SELECT id FROM $STREAMS WHERE app_id = '$APP' AND created_at >= '2025-12-01'",
            &["start_time=2025-12-01T00%3A00%3A00.000Z", "sent as start_time in the query, and applied again here"],
        ),
        (
            "SELECT id FROM $STREAMS WHERE app_id = '$APP' AND status IN ('LIVE', 'IDLE', 'ERRORED', 'INVOKED')",
            &["these are all its values: not sent, applied here"],
        ),
        ("SELECT id FROM $STREAMS WHERE app_id IN ($THREE) LIMIT 5", &["Expected: 3 requests"]),
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' AND 1 = 0", &["none"]),
        ("SELECT count(*) FROM $STREAMS WHERE app_id = '$APP'", &["per_page=1", "Expected: 1 request", "CountExec"]),
        (
            "SELECT uid, rtmps FROM $INPUTS LIMIT 5",
            &["HydrateExec", "one request a row", "1 or more, and one for each row that is left"],
        ),
        (
            "SELECT l.id FROM $APPS a JOIN $STREAMS l ON l.app_id = a.id",
            &["for each app_id", "cloudflare.realtime_kit.apps", "Expected: 1 or more"],
        ),
        (
            "SELECT * FROM $STREAMS WHERE app_id = '$APP' AND id = '$STREAM'",
            &["livestreams/$STREAM", "Expected: 1 request"],
        ),
    ];
    for (sql, words) in table {
        let plan = explained(&world, sql).await;
        for word in *words {
            let word = spelled(&world, word);
            assert!(plan.contains(&word), "EXPLAIN {sql}\nshould say {word:?}:\n{plan}");
        }
    }
}

#[tokio::test]
async fn explain_expects_as_many_requests_as_are_then_sent() {
    let world = World::new().await;
    for sql in [
        "SELECT id FROM $STREAMS WHERE app_id = '$APP' LIMIT 10",
        "SELECT id FROM $STREAMS WHERE app_id = '$APP' ORDER BY created_at DESC LIMIT 10",
        "SELECT * FROM $STREAMS WHERE app_id = '$APP' AND id = '$STREAM'",
        "SELECT count(*) FROM $STREAMS WHERE app_id = '$APP'",
        "SELECT count(*) FROM $STREAMS WHERE app_id IN ($THREE)",
        "SELECT id FROM $STREAMS WHERE app_id = '$APP' AND app_id = 'another'",
        "SELECT uid FROM $INPUTS",
    ] {
        let plan = explained(&world, sql).await;
        world.run(&spelled(&world, sql)).await;
        let sent = world.seen().len();
        let expected = if sent == 1 { "Expected: 1 request".to_owned() } else { format!("Expected: {sent} requests") };
        assert!(plan.lines().any(|line| line == expected), "{sql}: {sent} were sent\n{plan}");
    }
}

#[tokio::test]
async fn nothing_stands_between_a_read_and_its_output() {
    let world = World::new().await;
    for count in [1, 2, 8] {
        partitions(&world, count).await;
        for sql in [
            "SELECT id, name FROM $STREAMS WHERE app_id = '$APP' LIMIT 10",
            "SELECT * FROM $STREAMS WHERE app_id = '$APP' AND name LIKE 'stream%' LIMIT 10",
            "SELECT id FROM $STREAMS WHERE app_id = '$APP' AND length(name) > 3 AND created_at > '2025-01-01' LIMIT 10",
            "SELECT upper(name) AS n FROM $STREAMS WHERE app_id IN ($THREE) AND NOT disabled LIMIT 10",
            "SELECT id FROM $STREAMS WHERE app_id = '$APP' ORDER BY created_at DESC LIMIT 10",
            "SELECT uid FROM $INPUTS WHERE name IS NOT NULL LIMIT 10",
            "SELECT uid, rtmps FROM $INPUTS WHERE enabled LIMIT 10",
        ] {
            let plan = explained(&world, sql).await;
            for node in [
                "RepartitionExec",
                "FilterExec",
                "CoalesceBatchesExec",
                "CoalescePartitionsExec",
                "LimitExec",
                "SortExec",
            ] {
                assert!(!plan.contains(node), "{node} at {count} partitions in\n{plan}");
            }
            assert!(plan.contains("limit=10"), "the limit does not reach the read:\n{plan}");
        }
    }
}

#[tokio::test]
async fn explain_analyze_tells_what_was_sent() {
    let world = World::new().await;
    let given = world.run(&format!("EXPLAIN ANALYZE SELECT id FROM {STREAMS} WHERE app_id = '{APP}' LIMIT 250")).await;
    let text = given.rows.iter().map(|row| row["plan"].as_str().unwrap()).collect::<Vec<_>>().join("\n");
    assert_eq!(world.seen().len(), 3);
    for word in ["3 requests, 0 retried", "pages=3", "rows_decoded=300", "time_to_first_row", "bytes"] {
        assert!(text.contains(word), "{word}:\n{text}");
    }
}
