//! For tests alone: a server on 127.0.0.1 that gives the answers it was told to give, one a connection, and keeps
//! what it was asked; and the smallest methods and exchanges to call it with.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{Budget, Credentials, Exchange, Keyring, Notices};
use crate::registry::{Access, Answer, HttpVerb, Location, Manner, Method, Parameter, PathPart, Pushdown, Shape};
use crate::secret::Redactor;

/// A request as it came: its head as text, its body.
#[derive(Debug, Clone)]
pub struct Asked {
    pub head: String,
    pub body: String,
}

impl Asked {
    /// `GET /x?y HTTP/1.1`
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

#[derive(Default)]
struct State {
    answers: VecDeque<String>,
    asked: Vec<Asked>,
}

#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server { address: listener.local_addr().unwrap(), state: Arc::default() };
        let state = Arc::clone(&server.state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&state)));
            }
        });
        server
    }

    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next answer: status, further header lines (each ending in `\r\n`), body.
    pub fn answer(&self, status: u16, headers: &str, body: &str) -> &Self {
        self.raw(&format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}connection: close\r\n\r\n{body}",
            body.len()
        ))
    }

    /// The next answer, byte for byte; an empty one closes the connection without a word.
    pub fn raw(&self, text: &str) -> &Self {
        self.state.lock().unwrap().answers.push_back(text.to_owned());
        self
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let mut asked = Asked { head: String::from_utf8_lossy(&bytes[..head_end]).into_owned(), body: String::new() };
    let length: usize = asked.header("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
    while bytes.len() < head_end + 4 + length {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    }
    asked.body = String::from_utf8_lossy(&bytes[head_end + 4..]).into_owned();
    let answer = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked);
        state.answers.pop_front().unwrap_or_else(|| "HTTP/1.1 599 unscripted\r\nconnection: close\r\n\r\n".to_owned())
    };
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// These variables, and no file or command.
pub fn keyring(variables: &[(&str, &str)]) -> Keyring {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Keyring::new(Arc::new(variables), Arc::new(|source| panic!("{source:?} is asked for")))
}

/// A method at `path`, whose `{x}` parts become required path parameters.
pub fn method(http: HttpVerb, path: &str) -> Method {
    let mut parts = Vec::new();
    let mut parameters = Vec::new();
    for (index, piece) in path.split(['{', '}']).enumerate() {
        if index % 2 == 1 {
            parts.push(PathPart::Parameter(piece.to_owned()));
            parameters.push(parameter(piece, Location::Path));
        } else if !piece.is_empty() {
            parts.push(PathPart::Literal(piece.to_owned()));
        }
    }
    Method {
        name: "call".to_owned(),
        description: String::new(),
        http,
        server: "https://api.example/v1".to_owned(),
        path: parts,
        parameters,
        body: None,
        answer: Answer { media_type: "application/json".to_owned(), ..Answer::default() },
        paging: None,
        order: Vec::new(),
        pushdown: Pushdown::default(),
        not_found: None,
        idempotency: None,
        settles: None,
        safe_to_retry: false,
        withdrawn: None,
        query_as_form: false,
        sign_in: None,
        signed_for: None,
        graphql: None,
        unsupported: None,
    }
}

/// An optional parameter (path parameters are required).
pub fn parameter(wire: &str, location: Location) -> Parameter {
    Parameter {
        wire: wire.to_owned(),
        name: wire.to_owned(),
        location,
        required: location == Location::Path,
        shape: Shape::default(),
        description: String::new(),
        variable: None,
        constant: None,
        predicate: None,
        exact: false,
        manner: Manner { explode: true, ..Manner::default() },
        hidden: None,
    }
}

/// An exchange under `access` without credentials, deadline or bound.
pub fn exchange(access: Access, base_url: &str) -> Exchange {
    Exchange {
        access: Arc::new(access),
        credentials: Credentials::none(),
        base_url: Some(base_url.to_owned()),
        deadline: None,
        statement: 1,
        redactor: Redactor::default(),
        budget: Budget::unlimited(),
        notices: Notices::ignored(),
    }
}
