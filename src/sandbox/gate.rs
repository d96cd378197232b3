//! What stands in front of every product, in the order the gateway checks it: is there such a route, who asks, may they, are
//! they too fast, is the body JSON. It knows where each product's routes are listed and nothing of what they do.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::faults::rate_limited;
use super::reply::{Answered, RateHeaders, Reply};
use super::seed::{MAIN_ACCOUNT, OTHER_ACCOUNT};
use super::state::State;
use super::{kit, stream};

/// A token that may do everything in both accounts.
pub const TOKEN: &str = "cfut_canary_3fQ9vXk27LmPz8RbT5wYc1HdJ6nS0aEuG";
/// A token of the same form with no permissions: it is known and may do nothing.
pub const TOKEN_WITHOUT_PERMISSIONS: &str = "cfut_canary_0noPermissions0000000000000000000";
/// A token that may read Stream in the main account and nothing else.
pub const TOKEN_STREAM_READ: &str = "cfut_canary_1streamRead1111111111111111111111";
/// The older kind of credential: an email address and a key.
pub const EMAIL: &str = "user@example.com";
/// The key that goes with the address.
pub const API_KEY: &str = "canary144c9defac04969c7bfad8efaa8ea194";

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Incoming {
    pub method: String,
    /// As it was sent, without the query.
    pub path: String,
    /// As it was sent, without the question mark.
    pub query_text: String,
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// A request that was let in.
#[derive(Debug)]
pub struct Call {
    pub account: String,
    /// The path behind the product's prefix, decoded.
    pub at: Vec<String>,
    pub query: Vec<(String, String)>,
    /// The body's fields; none for an empty body.
    pub body: Map<String, Value>,
    pub idempotency_key: Option<String>,
}

/// What does the work of one route.
pub type Handler = fn(&mut State, &Call) -> Answered;

/// How many requests are let through. Without limits (the default) a fast test is never slowed by the machine it runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// By credential, in five minutes. Over it, everything is refused for the next five.
    pub per_five_minutes: Option<u32>,
    /// By address, in a second.
    pub per_second: Option<u32>,
}

impl Limits {
    /// What the documentation says.
    pub fn documented() -> Self {
        Self { per_five_minutes: Some(1200), per_second: Some(200) }
    }
}

impl Incoming {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

impl Call {
    /// The first value of a query parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// Answers a request, or says why not.
pub fn answer(state: &mut State, rate: &mut Rate, request: &Incoming) -> Reply {
    enter(state, rate, request).unwrap_or_else(|refusal| refusal)
}

fn enter(state: &mut State, rate: &mut Rate, request: &Incoming) -> Answered {
    let route = Route::find(request).ok_or_else(|| no_route(&request.path))?;
    let holder = identify(request, route.product)?;
    if state.account(&route.account).is_none() {
        return Err(no_route(&request.path));
    }
    if !holder.may(&route, &request.method) {
        // The same code as for an unknown token: only the status tells the two apart.
        return Err(Reply::error(403, 10_000, "Authentication error"));
    }
    rate.pass(holder.credential)?;
    let headers = rate.headers(holder.credential, state.shapes.rate_headers);
    let answered = body(request, route.product).and_then(|body| {
        let idempotency_key = request.header("idempotency-key").map(ToOwned::to_owned);
        let query = request.query.clone();
        (route.handler)(state, &Call { account: route.account, at: route.at, query, body, idempotency_key })
    });
    let mut reply = answered.unwrap_or_else(|refusal| refusal);
    reply.headers.extend(headers);
    Ok(reply)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Product {
    Kit,
    Stream,
}

struct Route {
    product: Product,
    account: String,
    at: Vec<String>,
    handler: Handler,
}

impl Route {
    fn find(request: &Incoming) -> Option<Self> {
        let rest = request.path.strip_prefix("/client/v4/accounts/")?;
        let decode = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8().ok().map(String::from);
        let parts: Vec<String> = rest.split('/').map(decode).collect::<Option<_>>()?;
        if parts.iter().any(String::is_empty) {
            return None;
        }
        let words: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (product, account, at, handler) = match words.as_slice() {
            [account, "realtime", "kit", at @ ..] => (Product::Kit, account, at, kit::route(&request.method, at)?),
            [account, "stream", at @ ..] => (Product::Stream, account, at, stream::route(&request.method, at)?),
            _ => return None,
        };
        let at = at.iter().map(ToString::to_string).collect();
        Some(Self { product, account: (*account).to_owned(), at, handler })
    }
}

fn no_route(path: &str) -> Reply {
    let message = format!("Could not route to {path}, perhaps your object identifier is invalid?");
    Reply::errors(404, &json!([{"code": 7003, "message": message}, {"code": 7000, "message": "No route for that URI"}]))
}

#[derive(Clone, Copy)]
struct Holder {
    credential: &'static str,
    accounts: &'static [&'static str],
    rights: &'static [Right],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Right {
    Realtime,
    StreamRead,
    StreamWrite,
}

const EVERYTHING: &[Right] = &[Right::Realtime, Right::StreamRead, Right::StreamWrite];
const HOLDERS: [Holder; 4] = [
    Holder { credential: TOKEN, accounts: &[MAIN_ACCOUNT, OTHER_ACCOUNT], rights: EVERYTHING },
    Holder { credential: TOKEN_WITHOUT_PERMISSIONS, accounts: &[MAIN_ACCOUNT, OTHER_ACCOUNT], rights: &[] },
    Holder { credential: TOKEN_STREAM_READ, accounts: &[MAIN_ACCOUNT], rights: &[Right::StreamRead] },
    Holder { credential: API_KEY, accounts: &[MAIN_ACCOUNT, OTHER_ACCOUNT], rights: EVERYTHING },
];

impl Holder {
    fn may(self, route: &Route, method: &str) -> bool {
        let enough: &[Right] = match (route.product, method) {
            (Product::Kit, _) => &[Right::Realtime],
            (Product::Stream, "GET") => &[Right::StreamRead, Right::StreamWrite],
            (Product::Stream, _) => &[Right::StreamWrite],
        };
        self.accounts.contains(&route.account.as_str()) && enough.iter().any(|right| self.rights.contains(right))
    }
}

fn identify(request: &Incoming, product: Product) -> Result<Holder, Reply> {
    let unknown = || Reply::error(401, 10_000, "Authentication error");
    let by = |credential: &str| HOLDERS.into_iter().find(|holder| holder.credential == credential);
    if let Some(header) = request.header("authorization") {
        let token = header.strip_prefix("Bearer ").filter(|token| is_token(token)).ok_or_else(|| {
            let chain = json!([{"code": 6111, "message": "Invalid format for Authorization header"}]);
            Reply::errors(400, &json!([{"code": 6003, "message": "Invalid request headers", "error_chain": chain}]))
        })?;
        return by(token).filter(|holder| holder.credential != API_KEY).ok_or_else(unknown);
    }
    match (request.header("x-auth-email"), request.header("x-auth-key")) {
        // RealtimeKit declares no such scheme; how it refuses one is not known.
        (Some(_), Some(_)) if product == Product::Kit => Err(unknown()),
        (Some(EMAIL), Some(API_KEY)) => by(API_KEY).ok_or_else(unknown),
        (Some(_), Some(_)) => Err(unknown()),
        _ => Err(Reply::error(400, 9106, "Missing X-Auth-Key, X-Auth-Email or Authorization headers")),
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.~+/=".contains(&byte))
}

fn body(request: &Incoming, product: Product) -> Result<Map<String, Value>, Reply> {
    if request.body.is_empty() || !matches!(request.method.as_str(), "POST" | "PUT" | "PATCH") {
        return Ok(Map::new());
    }
    let kind = request.header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let chain =
            json!([{"code": 6105, "message": "Invalid Content-Type header. Content-Type must be application/json"}]);
        let error = json!([{"code": 6003, "message": "Invalid request headers", "error_chain": chain}]);
        return Err(Reply::errors(400, &error));
    }
    serde_json::from_str(&request.body).map_err(|_| match product {
        Product::Kit => Reply::kit_error(400, "BAD_REQUEST: the request body must be a JSON object"),
        Product::Stream => stream::decoding_error(),
    })
}

/// Who asked how often. It counts on the machine's clock, which `skip` can push forward.
#[derive(Debug)]
pub struct Rate {
    limits: Limits,
    start: Instant,
    skipped: Duration,
    windows: HashMap<&'static str, Window>,
    second: Window,
}

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    since: Duration,
    count: u32,
    blocked_until: Option<Duration>,
}

const FIVE_MINUTES: Duration = Duration::from_mins(5);
const SECOND: Duration = Duration::from_secs(1);

impl Rate {
    /// Nothing counted yet.
    pub fn new(limits: Limits) -> Self {
        let (windows, second) = (HashMap::new(), Window::default());
        Self { limits, start: Instant::now(), skipped: Duration::ZERO, windows, second }
    }

    /// Pretends that time passed.
    pub fn skip(&mut self, time: Duration) {
        self.skipped += time;
    }

    fn now(&self) -> Duration {
        self.start.elapsed() + self.skipped
    }

    fn pass(&mut self, credential: &'static str) -> Result<(), Reply> {
        let now = self.now();
        if !self.second.count(now, SECOND, self.limits.per_second) {
            return Err(rate_limited(1));
        }
        let window = self.windows.entry(credential).or_default();
        if window.blocked_until.is_some_and(|until| now >= until) {
            *window = Window { since: now, ..Window::default() };
        }
        if window.blocked_until.is_none() && !window.count(now, FIVE_MINUTES, self.limits.per_five_minutes) {
            window.blocked_until = Some(now + FIVE_MINUTES);
        }
        match window.blocked_until {
            None => Ok(()),
            Some(until) => Err(rate_limited(until.saturating_sub(now).as_secs() + 1)),
        }
    }

    fn headers(&self, credential: &str, kind: RateHeaders) -> Vec<(String, String)> {
        let quota = self.limits.per_five_minutes.unwrap_or(1200);
        let window = self.windows.get(credential).copied().unwrap_or_default();
        let (left, rest) = match kind {
            RateHeaders::Absent => return Vec::new(),
            // What was measured says that one request was made and that a second is left, always.
            RateHeaders::Useless => (1199, 1),
            RateHeaders::Honest => {
                let end = window.since + FIVE_MINUTES;
                (quota.saturating_sub(window.count), end.saturating_sub(self.now()).as_secs())
            }
        };
        vec![
            ("ratelimit".to_owned(), format!("\"default\";r={left};t={rest}")),
            ("ratelimit-policy".to_owned(), format!("\"default\";q={quota};w=300")),
        ]
    }
}

impl Window {
    /// Counts one request; false when it is one too many.
    fn count(&mut self, now: Duration, length: Duration, limit: Option<u32>) -> bool {
        if now >= self.since + length {
            *self = Self { since: now, ..Self::default() };
        }
        self.count = self.count.saturating_add(1);
        limit.is_none_or(|limit| self.count <= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::seed;

    const INPUTS: &str = "/client/v4/accounts/023e105f4ecef8ad9ca31a8372d0c353/stream/live_inputs";

    fn ask(headers: &[(&str, &str)], method: &str, path: &str, body: &str) -> (u16, Value) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let (method, path, body) = (method.to_owned(), path.to_owned(), body.to_owned());
        let request = Incoming { method, path, query_text: String::new(), query: Vec::new(), headers, body };
        let reply = answer(&mut seed::state(), &mut Rate::new(Limits::default()), &request);
        (reply.status, serde_json::from_str(&reply.body).unwrap())
    }

    fn bearer(token: &str) -> (&'static str, String) {
        ("authorization", format!("Bearer {token}"))
    }

    fn refused(headers: &[(&str, &str)], method: &str, path: &str, body: &str) -> (u16, u64) {
        let (status, body) = ask(headers, method, path, body);
        assert_eq!(body["success"], false);
        (status, body["errors"][0]["code"].as_u64().unwrap_or_default())
    }

    #[test]
    fn each_check_comes_before_the_next() {
        let (name, good) = bearer(TOKEN);
        let good = (name, good.as_str());
        // Each request is wrong in what is checked and in everything that is checked later.
        assert_eq!(refused(&[], "POST", "/client/v4/accounts/x/streams", "{"), (404, 7003));
        assert_eq!(refused(&[], "POST", INPUTS, "{"), (400, 9106));
        assert_eq!(refused(&[("authorization", "Basic x")], "POST", INPUTS, "{"), (400, 6003));
        assert_eq!(refused(&[("authorization", "Bearer wrong")], "POST", INPUTS, "{"), (401, 10_000));
        let (name, none) = bearer(TOKEN_WITHOUT_PERMISSIONS);
        assert_eq!(refused(&[(name, &none)], "POST", INPUTS, "{"), (403, 10_000));
        assert_eq!(refused(&[good], "POST", INPUTS, "{"), (400, 6003));
        assert_eq!(refused(&[good, ("content-type", "application/json")], "POST", INPUTS, "{"), (400, 10_004));
        assert_eq!(ask(&[good, ("content-type", "application/json; charset=utf-8")], "POST", INPUTS, "{}").0, 200);
    }

    #[test]
    fn the_header_errors_carry_their_chains() {
        let (_, body) = ask(&[("authorization", "Bearer ")], "GET", INPUTS, "");
        assert_eq!(body["errors"][0]["error_chain"][0]["code"], 6111);
        let (name, good) = bearer(TOKEN);
        let (_, body) = ask(&[(name, &good), ("content-type", "text/plain")], "POST", INPUTS, "x");
        assert_eq!(body["errors"][0]["error_chain"][0]["code"], 6105);
    }

    #[test]
    fn an_unknown_account_cannot_be_routed_to_and_a_foreign_one_is_forbidden() {
        let (name, good) = bearer(TOKEN);
        let unknown = "/client/v4/accounts/00000000000000000000000000000000/stream/live_inputs";
        assert_eq!(refused(&[(name, &good)], "GET", unknown, ""), (404, 7003));
        let (name, read) = bearer(TOKEN_STREAM_READ);
        let other = format!("/client/v4/accounts/{OTHER_ACCOUNT}/stream/live_inputs");
        assert_eq!(refused(&[(name, &read)], "GET", &other, ""), (403, 10_000));
        assert_eq!(refused(&[(name, &read)], "POST", INPUTS, ""), (403, 10_000));
        assert_eq!(ask(&[(name, &read)], "GET", INPUTS, "").0, 200);
    }

    #[test]
    fn the_email_and_key_pair_opens_stream_and_not_realtime_kit() {
        let pair = [("x-auth-email", EMAIL), ("x-auth-key", API_KEY)];
        assert_eq!(ask(&pair, "GET", INPUTS, "").0, 200);
        let kit = format!("/client/v4/accounts/{MAIN_ACCOUNT}/realtime/kit/apps");
        assert_eq!(refused(&pair, "GET", &kit, ""), (401, 10_000));
        let (name, key) = bearer(API_KEY);
        assert_eq!(refused(&[(name, &key)], "GET", INPUTS, ""), (401, 10_000));
    }

    #[test]
    fn bad_json_is_answered_in_the_envelope_of_the_product() {
        let (name, good) = bearer(TOKEN);
        let headers = [(name, good.as_str()), ("content-type", "application/json")];
        let (status, body) = ask(&headers, "POST", INPUTS, "[1]");
        assert_eq!((status, &body["messages"]), (400, &Value::Null));
        let kit = format!("/client/v4/accounts/{MAIN_ACCOUNT}/realtime/kit/apps");
        let (status, body) = ask(&headers, "POST", &kit, "nonsense");
        assert_eq!((status, &body["error"]["code"], body.get("errors")), (400, &json!(400), None));
    }

    #[test]
    fn tokens_have_the_form_of_real_ones_and_are_marked() {
        for token in [TOKEN, TOKEN_WITHOUT_PERMISSIONS, TOKEN_STREAM_READ] {
            assert!(token.len() == 45 && token.starts_with("cfut_canary"), "{token}");
        }
    }

    #[test]
    fn who_is_too_fast_is_blocked_for_five_minutes() {
        let mut rate = Rate::new(Limits { per_five_minutes: Some(2), per_second: None });
        assert!(rate.pass(TOKEN).is_ok() && rate.pass(TOKEN).is_ok());
        let refusal = rate.pass(TOKEN).unwrap_err();
        assert_eq!((refusal.status, refusal.headers[0].0.as_str()), (429, "retry-after"));
        assert!(rate.pass(TOKEN_STREAM_READ).is_ok());
        rate.skip(Duration::from_secs(299));
        assert!(rate.pass(TOKEN).is_err());
        rate.skip(Duration::from_secs(2));
        assert!(rate.pass(TOKEN).is_ok());
    }

    #[test]
    fn the_rate_headers_are_useless_unless_asked_otherwise() {
        let mut rate = Rate::new(Limits::documented());
        for _ in 0..5 {
            rate.pass(TOKEN).unwrap();
        }
        assert_eq!(rate.headers(TOKEN, RateHeaders::Useless)[0].1, "\"default\";r=1199;t=1");
        assert!(rate.headers(TOKEN, RateHeaders::Honest)[0].1.starts_with("\"default\";r=1195;t="));
        assert!(rate.headers(TOKEN, RateHeaders::Absent).is_empty());
    }
}
