//! The program: arguments to a mode, a mode to an exit code.

use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use super::args::{Command, Common, Exec, Shell, Surroundings, Typed};
use super::desk::Desk;
use super::draw::{Look, Source};
use super::repl::{self, Start};
use super::report::Report;
use super::script::{Goes, Runner};
use super::view::Live;
use super::{outcomes, resume};
use crate::error::{Error, Kind, Result};
use crate::output::{Options, Target};
use crate::sandbox::{self, Sandbox};
use crate::secret::Redactor;
use crate::session::{Confirm, Notices, Proposal, Session, SessionOptions};

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
    let typed = Typed::parse();
    quiet_panics(typed.common.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&Error::new(Kind::Internal, format!("no runtime: {error}"))),
    };
    let around = Surroundings::look();
    let result = match typed.command {
        Some(Command::Sandbox(options)) => runtime.block_on(serve(options.port)),
        Some(Command::Exec(exec)) => {
            let mut failing = None;
            let result = runtime.block_on(run_exec(&exec, &typed.common, &around, &mut failing));
            if let (Err(error), Some((file, text))) = (&result, &failing) {
                runtime.shutdown_background();
                let source = Source { text, file: file.as_deref() };
                Report::new(Redactor::default()).looking(look(&around)).error_in(error, source);
                return ExitCode::from(error.kind().exit_code());
            }
            result
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

/// A session, and the sandbox behind it when one was asked for.
pub(super) async fn open(
    common: &Common,
    around: &Surroundings,
    (notices, confirm): (Notices, Option<Confirm>),
) -> Result<(Session, Option<Sandbox>)> {
    let mut variables = around.variables.clone();
    let sandbox = match common.sandbox {
        true => Some(start_sandbox(0).await?),
        false => None,
    };
    for (name, value) in sandbox.iter().flat_map(Sandbox::environment) {
        variables.insert(name.to_owned(), value);
    }
    let settings = common.settings()?;
    let observer = match &common.outcomes {
        Some(path) => outcomes::to(path)?,
        None => SessionOptions::default().observer,
    };
    // The sandbox inside the program ends with it: what a run began there cannot be gone on with.
    let state = if common.sandbox { around.named_state.clone() } else { around.state.clone() };
    let registries = common.registry.clone();
    let options = SessionOptions { registries, variables, settings, notices, confirm, observer, state };
    Ok((Session::new(options)?, sandbox))
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

pub(super) fn runner<'a>(session: &'a Session, common: &Common, print: Options) -> Runner<'a> {
    let report = Report::new(session.redactor().clone()).quiet(common.quiet);
    Runner { session, print, report, timing: common.timing, verbose: common.verbose, live: None, results: 0.into() }
}

/// A text and its name.
type Named = (Option<String>, String);

/// Leaves the text that failed in `failing`, unless it holds a secret.
async fn run_exec(exec: &Exec, common: &Common, around: &Surroundings, failing: &mut Option<Named>) -> Result<()> {
    let texts = texts(exec)?;
    let print = common.print(around)?;
    one_result(&print, &texts)?;
    let live = Live::default();
    let (session, _sandbox) = open(common, around, (told(&live, common.quiet), None)).await?;
    let mut runner = runner(&session, common, print);
    runner.live = around.stderr_width.filter(|_| !common.quiet).map(|_| live);
    if common.sandbox {
        runner.report.note(SIMULATED);
    }
    let result = match &common.file {
        None => Box::pin(run_all(&runner, &texts, &mut std::io::stdout(), failing)).await,
        Some(path) => {
            let mut target = Target::create(path)?;
            match Box::pin(run_all(&runner, &texts, &mut target, failing)).await {
                Ok(()) => target.commit(),
                Err(error) => Err(error),
            }
        }
    };
    failing.take_if(|(_, text)| session.redactor().clean(text) != *text);
    result.map_err(|error| error.redacted(session.redactor()))
}

async fn run_all(runner: &Runner<'_>, texts: &[Named], to: &mut dyn Write, failing: &mut Option<Named>) -> Result<()> {
    for (file, text) in texts {
        match Box::pin(runner.text(text, file.as_deref(), to)).await {
            Ok(Goes::On) => {}
            Ok(Goes::Unread) => break,
            Err(error) => {
                *failing = Some((file.clone(), text.clone()));
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Refuses a second result where a file holds one, before anything is run. What is no statement is refused later.
fn one_result(print: &Options, texts: &[Named]) -> Result<()> {
    let statements = texts.iter().filter_map(|(_, text)| crate::sql::split(text).ok()).flatten();
    let statements = statements.filter_map(|piece| crate::sql::parse(&piece.text).ok());
    let results = statements.filter(crate::sql::Statement::may_have_rows).count();
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
fn texts(exec: &Exec) -> Result<Vec<Named>> {
    let mut texts: Vec<Named> = exec.sql.iter().map(|sql| (None, sql.clone())).collect();
    for path in &exec.input {
        texts.push((Some(path.display().to_string()), read(path)?));
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

fn run_shell(runtime: &tokio::runtime::Runtime, common: &Common, around: &Surroundings, shell: &Shell) -> Result<()> {
    if common.file.is_some() {
        return Err(Error::new(Kind::Usage, "-f is for exec").hint("weir exec -f FILE \"...\""));
    }
    let print = common.print(around)?;
    if print.format.is_binary() {
        return Err(Error::new(Kind::Usage, format!("{} is for exec", print.format.name()))
            .hint("weir exec -f FILE \"...\", or COPY (SELECT ..) TO 'file' in the shell"));
    }
    let live = Live::default();
    let notices = told(&live, common.quiet);
    let before = live.clone();
    let confirm = move |proposal: &Proposal| {
        before.end();
        super::confirm::ask(proposal)
    };
    let confirm: Option<Confirm> = around.stdin_is_terminal.then(|| Arc::new(confirm) as Confirm);
    let (session, _sandbox) = runtime.block_on(open(common, around, (notices, confirm)))?;
    let mut runner = runner(&session, common, print);
    runner.timing = !common.quiet;
    runner.report = runner.report.looking(look(around).filter(|_| around.stdin_is_terminal));
    if common.sandbox {
        runner.report.done(SIMULATED);
    }
    let mut desk = Desk::new(runtime, &runner, &around.variables, live);
    repl::run(&mut desk, &runner, &Start { around, sandbox: common.sandbox, no_rc: shell.no_rc })
}
