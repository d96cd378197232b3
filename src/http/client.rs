//! Sends a call and follows its redirects.
//! Owns what a session's requests share; one URL's attempts are `attempts`', what an answer means is `reply`'s.
//! Must not know paging or rows.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::attempts::Attempts;
use super::auth::Tokens;
use super::call::{Call, Prepared, prepare, shown};
use super::exchange::Exchange;
use super::halt::Halt;
use super::limit::Limiter;
use super::log::RequestLog;
use super::page::same_origin;
use super::random_key;
use super::reply::{Reply, uncertain};
use super::retry::{Policy, is_safe, reads};
use super::transport::{Incoming, Timeouts, Transport};
use crate::error::{Error, Kind, Result};
use crate::registry::Idempotency;

/// Redirects followed for one request.
const REDIRECTS: usize = 5;

/// How a session talks.
#[derive(Debug, Clone, Copy)]
pub struct ClientOptions {
    /// How often a request is repeated, and how patiently.
    pub policy: Policy,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// Largest body taken, in bytes.
    pub largest_body: u64,
}

impl Default for ClientOptions {
    fn default() -> Self {
        ClientOptions { policy: Policy::default(), timeouts: Timeouts::default(), largest_body: 256 << 20 }
    }
}

/// A call that was sent, or could not be, and how it went.
#[derive(Debug)]
pub struct Delivery {
    /// The whole answer, whatever its status; or why there is none.
    pub result: Result<Reply>,
    /// Status of the last attempt, where it was answered whole.
    pub status: Option<u16>,
    /// What names the request to the API's support: of the last answer that had a name, also of one that refused.
    pub request_id: Option<String>,
    /// Attempts that reached the wire, redirects included.
    pub attempts: u32,
    /// What limits, pauses and back-off took.
    pub waited: Duration,
    /// What the attempts took on the wire.
    pub taken: Duration,
}

/// What happens on the way to a [`Delivery`], added up over attempts and redirects.
#[derive(Default)]
pub(super) struct Course {
    pub(super) status: Option<u16>,
    pub(super) request_id: Option<String>,
    pub(super) attempts: u32,
    pub(super) waited: Duration,
    pub(super) taken: Duration,
}

/// One per session; clones share connections, limits and log. Costs nothing until the first request.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) policy: Policy,
    pub(super) transport: Arc<Transport>,
    pub(super) limiter: Limiter,
    pub(super) log: RequestLog,
    pub(super) tokens: Tokens,
    /// Ends all waiting before an attempt.
    pub(super) halt: Option<Halt>,
}

impl Client {
    /// A client that has sent nothing yet.
    pub fn new(options: ClientOptions) -> Self {
        Client {
            policy: options.policy,
            transport: Arc::new(Transport::new(options.timeouts, options.largest_body)),
            limiter: Limiter::default(),
            log: RequestLog::default(),
            tokens: Tokens::default(),
            halt: None,
        }
    }

    /// Every request sent so far.
    pub fn log(&self) -> &RequestLog {
        &self.log
    }

    /// The same client, more or less patient.
    #[must_use]
    pub fn with_policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// The same client, which keeps under the rate together with the other processes that use `folder`.
    #[must_use]
    pub fn sharing_limits(mut self, folder: PathBuf) -> Self {
        self.limiter = Limiter::shared(folder);
        self
    }

    /// The same client, which begins no attempt any more once `halt` is wished; what is on the wire ends as it will.
    #[must_use]
    pub fn until(mut self, halt: Halt) -> Self {
        self.halt = Some(halt);
        self
    }

    /// A request is likely to follow: what costs and sends nothing is begun now, beside the planning.
    pub fn get_ready(&self) {
        self.transport.get_ready();
    }

    /// Sends `call` and gives the whole answer, whatever its status; [`success`](super::success) judges it.
    ///
    /// # Errors
    /// When no whole answer came, the deadline or the budget does not allow it, or credentials would go where they must
    /// not. [`may_have_taken_effect`](super::may_have_taken_effect) tells a write that may have happened.
    pub async fn send(&self, exchange: &Exchange, call: &Call) -> Result<Reply> {
        self.deliver(exchange, call).await.result
    }

    /// As [`send`](Client::send), and tells how it went, also where there is no answer.
    pub async fn deliver(&self, exchange: &Exchange, call: &Call) -> Delivery {
        let mut course = Course::default();
        let result = self.follow(exchange, call, &mut course).await;
        let Course { status, request_id, attempts, waited, taken } = course;
        Delivery { result, status, request_id, attempts, waited, taken }
    }

    /// Sends the request and follows its redirects. What happens on the way is noted in `course`.
    async fn follow(&self, exchange: &Exchange, call: &Call, course: &mut Course) -> Result<Reply> {
        let mut prepared = prepare(call, exchange.base_url.as_deref())?;
        let scoped = exchange.credentials.scoped(call)?.map(|credentials| Exchange { credentials, ..exchange.clone() });
        let exchange = scoped.as_ref().unwrap_or(exchange);
        prepared.secrets.iter().for_each(|secret| exchange.redactor.learn(secret.expose()));
        if let Some(Idempotency { header, .. }) = &call.method.idempotency
            && !prepared.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(header))
        {
            let key = call.idempotency_key.clone().map_or_else(random_key, Ok)?;
            prepared.headers.push((header.clone(), key));
        }
        for _ in 0..=REDIRECTS {
            exchange.credentials.allow(&prepared.url)?;
            let (incoming, doubt) =
                Attempts::open(self, exchange, is_safe(&call.method), &prepared).run(course).await?;
            // Many APIs answer a write that was done with where to look at it.
            let doubtful = |e: Error| uncertain(e.map_text(|text| exchange.redactor.clean(text)), prepared.verb);
            let target = redirect(&prepared, &incoming).map_err(doubtful)?;
            let Some(target) = target else {
                return Ok(Reply::new(incoming, exchange.redactor.clean(&prepared.label), doubt));
            };
            prepared.shown_url = shown(&call.method, &target);
            prepared.url = target;
        }
        let message = format!("{} was redirected more than {REDIRECTS} times", prepared.label);
        Err(Error::new(Kind::Api, exchange.redactor.clean(&message)))
    }
}

/// Where a redirect leads, if the answer is one and it may be followed: for reads, on the same origin.
fn redirect(prepared: &Prepared, incoming: &Incoming) -> Result<Option<Url>> {
    let (301 | 302 | 303 | 307 | 308, Some(location)) = (incoming.status, &incoming.location) else { return Ok(None) };
    let target = prepared.url.join(location).map_err(|error| {
        Error::new(Kind::Api, format!("{} was redirected to something that is no URL ({error})", prepared.label))
    })?;
    if reads(prepared.verb) && same_origin(&prepared.url, &target) {
        return Ok(Some(target));
    }
    let place = format!("{}{}", target.origin().ascii_serialization(), target.path());
    let message =
        format!("{} answered {}: redirected to {place}, which is not followed", prepared.label, incoming.status);
    Err(Error::new(Kind::Api, message)
        .hint("Redirects are followed for reads within one origin; check the base URL if one is set."))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;
    use tokio::time::Instant;

    use super::*;
    use crate::http::reply::may_have_taken_effect;
    use crate::http::scripted::{Server, exchange, keyring, method, parameter};
    use crate::http::{Budget, Credentials, Notices, Record};
    use crate::registry::{Access, AuthScheme, HttpVerb, Location};

    fn quick() -> Client {
        let policy = Policy { base: Duration::ZERO, ..Policy::default() };
        Client::new(ClientOptions { policy, ..ClientOptions::default() })
    }

    fn call(http: HttpVerb) -> Call {
        Call::new(Arc::new(method(http, "/x")), Vec::new())
    }

    fn signed_in(mut exchange: Exchange) -> Exchange {
        let access = Access { schemes: vec![AuthScheme::bearer("TOKEN")], ..Access::default() };
        let keyring = keyring(&[("TOKEN", "tok-123456")]);
        exchange.credentials = Credentials::find(&access, &keyring, &exchange.redactor).unwrap();
        exchange
    }

    fn to(server: &Server) -> Exchange {
        signed_in(exchange(Access::default(), &server.base()))
    }

    fn record(client: &Client) -> Record {
        let records = client.log().records();
        assert_eq!(records.len(), 1);
        records[0].clone()
    }

    /// A port of this machine where nobody listens.
    async fn nobody() -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    #[tokio::test]
    async fn a_request_carries_credentials_headers_and_body_and_the_answer_comes_whole() {
        let server = Server::start().await;
        server.answer(201, "content-type: application/json\r\nlink: <a>\r\nlink: <b>\r\n", r#"{"a":1}"#);
        let mut post = method(HttpVerb::Post, "/x/{id}");
        let body = crate::registry::Body {
            media_type: "application/json".into(),
            required: true,
            fields: vec![],
            open: true,
            ..crate::registry::Body::default()
        };
        post.body = Some(body);
        let call = Call::new(Arc::new(post), vec![("id".into(), json!("a b"))]).with_body(json!({"n": false}));
        let client = quick();
        let reply = client.send(&to(&server), &call).await.unwrap();
        assert_eq!((reply.status, reply.link.as_deref(), &reply.body[..]), (201, Some("<a>, <b>"), &br#"{"a":1}"#[..]));
        let asked = &server.asked()[0];
        assert_eq!((asked.line(), asked.body.as_str()), ("POST /x/a%20b HTTP/1.1", r#"{"n":false}"#));
        assert_eq!(asked.header("authorization"), Some("Bearer tok-123456"));
        assert_eq!(asked.header("content-type"), Some("application/json"));
        assert_eq!(asked.header("accept"), Some("application/json"));
        assert_eq!(asked.header("accept-encoding"), Some("gzip"));
        assert_eq!(asked.header("user-agent"), Some(concat!("weir/", env!("CARGO_PKG_VERSION"))));
        let record = record(&client);
        assert_eq!((record.status, record.attempts, record.bytes, record.error), (Some(201), 1, 7, None));
        assert!(record.url.ends_with("/x/a%20b"), "{}", record.url);
    }

    #[tokio::test]
    async fn a_write_without_a_documented_body_sends_none_and_says_so() {
        let server = Server::start().await;
        server.answer(200, "", "");
        quick().send(&to(&server), &call(HttpVerb::Post)).await.unwrap();
        let asked = &server.asked()[0];
        assert_eq!((asked.header("content-length"), asked.header("content-type")), (Some("0"), None));
    }

    #[tokio::test]
    async fn a_429_is_waited_out_also_for_a_write_and_counted_as_repeated() {
        let server = Server::start().await;
        server.answer(429, "retry-after: 0\r\n", "").answer(200, "", "{}");
        let client = quick();
        let reply = client.send(&to(&server), &call(HttpVerb::Post)).await.unwrap();
        assert_eq!((reply.status, server.asked().len()), (200, 2));
        let totals = client.log().totals(1);
        assert_eq!((totals.requests, totals.retried, totals.bytes), (2, 1, 2));
    }

    #[tokio::test]
    async fn a_read_is_repeated_four_times_and_then_the_answer_given() {
        let server = Server::start().await;
        for _ in 0..5 {
            server.answer(503, "", "busy");
        }
        let reply = quick().send(&to(&server), &call(HttpVerb::Get)).await.unwrap();
        assert_eq!((reply.status, server.asked().len()), (503, 4));
    }

    #[tokio::test]
    async fn a_failed_post_is_sent_exactly_once() {
        let server = Server::start().await;
        server.answer(500, "", "").raw("").answer(200, "", "{}");
        let reply = quick().send(&to(&server), &call(HttpVerb::Post)).await.unwrap();
        assert_eq!((reply.status, server.asked().len()), (500, 1));
        let error = quick().send(&to(&server), &call(HttpVerb::Post)).await.unwrap_err();
        assert_eq!((error.kind(), server.asked().len()), (Kind::Network, 2));
        assert!(may_have_taken_effect(&error), "{error}");
        assert!(error.message().starts_with("POST /x: the connection broke"), "{error}");
    }

    #[tokio::test]
    async fn a_post_with_an_idempotency_key_is_repeated_under_the_same_key() {
        let server = Server::start().await;
        server.answer(500, "", "").raw("").answer(200, "", "{}").answer(200, "", "{}");
        let mut post = method(HttpVerb::Post, "/x");
        post.idempotency = Some(Idempotency { header: "Idempotency-Key".into(), valid: None });
        let call = Call::new(Arc::new(post), Vec::new());
        let client = quick();
        assert_eq!(client.send(&to(&server), &call).await.unwrap().status, 200);
        client.send(&to(&server), &call).await.unwrap();
        let keys: Vec<String> =
            server.asked().iter().map(|a| a.header("idempotency-key").unwrap().to_owned()).collect();
        assert!(keys[0] == keys[1] && keys[1] == keys[2] && keys[2] != keys[3], "{keys:?}");
    }

    #[tokio::test]
    async fn a_key_of_the_calls_own_is_sent_on_every_attempt_where_the_method_takes_one() {
        let server = Server::start().await;
        server.answer(500, "", "").answer(200, "", "{}").answer(200, "", "{}").answer(200, "", "{}");
        let mut post = method(HttpVerb::Post, "/x");
        let plain = Call::new(Arc::new(post.clone()), Vec::new()).with_idempotency_key("row-1".into());
        post.idempotency = Some(Idempotency { header: "Request-Key".into(), valid: None });
        post.parameters.push(parameter("request-key", Location::Header));
        let keyed = Call::new(Arc::new(post), Vec::new()).with_idempotency_key("row-1".into());
        let mut given = keyed.clone();
        given.arguments = vec![("request-key".into(), json!("mine"))];
        for call in [&keyed, &plain, &given] {
            quick().send(&to(&server), call).await.unwrap();
        }
        let asked = server.asked();
        let keys: Vec<Option<&str>> = asked.iter().map(|asked| asked.header("request-key")).collect();
        assert_eq!(keys, [Some("row-1"), Some("row-1"), None, Some("mine")]);
        let broken = keyed.with_idempotency_key("row\n1".into());
        let error = quick().send(&to(&server), &broken).await.unwrap_err();
        assert!(error.message().contains("the header Request-Key cannot be sent"), "{error}");
        assert_eq!(server.asked().len(), 4);
    }

    #[tokio::test]
    async fn a_key_that_the_statement_gives_is_kept() {
        let server = Server::start().await;
        server.answer(200, "", "");
        let mut post = method(HttpVerb::Post, "/x");
        post.idempotency = Some(Idempotency { header: "Idempotency-Key".into(), valid: None });
        post.parameters.push(parameter("idempotency-key", Location::Header));
        let call = Call::new(Arc::new(post), vec![("idempotency-key".into(), json!("mine"))]);
        quick().send(&to(&server), &call).await.unwrap();
        assert_eq!(server.asked()[0].head.to_lowercase().matches("idempotency-key: ").count(), 1);
        assert_eq!(server.asked()[0].header("idempotency-key"), Some("mine"));
    }

    #[tokio::test]
    async fn a_connection_that_was_never_made_is_tried_again_and_counts_as_no_request() {
        let exchange = Exchange { budget: Budget::new(1), ..signed_in(exchange(Access::default(), &nobody().await)) };
        let client = quick();
        let error = client.send(&exchange, &call(HttpVerb::Post)).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Network);
        assert!(error.message().starts_with("POST /x: no connection could be made: "), "{error}");
        assert!(error.message().ends_with("(4 attempts)"), "{error}");
        assert!(!may_have_taken_effect(&error));
        assert_eq!((exchange.budget.left(), client.log().totals(1).requests, record(&client).status), (1, 0, None));
    }

    #[tokio::test]
    async fn a_truncated_answer_is_fetched_again_and_named_when_it_stays_so() {
        let server = Server::start().await;
        let half = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"a\":";
        server.raw(half).answer(200, "", "{}");
        let client = quick();
        assert_eq!(client.send(&to(&server), &call(HttpVerb::Get)).await.unwrap().status, 200);
        assert_eq!(record(&client).bytes, 7);
        for _ in 0..4 {
            server.raw(half);
        }
        let error = client.send(&to(&server), &call(HttpVerb::Get)).await.unwrap_err();
        assert_eq!((error.kind(), server.asked().len()), (Kind::Network, 6));
        assert!(error.message().starts_with("GET /x: the answer broke off after 5 bytes"), "{error}");
    }

    #[tokio::test]
    async fn an_answer_beyond_the_largest_is_refused_and_not_fetched_again() {
        let server = Server::start().await;
        server.answer(200, "", &"x".repeat(3 << 20));
        let client = Client::new(ClientOptions { largest_body: 1 << 20, ..ClientOptions::default() });
        let error = client.send(&to(&server), &call(HttpVerb::Get)).await.unwrap_err();
        assert!(error.message().contains("more than 1 MiB"), "{error}");
        assert_eq!(server.asked().len(), 1);
    }

    #[tokio::test]
    async fn silence_ends_in_a_timeout() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let exchange = exchange(Access::default(), &format!("http://{}", listener.local_addr().unwrap()));
        let timeouts = Timeouts { idle: Duration::from_millis(20), ..Timeouts::default() };
        let client = Client::new(ClientOptions { timeouts, ..ClientOptions::default() });
        let error = client.send(&exchange, &call(HttpVerb::Delete)).await.unwrap_err();
        assert_eq!(error.message(), "DELETE /x: no whole answer came in time");
        assert!(may_have_taken_effect(&error));
    }

    #[tokio::test]
    async fn the_deadline_cuts_an_attempt_short() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut exchange = exchange(Access::default(), &format!("http://{}", listener.local_addr().unwrap()));
        exchange.deadline = Some(Instant::now() + Duration::from_millis(20));
        let error = quick().send(&exchange, &call(HttpVerb::Post)).await.unwrap_err();
        assert!(error.message().starts_with("POST /x: the statement's time ran out"), "{error}");
        assert!(may_have_taken_effect(&error));
    }

    #[tokio::test]
    async fn a_server_that_does_not_speak_tls_gets_nothing_and_is_not_tried_again() {
        use tokio::io::AsyncWriteExt;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let exchange = signed_in(exchange(Access::default(), &format!("https://{}", listener.local_addr().unwrap())));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
            }
        });
        let client = quick();
        let error = client.send(&exchange, &call(HttpVerb::Post)).await.unwrap_err();
        assert!(error.message().starts_with("POST /x: no trusted connection could be made: "), "{error}");
        assert!(!error.message().contains("attempts") && !may_have_taken_effect(&error), "{error}");
        assert_eq!(client.log().totals(1).requests, 0);
    }

    #[tokio::test]
    async fn doubt_about_an_earlier_attempt_outlives_a_later_refusal() {
        let server = Server::start().await;
        server.raw("").answer(404, "", "");
        let mut put = method(HttpVerb::Put, "/x");
        put.safe_to_retry = true;
        let reply = quick().send(&to(&server), &Call::new(Arc::new(put.clone()), Vec::new())).await.unwrap();
        let error = crate::http::success(&to(&server), &put, &reply).unwrap_err();
        assert!(error.kind() == Kind::Api && may_have_taken_effect(&error));
    }

    fn named(server: &Server) -> Exchange {
        let access = Access { request_id: Some("X-Ray".into()), ..Access::default() };
        signed_in(exchange(access, &server.base()))
    }

    #[tokio::test]
    async fn a_delivery_tells_how_it_went_also_when_the_api_refused() {
        let server = Server::start().await;
        server.answer(503, "x-ray: one\r\n", "").answer(429, "retry-after: 0\r\n", "");
        server.answer(404, "x-ray: tok-123456-three\r\n", "");
        let delivery = quick().deliver(&named(&server), &call(HttpVerb::Get)).await;
        assert_eq!(delivery.result.unwrap().status, 404);
        assert_eq!((delivery.status, delivery.attempts), (Some(404), 3));
        assert_eq!(delivery.request_id.as_deref(), Some("***-three"));
        assert!(delivery.taken > Duration::ZERO);
        server.answer(200, "x-ray: four\r\n", "");
        let unnamed = quick().deliver(&to(&server), &call(HttpVerb::Get)).await;
        assert_eq!((unnamed.status, unnamed.request_id), (Some(200), None));
    }

    #[tokio::test]
    async fn a_delivery_without_an_answer_keeps_the_name_of_the_last_one_that_began() {
        let server = Server::start().await;
        server.answer(429, "retry-after: 0\r\nx-ray: one\r\n", "").raw("");
        let delivery = quick().deliver(&named(&server), &call(HttpVerb::Post)).await;
        assert!(may_have_taken_effect(&delivery.result.unwrap_err()));
        assert_eq!((delivery.status, delivery.request_id.as_deref(), delivery.attempts), (None, Some("one"), 2));
        server.raw("HTTP/1.1 200 OK\r\nx-ray: two\r\ncontent-length: 50\r\n\r\n{");
        let delivery = quick().deliver(&named(&server), &call(HttpVerb::Post)).await;
        assert!(delivery.result.is_err());
        assert_eq!((delivery.request_id.as_deref(), delivery.attempts), (Some("two"), 1));
    }

    #[tokio::test]
    async fn a_delivery_that_never_left_has_no_attempts_and_one_redirected_has_all() {
        let exchange = signed_in(exchange(Access::default(), &nobody().await));
        let delivery = quick().deliver(&exchange, &call(HttpVerb::Post)).await;
        assert_eq!((delivery.result.unwrap_err().kind(), delivery.attempts), (Kind::Network, 0));
        let unfit = Call::new(Arc::new(method(HttpVerb::Get, "/x/{id}")), Vec::new());
        let delivery = quick().deliver(&exchange, &unfit).await;
        assert_eq!((delivery.result.unwrap_err().kind(), delivery.attempts), (Kind::Statement, 0));
        let server = Server::start().await;
        server.answer(302, "x-ray: one\r\nlocation: /y\r\n", "").answer(500, "", "").answer(200, "", "{}");
        let delivery = quick().deliver(&named(&server), &call(HttpVerb::Get)).await;
        assert_eq!((delivery.status, delivery.request_id.as_deref(), delivery.attempts), (Some(200), Some("one"), 3));
    }

    #[tokio::test]
    async fn a_redirect_is_followed_on_the_same_origin_only() {
        let (server, elsewhere) = (Server::start().await, Server::start().await);
        server.answer(302, "location: /y?q=1\r\n", "").answer(200, "", "{}");
        let client = quick();
        assert_eq!(client.send(&to(&server), &call(HttpVerb::Get)).await.unwrap().status, 200);
        assert_eq!(server.asked()[1].line(), "GET /y?q=1 HTTP/1.1");
        assert_eq!(client.log().totals(1).requests, 2);
        server.answer(302, &format!("location: {}/z?key=hush\r\n", elsewhere.base()), "");
        let error = client.send(&to(&server), &call(HttpVerb::Get)).await.unwrap_err();
        let place = format!("redirected to {}/z, which is not followed", elsewhere.base());
        assert!(error.message().ends_with(&place), "{error}");
        assert!(elsewhere.asked().is_empty());
    }

    #[tokio::test]
    async fn a_redirect_of_a_write_or_one_too_many_is_an_error() {
        let server = Server::start().await;
        server.answer(307, "location: /y\r\n", "");
        let error = quick().send(&to(&server), &call(HttpVerb::Post)).await.unwrap_err();
        assert_eq!((error.kind(), server.asked().len()), (Kind::Api, 1));
        assert!(may_have_taken_effect(&error), "a write that was done is often answered so");
        for _ in 0..9 {
            server.answer(301, "location: /x\r\n", "");
        }
        let error = quick().send(&to(&server), &call(HttpVerb::Get)).await.unwrap_err();
        assert_eq!(server.asked().len(), 7);
        assert_eq!(error.message(), "GET /x was redirected more than 5 times");
    }

    #[tokio::test]
    async fn credentials_never_leave_in_the_clear() {
        let exchange = signed_in(exchange(Access::default(), "http://192.0.2.1"));
        let client = quick();
        let error = client.send(&exchange, &call(HttpVerb::Get)).await.unwrap_err();
        assert!(error.message().contains("plain http"), "{error}");
        assert!(client.log().records().is_empty());
    }

    #[tokio::test]
    async fn a_wait_that_the_deadline_does_not_allow_is_an_error_at_once() {
        let server = Server::start().await;
        for status in [429, 503] {
            server.answer(status, "retry-after: 300\r\n", "");
            let deadline = Some(Instant::now() + Duration::from_mins(1));
            let error = quick().send(&Exchange { deadline, ..to(&server) }, &call(HttpVerb::Get)).await.unwrap_err();
            let message = format!(
                "GET /x answered {status}: the API asks to wait 300 s, and the statement's time is up before that"
            );
            assert_eq!((error.kind(), error.message()), (Kind::Network, message.as_str()));
        }
        assert_eq!(server.asked().len(), 2);
    }

    #[tokio::test]
    async fn after_a_429_the_next_request_of_the_credential_waits_too() {
        let server = Server::start().await;
        for _ in 0..4 {
            server.answer(429, "retry-after: 0\r\n", "");
        }
        server.answer(429, "retry-after: 300\r\n", "");
        let client = quick();
        assert_eq!(client.send(&to(&server), &call(HttpVerb::Get)).await.unwrap().status, 429);
        let late = |seconds| Exchange { deadline: Some(Instant::now() + Duration::from_secs(seconds)), ..to(&server) };
        assert!(client.send(&late(60), &call(HttpVerb::Get)).await.is_err());
        let error = client.clone().send(&late(60), &call(HttpVerb::Get)).await.unwrap_err();
        assert!(
            error.message().starts_with("GET /x: http://127.0.0.1:") && error.message().contains("rate limited"),
            "{error}"
        );
        assert_eq!(server.asked().len(), 5);
    }

    #[tokio::test]
    async fn a_wait_for_the_rate_is_told() {
        let server = Server::start().await;
        server.answer(429, "retry-after: 30\r\n", "");
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let notices = Notices::new(move |text| tell.send(text.to_owned()).unwrap());
        let exchange = Exchange { notices, ..to(&server) };
        let client = quick();
        let request = call(HttpVerb::Get);
        // The request is dropped in its wait: nobody has to sit it out.
        let text = tokio::select! {
            text = told.recv() => text.unwrap(),
            _ = client.send(&exchange, &request) => String::new(),
        };
        assert!(text.contains("rate limited by the API, waiting 30 s"), "{text}");
        assert_eq!(record(&client).error.as_deref(), Some("cancelled"));
        assert_eq!(client.log().totals(1).requests, 1);
    }

    #[tokio::test]
    async fn the_budget_ends_the_statement_and_counts_repetitions() {
        let server = Server::start().await;
        server.answer(500, "", "").answer(500, "", "").answer(200, "", "");
        let exchange = Exchange { budget: Budget::new(2), ..to(&server) };
        let error = quick().send(&exchange, &call(HttpVerb::Get)).await.unwrap_err();
        assert_eq!((error.kind(), server.asked().len()), (Kind::Network, 2));
        assert!(error.message().contains("budget"), "{error}");
    }

    #[tokio::test]
    async fn secrets_stay_out_of_log_and_errors() {
        let server = Server::start().await;
        server.raw("");
        let mut get = method(HttpVerb::Post, "/x");
        get.parameters = vec![parameter("sig", Location::Query), parameter("q", Location::Query)];
        get.parameters[0].shape.secret = true;
        let call = Call::new(Arc::new(get), vec![("sig".into(), json!("hush-sig")), ("q".into(), json!("tok-123456"))]);
        let (client, exchange) = (quick(), to(&server));
        let error = client.send(&exchange, &call).await.unwrap_err();
        let seen = format!("{error} {error:?} {:?} {client:?} {exchange:?} {call:?}", record(&client));
        assert!(!seen.contains("hush") && !seen.contains("tok-1"), "{seen}");
        assert!(record(&client).url.ends_with("/x?sig=***&q=***"), "{}", record(&client).url);
        assert_eq!(exchange.redactor.clean("hush-sig"), "***");
    }

    #[tokio::test]
    async fn side_by_side_requests_share_limits_and_log() {
        let server = Server::start().await;
        for _ in 0..6 {
            server.answer(200, "", "{}");
        }
        let (client, exchange) = (quick(), to(&server));
        let seen: Arc<Mutex<usize>> = Arc::default();
        let sends = (0..6).map(|_| {
            let (client, exchange, seen) = (client.clone(), exchange.clone(), Arc::clone(&seen));
            async move {
                client.send(&exchange, &call(HttpVerb::Get)).await.unwrap();
                *seen.lock().unwrap() += 1;
            }
        });
        futures::future::join_all(sends).await;
        assert_eq!((*seen.lock().unwrap(), client.log().totals(1).requests), (6, 6));
    }
}
