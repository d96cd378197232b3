//! Whether a request carries AWS's signature, version 4, for what its document says: built anew from what arrived, after
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>, and compared.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use ring::{digest, hmac};

use super::document::Service;
use super::request::{Request, Said};

/// The temporary key's token, in `AWS_SESSION_TOKEN`.
pub const TOKEN: &str = "made-up-session-token";

/// What AWS leaves as it is.
const BUT_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why the request is not signed as it should be, with this key and its secret.
pub fn wrong((request, said): (&Request, &Said), service: &Service, (id, secret): (&str, &str)) -> Option<String> {
    check((request, said), service, (id, secret)).err().map(|why| format!("it is not signed for AWS: {why}"))
}

fn check((request, said): (&Request, &Said), service: &Service, (id, secret): (&str, &str)) -> Result<(), String> {
    let header = |name: &str| request.header(name).ok_or_else(|| format!("no header `{name}`"));
    let given = header("authorization")?;
    let given = given.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("another scheme")?;
    let part = |name: &str| {
        let found = given.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        found.ok_or_else(|| format!("no `{name}`"))
    };
    if header("x-amz-security-token")? != TOKEN {
        return Err("another session token".to_owned());
    }
    let date = header("x-amz-date")?;
    let told = ["x-aws-signingName", "x-serviceName"]
        .iter()
        .find_map(|key| service.root.pointer(&format!("/info/{key}"))?.as_str());
    let name = told.ok_or("the document does not say what for")?;
    let region = said.parameters.iter().find(|(_, name, _)| name == "region").map_or("us-east-1", |(_, _, r)| r);
    let scope = format!("{}/{region}/{name}/aws4_request", date.get(..8).unwrap_or_default());
    if part("Credential")? != format!("{id}/{scope}") {
        return Err(format!("`{}` where `{id}/{scope}` is right", part("Credential")?));
    }
    let names: Vec<&str> = part("SignedHeaders")?.split(';').collect();
    let must = |name: &str| name == "host" || (name.starts_with("x-amz-"));
    if let Some((name, _)) = request.headers.iter().find(|(n, _)| must(n) && !names.contains(&n.as_str())) {
        return Err(format!("the header `{name}` is not signed"));
    }
    let mut headers = String::new();
    for name in &names {
        let value: Vec<&str> = header(name)?.split_whitespace().collect();
        headers.extend([name, ":", &value.join(" "), "\n"]);
    }
    let body = hex(digest::digest(&digest::SHA256, &request.body).as_ref());
    if name == "s3" && header("x-amz-content-sha256")? != body {
        return Err("another hash of the body".to_owned());
    }
    let (path, query) = (path(&request.path, name), query(&request.query));
    let canonical = format!("{}\n{path}\n{query}\n{headers}\n{}\n{body}", request.verb, names.join(";"));
    let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}");
    let step = |key: &[u8], text: &str| hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/') {
        key = step(&key, part).as_ref().to_vec();
    }
    if part("Signature")? == hex(step(&key, &text).as_ref()) { Ok(()) } else { Err("another signature".to_owned()) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Every service but S3 encodes the path once more than it was sent.
fn path(sent: &str, service: &str) -> String {
    let once = |segment: &str| match service {
        "s3" => segment.to_owned(),
        _ => utf8_percent_encode(segment, BUT_UNRESERVED).to_string(),
    };
    sent.split('/').map(once).collect::<Vec<_>>().join("/")
}

/// Sorted, a name without a value with an empty one.
fn query(sent: &str) -> String {
    let plain = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let again = |text: &str| percent_encoding::percent_encode(&plain(text), BUT_UNRESERVED).to_string();
    let pairs = sent.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut pairs: Vec<(String, String)> = pairs.map(|(name, value)| (again(name), again(value))).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}
