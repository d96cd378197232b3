//! How a provider is reached, from its provider.yaml: base URL, limits, credentials, the form of its errors.
//! Owns the meaning of `config.auth` and of the provider's `x-weir`. Reads no variable: it keeps their names.

use serde_json::Value;

use super::document::Document;
use super::method;
use super::model::{Access, AuthScheme, ErrorHint, ErrorShape, RateWindow};
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
            AuthKeys::Bearer(from) => AuthScheme::Bearer(from.env),
            AuthKeys::Headers(headers) => AuthScheme::Headers(headers.into_iter().map(|(h, f)| (h, f.env)).collect()),
        })
        .collect();
    let path = |text: &str| method::path(text, &format!("{}: x-weir", document.file));
    let mut errors = Vec::new();
    for shape in keys.errors {
        errors.push(ErrorShape { at: path(&shape.at)?, code: shape.code, message: shape.message });
    }
    Ok(Access {
        base_url_variable: keys.base_url.map(|b| b.env),
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

/// StackQL's `config.auth`, in the form that needs no more than one variable.
fn stackql_auth(document: &Document) -> Vec<AuthScheme> {
    let auth = document.root.pointer("/config/auth");
    let text = |key: &str| auth.and_then(|a| a.get(key)).and_then(Value::as_str);
    match (text("type"), text("credentialsenvvar")) {
        (Some("bearer"), Some(variable)) => vec![AuthScheme::Bearer(variable.to_owned())],
        _ => Vec::new(),
    }
}
