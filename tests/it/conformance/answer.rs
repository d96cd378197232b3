//! What the made-up server answers: a body generated from the response's schema, made to agree with itself where an API
//! would (totals, pages, the values that were asked for), and how many rows are in it.

use serde_json::{Map, Value, json};

use super::document::{Entry, Operation, Service, resolve};
use super::request::{NEXT, Request, Said};
use super::sample::{Fill, Sampler, flat, kind};

/// An answer to send.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// How many rows are in it; `None`: the judge cannot know.
    pub rows: Option<usize>,
    /// The rows themselves, where they are counted.
    pub given: Vec<Value>,
    /// It says that there is a further page.
    pub more: bool,
}

/// The rows of a list.
const ROWS: usize = 2;

/// How a method reads an answer.
pub struct Reading<'a> {
    /// Status in the document: `200`, `2XX`.
    pub key: String,
    pub media: String,
    pub schema: Option<&'a Value>,
    /// Keys to the rows; `None`: a form that the judge does not know.
    pub path: Option<Vec<String>>,
    /// A template stands between answer and rows.
    pub transform: Option<String>,
    /// That template puts what a row has under `properties` beside the row's other keys, and nothing more.
    pub flattens: bool,
}

pub fn reading<'a>(service: &'a Service, operation: &'a Operation, entry: Option<&Entry>) -> Reading<'a> {
    let word = |key: &str| entry.and_then(|e| e.node.pointer(&format!("/response/{key}")));
    let responses = operation.node.get("responses").and_then(Value::as_object);
    let wanted = word("openAPIDocKey").map(|key| key.as_str().map_or_else(|| key.to_string(), str::to_owned));
    let first = || responses?.iter().find(|(code, _)| code.starts_with('2'));
    let found = wanted.as_ref().and_then(|key| responses?.get_key_value(key.as_str())).or_else(first);
    let key = wanted.or_else(|| found.map(|(key, _)| key.clone())).unwrap_or_else(|| "200".to_owned());
    let response = found.map(|(_, response)| resolve(&service.root, response));
    let content = response.and_then(|r| r.get("content")).and_then(Value::as_object);
    let media = word("mediaType").and_then(Value::as_str);
    let chosen = content.and_then(|all| media.and_then(|m| all.get_key_value(m)).or_else(|| all.iter().next()));
    let path = word("objectKey").and_then(Value::as_str).map_or_else(|| Some(Vec::new()), keys);
    let transform = word("transform").map(|t| t.get("type").and_then(Value::as_str).unwrap_or("?").to_owned());
    // What a transform reads is what the method says, whatever the schema of its result stands under.
    let read = media.filter(|media| transform.is_some() && media.ends_with("xml"));
    let body = word("transform").and_then(|t| t.get("body")).and_then(Value::as_str).unwrap_or_default();
    let flattens = body.contains("\"_flattened\"");
    Reading {
        flattens,
        key,
        media: read.or(chosen.map(|(name, _)| name.as_str())).unwrap_or_default().to_owned(),
        schema: chosen.and_then(|(_, content)| content.get("schema")),
        path,
        transform,
    }
}

/// `$.a.b` and bare `a`, as keys.
fn keys(text: &str) -> Option<Vec<String>> {
    let rest = text.trim().strip_prefix('$').map_or(text.trim(), |rest| rest.trim_start_matches('.'));
    if rest.is_empty() {
        return Some(Vec::new());
    }
    if rest.contains(['[', '*', '/', '@', '\'']) {
        return None;
    }
    Some(rest.split('.').map(str::to_owned).collect())
}

/// The answer to the `page`th request (from 0) of a statement.
pub fn answer(
    (service, operation): (&Service, &Operation),
    entry: Option<&Entry>,
    (request, said): (&Request, &Said),
    page: usize,
) -> Answer {
    let reading = reading(service, operation, entry);
    let status = reading.key.parse().unwrap_or(200);
    let mut headers = Vec::new();
    if !reading.media.is_empty() {
        headers.push(("content-type".to_owned(), concrete(&reading.media)));
    }
    if let Some(rows) = operation.graphql.as_ref().and_then(|graph| graph.pointer("/responseSelection/jsonPath")) {
        return selected((service, &reading), (status, headers), rows.as_str().unwrap_or_default(), page);
    }
    if reading.transform.as_deref().is_some_and(|kind| kind.starts_with("schema_driven_xml"))
        && let Some(answer) = driven((service, operation), (&reading, entry), (said, page))
    {
        return Answer { status, headers, ..answer };
    }
    let Some(schema) = reading.schema.filter(|_| status != 204 && request.verb != "HEAD") else {
        let rows = Some(0).filter(|_| reading.transform.is_none());
        return Answer { status, headers, body: String::new(), rows, given: Vec::new(), more: false };
    };
    let sampler = Sampler { root: &service.root, fill: Fill::All, request: false, choice: 0, items: ROWS };
    let mut body = sampler.value(schema, "value");
    if reading.flattens
        && let Some(rows) = reading.path.as_ref().and_then(|path| at_mut(&mut body, path))
    {
        match rows {
            Value::Array(rows) => rows.iter_mut().for_each(nest),
            row => nest(row),
        }
    }
    let known = reading.path.clone().filter(|_| reading.transform.is_none() || reading.flattens);
    // A key of what is an array has nothing to say.
    let known = known.map(|path| if body.is_array() { Vec::new() } else { path });
    if known.is_none() {
        envelope(&mut body, &[], ROWS, page);
    }
    let mut rows = known.as_ref().map(|path| settle(&mut body, path, said, page));
    if known.as_ref().is_some_and(|path| is_map(service, schema, path)) {
        rows = None;
    }
    let mark = entry.and_then(|e| next(&mut body, (e, &reading, service), request, page));
    let more = mark.is_some();
    headers.extend(mark.flatten().map(|link| ("link".to_owned(), link)));
    let given = known.filter(|_| rows.is_some()).and_then(|path| at(&body, &path).cloned());
    let mut given: Vec<Value> = match given {
        Some(Value::Array(rows)) => rows,
        other => other.into_iter().collect(),
    };
    if reading.flattens {
        given.iter_mut().for_each(flatten);
    }
    if reading.media.contains("json") || reading.media == "*/*" {
        return Answer { status, headers, body: body.to_string(), rows, given, more };
    }
    if reading.media.ends_with("xml") {
        return Answer { status, headers, body: xml("answer", &body), rows: None, given: Vec::new(), more };
    }
    let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
    Answer { status, headers, body, rows: None, given: Vec::new(), more }
}

/// The answer of AWS's protocol `query` to a method whose rows `schema_driven_xml` finds: a list in the result within the
/// response. Only what is no list or object itself is held against the rows: how those nest in XML no schema says.
fn driven(
    (service, operation): (&Service, &Operation),
    (reading, entry): (&Reading<'_>, Option<&Entry>),
    (said, page): (&Said, usize),
) -> Option<Answer> {
    let schema = entry?.node.pointer("/response/schema_override").or(reading.schema)?;
    let sampler = Sampler { root: &service.root, fill: Fill::All, request: false, choice: 0, items: ROWS };
    let mut body = sampler.value(schema, "value");
    let path = reading.path.as_ref()?;
    let rows = settle(&mut body, path, said, page);
    let Some(Value::Array(mut given)) = at(&body, path).cloned() else { return None };
    let members: String = given.iter().map(|row| xml("member", row)).collect();
    let token = operation.parameters.iter().find(|p| ["Marker", "marker", "NextToken"].contains(&p.name.as_str()));
    let more = token.is_some() && page == 0 && entry?.verb == "select";
    let mark = match token.filter(|_| more) {
        Some(token) if token.name == "marker" => {
            "<Marker></Marker><NextMarker>second-page</NextMarker><IsTruncated>true</IsTruncated>".to_owned()
        }
        Some(token) => format!("<{0}>second-page</{0}>", token.name),
        None if token.is_some() => "<Marker>second-page</Marker><IsTruncated>false</IsTruncated>".to_owned(),
        None => String::new(),
    };
    let name = operation.node.get("operationId").and_then(Value::as_str)?.rsplit('_').next()?;
    let body = format!(
        "<?xml version=\"1.0\"?><{name}Response xmlns=\"https://made.up/doc/\"><{name}Result>{mark}<Things>{members}</Things>\
         </{name}Result><ResponseMetadata><RequestId>made-up</RequestId></ResponseMetadata></{name}Response>"
    );
    for row in given.iter_mut().filter_map(Value::as_object_mut) {
        row.retain(|_, value| !value.is_array() && !value.is_object() && !value.is_null());
    }
    Some(Answer { status: 200, headers: Vec::new(), body, rows: Some(rows), given, more })
}

/// A row as it is before its document flattens it: but for what each resource has, all of it under `properties`.
fn nest(row: &mut Value) {
    const OWN: [&str; 9] = ["id", "name", "type", "location", "tags", "kind", "etag", "systemData", "identity"];
    let Some(map) = row.as_object_mut() else { return };
    let (own, inner): (Map<_, _>, Map<_, _>) = std::mem::take(map)
        .into_iter()
        .filter(|(key, _)| key != "properties")
        .partition(|(key, _)| OWN.contains(&key.as_str()));
    *map = own;
    map.insert("properties".to_owned(), Value::Object(inner));
}

/// A row with what stands under `properties` in its place.
fn flatten(row: &mut Value) {
    let Some(map) = row.as_object_mut() else { return };
    let inner = map.shift_remove("properties").and_then(|inner| inner.as_object().cloned()).unwrap_or_default();
    for (key, value) in inner {
        map.entry(key).or_insert(value);
    }
}

/// The answer to a GraphQL query: rows where the selection looks for them.
fn selected(
    (service, reading): (&Service, &Reading<'_>),
    (status, mut headers): (u16, Vec<(String, String)>),
    selection: &str,
    page: usize,
) -> Answer {
    let sampler = Sampler { root: &service.root, fill: Fill::All, request: false, choice: 0, items: ROWS };
    let path = keys(selection.trim_end_matches("[*]"));
    let schema = reading.schema.unwrap_or(&Value::Null);
    let made = sampler.value(schema, "value");
    let list =
        path.as_ref().and_then(|path| at(&made, path)).or_else(|| made.as_object()?.values().find(|v| v.is_array()));
    let mut body = match list {
        _ if page > 0 => json!([]),
        Some(list) => list.clone(),
        None => json!([made, made]),
    };
    let rows = body.as_array().map(Vec::len).filter(|_| path.is_some() && reading.transform.is_none());
    for key in path.iter().flatten().rev() {
        let mut around = Map::new();
        around.insert(key.clone(), body);
        body = Value::Object(around);
    }
    headers.retain(|(name, _)| name != "content-type");
    headers.push(("content-type".to_owned(), "application/json".to_owned()));
    Answer { status, headers, body: body.to_string(), rows, given: Vec::new(), more: false }
}

/// A media type that can be sent, for `image/*`.
fn concrete(media: &str) -> String {
    if media == "*/*" { "application/json".to_owned() } else { media.replace("/*", "/png") }
}

/// Whether the rows stand in a map.
fn is_map(service: &Service, schema: &Value, path: &[String]) -> bool {
    let mut at = flat(&service.root, schema, 0, 0);
    for key in path {
        let Some(next) = at.get("properties").and_then(|all| all.get(key)) else { return false };
        at = flat(&service.root, next, 0, 0);
    }
    let properties = at.get("properties").and_then(Value::as_object).is_none_or(Map::is_empty);
    kind(&at) == "object" && properties && at.get("additionalProperties").is_some_and(Value::is_object)
}

/// Makes the answer agree with itself, and counts its rows.
fn settle(body: &mut Value, path: &[String], said: &Said, page: usize) -> usize {
    let list = at(body, path).is_some_and(Value::is_array);
    if list
        && page > 0
        && let Some(rows) = at_mut(body, path)
    {
        *rows = json!([]);
    }
    let rows = match at_mut(body, path) {
        None | Some(Value::Null) => 0,
        Some(Value::Array(rows)) => {
            for row in rows.iter_mut() {
                echo(row, said);
            }
            rows.len()
        }
        Some(row) => {
            echo(row, said);
            1
        }
    };
    if !path.is_empty() {
        envelope(body, path, if list { ROWS } else { 1 }, page);
    }
    rows
}

fn at<'a>(body: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(body, |value, key| value.get(key))
}

fn at_mut<'a>(body: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(body, |value, key| value.get_mut(key))
}

fn folded(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A row has what it was asked for by.
fn echo(row: &mut Value, said: &Said) {
    for (key, value) in row.as_object_mut().into_iter().flatten() {
        if key == "properties" {
            echo(value, said);
        }
        let named = said.parameters.iter().find(|(_, name, _)| folded(name) == folded(key));
        let in_body = || said.body.as_ref()?.as_object()?.iter().find(|(name, _)| folded(name) == folded(key));
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let Some(text) = named.map(|(_, _, text)| text.clone()).or_else(|| in_body().map(|(_, v)| plain(v))) else {
            continue;
        };
        match value {
            // Asked whether something is so, a row still says when.
            Value::String(known) if is_moment(known) && !is_moment(&text) => {}
            Value::String(known) => *known = text,
            Value::Number(_) | Value::Bool(_) => {
                if let Ok(parsed) = serde_json::from_str::<Value>(&text) {
                    *value = parsed;
                }
            }
            _ => {}
        }
    }
}

fn is_moment(text: &str) -> bool {
    let at = |place: usize| text.as_bytes().get(place).copied();
    (at(4), at(7), at(10)) == (Some(b'-'), Some(b'-'), Some(b'T'))
}

/// Totals, numbers of pages and marks of a further page, around the rows.
fn envelope(value: &mut Value, path: &[String], rows: usize, page: usize) {
    let Some(map) = value.as_object_mut() else { return };
    let mut gone = Vec::new();
    for (key, value) in map.iter_mut() {
        if path.first() == Some(key) {
            envelope(value, &path[1..], rows, page);
            continue;
        }
        let name = folded(key);
        let further = ["next", "cursor", "token", "after"].iter().any(|word| name.contains(word));
        match value {
            Value::Object(_) => envelope(value, &[], rows, page),
            Value::Number(_) => {
                let said = match name.as_str() {
                    "page" | "pagenumber" | "currentpage" | "totalpages" | "pages" | "lastpage" => Some(1),
                    "perpage" | "pagesize" | "limit" => Some(20),
                    "offset" | "skip" => Some(0),
                    _ if name.contains("total") || name.contains("count") => Some(rows),
                    _ => None,
                };
                if let Some(said) = said {
                    *value = json!(said);
                }
            }
            Value::Bool(_) if name.contains("more") || name.contains("incomplete") || name.contains("truncated") => {
                *value = json!(false);
            }
            Value::Array(_) if name == "errors" => *value = json!([]),
            Value::String(_) | Value::Null if further && (page > 0 || !path.is_empty()) => gone.push(key.clone()),
            Value::String(_) if further => gone.push(key.clone()),
            _ => {}
        }
    }
    for key in gone {
        map.shift_remove(&key);
    }
}

/// Puts the way to a second page into a first answer, as the method's config says; the header where it is one. `None`
/// where the config says nothing.
#[expect(clippy::option_option, reason = "the outer one is whether there is a further page, the inner one a header")]
fn next(
    body: &mut Value,
    (entry, reading, service): (&Entry, &Reading<'_>, &Service),
    request: &Request,
    page: usize,
) -> Option<Option<String>> {
    if page > 0 {
        return None;
    }
    let url = || {
        let host = request.header("host").unwrap_or_default();
        let query = if request.query.is_empty() { String::new() } else { format!("{}&", request.query) };
        format!("http://{host}{}?{query}{NEXT}=2", request.path)
    };
    let list = reading_has_list(body, entry);
    let Some(pagination) = entry.config.pagination.as_ref() else {
        // Nobody says so, and the schema has a link.
        let flat = flat(&service.root, reading.schema.filter(|_| list)?, 0, 0);
        let properties = flat.get("properties").and_then(Value::as_object)?;
        let key = properties.keys().find(|key| ["nextlink", "odatanextlink"].contains(&folded(key).as_str()))?;
        body.as_object_mut()?.insert(key.clone(), url().into());
        return Some(None);
    };
    let word = |pointer: &str| pagination.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let mut put = |key: &str, value: Value| {
        let path = keys(key)?;
        let (last, parents) = path.split_last()?;
        let mut at = &mut *body;
        for key in parents {
            at = at.as_object_mut()?.entry(key.clone()).or_insert_with(|| json!({}));
        }
        at.as_object_mut()?.insert(last.clone(), value);
        Some(())
    };
    if word("/algorithm") == "page_number" {
        if !list {
            return None;
        }
        put(word("/responseToken/key"), 1.into())?;
        put(word("/responseTerminator/key"), 2.into())?;
        return Some(None);
    }
    match (word("/responseToken/location"), word("/requestToken/location")) {
        ("header", "request") if list => Some(Some(format!("<{}>; rel=\"next\"", url()))),
        ("body", location) if list => {
            let value = if location == "request" { url() } else { "second-page".to_owned() };
            put(word("/responseToken/key"), value.into())?;
            goes_on(body);
            Some(None)
        }
        _ => None,
    }
}

/// The flags of the first page say that there is more.
fn goes_on(body: &mut Value) {
    for (key, value) in body.as_object_mut().into_iter().flatten() {
        match value {
            Value::Object(_) => goes_on(value),
            Value::Bool(_) if ["hasmore", "hasnext", "more"].contains(&folded(key).as_str()) => *value = true.into(),
            _ => {}
        }
    }
}

fn reading_has_list(body: &Value, entry: &Entry) -> bool {
    let key = entry.node.pointer("/response/objectKey").and_then(Value::as_str).unwrap_or("$");
    keys(key).and_then(|path| at(body, &path).map(Value::is_array)).unwrap_or(false)
}

fn xml(name: &str, value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(|item| xml(name, item)).collect(),
        Value::Object(map) => {
            let inner: String = map.iter().map(|(key, value)| xml(key, value)).collect();
            format!("<{name}>{inner}</{name}>")
        }
        Value::String(text) => format!("<{name}>{}</{name}>", text.replace('&', "&amp;").replace('<', "&lt;")),
        other => format!("<{name}>{other}</{name}>"),
    }
}
