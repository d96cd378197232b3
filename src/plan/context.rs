//! What a statement carries while it runs: client, exchanges with providers, defaults, warnings. Plan nodes hold
//! descriptions only and find this in the session's configuration when they execute.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use tokio::time::Instant;

use datafusion::common::DataFusionError;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::context::SessionConfig;

use super::errors;
use super::progress::Progress;
use super::scan::answers::Answers;
use super::warnings::Warnings;
use crate::error::{Error, Kind, Result};
use crate::http::{Budget, Call, Client, Credentials, Exchange, Keyring, Notices, check_places};
use crate::registry::{Access, AuthScheme, Method, Parameter, Registry, Resource};
use crate::secret::{MASK, Redactor};

/// Values for parameters that a statement does not give: those SET in the session, then the environment.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// `provider.parameter` or `provider.service.parameter`, as SET.
    pub set: BTreeMap<String, String>,
    /// Environment variables that documents may name.
    pub variables: Arc<HashMap<String, String>>,
    /// What the environment could give and does not counts as given: nothing is sent.
    pub stand_ins: bool,
}

/// What stands for a value of the environment in a statement that is only checked.
const STAND_IN: &str = "checked";

impl Defaults {
    /// The default of a parameter: the service's, the provider's, the environment's, the document's own.
    #[must_use]
    pub fn of(&self, provider: &str, service: &str, parameter: &Parameter) -> Option<String> {
        let names = [format!("{provider}.{service}.{}", parameter.name), format!("{provider}.{}", parameter.name)];
        let from_session = names.iter().find_map(|name| self.set.get(name)).cloned();
        let variable = || parameter.variable.as_ref().and_then(|v| self.variables.get(v)).filter(|v| !v.is_empty());
        from_session
            .or_else(|| variable().cloned())
            .or_else(|| parameter.constant.clone())
            .or_else(|| (self.stand_ins && parameter.variable.is_some()).then(|| STAND_IN.to_owned()))
    }
}

/// A provider, and the ways to sign in to it.
pub type SignedIn = (String, Vec<AuthScheme>);

/// One statement's way to the providers.
pub struct StatementContext {
    /// What exists.
    pub registry: Arc<Registry>,
    /// Sends requests.
    pub client: Client,
    /// Number of the statement in its session.
    pub statement: u64,
    /// Values for parameters that the statement does not give.
    pub defaults: Defaults,
    /// Where credentials are found.
    pub keyring: Keyring,
    /// Environment variables: base URLs, and what documents name.
    pub variables: Arc<HashMap<String, String>>,
    /// What to tell the user besides the rows.
    pub warnings: Warnings,
    /// Keeps secrets out of texts.
    pub redactor: Redactor,
    /// When the statement must have ended.
    pub deadline: Option<Instant>,
    /// How many requests it may send.
    pub budget: Budget,
    /// Told at once, while the statement runs.
    pub notices: Notices,
    /// The session made a table of secret values: what comes from its own tables may be secret.
    pub own_secrets: bool,
    /// Values must not stand in the engine's messages: the statement reads secret columns.
    pub values_hidden: AtomicBool,
    /// How far its reads have come.
    pub progress: Progress,
    /// Answers that equal requests of the statement share.
    pub answers: Answers,
    /// One for each provider that was asked so far, and each way to sign in to it, or why there is none.
    pub exchanges: Exchanges,
}

/// How the providers of a statement are reached, each looked up once however many requests wait for it.
pub type Exchanges = Mutex<Vec<(SignedIn, Arc<OnceCell<Result<Arc<Exchange>>>>)>>;

impl fmt::Debug for StatementContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatementContext({})", self.statement)
    }
}

impl StatementContext {
    /// The context that `config` carries.
    ///
    /// # Errors
    /// When a plan is run outside a weir session.
    pub fn of(config: &SessionConfig) -> Result<Arc<StatementContext>> {
        config.get_extension::<StatementContext>().ok_or_else(|| {
            Error::new(Kind::Internal, "this plan runs outside a weir session")
                .hint("run it through weir::Session, or add a StatementContext to the SessionConfig")
        })
    }

    /// The base URL in force for a provider, where the user or the environment replaces its own.
    ///
    /// # Errors
    /// When the provider is not known, or user and environment do not agree: a request to the wrong one of two servers
    /// cannot be taken back.
    pub fn base_url(&self, provider: &str) -> Result<Option<String>> {
        let provider = self.registry.provider(provider)?;
        let name = provider.access.base_url_variable.as_ref();
        let variable = name.and_then(|name| Some((name, self.variables.get(name).filter(|v| !v.is_empty())?)));
        match (&provider.access.base_url, variable) {
            (Some(own), Some((name, other))) if own.trim_end_matches('/') != other.trim_end_matches('/') => {
                let message = format!("`{}` has two base URLs: the configuration's, and {name}'s", provider.name);
                Err(Error::new(Kind::Usage, message).hint(format!("unset {name}, or choose another profile")))
            }
            (Some(own), _) => Ok(Some(own.clone())),
            (None, variable) => Ok(variable.map(|(_, url)| url.clone())),
        }
    }

    /// The exchange for a method of a provider: its credentials are looked up at the first request. What fails, fails for
    /// all requests of the statement that are signed in to in the same way.
    ///
    /// # Errors
    /// When no credentials are set, or they cannot be right.
    pub async fn exchange_for(&self, provider: &str, method: &Method) -> Result<Arc<Exchange>> {
        let access = self.registry.provider(provider)?.access.of(method);
        let key = (provider.to_owned(), access.schemes.clone());
        let exchange = {
            let mut exchanges = self.exchanges.lock().unwrap_or_else(PoisonError::into_inner);
            match exchanges.iter().find(|(known, _)| *known == key) {
                Some((_, known)) => known.clone(),
                None => {
                    exchanges.push((key.clone(), Arc::default()));
                    exchanges.last().map(|(_, new)| new.clone()).unwrap_or_default()
                }
            }
        };
        let found = exchange.get_or_init(|| self.sign_in(provider, access)).await.clone();
        // Outside of weir's own sessions all statements are one, and the next may do better.
        if found.is_err() && self.statement == 0 {
            self.exchanges.lock().unwrap_or_else(PoisonError::into_inner).retain(|(known, _)| *known != key);
        }
        found
    }

    async fn sign_in(&self, provider: &str, access: Access) -> Result<Arc<Exchange>> {
        let access = Arc::new(access);
        let credentials = self.credentials(&access).await?;
        Ok(Arc::new(Exchange {
            access,
            credentials,
            base_url: self.base_url(provider)?,
            deadline: self.deadline,
            statement: self.statement,
            redactor: self.redactor.clone(),
            budget: self.budget.clone(),
            notices: self.notices.clone(),
        }))
    }

    /// Looks them up beside the runtime: a command may take as long as a person needs to unlock a store.
    async fn credentials(&self, access: &Arc<Access>) -> Result<Credentials> {
        let (access, keyring, redactor) = (access.clone(), self.keyring.clone(), self.redactor.clone());
        let found = SpawnedTask::spawn_blocking(move || Credentials::find(&access, &keyring, &redactor)).join();
        let found = match self.deadline {
            None => found.await,
            Some(deadline) => tokio::time::timeout_at(deadline, found).await.map_err(|_| {
                Error::new(Kind::Network, "the statement's time ran out while its credentials were looked up")
                    .hint("Give the statement more time, or see what the command does that gives the credentials.")
            })?,
        };
        found.map_err(|e| Error::new(Kind::Internal, format!("credentials could not be looked up: {e}")))?
    }

    /// Refuses a call that gives a value where the provider's credential stands. No credential is looked up.
    ///
    /// # Errors
    /// When the call gives one, or the provider is not known.
    pub fn check_places(&self, provider: &str, call: &Call) -> Result<()> {
        check_places(&self.registry.provider(provider)?.access.of(&call.method), &self.keyring, call)
    }

    /// From now on the engine's messages show no values.
    pub fn hide_values(&self) {
        self.values_hidden.store(true, Ordering::Relaxed);
    }

    /// An error that tells of values of a row, as this statement may show it.
    #[must_use]
    pub fn without_values(&self, error: Error) -> Error {
        if self.values_hidden.load(Ordering::Relaxed) { error.map_text(mask_quoted) } else { error }
    }

    /// An error of the engine as this statement may show it.
    #[must_use]
    pub fn told(&self, error: DataFusionError) -> Error {
        let own = errors::is_own(&error);
        let error = errors::unwrap(error);
        let error =
            if !own && self.values_hidden.load(Ordering::Relaxed) { error.map_text(mask_quoted) } else { error };
        error.redacted(&self.redactor)
    }

    /// For someone who has set nothing up: a parameter that the environment would supply is missing, and so are the
    /// credentials, of which to speak first. `error` in any other case. `fits` tells whether the statement would do if
    /// the environment supplied all that it can.
    #[must_use]
    pub fn set_up_first(
        &self,
        error: Error,
        provider: &str,
        fits: impl FnOnce(&dyn Fn(&Parameter) -> bool) -> bool,
    ) -> Error {
        let Ok(provider) = self.registry.provider(provider) else { return error };
        match Credentials::absence(&provider.access, &self.keyring) {
            Some(missing) if !self.defaults.stand_ins && fits(&|p| p.variable.is_some()) => missing,
            _ => error,
        }
    }

    /// The default of a resource's parameter.
    #[must_use]
    pub fn default_of(&self, resource: &Resource, parameter: &Parameter) -> Option<String> {
        self.defaults.of(&resource.provider, &resource.service, parameter)
    }
}

/// What stands in quotes becomes `***`.
fn mask_quoted(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(['\'', '"', '`']) {
        let mark = &rest[start..=start];
        let Some(length) = rest[start + 1..].rfind(mark) else { break };
        masked.push_str(&rest[..start]);
        masked.push_str(mark);
        masked.push_str(MASK);
        masked.push_str(mark);
        rest = &rest[start + length + 2..];
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::mask_quoted;

    #[test]
    fn what_is_quoted_is_masked_to_the_last_quote() {
        assert_eq!(mask_quoted("Cannot cast string 'it's a key' to value"), "Cannot cast string '***' to value");
        assert_eq!(mask_quoted("no quotes, one ' mark"), "no quotes, one ' mark");
    }
}
