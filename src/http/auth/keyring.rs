//! Where credentials are looked up: variables from a map, files and commands through whoever opened the session.
//! Owns what a credential's text may look like. Reads no environment, no file, and runs nothing itself.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Kind, Result};
use crate::registry::{AuthScheme, CredentialSource, TextPart};

/// Reads a file or runs a command. It is asked for [`CredentialSource::File`] and [`CredentialSource::Command`] alone.
pub type Reader = Arc<dyn Fn(&CredentialSource) -> Result<String> + Send + Sync>;

/// All that credentials are found in.
#[derive(Clone)]
pub struct Keyring {
    variables: Arc<HashMap<String, String>>,
    read: Reader,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keyring")
    }
}

impl Keyring {
    /// Variables, and what reads everything else.
    pub fn new(variables: Arc<HashMap<String, String>>, read: Reader) -> Self {
        Keyring { variables, read }
    }

    /// The first scheme that could be used: its variables are set and not blank.
    pub(super) fn choose<'a>(&self, schemes: &'a [AuthScheme]) -> Option<&'a AuthScheme> {
        schemes.iter().find(|scheme| scheme.is_set(|name| self.variables.get(name).map(String::as_str)))
    }

    /// The value of a variable that is set and not blank.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// What the source gives, whatever it looks like.
    pub(super) fn text(&self, source: &CredentialSource) -> Result<String> {
        match source {
            CredentialSource::Variable(name) => Ok(self.variables.get(name).cloned().unwrap_or_default()),
            CredentialSource::FileOf(name) => {
                let path = self.variables.get(name).cloned().unwrap_or_default();
                (self.read)(&CredentialSource::File(path))
            }
            CredentialSource::File(_) | CredentialSource::Command(_) => (self.read)(source),
            CredentialSource::Given(secret) => Ok(secret.expose().to_owned()),
            CredentialSource::Known(text) => Ok(text.clone()),
        }
    }

    /// The same, where it can stand in a header as it is.
    pub(super) fn sendable(&self, source: &CredentialSource) -> Result<String> {
        let text = self.text(source)?;
        check(source, &text)?;
        Ok(text)
    }

    /// A text with the variables in it.
    pub(super) fn filled(&self, parts: &[TextPart]) -> String {
        let fill = |part: &TextPart| match part {
            TextPart::Literal(text) => text.clone(),
            TextPart::Variable(name, default) => {
                let set = self.variable(name).or(default.as_deref()).unwrap_or_default();
                // `https://host/` and `/path` are joined by one slash.
                set.trim_end_matches('/').to_owned()
            }
        };
        parts.iter().map(fill).collect()
    }
}

fn check(source: &CredentialSource, value: &str) -> Result<()> {
    let wrong = if value.trim().is_empty() {
        "is empty"
    } else if value.trim() != value {
        "begins or ends with white space, as after a copy with its line break"
    } else if value.chars().any(char::is_control) {
        "holds a control character or a line break"
    } else if !value.is_ascii() {
        "holds characters that are not ASCII, as after a copy from a formatted page"
    } else {
        return Ok(());
    };
    Err(Error::new(Kind::Credentials, format!("the value of {} {wrong}", source.label()))
        .hint("Set it again, the bare value alone."))
}
