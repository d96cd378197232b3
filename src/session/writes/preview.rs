//! `dry_run`: the requests of a write in place of the write, secrets masked: to read, as curl, or as JSON. Sends nothing.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::Write;
use super::arguments::Planned;
use crate::error::{Result, counted};
use crate::http::{Placeholders, placeholders};
use crate::session::settings::DryRun;
use crate::session::{Answer, Run};

/// EXPLAIN lists no more requests than this one by one.
const LISTED: usize = 20;

/// The requests that `write` would send.
pub(super) fn preview(run: &Run, write: &Write, form: DryRun) -> Result<Answer> {
    let sign_in = sign_in(run, write)?;
    let mut lines = Vec::with_capacity(write.calls.len());
    for (row, planned) in write.calls.iter().enumerate() {
        let line = match form {
            DryRun::Text => text(planned),
            DryRun::Curl => curl(planned, &sign_in),
            DryRun::Json => json(planned, &sign_in, row + 1).to_string(),
        };
        lines.push(run.context.redactor.clean(&line));
    }
    let whole = format!("{}.{}", write.resource.full_name(), write.method.name);
    let message = format!("dry run: {} of {whole}, none sent", counted(write.calls.len() as u64, "request"));
    Ok(Answer::lines(run, lines).with_message(message))
}

/// What signs the request in, as one would write it in a shell: no credentials, the variables that hold them.
fn sign_in(run: &Run, write: &Write) -> Result<Placeholders> {
    let access = run.context.registry.provider(&write.resource.provider)?.access.of(&write.method);
    Ok(placeholders(&access, &run.context.keyring))
}

impl Write {
    /// The first requests, for EXPLAIN, secrets masked.
    pub(in crate::session) fn listed(&self) -> Vec<String> {
        let count = self.calls.len();
        let whole = format!("{}.{}", self.resource.full_name(), self.method.name);
        let mut lines = vec![format!("{} of {whole}, none sent:", counted(count as u64, "request"))];
        for planned in self.calls.iter().take(LISTED) {
            lines.push(format!("  {} {}", planned.request.verb.as_str(), planned.request.shown_url));
            lines.extend(planned.request.shown_body.iter().map(|body| format!("    {body}")));
        }
        if count > LISTED {
            lines.push(format!("  and {} more; SET dry_run = on shows all of them", count - LISTED));
        }
        lines.extend(self.method.withdrawn.iter().map(|withdrawn| format!("Withdrawn upstream: {withdrawn}")));
        lines
    }
}

/// Verb, URL and body.
fn text(planned: &Planned) -> String {
    let request = &planned.request;
    let body = request.shown_body.as_ref().map(|b| format!("\n  {b}")).unwrap_or_default();
    format!("{} {}{body}", request.verb.as_str(), request.shown_url)
}

fn curl(planned: &Planned, sign_in: &Placeholders) -> String {
    let request = &planned.request;
    let mut line = format!("curl -X {}", request.verb.as_str());
    for (name, value) in &sign_in.headers {
        // Double quotes, so that the shell puts the variable's value there.
        let _ = write!(line, " -H \"{name}: {value}\"");
    }
    for (name, value) in &request.headers {
        let _ = write!(line, " -H {}", quoted(&format!("{name}: {value}")));
    }
    if let Some(body) = &request.shown_body {
        let _ = write!(line, " --data-raw {}", quoted(body));
    }
    let _ = write!(line, " {}", quoted(&request.shown_url));
    for (at, (name, value)) in sign_in.query.iter().enumerate() {
        // Behind the quoted URL and joined to it by the shell.
        let sign = if at == 0 && !request.shown_url.contains('?') { '?' } else { '&' };
        let _ = write!(line, "\"{sign}{name}={value}\"");
    }
    line
}

/// In single quotes, as a POSIX shell reads them.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn json(planned: &Planned, sign_in: &Placeholders, row: usize) -> Value {
    let request = &planned.request;
    let headers = sign_in.headers.iter().chain(&request.headers).map(|(n, v)| (n.clone(), Value::from(v.clone())));
    let body = request.shown_body.as_ref().map(|b| serde_json::from_str(b).unwrap_or(Value::String(b.clone())));
    let query = sign_in.query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    let url = match (request.shown_url.as_str(), query.as_str()) {
        (url, "") => url.to_owned(),
        (url, query) => format!("{url}{}{query}", if url.contains('?') { '&' } else { '?' }),
    };
    json!({
        "row": row,
        "method": request.verb.as_str(),
        "url": url,
        "headers": headers.collect::<Map<_, _>>(),
        "body": body,
    })
}
