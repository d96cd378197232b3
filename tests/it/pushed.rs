//! `queryParamPushdown` of StackQL's documents: what of a SELECT goes into the request, what the server is asked in numbers,
//! and that the rows are those of the same list without it, though the server compares texts without regard to case.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use weir::session::{Session, SessionOptions};

use crate::harness::{impatient, run_in, write_file};
use crate::scripted::{Asked, Reply, Scripted};

const ROWS: usize = 45;
/// Rows of a page where nobody asks for more.
const PAGE: usize = 10;
/// The largest page, as the document has it.
const MOST: usize = 30;

fn document(url: &str) -> Value {
    let text = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string"}});
    let number = |name: &str| json!({"name": name, "in": "query", "schema": {"type": "integer"}});
    let listed = json!({"name": "$select", "in": "query", "style": "form", "explode": false,
        "schema": {"type": "array", "items": {"type": "string"}}});
    // The config is as a whole service's, and this list has smaller pages.
    let largest = json!({"name": "$top", "in": "query", "schema": {"type": "integer", "maximum": MOST}});
    let odata = json!({"dialect": "odata"});
    let all =
        json!({"filter": odata, "select": odata, "top": {"dialect": "odata", "maxValue": 10 * MOST}, "orderBy": odata});
    let narrow = json!({"filter": {"dialect": "odata", "supportedOperators": ["eq"], "supportedColumns": ["size"]}});
    let lists = [
        ("plain", json!({}), json!([])),
        ("pushed", all.clone(), json!([text("$filter"), listed, largest])),
        ("narrow", narrow, json!([text("$filter")])),
        ("undeclared", all, json!([])),
        ("limited", json!({"top": {"paramName": "showLimit"}}), json!([number("showLimit")])),
    ];
    let row = json!({"type": "object", "properties": {"id": {"type": "integer"}, "Name": {"type": "string"},
        "size": {"type": "integer"}, "on": {"type": "boolean"}, "made": {"type": "string", "format": "date-time"},
        "password": {"type": "string", "format": "password"}, "more": {"type": "object"}}});
    let schema = json!({"type": "object", "properties": {"items": {"type": "array", "items": row}}});
    let (mut paths, mut resources) = (json!({}), json!({}));
    for (name, pushdown, parameters) in lists {
        paths[format!("/{name}")] = json!({"get": {"parameters": parameters, "responses": {"200":
            {"description": "Things.", "content": {"application/json": {"schema": schema}}}}}});
        let mut config = json!({"queryParamPushdown": pushdown});
        if name != "limited" {
            config["pagination"] = json!({"requestToken": {"location": "request"},
                "responseToken": {"key": "$.next", "location": "body"}});
        }
        let method = format!("#/components/x-stackQL-resources/{name}/methods/list");
        resources[name] = json!({"id": format!("shelf.lists.{name}"), "name": name, "title": name,
            "methods": {"list": {"operation": {"$ref": format!("#/paths/~1{name}/get")}, "config": config,
                "response": {"mediaType": "application/json", "openAPIDocKey": "200", "objectKey": "$.items"}}},
            "sqlVerbs": {"select": [{"$ref": method}], "insert": [], "update": [], "replace": [], "delete": []}});
    }
    json!({"openapi": "3.0.3", "info": {"title": "Shelf", "version": "v1"}, "servers": [{"url": url}],
        "paths": paths, "components": {"x-stackQL-resources": resources}})
}

fn things() -> Vec<Value> {
    let thing = |i: usize| {
        let name = ["Oak", "oak", "OAKEN", "Elm", "o'Elm"][i % 5];
        let size = if i.is_multiple_of(7) { Value::Null } else { (i % 6).into() };
        json!({"id": i, "Name": if i.is_multiple_of(11) { Value::Null } else { name.into() }, "size": size, "on": i.is_multiple_of(2),
            "made": format!("2026-01-{:02}T10:00:00.123456Z", i % 9 + 1), "password": "hush", "more": {"i": i}})
    };
    (0..ROWS).map(thing).collect()
}

/// What a server without regard to case finds that `$filter` says of a row.
fn holds(row: &Value, filter: &str) -> bool {
    let quoted = |text: &str| text.trim_matches('\'').replace("''", "'").to_lowercase();
    let word = |name: &str| row[name].as_str().unwrap_or_default().to_lowercase();
    if let Some(any) = filter.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        return any.split(" or ").any(|part| holds(row, part));
    }
    if let Some((function, inside)) = filter.strip_suffix(')').and_then(|call| call.split_once('(')) {
        let (name, text) = inside.split_once(',').unwrap();
        let (value, text) = (word(name), quoted(text));
        return match function {
            "contains" => value.contains(&text),
            "startswith" => value.starts_with(&text),
            "endswith" => value.ends_with(&text),
            other => panic!("{other}"),
        };
    }
    let (name, rest) = filter.split_once(' ').unwrap();
    let (operator, value) = rest.split_once(' ').unwrap();
    let order = match &row[name] {
        Value::Null => return false,
        Value::Number(number) => number.as_i64().cmp(&value.parse().ok()),
        // A server that keeps milliseconds.
        Value::String(_) if name == "made" => word(name)[..23].to_owned().cmp(&value.to_lowercase()[..23].to_owned()),
        Value::String(_) => word(name).cmp(&quoted(value)),
        other => other.to_string().cmp(&value.to_owned()),
    };
    match operator {
        "eq" => order.is_eq(),
        "lt" => order.is_lt(),
        "le" => order.is_le(),
        "gt" => order.is_gt(),
        "ge" => order.is_ge(),
        other => panic!("{other}"),
    }
}

fn answer(asked: &Asked) -> Reply {
    let url = url::Url::parse(&format!("http://a{}", asked.target)).unwrap();
    let query: Map<String, Value> = url.query_pairs().map(|(k, v)| (k.into_owned(), v.as_ref().into())).collect();
    let word = |name: &str| query.get(name).and_then(Value::as_str);
    let number = |name: &str| word(name).and_then(|text| text.parse::<usize>().ok());
    let filter = word("$filter").unwrap_or_default();
    let conditions: Vec<&str> = filter.split(" and ").filter(|part| !part.is_empty()).collect();
    let mut rows: Vec<Value> =
        things().into_iter().filter(|row| conditions.iter().all(|part| holds(row, part))).collect();
    if let Some(names) = word("$select") {
        for row in &mut rows {
            row.as_object_mut().unwrap().retain(|name, _| names.split(',').any(|wanted| wanted == name));
        }
    }
    if url.path() == "/limited" {
        rows.truncate(number("showLimit").unwrap_or(ROWS));
        return Reply::json(&json!({"items": rows}));
    }
    let (from, size) = (number("from").unwrap_or(0), number("$top").unwrap_or(PAGE));
    let mut answer = json!({"items": rows.iter().skip(from).take(size).collect::<Vec<_>>()});
    if from + size < rows.len() {
        let mut next = format!("{}?from={}", url.path(), from + size);
        for (name, value) in query.iter().filter(|(name, _)| *name != "from") {
            let value: String = url::form_urlencoded::byte_serialize(value.as_str().unwrap().as_bytes()).collect();
            let _ = write!(next, "&{name}={value}");
        }
        answer["next"] = next.into();
    }
    Reply::json(&answer)
}

struct Shelf {
    server: Scripted,
    session: Session,
    _folder: tempfile::TempDir,
}

impl Shelf {
    async fn open() -> Shelf {
        let server = Scripted::start(answer).await;
        let folder = tempfile::tempdir().unwrap();
        let provider = json!({"id": "shelf", "name": "shelf", "version": "v1", "providerServices": {"lists":
            {"id": "lists", "name": "lists", "preferred": true, "title": "Lists", "version": "v1",
             "service": {"$ref": "shelf/v1/services/lists.yaml"}}}});
        write_file(&folder.path().join("src/shelf/v1/provider.yaml"), &provider.to_string());
        write_file(&folder.path().join("src/shelf/v1/services/lists.yaml"), &document(&server.url).to_string());
        let registries = vec![folder.path().to_owned()];
        let session =
            Session::new(SessionOptions { registries, settings: impatient(), ..SessionOptions::default() }).unwrap();
        Shelf { server, session, _folder: folder }
    }

    /// The rows, sorted, and the requests as a person would read them.
    async fn ask(&self, sql: &str) -> (Vec<String>, Vec<String>) {
        let given = run_in(&self.session, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        assert!(given.failure.is_none(), "{sql}: {:?}", given.failure);
        let mut rows: Vec<String> = given.rows.iter().map(|row| serde_json::to_string(row).unwrap()).collect();
        rows.sort();
        let decoded = |line: String| percent_encoding::percent_decode_str(&line).decode_utf8_lossy().replace('+', " ");
        (rows, self.server.lines().into_iter().map(decoded).collect())
    }

    async fn requests(&self, sql: &str) -> Vec<String> {
        self.ask(sql).await.1
    }
}

#[tokio::test]
async fn conditions_columns_and_limits_go_where_the_document_says() {
    let shelf = Shelf::open().await;
    let table = [
        ("SELECT id FROM shelf.lists.pushed LIMIT 3", "$select=id&$top=3"),
        ("SELECT id FROM shelf.lists.pushed WHERE name = 'Oak'", "$filter=Name eq 'Oak'&$select=id,Name&$top=30"),
        ("SELECT id FROM shelf.lists.pushed WHERE name = 'o''Elm'", "$filter=Name eq 'o''Elm'&$select=id,Name&$top=30"),
        (
            "SELECT id FROM shelf.lists.pushed WHERE size IN (2, 4)",
            "$filter=(size eq 2 or size eq 4)&$select=id,size&$top=30",
        ),
        (
            "SELECT id FROM shelf.lists.pushed WHERE \"on\" AND size > 4",
            "$filter=on eq true and size gt 4&$select=id,on,size&$top=30",
        ),
        (
            "SELECT id FROM shelf.lists.pushed WHERE name LIKE '%lm'",
            "$filter=endswith(Name,'lm')&$select=id,Name&$top=30",
        ),
        (
            "SELECT id FROM shelf.lists.pushed WHERE made >= '2026-01-08T10:00:00.1234567Z'",
            "$filter=made ge 2026-01-08T10:00:00.123Z&$select=id,made&$top=30",
        ),
    ];
    for (sql, query) in table {
        let requests = shelf.requests(sql).await;
        assert_eq!(requests, [format!("GET /pushed?{query}")], "{sql}");
    }
    let shown = shelf.ask("EXPLAIN SELECT id FROM shelf.lists.pushed WHERE name = 'Oak' LIMIT 1").await.0.join("\n");
    assert!(shown.contains("sent in $filter as Name eq 'Oak', and applied again here"), "{shown}");
}

#[tokio::test]
async fn what_could_lose_a_row_or_is_not_the_documents_is_not_sent() {
    let shelf = Shelf::open().await;
    let table = [
        // Another order of texts, another NULL, a pattern within a pattern; a secret in a URL.
        ("SELECT id FROM shelf.lists.pushed WHERE name > 'Oak'", "/pushed?$select=id,Name&$top=30"),
        ("SELECT id FROM shelf.lists.pushed WHERE name <> 'Oak'", "/pushed?$select=id,Name&$top=30"),
        ("SELECT id FROM shelf.lists.pushed WHERE size IS NULL", "/pushed?$select=id,size&$top=30"),
        ("SELECT id FROM shelf.lists.pushed WHERE name LIKE 'O_k%'", "/pushed?$select=id,Name&$top=30"),
        ("SELECT id FROM shelf.lists.pushed WHERE name ILIKE 'oak%'", "/pushed?$select=id,Name&$top=30"),
        ("SELECT id FROM shelf.lists.pushed WHERE password = 'hush'", "/pushed?$select=id,password&$top=30"),
        ("SELECT id FROM shelf.lists.pushed ORDER BY size LIMIT 2", "/pushed?$select=id,size&$top=30"),
        // Everything, and what no column names.
        ("SELECT * FROM shelf.lists.pushed", "/pushed?$top=30"),
        ("SELECT _raw FROM shelf.lists.pushed", "/pushed?$top=30"),
        // One operator, one column.
        ("SELECT * FROM shelf.lists.narrow WHERE size = 2 AND \"on\" AND size < 9", "/narrow?$filter=size eq 2"),
        ("SELECT * FROM shelf.lists.narrow WHERE size > 2", "/narrow"),
        // What the operation does not declare.
        ("SELECT id FROM shelf.lists.undeclared WHERE size = 2 LIMIT 1", "/undeclared"),
        // The largest page that nobody tells is asked for only by a LIMIT.
        ("SELECT * FROM shelf.lists.limited", "/limited"),
        ("SELECT * FROM shelf.lists.limited LIMIT 7", "/limited?showLimit=7"),
        ("SELECT * FROM shelf.lists.limited WHERE size = 2 LIMIT 7", "/limited"),
    ];
    for (sql, first) in table {
        let requests = shelf.requests(sql).await;
        assert_eq!(requests.first(), Some(&format!("GET {first}")), "{sql}");
    }
}

/// The oracle is the same list without a word of pushdown.
#[tokio::test]
async fn rows_are_the_same_with_fewer_requests() {
    let shelf = Shelf::open().await;
    let conditions = [
        "true",
        "name = 'Oak'",
        "name IN ('oak', 'Elm', 'none')",
        "name LIKE 'O%'",
        "name LIKE '%ak%'",
        "name <> 'oak'",
        "name < 'b'",
        "size >= 3",
        "size = 2 OR size = 5",
        "\"on\"",
        "NOT \"on\"",
        "made < '2026-01-04T10:00:00.123456Z'",
        "made >= '2026-01-04T10:00:00.123456Z'",
        "size IS NOT NULL",
    ];
    let (mut with, mut without) = (0, 0);
    for (at, first) in conditions.iter().enumerate() {
        for second in conditions[at..].iter().step_by(3) {
            for items in ["id, name", "count(*) AS n"] {
                let sql = |table: &str| format!("SELECT {items} FROM shelf.lists.{table} WHERE {first} AND ({second})");
                let (rows, asked) = shelf.ask(&sql("pushed")).await;
                let (expected, plainly) = shelf.ask(&sql("plain")).await;
                assert_eq!(rows, expected, "{}", sql("pushed"));
                assert!(asked.len() <= plainly.len(), "{}: {asked:?}", sql("pushed"));
                with += asked.len();
                without += plainly.len();
            }
        }
    }
    assert!(with * 3 < without, "{with} requests with, {without} without");
}
