//! One method of a document into the model: its operation, its path, and what its parts make of the rest: `parameters`,
//! `body`, and under `told` what `x-weir` says of it.
//! Knows the documents' form; no HTTP.

mod body;
mod braces;
mod configured;
mod graphql;
mod inferred;
mod leaves;
mod parameters;
mod place;
mod pushdown;
mod restates;
mod told;

use serde_json::Value;

use super::config::Config;
use super::document::Document;
use super::model::{HttpVerb, JsonPath, Method, NotFound, Order, Paging, PagingStyle, PathPart, Slot};
use super::weir_keys::{self, MethodKeys, OrderKeys};
use super::{access, answer, schema};
use crate::error::{Error, Result};
use body::read_body;
use configured::configured;
use graphql::graphql;
use inferred::Listing;
use parameters::{read_parameters, server};
use place::Place;
use pushdown::Pushing;
use told::{idempotency, paging, settles};

pub use parameters::OWN_HEADERS;
pub use told::header;

/// A path of keys, or an error that names the place.
pub fn path(text: &str, here: &str) -> Result<JsonPath> {
    JsonPath::parse(text).map_err(|e| Error::document(format!("{here}: {e}")))
}

/// Reads the method `name`, and what is odd of it. `config` holds for its resource; `at` is its path in the document, for
/// errors.
pub fn read(
    document: &Document,
    config: &Config<'_>,
    (name, method): (&str, &Value),
    at: &str,
) -> Result<(Method, Vec<String>)> {
    let here = format!("{}: {at}", document.file);
    let keys: MethodKeys = weir_keys::read(method, &here)?;
    let reference = method.pointer("/operation/$ref").and_then(Value::as_str);
    let reference = reference.ok_or_else(|| Error::document(format!("{here}: `operation.$ref` is missing")))?;
    let operation = document.pointer(reference)?;
    let (path, http) = path_and_verb(reference).ok_or_else(|| {
        Error::document(format!("{here}: `{reference}` is not a reference to an operation under `#/paths`"))
    })?;
    let item = reference.rsplit_once('/').map(|(item, _)| document.pointer(item)).transpose()?;
    let config = config.below(method);
    let mut place =
        Place { document, config, method, operation, item, here: here.clone(), notes: Vec::new(), unsupported: None };
    let (mut server, mut parameters) = server(&mut place);
    let path = if place.drops_double_underscore() { without_selectors(&path) } else { path };
    let mut path = path_parts(&braces::bare(&path));
    parameters.extend(read_parameters(&mut place, &path)?);
    let body = read_body(&mut place)?;
    let query_as_form = place.posts_its_query();
    let answer = answer::read(document, method, operation, &keys, &here)?;
    let told = keys.paging.map(|p| paging(p, &here)).transpose()?;
    let (graphql, by_query) = graphql(&mut place, (&mut server, &mut path), &mut parameters)?.unzip();
    let body = body.filter(|_| graphql.is_none());
    let listing = Listing {
        document,
        envelope: answer::envelope(document, method, operation),
        parameters: &parameters,
        answer: &answer,
    };
    let is_told = told.is_some();
    let mut paging = told.or(by_query).or_else(|| untold(&mut place, http, body.is_some() && !query_as_form, &listing));
    let pushing = Pushing { parameters: &parameters, answer: &answer };
    if !is_told && graphql.is_none() {
        pushing.size(&place, &mut paging);
    }
    let pushdown = pushing.pushdown(&place);
    let method = Method {
        name: name.to_owned(),
        description: operation_text(operation),
        // A form is posted, and a POST is not repeated as a GET is.
        http: if query_as_form { HttpVerb::Post } else { http },
        server,
        path,
        parameters,
        body: body.filter(|_| !query_as_form),
        answer,
        paging,
        order: keys.order.into_iter().map(order).collect(),
        pushdown,
        not_found: keys.not_found.map(|n| match n.means {
            weir_keys::NotFoundMeaning::NoRows => NotFound { unless_codes: n.unless_codes },
        }),
        idempotency: keys.idempotency_key.map(|i| idempotency(i, &here)).transpose()?,
        settles: keys.settles.map(|s| settles(s, &here)).transpose()?,
        safe_to_retry: keys.safe_to_retry || graphql.as_ref().is_some_and(|query| !query.mutation),
        withdrawn: keys.withdrawn,
        query_as_form,
        sign_in: place.config.own("auth").map(|auth| Box::new(access::documented(auth, &document.file))),
        signed_for: signed_for(document),
        graphql,
        unsupported: place.unsupported,
    };
    Ok((method, place.notes))
}

/// The paging where `x-weir` says nothing: StackQL's words, else what can be inferred of a list that is read.
fn untold(place: &mut Place<'_>, http: HttpVerb, has_body: bool, listing: &Listing<'_>) -> Option<Paging> {
    if let Some(mut paging) = configured(place, listing.parameters) {
        // What has no body carries the token in its query.
        if let PagingStyle::Cursor { into, .. } = &mut paging.style
            && let Slot::Body(path) = into
            && !has_body
        {
            *into = Slot::Query(path.0.last().cloned().unwrap_or_default());
        }
        // One that holds for a whole service holds for its lists.
        let own = place.method.pointer("/config/pagination").is_some();
        let is_list = own || listing.answer.many || listing.answer.columns.is_empty();
        return is_list.then(|| listing.fill(paging));
    }
    match http {
        HttpVerb::Get => listing.answer.many.then(|| listing.infer()),
        // Nobody says whether its next page is got or posted.
        _ => listing.answer.many.then(|| listing.told_only()),
    }
}

/// What a signature of AWS is for: `x-serviceName`, which StackQL signs with, or the name that public collections of
/// OpenAPI documents give it where the two differ.
fn signed_for(document: &Document) -> Option<String> {
    let word = |key: &str| document.root.pointer(&format!("/info/{key}")).and_then(Value::as_str);
    ["x-aws-signingName", "x-serviceName"].iter().find_map(|key| word(key)).filter(|w| !w.is_empty()).map(str::to_owned)
}

fn order(keys: OrderKeys) -> Order {
    Order { column: keys.column, parameter: keys.parameter, ascending: keys.ascending, descending: keys.descending }
}

/// A path without the parts of its own query that begin with two underscores.
fn without_selectors(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else { return path.to_owned() };
    let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("__")).collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}

/// The description of an operation, or its summary.
fn operation_text(operation: &Value) -> String {
    let text = schema::description(operation);
    if text.is_empty() { operation.get("summary").and_then(Value::as_str).unwrap_or_default().to_owned() } else { text }
}

/// `#/paths/~1accounts~1{id}/get` is `/accounts/{id}` and GET.
fn path_and_verb(reference: &str) -> Option<(String, HttpVerb)> {
    let (path, verb) = reference.strip_prefix("#/paths/")?.rsplit_once('/')?;
    let verb = match verb {
        "get" => HttpVerb::Get,
        "head" => HttpVerb::Head,
        "post" => HttpVerb::Post,
        "put" => HttpVerb::Put,
        "patch" => HttpVerb::Patch,
        "delete" => HttpVerb::Delete,
        "options" => HttpVerb::Options,
        _ => return None,
    };
    Some((path.replace("~1", "/").replace("~0", "~"), verb))
}

fn path_parts(path: &str) -> Vec<PathPart> {
    let mut parts = Vec::new();
    let mut rest = path;
    while let Some((literal, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        if !literal.is_empty() {
            parts.push(PathPart::Literal(literal.to_owned()));
        }
        parts.push(PathPart::Parameter(name.to_owned()));
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(PathPart::Literal(rest.to_owned()));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_template_is_cut_at_its_parameters() {
        let literal = |s: &str| PathPart::Literal(s.to_owned());
        let parameter = |s: &str| PathPart::Parameter(s.to_owned());
        assert_eq!(
            path_parts("/accounts/{id}/things/{thing_id}"),
            [literal("/accounts/"), parameter("id"), literal("/things/"), parameter("thing_id")]
        );
        assert_eq!(path_parts("/things"), [literal("/things")]);
    }

    #[test]
    fn an_operation_reference_gives_path_and_verb() {
        assert_eq!(path_and_verb("#/paths/~1a~1{b}/post"), Some(("/a/{b}".to_owned(), HttpVerb::Post)));
        assert_eq!(path_and_verb("#/paths/~1a/trace"), None);
        assert_eq!(path_and_verb("#/components/a/get"), None);
        assert_eq!(path_and_verb("#/paths/~1a/options"), Some(("/a".to_owned(), HttpVerb::Options)));
    }

    #[test]
    fn selectors_leave_the_path_and_the_rest_of_its_query_stays() {
        for (path, kept) in [
            ("/a", "/a"),
            ("/a?__type=x", "/a"),
            ("/?Action=List&__Bucket&Version=1&__detail=true", "/?Action=List&Version=1"),
        ] {
            assert_eq!(without_selectors(path), kept);
        }
    }
}
