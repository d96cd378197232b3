//! A script that was read is run, step by step: statements, branches, variables, files within files. Owns what happens
//! after a failure and what the whole run ends with. How one statement is run is the runner's.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use super::events::{Ended, Events, Tally};
use super::read::{Act, Reader, Said, Step, Text, included, spoken};
use super::{Done, Goes, Runner};
use crate::error::{Error, Kind, Place, Result};
use crate::shell::command::read;
use crate::shell::draw::Source;
use crate::shell::meta::{self, Branches, Command};
use crate::shell::variables::{Template, Value, Variables};

/// What a run has besides its scripts.
pub struct Ways<'a> {
    pub template: Option<&'a Template>,
    pub home: Option<&'a Path>,
    pub events: Option<&'a Events>,
    /// A failure does not end the run.
    pub keep_going: bool,
}

/// A run.
pub struct Play<'a, 'b> {
    runner: &'a Runner<'b>,
    ways: Ways<'a>,
    to: &'a mut dyn Write,
    variables: Variables,
    tally: Tally,
    /// The number of the statement that began last.
    number: u64,
    first: Option<Error>,
}

/// How the run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    On,
    /// `\q`: the file is at its end.
    FileEnds,
    /// Nothing more is run.
    Stop,
}

/// The variable of psql that says whether a failure ends the script.
const ON_ERROR_STOP: &str = "ON_ERROR_STOP";

impl<'a, 'b> Play<'a, 'b> {
    pub fn new(
        runner: &'a Runner<'b>,
        ways: Ways<'a>,
        (variables, to): (Variables, &'a mut dyn Write),
    ) -> Play<'a, 'b> {
        Play { runner, ways, to, variables, tally: Tally::default(), number: 0, first: None }
    }

    /// Runs scripts one after the other, and tells their failures as they come.
    ///
    /// # Errors
    /// The first failure; it has been told.
    pub async fn run(mut self, scripts: &[Vec<Step>]) -> Result<()> {
        let started = Instant::now();
        for (at, script) in scripts.iter().enumerate() {
            if Box::pin(self.steps(script)).await == Next::Stop {
                self.tally.skipped += scripts[at + 1..].iter().map(|script| statements(script)).sum::<u64>();
                break;
            }
        }
        let Tally { statements, failed, .. } = self.tally;
        if failed > 0 && self.keeps_going() {
            self.runner.report.line(&format!("{failed} of {} failed", crate::error::counted(statements, "statement")));
        }
        if let Some(events) = self.ways.events {
            let code = self.first.as_ref().map_or(0, |error| error.kind().exit_code());
            events.run_end(self.tally, (code, started.elapsed().as_secs_f64(), self.first.as_ref()));
        }
        self.first.map_or(Ok(()), Err)
    }

    async fn steps(&mut self, steps: &[Step]) -> Next {
        let mut branches = Branches::default();
        for (at, step) in steps.iter().enumerate() {
            let next = match &step.act {
                Act::Command(command) if meta::BRANCHES.contains(&command.name.as_str()) => {
                    let taken = branches.take(command, || meta::condition(command, &self.variables).map(Some));
                    match taken {
                        Ok(()) => Next::On,
                        Err(error) => self.failed(error, &step.source),
                    }
                }
                _ if branches.active() != Some(true) => self.pass(step),
                Act::Include(command, known) => Box::pin(self.include((command, step), known.as_deref())).await,
                Act::Statement(said) => Box::pin(self.statement((said, step), None)).await,
                Act::Gset(said, command) => Box::pin(self.statement((said, step), Some(command))).await,
                Act::Command(command) => self.command(command, &step.source),
            };
            match next {
                Next::On => {}
                Next::FileEnds => return Next::On,
                Next::Stop => {
                    self.tally.skipped += statements(&steps[at + 1..]);
                    return Next::Stop;
                }
            }
        }
        Next::On
    }

    /// A step that is not run.
    fn pass(&mut self, step: &Step) -> Next {
        match &step.act {
            Act::Statement(said) | Act::Gset(said, _) => {
                self.tally.skipped += 1;
                self.number += 1;
                if let Some(events) = self.ways.events {
                    events.skipped(self.number, step, said);
                }
            }
            Act::Include(_, known) => self.tally.skipped += known.as_deref().map_or(0, statements),
            Act::Command(_) => {}
        }
        Next::On
    }

    async fn statement(&mut self, (said, step): (&Said, &Step), gset: Option<&Command>) -> Next {
        let (parsed, session) = (said.parse(&self.variables), self.runner.session);
        self.number += 1;
        self.tally.statements += 1;
        if let Some(events) = self.ways.events {
            let verb = parsed.as_ref().ok().map(|(statement, _)| statement.verb());
            events.start((self.number, step, said), verb, session.redactor());
        }
        let (started, before) = (Instant::now(), session.statements());
        let done = match parsed {
            Err(error) => Err(error),
            Ok((statement, filled)) => {
                let run = async {
                    match gset {
                        None => self.runner.statement(statement, self.to).await,
                        Some(command) => self.runner.gathered(statement).await.and_then(|kept| {
                            let words = meta::words(&command.rest, &self.variables)?;
                            let prefix = words.into_iter().next().unwrap_or_default();
                            for (name, value) in meta::settings_of(&kept, prefix.trim_end_matches(';'))? {
                                match value {
                                    Some(value) => drop(self.variables.insert(name, value)),
                                    None => drop(self.variables.remove(&name)),
                                }
                            }
                            Ok(Done { goes: Goes::On, rows: Some(kept.rows() as u64), message: None })
                        }),
                    }
                };
                run.await.map_err(|error| said.back(error, &filled))
            }
        };
        let done = done.map_err(|error| step.source.named(error).redacted(session.redactor()));
        if let Some(events) = self.ways.events {
            let number = (session.statements() > before).then(|| session.statements());
            let totals = number.map(|n| session.log().totals(n)).unwrap_or_default();
            let warnings = number.map(|n| session.warnings_of(n)).unwrap_or_default();
            events.end(
                self.number,
                &Ended {
                    rows: done.as_ref().ok().and_then(|done| done.rows),
                    message: done.as_ref().ok().and_then(|done| done.message.clone()),
                    requests: totals.requests,
                    retried: totals.retried,
                    bytes: totals.bytes,
                    waited: totals.waited.as_secs_f64(),
                    seconds: started.elapsed().as_secs_f64(),
                    warnings: warnings.iter().map(|text| session.redactor().clean(text)).collect(),
                    error: done.as_ref().err(),
                },
            );
        }
        match done {
            Ok(Done { goes: Goes::On, .. }) => Next::On,
            Ok(Done { goes: Goes::Unread, .. }) => Next::Stop,
            Err(error) => self.failed(error, &step.source),
        }
    }

    async fn include(&mut self, (command, step): (&Command, &Step), known: Option<&[Step]>) -> Next {
        if let Some(steps) = known {
            return Box::pin(self.steps(steps)).await;
        }
        let path = included(command, &step.source, (&self.variables, self.ways.home));
        let text = path.and_then(|path| Ok((path.display().to_string(), read(&path)?)));
        let (file, text) = match text {
            Ok(read) => read,
            Err(error) => return self.failed(at(error, command), &step.source),
        };
        let mut reader = Reader::new(&self.variables, (self.ways.template, self.ways.home));
        let source = Text { file: Some(file), text };
        let steps = reader.read(source.clone());
        match reader.problems.into_iter().next() {
            Some(error) => self.failed(error, &source),
            None => Box::pin(self.steps(&steps)).await,
        }
    }

    fn command(&mut self, command: &Command, source: &Text) -> Next {
        match self.done(command) {
            Ok(next) => next,
            Err(error) => self.failed(at(error, command), source),
        }
    }

    fn done(&mut self, command: &Command) -> Result<Next> {
        let rest = command.rest.as_str();
        match command.name.as_str() {
            "q" | "quit" => return Ok(Next::FileEnds),
            "echo" => {
                let text = format!("{}\n", meta::echoed(rest, &self.variables));
                match self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush()) {
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(Next::Stop),
                    written => {
                        written.map_err(|e| Error::new(Kind::Usage, format!("the output cannot be written: {e}")))?;
                    }
                }
            }
            "warn" => self.runner.report.line(&meta::echoed(rest, &self.variables)),
            "unset" => drop(self.variables.remove(rest.trim_end_matches(';').trim_end())),
            "set" => {
                let mut words = meta::words(rest.trim_end_matches(';'), &self.variables)?.into_iter();
                let Some(name) = words.next() else { return Ok(Next::On) };
                let value = Value::typed(&words.collect::<String>());
                self.variables.insert(name, value);
            }
            _ => {}
        }
        Ok(Next::On)
    }

    /// Tells a failure; whether the run goes on after it.
    fn failed(&mut self, error: Error, source: &Text) -> Next {
        let error = source.named(error).redacted(self.runner.session.redactor());
        self.runner.report.error_in(&error, Source { text: &source.text, file: source.file.as_deref() });
        self.tally.failed += 1;
        let goes = self.keeps_going() && !error.kind().ends_the_run();
        self.first.get_or_insert(error);
        if goes { Next::On } else { Next::Stop }
    }

    fn keeps_going(&self) -> bool {
        let said = self.variables.get(ON_ERROR_STOP).and_then(Value::words);
        said.and_then(|word| meta::truth(&word)).map_or(self.ways.keep_going, |stops| !stops)
    }
}

/// An error of a command; one that has no place is where the command is.
fn at(error: Error, command: &Command) -> Error {
    let here = Place { file: None, ..command.place.clone() };
    error.map_place(|place| place.or(Some(here)))
}

/// How many statements there are in steps.
fn statements(steps: &[Step]) -> u64 {
    spoken(steps).len() as u64
}
