//! Canaries. The token and every key that the server has are marked texts; after all sorts of statements none of them stands
//! where it must not: standard error, EXPLAIN, weir's own tables, the history, or any file but the one asked for.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use weir::sandbox::{API_KEY, EMAIL, Fault, FaultKind, TOKEN};

use crate::harness::{ACCOUNT, APP, Ran, World, run_in};
use crate::seeds::idle_meeting;

/// Every key that the server has or had: stream keys, passphrases, and addresses with keys in them.
#[derive(Default)]
struct Canaries(BTreeSet<String>);

impl Canaries {
    fn of(world: &World) -> Canaries {
        let mut canaries = Canaries([TOKEN, API_KEY].map(str::to_owned).into());
        let apps = world.sandbox.apps(ACCOUNT);
        let streams = apps.iter().flat_map(|app| world.sandbox.livestreams(app["id"].as_str().unwrap()));
        streams.for_each(|row| canaries.collect(&row));
        world.sandbox.live_inputs(ACCOUNT).iter().for_each(|row| canaries.collect(row));
        assert!(canaries.0.len() > 3000, "the keys were not found");
        canaries
    }

    fn collect(&mut self, value: &Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match (name.as_str(), value) {
                        ("stream_key" | "streamKey" | "passphrase", Value::String(key)) if !key.is_empty() => {
                            assert!(key.contains("canary"), "{key}");
                            self.0.insert(key.clone());
                        }
                        _ => self.collect(value),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.collect(value)),
            _ => {}
        }
    }

    /// The keys in a text. All keys are marked with the same word, so that one the server made later is found too.
    fn in_text<'a>(&'a self, text: &'a str) -> Vec<&'a str> {
        let known = if text.contains("canary") {
            self.0.iter().filter(|key| text.contains(key.as_str())).collect()
        } else {
            Vec::new()
        };
        let marked = text.match_indices("canary").map(|(at, _)| &text[at..text.len().min(at + 20)]);
        known.into_iter().map(String::as_str).chain(marked).collect()
    }

    #[track_caller]
    fn none_in(&self, text: &str, what: &str) {
        let found = self.in_text(text);
        assert!(found.is_empty(), "{what} shows {found:?}:\n{text}");
    }
}

/// Statements of every kind, some of which fail; each is run by itself.
fn statements(world: &World) -> Vec<String> {
    let uid = world.sandbox.live_inputs(ACCOUNT)[5]["uid"].as_str().unwrap().to_owned();
    let meeting = idle_meeting(world);
    let id = world.sandbox.livestreams(APP)[7]["id"].as_str().unwrap().to_owned();
    let key = world.sandbox.livestreams(APP)[7]["stream_key"].as_str().unwrap().to_owned();
    let texts = [
        "SELECT * FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP' AND status = 'LIVE'",
        "SELECT stream_key, _raw FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP' AND id = '$ID'",
        "SELECT * FROM cloudflare.stream.live_inputs WHERE uid = '$UID'",
        "SELECT * FROM cloudflare.stream.live_input_outputs WHERE live_input_uid = '$UID'",
        "SELECT id FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP' AND stream_key = '$KEY'",
        "SELECT id FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP' AND stream_key LIKE '$KEY'",
        "SELECT CAST(stream_key AS BIGINT) FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP' AND id = '$ID'",
        "SELECT nonsense FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP' AND stream_key = '$KEY'",
        "EXPLAIN SELECT id FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP' AND stream_key = '$KEY'",
        "EXPLAIN ANALYZE SELECT stream_key FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP' AND stream_key = '$KEY'",
        "INSERT INTO cloudflare.realtime_kit.livestreams (app_id, meeting_id) VALUES ('$APP', '$MEETING') RETURNING data, stream_key",
        "INSERT INTO cloudflare.stream.live_inputs (enabled) VALUES (true) RETURNING *",
        "INSERT INTO cloudflare.stream.live_input_outputs (live_input_uid, url, stream_key) VALUES ('$UID', 'rtmp://canary-host.example/live', 'canary-of-my-own') RETURNING *",
        "INSERT INTO cloudflare.stream.live_input_outputs (live_input_uid, url, stream_key, enabled) VALUES ('$UID', 'rtmp://canary-host.example/live', 'canary-of-my-own', 'maybe')",
        "INSERT INTO cloudflare.stream.live_input_outputs (live_input_uid, url, stream_key) VALUES ('nowhere', 'rtmp://canary-host.example/live', 'canary-of-my-own')",
        "EXPLAIN INSERT INTO cloudflare.stream.live_input_outputs (live_input_uid, url, stream_key) VALUES ('$UID', 'rtmp://canary-host.example/live', 'canary-of-my-own')",
        "EXPLAIN EXEC cloudflare.stream.live_input_outputs.create @live_input_uid = '$UID' @@json = '{\"url\": \"rtmp://canary-host.example\", \"streamKey\": \"canary-of-my-own\"}'",
        "EXEC cloudflare.stream.live_inputs.rotate_keys @uid = '$UID'",
        "INSERT INTO cloudflare.realtime_kit.meetings (app_id, recording_config) VALUES ('$APP', '{\"storage_config\": {\"type\": \"aws\", \"secret\": \"canary-of-a-bucket\", \"access_key\": \"canary-access\"}}') RETURNING *",
        "INSERT INTO cloudflare.realtime_kit.meetings (app_id, recording_config) VALUES ('$APP', '{\"storage_config\": {\"type\": \"none\", \"secret\": \"canary-of-a-bucket\"}}')",
        "SHOW AUTH cloudflare",
        "SHOW ALL",
        "SHOW METHODS IN cloudflare.stream.live_inputs",
        "DESCRIBE EXTENDED cloudflare.realtime_kit.livestreams",
    ];
    let names = [("$APP", APP), ("$UID", &uid), ("$MEETING", &meeting), ("$ID", &id), ("$KEY", &key)];
    texts
        .iter()
        .map(|sql| names.iter().fold((*sql).to_owned(), |sql, (name, value)| sql.replace(name, value)))
        .collect()
}

/// What weir says of itself: these texts must be clean; rows of other statements may show what was asked for.
fn of_itself(sql: &str) -> bool {
    ["EXPLAIN", "SHOW", "DESCRIBE"].iter().any(|word| sql.starts_with(word))
}

#[tokio::test]
async fn no_secret_stands_in_errors_explain_warnings_or_the_request_table() {
    let world = World::new().await;
    let canaries = Canaries::of(&world);
    for sql in statements(&world) {
        match world.try_run(&sql).await {
            Err(error) => canaries.none_in(&format!("{error:?}\n{}", crate::harness::told(&error)), &sql),
            Ok(given) => {
                if of_itself(&sql) {
                    canaries.none_in(&serde_json::to_string(&given.rows).unwrap(), &sql);
                }
                if let Some(error) = &given.failure {
                    canaries.none_in(&crate::harness::told(error), &sql);
                }
                canaries.none_in(&format!("{:?} {:?}", given.message, given.summary), &sql);
            }
        }
    }
    for table in ["requests", "warnings", "settings"] {
        let given = run_in(&world.session, &format!("SELECT * FROM system.session.{table}")).await.unwrap();
        canaries.none_in(&serde_json::to_string(&given.rows).unwrap(), table);
    }
    canaries.none_in(&format!("{:?}", world.session.log().records()), "the log");
}

#[tokio::test]
async fn the_program_shows_keys_only_where_they_were_asked_for() {
    let world = World::new().await;
    let canaries = Canaries::of(&world);
    for sql in statements(&world) {
        let program = world.program().arguments(["-v", "--timing", "-o", "json", "-f", "result.json", "exec", &sql]);
        let (ran, folder) = program.run_kept().await;
        canaries.none_in(&ran.talk, &sql);
        canaries.none_in(&ran.out, &sql);
        others_are_clean(&canaries, folder.path());
    }
    // What was asked for is there.
    let sql = format!("SELECT stream_key FROM cloudflare.realtime_kit.livestreams WHERE app_id = '{APP}' LIMIT 1");
    let (ran, folder) = world.program().arguments(["-f", "result.json", "-o", "json", "exec", &sql]).run_kept().await;
    assert_eq!(ran.code(0).talk, "");
    assert!(!canaries.in_text(&std::fs::read_to_string(folder.path().join("result.json")).unwrap()).is_empty());
}

/// Files of the folder, but for the result.
fn others_are_clean(canaries: &Canaries, folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_some_and(|name| name != "result.json") {
            canaries.none_in(&std::fs::read_to_string(&path).unwrap(), &path.display().to_string());
        }
    }
}

#[tokio::test]
async fn failures_on_the_way_show_no_credentials() {
    let sql = format!(
        "SET retry_delay = 0.001; SELECT id FROM cloudflare.realtime_kit.livestreams WHERE app_id = '{APP}' LIMIT 1"
    );
    for kind in [
        FaultKind::ServerError,
        FaultKind::BadGatewayHtml,
        FaultKind::TruncatedBody,
        FaultKind::AnswerLost,
        FaultKind::SuccessFalse,
        FaultKind::Redirect { to: format!("https://elsewhere.example/?token={TOKEN}") },
    ] {
        let world = World::new().await;
        world.sandbox.add_fault(Fault { times: 99, ..Fault::once("/accounts/", kind.clone()) });
        let ran = world.program().arguments(["-v"]).exec(&sql).await;
        assert_ne!(ran.code, Some(0), "{kind:?}");
        Canaries([TOKEN.to_owned()].into()).none_in(&ran.talk, &format!("{kind:?}"));
    }
    // The older kind of credential, and a token that is not one.
    let world = World::new().await;
    let canaries = Canaries::of(&world);
    let program =
        world.program().unset("CLOUDFLARE_API_TOKEN").set("CLOUDFLARE_EMAIL", EMAIL).set("CLOUDFLARE_API_KEY", API_KEY);
    let ran: Ran = program
        .arguments(["-v"])
        .exec("SELECT uid FROM cloudflare.stream.live_inputs LIMIT 1; SELECT * FROM system.session.requests")
        .await
        .code(0);
    canaries.none_in(&(ran.talk + &ran.out), "key and e-mail");
    for token in ["canary token with blanks", "canary\ttab", "canary-ü"] {
        let ran = world
            .program()
            .set("CLOUDFLARE_API_TOKEN", token)
            .arguments(["-v"])
            .exec("SELECT uid FROM cloudflare.stream.live_inputs")
            .await;
        assert_ne!(ran.code, Some(0), "{token}");
        canaries.none_in(&ran.talk, token);
    }
}

#[tokio::test]
async fn the_history_forgets_what_holds_a_secret() {
    let world = World::new().await;
    let canaries = Canaries::of(&world);
    let mut lines: Vec<String> = statements(&world).iter().map(|sql| format!("{sql};\n")).collect();
    lines.push("SELECT 'remembered';\n".to_owned());
    lines.push(format!("SELECT '{TOKEN}';\n"));
    lines.push("\\q\n".to_owned());
    let (ran, folder) = world.program().arguments(["shell", "-o", "csv"]).input(&lines.concat()).run_kept().await;
    canaries.none_in(&ran.talk, "the shell");
    // Lines that are piped in are no typing; where a history is kept, it is clean.
    let history = std::fs::read_to_string(folder.path().join("history")).unwrap_or_default();
    canaries.none_in(&history, "the history");
}
