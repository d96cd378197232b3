//! Whether a document allows a request: the operation by method and path, every parameter by its schema and style, the
//! body by its media type and schema, the credentials by the provider's config.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::document::{Entry, Operation, Parameter, Service, resolve};
use super::sample::{flat, kind};
use super::schema::Judge;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub verb: String,
    /// Still percent-encoded.
    pub path: String,
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let name = name.to_lowercase();
        self.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
    }

    /// Whether its query has the pair, or need not: what begins with two underscores is for StackQL.
    pub fn says(&self, pair: &(String, String)) -> bool {
        pair.0.starts_with("__")
            || url::form_urlencoded::parse(self.query.as_bytes()).into_owned().any(|found| found == *pair)
    }

    pub fn line(&self) -> String {
        let query = if self.query.is_empty() { String::new() } else { format!("?{}", self.query) };
        let body: String = String::from_utf8_lossy(&self.body).chars().take(400).collect();
        format!("{} {}{query} {body}", self.verb, self.path).trim_end().to_owned()
    }
}

/// What a request says, decoded as its operation declares it.
#[derive(Default, Debug, Clone)]
pub struct Said {
    /// Place, name and text of each parameter.
    pub parameters: Vec<(String, String, String)>,
    pub body: Option<Value>,
}

/// The request whose query came as a form in the body of a POST, as its method says (`get_query_to_post_form_utf_8`).
pub fn unposted(request: &Request, entry: Option<&Entry>) -> Request {
    let form = request.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let mut meant = request.clone();
    if request.verb == "POST" && request.query.is_empty() && form && entry.is_some_and(posts_its_query) {
        "GET".clone_into(&mut meant.verb);
        meant.query = String::from_utf8_lossy(&std::mem::take(&mut meant.body)).into_owned();
    }
    meant
}

fn posts_its_query(entry: &Entry) -> bool {
    entry.config.request_translate.as_deref() == Some("get_query_to_post_form_utf_8")
}

/// The query parameter that the made-up server's own next links carry.
pub const NEXT: &str = "made-up-next";

/// The operations that a request's method and path may mean, each with the values in the path.
pub fn meant(service: &Service, request: &Request) -> Vec<(usize, Vec<(String, String)>)> {
    let path = loosely_decoded(request.path.trim_start_matches('/'));
    let mut found = Vec::new();
    for (at, operation) in service.operations.iter().enumerate() {
        if let Some(graph) = &operation.graphql {
            let verb = graph.get("httpVerb").and_then(Value::as_str).unwrap_or("POST");
            if verb.eq_ignore_ascii_case(&request.verb) && operation.server == path {
                found.push((at, Vec::new()));
            }
            continue;
        }
        if operation.verb != request.verb {
            continue;
        }
        let template = loosely_decoded(&format!("{}{}", operation.server, operation.path));
        // Between two variables of a host, the words that one may have say where it begins.
        let words = |name: &str, text: &str| {
            let variable = operation.parameters.iter().find(|p| p.place == "server" && p.name == name);
            let words = variable.and_then(|p| p.schema.get("enum")).and_then(Value::as_array);
            words.is_none_or(|words| words.iter().any(|word| word == text))
        };
        if let Some(captures) = captures(&template, &path, &words).or_else(|| captures(&template, &path, &|_, _| true))
        {
            found.push((at, captures));
        }
    }
    // The more literal template is meant.
    found.sort_by_key(|(at, captures)| (captures.len(), *at));
    found
}

/// Stand for a slash and a question mark that were sent encoded.
const MARKS: [(&str, char, char); 2] = [("%2F", '\u{e000}', '/'), ("%3F", '\u{e001}', '?')];

/// Percent-decoded, but for what would then be read as structure.
fn loosely_decoded(text: &str) -> String {
    let marked = MARKS.iter().fold(text.to_owned(), |text, (code, mark, _)| {
        text.replace(code, &mark.to_string()).replace(&code.to_lowercase(), &mark.to_string())
    });
    percent_decode_str(&marked).decode_utf8_lossy().into_owned()
}

fn unmarked(text: &str) -> String {
    MARKS.iter().fold(text.to_owned(), |text, (_, mark, c)| text.replace(*mark, &c.to_string()))
}

fn captures(template: &str, path: &str, fits: &dyn Fn(&str, &str) -> bool) -> Option<Vec<(String, String)>> {
    let Some((literal, rest)) = template.split_once('{') else {
        return (template == path).then(Vec::new);
    };
    let (name, behind) = rest.split_once('}')?;
    let path = path.strip_prefix(literal)?;
    let most = path.find('/').unwrap_or(path.len());
    for end in (1..=most).rev() {
        if !path.is_char_boundary(end) || !fits(name, &path[..end]) {
            continue;
        }
        if let Some(mut others) = captures(behind, &path[end..], fits) {
            others.insert(0, (name.to_owned(), unmarked(&path[..end])));
            return Some(others);
        }
    }
    None
}

/// What the request says, and the first reason why the operation does not allow it.
pub fn judge(
    (service, operation): (&Service, &Operation),
    captures: &[(String, String)],
    request: &Request,
    entry: Option<&Entry>,
) -> (Said, Option<String>) {
    let is_form = |p: &Parameter| p.place == "query" && p.style == "form";
    if entry.is_some_and(|e| e.config.query_transpose.as_deref() == Some("AWSCanonical"))
        && operation.parameters.iter().any(is_form)
    {
        let member = service.root.pointer("/info/x-protocol").is_some_and(|protocol| protocol == "query");
        let mut operation = operation.clone();
        for parameter in operation.parameters.iter_mut().filter(|p| is_form(p)) {
            (if member { "aws-members" } else { "aws" }).clone_into(&mut parameter.style);
        }
        return judge((service, &operation), captures, request, entry);
    }
    if entry.is_some_and(drops_underscored) {
        let mut operation = operation.clone();
        operation.parameters.retain(|p| !p.name.starts_with("__"));
        operation.literal_query.retain(|(name, _)| !name.starts_with("__"));
        return allowed((service, &operation), captures, request, entry);
    }
    allowed((service, operation), captures, request, entry)
}

fn allowed(
    (service, operation): (&Service, &Operation),
    captures: &[(String, String)],
    request: &Request,
    entry: Option<&Entry>,
) -> (Said, Option<String>) {
    if let Some(parameter) = entry.and_then(paged).filter(|p| operation.parameters.iter().all(|o| o.name != p.name)) {
        let parameters = operation.parameters.iter().cloned().chain([parameter]).collect();
        let operation = Operation { parameters, ..operation.clone() };
        return allowed((service, &operation), captures, request, entry);
    }
    let mut said = Said::default();
    if operation.graphql.is_some() {
        let problem = query(request, &mut said).err();
        return (said, problem);
    }
    let problem = parameters((service, operation), captures, request, &mut said)
        .and_then(|()| body((service, operation), request, entry, &mut said))
        .err();
    (said, problem)
}

/// Whether parameters such as `__kind` choose the method and are not sent.
pub fn drops_underscored(entry: &Entry) -> bool {
    entry.config.request_translate.as_deref() == Some("drop_double_underscore_params")
}

/// The parameter that `config.pagination` puts its token into, which need not be declared otherwise.
fn paged(entry: &Entry) -> Option<Parameter> {
    let token = entry.config.pagination.as_ref()?.get("requestToken")?;
    let word = |key: &str| token.get(key).and_then(Value::as_str);
    let (name, place) = word("key").zip(word("location").filter(|place| *place == "query"))?;
    Some(Parameter {
        name: name.to_owned(),
        place: place.to_owned(),
        required: false,
        allow_empty: false,
        schema: Value::Object(Map::new()),
        style: "form".to_owned(),
        explode: true,
        json: false,
    })
}

/// A GraphQL query is a text in a JSON body; what stands in it is the template's business.
fn query(request: &Request, said: &mut Said) -> Result<(), String> {
    let body: Value = serde_json::from_slice(&request.body).map_err(|e| format!("the query is no JSON: {e}"))?;
    let text = body.get("query").and_then(Value::as_str).ok_or("the body of a GraphQL request has no `query`")?;
    if text.contains("{{") || text.contains("<no value>") {
        return Err("the query still has a template in it".to_owned());
    }
    said.body = Some(text.into());
    Ok(())
}

fn parameters(
    (service, operation): (&Service, &Operation),
    captures: &[(String, String)],
    request: &Request,
    said: &mut Said,
) -> Result<(), String> {
    let query: Vec<(String, String)> = url::form_urlencoded::parse(request.query.as_bytes())
        .into_owned()
        .filter(|(name, _)| name != NEXT && service.key_in_query.as_ref() != Some(name))
        .collect();
    let mut known: Vec<&(String, String)> = operation.literal_query.iter().collect();
    for literal in &operation.literal_query {
        if !query.contains(literal) {
            return Err(format!("the query lacks `{}={}` of the path", literal.0, literal.1));
        }
    }
    for parameter in &operation.parameters {
        let value = match parameter.place.as_str() {
            "path" | "server" => {
                let found = captures.iter().find(|(name, _)| *name == parameter.name);
                found.map(|(_, text)| (text.clone(), one_text(&service.root, parameter, text)))
            }
            "header" => {
                request.header(&parameter.name).map(|text| (text.to_owned(), one_text(&service.root, parameter, text)))
            }
            // What stands in the path is the document's own.
            "query" if operation.literal_query.iter().any(|(name, _)| *name == parameter.name) => {
                let parts: Vec<_> = of_query(&service.root, &query, parameter);
                if parts.len() > 1 {
                    return Err(format!("the query parameter `{}` is there {} times", parameter.name, parts.len()));
                }
                known.extend(parts);
                continue;
            }
            "query" => {
                let parts = of_query(&service.root, &query, parameter);
                known.extend(&parts);
                in_query(&service.root, parameter, &parts)
            }
            _ => continue,
        };
        let place = &parameter.place;
        let ignored = ["accept", "content-type", "content-length", "authorization"]
            .contains(&parameter.name.to_lowercase().as_str());
        match value {
            None if parameter.required && !(place == "header" && ignored) && !parameter.allow_empty => {
                return Err(format!("the {place} parameter `{}` is missing", parameter.name));
            }
            None => {}
            Some((text, readings)) => {
                if !(place == "header" && ignored) {
                    let judge = Judge::new(&service.root, &parameter.schema, true)?;
                    if !readings.iter().any(|value| judge.allows(value)) {
                        let why = readings.last().and_then(|value| judge.why_not(value)).unwrap_or_default();
                        return Err(format!("the {place} parameter `{}`: {why}", parameter.name));
                    }
                }
                said.parameters.push((place.clone(), parameter.name.clone(), text));
            }
        }
    }
    match query.iter().find(|pair| !known.contains(pair)) {
        Some((name, _)) => Err(format!("the query parameter `{name}` is not declared")),
        None => Ok(()),
    }
}

/// The pairs of a query that belong to a parameter.
fn of_query<'a>(root: &Value, query: &'a [(String, String)], parameter: &Parameter) -> Vec<&'a (String, String)> {
    let name = &parameter.name;
    let flat = flat(root, &parameter.schema, 0, 0);
    if let Some(properties) = spread(parameter, &flat) {
        return query.iter().filter(|(found, _)| properties.contains_key(found)).collect();
    }
    let deep = parameter.style == "deepObject";
    let dotted = parameter.style.starts_with("aws");
    query
        .iter()
        .filter(|(found, _)| {
            found == name
                || (deep && found.starts_with(&format!("{name}[")))
                || (dotted && found.starts_with(&format!("{name}.")))
                || *found == format!("{name}[]")
        })
        .collect()
}

/// The properties of an object whose parts are pairs of the query by themselves.
fn spread<'f>(parameter: &Parameter, flat: &'f Map<String, Value>) -> Option<&'f Map<String, Value>> {
    let is_spread = parameter.style == "form" && parameter.explode && !parameter.json && kind(flat) == "object";
    flat.get("properties").and_then(Value::as_object).filter(|_| is_spread)
}

fn in_query(root: &Value, parameter: &Parameter, parts: &[&(String, String)]) -> Option<(String, Vec<Value>)> {
    let (first, rest) = parts.split_first()?;
    let flat = flat(root, &parameter.schema, 0, 0);
    if parameter.style.starts_with("aws") && first.0 != parameter.name {
        let mut whole = Value::Null;
        for (name, text) in parts.iter().map(|part| (&part.0[parameter.name.len() + 1..], &part.1)) {
            put(&mut whole, &name.split('.').collect::<Vec<_>>(), text);
        }
        let made = unflattened(root, &parameter.schema, whole, parameter.style == "aws-members");
        return Some((made.to_string(), vec![made]));
    }
    if let Some(properties) = spread(parameter, &flat) {
        let value = |(name, text): &(String, String)| (name.clone(), readings(root, &properties[name], text).remove(0));
        let made = Value::Object(parts.iter().map(|pair| value(pair)).collect());
        return Some((made.to_string(), vec![made]));
    }
    if parameter.style == "deepObject" && first.0.contains('[') {
        let mut made = Map::new();
        for (name, text) in parts.iter().map(|part| (&part.0, &part.1)) {
            let key = name.split_once('[').map_or("", |(_, rest)| rest.trim_end_matches(']'));
            let schema = flat.get("properties").and_then(|all| all.get(key)).unwrap_or(&Value::Null);
            made.insert(key.to_owned(), readings(root, schema, text).remove(0));
        }
        return Some((Value::Object(made.clone()).to_string(), vec![Value::Object(made)]));
    }
    if kind(&flat) == "array" && parameter.explode && !parameter.json {
        let items = flat.get("items").unwrap_or(&Value::Null);
        let texts: Vec<&str> = parts.iter().map(|part| part.1.as_str()).collect();
        let list = texts.iter().map(|text| readings(root, items, text).remove(0)).collect();
        return Some((texts.join(","), vec![list]));
    }
    if !rest.is_empty() {
        let told = format!("`{}` is there {} times", parameter.name, parts.len());
        return Some((told.clone(), vec![json!([told])]));
    }
    Some((first.1.clone(), one_text(root, parameter, &first.1)))
}

fn put(at: &mut Value, keys: &[&str], text: &str) {
    let Some((key, rest)) = keys.split_first() else {
        *at = text.into();
        return;
    };
    if !at.is_object() {
        *at = json!({});
    }
    put(&mut at[*key], rest, text);
}

/// Lists are objects with the keys 1, 2 ..; in the protocol `query` such an object is the only thing in one of `member`.
fn unflattened(root: &Value, schema: &Value, value: Value, member: bool) -> Value {
    let flat = flat(root, schema, 0, 0);
    match value {
        Value::Object(mut map) if kind(&flat) == "array" => {
            if member {
                let Some(Value::Object(inner)) = map.remove("member").filter(|_| map.is_empty()) else {
                    return "a list that is not in `member`".into();
                };
                map = inner;
            }
            let items = flat.get("items").unwrap_or(&Value::Null);
            let all = (1..=map.len()).map(|number| map.remove(&number.to_string()).unwrap_or_default());
            all.collect::<Vec<_>>().into_iter().map(|item| unflattened(root, items, item, member)).collect()
        }
        Value::Object(map) => {
            let of = |key: &str| flat.get("properties").and_then(|all| all.get(key)).cloned().unwrap_or_default();
            map.into_iter().map(|(key, value)| (key.clone(), unflattened(root, &of(&key), value, member))).collect()
        }
        Value::String(text) => readings(root, schema, &text).remove(0),
        other => other,
    }
}

/// What one text may be read as, by the schema of its parameter.
fn one_text(root: &Value, parameter: &Parameter, text: &str) -> Vec<Value> {
    if parameter.json {
        return serde_json::from_str(text).into_iter().collect();
    }
    let flat = flat(root, &parameter.schema, 0, 0);
    if kind(&flat) == "array" {
        let separator = match parameter.style.as_str() {
            "spaceDelimited" => ' ',
            "pipeDelimited" => '|',
            _ => ',',
        };
        let items = flat.get("items").unwrap_or(&Value::Null);
        return vec![text.split(separator).map(|part| readings(root, items, part).remove(0)).collect()];
    }
    readings(root, &parameter.schema, text)
}

/// What a text may be read as: the value that its schema allows first.
fn readings(root: &Value, schema: &Value, text: &str) -> Vec<Value> {
    let mut all: Vec<Value> = vec![text.into()];
    all.extend(serde_json::from_str::<Value>(text));
    if let Ok(judge) = Judge::new(root, schema, true) {
        all.sort_by_key(|value| !judge.allows(value));
    }
    all
}

/// The media type and schema that a method's body has.
pub fn body_schema<'a>(
    service: &'a Service,
    operation: &'a Operation,
    entry: Option<&Entry>,
) -> Option<(String, &'a Value)> {
    let body = resolve(&service.root, operation.node.get("requestBody")?);
    let content = body.get("content")?.as_object()?;
    let wanted = entry.and_then(|e| e.node.pointer("/request/mediaType")).and_then(Value::as_str);
    let media = wanted.and_then(|wanted| content.get_key_value(wanted));
    let media = media.or_else(|| content.get_key_value("application/json")).or_else(|| content.iter().next());
    let (name, media) = media?;
    let none = &Value::Null;
    Some((wanted.unwrap_or(name).to_owned(), media.get("schema").unwrap_or(none)))
}

fn body(
    (service, operation): (&Service, &Operation),
    request: &Request,
    entry: Option<&Entry>,
    said: &mut Said,
) -> Result<(), String> {
    let posted = entry.is_some_and(posts_its_query);
    let Some((wanted, schema)) = body_schema(service, operation, entry) else {
        let extra = entry.is_some_and(|e| {
            ["base", "default", "transform"].iter().any(|key| e.node.pointer(&format!("/request/{key}")).is_some())
        });
        return if request.body.is_empty() || extra || posted {
            Ok(())
        } else {
            Err("a body came, and none is declared".to_owned())
        };
    };
    if request.body.is_empty() {
        let declared = resolve(&service.root, &operation.node["requestBody"]);
        let required = declared.get("required") == Some(&Value::Bool(true));
        return if required { Err("the body is missing".to_owned()) } else { Ok(()) };
    }
    let kind = request.header("content-type").unwrap_or_default();
    let bare = kind.split(';').next().unwrap_or_default().trim();
    let declared = resolve(&service.root, &operation.node["requestBody"]).get("content").and_then(Value::as_object);
    let known = declared.is_some_and(|all| all.contains_key(bare));
    let ranged = |range: &str| bare.starts_with(range.trim_end_matches('*').trim_end_matches("*/"));
    let known = known || (wanted.contains('*') && ranged(&wanted));
    if !known && bare != wanted.split(';').next().unwrap_or_default().trim() {
        return Err(format!("the body is `{bare}` where `{wanted}` is declared"));
    }
    let value = decoded(&service.root, (kind, bare), schema, &request.body)?;
    let Some(value) = value else { return Ok(()) };
    let judge = Judge::new(&service.root, schema, true)?;
    let value = opened(service, schema, entry, value);
    said.body = Some(value.clone());
    match judge.why_not(&value) {
        Some(why) => Err(format!("the body: {why}")),
        None => Ok(()),
    }
}

/// The body with the object that stands in it as text, as `x-stackQL-stringOnly` asks for where `naive_<key>` leads.
fn opened(service: &Service, schema: &Value, entry: Option<&Entry>, mut value: Value) -> Value {
    let under = entry.and_then(|e| e.config.body_names.as_deref()?.strip_prefix("naive_"));
    let said = |at: &Value| at.get("x-stackQL-stringOnly").is_some_and(|v| v == true || v == "true");
    let whole = resolve(&service.root, schema);
    let inner = under.and_then(|key| whole.get("properties")?.get(key)).map(|at| resolve(&service.root, at));
    if let Some(key) = under.filter(|_| said(whole) || inner.is_some_and(said))
        && let Some(read) = value.get(key).and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok())
    {
        value[key] = read;
    }
    value
}

/// The body as the value that its schema speaks of; `None` where the judge cannot read it.
fn decoded(root: &Value, (kind, bare): (&str, &str), schema: &Value, body: &[u8]) -> Result<Option<Value>, String> {
    if bare.contains("json") && !bare.ends_with("ndjson") {
        return serde_json::from_slice(body).map(Some).map_err(|e| format!("the body is no JSON: {e}"));
    }
    let pairs: Vec<(String, String)> = match bare {
        "application/x-www-form-urlencoded" => url::form_urlencoded::parse(body).into_owned().collect(),
        "multipart/form-data" => parts(kind, body)?,
        _ if bare.starts_with("text/") || bare == "application/octet-stream" => {
            return Ok(Some(String::from_utf8_lossy(body).into_owned().into()));
        }
        _ => return Ok(None),
    };
    let flat = flat(root, schema, 0, 0);
    let mut made = Map::new();
    for (name, text) in pairs {
        let property = flat.get("properties").and_then(|all| all.get(&name)).unwrap_or(&Value::Null);
        made.insert(name, readings(root, property, &text).remove(0));
    }
    Ok(Some(Value::Object(made)))
}

/// Names and texts of a multipart body.
fn parts(kind: &str, body: &[u8]) -> Result<Vec<(String, String)>, String> {
    let boundary = kind.split("boundary=").nth(1).ok_or("a multipart body without a boundary")?;
    let boundary = format!("--{}", boundary.trim_matches('"'));
    let text = String::from_utf8_lossy(body);
    let mut found = Vec::new();
    for part in text.split(&boundary).skip(1) {
        let Some((head, value)) = part.split_once("\r\n\r\n") else { continue };
        let name = head.split("name=\"").nth(1).and_then(|rest| rest.split('"').next());
        let name = name.ok_or("a part of a multipart body without a name")?;
        found.push((name.to_owned(), value.trim_end_matches("\r\n").to_owned()));
    }
    Ok(found)
}
