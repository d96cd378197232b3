//! Commands that change how the shell behaves: `\set`, `\unset`, `\pset`, `\x`, `\timing`.
//! Owns the names of the options; settings of the session are SET's.

use crate::error::{Error, Kind, Result, nearest};
use crate::output::Format;
use crate::shell::desk::Desk;
use crate::shell::variables::{Value, check_name};
use crate::shell::view::When;

/// Options of `\pset`, and what they mean.
pub(super) const OPTIONS: [(&str, &str); 6] = [
    ("expanded", "rows one below the other (on, off, auto)"),
    ("format", "how results are printed"),
    ("null", "what stands for NULL in a table"),
    ("pager", "a pager for what does not fit (on, off, auto)"),
    ("rows", "the most rows of a table on the terminal, without a pager (all: no limit)"),
    ("timing", "say what each statement cost (on, off)"),
];

impl Desk<'_> {
    /// `\set`
    pub(super) fn set(&mut self, rest: &str) -> Result<()> {
        let mut words = super::words(rest, &self.variables)?.into_iter();
        let Some(name) = words.next() else {
            for (name, value) in &self.variables {
                self.report.line(&format!("{name} = {}", value.shown()));
            }
            return Ok(());
        };
        check_name(&name)?;
        self.variables.insert(name, Value::typed(&words.collect::<Vec<_>>().join(" ")));
        Ok(())
    }

    /// `\unset`
    pub(super) fn unset(&mut self, rest: &str) -> Result<()> {
        let name = self.one_word(rest, "the name of a variable")?;
        match self.variables.remove(&name) {
            Some(_) => Ok(()),
            None => Err(Error::new(Kind::Usage, format!("the variable `{name}` is not set")).hint("\\set lists them")),
        }
    }

    /// `\x`: on and off in turn, or as it says.
    pub(super) fn expand(&mut self, rest: &str) -> Result<()> {
        let expanded = match rest {
            "" if self.display.expanded == When::On => When::Off,
            "" => When::On,
            word => when(word)?,
        };
        self.display.expanded = expanded;
        self.report.line(match expanded {
            When::On => "rows stand one below the other",
            When::Off => "rows stand in a table",
            When::Auto => "rows stand one below the other where a table is too wide",
        });
        Ok(())
    }

    /// `\timing`
    pub(super) fn time(&mut self, rest: &str) -> Result<()> {
        self.timing = match rest {
            "" => !self.timing,
            word => switch(word)?,
        };
        self.report.line(if self.timing { "timing is on" } else { "timing is off" });
        Ok(())
    }

    /// `\pset`
    pub(super) fn option(&mut self, rest: &str) -> Result<()> {
        let words = super::words(rest.trim_end_matches(';'), &self.variables)?;
        let Some(name) = words.first() else {
            for (name, meaning) in OPTIONS {
                self.report.line(&format!("{name:8} = {:8}  {meaning}", self.option_value(name)));
            }
            return Ok(());
        };
        let Some((name, meaning)) = OPTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) else {
            let error = Error::new(Kind::Usage, format!("\\pset has no option `{name}`"));
            return Err(match nearest(name, OPTIONS.iter().map(|(known, _)| *known)) {
                Some(near) => error.hint(format!("did you mean `{near}`? \\pset lists the options")),
                None => error.hint("\\pset lists the options"),
            });
        };
        let value = words.get(1..).unwrap_or_default().join(" ");
        if words.len() > 1 {
            self.put_option(name, &value)?;
        }
        self.report.line(&format!("{name} = {}  {meaning}", self.option_value(name)));
        Ok(())
    }

    fn option_value(&self, name: &str) -> String {
        let print = &self.display.print;
        match name {
            "expanded" => spelled(self.display.expanded).to_owned(),
            "format" => {
                let named = |name: &&str| name.parse::<Format>().is_ok_and(|format| format == print.format);
                Format::names().find(named).unwrap_or_default().to_owned()
            }
            "null" => format!("'{}'", print.null),
            "pager" => spelled(self.display.pager).to_owned(),
            "rows" => print.max_rows.map_or_else(|| "all".to_owned(), |rows| rows.to_string()),
            _ => if self.timing { "on" } else { "off" }.to_owned(),
        }
    }

    fn put_option(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "expanded" => self.display.expanded = when(value)?,
            "format" => self.display.print.format = value.parse()?,
            "null" => value.clone_into(&mut self.display.print.null),
            "pager" => self.display.pager = when(value)?,
            "rows" => {
                self.display.print.max_rows = match value.to_lowercase().as_str() {
                    "all" | "0" => None,
                    number => Some(number.parse().map_err(|_| {
                        Error::new(Kind::Usage, format!("`{value}` is no number of rows")).hint("a number, or all")
                    })?),
                };
            }
            _ => self.timing = switch(value)?,
        }
        Ok(())
    }
}

fn when(word: &str) -> Result<When> {
    match word.trim_end_matches(';').to_lowercase().as_str() {
        "on" | "true" | "1" | "always" => Ok(When::On),
        "off" | "false" | "0" | "never" => Ok(When::Off),
        "auto" => Ok(When::Auto),
        _ => Err(Error::new(Kind::Usage, format!("`{word}` is none of on, off and auto"))),
    }
}

fn switch(word: &str) -> Result<bool> {
    match when(word) {
        Ok(When::On) => Ok(true),
        Ok(When::Off) => Ok(false),
        _ => Err(Error::new(Kind::Usage, format!("`{word}` is neither on nor off"))),
    }
}

fn spelled(when: When) -> &'static str {
    match when {
        When::On => "on",
        When::Off => "off",
        When::Auto => "auto",
    }
}
