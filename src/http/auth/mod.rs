//! Credentials: which way to sign in is taken, what it puts into a request, and where credentials may travel.
//! Owns the choice of the scheme and the rule about plain http. Reads no environment, no file, and runs nothing:
//! credentials arrive through a [`Keyring`].

mod aws;
mod base64;
mod jwt;
mod keyring;
mod placeholder;
mod places;
mod token;

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use url::{Host, Url};

use super::call::{Call, Prepared};
use super::style::encode;
use super::target::{parsed, target};
use crate::error::{Error, Kind, Result};
use crate::registry::{
    Access, AuthScheme, AuthWay, CredentialPlace, CredentialSource, CredentialValue, Location, Parameter, Placed,
};
use crate::secret::{Redactor, Secret};
use aws::{AwsKeys, Known, Scope, Signable};
pub use keyring::{Keyring, Reader};
pub use placeholder::{Placeholders, placeholders};
pub use places::check_places;
pub(super) use token::{TokenSource, Tokens};

/// What signs requests in.
#[derive(Debug, Clone)]
pub struct Credentials(Signer);

#[derive(Debug, Clone)]
enum Signer {
    /// The same for every request.
    Placed(Vec<(CredentialPlace, Secret)>),
    /// A bearer token that is asked for when it is needed.
    Token(Arc<TokenSource>),
    /// A signature over each request; what for is known once the call is.
    Aws(Arc<AwsKeys>, Option<Scope>),
}

/// A request, signed in.
pub(super) struct Signed<'a> {
    pub(super) url: Cow<'a, Url>,
    pub(super) headers: Vec<(String, Secret)>,
}

impl Credentials {
    /// None at all, for an API that needs none.
    pub fn none() -> Self {
        Credentials(Signer::Placed(Vec::new()))
    }

    /// Takes the first scheme whose variables are all set and not blank; `redactor` learns the values. Without schemes
    /// none are needed.
    ///
    /// # Errors
    /// When no scheme is complete, or a value cannot be sent as it is. The values are never shown.
    pub fn find(access: &Access, keyring: &Keyring, redactor: &Redactor) -> Result<Self> {
        if access.schemes.is_empty() {
            return Ok(Self::none());
        }
        let Some(scheme) = keyring.choose(&access.schemes) else { return Err(absent(access)) };
        match &scheme.way {
            AuthWay::Open => Ok(Self::none()),
            AuthWay::Refused(reason) => Err(refused(reason)),
            AuthWay::Placed(placed) => {
                let texts = placed.iter().map(|p| Ok((p.place.clone(), written(p, keyring, redactor)?)));
                Ok(Credentials(Signer::Placed(texts.collect::<Result<_>>()?)))
            }
            AuthWay::ClientCredentials(client) => {
                Ok(Credentials(Signer::Token(Arc::new(TokenSource::client(client, keyring, redactor)?))))
            }
            AuthWay::ServiceAccount(account) => {
                Ok(Credentials(Signer::Token(Arc::new(TokenSource::account(account, keyring, redactor)?))))
            }
            AuthWay::AwsSignature(keys) => {
                let learnt = |source: &CredentialSource| {
                    let text = keyring.sendable(source)?;
                    redactor.learn(&text);
                    Ok::<_, Error>(text)
                };
                let token = CredentialSource::Variable(keys.session_token.clone());
                let session_token = match keyring.variable(&keys.session_token) {
                    Some(_) => Some(Secret::new(learnt(&token)?)),
                    None => None,
                };
                let secret = Secret::new(learnt(&keys.secret)?);
                let region =
                    keys.region.iter().find_map(|name| keyring.variable(name)).map(|name| name.trim().to_owned());
                let keys = AwsKeys { key_id: keyring.sendable(&keys.key_id)?, secret, session_token, region };
                Ok(Credentials(Signer::Aws(Arc::new(keys), None)))
            }
        }
    }

    /// Why there are none, as far as that is known without reading a file or running a command.
    #[must_use]
    pub fn absence(access: &Access, keyring: &Keyring) -> Option<Error> {
        match keyring.choose(&access.schemes).map(|scheme| &scheme.way) {
            None => (!access.schemes.is_empty()).then(|| absent(access)),
            Some(AuthWay::Refused(reason)) => Some(refused(reason)),
            Some(_) => None,
        }
    }

    /// The same credentials for one header.
    pub(super) fn header(name: &str, value: Secret) -> Self {
        Credentials(Signer::Placed(vec![(CredentialPlace::Header(name.to_owned()), value)]))
    }

    /// What must be known of a call to sign it, where anything must be. The document's own host counts, also where a
    /// base URL leads elsewhere: what a request is signed for does not depend on the way there.
    pub(super) fn scoped(&self, call: &Call) -> Result<Option<Self>> {
        let Signer::Aws(keys, None) = &self.0 else { return Ok(None) };
        let service = call.method.signed_for.as_deref();
        // The first page's, also where the API gave the link of this one: that leads the way the requests go.
        let meant = match target(call, None, false).and_then(|target| parsed(&target.text())) {
            Ok(url) => Some(url),
            // A base URL does without the host, and what stands in it.
            Err(_) if service.is_some() => None,
            Err(error) => return Err(error),
        };
        let named = |p: &&Parameter| p.name == "region" && matches!(p.location, Location::Server | Location::Path);
        let region = call.method.parameters.iter().find(named).and_then(|p| call.argument(&p.wire)?.as_str());
        let host = meant.as_ref().and_then(Url::host_str).unwrap_or_default();
        let scope = Scope::of(Known { host, service, region, usual: keys.region.as_deref() })?;
        Ok(Some(Credentials(Signer::Aws(Arc::clone(keys), Some(scope)))))
    }

    /// The source of tokens, where there is one.
    pub(super) fn token_source(&self) -> Option<&Arc<TokenSource>> {
        match &self.0 {
            Signer::Token(source) => Some(source),
            Signer::Placed(_) | Signer::Aws(..) => None,
        }
    }

    /// `prepared` with the credentials in their places. `token` is the one that the source of tokens gave.
    pub(super) fn sign<'a>(&self, prepared: &'a Prepared, token: Option<&Secret>) -> Result<Signed<'a>> {
        let mut signed = Signed { url: Cow::Borrowed(&prepared.url), headers: Vec::new() };
        match &self.0 {
            Signer::Placed(placed) => {
                for (place, value) in placed {
                    match place {
                        CredentialPlace::Header(name) => signed.headers.push((name.clone(), value.clone())),
                        CredentialPlace::Query(name) => signed.url = Cow::Owned(with_query(&signed.url, name, value)),
                    }
                }
            }
            Signer::Token(_) => {
                let value = token.map(|token| Secret::new(format!("Bearer {}", token.expose())));
                signed.headers.extend(value.map(|value| ("Authorization".to_owned(), value)));
            }
            Signer::Aws(_, None) => return Err(Error::new(Kind::Internal, "a request without a scope to sign it for")),
            Signer::Aws(keys, Some(scope)) => {
                let request = Signable {
                    verb: prepared.verb.as_str(),
                    url: &prepared.url,
                    headers: &prepared.headers,
                    body: prepared.body.as_deref().unwrap_or_default(),
                };
                signed.headers = keys.sign(request, scope, SystemTime::now())?;
            }
        }
        Ok(signed)
    }

    /// Tells one set of credentials from another, within this process only.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        static STATE: OnceLock<RandomState> = OnceLock::new();
        let secret = match &self.0 {
            Signer::Placed(_) => "",
            Signer::Token(source) => source.secret(),
            Signer::Aws(keys, _) => keys.secret.expose(),
        };
        STATE.get_or_init(RandomState::new).hash_one((self.identity(), secret))
    }

    /// Who signs in: names and texts. What changes by itself, as tokens do, is no part of it.
    fn identity(&self) -> Vec<(String, String)> {
        match &self.0 {
            Signer::Placed(placed) => {
                let text = |(place, value): &(CredentialPlace, Secret)| match place {
                    CredentialPlace::Header(name) => (name.to_ascii_lowercase(), value.expose().to_owned()),
                    CredentialPlace::Query(name) => (format!("?{name}"), value.expose().to_owned()),
                };
                placed.iter().map(text).collect()
            }
            Signer::Token(source) => source.identity(),
            Signer::Aws(keys, _) => vec![(":aws".to_owned(), keys.key_id.clone())],
        }
    }

    /// One text for these credentials, the same in every process and whatever the order and the case of the header names.
    /// `hash` alone sees them; it should be keyed or salted, or short tokens could be guessed from what it gives.
    pub fn digest(&self, hash: impl Fn(&[u8]) -> String) -> String {
        let mut identity = self.identity();
        identity.sort_unstable();
        let mut bytes = Vec::new();
        for text in identity.iter().flat_map(|(name, value)| [name, value]) {
            // With its length in front, no text can pass for the end of the one before it.
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        }
        hash(&bytes)
    }

    /// Refuses to send credentials in the clear: plain http is for this machine only.
    pub(super) fn allow(&self, url: &Url) -> Result<()> {
        match &self.0 {
            Signer::Placed(placed) if placed.is_empty() => Ok(()),
            _ => not_in_the_clear(url),
        }
    }
}

/// Refuses a URL that would carry a secret in the clear.
fn not_in_the_clear(url: &Url) -> Result<()> {
    if url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)) {
        return Ok(());
    }
    let message =
        format!("credentials are not sent over plain http, and {} asks for it", url.origin().ascii_serialization());
    Err(Error::new(Kind::Usage, message).hint("Use https. Plain http is for 127.0.0.1, ::1 and localhost."))
}

/// The value of a header or parameter. The redactor learns it, and what it is made of.
fn written(placed: &Placed, keyring: &Keyring, redactor: &Redactor) -> Result<Secret> {
    for source in placed.value.sources() {
        let text = keyring.text(source)?;
        redactor.learn(&text);
        redactor.learn(text.trim());
    }
    let text = match &placed.value {
        CredentialValue::Prefixed(prefix, source) => {
            let text = keyring.sendable(source)?;
            // StackQL passes over some prefixes, so that users have put them into their variables.
            if prefix.is_empty() || text.starts_with(prefix.as_str()) { text } else { format!("{prefix}{text}") }
        }
        CredentialValue::Basic(prefix, source) => {
            let text = keyring.sendable(source)?;
            // Base64 has no colon.
            let encoded = if text.contains(':') { base64::standard(text.as_bytes()) } else { text };
            redactor.learn(&encoded);
            format!("{prefix}{encoded}")
        }
        CredentialValue::Pair(prefix, user, password) => {
            let (user, password) = (keyring.text(user)?, keyring.text(password)?);
            if user.contains(':') {
                return Err(Error::new(Kind::Credentials, "the user's name holds a colon, which no server can read")
                    .hint("User and password are two variables; each holds its own part alone."));
            }
            let encoded = base64::standard(format!("{}:{}", bare(&user), bare(&password)).as_bytes());
            redactor.learn(&encoded);
            format!("{prefix}{encoded}")
        }
    };
    if let CredentialPlace::Query(_) = placed.place {
        redactor.learn(&encode(&text));
    }
    Ok(Secret::new(text))
}

/// Without the line break that a copy leaves behind.
fn bare(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

/// `url` with the parameter, once: an API may have given it back in a link.
fn with_query(url: &Url, name: &str, value: &Secret) -> Url {
    let is_named =
        |pair: &&str| url::form_urlencoded::parse(pair.as_bytes()).next().is_some_and(|(found, _)| found == name);
    let pairs = url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let mut query: Vec<String> = pairs.filter(|pair| !is_named(pair)).map(str::to_owned).collect();
    query.push(format!("{}={}", encode(name), encode(value.expose())));
    let mut url = url.clone();
    url.set_query(Some(&query.join("&")));
    url
}

fn absent(access: &Access) -> Error {
    let ways: Vec<String> = access.schemes.iter().map(|scheme| scheme.variables().join(" and ")).collect();
    let ways = ways.join(", or ");
    let hint = match &access.credentials_help {
        Some(help) => help.clone(),
        None => {
            let other = access.schemes.iter().find_map(AuthScheme::help);
            let other = other.map(|help| format!(" {help}")).unwrap_or_default();
            format!("Set {ways} in the environment.{other}")
        }
    };
    Error::new(Kind::Credentials, format!("no credentials: set {ways}")).hint(hint)
}

fn refused(reason: &str) -> Error {
    Error::new(Kind::Credentials, reason)
        .hint("--auth '{\"provider\": {\"type\": ...}}' signs in another way; docs/registry.md has the types.")
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
    use crate::http::call::prepare;
    use crate::http::scripted::{keyring, method};
    use crate::registry::HttpVerb;

    fn access() -> Access {
        Access {
            schemes: vec![
                AuthScheme::bearer("TOKEN"),
                AuthScheme::headers([("X-Key".into(), "KEY".into()), ("X-Email".into(), "EMAIL".into())]),
            ],
            credentials_help: Some("Make one at the dashboard.".into()),
            ..Access::default()
        }
    }

    fn find(pairs: &[(&str, &str)]) -> Result<Credentials> {
        Credentials::find(&access(), &keyring(pairs), &Redactor::default())
    }

    fn sent(credentials: &Credentials) -> Vec<(String, String)> {
        let call = Call::new(Arc::new(method(HttpVerb::Get, "/x")), Vec::new());
        let prepared = prepare(&call, None).unwrap();
        let signed = credentials.sign(&prepared, None).unwrap();
        signed.headers.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_first_complete_scheme_is_taken_and_blank_is_not_set() {
        let both = find(&[("TOKEN", "tok-123456"), ("KEY", "k"), ("EMAIL", "e")]).unwrap();
        assert_eq!(sent(&both), [pair("Authorization", "Bearer tok-123456")]);
        let second = find(&[("TOKEN", "  "), ("KEY", "k"), ("EMAIL", "e")]).unwrap();
        assert_eq!(sent(&second), [pair("X-Key", "k"), pair("X-Email", "e")]);
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
    fn where_azures_variables_are_not_set_its_own_tool_may_give_the_token() {
        let scheme =
            crate::registry::scheme(&serde_json::json!({"type": "azure_default"}), crate::registry::Author::Document);
        let access = Access { schemes: vec![scheme.unwrap()], ..Access::default() };
        let error = Credentials::find(&access, &keyring(&[]), &Redactor::default()).unwrap_err();
        assert_eq!(error.message(), "no credentials: set AZURE_TENANT_ID and AZURE_CLIENT_ID and AZURE_CLIENT_SECRET");
        assert!(error.hint_text().unwrap_or_default().contains("get-access-token"), "{error:?}");
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
        let credentials = Credentials::find(&access(), &keyring(&[("TOKEN", "tok-123456")]), &redactor).unwrap();
        assert_eq!(redactor.clean("Bearer tok-123456!"), "Bearer ***!");
        assert!(!format!("{credentials:?}").contains("tok-"));
    }

    #[test]
    fn a_digest_tells_credentials_apart_and_is_the_same_in_every_process() {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let of = |pairs: &[(&str, &str)]| {
            let header = |name: &str| CredentialPlace::Header(name.to_owned());
            let placed = pairs.iter().map(|(name, value)| (header(name), Secret::new(*value))).collect();
            Credentials(Signer::Placed(placed)).digest(text)
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
        let of = |pairs: &[(&str, &str)]| placeholders(&access(), &keyring(pairs)).headers;
        let second = [pair("X-Key", "$KEY"), pair("X-Email", "$EMAIL")];
        assert_eq!(of(&[("KEY", "k-123456"), ("EMAIL", "e"), ("TOKEN", " ")]), second);
        for variables in [&[][..], &[("TOKEN", "tok-123456")], &[("KEY", "k-123456")]] {
            assert_eq!(of(variables), [pair("Authorization", "Bearer $TOKEN")], "{variables:?}");
        }
        assert_eq!(placeholders(&Access::default(), &keyring(&[])), Placeholders::default());
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
