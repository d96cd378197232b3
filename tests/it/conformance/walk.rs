//! The walk: every method of a provider, by the statement that a user would write for it, against the made-up server.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use serde_json::Value;
use weir::registry::{Method, Resource};
use weir::session::{Session, SessionOptions, Settings};

use super::compare::{differs, plain, same_text, signed_in, word};
use super::document::{Entry, Provider, Service};
use super::request::drops_underscored;
use super::server::{Seen, Server};
use super::signature;
use super::statement::{Manner, Writer, Written, same_body};
use super::tokens::{Tokens, credential};
use crate::harness::{Row, run_in, told, write_file};

/// What became of one method.
pub enum Verdict {
    Right,
    /// Right, but another method of the verb takes every such statement; EXEC reaches it.
    Shadowed,
    /// weir refused it, and nothing was sent.
    Refused(String),
    /// The document does not allow what was sent.
    NotAllowed(String),
    /// The request was right, and what came back was not understood.
    Answer(String),
    /// The request was right, and the rows were not.
    Rows(String),
    /// The judge cannot tell.
    Unjudged(String),
}

/// One method's verdict, with the statement that led to it.
pub struct Outcome {
    pub service: String,
    pub resource: String,
    pub method: String,
    pub verb: String,
    /// It speaks JSON in both directions.
    pub json: bool,
    pub verdict: Verdict,
    pub sql: String,
}

/// Microseconds that the loader and the judge's own reading took.
pub static LOADING: AtomicU64 = AtomicU64::new(0);
pub static READING: AtomicU64 = AtomicU64::new(0);

/// Services that are walked at the same time.
const SIDE_BY_SIDE: usize = 16;

/// Walks a provider of the registry in `source`; its documents are copied to `folder` with other servers.
pub async fn walk(provider: &Provider, source: &Path, folder: &Path) -> Vec<Outcome> {
    let tokens = Tokens::start(provider.root.pointer("/config/auth").unwrap_or(&Value::Null)).await;
    let mut text = std::fs::read_to_string(source.join(&provider.file)).unwrap();
    if let Some((from, to)) = tokens.as_ref().and_then(|tokens| tokens.moved.as_ref()) {
        text = text.replace(from, to);
    }
    write_file(&folder.join(&provider.file), &text);
    let mut servers = Vec::new();
    for (name, file) in &provider.services {
        let listening = Server::listen().await;
        let text = moved(&std::fs::read_to_string(source.join(file)).unwrap(), &listening.0);
        write_file(&folder.join(file), &text);
        servers.push((name.clone(), text, listening));
    }
    let root = Arc::new(provider.root.clone());
    let session = Arc::new(session(provider, folder, (&super::account::key().await, tokens.as_ref())));
    let name: Arc<str> = provider.name.as_str().into();
    let mut all: Vec<Outcome> = futures::stream::iter(servers)
        .map(|(service, text, listening)| {
            let (root, session, name) = (root.clone(), session.clone(), name.clone());
            tokio::spawn(async move {
                let started = std::time::Instant::now();
                let service = Arc::new(Service::read(&service, &text, &root, &listening.0));
                READING.fetch_add(u64::try_from(started.elapsed().as_micros()).unwrap(), Ordering::Relaxed);
                let server = Server::start(listening.1, service);
                service_walk(&name, &server, &session, &root).await
            })
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .map(Result::unwrap)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .flatten()
        .collect();
    all.sort_by(|a, b| (&a.service, &a.resource, &a.method).cmp(&(&b.service, &b.resource, &b.method)));
    all
}

/// Every credential that the provider's config names is there, so that each way of signing in can be judged.
fn session(provider: &Provider, folder: &Path, (account, tokens): (&str, Option<&Tokens>)) -> Session {
    let mut variables = tokens.map(|tokens| tokens.variables.clone()).unwrap_or_default();
    let mut auth = provider.root.pointer("/config/auth");
    while let Some(one) = auth {
        for (key, value) in one.as_object().into_iter().flatten() {
            if let Some(name) = value.as_str().filter(|_| key.ends_with("var")) {
                let value = match one.get("type").and_then(Value::as_str) {
                    Some("service_account") => account.to_owned(),
                    _ => credential(name),
                };
                variables.insert(name.to_owned(), value);
            }
        }
        if one.get("type").is_some_and(|kind| kind == "aws_signing_v4") {
            variables.insert("AWS_SESSION_TOKEN".to_owned(), signature::TOKEN.to_owned());
        }
        auth = one.get("successor");
    }
    let settings = Settings {
        confirm: false,
        allow_unfiltered: true,
        max_affected: 1_000_000,
        retry_delay: std::time::Duration::from_millis(1),
        ..Settings::default()
    };
    let registries = vec![folder.to_owned()];
    Session::new(SessionOptions { registries, variables, settings, ..SessionOptions::default() }).unwrap()
}

/// The document with every server's host moved into the path of the made-up server. Nothing else is touched.
fn moved(text: &str, url: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut within = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let bare = line.trim_start();
        if bare == "servers:" || bare.starts_with("x-stackQL-graphQL:") {
            within = true;
        }
        let start = ["- url: ", "url: "].into_iter().find(|start| bare.starts_with(start)).filter(|_| within);
        let Some(start) = start else {
            made.push_str(line);
            made.push('\n');
            continue;
        };
        let indent = &line[..line.len() - bare.len()];
        let said = &bare[start.len()..];
        // A folded text stands on the next line.
        let said = if matches!(said, ">-" | ">" | "|-" | "|") { lines.next().unwrap_or_default().trim() } else { said };
        let said = said.trim_matches(['\'', '"']);
        let rest = said.split_once("://").map(|(_, rest)| format!("{url}/{rest}"));
        let _ = writeln!(made, "{indent}{start}'{}'", rest.as_deref().unwrap_or(said));
        within = false;
    }
    made
}

async fn service_walk(provider: &str, server: &Server, session: &Session, config: &Value) -> Vec<Outcome> {
    let service = &server.service;
    let started = std::time::Instant::now();
    let loaded = session.registry().service(provider, &service.name);
    LOADING.fetch_add(u64::try_from(started.elapsed().as_micros()).unwrap(), Ordering::Relaxed);
    let mut outcomes = Vec::new();
    for (at, entry) in service.methods.iter().enumerate() {
        let mut outcome = Outcome {
            service: service.name.clone(),
            resource: entry.resource.clone(),
            method: entry.name.clone(),
            verb: entry.verb.clone(),
            json: is_json(service, entry),
            verdict: Verdict::Right,
            sql: String::new(),
        };
        let found = loaded.as_ref().map_err(ToString::to_string).and_then(|loaded| {
            let resource = session.registry().resource(provider, &service.name, &entry.resource).ok();
            let method = resource.and_then(|r| Some((r.clone(), r.method(&entry.name)?.clone())));
            method.ok_or_else(|| {
                let place = format!("x-stackQL-resources.{}", entry.resource);
                let problem = loaded.problems.iter().find(|p| p.contains(&place));
                problem.map_or("it is not there, and no problem says why".to_owned(), |p| after(p, &place))
            })
        });
        outcome.verdict = match found {
            Err(reason) => Verdict::Refused(format!("does not load: {reason}")),
            Ok((resource, method)) => {
                let walker = Walker { server, session, config, at, resource: &resource, method: &method };
                walker.method(&mut outcome.sql).await
            }
        };
        outcomes.push(outcome);
    }
    outcomes
}

fn after(text: &str, place: &str) -> String {
    text.split_once(place).map_or(text, |(_, rest)| rest).to_owned()
}

/// Whether body and answer are JSON, or there are none.
fn is_json(service: &Service, entry: &Entry) -> bool {
    let Some(operation) = entry.operation.map(|at| &service.operations[at]) else { return true };
    let answer = super::answer::reading(service, operation, Some(entry));
    let body = super::request::body_schema(service, operation, Some(entry));
    let json = |media: &str| media.is_empty() || media.contains("json") || media == "*/*";
    json(&answer.media) && body.is_none_or(|(media, _)| json(&media))
}

struct Walker<'a> {
    server: &'a Server,
    session: &'a Session,
    config: &'a Value,
    at: usize,
    resource: &'a Resource,
    method: &'a Method,
}

impl Walker<'_> {
    fn entry(&self) -> &Entry {
        &self.server.service.methods[self.at]
    }

    async fn method(&self, sql: &mut String) -> Verdict {
        let entry = self.entry();
        let Some(operation) = entry.operation.map(|at| &self.server.service.operations[at]) else {
            return Verdict::Unjudged("its operation is not in the document".to_owned());
        };
        if operation.server.is_empty() {
            return Verdict::Unjudged("its server could not be moved to the made-up one".to_owned());
        }
        let writer =
            Writer { service: &self.server.service, entry, operation, resource: self.resource, method: self.method };
        let mut verdict = Verdict::Right;
        for manner in [Manner::Least, Manner::Most] {
            let written = match writer.write(manner) {
                Ok(written) => written,
                Err(reason) => match reason.strip_prefix('?') {
                    Some(reason) => return Verdict::Unjudged(reason.to_owned()),
                    None => return Verdict::Refused(reason),
                },
            };
            if *sql == written.sql {
                continue;
            }
            sql.clone_from(&written.sql);
            match self.statement(&written).await {
                Verdict::Right => {}
                Verdict::Shadowed => verdict = Verdict::Shadowed,
                wrong => return wrong,
            }
        }
        verdict
    }

    async fn statement(&self, written: &Written) -> Verdict {
        self.server.expect(self.at);
        let given = run_in(self.session, &written.sql).await;
        let seen = self.server.seen();
        let failure = match &given {
            Err(error) => Some(error),
            Ok(given) => given.failure.as_ref(),
        };
        if let Some(first) = seen.iter().find(|seen| seen.problem.is_some()) {
            let problem = first.problem.clone().unwrap_or_default();
            return Verdict::NotAllowed(format!("{problem}\n      sent: {}", first.request.line()));
        }
        let Some(first) = seen.iter().find(|seen| seen.operation == self.entry().operation) else {
            return match failure {
                Some(error) if seen.is_empty() => Verdict::Refused(told(error)),
                Some(error) => Verdict::Answer(told(error)),
                None if seen.is_empty() => Verdict::Rows("nothing was sent".to_owned()),
                None => Verdict::Shadowed,
            };
        };
        if let Some(error) = failure {
            let kind = super::answer::reading(
                &self.server.service,
                &self.server.service.operations[first.operation.unwrap_or_default()],
                Some(self.entry()),
            );
            if kind.transform.is_some_and(|kind| kind.contains("text") || kind.contains("mxj")) {
                return Verdict::Unjudged("the input of its template is not known".to_owned());
            }
            return Verdict::Answer(told(error));
        }
        self.compare(written, &seen, first, &given.map(|given| given.rows).unwrap_or_default())
    }

    fn compare(&self, written: &Written, seen: &[Seen], first: &Seen, found: &[Row]) -> Verdict {
        let rows = found.len();
        let graphql = self.server.service.operations[first.operation.unwrap_or_default()].graphql.is_some();
        if graphql {
            let query = first.said.body.as_ref().and_then(Value::as_str).unwrap_or_default();
            let texts = written.parameters.iter().filter(|(place, _, _)| place == "path").map(|(_, _, v)| plain(v));
            if let Some(lost) = texts.into_iter().find(|text| !query.contains(text.as_str())) {
                return Verdict::NotAllowed(format!("the query does not hold `{lost}`"));
            }
        }
        for (place, name, value) in written.parameters.iter().filter(|_| !graphql) {
            let said = first.said.parameters.iter().find(|(p, n, _)| p == place && n == name);
            let ignored = place == "header"
                && ["accept", "content-type", "authorization"].contains(&name.to_lowercase().as_str());
            match said {
                // An object without keys says nothing in a query.
                None if *value == serde_json::json!({}) => {}
                None if ignored || (drops_underscored(self.entry()) && name.starts_with("__")) => {}
                None => return Verdict::NotAllowed(format!("the {place} parameter `{name}` was given and not sent")),
                Some((_, _, text)) if !same_text(value, text) => {
                    return Verdict::NotAllowed(format!(
                        "the {place} parameter `{name}` was sent otherwise than given"
                    ));
                }
                Some(_) => {}
            }
        }
        if let Some(wished) = &written.body
            && !same_body(wished, first.said.body.as_ref())
            && first.request.header("content-type").is_some_and(|kind| kind.contains("json"))
        {
            let sent = first.said.body.as_ref().map(ToString::to_string).unwrap_or_default();
            return Verdict::NotAllowed(format!("the body is not what was given: {}", differs(wished, &sent)));
        }
        // Which things are meant may be read first; what is meant is sent once.
        let writes = seen.iter().filter(|seen| seen.operation == first.operation || seen.request.verb != "GET").count();
        if self.entry().verb != "select" && writes != 1 {
            return Verdict::Rows(format!("{writes} requests for one write"));
        }
        if self.entry().verb == "select" && first.more && seen.len() == 1 && !written.instead {
            return Verdict::Rows("the second page was not asked for".to_owned());
        }
        let expected: Option<usize> = seen.iter().map(|seen| seen.rows).sum();
        match expected.filter(|_| self.entry().verb == "select" && !written.instead) {
            Some(expected) if expected != rows => {
                let unlike = self.unlike(written);
                let why = if unlike.is_empty() { String::new() } else { format!("; unlike the rows' own: {unlike}") };
                Verdict::Rows(format!("{rows} rows where {expected} were sent{why}"))
            }
            _ => {
                let read = self.entry().verb == "select" && !written.instead;
                let mut pairs = first.given.iter().zip(found).filter(|_| read);
                match pairs.find_map(|(given, found)| self.misread(given, found)) {
                    Some(problem) => Verdict::Rows(problem),
                    None => {
                        signed_in(self.config, &self.server.service, first).map_or(Verdict::Right, Verdict::NotAllowed)
                    }
                }
            }
        }
    }
}

impl Walker<'_> {
    /// The first property of a row that did not come as it was sent.
    fn misread(&self, given: &Value, found: &Row) -> Option<String> {
        for (wire, value) in given.as_object()? {
            let column = self.method.answer.columns.iter().find(|column| column.wire == *wire);
            let Some(cell) = column.and_then(|column| found.get(&column.name)) else {
                return Some(format!("no column has the property `{wire}`"));
            };
            let nested = cell.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
            let same = cell == value
                || nested.as_ref() == Some(value)
                || same_text(value, &plain(cell))
                || cell.as_f64().is_some_and(|cell| value.as_f64() == Some(cell))
                || value.as_str().is_some_and(|text| text == plain(cell));
            if !same {
                let column = column.map(|column| column.shape.kind.word()).unwrap_or_default();
                return Some(format!("`{wire}` was {} and came as {} (column: {column})", word(value), word(cell)));
            }
        }
        None
    }

    /// Parameters that have the name of a column of the rows and another type.
    fn unlike(&self, written: &Written) -> String {
        let mut found = Vec::new();
        for (_, name, value) in &written.parameters {
            let parameter = self.method.parameters.iter().find(|p| p.wire == *name);
            let column = parameter.and_then(|p| self.method.answer.columns.iter().find(|c| c.name == p.name));
            if let (Some(parameter), Some(column)) = (parameter, column)
                && (parameter.shape.kind != column.shape.kind || !column.shape.values.is_empty())
            {
                let (given, kind) = (parameter.shape.kind.word(), column.shape.kind.word());
                found.push(format!("`{name}` {value} ({given}, in rows {kind})"));
            }
        }
        found.join(", ")
    }
}
