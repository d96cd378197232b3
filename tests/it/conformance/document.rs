//! A provider's documents as the judge reads them: operations with their servers, parameters and bodies, and the methods
//! that name them. It shares nothing with the loader of the program, so that the two can disagree.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// The verbs an operation can have in OpenAPI.
const VERBS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The verbs of SQL, as `sqlVerbs` spells them.
pub const SQL_VERBS: [&str; 6] = ["select", "insert", "update", "replace", "delete", "exec"];

/// One provider, without the documents of its services.
pub struct Provider {
    pub name: String,
    /// The folder of `provider.yaml`, relative to the registry.
    pub file: PathBuf,
    pub root: Value,
    /// Name and document of each service, relative to the registry.
    pub services: Vec<(String, PathBuf)>,
}

/// One service's document.
pub struct Service {
    pub name: String,
    pub root: Value,
    pub operations: Vec<Operation>,
    pub methods: Vec<Entry>,
    /// The parameter that signs in, where the query does.
    pub key_in_query: Option<String>,
    /// The headers that sign in, in lower case.
    pub key_headers: Vec<String>,
}

/// One operation of `paths`.
#[derive(Clone)]
pub struct Operation {
    /// `GET`
    pub verb: String,
    /// The key in `paths`, without a query in it.
    pub path: String,
    /// The query that stands in the key, where one does.
    pub literal_query: Vec<(String, String)>,
    /// The first server, as host and path, without a slash at its end; empty where it was not moved to the made-up
    /// server, and must not be asked.
    pub server: String,
    pub parameters: Vec<Parameter>,
    pub node: Value,
    /// `x-stackQL-graphQL`: it is a query to one address.
    pub graphql: Option<Value>,
}

/// One parameter of an operation.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of OpenAPI's own")]
pub struct Parameter {
    pub name: String,
    /// `path`, `query`, `header`, `cookie`, or `server` for a variable of the server.
    pub place: String,
    pub required: bool,
    pub allow_empty: bool,
    pub schema: Value,
    pub style: String,
    pub explode: bool,
    /// It is JSON text (`content` in place of `schema`).
    pub json: bool,
}

/// One method of a resource.
pub struct Entry {
    pub resource: String,
    pub name: String,
    /// The list of `sqlVerbs` that it stands in.
    pub verb: String,
    /// Which operation; `None`: its reference leads nowhere.
    pub operation: Option<usize>,
    pub node: Value,
    /// `config` by the order method, resource, service, provider.
    pub config: Config,
}

/// What of `config` the judge needs.
#[derive(Default, Clone)]
pub struct Config {
    /// `requestBodyTranslate.algorithm`
    pub body_names: Option<String>,
    /// `requestTranslate.algorithm`
    pub request_translate: Option<String>,
    /// `queryParamTranspose.algorithm`
    pub query_transpose: Option<String>,
    pub pagination: Option<Value>,
}

pub fn yaml(text: &str) -> Value {
    // Whole numbers beyond 64 bits stand in some documents; as numbers with a point they can be read.
    let pointed = || {
        let long = |word: &str| word.len() > 19 && word.bytes().all(|b| b.is_ascii_digit());
        let line = |line: &str| match line.rsplit_once(": ") {
            Some((key, word)) if long(word) => format!("{key}: {word}.0"),
            _ => line.to_owned(),
        };
        text.lines().map(line).collect::<Vec<_>>().join("\n")
    };
    let read: Result<yaml_serde::Value, _> = yaml_serde::from_str(text);
    let mut read = read.or_else(|_| yaml_serde::from_str(&pointed())).unwrap();
    read.apply_merge().unwrap();
    json(read)
}

fn json(value: yaml_serde::Value) -> Value {
    match value {
        yaml_serde::Value::Null => Value::Null,
        yaml_serde::Value::Bool(flag) => flag.into(),
        yaml_serde::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => whole.into(),
            (_, Some(whole)) => whole.into(),
            _ => number.as_f64().map_or(Value::Null, Value::from),
        },
        yaml_serde::Value::String(text) => text.into(),
        yaml_serde::Value::Sequence(items) => items.into_iter().map(json).collect(),
        yaml_serde::Value::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let key = match json(key) {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                map.insert(key, json(value));
            }
            Value::Object(map)
        }
        yaml_serde::Value::Tagged(tagged) => json(tagged.value),
    }
}

/// What a value with `$ref` refers to; an empty object where that leads nowhere.
pub fn resolve<'a>(root: &'a Value, mut value: &'a Value) -> &'a Value {
    for _ in 0..16 {
        match value.get("$ref").and_then(Value::as_str) {
            None => return value,
            Some(reference) => match reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) {
                Some(found) => value = found,
                None => return &Value::Null,
            },
        }
    }
    &Value::Null
}

/// The providers below `<registry>/src`.
pub fn providers(registry: &Path) -> Vec<Provider> {
    let sorted = |folder: &Path| {
        let mut names: Vec<PathBuf> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_dir())
            .collect();
        names.sort();
        names
    };
    let mut found = Vec::new();
    for folder in sorted(&registry.join("src")) {
        let Some(version) = sorted(&folder).pop() else { continue };
        let file = version.join("provider.yaml");
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let root = yaml(&text);
        let word = |key: &str| root.get(key).and_then(Value::as_str).map(str::to_owned);
        let mut services = Vec::new();
        for (key, entry) in root.get("providerServices").and_then(Value::as_object).into_iter().flatten() {
            let reference = entry.pointer("/service/$ref").and_then(Value::as_str).unwrap_or_default();
            let name = entry.get("name").and_then(Value::as_str).unwrap_or(key);
            services.push((name.to_owned(), on_disk(registry, Path::new("src").join(reference))));
        }
        let name = word("name").or_else(|| word("id")).unwrap();
        found.push(Provider { name, file: file.strip_prefix(registry).unwrap().to_owned(), root, services });
    }
    found
}

/// The file as it is called; some were named on machines that do not tell `Org.yaml` from `org.yaml`.
fn on_disk(registry: &Path, file: PathBuf) -> PathBuf {
    let folder = file.parent().unwrap().to_owned();
    let (Some(name), Ok(entries)) = (file.file_name(), std::fs::read_dir(registry.join(&folder))) else { return file };
    let mut names = entries.map(|entry| entry.unwrap().file_name());
    names.find(|other| other.eq_ignore_ascii_case(name)).map_or(file, |found| folder.join(found))
}

impl Service {
    /// Reads a document whose servers have been moved to `url`.
    pub fn read(name: &str, text: &str, provider: &Value, url: &str) -> Service {
        let root = yaml(text);
        let moved = |address: &str| address.strip_prefix(url).unwrap_or_default().trim_matches('/').to_owned();
        let mut operations = Vec::new();
        for (path, item) in root.get("paths").and_then(Value::as_object).into_iter().flatten() {
            for verb in VERBS {
                if let Some(node) = item.get(verb) {
                    let mut one = operation(&root, (path, item), verb, node);
                    let graph = one.graphql.as_ref().and_then(|graph| graph.get("url")).and_then(Value::as_str);
                    one.server = moved(graph.unwrap_or(&one.server));
                    operations.push(one);
                }
            }
        }
        let auth = |key: &str| provider.pointer(&format!("/config/auth/{key}")).and_then(Value::as_str);
        let key_in_query = auth("name").filter(|_| auth("location") == Some("query")).map(str::to_owned);
        let named = |auth: &&Value| auth.get("location").and_then(Value::as_str) != Some("query");
        let first = provider.pointer("/config/auth");
        let key_headers = std::iter::successors(first, |auth| auth.get("successor"))
            .filter(named)
            .filter_map(|auth| Some(auth.get("name")?.as_str()?.to_lowercase()))
            .collect();
        let name = name.to_owned();
        let mut service = Service { name, root, operations, methods: Vec::new(), key_in_query, key_headers };
        service.methods = methods(&service, provider);
        service
    }
}

fn operation(root: &Value, (key, item): (&str, &Value), verb: &str, node: &Value) -> Operation {
    let (path, query) = key.split_once('?').unwrap_or((key, ""));
    let literal_query = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let server = [node, item, root].into_iter().find_map(|at| at.pointer("/servers/0"));
    let url = server.and_then(|s| s.get("url")).and_then(Value::as_str).unwrap_or_default();
    let (url, patterns) = unpatterned(url);
    let url = url.as_str();
    let mut parameters: Vec<Parameter> = Vec::new();
    for (name, variable) in server.and_then(|s| s.get("variables")).and_then(Value::as_object).into_iter().flatten() {
        // A protocol went with the host that was moved.
        if !url.contains(&format!("{{{name}}}")) {
            continue;
        }
        let mut schema = serde_json::json!({"type": "string"});
        for key in ["enum", "default"] {
            if let Some(value) = variable.get(key) {
                schema[key] = value.clone();
            }
        }
        if let Some((_, pattern)) = patterns.iter().find(|(known, _)| known == name) {
            schema["pattern"] = pattern.as_str().into();
        }
        parameters.push(Parameter {
            name: name.clone(),
            place: "server".to_owned(),
            required: true,
            allow_empty: false,
            schema,
            style: "simple".to_owned(),
            explode: false,
            json: false,
        });
    }
    for value in [item, node].into_iter().filter_map(|at| at.get("parameters")?.as_array()).flatten() {
        let Some(one) = parameter(root, resolve(root, value)) else { continue };
        parameters.retain(|known| known.name != one.name || known.place != one.place);
        parameters.push(one);
    }
    // Some documents leave parameters of the path undeclared, and declare some that the path does not have.
    let whole = format!("{url}{path}");
    let is_graph = node.get("x-stackQL-graphQL").is_some();
    parameters.retain(|p| is_graph || p.place != "path" || whole.contains(&format!("{{{}", p.name)));
    for name in whole.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)) {
        if !parameters.iter().any(|p| p.name == name && matches!(p.place.as_str(), "path" | "server")) {
            let schema = serde_json::json!({"type": "string"});
            let place = if path.contains(&format!("{{{name}}}")) { "path" } else { "server" };
            parameters.push(Parameter {
                name: name.to_owned(),
                place: place.to_owned(),
                required: true,
                allow_empty: false,
                schema,
                style: "simple".to_owned(),
                explode: false,
                json: false,
            });
        }
    }
    Operation {
        verb: verb.to_uppercase(),
        path: path.to_owned(),
        literal_query,
        server: url.trim_end_matches('/').to_owned(),
        parameters,
        node: node.clone(),
        graphql: node.get("x-stackQL-graphQL").cloned(),
    }
}

/// `{name:pattern}` as `{name}`, and the patterns; they may have braces of their own.
fn unpatterned(url: &str) -> (String, Vec<(String, String)>) {
    let (mut made, mut patterns) = (String::new(), Vec::new());
    let (mut depth, mut inside) = (0, String::new());
    for c in url.chars() {
        depth -= i32::from(c == '}');
        match (depth, c) {
            (0, '}') => {
                let (name, pattern) = inside.split_once(':').unwrap_or((&inside, ""));
                made.extend(["{", name, "}"]);
                patterns.extend((!pattern.is_empty()).then(|| (name.to_owned(), pattern.to_owned())));
                inside.clear();
            }
            (0, '{') => {}
            (0, c) => made.push(c),
            (_, c) => inside.push(c),
        }
        depth += i32::from(c == '{');
    }
    (made, patterns)
}

fn parameter(root: &Value, value: &Value) -> Option<Parameter> {
    let word = |key: &str| value.get(key).and_then(Value::as_str);
    let flag = |key: &str| value.get(key).and_then(Value::as_bool);
    let place = word("in")?.to_owned();
    let style = word("style").unwrap_or(if matches!(place.as_str(), "query" | "cookie") { "form" } else { "simple" });
    let content = value.get("content").and_then(Value::as_object).and_then(|all| all.values().next());
    let schema = content.and_then(|c| c.get("schema")).or_else(|| value.get("schema"));
    // An object of which nothing is said may be any text.
    let bare = |s: &&Value| {
        resolve(root, s).as_object().is_some_and(|s| s.get("type") == Some(&"object".into()) && said(s) == 1)
    };
    let schema = schema.filter(|s| !bare(s));
    Some(Parameter {
        name: word("name")?.to_owned(),
        required: place == "path" || flag("required") == Some(true),
        allow_empty: flag("allowEmptyValue") == Some(true),
        schema: schema.map_or(Value::Object(Map::new()), |s| resolve(root, s).clone()),
        explode: flag("explode").unwrap_or(style == "form"),
        style: style.to_owned(),
        json: content.is_some(),
        place,
    })
}

/// Keywords of a schema that say something of values.
fn said(schema: &Map<String, Value>) -> usize {
    schema.keys().filter(|key| !matches!(key.as_str(), "description" | "title" | "example")).count()
}

fn methods(service: &Service, provider: &Value) -> Vec<Entry> {
    let root = &service.root;
    let mut found = Vec::new();
    let resources = root.pointer("/components/x-stackQL-resources").and_then(Value::as_object);
    for (key, resource) in resources.into_iter().flatten() {
        let name = resource.get("name").and_then(Value::as_str).unwrap_or(key);
        for (method, node) in resource.get("methods").and_then(Value::as_object).into_iter().flatten() {
            let of_service = provider.pointer(&format!("/providerServices/{}/config", service.name));
            let levels = [
                node.get("config"),
                resource.get("config"),
                root.get("x-stackQL-config"),
                of_service,
                provider.get("config"),
            ];
            found.push(Entry {
                resource: name.to_owned(),
                name: method.clone(),
                verb: sql_verb(resource, method),
                operation: operation_of(service, node),
                node: node.clone(),
                config: config(&levels),
            });
        }
    }
    found
}

fn operation_of(service: &Service, method: &Value) -> Option<usize> {
    let reference = method.pointer("/operation/$ref")?.as_str()?.strip_prefix("#/paths/")?;
    let (path, verb) = reference.rsplit_once('/')?;
    let path = path.replace("~1", "/").replace("~0", "~");
    let (bare, query) = path.split_once('?').unwrap_or((&path, ""));
    let query: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let verb = verb.to_uppercase();
    service.operations.iter().position(|o| o.path == bare && o.verb == verb && o.literal_query == query)
}

/// The list that names the method; without lists, the keys that StackQL takes in their place.
fn sql_verb(resource: &Value, method: &str) -> String {
    for verb in SQL_VERBS {
        let list = resource.pointer(&format!("/sqlVerbs/{verb}")).and_then(Value::as_array);
        let named = |entry: &Value| {
            entry.get("$ref").and_then(Value::as_str).is_some_and(|r| r.rsplit('/').next() == Some(method))
        };
        if list.is_some_and(|list| list.iter().any(named)) {
            return verb.to_owned();
        }
    }
    "exec".to_owned()
}

fn config(levels: &[Option<&Value>]) -> Config {
    let first = |path: &str| levels.iter().flatten().find_map(|level| level.pointer(path));
    let word = |path: &str| first(path).and_then(Value::as_str).map(str::to_owned);
    Config {
        body_names: word("/requestBodyTranslate/algorithm"),
        request_translate: word("/requestTranslate/algorithm"),
        query_transpose: word("/queryParamTranspose/algorithm"),
        pagination: first("/pagination").cloned(),
    }
}
