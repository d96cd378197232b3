//! The outputs of a live input: where it is sent on to. Address and key are given once; afterwards an output is only switched
//! on and off, or deleted. None can be read by itself.

use serde_json::{Value, json};

use super::super::gate::Call;
use super::super::reply::{Answered, Reply};
use super::super::state::{Output, State};
use super::{bad_request, decoding_error, input, not_found};

pub fn list(state: &mut State, call: &Call) -> Answered {
    let shapes = state.shapes.clone();
    Ok(Reply::result(&shapes, &input(state, call)?.outputs.iter().map(row).collect()))
}

pub fn create(state: &mut State, call: &Call) -> Answered {
    input(state, call)?;
    let text = |name: &str| match call.body.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        None | Some(Value::Null | Value::String(_)) => Err(bad_request(&format!("{name} is required"))),
        Some(_) => Err(decoding_error()),
    };
    let (url, stream_key) = (text("url")?, text("streamKey")?);
    let enabled = enabled(call)?.unwrap_or(true);
    let output = Output { uid: state.ids.hex(), url, stream_key, enabled };
    let answer = Reply::result(&state.shapes, &row(&output));
    state.tick();
    input(state, call)?.outputs.push(output);
    Ok(answer)
}

/// The body is `{enabled}`, and required; address and key in it are ignored.
pub fn update(state: &mut State, call: &Call) -> Answered {
    find(state, call)?;
    let enabled = enabled(call)?.ok_or_else(|| bad_request("enabled is required"))?;
    state.tick();
    let output = find(state, call)?;
    output.enabled = enabled;
    let answer = row(output);
    Ok(Reply::result(&state.shapes, &answer))
}

pub fn delete(state: &mut State, call: &Call) -> Answered {
    let uid = find(state, call)?.uid.clone();
    state.tick();
    input(state, call)?.outputs.retain(|output| output.uid != uid);
    Ok(Reply::empty(200))
}

fn find<'a>(state: &'a mut State, call: &Call) -> Result<&'a mut Output, Reply> {
    input(state, call)?.outputs.iter_mut().find(|output| output.uid == call.at[3]).ok_or_else(not_found)
}

fn enabled(call: &Call) -> Result<Option<bool>, Reply> {
    match call.body.get("enabled") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(enabled)) => Ok(Some(*enabled)),
        Some(_) => Err(decoding_error()),
    }
}

fn row(output: &Output) -> Value {
    json!({"uid": output.uid, "url": output.url, "streamKey": output.stream_key, "enabled": output.enabled})
}

#[cfg(test)]
mod tests {
    use super::super::super::MAIN_ACCOUNT;
    use super::super::super::probe::{get, put, sandbox, send, stream};
    use super::*;

    #[tokio::test]
    async fn outputs_are_made_switched_off_and_deleted() {
        let sandbox = sandbox().await;
        let uid = sandbox.live_inputs(MAIN_ACCOUNT)[1]["uid"].as_str().unwrap().to_owned();
        let path = stream(&format!("live_inputs/{uid}/outputs"));
        assert_eq!(get(&sandbox, &path).await.1["result"], json!([]));
        let body = json!({"url": "rtmp://a.example/live", "streamKey": "k"});
        let (_, made) = put(&sandbox, "POST", &path, body).await;
        assert_eq!(made["result"]["enabled"], json!(true));
        let one = format!("{path}/{}", made["result"]["uid"].as_str().unwrap());
        let (_, changed) = put(&sandbox, "PUT", &one, json!({"enabled": false, "url": "rtmp://b.example"})).await;
        assert_eq!(changed["result"]["enabled"], json!(false));
        assert_eq!(changed["result"]["url"], made["result"]["url"]);
        assert_eq!(put(&sandbox, "PUT", &one, json!({})).await.0, 400);
        assert_eq!(send(&sandbox, "DELETE", &one, None).await.unwrap().body, "");
        assert_eq!(put(&sandbox, "PUT", &one, json!({"enabled": true})).await.0, 404);
        assert_eq!(put(&sandbox, "POST", &path, json!({"url": "rtmp://a.example"})).await.0, 400);
        assert_eq!(get(&sandbox, &one).await.0, 404);
    }

    #[tokio::test]
    async fn some_seeded_inputs_have_outputs_with_marked_keys() {
        let sandbox = sandbox().await;
        let uid = sandbox.live_inputs(MAIN_ACCOUNT)[5]["uid"].as_str().unwrap().to_owned();
        let (_, body) = get(&sandbox, &stream(&format!("live_inputs/{uid}/outputs"))).await;
        assert_eq!(body["result"].as_array().unwrap().len(), 3);
        assert!(body["result"][0]["streamKey"].as_str().unwrap().contains("canary"));
    }
}
