//! Credentials: which way to sign in the variables allow, and where the credentials may travel.
//! Owns the choice of the scheme and the rule about plain http. Reads no environment: variables arrive as a map.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use url::{Host, Url};

use crate::error::{Error, Kind, Result};
use crate::registry::{Access, AuthScheme};
use crate::secret::{Redactor, Secret};

/// Headers that sign a request in.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    headers: Vec<(String, Secret)>,
}

impl Credentials {
    /// None at all, for an API that needs none.
    pub fn none() -> Self {
        Self::default()
    }

    /// Takes the first scheme whose variables are all set and not blank; `redactor` learns the values. Without schemes
    /// none are needed.
    ///
    /// # Errors
    /// When no scheme is complete, or a value cannot be sent as it is. The values are never shown.
    pub fn find(access: &Access, variables: &HashMap<String, String>, redactor: &Redactor) -> Result<Self> {
        if access.schemes.is_empty() {
            return Ok(Self::none());
        }
        let Some(scheme) = complete(access, variables) else { return Err(absent(access)) };
        let mut headers = Vec::new();
        for (header, variable) in parts(scheme) {
            let text = variables.get(variable).map(String::as_str).unwrap_or_default();
            redactor.learn(text);
            redactor.learn(text.trim());
            check(variable, text)?;
            headers.push((header.to_owned(), Secret::new(worded(scheme, text))));
        }
        Ok(Credentials { headers })
    }

    /// Header names and values, for the transport alone.
    pub(super) fn headers(&self) -> &[(String, Secret)] {
        &self.headers
    }

    /// Tells one set of credentials from another, within this process only.
    pub(super) fn fingerprint(&self) -> u64 {
        static STATE: OnceLock<RandomState> = OnceLock::new();
        let parts: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        STATE.get_or_init(RandomState::new).hash_one(parts)
    }

    /// One text for these credentials, the same in every process and whatever the order and the case of the header names.
    /// `hash` alone sees them; it should be keyed or salted, or short tokens could be guessed from what it gives.
    pub fn digest(&self, hash: impl Fn(&[u8]) -> String) -> String {
        let mut headers: Vec<(String, &str)> =
            self.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.expose())).collect();
        headers.sort_unstable();
        let mut bytes = Vec::new();
        for text in headers.iter().flat_map(|(name, value)| [name.as_str(), *value]) {
            // With its length in front, no text can pass for the end of the one before it.
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        hash(&bytes)
    }

    /// Refuses to send credentials in the clear: plain http is for this machine only.
    pub(super) fn allow(&self, url: &Url) -> Result<()> {
        if self.headers.is_empty() || url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)) {
            return Ok(());
        }
        let message =
            format!("credentials are not sent over plain http, and {} asks for it", url.origin().ascii_serialization());
        Err(Error::new(Kind::Usage, message).hint("Use https. Plain http is for 127.0.0.1, ::1 and localhost."))
    }
}

/// The headers that sign in, as one would write them in a shell: `Authorization`, `Bearer $TOKEN`. Those of the scheme
/// whose variables are set, else of the first; none where none is needed.
pub fn sign_in_placeholders<S: BuildHasher>(
    access: &Access,
    variables: &HashMap<String, String, S>,
) -> Vec<(String, String)> {
    let Some(scheme) = complete(access, variables).or_else(|| access.schemes.first()) else { return Vec::new() };
    let placeholder = |(header, variable): (&str, &str)| (header.to_owned(), worded(scheme, &format!("${variable}")));
    parts(scheme).into_iter().map(placeholder).collect()
}

/// The first scheme whose variables are all set and not blank.
fn complete<'a, S: BuildHasher>(access: &'a Access, variables: &HashMap<String, String, S>) -> Option<&'a AuthScheme> {
    let set = |name: &str| variables.get(name).is_some_and(|value| !value.trim().is_empty());
    access.schemes.iter().find(|scheme| parts(scheme).iter().all(|(_, variable)| set(variable)))
}

/// A header's value, made of a variable's.
fn worded(scheme: &AuthScheme, value: &str) -> String {
    match scheme {
        AuthScheme::Bearer(_) => format!("Bearer {value}"),
        AuthScheme::Headers(_) => value.to_owned(),
    }
}

fn parts(scheme: &AuthScheme) -> Vec<(&str, &str)> {
    match scheme {
        AuthScheme::Bearer(variable) => vec![("Authorization", variable)],
        AuthScheme::Headers(pairs) => {
            pairs.iter().map(|(header, variable)| (header.as_str(), variable.as_str())).collect()
        }
    }
}

fn absent(access: &Access) -> Error {
    let ways: Vec<String> = access
        .schemes
        .iter()
        .map(|scheme| parts(scheme).iter().map(|(_, variable)| *variable).collect::<Vec<_>>().join(" and "))
        .collect();
    let ways = ways.join(", or ");
    let hint = match &access.credentials_help {
        Some(help) => help.clone(),
        None => format!("Set {ways} in the environment."),
    };
    Error::new(Kind::Credentials, format!("no credentials: set {ways}")).hint(hint)
}

fn check(variable: &str, value: &str) -> Result<()> {
    let wrong = if value.trim() != value {
        "begins or ends with white space, as after a copy with its line break"
    } else if value.chars().any(char::is_control) {
        "holds a control character or a line break"
    } else if !value.is_ascii() {
        "holds characters that are not ASCII, as after a copy from a formatted page"
    } else {
        return Ok(());
    };
    Err(Error::new(Kind::Credentials, format!("the value of {variable} {wrong}"))
        .hint("Set it again, the bare value alone."))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access {
            schemes: vec![
                AuthScheme::Bearer("TOKEN".into()),
                AuthScheme::Headers(vec![("X-Key".into(), "KEY".into()), ("X-Email".into(), "EMAIL".into())]),
            ],
            credentials_help: Some("Make one at the dashboard.".into()),
            ..Access::default()
        }
    }

    fn find(pairs: &[(&str, &str)]) -> Result<Credentials> {
        let variables = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Credentials::find(&access(), &variables, &Redactor::default())
    }

    fn sent(credentials: &Credentials) -> Vec<(&str, &str)> {
        credentials.headers().iter().map(|(name, value)| (name.as_str(), value.expose())).collect()
    }

    #[test]
    fn the_first_complete_scheme_is_taken_and_blank_is_not_set() {
        let both = find(&[("TOKEN", "tok-123456"), ("KEY", "k"), ("EMAIL", "e")]).unwrap();
        assert_eq!(sent(&both), [("Authorization", "Bearer tok-123456")]);
        let second = find(&[("TOKEN", "  "), ("KEY", "k"), ("EMAIL", "e")]).unwrap();
        assert_eq!(sent(&second), [("X-Key", "k"), ("X-Email", "e")]);
        assert_ne!(both.fingerprint(), second.fingerprint());
        assert_eq!(both.fingerprint(), both.clone().fingerprint());
    }

    #[test]
    fn without_credentials_the_error_names_every_variable_and_the_help() {
        let error = find(&[("KEY", "k")]).unwrap_err();
        assert_eq!(error.kind(), Kind::Credentials);
        assert_eq!(error.message(), "no credentials: set TOKEN, or KEY and EMAIL");
        assert_eq!(error.hint_text(), Some("Make one at the dashboard."));
    }

    #[test]
    fn a_value_that_cannot_be_sent_is_an_error_that_does_not_show_it() {
        for bad in ["tok-123456\n", " tok-123456", "tok-12\n3456", "tok-123456é", "tok\u{7f}-123456"] {
            let error = find(&[("TOKEN", bad)]).unwrap_err();
            assert_eq!(error.kind(), Kind::Credentials);
            assert!(error.message().contains("TOKEN"), "{error}");
            assert!(!error.message().contains("tok"), "{error}");
        }
    }

    #[test]
    fn the_redactor_learns_the_value_and_debug_hides_it() {
        let redactor = Redactor::default();
        let variables = HashMap::from([("TOKEN".to_owned(), "tok-123456".to_owned())]);
        let credentials = Credentials::find(&access(), &variables, &redactor).unwrap();
        assert_eq!(redactor.clean("Bearer tok-123456!"), "Bearer ***!");
        assert!(!format!("{credentials:?}").contains("tok-"));
    }

    #[test]
    fn a_digest_tells_credentials_apart_and_is_the_same_in_every_process() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let of = |pairs: &[(&str, &str)]| {
            let headers = pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
            Credentials { headers }.digest(text)
        };
        // The bytes themselves: what a key of idempotency is made from must not change from version to version.
        assert_eq!(of(&[("X-A", "1")]), "\u{3}\0\0\0\0\0\0\0x-a\u{1}\0\0\0\0\0\0\x001");
        assert_eq!(of(&[("X-A", "1"), ("X-B", "2")]), of(&[("x-b", "2"), ("x-a", "1")]));
        let all = [&[("X-A", "1")][..], &[("X-A", "2")], &[("X-A", "1"), ("X-B", "")], &[("X-A", "1X-B")], &[]].map(of);
        for (at, one) in all.iter().enumerate() {
            assert!(!all[at + 1..].contains(one), "{all:?}");
        }
        assert_eq!(Credentials::none().digest(|bytes| format!("salted {}", bytes.len())), "salted 0");
    }

    #[test]
    fn placeholders_are_those_of_the_scheme_that_is_set_or_of_the_first_and_show_no_value() {
        let of = |pairs: &[(&str, &str)]| {
            let variables: HashMap<String, String> =
                pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
            sign_in_placeholders(&access(), &variables)
        };
        let pair = |header: &str, value: &str| (header.to_owned(), value.to_owned());
        let second = [pair("X-Key", "$KEY"), pair("X-Email", "$EMAIL")];
        assert_eq!(of(&[("KEY", "k-123456"), ("EMAIL", "e"), ("TOKEN", " ")]), second);
        for variables in [&[][..], &[("TOKEN", "tok-123456")], &[("KEY", "k-123456")]] {
            assert_eq!(of(variables), [pair("Authorization", "Bearer $TOKEN")], "{variables:?}");
        }
        assert!(sign_in_placeholders(&Access::default(), &HashMap::new()).is_empty());
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let credentials = find(&[("TOKEN", "tok-123456")]).unwrap();
        let allowed = |url: &str| credentials.allow(&Url::parse(url).unwrap()).is_ok();
        for url in
            ["https://api.example", "http://127.0.0.1:8", "http://127.9.9.9", "http://[::1]:80", "http://LOCALHOST"]
        {
            assert!(allowed(url), "{url}");
        }
        for url in
            ["http://api.example", "http://128.0.0.1", "http://localhost.example", "http://0.0.0.0", "http://[::2]"]
        {
            assert!(!allowed(url), "{url}");
        }
        assert!(Credentials::none().allow(&Url::parse("http://api.example").unwrap()).is_ok());
    }
}
