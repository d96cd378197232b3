//! The entries of a service: what lists and completion say of its resources, taken from the whole of them once.

use super::choose::{required, taken};
use super::model::{
    HttpVerb, Method, MethodEntry, PathPart, Resource, ResourceEntry, Service, VIEW_METHOD, Verb, View,
};
use super::sql_name;

/// The entries of the resources of one document.
pub fn service<'a>(
    name: &str,
    resources: impl Iterator<Item = &'a Resource> + Clone,
    problems: Vec<String>,
) -> Service {
    let methods = resources.clone().flat_map(|resource| &resource.methods);
    Service {
        name: name.to_owned(),
        parameters: methods.flat_map(|method| &method.parameters).map(|p| p.name.clone()).collect(),
        resources: resources.map(entry).collect(),
        problems,
    }
}

fn entry(resource: &Resource) -> ResourceEntry {
    let order = |verb: Verb| Verb::ALL.into_iter().position(|v| v == verb);
    let mut methods: Vec<MethodEntry> = resource.methods.iter().map(|method| method_entry(resource, method)).collect();
    methods.extend(resource.views.iter().map(view_entry));
    methods.sort_by(|a, b| (order(a.verb), &a.name).cmp(&(order(b.verb), &b.name)));
    ResourceEntry {
        name: resource.name.clone(),
        id: resource.id.clone(),
        title: resource.title.clone(),
        description: description(resource),
        methods,
    }
}

/// A table that is nothing but a view says so.
fn description(resource: &Resource) -> String {
    match (resource.description.as_str(), resource.methods.is_empty() && !resource.views.is_empty()) {
        ("", true) => "A view over other tables.".to_owned(),
        (text, _) => text.to_owned(),
    }
}

fn method_entry(resource: &Resource, method: &Method) -> MethodEntry {
    let needs: Vec<&str> = required(method).collect();
    let owned = |name: &str| name.to_owned();
    MethodEntry {
        name: method.name.clone(),
        verb: resource.verb_of(&method.name),
        description: method.description.clone(),
        optional: taken(method).filter(|name| !needs.contains(name)).map(owned).collect(),
        required: needs.into_iter().map(owned).collect(),
        http: method.http,
        path: method.path.iter().map(path_text).collect(),
        withdrawn: method.withdrawn.clone(),
        unsupported: method.unsupported.clone(),
    }
}

/// A view stands among the methods under StackQL's name for it.
fn view_entry(view: &View) -> MethodEntry {
    MethodEntry {
        name: VIEW_METHOD.to_owned(),
        verb: Verb::Select,
        description: format!("A view: {}", view.sql),
        required: view.needs.iter().map(|name| sql_name(name)).collect(),
        optional: Vec::new(),
        http: HttpVerb::Get,
        path: String::new(),
        withdrawn: None,
        unsupported: None,
    }
}

fn path_text(part: &PathPart) -> String {
    match part {
        PathPart::Literal(text) => text.clone(),
        PathPart::Parameter(name) => format!("{{{name}}}"),
    }
}
