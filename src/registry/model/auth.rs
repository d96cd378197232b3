//! Ways to sign in, as documents and the command line name them. Names and places of credentials; a credential itself
//! only where somebody gave it on the command line. Plain data: nothing is looked up here.

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// One way to sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthScheme {
    /// What it is called where it was written: `bearer`, `oauth2`.
    pub kind: String,
    /// What it does.
    pub way: AuthWay,
}

/// What signing in does to a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuthWay {
    /// Nothing: the API needs no credentials.
    Open,
    /// Headers and query parameters that are the same for every request.
    Placed(Vec<Placed>),
    /// A bearer token that is asked for by a client's id and secret (RFC 6749, 4.4).
    ClientCredentials(Box<ClientCredentials>),
    /// A bearer token that is asked for by a signed statement (RFC 7523), as Google's service accounts do.
    ServiceAccount(ServiceAccount),
    /// A signature over each request, AWS's version 4.
    AwsSignature(AwsSignature),
    /// It cannot be used: why.
    Refused(String),
}

/// One header or query parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Where it stands.
    pub place: CredentialPlace,
    /// What stands there.
    pub value: CredentialValue,
}

/// Where a credential stands in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialPlace {
    /// A header of this name.
    Header(String),
    /// A query parameter of this name.
    Query(String),
}

/// How a credential is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialValue {
    /// As it is, behind a prefix that may be empty.
    Prefixed(String, CredentialSource),
    /// The Base64 of `user:password`, behind a prefix: `Basic `.
    Pair(String, CredentialSource, CredentialSource),
    /// The prefix, and the source's text: Base64 already, or `user:password`.
    Basic(String, CredentialSource),
}

/// A client that asks for its tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientCredentials {
    /// Where tokens are given, cut at what variables supply.
    pub token_url: Vec<TextPart>,
    /// Who asks.
    pub client_id: CredentialSource,
    /// By what.
    pub client_secret: CredentialSource,
    /// What the token is for.
    pub scopes: Vec<String>,
    /// Further fields of the request.
    pub values: Vec<(String, String)>,
    /// Where id and secret stand.
    pub style: ClientStyle,
}

/// A piece of a text with variables in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextPart {
    /// As it is.
    Literal(String),
    /// A variable's value, or the default where it has one.
    Variable(String, Option<String>),
}

/// Where a client's id and secret stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientStyle {
    /// In the header; where the server refuses that, in the body.
    Either,
    /// In the body.
    Body,
    /// In the header.
    Header,
}

/// An account that signs for its tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAccount {
    /// The account's key file, JSON.
    pub key: CredentialSource,
    /// What the token is for.
    pub scopes: Vec<String>,
    /// For whom it acts, where not for itself.
    pub subject: Option<String>,
}

/// What signs requests to AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsSignature {
    /// The access key's id.
    pub key_id: CredentialSource,
    /// The access key's secret.
    pub secret: CredentialSource,
    /// Variable of the session's token, which temporary keys have.
    pub session_token: String,
    /// Variables of the region that is signed for where nothing else says one; the first that is set.
    pub region: Vec<String>,
}

/// Where a credential comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialSource {
    /// An environment variable.
    Variable(String),
    /// A file.
    File(String),
    /// The file that an environment variable names.
    FileOf(String),
    /// What a command prints. Never a document's: a document runs nothing.
    Command(Vec<String>),
    /// Itself, from the command line.
    #[serde(skip)]
    Given(Secret),
    /// A text that is no secret: a client's id in a document.
    Known(String),
}

impl CredentialSource {
    /// The environment variable that must be set for it.
    #[must_use]
    pub fn variable(&self) -> Option<&str> {
        match self {
            CredentialSource::Variable(name) | CredentialSource::FileOf(name) => Some(name),
            _ => None,
        }
    }

    /// Its name for a person: never the credential.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            CredentialSource::Variable(name) => name.clone(),
            CredentialSource::File(path) => format!("file {path}"),
            CredentialSource::FileOf(name) => format!("the file that {name} names"),
            // Arguments of a command may be secret; its name is not.
            CredentialSource::Command(words) => format!("command {}", words.first().map_or("", String::as_str)),
            CredentialSource::Given(_) => "given inline".to_owned(),
            CredentialSource::Known(text) => text.clone(),
        }
    }
}

impl AuthScheme {
    /// A bearer token of this variable.
    #[must_use]
    pub fn bearer(variable: impl Into<String>) -> Self {
        let value = CredentialValue::Prefixed("Bearer ".to_owned(), CredentialSource::Variable(variable.into()));
        AuthScheme::placed("bearer", vec![Placed::header("Authorization", value)])
    }

    /// Headers with the values of variables: (header, variable).
    #[must_use]
    pub fn headers(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let placed = pairs.into_iter().map(|(header, variable)| {
            Placed::header(header, CredentialValue::Prefixed(String::new(), CredentialSource::Variable(variable)))
        });
        AuthScheme::placed("headers", placed.collect())
    }

    /// Credentials at their places.
    #[must_use]
    pub fn placed(kind: &str, placed: Vec<Placed>) -> Self {
        AuthScheme { kind: kind.to_owned(), way: AuthWay::Placed(placed) }
    }

    /// What else can be done where its variables are not set.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        (self.kind == "azure_default").then_some(
            "Or sign in with the token of Azure's own tool: --auth '{\"PROVIDER\": {\"type\": \"bearer\", \"command\": \
             [\"az\", \"account\", \"get-access-token\", \"--query\", \"accessToken\", \"--output\", \"tsv\"]}}'. Managed \
             identities and the other ways of Azure's default are not supported.",
        )
    }

    /// Every source that must give something, in the order of the document.
    #[must_use]
    pub fn sources(&self) -> Vec<&CredentialSource> {
        match &self.way {
            AuthWay::Open | AuthWay::Refused(_) => Vec::new(),
            AuthWay::Placed(placed) => placed.iter().flat_map(|p| p.value.sources()).collect(),
            AuthWay::ClientCredentials(client) => vec![&client.client_id, &client.client_secret],
            AuthWay::ServiceAccount(account) => vec![&account.key],
            AuthWay::AwsSignature(keys) => vec![&keys.key_id, &keys.secret],
        }
    }

    /// Whether all its variables are set and not blank. Files and commands are taken to be there.
    pub fn is_set<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.variables().iter().all(|name| value(name).is_some_and(|text| !text.trim().is_empty()))
    }

    /// Every variable that must be set.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        let parts = match &self.way {
            AuthWay::ClientCredentials(client) => client.token_url.as_slice(),
            _ => &[],
        };
        let in_url = parts.iter().filter_map(|part| match part {
            TextPart::Variable(name, None) => Some(name.as_str()),
            _ => None,
        });
        in_url.chain(self.sources().into_iter().filter_map(CredentialSource::variable)).collect()
    }
}

impl Placed {
    /// A header.
    #[must_use]
    pub fn header(name: impl Into<String>, value: CredentialValue) -> Self {
        Placed { place: CredentialPlace::Header(name.into()), value }
    }
}

impl CredentialValue {
    /// Where its parts come from.
    #[must_use]
    pub fn sources(&self) -> Vec<&CredentialSource> {
        match self {
            CredentialValue::Prefixed(_, source) | CredentialValue::Basic(_, source) => vec![source],
            CredentialValue::Pair(_, user, password) => vec![user, password],
        }
    }
}
