//! A server that answers for another thing than was asked for: other case, a prefix, an alias, no name at all. A row shows
//! what came or is not shown. The value of a condition is never put in the place of what came; where nothing came, only
//! the row's own address tells it. Nothing is written for a row that was not asked for.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use weir::session::{Session, SessionOptions};

use crate::harness::{impatient, run_in, told, write_file};
use crate::scripted::{Reply, Scripted};

const PROVIDER: &str = "
id: lie
name: lie
version: v1
title: Lie
providerServices:
  main: {id: 'main:v1', name: main, title: Main, version: v1, service: {$ref: services/main.yaml}}
x-weir: {base_url: {env: LIE_URL}}
";

/// `uid` is in the path of one thing and `owner` in the query of the list; of `alias` the document says that the API
/// compares it by itself.
const SERVICE: &str = "
openapi: 3.0.3
info: {title: Main, version: v1}
servers: [{url: 'http://127.0.0.1:9'}]
paths:
  /things:
    get:
      parameters:
      - {name: owner, in: query, schema: {type: string}}
      - {name: alias, in: query, schema: {type: string}, x-weir: {exact: true}}
      responses: {200: {description: Things, content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Thing'}}}}}}
  /things/{uid}:
    parameters: [{name: uid, in: path, required: true, schema: {type: string}}]
    get: {responses: {200: {description: A thing, content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}}}
    patch:
      requestBody: {content: {application/json: {schema: {type: object, properties: {size: {type: integer}}}}}}
      responses: {200: {description: A thing, content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}}}
    delete: {responses: {204: {description: Gone.}}}
  /boxes/{box}/pieces:
    parameters: [{name: box, in: path, required: true, schema: {type: string}}]
    get: {responses: {200: {description: A piece, content: {application/json: {schema: {type: object, properties: {id: {type: string}, box: {type: integer}}}}}}}}
components:
  schemas:
    Thing: {type: object, properties: {uid: {type: string}, owner: {type: string}, alias: {type: string}, size: {type: integer}}}
  x-stackQL-resources:
    pieces:
      id: lie.main.pieces
      name: pieces
      methods: {of: {operation: {$ref: '#/paths/~1boxes~1{box}~1pieces/get'}, response: {mediaType: application/json, openAPIDocKey: '200'}}}
      sqlVerbs: {select: [{$ref: '#/components/x-stackQL-resources/pieces/methods/of'}]}
    things:
      id: lie.main.things
      name: things
      methods:
        list: {operation: {$ref: '#/paths/~1things/get'}, response: {mediaType: application/json, openAPIDocKey: '200'}}
        get: {operation: {$ref: '#/paths/~1things~1{uid}/get'}, response: {mediaType: application/json, openAPIDocKey: '200'}}
        edit: {operation: {$ref: '#/paths/~1things~1{uid}/patch'}, request: {mediaType: application/json}, response: {mediaType: application/json, openAPIDocKey: '200'}}
        remove: {operation: {$ref: '#/paths/~1things~1{uid}/delete'}, response: {openAPIDocKey: '204'}}
      sqlVerbs:
        select: [{$ref: '#/components/x-stackQL-resources/things/methods/get'}, {$ref: '#/components/x-stackQL-resources/things/methods/list'}]
        update: [{$ref: '#/components/x-stackQL-resources/things/methods/edit'}]
        delete: [{$ref: '#/components/x-stackQL-resources/things/methods/remove'}]
";

/// Whatever is asked for, the server has the same thing to show.
struct Liar {
    server: Scripted,
    session: Session,
    shows: Arc<Mutex<Value>>,
    _documents: TempDir,
}

impl Liar {
    async fn showing(thing: Value) -> Liar {
        let shows = Arc::new(Mutex::new(thing));
        let thing = shows.clone();
        let server = Scripted::start(move |asked| {
            let thing = thing.lock().unwrap().clone();
            match (asked.method.as_str(), asked.target.split('?').next()) {
                ("DELETE", _) => Reply::json(&Value::Null).status(204),
                (_, Some("/things")) => Reply::json(&json!([thing])),
                _ => Reply::json(&thing),
            }
        })
        .await;
        let documents = tempfile::tempdir().unwrap();
        write_file(&documents.path().join("lie/provider.yaml"), PROVIDER);
        write_file(&documents.path().join("lie/services/main.yaml"), SERVICE);
        let options = SessionOptions {
            registries: vec![documents.path().to_owned()],
            variables: [("LIE_URL".to_owned(), server.url.clone())].into_iter().collect(),
            settings: impatient(),
            ..SessionOptions::default()
        };
        Liar { server, session: Session::new(options).unwrap(), shows, _documents: documents }
    }

    /// The rows as JSON, and what the server was asked.
    async fn rows(&self, sql: &str) -> (Value, Vec<String>) {
        let given = run_in(&self.session, sql).await.unwrap_or_else(|error| panic!("{sql}: {}", told(&error)));
        assert!(given.failure.is_none(), "{sql}: {:?}", given.failure);
        (json!(given.rows), self.server.lines())
    }
}

const THINGS: &str = "lie.main.things";

impl Liar {
    /// However the columns are asked for, no row is there under the condition.
    async fn has_none(&self, condition: &str) {
        for shown in ["uid, owner, size", "DISTINCT uid, owner", "max(uid) AS uid, owner", "size"] {
            let grouped = if shown.contains("max") { " GROUP BY owner" } else { "" };
            let sql = format!("SELECT {shown} FROM {THINGS} WHERE {condition}{grouped}");
            let (rows, requests) = self.rows(&sql).await;
            assert_eq!(rows, json!([]), "{sql}");
            assert!(!requests.is_empty(), "{sql}");
        }
        let (rows, _) = self.rows(&format!("SELECT count(*) AS n FROM {THINGS} WHERE {condition}")).await;
        assert_eq!(rows, json!([{"n": 0}]), "{condition}");
    }
}

#[tokio::test]
async fn a_row_is_what_the_api_answered_or_none() {
    let other = json!({"uid": "A", "owner": "Ann", "alias": "al", "size": 1});
    let liar = Liar::showing(other.clone()).await;
    for condition in ["uid = 'a'", "uid = 'a' AND size = 1", "uid IN ('a', 'b')", "owner = 'ann'", "owner = 'An'"] {
        liar.has_none(condition).await;
    }
    // One that says nothing at all is what stands at the address that was asked, and nothing else.
    *liar.shows.lock().unwrap() = json!({"size": 1});
    for condition in ["owner = 'ann'", "owner = 'An' AND size = 1", "uid = 'a' AND owner = 'Ann'"] {
        liar.has_none(condition).await;
    }
    let (rows, _) = liar.rows(&format!("SELECT uid, owner FROM {THINGS} WHERE uid IN ('a', 'b') ORDER BY uid")).await;
    assert_eq!(rows, json!([{"uid": "a", "owner": null}, {"uid": "b", "owner": null}]));
    *liar.shows.lock().unwrap() = other;
    // A condition that holds of what came shows what came, beside the one of which it does not.
    for condition in ["uid IN ('a', 'A')", "uid = 'a' OR uid = 'A'", "lower(uid) = 'a'", "owner ILIKE 'ANN'"] {
        let (rows, _) = liar.rows(&format!("SELECT uid, owner FROM {THINGS} WHERE {condition}")).await;
        assert_eq!(rows, json!([{"uid": "A", "owner": "Ann"}]), "{condition}");
    }
    // Where the document leaves it to the API to compare, its row is taken, and as it is.
    for shown in ["alias", "DISTINCT alias", "max(alias) AS alias"] {
        let (rows, requests) = liar.rows(&format!("SELECT {shown} FROM {THINGS} WHERE alias = 'AL'")).await;
        assert_eq!((rows, requests), (json!([{"alias": "al"}]), vec!["GET /things?alias=AL".to_owned()]), "{shown}");
    }
    let joined = format!("SELECT a.uid AS a, b.uid AS b FROM {THINGS} a JOIN {THINGS} b ON a.uid = b.uid");
    let (rows, _) = liar.rows(&format!("{joined} WHERE a.alias = 'AL' AND b.alias = 'Al'")).await;
    assert_eq!(rows, json!([{"a": "A", "b": "A"}]));
    let (rows, _) = liar.rows(&format!("{joined} WHERE a.uid = 'a'")).await;
    assert_eq!(rows, json!([]));
}

/// A write that reads its rows first sends the value that the statement has, and only for a row that has it, too.
#[tokio::test]
async fn nothing_is_written_for_a_row_that_was_not_asked_for() {
    let liar = Liar::showing(json!({"uid": "A", "owner": "Ann", "alias": "al", "size": 1})).await;
    for sql in [
        format!("DELETE FROM {THINGS} WHERE uid = 'a' AND size = 1"),
        format!("DELETE FROM {THINGS} WHERE uid = 'a' RETURNING owner"),
        format!("DELETE FROM {THINGS} WHERE uid IN ('a', 'b') AND owner = 'Ann'"),
        format!("DELETE FROM {THINGS} WHERE owner = 'ann'"),
        format!("UPDATE {THINGS} SET size = size + 1 WHERE uid = 'a'"),
        format!("UPDATE {THINGS} SET size = 2 WHERE uid = 'a' AND owner = 'Ann'"),
        format!("UPDATE {THINGS} SET size = 2 WHERE owner = 'ann'"),
    ] {
        let (rows, requests) = liar.rows(&sql).await;
        assert_eq!(rows, json!([]), "{sql}");
        assert!(!requests.is_empty() && requests.iter().all(|line| line.starts_with("GET ")), "{sql}: {requests:?}");
    }
    // What is true of the row is written, to the row's own name.
    let deleted = ["GET /things?owner=Ann", "DELETE /things/A"].map(str::to_owned).to_vec();
    assert_eq!(liar.rows(&format!("DELETE FROM {THINGS} WHERE owner = 'Ann'")).await.1, deleted);
    // An answer to a write shows what came, too.
    let (rows, requests) =
        liar.rows(&format!("UPDATE {THINGS} SET size = 2 WHERE uid = 'a' RETURNING uid, size")).await;
    assert_eq!(rows, json!([{"uid": "A", "size": 1}]));
    assert_eq!(requests, [r#"PATCH /things/a {"size":2}"#]);
}

/// The address has a number as a text, and the rows have it as a number, or leave it out.
#[tokio::test]
async fn a_key_that_is_a_text_in_the_address_is_compared_with_rows_as_their_number() {
    let liar = Liar::showing(json!({"id": "p"})).await;
    let sql = "SELECT p.box, p.id FROM (VALUES (7), (8)) t(n) JOIN lie.main.pieces p ON p.box = t.n ORDER BY 1";
    let (rows, requests) = liar.rows(sql).await;
    assert_eq!(rows, json!([{"box": 7, "id": "p"}, {"box": 8, "id": "p"}]));
    assert_eq!(requests, ["GET /boxes/7/pieces", "GET /boxes/8/pieces"]);
    *liar.shows.lock().unwrap() = json!({"id": "p", "box": 7});
    assert_eq!(liar.rows(sql).await.0, json!([{"box": 7, "id": "p"}]));
}
