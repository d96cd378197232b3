//! Settings of a session: their names, defaults and meanings in one table, and the defaults of parameters.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlparser::ast::{Expr, Ident, UnaryOperator, Value};

use super::{Answer, Run, Session};
use crate::error::{Error, Result, nearest};
use crate::http::Policy;

/// The settings in force.
#[derive(Debug, Clone)]
pub struct Settings {
    /// A list that may be cut is an error.
    pub strict: bool,
    /// How many requests a statement may send.
    pub max_requests: u64,
    /// How long a statement may take; zero: as long as it likes.
    pub statement_timeout: Duration,
    /// How long to wait before the first repetition of a request.
    pub retry_delay: Duration,
    /// Defaults of parameters by `provider.parameter` or `provider.service.parameter`.
    pub defaults: BTreeMap<String, String>,
    /// Settings of the engine (`datafusion.*`).
    pub engine: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            strict: false,
            max_requests: 1000,
            statement_timeout: Duration::ZERO,
            retry_delay: Policy::default().base,
            defaults: BTreeMap::new(),
            engine: BTreeMap::new(),
        }
    }
}

/// Name, and what it means.
const KNOWN: [(&str, &str); 4] = [
    ("strict", "a list that may be cut is an error instead of a warning (true or false)"),
    ("max_requests", "the most requests a statement may send"),
    ("statement_timeout", "seconds a statement may take; 0: as long as it likes"),
    ("retry_delay", "seconds to wait before a request is first repeated; the wait doubles each time"),
];

impl Settings {
    /// How requests are repeated.
    pub(super) fn policy(&self) -> Policy {
        Policy { base: self.retry_delay, ..Policy::default() }
    }

    fn get(&self, name: &str) -> Option<String> {
        Some(match name {
            "strict" => self.strict.to_string(),
            "max_requests" => self.max_requests.to_string(),
            "statement_timeout" => self.statement_timeout.as_secs_f64().to_string(),
            "retry_delay" => self.retry_delay.as_secs_f64().to_string(),
            _ => return None,
        })
    }

    fn put(&mut self, name: &str, value: &str) -> Result<()> {
        let wrong = |what: &str| Error::statement(format!("{name} = '{value}' is not {what}"));
        match name {
            "strict" => {
                self.strict = match value.to_lowercase().as_str() {
                    "true" | "on" | "1" => true,
                    "false" | "off" | "0" => false,
                    _ => return Err(wrong("true or false")),
                }
            }
            "max_requests" => self.max_requests = value.parse().map_err(|_| wrong("a whole number"))?,
            _ => {
                let seconds: f64 = value.parse().map_err(|_| wrong("a number of seconds"))?;
                let duration = Duration::try_from_secs_f64(seconds).map_err(|_| wrong("a number of seconds"))?;
                *(if name == "retry_delay" { &mut self.retry_delay } else { &mut self.statement_timeout }) = duration;
            }
        }
        Ok(())
    }

    /// Name, value, default and meaning of every setting.
    pub(super) fn rows(&self) -> Vec<[String; 4]> {
        let defaults = Settings::default();
        let known = KNOWN.iter().map(|(name, meaning)| {
            let text = |s: &Settings| s.get(name).unwrap_or_default();
            [(*name).to_owned(), text(self), text(&defaults), (*meaning).to_owned()]
        });
        let parameters = self
            .defaults
            .iter()
            .map(|(name, value)| [name.clone(), value.clone(), String::new(), "the default of a parameter".to_owned()]);
        let engine = self
            .engine
            .iter()
            .map(|(name, value)| [name.clone(), value.clone(), String::new(), "a setting of the engine".to_owned()]);
        known.chain(parameters).chain(engine).collect()
    }
}

impl Session {
    pub(super) async fn set(&self, run: &Run, name: &[Ident], value: Expr) -> Result<Answer> {
        let text = match plain(&value) {
            Some(text) => text,
            None => self.scalar(run, value).await?,
        };
        let full = self.setting_name(name)?;
        let mut settings = self.settings();
        match &full {
            Name::Known(name) => settings.put(name, &text)?,
            Name::Engine(name) => {
                self.engine.check_option(name, &text)?;
                settings.engine.insert(name.clone(), text);
            }
            Name::Parameter(name) => {
                settings.defaults.insert(name.clone(), text);
            }
        }
        *self.state.settings.write().unwrap_or_else(std::sync::PoisonError::into_inner) = settings;
        Ok(Answer::done(run, format!("{full} set")))
    }

    pub(super) fn reset(&self, run: &Run, name: &[Ident]) -> Result<Answer> {
        let full = self.setting_name(name)?;
        let mut settings = self.settings();
        match &full {
            Name::Known(name) => settings.put(name, &Settings::default().get(name).unwrap_or_default())?,
            Name::Engine(name) => drop(settings.engine.remove(name)),
            Name::Parameter(name) => drop(settings.defaults.remove(name)),
        }
        *self.state.settings.write().unwrap_or_else(std::sync::PoisonError::into_inner) = settings;
        Ok(Answer::done(run, format!("{full} is back to its default")))
    }

    /// The value of a setting, for SHOW.
    pub(super) fn setting(&self, name: &[Ident]) -> Result<(String, Option<String>)> {
        let full = self.setting_name(name)?;
        let settings = self.settings();
        let value = match &full {
            Name::Known(name) => settings.get(name),
            Name::Engine(name) => settings.engine.get(name).cloned().or_else(|| self.engine.option(name)),
            Name::Parameter(name) => settings.defaults.get(name).cloned(),
        };
        Ok((full.to_string(), value))
    }

    /// What a name in SET means: a setting, one of the engine's, or the default of a parameter, which is named
    /// `provider.parameter`, `provider.service.parameter`, or `parameter` alone under USE.
    fn setting_name(&self, name: &[Ident]) -> Result<Name> {
        let parts: Vec<&str> = name.iter().map(|i| i.value.as_str()).collect();
        if let [only] = parts.as_slice() {
            let lower = only.to_lowercase();
            if let Some((known, _)) = KNOWN.iter().find(|(known, _)| *known == lower) {
                return Ok(Name::Known((*known).to_owned()));
            }
        }
        if parts.first().is_some_and(|first| first.eq_ignore_ascii_case("datafusion")) {
            return Ok(Name::Engine(parts.join(".").to_lowercase()));
        }
        let in_use = self.in_use();
        let (scope, parameter): (Vec<&str>, &str) = match (parts.as_slice(), in_use.as_slice()) {
            ([provider, service, parameter], _) => (vec![provider, service], parameter),
            ([provider, parameter], _) if self.registry.has_provider(provider) => (vec![provider], parameter),
            ([service, parameter], [provider, ..]) => (vec![provider, service], parameter),
            ([parameter], [provider, ..]) => (vec![provider], parameter),
            _ => return Err(self.no_setting(&parts.join("."))),
        };
        if self.takes_parameter(&scope, parameter)? {
            return Ok(Name::Parameter(format!("{}.{parameter}", scope.join("."))));
        }
        Err(self.no_setting(&parts.join(".")))
    }

    /// Whether some method in scope takes the parameter. A service's document is read when it is named; of a whole
    /// provider all documents are, until one has it.
    fn takes_parameter(&self, scope: &[&str], parameter: &str) -> Result<bool> {
        let provider = self.registry.provider(scope[0])?;
        let services: Vec<&str> = match scope.get(1) {
            Some(service) => vec![service],
            None => provider.services.iter().map(|s| s.name.as_str()).collect(),
        };
        for name in services {
            let service = match self.registry.service(&provider.name, name) {
                Err(error) if scope.len() > 1 => return Err(error),
                Err(_) => continue,
                Ok(service) => service,
            };
            let mut methods = service.resources.iter().flat_map(|r| &r.methods);
            if methods.any(|m| m.parameters.iter().any(|p| p.name == parameter)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn no_setting(&self, name: &str) -> Error {
        let error = Error::statement(format!("there is no setting `{name}`"));
        match nearest(name, KNOWN.iter().map(|(known, _)| *known)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => {
                let provider = self.registry.providers().next().map_or("provider", |p| p.name.as_str());
                error.hint(format!(
                    "SHOW ALL lists the settings; a parameter's default is SET {provider}.parameter = '...'"
                ))
            }
        }
    }
}

enum Name {
    Known(String),
    Engine(String),
    Parameter(String),
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Name::Known(name) | Name::Engine(name) | Name::Parameter(name)) = self;
        f.write_str(name)
    }
}

/// A literal or bare word as text; None for an expression that must be evaluated.
fn plain(value: &Expr) -> Option<String> {
    match value {
        Expr::Identifier(word) => Some(word.value.clone()),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::Number(text, _) => Some(text.clone()),
            Value::Boolean(flag) => Some(flag.to_string()),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => plain(expr).map(|text| format!("-{text}")),
        _ => None,
    }
}
