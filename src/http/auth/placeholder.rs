//! What signs in, as one would write it in a shell: the names of variables in place of their values.

use crate::registry::{Access, AuthWay, CredentialPlace, CredentialSource, CredentialValue};

use super::Keyring;

/// Headers and query parameters that sign in, without a credential in them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placeholders {
    /// `Authorization`, `Bearer $TOKEN`
    pub headers: Vec<(String, String)>,
    /// `api_key`, `$KEY`
    pub query: Vec<(String, String)>,
}

/// Those of the scheme whose variables are set, else of the first; none where none is needed.
pub fn placeholders(access: &Access, keyring: &Keyring) -> Placeholders {
    let mut found = Placeholders::default();
    let Some(scheme) = keyring.choose(&access.schemes).or_else(|| access.schemes.first()) else { return found };
    match &scheme.way {
        AuthWay::Open | AuthWay::Refused(_) => {}
        AuthWay::ClientCredentials(_) | AuthWay::ServiceAccount(_) => {
            found.headers.push(("Authorization".to_owned(), "Bearer $ACCESS_TOKEN".to_owned()));
        }
        AuthWay::AwsSignature(_) => {
            found.headers.push(("Authorization".to_owned(), "AWS4-HMAC-SHA256 $SIGNATURE".to_owned()));
        }
        AuthWay::Placed(placed) => {
            for one in placed {
                let value = written(&one.value, keyring);
                match &one.place {
                    CredentialPlace::Header(name) => found.headers.push((name.clone(), value)),
                    CredentialPlace::Query(name) => found.query.push((name.clone(), value)),
                }
            }
        }
    }
    found
}

fn written(value: &CredentialValue, keyring: &Keyring) -> String {
    match value {
        CredentialValue::Prefixed(prefix, source) => format!("{prefix}{}", named(source)),
        CredentialValue::Basic(prefix, source) => {
            let plain = source.variable().and_then(|name| keyring.variable(name)).is_some_and(|v| v.contains(':'));
            if plain { encoded(prefix, &named(source)) } else { format!("{prefix}{}", named(source)) }
        }
        CredentialValue::Pair(prefix, user, password) => {
            encoded(prefix, &format!("{}:{}", named(user), named(password)))
        }
    }
}

fn encoded(prefix: &str, text: &str) -> String {
    format!("{prefix}$(printf %s \"{text}\" | base64 | tr -d '\\n')")
}

fn named(source: &CredentialSource) -> String {
    match source {
        CredentialSource::Variable(name) => format!("${name}"),
        CredentialSource::FileOf(name) => format!("$(cat \"${name}\")"),
        CredentialSource::File(path) => format!("$(cat '{}')", path.replace('\'', "'\\''")),
        CredentialSource::Command(_) | CredentialSource::Given(_) => "$CREDENTIAL".to_owned(),
        CredentialSource::Known(text) => text.clone(),
    }
}
