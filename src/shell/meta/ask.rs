//! From the name of a command to what it does. Owns nothing but the list of ways.

use std::io::Write;

use super::{Command, is_known, show, unknown, words};
use crate::error::{Error, Kind, Result};
use crate::shell::desk::{Desk, Flow};
use crate::shell::variables::Variables;

impl Desk<'_> {
    /// Runs one command.
    pub(in crate::shell) fn command(&mut self, command: &Command) -> Result<Flow> {
        let rest = command.rest.as_str();
        let runs_a_statement =
            ["g", "gx", "G", "gset", "gexec", "watch", "e", "p", "q"].contains(&command.name.as_str());
        if let Some(before) = command.before.as_ref().filter(|_| !runs_a_statement) {
            if !is_known(&command.name) {
                return Err(unknown(&command.name));
            }
            return Err(Error::new(Kind::Usage, format!("\\{} does not run the statement before it", command.name))
                .at(before.place.clone())
                .hint("end the statement with `;`, or run it with \\g"));
        }
        match command.name.as_str() {
            "i" | "include" => return self.include(rest, false),
            "ir" | "include_relative" => return self.include(rest, true),
            "e" | "edit" => return self.edit(rest, command.before.as_ref().map(|before| before.text.clone())),
            "q" | "quit" => return self.leave(),
            "c" | "connect" => return self.connect(rest.trim_end_matches(';').trim_end()),
            "g" => self.go(command, false)?,
            "gx" | "G" => self.go(command, true)?,
            "gset" => self.set_from(command)?,
            "gexec" => self.run_from(command)?,
            "watch" => self.watch(command)?,
            "p" => self.report.line(&self.meant(command)?.text),
            _ => self.plain_command(&command.name, rest)?,
        }
        Ok(Flow::Continue)
    }

    /// The commands that have nothing to do with a statement before them.
    fn plain_command(&mut self, name: &str, rest: &str) -> Result<()> {
        let bare = rest.trim_end_matches(';').trim_end();
        let (stem, more) = name.strip_suffix('+').map_or((name, false), |stem| (stem, true));
        match stem {
            "?" | "help" => self.say(&show::commands()),
            "h" => self.say(&show::help(bare)?),
            "conninfo" => self.conninfo()?,
            "!" => self.system(rest)?,
            "echo" => self.print(&format!("{}\n", echoed(rest, &self.variables)))?,
            "warn" => self.report.line(&echoed(rest, &self.variables)),
            "s" => self.typed(rest)?,
            "l" | "list" => self.providers(more)?,
            "dn" => self.services(bare, more)?,
            "d" | "dt" => self.tables(bare, more)?,
            "dm" => self.methods(bare, more)?,
            "requests" => self.requests()?,
            "x" => self.expand(bare)?,
            "chart" => self.print(&self.chart(rest)?)?,
            "t" => self.bare(bare)?,
            "a" => self.align(),
            "timing" => self.time(bare)?,
            "pset" => self.option(rest)?,
            "o" | "out" => self.send(rest)?,
            "set" => self.set(rest)?,
            "unset" => self.unset(rest)?,
            "" => return Err(Error::new(Kind::Usage, "a backslash needs a command").hint("\\? lists them")),
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<Flow> {
        match self.out.take() {
            Some(out) => out.close().map(|()| Flow::Leave),
            None => Ok(Flow::Leave),
        }
    }

    /// `\s`: what was typed, on the screen or in a file.
    fn typed(&mut self, rest: &str) -> Result<()> {
        if rest.is_empty() {
            self.say(&self.typed.join("\n"));
            return Ok(());
        }
        let out = self.open(rest, false)?;
        let written = out.sink().write_all((self.typed.join("\n") + "\n").as_bytes());
        written.map_err(|e| Error::new(Kind::Usage, format!("the history could not be written: {e}")))?;
        out.close()
    }
}

/// What `\echo` prints; what cannot be cut into words, as it stands.
pub fn echoed(rest: &str, variables: &Variables) -> String {
    words(rest, variables).map_or_else(|_| rest.to_owned(), |words| words.join(" "))
}
