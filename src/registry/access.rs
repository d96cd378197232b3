//! How a provider is reached, from its provider.yaml: base URL, limits, credentials, the form of its errors.
//! Owns the meaning of `config.auth` and of the provider's `x-weir`. Reads no variable: it keeps their names.

use serde_json::Value;

use super::document::Document;
use super::method;
use super::model::{Access, AuthScheme, AuthWay, ErrorHint, ErrorShape, RateWindow};
use super::sign_in::{self, Author};
use super::weir_keys::{self, AuthKeys, ProviderKeys};
use crate::error::Result;

/// Requests at the same time where the document says nothing.
const DEFAULT_CONCURRENT: usize = 8;

/// The header that most APIs name a request by.
const DEFAULT_REQUEST_ID: &str = "x-request-id";

/// The access that a provider.yaml describes.
pub fn access(document: &Document) -> Result<Access> {
    let keys: ProviderKeys = weir_keys::read(&document.root, &document.file)?;
    let schemes: Vec<AuthScheme> = keys
        .auth
        .into_iter()
        .map(|scheme| match scheme {
            AuthKeys::Bearer(from) => AuthScheme::bearer(from.env),
            AuthKeys::Headers(headers) => AuthScheme::headers(headers.into_iter().map(|(h, f)| (h, f.env))),
        })
        .collect();
    let path = |text: &str| method::path(text, &format!("{}: x-weir", document.file));
    let mut errors = Vec::new();
    for shape in keys.errors {
        errors.push(ErrorShape { at: path(&shape.at)?, code: shape.code, message: shape.message });
    }
    Ok(Access {
        base_url_variable: keys.base_url.map(|b| b.env),
        base_url: None,
        chosen: false,
        schemes: if schemes.is_empty() { stackql_auth(document) } else { schemes },
        credentials_help: keys.credentials_help,
        concurrent: keys.limits.concurrent.unwrap_or(DEFAULT_CONCURRENT).max(1),
        windows: keys
            .limits
            .windows
            .into_iter()
            .map(|w| RateWindow { requests: w.requests.max(1), seconds: w.seconds.max(1) })
            .collect(),
        success: keys.success.as_deref().map(path).transpose()?,
        errors,
        hints: keys.hints.into_iter().map(|h| ErrorHint { status: h.status, code: h.code, hint: h.hint }).collect(),
        request_id: Some(method::header(
            keys.request_id.unwrap_or_else(|| DEFAULT_REQUEST_ID.to_owned()),
            &format!("{}: x-weir.request_id", document.file),
        )?),
    })
}

/// StackQL's `config.auth`. What cannot be understood is an error for those who use the provider, and no one else.
fn stackql_auth(document: &Document) -> Vec<AuthScheme> {
    let auth = document.root.pointer("/config/auth").filter(|auth| !auth.is_null());
    auth.map(|auth| documented(auth, &document.file)).into_iter().collect()
}

/// The way that a document's `config.auth` says.
pub fn documented(auth: &Value, file: &str) -> AuthScheme {
    let refused = |reason: String| {
        let kind = auth.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        AuthScheme { kind, way: AuthWay::Refused(format!("{file}: config.auth {reason}")) }
    };
    sign_in::scheme(auth, Author::Document).unwrap_or_else(refused)
}
