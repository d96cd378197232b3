//! Meetings: listed, read, created, changed in part (PATCH) or wholly (PUT). They are not deleted; one that is over becomes
//! INACTIVE.

use serde_json::{Map, Value, json};

use super::super::gate::Call;
use super::super::reply::{Answered, Reply, Shapes};
use super::super::state::{Meeting, State};
use super::{Between, app, bad, cut, finds, not_found, one_of, order, paging, uuid};

const STATUS: [&str; 2] = ["ACTIVE", "INACTIVE"];

/// What a meeting is when nothing is said about it.
pub fn defaults() -> Map<String, Value> {
    let fields = [
        ("title", Value::Null),
        ("preferred_region", Value::Null),
        ("record_on_start", json!(false)),
        ("live_stream_on_start", json!(false)),
        ("persist_chat", json!(false)),
        ("summarize_on_end", json!(false)),
        ("transcribe_on_end", json!(false)),
        ("session_keep_alive_time_in_secs", json!(60)),
        ("recording_config", Value::Null),
        ("ai_config", Value::Null),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Every meeting of an app as the list shows it.
pub fn all(state: &State, app: &str) -> Vec<Value> {
    let apps = state.accounts.iter().flat_map(|account| &account.apps).filter(|found| found.id == app);
    apps.flat_map(|app| &app.meetings).map(|meeting| row(meeting, &state.shapes)).collect()
}

pub fn list(state: &mut State, call: &Call) -> Answered {
    let shapes = state.shapes.clone();
    let app = app(state, call)?;
    let (number, size) = paging(call)?;
    let between = Between::read(call)?;
    let ascending = one_of(call, "sort_order", &["ASC", "DESC"])? == Some("ASC");
    let active = one_of(call, "status", &STATUS)?.map(|word| word == "ACTIVE");
    let found = |meeting: &&Meeting| {
        active.is_none_or(|active| active == meeting.active)
            && between.holds(shapes.timestamps.shown(meeting.created))
            && (finds(call.param("search"), meeting.title()) || call.param("search") == Some(&meeting.id))
    };
    let mut meetings: Vec<&Meeting> = app.meetings.iter().filter(found).collect();
    order(&mut meetings, ascending);
    let (meetings, page) = cut(meetings, number, size);
    Ok(Reply::page(&meetings.into_iter().map(|meeting| row(meeting, &shapes)).collect(), page))
}

pub fn get(state: &mut State, call: &Call) -> Answered {
    let shapes = state.shapes.clone();
    Ok(Reply::data(200, &row(find(state, call)?, &shapes)))
}

pub fn create(state: &mut State, call: &Call) -> Answered {
    app(state, call)?;
    let mut settings = defaults();
    settings.extend(checked(&call.body)?);
    let (id, now) = (state.ids.uuid(), state.tick());
    let meeting = Meeting { id, active: true, created: now, updated: now, settings, stopping_until: 0 };
    let answer = row(&meeting, &state.shapes);
    app(state, call)?.meetings.push(meeting);
    Ok(Reply::data(201, &answer))
}

/// What the body does not name stays.
pub fn update(state: &mut State, call: &Call) -> Answered {
    let active = match call.body.get("status") {
        None => None,
        Some(Value::String(word)) if STATUS.contains(&word.as_str()) => Some(word == "ACTIVE"),
        Some(_) => return Err(bad("\"status\" must be one of [ACTIVE, INACTIVE]")),
    };
    let settings = checked(&call.body)?;
    change(state, call, |meeting| {
        meeting.settings.extend(settings);
        meeting.active = active.unwrap_or(meeting.active);
    })
}

/// What the body does not name goes back to its default.
pub fn replace(state: &mut State, call: &Call) -> Answered {
    let settings = checked(&call.body)?;
    change(state, call, |meeting| {
        meeting.settings = defaults();
        meeting.settings.extend(settings);
    })
}

fn change(state: &mut State, call: &Call, how: impl FnOnce(&mut Meeting)) -> Answered {
    find(state, call)?;
    let (now, shapes) = (state.tick(), state.shapes.clone());
    let meeting = find(state, call)?;
    how(meeting);
    meeting.updated = now;
    Ok(Reply::data(200, &row(meeting, &shapes)))
}

/// The meeting that the path names.
pub fn find<'a>(state: &'a mut State, call: &Call) -> Result<&'a mut Meeting, Reply> {
    let app = app(state, call)?;
    let id = uuid(call, 2)?;
    app.meetings.iter_mut().find(|meeting| meeting.id == id).ok_or_else(|| not_found("Meeting", id))
}

/// The settings in a body, each of its type; fields that mean nothing are left out.
fn checked(body: &Map<String, Value>) -> Result<Map<String, Value>, Reply> {
    let mut settings = Map::new();
    for (name, value) in body.iter().filter(|(name, _)| defaults().contains_key(name.as_str())) {
        let (fits, wanted) = match name.as_str() {
            "title" | "preferred_region" => (value.is_string() || value.is_null(), "a string"),
            "recording_config" | "ai_config" => (value.is_object() || value.is_null(), "an object"),
            "session_keep_alive_time_in_secs" => {
                (value.as_f64().is_some_and(|seconds| (60.0..=600.0).contains(&seconds)), "a number from 60 to 600")
            }
            _ => (value.is_boolean(), "a boolean"),
        };
        if !fits {
            return Err(bad(&format!("\"{name}\" must be {wanted}")));
        }
        settings.insert(name.clone(), value.clone());
    }
    Ok(settings)
}

fn row(meeting: &Meeting, shapes: &Shapes) -> Value {
    let mut row = json!({
        "id": meeting.id,
        "status": if meeting.active { STATUS[0] } else { STATUS[1] },
        "created_at": shapes.timestamps.text(meeting.created),
        "updated_at": shapes.timestamps.text(meeting.updated),
    });
    if let Some(fields) = row.as_object_mut() {
        fields.extend(meeting.settings.clone());
    }
    row
}

impl Meeting {
    fn title(&self) -> &str {
        self.settings.get("title").and_then(Value::as_str).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::MAIN_ACCOUNT;
    use super::super::super::probe::{get, kit, put, sandbox};
    use super::*;

    #[tokio::test]
    async fn patch_changes_what_it_names_and_put_resets_the_rest() {
        let sandbox = sandbox().await;
        let (status, made) = put(&sandbox, "POST", &kit("meetings"), json!({"title": "a", "persist_chat": true})).await;
        assert_eq!((status, &made["data"]["status"]), (201, &json!("ACTIVE")));
        let path = kit(&format!("meetings/{}", made["data"]["id"].as_str().unwrap()));
        let (_, patched) = put(&sandbox, "PATCH", &path, json!({"status": "INACTIVE", "title": "b"})).await;
        let data = &patched["data"];
        assert_eq!(
            (&data["title"], &data["persist_chat"], &data["status"]),
            (&json!("b"), &json!(true), &json!("INACTIVE"))
        );
        assert_ne!(data["updated_at"], made["data"]["updated_at"]);
        assert_eq!(put(&sandbox, "POST", &format!("{path}/livestreams"), json!({})).await.0, 400);
        let (_, replaced) = put(&sandbox, "PUT", &path, json!({"title": "c"})).await;
        assert_eq!((&replaced["data"]["title"], &replaced["data"]["persist_chat"]), (&json!("c"), &json!(false)));
        assert_eq!(get(&sandbox, &path).await.1["data"], replaced["data"]);
        assert_eq!(put(&sandbox, "PATCH", &path, json!({"persist_chat": "yes"})).await.0, 400);
    }

    #[tokio::test]
    async fn meetings_are_found_by_title_and_status() {
        let sandbox = sandbox().await;
        let all = sandbox.meetings(crate::sandbox::FIRST_APP);
        let (_, body) = get(&sandbox, &kit("meetings?search=R%C3%89UNION&status=INACTIVE&per_page=100")).await;
        let expected = all.iter().filter(|row| {
            row["status"] == "INACTIVE" && row["title"].as_str().is_some_and(|title| title.starts_with("Réunion"))
        });
        let expected = expected.count();
        assert_eq!((all.len(), &body["paging"]["total_count"]), (250, &json!(expected)));
        assert!(expected > 0);
    }

    #[tokio::test]
    async fn apps_are_listed_searched_and_created_with_a_name() {
        let sandbox = sandbox().await;
        let apps = format!("/client/v4/accounts/{MAIN_ACCOUNT}/realtime/kit/apps");
        let (_, body) = get(&sandbox, &format!("{apps}?page_no=2")).await;
        assert_eq!(body["data"].as_array().unwrap().len(), 4);
        let (status, made) = put(&sandbox, "POST", &apps, json!({"name": "zebra, 'x'"})).await;
        assert_eq!((status, &made["data"]["app"]["created_at"]), (200, &json!("2026-01-01T00:00:00.001Z")));
        let (_, found) = get(&sandbox, &format!("{apps}?search=ZEBRA")).await;
        assert_eq!(found["data"][0], made["data"]["app"]);
        assert_eq!(put(&sandbox, "POST", &apps, json!({"name": ""})).await.0, 400);
        let nowhere = apps.replace("apps", "00000000-0000-4000-8000-000000000000/meetings");
        assert_eq!(get(&sandbox, &nowhere).await.0, 404);
    }
}
