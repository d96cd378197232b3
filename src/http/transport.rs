//! The wire: one request out, one whole answer in, or how far it got. The only file that names the HTTP library.
//! Owns timeouts, TLS and the reading of bodies. Follows no redirect, repeats nothing, uses no proxy.
//! Must not know methods, limits or what an answer means.

use std::error::Error as StdError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LINK, LOCATION, RETRY_AFTER};
use url::Url;

use crate::error::{Error, Kind, Result};
use crate::registry::HttpVerb;
use crate::secret::Secret;

/// Characters of a request's name that are kept.
const LONGEST_REQUEST_ID: usize = 200;

/// The most memory that is made ready for a body because its length is told.
const EXPECTED: u64 = 16 << 20;

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the connection to be made, TLS included.
    pub connect: Duration,
    /// For the next bytes of the answer.
    pub idle: Duration,
    /// For the whole exchange.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { connect: Duration::from_secs(10), idle: Duration::from_mins(1), total: Duration::from_mins(5) }
    }
}

/// What goes out.
pub(super) struct Outgoing<'a> {
    pub(super) verb: HttpVerb,
    pub(super) url: &'a Url,
    pub(super) headers: &'a [(String, String)],
    /// Headers that sign in.
    pub(super) credentials: &'a [(String, Secret)],
    pub(super) body: Option<Bytes>,
    /// The header of the answer that names the request.
    pub(super) request_id: Option<&'a str>,
    /// The header of the answer that names the next page, besides `Link`.
    pub(super) page_header: Option<&'a str>,
}

/// What came in, whatever its status.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) link: Option<String>,
    pub(super) page_header: Option<String>,
    pub(super) retry_after: Option<String>,
    pub(super) location: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) body: Bytes,
}

/// How far a request got that has no whole answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It cannot be expressed in HTTP. Never repeated.
    Unsendable,
    /// The connection was never made: the request did not leave. Repeating is always safe.
    Unconnected,
    /// The server's certificate was not accepted: the request did not leave. Repeating does not help.
    Untrusted,
    /// The connection broke before an answer; the server may have acted.
    Broken,
    /// The answer began and did not end; the server has acted.
    Truncated,
    /// Nothing came in time; the server may have acted.
    TimedOut,
    /// The answer is larger than we take.
    TooLarge,
}

impl Stage {
    /// Whether the request reached the wire.
    pub(super) fn left(self) -> bool {
        !matches!(self, Stage::Unsendable | Stage::Unconnected | Stage::Untrusted)
    }
}

/// A request without a whole answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) stage: Stage,
    /// The innermost reason, without URLs.
    pub(super) reason: String,
    /// Bytes of the body that came.
    pub(super) received: u64,
    /// What names the request, where the answer began.
    pub(super) request_id: Option<String>,
}

/// Sends requests. What costs (root certificates) is loaded by the first request that needs it.
#[derive(Debug)]
pub(super) struct Transport {
    timeouts: Timeouts,
    largest_body: u64,
    /// For plain http: needs no certificates, and works where the machine has none.
    plain: Mutex<Option<reqwest::Client>>,
    secure: Mutex<Option<reqwest::Client>>,
    /// Somebody loads the certificates already.
    readied: AtomicBool,
}

impl Transport {
    pub(super) fn new(timeouts: Timeouts, largest_body: u64) -> Self {
        Transport {
            timeouts,
            largest_body,
            plain: Mutex::new(None),
            secure: Mutex::new(None),
            readied: AtomicBool::new(false),
        }
    }

    /// Sends one request and reads the whole answer.
    pub(super) async fn exchange(&self, outgoing: Outgoing<'_>) -> Result<Incoming, Failure> {
        let client = self.client(outgoing.url)?;
        let verb = match outgoing.verb {
            HttpVerb::Get => reqwest::Method::GET,
            HttpVerb::Head => reqwest::Method::HEAD,
            HttpVerb::Post => reqwest::Method::POST,
            HttpVerb::Put => reqwest::Method::PUT,
            HttpVerb::Patch => reqwest::Method::PATCH,
            HttpVerb::Delete => reqwest::Method::DELETE,
            HttpVerb::Options => reqwest::Method::OPTIONS,
        };
        let mut request = client.request(verb, outgoing.url.clone()).headers(headers(&outgoing)?);
        request = match outgoing.body {
            Some(body) => request.body(body),
            // Some gateways turn away a write that does not say how long its body is.
            None if matches!(outgoing.verb, HttpVerb::Post | HttpVerb::Put | HttpVerb::Patch) => {
                request.header(CONTENT_LENGTH, 0)
            }
            None => request,
        };
        let response = request.send().await.map_err(|error| failure(&error, Stage::Broken, 0))?;
        let id = outgoing.request_id.and_then(|name| response.headers().get(name)?.to_str().ok());
        let id = id.map(|id| id.chars().take(LONGEST_REQUEST_ID).collect());
        let page = outgoing.page_header.and_then(|name| response.headers().get(name)?.to_str().ok());
        let page = page.map(str::to_owned);
        self.read(response, id).await.map(|incoming| Incoming { page_header: page, ..incoming })
    }

    async fn read(&self, mut response: reqwest::Response, request_id: Option<String>) -> Result<Incoming, Failure> {
        let text = |name: HeaderName| {
            let values: Vec<&str> =
                response.headers().get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
            (!values.is_empty()).then(|| values.join(", "))
        };
        let mut incoming = Incoming {
            status: response.status().as_u16(),
            content_type: text(CONTENT_TYPE),
            link: text(LINK),
            page_header: None,
            retry_after: text(RETRY_AFTER),
            location: text(LOCATION),
            request_id,
            body: Bytes::new(),
        };
        // One piece of memory where the length is told. What a header says is not to be trusted with all of it.
        let told = response.content_length().unwrap_or(0).min(self.largest_body).min(EXPECTED);
        let mut body = BytesMut::with_capacity(usize::try_from(told).unwrap_or(0));
        loop {
            let received = body.len() as u64;
            match response.chunk().await {
                Ok(Some(_)) if received > self.largest_body => {
                    let reason = format!("more than {} MiB came", self.largest_body >> 20);
                    let request_id = incoming.request_id;
                    return Err(Failure { stage: Stage::TooLarge, reason, received, request_id });
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => {
                    let failure = failure(&error, Stage::Truncated, received);
                    return Err(Failure { request_id: incoming.request_id, ..failure });
                }
            }
        }
        incoming.body = body.freeze();
        Ok(incoming)
    }

    /// Loads the root certificates beside whatever else is done, where that was not begun yet: the first https request
    /// then finds them, or waits for what is left of it. Sends nothing.
    pub(super) fn get_ready(self: &Arc<Self>) {
        if self.readied.swap(true, Ordering::Relaxed) {
            return;
        }
        let transport = self.clone();
        // Where no thread is to be had, the first request does it.
        let _ = std::thread::Builder::new().name("certificates".to_owned()).spawn(move || transport.built(true));
    }

    fn client(&self, url: &Url) -> Result<reqwest::Client, Failure> {
        self.built(url.scheme() == "https")
    }

    fn built(&self, secure: bool) -> Result<reqwest::Client, Failure> {
        let slot = if secure { &self.secure } else { &self.plain };
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = slot.as_ref() {
            return Ok(client.clone());
        }
        let client = build(self.timeouts, secure).map_err(|error| Failure {
            stage: Stage::Untrusted,
            reason: innermost(&error),
            received: 0,
            request_id: None,
        })?;
        *slot = Some(client.clone());
        Ok(client)
    }
}

fn build(timeouts: Timeouts, secure: bool) -> reqwest::Result<reqwest::Client> {
    // Fails when the process has a provider already: then that one is used.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("weir/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(timeouts.connect)
        .read_timeout(timeouts.idle)
        .timeout(timeouts.total)
        // Shorter than servers keep idle connections: a request must not meet one that is being closed.
        .pool_idle_timeout(Duration::from_secs(15));
    if secure { builder.build() } else { builder.tls_certs_only([]).build() }
}

fn headers(outgoing: &Outgoing<'_>) -> Result<HeaderMap, Failure> {
    let unsendable = |name: &str| Failure {
        stage: Stage::Unsendable,
        reason: format!("the header {name} cannot be sent as it is"),
        received: 0,
        request_id: None,
    };
    let mut map = HeaderMap::new();
    for (name, value) in outgoing.headers {
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable(name))?;
        map.append(key, HeaderValue::from_str(value).map_err(|_| unsendable(name))?);
    }
    for (name, value) in outgoing.credentials {
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable(name))?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| unsendable(name))?;
        value.set_sensitive(true);
        map.insert(key, value);
    }
    Ok(map)
}

fn failure(error: &reqwest::Error, otherwise: Stage, received: u64) -> Failure {
    let stage = if chain(error).any(|cause| cause.downcast_ref::<rustls::Error>().is_some()) && error.is_connect() {
        Stage::Untrusted
    } else if error.is_builder() {
        Stage::Unsendable
    } else if error.is_connect() {
        Stage::Unconnected
    } else if error.is_timeout() {
        Stage::TimedOut
    } else {
        otherwise
    };
    Failure { stage, reason: innermost(error), received, request_id: None }
}

/// An error and what is beneath it. An `io::Error` keeps what it wraps out of its `source`, so that is looked into.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| beneath(*error))
}

fn beneath<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// The last of the chain says most; those above it repeat it, or say "error sending request".
fn innermost(error: &reqwest::Error) -> String {
    chain(error)
        .last()
        .map(ToString::to_string)
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| "no reason given".into())
}

/// Bytes from the cryptographic library's own generator.
fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let provider = rustls::crypto::CryptoProvider::get_default()
        .cloned()
        .unwrap_or_else(|| Arc::new(rustls::crypto::ring::default_provider()));
    let mut bytes = [0; N];
    match provider.secure_random.fill(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(_) => Err(Error::new(Kind::Internal, "the system gives no random numbers")),
    }
}

/// A fraction in 0..1, for jitter.
pub(super) fn random_fraction() -> f64 {
    // Without random numbers there is no jitter, and nothing else is lost.
    let bytes = random_bytes::<4>().unwrap_or_default();
    f64::from(u32::from_ne_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
}

/// A random UUID (RFC 9562, version 4), for idempotency keys.
pub(crate) fn random_key() -> Result<String> {
    let mut bytes = random_bytes::<16>()?;
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = u128::from_be_bytes(bytes);
    let hex = format!("{hex:032x}");
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_uuids_and_differ() {
        let (one, other) = (random_key().unwrap(), random_key().unwrap());
        assert_ne!(one, other);
        assert_eq!((one.len(), one.as_bytes()[14]), (36, b'4'));
        assert!(matches!(one.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }

    #[test]
    fn a_fraction_is_below_one() {
        assert!((0..100).map(|_| random_fraction()).all(|f| (0.0..1.0).contains(&f)));
    }
}
