//! The program: arguments to a mode, a mode to an exit code.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::args::{Check, Command, Common, Exec, Shell, Surroundings};
use super::desk::Desk;
use super::draw::{Look, Source};
use super::repl::{self, Start};
use super::report::Report;
use super::script::{self as scripts, Events, Play, Reader, Runner, Text, Ways};
use super::variables::pair;
use super::view::Live;
use super::{help, manual, outcomes, resume};
use crate::error::{Error, Kind, Result};
use crate::output::{Format, Options, Target};
use crate::sandbox::{self, Sandbox};
use crate::secret::{Redactor, Secret};
use crate::session::{Auth, Confirm, Notices, Proposal, Session, SessionOptions};

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
    let auth = auth(common, around)?;
    let cache = around.cache.clone();
    let options = SessionOptions {
        registries,
        variables,
        auth,
        settings,
        notices,
        confirm,
        observer,
        state,
        cache,
        checks_only: false,
    };
    Ok((Session::new(options)?, sandbox))
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

pub(super) fn runner<'a>(session: &'a Session, common: &Common, print: Options) -> Runner<'a> {
    let report = Report::new(session.redactor().clone()).quiet(common.quiet);
    Runner { session, print, report, timing: common.timing, verbose: common.verbose, live: None, results: 0.into() }
}

/// Runs scripts; the exit code. What fails in them has been told.
async fn run_exec(exec: &Exec, common: &Common, around: &Surroundings) -> Result<u8> {
    let texts = texts(exec.sql.as_ref(), &exec.input)?;
    let print = common.print(around)?;
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
    let live = Live::default();
    let (session, _sandbox) = open(common, around, (told(&live, common.quiet), None)).await?;
    let mut runner = runner(&session, common, print);
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
    let texts = texts(None, &files)?;
    let (variables, template) = (check.values.variables()?, check.values.template()?);
    let options = SessionOptions {
        registries: common.registry.clone(),
        variables: around.variables.clone(),
        settings: common.settings()?,
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
    let machine = match common.output.unwrap_or(Format::Table) {
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
