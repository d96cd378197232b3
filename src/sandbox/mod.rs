//! A small Cloudflare on 127.0.0.1, for tests and for trying things out. It is written from the API's reference and imports
//! nothing of the rest of the program, so that the two can disagree; it counts every request it gets, answers in every shape
//! the API was seen in, and breaks on demand. See [`Sandbox::notice`] for what it does not know.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

mod clock;
mod control;
mod faults;
mod gate;
mod kit;
mod lists;
mod log;
#[cfg(test)]
mod probe;
mod reply;
mod seed;
mod state;
mod stream;
mod wire;

pub use faults::{Fault, FaultKind};
pub use gate::{API_KEY, EMAIL, Limits, TOKEN, TOKEN_STREAM_READ, TOKEN_WITHOUT_PERMISSIONS};
pub use log::Seen;
pub use reply::{DisabledShape, LiveInputsShape, LivestreamsShape, RateHeaders, Shapes, StatusShape, Timestamps};
pub use seed::{FIRST_APP, LIVE_INPUTS, LIVESTREAMS, MAIN_ACCOUNT, OTHER_ACCOUNT};
pub use state::Counts;

use faults::{Faults, Outcome};
use gate::{Incoming, Rate};
use log::Log;
use state::State;

/// How a sandbox starts.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// How answers look.
    pub shapes: Shapes,
    /// How many requests are let through.
    pub limits: Limits,
}

/// A running sandbox. Dropping it stops the server and breaks its connections.
pub struct Sandbox {
    shared: Arc<Shared>,
    address: SocketAddr,
    cords: wire::Cords,
    task: JoinHandle<io::Result<()>>,
}

impl Sandbox {
    /// Starts one; it needs a running tokio runtime.
    pub async fn start(options: Options) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let mut state = seed::state();
        state.shapes = options.shapes;
        let (faults, log) = (Faults::default(), Log::default());
        let inner = Inner { state, rate: Rate::new(options.limits), faults, log };
        let shared = Arc::new(Shared(Mutex::new(inner)));
        let cords = wire::Cords::default();
        let task = tokio::spawn(wire::serve(listener, Arc::clone(&shared), cords.clone()));
        Ok(Self { shared, address, cords, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client takes for the API's address.
    pub fn base_url(&self) -> String {
        format!("http://{}/client/v4", self.address)
    }

    /// The environment variables that lead a client here, with the token that may do everything.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("CLOUDFLARE_BASE_URL", self.base_url()),
            ("CLOUDFLARE_API_TOKEN", TOKEN.to_owned()),
            ("CLOUDFLARE_ACCOUNT_ID", MAIN_ACCOUNT.to_owned()),
        ]
    }

    /// What this is, and what it does not know, in plain words.
    pub fn notice() -> &'static str {
        "This is a simulation of a few Cloudflare services on this computer. Nothing leaves it, and nothing here is real: \
         accounts, tokens and keys are made up. It was written from the public reference. Not known, and so only guessed: \
         the exact texts of Stream's 400 answers, the default and the largest per_page, the order of lists that ask for \
         none, whether a long list of live inputs is cut, whether PUT merges inside meta and recording (here it replaces \
         them), whether a meeting's second start makes a second livestream (here it does), and what the withdrawn creation \
         of an independent livestream answers today."
    }

    /// Everything that was received, in order.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.lock().log.all().to_vec()
    }

    /// Forgets what was received.
    pub fn forget_requests(&self) {
        self.shared.lock().log.forget();
    }

    /// Adds a fault behind those that wait.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.lock().faults.add(fault);
    }

    /// Takes back all faults.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Changes how answers look from now on.
    pub fn set_shapes(&self, shapes: Shapes) {
        self.shared.lock().state.shapes = shapes;
    }

    /// Lets time pass: livestreams that start go live after three seconds, rate limits end, idempotency keys expire.
    pub fn advance(&self, milliseconds: u32) {
        control::advance(&self.shared, milliseconds);
    }

    /// An encoder begins to send to a live input or livestream; false when there is none or it refuses.
    pub fn connect(&self, uid: &str) -> bool {
        control::connect(&mut self.shared.lock().state, uid).is_ok()
    }

    /// The encoder leaves; false when there is no such live input or livestream.
    pub fn disconnect(&self, uid: &str) -> bool {
        control::disconnect(&mut self.shared.lock().state, uid).is_ok()
    }

    /// The apps of an account as its list shows them, oldest first.
    pub fn apps(&self, account: &str) -> Vec<Value> {
        kit::apps::all(&mut self.shared.lock().state, account)
    }

    /// The livestreams of an app as its list shows them, oldest first.
    pub fn livestreams(&self, app: &str) -> Vec<Value> {
        kit::livestreams::all(&self.shared.lock().state, app)
    }

    /// The meetings of an app as its list shows them, oldest first.
    pub fn meetings(&self, app: &str) -> Vec<Value> {
        kit::meetings::all(&self.shared.lock().state, app)
    }

    /// The live inputs of an account with everything that a single one shows, oldest first.
    pub fn live_inputs(&self, account: &str) -> Vec<Value> {
        stream::live_inputs::all(&mut self.shared.lock().state, account)
    }

    /// How much there is, and how many writes took effect.
    pub fn counts(&self) -> Counts {
        self.shared.lock().state.counts()
    }

    /// Serves until the process is stopped.
    pub async fn wait(mut self) {
        // The task ends only when it is stopped; how it ended tells the caller nothing.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.task.abort();
        self.cords.cut_all();
    }
}

/// What connections share.
struct Shared(Mutex<Inner>);

struct Inner {
    state: State,
    rate: Rate,
    faults: Faults,
    log: Log,
}

impl Shared {
    /// A panic elsewhere leaves the state usable: no change here is made in two steps.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Incoming) -> Outcome {
        if request.path.starts_with(control::PREFIX) {
            return Outcome::Answer(control::answer(self, &request));
        }
        let (number, fault) = self.receive(&request);
        let act = |request: &Incoming| {
            let inner = &mut *self.lock();
            gate::answer(&mut inner.state, &mut inner.rate, request)
        };
        let outcome = match fault {
            Some(kind) => faults::suffer(kind, &request, act).await,
            None => Outcome::Answer(act(&request)),
        };
        if let Outcome::Answer(reply) | Outcome::Truncated(reply) = &outcome {
            self.lock().log.answered(number, reply.status);
        }
        outcome
    }

    /// Writes the request down and finds the fault that it meets, in one step, so that both count in the same order.
    fn receive(&self, request: &Incoming) -> (usize, Option<FaultKind>) {
        let headers = request.headers.iter().filter(|(name, _)| !log::is_credential(name)).cloned().collect();
        let seen = Seen {
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers,
            body: request.body.clone(),
            status: None,
        };
        let inner = &mut *self.lock();
        let fault = inner.faults.meet(&request.method, &request.path, &request.query_text);
        (inner.log.note(seen), fault)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::probe::{get, kit, put, raw, sandbox, send, stream};
    use super::*;
    use serde_json::json;

    async fn spoilt(kind: FaultKind, method: &str, target: &str) -> (Sandbox, Option<probe::Answer>) {
        let sandbox = sandbox().await;
        sandbox.add_fault(Fault::once("/accounts/", kind));
        let body = (method != "GET").then(|| json!({"name": "n"}));
        let answer = send(&sandbox, method, target, body).await;
        (sandbox, answer)
    }

    #[tokio::test]
    async fn a_lost_answer_took_effect_and_a_dropped_request_did_not() {
        let (sandbox, answer) = spoilt(FaultKind::AnswerLost, "POST", &stream("live_inputs")).await;
        assert!(answer.is_none());
        assert_eq!((sandbox.counts().writes, sandbox.requests()[0].status), (1, None));
        let (sandbox, answer) = spoilt(FaultKind::Drop, "POST", &stream("live_inputs")).await;
        assert!(answer.is_none());
        assert_eq!(sandbox.counts().writes, 0);
        assert_eq!(send(&sandbox, "GET", &stream("live_inputs"), None).await.unwrap().status, 200);
    }

    #[tokio::test]
    async fn a_truncated_body_announces_more_than_it_brings() {
        let (_, answer) = spoilt(FaultKind::TruncatedBody, "GET", &kit("livestreams")).await;
        let answer = answer.unwrap();
        assert!(answer.status == 200 && answer.cut && answer.body.starts_with("{\"success\":true"));
    }

    #[tokio::test]
    async fn server_errors_come_in_each_products_envelope_and_only_the_late_one_took_effect() {
        let (sandbox, answer) = spoilt(FaultKind::ServerError, "POST", &kit("livestreams")).await;
        let answer = answer.unwrap();
        assert_eq!((answer.status, &answer.json()["error"]["code"], sandbox.counts().writes), (500, &json!(500), 0));
        let (sandbox, answer) = spoilt(FaultKind::LateServerError, "POST", &stream("live_inputs")).await;
        let answer = answer.unwrap();
        assert_eq!((answer.status, sandbox.counts().writes), (500, 1));
        assert_eq!(answer.json()["errors"][0]["code"], 10_000);
    }

    #[tokio::test]
    async fn the_other_faults_answer_what_their_names_say() {
        let (_, answer) = spoilt(FaultKind::RateLimited { retry_after: 7 }, "GET", &kit("livestreams")).await;
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
        assert_eq!(answer.json()["errors"][0]["code"], 971);
        let (_, answer) = spoilt(FaultKind::BadGatewayHtml, "GET", &kit("livestreams")).await;
        assert!(answer.as_ref().unwrap().status == 502 && answer.unwrap().body.contains("<html>"));
        let (_, answer) = spoilt(FaultKind::SuccessFalse, "GET", &kit("livestreams")).await;
        let answer = answer.unwrap();
        assert_eq!((answer.status, &answer.json()["success"]), (200, &json!(false)));
        let to = "http://127.0.0.1:1/x".to_owned();
        let (_, answer) = spoilt(FaultKind::Redirect { to: to.clone() }, "GET", &kit("livestreams")).await;
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.header("location")), (307, Some(to.as_str())));
        let begin = Instant::now();
        let (_, answer) = spoilt(FaultKind::Slow { ms: 30 }, "GET", &kit("livestreams")).await;
        assert!(answer.unwrap().status == 200 && begin.elapsed() >= Duration::from_millis(30));
    }

    #[tokio::test]
    async fn a_hanging_request_ends_when_the_sandbox_does() {
        let sandbox = sandbox().await;
        sandbox.add_fault(Fault::once("", FaultKind::Hang));
        let target = stream("live_inputs");
        let request = send(&sandbox, "GET", &target, None);
        tokio::pin!(request);
        let waited = tokio::time::timeout(Duration::from_millis(20), &mut request).await;
        assert!(waited.is_err());
        sandbox.task.abort();
        sandbox.cords.cut_all();
        assert!(request.await.is_none());
    }

    #[tokio::test]
    async fn dropping_the_sandbox_closes_the_door() {
        let sandbox = sandbox().await;
        let address = sandbox.address();
        drop(sandbox);
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn requests_are_remembered_in_order_without_credentials() {
        let sandbox = sandbox().await;
        get(&sandbox, &kit("livestreams?status=LIVE&per_page=5")).await;
        put(&sandbox, "POST", &stream("live_inputs"), json!({"enabled": false})).await;
        raw(&sandbox, "GET /nowhere", "x-auth-key: canary\r\nx-extra: e\r\n", "").await;
        let seen = sandbox.requests();
        assert_eq!(seen.iter().map(|seen| seen.status).collect::<Vec<_>>(), [Some(200), Some(200), Some(404)]);
        assert_eq!((seen[0].param("status"), seen[0].path.clone()), (Some("LIVE"), kit("livestreams")));
        assert_eq!((seen[1].method.as_str(), seen[1].body.as_str()), ("POST", "{\"enabled\":false}"));
        assert_eq!(seen[2].header("x-extra"), Some("e"));
        assert!(!format!("{seen:?}").contains("canary"));
        sandbox.forget_requests();
        assert!(sandbox.requests().is_empty());
    }

    #[tokio::test]
    async fn another_process_can_do_the_same_over_http_and_is_not_counted() {
        let sandbox = sandbox().await;
        let fault = json!({"path_contains": "/live_inputs", "times": 1, "kind": "server_error"});
        assert_eq!(raw(&sandbox, "POST /__sim/faults", "", &fault.to_string()).await.unwrap().status, 200);
        assert_eq!(raw(&sandbox, "POST /__sim/faults", "", "{}").await.unwrap().status, 400);
        assert_eq!(get(&sandbox, &stream("live_inputs")).await.0, 500);
        raw(&sandbox, "POST /__sim/shapes", "", "{\"live_inputs\": \"object\"}").await;
        assert!(get(&sandbox, &stream("live_inputs")).await.1["result"]["total"].is_number());
        let answer = raw(&sandbox, "GET /__sim/requests", "", "").await.unwrap().json();
        assert_eq!(answer["requests"].as_array().unwrap().len(), 2);
        assert_eq!(answer["requests"][0]["status"], 500);
        let uid = sandbox.live_inputs(MAIN_ACCOUNT)[0]["uid"].as_str().unwrap().to_owned();
        assert_eq!(raw(&sandbox, &format!("POST /__sim/connect/{uid}"), "", "").await.unwrap().status, 200);
        assert_eq!(raw(&sandbox, &format!("POST /__sim/disconnect/{uid}"), "", "").await.unwrap().status, 200);
        assert_eq!(raw(&sandbox, "POST /__sim/connect/x", "", "").await.unwrap().status, 404);
        assert_eq!(raw(&sandbox, "POST /__sim/advance", "", "{\"ms\": 5}").await.unwrap().status, 200);
        raw(&sandbox, "DELETE /__sim/requests", "", "").await;
        assert!(sandbox.requests().is_empty());
    }

    #[tokio::test]
    async fn limits_are_kept_when_they_are_asked_for() {
        let limits = Limits { per_five_minutes: Some(1), per_second: None };
        let sandbox = Sandbox::start(Options { limits, ..Options::default() }).await.unwrap();
        let first = send(&sandbox, "GET", &stream("live_inputs"), None).await.unwrap();
        assert_eq!((first.status, first.header("ratelimit")), (200, Some("\"default\";r=1199;t=1")));
        assert_eq!(get(&sandbox, &stream("live_inputs")).await.0, 429);
        sandbox.advance(301_000);
        assert_eq!(get(&sandbox, &stream("live_inputs")).await.0, 200);
    }

    #[tokio::test]
    async fn a_successful_answer_may_carry_filled_errors() {
        let shapes = Shapes { filled_errors: true, ..Shapes::default() };
        let sandbox = Sandbox::start(Options { shapes, ..Options::default() }).await.unwrap();
        let (_, body) = get(&sandbox, &stream("live_inputs")).await;
        assert_eq!((&body["success"], &body["errors"][0]["code"]), (&json!(true), &json!(1000)));
    }
}
