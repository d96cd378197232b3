//! The desk at which a person works: a session, how results are shown, variables, and the last result.
//! Owns the way of a statement from its text to the screen; commands are in `meta`, layouts in `view`. Reads no lines.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use arrow::array::RecordBatch;
use futures::StreamExt;
use tokio::runtime::Runtime;

use super::meta::{self, Branches, Input};
use super::report::Report;
use super::script::{Runner, interruptible};
use super::variables::{self, Variables};
use super::view::{Display, Live, Pager, Screen, Sink, View, When};
use crate::error::{Error, Kind, Result};
use crate::output::{Flow as Reader, Options, Printed};
use crate::session::{Answer, Kept, LAST, Session, Summary};
use crate::sql::{self, Piece, Statement};

/// Rows of a table on the terminal where there is no pager; files, other formats and the pager have all.
const MOST_ROWS: usize = 40;
/// How often a reader who may have left is looked after.
const BEAT: Duration = Duration::from_millis(100);

/// Whether the shell goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Continue,
    Leave,
}

/// What there is to work with, and what was done last.
pub struct Desk<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) session: &'a Session,
    pub(super) report: Report,
    pub(super) environment: &'a HashMap<String, String>,
    pub(super) display: Display,
    /// Say what each statement cost.
    pub(super) timing: bool,
    verbose: bool,
    pub(super) variables: Variables,
    /// The `\if`s that are open: of what is typed, and of each file that is being read.
    pub(super) branches: Vec<Branches>,
    /// Where results go that no command sends elsewhere; None: standard output.
    pub(super) out: Option<super::meta::Out>,
    /// The last result that a person asked for.
    pub(super) last: Option<Kept>,
    /// The text of the last statement, its variables not filled in, and its number.
    pub(super) said: Option<Piece>,
    pub(super) number: u64,
    /// What was typed, the oldest first, as far as it may be remembered.
    pub(super) typed: Vec<String>,
    /// The profile, and those there are.
    pub(super) place: meta::Standing,
    /// Files that are being read, the innermost last.
    pub(super) reading: Vec<PathBuf>,
    live: Live,
}

/// How one statement is run.
#[derive(Default)]
pub(super) struct Way {
    /// Rows one below the other, whatever is set.
    pub(super) expanded: bool,
    /// Where its rows go; None: where all go.
    pub(super) to: Option<Sink>,
    /// Rows are handed back and not shown.
    pub(super) gather: bool,
    /// It was not typed by the person: it is not the last statement, and its result not the last result.
    pub(super) own: bool,
}

/// What a statement has left behind, also when it failed.
#[derive(Default)]
struct Tray {
    view: Option<View>,
    answer: Option<Answer>,
    kept: Option<Kept>,
    /// The reader left before the last row.
    unread: bool,
}

/// What a statement gave whose rows were gathered.
pub(super) struct Gathered {
    pub(super) kept: Option<Kept>,
    pub(super) summary: Option<Summary>,
}

impl<'a> Desk<'a> {
    /// A desk in the surroundings of `runner`. `live` may already be where the session's notices go.
    pub fn new(
        runtime: &'a Runtime,
        runner: &Runner<'a>,
        environment: &'a HashMap<String, String>,
        live: Live,
    ) -> Desk<'a> {
        let terminal = runner.print.width.is_some();
        let print = Options { max_rows: Some(MOST_ROWS), ..runner.print.clone() };
        // From now on the signal ends what is run, and never the shell.
        runtime.block_on(async { drop(futures::FutureExt::now_or_never(tokio::signal::ctrl_c())) });
        Desk {
            runtime,
            session: runner.session,
            report: runner.report.clone(),
            environment,
            display: Display { print, expanded: When::Off, pager: When::Auto, terminal },
            timing: runner.timing,
            verbose: runner.verbose,
            variables: Variables::new(),
            branches: vec![Branches::default()],
            out: None,
            last: None,
            said: None,
            number: 0,
            typed: Vec::new(),
            place: meta::Standing::default(),
            reading: Vec::new(),
            live,
        }
    }

    /// Runs one complete input, up to the first error.
    ///
    /// # Errors
    /// The first one, with its place in `input`.
    pub fn input(&mut self, input: &str) -> Result<Flow> {
        for input in meta::inputs(input)? {
            let flow = match input {
                Input::Command(command) if meta::BRANCHES.contains(&command.name.as_str()) => {
                    self.branch(&command)?;
                    Flow::Continue
                }
                Input::Command(command) if command.name == "q" && self.reading.is_empty() => self.command(&command)?,
                _ if !self.is_active() => {
                    self.pass();
                    Flow::Continue
                }
                Input::Statement(piece) => self.statement(&piece, Way::default()).map(|_| Flow::Continue)?,
                Input::Command(command) => {
                    let place = (!self.reading.is_empty()).then(|| command.place.clone());
                    let done = self.command(&command);
                    done.map_err(|error| error.map_place(|own| own.or(place)))?
                }
            };
            if flow == Flow::Leave {
                return Ok(Flow::Leave);
            }
        }
        Ok(Flow::Continue)
    }

    /// Whether what comes is run: no `\if` stands against it.
    fn is_active(&self) -> bool {
        self.branches.last().is_none_or(|branches| branches.active() == Some(true))
    }

    /// What stands in a branch that is not taken; who types it should know why nothing happens.
    fn pass(&self) {
        if self.reading.is_empty() {
            self.report.note("passed over: the \\if before it does not hold; \\endif ends it");
        }
    }

    /// `\if` and the commands that belong to it.
    fn branch(&mut self, command: &meta::Command) -> Result<()> {
        if let Some(before) = command.before.as_ref().filter(|_| self.is_active()) {
            return Err(Error::new(Kind::Usage, format!("\\{} does not run the statement before it", command.name))
                .at(before.place.clone())
                .hint("end the statement with `;`, or run it with \\g"));
        }
        let condition = || meta::condition(command, &self.variables).map(Some);
        self.branches.last_mut().map_or(Ok(()), |branches| branches.take(command, condition))
    }

    /// Keeps what was typed, for `\s`; the same again is nothing new.
    pub fn remember(&mut self, text: &str) {
        let text = text.trim();
        if !text.is_empty() && self.typed.last().is_none_or(|last| last != text) {
            self.typed.push(text.to_owned());
        }
    }

    /// Runs one statement. What a variable stands for is filled in; places in errors are those of what was typed.
    pub(super) fn statement(&mut self, piece: &Piece, way: Way) -> Result<Gathered> {
        let filled = variables::fill(&piece.text, &self.variables).map_err(|error| piece.locate(error))?;
        let back = |error: Error| {
            piece.locate(error.map_place(|place| {
                place.map(|place| if place.file.is_some() { place } else { filled.back(place, &piece.text) })
            }))
        };
        if !way.own {
            self.said = Some(piece.clone());
        }
        let statement = sql::parse(&filled.text).map_err(back)?;
        self.perform(statement, way).map_err(back)
    }

    /// Runs a query that the shell itself has written, and shows its rows. An error has no place: nobody has typed it.
    pub(super) fn query(&mut self, text: &str) -> Result<()> {
        let way = Way { own: true, ..Way::default() };
        let done = sql::parse(text).and_then(|statement| self.perform(statement, way));
        done.map(drop).map_err(|error| error.map_place(|place| place.filter(|place| place.file.is_some())))
    }

    fn perform(&mut self, statement: Statement, mut way: Way) -> Result<Gathered> {
        let (mut tray, written) = (Tray::default(), statement.is_write());
        if !way.own {
            self.number = self.session.statements() + 1;
        }
        let to = way.to.take().or_else(|| self.out.as_ref().map(super::meta::Out::sink));
        let mut display = self.display.clone();
        if way.expanded {
            display.expanded = When::On;
        }
        let view = move |schema: &_, environment: &_| View::new(&display, schema, to, environment);
        let result = {
            let work = self.fetch(statement, &mut tray, (!way.gather).then_some(view));
            let work = Box::pin(self.live.beside(self.session, work));
            self.runtime.block_on(interruptible(self.session, &self.report, written, work))
        };
        self.live.end();
        self.settle(tray, result, (&way, written))
    }

    /// Sends the statement and takes its rows, up to the end or until nobody reads them.
    async fn fetch<V>(&self, statement: Statement, tray: &mut Tray, view: Option<V>) -> Result<()>
    where
        V: FnOnce(&arrow::datatypes::SchemaRef, &HashMap<String, String>) -> View,
    {
        let mut answer = self.session.execute(statement).await?;
        let rows = answer.rows.take();
        tray.answer = Some(answer);
        let Some(mut rows) = rows else { return Ok(()) };
        tray.kept = Some(Kept::new(rows.schema()));
        tray.view = view.map(|view| view(rows.schema(), self.environment));
        loop {
            let Ok(next) = tokio::time::timeout(BEAT, rows.next()).await else {
                if tray.view.as_mut().is_some_and(View::is_unread) {
                    tray.unread = true;
                    return Ok(());
                }
                continue;
            };
            let Some(batch) = next.transpose()? else { return Ok(()) };
            if self.take(&batch, tray)? == Reader::Closed {
                tray.unread = true;
                return Ok(());
            }
        }
    }

    fn take(&self, batch: &RecordBatch, tray: &mut Tray) -> Result<Reader> {
        if let Some(kept) = &mut tray.kept {
            kept.add(batch);
        }
        let Some(view) = &mut tray.view else { return Ok(Reader::More) };
        let flow = view.rows(batch)?;
        if view.has_begun() || !view.is_due() {
            return Ok(flow);
        }
        self.live.end();
        view.begin(false)
    }

    /// Ends what was printed, says what is to be said, and keeps the result.
    fn settle(&mut self, tray: Tray, result: Result<()>, (way, written): (&Way, bool)) -> Result<Gathered> {
        let printed = match (tray.view, &result) {
            (None, _) => None,
            (Some(view), Ok(())) => Some(view.finish()),
            (Some(view), Err(error)) => Some(Ok(view.abort(error.kind() != Kind::Interrupted))),
        };
        let printed = printed.transpose();
        let Some(answer) = &tray.answer else {
            return result.map(|()| Gathered { kept: None, summary: None });
        };
        let summary = self.session.close(answer);
        if let Some(lines) = &answer.lines {
            self.print(&(lines.join("\n") + "\n"))?;
        }
        if !way.gather || result.is_err() {
            self.close(answer, &summary, (printed.as_ref().ok().copied().flatten(), way.own));
        }
        result?;
        printed?;
        if tray.unread
            && let Some(kept) = &tray.kept
        {
            let rows = crate::error::counted(kept.rows() as u64, "row");
            self.report.note(&format!("the rest was not asked for; {LAST} holds the {rows} that came"));
        }
        answer.check_complete()?;
        let Some(kept) = tray.kept else { return Ok(Gathered { kept: None, summary: Some(summary) }) };
        if way.own || way.gather {
            return Ok(Gathered { kept: Some(kept), summary: Some(summary) });
        }
        self.session.remember(answer, &kept, written)?;
        self.last = Some(kept);
        Ok(Gathered { kept: None, summary: Some(summary) })
    }

    /// Warnings, what happened, what is not shown, requests and cost.
    fn close(&self, answer: &Answer, summary: &Summary, (printed, own): (Option<Printed>, bool)) {
        for warning in &summary.warnings {
            self.report.warning(warning);
        }
        if let Some(message) = &answer.message {
            self.report.done(message);
        }
        for line in printed.iter().flat_map(hidden) {
            self.report.line(&line);
        }
        if self.verbose {
            for record in self.session.log().records().iter().filter(|r| r.statement == summary.statement) {
                self.report.request(record);
            }
        }
        if self.timing && !own {
            self.report.line(&summary.line(printed.map_or(0, |p| p.rows)));
        }
    }

    /// Says something that may be longer than the screen.
    pub(super) fn say(&self, text: &str) {
        let long = || text.lines().count() + 1 >= Screen::look(self.environment).height;
        let paged = self.display.terminal && self.display.pager != When::Off && long();
        match paged.then(|| Pager::open(self.environment)).flatten() {
            Some((_pager, mut to)) => drop(to.write_all(format!("{text}\n").as_bytes())),
            None => self.report.line(text),
        }
    }

    /// Prints a text that somebody asked for where the results go.
    pub(super) fn print(&self, text: &str) -> Result<()> {
        let mut to = self.out.as_ref().map_or_else(|| Box::new(std::io::stdout()) as Sink, super::meta::Out::sink);
        let written = to.write_all(text.as_bytes()).and_then(|()| to.flush());
        written.map_err(|e| Error::new(Kind::Usage, format!("the text could not be written: {e}")))
    }
}

/// What of a result is not on the screen.
fn hidden(printed: &Printed) -> Vec<String> {
    let mut lines = Vec::new();
    if printed.hidden_rows > 0 {
        let shown = grouped(printed.rows - printed.hidden_rows);
        lines
            .push(format!("showing {shown} of {} rows; \\pset rows and \\pset pager show more", grouped(printed.rows)));
    }
    match printed.hidden_columns {
        0 => {}
        1 => lines.push("1 more column does not fit; \\x shows it".to_owned()),
        more => lines.push(format!("{more} more columns do not fit; \\x shows them")),
    }
    lines
}

/// `1,234`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_is_counted() {
        let printed = Printed { rows: 1234, hidden_rows: 1194, hidden_columns: 2, flow: Reader::More };
        let lines = hidden(&printed);
        assert!(lines[0].starts_with("showing 40 of 1,234 rows"), "{lines:?}");
        assert_eq!(lines[1], "2 more columns do not fit; \\x shows them");
        assert!(hidden(&Printed { hidden_rows: 0, hidden_columns: 0, ..printed }).is_empty());
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
