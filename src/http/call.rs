//! A call becomes a request: pure, sends nothing, so that EXPLAIN shows what would be sent by asking the same function.
//! Owns arguments and headers and the masked forms; the URL is `target`'s, the body `body`'s.
//! Must not know credentials, the network or the environment.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use super::body::{Written, secret_fields, texts, written};
use super::graphql::query;
use super::page::{PageRequest, same_origin};
use super::style::{encode, parts, scalar};
use super::target::{parsed, target, value_of};
use crate::error::{Error, Kind, Result};
use crate::registry::{HttpVerb, Location, Method, OWN_HEADERS, Paging, Parameter, Source, Style};
use crate::secret::{MASK, Secret};

/// One use of a method: arguments in.
#[derive(Clone)]
pub struct Call {
    /// The operation.
    pub method: Arc<Method>,
    /// Wire name of a parameter, and its value: text, number, boolean, or an array of these. `null` in the query or a
    /// header is left out.
    pub arguments: Vec<(String, Value)>,
    /// The body, by wire names.
    pub body: Option<Value>,
    /// What the paging adds for one page.
    pub page: PageRequest,
    /// The key that goes into the method's idempotency header; `None`: a random one, new for each time it is sent.
    pub idempotency_key: Option<String>,
}

impl Call {
    /// A call without a body, of the first page.
    pub fn new(method: Arc<Method>, arguments: Vec<(String, Value)>) -> Self {
        Call { method, arguments, body: None, page: PageRequest::default(), idempotency_key: None }
    }

    /// The same call with a body.
    #[must_use]
    pub fn with_body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// The same call, for one page of its list.
    #[must_use]
    pub fn with_page(mut self, page: PageRequest) -> Self {
        self.page = page;
        self
    }

    /// The same call under this idempotency key. It counts where the method takes one and no argument gives it.
    #[must_use]
    pub fn with_idempotency_key(mut self, key: String) -> Self {
        self.idempotency_key = Some(key);
        self
    }

    /// The body with what the paging adds to it.
    fn paged_body(&self) -> Option<Value> {
        let mut body = self.body.clone();
        for (path, token) in &self.page.body {
            let mut at = body.get_or_insert_with(|| Value::Object(Map::new()));
            for key in &path.0 {
                let Value::Object(map) = at else { return body };
                at = map.entry(key.clone()).or_insert_with(|| Value::Object(Map::new()));
            }
            *at = Value::String(token.clone());
        }
        body
    }

    pub(super) fn argument(&self, wire: &str) -> Option<&Value> {
        self.arguments.iter().find(|(name, _)| name == wire).map(|(_, value)| value)
    }
}

/// Arguments may be secret: only the method's name is shown.
impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({})", self.method.name)
    }
}

/// The exact request, without credentials.
#[derive(Clone)]
pub struct Prepared {
    /// GET, POST ...
    pub verb: HttpVerb,
    /// The URL that is sent. It may hold secrets: print [`shown_url`](Prepared::shown_url) instead.
    pub url: Url,
    /// Headers in document order, without credentials and transport headers.
    pub headers: Vec<(String, String)>,
    /// The body; `None` sends neither body nor content type.
    pub body: Option<Vec<u8>>,
    /// The URL with secret values masked.
    pub shown_url: String,
    /// The body with secret values masked, where it is text.
    pub shown_body: Option<String>,
    /// `GET /accounts/x/streams`: verb and masked path, for messages.
    pub label: String,
    /// Secret values within the request, for the redactor.
    pub secrets: Vec<Secret>,
    /// The header of the answer that names the next page, where it is not `Link`.
    pub page_header: Option<String>,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb.as_str(), self.shown_url)
    }
}

/// Makes the request of `call`. `base_url`, where given, replaces the document's server wholly.
///
/// # Errors
/// When a value cannot stand where it must (the error names the parameter), a required one is missing, an argument is
/// not one of the method's, or the document asks for something weir cannot send.
pub fn prepare(call: &Call, base_url: Option<&str>) -> Result<Prepared> {
    let method = &call.method;
    if let Some(reason) = &method.unsupported {
        return Err(Error::statement(format!("method {} cannot be used: {reason}", method.name)));
    }
    check_arguments(call)?;
    let (mut url, mut shown_url) = match &call.page.url {
        Some(next) => next_url(call, base_url, next)?,
        None => (parsed(&target(call, base_url, false)?.text())?, target(call, base_url, true)?.text()),
    };
    let written = if method.query_as_form {
        posted_query(&mut url, &mut shown_url)
    } else if let Some(graphql) = &method.graphql {
        Some(query(call, graphql)?)
    } else {
        written(method, call.paged_body().as_ref())?
    };
    let mut headers = headers(call)?;
    headers.extend(call.page.headers.iter().cloned());
    let media_type = |w: &Written| content_type(call).unwrap_or_else(|| w.media_type.clone());
    headers.extend(written.as_ref().map(|w| ("Content-Type".to_owned(), media_type(w))));
    let (body, shown_body) = written.map(|w| (w.bytes, w.shown)).unzip();
    let path = if call.page.url.is_some() { url.path().to_owned() } else { target(call, base_url, true)?.path };
    let label = format!("{} {path}", method.http.as_str());
    let page_header = match method.paging.as_ref().and_then(Paging::next) {
        Some(Source::Header { name, .. }) => Some(name.clone()),
        _ => None,
    };
    let (verb, secrets) = (method.http, secrets(call));
    Ok(Prepared { verb, url, headers, body, shown_url, shown_body, label, secrets, page_header })
}

/// Takes the query off the URL, for the body of a POST.
fn posted_query(url: &mut Url, shown_url: &mut String) -> Option<Written> {
    let query = url.query().filter(|query| !query.is_empty())?.to_owned();
    url.set_query(None);
    let shown = match shown_url.split_once('?') {
        Some((before, query)) => {
            let parts = (before.to_owned(), query.to_owned());
            *shown_url = parts.0;
            parts.1
        }
        None => String::new(),
    };
    let media_type = "application/x-www-form-urlencoded; charset=utf-8".to_owned();
    Some(Written { bytes: query.into_bytes(), shown, media_type })
}

/// `url` with the values of its query masked unless the method documents the parameter as no secret.
pub(super) fn shown(method: &Method, url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_fragment(None);
    // Neither fails on the http and https URLs that come here; a URL that cannot carry them holds none.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    let mut text = shown.to_string();
    for (index, (name, value)) in url.query_pairs().enumerate() {
        let open = method.parameters.iter().any(|p| p.wire == name && !p.shape.secret);
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(&encode(&name));
        text.push('=');
        text.push_str(&if open { encode(&value) } else { MASK.to_owned() });
    }
    text
}

fn check_arguments(call: &Call) -> Result<()> {
    let method = &call.method;
    for (name, _) in &call.arguments {
        if !method.parameters.iter().any(|p| p.wire == *name) {
            return Err(Error::statement(format!("method {} takes no parameter `{name}`", method.name)));
        }
    }
    for parameter in &method.parameters {
        // A server variable needs no value when the server itself is replaced; that is checked where it is used.
        let needed =
            parameter.required && parameter.location != Location::Server && parameter.location != Location::Path;
        if needed && value_of(call, parameter).is_none_or(|v| v.is_null()) {
            return Err(missing(call, parameter));
        }
    }
    Ok(())
}

/// The error for a parameter without a value.
pub(super) fn missing(call: &Call, parameter: &Parameter) -> Error {
    let error =
        Error::statement(format!("method {} needs a value for `{}`, and has none", call.method.name, parameter.name));
    match &parameter.variable {
        Some(variable) => error.hint(format!("Give `{} = ...`, or set {variable}.", parameter.name)),
        None => error.hint(format!("Give `{} = ...`.", parameter.name)),
    }
}

fn headers(call: &Call) -> Result<Vec<(String, String)>> {
    let accept = match call.method.answer.media_type.as_str() {
        "" => "application/json",
        declared => declared,
    };
    let mut headers = vec![("Accept".to_owned(), accept.to_owned())];
    for parameter in call.method.parameters.iter().filter(|p| p.location == Location::Header) {
        let Some(value) = value_of(call, parameter).filter(|v| !v.is_null()) else { continue };
        let text = match &value {
            value if parameter.manner.style == Style::Json => value.to_string(),
            Value::Object(map) if parameter.manner.explode => {
                map.iter().map(|(key, value)| format!("{key}={}", scalar(value))).collect::<Vec<_>>().join(",")
            }
            other => parts(other).join(","),
        };
        if OWN_HEADERS.contains(&parameter.wire.to_ascii_lowercase().as_str()) {
            let is_type = parameter.wire.eq_ignore_ascii_case("content-type");
            // The document's own word for it says what is sent anyway.
            if call.argument(&parameter.wire).is_none() {
                continue;
            }
            if !is_type || !takes_its_type(&call.method) {
                return Err(Error::statement(format!("the header {} cannot be set by a statement", parameter.wire)));
            }
        }
        if !text.bytes().all(|b| (b' '..=b'~').contains(&b)) || text.trim() != text {
            return Err(Error::statement(format!(
                "`{}` goes into a header, which takes ASCII text without line breaks and without spaces at its ends",
                parameter.name
            )));
        }
        if parameter.wire.eq_ignore_ascii_case("content-type") {
            continue;
        }
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case(&parameter.wire));
        headers.push((parameter.wire.clone(), text));
    }
    Ok(headers)
}

/// Whether a body is whatever its sender says that it is: no fields are laid out in it.
fn takes_its_type(method: &Method) -> bool {
    method
        .body
        .as_ref()
        .is_some_and(|body| body.whole && !["json", "xml", "form"].iter().any(|w| body.media_type.contains(w)))
}

/// The media type that the call gives such a body.
fn content_type(call: &Call) -> Option<String> {
    let is_type = |name: &str| name.eq_ignore_ascii_case("content-type");
    let (_, value) = call.arguments.iter().find(|(name, _)| is_type(name) && takes_its_type(&call.method))?;
    value.as_str().map(str::to_owned)
}

fn secrets(call: &Call) -> Vec<Secret> {
    let mut found = Vec::new();
    for parameter in call.method.parameters.iter().filter(|p| p.shape.secret) {
        if let Some(value) = value_of(call, parameter) {
            texts(&value, &mut found);
        }
    }
    if let (Some(described), Some(body)) = (&call.method.body, &call.body) {
        secret_fields(&described.fields, body, &mut found);
    }
    found
}

/// The URL that the API gave for the next page. It must stay at the origin of the first: the credentials go with it.
fn next_url(call: &Call, base_url: Option<&str>, next: &str) -> Result<(Url, String)> {
    let first = parsed(&target(call, base_url, false)?.text())?;
    let joined = first
        .join(next)
        .map_err(|e| Error::new(Kind::Api, format!("the API gave a next page that is no URL ({e})")))?;
    if !same_origin(&first, &joined) {
        return Err(Error::new(
            Kind::Api,
            format!(
                "the API gave a next page at another place ({}), where the credentials must not go",
                joined.origin().ascii_serialization()
            ),
        )
        .hint("If a base URL is set to reach the API through a proxy, the proxy must rewrite such links."));
    }
    let shown = shown(&call.method, &joined);
    Ok((joined, shown))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::scripted::{method, parameter};
    use crate::registry::{Body, Field, Shape};

    const BASE: Option<&str> = None;

    fn call(method: Method, arguments: &[(&str, Value)]) -> Call {
        Call::new(Arc::new(method), arguments.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    fn url(method: Method, arguments: &[(&str, Value)]) -> String {
        prepare(&call(method, arguments), BASE).unwrap().url.to_string()
    }

    fn field(wire: &str, secret: bool, fields: Vec<Field>) -> Field {
        let shape = Shape { secret, fields, ..Shape::default() };
        Field { wire: wire.into(), name: wire.into(), required: false, shape, description: String::new() }
    }

    fn with_body(http: HttpVerb, media_type: &str, fields: Vec<Field>) -> Method {
        let body = Body { media_type: media_type.into(), fields, open: true, ..Body::default() };
        Method { body: Some(body), ..method(http, "/x") }
    }

    #[test]
    fn path_values_are_encoded_but_for_unreserved_characters() {
        let table = [
            (json!("aZ9-._~"), "aZ9-._~"),
            (json!("a b"), "a%20b"),
            (json!("a/b?c#d%"), "a%2Fb%3Fc%23d%25"),
            (json!("é"), "%C3%A9"),
            (json!("a+b&c=d;e:f@g"), "a%2Bb%26c%3Dd%3Be%3Af%40g"),
            (json!("..."), "..."),
            (json!(12), "12"),
            (json!(true), "true"),
            (json!(["a,b", "c"]), "a%2Cb,c"),
        ];
        for (value, encoded) in table {
            let sent = url(method(HttpVerb::Get, "/things/{id}/parts"), &[("id", value)]);
            assert_eq!(sent, format!("https://api.example/v1/things/{encoded}/parts"));
        }
    }

    #[test]
    fn a_path_within_a_path_keeps_its_slashes_and_leads_nowhere_else() {
        let scoped = |scope: &str| {
            let mut method = method(HttpVerb::Get, "/{scope}/locks");
            method.parameters = vec![parameter("scope", Location::Path)];
            method.parameters[0].manner.reserved = true;
            prepare(&call(method, &[("scope", json!(scope))]), BASE).map(|prepared| prepared.url.to_string())
        };
        for scope in ["subscriptions/s 1/groups/g", "/subscriptions/s 1/groups/g/"] {
            assert_eq!(scoped(scope).unwrap(), "https://api.example/v1/subscriptions/s%201/groups/g/locks");
        }
        assert_eq!(scoped("a?b#c").unwrap(), "https://api.example/v1/a%3Fb%23c/locks");
        for wrong in ["", "/", "a//b", "a/../b", "a/%2e%2e/b", "//evil.example/x"] {
            assert!(scoped(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_path_value_that_names_nothing_or_another_path_is_refused_by_name() {
        let bad = ["", "  ", ".", "..", "%2e%2e", "%252E%252e", "a/../b", "..\\x", "%2e%2e%2fzones"];
        let values = bad.iter().map(|text| json!(text)).chain([Value::Null, json!([]), json!(["a", ""])]);
        for value in values {
            let error = prepare(&call(method(HttpVerb::Get, "/t/{id}"), &[("id", value.clone())]), BASE).unwrap_err();
            assert_eq!(error.kind(), Kind::Statement);
            assert!(error.message().contains("`id`"), "{value}: {error}");
        }
        let none = prepare(&call(method(HttpVerb::Get, "/t/{id}"), &[]), BASE).unwrap_err();
        assert!(none.message().contains("`id`"), "{none}");
    }

    #[test]
    fn dots_that_only_meet_in_the_template_do_not_climb() {
        let sneaky = method(HttpVerb::Get, "/a/.{x}{y}/b");
        assert!(prepare(&call(sneaky.clone(), &[("x", json!(".")), ("y", json!("z"))]), BASE).is_err());
        let joined = method(HttpVerb::Get, "/a/.{x}");
        let mut joined = call(joined, &[("x", json!("b"))]);
        assert!(prepare(&joined, BASE).is_ok());
        joined.arguments[0].1 = json!(".");
        assert!(prepare(&joined, BASE).is_err());
    }

    #[test]
    fn the_query_keeps_document_order_and_arrays_are_exploded_or_joined() {
        let mut list = method(HttpVerb::Get, "/x");
        list.parameters = ["a", "b", "c"].map(|wire| parameter(wire, Location::Query)).to_vec();
        list.parameters[2].manner.explode = false;
        let arguments = [("c", json!(["1,2", "3"])), ("b", json!(["x y", "z&"])), ("a", json!(false))];
        assert_eq!(url(list.clone(), &arguments), "https://api.example/v1/x?a=false&b=x%20y&b=z%26&c=1%2C2,3");
        assert_eq!(url(list, &[("a", Value::Null)]), "https://api.example/v1/x");
    }

    #[test]
    fn a_page_replaces_its_parameters_and_adds_those_the_document_does_not_list() {
        let mut list = method(HttpVerb::Get, "/x");
        list.parameters = vec![parameter("page", Location::Query), parameter("q", Location::Query)];
        let page = PageRequest {
            query: vec![("size".into(), "9".into()), ("page".into(), "2".into())],
            ..PageRequest::default()
        };
        let prepared = prepare(&call(list, &[("q", json!("v"))]).with_page(page), BASE).unwrap();
        assert_eq!(prepared.url.query(), Some("page=2&q=v&size=9"));
    }

    #[test]
    fn a_base_url_replaces_the_server_wholly_and_must_be_one() {
        let get = || call(method(HttpVerb::Get, "/x"), &[]);
        let prepared = prepare(&get(), Some("http://127.0.0.1:9/base/")).unwrap();
        assert_eq!(prepared.url.as_str(), "http://127.0.0.1:9/base/x");
        assert_eq!(prepared.label, "GET /x");
        for bad in ["", "ftp://h", "https://u:p@h", "https://h/?q", "https://h/#f", "h/x"] {
            assert_eq!(prepare(&get(), Some(bad)).unwrap_err().kind(), Kind::Usage, "{bad}");
        }
    }

    #[test]
    fn a_server_variable_cannot_move_the_request_to_another_host() {
        let mut tenant = method(HttpVerb::Get, "/x");
        tenant.server = "https://{tenant}.api.example/v1".into();
        tenant.parameters = vec![parameter("tenant", Location::Server)];
        assert_eq!(url(tenant.clone(), &[("tenant", json!("acme"))]), "https://acme.api.example/v1/x");
        for bad in ["evil.example/", "evil.example#", "a@b", "a:1", "", "evil.example\\", "a?b", ".."] {
            assert!(prepare(&call(tenant.clone(), &[("tenant", json!(bad))]), BASE).is_err(), "{bad}");
        }
        assert!(prepare(&call(tenant.clone(), &[]), BASE).is_err());
        assert!(prepare(&call(tenant.clone(), &[]), Some("https://h")).is_ok());
        tenant.parameters[0].constant = Some("eu".into());
        assert_eq!(url(tenant, &[]), "https://eu.api.example/v1/x");
    }

    #[test]
    fn headers_take_plain_text_and_never_the_credentials_place() {
        let mut get = method(HttpVerb::Get, "/x");
        get.parameters = vec![parameter("X-Mode", Location::Header), parameter("Authorization", Location::Header)];
        let prepared = prepare(&call(get.clone(), &[("X-Mode", json!("fast"))]), BASE).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(prepared.headers, [pair("Accept", "application/json"), pair("X-Mode", "fast")]);
        assert!(prepare(&call(get.clone(), &[("X-Mode", json!("a\r\nHost: evil"))]), BASE).is_err());
        assert!(prepare(&call(get, &[("Authorization", json!("x"))]), BASE).is_err());
    }

    #[test]
    fn an_unknown_or_missing_argument_is_named() {
        let mut get = method(HttpVerb::Get, "/x");
        get.parameters = vec![parameter("q", Location::Query)];
        get.parameters[0].required = true;
        get.parameters[0].variable = Some("DEMO_Q".into());
        let error = prepare(&call(get.clone(), &[]), BASE).unwrap_err();
        assert!(error.message().contains("`q`") && error.hint_text().unwrap().contains("DEMO_Q"));
        assert!(prepare(&call(get, &[("q", json!(1)), ("z", json!(1))]), BASE).unwrap_err().message().contains("`z`"));
    }

    #[test]
    fn a_documented_json_body_is_sent_empty_when_nobody_fills_it_and_an_undocumented_one_never() {
        let sent = |method: Method| {
            let prepared = prepare(&call(method, &[]), BASE).unwrap();
            (
                prepared.body.map(|b| String::from_utf8(b).unwrap()),
                prepared.headers.iter().any(|(n, _)| n == "Content-Type"),
            )
        };
        for http in [HttpVerb::Post, HttpVerb::Put, HttpVerb::Patch] {
            assert_eq!(sent(with_body(http, "application/json", vec![])), (Some("{}".into()), true));
        }
        assert_eq!(sent(with_body(HttpVerb::Delete, "application/json", vec![])), (None, false));
        assert_eq!(sent(with_body(HttpVerb::Post, "text/plain", vec![])), (None, false));
        assert_eq!(sent(method(HttpVerb::Post, "/x")), (None, false));
        assert!(prepare(&call(method(HttpVerb::Post, "/x"), &[]).with_body(json!({})), BASE).is_err());
    }

    #[test]
    fn a_body_follows_its_media_type_and_keeps_false_null_and_zero() {
        let sent = |media: &str, body: Value| {
            let prepared = prepare(&call(with_body(HttpVerb::Post, media, vec![]), &[]).with_body(body), BASE);
            prepared.map(|p| String::from_utf8(p.body.unwrap()).unwrap())
        };
        let body = json!({"b": false, "a": null, "n": 0, "s": ""});
        assert_eq!(sent("application/json", body.clone()).unwrap(), r#"{"b":false,"a":null,"n":0,"s":""}"#);
        assert_eq!(sent("application/scim+json; charset=utf-8", json!([1])).unwrap(), "[1]");
        assert_eq!(
            sent("application/x-www-form-urlencoded", json!({"a b": "c&d", "n": 1})).unwrap(),
            "a%20b=c%26d&n=1"
        );
        assert_eq!(sent("text/plain", json!("hi")).unwrap(), "hi");
        assert!(sent("multipart/form-data", body).is_err(), "a form cannot say NULL");
    }

    #[test]
    fn what_is_shown_has_no_secret_and_what_is_sent_has_it() {
        let fields = vec![field("name", false, vec![]), field("rtmps", false, vec![field("streamKey", true, vec![])])];
        let mut post = with_body(HttpVerb::Post, "application/json", fields);
        post.path = method(HttpVerb::Get, "/t/{code}").path;
        post.parameters = vec![parameter("code", Location::Path), parameter("sig", Location::Query)];
        post.parameters.iter_mut().for_each(|p| p.shape.secret = true);
        let body = json!({"name": "n", "rtmps": {"streamKey": "hush-key-1"}});
        let arguments = [("code", json!("hush-code")), ("sig", json!("hush-sig"))];
        let prepared = prepare(&call(post, &arguments).with_body(body), BASE).unwrap();
        assert_eq!(prepared.url.as_str(), "https://api.example/v1/t/hush-code?sig=hush-sig");
        assert_eq!(prepared.shown_url, "https://api.example/v1/t/***?sig=***");
        assert_eq!(prepared.label, "POST /t/***");
        assert_eq!(prepared.shown_body.as_deref(), Some(r#"{"name":"n","rtmps":{"streamKey":"***"}}"#));
        let secrets: Vec<&str> = prepared.secrets.iter().map(Secret::expose).collect();
        assert_eq!(secrets, ["hush-code", "hush-sig", "hush-key-1"]);
        assert!(!format!("{prepared:?}").contains("hush"));
    }

    #[test]
    fn a_next_page_stays_at_the_origin_and_hides_what_the_document_does_not_know() {
        let page = |next: &str| {
            let mut list = method(HttpVerb::Get, "/x");
            list.parameters = vec![parameter("q", Location::Query)];
            let page = PageRequest { url: Some(next.to_owned()), ..PageRequest::default() };
            prepare(&call(list, &[]).with_page(page), BASE)
        };
        assert_eq!(page("/v1/x?after=7&q=1").unwrap().url.as_str(), "https://api.example/v1/x?after=7&q=1");
        assert_eq!(page("/v1/x?after=7&q=1").unwrap().shown_url, "https://api.example/v1/x?after=***&q=1");
        for bad in
            ["https://evil.example/v1/x", "http://api.example/v1/x", "//evil.example/", "https://api.example:444/"]
        {
            assert_eq!(page(bad).unwrap_err().kind(), Kind::Api, "{bad}");
        }
    }
}
