//! Writes: INSERT, UPDATE, REPLACE, DELETE and EXEC on one road. All calls are complete, checked and counted before the
//! first request; our own loop sends each once; then RETURNING reads the answers. A call is never a plan node:
//! optimisers prune, repeat and cancel nodes.

mod arguments;
mod change;
mod conditions;
mod exec;
mod guard;
mod insert;
mod preview;
mod record;
mod resume;
mod returning;
mod send;
mod target;
mod wait;

use std::sync::Arc;

use super::query::Planned as PlannedQuery;
use super::{Answer, Run, Session};
use crate::error::{Error, Kind, Result};
use crate::plan::{Ended, Outcome};
use crate::registry::{Method, Resource, Verb};
use crate::sql::Statement;
use arguments::Planned;
use change::Changes;
pub(super) use guard::check_extent;
pub use guard::{Confirm, Proposal};
pub(super) use record::Shelf;
pub use resume::Resume;
use returning::{Answered, Returning};

/// A write whose requests are complete.
pub(super) struct Write {
    pub(super) verb: Verb,
    pub(super) resource: Arc<Resource>,
    pub(super) method: Arc<Method>,
    /// One a row, in order.
    calls: Vec<Planned>,
    /// `max_affected` holds it.
    counted: bool,
    returning: Returning,
    /// The statement ends when its effect has settled.
    awaits: bool,
}

/// A write as far as it could be planned.
pub(super) enum Planning {
    /// All of its requests are known.
    Complete(Write),
    /// Only explained: what would be read first, a line each.
    Reads(Vec<String>),
}

/// Whether what a write needs to know may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reads {
    /// Read it.
    Send,
    /// Only say what would be read.
    Explain,
}

impl Session {
    /// Runs a write.
    pub(super) async fn write(&self, run: &Run, statement: Statement) -> Result<Answer> {
        let said = record::said(&statement);
        let Planning::Complete(mut write) = self.plan_write(run, statement, Reads::Send).await? else {
            return Err(Error::new(Kind::Internal, "a write was only explained"));
        };
        check_extent(run, &write)?;
        if let Some(form) = run.settings.dry_run {
            return preview::preview(run, &write, form);
        }
        self.check_confirmed(run, &write)?;
        let kept = self.record(run, &mut write, said).await?;
        let (outcomes, sent) = self.send_all(run, Arc::new(write), kept.map(send::Record::of)).await?;
        let Sent { write, mut answers } = sent;
        let mut failure = send::failure(&write, &outcomes.errors, &outcomes.rows);
        let settled = self.settle(run, &write, &mut answers).await;
        failure = failure.or(settled.err());
        self.state.keep_outcomes(&outcomes.rows);
        let message = summary(&write, &outcomes.rows);
        match failure {
            Some(error) if answers.is_empty() || !write.returning.is_asked() => Err(error),
            failure if write.returning.is_asked() && has_rows(&write, &answers) => {
                let rows = self.return_answers(run, &write.returning, (&answers, failure)).await?;
                Ok(Answer::rows(run, rows).with_message(message))
            }
            Some(error) => Err(error),
            None => Ok(Answer::done(run, message)),
        }
    }

    /// Everything of a write up to, and without, its first request.
    pub(super) async fn plan_write(&self, run: &Run, statement: Statement, reads: Reads) -> Result<Planning> {
        match statement {
            Statement::Insert(insert) => self.plan_insert(run, insert, reads).await,
            Statement::Update(change) => self.plan_changes(run, Changes::of(change, Verb::Update), reads).await,
            Statement::Replace(change) => self.plan_changes(run, Changes::of(change, Verb::Replace), reads).await,
            Statement::Delete(delete) => self.plan_changes(run, Changes::from(delete), reads).await,
            Statement::Exec(exec) => self.plan_exec(run, exec, reads).await,
            other => Err(Error::new(Kind::Internal, format!("{} is no write", other.verb()))),
        }
    }

    /// For a write that is only explained: what its query would read, where it would read anything.
    async fn reads_first(
        &self,
        run: &Run,
        planned: &PlannedQuery,
        (reads, method): (Reads, &Method),
    ) -> Result<Option<Vec<String>>> {
        if reads == Reads::Send {
            return Ok(None);
        }
        let physical = planned.physical().await?;
        if !super::explain::fetches(&physical) {
            return Ok(None);
        }
        let mut lines =
            vec![format!("The rows to write are read first; each of them is then one {}", record::form(method))];
        lines.extend(super::explain::described(&physical));
        Ok(Some(lines.iter().map(|line| run.context.redactor.clean(line)).collect()))
    }
}

/// What was sent, and the answers in the order of the rows.
struct Sent {
    write: Arc<Write>,
    answers: Vec<Answered>,
}

/// EXEC shows its answer where it has one; RETURNING shows what was asked for, also where nothing was written.
fn has_rows(write: &Write, answers: &[Answered]) -> bool {
    write.verb != Verb::Exec || answers.iter().any(|a| a.body.is_some())
}

/// `3 rows inserted`
fn summary(write: &Write, outcomes: &[Outcome]) -> String {
    let done = outcomes.iter().filter(|o| o.ended == Ended::Done).count();
    let rows = match done {
        1 => "1 row".to_owned(),
        n => format!("{n} rows"),
    };
    match write.verb {
        Verb::Exec if !write.counted => format!("{} done", write.method.name),
        Verb::Exec => format!("{} done for {rows}", write.method.name),
        verb => format!("{rows} {}", participle(verb)),
    }
}

/// What was done to a row.
fn participle(verb: Verb) -> &'static str {
    match verb {
        Verb::Insert => "inserted",
        Verb::Update => "updated",
        Verb::Replace => "replaced",
        Verb::Delete => "deleted",
        Verb::Exec | Verb::Select => "done",
    }
}
