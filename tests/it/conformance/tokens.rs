//! Where the made-up server gives tokens: to a client that names itself as its document says, and to no other.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::compare::base64_text;

/// What the API's server wants to see then.
pub const TOKEN: &str = "made-up-token";

/// Where StackQL asks for Azure's tokens, and what for.
const AZURE: &str = "https://login.microsoftonline.com/{{ .__env__AZURE_TENANT_ID }}/oauth2/v2.0/token";
const AZURE_SCOPE: &str = "https://management.core.windows.net//.default";

/// Who may ask, for what, and where.
struct Client {
    id: String,
    secret: String,
    scope: String,
    path: String,
}

/// The server of one provider's tokens.
pub struct Tokens {
    /// What the session finds in its environment.
    pub variables: HashMap<String, String>,
    /// The scheme and host that the document names, and what stands for them.
    pub moved: Option<(String, String)>,
    task: JoinHandle<()>,
}

impl Drop for Tokens {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a variable holds, for whoever wants to know it again.
pub fn credential(variable: &str) -> String {
    format!("credential-{}", variable.to_lowercase())
}

impl Tokens {
    /// A server for `auth`, where that asks for tokens.
    pub async fn start(auth: &Value) -> Option<Tokens> {
        let word = |key: &str| auth.get(key).and_then(Value::as_str);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut variables = HashMap::new();
        let (template, names, scope) = match word("type")? {
            "azure_default" => {
                variables.insert("AZURE_AUTHORITY_HOST".to_owned(), format!("{url}/login.microsoftonline.com/"));
                (AZURE, ["AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"], AZURE_SCOPE.to_owned())
            }
            "oauth2" => {
                let scopes = auth.get("scopes").and_then(Value::as_array).into_iter().flatten();
                let scopes: Vec<&str> = scopes.filter_map(Value::as_str).collect();
                let names = [word("client_id_env_var")?, word("client_secret_env_var")?];
                (word("token_url")?, names, scopes.join(" "))
            }
            _ => return None,
        };
        let (scheme, rest) = template.split_once("://")?;
        let host = rest.split('/').next()?;
        let mut path = format!("/{rest}");
        while let Some((before, behind)) = path.clone().split_once("{{") {
            let (inside, after) = behind.split_once("}}")?;
            let name = inside.trim().strip_prefix(".__env__")?;
            variables.insert(name.to_owned(), credential(name));
            path = format!("{before}{}{after}", credential(name));
        }
        variables.extend(names.map(|name| (name.to_owned(), credential(name))));
        let client = Client { id: credential(names[0]), secret: credential(names[1]), scope, path };
        let app = Router::new().fallback(give).with_state(Arc::new(client));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let moved = Some((format!("{scheme}://{host}"), format!("{url}/{host}")));
        Some(Tokens { variables, moved, task })
    }
}

async fn give(State(client): State<Arc<Client>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let form: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let field = |name: &str| form.get(name).map(String::as_str);
    let pair = format!("Basic {}", base64_text(format!("{}:{}", client.id, client.secret).as_bytes()));
    let header = headers.get("authorization").and_then(|value| value.to_str().ok());
    let in_body = (field("client_id"), field("client_secret")) == (Some(&client.id), Some(&client.secret));
    let scope = Some(client.scope.as_str()).filter(|scope| !scope.is_empty());
    let right = uri.path() == client.path
        && field("grant_type") == Some("client_credentials")
        && field("scope") == scope
        && (header == Some(&pair) || (in_body && header.is_none()));
    if right {
        axum::Json(json!({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600})).into_response()
    } else {
        let told = json!({"error": "invalid_client", "error_description": format!("asked at {}", uri.path())});
        (StatusCode::UNAUTHORIZED, axum::Json(told)).into_response()
    }
}
