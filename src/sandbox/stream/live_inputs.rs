//! Live inputs: listed without their credentials, read with them, created (once for an idempotency key), changed by merging,
//! switched on and off, given new keys, deleted.

use serde_json::{Map, Value, json};

use super::super::clock::SECOND;
use super::super::gate::Call;
use super::super::reply::{Answered, LiveInputsShape, Reply, Shapes, StatusShape};
use super::super::state::{Connection, LiveInput, State, UsedKey};
use super::{bad_request, decoding_error, input, not_found};

/// How long an idempotency key is remembered.
const KEY_LIFE: i64 = 6 * 3600 * SECOND;
/// An idempotency key's length at most, in bytes.
const KEY_LENGTH: usize = 255;
/// Rows of a list at most. No page parameter is documented; the `range` of the reference's example suggests this window.
const WINDOW: usize = 1_000;
const RTMPS: &str = "rtmps://live.cloudflare.com:443/live/";
const SRT: &str = "srt://live.cloudflare.com:778";
const PLAYER: &str = "https://customer-m033z5x00ks6nunl.cloudflarestream.com";

/// `recording` when nothing is said about it.
pub fn recording_defaults() -> Value {
    json!({
        "mode": "off",
        "requireSignedURLs": false,
        "allowedOrigins": null,
        "hideLiveViewerCount": false,
        "timeoutSeconds": 0,
    })
}

/// Every live input of an account with all that a single one shows.
pub fn all(state: &mut State, account: &str) -> Vec<Value> {
    let shapes = state.shapes.clone();
    let inputs = state.account(account).map_or(&[][..], |account| &account.live_inputs);
    inputs.iter().map(|input| details(input, &shapes)).collect()
}

pub fn list(state: &mut State, call: &Call) -> Answered {
    let counts = match call.param("include_counts") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(bad_request("include_counts must be a boolean")),
    };
    let shapes = state.shapes.clone();
    let inputs = state.account(&call.account).map_or(&[][..], |account| &account.live_inputs);
    let rows: Vec<Value> = inputs.iter().rev().take(WINDOW).map(|input| row(input, &shapes)).collect();
    let result = if counts || shapes.live_inputs == LiveInputsShape::Object {
        json!({"range": rows.len(), "total": inputs.len(), "liveInputs": rows})
    } else {
        Value::Array(rows)
    };
    Ok(Reply::result(&shapes, &result))
}

pub fn get(state: &mut State, call: &Call) -> Answered {
    let shapes = state.shapes.clone();
    Ok(Reply::result(&shapes, &details(input(state, call)?, &shapes)))
}

pub fn create(state: &mut State, call: &Call) -> Answered {
    let change = Change::read(&call.body)?;
    if let Some(answered) = made_before(state, call)? {
        return Ok(answered);
    }
    let now = state.tick();
    let mut made = LiveInput {
        uid: state.ids.hex(),
        created: now,
        modified: now,
        meta: json!({}),
        delete_recording_after_days: Value::Null,
        enabled: true,
        prefer_low_latency: false,
        recording: recording_defaults(),
        publish_secret: state.ids.secret(),
        playback_secret: state.ids.secret(),
        keys_rotated: None,
        connections: Vec::new(),
        worded: false,
        outputs: Vec::new(),
    };
    change.apply(&mut made);
    let answer = Reply::result(&state.shapes, &details(&made, &state.shapes));
    let account = state.account(&call.account).ok_or_else(not_found)?;
    if let Some(key) = &call.idempotency_key {
        let (key, uid) = (key.clone(), made.uid.clone());
        account.used_keys.push(UsedKey { key, uid, expires: now.saturating_add(KEY_LIFE) });
    }
    account.live_inputs.push(made);
    Ok(answer)
}

/// The answer of the creation that this key already made, if it did.
fn made_before(state: &mut State, call: &Call) -> Result<Option<Reply>, Reply> {
    let Some(key) = &call.idempotency_key else { return Ok(None) };
    if key.is_empty() || key.len() > KEY_LENGTH {
        return Err(bad_request("the Idempotency-Key header must have 1 to 255 bytes"));
    }
    let (now, shapes) = (state.now, state.shapes.clone());
    let account = state.account(&call.account).ok_or_else(not_found)?;
    account.used_keys.retain(|used| used.expires > now);
    let Some(used) = account.used_keys.iter().find(|used| used.key == *key) else { return Ok(None) };
    match account.live_inputs.iter().find(|input| input.uid == used.uid) {
        Some(input) => Ok(Some(Reply::result(&shapes, &details(input, &shapes)))),
        None => Err(Reply::error(409, 100_013, "Conflict: the live input of this Idempotency-Key was deleted")),
    }
}

/// Fields that the body names take their new values whole; the others stay. Whether the real service merges inside `meta`
/// and `recording` is not known; replacing them punishes a client that relies on it.
pub fn update(state: &mut State, call: &Call) -> Answered {
    let change = Change::read(&call.body)?;
    modify(state, call, |input, _| change.apply(input))
}

pub fn enable(state: &mut State, call: &Call) -> Answered {
    modify(state, call, |input, _| input.enabled = true)
}

pub fn disable(state: &mut State, call: &Call) -> Answered {
    modify(state, call, |input, _| input.enabled = false)
}

pub fn rotate_keys(state: &mut State, call: &Call) -> Answered {
    let (publish, playback) = (state.ids.secret(), state.ids.secret());
    modify(state, call, |input, now| {
        input.publish_secret = publish;
        input.playback_secret = playback;
        input.keys_rotated = Some(now);
    })
}

/// The answer is empty: not `{}`, no envelope, nothing.
pub fn delete(state: &mut State, call: &Call) -> Answered {
    let uid = input(state, call)?.uid.clone();
    state.tick();
    if let Some(account) = state.account(&call.account) {
        account.live_inputs.retain(|input| input.uid != uid);
    }
    Ok(Reply::empty(200))
}

fn modify(state: &mut State, call: &Call, how: impl FnOnce(&mut LiveInput, i64)) -> Answered {
    input(state, call)?;
    let (now, shapes) = (state.tick(), state.shapes.clone());
    let input = input(state, call)?;
    how(input, now);
    input.modified = now;
    Ok(Reply::result(&shapes, &details(input, &shapes)))
}

/// What a body asks for. Absent and null differ only for `deleteRecordingAfterDays`, where null takes the value away;
/// elsewhere null changes nothing.
#[derive(Default)]
struct Change {
    delete_recording_after_days: Option<Value>,
    enabled: Option<bool>,
    meta: Option<Value>,
    prefer_low_latency: Option<bool>,
    recording: Option<Value>,
}

impl Change {
    fn read(body: &Map<String, Value>) -> Result<Self, Reply> {
        let mut change = Self::default();
        for (name, value) in body {
            match (name.as_str(), value) {
                ("deleteRecordingAfterDays", value) => change.delete_recording_after_days = Some(days(value)?),
                (_, Value::Null) => {}
                ("enabled", Value::Bool(enabled)) => change.enabled = Some(*enabled),
                ("preferLowLatency", Value::Bool(low)) => change.prefer_low_latency = Some(*low),
                ("meta", meta) => change.meta = Some(meta.clone()),
                ("recording", Value::Object(fields)) => change.recording = Some(recording(fields)?),
                ("enabled" | "preferLowLatency" | "recording", _) => return Err(decoding_error()),
                ("defaultCreator", creator) if !creator.is_string() => return Err(decoding_error()),
                // defaultCreator is taken and never shown again; the service does not mind fields it does not know.
                _ => {}
            }
        }
        Ok(change)
    }

    fn apply(self, input: &mut LiveInput) {
        if let Some(days) = self.delete_recording_after_days {
            input.delete_recording_after_days = days;
        }
        input.enabled = self.enabled.unwrap_or(input.enabled);
        input.prefer_low_latency = self.prefer_low_latency.unwrap_or(input.prefer_low_latency);
        if let Some(meta) = self.meta {
            input.meta = meta;
        }
        if let Some(recording) = self.recording {
            input.recording = recording;
        }
    }
}

fn days(value: &Value) -> Result<Value, Reply> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::Number(number) if number.as_f64().is_some_and(|days| (30.0..=1096.0).contains(&days)) => {
            Ok(value.clone())
        }
        Value::Number(_) => Err(bad_request("deleteRecordingAfterDays must be between 30 and 1096")),
        _ => Err(decoding_error()),
    }
}

fn recording(fields: &Map<String, Value>) -> Result<Value, Reply> {
    let mut recording = recording_defaults();
    for (name, value) in fields {
        let fits = match name.as_str() {
            "mode" if value.is_string() => {
                if !matches!(value.as_str(), Some("off" | "automatic")) {
                    return Err(bad_request("recording.mode must be off or automatic"));
                }
                true
            }
            "requireSignedURLs" | "hideLiveViewerCount" => value.is_boolean(),
            "allowedOrigins" => {
                value.is_null() || value.as_array().is_some_and(|origins| origins.iter().all(Value::is_string))
            }
            "timeoutSeconds" => value.is_u64(),
            "mode" => false,
            _ => continue,
        };
        if !fits {
            return Err(decoding_error());
        }
        recording[name.as_str()] = value.clone();
    }
    Ok(recording)
}

/// A live input as the list shows it.
fn row(input: &LiveInput, shapes: &Shapes) -> Value {
    let mut row = json!({
        "uid": input.uid,
        "created": shapes.timestamps.text(input.created),
        "modified": shapes.timestamps.text(input.modified),
        "meta": input.meta,
        "deleteRecordingAfterDays": input.delete_recording_after_days,
    });
    if !shapes.enabled_absent {
        row["enabled"] = json!(input.enabled);
    }
    row
}

/// A live input as it is shown by itself, credentials and all.
fn details(input: &LiveInput, shapes: &Shapes) -> Value {
    let uid = &input.uid;
    let publish = format!("{}k{uid}", input.publish_secret);
    let playback = format!("{}k{uid}", input.playback_secret);
    let mut details = row(input, shapes);
    let rest = json!({
        "status": status(input, shapes),
        "recording": input.recording,
        "preferLowLatency": input.prefer_low_latency,
        "rtmps": {"url": RTMPS, "streamKey": publish},
        "rtmpsPlayback": {"url": RTMPS, "streamKey": playback},
        "srt": {"url": SRT, "streamId": uid, "passphrase": publish},
        "srtPlayback": {"url": SRT, "streamId": format!("play{uid}"), "passphrase": playback},
        "webRTC": {"url": format!("{PLAYER}/{publish}/webRTC/publish")},
        "webRTCPlayback": {"url": format!("{PLAYER}/{uid}/webRTC/play")},
        "playback": {
            "hls": format!("{PLAYER}/{uid}/manifest/video.m3u8"),
            "dash": format!("{PLAYER}/{uid}/manifest/video.mpd"),
        },
    });
    if let (Some(details), Value::Object(rest)) = (details.as_object_mut(), rest) {
        details.extend(rest);
        if let Some(rotated) = input.keys_rotated {
            details.insert("keysRotatedAt".to_owned(), json!(shapes.timestamps.text(rotated)));
        }
    }
    details
}

fn status(input: &LiveInput, shapes: &Shapes) -> Value {
    let Some((current, history)) = input.connections.split_last() else { return Value::Null };
    let entry = |connection: &Connection| {
        let since = shapes.timestamps.text(connection.since);
        json!({
            "state": connection.state,
            "reason": connection.reason,
            "statusEnteredAt": since,
            "statusLastSeen": since,
        })
    };
    match shapes.status {
        StatusShape::Null => Value::Null,
        StatusShape::Text => json!(current.reason),
        StatusShape::Mixed if input.worded => json!(current.reason),
        StatusShape::Mixed | StatusShape::Object => {
            json!({"current": entry(current), "history": history.iter().map(entry).collect::<Vec<_>>()})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::probe::{get, put, raw, sandbox, send, stream};
    use super::super::super::{LIVE_INPUTS, MAIN_ACCOUNT, Sandbox, TOKEN};
    use super::*;

    async fn made(sandbox: &Sandbox, body: Value) -> (Value, String) {
        let (status, made) = put(sandbox, "POST", &stream("live_inputs"), body).await;
        assert_eq!(status, 200);
        let path = stream(&format!("live_inputs/{}", made["result"]["uid"].as_str().unwrap()));
        (made["result"].clone(), path)
    }

    async fn with_key(sandbox: &Sandbox, key: &str) -> (u16, Value) {
        let headers =
            format!("authorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\nidempotency-key: {key}\r\n");
        let request = format!("POST {}", stream("live_inputs"));
        let answer = raw(sandbox, &request, &headers, "{\"meta\":{\"name\":\"k\"}}").await.unwrap();
        (answer.status, answer.json())
    }

    #[tokio::test]
    async fn the_list_is_an_array_or_an_object_and_has_no_credentials() {
        let sandbox = sandbox().await;
        let (_, body) = get(&sandbox, &stream("live_inputs")).await;
        let rows = body["result"].as_array().unwrap();
        assert_eq!(rows.len(), LIVE_INPUTS);
        assert!(rows.iter().all(|row| row.as_object().unwrap().len() == 6));
        assert!(!body.to_string().contains("canary"));
        let (_, counted) = get(&sandbox, &stream("live_inputs?include_counts=true")).await;
        assert_eq!((&counted["result"]["total"], &counted["result"]["liveInputs"]), (&json!(120), &body["result"]));
        sandbox.set_shapes(Shapes { live_inputs: LiveInputsShape::Object, enabled_absent: true, ..Shapes::default() });
        let (_, wrapped) = get(&sandbox, &stream("live_inputs")).await;
        assert!(wrapped["result"]["liveInputs"][0].get("enabled").is_none());
    }

    #[tokio::test]
    async fn the_seed_reports_connections_in_every_form_and_shapes_pick_one() {
        let sandbox = sandbox().await;
        let forms = |inputs: Vec<Value>| {
            let count = |test: fn(&Value) -> bool| inputs.iter().filter(|input| test(&input["status"])).count();
            [count(Value::is_null), count(Value::is_string), count(Value::is_object)]
        };
        assert_eq!(forms(sandbox.live_inputs(MAIN_ACCOUNT)), [40, 20, 60]);
        for (status, expected) in
            [(StatusShape::Null, [120, 0, 0]), (StatusShape::Text, [40, 80, 0]), (StatusShape::Object, [40, 0, 80])]
        {
            sandbox.set_shapes(Shapes { status, ..Shapes::default() });
            assert_eq!(forms(sandbox.live_inputs(MAIN_ACCOUNT)), expected);
        }
    }

    #[tokio::test]
    async fn a_new_input_has_defaults_and_marked_secrets() {
        let sandbox = sandbox().await;
        let (made, path) = made(&sandbox, json!({"meta": {"name": "x"}, "recording": {"mode": "automatic"}})).await;
        let uid = made["uid"].as_str().unwrap();
        assert_eq!(made["status"], Value::Null);
        assert_eq!(
            (&made["recording"]["mode"], &made["recording"]["timeoutSeconds"]),
            (&json!("automatic"), &json!(0))
        );
        assert_eq!(made["srtPlayback"]["streamId"], json!(format!("play{uid}")));
        for pointer in ["/rtmps/streamKey", "/srt/passphrase", "/webRTC/url", "/rtmpsPlayback/streamKey"] {
            assert!(made.pointer(pointer).unwrap().as_str().unwrap().contains("canary"), "{pointer}");
        }
        assert_eq!(get(&sandbox, &path).await.1["result"], made);
    }

    #[tokio::test]
    async fn put_merges_at_the_top_and_null_takes_the_deletion_away() {
        let sandbox = sandbox().await;
        let body = json!({"meta": {"a": 1}, "deleteRecordingAfterDays": 45, "recording": {"mode": "automatic"}});
        let (before, path) = made(&sandbox, body).await;
        let (_, after) = put(&sandbox, "PUT", &path, json!({"enabled": false})).await;
        let after = &after["result"];
        assert_eq!((&after["enabled"], &after["meta"]), (&json!(false), &json!({"a": 1})));
        assert_eq!((&after["recording"], &after["rtmps"]), (&before["recording"], &before["rtmps"]));
        assert_ne!(after["modified"], before["modified"]);
        let (_, after) = put(&sandbox, "PUT", &path, json!({"deleteRecordingAfterDays": null, "meta": {"b": 2}})).await;
        let after = &after["result"];
        assert_eq!((&after["deleteRecordingAfterDays"], &after["meta"]), (&Value::Null, &json!({"b": 2})));
        assert_eq!(after["enabled"], json!(false));
    }

    #[tokio::test]
    async fn values_out_of_range_and_of_the_wrong_type_are_told_apart() {
        let sandbox = sandbox().await;
        let before = sandbox.counts();
        for (body, code) in [
            (json!({"deleteRecordingAfterDays": 29}), 10_005),
            (json!({"deleteRecordingAfterDays": 1097}), 10_005),
            (json!({"deleteRecordingAfterDays": "45"}), 10_004),
            (json!({"enabled": "true"}), 10_004),
            (json!({"recording": {"mode": "on"}}), 10_005),
            (json!({"recording": {"allowedOrigins": "example.com"}}), 10_004),
        ] {
            let (status, answer) = put(&sandbox, "POST", &stream("live_inputs"), body.clone()).await;
            assert_eq!((status, &answer["errors"][0]["code"]), (400, &json!(code)), "{body}");
        }
        assert_eq!(sandbox.counts(), before);
    }

    #[tokio::test]
    async fn an_idempotency_key_makes_one_input_and_conflicts_once_that_is_gone() {
        let sandbox = sandbox().await;
        let (_, first) = with_key(&sandbox, "k1").await;
        let (status, second) = with_key(&sandbox, "k1").await;
        assert_eq!((status, &first["result"]), (200, &second["result"]));
        assert_ne!(with_key(&sandbox, "k2").await.1["result"]["uid"], first["result"]["uid"]);
        assert_eq!(sandbox.counts().live_inputs, LIVE_INPUTS + 4 + 2);
        let path = stream(&format!("live_inputs/{}", first["result"]["uid"].as_str().unwrap()));
        let deleted = send(&sandbox, "DELETE", &path, None).await.unwrap();
        assert_eq!((deleted.status, deleted.body.as_str(), deleted.header("content-type")), (200, "", None));
        assert_eq!(with_key(&sandbox, "k1").await.0, 409);
        sandbox.advance(6 * 3600 * 1000);
        assert_eq!(with_key(&sandbox, "k1").await.0, 200);
        assert_eq!(with_key(&sandbox, &"x".repeat(256)).await.0, 400);
    }

    #[tokio::test]
    async fn switches_keys_and_connections_change_what_they_name() {
        let sandbox = sandbox().await;
        let (before, path) = made(&sandbox, json!({})).await;
        let uid = before["uid"].as_str().unwrap();
        let (_, rotated) = put(&sandbox, "POST", &format!("{path}/rotate_keys"), json!({})).await;
        assert_ne!(rotated["result"]["rtmps"], before["rtmps"]);
        assert!(rotated["result"]["keysRotatedAt"].is_string() && before.get("keysRotatedAt").is_none());
        assert_eq!(
            put(&sandbox, "POST", &format!("{path}/disable"), json!({})).await.1["result"]["enabled"],
            json!(false)
        );
        assert!(!sandbox.connect(uid));
        assert_eq!(
            put(&sandbox, "POST", &format!("{path}/enable"), json!({})).await.1["result"]["enabled"],
            json!(true)
        );
        assert!(sandbox.connect(uid) && sandbox.disconnect(uid));
        let (_, body) = get(&sandbox, &path).await;
        let status = &body["result"]["status"];
        assert_eq!(status["current"]["reason"], "client_disconnect");
        assert_eq!(status["history"][0]["state"], "connected");
    }

    #[tokio::test]
    async fn an_input_that_is_not_there_is_a_404_of_the_product() {
        let sandbox = sandbox().await;
        let (status, body) = get(&sandbox, &stream("live_inputs/0123456789abcdef0123456789abcdef")).await;
        assert_eq!((status, &body["errors"][0]["code"]), (404, &json!(10_003)));
    }
}
