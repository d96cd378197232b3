//! What was typed on the command line, and the environment. The only place that reads either.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use super::options::Common;
use super::variables::{Template, Value, Variables, load, pair as pair_of};
use crate::error::Result;

/// SQL for HTTP APIs.
#[derive(Debug, Parser)]
#[command(name = "weir", version, about, long_about = LONG, arg_required_else_help = false)]
pub struct Typed {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub common: Common,
}

const LONG: &str = "SQL for HTTP APIs. A registry of documents maps tables to HTTP operations: SELECT reads; INSERT, UPDATE, \
REPLACE, DELETE and EXEC are requests that change things. Without a command, at a terminal, it is the shell.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run statements and exit
    ///
    /// Everything is read, and parsed, before the first statement runs; the first failure ends the run. Data goes to
    /// standard output, all talk to standard error, and the exit code says who can do something about a failure.
    Exec(Exec),
    /// Find what is wrong with scripts; nothing is sent, and no credentials are needed
    ///
    /// Each statement is parsed, its names are resolved, and it is planned as EXPLAIN plans it. All that is wrong is told,
    /// each with its place; the exit code is that of the first.
    Check(Check),
    /// Go on with a write that did not end; without RUN, list such writes
    ///
    /// Rows that were not sent are sent, and those that failed are tried again. A row that may have taken effect is sent
    /// again only where that does no harm.
    Resume(Resume),
    /// Type statements at a prompt
    ///
    /// Tab completes names, columns, values and options, and sends nothing for it; `\?` lists the shell's commands. Without
    /// a terminal it reads a pipe.
    Shell(Shell),
    /// Serve a simulation of the API on this computer
    ///
    /// It lasts until Ctrl-C, and prints the variables that lead weir and other tools to it.
    Sandbox(Sandbox),
    /// Print what makes a shell complete weir's commands and options
    Completions(Completions),
    /// Print a page of the manual; `weir man exec | man -l -` shows one
    Man(Man),
}

#[derive(Debug, Args)]
pub struct Exec {
    /// Statements, separated by `;`
    pub sql: Option<String>,
    /// Run the statements of a file (`-`: standard input); may be given several times
    #[arg(short, long = "input", value_name = "FILE")]
    pub input: Vec<PathBuf>,
    #[command(flatten)]
    pub values: Values,
    /// Go on after a statement that fails; the exit code is that of the first failure
    #[arg(long)]
    pub keep_going: bool,
    /// Write what happens to a file, one JSON object a line (`-`: standard error)
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Check {
    /// The scripts, in the order in which they would run (`-`: standard input)
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The same
    #[arg(short, long = "input", value_name = "FILE")]
    pub input: Vec<PathBuf>,
    #[command(flatten)]
    pub values: Values,
}

/// What a script is given.
#[derive(Debug, Default, Args)]
pub struct Values {
    /// Set a variable: :name in a statement. What is JSON (5, true, null, "5", [1,2]) is what it is there, all else text
    #[arg(long, value_name = "NAME=VALUE")]
    pub var: Vec<String>,
    /// Set a variable to a text, whatever it looks like
    #[arg(long, value_name = "NAME=TEXT")]
    pub text: Vec<String>,
    /// Set the variables of a file: JSON, YAML or NAME=value lines
    #[arg(long, value_name = "FILE")]
    pub vars: Vec<PathBuf>,
    /// Fill `{{ .values.name }}` in from a JSON file, as StackQL does
    #[arg(long, value_name = "FILE")]
    pub iqldata: Option<PathBuf>,
}

impl Values {
    /// The variables: those of files, then those of the command line.
    ///
    /// # Errors
    /// When a file or a pair is none.
    pub fn variables(&self) -> Result<Variables> {
        let mut all = Variables::new();
        for path in &self.vars {
            all.extend(load(&path.display().to_string(), &super::command::read(path)?)?);
        }
        for pair in &self.var {
            let (name, value) = pair_of(pair)?;
            all.insert(name, Value::typed(&value));
        }
        for pair in &self.text {
            let (name, value) = pair_of(pair)?;
            all.insert(name, Value::text(&value));
        }
        Ok(all)
    }

    /// The values of a template, where a file of them is given.
    ///
    /// # Errors
    /// When it is none.
    pub fn template(&self) -> Result<Option<Template>> {
        let read = |path: &PathBuf| Template::read(&path.display().to_string(), &super::command::read(path)?);
        self.iqldata.as_ref().map(read).transpose()
    }
}

#[derive(Debug, Default, Args)]
pub struct Shell {
    /// Do not run ~/.config/weir/rc (or the file that `WEIR_RC` names) first
    #[arg(long)]
    pub no_rc: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Resume {
    /// The run, as the list names it
    pub run: Option<String>,
    /// Send rows again that may have taken effect already
    #[arg(long)]
    pub resend_unknown: bool,
    /// The statement again (`-`: standard input), for rows with secret values, which the journal does not keep
    #[arg(short, long = "input", value_name = "FILE")]
    pub input: Option<PathBuf>,
    #[command(flatten)]
    pub values: Values,
    /// List the rows of the run that are not done, and send nothing
    #[arg(long, conflicts_with_all = ["forget", "resend_unknown"])]
    pub show: bool,
    /// Forget the run, and send nothing
    #[arg(long, conflicts_with = "resend_unknown")]
    pub forget: bool,
    /// List the runs that are done, too
    #[arg(long, conflicts_with = "run")]
    pub all: bool,
}

#[derive(Debug, Args)]
pub struct Sandbox {
    /// Port on 127.0.0.1 (0: any that is free)
    #[arg(long, default_value_t = 8787)]
    pub port: u16,
}

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell that is to complete
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub struct Man {
    /// The command; without one the page is that of weir
    pub command: Option<String>,
}

/// What the program finds around it.
#[derive(Debug)]
pub struct Surroundings {
    /// Environment variables whose names and values are text.
    pub variables: HashMap<String, String>,
    /// Standard input is a terminal.
    pub stdin_is_terminal: bool,
    /// Columns of the terminal that standard output is, if it is one.
    pub width: Option<usize>,
    /// Columns of the terminal that standard error is, if it is one.
    pub stderr_width: Option<usize>,
    /// Colours are wanted on a terminal: `NO_COLOR` is not set, and the terminal is not dumb.
    pub colour: bool,
    /// The shell's history file.
    pub history: Option<PathBuf>,
    /// Where the journal of writes lies.
    pub state: Option<PathBuf>,
    /// The same, where the environment names it.
    pub named_state: Option<PathBuf>,
    /// Where models of documents are kept.
    pub cache: Option<PathBuf>,
    /// The configuration file's usual place.
    pub config: Option<PathBuf>,
    /// What the shell runs first.
    pub rc: Option<PathBuf>,
    /// Readline's settings, which say whether keys are as in vi.
    pub inputrc: Option<PathBuf>,
    /// The folder that `~` means.
    pub home: Option<PathBuf>,
}

impl Surroundings {
    /// Looks around once, at the start.
    pub fn look() -> Surroundings {
        #[expect(clippy::disallowed_methods, reason = "the environment is read here and nowhere else")]
        let all = std::env::vars_os();
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let variables: HashMap<String, String> = all.filter_map(text).collect();
        let set = |name: &str| variables.get(name).filter(|v| !v.is_empty()).cloned();
        let home = set("HOME").map(PathBuf::from);
        let under_home = |path: &str| home.as_ref().map(|home| home.join(path));
        let data = set("XDG_DATA_HOME").map(PathBuf::from).or_else(|| under_home(".local/share"));
        let config = set("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| under_home(".config"));
        let state = set("XDG_STATE_HOME").map(PathBuf::from).or_else(|| under_home(".local/state"));
        let cache = set("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| under_home(".cache")).map(|c| c.join("weir"));
        let cache = match variables.get("WEIR_CACHE_DIR").map(String::as_str) {
            Some("" | "off") => None,
            Some(folder) => Some(PathBuf::from(folder)),
            None => cache,
        };
        let named_state = set("WEIR_STATE_DIR").map(PathBuf::from);
        let terminal = std::io::stdout().is_terminal();
        let columns = set("COLUMNS").and_then(|c| c.parse().ok());
        Surroundings {
            stdin_is_terminal: std::io::stdin().is_terminal(),
            width: terminal.then(|| terminal_width().or(columns).unwrap_or(80)),
            stderr_width: std::io::stderr().is_terminal().then(|| terminal_width().or(columns).unwrap_or(80)),
            colour: set("NO_COLOR").is_none() && set("TERM").is_none_or(|term| term != "dumb"),
            config: config.as_ref().map(|folder| folder.join("weir/config.toml")),
            rc: set("WEIR_RC").map(PathBuf::from).or_else(|| config.map(|folder| folder.join("weir/rc"))),
            inputrc: set("INPUTRC").map(PathBuf::from).or_else(|| under_home(".inputrc")),
            home: home.clone(),
            history: set("WEIR_HISTORY").map(PathBuf::from).or_else(|| data.map(|d| d.join("weir/history"))),
            state: named_state.clone().or_else(|| state.map(|s| s.join("weir"))),
            named_state,
            cache,
            variables,
        }
    }
}

/// The width that comfy-table finds, which asks the terminal itself. One that does not know says 0.
pub fn terminal_width() -> Option<usize> {
    comfy_table::Table::new().width().map(usize::from).filter(|columns| *columns > 0)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::session::settings_table;

    #[test]
    fn every_option_of_a_setting_is_on_the_command_line_and_gives_that_setting() {
        let command = Typed::command();
        for known in settings_table() {
            let Some(flag) = known.flag else { continue };
            let argument = command.get_arguments().find(|argument| argument.get_long() == Some(flag));
            let argument = argument.unwrap_or_else(|| panic!("there is no --{flag}"));
            let typed = match argument.get_action().takes_values() {
                true => format!("--{flag}=1"),
                false => format!("--{flag}"),
            };
            let typed = Typed::try_parse_from(["weir", &typed]).unwrap();
            let given: Vec<&str> = typed.common.given().into_iter().map(|(name, _)| name).collect();
            assert_eq!(given, [known.name], "--{flag}");
        }
    }
}
