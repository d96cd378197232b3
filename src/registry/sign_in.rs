//! StackQL's auth objects: `config.auth` of a document, and the values of `--auth`. Owns their keys and what each type
//! means (read from StackQL's any-sdk). Looks nothing up and runs nothing.

use serde_json::{Map, Value};

use super::method;
use super::model::{
    AuthScheme, AuthWay, AwsSignature, ClientCredentials, ClientStyle, CredentialPlace, CredentialSource,
    CredentialValue, Placed, ServiceAccount, TextPart,
};
use crate::error::nearest;
use crate::secret::Secret;

/// Every key that any type has.
const KEYS: [&str; 31] = [
    "type",
    "scopes",
    "valuePrefix",
    "name",
    "location",
    "successor",
    "sub",
    "values",
    "keyID",
    "keyIDenvvar",
    "credentialsenvvar",
    "credentialsfilepath",
    "credentialsfilepathenvvar",
    "command",
    "username",
    "password",
    "username_var",
    "password_var",
    "api_key",
    "api_secret",
    "api_key_var",
    "api_secret_var",
    "token_url",
    "grant_type",
    "client_id",
    "client_secret",
    "client_id_env_var",
    "client_secret_env_var",
    "auth_style",
    "account_id",
    "account_id_env_var",
];

const TYPES: [&str; 10] = [
    "bearer",
    "basic",
    "api_key",
    "custom",
    "oauth2",
    "service_account",
    "aws_signing_v4",
    "azure_default",
    "null_auth",
    "interactive",
];

/// What a service account asks for where nobody says it (any-sdk).
const ACCOUNT_SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";

/// What `azure_default` asks for (any-sdk); the two slashes are meant.
const AZURE_SCOPE: &str = "https://management.core.windows.net//.default";

/// Who wrote an auth object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// A document: it holds no secret, and runs nothing.
    Document,
    /// The user.
    User,
}

/// The way to sign in that `value` describes.
///
/// # Errors
/// A sentence without the values, which may be secrets.
pub fn scheme(value: &Value, author: Author) -> Result<AuthScheme, String> {
    let keys = Keys::of(value, author)?;
    let kind = match keys.text("type")? {
        Some(kind) => kind.to_lowercase(),
        // As any-sdk infers it.
        None if keys.source().is_ok() => "service_account".to_owned(),
        None if author == Author::Document => "null_auth".to_owned(),
        None => return Err(format!("needs a `type`: {}", TYPES.join(", "))),
    };
    let way = match kind.as_str() {
        "bearer" => AuthWay::Placed(vec![keys.authorization("Bearer ")?]),
        "basic" => AuthWay::Placed(vec![keys.basic()?]),
        "api_key" => AuthWay::Placed(vec![keys.api_key()?]),
        "custom" => AuthWay::Placed(keys.custom()?),
        "oauth2" => AuthWay::ClientCredentials(Box::new(keys.client()?)),
        "service_account" => AuthWay::ServiceAccount(ServiceAccount {
            key: keys.source()?,
            scopes: keys.texts("scopes")?.unwrap_or_else(|| vec![ACCOUNT_SCOPE.to_owned()]),
            subject: keys.text("sub")?.map(str::to_owned),
        }),
        "aws_signing_v4" => AuthWay::AwsSignature(keys.aws()?),
        "azure_default" => AuthWay::ClientCredentials(Box::new(azure())),
        "null_auth" => AuthWay::Open,
        "interactive" => AuthWay::Refused(
            "signing in through a browser (`interactive`) is not supported; use `service_account` or `bearer`"
                .to_owned(),
        ),
        "aws_assume_role" => AuthWay::Refused(
            "roles are not assumed here (`aws_assume_role`); assume it with AWS's own tools, set the temporary key \
             and AWS_SESSION_TOKEN, and use `aws_signing_v4`"
                .to_owned(),
        ),
        other => return Err(unknown("type", other, &TYPES)),
    };
    Ok(AuthScheme { kind, way })
}

/// Ways to sign in by provider, from a JSON object in the way of StackQL's `--auth`.
///
/// # Errors
/// Name the provider and the key, never a value.
pub fn by_provider(text: &str) -> Result<Vec<(String, AuthScheme)>, String> {
    let form = "{\"provider\": {\"type\": \"bearer\", \"credentialsenvvar\": \"NAME\"}}";
    let root: Value = serde_json::from_str(text)
        .map_err(|e| format!("is no JSON (line {}, column {}); it is {form}", e.line(), e.column()))?;
    let root = root.as_object().ok_or_else(|| format!("is no object of providers; it is {form}"))?;
    let one = |(provider, value): (&String, &Value)| match scheme(value, Author::User) {
        Ok(scheme) => Ok((provider.clone(), scheme)),
        Err(error) => Err(format!("{provider} {error}")),
    };
    root.iter().map(one).collect()
}

fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("has the unknown {what} `{name}`; did you mean `{near}`?"),
        // What is far from every name may be a secret in the wrong place.
        None => format!("has a {what} that is not known; there are {}", known.join(", ")),
    }
}

struct Keys<'a> {
    map: &'a Map<String, Value>,
    author: Author,
}

impl<'a> Keys<'a> {
    fn of(value: &'a Value, author: Author) -> Result<Self, String> {
        let map = value.as_object().ok_or("is no object: {\"type\": ..., ...}")?;
        let role = map.get("type").is_some_and(|kind| kind == "aws_assume_role");
        let odd = |key: &&String| !(KEYS.contains(&key.as_str()) || role && key.starts_with("aws_"));
        if let Some(key) = map.keys().find(odd).filter(|_| author == Author::User) {
            return Err(unknown("key", key, &KEYS));
        }
        Ok(Keys { map, author })
    }

    /// The text at `key`; none where it is absent or empty, as Go has it.
    fn text(&self, key: &str) -> Result<Option<&'a str>, String> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
            Some(_) => Err(format!("`{key}` must be a text")),
        }
    }

    fn texts(&self, key: &str) -> Result<Option<Vec<String>>, String> {
        let wrong = || format!("`{key}` must be a list of texts");
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(vec![text.clone()])),
            Some(Value::Array(items)) => items
                .iter()
                .map(|i| i.as_str().map(str::to_owned).ok_or_else(wrong))
                .collect::<Result<_, _>>()
                .map(Some),
            Some(_) => Err(wrong()),
        }
    }

    /// A secret that stands in the object itself.
    fn given(&self, key: &str) -> Result<Option<CredentialSource>, String> {
        match (self.text(key)?, self.author) {
            (Some(text), Author::User) => Ok(Some(CredentialSource::Given(Secret::new(text)))),
            (Some(_), Author::Document) => Err(format!("`{key}` holds a credential, which a document must not")),
            (None, _) => Ok(None),
        }
    }

    fn variable(&self, key: &str) -> Result<Option<CredentialSource>, String> {
        Ok(self.text(key)?.map(|name| CredentialSource::Variable(name.to_owned())))
    }

    fn command(&self) -> Result<Option<CredentialSource>, String> {
        if self.map.contains_key("command") && self.author == Author::Document {
            return Err("`command` runs a program, which a document must not".to_owned());
        }
        let words = match self.map.get("command") {
            None => return Ok(None),
            // Only a text is a shell's to read.
            Some(Value::String(line)) => vec!["sh".to_owned(), "-c".to_owned(), line.clone()],
            Some(_) => self.texts("command")?.unwrap_or_default(),
        };
        if words.first().is_none_or(|word| word.trim().is_empty()) {
            return Err("`command` names no program".to_owned());
        }
        Ok(Some(CredentialSource::Command(words)))
    }

    /// Where the one credential comes from, in any-sdk's order.
    fn source(&self) -> Result<CredentialSource, String> {
        if let Some(source) = self.variable("credentialsenvvar")? {
            return Ok(source);
        }
        if let Some(name) = self.text("credentialsfilepathenvvar")? {
            return Ok(CredentialSource::FileOf(name.to_owned()));
        }
        if let Some(path) = self.text("credentialsfilepath")? {
            return Ok(CredentialSource::File(path.to_owned()));
        }
        let last = match self.command()? {
            Some(source) => Some(source),
            None => self.given("api_key")?,
        };
        last.ok_or_else(|| {
            "does not say where the credential is: credentialsenvvar, credentialsfilepath or command".to_owned()
        })
    }

    /// User and password, wherever they come from.
    fn pair(&self) -> Result<Option<(CredentialSource, CredentialSource)>, String> {
        for (user, password) in [("username_var", "password_var"), ("api_key_var", "api_secret_var")] {
            if let (Some(user), Some(password)) = (self.variable(user)?, self.variable(password)?) {
                return Ok(Some((user, password)));
            }
        }
        for (user, password) in [("username", "password"), ("api_key", "api_secret")] {
            if self.text(user)?.is_some()
                && let (Some(user), Some(password)) = (self.given(user)?, self.given(password)?)
            {
                return Ok(Some((user, password)));
            }
        }
        Ok(None)
    }

    /// The credential behind `prefix`. A pair stands for one credential where no other is named.
    fn value(&self, prefix: &str) -> Result<CredentialValue, String> {
        let direct = ["credentialsenvvar", "credentialsfilepathenvvar", "credentialsfilepath", "command"];
        if !direct.iter().any(|key| self.map.contains_key(*key))
            && let Some((user, password)) = self.pair()?
        {
            return Ok(CredentialValue::Pair(prefix.to_owned(), user, password));
        }
        Ok(CredentialValue::Prefixed(prefix.to_owned(), self.source()?))
    }

    fn authorization(&self, prefix: &str) -> Result<Placed, String> {
        Ok(Placed::header("Authorization", self.value(prefix)?))
    }

    fn basic(&self) -> Result<Placed, String> {
        let prefix = self.text("valuePrefix")?.unwrap_or("Basic ");
        let value = match self.value(prefix)? {
            CredentialValue::Prefixed(prefix, source) => CredentialValue::Basic(prefix, source),
            pair => pair,
        };
        Ok(Placed::header("Authorization", value))
    }

    /// any-sdk knows the header Authorization alone, and `api_key ` before a value without a prefix. With a name or
    /// the query, the value stands as it is.
    fn api_key(&self) -> Result<Placed, String> {
        if self.text("name")?.is_some() || self.text("location")? == Some("query") {
            return self.placed();
        }
        let prefix = match self.map.get("valuePrefix") {
            Some(Value::String(prefix)) => prefix,
            _ => "api_key ",
        };
        self.authorization(prefix)
    }

    fn placed(&self) -> Result<Placed, String> {
        let name = self.text("name")?.ok_or("needs the `name` of a header or query parameter")?;
        let place = match self.text("location")? {
            None | Some("header") => {
                let name = method::header(name.to_owned(), "").map_err(|_| "`name` is no name of a header")?;
                CredentialPlace::Header(name)
            }
            Some("query") => CredentialPlace::Query(name.to_owned()),
            Some(_) => return Err("`location` must be header or query".to_owned()),
        };
        let value = self.value(self.text("valuePrefix")?.unwrap_or_default())?;
        Ok(Placed { place, value })
    }

    fn custom(&self) -> Result<Vec<Placed>, String> {
        let mut placed = vec![self.placed()?];
        let mut next = self.map.get("successor");
        while let Some(value) = next.filter(|value| !value.is_null()) {
            let keys = Keys::of(value, self.author).map_err(|error| format!("`successor` {error}"))?;
            placed.push(keys.placed().map_err(|error| format!("`successor` {error}"))?);
            next = keys.map.get("successor");
        }
        Ok(placed)
    }

    fn client(&self) -> Result<ClientCredentials, String> {
        if !matches!(self.text("grant_type")?, None | Some("client_credentials")) {
            return Err("asks for a `grant_type` that is not supported; there is client_credentials".to_owned());
        }
        let id = match self.variable("client_id_env_var")? {
            Some(source) => Some(source),
            None => self.text("client_id")?.map(|id| CredentialSource::Known(id.to_owned())),
        };
        let secret = match self.variable("client_secret_env_var")? {
            Some(source) => Some(source),
            None => match self.given("client_secret")? {
                Some(source) => Some(source),
                None => self.command()?,
            },
        };
        Ok(ClientCredentials {
            token_url: self.template(self.text("token_url")?.ok_or("needs a `token_url`")?)?,
            client_id: id.ok_or("needs `client_id_env_var` or `client_id`")?,
            client_secret: secret.ok_or("needs `client_secret_env_var`")?,
            scopes: self.texts("scopes")?.unwrap_or_default(),
            values: self.values()?,
            style: match self.map.get("auth_style").and_then(Value::as_u64) {
                Some(1) => ClientStyle::Body,
                Some(2) => ClientStyle::Header,
                _ => ClientStyle::Either,
            },
        })
    }

    fn values(&self) -> Result<Vec<(String, String)>, String> {
        let wrong = || "`values` must be names with texts".to_owned();
        let Some(values) = self.map.get("values").filter(|v| !v.is_null()) else { return Ok(Vec::new()) };
        let mut pairs = Vec::new();
        for (name, value) in values.as_object().ok_or_else(wrong)? {
            let texts = match value {
                Value::Array(items) => items.iter().collect(),
                one => vec![one],
            };
            for text in texts {
                pairs.push((name.clone(), text.as_str().ok_or_else(wrong)?.to_owned()));
            }
        }
        Ok(pairs)
    }

    /// `{{ .__env__X }}` is a variable, `{{ .key }}` another key of the object.
    fn template(&self, text: &str) -> Result<Vec<TextPart>, String> {
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, behind)) = rest.split_once("{{") {
            let (inside, after) = behind.split_once("}}").ok_or("`token_url` has {{ without }}")?;
            parts.push(TextPart::Literal(before.to_owned()));
            let name = inside.trim().strip_prefix('.').ok_or("`token_url` has {{ }} that is not understood")?;
            parts.push(match (name.strip_prefix("__env__"), self.text(name)?) {
                (Some(variable), _) => TextPart::Variable(variable.to_owned(), None),
                (None, Some(value)) => TextPart::Literal(value.to_owned()),
                (None, None) => return Err(format!("`token_url` needs `{name}`")),
            });
            rest = after;
        }
        parts.push(TextPart::Literal(rest.to_owned()));
        Ok(parts)
    }

    fn aws(&self) -> Result<AwsSignature, String> {
        let key_id = match (self.variable("keyIDenvvar")?, self.text("keyID")?) {
            (Some(source), _) => source,
            (None, Some(id)) => CredentialSource::Known(id.to_owned()),
            (None, None) => return Err("needs `keyIDenvvar` or `keyID`".to_owned()),
        };
        let region = vec!["AWS_REGION".to_owned(), "AWS_DEFAULT_REGION".to_owned()];
        Ok(AwsSignature { key_id, secret: self.source()?, session_token: "AWS_SESSION_TOKEN".to_owned(), region })
    }
}

/// The first of Azure's default ways, which needs nothing but variables.
fn azure() -> ClientCredentials {
    let variable = |name: &str| CredentialSource::Variable(name.to_owned());
    ClientCredentials {
        token_url: vec![
            TextPart::Variable("AZURE_AUTHORITY_HOST".to_owned(), Some("https://login.microsoftonline.com".to_owned())),
            TextPart::Literal("/".to_owned()),
            TextPart::Variable("AZURE_TENANT_ID".to_owned(), None),
            TextPart::Literal("/oauth2/v2.0/token".to_owned()),
        ],
        client_id: variable("AZURE_CLIENT_ID"),
        client_secret: variable("AZURE_CLIENT_SECRET"),
        scopes: vec![AZURE_SCOPE.to_owned()],
        values: Vec::new(),
        style: ClientStyle::Body,
    }
}
