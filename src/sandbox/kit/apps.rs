//! `RealtimeKit` apps: listed and created, never changed or deleted, as in the real thing.

use serde_json::{Value, json};

use super::super::gate::Call;
use super::super::reply::{Answered, Reply, Shapes};
use super::super::state::{App, State};
use super::{bad, cut, finds, one_of, order, paging, text};

/// Every app of an account as the list shows it.
pub fn all(state: &mut State, account: &str) -> Vec<Value> {
    let shapes = state.shapes.clone();
    state.account(account).map_or_else(Vec::new, |account| account.apps.iter().map(|app| row(app, &shapes)).collect())
}

pub fn list(state: &mut State, call: &Call) -> Answered {
    let (number, size) = paging(call)?;
    let ascending = one_of(call, "sort_order", &["ASC", "DESC"])? == Some("ASC");
    let shapes = state.shapes.clone();
    let apps = state.account(&call.account).map_or(&[][..], |account| &account.apps);
    let mut apps: Vec<&App> = apps.iter().filter(|app| finds(call.param("search"), &app.name)).collect();
    order(&mut apps, ascending);
    let (apps, page) = cut(apps, number, size);
    Ok(Reply::page(&apps.into_iter().map(|app| row(app, &shapes)).collect(), page))
}

pub fn create(state: &mut State, call: &Call) -> Answered {
    let name = text(&call.body, "name")?.filter(|name| !name.is_empty()).ok_or_else(|| bad("\"name\" is required"))?;
    let (id, created) = (state.ids.uuid(), state.tick());
    let app = App { id, name, created, livestreams: Vec::new(), meetings: Vec::new() };
    let answer = json!({"app": row(&app, &state.shapes)});
    if let Some(account) = state.account(&call.account) {
        account.apps.push(app);
    }
    Ok(Reply::data(200, &answer))
}

fn row(app: &App, shapes: &Shapes) -> Value {
    json!({"id": app.id, "name": app.name, "created_at": shapes.timestamps.text(app.created)})
}
