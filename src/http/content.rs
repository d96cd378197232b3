//! The text that the rows of an answer are read from: its body, or what the document makes of it. The one way from an answer
//! to its rows, for reads and writes alike. What an answer means is `reply`'s.

use bytes::Bytes;
use serde_json::Value;

use super::exchange::Exchange;
use super::reply::{Reply, refused, uncertain};
use crate::error::{Error, Kind, Result};
use crate::registry::{HttpVerb, Method};

/// The text that an answer's rows are read from: its body, or what the document makes of it; `None` for an answer without
/// content. The API's own word for success is looked for in the body as it came, where that is reshaped.
///
/// # Errors
/// When the API refused, or the body cannot be reshaped.
pub fn content(exchange: &Exchange, method: &Method, reply: &Reply) -> Result<Option<Bytes>> {
    if !(200..300).contains(&reply.status) {
        return Err(refused(exchange, method, reply));
    }
    if reply.status == 204 || reply.body.iter().all(u8::is_ascii_whitespace) || method.http == HttpVerb::Head {
        return Ok(None);
    }
    if method.answer.reshape.is_empty() {
        return Ok(Some(reply.body.clone()));
    }
    let verdict = exchange.access.success.as_ref().zip(reply.json());
    if verdict.is_some_and(|(path, value)| path.find(&value) == Some(&Value::Bool(false))) {
        return Err(refused(exchange, method, reply));
    }
    let unfit = |error: Error| {
        let text = format!("{} answered {}: {}", reply.label, reply.status, error.message());
        let named = Error::new(error.kind(), text).hint(error.hint_text().unwrap_or(MISSHAPEN));
        uncertain(named, method.http)
    };
    Ok(method.answer.reshaped(&reply.body).map_err(unfit)?.map(Bytes::from))
}

/// What to do where a document's template and an answer do not fit.
const MISSHAPEN: &str =
    "`response` of the method's document says what is made of the answer; one of the two has changed.";

/// The error for an answer of which the document's own steps make no JSON.
pub fn misshapen(reply: &Reply, at: usize) -> Error {
    let (label, status) = (&reply.label, reply.status);
    let text = format!("{label} answered {status}, and what the document makes of that is not JSON (at byte {at})");
    Error::new(Kind::Api, text).hint(MISSHAPEN)
}
