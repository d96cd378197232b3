//! What an answer means: success, or a refusal in the API's own words with advice.
//! Owns error bodies, hints and the choice of the error's kind. Never quotes a body: bodies may carry secrets.
//! Must not know how the answer came.

use std::error::Error as StdError;
use std::fmt;

use bytes::Bytes;
use serde_json::Value;

use super::content::{content, misshapen};
use super::exchange::Exchange;
use super::graphql::graphql_refusal;
use super::retry::reads;
use super::transport::{Failure, Incoming, Stage};
use super::written::is_json;
use crate::error::{Error, Kind, Result};
use crate::registry::{Access, ErrorShape, HttpVerb, Method, NotFound};

/// Characters of an API's message that are shown.
const LONGEST_MESSAGE: usize = 500;

/// A whole answer, whatever its status.
#[derive(Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`
    pub content_type: Option<String>,
    /// `Link`, all of them joined by commas.
    pub link: Option<String>,
    /// The header that names the next page, where the document says another.
    pub page_header: Option<String>,
    /// `Retry-After`
    pub retry_after: Option<String>,
    /// The body, decompressed.
    pub body: Bytes,
    /// The request for messages: verb and path, secrets masked.
    pub label: String,
    /// An attempt before this one may have taken effect.
    pub doubt: bool,
}

impl Reply {
    pub(super) fn new(incoming: Incoming, label: String, doubt: bool) -> Self {
        let Incoming { status, content_type, link, page_header, retry_after, body, .. } = incoming;
        Reply { status, content_type, link, page_header, retry_after, body, label, doubt }
    }

    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(without_mark(&self.body)).ok()
    }
}

/// The body is not shown.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answered {} with {} bytes", self.label, self.status, self.body.len())
    }
}

/// The cause of an error after which nobody knows whether the request took effect. Beneath it, the refusal if there was
/// one.
#[derive(Debug)]
struct Uncertain(String, Option<Refusal>);

impl fmt::Display for Uncertain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; it may have taken effect", self.0)
    }
}

impl StdError for Uncertain {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.1.as_ref().map(|refusal| refusal as &(dyn StdError + 'static))
    }
}

/// The cause of an error for an answer that refuses with a code of the API's own.
#[derive(Debug, Clone)]
struct Refusal {
    code: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the API's code is {}", self.code)
    }
}

impl StdError for Refusal {}

/// Whether the request behind `error` was sent and may have taken effect although no success was reported. Ask before
/// [`Error::map_text`], which drops causes.
pub fn may_have_taken_effect(error: &Error) -> bool {
    error.source().is_some_and(<dyn StdError>::is::<Uncertain>)
}

/// The API's own code for why it refused, the first of several, from the error that [`success`] or [`refused`] gave or
/// one caused by it. Ask before [`Error::map_text`], which drops causes.
pub fn refusal_code(error: &Error) -> Option<String> {
    refusal(error).map(|refusal| refusal.code.clone())
}

fn refusal(error: &Error) -> Option<&Refusal> {
    std::iter::successors(error.source(), |error| (*error).source()).find_map(<dyn StdError>::downcast_ref)
}

/// The answer's JSON, as the document reshapes it; `None` for an answer without content. An answer that the document
/// declares as text comes as a JSON string.
///
/// # Errors
/// When the API refused (by status, or by its own word for success), or sent what the document does not declare.
pub fn success(exchange: &Exchange, method: &Method, reply: &Reply) -> Result<Option<Value>> {
    if let Some(error) = method.graphql.as_ref().and_then(|_| graphql_refusal(reply)) {
        return Err(error);
    }
    let Some(body) = content(exchange, method, reply)? else { return Ok(None) };
    let declared = method.answer.media_type.as_str();
    if method.answer.reshape.is_empty() && declared.starts_with("text/") && !is_json(declared) {
        return Ok(Some(Value::String(String::from_utf8_lossy(&body).into_owned())));
    }
    // A write that was taken, and whose answer cannot be read, has most likely been done.
    let unread = |error: serde_json::Error| match method.answer.reshape.is_empty() {
        true => uncertain(broken(reply, &error), method.http),
        false => uncertain(misshapen(reply, error.column()), method.http),
    };
    let value: Value = serde_json::from_slice(without_mark(&body)).map_err(unread)?;
    let denied = exchange.access.success.as_ref().and_then(|path| path.find(&value)) == Some(&Value::Bool(false));
    if denied { Err(refused(exchange, method, reply)) } else { Ok(Some(value)) }
}

/// Whether this answer says "no rows": a 404 in the product's own words, with none of the codes that mean something
/// else. A 404 that is no error of the API's form comes from something in between.
pub fn no_rows(rule: &NotFound, access: &Access, reply: &Reply) -> bool {
    if reply.status != 404 {
        return false;
    }
    let complaints = reply.json().map(|value| shaped(access, &value)).unwrap_or_default();
    !complaints.is_empty() && !complaints.iter().any(|c| rule.unless_codes.iter().any(|code| c.has(*code)))
}

/// The error for a request without a whole answer, after `tries` of them.
pub(super) fn failed(label: &str, verb: HttpVerb, failure: &Failure, tries: u32) -> Error {
    let reason = clean(&failure.reason);
    let what = match failure.stage {
        Stage::Unsendable => format!("could not be sent: {reason}"),
        Stage::Unconnected => format!("no connection could be made: {reason}"),
        Stage::Untrusted => format!("no trusted connection could be made: {reason}"),
        Stage::Broken => format!("the connection broke before an answer came: {reason}"),
        Stage::Truncated => format!("the answer broke off after {} bytes: {reason}", failure.received),
        Stage::TimedOut => "no whole answer came in time".to_owned(),
        Stage::TooLarge => format!("the answer is too large: {reason}"),
    };
    let tries = if tries > 1 { format!(" ({tries} attempts)") } else { String::new() };
    let kind = if failure.stage == Stage::Unsendable { Kind::Statement } else { Kind::Network };
    let error = Error::new(kind, format!("{label}: {what}{tries}"));
    let uncertain = failure.stage.left() && !reads(verb);
    let error = match failure.stage {
        _ if uncertain => error.hint("It may have taken effect all the same: look before you run it again."),
        Stage::Unsendable => error,
        Stage::Untrusted => {
            error.hint("Check the machine's certificates and clock, and whether something sits in between.")
        }
        Stage::TooLarge => error.hint("Ask for less: a narrower filter, or fewer rows a page."),
        _ => error.hint("Check the network, and the base URL if one is set; then run it again."),
    };
    if uncertain { error.caused_by(Uncertain(what, None)) } else { error }
}

/// The same error, marked as one after which the request may have taken effect, unless the verb only reads.
pub(super) fn uncertain(error: Error, verb: HttpVerb) -> Error {
    if reads(verb) {
        return error;
    }
    let cause = Uncertain(error.message().to_owned(), refusal(&error).cloned());
    error.caused_by(cause)
}

/// One thing the API complains about.
struct Complaint {
    code: Option<String>,
    message: String,
    /// Reasons one level down, where some APIs keep the reason proper.
    deeper: Vec<Complaint>,
}

impl Complaint {
    fn first_code(&self) -> Option<&str> {
        self.code.as_deref().or_else(|| self.deeper.iter().find_map(Complaint::first_code))
    }

    fn has(&self, code: i64) -> bool {
        self.code.as_deref().and_then(|text| text.parse().ok()) == Some(code) || self.deeper.iter().any(|d| d.has(code))
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) if self.message.is_empty() => write!(f, "code {code}"),
            Some(code) => write!(f, "{} ({code})", self.message),
            None => f.write_str(&self.message),
        }?;
        self.deeper.iter().try_for_each(|reason| write!(f, ": {reason}"))
    }
}

/// The error for an answer that refuses, in the API's own words where it has some.
pub fn refused(exchange: &Exchange, method: &Method, reply: &Reply) -> Error {
    let access = &exchange.access;
    let body = reply.json();
    let complaints = body.as_ref().map(|value| shaped(access, value)).unwrap_or_default();
    let words = if complaints.is_empty() {
        body.as_ref().and_then(loose).unwrap_or_else(|| appearance(reply))
    } else {
        complaints.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    };
    let said = if (200..300).contains(&reply.status) { " and refused" } else { "" };
    let mut message = format!("{} answered {}{said}: {}", reply.label, reply.status, shorten(&clean(&words)));
    if let (404 | 410, Some(withdrawn)) = (reply.status, &method.withdrawn) {
        message = format!("{message}. {withdrawn}");
    }
    let kind = kind(reply.status, !complaints.is_empty());
    let error = Error::new(kind, message).map_text(|text| exchange.redactor.clean(text));
    let error = match hint(access, reply.status, &complaints) {
        Some(hint) => error.hint(hint),
        None => error,
    };
    // After the texts were changed, which drops causes.
    let error = match complaints.iter().find_map(Complaint::first_code) {
        Some(code) => error.caused_by(Refusal { code: exchange.redactor.clean(&shorten(&clean(code))) }),
        None => error,
    };
    if reply.doubt || matches!(reply.status, 408 | 500..=599) { uncertain(error, method.http) } else { error }
}

/// Who must act, by status first: codes mean different things from product to product.
fn kind(status: u16, in_own_words: bool) -> Kind {
    match status {
        401 | 403 => Kind::Credentials,
        408 | 429 => Kind::Network,
        502 | 503 | 504 | 520..=529 if !in_own_words => Kind::Network,
        _ => Kind::Api,
    }
}

fn hint(access: &Access, status: u16, complaints: &[Complaint]) -> Option<String> {
    let fits = |code: i64| complaints.iter().any(|c| c.has(code));
    let documented = access
        .hints
        .iter()
        .find(|h| h.status.is_none_or(|s| s == status) && h.code.is_none_or(fits))
        .map(|h| h.hint.clone());
    documented.or_else(|| {
        let text = match status {
            401 => match &access.credentials_help {
                Some(help) => return Some(help.clone()),
                None => "The API does not know these credentials: check the token.",
            },
            403 => "The credentials are known, and not allowed to do this: check the token's permissions.",
            404 | 410 => "Check the identifiers in the statement: the API knows nothing of that name.",
            409 => "Something is in the way; the API's words say what.",
            200..=299 => "The API answered and did not do it; its words say why.",
            400 | 422 => "The API did not take the values; its words say which.",
            408 | 500..=599 => "The failure is on the API's side: try again later.",
            429 => "Too many requests: wait, or send fewer.",
            _ => return None,
        };
        Some(text.to_owned())
    })
}

/// Complaints in one of the documented shapes, the first that holds any.
fn shaped(access: &Access, body: &Value) -> Vec<Complaint> {
    let of = |shape: &ErrorShape| match shape.at.find(body) {
        Some(Value::Array(items)) => items.iter().filter_map(|item| complaint(shape, item)).collect(),
        Some(other) => complaint(shape, other).into_iter().collect::<Vec<_>>(),
        None => Vec::new(),
    };
    access.errors.iter().map(of).find(|complaints| !complaints.is_empty()).unwrap_or_default()
}

fn complaint(shape: &ErrorShape, value: &Value) -> Option<Complaint> {
    if let Value::String(text) = value {
        return (!text.is_empty()).then(|| Complaint { code: None, message: text.clone(), deeper: Vec::new() });
    }
    let entries = value.as_object()?;
    let code = shape.code.as_ref().and_then(|key| entries.get(key)).and_then(text);
    let message = entries.get(&shape.message).and_then(text).unwrap_or_default();
    if code.is_none() && message.is_empty() {
        return None;
    }
    let deeper = entries.get("error_chain").and_then(Value::as_array).into_iter().flatten();
    let deeper = deeper.filter_map(|inner| complaint(shape, inner)).collect();
    Some(Complaint { code, message, deeper })
}

/// The usual places, for an error in no documented shape.
fn loose(body: &Value) -> Option<String> {
    let entries = body.as_object()?;
    ["message", "error", "detail", "title"].iter().find_map(|key| entries.get(*key)?.as_str().map(str::to_owned))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// What the body looks like from outside.
fn appearance(reply: &Reply) -> String {
    let media = reply.content_type.as_deref().unwrap_or("").split(';').next().unwrap_or("").trim();
    let start = String::from_utf8_lossy(&reply.body[..reply.body.len().min(4096)]).into_owned();
    let lower = start.to_ascii_lowercase();
    if reply.body.is_empty() {
        return "nothing more was said".to_owned();
    }
    if media.eq_ignore_ascii_case("text/html") || lower.trim_start().starts_with("<!doctype html") {
        let title = lower.find("<title>").map(|at| at + "<title>".len());
        let title =
            title.and_then(|from| lower[from..].find("</title>").map(|to| start[from..from + to].trim().to_owned()));
        return match title.filter(|t| !t.is_empty()) {
            Some(title) => format!("an HTML page (title: {})", title.chars().take(80).collect::<String>()),
            None => "an HTML page".to_owned(),
        };
    }
    let media = if media.is_empty() { "no declared type" } else { media };
    format!("{} bytes of {media}, without an error message", reply.body.len())
}

/// The error for an answer that should be JSON and is not. `at`: how many bytes stand before the place where that shows,
/// and whether the answer only ends there.
pub fn unreadable(reply: &Reply, (at, cut): (usize, bool), why: &str) -> Error {
    let (label, status, length) = (&reply.label, reply.status, reply.body.len());
    if cut {
        let end = format!("{label} answered {status} with JSON that ends in the middle ({length} bytes)");
        return Error::new(Kind::Network, end).hint("The answer was cut on its way: run it again if that is safe.");
    }
    let begins_as_json = matches!(without_mark(&reply.body).trim_ascii_start(), [b'{' | b'[', ..]);
    let message = match begins_as_json {
        true => format!("{label} answered {status} with JSON that is broken at byte {at} of {length}: {why}"),
        false => format!("{label} answered {status} with something that is not JSON: {}", clean(&appearance(reply))),
    };
    Error::new(Kind::Api, message).hint("Something between here and the API may have answered in its place.")
}

/// The same for a mistake that `serde_json` found.
fn broken(reply: &Reply, error: &serde_json::Error) -> Error {
    let body = without_mark(&reply.body);
    let lines = body.split_inclusive(|b| *b == b'\n').take(error.line().saturating_sub(1));
    let at = reply.body.len() - body.len() + lines.map(<[u8]>::len).sum::<usize>() + error.column();
    // Its own words end with line and column.
    let text = error.to_string();
    let why = text.split(" at line ").next().unwrap_or_default();
    unreadable(reply, (at, error.is_eof()), why)
}

/// A body without its byte order mark.
fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// Without control characters: an API's words must not drive the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST_MESSAGE) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::scripted::{exchange, method};
    use crate::registry::{ErrorHint, JsonPath};

    fn access() -> Access {
        let shape = |at: &str| ErrorShape {
            at: JsonPath::parse(at).unwrap(),
            code: Some("code".into()),
            message: "message".into(),
        };
        Access {
            success: Some(JsonPath::parse("$.success").unwrap()),
            errors: vec![shape("$.errors"), shape("$.error")],
            hints: vec![ErrorHint { status: Some(404), code: Some(7003), hint: "Check the account id.".into() }],
            ..Access::default()
        }
    }

    fn reply(status: u16, content_type: &str, body: &str) -> Reply {
        Reply {
            status,
            content_type: Some(content_type.into()),
            link: None,
            page_header: None,
            retry_after: None,
            body: Bytes::copy_from_slice(body.as_bytes()),
            label: "GET /x".into(),
            doubt: false,
        }
    }

    fn judged(status: u16, body: &str) -> Result<Option<Value>> {
        let exchange = exchange(access(), "https://h");
        success(&exchange, &method(HttpVerb::Get, "/x"), &reply(status, "application/json", body))
    }

    fn said(status: u16, body: &str) -> String {
        judged(status, body).unwrap_err().message().to_owned()
    }

    #[test]
    fn an_answer_is_json_or_nothing() {
        assert_eq!(judged(200, r#"{"a":1}"#).unwrap(), Some(serde_json::json!({"a": 1})));
        for (status, body) in [(204, ""), (200, ""), (200, " \n")] {
            assert_eq!(judged(status, body).unwrap(), None);
        }
        // Placeholders in `errors` are no failure where the API says that it succeeded.
        assert!(judged(200, r#"{"success":true,"errors":[{"code":1,"message":"x"}]}"#).is_ok());
    }

    #[test]
    fn declared_text_comes_as_a_string() {
        let mut vtt = method(HttpVerb::Get, "/x");
        vtt.answer.media_type = "text/vtt".into();
        let value = success(&exchange(access(), "https://h"), &vtt, &reply(200, "text/vtt", "WEBVTT"));
        assert_eq!(value.unwrap(), Some(Value::from("WEBVTT")));
    }

    #[test]
    fn refusals_of_both_shapes_are_told_in_the_apis_words() {
        let table = [
            (
                404,
                r#"{"success":false,"errors":[{"code":7003,"message":"No route"}]}"#,
                "GET /x answered 404: No route (7003)",
            ),
            (
                400,
                r#"{"errors":null,"messages":null,"error":{"code":400,"message":"Bad id"}}"#,
                "GET /x answered 400: Bad id (400)",
            ),
            (400, r#"{"errors":[{"message":"a"},{"code":"E7"},"c",null,{}]}"#, "GET /x answered 400: a; code E7; c"),
            (400, r#"{"error":"plain words"}"#, "GET /x answered 400: plain words"),
            (401, r#"{"message":"Unauthorized"}"#, "GET /x answered 401: Unauthorized"),
            (
                200,
                r#"{"success":false,"errors":[]}"#,
                "GET /x answered 200 and refused: 29 bytes of application/json, without an error message",
            ),
            (
                400,
                r#"{"errors":[{"code":6003,"message":"Invalid headers","error_chain":[{"code":6111,"message":"Bad format"}]}]}"#,
                "GET /x answered 400: Invalid headers (6003): Bad format (6111)",
            ),
            (500, "", "GET /x answered 500: nothing more was said"),
        ];
        for (status, body, message) in table {
            assert_eq!(said(status, body), message);
        }
    }

    #[test]
    fn the_first_code_of_a_refusal_can_be_read_from_its_error() {
        let table = [
            (404, r#"{"errors":[{"code":7003,"message":"a"},{"code":7000,"message":"b"}]}"#, Some("7003")),
            (409, r#"{"errors":[{"message":"a"},{"code":"E7\u0007"}]}"#, Some("E7 ")),
            (400, r#"{"errors":[{"message":"a","error_chain":[{"code":6111,"message":"b"}]}]}"#, Some("6111")),
            (200, r#"{"success":false,"errors":[{"code":1,"message":"a"}]}"#, Some("1")),
            (500, r#"{"error":{"code":10000,"message":"a"}}"#, Some("10000")),
            (400, r#"{"error":"plain words"}"#, None),
            (502, "<html>", None),
        ];
        for (status, body, code) in table {
            let error = judged(status, body).unwrap_err();
            assert_eq!(refusal_code(&error).as_deref(), code, "{body}");
            let above = Error::new(Kind::Partial, "1 of 2 rows").caused_by(error);
            assert_eq!(refusal_code(&above).as_deref(), code, "{body}");
        }
        assert_eq!(refusal_code(&Error::statement("no")), None);
    }

    #[test]
    fn a_write_whose_answer_cannot_be_read_may_have_taken_effect_and_a_read_cannot() {
        let exchange = exchange(access(), "https://h");
        for body in ["<html>done</html>", r#"{"result": {"id""#] {
            for (verb, doubt) in [(HttpVerb::Post, true), (HttpVerb::Delete, true), (HttpVerb::Get, false)] {
                let error = success(&exchange, &method(verb, "/x"), &reply(200, "application/json", body)).unwrap_err();
                assert_eq!(may_have_taken_effect(&error), doubt, "{verb:?} {body}");
            }
        }
    }

    #[test]
    fn doubt_and_code_are_told_side_by_side_and_a_code_hides_secrets() {
        let exchange = exchange(access(), "https://h");
        exchange.redactor.learn("tok-123456");
        let write = |status, code: &str| {
            let body = format!(r#"{{"errors":[{{"code":"{code}","message":"tok-123456"}}]}}"#);
            let post = method(HttpVerb::Post, "/x");
            success(&exchange, &post, &reply(status, "application/json", &body)).unwrap_err()
        };
        for (status, doubt) in [(500, true), (400, false)] {
            let error = write(status, "E9");
            assert_eq!((may_have_taken_effect(&error), refusal_code(&error).as_deref()), (doubt, Some("E9")));
            assert!(!error.message().contains("tok-"), "{error}");
        }
        assert_eq!(refusal_code(&write(500, "E-tok-123456")).as_deref(), Some("E-***"));
    }

    #[test]
    fn the_kind_follows_the_status_and_whether_the_api_itself_spoke() {
        let own = r#"{"errors":[{"code":1,"message":"m"}]}"#;
        let table = [
            (200, r#"{"success":false}"#, Kind::Api),
            (400, own, Kind::Api),
            (401, own, Kind::Credentials),
            (403, "", Kind::Credentials),
            (404, own, Kind::Api),
            (408, own, Kind::Network),
            (429, own, Kind::Network),
            (500, "", Kind::Api),
            (502, "", Kind::Network),
            (502, own, Kind::Api),
            (503, "<html>", Kind::Network),
            (524, "", Kind::Network),
            (530, "", Kind::Api),
        ];
        for (status, body, kind) in table {
            assert_eq!(judged(status, body).unwrap_err().kind(), kind, "{status} {body}");
        }
    }

    #[test]
    fn a_hint_of_the_document_goes_before_the_general_one() {
        let hint = |status, body: &str| judged(status, body).unwrap_err().hint_text().map(str::to_owned);
        assert_eq!(hint(404, r#"{"errors":[{"code":7003,"message":"m"}]}"#).as_deref(), Some("Check the account id."));
        assert!(hint(404, r#"{"errors":[{"code":1,"message":"m"}]}"#).unwrap().starts_with("Check the identifiers"));
        assert!(hint(403, "").unwrap().contains("permissions"));
    }

    #[test]
    fn a_body_is_described_and_never_quoted() {
        let exchange = exchange(access(), "https://h");
        let get = method(HttpVerb::Get, "/x");
        let page = "<html><head><TITLE>Bad\u{7} gateway</TITLE></head>hush-hush</html>";
        let error = success(&exchange, &get, &reply(502, "text/html; charset=utf-8", page)).unwrap_err();
        assert_eq!(error.message(), "GET /x answered 502: an HTML page (title: Bad  gateway)");
        let error = success(&exchange, &get, &reply(200, "text/html", page)).unwrap_err();
        assert_eq!(
            error.message(),
            "GET /x answered 200 with something that is not JSON: an HTML page (title: Bad  gateway)"
        );
        let error = success(&exchange, &get, &reply(200, "application/json", r#"{"key": hush}"#)).unwrap_err();
        assert!(error.kind() == Kind::Api && !error.message().contains("hush"), "{error}");
        let error = success(&exchange, &get, &reply(200, "application/json", r#"{"key": "hush"#)).unwrap_err();
        assert_eq!(error.kind(), Kind::Network);
        assert_eq!(error.message(), "GET /x answered 200 with JSON that ends in the middle (13 bytes)");
    }

    #[test]
    fn secrets_and_control_characters_in_the_apis_words_are_masked_and_long_words_cut() {
        let exchange = exchange(access(), "https://h");
        exchange.redactor.learn("tok-123456");
        let body = format!(r#"{{"error":{{"message":"bad tok-123456\u001b[31m {}"}}}}"#, "x".repeat(600));
        let get = method(HttpVerb::Get, "/x");
        let error = success(&exchange, &get, &reply(400, "application/json", &body)).unwrap_err();
        assert!(error.message().contains("bad *** [31m x") && error.message().ends_with("x..."), "{error}");
        assert!(error.message().len() < 600);
    }

    #[test]
    fn a_withdrawn_method_says_so_when_it_is_gone() {
        let mut gone = method(HttpVerb::Post, "/x");
        gone.withdrawn = Some("Removed in 2026.".into());
        let exchange = exchange(access(), "https://h");
        let message = |status| {
            let error =
                success(&exchange, &gone, &reply(status, "application/json", r#"{"error":"none"}"#)).unwrap_err();
            error.message().to_owned()
        };
        assert_eq!(message(410), "GET /x answered 410: none. Removed in 2026.");
        assert_eq!(message(404), "GET /x answered 404: none. Removed in 2026.");
        assert!(!message(400).contains("Removed"));
    }

    #[test]
    fn a_404_means_no_rows_only_in_the_products_own_words() {
        let rule = NotFound { unless_codes: vec![7003] };
        let none = |status, body: &str| no_rows(&rule, &access(), &reply(status, "application/json", body));
        assert!(none(404, r#"{"error":{"code":404,"message":"No webhooks"}}"#));
        assert!(!none(404, r#"{"errors":[{"code":7003,"message":"No route"}]}"#));
        assert!(!none(404, r#"{"errors":[{"code":1,"message":"a"},{"code":"7003","message":"No route"}]}"#));
        assert!(!none(404, "<html>") && !none(404, "{}") && !none(404, ""));
        assert!(!none(410, r#"{"error":{"code":404,"message":"No webhooks"}}"#));
    }

    #[test]
    fn after_a_failed_write_that_was_sent_the_doubt_is_told() {
        let exchange = exchange(access(), "https://h");
        let doubt = |http, status| {
            let error = success(&exchange, &method(http, "/x"), &reply(status, "text/plain", "")).unwrap_err();
            may_have_taken_effect(&error)
        };
        assert!(doubt(HttpVerb::Post, 500) && doubt(HttpVerb::Delete, 504) && doubt(HttpVerb::Put, 408));
        assert!(!doubt(HttpVerb::Get, 500) && !doubt(HttpVerb::Post, 404) && !doubt(HttpVerb::Post, 429));
    }
}
