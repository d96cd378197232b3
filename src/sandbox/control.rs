//! `/__sim`: the hand that another process reaches in with. Everything here can also be done by calling the sandbox; nothing
//! here is counted, checked for credentials or spoilt by faults.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Shared;
use super::clock;
use super::faults::Fault;
use super::gate::Incoming;
use super::reply::{Answered, Reply, Shapes};
use super::state::{Connection, LiveInput, Livestream, Session, State};

/// Where the control requests begin.
pub const PREFIX: &str = "/__sim/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    ms: u32,
}

/// Answers a control request.
pub fn answer(shared: &Shared, request: &Incoming) -> Reply {
    act(shared, request).unwrap_or_else(|refusal| refusal)
}

fn act(shared: &Shared, request: &Incoming) -> Answered {
    let path: Vec<&str> = request.path.strip_prefix(PREFIX).unwrap_or_default().split('/').collect();
    match (request.method.as_str(), path.as_slice()) {
        ("GET", ["requests"]) => {
            return Ok(Reply::json(200, &json!({"requests": shared.lock().log.all()})));
        }
        ("DELETE", ["requests"]) => shared.lock().log.forget(),
        ("POST", ["faults"]) => shared.lock().faults.add(read::<Fault>(request)?),
        ("DELETE", ["faults"]) => shared.lock().faults.clear(),
        ("POST", ["shapes"]) => shared.lock().state.shapes = read::<Shapes>(request)?,
        ("POST", ["advance"]) => advance(shared, read::<Advance>(request)?.ms),
        ("POST", ["connect", uid]) => connect(&mut shared.lock().state, uid)?,
        ("POST", ["disconnect", uid]) => disconnect(&mut shared.lock().state, uid)?,
        _ => return Err(refuse(404, "the sandbox has no such control")),
    }
    Ok(Reply::json(200, &json!({"ok": true})))
}

/// Lets so many milliseconds pass, for the state and for the rate limits.
pub fn advance(shared: &Shared, ms: u32) {
    let mut inner = shared.lock();
    inner.state.advance(i64::from(ms));
    inner.rate.skip(Duration::from_millis(u64::from(ms)));
}

fn read<T: DeserializeOwned>(request: &Incoming) -> Result<T, Reply> {
    serde_json::from_str(&request.body).map_err(|error| refuse(400, &error.to_string()))
}

fn refuse(status: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"ok": false, "error": message}))
}

/// An encoder begins to send, to a live input or to a livestream.
pub fn connect(state: &mut State, uid: &str) -> Result<(), Reply> {
    let (now, session) = (state.now, state.ids.uuid());
    if let Some(input) = live_input(state, uid) {
        if !input.enabled {
            return Err(refuse(409, "the live input is disabled and refuses the connection"));
        }
        let reason = if input.connections.is_empty() { "connected" } else { "reconnected" };
        input.connections.push(Connection { state: "connected", reason, since: now });
        return Ok(());
    }
    let stream = livestream(state, uid).ok_or_else(|| unknown(uid))?;
    if stream.disabled {
        return Err(refuse(409, "the livestream is disabled and refuses the connection"));
    }
    if !stream.sessions.last().is_some_and(Session::is_open) {
        stream.sessions.push(Session::invoked(session, now));
    }
    stream.go_live(now);
    Ok(())
}

/// The encoder leaves.
pub fn disconnect(state: &mut State, uid: &str) -> Result<(), Reply> {
    let now = state.now.saturating_add(clock::MILLISECOND);
    if let Some(input) = live_input(state, uid) {
        input.connections.push(Connection { state: "disconnected", reason: "client_disconnect", since: now });
        return Ok(());
    }
    livestream(state, uid).ok_or_else(|| unknown(uid))?.stop(now);
    Ok(())
}

fn unknown(uid: &str) -> Reply {
    let quoted = Value::from(uid);
    refuse(404, &format!("there is no live input or livestream {quoted}"))
}

fn live_input<'a>(state: &'a mut State, uid: &str) -> Option<&'a mut LiveInput> {
    state.accounts.iter_mut().flat_map(|account| &mut account.live_inputs).find(|input| input.uid == uid)
}

fn livestream<'a>(state: &'a mut State, id: &str) -> Option<&'a mut Livestream> {
    let apps = state.accounts.iter_mut().flat_map(|account| &mut account.apps);
    apps.flat_map(|app| &mut app.livestreams).find(|stream| stream.id == id)
}
