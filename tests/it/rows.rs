//! Reads are complete and true: every row that the server has, each value with its type, NULLs as NULL, instants to the
//! nanosecond, in every shape that the API was seen to answer in. The server's own state is the measure.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weir::sandbox::{DisabledShape, LiveInputsShape, LivestreamsShape, Shapes, StatusShape, Timestamps};

use crate::harness::{ACCOUNT, APP, Given, Row, World};

/// An instant in one spelling: no zeros at the end of the fraction.
fn instant(value: &Value) -> Value {
    let Value::String(text) = value else { return value.clone() };
    let text = text.trim_end_matches('Z');
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    json!(format!("{text}Z"))
}

/// Objects are JSON text, which the printer opens; either way the value.
fn opened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with(['{', '[']) => serde_json::from_str(text).unwrap(),
        other => other.clone(),
    }
}

fn by_key<'a>(rows: impl IntoIterator<Item = &'a Row>, key: &str) -> BTreeMap<String, &'a Row> {
    rows.into_iter().map(|row| (row[key].as_str().unwrap().to_owned(), row)).collect()
}

/// Every row of the server's once, and each column as `expected` makes it from the server's row.
#[track_caller]
fn same_rows(given: &Given, server: &[Value], key: (&str, &str), expected: impl Fn(&str, &Value) -> Value) {
    let rows = by_key(&given.rows, key.0);
    assert_eq!((given.rows.len(), rows.len()), (server.len(), server.len()), "rows, and rows that differ");
    for one in server {
        let row = rows[one[key.1].as_str().unwrap()];
        for column in &given.columns {
            let found = opened(&row[column]);
            assert_eq!(found, expected(column, one), "{column} of {}", one[key.1]);
        }
    }
    assert_eq!(given.summary.warnings, Vec::<String>::new());
}

fn livestream(app: &str) -> impl Fn(&str, &Value) -> Value {
    move |column, row| match column {
        "account_id" => json!(ACCOUNT),
        "app_id" => json!(app),
        "created_at" | "updated_at" => instant(&row[column]),
        "disabled" => json!(row["disabled"] == true || row["disabled"] == "true" || row["disabled"] == "disabled"),
        _ => row.get(column).unwrap_or_else(|| panic!("{column} is no field")).clone(),
    }
}

#[track_caller]
fn types(given: &Given, expected: &[(&str, &str)]) {
    for (column, expected) in expected {
        let at = given.columns.iter().position(|name| name == column).unwrap_or_else(|| panic!("no column {column}"));
        assert_eq!(given.types[at], *expected, "{column}");
    }
}

#[tokio::test]
async fn all_columns_of_all_livestreams_are_what_the_server_has() {
    let world = World::new().await;
    let given = world.run(&format!("SELECT * FROM cloudflare.realtime_kit.livestreams WHERE app_id = '{APP}'")).await;
    let server = world.sandbox.livestreams(APP);
    assert_eq!(server.len(), 2500);
    same_rows(&given, &server, ("id", "id"), livestream(APP));
    let time = "Timestamp(ns, \"UTC\")";
    types(&given, &[("id", "Utf8View"), ("disabled", "Boolean"), ("created_at", time), ("updated_at", time)]);
    let columns = "id name status disabled meeting_id playback_url created_at updated_at ingest_server stream_key account_id app_id";
    assert_eq!(given.columns, columns.split(' ').collect::<Vec<_>>());
    let lengths = server.iter().map(|row| row["created_at"].as_str().unwrap().len());
    assert!(lengths.collect::<std::collections::BTreeSet<_>>().len() >= 9, "instants of 0 to 9 digits were expected");
    assert!(server.iter().any(|row| row["name"].is_null()) && server.iter().any(|row| row["name"] == ""));
}

#[tokio::test]
async fn livestreams_are_the_same_rows_in_every_shape() {
    let shapes = [
        Shapes { livestreams: LivestreamsShape::Object, ..Shapes::default() },
        Shapes { disabled: DisabledShape::Text, ..Shapes::default() },
        Shapes { disabled: DisabledShape::Word, ..Shapes::default() },
        Shapes { timestamps: Timestamps::Milliseconds, ..Shapes::default() },
        Shapes { filled_errors: true, ..Shapes::default() },
    ];
    for shapes in shapes {
        let world = World::with(shapes.clone()).await;
        // 0, 1, 3 and 42 rows; an object holds one row, so that each of these takes as many requests.
        for at in [1, 2, 14, 13] {
            let app = world.sandbox.apps(ACCOUNT)[at]["id"].as_str().unwrap().to_owned();
            let sql = format!("SELECT * FROM cloudflare.realtime_kit.livestreams WHERE app_id = '{app}'");
            let given = world.run(&sql).await;
            let server = world.sandbox.livestreams(&app);
            same_rows(&given, &server, ("id", "id"), livestream(&app));
            for one in server.iter().take(2) {
                let id = one["id"].as_str().unwrap();
                let given = world.run(&format!("{sql} AND id = '{id}'")).await;
                same_rows(&given, std::slice::from_ref(one), ("id", "id"), livestream(&app));
            }
        }
        assert!(!world.seen().is_empty(), "{shapes:?}");
    }
}

#[tokio::test]
async fn meetings_and_apps_are_what_the_server_has() {
    let world = World::new().await;
    let given = world.run("SELECT * FROM cloudflare.realtime_kit.apps").await;
    same_rows(&given, &world.sandbox.apps(ACCOUNT), ("id", "id"), |column, row| match column {
        "account_id" => json!(ACCOUNT),
        "created_at" => instant(&row[column]),
        _ => row[column].clone(),
    });
    let given = world.run(&format!("SELECT * FROM cloudflare.realtime_kit.meetings WHERE app_id = '{APP}'")).await;
    same_rows(&given, &world.sandbox.meetings(APP), ("id", "id"), |column, row| match column {
        "account_id" => json!(ACCOUNT),
        "app_id" => json!(APP),
        "created_at" | "updated_at" => instant(&row[column]),
        "session_keep_alive_time_in_secs" => json!(row[column].as_f64()),
        _ => row[column].clone(),
    });
}

/// SQL name and wire name of what the list of live inputs has; then of what only a single one has.
const LISTED: [(&str, &str); 6] = [
    ("uid", "uid"),
    ("enabled", "enabled"),
    ("created", "created"),
    ("modified", "modified"),
    ("meta", "meta"),
    ("delete_recording_after_days", "deleteRecordingAfterDays"),
];
const SINGLE: [(&str, &str); 11] = [
    ("status", "status"),
    ("recording", "recording"),
    ("prefer_low_latency", "preferLowLatency"),
    ("playback", "playback"),
    ("web_rtc_playback", "webRTCPlayback"),
    ("keys_rotated_at", "keysRotatedAt"),
    ("rtmps", "rtmps"),
    ("srt", "srt"),
    ("web_rtc", "webRTC"),
    ("rtmps_playback", "rtmpsPlayback"),
    ("srt_playback", "srtPlayback"),
];

fn live_input(column: &str, row: &Value) -> Value {
    let wire = LISTED.iter().chain(&SINGLE).find(|(name, _)| *name == column).map(|(_, wire)| *wire);
    match (column, wire) {
        ("account_id", _) => json!(ACCOUNT),
        ("created" | "modified" | "keys_rotated_at", Some(wire)) => instant(&row[wire]),
        ("name", _) => row["meta"]["name"].clone(),
        ("status_state", _) => match &row["status"] {
            Value::Object(status) => status["current"]["state"].clone(),
            other => other.clone(),
        },
        ("status_reason", _) => row["status"]["current"]["reason"].clone(),
        (_, Some(wire)) => row[wire].clone(),
        (other, None) => panic!("{other} is no column"),
    }
}

#[tokio::test]
async fn listed_columns_of_all_live_inputs_are_what_the_server_has_in_every_shape() {
    let columns = LISTED.map(|(name, _)| name).join(", ");
    for shapes in [
        Shapes::default(),
        Shapes { live_inputs: LiveInputsShape::Object, ..Shapes::default() },
        Shapes { enabled_absent: true, ..Shapes::default() },
        Shapes { timestamps: Timestamps::Milliseconds, ..Shapes::default() },
        Shapes { filled_errors: true, ..Shapes::default() },
    ] {
        let world = World::with(shapes.clone()).await;
        let given = world.run(&format!("SELECT {columns}, name, account_id FROM cloudflare.stream.live_inputs")).await;
        assert_eq!(world.seen().len(), 1, "{shapes:?}");
        let server = world.sandbox.live_inputs(ACCOUNT);
        assert_eq!(server.len(), 120);
        same_rows(&given, &server, ("uid", "uid"), live_input);
        types(
            &given,
            &[("enabled", "Boolean"), ("delete_recording_after_days", "Int64"), ("created", "Timestamp(ns, \"UTC\")")],
        );
        let absent = given.rows.iter().all(|row| row["enabled"].is_null());
        assert_eq!(absent, shapes.enabled_absent, "a missing boolean is NULL");
        // Counts change the answer's form, not the rows.
        let counted = "SELECT uid FROM cloudflare.stream.live_inputs WHERE include_counts = true";
        assert_eq!(world.rows(counted).await.len(), 120);
        assert_eq!(world.one_seen().param("include_counts"), Some("true"));
    }
}

#[tokio::test]
async fn all_columns_of_single_live_inputs_are_what_the_server_has_in_every_shape() {
    for status in [StatusShape::Mixed, StatusShape::Null, StatusShape::Text, StatusShape::Object] {
        let world =
            World::with(Shapes { status, enabled_absent: status == StatusShape::Null, ..Shapes::default() }).await;
        let server = &world.sandbox.live_inputs(ACCOUNT)[..24];
        let uids: Vec<String> = server.iter().map(|row| format!("'{}'", row["uid"].as_str().unwrap())).collect();
        let given =
            world.run(&format!("SELECT * FROM cloudflare.stream.live_inputs WHERE uid IN ({})", uids.join(", "))).await;
        same_rows(&given, server, ("uid", "uid"), live_input);
        assert_eq!(given.columns.len(), LISTED.len() + SINGLE.len() + 4, "{:?}", given.columns);
        types(
            &given,
            &[("prefer_low_latency", "Boolean"), ("keys_rotated_at", "Timestamp(ns, \"UTC\")"), ("status", "Utf8View")],
        );
    }
}

#[tokio::test]
async fn outputs_and_sessions_are_what_the_server_has() {
    let world = World::new().await;
    let uid = world.sandbox.live_inputs(ACCOUNT)[5]["uid"].as_str().unwrap().to_owned();
    let given =
        world.run(&format!("SELECT * FROM cloudflare.stream.live_input_outputs WHERE live_input_uid = '{uid}'")).await;
    assert_eq!(given.rows.len(), 3);
    assert_eq!(given.columns, ["uid", "enabled", "url", "stream_key", "account_id", "live_input_uid"]);
    for row in &given.rows {
        assert!(row["stream_key"].as_str().unwrap().contains("canary"), "keys are shown to who asks: {row:?}");
        assert!(row["enabled"].is_boolean() && row["live_input_uid"] == uid.as_str());
    }

    let streams = world.sandbox.livestreams(APP);
    for stream in streams.iter().filter(|s| s["status"] == "IDLE" || s["status"] == "LIVE").take(6) {
        let id = stream["id"].as_str().unwrap();
        let given = world
            .run(&format!("SELECT * FROM cloudflare.realtime_kit.livestream_sessions WHERE app_id = '{APP}' AND livestream_id = '{id}'"))
            .await;
        assert!(!given.rows.is_empty() && given.rows.iter().all(|row| row["livestream_id"] == id));
        types(
            &given,
            &[("viewer_seconds", "Float64"), ("ingest_seconds", "Float64"), ("stopped_time", "Timestamp(ns, \"UTC\")")],
        );
        let active = format!(
            "SELECT livestream_id FROM cloudflare.realtime_kit.active_livestream_session WHERE app_id = '{APP}' AND livestream_id = '{id}'"
        );
        // A 404 of the product is a row that is not there.
        assert_eq!(world.rows(&active).await.len(), usize::from(stream["status"] == "LIVE"), "{stream}");
    }
}
