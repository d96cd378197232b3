//! A very small HTTP client for the sandbox's own tests: one connection a request, no library that could smooth over what
//! the server really sent.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{FIRST_APP, MAIN_ACCOUNT, Options, Sandbox, TOKEN};

/// What came back.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
    /// The body was shorter than announced.
    pub cut: bool,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().filter_map(|line| line.split_once(": ")).find(|(found, _)| *found == name).map(|pair| pair.1)
    }
}

/// A sandbox as it is by default.
pub async fn sandbox() -> Sandbox {
    Sandbox::start(Options::default()).await.unwrap()
}

/// Sends one request with the good token; none when the connection ends without an answer.
pub async fn send(sandbox: &Sandbox, method: &str, target: &str, body: Option<Value>) -> Option<Answer> {
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let json = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
    raw(sandbox, &format!("{method} {target}"), &format!("authorization: Bearer {TOKEN}\r\n{json}"), &body).await
}

/// Sends one request with these headers, each with its line end.
pub async fn raw(sandbox: &Sandbox, request: &str, headers: &str, body: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(sandbox.address()).await.unwrap();
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: sandbox\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A reset and an orderly end look alike here: what counts is what arrived before.
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().unwrap();
    let mut answer = Answer { status, head: head.to_owned(), body: body.to_owned(), cut: false };
    let announced = answer.header("content-length").map_or(body.len(), |length| length.parse().unwrap());
    answer.cut = announced > body.len();
    Some(answer)
}

/// GET, and the JSON that it answers.
pub async fn get(sandbox: &Sandbox, target: &str) -> (u16, Value) {
    let answer = send(sandbox, "GET", target, None).await.unwrap();
    (answer.status, answer.json())
}

/// Another method with a body, and the JSON that it answers.
pub async fn put(sandbox: &Sandbox, method: &str, target: &str, body: Value) -> (u16, Value) {
    let answer = send(sandbox, method, target, Some(body)).await.unwrap();
    (answer.status, answer.json())
}

/// A path in the main account's first app.
pub fn kit(path: &str) -> String {
    format!("/client/v4/accounts/{MAIN_ACCOUNT}/realtime/kit/{FIRST_APP}/{path}")
}

/// A path of Stream in the main account.
pub fn stream(path: &str) -> String {
    format!("/client/v4/accounts/{MAIN_ACCOUNT}/stream/{path}")
}
