//! What a write sends, to the letter, and what it refuses to send. A body has three values: not given, NULL, and a value, of
//! which `false`, 0 and '' are some. And a write takes effect once, whatever happens on the way.

use serde_json::{Value, json};
use weir::sandbox::{Fault, FaultKind, Seen};

use crate::harness::{ACCOUNT, APP, World};

const INPUTS: &str = "cloudflare.stream.live_inputs";
const STREAMS: &str = "cloudflare.realtime_kit.livestreams";
const MEETINGS: &str = "cloudflare.realtime_kit.meetings";

fn body(seen: &Seen) -> Value {
    serde_json::from_str(&seen.body).unwrap_or_else(|_| panic!("no JSON: {:?}", seen.body))
}

#[tokio::test]
async fn what_is_given_is_sent_and_nothing_else() {
    let world = World::new().await;
    let cases = [
        (INPUTS, "enabled", "false", json!({"enabled": false})),
        (INPUTS, "enabled", "'false'", json!({"enabled": false})),
        (INPUTS, "default_creator", "''", json!({"defaultCreator": ""})),
        (INPUTS, "delete_recording_after_days", "NULL", json!({"deleteRecordingAfterDays": null})),
        (INPUTS, "delete_recording_after_days", "30", json!({"deleteRecordingAfterDays": 30})),
        (INPUTS, "delete_recording_after_days", "'1096'", json!({"deleteRecordingAfterDays": 1096})),
        (INPUTS, "deleteRecordingAfterDays", "40 + 5", json!({"deleteRecordingAfterDays": 45})),
        (INPUTS, "recording", "'{\"timeoutSeconds\": 0}'", json!({"recording": {"timeoutSeconds": 0}})),
        (INPUTS, "recording", "'{\"allowedOrigins\": []}'", json!({"recording": {"allowedOrigins": []}})),
        (INPUTS, "recording", "'{\"allowedOrigins\": null}'", json!({"recording": {"allowedOrigins": null}})),
        (INPUTS, "meta", "'{}'", json!({"meta": {}})),
        (
            INPUTS,
            "meta",
            "'{\"big\": 9007199254740993, \"e\": \"\", \"n\": null}'",
            json!({"meta": {"big": 9_007_199_254_740_993_i64, "e": "", "n": null}}),
        ),
        (INPUTS, "prefer_low_latency, enabled", "true, false", json!({"preferLowLatency": true, "enabled": false})),
        (STREAMS, "app_id, name", "'$APP', NULL", json!({"name": null})),
        (STREAMS, "app_id, name", "'$APP', ''", json!({"name": ""})),
        (STREAMS, "app_id, name", "'$APP', '0'", json!({"name": "0"})),
        (STREAMS, "app_id, name", "'$APP', '{\"a\": 1}'", json!({"name": "{\"a\": 1}"})),
        (STREAMS, "app_id, name", "'$APP', 'Ü \"q\" ''s'' \\ 🎥'", json!({"name": "Ü \"q\" 's' \\ 🎥"})),
        (
            MEETINGS,
            "app_id, session_keep_alive_time_in_secs",
            "'$APP', 60",
            json!({"session_keep_alive_time_in_secs": 60}),
        ),
        (
            MEETINGS,
            "app_id, title, record_on_start",
            "'$APP', NULL, false",
            json!({"title": null, "record_on_start": false}),
        ),
    ];
    for (table, columns, values, expected) in cases {
        let values = values.replace("$APP", APP);
        world.run(&format!("INSERT INTO {table} ({columns}) VALUES ({values})")).await;
        assert_eq!(body(&world.one_seen()), expected, "{columns} = {values}");
        world.run(&format!("INSERT INTO {table} ({columns}) SELECT {values}")).await;
        assert_eq!(body(&world.one_seen()), expected, "{columns} = {values}, by SELECT");
    }
}

#[tokio::test]
async fn exec_sends_the_same_and_json_as_it_stands() {
    let world = World::new().await;
    let uid = world.sandbox.live_inputs(ACCOUNT)[2]["uid"].as_str().unwrap().to_owned();
    for (arguments, expected) in [
        (", @enabled = false", json!({"enabled": false})),
        (", @delete_recording_after_days = NULL", json!({"deleteRecordingAfterDays": null})),
        (", @deleteRecordingAfterDays = 31", json!({"deleteRecordingAfterDays": 31})),
        (" @@json = '{\"enabled\": false, \"meta\": {\"x\": null}}'", json!({"enabled": false, "meta": {"x": null}})),
        (", @enabled = true @@json = '{\"defaultCreator\": \"\"}'", json!({"enabled": true, "defaultCreator": ""})),
    ] {
        world.run(&format!("EXEC {INPUTS}.update @uid = '{uid}'{arguments}")).await;
        let seen = world.one_seen();
        assert_eq!((seen.method.as_str(), body(&seen)), ("PUT", expected), "{arguments}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_unsent_and_named() {
    let world = World::new().await;
    let uid = world.sandbox.live_inputs(ACCOUNT)[2]["uid"].as_str().unwrap().to_owned();
    // Statement, and what the message must name: column, rule and value where there is one.
    let cases: &[(&str, &[&str])] = &[
        (
            "INSERT INTO $INPUTS (delete_recording_after_days) VALUES (29)",
            &["delete_recording_after_days", "29", "30", "1096"],
        ),
        ("INSERT INTO $INPUTS (delete_recording_after_days) VALUES (1097)", &["delete_recording_after_days", "1097"]),
        ("INSERT INTO $INPUTS (delete_recording_after_days) VALUES (45.5)", &["delete_recording_after_days", "45.5"]),
        ("INSERT INTO $INPUTS (delete_recording_after_days) VALUES ('soon')", &["delete_recording_after_days", "soon"]),
        ("INSERT INTO $INPUTS (enabled) VALUES ('maybe')", &["enabled", "maybe"]),
        ("INSERT INTO $INPUTS (enabled) VALUES (NULL)", &["enabled", "NULL"]),
        ("INSERT INTO $INPUTS (meta) VALUES ('[1]')", &["meta", "object"]),
        ("INSERT INTO $INPUTS (meta) VALUES ('{')", &["meta", "JSON"]),
        (
            "INSERT INTO $INPUTS (recording) VALUES ('{\"mode\": \"on\"}')",
            &["recording.mode", "'on'", "off", "automatic"],
        ),
        ("INSERT INTO $INPUTS (recording) VALUES ('{\"timeoutSeconds\": -1}')", &["recording.timeoutSeconds", "-1"]),
        (
            "INSERT INTO $INPUTS (recording) VALUES ('{\"requireSignedURLs\": \"perhaps\"}')",
            &["recording.requireSignedURLs"],
        ),
        ("INSERT INTO $INPUTS (nonsense) VALUES (1)", &["nonsense", "create"]),
        ("INSERT INTO $INPUTS (uid, enabled) VALUES ('x', true)", &["uid"]),
        (
            "INSERT INTO $STREAMS (app_id, video_config) VALUES ('$APP', '{}')",
            &["video_config", "create_independent_livestream"],
        ),
        ("INSERT INTO $STREAMS (app_id, name) VALUES (NULL, 'x')", &["app_id"]),
        ("INSERT INTO $STREAMS (app_id, name) VALUES ('', 'x')", &["app_id"]),
        ("INSERT INTO $STREAMS (app_id, name) VALUES ('.', 'x')", &["app_id"]),
        ("INSERT INTO $STREAMS (app_id, name) VALUES ('..', 'x')", &["app_id"]),
        ("INSERT INTO $STREAMS (app_id, name) VALUES ('$APP', 'x'), ('..', 'y')", &["row 2", "app_id"]),
        (
            "INSERT INTO $MEETINGS (app_id, session_keep_alive_time_in_secs) VALUES ('$APP', 601)",
            &["session_keep_alive_time_in_secs", "601"],
        ),
        (
            "INSERT INTO $MEETINGS (app_id, recording_config) VALUES ('$APP', '{\"video_config\": {\"codec\": \"AV1\"}}')",
            &["recording_config.video_config.codec", "AV1"],
        ),
        ("EXEC $INPUTS.disable @uid = NULL", &["uid", "NULL"]),
        ("EXEC $INPUTS.disable @uid = ''", &["uid", "empty"]),
        ("EXEC $INPUTS.disable @uid = '.'", &["uid"]),
        ("EXEC $INPUTS.disable @uid = '..'", &["uid"]),
        ("EXEC $INPUTS.disable @uid = '$UID', @enabled = true", &["enabled", "disable"]),
        ("EXEC $INPUTS.update @uid = '$UID' @@json = '{\"enabled\": \"maybe\"}'", &["enabled", "maybe"]),
        ("EXEC $INPUTS.update @uid = '$UID', @enabled = true @@json = '{\"enabled\": false}'", &["enabled", "twice"]),
        ("EXEC $INPUTS.update @uid = '$UID' @@json = NULL", &["@@json", "NULL"]),
        ("EXEC $INPUTS.update @uid = '$UID' @@json = '[1]'", &["@@json", "object"]),
        ("SELECT uid FROM $INPUTS WHERE uid = '..'", &["uid"]),
        ("SELECT id FROM $STREAMS WHERE app_id = '.'", &["app_id"]),
        ("SELECT id FROM $STREAMS WHERE app_id = '$APP' AND status = 'LIV'", &["status", "LIV", "LIVE"]),
        ("SELECT id FROM cloudflare.realtime_kit.apps WHERE sort_order = 'DSC'", &["sort_order", "DSC", "DESC"]),
        ("EXEC $INPUTS.disable @uid = '../x'", &["uid"]),
        ("EXEC $INPUTS.disable @uid = 'x/..'", &["uid"]),
        ("EXEC $INPUTS.disable @uid = '%2e%2e'", &["uid"]),
        ("EXEC $INPUTS.disable @uid = '%252E.'", &["uid"]),
    ];
    for (sql, words) in cases {
        let names =
            [("$INPUTS", INPUTS), ("$STREAMS", STREAMS), ("$MEETINGS", MEETINGS), ("$APP", APP), ("$UID", &uid)];
        let sql = names.iter().fold((*sql).to_owned(), |sql, (name, value)| sql.replace(name, value));
        let error = world.refused_unsent(&sql).await;
        for word in *words {
            assert!(error.message().contains(word), "{sql}\nshould say {word:?}: {error}");
        }
        assert_eq!(error.kind().exit_code(), 1, "{sql}: {error}");
    }
    assert_eq!(world.sandbox.counts().writes, 0);
}

#[tokio::test]
async fn an_open_enum_warns_and_sends() {
    let world = World::new().await;
    let config = json!({"transcription": {"language": "tlh"}});
    let given = world.run(&format!("INSERT INTO {MEETINGS} (app_id, ai_config) VALUES ('{APP}', '{config}')")).await;
    assert_eq!(body(&world.one_seen()), json!({"ai_config": config}));
    assert!(
        given.summary.warnings.iter().any(|w| w.contains("language") && w.contains("tlh")),
        "{:?}",
        given.summary.warnings
    );
}

#[tokio::test]
async fn values_in_a_path_stay_in_their_place() {
    let world = World::new().await;
    for (value, encoded) in [
        ("a/b", "a%2Fb"),
        ("%2f", "%252f"),
        ("a b?c#d", "a%20b%3Fc%23d"),
        ("ü配", "%C3%BC%E9%85%8D"),
        ("x''y\"z", "x%27y%22z"),
        ("a\\b", "a%5Cb"),
        ("...", "..."),
        ("a&b=c;d+e", "a%26b%3Dc%3Bd%2Be"),
        ("-._~", "-._~"),
    ] {
        let error = world.refused(&format!("EXEC {INPUTS}.disable @uid = '{value}'")).await;
        assert_eq!(error.kind().exit_code(), 4, "{value}: {error}");
        let path = world.one_seen().path;
        assert!(path.ends_with(&format!("/live_inputs/{encoded}/disable")), "{value}: {path}");
        assert_eq!(
            path.matches('/').count(),
            "/client/v4/accounts/A/stream/live_inputs/U/disable".matches('/').count(),
            "{path}"
        );
        // A read of a row that is not there is no row.
        assert_eq!(world.rows(&format!("SELECT uid FROM {INPUTS} WHERE uid = '{value}'")).await, []);
        world.sandbox.forget_requests();
    }
}

fn fault(kind: FaultKind) -> Fault {
    Fault { method: Some("POST".to_owned()), ..Fault::once("/accounts/", kind) }
}

#[tokio::test]
async fn a_create_with_an_idempotency_key_is_repeated_under_the_same_key_and_done_once() {
    for kind in [
        FaultKind::ServerError,
        FaultKind::LateServerError,
        FaultKind::AnswerLost,
        FaultKind::Drop,
        FaultKind::BadGatewayHtml,
    ] {
        let world = World::new().await;
        world.sandbox.add_fault(fault(kind.clone()));
        world.run("SET write_concurrency = 1").await;
        let given = world.run(&format!("INSERT INTO {INPUTS} (enabled) VALUES (false), (true) RETURNING uid")).await;
        assert_eq!(given.rows.len(), 2);
        let seen = world.sandbox.requests();
        assert_eq!(seen.iter().map(|s| s.method.as_str()).collect::<Vec<_>>(), ["POST"; 3], "{kind:?}");
        let keys: Vec<&str> = seen.iter().map(|s| s.header("idempotency-key").expect("a key is sent")).collect();
        assert_eq!(keys[0], keys[1], "{kind:?}");
        assert_ne!(keys[1], keys[2], "another row has another key");
        assert!((16..=255).contains(&keys[0].len()), "{}", keys[0]);
        assert_eq!(world.sandbox.live_inputs(ACCOUNT).len(), 122, "{kind:?}");
    }
}

#[tokio::test]
async fn any_other_write_is_sent_once_and_doubt_is_told() {
    let insert = format!("INSERT INTO {MEETINGS} (app_id, title) VALUES ('{APP}', 'once')");
    for (kind, code, writes, doubtful) in [
        (FaultKind::ServerError, 4, 0, true),
        (FaultKind::LateServerError, 4, 1, true),
        (FaultKind::BadGatewayHtml, 5, 0, true),
        (FaultKind::AnswerLost, 5, 1, true),
        (FaultKind::Drop, 5, 0, true),
        (FaultKind::TruncatedBody, 5, 1, true),
        (FaultKind::SuccessFalse, 4, 0, false),
    ] {
        let world = World::new().await;
        world.sandbox.add_fault(fault(kind.clone()));
        let error = world.refused(&insert).await;
        let seen = world.seen();
        assert_eq!(seen.len(), 1, "{kind:?} {seen:?}");
        assert_eq!(world.sandbox.counts().writes, writes, "{kind:?}");
        let text = crate::harness::told(&error);
        assert_eq!(text.contains("taken effect") || text.contains("took effect"), doubtful, "{kind:?}: {text}");
        assert_eq!(error.kind().exit_code(), code, "{kind:?}: {text}");
    }
}

#[tokio::test]
async fn too_many_requests_is_waited_for_and_reads_are_repeated() {
    let world = World::new().await;
    world.sandbox.add_fault(fault(FaultKind::RateLimited { retry_after: 0 }));
    world.run(&format!("INSERT INTO {MEETINGS} (app_id, title) VALUES ('{APP}', 'twice asked')")).await;
    assert_eq!((world.seen().len(), world.sandbox.counts().writes), (2, 1));
    for kind in [FaultKind::ServerError, FaultKind::BadGatewayHtml, FaultKind::TruncatedBody, FaultKind::Drop] {
        world.sandbox.add_fault(Fault::once("/live_inputs", kind.clone()));
        let given = world.run(&format!("SELECT uid FROM {INPUTS}")).await;
        assert_eq!((given.rows.len(), world.seen().len()), (120, 2), "{kind:?}");
        assert_eq!((given.summary.totals.requests, given.summary.totals.retried), (2, 1), "{kind:?}");
    }
}
