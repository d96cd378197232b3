//! The program: arguments to a mode, a mode to an exit code.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::args::{Check, Command, Common, Exec, Shell, Surroundings};
use super::config::{Setup, setup};
use super::desk::Desk;
use super::draw::{Look, Source};
use super::meta::Standing;
use super::repl::{self, Start};
use super::report::Report;
use super::script::{self as scripts, Events, Play, Reader, Runner, Text, Ways};
use super::variables::pair;
use super::view::Live;
use super::{help, manual, outcomes, resume, signals};
use crate::error::{Error, Kind, Result};
use crate::output::{Format, Options, Target};
use crate::sandbox::{self, Sandbox};
use crate::secret::{Redactor, Secret};
use crate::session::{Auth, Confirm, Notices, Observer, Proposal, Session, SessionOptions};

/// Who answers under `--sandbox`; `weir sandbox` says more of it.
const SIMULATED: &str = "answered by the sandbox, a simulation inside this program; nothing real is read or changed";

/// A failing statement in the middle of a panic message could show what must not be shown: weir tells of panics itself.
fn quiet_panics(verbose: bool) {
    std::panic::set_hook(Box::new(move |panic| {
        if verbose {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(std::io::stderr(), "defect at {place}");
        }
    }));
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let typed = help::typed();
    quiet_panics(typed.common.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&Error::new(Kind::Internal, format!("no runtime: {error}"))),
    };
    let around = Surroundings::look();
    let result = match typed.command {
        Some(Command::Completions(options)) => manual::completions(options.shell),
        Some(Command::Man(options)) => manual::page(options.command.as_deref()),
        Some(Command::Sandbox(options)) => runtime.block_on(serve(options.port)),
        Some(Command::Exec(exec)) => {
            let result = runtime.block_on(run_exec(&exec, &typed.common, &around));
            runtime.shutdown_background();
            return result.map_or_else(|error| failed(&error), ExitCode::from);
        }
        Some(Command::Check(check)) => {
            let result = runtime.block_on(run_check(&check, &typed.common, &around));
            return result.map_or_else(|error| failed(&error), ExitCode::from);
        }
        Some(Command::Resume(resume)) => runtime.block_on(resume::run(&resume, &typed.common, &around)),
        Some(Command::Shell(shell)) => run_shell(&runtime, &typed.common, &around, &shell),
        None if around.stdin_is_terminal => run_shell(&runtime, &typed.common, &around, &Shell::default()),
        None => {
            Err(Error::new(Kind::Usage, "no command is given").hint("weir exec -i - runs standard input; weir --help"))
        }
    };
    // A read that was interrupted may have requests under way; nobody waits for them.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &Error) -> ExitCode {
    Report::new(Redactor::default()).error(error);
    ExitCode::from(error.kind().exit_code())
}

/// How errors look, where standard error is a terminal.
fn look(around: &Surroundings) -> Option<Look> {
    around.stderr_width.map(|width| Look { colour: around.colour, width })
}

/// A session that can begin.
pub(super) struct Ready {
    session: Session,
    setup: Setup,
    live: Live,
}

/// What sessions have around them, and the one after the other keep.
pub(super) struct World {
    sandbox: Option<Sandbox>,
    observer: Observer,
}

impl World {
    /// The sandbox where one was asked for, and the file of outcomes.
    pub(super) async fn new(common: &Common) -> Result<World> {
        let sandbox = match common.sandbox {
            true => Some(start_sandbox(0).await?),
            false => None,
        };
        let observer = match &common.outcomes {
            Some(path) => outcomes::to(path)?,
            None => SessionOptions::default().observer,
        };
        Ok(World { sandbox, observer })
    }

    /// A session in it.
    pub(super) fn session(
        &self,
        (common, setup): (&Common, &Setup),
        around: &Surroundings,
        (notices, confirm): (Notices, Option<Confirm>),
    ) -> Result<Session> {
        let mut variables = around.variables.clone();
        for (name, value) in self.sandbox.iter().flat_map(Sandbox::environment) {
            variables.insert(name.to_owned(), value);
        }
        // The sandbox inside the program ends with it: what a run began there cannot be gone on with.
        let state = if common.sandbox { around.named_state.clone() } else { around.state.clone() };
        Session::new(SessionOptions {
            registries: setup.registries.clone(),
            variables,
            auth: auth(common, around)?,
            accounts: setup.accounts.clone(),
            settings: setup.settings.clone(),
            notices,
            confirm,
            observer: self.observer.clone(),
            limits: state.as_ref().filter(|_| !common.sandbox).map(|folder| folder.join("limits")),
            state,
            cache: around.cache.clone(),
            checks_only: false,
        })
    }
}

/// How to sign in, where the command line or the environment says it. The simulation keeps its own way unless it is
/// asked otherwise: real credentials have no business there.
fn auth(common: &Common, around: &Surroundings) -> Result<Option<Auth>> {
    let inherited = around.variables.get("WEIR_AUTH").filter(|text| !common.sandbox && !text.trim().is_empty());
    let (from, text) = match (&common.auth, inherited) {
        (Some(text), _) => ("--auth", text),
        (None, Some(text)) => ("WEIR_AUTH", text),
        (None, None) => return Ok(None),
    };
    Ok(Some(match text.strip_prefix('@') {
        None => Auth { from: from.to_owned(), json: Secret::new(text) },
        Some(path) => Auth { from: format!("{from} @{path}"), json: Secret::new(read(Path::new(path))?) },
    }))
}

/// Notices go to standard error at once.
pub(super) fn notes(quiet: bool) -> Notices {
    Notices::new(move |text| {
        if !quiet {
            let _ = writeln!(std::io::stderr(), "note: {text}");
        }
    })
}

/// Notices go above the live line.
fn told(live: &Live, quiet: bool) -> Notices {
    let live = live.clone();
    Notices::new(move |text| {
        if !quiet {
            live.say(&format!("note: {text}"));
        }
    })
}

async fn start_sandbox(port: u16) -> Result<Sandbox> {
    let options = sandbox::Options { port, ..sandbox::Options::default() };
    Sandbox::start(options).await.map_err(|e| {
        Error::new(Kind::Network, format!("the sandbox cannot listen on 127.0.0.1:{port}: {e}"))
            .hint("another port may be free: --port 0 takes any")
            .caused_by(e)
    })
}

async fn serve(port: u16) -> Result<()> {
    let sandbox = start_sandbox(port).await?;
    let report = Report::new(Redactor::default());
    report.line(Sandbox::notice());
    for (name, value) in sandbox.environment() {
        report.line(&format!("export {name}={value}"));
    }
    tokio::select! {
        () = sandbox.wait() => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

pub(super) fn runner<'a>(session: &'a Session, (common, setup): (&Common, &Setup), print: Options) -> Runner<'a> {
    let report = Report::new(session.redactor().clone()).quiet(common.quiet);
    Runner { session, print, report, timing: setup.timing, verbose: common.verbose, live: None, results: 0.into() }
}

/// Runs scripts; the exit code. What fails in them has been told.
async fn run_exec(exec: &Exec, common: &Common, around: &Surroundings) -> Result<u8> {
    let setup = setup(common, around, None)?;
    let texts = texts(exec.sql.as_ref(), &exec.input)?;
    let print = common.print(around, setup.output)?;
    let (variables, template) = (exec.values.variables()?, exec.values.template()?);
    let home = around.home.as_deref();
    let mut reader = Reader::new(&variables, (template.as_ref(), home));
    let mut scripts = Vec::with_capacity(texts.len());
    for text in texts {
        let report = Report::new(Redactor::default()).looking(look(around));
        scripts.push(reader.read(text.clone()));
        if let Some(error) = reader.problems.first() {
            let drawn = error.place().is_none_or(|place| place.file == text.file);
            match drawn {
                true => report.error_in(error, Source { text: &text.text, file: text.file.as_deref() }),
                false => report.error(error),
            }
            return Ok(error.kind().exit_code());
        }
    }
    one_result(&print, &scripts)?;
    // Not before all is read: who waits for standard input has nothing to end.
    signals::listen();
    let live = Live::default();
    let world = World::new(common).await?;
    let session = world.session((common, &setup), around, (told(&live, common.quiet), None))?;
    let mut runner = runner(&session, (common, &setup), print);
    runner.live = around.stderr_width.filter(|_| !common.quiet).map(|_| live);
    runner.report = runner.report.looking(look(around));
    if common.sandbox {
        runner.report.note(SIMULATED);
    }
    let events = exec.events.as_deref().map(Events::to).transpose()?;
    let ways = Ways { template: template.as_ref(), home, events: events.as_ref(), keep_going: exec.keep_going };
    let ran = match &common.file {
        None => Box::pin(Play::new(&runner, ways, (variables, &mut std::io::stdout())).run(&scripts)).await,
        Some(path) => {
            let mut target = Target::create(path)?;
            let ran = Box::pin(Play::new(&runner, ways, (variables, &mut target)).run(&scripts)).await;
            if ran.is_ok() {
                target.commit()?;
            }
            ran
        }
    };
    Ok(ran.err().map_or(0, |error| error.kind().exit_code()))
}

/// Checks scripts; the exit code. What is wrong with them has been told.
async fn run_check(check: &Check, common: &Common, around: &Surroundings) -> Result<u8> {
    let files: Vec<PathBuf> = check.files.iter().chain(&check.input).cloned().collect();
    if files.is_empty() {
        return Err(Error::new(Kind::Usage, "there is nothing to check").hint("weir check script.sql"));
    }
    let setup = setup(common, around, None)?;
    let texts = texts(None, &files)?;
    let (variables, template) = (check.values.variables()?, check.values.template()?);
    let options = SessionOptions {
        registries: setup.registries,
        variables: around.variables.clone(),
        accounts: setup.accounts,
        settings: setup.settings,
        checks_only: true,
        ..SessionOptions::default()
    };
    let session = Session::new(options)?;
    let reader = Reader::new(&variables, (template.as_ref(), around.home.as_deref()));
    let mut checked = scripts::Check::new(&session, reader);
    for text in texts {
        checked.script(text).await;
    }
    checked.tell(&Report::new(session.redactor().clone()).looking(look(around)));
    let list: Vec<String> = checked.list().iter().map(ToString::to_string).collect();
    let machine = match common.output.or(setup.output).unwrap_or(Format::Table) {
        Format::Json => format!("[{}]\n", list.join(",\n ")),
        Format::Jsonl if !list.is_empty() => format!("{}\n", list.join("\n")),
        _ => String::new(),
    };
    let written = std::io::stdout().write_all(session.redactor().clean(&machine).as_bytes());
    written.map_err(|e| Error::new(Kind::Usage, format!("the output cannot be written: {e}")))?;
    Ok(checked.verdict().err().map_or(0, |error| error.kind().exit_code()))
}

/// Refuses a second result where a file holds one, before anything is run. What is no statement is refused later.
fn one_result(print: &Options, scripts: &[Vec<scripts::Step>]) -> Result<()> {
    let spoken = scripts.iter().flat_map(|steps| scripts::spoken(steps)).filter(|said| said.active == Some(true));
    let statements = spoken.filter_map(|said| said.parse(&said.known).ok());
    let results = statements.filter(|(statement, _)| statement.may_have_rows()).count();
    if results < 2 || !print.format.holds_one() {
        return Ok(());
    }
    let name = print.format.name();
    Err(Error::new(
        Kind::Usage,
        format!("{name} holds one result, and {results} statements may have one; nothing was run"),
    )
    .hint("COPY (SELECT ..) TO 'file' writes each to a file of its own"))
}

/// The statements to run, with the name of the file they are from.
fn texts(sql: Option<&String>, files: &[PathBuf]) -> Result<Vec<Text>> {
    let mut texts: Vec<Text> = sql.iter().map(|sql| Text { file: None, text: (*sql).clone() }).collect();
    if files.iter().filter(|path| *path == Path::new("-")).count() > 1 {
        return Err(Error::new(Kind::Usage, "standard input can be read once").hint("give -i - once"));
    }
    if let Some(sql) = sql.filter(|sql| !files.is_empty() && pair(sql).is_ok()) {
        return Err(Error::new(Kind::Usage, format!("`{sql}` is no statement"))
            .hint(format!("a variable is given with --var: --var {sql}")));
    }
    for path in files {
        texts.push(Text { file: Some(path.display().to_string()), text: read(path)? });
    }
    if texts.is_empty() {
        return Err(Error::new(Kind::Usage, "there is nothing to run")
            .hint("weir exec \"SELECT 1\", weir exec -i script.sql, or weir exec -i - for standard input"));
    }
    Ok(texts)
}

pub(super) fn read(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    let name = path.display();
    read.map_err(|e| Error::new(Kind::Usage, format!("{name} cannot be read: {e}")).caused_by(e))?;
    let text =
        String::from_utf8(bytes).map_err(|e| Error::new(Kind::Usage, format!("{name} is not UTF-8")).caused_by(e))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// One session after the other, for as long as the person changes profiles.
fn run_shell(runtime: &tokio::runtime::Runtime, common: &Common, around: &Surroundings, shell: &Shell) -> Result<()> {
    if common.file.is_some() {
        return Err(Error::new(Kind::Usage, "-f is for exec").hint("weir exec -f FILE \"...\""));
    }
    let world = runtime.block_on(World::new(common))?;
    let next = |profile: Option<&str>| {
        let (setup, live) = (setup(common, around, profile)?, Live::default());
        let session = world.session((common, &setup), around, seated((common, around), &live))?;
        Ok(Ready { session, setup, live })
    };
    let mut ready = next(None)?;
    let print = common.print(around, ready.setup.output)?;
    if print.format.is_binary() {
        return Err(Error::new(Kind::Usage, format!("{} is for exec", print.format.name()))
            .hint("weir exec -f FILE \"...\", or COPY (SELECT ..) TO 'file' in the shell"));
    }
    let mut kept: Option<repl::Kept> = None;
    loop {
        let Ready { session, setup, live } = ready;
        let mut runner = runner(&session, (common, &setup), print.clone());
        runner.timing = !common.quiet;
        runner.report = runner.report.looking(look(around).filter(|_| around.stdin_is_terminal));
        if common.sandbox && kept.is_none() {
            runner.report.done(SIMULATED);
        }
        let profiles = super::config::profiles(common, around)?;
        let start = Start {
            around,
            sandbox: common.sandbox,
            no_rc: shell.no_rc,
            standing: Standing { profile: setup.profile.clone(), profiles, next: None },
            next: &|profile| next(Some(profile)),
        };
        let mut desk = Desk::new(runtime, &runner, &around.variables, live);
        match repl::run(&mut desk, &runner, (&start, kept.take()))? {
            None => return Ok(()),
            Some((other, left)) => (ready, kept) = (other, Some(left)),
        }
    }
}

/// How a person at the terminal hears of things, and is asked.
fn seated((common, around): (&Common, &Surroundings), live: &Live) -> (Notices, Option<Confirm>) {
    let before = live.clone();
    let notices = told(live, common.quiet);
    let confirm = move |proposal: &Proposal| {
        before.end();
        super::confirm::ask(proposal)
    };
    (notices, around.stdin_is_terminal.then(|| Arc::new(confirm) as Confirm))
}
