//! Options that every command shares, and what they ask for. Owns how each value is read from the command line; knows
//! neither the environment nor what a command does.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Args};

use super::args::Surroundings;
use crate::error::{Error, Kind, Result};
use crate::output::{self, Format, Options};

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
    #[arg(long, value_name = "DIR", value_parser = folder, value_hint = clap::ValueHint::DirPath, global = true)]
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

/// A folder of providers, by its path or as StackQL's JSON names it: `localDocRoot`, or a `url` of this machine.
fn folder(text: &str) -> std::result::Result<PathBuf, String> {
    if !text.trim_start().starts_with('{') {
        return Ok(PathBuf::from(text));
    }
    let said: serde_json::Value = serde_json::from_str(text).map_err(|e| format!("it is no JSON: {e}"))?;
    let word = |key: &str| said.get(key).and_then(serde_json::Value::as_str).filter(|word| !word.is_empty());
    let local = word("url").and_then(|url| url.strip_prefix("file://"));
    let folder = word("localDocRoot").or(local).ok_or("its JSON names no folder of this machine in `localDocRoot`")?;
    Ok(PathBuf::from(folder))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_a_folder_however_it_is_said() {
        let said = |text: &str| folder(text).map(|path| path.display().to_string());
        for text in [
            "docs",
            r#"{"url": "file:///elsewhere", "localDocRoot": "docs", "verifyConfig": {"nopVerify": true}}"#,
            r#"{"url": "file://docs"}"#,
        ] {
            assert_eq!(said(text).unwrap(), "docs", "{text}");
        }
        assert!(said("{").unwrap_err().starts_with("it is no JSON"));
        assert!(said(r#"{"url": "https://registry.example"}"#).unwrap_err().contains("localDocRoot"));
    }
}
