//! `weir resume`: the runs of the journal that did not end, and the rest of one of them. What was not sent is sent, what
//! failed is tried again; what nobody knows the end of is sent again only where that is safe, or asked for.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use super::arguments::Planned;
use super::record::{arguments_of, defaults, form, journal_target};
use super::returning::Returning;
use super::send::Ends;
use super::{Planning, Reads, Write, guard, preview};
use crate::error::{Error, Kind, Result, counted};
use crate::http::{Call, prepare, random_key};
use crate::journal::{Inputs, Journal, KeptRow, RowState, Run as JournalRun, RunHead, RunSummary};
use crate::plan::Ended;
use crate::registry::{Method, Resource, Verb};
use crate::session::show::ready;
use crate::session::{Answer, Run, Session};
use crate::sql::Statement;

/// What to do with the rest of a run.
#[derive(Debug, Default)]
pub struct Resume {
    /// The statement again, for rows whose secret values the journal does not have.
    pub input: Option<Statement>,
    /// Send rows again that may have taken effect.
    pub resend_unknown: bool,
}

/// The rest of a run, and what is not sent of it.
struct Rest {
    /// Number in the journal and call, in order.
    rows: Vec<(KeptRow, Planned, Again)>,
    /// Rows that nobody knows the end of, and whose sending again nobody asked for.
    unknown: Vec<KeptRow>,
    /// Rows whose secret values are not there.
    secret: Vec<KeptRow>,
}

/// Under which key a row is sent.
#[derive(Clone, Copy, PartialEq)]
enum Again {
    /// The one that it has, if any.
    Same,
    /// A new one: its own was refused, or is forgotten by now.
    New,
}

impl Session {
    /// The runs of the journal: unfinished ones first.
    ///
    /// # Errors
    /// When the journal cannot be read, or there is none.
    pub fn runs(&self) -> Result<Vec<RunSummary>> {
        self.kept_journal()?.runs()
    }

    /// The runs as a table. `all`: those that are done, too.
    ///
    /// # Errors
    /// As for [`Session::runs`].
    pub fn list_runs(&self, all: bool) -> Result<Answer> {
        let run = self.start(false);
        let runs = self.runs()?;
        let shown: Vec<&RunSummary> =
            runs.iter().filter(|r| all || r.state != crate::journal::RunState::Done).collect();
        if shown.is_empty() {
            let none = if runs.is_empty() { "no write is journalled" } else { "no write is unfinished" };
            return Ok(Answer::done(&run, none));
        }
        let column = |text: &dyn Fn(&RunSummary) -> String| shown.iter().map(|r| Some(text(r))).collect::<Vec<_>>();
        let columns = vec![
            ("run", column(&|r| r.head.id.clone())),
            ("state", column(&|r| r.state.as_str().to_owned())),
            ("begun", column(&|r| moment(r.head.created_at))),
            ("rows", column(&|r| r.counts.to_string())),
            ("statement", column(&|r| r.head.statement.clone())),
        ];
        let message = "weir resume RUN goes on with one; weir resume RUN --show lists its rows";
        Ok(Answer::rows(&run, ready(columns)?).with_message(message))
    }

    /// The rows of a run that are not done, as a table.
    ///
    /// # Errors
    /// When there is no such run.
    pub fn list_run(&self, id: &str) -> Result<Answer> {
        let run = self.start(false);
        let rows: Vec<KeptRow> = self
            .kept_journal()?
            .rows(id)?
            .filter(|row| row.as_ref().map_or(true, |r| r.state != RowState::Done))
            .collect::<Result<_>>()?;
        Ok(Answer::rows(&run, table(&rows)?))
    }

    /// Forgets a run.
    ///
    /// # Errors
    /// When there is no such run, or somebody works on it.
    pub fn forget_run(&self, id: &str) -> Result<()> {
        self.kept_journal()?.forget(id)
    }

    /// Goes on with run `id`.
    ///
    /// # Errors
    /// When it is refused, or rows are left that are not done.
    pub async fn resume(&self, id: &str, resume: Resume) -> Result<Answer> {
        let run = self.start(false);
        let result = self.resume_here(&run, id, resume).await;
        result.map_err(|error| error.redacted(&self.redactor))
    }

    async fn resume_here(&self, run: &Run, id: &str, resume: Resume) -> Result<Answer> {
        let journal = self.kept_journal()?;
        let head = journal.head(id)?;
        let (resource, method) = self.method_of_run(&head)?;
        let verb = Verb::ALL.into_iter().find(|v| v.to_string().eq_ignore_ascii_case(&head.operation.verb));
        let verb = verb.unwrap_or(Verb::Exec);
        guard::check_writable(run, &resource, &method, Verb::Insert)?;
        check_defaults(run, (&resource, &method), &head)?;
        let target = journal_target(run, &resource, &method, &journal).await?;
        let inputs = match resume.input {
            None => None,
            Some(statement) => Some(self.inputs(run, &head, statement).await?),
        };
        let (kept, head) = journal.resume(id, &target)?;
        let rest = rest(run, (&resource, &method), (&kept, &head), (inputs, resume.resend_unknown))?;
        let (numbers, calls) = numbered(&rest);
        let returning = Returning::whole_answer(&resource, &method);
        let write = Write { verb, resource, method, calls, counted: true, returning, awaits: false };
        let left = run.context.budget.left();
        if write.calls.len() as u64 > left {
            let needed = counted(write.calls.len() as u64, "request");
            return Err(Error::new(
                Kind::Network,
                format!("the rest of the run needs {needed}, and the budget is {left}"),
            )
            .hint("--max-requests raises it"));
        }
        if let Some(form) = run.settings.dry_run {
            return preview::preview(run, &write, form);
        }
        let keys = rest.rows.iter().map(|(_, _, again)| *again == Again::New).collect();
        let record = super::send::Record { run: kept, numbers, new_keys: keys };
        let (ends, sent) = self.send_all(run, Arc::new(write), Some(record)).await?;
        self.state.keep_outcomes(&ends.rows);
        told(run, &head, (&rest, &ends, &sent.write))
    }

    fn kept_journal(&self) -> Result<Arc<Journal>> {
        self.shelf.journal(&self.redactor)?.ok_or_else(|| {
            Error::new(Kind::Usage, "there is no journal").hint("WEIR_STATE_DIR names the folder where it lies")
        })
    }

    /// The method that a run calls, if it is still what it was.
    fn method_of_run(&self, head: &RunHead) -> Result<(Arc<Resource>, Arc<Method>)> {
        let operation = &head.operation;
        let parts: Vec<&str> = operation.resource.split('.').collect();
        let [provider, service, name] = parts.as_slice() else {
            return Err(Error::new(Kind::Internal, format!("run {} names no resource", head.id)));
        };
        if !self.registry.has_provider(provider) {
            return Err(gone(head, provider));
        }
        let resource = self.registry.resource(provider, service, name)?;
        let method = resource.method(&operation.method).cloned().ok_or_else(|| {
            Error::document(format!("{} has no method {} any more", operation.resource, operation.method))
                .hint("resume the run with the documents that it was begun with")
        })?;
        match &operation.document {
            Some(then) if *then != form(&method) => Err(Error::document(format!(
                "{}.{} was {then} when run {} began, and is {} now",
                operation.resource,
                operation.method,
                head.id,
                form(&method)
            ))
            .hint("resume the run with the documents that it was begun with")),
            _ => Ok((resource, method)),
        }
    }

    /// The arguments of the statement's rows again, in clear.
    async fn inputs(&self, run: &Run, head: &RunHead, statement: Statement) -> Result<Inputs> {
        let Planning::Complete(write) = self.plan_write(run, statement, Reads::Send).await? else {
            return Err(Error::new(Kind::Internal, "a write was only explained"));
        };
        let (given, begun) = (format!("{}.{}", write.resource.full_name(), write.method.name), &head.operation);
        if given != format!("{}.{}", begun.resource, begun.method) {
            return Err(Error::new(
                Kind::Usage,
                format!("run {} calls {}.{}, and this statement calls {given}", head.id, begun.resource, begun.method),
            )
            .hint("give the statement that the run was begun with"));
        }
        Ok(Inputs::new(write.calls.iter().map(|c| arguments_of(&c.call.arguments, c.call.body.as_ref())).collect()))
    }
}

/// What became of the rest: rows that are still not done, and the sentence.
/// The provider or catalog of a run is not there any more.
fn gone(head: &RunHead, catalog: &str) -> Error {
    let (id, resource, url) = (&head.id, &head.operation.resource, &head.target.base_url);
    Error::new(
        Kind::Usage,
        format!("run {id} writes to {resource}, and `{catalog}` is neither a provider nor a catalog now"),
    )
    .hint(format!(
        "resume it with what gave it when the run began: [catalogs.{catalog}] of a configuration file (--config), a \
             profile with it (--profile), or a folder of documents (--registry); its requests went to {url}"
    ))
}

fn told(run: &Run, head: &RunHead, (rest, ends, write): (&Rest, &Ends, &Write)) -> Result<Answer> {
    let done = ends.rows.iter().filter(|o| o.ended == Ended::Done).count();
    let held = rest.unknown.len() + rest.secret.len();
    let left = ends.rows.len() - done + held;
    if left == 0 {
        return Ok(Answer::done(
            run,
            format!("run {}: {} sent and done; the run is complete", head.id, counted(done as u64, "row")),
        ));
    }
    let failure = super::send::failure(write, &ends.errors, &ends.rows);
    let mut message = format!("run {}: {} sent, {done} done; {left} of the run are not done", head.id, ends.rows.len());
    match failure {
        Some(error) if held == 0 || error.kind() == Kind::Interrupted => return Err(error),
        Some(error) => message = format!("{message}: {}", error.message()),
        None => {}
    }
    let mut hints = Vec::new();
    if !rest.unknown.is_empty() {
        hints.push(format!(
            "{} may have taken effect, the first of them {}: look, and then --resend-unknown sends them again, or --forget drops the run",
            counted(rest.unknown.len() as u64, "row"),
            rest.unknown[0].label
        ));
    }
    if !rest.secret.is_empty() {
        hints.push(format!(
            "{} hold secret values that the journal does not keep: give the statement again, with -i FILE",
            counted(rest.secret.len() as u64, "row")
        ));
    }
    let held: Vec<KeptRow> = rest.unknown.iter().chain(&rest.secret).cloned().collect();
    let error = Error::new(Kind::Partial, message).hint(hints.join("; "));
    let rows = crate::session::Rows::followed_by(table(&held)?, error);
    Ok(Answer::rows(run, rows))
}

/// Rows of the journal as a table.
fn table(rows: &[KeptRow]) -> Result<crate::session::Rows> {
    let column = |text: &dyn Fn(&KeptRow) -> Option<String>| rows.iter().map(text).collect::<Vec<_>>();
    ready(vec![
        ("row", column(&|r| Some((r.number + 1).to_string()))),
        ("state", column(&|r| Some(r.state.as_str().to_owned()))),
        ("request", column(&|r| Some(r.label.clone()))),
        ("sent", column(&|r| r.sent_at.map(moment))),
        ("status", column(&|r| r.outcome.as_ref().and_then(|o| o.status).map(|s| s.to_string()))),
        ("message", column(&|r| r.outcome.as_ref().and_then(|o| o.message.clone()))),
        ("request_id", column(&|r| r.outcome.as_ref().and_then(|o| o.request_id.clone()))),
    ])
}

/// A moment as RFC 3339, to the second.
fn moment(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let seconds = i64::try_from(seconds).unwrap_or_default();
    arrow::temporal_conversions::timestamp_s_to_datetime(seconds)
        .map(|t| t.format("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default()
}

/// Values that the session or the environment supplied must be what they were: they often say whose account it is.
fn check_defaults(run: &Run, (resource, method): (&Resource, &Method), head: &RunHead) -> Result<()> {
    let now = defaults(run, resource, method);
    let then = head.settings.get("defaults").cloned().unwrap_or_default();
    let names = then.as_object().into_iter().flatten();
    for (name, value) in names {
        if let Some(other) = now.get(name).filter(|other| *other != value) {
            let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
            return Err(Error::new(
                Kind::Usage,
                format!("run {} was begun with {name} = '{}', and it is '{}' now", head.id, text(value), text(other)),
            )
            .hint("resume it with the value that it was begun with"));
        }
    }
    Ok(())
}

fn rest(
    run: &Run,
    (resource, method): (&Arc<Resource>, &Arc<Method>),
    (kept, head): (&JournalRun, &RunHead),
    (mut inputs, resend_unknown): (Option<Inputs>, bool),
) -> Result<Rest> {
    let mut rest = Rest { rows: Vec::new(), unknown: Vec::new(), secret: Vec::new() };
    let now = SystemTime::now();
    let base_url = run.context.base_url(&resource.provider)?;
    for row in kept.open_rows() {
        let row = row?;
        let lives = head.idempotency.as_ref().is_some_and(|known| row.key_lives(known, now));
        let unknown = matches!(row.state, RowState::Unknown | RowState::Sent);
        if unknown && !lives && !method.safe_to_retry && !resend_unknown {
            rest.unknown.push(row);
            continue;
        }
        let again = match row.state {
            RowState::Planned => Again::Same,
            _ if lives && unknown => Again::Same,
            _ => Again::New,
        };
        let arguments = if row.secret {
            match inputs.as_mut().and_then(|inputs| inputs.find(kept.seal(), &row)) {
                Some(found) => found.clone(),
                None => {
                    rest.secret.push(row);
                    continue;
                }
            }
        } else {
            row.arguments.clone()
        };
        let planned = planned(run, method, (&row, &arguments, again), base_url.as_deref())?;
        rest.rows.push((row, planned, again));
    }
    Ok(rest)
}

/// The call of a row that was kept.
fn planned(
    run: &Run,
    method: &Arc<Method>,
    (row, arguments, again): (&KeptRow, &Value, Again),
    base_url: Option<&str>,
) -> Result<Planned> {
    let values = arguments.get("arguments").and_then(Value::as_object).cloned().unwrap_or_default();
    let mut call = Call::new(method.clone(), values.into_iter().collect());
    call.body = arguments.get("body").cloned();
    let request = prepare(&call, base_url)?;
    request.secrets.iter().for_each(|secret| run.context.redactor.learn(secret.expose()));
    call.idempotency_key = match again {
        Again::New if row.idempotency_key.is_some() => Some(random_key()?),
        _ => row.idempotency_key.clone(),
    };
    let sent = call.arguments.clone();
    Ok(Planned { call, request, sent })
}

fn numbered(rest: &Rest) -> (Vec<u64>, Vec<Planned>) {
    rest.rows.iter().map(|(row, planned, _)| (row.number, planned.clone())).unzip()
}
