//! A service's document into the model, and how a provider is reached.
//! One broken resource is reported and hides none of the others.

use std::sync::Arc;

use serde_json::Value;

use super::config::{Config, Inherited};
use super::document::Document;
use super::model::{
    Column, HttpVerb, JsonPath, Kind, Known, Method, Paging, PagingStyle, Parameter, Resource, Shape, Verbs,
};
use super::weir_keys::{self, DerivedKeys, ResourceKeys};
use super::{meant, method, schema, verbs, views};
use crate::error::{Error, Result, nearest};

/// What a service's document holds.
pub struct Loaded {
    /// Resources in document order.
    pub resources: Vec<Arc<Resource>>,
    /// Parts that cannot be used, each with file and path.
    pub problems: Vec<String>,
}

/// A service. Parts that cannot be used are listed in [`Loaded::problems`].
pub fn service(document: &Document, inherited: &Inherited, provider: &str, name: &str) -> Result<Loaded> {
    let resources = document.root.pointer("/components/x-stackQL-resources").and_then(Value::as_object);
    let resources = resources.ok_or_else(|| {
        Error::document(format!("{}: no `components.x-stackQL-resources`", document.file))
            .hint("docs/registry.md shows a smallest document")
    })?;
    let mut service = Loaded { resources: Vec::new(), problems: Vec::new() };
    let first_wins = !has_weir_keys(&document.root);
    for (key, value) in resources {
        let config = Config::of_service(document, inherited).below(value);
        let names = (provider, name, key.as_str());
        let mut reader = ResourceReader { document, config, first_wins, names, problems: &mut service.problems };
        match reader.read(value) {
            Ok(resource) => service.resources.push(Arc::new(resource)),
            Err(error) => {
                let text = reader.within("", &error).replace(".: ", ": ");
                service.problems.push(text);
            }
        }
    }
    Ok(service)
}

struct ResourceReader<'a> {
    document: &'a Document,
    config: Config<'a>,
    first_wins: bool,
    /// Provider, service, and the resource's key.
    names: (&'a str, &'a str, &'a str),
    problems: &'a mut Vec<String>,
}

impl ResourceReader<'_> {
    fn place(&self) -> String {
        format!("components.x-stackQL-resources.{}", self.names.2)
    }

    fn read(&mut self, value: &Value) -> Result<Resource> {
        let here = format!("{}: {}", self.document.file, self.place());
        let keys: ResourceKeys = weir_keys::read(value, &here)?;
        let mut methods = self.methods(value);
        let verbs = self.verbs(value, &keys, &mut methods);
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut resource = Resource {
            provider: self.names.0.to_owned(),
            service: self.names.1.to_owned(),
            name: Some(text("name")).filter(|n| !n.is_empty()).unwrap_or_else(|| self.names.2.to_owned()),
            id: text("id"),
            title: text("title"),
            description: schema::description(value),
            methods,
            verbs,
            columns: Vec::new(),
            key: keys.key,
            hydrate: keys.hydrate,
            views: views::read(value),
            first_wins: self.first_wins,
        };
        let only_views = resource.methods.is_empty() && !resource.views.is_empty();
        resource.columns = if only_views { views::columns(value, &resource.views) } else { table_columns(&resource) };
        for (name, derived) in &keys.columns {
            resource.columns.push(derived_column(name, derived, &here)?);
        }
        mark_only_by_key(&mut resource);
        // Secrets stand last among the rows' own, so that a terminal shows names and states first.
        resource.columns.sort_by_key(|c| (c.hidden, c.paths.is_empty(), c.shape.secret));
        if !only_views {
            resource.columns.push(raw_column());
        }
        check(&resource, &here)?;
        Ok(resource)
    }

    /// An error with its place in the document, where it does not say it itself.
    fn within(&self, part: &str, error: &Error) -> String {
        let (text, place) = (error.to_string(), self.place());
        if text.contains(&place) {
            return text;
        }
        let bare = text.strip_prefix(&format!("{}: ", self.document.file)).unwrap_or(&text);
        format!("{}: {place}.{part}: {bare}", self.document.file)
    }

    fn methods(&mut self, value: &Value) -> Vec<Arc<Method>> {
        let mut methods = Vec::new();
        for (name, method) in value.get("methods").and_then(Value::as_object).into_iter().flatten() {
            let at = format!("{}.methods.{name}", self.place());
            match method::read(self.document, &self.config, (name, method), &at) {
                Ok((method, notes)) => {
                    methods.push(Arc::new(method));
                    self.problems.extend(notes);
                }
                Err(error) => self.problems.push(self.within(&format!("methods.{name}"), &error)),
            }
        }
        methods
    }

    /// Which methods serve which verb. A name that is no method is a problem, not an end; a method of another resource
    /// becomes one of this one too.
    fn verbs(&mut self, value: &Value, keys: &ResourceKeys, methods: &mut Vec<Arc<Method>>) -> Verbs {
        let own: Vec<String> = methods.iter().map(|m| m.name.clone()).collect();
        let (verbs, lent) = verbs::read(value, &keys.verbs, self.names.2, &own);
        for (resource, name) in lent {
            let at = format!("components.x-stackQL-resources.{resource}.methods.{name}");
            let found =
                self.document.root.pointer("/components/x-stackQL-resources").and_then(|all| all.get(&resource));
            let Some(method) = found.and_then(|r| r.pointer(&format!("/methods/{name}"))) else { continue };
            match method::read(self.document, &self.config, (&name, method), &at) {
                Ok((method, _)) => methods.push(Arc::new(method)),
                Err(error) => self.problems.push(self.within("sqlVerbs", &error)),
            }
        }
        let place = self.place();
        verbs.known(|verb, name| {
            let known = methods.iter().any(|m| m.name == *name);
            if !known {
                let file = &self.document.file;
                self.problems.push(format!("{file}: {place}: {verb} names the method `{name}`, which cannot be used"));
            }
            known
        })
    }
}

/// Whether a document says anything in our own words: then it says which of its methods is meant, too.
fn has_weir_keys(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.contains_key("x-weir") || map.values().any(has_weir_keys),
        Value::Array(items) => items.iter().any(has_weir_keys),
        _ => false,
    }
}

/// The columns of a table: the rows' own (of every SELECT method, or of every method where there is none), then the
/// parameters that its SELECT methods take. A parameter with a row column's name is that column.
fn table_columns(resource: &Resource) -> Vec<Column> {
    let reading: Vec<&Arc<Method>> = if resource.verbs.select.is_empty() {
        resource.methods.iter().collect()
    } else {
        resource.verbs.select.iter().filter_map(|name| resource.method(name)).collect()
    };
    let mut columns: Vec<Column> = Vec::new();
    for column in reading.iter().flat_map(|m| &m.answer.columns) {
        match columns.iter_mut().find(|c| c.name == column.name) {
            None => columns.push(column.clone()),
            // One method may have under another key what the table has already, or in a wider type.
            Some(known) => {
                if known.shape.kind != column.shape.kind {
                    known.shape = schema::either_column(std::mem::take(&mut known.shape), &column.shape);
                }
                let new = column.paths.iter().filter(|path| !path.0.is_empty() && !known.paths.contains(path));
                let new: Vec<JsonPath> = new.cloned().collect();
                known.paths.extend(new);
            }
        }
    }
    if columns.is_empty() && !resource.verbs.select.is_empty() {
        columns.push(super::answer::free_form());
    }
    let asked = reading.iter().flat_map(|m| {
        let asks = if resource.verbs.select.is_empty() { m.parameters.clone() } else { meant::asks(m) };
        asks.into_iter().filter(|p| !owned_by_paging(m, p))
    });
    let asked: Vec<Parameter> = asked.collect();
    columns.extend(meant::columns_of(&columns, asked.iter()));
    columns
}

/// Marks the columns that no list has: those whose every path begins with a key that only the hydrating method's rows
/// have.
fn mark_only_by_key(resource: &mut Resource) {
    let Some(hydrate) = &resource.hydrate else { return };
    let lists = resource.verbs.select.iter().filter(|name| *name != hydrate).filter_map(|name| resource.method(name));
    let listed: Vec<String> = lists.flat_map(|m| &m.answer.columns).map(|c| c.wire.clone()).collect();
    for column in &mut resource.columns {
        let in_list = |path: &JsonPath| path.0.first().is_none_or(|key| listed.contains(key));
        column.only_by_key = !column.paths.is_empty() && !column.paths.iter().any(in_list);
    }
}

/// Page numbers, sizes, cursors and sort words are the program's business, where a document says so in our own words.
/// Otherwise they are columns, as its users know them.
fn owned_by_paging(method: &Method, parameter: &Parameter) -> bool {
    let wire = &parameter.wire;
    let told = method.paging.as_ref().filter(|paging| paging.known == Known::Told);
    let style = told.and_then(Paging::position) == Some(wire);
    let size = told.and_then(|p| p.size.as_ref()).is_some_and(|s| s.parameter == *wire);
    style || size || method.order.iter().any(|o| o.parameter == *wire)
}

fn derived_column(name: &str, value: &Value, here: &str) -> Result<Column> {
    let here = format!("{here}.x-weir.columns.{name}");
    let keys: DerivedKeys =
        serde_json::from_value(value.clone()).map_err(|e| Error::document(format!("{here}: {e}")))?;
    let kind =
        schema::kind_of(&keys.kind).ok_or_else(|| Error::document(format!("{here}: `{}` is no type", keys.kind)))?;
    Ok(Column {
        name: name.to_owned(),
        wire: name.to_owned(),
        paths: keys.from.iter().map(|p| method::path(p, &here)).collect::<Result<_>>()?,
        shape: Shape { kind, secret: keys.secret, nullable: true, ..Shape::default() },
        description: keys.description,
        hidden: false,
        only_by_key: false,
    })
}

/// The row as it came, for fields that no document names yet. It may hold secrets.
fn raw_column() -> Column {
    Column {
        name: "_raw".to_owned(),
        wire: "_raw".to_owned(),
        paths: vec![JsonPath::default()],
        shape: Shape { kind: Kind::Any, secret: true, ..Shape::default() },
        description: "The row's own JSON, with the fields that no document names yet.".to_owned(),
        hidden: true,
        only_by_key: false,
    }
}

/// What must agree within a resource: two methods of a verb must differ in what they need, and keys must be columns.
fn check(resource: &Resource, here: &str) -> Result<()> {
    for name in &resource.key {
        if resource.column(name).is_none() {
            return Err(Error::document(format!("{here}.x-weir.key: no column `{name}`")));
        }
    }
    if let Some(name) = &resource.hydrate
        && resource.method(name).is_none()
    {
        return Err(Error::document(format!("{here}.x-weir.hydrate: no method `{name}`")));
    }
    for method in &resource.methods {
        check_settling(resource, method, here)?;
    }
    let needs = |name: &String| -> Option<Vec<&str>> {
        let mut names: Vec<&str> = super::choose::required(resource.method(name)?).collect();
        names.sort_unstable();
        Some(names)
    };
    for list in [&resource.verbs.insert, &resource.verbs.update, &resource.verbs.replace, &resource.verbs.delete] {
        for (i, a) in list.iter().enumerate() {
            for b in &list[i + 1..] {
                if resource.first_wins || needs(a) != needs(b) {
                    continue;
                }
                return Err(Error::document(format!(
                    "{here}: the methods `{a}` and `{b}` serve the same verb and need the same parameters"
                )));
            }
        }
    }
    Ok(())
}

/// `settles` must name a method that gives the row, one of that row's columns, and values that it can have.
fn check_settling(resource: &Resource, method: &Method, here: &str) -> Result<()> {
    let Some(settles) = &method.settles else { return Ok(()) };
    let wrong = |text: String| Error::document(format!("{here}.methods.{}.x-weir.settles.{text}", method.name));
    let Some(asked) = resource.method(&settles.method) else {
        return Err(wrong(format!("method: no method `{}`", settles.method)));
    };
    let paged = asked.paging.as_ref().is_some_and(|p| p.style != PagingStyle::Whole);
    if asked.http != HttpVerb::Get || paged {
        return Err(wrong(format!("method: `{}` must be a GET without paging, which gives one row", asked.name)));
    }
    let Some(column) = resource.row_column(asked, &settles.column) else {
        let names = asked.answer.columns.iter().map(|c| c.name.as_str());
        let near = nearest(&settles.column, names).map(|name| format!(" (did you mean `{name}`?)"));
        let (rows, name) = (&asked.name, &settles.column);
        return Err(wrong(format!("column: the rows of `{rows}` have no column `{name}`{}", near.unwrap_or_default())));
    };
    let known =
        |value: &&String| column.shape.open || column.shape.values.is_empty() || column.shape.values.contains(value);
    for (key, values) in [("done", &settles.done), ("failed", &settles.failed)] {
        if let Some(value) = values.iter().find(|value| !known(value)) {
            return Err(wrong(format!("{key}: `{value}` is no value of the column `{}`", column.name)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::registry::{Idempotency, Settles};

    const STORE: &str = "
openapi: 3.0.3
servers: [{url: 'https://demo.example'}]
paths:
  /things:
    get: {responses: {'200': {content: {application/json: {schema: {type: array, items: &thing {properties: {
      id: {type: string}, state: {type: string, enum: [new, ready, broken]}, phase: {type: string}}}}}}}}}
    post: {responses: {}}
  /things/{id}:
    parameters: [{name: id, in: path, required: true}]
    get: {responses: {'200': {content: {application/json: {schema: *thing}}}}}
components:
  x-stackQL-resources:
    things:
      methods:
        list:
          operation: {$ref: '#/paths/~1things/get'}
          x-weir: {paging: {style: page, parameter: page}}
        get: {operation: {$ref: '#/paths/~1things~1{id}/get'}}
        make:
          operation: {$ref: '#/paths/~1things/post'}
          x-weir: {KEYS}
      sqlVerbs:
        select: [{$ref: '#/components/x-stackQL-resources/things/methods/get'}]
      x-weir: {columns: {stage: {from: [$.gone, $.phase.current], type: string}, far: {from: [$.gone], type: string}}}
";

    /// The method `make` under these keys, or what is said of them.
    fn make(keys: &str) -> Result<Arc<Method>, String> {
        let document = Document::parse("demo.yaml", &STORE.replace("KEYS", keys)).unwrap();
        let service = service(&document, &Inherited::default(), "demo", "store").unwrap();
        if let Some(problem) = service.problems.first() {
            return Err(problem.clone());
        }
        Ok(service.resources[0].method("make").unwrap().clone())
    }

    fn settles(keys: &str) -> Result<Settles, String> {
        make(&format!("settles: {{{keys}}}")).map(|method| method.settles.clone().unwrap())
    }

    #[test]
    fn a_key_of_idempotency_is_a_header_or_a_header_with_its_hours() {
        let of = |keys: &str| make(&format!("idempotency_key: {keys}")).map(|m| m.idempotency.clone().unwrap());
        let key = |valid| Idempotency { header: "Request-Key".to_owned(), valid };
        assert_eq!(of("Request-Key"), Ok(key(None)));
        assert_eq!(of("{header: Request-Key}"), Ok(key(None)));
        assert_eq!(of("{header: Request-Key, hours: 6}"), Ok(key(Some(Duration::from_hours(6)))));
        assert_eq!(of("{header: Request-Key, hours: 0.5}"), Ok(key(Some(Duration::from_mins(30)))));
        for (bad, named) in [
            ("{header: Request-Key, hour: 6}", "`hour`"),
            ("{hours: 6}", "`header`"),
            ("[Request-Key]", "a header's name, or {"),
            ("{header: Request-Key, hours: 0}", "hours: it must be a number above 0"),
            ("{header: Request-Key, hours: -1}", "hours: it must be a number above 0"),
            ("Request Key", "`Request Key` is no name of a header"),
            ("''", "`` is no name of a header"),
        ] {
            let said = of(bad).unwrap_err();
            let place = "demo.yaml: components.x-stackQL-resources.things.methods.make.x-weir";
            assert!(said.starts_with(place) && said.contains(named), "{bad}: {said}");
        }
    }

    #[test]
    fn settles_says_what_to_ask_and_what_to_look_for() {
        let whole = settles("method: get, column: state, done: [ready], failed: [broken], every: 0.5").unwrap();
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!((whole.method.as_str(), whole.column.as_str()), ("get", "state"));
        assert_eq!((whole.done, whole.failed), (words(&["ready"]), words(&["broken"])));
        assert_eq!(whole.every, Duration::from_millis(500));
        let short = settles("method: get, column: stage, done: [3, true, up]").unwrap();
        assert_eq!((short.done, short.failed), (words(&["3", "true", "up"]), words(&[])));
        assert_eq!(short.every, Duration::from_secs(2));
    }

    #[test]
    fn settles_that_could_never_come_true_is_refused_with_its_place() {
        for (bad, said) in [
            ("method: got, column: state, done: [ready]", "method: no method `got`"),
            ("method: list, column: state, done: [ready]", "method: `list` must be a GET without paging"),
            ("method: make, column: state, done: [ready]", "method: `make` must be a GET without paging"),
            (
                "method: get, column: stat, done: [ready]",
                "column: the rows of `get` have no column `stat` (did you mean `state`?)",
            ),
            ("method: get, column: far, done: [ready]", "column: the rows of `get` have no column `far`"),
            ("method: get, column: _raw, done: [ready]", "column: the rows of `get` have no column `_raw`"),
            ("method: get, column: state, done: [redy]", "done: `redy` is no value of the column `state`"),
            ("method: get, column: state, done: [ready], failed: [x]", "failed: `x` is no value of the column `state`"),
            ("method: get, column: state, done: []", "done: it lists no value"),
            ("method: get, column: state, done: [[ready]]", "done: `[\"ready\"]` is no text, number, true or false"),
            ("method: get, column: state, done: [ready], failed: [ready]", "failed: `ready` stands under `done` too"),
            ("method: get, column: state, done: [ready], every: 0", "every: it must be a number above 0"),
        ] {
            let place = "demo.yaml: components.x-stackQL-resources.things.methods.make.x-weir.settles.";
            let problem = settles(bad).unwrap_err();
            assert!(problem.starts_with(&format!("{place}{said}")), "{bad}: {problem}");
        }
        assert!(settles("method: get, column: state, done: [ready], evry: 2").unwrap_err().contains("evry"));
    }

    #[test]
    fn the_name_of_a_request_is_in_the_usual_header_unless_the_document_says_another() {
        let of = |keys: &str| {
            let document = Document::parse("provider.yaml", &format!("name: demo\nx-weir: {{{keys}}}\n")).unwrap();
            super::super::access::access(&document).map(|access| access.request_id)
        };
        assert_eq!(of("").unwrap().as_deref(), Some("x-request-id"));
        assert_eq!(of("request_id: x-trace").unwrap().as_deref(), Some("x-trace"));
        let said = of("request_id: 'x trace'").unwrap_err().to_string();
        assert_eq!(said, "provider.yaml: x-weir.request_id: `x trace` is no name of a header");
    }
}
