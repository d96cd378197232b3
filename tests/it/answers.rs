//! Answers of every size and damage, from a server, through a statement: each is decoded, or refused with its page and
//! the place in it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::routing::get;
use bytes::Bytes;
use weir::error::Error;
use weir::session::{Session, SessionOptions};

use crate::faults::says;
use crate::harness::{Given, impatient, run_in, write_file};

const PROVIDER: &str = r"
id: depot
name: depot
version: v1
title: Depot
description: One list.
protocolType: http
config: {auth: {type: null_auth}}
providerServices:
  store: {id: 'store:v1', name: store, preferred: true, title: Store, version: v1, description: Store., service: {$ref: services/store.yaml}}
x-weir: {base_url: {env: DEPOT_URL}, limits: {concurrent: 4}}
";

const SERVICE: &str = r"
openapi: 3.0.3
info: {title: Store, version: v1}
servers: [{url: 'https://depot.example'}]
paths:
  /things: {get: {operationId: list, responses: {'200': {description: Things., content: {application/json: {schema: {type: object, properties: {items: {type: array, items: {type: object, properties: {id: {type: integer}, x: {type: number}, name: {type: string}, meta: {type: object}}}}}}}}}}}}
components:
  x-stackQL-resources:
    things:
      {id: depot.store.things, name: things, title: T, description: T, methods: {list: {operation: {$ref: '#/paths/~1things/get'}, response: {mediaType: application/json, openAPIDocKey: '200', objectKey: $.items}, x-weir: {paging: {style: cursor, parameter: cursor, next: [$.next], size: {parameter: size, largest: 1000}}}}}, sqlVerbs: {select: [{$ref: '#/components/x-stackQL-resources/things/methods/list'}], insert: [], update: [], replace: [], delete: []}, x-weir: {key: [id]}}
";

/// Serves pages in their order.
struct Depot {
    session: Session,
    server: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Drop for Depot {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Depot {
    async fn of(pages: Vec<Bytes>) -> Depot {
        let router = Router::new().route("/things", get(page)).with_state(Arc::new(pages));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let folder = tempfile::tempdir().unwrap();
        write_file(&folder.path().join("depot/provider.yaml"), PROVIDER);
        write_file(&folder.path().join("depot/services/store.yaml"), SERVICE);
        let variables = [("DEPOT_URL".to_owned(), url)].into();
        let registries = vec![folder.path().to_owned()];
        let options = SessionOptions { registries, variables, settings: impatient(), ..SessionOptions::default() };
        Depot { session: Session::new(options).unwrap(), server, _folder: folder }
    }

    async fn run(&self, sql: &str) -> Result<Given, Error> {
        let given = run_in(&self.session, sql).await?;
        given.failure.map_or(Ok(Given { failure: None, ..given }), Err)
    }
}

async fn page(State(pages): State<Arc<Vec<Bytes>>>, Query(query): Query<HashMap<String, String>>) -> Bytes {
    let at: usize = query.get("cursor").map_or(1, |number| number.parse().unwrap());
    pages[at - 1].clone()
}

fn body(text: impl Into<String>) -> Bytes {
    Bytes::from(text.into())
}

/// The value of the only row.
async fn value(page: Bytes, sql: &str) -> serde_json::Value {
    let given = Depot::of(vec![page]).await.run(sql).await.unwrap();
    given.rows[0].values().next().unwrap().clone()
}

#[tokio::test]
async fn a_page_that_is_not_json_is_refused_with_its_number_and_the_place() {
    let first = || body(r#"{"items": [{"id": 1}], "next": "2"}"#);
    let cases: [(&[u8], &[&str]); 10] = [
        (b"{\"items\": [{\"name\": \"\xff\"}]}", &["broken at byte 21 of 26", "not UTF-8"]),
        (b"{\"items\": [{\"name\": \"\0\"}]}", &["broken at byte 21 of 26", "control character"]),
        (b"{\"items\": [{\"id\": 1}, ]}", &["broken at byte 22 of 24", "a value was expected"]),
        (b"{\"items\": [{\"id\": 01}]}", &["broken at byte 19 of 23"]),
        (b"{\"items\": []} {}", &["broken at byte 14 of 16", "something follows"]),
        (b"{\"items\": [{\"hidden\": \"\\x\"}]}", &["broken at byte 24 of 29", "escape"]),
        (b"{\"items\": [{\"\\ud800\": 1}]}", &["broken at byte 12 of 26", "surrogate"]),
        (b"{\"items\": [{\"id\": 2}", &["ends in the middle (20 bytes)"]),
        (b"\0", &["something that is not JSON"]),
        (b"", &["the answer is empty"]),
    ];
    for (second, words) in cases {
        let depot = Depot::of(vec![first(), Bytes::copy_from_slice(second)]).await;
        let error = depot.run("SELECT id FROM depot.store.things").await.err().unwrap();
        says(&error, words);
        says(&error, &["depot.store.things, page 2"]);
    }
}

#[tokio::test]
async fn a_byte_order_mark_is_passed_over() {
    let page = body("\u{feff}{\"items\": [{\"id\": 7}]}");
    assert_eq!(value(page, "SELECT id FROM depot.store.things").await, 7);
}

#[tokio::test]
async fn numbers_beyond_doubles_keep_every_digit() {
    let page = || {
        body(
            r#"{"items": [{"id": 9007199254740993, "x": 1e400, "name": 18446744073709551617, "meta": {"n": 1234567890123456789012345678901234567890}}]}"#,
        )
    };
    assert_eq!(value(page(), "SELECT id FROM depot.store.things").await, 9_007_199_254_740_993_i64);
    assert_eq!(value(page(), "SELECT name FROM depot.store.things").await, "18446744073709551617");
    assert!(value(page(), "SELECT x FROM depot.store.things").await.is_null());
    let text = value(page(), "SELECT CAST(meta AS VARCHAR) || '' AS m FROM depot.store.things").await;
    assert_eq!(text, r#"{"n": 1234567890123456789012345678901234567890}"#);
}

#[tokio::test]
async fn a_thousand_levels_are_read_wherever_they_stand() {
    for levels in [1_000, 100_000] {
        let deep = format!("{}{}", "[{\"a\":".repeat(levels / 2), "null".to_owned() + &"}]".repeat(levels / 2));
        let skipped = body(format!(r#"{{"items": [{{"hidden": {deep}, "id": 1}}]}}"#));
        assert_eq!(value(skipped, "SELECT id FROM depot.store.things").await, 1);
        let envelope = body(format!(r#"{{"other": {deep}, "items": [{{"id": 2}}]}}"#));
        assert_eq!(value(envelope, "SELECT id FROM depot.store.things").await, 2);
        let column = body(format!(r#"{{"items": [{{"meta": {deep}}}]}}"#));
        let length = value(column, "SELECT octet_length(meta) FROM depot.store.things").await;
        assert_eq!(length, deep.len());
    }
}

#[tokio::test]
async fn a_value_of_ten_megabytes_comes_whole() {
    let long = "é".repeat(5_000_000);
    let given = Depot::of(vec![body(format!(r#"{{"items": [{{"id": 1, "name": "{long}"}}]}}"#))]).await;
    let given = given.run("SELECT octet_length(name) AS n FROM depot.store.things").await.unwrap();
    assert_eq!(given.rows[0]["n"], 10_000_000);
    let escaped = "\\n".repeat(5_000_000);
    let page = body(format!(r#"{{"items": [{{"id": 1, "name": "{escaped}"}}]}}"#));
    assert_eq!(value(page, "SELECT octet_length(name) FROM depot.store.things").await, 5_000_000);
}

#[tokio::test]
async fn a_page_of_a_hundred_megabytes_is_read() {
    let name = "x".repeat(990);
    let mut text = String::from("{\"items\":[");
    for id in 0..100_000 {
        use std::fmt::Write as _;
        let comma = if id == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{{\"id\":{id},\"name\":\"{name}\"}}");
    }
    text.push_str("]}");
    assert!(text.len() > 100_000_000);
    let depot = Depot::of(vec![body(text)]).await;
    let sql = "SELECT count(*) AS n, sum(id) AS s, sum(octet_length(name)) AS o FROM depot.store.things";
    let given = depot.run(sql).await.unwrap();
    let row = &given.rows[0];
    assert_eq!((&row["n"], &row["s"], &row["o"]), (&100_000.into(), &4_999_950_000_i64.into(), &99_000_000.into()));
}
