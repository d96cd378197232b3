//! Signing in, every way: what arrives at a server for each type of `config.auth` and of `--auth`, what is asked of a server
//! of tokens, and that no credential stands where it must not.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use weir::secret::Secret;
use weir::session::{Auth, Session, SessionOptions};

use crate::door;
use crate::harness::{Program, impatient, run_in, told, write_file};
use crate::scripted::{Asked, Reply, Scripted};

/// Made for these tests, and no secret.
pub const TEST_KEY: &str = include_str!("auth/TEST-KEY-not-a-secret.pem");

const READ: &str = "SELECT id FROM gate.door.things";

fn documents(auth: &str, server: &str, more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let provider = door::provider(&format!("config: {{auth: {auth}}}\n{more}"));
    write_file(&folder.path().join("gate/provider.yaml"), &provider);
    write_file(&folder.path().join("gate/services/door.yaml"), &door::service(server, false));
    folder
}

/// A provider that gives its one thing to everybody, and tokens to everybody who asks.
struct Gate {
    server: Scripted,
    session: Session,
    folder: TempDir,
}

impl Gate {
    async fn open(auth: &str, variables: &[(&str, &str)]) -> Gate {
        Gate::with(auth, variables, None, |_, _| None).await
    }

    /// `script` may answer in another way; it is told how many tokens were given.
    async fn with(
        auth: &str,
        variables: &[(&str, &str)],
        given: Option<&str>,
        script: impl Fn(&Asked, usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Gate {
        let given_tokens = AtomicUsize::new(0);
        let server = Scripted::start(move |asked| {
            if let Some(reply) = script(asked, given_tokens.load(Ordering::SeqCst)) {
                return reply;
            }
            if asked.target.starts_with("/token") {
                let number = given_tokens.fetch_add(1, Ordering::SeqCst) + 1;
                let token = json!({"access_token": format!("canary-token-{number}"), "token_type": "Bearer", "expires_in": 3600});
                return Reply::json(&token);
            }
            Reply::json(&json!({"items": [{"id": "a"}], "id": "a"}))
        })
        .await;
        let documents = documents(&auth.replace("SERVER", &server.url), &server.url, "");
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), value.replace("SERVER", &server.url)));
        let auth = given
            .map(|json| Auth { from: "--auth".to_owned(), json: Secret::new(json.replace("SERVER", &server.url)) });
        let options = SessionOptions {
            registries: vec![documents.path().to_owned()],
            variables: variables.collect(),
            auth,
            settings: impatient(),
            ..SessionOptions::default()
        };
        Gate { server, session: Session::new(options).unwrap(), folder: documents }
    }

    async fn read(&self) -> Result<Vec<Value>, String> {
        match run_in(&self.session, READ).await {
            Ok(given) => match given.failure {
                Some(error) => Err(told(&error)),
                None => Ok(given.rows.into_iter().map(|row| json!(row)).collect()),
            },
            Err(error) => Err(told(&error)),
        }
    }

    /// What the read said when it was refused.
    async fn refused(&self) -> String {
        let refused = self.read().await.unwrap_err();
        assert!(!refused.contains("canary"), "{refused}");
        refused
    }

    fn asked(&self, path: &str) -> Vec<Asked> {
        self.server.asked().into_iter().filter(|asked| asked.target.starts_with(path)).collect()
    }

    /// No credential is in the log, in EXPLAIN, in SHOW AUTH or in a preview.
    async fn shows_nothing(&self) {
        let mut seen = format!("{:?}", self.session.log().records());
        for sql in [
            &format!("EXPLAIN {READ}"),
            "SHOW AUTH gate",
            "SELECT * FROM system.session.requests",
            "SET dry_run = 'curl'",
            "INSERT INTO gate.door.things (id) VALUES ('b')",
            "SET dry_run = 'json'",
            "INSERT INTO gate.door.things (id) VALUES ('b')",
            "RESET dry_run",
        ] {
            match run_in(&self.session, sql).await {
                Ok(given) => {
                    seen.push_str(sql);
                    let _ = write!(seen, ": {:?} {:?} {:?}", given.rows, given.lines, given.message);
                }
                Err(error) => panic!("{sql}: {}", told(&error)),
            }
        }
        assert!(!seen.contains("canary") && !seen.contains("Y2FuYXJ5"), "{seen}");
    }
}

/// Names and values.
type Pairs<'a> = &'a [(&'a str, &'a str)];

#[tokio::test]
async fn each_type_puts_its_credential_where_the_documents_say() {
    // `canary-me:canary-word` in Base64
    let pair = "Y2FuYXJ5LW1lOmNhbmFyeS13b3Jk";
    let basic = format!("Basic {pair}");
    let table: &[(&str, Pairs<'_>, Pairs<'_>)] = &[
        ("{type: bearer, credentialsenvvar: KEY}", &[("KEY", "canary-1")], &[("authorization", "Bearer canary-1")]),
        (
            "{type: bearer, credentialsenvvar: KEY}",
            &[("KEY", "Bearer canary-1")],
            &[("authorization", "Bearer canary-1")],
        ),
        (
            "{type: basic, username_var: ME, password_var: WORD}",
            &[("ME", "canary-me"), ("WORD", "canary-word")],
            &[("authorization", &basic)],
        ),
        ("{type: basic, credentialsenvvar: KEY}", &[("KEY", pair)], &[("authorization", &basic)]),
        ("{type: basic, credentialsenvvar: KEY}", &[("KEY", "canary-me:canary-word")], &[("authorization", &basic)]),
        (
            "{type: api_key, credentialsenvvar: KEY, valuePrefix: 'SSWS '}",
            &[("KEY", "canary-1")],
            &[("authorization", "SSWS canary-1")],
        ),
        ("{type: api_key, credentialsenvvar: KEY}", &[("KEY", "canary-1")], &[("authorization", "api_key canary-1")]),
        (
            "{type: api_key, credentialsenvvar: KEY, location: header, name: X-Key}",
            &[("KEY", "canary-1")],
            &[("x-key", "canary-1")],
        ),
        (
            "{type: custom, location: header, name: DD-API-KEY, credentialsenvvar: A, successor: {type: custom, location: header, name: DD-APPLICATION-KEY, credentialsenvvar: B}}",
            &[("A", "canary-a"), ("B", "canary-b")],
            &[("dd-api-key", "canary-a"), ("dd-application-key", "canary-b")],
        ),
        ("{type: null_auth}", &[], &[]),
    ];
    for (auth, variables, headers) in table {
        let gate = Gate::open(auth, variables).await;
        assert_eq!(gate.read().await.unwrap(), [json!({"id": "a"})], "{auth}");
        let asked = &gate.asked("/things")[0];
        for (name, value) in *headers {
            assert_eq!(asked.header(name), Some(*value), "{auth}");
        }
        assert_eq!(
            asked.header("authorization").is_some(),
            headers.iter().any(|(n, _)| *n == "authorization"),
            "{auth}"
        );
        gate.shows_nothing().await;
    }
}

#[tokio::test]
async fn a_key_in_the_query_is_encoded_sent_once_and_shown_nowhere() {
    let auth = "{type: custom, location: query, name: api key, credentialsenvvar: KEY}";
    let gate = Gate::open(auth, &[("KEY", "canary+&=1")]).await;
    gate.read().await.unwrap();
    assert_eq!(gate.asked("/things")[0].target, "/things?api%20key=canary%2B%26%3D1");
    gate.shows_nothing().await;
    // A redirect within the origin, which gives the key back: it is not there twice.
    let back = |asked: &Asked, _| {
        let first = !asked.target.contains("again");
        first.then(|| Reply::json(&json!({})).status(302).with("location", &format!("{}&again=1", asked.target)))
    };
    let gate = Gate::with(auth, &[("KEY", "canary-1")], None, back).await;
    gate.read().await.unwrap();
    assert_eq!(gate.asked("/things")[1].target, "/things?again=1&api%20key=canary-1");
    gate.shows_nothing().await;
}

const OAUTH: &str = "{type: oauth2, grant_type: client_credentials, client_id_env_var: ID, client_secret_env_var: SECRET, token_url: 'SERVER/token/{{ .__env__TENANT }}', scopes: [read, 'write all'], values: {audience: ['https://api']}, auth_style: 1}";

const CLIENT: [(&str, &str); 3] = [("ID", "me"), ("SECRET", "canary-se&cret"), ("TENANT", "t1")];

#[tokio::test]
async fn a_token_is_asked_for_once_for_all_who_wait_and_kept_for_the_session() {
    let gate = Gate::open(OAUTH, &CLIENT).await;
    let reads = futures::future::join_all((0..10).map(|_| gate.read())).await;
    assert!(reads.iter().all(Result::is_ok), "{reads:?}");
    gate.read().await.unwrap();
    let tokens = gate.asked("/token");
    assert_eq!((tokens.len(), gate.asked("/things").len()), (1, 11));
    assert_eq!((tokens[0].method.as_str(), tokens[0].target.as_str()), ("POST", "/token/t1"));
    assert_eq!(tokens[0].header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(
        tokens[0].body,
        "grant_type=client_credentials&scope=read+write+all&audience=https%3A%2F%2Fapi&client_id=me&client_secret=canary-se%26cret"
    );
    assert!(gate.asked("/things").iter().all(|asked| asked.header("authorization") == Some("Bearer canary-token-1")));
    // Its request is one of the session's.
    let log = gate.session.log().records();
    assert_eq!(log.iter().filter(|record| record.url.ends_with("/token/t1")).count(), 1, "{log:?}");
    gate.shows_nothing().await;
}

#[tokio::test]
async fn a_token_that_an_api_turns_away_is_renewed_once() {
    let once = |asked: &Asked, _| {
        let stale = asked.header("authorization") == Some("Bearer canary-token-1");
        stale.then(|| Reply::json(&json!({})).status(401))
    };
    let gate = Gate::with(OAUTH, &CLIENT, None, once).await;
    gate.read().await.unwrap();
    gate.read().await.unwrap();
    assert_eq!((gate.asked("/token").len(), gate.asked("/things").len()), (2, 3));
    // A write that was turned away did nothing, and goes out again.
    let gate = Gate::with(OAUTH, &CLIENT, None, once).await;
    run_in(&gate.session, "INSERT INTO gate.door.things (id) VALUES ('b')").await.unwrap();
    assert_eq!((gate.asked("/token").len(), gate.asked("/things").len()), (2, 2));
    let never = |asked: &Asked, _| asked.target.starts_with("/things").then(|| Reply::json(&json!({})).status(401));
    let gate = Gate::with(OAUTH, &CLIENT, None, never).await;
    assert!(gate.refused().await.starts_with("exit 3: "));
    assert_eq!((gate.asked("/token").len(), gate.asked("/things").len()), (2, 2));
}

#[tokio::test]
async fn a_token_is_renewed_shortly_before_it_expires() {
    let gate = Gate::open(OAUTH, &CLIENT).await;
    for (later, tokens) in [(0, 1), (3500, 1), (50, 2)] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(later)).await;
        tokio::time::resume();
        gate.read().await.unwrap();
        assert_eq!(gate.asked("/token").len(), tokens, "{later} s later");
    }
}

#[tokio::test]
async fn a_server_that_does_not_take_the_client_in_the_header_is_told_in_the_body() {
    let auth = OAUTH.replace(", auth_style: 1", "");
    let gate = Gate::open(&auth, &CLIENT).await;
    gate.read().await.unwrap();
    // `me:canary-se%26cret`
    assert_eq!(gate.asked("/token")[0].header("authorization"), Some("Basic bWU6Y2FuYXJ5LXNlJTI2Y3JldA=="));
    assert!(!gate.asked("/token")[0].body.contains("secret"));
    let fussy = |asked: &Asked, _| {
        let wrong = asked.target.starts_with("/token") && asked.header("authorization").is_some();
        wrong.then(|| Reply::json(&json!({"error": "invalid_client"})).status(401))
    };
    let gate = Gate::with(&auth, &CLIENT, None, fussy).await;
    gate.read().await.unwrap();
    assert!(gate.asked("/token")[1].body.contains("client_secret=canary-se%26cret"));
}

#[tokio::test]
async fn a_server_that_gives_no_token_is_an_error_that_says_what_to_check() {
    let answers: [(Reply, &str); 4] = [
        (
            Reply::json(&json!({"error": "invalid_client", "error_description": "no canary-se&cret"})).status(401),
            "it answered 401 invalid_client: no ***\nhint: Check ID and SECRET.",
        ),
        (Reply::json(&json!({"token": 1})), "its answer has no `access_token`"),
        (Reply::json(&json!({"access_token": "canary-x", "token_type": "mac"})), "its token is not a bearer's"),
        (Reply::json(&json!({})).status(302).with("location", "https://elsewhere.example/"), "it answered 302"),
    ];
    for (reply, words) in answers {
        let script = move |asked: &Asked, _| asked.target.starts_with("/token").then(|| reply.clone());
        let gate = Gate::with(OAUTH, &CLIENT, None, script).await;
        let refused = gate.refused().await;
        assert!(refused.starts_with("exit 3: ") && refused.contains(words), "{refused}");
        assert!(gate.asked("/things").is_empty());
    }
}

/// Eight rows, each a request of its own, and none stops the others.
const EIGHT: &str = "INSERT INTO gate.door.things (id) SELECT 'n' || value FROM generate_series(1, 8)";

#[tokio::test]
async fn a_refused_client_is_asked_for_once_in_a_statement_however_many_requests_wait() {
    let no = |asked: &Asked, _| {
        let refusal = || Reply::json(&json!({"error": "invalid_client"})).status(401);
        asked.target.starts_with("/token").then(refusal)
    };
    let gate = Gate::with(OAUTH, &CLIENT, None, no).await;
    run_in(&gate.session, "SET on_error = 'continue'").await.unwrap();
    for statements in 1..=2 {
        let error = run_in(&gate.session, EIGHT).await.err().map_or_else(String::new, |error| told(&error));
        assert!(error.contains("exit 3") && error.contains("invalid_client"), "{error}");
        // Another statement is another try: somebody may have set it right.
        assert_eq!((gate.asked("/token").len(), gate.asked("/things").len()), (statements, 0));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_that_fails_is_run_once_in_a_statement_and_what_it_says_is_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    let line = format!("echo x >> {}; echo canary-out; echo canary-talk >&2; exit 7", count.display());
    let auth = json!({"gate": {"type": "bearer", "command": ["sh", "-c", line]}}).to_string();
    let gate = Gate::with("{type: null_auth}", &[], Some(&auth), |_, _| None).await;
    run_in(&gate.session, "SET on_error = 'continue'").await.unwrap();
    for statements in 1..=2 {
        let error = run_in(&gate.session, EIGHT).await.err().map_or_else(String::new, |error| told(&error));
        assert!(error.contains("exit 3") && error.contains("exit status: 7") && !error.contains("canary"), "{error}");
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n".repeat(statements));
    }
    assert_eq!(gate.asked("/").len(), 0);
}

/// A store that a person has to unlock: until then the command waits, and nothing else does.
#[cfg(unix)]
#[tokio::test]
async fn a_command_that_waits_holds_up_its_own_statement_alone_and_that_no_longer_than_it_has_time() {
    let folder = tempfile::tempdir().unwrap();
    let [store, count] = ["store", "count"].map(|name| folder.path().join(name));
    assert!(std::process::Command::new("mkfifo").arg(&store).status().unwrap().success());
    let line = format!("echo x >> {}; cat {}", count.display(), store.display());
    let auth = json!({"gate": {"type": "bearer", "command": ["sh", "-c", line]}}).to_string();
    let gate = Gate::with("{type: null_auth}", &[], Some(&auth), |_, _| None).await;
    run_in(&gate.session, "SET statement_timeout = 0.05").await.unwrap();
    let error = gate.refused().await;
    assert!(error.contains("exit 5") && error.contains("while its credentials were looked up"), "{error}");
    run_in(&gate.session, "RESET statement_timeout").await.unwrap();
    let reads = futures::future::join_all((0..5).map(|_| gate.read()));
    let meanwhile = async {
        // One thread runs all of this.
        assert_eq!(run_in(&gate.session, "SELECT 1 AS n").await.unwrap().rows.len(), 1);
        assert_eq!(gate.asked("/").len(), 0);
        let unlocked = tokio::task::spawn_blocking(move || std::fs::write(store, "canary-token\n"));
        unlocked.await.unwrap().unwrap();
    };
    let (reads, ()) = tokio::join!(reads, meanwhile);
    assert!(reads.iter().all(Result::is_ok), "{reads:?}");
    assert!(gate.asked("/things").iter().all(|asked| asked.header("authorization") == Some("Bearer canary-token")));
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n", "five statements, and one that gave up");
    gate.shows_nothing().await;
}

#[tokio::test]
async fn azure_s_default_is_a_client_of_its_own_variables() {
    let variables = [
        ("AZURE_AUTHORITY_HOST", "SERVER/token/"),
        ("AZURE_TENANT_ID", "t1"),
        ("AZURE_CLIENT_ID", "me"),
        ("AZURE_CLIENT_SECRET", "canary-secret"),
    ];
    let gate = Gate::open("{type: azure_default}", &variables).await;
    gate.read().await.unwrap();
    let token = &gate.asked("/token")[0];
    assert_eq!(token.target, "/token/t1/oauth2/v2.0/token");
    assert!(token.body.contains("scope=https%3A%2F%2Fmanagement.core.windows.net%2F%2F.default"), "{}", token.body);
    let gate = Gate::open("{type: azure_default}", &variables[..1]).await;
    let names = "no credentials: set AZURE_TENANT_ID and AZURE_CLIENT_ID and AZURE_CLIENT_SECRET";
    assert!(gate.refused().await.contains(names));
}

/// What a JWT part says.
pub fn decoded(part: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'-' => 62,
        _ => 63,
    };
    let groups = part.as_bytes().chunks(4);
    let group = |chunk: &[u8]| {
        let bits = (0..4).fold(0_u32, |bits, i| (bits << 6) | chunk.get(i).map_or(0, |c| u32::from(digit(*c))));
        bits.to_be_bytes()[1..chunk.len()].to_vec()
    };
    groups.flat_map(group).collect()
}

#[tokio::test]
async fn a_service_account_signs_for_its_token() {
    use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
    use rustls::pki_types::PrivatePkcs8KeyDer;
    use rustls::pki_types::pem::PemObject;

    let key = json!({"client_email": "a@b.example", "private_key": TEST_KEY, "private_key_id": "k1", "token_uri": "SERVER/token"});
    let auth = "{type: service_account, credentialsenvvar: KEY, sub: admin@b.example, scopes: [one, two]}";
    let gate = Gate::open(auth, &[("KEY", &key.to_string())]).await;
    gate.read().await.unwrap();
    let body = &gate.asked("/token")[0].body;
    let assertion =
        body.strip_prefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=").unwrap();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let der = PrivatePkcs8KeyDer::from_pem_slice(TEST_KEY.as_bytes()).unwrap();
    let pair = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref());
    public.verify(signed.as_bytes(), &decoded(signature)).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decoded(header)).unwrap();
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
    let claims: Value = serde_json::from_slice(&decoded(claims)).unwrap();
    assert_eq!(
        (&claims["iss"], &claims["sub"], &claims["scope"]),
        (&json!("a@b.example"), &json!("admin@b.example"), &json!("one two"))
    );
    assert_eq!(claims["aud"], json!(format!("{}/token", gate.server.url)));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 3600);

    // From a file, which a variable names, too; and with what is no key.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.json");
    let by_name = "{type: service_account, credentialsenvvar: FILE}";
    let auth = "{type: service_account, credentialsfilepathenvvar: FILE}";
    let variables = [("FILE", path.to_str().unwrap())];
    let gate = Gate::open(by_name, &variables).await;
    assert!(
        gate.refused().await.contains("FILE is no key of a service account: it is no JSON, and names no file of it")
    );
    write_file(&path, "{\"type\": \"authorized_user\", \"refresh_token\": \"canary\"}");
    assert!(gate.refused().await.contains("it is of the type authorized_user"));
    write_file(&path, &key.to_string().replace("SERVER", &gate.server.url));
    gate.read().await.unwrap();
    write_file(&path, "{\"private_key\": \"canary\"}");
    let gate = Gate::open(auth, &variables).await;
    assert!(gate.refused().await.contains("`private_key` is no PKCS#8 key in PEM"));
    write_file(&path, &key.to_string().replace("SERVER", &gate.server.url));
    gate.read().await.unwrap();
    write_file(&path, &key.to_string().replace("SERVER", "http://tokens.example"));
    assert!(gate.refused().await.contains("not sent over plain http, and http://tokens.example asks"));
}

#[tokio::test]
async fn a_signature_of_aws_is_for_the_documents_host_and_each_attempt_has_its_own() {
    let server = Scripted::start(|_| Reply::json(&json!({"items": [{"id": "a"}]}))).await;
    let auth = "{type: aws_signing_v4, credentialsenvvar: AWS_SECRET_ACCESS_KEY, keyIDenvvar: AWS_ACCESS_KEY_ID}";
    let documents = documents(auth, "https://ec2.eu-west-1.amazonaws.com", "x-weir: {base_url: {env: GATE_URL}}");
    let variables = [
        ("GATE_URL", server.url.as_str()),
        ("AWS_SECRET_ACCESS_KEY", "canary-secret"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SESSION_TOKEN", "canary-session"),
    ];
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let options = SessionOptions {
        registries: vec![documents.path().to_owned()],
        variables,
        settings: impatient(),
        ..SessionOptions::default()
    };
    let session = Session::new(options).unwrap();
    let gate = Gate { server, session, folder: documents };
    gate.read().await.unwrap();
    let asked = &gate.asked("/things")[0];
    let sign = asked.header("authorization").unwrap();
    let day = &asked.header("x-amz-date").unwrap()[..8];
    assert!(
        sign.starts_with(&format!("AWS4-HMAC-SHA256 Credential=AKID/{day}/eu-west-1/ec2/aws4_request, ")),
        "{sign}"
    );
    assert_eq!(asked.header("x-amz-security-token"), Some("canary-session"));
    assert!(sign.ends_with(&format!("Signature={}", signature(asked, "canary-secret", sign))), "{sign}");
    gate.shows_nothing().await;
}

/// The signature of a request as AWS would find it, from what arrived.
fn signature(asked: &Asked, secret: &str, sign: &str) -> String {
    use ring::{digest, hmac};
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |text, b| text + &format!("{b:02x}"));
    let hash = |text: &str| hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    let between = |from: &str| sign.split_once(from).unwrap().1.split(',').next().unwrap();
    let names = between("SignedHeaders=");
    let headers: String =
        names.split(';').fold(String::new(), |text, n| text + n + ":" + asked.header(n).unwrap() + "\n");
    let request = format!("{}\n{}\n\n{headers}\n{names}\n{}", asked.method, asked.target, hash(&asked.body));
    let (_, scope) = between("Credential=").split_once('/').unwrap();
    let text = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", asked.header("x-amz-date").unwrap(), hash(&request));
    let step = |key: Vec<u8>, part: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec()
    };
    let key = scope.split('/').fold(format!("AWS4{secret}").into_bytes(), step);
    hex(&step(key, &text))
}

#[tokio::test]
async fn missing_credentials_name_what_to_set_for_each_type() {
    let table = [
        ("{type: bearer, credentialsenvvar: KEY}", "no credentials: set KEY"),
        ("{type: basic, username_var: ME, password_var: WORD}", "no credentials: set ME and WORD"),
        ("{type: custom, name: A, credentialsenvvar: A, successor: {name: B, credentialsenvvar: B}}", "set A and B"),
        (OAUTH, "set TENANT and ID and SECRET"),
        ("{type: service_account, credentialsfilepathenvvar: FILE}", "set FILE"),
        ("{type: aws_signing_v4, credentialsenvvar: S, keyIDenvvar: I}", "set I and S"),
        ("{type: service_account, credentialsfilepath: /no/such/file}", "/no/such/file cannot be read"),
        ("{type: interactive}", "signing in through a browser"),
        ("{type: aws_assume_role}", "roles are not assumed here"),
        ("{type: bearer}", "config.auth does not say where the credential is"),
        ("{type: bearer, command: [echo, canary]}", "`command` runs a program, which a document must not"),
        ("{type: basic, username: me, password: canary}", "holds a credential, which a document must not"),
        ("{type: saml, credentialsenvvar: KEY}", "has a type that is not known"),
        ("{type: custom, name: 'a b', credentialsenvvar: KEY}", "`name` is no name of a header"),
    ];
    for (auth, words) in table {
        let gate = Gate::open(auth, &[]).await;
        let refused = gate.refused().await;
        assert!(refused.starts_with("exit 3: ") && refused.contains(words), "{auth}: {refused}");
        assert!(refused.contains("hint: "), "{auth}: {refused}");
        assert!(gate.server.asked().is_empty());
        // What to set is told by who asks for it, too.
        if words.contains("set ") {
            let shown = run_in(&gate.session, "SHOW AUTH gate").await.unwrap().rows;
            assert!(shown[0]["source"].as_str().unwrap().contains(words), "{auth}: {shown:?}");
        }
    }
}

#[tokio::test]
async fn a_document_s_way_is_replaced_for_the_named_provider_alone() {
    let document = "{type: bearer, credentialsenvvar: KEY}";
    let none = |_: &Asked, _| None;
    let table: [(&str, &str, &str); 5] = [
        (
            r#"{"gate": {"type": "basic", "username": "canary-me", "password": "canary-word"}}"#,
            "Basic Y2FuYXJ5LW1lOmNhbmFyeS13b3Jk",
            "basic given inline, given inline",
        ),
        (r#"{"gate": {"type": "bearer", "api_key": "canary-1"}}"#, "Bearer canary-1", "bearer given inline"),
        (
            r#"{"gate": {"type": "bearer", "command": ["printf", "canary-1\n"]}}"#,
            "Bearer canary-1",
            "bearer command printf",
        ),
        (r#"{"gate": {"type": "bearer", "command": "printf canary-%s 1"}}"#, "Bearer canary-1", "bearer command sh"),
        (r#"{"gate": {"type": "bearer", "credentialsenvvar": "OTHER"}}"#, "Bearer canary-2", "bearer OTHER"),
    ];
    for (given, header, shown) in table {
        let gate = Gate::with(document, &[("KEY", "canary-0"), ("OTHER", "canary-2")], Some(given), none).await;
        gate.read().await.unwrap();
        assert_eq!(gate.asked("/things")[0].header("authorization"), Some(header), "{given}");
        let auth = run_in(&gate.session, "SHOW AUTH gate").await.unwrap();
        assert_eq!(format!("{} {}", auth.rows[0]["type"], auth.rows[0]["source"]).replace('"', ""), shown);
        gate.shows_nothing().await;
    }
}

#[tokio::test]
async fn the_command_line_is_told_what_is_wrong_with_it_and_not_what_it_holds() {
    let table = [
        ("canary", "is no JSON"),
        (r#"{"gate": "canary"}"#, "gate is no object"),
        (r#"{"cloudflair": {"type": "bearer", "api_key": "canary"}}"#, "there is no provider `cloudflair`"),
        (r#"{"cloudflare": {"type": "bearer"}}"#, "cloudflare does not say where the credential is"),
        (r#"{"cloudflare": {"type": "bearr", "api_key": "canary"}}"#, "did you mean `bearer`?"),
        (r#"{"cloudflare": {"api_key": 5, "type": "bearer"}}"#, "`api_key` must be a text"),
        (r#"{"cloudflare": {"type": "bearer", "credentialenvvar": "canary"}}"#, "did you mean `credentialsenvvar`?"),
        (r#"{"cloudflare": {"type": "bearer", "canary-secret-key-1": "x"}}"#, "has a key that is not known"),
        (
            r#"{"cloudflare": {"type": "bearer", "credentialsenvvar": "A", "aws_profil": "x"}}"#,
            "has a key that is not known",
        ),
        (r#"{"cloudflare": {"type": "canary-of-mine", "api_key": "x"}}"#, "has a type that is not known"),
        (r#"{"cloudflare": {"type": "bearer", "credentialsenvvar": 1}}"#, "`credentialsenvvar` must be a text"),
        ("@/no/such/file", "/no/such/file cannot be read"),
    ];
    for (given, words) in table {
        let ran = Program::new().arguments(["--auth", given]).exec("SELECT 1").await;
        let ran = ran.code(2).says(&[words]);
        assert!(!ran.talk.contains("canary"), "{given}: {}", ran.talk);
    }
    let ran = Program::new().set("WEIR_AUTH", "canary").exec("SELECT 1").await;
    ran.code(2).says(&["WEIR_AUTH: is no JSON"]);
    Program::new().set("WEIR_AUTH", "canary").arguments(["--sandbox"]).exec("SELECT 1").await.code(0);
    let file = Program::new().file("auth.json", r#"{"cloudflare": {"type": "bearer", "api_key": "canary"}}"#);
    let ran = file.arguments(["--auth", "@auth.json"]).exec("SHOW AUTH cloudflare").await.code(0);
    assert!(ran.out.contains("given inline") && !ran.out.contains("canary"), "{}", ran.out);
}

#[tokio::test]
async fn nothing_secret_goes_over_plain_http() {
    let clear = [
        "{type: custom, location: query, name: key, credentialsenvvar: KEY}",
        "{type: aws_signing_v4, credentialsenvvar: KEY, keyIDenvvar: KEY}",
        "{type: oauth2, client_id_env_var: KEY, client_secret_env_var: KEY, token_url: 'https://tokens.example/'}",
        "{type: oauth2, client_id_env_var: KEY, client_secret_env_var: KEY, token_url: 'http://tokens.example/'}",
    ];
    for auth in clear {
        let documents = documents(auth, "http://ec2.eu-west-1.amazonaws.com", "");
        let options = SessionOptions {
            registries: vec![documents.path().to_owned()],
            variables: [("KEY".to_owned(), "canary-1".to_owned())].into(),
            settings: impatient(),
            ..SessionOptions::default()
        };
        let session = Session::new(options).unwrap();
        let error = match run_in(&session, READ).await {
            Ok(given) => given.failure.unwrap(),
            Err(error) => error,
        };
        let words = told(&error);
        assert!(words.starts_with("exit 2: credentials are not sent over plain http"), "{auth}: {words}");
        assert!(session.log().records().iter().all(|record| record.attempts == 0));
    }
}

/// The nearest part that says how counts: the method, the resource, the service, before the provider; the user before all.
#[tokio::test]
async fn a_method_or_a_resource_may_be_signed_in_to_in_a_way_of_its_own() {
    let provider = "{type: bearer, credentialsenvvar: KEY}";
    let resource = "{type: custom, name: X-Door, location: header, credentialsenvvar: DOOR}";
    let service = door::service("SERVER", false)
        .replace("      name: things\n", &format!("      name: things\n      config: {{auth: {resource}}}\n"))
        .replace("add: {operation", "add: {config: {auth: {type: null_auth}}, operation");
    let open = |given: Option<&'static str>| {
        let service = service.clone();
        async move {
            let gate = Gate::with(provider, &[], given, |_, _| None).await;
            let path = gate.folder.path().join("gate/services/door.yaml");
            write_file(&path, &service.replace("SERVER", &gate.server.url));
            let variables = [("KEY", "canary-key"), ("DOOR", "canary-door")];
            let options = SessionOptions {
                registries: vec![gate.folder.path().to_owned()],
                variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
                auth: given.map(|json| Auth { from: "--auth".to_owned(), json: Secret::new(json) }),
                settings: impatient(),
                ..SessionOptions::default()
            };
            Gate { session: Session::new(options).unwrap(), ..gate }
        }
    };
    let gate = open(None).await;
    gate.read().await.unwrap();
    run_in(&gate.session, "INSERT INTO gate.door.things (id) VALUES ('b')").await.unwrap();
    let [read, add] = gate.asked("/things").try_into().unwrap();
    assert_eq!((read.header("x-door"), read.header("authorization")), (Some("canary-door"), None));
    assert_eq!((add.header("x-door"), add.header("authorization")), (None, None));
    gate.shows_nothing().await;
    let chosen = open(Some("{\"gate\": {\"type\": \"bearer\", \"credentialsenvvar\": \"KEY\"}}")).await;
    chosen.read().await.unwrap();
    let read = &chosen.asked("/things")[0];
    assert_eq!((read.header("x-door"), read.header("authorization")), (None, Some("Bearer canary-key")));
}
