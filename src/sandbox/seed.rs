//! What the sandbox starts with: two accounts whose rows are the same in every run. Sizes are chosen around the edges that
//! trip clients (no row, one row, exactly a page, a page and one), values around those that trip decoders.

use serde_json::{Map, Value, json};

use super::clock::{self, Ids, SECOND};
use super::reply::Shapes;
use super::state::{Account, App, Connection, LiveInput, Livestream, Meeting, Output, Session, State, Status};
use super::{kit, stream};

/// The account that has nearly everything.
pub const MAIN_ACCOUNT: &str = "023e105f4ecef8ad9ca31a8372d0c353";
/// An account with a few rows.
pub const OTHER_ACCOUNT: &str = "372e67954025e0ba6aaa6d586b9e0b59";
/// The main account's first app, the one with thousands of livestreams.
pub const FIRST_APP: &str = "14a396e7-ca44-4937-bf1f-050a69118543";

/// Livestreams of the main account's apps, in order: 24 apps.
pub const LIVESTREAMS: [usize; 24] =
    [2_500, 0, 1, 100, 101, 250, 200, 99, 20, 21, 19, 5, 0, 42, 3, 150, 7, 0, 64, 12, 2, 199, 1, 30];
/// Live inputs of the main account.
pub const LIVE_INPUTS: usize = 120;

const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// The state at the start.
pub fn state() -> State {
    let mut ids = Ids::new(2026);
    let main = account(MAIN_ACCOUNT, &LIVESTREAMS, LIVE_INPUTS, &mut ids);
    let other = account(OTHER_ACCOUNT, &[7, 0], 4, &mut ids);
    let accounts = vec![main, other];
    State { now: clock::BASE, ids, shapes: Shapes::default(), accounts, writes: 0 }
}

fn account(id: &str, livestreams: &[usize], live_inputs: usize, ids: &mut Ids) -> Account {
    let mut apps: Vec<App> = livestreams.iter().enumerate().map(|(at, count)| app(at, *count, ids)).collect();
    if id == MAIN_ACCOUNT {
        FIRST_APP.clone_into(&mut apps[0].id);
    }
    let live_inputs = (0..live_inputs).map(|at| live_input(at, live_inputs, ids)).collect();
    Account { id: id.to_owned(), apps, live_inputs, used_keys: Vec::new() }
}

fn app(at: usize, livestreams: usize, ids: &mut Ids) -> App {
    let meetings: Vec<Meeting> = (0..livestreams / 10).map(|number| meeting(number, ids)).collect();
    let name = match at % 4 {
        0 => format!("classroom-{at:02}"),
        1 => format!("Town hall {at:02}"),
        2 => format!("Täglich 配信 {at:02}"),
        _ => format!("O'Brien \"live\", no. {at:02}"),
    };
    let mut livestreams: Vec<Livestream> =
        (0..livestreams).map(|number| livestream(number, livestreams, &meetings, ids)).collect();
    livestreams.sort_by_key(|stream| stream.created);
    App { id: ids.uuid(), name, created: created(at, 24, 30 * 24 * HOUR), livestreams, meetings }
}

/// Row `at` of `count`, `step` apart and ending before the clock's start, with `at % 10` fractional digits at most. Every
/// fiftieth row has its predecessor's instant: instants tie.
fn created(at: usize, count: usize, step: i64) -> i64 {
    let at = if at % 50 == 49 { at - 1 } else { at };
    let (place, before) = (signed(at), signed(count - at));
    let digits = u32::try_from(at % 10).unwrap_or_default();
    let unit = 10_i64.pow(9 - digits);
    let fraction = (place * 137_174_210 + 72_217_000).rem_euclid(SECOND);
    clock::BASE - before * step + place % 7 * MINUTE + fraction / unit * unit
}

/// Counts here are small; a count that is not would only move an instant.
fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX / HOUR)
}

fn livestream(at: usize, count: usize, meetings: &[Meeting], ids: &mut Ids) -> Livestream {
    let created = created(at, count, 3 * HOUR);
    let meeting = (at.is_multiple_of(3) && !meetings.is_empty()).then(|| &meetings[at / 3 % meetings.len()]);
    // A meeting has at most one livestream that goes on: the first one that the seed gives it.
    let later = meeting.is_some() && at / 3 >= meetings.len();
    let status = match (at * 7 + at / 11) % 10 {
        0 | 1 if !later => Status::Live,
        2 | 3 if !later => Status::Invoked,
        4 | 5 => Status::Errored,
        _ => Status::Idle,
    };
    let key = if at % 41 == 40 { String::new() } else { format!("{}{}", ids.secret(), ids.hex()) };
    Livestream {
        id: ids.uuid(),
        name: name(at),
        status,
        disabled: at % 13 == 12,
        stream_key: key,
        video: ids.hex(),
        meeting_id: meeting.map(|meeting| meeting.id.clone()),
        created,
        updated: created + signed(at % 5) * HOUR / 2,
        sessions: sessions(at, status, created, ids),
        live_at: None,
    }
}

fn name(at: usize) -> Option<String> {
    Some(match at % 12 {
        3 => return None,
        5 => format!("Künstler-Übertragung {at} 🎥"),
        6 => format!("O'Brien \"live\", part {at}"),
        7 => format!("ライブ配信 {at}"),
        8 if at.is_multiple_of(5) => String::new(),
        9 => format!("two\nlines, {at}; \\ and \ttab"),
        _ => format!("stream-{at:04}"),
    })
}

fn sessions(at: usize, status: Status, created: i64, ids: &mut Ids) -> Vec<Session> {
    let mut run = |number: i64| Session::invoked(ids.uuid(), created + number * HOUR / 4);
    let viewers = f64::from(u32::try_from(at % 97).unwrap_or_default()) * 1.199_999_999_999_98;
    let ended = |session: Session| Session {
        started: Some(session.invoked + 4 * SECOND),
        stopped: Some(session.invoked + 4 * SECOND + signed(at % 600 + 1) * SECOND / 2),
        viewer_seconds: viewers,
        ..session
    };
    let first = run(0);
    match status {
        Status::Invoked => vec![first],
        Status::Live => vec![Session { started: Some(first.invoked + 5 * SECOND), viewer_seconds: viewers, ..first }],
        Status::Errored => vec![Session { err_message: Some("The ingest server closed the connection"), ..first }],
        Status::Idle if at.is_multiple_of(4) => vec![ended(first), ended(run(1))],
        Status::Idle => vec![ended(first)],
    }
}

fn meeting(at: usize, ids: &mut Ids) -> Meeting {
    let created = created(at, 250, 29 * HOUR);
    let mut settings = kit::meetings::defaults();
    let title = match at % 6 {
        2 => Value::Null,
        4 => json!(format!("Réunion n° {at}, \"équipe\"")),
        _ => json!(format!("Weekly review {at:03}")),
    };
    settings.insert("title".to_owned(), title);
    settings.insert("record_on_start".to_owned(), json!(at.is_multiple_of(5)));
    settings.insert("live_stream_on_start".to_owned(), json!(at.is_multiple_of(9)));
    Meeting {
        id: ids.uuid(),
        active: at % 7 != 6,
        created,
        updated: created + signed(at % 3) * HOUR,
        settings,
        stopping_until: 0,
    }
}

fn live_input(at: usize, count: usize, ids: &mut Ids) -> LiveInput {
    let created = created(at, count, 31 * HOUR);
    let input = LiveInput {
        uid: ids.hex(),
        created,
        modified: created + signed(at % 4) * 17 * MINUTE + signed(at % 3) * 1_234_500,
        meta: meta(at),
        delete_recording_after_days: if at.is_multiple_of(3) { json!(30 + at) } else { Value::Null },
        enabled: at % 8 != 7,
        prefer_low_latency: at.is_multiple_of(10),
        recording: recording(at),
        publish_secret: ids.secret(),
        playback_secret: ids.secret(),
        keys_rotated: (at % 17 == 16).then_some(created + HOUR),
        connections: connections(at, created),
        worded: at % 6 == 5,
        outputs: Vec::new(),
    };
    let outputs = if at.is_multiple_of(5) { at % 3 + 1 } else { 0 };
    LiveInput { outputs: (0..outputs).map(|number| output(number, ids)).collect(), ..input }
}

fn meta(at: usize) -> Value {
    match at % 8 {
        0 => json!({"name": format!("camera {at:03}")}),
        1 => json!({}),
        2 => json!({"name": format!("Straße {at}"), "venue": {"city": "Zürich", "seats": at}, "tags": ["a", "b,c"]}),
        3 => json!({"name": null, "customer_id": at}),
        4 => json!({"name": format!("O'Brien \"live\" {at}"), "price": 12.5, "ok": true}),
        5 => json!({"Name": "capital N", "nested": {"deep": {"er": [1, 2, {"x": null}]}}}),
        6 => json!({"name": format!("stage {at}"), "empty": "", "list": []}),
        _ => json!({"name": format!("camera {at:03}"), "owner": "ops@example.com", "big": 9_007_199_254_740_993_i64}),
    }
}

fn recording(at: usize) -> Value {
    let mut recording = stream::live_inputs::recording_defaults();
    let mut set = |name: &str, value: Value| {
        recording.as_object_mut().map(|fields: &mut Map<String, Value>| fields.insert(name.to_owned(), value))
    };
    if at.is_multiple_of(2) {
        set("mode", json!("automatic"));
        set("timeoutSeconds", json!(at % 30));
    }
    match at % 4 {
        1 => set("allowedOrigins", json!(["example.com", "*.example.org"])),
        2 => set("allowedOrigins", json!([])),
        3 => set("requireSignedURLs", json!(true)),
        _ => None,
    };
    recording
}

fn connections(at: usize, created: i64) -> Vec<Connection> {
    let (state, reason) = match at % 6 {
        0 | 3 => return Vec::new(),
        1 => ("connected", "connected"),
        2 => ("disconnected", "ttl_exceeded"),
        4 => ("disconnected", "client_disconnect"),
        _ => ("connected", "reconnected"),
    };
    let first = Connection { state: "connected", reason: "connected", since: created + 5 * MINUTE };
    let last = Connection { state, reason, since: created + 9 * MINUTE };
    if reason == first.reason { vec![first] } else { vec![first, last] }
}

fn output(at: usize, ids: &mut Ids) -> Output {
    let host =
        ["rtmps://a.rtmps.example.com:443/live2", "rtmp://ingest.example.net/app", "srt://relay.example.org:7001"];
    Output { uid: ids.hex(), url: host[at % 3].to_owned(), stream_key: ids.secret(), enabled: at.is_multiple_of(2) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_run_starts_with_the_same_rows() {
        assert_eq!(format!("{:?}", state()), format!("{:?}", state()));
    }

    #[test]
    fn the_first_app_has_every_status_and_a_third_of_its_rows_have_a_meeting() {
        let state = state();
        let app = &state.accounts[0].apps[0];
        assert_eq!((app.id.as_str(), app.livestreams.len(), app.meetings.len()), (FIRST_APP, 2_500, 250));
        for word in Status::WORDS {
            assert!(app.livestreams.iter().filter(|stream| stream.status.word() == word).count() > 50, "{word}");
        }
        let with_meeting = app.livestreams.iter().filter(|stream| stream.meeting_id.is_some()).count();
        assert_eq!(with_meeting, 834);
        assert!(app.livestreams.iter().any(|stream| stream.name.is_none()));
    }

    #[test]
    fn ids_differ_and_no_meeting_has_two_livestreams_going_on() {
        let state = state();
        let streams: Vec<&Livestream> =
            state.accounts.iter().flat_map(|account| &account.apps).flat_map(|app| &app.livestreams).collect();
        let ids: HashSet<&str> = streams.iter().map(|stream| stream.id.as_str()).collect();
        assert_eq!(ids.len(), streams.len());
        let active: Vec<&String> = streams
            .iter()
            .filter(|stream| stream.status.is_active())
            .filter_map(|stream| stream.meeting_id.as_ref())
            .collect();
        assert!(!active.is_empty());
        assert_eq!(active.iter().collect::<HashSet<_>>().len(), active.len());
    }

    #[test]
    fn instants_have_from_none_to_nine_digits_and_some_tie() {
        let state = state();
        let streams = &state.accounts[0].apps[0].livestreams;
        let lengths: HashSet<usize> = streams.iter().map(|stream| clock::trimmed(stream.created).len()).collect();
        assert!(lengths.len() >= 9, "{lengths:?}");
        assert!(streams.windows(2).any(|pair| pair[0].created == pair[1].created));
        assert!(streams.iter().all(|stream| stream.created < clock::BASE));
    }
}
