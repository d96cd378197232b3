//! SET, RESET and SHOW of settings, and of the defaults of parameters. What settings there are is `known`'s.

mod known;

use std::collections::BTreeMap;
use std::sync::PoisonError;

use sqlparser::ast::{Expr, Ident, UnaryOperator, Value};

use super::{Answer, Run, Session};
use crate::error::{Error, Result, nearest};
use known::KNOWN;
pub(in crate::session) use known::words;
pub use known::{DryRun, Known, MaxFailures, OnError, Origin, Settings, settings_table};

impl Session {
    pub(in crate::session) async fn set(&self, run: &Run, name: &[Ident], value: Expr) -> Result<Answer> {
        let text = match plain(&value) {
            Some(text) => text,
            None => self.scalar(run, value).await?,
        };
        let full = self.setting_name(name)?;
        let mut settings = self.settings();
        match &full {
            Name::Known(name) => {
                settings.put_from(name, &text, Origin::Set)?;
                self.check_sealed(&settings)?;
            }
            Name::Engine(name) => {
                self.engine.check_option(name, &text)?;
                settings.engine.insert(name.clone(), text);
                settings.origins.insert(name.clone(), Origin::Set);
            }
            Name::Parameter(name) => {
                settings.defaults.insert(name.clone(), text);
                settings.origins.insert(name.clone(), Origin::Set);
            }
        }
        *self.state.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
        Ok(Answer::done(run, format!("{full} set")))
    }

    pub(in crate::session) fn reset(&self, run: &Run, name: &[Ident]) -> Result<Answer> {
        let full = self.setting_name(name)?;
        let initial = self.state.initial.read().unwrap_or_else(PoisonError::into_inner).clone();
        let mut settings = self.settings();
        match &full {
            Name::Known(name) => settings.put(name, &initial.get(name).unwrap_or_default())?,
            Name::Engine(name) => back(&mut settings.engine, &initial.engine, name),
            Name::Parameter(name) => back(&mut settings.defaults, &initial.defaults, name),
        }
        back(&mut settings.origins, &initial.origins, &full.to_string());
        *self.state.settings.write().unwrap_or_else(PoisonError::into_inner) = settings;
        Ok(Answer::done(run, format!("{full} is back to its default")))
    }

    /// A session that began read-only stays so: a script must not take back what its caller asked for.
    fn check_sealed(&self, settings: &Settings) -> Result<()> {
        if settings.read_only || !self.sealed {
            return Ok(());
        }
        Err(Error::statement("this session began read-only, and stays so")
            .hint("run it without --read-only, or under another profile"))
    }

    /// The value of a setting, for SHOW.
    pub(in crate::session) fn setting(&self, name: &[Ident]) -> Result<(String, Option<String>)> {
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
            if let Some(known) = KNOWN.iter().find(|known| known.name == lower) {
                return Ok(Name::Known(known.name.to_owned()));
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
    pub(in crate::session) fn takes_parameter(&self, scope: &[&str], parameter: &str) -> Result<bool> {
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
            if service.parameters.contains(parameter) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn no_setting(&self, name: &str) -> Error {
        let error = Error::statement(format!("there is no setting `{name}`"));
        match nearest(name, KNOWN.iter().map(|known| known.name)) {
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

/// The value is again as the session began with it.
fn back<V: Clone>(values: &mut BTreeMap<String, V>, initial: &BTreeMap<String, V>, name: &str) {
    match initial.get(name) {
        Some(value) => drop(values.insert(name.to_owned(), value.clone())),
        None => drop(values.remove(name)),
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
pub(in crate::session) fn plain(value: &Expr) -> Option<String> {
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
