//! What can go wrong on purpose. A fault waits for matching requests and then spoils some; what each kind does to an answer
//! stands in one `match`, so a new kind is a variant and an arm. It knows nothing of products or state; what it changes in
//! the rows and counts of a page stands in `lists`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::gate::Incoming;
use super::lists;
use super::reply::Reply;

/// A fault and the requests that it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Only requests with this method; any when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// Only requests whose path contains this text.
    #[serde(default)]
    pub path_contains: String,
    /// Only requests whose query, as it was sent, contains this text; any when absent.
    #[serde(default)]
    pub query_contains: Option<String>,
    /// How many matching requests pass first.
    #[serde(default)]
    pub skip: usize,
    /// How many are spoilt after that.
    #[serde(default = "once")]
    pub times: usize,
    /// What happens to them.
    pub kind: FaultKind,
}

fn once() -> usize {
    1
}

/// What happens to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// 429 with this many seconds in `retry-after`; nothing takes effect.
    RateLimited {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// 500 in the product's envelope; nothing takes effect.
    ServerError,
    /// 500 in the product's envelope, after the request took effect.
    LateServerError,
    /// 502 with a page of HTML, as a proxy in between would send; nothing takes effect.
    BadGatewayHtml,
    /// The true answer announces its true length and stops in the middle.
    TruncatedBody,
    /// The request takes effect, the connection breaks before a byte of the answer.
    AnswerLost,
    /// The true answer, late.
    Slow {
        /// Milliseconds to wait.
        ms: u64,
    },
    /// No answer for as long as the client waits; nothing takes effect.
    Hang,
    /// The connection breaks before anything takes effect.
    Drop,
    /// 200 with `success: false` and errors; nothing takes effect.
    SuccessFalse,
    /// 307 to this address; nothing takes effect.
    Redirect {
        /// The `location`.
        to: String,
    },
    /// The page counts fewer rows in all than there are, as a list does that loses rows while it is read.
    SmallerTotal {
        /// How many fewer.
        by: usize,
    },
    /// The page lacks its last rows; its count of all rows is true.
    ShortPage {
        /// How many are missing.
        by: usize,
    },
    /// The page begins with the last rows of the page before, and its own last rows move on to the next: a list that grew
    /// at its head while it was read. Its count of all rows stays as it was.
    RepeatedRows {
        /// How many come again.
        rows: usize,
    },
}

/// What goes over the wire in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Answer(Reply),
    /// An answer whose body breaks off.
    Truncated(Reply),
    /// A broken connection and no answer.
    Broken,
}

/// The faults that wait, in the order they were added.
#[derive(Debug, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// One more.
    pub fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// None any more.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault that this request meets, counting it: the first matching one with something left to do. One that still
    /// lets requests pass leaves this one to those behind it.
    pub fn meet(&mut self, method: &str, path: &str, query: &str) -> Option<FaultKind> {
        for fault in self.0.iter_mut().filter(|fault| fault.matches(method, path, query)) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                return Some(fault.kind.clone());
            }
        }
        None
    }
}

impl Fault {
    /// A fault of this kind for the next request whose path contains the text.
    pub fn once(path_contains: &str, kind: FaultKind) -> Self {
        let path_contains = path_contains.to_owned();
        Self { method: None, path_contains, query_contains: None, skip: 0, times: 1, kind }
    }

    fn matches(&self, method: &str, path: &str, query: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && path.contains(&self.path_contains)
            && self.query_contains.as_ref().is_none_or(|wanted| query.contains(wanted))
    }
}

/// Applies a fault. `answer` does what a request asks for; calling it is what makes the request take effect.
pub async fn suffer(kind: FaultKind, request: &Incoming, answer: impl Fn(&Incoming) -> Reply) -> Outcome {
    let path = request.path.as_str();
    match kind {
        FaultKind::RateLimited { retry_after } => Outcome::Answer(rate_limited(retry_after)),
        FaultKind::ServerError => Outcome::Answer(server_error(path)),
        FaultKind::LateServerError => {
            answer(request);
            Outcome::Answer(server_error(path))
        }
        FaultKind::BadGatewayHtml => Outcome::Answer(bad_gateway()),
        FaultKind::TruncatedBody => Outcome::Truncated(answer(request)),
        FaultKind::AnswerLost => {
            answer(request);
            Outcome::Broken
        }
        FaultKind::Slow { ms } => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Outcome::Answer(answer(request))
        }
        FaultKind::Hang => std::future::pending().await,
        FaultKind::Drop => Outcome::Broken,
        FaultKind::SuccessFalse => {
            let errors = json!([{"code": 10_013, "message": "An unknown error has occurred"}]);
            Outcome::Answer(Reply::errors(200, &errors))
        }
        FaultKind::Redirect { to } => Outcome::Answer(Reply::empty(307).with_header("location", to)),
        FaultKind::SmallerTotal { by } => Outcome::Answer(lists::smaller_total(answer(request), by)),
        FaultKind::ShortPage { by } => Outcome::Answer(lists::shortened(answer(request), by)),
        FaultKind::RepeatedRows { rows } => {
            let before = lists::page_before(request).map(|before| answer(&before));
            Outcome::Answer(lists::repeating(answer(request), before, rows))
        }
    }
}

/// The gateway's answer to a client that is too fast.
pub fn rate_limited(retry_after: u64) -> Reply {
    Reply::error(429, 971, "Please wait and consider throttling your request speed")
        .with_header("retry-after", retry_after.to_string())
}

fn server_error(path: &str) -> Reply {
    if path.contains("/realtime/kit/") {
        Reply::kit_error(500, "Internal server error")
    } else {
        Reply::error(500, 10_000, "Internal Server Error")
    }
}

fn bad_gateway() -> Reply {
    let body = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n\
                <hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n";
    Reply { status: 502, headers: Vec::new(), content_type: Some("text/html"), body: body.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_lets_some_pass_spoils_some_and_is_done() {
        let mut faults = Faults::default();
        faults.add(Fault { skip: 1, times: 2, ..Fault::once("/live_inputs", FaultKind::Drop) });
        let met: Vec<bool> = (0..5).map(|_| faults.meet("GET", "/a/live_inputs", "").is_some()).collect();
        assert_eq!(met, [false, true, true, false, false]);
    }

    #[test]
    fn method_path_and_query_all_have_to_match() {
        let mut faults = Faults::default();
        let method = Some("post".to_owned());
        faults.add(Fault {
            method,
            query_contains: Some("page_no=2".to_owned()),
            ..Fault::once("/x", FaultKind::Hang)
        });
        assert_eq!(faults.meet("GET", "/x", "page_no=2"), None);
        assert_eq!(faults.meet("POST", "/y", "page_no=2"), None);
        assert_eq!(faults.meet("POST", "/x", "page_no=1"), None);
        assert_eq!(faults.meet("POST", "/x", "a=b&page_no=2"), Some(FaultKind::Hang));
    }

    #[test]
    fn a_fault_can_be_written_in_json() {
        let fault: Fault =
            serde_json::from_str(r#"{"path_contains": "/x", "kind": {"rate_limited": {"retry_after": 3}}}"#).unwrap();
        assert_eq!(fault, Fault::once("/x", FaultKind::RateLimited { retry_after: 3 }));
        let fault: Fault = serde_json::from_str(r#"{"times": 2, "kind": "answer_lost"}"#).unwrap();
        assert_eq!((fault.times, fault.kind), (2, FaultKind::AnswerLost));
    }
}
