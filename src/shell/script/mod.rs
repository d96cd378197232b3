//! Runs one statement and prints what it answers. What stands in a script is `read`'s, its order `play`'s.

mod check;
mod events;
mod play;
mod read;

use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{FutureExt, StreamExt};

use super::report::Report;
use super::signals::Signals;
use super::view::Live;
use crate::error::{Error, Kind, Result};
use crate::output::{Flow, Format, Options, Printed, Printer};
use crate::session::{Answer, Kept, Session};
use crate::sql::Statement;
pub use check::Check;
pub use events::Events;
pub use play::{Play, Ways};
pub use read::{Reader, Step, Text, spoken};

/// How statements are run.
pub struct Runner<'a> {
    pub session: &'a Session,
    pub print: Options,
    pub report: Report,
    /// Say what each statement cost.
    pub timing: bool,
    /// List each statement's requests.
    pub verbose: bool,
    /// Where a person sees how far a statement has come, until its rows are printed.
    pub live: Option<Live>,
    /// How many results have been printed.
    pub results: AtomicUsize,
}

/// Whether the script should go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goes {
    On,
    /// The reader of the results has gone.
    Unread,
}

/// What a statement has led to.
#[derive(Debug)]
pub struct Done {
    pub goes: Goes,
    /// Rows that were printed, where it has any.
    pub rows: Option<u64>,
    pub message: Option<String>,
}

impl Runner<'_> {
    /// Runs one statement.
    pub async fn statement(&self, statement: Statement, to: &mut dyn Write) -> Result<Done> {
        let written = statement.is_write();
        self.driven(written, async {
            let answer = self.session.execute(statement).await?;
            self.answer(answer, to).await
        })
        .await
    }

    /// Runs one statement whose rows are looked at and not printed.
    pub async fn gathered(&self, statement: Statement) -> Result<Kept> {
        let written = statement.is_write();
        self.driven(written, async {
            let mut answer = self.session.execute(statement).await?;
            let rows = answer.rows.take().ok_or_else(|| Error::statement("the statement has no rows"))?;
            let mut kept = Kept::new(rows.schema());
            let batches = rows.collect().await;
            self.close(&answer, None);
            batches?.iter().for_each(|batch| kept.add(batch));
            answer.check_complete()?;
            Ok(kept)
        })
        .await
    }

    async fn driven<T>(&self, written: bool, run: impl Future<Output = Result<T>>) -> Result<T> {
        let run = Box::pin(run);
        let Some(live) = &self.live else { return interruptible(self.session, &self.report, written, run).await };
        let run = Box::pin(live.beside(self.session, run));
        let done = interruptible(self.session, &self.report, written, run).await;
        live.end();
        done
    }

    /// Prints what a statement answered.
    pub async fn answer(&self, mut answer: Answer, to: &mut dyn Write) -> Result<Done> {
        if answer.lines.is_some() && (self.print.format.holds_one() || self.print.format == Format::Html) {
            let name = self.print.format.name();
            return Err(Error::new(Kind::Usage, format!("a dry run shows lines of text, which are no {name}"))
                .hint("nothing was sent; -o table shows them"));
        }
        let unread = Done { goes: Goes::Unread, rows: None, message: None };
        for line in answer.lines.iter().flatten() {
            match writeln!(to, "{line}") {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(unread),
                Err(error) => return Err(Error::new(Kind::Usage, format!("the output cannot be written: {error}"))),
            }
        }
        let printed = match answer.rows.take() {
            None => None,
            Some(rows) => {
                let mut rows = rows;
                let before = self.results.fetch_add(1, Ordering::Relaxed);
                if before > 0 && self.print.format.holds_one() {
                    return Err(one_only(self.print.format));
                }
                let print = Options { before, ..self.print.clone() };
                let mut printer = Printer::new(&print, rows.schema(), &mut *to);
                let mut flow = Flow::More;
                let mut failure = None;
                while let Some(batch) = rows.next().await {
                    self.live.iter().for_each(Live::end);
                    match batch.and_then(|batch| printer.write(&batch)) {
                        Ok(Flow::More) => {}
                        Ok(Flow::Closed) => {
                            flow = Flow::Closed;
                            break;
                        }
                        Err(error) => {
                            failure = Some(error);
                            break;
                        }
                    }
                }
                drop(rows);
                if let Some(error) = failure {
                    printer.abort();
                    self.close(&answer, None);
                    return Err(error);
                }
                let printed = printer.finish()?;
                if flow == Flow::Closed || printed.flow == Flow::Closed {
                    return Ok(unread);
                }
                Some(printed)
            }
        };
        self.live.iter().for_each(Live::end);
        self.close(&answer, printed);
        answer.check_complete()?;
        Ok(Done { goes: Goes::On, rows: printed.map(|p| p.rows), message: answer.message })
    }

    /// Warnings, requests and cost, after the rows.
    fn close(&self, answer: &Answer, printed: Option<Printed>) {
        let summary = self.session.close(answer);
        for warning in &summary.warnings {
            self.report.warning(warning);
        }
        if let Some(message) = &answer.message {
            self.report.done(message);
        }
        if let Some(printed) = printed {
            if printed.hidden_rows > 0 {
                let shown = printed.rows - printed.hidden_rows;
                self.report.line(&format!("showing {shown} of {} rows", printed.rows));
            }
            if printed.hidden_columns > 0 {
                self.report.line(&format!("{} more columns do not fit; -o json shows them", printed.hidden_columns));
            }
        }
        if self.verbose {
            for record in self.session.log().records().iter().filter(|r| r.statement == summary.statement) {
                self.report.request(record);
            }
        }
        if self.timing {
            self.report.line(&summary.line(printed.map_or(0, |p| p.rows)));
        }
    }
}

/// A second result where a file holds one.
fn one_only(format: Format) -> Error {
    Error::new(Kind::Usage, format!("{} holds one result, and this is the second", format.name()))
        .hint("COPY (SELECT ..) TO 'file' writes each to a file of its own")
}

/// Drives a statement. Ctrl-C, or SIGTERM, drops a read; a write starts no further call and ends by itself. A defect is an error.
pub async fn interruptible<T>(
    session: &Session,
    report: &Report,
    writes: bool,
    run: impl Future<Output = Result<T>>,
) -> Result<T> {
    let run = AssertUnwindSafe(run).catch_unwind();
    tokio::pin!(run);
    let (mut signals, mut first) = (Signals::default(), None);
    loop {
        tokio::select! {
            // First, so that Ctrl-C is listened for before the statement begins: until then it would end the program
            // where it stands.
            biased;
            signal = signals.next() => {
                if !writes || first.is_some() {
                    return Err(interrupted(first.unwrap_or(signal), writes));
                }
                first = Some(signal);
                session.interrupt();
                report.note("waiting for the requests under way; Ctrl-C again leaves them");
            }
            done = &mut run => return match done {
                Ok(done) => done.map_err(|error| match first {
                    Some(signal) if error.kind().ends_the_run() => error.with_kind(signal),
                    _ => error,
                }),
                Err(_) => Err(Error::new(Kind::Internal, "the statement ran into a defect of weir")
                    .hint("please report it with the statement; -v shows its requests")),
            },
        }
    }
}

fn interrupted(signal: Kind, writes: bool) -> Error {
    let error = Error::new(signal, if signal == Kind::Terminated { "ended by SIGTERM" } else { "interrupted" });
    if writes { error.hint("the last request may have taken effect") } else { error }
}
