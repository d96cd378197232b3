//! Methods that send a query of GraphQL: values stay values, pages follow the flag, errors in a good answer are errors.

use serde_json::{Value, json};
use weir::error::Error;
use weir::session::{Session, SessionOptions};

use crate::harness::{Given, impatient, run_in, write_file};
use crate::scripted::{Asked, Reply, Scripted};

const PROVIDER: &str = "
id: shelf
name: shelf
version: v1
title: Shelf
description: Things by query.
protocolType: http
config: {auth: {type: null_auth}}
providerServices:
  lists: {id: 'lists:v1', name: lists, preferred: true, title: Lists, version: v1, description: Lists., service: {$ref: shelf/v00.00.00000/services/lists.yaml}}
";

const SERVICE: &str = r#"
openapi: 3.0.3
info: {title: Lists, version: v1}
servers: [{url: 'URL/v4'}]
paths:
  /graphql/books:
    post:
      x-stackQL-graphQL:
        url: URL/v4/graphql
        httpVerb: POST
        query: "query {\n  shelf(owner: \"{{ .owner }}\", floor: {{ if .floor }}{{ .floor }}{{ else }}1{{ end }}) {\n    books(first: 2{{ .cursor }}) { nodes { id } }\n  }\n}\n"
        responseSelection: {jsonPath: '$.data.shelf.books.nodes[*]'}
        cursor: {strategy: page_info, jsonPath: $.data.shelf.books.pageInfo.endCursor, terminateOnJsonPath: $.data.shelf.books.pageInfo.hasNextPage}
      parameters:
      - {name: owner, in: query, required: true, schema: {type: string}}
      - {name: floor, in: query, schema: {type: string}}
      responses: {'200': {description: Books., content: {application/json: {schema: {type: object, properties: {data: {type: object, properties: {shelf: {type: object, properties: {books: {type: object, properties: {nodes: {type: array, items: {type: object, properties: {id: {type: string}}}}}}}}}}}}}}}}
  /graphql/burn:
    post:
      x-stackQL-graphQL:
        url: URL/v4/graphql
        httpVerb: POST
        query: 'mutation { burn(owner: "{{ .owner }}") { nodes { id } } }'
        cursor: {jsonPath: $.data.__no_cursor}
      parameters:
      - {name: owner, in: query, required: true, schema: {type: string}}
      responses: {'200': {description: Burnt., content: {application/json: {schema: {type: object}}}}}
components:
  x-stackQL-resources:
    books:
      id: shelf.lists.books
      name: books
      title: Books
      methods:
        list: {operation: {$ref: '#/paths/~1graphql~1books/post'}, response: {mediaType: application/json, openAPIDocKey: '200', objectKey: $.data.shelf.books.nodes}}
      sqlVerbs: {select: [{$ref: '#/components/x-stackQL-resources/books/methods/list'}], insert: [], update: [], replace: [], delete: []}
    burnt:
      id: shelf.lists.burnt
      name: burnt
      title: Burnt
      methods:
        list: {operation: {$ref: '#/paths/~1graphql~1burn/post'}, response: {mediaType: application/json, openAPIDocKey: '200', objectKey: $.data.burn.nodes}}
      sqlVerbs: {select: [{$ref: '#/components/x-stackQL-resources/burnt/methods/list'}], insert: [], update: [], replace: [], delete: []}
"#;

/// The query that a request sends.
fn sent(asked: &Asked) -> String {
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    body["query"].as_str().unwrap().to_owned()
}

/// Three pages; the last has a cursor too.
fn script(asked: &Asked) -> Reply {
    let query = sent(asked);
    if query.contains("nobody") {
        let errors = json!([{"message": "no such owner"}, {"message": "and no shelf"}]);
        return Reply::json(&json!({"data": null, "errors": errors}));
    }
    let page = (1..3).rev().find(|page| query.contains(&format!("after: \"c{page}\""))).unwrap_or(0);
    let nodes: Vec<Value> = (0..2).map(|at| json!({"id": format!("b{}", page * 2 + at)})).collect();
    let info = json!({"endCursor": format!("c{}", page + 1), "hasNextPage": page < 2});
    Reply::json(&json!({"data": {"shelf": {"books": {"nodes": nodes, "pageInfo": info}}}}))
}

fn shelf(server: &Scripted, folder: &tempfile::TempDir) -> Session {
    let root = folder.path().join("src/shelf/v00.00.00000");
    write_file(&root.join("provider.yaml"), PROVIDER);
    write_file(&root.join("services/lists.yaml"), &SERVICE.replace("URL", &server.url));
    let registries = vec![folder.path().to_owned()];
    Session::new(SessionOptions { registries, settings: impatient(), ..SessionOptions::default() }).unwrap()
}

async fn read(session: &Session, sql: &str) -> Result<Given, Error> {
    match run_in(session, sql).await {
        Ok(Given { failure: Some(error), .. }) | Err(error) => Err(error),
        Ok(given) => Ok(given),
    }
}

#[tokio::test]
async fn a_query_is_sent_page_after_page_as_long_as_its_flag_says_so() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Scripted::start(script).await);
    let session = shelf(&server, &folder);
    let given = read(&session, "SELECT id, owner FROM shelf.lists.books WHERE owner = 'me'").await.unwrap();
    let ids: Vec<&str> = given.rows.iter().filter_map(|row| row["id"].as_str()).collect();
    assert_eq!((ids, &given.rows[5]["owner"]), (vec!["b0", "b1", "b2", "b3", "b4", "b5"], &json!("me")));
    let asked = server.asked();
    assert!(asked.iter().all(|one| one.method == "POST" && one.target == "/v4/graphql"), "{asked:?}");
    let query = |books: &str| {
        format!("query {{\n  shelf(owner: \"me\", floor: 1) {{\n    {books} {{ nodes {{ id }} }}\n  }}\n}}\n")
    };
    let expected = ["books(first: 2)", "books(first: 2, after: \"c1\")", "books(first: 2, after: \"c2\")"].map(query);
    assert_eq!(asked.iter().map(sent).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn no_value_says_more_than_a_value() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Scripted::start(script).await);
    let session = shelf(&server, &folder);
    let hostile = r#"x") { secret } #\"#;
    read(&session, &format!("SELECT id FROM shelf.lists.books WHERE owner = '{hostile}' LIMIT 1")).await.unwrap();
    assert!(sent(&server.asked()[0]).contains(r#"shelf(owner: "x\") { secret } #\\", floor: 1)"#));
    let before = server.asked().len();
    let error =
        read(&session, "SELECT id FROM shelf.lists.books WHERE owner = 'me' AND floor = '1) { secret } x(y: 2'");
    let error = error.await.err().unwrap();
    assert!(error.message().contains("`floor` stands outside of quotes"), "{error}");
    assert_eq!(server.asked().len(), before);
}

#[tokio::test]
async fn errors_of_a_good_answer_and_mutations_in_a_select_are_refused() {
    let (folder, server) = (tempfile::tempdir().unwrap(), Scripted::start(script).await);
    let session = shelf(&server, &folder);
    let error = read(&session, "SELECT id FROM shelf.lists.books WHERE owner = 'nobody'").await.err().unwrap();
    assert!(error.message().contains("GraphQL: no such owner; and no shelf"), "{error}");
    let before = server.asked().len();
    let error = read(&session, "SELECT _raw FROM shelf.lists.burnt WHERE owner = 'me'").await.err().unwrap();
    assert!(error.message().contains("sends a mutation"), "{error}");
    assert_eq!(server.asked().len(), before);
}
