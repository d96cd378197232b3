//! What was typed on the command line, and the environment. The only place that reads either.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::IsTerminal;
use std::path::PathBuf;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Args, Parser, Subcommand};

use crate::error::{Error, Kind, Result};
use crate::output::{self, Format, Options};

use super::variables::{Template, Value, Variables, load, pair as pair_of};

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

/// Options of every command that runs statements.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Common {
    /// How to print results; without, as the ending of -f says, or a table
    #[arg(short, long, value_name = "FORMAT", value_parser = formats(), global = true)]
    pub output: Option<Format>,
    /// Read this configuration file in place of ~/.config/weir/config.toml (`WEIR_CONFIG`)
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Use a profile of the configuration file (`WEIR_PROFILE`)
    #[arg(long, value_name = "NAME", global = true)]
    pub profile: Option<String>,
    /// Write results to a file, which appears when it is whole
    #[arg(short = 'f', long, value_name = "FILE", global = true)]
    pub file: Option<PathBuf>,
    /// Leave out the names of the columns, in csv, tsv and table
    #[arg(long, global = true)]
    pub no_header: bool,
    /// What stands between values in csv and tsv: one sign, or \t
    #[arg(long, value_name = "SIGN", value_parser = separator, global = true)]
    pub separator: Option<u8>,
    /// What stands for NULL in csv, tsv, table, vertical, markdown and html
    #[arg(long, value_name = "TEXT", global = true)]
    pub null: Option<String>,
    /// What the statements of -o insert insert into
    #[arg(long, value_name = "NAME", global = true)]
    pub into: Option<String>,
    /// Say nothing but errors, warnings and what was asked for
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Answer from a simulation inside the program; nothing real is read or changed
    #[arg(long, global = true)]
    pub sandbox: bool,
    /// Add a folder of providers; may be given several times
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath, global = true)]
    pub registry: Vec<PathBuf>,
    /// How to sign in, by provider, as a JSON object ('{"provider": {"type": "bearer", "credentialsenvvar": "NAME"}}')
    /// or @FILE; in place of what the documents say. `WEIR_AUTH` is the same
    #[arg(long, value_name = "JSON", global = true)]
    pub auth: Option<String>,
    /// Say after each statement what it cost
    #[arg(long, global = true)]
    pub timing: bool,
    /// An answer that may not be whole is an error
    #[arg(long, global = true)]
    pub strict: bool,
    /// The most requests a statement may send
    #[arg(long, value_name = "N", global = true)]
    pub max_requests: Option<u64>,
    /// Seconds a statement may take
    #[arg(long, value_name = "SECONDS", value_parser = seconds, global = true)]
    pub timeout: Option<std::time::Duration>,
    /// Refuse every write, whatever the script sets
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Show writes in place of sending them, as text, curl or json; reads are run
    #[arg(long, value_name = "FORM", num_args = 0..=1, require_equals = true, default_missing_value = "text", value_parser = words(&["text", "curl", "json"]), global = true)]
    pub dry_run: Option<String>,
    /// The most things that UPDATE, REPLACE, DELETE or EXEC .. FROM may change
    #[arg(long, value_name = "N", global = true)]
    pub max_affected: Option<u64>,
    /// When a row of a write fails: stop, or continue with the others
    #[arg(long, value_name = "WHAT", value_parser = words(&["stop", "continue"]), global = true)]
    pub on_error: Option<String>,
    /// With --on-error continue: how many rows may fail, as a count or a percentage
    #[arg(long, value_name = "N", global = true)]
    pub max_failures: Option<String>,
    /// How many requests of a write travel at the same time
    #[arg(long, value_name = "N", global = true)]
    pub write_concurrency: Option<usize>,
    /// Write what became of each row of a write to a file, one JSON object a line
    #[arg(long, value_name = "FILE", global = true)]
    pub outcomes: Option<PathBuf>,
    /// Journal every write, also those of one row
    #[arg(long, global = true)]
    pub journal: bool,
    /// List the requests of each statement
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

impl Common {
    /// How results look, on standard output or in the file that `-f` names; `usual` where neither says it.
    ///
    /// # Errors
    /// When the format cannot do what is asked of it.
    pub fn print(&self, around: &Surroundings, usual: Option<Format>) -> Result<Options> {
        let told = self.file.as_deref().and_then(Format::of_path);
        let format = self.output.or(told).or(usual).unwrap_or(Format::Table);
        if format.is_binary() && self.file.is_none() && around.width.is_some() {
            return Err(Error::new(Kind::Usage, format!("{} is not for a terminal", format.name()))
                .hint("-f FILE writes it to a file, and a pipe may have it"));
        }
        let separated = matches!(format, Format::Csv | Format::Tsv);
        for (given, name, fits) in [
            (self.separator.is_some(), "--separator", separated),
            (self.no_header, "--no-header", separated || format == Format::Table),
            (self.into.is_some(), "--into", format == Format::Insert),
        ] {
            if given && !fits {
                return Err(Error::new(Kind::Usage, format!("{name} is nothing for {}", format.name()))
                    .hint("-o names another format; weir --help says which"));
            }
        }
        let width = around.width.filter(|_| self.file.is_none());
        let plain = Options::new(format);
        let into = self.into.clone().unwrap_or_else(|| plain.into.clone());
        let (null, separator) = (self.null.clone(), self.separator);
        let options = Options { width, null, separator, header: !self.no_header, into, ..plain };
        options.check()?;
        Ok(options)
    }

    /// The settings that were given, each with its text.
    pub fn given(&self) -> Vec<(&'static str, String)> {
        let switch = |on: bool| on.then(|| "on".to_owned());
        let all = [
            ("strict", switch(self.strict)),
            ("max_requests", self.max_requests.map(|n| n.to_string())),
            ("statement_timeout", self.timeout.map(|time| time.as_secs_f64().to_string())),
            ("read_only", switch(self.read_only)),
            ("dry_run", self.dry_run.clone()),
            ("max_affected", self.max_affected.map(|n| n.to_string())),
            ("on_error", self.on_error.clone()),
            ("max_failures", self.max_failures.clone()),
            ("write_concurrency", self.write_concurrency.map(|n| n.to_string())),
            ("journal", switch(self.journal)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

fn format(text: &str) -> std::result::Result<Format, String> {
    text.parse().map_err(|e: crate::error::Error| match e.hint_text() {
        Some(hint) => format!("{}; {hint}", e.message()),
        None => e.message().to_owned(),
    })
}

fn separator(text: &str) -> std::result::Result<u8, String> {
    output::separator(text).map_err(|e| format!("{}: {}", e.message(), e.hint_text().unwrap_or_default()))
}

/// Reads a value as a function does, and offers its words to completion and help.
#[derive(Clone)]
struct Words<T> {
    words: Vec<&'static str>,
    read: fn(&str) -> std::result::Result<T, String>,
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Words<T> {
    type Value = T;

    fn parse_ref(&self, command: &clap::Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        self.read.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.words.iter().map(PossibleValue::new)))
    }
}

fn formats() -> Words<Format> {
    Words { words: Format::names().collect(), read: format }
}

/// A setting's words; the setting itself says which others are wrong.
fn words(words: &[&'static str]) -> Words<String> {
    Words { words: words.to_vec(), read: |text| Ok(text.to_owned()) }
}

fn seconds(text: &str) -> std::result::Result<std::time::Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    std::time::Duration::try_from_secs_f64(seconds).map_err(|_| "not a number of seconds".to_owned())
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
