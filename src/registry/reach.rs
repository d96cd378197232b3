//! The user's ways to providers: other credentials, another base URL, and further names for a provider, each with a way of
//! its own. Owns what a name takes over from the provider it stands for. Looks nothing up.

use std::sync::Arc;

use super::model::{AuthScheme, AuthWay, CredentialSource, CredentialValue};
use super::source::Registry;
use crate::error::{Error, Kind, Result};

/// What differs from the way that a provider's documents describe.
#[derive(Debug, Clone, Default)]
pub struct Way {
    /// In place of the documents' server.
    pub base_url: Option<String>,
    /// The one way to sign in.
    pub scheme: Option<AuthScheme>,
}

impl Registry {
    /// From now on the provider is signed in to by `scheme` alone, whatever its document says.
    ///
    /// # Errors
    /// When the provider is not known.
    pub fn sign_in(&mut self, provider: &str, scheme: &AuthScheme) -> Result<()> {
        self.reach(provider, &Way { scheme: Some(scheme.clone()), ..Way::default() })
    }

    /// From now on the provider is reached this way.
    ///
    /// # Errors
    /// When the provider is not known.
    pub fn reach(&mut self, provider: &str, way: &Way) -> Result<()> {
        self.provider(provider)?;
        let entries = self.read.get_mut().into_iter().flatten();
        for entry in entries.filter(|e| e.provider.name == provider) {
            let access = &mut Arc::make_mut(&mut entry.provider).access;
            if let Some(base_url) = &way.base_url {
                access.base_url = Some(base_url.clone());
            }
            if let Some(scheme) = &way.scheme {
                access.schemes = vec![scheme.clone()];
                access.chosen = true;
                access.credentials_help = None;
            }
        }
        Ok(())
    }

    /// From now on `name` is a provider too: the same documents as `provider`'s, reached as that is but for its own way.
    ///
    /// # Errors
    /// When the provider is not known, or the name is taken.
    pub fn add_name(&mut self, name: &str, provider: &str, way: &Way) -> Result<()> {
        self.provider(provider)?;
        if self.has_provider(name) {
            return Err(Error::new(Kind::Usage, format!("there is a provider `{name}` already"))
                .hint("a catalog needs a name of its own"));
        }
        let entries = self.read.get_mut().into_iter().flatten();
        let Some(mut entry) = entries.into_iter().find(|e| e.provider.name == provider).cloned() else { return Ok(()) };
        name.clone_into(&mut Arc::make_mut(&mut entry.provider).name);
        self.read.get_mut().into_iter().for_each(|entries| entries.push(entry.clone()));
        self.reach(name, way)
    }
}

impl AuthScheme {
    /// The first of `schemes` that takes one credential, taking it from `source`. None: there is no such.
    #[must_use]
    pub fn with_source(schemes: &[AuthScheme], source: &CredentialSource) -> Option<AuthScheme> {
        let moved = |scheme: &AuthScheme| match &scheme.way {
            AuthWay::Placed(placed) => match placed.as_slice() {
                [only] => {
                    let mut only = only.clone();
                    match &mut only.value {
                        CredentialValue::Prefixed(_, from) | CredentialValue::Basic(_, from) => *from = source.clone(),
                        CredentialValue::Pair(..) => return None,
                    }
                    Some(AuthScheme { kind: scheme.kind.clone(), way: AuthWay::Placed(vec![only]) })
                }
                _ => None,
            },
            AuthWay::ServiceAccount(account) => {
                let mut account = account.clone();
                account.key = source.clone();
                Some(AuthScheme { kind: scheme.kind.clone(), way: AuthWay::ServiceAccount(account) })
            }
            _ => None,
        };
        schemes.iter().find_map(moved)
    }
}
