//! What was given and what was sent: the same value in another dress, or another value; and who signed it.

use serde_json::Value;

use super::document::Service;
use super::server::Seen;
use super::signature;
use super::tokens::{TOKEN, credential};

/// The first field that is not as it was given.
pub fn differs(wished: &Value, sent: &str) -> String {
    let sent: Value = serde_json::from_str(sent).unwrap_or_default();
    let (Some(wished), Some(sent)) = (wished.as_object(), sent.as_object()) else { return "another kind".to_owned() };
    for (key, value) in wished {
        match sent.get(key) {
            None => return format!("`{key}` is lost ({})", word(value)),
            Some(other) if other != value => return format!("`{key}` was {} and is {}", word(value), word(other)),
            Some(_) => {}
        }
    }
    "there is more in it".to_owned()
}

pub fn word(value: &Value) -> String {
    match value {
        Value::String(text) if text.is_empty() => "an empty text".to_owned(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    }
}

pub fn same_text(value: &Value, text: &str) -> bool {
    match value {
        Value::String(wished) => wished == text || (wished.ends_with('Z') && wished.get(..19) == text.get(..19)),
        Value::Array(items) => {
            let parts: Vec<String> = items.iter().map(plain).collect();
            [",", " ", "|"].iter().any(|by| parts.join(by) == text)
                || serde_json::from_str(text).ok().as_ref() == Some(value)
        }
        Value::Number(number) => text.parse::<f64>().ok() == number.as_f64(),
        other => serde_json::from_str(text).ok().as_ref() == Some(other),
    }
}

pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Why the request is not signed in as the provider's config says.
pub fn signed_in(provider: &Value, service: &Service, seen: &Seen) -> Option<String> {
    let mut at = provider.pointer("/config/auth");
    while let Some(auth) = at {
        let word = |key: &str| auth.get(key).and_then(Value::as_str);
        let value = |key: &str| word(key).map(credential);
        let kind = word("type")?;
        let expected = match kind {
            "service_account" => format!("Bearer {}", super::account::TOKEN),
            "bearer" => format!("Bearer {}", value("credentialsenvvar")?),
            "basic" => {
                let (user, password) = value("username_var").zip(value("password_var"))?;
                format!("Basic {}", base64_text(format!("{user}:{password}").as_bytes()))
            }
            "oauth2" | "azure_default" => format!("Bearer {TOKEN}"),
            "api_key" | "custom" => {
                format!("{}{}", word("valuePrefix").unwrap_or_default(), value("credentialsenvvar")?)
            }
            "aws_signing_v4" => {
                let (id, secret) = value("keyIDenvvar").zip(value("credentialsenvvar"))?;
                return signature::wrong((&seen.request, &seen.said), service, (&id, &secret));
            }
            _ => return None,
        };
        let name = word("name").unwrap_or("Authorization");
        let sent = if word("location") == Some("query") {
            let pairs = url::form_urlencoded::parse(seen.request.query.as_bytes());
            pairs.into_owned().find(|(found, _)| found == name).map(|(_, value)| value)
        } else {
            seen.request.header(name).map(str::to_owned)
        };
        if sent.as_ref() != Some(&expected) {
            return Some(format!("it is not signed in (auth `{kind}`)"));
        }
        at = auth.get("successor");
    }
    None
}

pub fn base64_text(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut made = String::new();
    for chunk in bytes.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let all = (at(0) << 16) | (at(1) << 8) | at(2);
        for i in 0..4_u32 {
            let letter = LETTERS[((all >> (18 - 6 * i)) & 63) as usize];
            made.push(if i as usize <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    made
}
