//! What a service has, by name: enough to list and to complete, without the whole of its resources. Plain data.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::operation::HttpVerb;
use super::resource::Verb;

/// A service with its document read. [`Registry::resource`](crate::registry::Registry::resource) gives the whole of one
/// resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// `stream`
    pub name: String,
    /// Resources in document order.
    pub resources: Vec<ResourceEntry>,
    /// SQL names of all parameters of its methods, for defaults that are set for all of them.
    pub parameters: BTreeSet<String>,
    /// Parts of the document that could not be used, each with file and path. They hide nothing else.
    pub problems: Vec<String>,
}

/// What a list says of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceEntry {
    /// The last part of the table's name.
    pub name: String,
    /// Identifier as the document gives it.
    pub id: String,
    /// Title in a person's words.
    pub title: String,
    /// One or more sentences.
    pub description: String,
    /// Its methods, by verb and then by name.
    pub methods: Vec<MethodEntry>,
}

/// What a list says of a method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodEntry {
    /// `create`
    pub name: String,
    /// What reaches it.
    pub verb: Verb,
    /// One or more sentences.
    pub description: String,
    /// SQL names of what it cannot do without.
    pub required: Vec<String>,
    /// SQL names of what else it takes.
    pub optional: Vec<String>,
    /// GET, POST ...
    pub http: HttpVerb,
    /// `/accounts/{account_id}`
    pub path: String,
    /// Withdrawn upstream: what the document says of it.
    pub withdrawn: Option<String>,
    /// Why weir cannot execute it, if it cannot.
    pub unsupported: Option<String>,
}
