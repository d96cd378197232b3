//! The published examples of both resources, word for word where they are SQL: each works, and what the server saw has the
//! method, path and body that the reference gives. It is read from the server's side.

use serde_json::{Value, json};
use weir::sandbox::Seen;

use crate::harness::{ACCOUNT, APP, World};

/// As printed, commas hidden in comments and all.
const INSERT: &str = "INSERT INTO cloudflare.realtime_kit.livestreams (
name,
video_config,
meeting_id,
account_id,
app_id
)
SELECT
'{{ name }}',
'{{ video_config }}',
'{{ meeting_id }}',
'{{ account_id }}',
'{{ app_id }}'
RETURNING
data,
success
;";
const EXEC: &str = "EXEC cloudflare.realtime_kit.livestreams.stop_livestreaming_a_meeting
@meeting_id='{{ meeting_id }}' --required,
@account_id='{{ account_id }}' --required,
@app_id='{{ app_id }}' --required
;";

fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let all = [("account_id", ACCOUNT), ("app_id", APP)];
    let filled = all
        .iter()
        .chain(values)
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{{ {name} }}}}"), value));
    assert!(!filled.contains("{{"), "{filled}");
    filled
}

/// A meeting that can be started: active, and nothing of it on air.
pub fn idle_meeting(world: &World) -> String {
    let streams = world.sandbox.livestreams(APP);
    let busy = |id: &Value| {
        streams.iter().any(|s| s["meeting_id"] == *id && (s["status"] == "LIVE" || s["status"] == "INVOKED"))
    };
    let meetings = world.sandbox.meetings(APP);
    let found = meetings.iter().find(|m| m["status"] == "ACTIVE" && !busy(&m["id"])).expect("the seed has one");
    found["id"].as_str().unwrap().to_owned()
}

/// Method, path and body, the body read as JSON; no query, because none is documented for these.
#[track_caller]
fn sent(seen: &Seen, method: &str, path: &str, body: Option<Value>) {
    assert_eq!((seen.method.as_str(), seen.path.as_str()), (method, format!("/client/v4{path}").as_str()));
    assert_eq!(seen.query, []);
    match body {
        None => assert_eq!(seen.body, ""),
        Some(body) => {
            assert_eq!(serde_json::from_str::<Value>(&seen.body).unwrap(), body);
            assert_eq!(seen.header("content-type"), Some("application/json"));
        }
    }
}

#[tokio::test]
async fn the_insert_and_the_exec_of_the_provider_page_run_as_they_stand() {
    let world = World::new().await;
    let meeting = idle_meeting(&world);
    let values = [("name", "prdmmp-xhycsl"), ("video_config", r#"{"height":720,"width":1280}"#)];
    let values = [&values[..], &[("meeting_id", meeting.as_str())]].concat();
    let kit = format!("/accounts/{ACCOUNT}/realtime/kit/{APP}");

    let given = world.run(&fill(INSERT, &values)).await;
    let body = json!({"name": "prdmmp-xhycsl", "video_config": {"height": 720, "width": 1280}});
    sent(&world.one_seen(), "POST", &format!("{kit}/meetings/{meeting}/livestreams"), Some(body));
    assert_eq!(given.columns, ["data", "success"]);
    assert_eq!(given.rows[0]["success"], json!(true));
    let made = world.sandbox.livestreams(APP).pop().unwrap();
    let data = text_of_json(&given.rows[0]["data"]);
    for field in ["id", "status", "ingest_server", "playback_url", "stream_key"] {
        assert_eq!(data[field], made[field], "{field}");
    }
    assert_eq!((&made["meeting_id"], &made["status"]), (&json!(meeting), &json!("INVOKED")));

    world.run(&fill(EXEC, &values)).await;
    sent(&world.one_seen(), "POST", &format!("{kit}/meetings/{meeting}/active-livestream/stop"), None);
    assert_eq!(world.sandbox.livestreams(APP).pop().unwrap()["status"], "IDLE");
}

/// Objects are JSON text in a row; the printer may have opened them.
fn text_of_json(value: &Value) -> Value {
    match value {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.clone(),
    }
}

#[tokio::test]
async fn an_independent_livestream_is_created_as_the_reference_says() {
    let world = World::new().await;
    let path = format!("/accounts/{ACCOUNT}/realtime/kit/{APP}/livestreams");
    let insert = format!(
        "INSERT INTO cloudflare.realtime_kit.livestreams (account_id, app_id, name) VALUES \
         ('{ACCOUNT}', '{APP}', 'prdmmp-xhycsl') RETURNING id, name, status, disabled, meeting_id, stream_key, data, success"
    );
    let given = world.run(&insert).await;
    sent(&world.one_seen(), "POST", &path, Some(json!({"name": "prdmmp-xhycsl"})));
    let (row, made) = (&given.rows[0], world.sandbox.livestreams(APP).pop().unwrap());
    for field in ["id", "name", "status", "disabled", "meeting_id", "stream_key"] {
        assert_eq!(row[field], made[field], "{field}");
        assert_eq!(text_of_json(&row["data"])[field], made[field], "{field} in data");
    }
    assert_eq!(row["success"], json!(true));

    // Without a name: the reference has the body optional, and the account comes from the environment.
    world.run(&format!("INSERT INTO cloudflare.realtime_kit.livestreams (app_id) VALUES ('{APP}')")).await;
    let seen = world.one_seen();
    assert_eq!((seen.method.as_str(), seen.path), ("POST", format!("/client/v4{path}")));
    assert!(matches!(seen.body.as_str(), "" | "{}"), "{}", seen.body);
}

#[tokio::test]
async fn a_meeting_is_started_with_an_empty_body_too() {
    let world = World::new().await;
    let meeting = idle_meeting(&world);
    let insert = format!(
        "INSERT INTO cloudflare.realtime_kit.livestreams (app_id, meeting_id) VALUES ('{APP}', '{meeting}') \
         RETURNING id, ingest_server, playback_url, status, stream_key, success"
    );
    let given = world.run(&insert).await;
    let seen = world.one_seen();
    let path = format!("/client/v4/accounts/{ACCOUNT}/realtime/kit/{APP}/meetings/{meeting}/livestreams");
    assert_eq!((seen.method.as_str(), seen.path), ("POST", path));
    // The reference's curl sends {}; what is sent must be that or nothing.
    assert!(matches!(seen.body.as_str(), "" | "{}"), "{}", seen.body);
    assert_eq!((&given.rows[0]["status"], &given.rows[0]["success"]), (&json!("INVOKED"), &json!(true)));
}

#[tokio::test]
async fn the_list_sends_each_documented_parameter_by_its_documented_name() {
    let world = World::new().await;
    let cases = [
        ("", vec![]),
        ("AND status = 'LIVE'", vec![("status", "LIVE")]),
        ("AND exclude_meetings = true", vec![("exclude_meetings", "true")]),
        ("AND meeting_id IS NULL", vec![("exclude_meetings", "true")]),
        ("AND created_at >= '2025-12-01T00:00:00Z'", vec![("start_time", "2025-12-01T00:00:00Z")]),
        ("AND created_at <= '2025-12-01T00:00:00Z'", vec![("end_time", "2025-12-01T00:00:00Z")]),
        ("AND start_time = '2025-12-01T00:00:00Z'", vec![("start_time", "2025-12-01T00:00:00Z")]),
        ("AND end_time = '2025-12-01T00:00:00Z'", vec![("end_time", "2025-12-01T00:00:00Z")]),
        ("ORDER BY created_at DESC", vec![("sort_order", "DSC")]),
        ("ORDER BY created_at ASC", vec![("sort_order", "ASC")]),
    ];
    for (rest, expected) in cases {
        let sql = format!(
            "SELECT id FROM cloudflare.realtime_kit.livestreams WHERE account_id = '{ACCOUNT}' AND app_id = '{APP}' {rest} LIMIT 1"
        );
        world.run(&sql).await;
        let seen = world.sandbox.requests();
        world.sandbox.forget_requests();
        let first = &seen[0];
        let path = format!("/client/v4/accounts/{ACCOUNT}/realtime/kit/{APP}/livestreams");
        assert_eq!((first.method.as_str(), first.path.as_str(), first.body.as_str()), ("GET", path.as_str(), ""));
        let own = first.query.iter().filter(|(name, _)| name != "page_no" && name != "per_page");
        // An instant may carry its milliseconds.
        let own: Vec<(&str, String)> = own.map(|(name, value)| (name.as_str(), value.replace(".000Z", "Z"))).collect();
        let expected: Vec<(&str, String)> =
            expected.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        assert_eq!(own, expected, "{rest}");
    }
}

#[tokio::test]
async fn a_live_input_is_created_with_the_body_of_the_curl_example() {
    let world = World::new().await;
    let body = json!({
        "deleteRecordingAfterDays": 45,
        "enabled": true,
        "meta": {"name": "test stream 1"},
        "recording": {
            "hideLiveViewerCount": false,
            "mode": "off",
            "requireSignedURLs": false,
            "timeoutSeconds": 0
        }
    });
    let path = format!("/accounts/{ACCOUNT}/stream/live_inputs");
    let insert = "INSERT INTO cloudflare.stream.live_inputs (delete_recording_after_days, enabled, meta, recording) VALUES \
         (45, true, '{\"name\": \"test stream 1\"}', \
         '{\"hideLiveViewerCount\": false, \"mode\": \"off\", \"requireSignedURLs\": false, \"timeoutSeconds\": 0}') \
         RETURNING uid, enabled, delete_recording_after_days, meta, rtmps, success, errors";
    let given = world.run(insert).await;
    sent(&world.one_seen(), "POST", &path, Some(body.clone()));
    let made = world.sandbox.live_inputs(ACCOUNT).pop().unwrap();
    let row = &given.rows[0];
    assert_eq!((&row["uid"], &row["enabled"]), (&made["uid"], &json!(true)));
    assert_eq!(row["delete_recording_after_days"], json!(45));
    assert_eq!(text_of_json(&row["rtmps"]), made["rtmps"]);
    assert_eq!(text_of_json(&row["meta"]), json!({"name": "test stream 1"}));

    // In the reference's own spelling, and as a whole by EXEC.
    let insert = insert.replace("delete_recording_after_days", "deleteRecordingAfterDays");
    world.run(&insert).await;
    sent(&world.one_seen(), "POST", &path, Some(body.clone()));
    world.run(&format!("EXEC cloudflare.stream.live_inputs.create @account_id = '{ACCOUNT}' @@json = '{body}'")).await;
    sent(&world.one_seen(), "POST", &path, Some(body));
}

#[tokio::test]
async fn returning_names_columns_first_and_envelope_fields_second() {
    let world = World::new().await;
    let insert = |returning: &str| {
        format!(
            "INSERT INTO cloudflare.realtime_kit.livestreams (app_id, name) VALUES ('{APP}', 'n') RETURNING {returning}"
        )
    };
    let given = world.run(&insert("id, stream_key")).await;
    let made = world.sandbox.livestreams(APP).pop().unwrap();
    assert_eq!((&given.rows[0]["id"], &given.rows[0]["stream_key"]), (&made["id"], &made["stream_key"]));

    let given = world
        .run(&insert("upper(name) || '!' AS loud, status = 'INVOKED' AS invoked, data->>'id' AS id, success"))
        .await;
    let made = world.sandbox.livestreams(APP).pop().unwrap();
    assert_eq!(json!(given.rows[0]), json!({"loud": "N!", "invoked": true, "id": made["id"], "success": true}));

    let given = world.run(&insert("*")).await;
    for column in ["id", "name", "status", "stream_key", "account_id", "app_id"] {
        assert!(given.columns.iter().any(|name| name == column), "{column} in {:?}", given.columns);
    }
    for hidden in ["data", "success", "_raw"] {
        assert!(!given.columns.iter().any(|name| name == hidden), "{hidden} in {:?}", given.columns);
    }
    // The answer says nothing of when it was created; the request knows app and account.
    assert_eq!((&given.rows[0]["created_at"], &given.rows[0]["app_id"]), (&Value::Null, &json!(APP)));
    world.sandbox.forget_requests();

    let before = world.sandbox.counts().writes;
    for wrong in ["nonsense", "id, nonsense", "upper(nonsense)", "count(*) OVER (ORDER BY nonsense)"] {
        let error = world.refused_unsent(&insert(wrong)).await;
        assert!(error.to_string().contains("nonsense"), "{wrong}: {error}");
        assert_eq!(error.kind().exit_code(), 1, "{wrong}");
    }
    assert_eq!(world.sandbox.counts().writes, before);
}

#[tokio::test]
async fn an_exec_without_a_body_works_with_and_without_json() {
    let world = World::new().await;
    let inputs = world.sandbox.live_inputs(ACCOUNT);
    let uid = inputs[0]["uid"].as_str().unwrap();
    let path = format!("/accounts/{ACCOUNT}/stream/live_inputs/{uid}/disable");
    for more in ["", ", @account_id = '023e105f4ecef8ad9ca31a8372d0c353'", " @@json = '{}'", ", @@json = '{}'"] {
        world.run(&format!("EXEC cloudflare.stream.live_inputs.disable @uid = '{uid}'{more}")).await;
        let seen = world.one_seen();
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", format!("/client/v4{path}").as_str()));
        assert!(matches!(seen.body.as_str(), "" | "{}"), "{more}: {}", seen.body);
    }
    assert_eq!(world.sandbox.live_inputs(ACCOUNT)[0]["enabled"], json!(false));
    let error = world
        .refused_unsent(&format!("EXEC cloudflare.stream.live_inputs.disable @uid = '{uid}' @@json = '{{\"a\": 1}}'"))
        .await;
    assert!(error.to_string().contains("takes no body"), "{error}");
}
