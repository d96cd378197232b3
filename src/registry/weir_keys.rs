//! The `x-weir` keys as they stand in a document (docs/registry.md), read strictly: an unknown key is an error.
//! These structures do not leave the loader; `load`, `method` and `schema` turn them into the model.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};

/// Reads the `x-weir` part of `value`, or its default where there is none. `place` is file and path, for errors.
pub fn read<T: DeserializeOwned + Default>(value: &Value, place: &str) -> Result<T> {
    match value.get("x-weir") {
        None | Some(Value::Null) => Ok(T::default()),
        Some(keys) => T::deserialize(keys).map_err(|e| {
            Error::document(format!("{place}.x-weir: {e}")).hint("docs/registry.md lists the keys that may stand there")
        }),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderKeys {
    pub base_url: Option<FromEnvironment>,
    pub auth: Vec<AuthKeys>,
    pub credentials_help: Option<String>,
    pub limits: LimitKeys,
    pub success: Option<String>,
    pub errors: Vec<ErrorKeys>,
    pub hints: Vec<HintKeys>,
    pub request_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FromEnvironment {
    pub env: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum AuthKeys {
    Bearer(FromEnvironment),
    Headers(BTreeMap<String, FromEnvironment>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitKeys {
    pub concurrent: Option<usize>,
    pub windows: Vec<WindowKeys>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowKeys {
    pub requests: u32,
    pub seconds: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorKeys {
    pub at: String,
    pub code: Option<String>,
    pub message: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HintKeys {
    pub status: Option<u16>,
    pub code: Option<i64>,
    pub hint: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceKeys {
    pub key: Vec<String>,
    pub hydrate: Option<String>,
    pub verbs: VerbKeys,
    pub columns: serde_json::Map<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VerbKeys {
    pub select: Option<Vec<String>>,
    pub insert: Option<Vec<String>>,
    pub update: Option<Vec<String>>,
    pub replace: Option<Vec<String>>,
    pub delete: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DerivedKeys {
    pub from: Vec<String>,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub description: String,
    #[serde(default)]
    pub secret: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MethodKeys {
    pub rows: Vec<String>,
    pub paging: Option<PagingKeys>,
    pub order: Vec<OrderKeys>,
    pub not_found: Option<NotFoundKeys>,
    pub idempotency_key: Option<IdempotencyKeys>,
    pub settles: Option<SettlesKeys>,
    pub safe_to_retry: bool,
    pub withdrawn: Option<String>,
}

/// A header's name alone, or with the hours that the API remembers a key.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Value")]
pub struct IdempotencyKeys {
    pub header: String,
    pub hours: Option<f64>,
}

/// The long form. Read by itself, so that a wrong key in it is named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LongIdempotencyKeys {
    header: String,
    hours: Option<f64>,
}

impl TryFrom<Value> for IdempotencyKeys {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        match value {
            Value::String(header) => Ok(IdempotencyKeys { header, hours: None }),
            Value::Object(_) => {
                let long = LongIdempotencyKeys::deserialize(value).map_err(|e| format!("idempotency_key: {e}"))?;
                Ok(IdempotencyKeys { header: long.header, hours: long.hours })
            }
            _ => Err("idempotency_key is a header's name, or {header: ..., hours: ...}".to_owned()),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettlesKeys {
    pub method: String,
    pub column: String,
    pub done: Vec<Value>,
    #[serde(default)]
    pub failed: Vec<Value>,
    pub every: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PagingKeys {
    pub style: String,
    pub parameter: Option<String>,
    pub first: Option<u64>,
    #[serde(default)]
    pub next: Vec<String>,
    pub field: Option<String>,
    pub size: Option<SizeKeys>,
    #[serde(default)]
    pub total: Vec<String>,
    #[serde(default)]
    pub total_pages: Vec<String>,
    #[serde(default)]
    pub concurrent: bool,
    pub window: Option<u64>,
    #[serde(default)]
    pub total_may_differ: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SizeKeys {
    pub parameter: String,
    pub largest: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderKeys {
    pub column: String,
    pub parameter: String,
    pub ascending: Option<String>,
    pub descending: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotFoundKeys {
    /// Only `no_rows` has a meaning.
    pub means: NotFoundMeaning,
    #[serde(default)]
    pub unless_codes: Vec<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotFoundMeaning {
    NoRows,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParameterKeys {
    pub name: Option<String>,
    pub default: Option<FromEnvironment>,
    pub predicate: Option<PredicateKeys>,
    pub exact: bool,
    pub hidden: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredicateKeys {
    pub column: String,
    pub operator: String,
    pub send: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PropertyKeys {
    pub name: Option<String>,
    pub secret: bool,
    pub open: bool,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub clear_by_null: bool,
}
