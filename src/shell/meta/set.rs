//! Commands that change how the shell behaves: `\set`, `\unset`, `\pset`, `\x`, `\timing`.
//! Owns the names of the options; settings of the session are SET's.

use crate::error::{Error, Kind, Result, nearest};
use crate::output::{self, Format, Options};
use crate::shell::desk::Desk;
use crate::shell::variables::{Value, check_name};
use crate::shell::view::When;

/// Options of `\pset`, and what they mean.
pub(super) const OPTIONS: [(&str, &str); 10] = [
    ("expanded", "rows one below the other (on, off, auto)"),
    ("footer", "psql's word for timing: the line below a result (on, off)"),
    ("format", "how results are printed"),
    ("header", "the names of the columns, in csv, tsv and table (on, off)"),
    ("into", "what the statements of the format insert insert into"),
    ("null", "what stands for NULL"),
    ("pager", "a pager for what does not fit (on, off, auto)"),
    ("separator", "what stands between values in csv and tsv (one sign, or \\t; auto: as the format has it)"),
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
        // As psql has it: several words are one value, with nothing between them.
        self.variables.insert(name, Value::typed(&words.collect::<String>()));
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

    /// `\t`: the names of the columns, on and off in turn, or as it says for leaving them out.
    pub(super) fn bare(&mut self, rest: &str) -> Result<()> {
        let print = &mut self.display.print;
        print.header = match rest {
            "" => !print.header,
            word => !switch(word)?,
        };
        let told =
            if print.header { "the names of the columns are shown" } else { "the names of the columns are left out" };
        self.report.line(told);
        Ok(())
    }

    /// `\a`: psql's unaligned is a tab between the values.
    pub(super) fn align(&mut self) {
        let print = &mut self.display.print;
        print.format = if print.format == Format::Tsv { Format::Table } else { Format::Tsv };
        self.report.line(match print.format {
            Format::Table => "results are tables",
            _ => "values have a tab between them (tsv)",
        });
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
        // The end of a statement is none of a command's words, except where a sign is asked for.
        let is_sign = rest.split_whitespace().eq(["separator", ";"]);
        let rest = if is_sign { rest } else { rest.trim_end_matches(';') };
        let words = super::words(rest, &self.variables)?;
        let Some(name) = words.first() else {
            for (name, meaning) in OPTIONS {
                self.report.line(&format!("{name:9} = {:8}  {meaning}", self.option_value(name)));
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
            "format" => print.format.name().to_owned(),
            "header" => if print.header { "on" } else { "off" }.to_owned(),
            "into" => print.into.clone(),
            "null" => format!("'{}'", print.null()),
            "separator" => match print.separator {
                None => "auto".to_owned(),
                Some(b'\t') => "\\t".to_owned(),
                Some(sign) => char::from(sign).to_string(),
            },
            "pager" => spelled(self.display.pager).to_owned(),
            "rows" => print.max_rows.map_or_else(|| "all".to_owned(), |rows| rows.to_string()),
            _ => if self.timing { "on" } else { "off" }.to_owned(),
        }
    }

    fn put_option(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "format" | "header" | "into" | "null" | "separator" => {
                let print = printed(&self.display.print, name, value)?;
                print.check()?;
                self.display.print = print;
            }
            "expanded" => self.display.expanded = when(value)?,
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

/// `print` with one option that is the format's.
fn printed(print: &Options, name: &str, value: &str) -> Result<Options> {
    let mut print = print.clone();
    match name {
        "header" => print.header = switch(value)?,
        "into" => value.clone_into(&mut print.into),
        "null" => print.null = Some(value.to_owned()),
        "separator" => print.separator = if value == "auto" { None } else { Some(output::separator(value)?) },
        _ => {
            // psql's words.
            print.format = match value.to_ascii_lowercase().as_str() {
                "aligned" => Format::Table,
                "unaligned" => Format::Tsv,
                _ => value.parse()?,
            };
            if print.format.is_binary() {
                return Err(Error::new(Kind::Usage, format!("{} is not for a terminal", print.format.name()))
                    .hint("COPY (SELECT ..) TO 'file' writes it"));
            }
        }
    }
    Ok(print)
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
