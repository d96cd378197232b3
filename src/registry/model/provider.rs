//! A provider: one API, how it is reached, and the services that it lists.
//! Plain data; knows no document format, no HTTP, no Arrow, no SQL.

use serde::{Deserialize, Serialize};

use super::super::config::Inherited;
use super::auth::AuthScheme;
use super::operation::Method;
use super::value::JsonPath;

/// A provider: one API with one way of signing in, and a list of services.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Provider {
    /// The first part of a table's name.
    pub name: String,
    /// Version of its documents.
    pub version: String,
    /// Title in a person's words.
    pub title: String,
    /// One or more sentences.
    pub description: String,
    /// Services in document order; their own documents are read only when one is named.
    pub services: Vec<ServiceEntry>,
    /// How to talk to it.
    pub access: Access,
    /// Why weir cannot talk to it, if it cannot: it is listed all the same.
    pub unsupported: Option<String>,
}

/// What provider.yaml says of a service, without its document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceEntry {
    /// `stream`: the second part of a table's name.
    pub name: String,
    /// Identifier as the document gives it.
    pub id: String,
    /// Title in a person's words.
    pub title: String,
    /// One or more sentences.
    pub description: String,
    /// Version of the document.
    pub version: String,
    /// Whether the document calls it the preferred version.
    pub preferred: bool,
    /// What its document inherits of provider.yaml.
    pub inherited: Inherited,
}

/// How a provider is reached: base URL, credentials, limits, and what its errors look like.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Access {
    /// Environment variable that replaces the documents' server, where set.
    pub base_url_variable: Option<String>,
    /// What the user has put in place of the documents' server.
    #[serde(skip)]
    pub base_url: Option<String>,
    /// The user chose the way to sign in: no document's counts.
    #[serde(skip)]
    pub chosen: bool,
    /// Ways to sign in; the first whose variables are all set is taken. Empty: none is needed.
    pub schemes: Vec<AuthScheme>,
    /// What to tell someone who has no credentials.
    pub credentials_help: Option<String>,
    /// At most this many requests at the same time.
    pub concurrent: usize,
    /// At most `requests` in any `seconds`, each window on its own.
    pub windows: Vec<RateWindow>,
    /// Where the answer says whether it succeeded; `false` there is a refusal whatever the status.
    pub success: Option<JsonPath>,
    /// Where error messages stand, tried in order.
    pub errors: Vec<ErrorShape>,
    /// Advice for some refusals, first match wins.
    pub hints: Vec<ErrorHint>,
    /// Header of an answer whose value names the request to the API's support.
    pub request_id: Option<String>,
}

impl Access {
    /// How a method is reached, which may be signed in to in a way of its own. The user's choice counts more than any
    /// document's.
    #[must_use]
    pub fn of(&self, method: &Method) -> Access {
        let mut access = self.clone();
        if let Some(own) = method.sign_in.as_deref().filter(|_| !self.chosen) {
            access.schemes = vec![own.clone()];
            access.credentials_help = None;
        }
        access
    }
}

/// A documented rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateWindow {
    /// Requests allowed in the window.
    pub requests: u32,
    /// Length of the window.
    pub seconds: u32,
}

/// Where an error answer keeps its messages: an array of objects, one object, or a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorShape {
    /// Path of the array or object.
    pub at: JsonPath,
    /// Key of the code in it.
    pub code: Option<String>,
    /// Key of the message in it.
    pub message: String,
}

/// Advice for a refusal with this status and, where given, this code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorHint {
    /// HTTP status, where it matters.
    pub status: Option<u16>,
    /// The API's own code, where it matters.
    pub code: Option<i64>,
    /// What to do.
    pub hint: String,
}
