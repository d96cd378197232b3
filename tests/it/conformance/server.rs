//! The made-up server: one listener a service, so that requests of services walked side by side are told apart (and each
//! has its rate limit for itself). It answers what a document allows, refuses what it does not, and remembers both.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request as Incoming, State};
use axum::response::Response;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::answer::answer;
use super::document::Service;
use super::request::{Request, Said, judge, meant, unposted};

/// One request, judged.
pub struct Seen {
    pub request: Request,
    /// The operation that it is taken for.
    pub operation: Option<usize>,
    pub said: Said,
    /// Why the document does not allow it.
    pub problem: Option<String>,
    /// Rows in the answer, where they can be counted.
    pub rows: Option<usize>,
    /// The rows in the answer.
    pub given: Vec<Value>,
    /// The answer says that there is a further page.
    pub more: bool,
}

/// What is being walked, and what came of it.
#[derive(Default)]
struct Stage {
    method: Option<usize>,
    seen: Vec<Seen>,
}

/// The status that answers what a document does not allow. It is no 5xx, which would be repeated.
const REFUSED: u16 = 422;

/// The server of one service.
pub struct Server {
    pub service: Arc<Service>,
    stage: Arc<Mutex<Stage>>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    service: Arc<Service>,
    stage: Arc<Mutex<Stage>>,
}

impl Server {
    /// A listener that is given out before the service is read.
    pub async fn listen() -> (String, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        (format!("http://{}", listener.local_addr().unwrap()), listener)
    }

    pub fn start(listener: TcpListener, service: Arc<Service>) -> Server {
        let stage = Arc::<Mutex<Stage>>::default();
        let shared = Shared { service: service.clone(), stage: stage.clone() };
        let app = Router::new().fallback(serve).with_state(shared);
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Server { service, stage, task }
    }

    /// From now on requests are those of this method.
    pub fn expect(&self, method: usize) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = Stage { method: Some(method), seen: Vec::new() };
    }

    /// What came since then.
    pub fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.stage.lock().unwrap_or_else(PoisonError::into_inner).seen)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(State(shared): State<Shared>, incoming: Incoming) -> Response {
    let (parts, body) = incoming.into_parts();
    let body = axum::body::to_bytes(body, 1 << 26).await.unwrap_or_default();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let request = Request {
        verb: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers.iter().map(|(n, v)| (n.as_str().to_owned(), text(v.as_bytes()))).collect(),
        body: body.to_vec(),
    };
    let mut stage = shared.stage.lock().unwrap_or_else(PoisonError::into_inner);
    respond(&shared.service, &mut stage, request)
}

fn respond(service: &Service, stage: &mut Stage, request: Request) -> Response {
    let entry = stage.method.map(|at| &service.methods[at]);
    let as_meant = unposted(&request, entry);
    let mut candidates = meant(service, &as_meant);
    // Where a path fits several templates, the one that was meant is taken.
    let says = |at: usize| service.operations[at].literal_query.iter().all(|pair| as_meant.says(pair));
    candidates.sort_by_key(|(at, _)| (!says(*at), entry.and_then(|e| e.operation) != Some(*at)));
    let Some((at, captures)) = candidates.into_iter().next() else {
        let problem = Some("no operation has this method and path".to_owned());
        stage.seen.push(Seen {
            request,
            operation: None,
            said: Said::default(),
            problem,
            rows: None,
            given: Vec::new(),
            more: false,
        });
        return refused("no operation has this method and path");
    };
    let operation = &service.operations[at];
    let entry = entry.filter(|e| e.operation == Some(at));
    let (said, problem) = judge((service, operation), &captures, &as_meant, entry);
    let page = stage.seen.iter().filter(|seen| seen.operation == Some(at)).count();
    let given = answer((service, operation), entry, (&request, &said), page);
    let response = match &problem {
        Some(reason) => refused(reason),
        None => {
            let mut builder = Response::builder().status(given.status);
            for (name, value) in &given.headers {
                builder = builder.header(name, value);
            }
            builder.body(Body::from(given.body)).unwrap()
        }
    };
    stage.seen.push(Seen {
        request,
        operation: Some(at),
        said,
        problem,
        rows: given.rows,
        given: given.given,
        more: given.more,
    });
    response
}

fn refused(reason: &str) -> Response {
    let body = serde_json::json!({"message": format!("the document does not allow this: {reason}")});
    let builder = Response::builder().status(REFUSED).header("content-type", "application/json");
    builder.body(Body::from(body.to_string())).unwrap()
}
