//! The statement that a service account signs to be given a token (RFC 7523): a JWT under RS256.
//! Owns the form of the account's key file. Sends nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::base64;
use crate::error::{Error, Kind, Result};

/// How long a statement is good for; the longest that Google takes.
const LIFETIME: Duration = Duration::from_hours(1);

/// An account's key file.
#[derive(Debug)]
pub struct AccountKey {
    pub email: String,
    pub token_url: String,
    key_id: Option<String>,
    key: RsaKeyPair,
}

impl AccountKey {
    /// Reads a key file. `place` is where it is from, for errors; what stands in it is never shown.
    pub fn read(text: &str, place: &str) -> Result<AccountKey> {
        let wrong = |what: &str| {
            Error::new(Kind::Credentials, format!("{place} is no key of a service account: {what}"))
                .hint("It is the JSON file that is made with the account's key, whole.")
        };
        let root: Value = serde_json::from_str(text).map_err(|_| wrong("it is no JSON, and names no file of it"))?;
        let part = |name: &str| root.get(name).and_then(Value::as_str);
        if let Some(kind @ ("authorized_user" | "external_account" | "impersonated_service_account")) = part("type") {
            return Err(wrong(&format!("it is of the type {kind}, which is not supported")));
        }
        let pem = part("private_key").ok_or_else(|| wrong("it has no `private_key`"))?;
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| wrong("its `private_key` is no PKCS#8 key in PEM"))?;
        let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der())
            .map_err(|_| wrong("its `private_key` is no RSA key of 2048 bits or more"))?;
        Ok(AccountKey {
            email: part("client_email").ok_or_else(|| wrong("it has no `client_email`"))?.to_owned(),
            token_url: part("token_uri").ok_or_else(|| wrong("it has no `token_uri`"))?.to_owned(),
            key_id: part("private_key_id").map(str::to_owned),
            key,
        })
    }

    /// The signed statement.
    pub fn assertion(&self, scopes: &[String], subject: Option<&str>, now: SystemTime) -> Result<String> {
        let issued = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(id) = &self.key_id {
            header["kid"] = json!(id);
        }
        let mut claims = json!({
            "iss": self.email,
            "scope": scopes.join(" "),
            "aud": self.token_url,
            "iat": issued.as_secs(),
            "exp": (issued + LIFETIME).as_secs(),
        });
        if let Some(subject) = subject {
            claims["sub"] = json!(subject);
        }
        let text =
            format!("{}.{}", base64::url(header.to_string().as_bytes()), base64::url(claims.to_string().as_bytes()));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| Error::new(Kind::Internal, "the account's key cannot sign"))?;
        Ok(format!("{text}.{}", base64::url(&signature)))
    }
}
