//! Signatures to AWS, version 4: which service and region a request is signed for, and the headers that sign it.
//! Sends nothing; the time is given.

use std::time::SystemTime;

use aws_credential_types::Credentials as Keys;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use url::Url;

use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

/// Endpoints whose name is not the name that is signed for.
const SIGNED_AS: [(&str, &str); 4] =
    [("email", "ses"), ("bedrock-runtime", "bedrock"), ("bedrock-agent", "bedrock"), ("s3-control", "s3")];

/// How AWS's hosts end.
const STEMS: [&str; 3] = [".amazonaws.com.cn", ".amazonaws.com", ".api.aws"];

/// Where services without a region of their own live.
const FIRST_REGION: &str = "us-east-1";

/// What requests are signed with.
#[derive(Debug)]
pub struct AwsKeys {
    pub key_id: String,
    pub secret: Secret,
    pub session_token: Option<Secret>,
    /// The region where neither statement nor host says one.
    pub region: Option<String>,
}

/// What a signature is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    pub service: String,
    pub region: String,
}

/// A request, as it is signed.
#[derive(Debug, Clone, Copy)]
pub struct Signable<'a> {
    pub verb: &'static str,
    pub url: &'a Url,
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

/// What is known of a request that is to be signed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// The host that the document names.
    pub host: &'a str,
    /// The service's name, where the document says it.
    pub service: Option<&'a str>,
    /// The region that the statement says.
    pub region: Option<&'a str>,
    /// The region of the environment.
    pub usual: Option<&'a str>,
}

impl Scope {
    /// The document's word for the service counts more than the host: `bedrock-runtime` is signed for as `bedrock`. Of the
    /// region a host of AWS's counts most, `ec2.eu-west-1.amazonaws.com`; one without a region is the whole world's, which
    /// has its seat in the first. Other hosts (a proxy, a stand-in for AWS) take the statement's region, else the usual one.
    pub fn of(known: Known<'_>) -> Result<Scope> {
        let stem = STEMS.iter().find_map(|end| known.host.strip_suffix(end));
        let (hosted, named) = stem.map_or((None, None), in_host);
        let service = known.service.filter(|name| !name.is_empty()).or(hosted);
        let Some(service) = service else {
            let host = known.host;
            return Err(Error::statement(format!("nothing says which service of AWS a request to {host} is signed for"))
                .hint("A document says it by `x-serviceName` in its `info`, or by a host such as ec2.eu-west-1.amazonaws.com."));
        };
        let service = SIGNED_AS.iter().find(|(name, _)| *name == service).map_or(service, |(_, signed)| signed);
        let usual = known.usual.filter(|_| stem.is_none());
        let region = named.or(known.region).or(usual).unwrap_or(FIRST_REGION);
        Ok(Scope { service: service.to_owned(), region: region.to_owned() })
    }
}

/// Service and region in a host without its end: `ec2.eu-west-1`, `kms-fips.us-east-2`, `iam`.
fn in_host(stem: &str) -> (Option<&str>, Option<&str>) {
    // `s3-eu-west-1` is an old way to write `s3.eu-west-1`.
    let labels: Vec<&str> = stem.split('.').filter(|label| *label != "dualstack").collect();
    let (last, before) = labels.split_last().map_or(("", &[][..]), |(last, before)| (*last, before));
    let (service, region) = if is_region(last) {
        (before.last().copied().unwrap_or_default(), Some(last))
    } else if let Some(old) = last.strip_prefix("s3-").filter(|rest| is_region(rest)) {
        ("s3", Some(old))
    } else {
        (last, None)
    };
    let service = service.strip_suffix("-fips").unwrap_or(service);
    (Some(service).filter(|service| !service.is_empty()), region)
}

/// `eu-west-1`, `us-gov-east-1`
fn is_region(label: &str) -> bool {
    let parts: Vec<&str> = label.split('-').collect();
    parts.len() >= 3
        && parts[0].len() == 2
        && parts.iter().rev().skip(1).all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase()))
        && parts.last().is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

impl AwsKeys {
    /// The headers that sign `request`.
    pub fn sign(&self, request: Signable<'_>, scope: &Scope, now: SystemTime) -> Result<Vec<(String, Secret)>> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::new(Kind::Internal, format!("the request to {} cannot be signed: {error}", scope.service))
        };
        let token = self.session_token.as_ref().map(|token| token.expose().to_owned());
        let identity = Keys::new(&self.key_id, self.secret.expose(), token, None, "weir").into();
        let mut settings = SigningSettings::default();
        if scope.service == "s3" {
            // Names of objects are signed as they are sent, and the body's hash stands in a header.
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&scope.region)
            .name(&scope.service)
            .time(now)
            .settings(settings)
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let body = SignableBody::Bytes(request.body);
        let signable = SignableRequest::new(request.verb, request.url.as_str(), headers, body);
        let signed = sign(signable.map_err(|error| failed(&error))?, &params).map_err(|error| failed(&error))?;
        let (instructions, _) = signed.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), Secret::new(value))).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    /// The keys of AWS's published examples.
    fn keys(secret: &str, id: &str) -> AwsKeys {
        AwsKeys { key_id: id.to_owned(), secret: Secret::new(secret), session_token: None, region: None }
    }

    fn of(host: &str, region: Option<&str>) -> Result<Scope> {
        Scope::of(Known { host, region, ..Known::default() })
    }

    fn authorization(headers: &[(String, Secret)]) -> &str {
        headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.expose()).unwrap()
    }

    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html> (earlier edition, `ListUsers`)
    #[test]
    fn the_published_example_of_iam() {
        let url = Url::parse("https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08").unwrap();
        let headers = [("content-type".to_owned(), "application/x-www-form-urlencoded; charset=utf-8".to_owned())];
        let request = Signable { verb: "GET", url: &url, headers: &headers, body: b"" };
        let scope = of("iam.amazonaws.com", None).unwrap();
        let now = UNIX_EPOCH + Duration::from_mins(24_015_636); // 20150830T123600Z
        let keys = keys("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "AKIDEXAMPLE");
        assert_eq!(
            authorization(&keys.sign(request, &scope, now).unwrap()),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>, GET Object
    #[test]
    fn the_published_example_of_s3() {
        let url = Url::parse("https://examplebucket.s3.amazonaws.com/test.txt").unwrap();
        let headers = [("range".to_owned(), "bytes=0-9".to_owned())];
        let request = Signable { verb: "GET", url: &url, headers: &headers, body: b"" };
        let scope = of("examplebucket.s3.amazonaws.com", None).unwrap();
        let now = UNIX_EPOCH + Duration::from_hours(380_376); // 20130524T000000Z
        let keys = keys("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AKIAIOSFODNN7EXAMPLE");
        assert_eq!(
            authorization(&keys.sign(request, &scope, now).unwrap()),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
             Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        );
    }

    #[test]
    fn service_and_region_stand_in_the_host() {
        let table = [
            ("ec2.eu-west-1.amazonaws.com", None, "ec2", "eu-west-1"),
            ("ec2.us-gov-east-1.amazonaws.com", None, "ec2", "us-gov-east-1"),
            ("cloudcontrolapi.ap-southeast-2.amazonaws.com", Some("eu-west-1"), "cloudcontrolapi", "ap-southeast-2"),
            ("iam.amazonaws.com", None, "iam", "us-east-1"),
            ("sts.amazonaws.com", Some("eu-west-1"), "sts", "eu-west-1"),
            ("bucket.name.s3.eu-west-1.amazonaws.com", None, "s3", "eu-west-1"),
            ("s3-eu-west-1.amazonaws.com", None, "s3", "eu-west-1"),
            ("s3.dualstack.eu-west-1.amazonaws.com", None, "s3", "eu-west-1"),
            ("api.ecr.eu-west-1.amazonaws.com", None, "ecr", "eu-west-1"),
            ("email.eu-west-1.amazonaws.com", None, "ses", "eu-west-1"),
            ("kms-fips.us-east-2.amazonaws.com", None, "kms", "us-east-2"),
            ("ec2.cn-north-1.amazonaws.com.cn", None, "ec2", "cn-north-1"),
            ("ec2.eu-west-1.api.aws", None, "ec2", "eu-west-1"),
        ];
        for (host, region, service, signed) in table {
            let scope = of(host, region).unwrap();
            assert_eq!((scope.service.as_str(), scope.region.as_str()), (service, signed), "{host}");
        }
        assert!(of("api.example", None).is_err());
        assert!(of("amazonaws.com", None).is_err());
    }

    #[test]
    fn what_the_document_says_is_signed_for_wherever_the_request_goes() {
        let table = [
            ("bedrock-agent-runtime.eu-west-1.amazonaws.com", "bedrock", None, "bedrock", "eu-west-1"),
            ("models.lex.eu-west-1.amazonaws.com", "lex", None, "lex", "eu-west-1"),
            ("email.eu-west-1.amazonaws.com", "email", None, "ses", "eu-west-1"),
            // A whole world's host has one region, whatever the environment likes.
            ("iam.amazonaws.com", "iam", None, "iam", "us-east-1"),
            ("127.0.0.1", "acm", None, "acm", "ap-south-1"),
            ("localhost.localstack.cloud", "acm", Some("eu-west-1"), "acm", "eu-west-1"),
            ("", "acm", None, "acm", "ap-south-1"),
        ];
        for (host, service, region, signed, there) in table {
            let known = Known { host, service: Some(service), region, usual: Some("ap-south-1") };
            let scope = Scope::of(known).unwrap();
            assert_eq!((scope.service.as_str(), scope.region.as_str()), (signed, there), "{host} {service}");
        }
        let unsaid = Known { host: "127.0.0.1", service: Some("acm"), ..Known::default() };
        assert_eq!(Scope::of(unsaid).unwrap().region, "us-east-1");
        let error = Scope::of(Known { host: "127.0.0.1", region: Some("eu-west-1"), ..Known::default() }).unwrap_err();
        assert!(error.hint_text().unwrap().contains("x-serviceName"), "{error}");
    }

    #[test]
    fn a_session_token_is_signed_and_sent_and_nothing_is_shown() {
        let keys = AwsKeys { session_token: Some(Secret::new("session-123456")), ..keys("secret-123456", "AKID") };
        let url = Url::parse("https://ec2.eu-west-1.amazonaws.com/").unwrap();
        let scope = of("ec2.eu-west-1.amazonaws.com", None).unwrap();
        let request = Signable { verb: "POST", url: &url, headers: &[], body: b"Action=x" };
        let headers = keys.sign(request, &scope, UNIX_EPOCH).unwrap();
        let token = headers.iter().find(|(name, _)| name == "x-amz-security-token");
        assert_eq!(token.map(|(_, value)| value.expose()), Some("session-123456"));
        assert!(authorization(&headers).contains("x-amz-security-token"));
        assert!(!format!("{keys:?} {headers:?}").contains("123456"));
    }
}
