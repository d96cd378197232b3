//! The account of a service, made up: a key that is given to weir, and a server that gives a token for a statement signed
//! with it, and for nothing else.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::server::Server;
use crate::auth::{TEST_KEY, decoded};

/// What requests must carry then.
pub const TOKEN: &str = "made-up-token-of-an-account";

const EMAIL: &str = "made-up@project.example";

/// The key of an account, as its file is; its server runs as long as the runtime.
pub async fn key() -> String {
    let (url, listener) = Server::listen().await;
    let place = format!("{url}/token");
    let app = Router::new().route("/token", post(exchange)).with_state(place.clone());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    json!({
        "type": "service_account",
        "project_id": "made-up",
        "private_key_id": "made-up-key",
        "private_key": TEST_KEY,
        "client_email": EMAIL,
        "token_uri": place,
    })
    .to_string()
}

async fn exchange(State(place): State<String>, body: Bytes) -> (StatusCode, Json<Value>) {
    match refusal(&place, &body) {
        None => (StatusCode::OK, Json(json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3599}))),
        Some(why) => {
            (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant", "error_description": why.to_owned()})))
        }
    }
}

/// Why the statement is worth no token.
fn refusal(place: &str, body: &[u8]) -> Option<&'static str> {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let part = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    if part("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
        return Some("the grant is another");
    }
    let Some((signed, signature)) = part("assertion").rsplit_once('.') else { return Some("no statement") };
    let der = PrivatePkcs8KeyDer::from_pem_slice(TEST_KEY.as_bytes()).unwrap();
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
    if public.verify(signed.as_bytes(), &decoded(signature)).is_err() {
        return Some("the signature is another's");
    }
    let claims = signed.split_once('.').map(|(_, claims)| decoded(claims)).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&claims).unwrap_or_default();
    if claims["iss"] != EMAIL || claims["aud"] != place {
        return Some("the statement is another's");
    }
    claims["scope"].as_str().is_none_or(|scope| !scope.contains("://")).then_some("it asks for no scope")
}
