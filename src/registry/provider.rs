//! A provider.yaml into the model: the provider, its services, and where their documents are.
//! Reads no service's document. A service that cannot be used is reported and hides none of the others.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::Inherited;
use super::document::Document;
use super::model::{Provider, ServiceEntry};
use super::roots::Version;
use super::{access, schema};
use crate::error::{Error, Result};

/// What a provider.yaml holds.
#[derive(Serialize, Deserialize)]
pub struct LoadedProvider {
    /// The provider.
    pub provider: Provider,
    /// What each of its services says of its documents, in the same order.
    pub references: Vec<References>,
    /// Parts that cannot be used, each with file and path.
    pub problems: Vec<String>,
}

/// Where a service's documents are, as its provider.yaml names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct References {
    /// The service's key in the provider.yaml.
    pub key: String,
    /// `service.$ref`
    pub document: String,
    /// `resources.$ref`: the resources stand in a document of their own.
    pub resources: Option<String>,
}

/// A provider. A service that names no document is a problem and hides none of the others.
pub fn provider(document: &Document) -> Result<LoadedProvider> {
    let root = &document.root;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = [text(root, "name"), text(root, "id")].into_iter().find(|n| !n.is_empty());
    let name = name.ok_or_else(|| Error::document(format!("{}: a provider needs a `name`", document.file)))?;
    let title = Some(text(root, "title")).filter(|t| !t.is_empty()).unwrap_or_else(|| name.clone());
    let protocol = Some(text(root, "protocolType")).filter(|p| !p.is_empty() && p != "http");
    let provider = Provider {
        name,
        version: text(root, "version"),
        title,
        description: schema::description(root),
        services: Vec::new(),
        access: access::access(document)?,
        unsupported: protocol.map(|p| format!("it is reached by `protocolType: {p}` and not by HTTP")),
    };
    let mut loaded = LoadedProvider { provider, references: Vec::new(), problems: Vec::new() };
    for (key, entry) in root.get("providerServices").and_then(Value::as_object).into_iter().flatten() {
        let here = format!("{}: providerServices.{key}", document.file);
        let reference = |at: &str| entry.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let Some(file) = reference("/service/$ref") else {
            loaded.problems.push(format!("{here}: `service.$ref` must name its document"));
            continue;
        };
        let service = ServiceEntry {
            name: Some(text(entry, "name")).filter(|n| !n.is_empty()).unwrap_or_else(|| key.clone()),
            id: text(entry, "id"),
            title: text(entry, "title"),
            description: schema::description(entry),
            version: text(entry, "version"),
            preferred: entry.get("preferred") == Some(&Value::Bool(true)),
            inherited: Inherited::of(document, entry),
        };
        let resources = reference("/resources/$ref");
        loaded.add(service, References { key: key.clone(), document: file, resources }, &here);
    }
    Ok(loaded)
}

impl LoadedProvider {
    /// Of several services of one name the preferred one has it, else the newest; the others go by their keys.
    fn add(&mut self, mut service: ServiceEntry, mut references: References, here: &str) {
        let services = &mut self.provider.services;
        let rank = |s: &ServiceEntry| (s.preferred, Version::of(&s.version));
        if let Some(at) = services.iter().position(|known| known.name == service.name) {
            if rank(&service) > rank(&services[at]) {
                std::mem::swap(&mut services[at], &mut service);
                std::mem::swap(&mut self.references[at], &mut references);
            }
            service.name.clone_from(&references.key);
            if services.iter().any(|known| known.name == service.name) {
                self.problems.push(format!("{here}: another service is called `{}` too", service.name));
                return;
            }
        }
        services.push(service);
        self.references.push(references);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_services_of_one_name_the_preferred_or_newest_has_it() {
        let of = |services: &str| {
            let document =
                Document::parse("provider.yaml", &format!("name: demo\nproviderServices:\n{services}")).unwrap();
            let loaded = provider(&document).unwrap();
            let names = loaded.provider.services.iter().map(|s| s.name.clone()).zip(loaded.references);
            let pairs: Vec<String> = names.map(|(name, r)| format!("{name}={}", r.document)).collect();
            (pairs.join(" "), loaded.problems)
        };
        let service =
            |key: &str, more: &str| format!("  {key}: {{name: run, service: {{$ref: {key}.yaml}}, {more}}}\n");
        let (old, new) = (service("run_v1", "version: v1.9"), service("run_v2", "version: v1.10"));
        assert_eq!(of(&format!("{old}{new}")).0, "run=run_v2.yaml run_v1=run_v1.yaml");
        assert_eq!(of(&format!("{new}{old}")).0, "run=run_v2.yaml run_v1=run_v1.yaml");
        let preferred = service("run_v1", "version: v1.9, preferred: true");
        assert_eq!(of(&format!("{preferred}{new}")).0, "run=run_v1.yaml run_v2=run_v2.yaml");
        let (names, problems) = of(&format!("{new}  run: {{service: {{$ref: other.yaml}}}}\n"));
        assert_eq!(names, "run=run_v2.yaml");
        assert_eq!(problems, ["provider.yaml: providerServices.run: another service is called `run` too"]);
        let (names, problems) = of(&format!("  lost: {{name: lost}}\n{new}"));
        assert_eq!(names, "run=run_v2.yaml");
        assert_eq!(problems, ["provider.yaml: providerServices.lost: `service.$ref` must name its document"]);
    }

    #[test]
    fn a_provider_that_is_no_http_api_is_listed_with_the_reason() {
        let of = |protocol: &str| {
            let document = Document::parse("provider.yaml", &format!("id: demo\n{protocol}")).unwrap();
            provider(&document).unwrap().provider.unsupported
        };
        assert_eq!(of(""), None);
        assert_eq!(of("protocolType: http"), None);
        assert!(of("protocolType: local_templated").unwrap().contains("local_templated"));
    }
}
