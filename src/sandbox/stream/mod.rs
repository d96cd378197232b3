//! Stream: its routes, and its refusals, which are in the gateway's envelope with codes of their own. What the routes do
//! stands in the files beside.

use serde_json::json;

use super::gate::{Call, Handler};
use super::reply::Reply;
use super::state::{LiveInput, State};

pub mod live_inputs;
pub mod outputs;

/// What answers this method and path; none when there is no such route.
pub fn route(method: &str, at: &[&str]) -> Option<Handler> {
    let handler: Handler = match (method, at) {
        ("GET", ["live_inputs"]) => live_inputs::list,
        ("POST", ["live_inputs"]) => live_inputs::create,
        ("GET", ["live_inputs", _]) => live_inputs::get,
        ("PUT", ["live_inputs", _]) => live_inputs::update,
        ("DELETE", ["live_inputs", _]) => live_inputs::delete,
        ("POST", ["live_inputs", _, "enable"]) => live_inputs::enable,
        ("POST", ["live_inputs", _, "disable"]) => live_inputs::disable,
        ("POST", ["live_inputs", _, "rotate_keys"]) => live_inputs::rotate_keys,
        ("GET", ["live_inputs", _, "outputs"]) => outputs::list,
        ("POST", ["live_inputs", _, "outputs"]) => outputs::create,
        ("PUT", ["live_inputs", _, "outputs", _]) => outputs::update,
        ("DELETE", ["live_inputs", _, "outputs", _]) => outputs::delete,
        _ => return None,
    };
    Some(handler)
}

/// The body is not what it should be. The real answer has null `messages`, and so has this.
pub fn decoding_error() -> Reply {
    let errors = json!([{"code": 10_004, "message": "Decoding Error"}]);
    Reply::json(400, &json!({"result": null, "success": false, "errors": errors, "messages": null}))
}

/// A value is out of its range. The real texts are not known.
fn bad_request(what: &str) -> Reply {
    Reply::error(400, 10_005, &format!("Bad Request: {what}"))
}

fn not_found() -> Reply {
    Reply::error(404, 10_003, "Not Found")
}

/// The live input that the path names.
fn input<'a>(state: &'a mut State, call: &Call) -> Result<&'a mut LiveInput, Reply> {
    let account = state.account(&call.account).ok_or_else(not_found)?;
    account.live_inputs.iter_mut().find(|input| input.uid == call.at[1]).ok_or_else(not_found)
}
