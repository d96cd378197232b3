//! Lists by cursor and by link that break: one that leads round in circles, to another origin, or fails on the way.

use serde_json::{Value, json};
use weir::error::Error;
use weir::session::{Session, SessionOptions};

use crate::faults::says;
use crate::harness::{Given, impatient, run_in, write_file};
use crate::scripted::{Asked, Reply, Scripted};

const PROVIDER: &str = r"
id: shelf
name: shelf
version: v1
title: Shelf
description: Lists of things.
protocolType: http
config: {auth: {type: null_auth}}
providerServices:
  lists: {id: 'lists:v1', name: lists, preferred: true, title: Lists, version: v1, description: Lists., service: {$ref: services/lists.yaml}}
x-weir: {base_url: {env: SHELF_URL}, limits: {concurrent: 4}}
";

const SERVICE: &str = r"
openapi: 3.0.3
info: {title: Lists, version: v1}
servers: [{url: 'https://shelf.example'}]
paths:
  /cursor: {get: &list {operationId: list, responses: {'200': {description: Things., content: {application/json: {schema: {type: object, properties: {items: {type: array, items: {type: object, properties: {id: {type: integer}}}}}}}}}}}}
  /url: {get: *list}
  /link: {get: *list}
components:
  x-stackQL-resources:
    by_cursor:
      {id: shelf.lists.by_cursor, name: by_cursor, title: C, description: C, methods: {list: {operation: {$ref: '#/paths/~1cursor/get'}, response: {mediaType: application/json, openAPIDocKey: '200', objectKey: $.items}, x-weir: {paging: {style: cursor, parameter: cursor, next: [$.next], size: {parameter: size, largest: 10}}}}}, sqlVerbs: {select: [{$ref: '#/components/x-stackQL-resources/by_cursor/methods/list'}], insert: [], update: [], replace: [], delete: []}, x-weir: {key: [id]}}
    by_url:
      {id: shelf.lists.by_url, name: by_url, title: U, description: U, methods: {list: {operation: {$ref: '#/paths/~1url/get'}, response: {mediaType: application/json, openAPIDocKey: '200', objectKey: $.items}, x-weir: {paging: {style: next_url, next: [$.next], size: {parameter: size, largest: 10}}}}}, sqlVerbs: {select: [{$ref: '#/components/x-stackQL-resources/by_url/methods/list'}], insert: [], update: [], replace: [], delete: []}, x-weir: {key: [id]}}
    by_link:
      {id: shelf.lists.by_link, name: by_link, title: L, description: L, methods: {list: {operation: {$ref: '#/paths/~1link/get'}, response: {mediaType: application/json, openAPIDocKey: '200', objectKey: $.items}, x-weir: {paging: {style: link, size: {parameter: size, largest: 10}}}}}, sqlVerbs: {select: [{$ref: '#/components/x-stackQL-resources/by_link/methods/list'}], insert: [], update: [], replace: [], delete: []}, x-weir: {key: [id]}}
";

/// A session that knows the lists of `server`.
fn shelf(server: &Scripted, folder: &tempfile::TempDir) -> Session {
    let root = folder.path().join("shelf");
    write_file(&root.join("provider.yaml"), PROVIDER);
    write_file(&root.join("services/lists.yaml"), SERVICE);
    let variables = [("SHELF_URL".to_owned(), server.url.clone())].into();
    let registries = vec![folder.path().to_owned()];
    Session::new(SessionOptions { registries, variables, settings: impatient(), ..SessionOptions::default() }).unwrap()
}

/// Which of eight pages of ten a request asks for.
fn page_of(asked: &Asked) -> u64 {
    let number = asked.target.split(['?', '&']).find_map(|part| part.strip_prefix("cursor="));
    number.map_or(1, |number| number.parse().unwrap())
}

fn rows_of(page: u64) -> Vec<Value> {
    (0..10).map(|at| json!({"id": (page - 1) * 10 + at})).collect()
}

/// A page of the list that the path names, with `next` behind it.
fn page(asked: &Asked, page: u64, next: Option<String>) -> Reply {
    let rows = rows_of(page);
    let (host, path) = (asked.header("host").unwrap(), asked.target.split('?').next().unwrap());
    match (path, next) {
        ("/cursor" | "/url" | "/link", None) => Reply::json(&json!({"items": rows})),
        ("/cursor", Some(next)) => Reply::json(&json!({"items": rows, "next": next})),
        ("/url", Some(next)) => Reply::json(&json!({"items": rows, "next": whole(host, path, &next)})),
        ("/link", Some(next)) => {
            Reply::json(&json!({"items": rows})).with("link", &format!("<{}>; rel=\"next\"", whole(host, path, &next)))
        }
        other => panic!("{other:?}"),
    }
}

fn whole(host: &str, path: &str, next: &str) -> String {
    if next.contains("://") { next.to_owned() } else { format!("http://{host}{path}?cursor={next}") }
}

const LISTS: [&str; 3] = ["by_cursor", "by_url", "by_link"];

async fn read(session: &Session, sql: &str) -> Result<Given, Error> {
    match run_in(session, sql).await {
        Ok(Given { failure: Some(error), .. }) | Err(error) => Err(error),
        Ok(given) => Ok(given),
    }
}

#[tokio::test]
async fn a_cursor_or_link_that_comes_back_is_an_error_that_names_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let server = Scripted::start(|asked| {
        let number = page_of(asked);
        page(asked, number, Some(if number == 7 { "3".to_owned() } else { (number + 1).to_string() }))
    })
    .await;
    let session = shelf(&server, &folder);
    for list in LISTS {
        let error = read(&session, &format!("SELECT id FROM shelf.lists.{list}"))
            .await
            .err()
            .unwrap_or_else(|| panic!("{list}"));
        says(&error, &["page 7", "given before", list]);
        assert_eq!(server.lines().len(), 7, "{list}");
        assert_eq!(
            read(&session, &format!("SELECT id FROM shelf.lists.{list} LIMIT 65")).await.unwrap().rows.len(),
            65
        );
        assert_eq!(server.lines().len(), 7, "{list}");
    }
}

#[tokio::test]
async fn a_next_link_to_another_origin_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let other = Scripted::start(|_| Reply::json(&json!({"items": []}))).await;
    let elsewhere = format!("{}/stolen?cursor=4", other.url);
    let server = Scripted::start(move |asked| {
        let number = page_of(asked);
        page(asked, number, Some(if number == 3 { elsewhere.clone() } else { (number + 1).to_string() }))
    })
    .await;
    let session = shelf(&server, &folder);
    for list in ["by_url", "by_link"] {
        let error = read(&session, &format!("SELECT id FROM shelf.lists.{list}"))
            .await
            .err()
            .unwrap_or_else(|| panic!("{list}"));
        says(&error, &[other.url.as_str(), list]);
        assert_eq!(server.lines().len(), 3, "{list}");
    }
    assert_eq!(other.lines(), Vec::<String>::new());
}

#[tokio::test]
async fn lists_by_cursor_and_link_are_whole_when_pages_fail_twice() {
    let folder = tempfile::tempdir().unwrap();
    let failures = std::sync::atomic::AtomicUsize::new(0);
    let server = Scripted::start(move |asked| {
        let number = page_of(asked);
        if number == 4 && failures.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 3 < 2 {
            return Reply::json(&json!({"message": "no"})).status(500);
        }
        page(asked, number, (number < 8).then(|| (number + 1).to_string()))
    })
    .await;
    let session = shelf(&server, &folder);
    for list in LISTS {
        let given = read(&session, &format!("SELECT id FROM shelf.lists.{list} ORDER BY id")).await.unwrap();
        let found: Vec<u64> = given.rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
        assert!(found.into_iter().eq(0..80), "{list}");
        assert_eq!((server.lines().len(), given.summary.warnings.len()), (10, 0), "{list}");
    }
}

#[tokio::test]
async fn a_page_that_is_no_json_or_has_no_place_for_rows_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let bodies = ["", "{", "<html>", "null", "[]", "{\"other\": []}"];
    for body in bodies {
        let server = Scripted::start(move |asked| {
            let number = page_of(asked);
            let good = page(asked, number, Some((number + 1).to_string()));
            if number == 3 { Reply { body: body.to_owned(), ..good } } else { good }
        })
        .await;
        let session = shelf(&server, &folder);
        let outcome = read(&session, "SELECT id FROM shelf.lists.by_cursor").await;
        let error = outcome.map(|given| given.rows.len()).expect_err(&format!("{body:?} as page 3"));
        says(&error, &["by_cursor"]);
    }
}

/// Nobody asks for a second batch here: the request for the second page can only come from having read the first.
#[tokio::test]
async fn the_next_page_is_asked_for_before_the_rows_of_this_one_are_passed_on() {
    use futures::StreamExt;
    let folder = tempfile::tempdir().unwrap();
    let (seen, mut second) = tokio::sync::mpsc::unbounded_channel();
    let server = Scripted::start(move |asked| {
        let number = page_of(asked);
        if number == 2 {
            let _ = seen.send(());
        }
        page(asked, number, (number < 8).then(|| (number + 1).to_string()))
    })
    .await;
    let session = shelf(&server, &folder);
    for list in LISTS {
        let mut rows = session.run(&format!("SELECT id FROM shelf.lists.{list}")).await.unwrap().rows.unwrap();
        assert_eq!(rows.next().await.unwrap().unwrap().num_rows(), 10, "{list}");
        let asked = tokio::time::timeout(std::time::Duration::from_secs(20), second.recv()).await;
        assert!(asked.is_ok(), "{list}: page 2 was not asked for");
    }
}
