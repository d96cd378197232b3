//! The settings: names, defaults and meanings in one table, and how each is written. Knows no session.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::http::Policy;
use crate::session::MemoryLimit;

/// The settings in force.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Settings {
    /// A list that may be cut is an error.
    pub strict: bool,
    /// How many requests a statement may send.
    pub max_requests: u64,
    /// How long a statement may take; zero: as long as it likes.
    pub statement_timeout: Duration,
    /// How long to wait before the first repetition of a request.
    pub retry_delay: Duration,
    /// Memory that statements may use.
    pub memory_limit: MemoryLimit,
    /// No write is sent.
    pub read_only: bool,
    /// Writes are shown in place of being sent.
    pub dry_run: Option<DryRun>,
    /// UPDATE, REPLACE and DELETE may come without a condition.
    pub allow_unfiltered: bool,
    /// How many things a statement may change.
    pub max_affected: u64,
    /// A destructive write is put to whoever sits at the terminal.
    pub confirm: bool,
    /// What the failure of one row means for the others.
    pub on_error: OnError,
    /// How many rows may fail before the rest is not sent.
    pub max_failures: Option<MaxFailures>,
    /// How many requests of a write travel at the same time.
    pub write_concurrency: usize,
    /// How long a statement waits for its effect to settle; zero: not at all.
    pub wait: Duration,
    /// Every write is journalled, not only those of several rows.
    pub journal: bool,
    /// Defaults of parameters by `provider.parameter` or `provider.service.parameter`.
    pub defaults: BTreeMap<String, String>,
    /// Settings of the engine (`datafusion.*`).
    pub engine: BTreeMap<String, String>,
    /// Where values come from that are not the default.
    pub origins: BTreeMap<String, Origin>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            strict: false,
            max_requests: 1000,
            statement_timeout: Duration::ZERO,
            retry_delay: Policy::default().base,
            memory_limit: MemoryLimit::default(),
            read_only: false,
            dry_run: None,
            allow_unfiltered: false,
            max_affected: 100,
            confirm: true,
            on_error: OnError::Stop,
            max_failures: None,
            write_concurrency: 4,
            wait: Duration::ZERO,
            journal: false,
            defaults: BTreeMap::new(),
            engine: BTreeMap::new(),
            origins: BTreeMap::new(),
        }
    }
}

/// Where a value comes from; what stands later goes over what stands earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The configuration file.
    File,
    /// A profile of it.
    Profile(String),
    /// This variable.
    Environment(String),
    /// This option of the command line.
    Flag(String),
    /// SET.
    Set,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::File => f.write_str("file"),
            Origin::Profile(name) => write!(f, "profile {name}"),
            Origin::Environment(name) | Origin::Flag(name) => f.write_str(name),
            Origin::Set => f.write_str("SET"),
        }
    }
}

/// What there is to know of a setting but its value.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// In SET and in the configuration file.
    pub name: &'static str,
    /// The option of the command line, without its dashes.
    pub flag: Option<&'static str>,
    /// It may be set outside of statements, in a file or a variable.
    pub outside: bool,
    /// What it means.
    pub meaning: &'static str,
}

impl Known {
    /// The environment variable that sets it.
    #[must_use]
    pub fn variable(&self) -> Option<String> {
        self.outside.then(|| format!("WEIR_{}", self.name.to_uppercase()))
    }
}

/// A setting with an option of the same name, its words joined by `-`; None: without.
const fn known(name: &'static str, flag: Option<&'static str>, meaning: &'static str) -> Known {
    Known { name, flag, outside: true, meaning }
}

/// Every setting.
pub(super) const KNOWN: [Known; 15] = [
    known("strict", Some("strict"), "a list that may be cut is an error instead of a warning (true or false)"),
    known("max_requests", Some("max-requests"), "the most requests a statement may send"),
    known("statement_timeout", Some("timeout"), "seconds a statement may take; 0: as long as it likes"),
    known("retry_delay", None, "seconds to wait before a request is first repeated; the wait doubles each time"),
    known("memory_limit", None, "memory statements may use, as 500MB; sorts beyond it go to temporary files"),
    known("read_only", Some("read-only"), "no write is sent (on or off); where a session begins so, it stays so"),
    known("dry_run", Some("dry-run"), "writes are shown in place of being sent: off, text, curl or json"),
    // It takes a guard away: where no statement says it, nobody may have meant it.
    Known {
        name: "allow_unfiltered",
        flag: None,
        outside: false,
        meaning: "UPDATE, REPLACE and DELETE may come without a condition (on or off)",
    },
    known(
        "max_affected",
        Some("max-affected"),
        "the most things that UPDATE, REPLACE, DELETE or EXEC .. FROM may change",
    ),
    known("confirm", None, "at a terminal, ask before a destructive write (on or off)"),
    known("on_error", Some("on-error"), "when a row of a write fails: stop, or continue with the others"),
    known(
        "max_failures",
        Some("max-failures"),
        "with on_error = continue: how many rows may fail, as a count or a percentage; off: any number",
    ),
    known("write_concurrency", Some("write-concurrency"), "how many requests of a write travel at the same time"),
    known("wait", None, "how long a statement waits for its effect to settle, such as 60s; 0: not at all"),
    known("journal", Some("journal"), "journal every write, also those of one row (on or off)"),
];

/// Every setting, in the order of the documentation.
#[must_use]
pub fn settings_table() -> &'static [Known] {
    &KNOWN
}

/// The settings that are one of a few words, each with its words.
pub(in crate::session) fn words() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    let of = |name| -> &'static [&'static str] {
        match name {
            "strict" => &["true", "false"],
            "read_only" | "allow_unfiltered" | "confirm" | "journal" => &["on", "off"],
            "dry_run" => &["off", "text", "curl", "json"],
            "on_error" => &["stop", "continue"],
            "max_failures" => &["off"],
            _ => &[],
        }
    };
    KNOWN.iter().map(move |known| (known.name, of(known.name))).filter(|(_, words)| !words.is_empty())
}

/// How a write is shown in place of being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DryRun {
    /// Verb, URL and body.
    Text,
    /// A command line.
    Curl,
    /// An object a request.
    Json,
}

/// What the failure of one row means for those that were not sent yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// They stay unsent.
    Stop,
    /// They are sent.
    Continue,
}

/// How many rows may fail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxFailures {
    /// So many.
    Count(usize),
    /// So many of a hundred.
    Percent(f64),
}

impl MaxFailures {
    /// Whether `failures` of `all` rows are more than may fail.
    pub(in crate::session) fn passed(self, failures: usize, all: usize) -> bool {
        match self {
            MaxFailures::Count(most) => failures > most,
            #[expect(clippy::cast_precision_loss, reason = "rows are counted far below 2^52")]
            MaxFailures::Percent(most) => failures as f64 * 100.0 > most * all as f64,
        }
    }
}

/// A length of time: seconds, or a number with `ms`, `s`, `m` or `h` behind it.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "s" | "sec" | "seconds" => 1.0,
        "ms" => 0.001,
        "m" | "min" | "minutes" => 60.0,
        "h" | "hours" => 3600.0,
        _ => return None,
    };
    let seconds: f64 = digits.trim().parse().ok()?;
    Duration::try_from_secs_f64(seconds * scale).ok()
}

/// The most requests of a write at the same time.
const MOST_AT_ONCE: usize = 64;

/// Some(None): any number.
#[expect(clippy::option_option, reason = "the outer one is a value that is none")]
fn failures(text: &str) -> Option<Option<MaxFailures>> {
    if flag(text) == Some(false) && text != "0" {
        return Some(None);
    }
    match text.strip_suffix('%') {
        Some(percent) => {
            let percent: f64 = percent.trim().parse().ok()?;
            (0.0..=100.0).contains(&percent).then_some(Some(MaxFailures::Percent(percent)))
        }
        None => text.trim().parse().ok().map(|count| Some(MaxFailures::Count(count))),
    }
}

fn flag(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

impl Settings {
    /// How requests are repeated.
    pub(in crate::session) fn policy(&self) -> Policy {
        Policy { base: self.retry_delay, ..Policy::default() }
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        let seconds = |duration: &Duration| duration.as_secs_f64().to_string();
        let switch = |flag: bool| (if flag { "on" } else { "off" }).to_owned();
        Some(match name {
            "strict" => self.strict.to_string(),
            "max_requests" => self.max_requests.to_string(),
            "statement_timeout" => seconds(&self.statement_timeout),
            "retry_delay" => seconds(&self.retry_delay),
            "memory_limit" => self.memory_limit.to_string(),
            "read_only" => switch(self.read_only),
            "dry_run" => match self.dry_run {
                None => "off".to_owned(),
                Some(DryRun::Text) => "text".to_owned(),
                Some(DryRun::Curl) => "curl".to_owned(),
                Some(DryRun::Json) => "json".to_owned(),
            },
            "allow_unfiltered" => switch(self.allow_unfiltered),
            "max_affected" => self.max_affected.to_string(),
            "confirm" => switch(self.confirm),
            "on_error" => (if self.on_error == OnError::Stop { "stop" } else { "continue" }).to_owned(),
            "max_failures" => match self.max_failures {
                None => "off".to_owned(),
                Some(MaxFailures::Count(count)) => count.to_string(),
                Some(MaxFailures::Percent(percent)) => format!("{percent}%"),
            },
            "write_concurrency" => self.write_concurrency.to_string(),
            "wait" => seconds(&self.wait),
            "journal" => switch(self.journal),
            _ => return None,
        })
    }

    /// Changes a setting by its name, and keeps who did.
    ///
    /// # Errors
    /// When the value does not fit.
    pub fn put_from(&mut self, name: &str, value: &str, origin: Origin) -> Result<()> {
        self.put(name, value)?;
        self.origins.insert(name.to_owned(), origin);
        Ok(())
    }

    /// Changes a setting of the engine, and keeps who did. The session that begins with it checks the value.
    pub fn put_engine(&mut self, name: &str, value: &str, origin: Origin) {
        self.engine.insert(name.to_owned(), value.to_owned());
        self.origins.insert(name.to_owned(), origin);
    }

    /// Changes a setting by its name.
    ///
    /// # Errors
    /// When the value does not fit.
    pub fn put(&mut self, name: &str, value: &str) -> Result<()> {
        let wrong = |what: &str| Error::statement(format!("{name} = '{value}' is not {what}"));
        let switch = || flag(value).ok_or_else(|| wrong("on or off"));
        let time = || duration(value).ok_or_else(|| wrong("a length of time, such as 60 or '60s'"));
        match name {
            "strict" => self.strict = flag(value).ok_or_else(|| wrong("true or false"))?,
            "max_requests" => self.max_requests = value.parse().map_err(|_| wrong("a whole number"))?,
            "statement_timeout" => self.statement_timeout = time()?,
            "retry_delay" => self.retry_delay = time()?,
            "memory_limit" => self.memory_limit = value.parse()?,
            "read_only" => self.read_only = switch()?,
            "dry_run" => {
                self.dry_run = match value.to_lowercase().as_str() {
                    "curl" => Some(DryRun::Curl),
                    "json" => Some(DryRun::Json),
                    "text" => Some(DryRun::Text),
                    _ => match flag(value) {
                        Some(on) => on.then_some(DryRun::Text),
                        None => return Err(wrong("off, text, curl or json")),
                    },
                }
            }
            "allow_unfiltered" => self.allow_unfiltered = switch()?,
            "max_affected" => self.max_affected = value.parse().map_err(|_| wrong("a whole number"))?,
            "confirm" => self.confirm = switch()?,
            "on_error" => {
                self.on_error = match value.to_lowercase().as_str() {
                    "stop" => OnError::Stop,
                    "continue" => OnError::Continue,
                    _ => return Err(wrong("stop or continue")),
                }
            }
            "max_failures" => self.max_failures = failures(value).ok_or_else(|| wrong("a count, '5%' or off"))?,
            "write_concurrency" => {
                let most = value.parse().ok().filter(|n| (1..=MOST_AT_ONCE).contains(n));
                self.write_concurrency = most.ok_or_else(|| wrong("a number from 1 to 64"))?;
            }
            "wait" => self.wait = time()?,
            "journal" => self.journal = switch()?,
            _ => return Err(Error::statement(format!("there is no setting `{name}`"))),
        }
        Ok(())
    }

    /// Name, value, default, source, meaning, option and variable of every setting.
    pub(in crate::session) fn rows(&self) -> Vec<[String; 7]> {
        let defaults = Settings::default();
        let source = |name: &str| self.origins.get(name).map_or_else(|| "default".to_owned(), ToString::to_string);
        let known = KNOWN.iter().map(|known| {
            let text = |s: &Settings| s.get(known.name).unwrap_or_default();
            let flag = known.flag.map(|flag| format!("--{flag}")).unwrap_or_default();
            let variable = known.variable().unwrap_or_default();
            let (name, meaning) = (known.name.to_owned(), known.meaning.to_owned());
            [name, text(self), text(&defaults), source(known.name), meaning, flag, variable]
        });
        let others = [(&self.defaults, "the default of a parameter"), (&self.engine, "a setting of the engine")];
        let others = others.into_iter().flat_map(|(values, meaning)| values.iter().map(move |pair| (pair, meaning)));
        let others = others.map(|((name, value), meaning)| {
            let none = String::new;
            [name.clone(), value.clone(), none(), source(name), meaning.to_owned(), none(), none()]
        });
        known.chain(others).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_settings_has_every_setting() {
        let mut table = String::from("| setting | default | option | variable | meaning |\n|---|---|---|---|---|\n");
        for [name, _, default, _, meaning, flag, variable] in Settings::default().rows() {
            let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
            let cells = [code(&name), default, code(&flag), code(&variable), meaning];
            table = table + "| " + &cells.join(" | ").replace("  ", " ") + " |\n";
        }
        let page = include_str!("../../../docs/settings.md").replace('\r', "");
        assert!(page.contains(&table), "docs/settings.md should have this table:\n{table}");
    }

    #[test]
    fn every_word_that_is_offered_for_a_setting_fits_it_and_a_switch_offers_its_words() {
        let mut settings = Settings::default();
        for (name, words) in words() {
            for word in words {
                settings.put(name, word).unwrap();
                assert_eq!(settings.get(name).as_deref(), Some(*word), "{name}");
            }
        }
        for Known { name, meaning, .. } in KNOWN.iter().filter(|known| known.meaning.contains("on or off")) {
            assert!(words().any(|(known, words)| known == *name && words == ["on", "off"]), "{name}: {meaning}");
        }
    }
}
