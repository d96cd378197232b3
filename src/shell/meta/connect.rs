//! Commands about who works with what: `\c` and `\conninfo`. A profile is chosen here, and taken up where sessions begin.

use super::show::quoted;
use crate::error::{Error, Kind, Result, counted};
use crate::shell::desk::{Desk, Flow};

/// Where a session stands among the profiles.
#[derive(Debug, Default, Clone)]
pub struct Standing {
    /// The profile in force.
    pub profile: Option<String>,
    /// Those there are.
    pub profiles: Vec<String>,
    /// The one that was asked for: the session that stands ends, and one of that profile begins.
    pub next: Option<String>,
}

impl Standing {
    /// The same, for a person; none where there is no profile.
    fn line(&self) -> Option<String> {
        let all = self.profiles.join(", ");
        match (&self.profile, self.profiles.is_empty()) {
            (_, true) => None,
            (Some(profile), _) => Some(format!("profile {profile}, of {all}; \\c NAME begins a session of another")),
            (None, _) => Some(format!("no profile is in force; \\c NAME takes one of {all}")),
        }
    }
}

impl Desk<'_> {
    /// `\c`: a profile, or what USE takes.
    pub(super) fn connect(&mut self, rest: &str) -> Result<Flow> {
        let profile = rest.trim_matches('"');
        if rest.is_empty() {
            self.conninfo()?;
        } else if self.place.profiles.iter().any(|known| known == profile) {
            // A file that is run under a careful profile must not leave it.
            if !self.reading.is_empty() {
                return Err(Error::new(Kind::Usage, "a file does not change the profile")
                    .hint(format!("type \\c {profile}, or start with --profile {profile}")));
            }
            self.place.next = Some(profile.to_owned());
            return Ok(Flow::Leave);
        } else {
            self.query(&format!("USE {rest}"))?;
        }
        Ok(Flow::Continue)
    }

    /// `\conninfo`
    pub(super) fn conninfo(&mut self) -> Result<()> {
        if let Some(line) = self.place.line() {
            self.report.line(&line);
        }
        let in_use = self.session.in_use();
        let statements = counted(self.session.statements(), "statement");
        let requests = counted(self.session.log().records().len() as u64, "request");
        match in_use.as_slice() {
            [] => self.report.line("nothing is in use; \\c provider.service allows bare names"),
            names => self.report.line(&format!("using {}", names.join("."))),
        }
        self.report.line(&format!("{statements} and {requests} so far"));
        let providers: Vec<String> = match in_use.first() {
            Some(provider) => vec![provider.clone()],
            None => self.session.registry().providers().map(|p| p.name.clone()).collect(),
        };
        for provider in providers {
            self.report.line(&format!("{provider} signs in by:"));
            self.query(&format!("SHOW AUTH IN {}", quoted(&provider)))?;
        }
        Ok(())
    }
}
