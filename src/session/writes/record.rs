//! A write as the journal keeps it: what is called, for whom, row by row; secret values marked. Sends nothing.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use serde_json::{Map, Value, json};
use sqlparser::ast::{Expr, SetExpr};

use super::Write;
use super::arguments::Planned;
use crate::error::{Error, Kind, Result};
use crate::http::random_key;
use crate::journal::{self, Idempotency, Journal, NewRow, NewRun, Operation, Seal, Target};
use crate::registry::{Method, PathPart, Resource, Shape};
use crate::secret::{Redactor, Secret};
use crate::session::{Run, Session};
use crate::sql::{Change, Statement};

/// Characters of a body that the journal shows of a row.
const LONGEST_BODY: usize = 120;

/// Where the journal lies; opened by the first write that needs it.
#[derive(Default)]
pub(in crate::session) struct Shelf {
    directory: Option<PathBuf>,
    open: Mutex<Option<Arc<Journal>>>,
}

impl Shelf {
    pub(in crate::session) fn new(directory: Option<PathBuf>) -> Shelf {
        Shelf { directory, open: Mutex::default() }
    }

    /// The journal. None: the session was given no place for one.
    pub(super) fn journal(&self, redactor: &Redactor) -> Result<Option<Arc<Journal>>> {
        let Some(directory) = &self.directory else { return Ok(None) };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(journal) = open.as_ref() {
            return Ok(Some(journal.clone()));
        }
        let journal = Arc::new(Journal::open(directory, redactor)?);
        *open = Some(journal.clone());
        Ok(Some(journal))
    }
}

impl Session {
    /// Plans the write in the journal, where it is to be journalled: before anything is sent, or not at all.
    pub(super) async fn record(&self, run: &Run, write: &mut Write, statement: String) -> Result<Option<journal::Run>> {
        if write.calls.is_empty() || (write.calls.len() == 1 && !run.settings.journal) {
            return Ok(None);
        }
        let Some(journal) = self.shelf.journal(&run.context.redactor)? else {
            if run.settings.journal {
                return Err(Error::new(Kind::Usage, "there is no place for a journal; nothing was sent")
                    .hint("WEIR_STATE_DIR names a folder for it; the sandbox inside the program keeps none"));
            }
            return Ok(None);
        };
        if let Some(idempotency) = &write.method.idempotency {
            for planned in &mut write.calls {
                let own =
                    planned.request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(&idempotency.header));
                if !own {
                    planned.call.idempotency_key = Some(random_key()?);
                }
            }
        }
        let secrets = write.calls.iter().map(|c| c.request.secrets.len()).sum();
        let new = NewRun {
            statement,
            operation: operation(write),
            target: journal_target(run, &write.resource, &write.method, &journal).await?,
            idempotency: write
                .method
                .idempotency
                .as_ref()
                .map(|known| Idempotency { header: known.header.clone(), lifetime: known.valid.unwrap_or_default() }),
            settings: json!({"defaults": defaults(run, &write.resource, &write.method)}),
            seal: Seal::new(secrets)?,
            created_at: SystemTime::now(),
        };
        let rows: Vec<NewRow> = write.calls.iter().map(|c| row(&new.seal, &write.method, c)).collect();
        let begun = tokio::task::spawn_blocking(move || journal.begin(&new, rows)).await;
        begun
            .map_err(|_| Error::new(Kind::Internal, "the journal ran into a defect of weir; nothing was sent"))?
            .map_err(|error| {
                let mut told = Error::new(error.kind(), format!("{}; nothing was sent", error.message()));
                if let Some(hint) = error.hint_text() {
                    told = told.hint(hint);
                }
                told.caused_by(error)
            })
            .map(Some)
    }
}

/// Whom the requests go to and act for.
pub(super) async fn journal_target(
    run: &Run,
    resource: &Resource,
    method: &Method,
    journal: &Journal,
) -> Result<Target> {
    let exchange = run.context.exchange_for(&resource.provider, method).await?;
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let account = journal.fingerprint(&Secret::new(exchange.credentials.digest(hex)))?;
    let base_url = run.context.base_url(&resource.provider)?.unwrap_or_else(|| method.server.clone());
    let account = format!("credentials {}", account.get(..8).unwrap_or(&account));
    Ok(Target { provider: resource.provider.clone(), base_url, account })
}

/// What the write calls. The document's part is the request's form: a change of it is a change of what rows mean.
fn operation(write: &Write) -> Operation {
    Operation {
        verb: write.verb.to_string().to_lowercase(),
        resource: write.resource.full_name(),
        method: write.method.name.clone(),
        document: Some(form(&write.method)),
    }
}

/// `PUT /things/{id}`
pub(super) fn form(method: &Method) -> String {
    let path = method.path.iter().map(|part| match part {
        PathPart::Literal(text) => text.clone(),
        PathPart::Parameter(name) => format!("{{{name}}}"),
    });
    format!("{} {}", method.http.as_str(), path.collect::<String>())
}

/// The defaults in force of what the method needs.
pub(super) fn defaults(run: &Run, resource: &Resource, method: &Method) -> Value {
    let known = method
        .parameters
        .iter()
        .filter(|p| p.required)
        .filter_map(|p| Some((p.name.clone(), Value::String(run.context.default_of(resource, p)?))));
    Value::Object(known.collect::<Map<_, _>>())
}

/// The arguments of a call, secret values marked.
fn row(seal: &Seal, method: &Method, planned: &Planned) -> NewRow {
    let mut secret = false;
    let mut arguments = arguments_of(&planned.call.arguments, planned.call.body.as_ref());
    if let Some(Value::Object(values)) = arguments.get_mut("arguments") {
        for parameter in method.parameters.iter().filter(|p| p.shape.secret) {
            if let Some(value) = values.get_mut(&parameter.wire) {
                *value = seal.mark(value);
                secret = true;
            }
        }
    }
    if let Some(Value::Object(body)) = arguments.get_mut("body") {
        for field in method.body.iter().flat_map(|b| &b.fields) {
            if let Some(value) = body.get_mut(&field.wire) {
                secret |= hide(seal, &field.shape, value);
            }
        }
    }
    let (label, idempotency_key) = (label(planned), planned.call.idempotency_key.clone());
    NewRow { arguments, label, idempotency_key, secret }
}

/// Verb and path, and the beginning of the body, secrets masked: requests that create things are told apart by it.
fn label(planned: &Planned) -> String {
    let Some(body) = &planned.request.shown_body else { return planned.request.label.clone() };
    match body.char_indices().nth(LONGEST_BODY) {
        Some((end, _)) => format!("{} {}...", planned.request.label, &body[..end]),
        None => format!("{} {body}", planned.request.label),
    }
}

/// Arguments and body as one value, as rows of the journal have them.
pub(super) fn arguments_of(arguments: &[(String, Value)], body: Option<&Value>) -> Value {
    let arguments: Map<String, Value> = arguments.iter().cloned().collect();
    match body {
        Some(body) => json!({"arguments": arguments, "body": body}),
        None => json!({"arguments": arguments}),
    }
}

fn hide(seal: &Seal, shape: &Shape, value: &mut Value) -> bool {
    if shape.secret && !value.is_null() {
        *value = seal.mark(value);
        return true;
    }
    let mut found = false;
    match value {
        Value::Object(fields) => {
            for field in &shape.fields {
                found |= fields.get_mut(&field.wire).is_some_and(|value| hide(seal, &field.shape, value));
            }
        }
        Value::Array(items) => {
            if let Some(shape) = &shape.items {
                for item in items {
                    found |= hide(seal, shape, item);
                }
            }
        }
        _ => {}
    }
    found
}

/// A statement as the list of runs shows it: its form, without the values that it writes.
pub(super) fn said(statement: &Statement) -> String {
    let parts = |set: &[(sqlparser::ast::Ident, Expr)]| {
        set.iter().map(|(name, _)| format!("{name} = ..")).collect::<Vec<_>>().join(", ")
    };
    let change = |verb: &str, change: &Change| {
        let filter = change.selection.as_ref().map(|s| format!(" WHERE {s}")).unwrap_or_default();
        format!("{verb} {} SET {}{filter}", change.table, parts(&change.assignments))
    };
    match statement {
        Statement::Insert(insert) => {
            let columns = insert.columns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let source = match insert.source.as_ref().map(|query| (query.body.as_ref(), query)) {
                None => "DEFAULT VALUES".to_owned(),
                Some((SetExpr::Values(_), _)) => "VALUES ..".to_owned(),
                Some((_, query)) => query.to_string(),
            };
            format!("INSERT INTO {} ({columns}) {source}", insert.table)
        }
        Statement::Update(update) => change("UPDATE", update),
        Statement::Replace(replace) => change("REPLACE", replace),
        Statement::Delete(delete) => {
            let filter = delete.selection.as_ref().map(|s| format!(" WHERE {s}")).unwrap_or_default();
            format!("DELETE FROM {}{filter}", delete.table)
        }
        Statement::Exec(exec) => {
            let method = exec.method.iter().map(ToString::to_string).collect::<Vec<_>>().join(".");
            let source = exec.source.as_ref().map(|q| q.to_string().replacen("SELECT *", "", 1)).unwrap_or_default();
            format!("EXEC {method}{source}")
        }
        other => other.verb().to_owned(),
    }
}
