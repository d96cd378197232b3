//! Livestreams and their sessions: the list with its filters, single ones, and the way from start to stop. Only the passing
//! of time, which the state does, takes a started livestream live.

use serde_json::{Value, json};

use super::super::clock::SECOND;
use super::super::gate::Call;
use super::super::reply::{Answered, DisabledShape, LivestreamsShape, Page, Reply, Shapes};
use super::super::state::{Livestream, Session, State, Status};
use super::{Between, app, bad, cut, flag, meetings, not_found, one_of, order, paging, text, uuid};

const INGEST_SERVER: &str = "rtmps://live.cloudflare.com:443/live/";
/// How long a start takes, and a stop. Really some seconds; three here.
const A_WHILE: i64 = 3 * SECOND;

/// Milliseconds that a look at a livestream that is not LIVE yet takes.
const A_SECOND: i64 = 1000;

/// Every livestream of an app as the list shows it.
pub fn all(state: &State, app: &str) -> Vec<Value> {
    let apps = state.accounts.iter().flat_map(|account| &account.apps).filter(|found| found.id == app);
    apps.flat_map(|app| &app.livestreams).map(|stream| row(stream, &state.shapes)).collect()
}

pub fn list(state: &mut State, call: &Call) -> Answered {
    let shapes = state.shapes.clone();
    let app = app(state, call)?;
    let (number, size) = paging(call)?;
    let between = Between::read(call)?;
    let status = one_of(call, "status", &Status::WORDS)?;
    let alone = flag(call, "exclude_meetings")?;
    // DSC is how this list spells it; the others say DESC.
    let ascending = one_of(call, "sort_order", &["ASC", "DSC"])? == Some("ASC");
    let found = |stream: &&Livestream| {
        status.is_none_or(|word| word == stream.status.word())
            && !(alone && stream.meeting_id.is_some())
            && between.holds(shapes.timestamps.shown(stream.created))
    };
    let mut streams: Vec<&Livestream> = app.livestreams.iter().filter(found).collect();
    order(&mut streams, ascending);
    match shapes.livestreams {
        LivestreamsShape::Array => {
            let (streams, page) = cut(streams, number, size);
            Ok(Reply::page(&streams.into_iter().map(|stream| row(stream, &shapes)).collect(), page))
        }
        LivestreamsShape::Object => {
            let (streams, page) = cut(streams, number, 1);
            Ok(Reply::data(200, &streams.first().map_or(Value::Null, |stream| with_paging(row(stream, &shapes), page))))
        }
    }
}

pub fn get(state: &mut State, call: &Call) -> Answered {
    let shapes = state.shapes.clone();
    let (number, size) = paging(call)?;
    let stream = find(state, call)?;
    let sessions: Vec<Value> = stream.sessions.iter().map(|session| session_row(session, stream, &shapes)).collect();
    let (livestream, waiting) = (row(stream, &shapes), stream.live_at.is_some());
    looked_at(state, waiting);
    match shapes.livestreams {
        LivestreamsShape::Array => {
            let (sessions, page) = cut(sessions, number, size);
            Ok(Reply::page(&json!({"livestream": livestream, "sessions": sessions}), page))
        }
        LivestreamsShape::Object => {
            let (sessions, page) = cut(sessions, number, 1);
            let data = json!({"livestream": livestream, "session": sessions.first()});
            Ok(Reply::data(200, &with_paging(data, page)))
        }
    }
}

/// Creates an independent livestream. The answer has no timestamps.
pub fn create(state: &mut State, call: &Call) -> Answered {
    if state.shapes.withdrawn {
        return Err(Reply::error(404, 7000, "No route for that URI"));
    }
    app(state, call)?;
    let name = text(&call.body, "name")?;
    let now = state.tick();
    let stream = Livestream { sessions: Vec::new(), ..invoked(state, name, now) };
    let answer = json!({
        "id": stream.id,
        "disabled": disabled(&stream, &state.shapes),
        "ingest_server": INGEST_SERVER,
        "meeting_id": null,
        "name": stream.name,
        "playback_url": playback(&stream),
        "status": stream.status.word(),
        "stream_key": stream.stream_key,
    });
    app(state, call)?.livestreams.push(stream);
    Ok(Reply::data(201, &answer))
}

/// Starts a meeting's livestream. The answer lacks name, meeting and timestamps.
pub fn start(state: &mut State, call: &Call) -> Answered {
    let now = state.now;
    let meeting = meetings::find(state, call)?;
    let (id, active, stopping) = (meeting.id.clone(), meeting.active, meeting.stopping_until > now);
    let name = text(&call.body, "name")?;
    check_video_config(call.body.get("video_config"))?;
    if !active {
        return Err(bad("the meeting is not active"));
    }
    if stopping || app(state, call)?.active_livestream(&id).is_some() {
        return Err(bad("a livestream of this meeting is already active"));
    }
    let now = state.tick();
    let stream =
        Livestream { meeting_id: Some(id), live_at: Some(now.saturating_add(A_WHILE)), ..invoked(state, name, now) };
    let answer = json!({
        "id": stream.id,
        "ingest_server": INGEST_SERVER,
        "playback_url": playback(&stream),
        "status": stream.status.word(),
        "stream_key": stream.stream_key,
    });
    app(state, call)?.livestreams.push(stream);
    Ok(Reply::data(201, &answer))
}

pub fn stop(state: &mut State, call: &Call) -> Answered {
    let id = meetings::find(state, call)?.id.clone();
    if app(state, call)?.active_livestream(&id).is_none() {
        return Err(Reply::kit_error(404, &format!("No active livestream found for meeting_id {id}")));
    }
    let now = state.tick();
    if let Some(stream) = app(state, call)?.active_livestream(&id) {
        stream.stop(now);
    }
    meetings::find(state, call)?.stopping_until = now.saturating_add(A_WHILE);
    Ok(Reply::data(200, &json!({"message": "Stopped live stream successfully"})))
}

/// A meeting's livestream: the one that goes on, or else the last, whatever became of it.
pub fn of_meeting(state: &mut State, call: &Call) -> Answered {
    let shapes = state.shapes.clone();
    let id = meetings::find(state, call)?.id.clone();
    let app = app(state, call)?;
    let mine = |stream: &&Livestream| stream.meeting_id.as_deref() == Some(id.as_str());
    let active = app.livestreams.iter().find(|stream| mine(stream) && stream.status.is_active());
    let Some(stream) = active.or_else(|| app.livestreams.iter().rfind(mine)) else {
        return Err(Reply::kit_error(404, &format!("No active livestream found for meeting_id {id}")));
    };
    let (answer, waiting) = (row(stream, &shapes), stream.live_at.is_some());
    looked_at(state, waiting);
    Ok(Reply::data(200, &answer))
}

/// Whoever asks again and again sees a livestream go LIVE, though reads do not move this clock otherwise.
fn looked_at(state: &mut State, waiting: bool) {
    if waiting {
        state.advance(A_SECOND);
    }
}

pub fn session(state: &mut State, call: &Call) -> Answered {
    let shapes = state.shapes.clone();
    let app = app(state, call)?;
    let id = uuid(call, 3)?;
    let pairs = app.livestreams.iter().flat_map(|stream| stream.sessions.iter().map(move |session| (stream, session)));
    let (stream, session) = { pairs }.find(|(_, session)| session.id == id).ok_or_else(|| not_found("Session", id))?;
    Ok(Reply::data(200, &session_row(session, stream, &shapes)))
}

pub fn active_session(state: &mut State, call: &Call) -> Answered {
    let shapes = state.shapes.clone();
    let stream = find(state, call)?;
    match stream.sessions.last().filter(|session| session.is_open()) {
        Some(session) => {
            let session = session_row(session, stream, &shapes);
            Ok(Reply::data(200, &json!({"livestream": row(stream, &shapes), "session": session})))
        }
        None => Err(Reply::kit_error(404, &format!("No active session found for livestream_id {}", stream.id))),
    }
}

fn find<'a>(state: &'a mut State, call: &Call) -> Result<&'a Livestream, Reply> {
    let app = app(state, call)?;
    let id = uuid(call, 2)?;
    app.livestreams.iter().find(|stream| stream.id == id).ok_or_else(|| not_found("Livestream", id))
}

fn invoked(state: &mut State, name: Option<String>, now: i64) -> Livestream {
    Livestream {
        id: state.ids.uuid(),
        name,
        status: Status::Invoked,
        disabled: false,
        stream_key: format!("{}{}", state.ids.secret(), state.ids.hex()),
        video: state.ids.hex(),
        meeting_id: None,
        created: now,
        updated: now,
        sessions: vec![Session::invoked(state.ids.uuid(), now)],
        live_at: None,
    }
}

fn check_video_config(config: Option<&Value>) -> Result<(), Reply> {
    let Some(config) = config.filter(|config| !config.is_null()) else { return Ok(()) };
    let fields = config.as_object().ok_or_else(|| bad("\"video_config\" must be of type object"))?;
    for name in ["height", "width"] {
        if fields.get(name).is_some_and(|value| value.as_u64().is_none_or(|pixels| pixels == 0)) {
            return Err(bad(&format!("\"video_config.{name}\" must be a positive integer")));
        }
    }
    Ok(())
}

fn with_paging(mut data: Value, page: Page) -> Value {
    if let Some(fields) = data.as_object_mut() {
        fields.insert("paging".to_owned(), page.paging());
    }
    data
}

fn disabled(stream: &Livestream, shapes: &Shapes) -> Value {
    match (shapes.disabled, stream.disabled) {
        (DisabledShape::Bool, disabled) => json!(disabled),
        (DisabledShape::Word, true) => json!("disabled"),
        (DisabledShape::Text | DisabledShape::Word, disabled) => json!(disabled.to_string()),
    }
}

fn playback(stream: &Livestream) -> String {
    format!("https://customer-s8oj0c1n5ek8ah1e.cloudflarestream.com/{}/manifest/video.m3u8", stream.video)
}

fn row(stream: &Livestream, shapes: &Shapes) -> Value {
    json!({
        "id": stream.id,
        "name": stream.name,
        "status": stream.status.word(),
        "disabled": disabled(stream, shapes),
        "ingest_server": INGEST_SERVER,
        "stream_key": stream.stream_key,
        "playback_url": playback(stream),
        "meeting_id": stream.meeting_id,
        "created_at": shapes.timestamps.text(stream.created),
        "updated_at": shapes.timestamps.text(stream.updated),
    })
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a session are far from where a double loses them")]
fn session_row(session: &Session, stream: &Livestream, shapes: &Shapes) -> Value {
    let time = |instant: Option<i64>| instant.map(|instant| shapes.timestamps.text(instant));
    let ingest = session.started.zip(session.stopped).map_or(0, |(started, stopped)| stopped - started);
    let updated = session.stopped.or(session.started).unwrap_or(session.invoked);
    json!({
        "id": session.id,
        "livestream_id": stream.id,
        "err_message": session.err_message,
        "invoked_time": time(Some(session.invoked)),
        "started_time": time(session.started),
        "stopped_time": time(session.stopped),
        "ingest_seconds": ingest as f64 / SECOND as f64,
        "viewer_seconds": session.viewer_seconds,
        "created_at": time(Some(session.invoked)),
        "updated_at": time(Some(updated)),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::probe::{get, kit, put, sandbox, send};
    use super::super::super::{LIVESTREAMS, MAIN_ACCOUNT, Shapes};
    use super::*;
    use crate::sandbox::clock;
    use std::collections::HashSet;

    fn ids(body: &Value) -> Vec<String> {
        body["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn pages_of_a_hundred_give_every_livestream_once() {
        let sandbox = sandbox().await;
        let mut seen = HashSet::new();
        for page in 1..=25 {
            let (status, body) = get(&sandbox, &kit(&format!("livestreams?page_no={page}&per_page=100"))).await;
            assert_eq!((status, &body["paging"]["total_count"]), (200, &json!(2500)));
            assert_eq!(body["paging"]["end_offset"], json!(page * 100));
            seen.extend(ids(&body));
        }
        assert_eq!(seen.len(), LIVESTREAMS[0]);
        let (_, body) = get(&sandbox, &kit("livestreams?page_no=26&per_page=100")).await;
        assert_eq!((&body["data"], &body["paging"]["end_offset"]), (&json!([]), &json!(0)));
    }

    #[tokio::test]
    async fn a_page_has_twenty_rows_unless_told_and_a_hundred_at_most() {
        let sandbox = sandbox().await;
        let (_, body) = get(&sandbox, &kit("livestreams")).await;
        assert_eq!(ids(&body).len(), 20);
        let (_, body) = get(&sandbox, &kit("livestreams?per_page=1000&page_no=2")).await;
        assert_eq!((ids(&body).len(), &body["paging"]["start_offset"]), (100, &json!(101)));
    }

    #[tokio::test]
    async fn filters_say_the_same_as_the_rows() {
        let sandbox = sandbox().await;
        let all = sandbox.livestreams(crate::sandbox::FIRST_APP);
        let total = async |query: &str| {
            let (_, body) = get(&sandbox, &kit(&format!("livestreams?{query}"))).await;
            usize::try_from(body["paging"]["total_count"].as_u64().unwrap()).unwrap()
        };
        let live = all.iter().filter(|row| row["status"] == "LIVE").count();
        assert_eq!(total("status=LIVE").await, live);
        let alone = all.iter().filter(|row| row["meeting_id"].is_null()).count();
        assert_eq!(total("exclude_meetings=true").await, alone);
        assert!(live > 0 && alone < all.len());
        let instant = |at: usize| all[at]["created_at"].as_str().unwrap();
        let query = format!("start_time={}&end_time={}", instant(1000), instant(1010));
        let between = |row: &&Value| {
            let created = clock::parse(row["created_at"].as_str().unwrap()).unwrap();
            (clock::parse(instant(1000)).unwrap()..=clock::parse(instant(1010)).unwrap()).contains(&created)
        };
        assert_eq!(total(&query).await, all.iter().filter(between).count());
        assert_eq!(total(&format!("status=IDLE&{query}")).await + total(&format!("status=LIVE&{query}")).await, {
            all.iter().filter(between).filter(|row| row["status"] == "IDLE" || row["status"] == "LIVE").count()
        });
    }

    #[tokio::test]
    async fn ascending_is_descending_turned_round() {
        let sandbox = sandbox().await;
        let (_, ascending) = get(&sandbox, &kit("livestreams?sort_order=ASC&per_page=100&page_no=1")).await;
        let (_, descending) = get(&sandbox, &kit("livestreams?sort_order=DSC&per_page=100&page_no=25")).await;
        let mut turned = ids(&descending);
        turned.reverse();
        assert_eq!(ids(&ascending), turned);
        let oldest = sandbox.livestreams(crate::sandbox::FIRST_APP);
        assert_eq!(ids(&ascending), ids(&json!({"data": oldest[..100]})));
        let instants: Vec<i64> =
            oldest.iter().map(|row| clock::parse(row["created_at"].as_str().unwrap()).unwrap()).collect();
        assert!(instants.is_sorted());
        let (_, unsaid) = get(&sandbox, &kit("livestreams?per_page=100&page_no=25")).await;
        assert_eq!(ids(&unsaid), ids(&descending));
    }

    #[tokio::test]
    async fn what_the_list_does_not_know_is_a_400_in_its_own_envelope() {
        let sandbox = sandbox().await;
        for query in ["status=OFFLINE", "sort_order=DESC", "exclude_meetings=1", "start_time=yesterday", "per_page=0"] {
            let (status, body) = get(&sandbox, &kit(&format!("livestreams?{query}"))).await;
            assert_eq!((status, &body["error"]["code"], body.get("errors")), (400, &json!(400), None), "{query}");
        }
    }

    #[tokio::test]
    async fn the_documented_shape_gives_one_row_a_page_and_every_row_in_the_end() {
        let sandbox = sandbox().await;
        let app = sandbox.apps(MAIN_ACCOUNT)[11]["id"].as_str().unwrap().to_owned();
        sandbox.set_shapes(Shapes {
            livestreams: LivestreamsShape::Object,
            disabled: DisabledShape::Text,
            ..Shapes::default()
        });
        let mut seen = HashSet::new();
        for page in 1..=5 {
            let path = format!("/client/v4/accounts/{MAIN_ACCOUNT}/realtime/kit/{app}/livestreams");
            let (_, body) = get(&sandbox, &format!("{path}?per_page=100&page_no={page}")).await;
            let data = &body["data"];
            assert_eq!((&data["paging"]["total_count"], &data["paging"]["end_offset"]), (&json!(5), &json!(page)));
            assert!(data["disabled"].is_string() && body.get("paging").is_none());
            seen.insert(data["id"].as_str().unwrap().to_owned());
        }
        assert_eq!(seen.len(), 5);
    }

    #[tokio::test]
    async fn a_livestream_comes_with_its_sessions_and_a_session_by_itself() {
        let sandbox = sandbox().await;
        let (_, list) = get(&sandbox, &kit("livestreams?status=IDLE&per_page=100")).await;
        let mut most = 0;
        for id in ids(&list).iter().take(8) {
            let (_, body) = get(&sandbox, &kit(&format!("livestreams/{id}"))).await;
            assert_eq!(body["data"]["livestream"]["id"], json!(id));
            let sessions = body["data"]["sessions"].as_array().unwrap();
            most = most.max(sessions.len());
            let session = sessions[0]["id"].as_str().unwrap();
            let (_, alone) = get(&sandbox, &kit(&format!("livestreams/sessions/{session}"))).await;
            assert_eq!(alone["data"], sessions[0]);
        }
        assert_eq!(most, 2);
        assert_eq!(get(&sandbox, &kit("livestreams/x")).await.0, 400);
        assert_eq!(get(&sandbox, &kit("livestreams/00000000-0000-4000-8000-000000000000")).await.0, 404);
    }

    #[tokio::test]
    async fn a_meeting_starts_goes_live_with_time_stops_and_may_start_again() {
        let sandbox = sandbox().await;
        let (_, meeting) = put(&sandbox, "POST", &kit("meetings"), json!({"title": "t"})).await;
        let meeting = format!("meetings/{}", meeting["data"]["id"].as_str().unwrap());
        let (start, active) = (kit(&format!("{meeting}/livestreams")), kit(&format!("{meeting}/active-livestream")));
        let stop = format!("{active}/stop");
        assert_eq!(get(&sandbox, &active).await.0, 404);
        assert_eq!(put(&sandbox, "POST", &stop, json!({})).await.0, 404);
        let config = json!({"name": "mine", "video_config": {"height": 720, "width": 1280}});
        let (status, started) = put(&sandbox, "POST", &start, config).await;
        assert_eq!((status, &started["data"]["status"]), (201, &json!("INVOKED")));
        assert!(started["data"].get("created_at").is_none() && started["data"].get("name").is_none());
        assert_eq!(put(&sandbox, "POST", &start, json!({})).await.0, 400);
        sandbox.advance(3000);
        let (_, now) = get(&sandbox, &active).await;
        assert_eq!((&now["data"]["status"], &now["data"]["name"]), (&json!("LIVE"), &json!("mine")));
        let id = now["data"]["id"].as_str().unwrap();
        assert_eq!(get(&sandbox, &kit(&format!("livestreams/{id}/active-livestream-session"))).await.0, 200);
        let stopped = send(&sandbox, "POST", &stop, None).await.unwrap();
        assert_eq!(stopped.json()["data"]["message"], "Stopped live stream successfully");
        assert_eq!(get(&sandbox, &active).await.1["data"]["status"], "IDLE");
        assert_eq!(get(&sandbox, &kit(&format!("livestreams/{id}/active-livestream-session"))).await.0, 404);
        assert_eq!(put(&sandbox, "POST", &start, json!({})).await.0, 400);
        sandbox.advance(3000);
        assert_eq!(put(&sandbox, "POST", &start, json!({})).await.0, 201);
    }

    #[tokio::test]
    async fn an_independent_livestream_is_created_until_the_operation_is_withdrawn() {
        let sandbox = sandbox().await;
        let (status, body) = put(&sandbox, "POST", &kit("livestreams"), json!({"name": null})).await;
        assert_eq!((status, &body["data"]["status"], &body["data"]["name"]), (201, &json!("INVOKED"), &Value::Null));
        assert!(body["data"]["stream_key"].as_str().unwrap().contains("canary"));
        let id = body["data"]["id"].as_str().unwrap();
        assert!(sandbox.connect(id));
        assert_eq!(get(&sandbox, &kit(&format!("livestreams/{id}"))).await.1["data"]["livestream"]["status"], "LIVE");
        let (status, body) = put(&sandbox, "POST", &kit("livestreams"), json!({"name": 5})).await;
        assert_eq!((status, &body["error"]["message"]), (400, &json!("BAD_REQUEST: \"name\" must be a string")));
        let before = sandbox.counts();
        sandbox.set_shapes(Shapes { withdrawn: true, ..Shapes::default() });
        assert_eq!(put(&sandbox, "POST", &kit("livestreams"), json!({})).await.0, 404);
        assert_eq!(sandbox.counts(), before);
    }
}
