//! Lists of StackQL's documents: every form of `config.pagination`, and what is inferred where a document says nothing. Each
//! is held against the requests that the server saw.

use serde_json::{Value, json};
use weir::session::{Session, SessionOptions};

use crate::harness::{Given, impatient, run_in, write_file};
use crate::scripted::{Asked, Reply, Scripted};

const ROWS: usize = 25;
const PAGE: usize = 10;

/// One list: its path, its method's `config`, its query parameters, and the schema around `items`.
struct List {
    name: &'static str,
    verb: &'static str,
    config: Value,
    parameters: Value,
    around: Value,
}

fn query(name: &str, schema: &Value) -> Value {
    json!({"name": name, "in": "query", "schema": schema})
}

fn configured(name: &'static str, pagination: &Value) -> List {
    List { name, verb: "get", config: json!({"pagination": pagination}), parameters: json!([]), around: json!({}) }
}

fn inferred(name: &'static str, parameters: &[Value], around: Value) -> List {
    List { name, verb: "get", config: json!({}), parameters: json!(parameters), around }
}

fn lists() -> Vec<List> {
    let token = |key: &str, location: &str| json!({"key": key, "location": location});
    let (page, text) = (json!({"type": "integer", "default": 1}), json!({"type": "string"}));
    let size = json!({"type": "integer", "minimum": 2, "maximum": PAGE});
    let object = |properties: Value| json!({"type": "object", "properties": properties});
    let number = json!({"type": "integer"});
    vec![
        configured(
            "to_query",
            &json!({"requestToken": token("cursor", "query"), "responseToken": token("$.meta.next", "body")}),
        ),
        List {
            verb: "post",
            ..configured(
                "to_body",
                &json!({"requestToken": token("paging.token", "body"), "responseToken": token("Next", "body")}),
            )
        },
        configured(
            "to_header",
            &json!({"requestToken": token("X-Token", "header"), "responseToken": token("X-Next", "header")}),
        ),
        configured(
            "by_pattern",
            &json!({"requestToken": token("cursor", "query"), "responseToken":
                {"key": "X-Range", "location": "header", "algorithm": "regex", "args": {"regex": "next=([0-9]+)"}}}),
        ),
        configured(
            "by_url",
            &json!({"requestToken": token("", "request"), "responseToken": token("$.links.next", "body")}),
        ),
        configured("by_link", &json!({"requestToken": token("", "request"), "responseToken": token("Link", "header")})),
        configured("by_odata", &json!({"algorithm": "odata_next_link", "requestToken": token("", "request")})),
        configured(
            "by_number",
            &json!({"algorithm": "page_number", "requestToken": token("page", "query"),
                    "responseToken": token("$.info.page", "body"), "responseTerminator": token("$.info.pages", "body")}),
        ),
        inferred(
            "numbered",
            &[query("page", &page), query("per_page", &size), query("name", &text)],
            json!({"result_info": object(json!({"page": number, "total_count": number, "total_pages": number}))}),
        ),
        inferred("unsaid", &[query("page", &page)], json!({})),
        inferred("by_offset", &[query("offset", &number), query("limit", &size)], json!({})),
        inferred(
            "by_cursor",
            &[query("cursor", &text), query("limit", &size)],
            json!({"result_info": object(json!({"cursor": text}))}),
        ),
        inferred("linked", &[], json!({})),
        inferred("sized", &[query("limit", &json!({"type": "integer", "default": PAGE}))], json!({})),
        inferred("whole", &[], json!({})),
    ]
}

fn document(url: &str) -> Value {
    let (mut paths, mut resources) = (json!({}), json!({}));
    for list in lists() {
        let (name, verb) = (list.name, list.verb);
        let mut around = list.around;
        around["items"] =
            json!({"type": "array", "items": {"type": "object", "properties": {"id": {"type": "integer"}}}});
        let schema = json!({"type": "object", "properties": around});
        let mut operation = json!({"parameters": list.parameters, "responses": {"200": {"description": "Things.",
            "content": {"application/json": {"schema": schema}}}}});
        if verb == "post" {
            operation["requestBody"] = json!({"content": {"application/json": {"schema": {"type": "object",
                "properties": {"paging": {"type": "object"}}}}}});
        }
        paths[format!("/{name}")] = json!({verb: operation});
        let method = format!("#/components/x-stackQL-resources/{name}/methods/list");
        resources[name] = json!({"id": format!("shelf.lists.{name}"), "name": name, "title": name,
            "methods": {"list": {"operation": {"$ref": format!("#/paths/~1{name}/{verb}")}, "config": list.config,
                "response": {"mediaType": "application/json", "openAPIDocKey": "200", "objectKey": "$.items"}}},
            "sqlVerbs": {"select": [{"$ref": method}], "insert": [], "update": [], "replace": [], "delete": []}});
    }
    json!({"openapi": "3.0.3", "info": {"title": "Lists", "version": "v1"}, "servers": [{"url": url}], "paths": paths,
           "components": {"x-stackQL-resources": resources}})
}

const PROVIDER: &str = "
id: shelf
name: shelf
version: v1
title: Shelf
description: Lists of things.
protocolType: http
config: {auth: {type: null_auth}}
providerServices:
  lists: {id: 'lists:v1', name: lists, preferred: true, title: Lists, version: v1, description: Lists., service: {$ref: shelf/v00.00.00000/services/lists.yaml}}
";

/// What a request asks for: the first row, and how many.
fn asked_for(asked: &Asked) -> (usize, usize) {
    let parts = asked.target.split_once('?').map_or("", |(_, query)| query);
    let number = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(parts.as_bytes());
        pairs.find(|(found, _)| found == name).and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let size = number("per_page").or(number("limit")).unwrap_or(PAGE).min(PAGE);
    let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
    let in_body = body.pointer("/paging/token").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let in_header = asked.header("x-token").and_then(|text| text.parse().ok());
    let by_page = number("page").map(|page| (page - 1) * size);
    (by_page.or(number("offset")).or(number("cursor")).or(in_body).or(in_header).unwrap_or(0), size)
}

fn script(asked: &Asked) -> Reply {
    let (from, size) = asked_for(asked);
    let to = (from + size).min(ROWS);
    let rows: Vec<Value> = (from..to).map(|id| json!({"id": id})).collect();
    let next = (to < ROWS).then(|| to.to_string());
    let path = asked.target.split('?').next().unwrap().to_owned();
    let whole = |next: &String| format!("http://{}{path}?cursor={next}", asked.header("host").unwrap());
    let link = next.as_ref().map(|next| format!("<{}>; rel=\"next\"", whole(next))).unwrap_or_default();
    let items = Reply::json(&json!({"items": rows}));
    match path.as_str() {
        "/to_query" => Reply::json(&json!({"items": rows, "meta": {"next": next.unwrap_or("<nil>".to_owned())}})),
        "/to_body" => Reply::json(&json!({"items": rows, "Next": next})),
        "/to_header" => items.with("x-next", &next.unwrap_or_default()),
        "/by_pattern" => items.with("x-range", &next.map(|next| format!("of 25; next={next}")).unwrap_or_default()),
        "/by_url" => Reply::json(&json!({"items": rows, "links": {"next": next.as_ref().map(whole)}})),
        "/by_odata" => Reply::json(&json!({"items": rows, "@odata.nextLink": next.as_ref().map(whole)})),
        "/by_link" | "/linked" => items.with("link", &link),
        "/by_number" => Reply::json(&json!({"items": rows, "info": {"page": from / size + 1, "pages": 3}})),
        "/numbered" => Reply::json(
            &json!({"items": rows, "result_info": {"total_count": ROWS, "total_pages": ROWS.div_ceil(size)}}),
        ),
        "/unsaid" => Reply::json(&json!({"items": rows, "result_info": {"total_count": ROWS, "total_pages": 3}})),
        "/by_cursor" => Reply::json(&json!({"items": rows, "result_info": {"cursor": next.unwrap_or_default()}})),
        "/whole" => Reply::json(&json!({"items": (0..PAGE).map(|id| json!({"id": id})).collect::<Vec<_>>()})),
        _ => items,
    }
}

struct Shelf {
    server: Scripted,
    session: Session,
    _folder: tempfile::TempDir,
}

impl Shelf {
    async fn open() -> Shelf {
        let folder = tempfile::tempdir().unwrap();
        let server = Scripted::start(script).await;
        let root = folder.path().join("src/shelf/v00.00.00000");
        write_file(&root.join("provider.yaml"), PROVIDER);
        write_file(&root.join("services/lists.yaml"), &document(&server.url).to_string());
        let registries = vec![folder.path().to_owned()];
        let options = SessionOptions { registries, settings: impatient(), ..SessionOptions::default() };
        Shelf { server, session: Session::new(options).unwrap(), _folder: folder }
    }

    async fn read(&self, sql: &str) -> Given {
        let given = run_in(&self.session, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert!(given.failure.is_none(), "{sql}: {:?}", given.failure);
        given
    }

    /// The ids in their order, and the requests, those side by side in the order of their text.
    async fn ids(&self, sql: &str) -> (Vec<u64>, Vec<String>) {
        let mut ids: Vec<u64> = self.read(sql).await.rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
        ids.sort_unstable();
        let mut lines = self.server.lines();
        lines.sort();
        (ids, lines)
    }
}

fn all() -> Vec<u64> {
    (0..ROWS as u64).collect()
}

#[tokio::test]
async fn every_form_of_pagination_that_a_document_tells_brings_the_whole_list() {
    let shelf = Shelf::open().await;
    for (list, expected) in [
        ("to_query", ["GET /to_query", "GET /to_query?cursor=10", "GET /to_query?cursor=20"]),
        (
            "to_body",
            [
                "POST /to_body {\"paging\":{\"token\":\"10\"}}",
                "POST /to_body {\"paging\":{\"token\":\"20\"}}",
                "POST /to_body {}",
            ],
        ),
        ("to_header", ["GET /to_header", "GET /to_header", "GET /to_header"]),
        ("by_pattern", ["GET /by_pattern", "GET /by_pattern?cursor=10", "GET /by_pattern?cursor=20"]),
        ("by_url", ["GET /by_url", "GET /by_url?cursor=10", "GET /by_url?cursor=20"]),
        ("by_link", ["GET /by_link", "GET /by_link?cursor=10", "GET /by_link?cursor=20"]),
        ("by_odata", ["GET /by_odata", "GET /by_odata?cursor=10", "GET /by_odata?cursor=20"]),
        ("by_number", ["GET /by_number", "GET /by_number?page=2", "GET /by_number?page=3"]),
    ] {
        let (ids, lines) = shelf.ids(&format!("SELECT id FROM shelf.lists.{list}")).await;
        assert_eq!(lines, expected, "{list}");
        assert_eq!(ids, all(), "{list}");
        let (ids, lines) = shelf.ids(&format!("SELECT id FROM shelf.lists.{list} LIMIT 5")).await;
        assert_eq!((ids.len(), lines.len()), (5, 1), "{list}");
    }
}

#[tokio::test]
async fn what_a_document_does_not_say_of_paging_is_inferred_from_what_it_declares() {
    let shelf = Shelf::open().await;
    for (list, expected) in [
        ("numbered", &["page=1&per_page=10", "page=2&per_page=10", "page=3&per_page=10"][..]),
        ("unsaid", &["page=1", "page=2", "page=3"]),
        ("by_offset", &["offset=0&limit=10", "offset=10&limit=10", "offset=20&limit=10"]),
        ("by_cursor", &["cursor=10&limit=10", "cursor=20&limit=10", "limit=10"]),
        ("linked", &["", "cursor=10", "cursor=20"]),
    ] {
        let (ids, lines) = shelf.ids(&format!("SELECT id FROM shelf.lists.{list}")).await;
        let target = |query: &&str| format!("GET /{list}{}{query}", if query.is_empty() { "" } else { "?" });
        assert_eq!(lines, expected.iter().map(target).collect::<Vec<_>>(), "{list}");
        assert_eq!(ids, all(), "{list}");
    }
}

#[tokio::test]
async fn a_limit_and_a_count_take_one_request_where_totals_are_known() {
    let shelf = Shelf::open().await;
    let (ids, lines) = shelf.ids("SELECT id FROM shelf.lists.numbered LIMIT 4").await;
    assert_eq!((ids.len(), lines), (4, vec!["GET /numbered?page=1&per_page=4".to_owned()]));
    // No page is smaller than the document allows.
    let count = shelf.read("SELECT count(*) AS n FROM shelf.lists.numbered").await;
    assert_eq!(count.rows[0]["n"], json!(ROWS));
    assert_eq!(shelf.server.lines(), ["GET /numbered?page=1&per_page=2"]);
    // What a total counts under a filter, nobody has said: the rows are counted.
    let count = shelf.read("SELECT count(*) AS n FROM shelf.lists.numbered WHERE name = 'x'").await;
    assert_eq!((&count.rows[0]["n"], shelf.server.lines().len()), (&json!(ROWS), 3));
}

#[tokio::test]
async fn a_page_that_the_statement_names_is_that_page_and_a_size_is_the_size_of_all() {
    let shelf = Shelf::open().await;
    let (ids, lines) = shelf.ids("SELECT id FROM shelf.lists.numbered WHERE page = 2 AND per_page = 5").await;
    assert_eq!((ids, lines), ((5..10).collect(), vec!["GET /numbered?page=2&per_page=5".to_owned()]));
    let (ids, lines) = shelf.ids("SELECT id FROM shelf.lists.numbered WHERE per_page = 9").await;
    let pages = [1, 2, 3].map(|page| format!("GET /numbered?page={page}&per_page=9"));
    assert_eq!((ids, lines), (all(), pages.to_vec()));
}

#[tokio::test]
async fn a_full_page_that_nothing_leads_on_from_is_told_to_be_perhaps_not_all() {
    let shelf = Shelf::open().await;
    let given = shelf.read("SELECT id FROM shelf.lists.sized").await;
    assert_eq!((given.rows.len(), shelf.server.lines().len()), (PAGE, 1));
    let warnings = format!("{:?}", given.summary.warnings);
    assert!(warnings.contains("the one page that came is full (10 rows)"), "{warnings}");
    for plain in ["SELECT id FROM shelf.lists.whole", "SELECT id FROM shelf.lists.sized LIMIT 10"] {
        let given = shelf.read(plain).await;
        assert_eq!((given.rows.len(), given.summary.warnings.len()), (PAGE, 0), "{plain}");
    }
}

#[tokio::test]
async fn explain_says_what_was_inferred() {
    let shelf = Shelf::open().await;
    for (list, expected) in [
        ("numbered", "Paging: page/per_page, total at $.result_info.total_count (inferred)"),
        ("by_cursor", "Paging: cursor/limit, from $.result_info.cursor (inferred)"),
        ("to_query", "Paging: cursor, from $.meta.next (config.pagination)"),
        ("by_link", "Paging: the Link header (config.pagination)"),
    ] {
        let given = shelf.read(&format!("EXPLAIN SELECT id FROM shelf.lists.{list}")).await;
        let lines: Vec<&str> = given.rows.iter().filter_map(|row| row["plan"].as_str()).collect();
        assert!(lines.contains(&expected), "{list}: {lines:?}");
    }
    assert_eq!(shelf.server.lines(), Vec::<String>::new());
}
