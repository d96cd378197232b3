//! Tokens that are asked for: by a client's id and secret, or by an account's signed statement. Kept in memory until
//! shortly before they expire, and asked for once however many requests wait.
//! Must not know calls. A token's URL is never followed elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::sync::Mutex as Turn;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::jwt::AccountKey;
use super::{Credentials, Keyring, base64, not_in_the_clear};
use crate::error::{Error, Kind, Result};
use crate::http::attempts::Attempts;
use crate::http::call::Prepared;
use crate::http::client::{Client, Course};
use crate::http::exchange::Exchange;
use crate::http::transport::Incoming;
use crate::registry::{Access, ClientCredentials, ClientStyle, CredentialSource, HttpVerb, ServiceAccount};
use crate::secret::{Redactor, Secret};

/// A token is no longer used this long before it expires, or a tenth of its life before, if that is less.
const EARLY: Duration = Duration::from_mins(1);

/// Who asks for tokens, and where.
#[derive(Debug)]
pub struct TokenSource {
    url: Url,
    grant: Grant,
    scopes: Vec<String>,
    /// What to look at when the server says no.
    check: String,
}

#[derive(Debug)]
enum Grant {
    Client { id: String, secret: Secret, values: Vec<(String, String)>, style: ClientStyle },
    Account { key: Box<AccountKey>, subject: Option<String>, secret: Secret },
}

/// A request for a token.
struct Form {
    header: Option<Secret>,
    body: String,
}

#[derive(Debug)]
struct Token {
    text: Secret,
    expires: Option<Instant>,
}

impl Token {
    fn is_good(&self) -> bool {
        self.expires.is_none_or(|expires| Instant::now() < expires)
    }
}

/// What came of asking.
#[derive(Debug, Default)]
struct Got {
    token: Option<Token>,
    /// The statement whose asking was refused, and the words: its other requests need not ask again.
    refused: Option<(u64, Error)>,
}

type Slot = Arc<Turn<Got>>;

/// The tokens of a session, by the fingerprint of who asked. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Tokens(Arc<Mutex<HashMap<u64, Slot>>>);

impl Tokens {
    fn slot(&self, fingerprint: u64) -> Slot {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(fingerprint).or_default().clone()
    }
}

impl TokenSource {
    pub fn client(client: &ClientCredentials, keyring: &Keyring, redactor: &Redactor) -> Result<TokenSource> {
        let secret = keyring.sendable(&client.client_secret)?;
        redactor.learn(&secret);
        let check = format!("Check {} and {}.", client.client_id.label(), client.client_secret.label());
        let grant = Grant::Client {
            id: keyring.sendable(&client.client_id)?,
            secret: Secret::new(secret),
            values: client.values.clone(),
            style: client.style,
        };
        Ok(TokenSource { url: place(&keyring.filled(&client.token_url))?, grant, scopes: client.scopes.clone(), check })
    }

    pub fn account(account: &ServiceAccount, keyring: &Keyring, redactor: &Redactor) -> Result<TokenSource> {
        let text = key_text(&account.key, keyring)?;
        let label = account.key.label();
        let key = AccountKey::read(&text, &label)?;
        redactor.learn(&text);
        let url = place(&key.token_url)?;
        let grant = Grant::Account { key: Box::new(key), subject: account.subject.clone(), secret: Secret::new(text) };
        Ok(TokenSource { url, grant, scopes: account.scopes.clone(), check: format!("Check {label}.") })
    }

    /// What the asking is proved with.
    pub fn secret(&self) -> &str {
        match &self.grant {
            Grant::Client { secret, .. } | Grant::Account { secret, .. } => secret.expose(),
        }
    }

    /// Who asks, and for what.
    pub fn identity(&self) -> Vec<(String, String)> {
        let (id, subject) = match &self.grant {
            Grant::Client { id, .. } => (id.clone(), None),
            Grant::Account { key, subject, .. } => (key.email.clone(), subject.clone()),
        };
        let mut identity = vec![
            (":token_url".to_owned(), self.url.to_string()),
            (":client".to_owned(), id),
            (":scopes".to_owned(), self.scopes.join(" ")),
        ];
        identity.extend(subject.map(|subject| (":subject".to_owned(), subject)));
        identity
    }

    /// The requests that may bring a token; the next is for a server that does not take the one before.
    fn forms(&self) -> Result<Vec<Form>> {
        let (id, secret, values, style) = match &self.grant {
            Grant::Client { id, secret, values, style } => (id, secret, values, *style),
            Grant::Account { key, subject, .. } => {
                let assertion = key.assertion(&self.scopes, subject.as_deref(), SystemTime::now())?;
                let body = Serializer::new(String::new())
                    .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
                    .append_pair("assertion", &assertion)
                    .finish();
                return Ok(vec![Form { header: None, body }]);
            }
        };
        let body = |with_secret: bool| {
            let mut body = Serializer::new(String::new());
            body.append_pair("grant_type", "client_credentials");
            if !self.scopes.is_empty() {
                body.append_pair("scope", &self.scopes.join(" "));
            }
            body.extend_pairs(values);
            if with_secret {
                body.append_pair("client_id", id).append_pair("client_secret", secret.expose());
            }
            body.finish()
        };
        // RFC 6749, 2.3.1: both are encoded as in a form before they become user and password.
        let form = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = base64::standard(format!("{}:{}", form(id), form(secret.expose())).as_bytes());
        let in_header = Form { header: Some(Secret::new(format!("Basic {pair}"))), body: body(false) };
        let in_body = Form { header: None, body: body(true) };
        Ok(match style {
            ClientStyle::Header => vec![in_header],
            ClientStyle::Body => vec![in_body],
            ClientStyle::Either => vec![in_header, in_body],
        })
    }

    fn prepared(&self, body: String) -> Prepared {
        let mut shown = self.url.clone();
        shown.set_query(None);
        let label = format!("POST {shown}");
        let headers = [("Accept", "application/json"), ("Content-Type", "application/x-www-form-urlencoded")];
        Prepared {
            verb: HttpVerb::Post,
            url: self.url.clone(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: Some(body.into_bytes()),
            shown_url: shown.to_string(),
            shown_body: None,
            label,
            secrets: Vec::new(),
            page_header: None,
        }
    }

    /// The token of an answer.
    fn token(&self, answer: &Incoming, redactor: &Redactor) -> Result<Token> {
        let root: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let part = |name: &str| root.get(name).and_then(Value::as_str).unwrap_or_default();
        let refused = |why: &str| {
            let message = format!("{} gave no token: {why}", self.url.origin().ascii_serialization());
            Error::new(Kind::Credentials, redactor.clean(&message)).hint(self.check.clone())
        };
        if !(200..300).contains(&answer.status) {
            let words = [part("error"), part("error_description")]
                .iter()
                .filter(|w| !w.is_empty())
                .copied()
                .collect::<Vec<_>>();
            let error = refused(format!("it answered {} {}", answer.status, words.join(": ")).trim_end());
            let busy = answer.status == 429 || answer.status >= 500;
            return Err(if busy { error.with_kind(Kind::Network) } else { error });
        }
        let text = part("access_token");
        redactor.learn(text);
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(refused("its answer has no `access_token` that could be sent"));
        }
        if !matches!(part("token_type").to_lowercase().as_str(), "" | "bearer") {
            return Err(refused("its token is not a bearer's"));
        }
        // Some servers write the number as a text.
        let seconds = root.get("expires_in").and_then(|v| v.as_f64().or_else(|| v.as_str()?.parse().ok()));
        let life = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
        let expires = life.and_then(|life| Instant::now().checked_add(life.saturating_sub(EARLY.min(life / 10))));
        Ok(Token { text: Secret::new(text), expires })
    }
}

/// The key of an account. A variable may hold it, or name its file, as for Google's own tools.
fn key_text(source: &CredentialSource, keyring: &Keyring) -> Result<String> {
    let text = keyring.text(source)?;
    let named = text.trim();
    if !matches!(source, CredentialSource::Variable(_)) || named.starts_with('{') || named.contains('\n') {
        return Ok(text);
    }
    // What is no file may be a secret in the wrong place: the reader's error would show it.
    Ok(keyring.text(&CredentialSource::File(named.to_owned())).unwrap_or(text))
}

/// A token's URL. Secrets go there: it is checked before anything is asked.
fn place(text: &str) -> Result<Url> {
    let url = Url::parse(text).map_err(|error| {
        Error::new(Kind::Credentials, format!("the URL where tokens are given is no URL: {error}"))
            .hint("It is `token_url` of the provider's auth, or `token_uri` of the key file.")
    })?;
    not_in_the_clear(&url)?;
    Ok(url)
}

impl Client {
    /// A token that is good, asked for if none is at hand. `refused` is one that an API did not take.
    pub(in crate::http) fn token<'a>(
        &'a self,
        exchange: &'a Exchange,
        source: &'a TokenSource,
        refused: Option<&'a Secret>,
    ) -> BoxFuture<'a, Result<Secret>> {
        async move {
            let slot = self.tokens.slot(exchange.credentials.fingerprint());
            let mut slot = slot.lock().await;
            if let Some(token) = slot.token.as_ref().filter(|token| token.is_good() && Some(&token.text) != refused) {
                return Ok(token.text.clone());
            }
            slot.token = None;
            // Number 0 is that of all statements outside of weir's own sessions.
            let same = |(statement, _): &&(u64, Error)| *statement == exchange.statement && *statement != 0;
            if let Some((_, error)) = slot.refused.as_ref().filter(same) {
                return Err(error.clone());
            }
            let asked = self.ask(exchange, source).await;
            let wrong = asked.as_ref().err().filter(|error| error.kind() == Kind::Credentials);
            slot.refused = wrong.map(|error| (exchange.statement, error.clone()));
            Ok(slot.token.insert(asked?).text.clone())
        }
        .boxed()
    }

    async fn ask(&self, exchange: &Exchange, source: &TokenSource) -> Result<Token> {
        let access = Access { concurrent: 1, ..Access::default() };
        let mut asking = Exchange { access: Arc::new(access), credentials: Credentials::none(), ..exchange.clone() };
        let mut forms = source.forms()?.into_iter().peekable();
        loop {
            let Some(Form { header, body }) = forms.next() else {
                return Err(Error::new(Kind::Internal, "no way to ask for a token"));
            };
            asking.credentials = header.map_or_else(Credentials::none, |h| Credentials::header("Authorization", h));
            let prepared = source.prepared(body);
            // A token that nobody uses does no harm: the request may be repeated.
            let attempts = Attempts::open(self, &asking, true, &prepared);
            let (answer, _) = attempts.run(&mut Course::default()).await?;
            if matches!(answer.status, 400 | 401) && forms.peek().is_some() {
                continue;
            }
            return source.token(&answer, &exchange.redactor);
        }
    }
}
