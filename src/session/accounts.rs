//! The user's own ways to providers, and catalogs, which are further names for them: `two accounts in one query`.
//! Owns what may be said of an account; files are read elsewhere. A secret itself is never taken, only where it is found.

use serde_json::{Map, Value};

use super::{Origin, Session};
use crate::error::{Error, Kind, Place, Result, nearest};
use crate::plan::{OWN_CATALOG, SYSTEM_CATALOG};
use crate::registry::{AuthScheme, AuthWay, Author, CredentialSource, Registry, Way, scheme};

/// A way to a provider, under the provider's own name or another.
#[derive(Debug, Clone)]
pub struct Account {
    /// The catalog in SQL. Where it is the provider's own name, this replaces the way of its documents.
    pub name: String,
    /// Whose documents.
    pub provider: String,
    /// In place of the documents' server.
    pub base_url: Option<String>,
    /// Where the credentials are found: `{"env": NAME}`, `{"file": PATH}`, `{"command": [..]}`, or, with a `type`, the keys
    /// of `--auth`.
    pub credentials: Option<Value>,
    /// Defaults of parameters, `parameter` or `service.parameter`, each with its place.
    pub defaults: Vec<(String, String, Place)>,
    /// Who says so.
    pub origin: Origin,
    /// Where it is described.
    pub place: Place,
}

/// Short forms, and what `--auth` calls them.
const SOURCES: [(&str, &str); 3] =
    [("env", "credentialsenvvar"), ("file", "credentialsfilepath"), ("command", "command")];

/// Keys of `--auth` whose value is a secret.
const SECRETS: [&str; 4] = ["api_key", "api_secret", "password", "client_secret"];

/// Makes the ways of `accounts` those of the registry: first the providers' own, which catalogs take over.
pub fn apply(registry: &mut Registry, accounts: &[Account]) -> Result<()> {
    let (own, named): (Vec<&Account>, Vec<&Account>) = accounts.iter().partition(|a| a.name == a.provider);
    for account in own {
        let way = way(registry, account).map_err(|error| error.at(account.place.clone()))?;
        registry.reach(&account.name, &way)?;
    }
    for account in named {
        let added = check_name(&account.name)
            .and_then(|()| way(registry, account))
            .and_then(|way| registry.add_name(&account.name, &account.provider, &way));
        added.map_err(|error| error.at(account.place.clone()))?;
    }
    Ok(())
}

fn check_name(name: &str) -> Result<()> {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !plain || name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() {
        return Err(Error::new(Kind::Usage, format!("`{name}` is no name for a catalog"))
            .hint("small letters, digits and _, as it stands in SQL without quotes"));
    }
    match name == OWN_CATALOG || name == SYSTEM_CATALOG {
        true => Err(Error::new(Kind::Usage, format!("the catalog `{name}` is weir's own")).hint("take another name")),
        false => Ok(()),
    }
}

fn way(registry: &Registry, account: &Account) -> Result<Way> {
    let provider = registry.provider(&account.provider).map_err(|error| {
        let told = Error::new(Kind::Usage, error.message());
        error.hint_text().into_iter().fold(told, Error::hint)
    })?;
    let wrong = |what: String| {
        Error::new(Kind::Usage, format!("{}: credentials: {what}", account.name))
            .hint("env, file or command says where they are; docs/settings.md has more ways")
    };
    let scheme = match &account.credentials {
        None => None,
        Some(value) => Some(signing(value, &provider.access.schemes).map_err(wrong)?),
    };
    Ok(Way { base_url: account.base_url.clone(), scheme })
}

/// The way to sign in that `credentials` describes: the documents' own with another source, or one with a `type`.
fn signing(credentials: &Value, known: &[AuthScheme]) -> Result<AuthScheme, String> {
    let Some(given) = credentials.as_object() else {
        return Err("a table says where they are found, such as { env = \"NAME\" }; they do not stand here".to_owned());
    };
    let full = spelled(given)?;
    if given.contains_key("type") {
        return scheme(&Value::Object(full), Author::User);
    }
    if let Some(other) = given.keys().find(|key| !SOURCES.iter().any(|(short, _)| short == key)) {
        let names = SOURCES.iter().map(|(short, _)| *short).chain(["type"]);
        return Err(match nearest(other, names) {
            Some(near) => format!("there is no key `{other}`; did you mean `{near}`?"),
            None => format!("the key `{other}` needs a `type` beside it"),
        });
    }
    if given.len() != 1 {
        return Err("one of env, file and command is needed".to_owned());
    }
    let source = source(full)?;
    AuthScheme::with_source(known, &source).ok_or_else(|| {
        "the provider's documents do not take one credential; a `type` is needed, as in --auth".to_owned()
    })
}

/// The same with the names of `--auth`, and no secret in it.
fn spelled(given: &Map<String, Value>) -> Result<Map<String, Value>, String> {
    let mut full = Map::new();
    for (key, value) in given {
        if SECRETS.contains(&key.as_str()) {
            return Err(format!(
                "`{key}` holds a secret, and no secret stands in this file; a variable, a file or a command gives it"
            ));
        }
        let long = SOURCES.iter().find(|(short, _)| short == key).map_or(key.as_str(), |(_, long)| *long);
        let value = match (key.as_str(), value) {
            ("env", Value::String(name)) if !is_variable(name) => {
                return Err("`env` is the name of an environment variable, not what is in it".to_owned());
            }
            ("successor", Value::Object(inner)) => Value::Object(spelled(inner)?),
            (_, value) => value.clone(),
        };
        full.insert(long.to_owned(), value);
    }
    Ok(full)
}

/// A token in the place of a name would be shown as one.
fn is_variable(name: &str) -> bool {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    first && name.len() <= 64 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn source(mut keys: Map<String, Value>) -> Result<CredentialSource, String> {
    keys.insert("type".to_owned(), Value::from("bearer"));
    match scheme(&Value::Object(keys), Author::User)?.way {
        AuthWay::Placed(placed) => placed.first().and_then(|p| p.value.sources().first().map(|s| (*s).clone())),
        _ => None,
    }
    .ok_or_else(|| "one of env, file and command is needed".to_owned())
}

impl Session {
    /// The defaults of parameters that accounts give, as SET names them.
    pub(super) fn defaults_of(&self, accounts: &[Account]) -> Result<Vec<(String, String, Origin)>> {
        let mut all = Vec::new();
        for account in accounts {
            for (name, value, place) in &account.defaults {
                let (mut scope, parameter) = (vec![account.name.as_str()], name.rsplit('.').next().unwrap_or(name));
                scope.extend(name.rsplit_once('.').map(|(service, _)| service));
                let taken = self.takes_parameter(&scope, parameter).map_err(|error| error.at(place.clone()))?;
                if !taken {
                    let message = format!("no method of `{}` takes a parameter `{parameter}`", scope.join("."));
                    return Err(Error::new(Kind::Usage, message)
                        .at(place.clone())
                        .hint("SHOW METHODS and DESCRIBE list the parameters by their SQL names"));
                }
                all.push((format!("{}.{name}", account.name), value.clone(), account.origin.clone()));
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kind(credentials: &Value) -> Result<String, String> {
        let known =
            [AuthScheme::headers([("A".into(), "a".into()), ("B".into(), "b".into())]), AuthScheme::bearer("T")];
        signing(credentials, &known).map(|scheme| format!("{} {:?}", scheme.kind, scheme.variables()))
    }

    #[test]
    fn a_source_takes_the_place_of_the_documents_own_or_a_type_says_all() {
        assert_eq!(kind(&json!({"env": "MINE"})).unwrap(), "bearer [\"MINE\"]");
        assert_eq!(kind(&json!({"file": "~/key"})).unwrap(), "bearer []");
        assert_eq!(kind(&json!({"type": "api_key", "name": "X-Key", "env": "MINE"})).unwrap(), "api_key [\"MINE\"]");
        let two = [AuthScheme::headers([("A".into(), "a".into()), ("B".into(), "b".into())])];
        assert!(signing(&json!({"env": "MINE"}), &two).unwrap_err().contains("`type` is needed"));
    }

    #[test]
    fn a_secret_is_refused_and_never_repeated() {
        for credentials in [
            json!("tok-123456"),
            json!({"env": "tok-123456"}),
            json!({"api_key": "tok-123456"}),
            json!({"type": "basic", "username": "me", "password": "tok-123456"}),
            json!({"type": "custom", "name": "A", "env": "A", "successor": {"name": "B", "api_key": "tok-123456"}}),
        ] {
            let error = kind(&credentials).unwrap_err();
            assert!(!error.contains("tok-"), "{error}");
        }
        assert!(kind(&json!({"enw": "A"})).unwrap_err().contains("did you mean `env`?"));
        assert!(kind(&json!({"env": "A", "file": "b"})).unwrap_err().contains("one of"));
    }
}
