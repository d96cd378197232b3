//! Views that documents give: what a statement says of them reaches the requests of the tables behind them.

use serde_json::json;
use weir::session::{Session, SessionOptions};

use crate::harness::{Given, impatient, run_in, told, write_file};
use crate::scripted::{Asked, Reply, Scripted};

const PROVIDER: &str = "
id: yard
name: yard
version: v1
title: Yard
protocolType: http
config: {auth: {type: null_auth}}
providerServices:
  fleet: {id: 'fleet:v1', name: fleet, preferred: true, title: Fleet, version: v1, service: {$ref: yard/v00.00.00000/services/fleet.yaml}}
";

const SERVICE: &str = r#"
openapi: 3.0.3
info: {title: Fleet, version: v1}
servers: [{url: 'SERVER'}]
paths:
  /{region}/ships:
    parameters: [{name: region, in: path, required: true, schema: {type: string}}]
    get: {responses: {'200': {content: {application/json: {schema: {type: array, items: &ship {type: object, properties: {
      id: {type: string}, shipName: {type: string}, crew: {type: array, items: {type: string}}, Properties: {type: string}}}}}}}}}
  /{region}/ships/{Id}:
    parameters: [{name: region, in: path, required: true, schema: {type: string}}, {name: Id, in: path, required: true, schema: {type: string}}]
    get: {responses: {'200': {content: {application/json: {schema: *ship}}}}}
    delete: {responses: {'200': {content: {application/json: {schema: *ship}}}}}
components:
  x-stackQL-resources:
    ships:
      methods: {list: {operation: {$ref: '#/paths/~1{region}~1ships/get'}, response: {mediaType: application/json, openAPIDocKey: '200'}}}
      sqlVerbs: {select: [{$ref: '#/components/x-stackQL-resources/ships/methods/list'}]}
    ship:
      methods: {get: {operation: {$ref: '#/paths/~1{region}~1ships~1{Id}/get'}, response: {mediaType: application/json, openAPIDocKey: '200'}}}
      sqlVerbs: {select: [{$ref: '#/components/x-stackQL-resources/ship/methods/get'}]}
    vw_names:
      config:
        docs: {fields: [{name: shipName, type: string, description: What is painted on it.}, {name: builder, type: string}]}
        views: {select: {predicate: sqlDialect == "sqlite3", ddl: "SELECT region, shipName, JSON_EXTRACT(Properties, '$.builder') AS builder FROM yard.fleet.ships WHERE region = 'north';"}}
    vw_crew:
      config: {views: {select: {predicate: sqlDialect == "sqlite3",
        ddl: "SELECT s.shipName, c.value AS sailor FROM yard.fleet.ships s, JSON_EACH(s.crew) c WHERE s.region = '{{ region }}'",
        fallback: {predicate: sqlDialect == "postgres", ddl: "SELECT nonsense("}}}}
    vw_north:
      config: {views: {select: {ddl: "SELECT builder, count(*) AS ships FROM yard.fleet.vw_names GROUP BY builder"}}}
    whole:
      methods: {remove: {operation: {$ref: '#/paths/~1{region}~1ships~1{Id}/delete'}, response: {mediaType: application/json, openAPIDocKey: '200'}}}
      sqlVerbs: {select: [], delete: [{$ref: '#/components/x-stackQL-resources/whole/methods/remove'}]}
      config: {views: {select: {predicate: 'sqlDialect == "sqlite3" && requiredParams == [ Id ]',
        ddl: "SELECT region, Id, JSON_EXTRACT(Properties, '$.builder') AS builder FROM yard.fleet.ship WHERE region = 'north' AND Id = '<ShipId>'"}}}
    circle:
      config: {views: {select: {ddl: SELECT * FROM yard.fleet.circle}}}
    broken:
      config: {views: {select: {ddl: SELECT no_such_function(id) AS x FROM yard.fleet.ships}}}
    nosy:
      config: {views: {select: {ddl: "SELECT * FROM \"/etc/passwd.csv\""}}}
    garbled:
      config: {views: {select: {ddl: SELEKT 1}}}
"#;

fn script(asked: &Asked) -> Reply {
    let parts: Vec<&str> = asked.target.trim_matches('/').split('/').collect();
    let ship = |id: &str| {
        json!({"id": id, "shipName": format!("{} {id}", parts[0]), "crew": ["Ada", "Bob"],
               "Properties": json!({"builder": format!("yard of {}", parts[0])}).to_string()})
    };
    match parts.as_slice() {
        [_, "ships"] => Reply::json(&json!([ship("a"), ship("b")])),
        [_, "ships", id] => Reply::json(&ship(id)),
        _ => Reply::json(&json!({"message": "no such path"})).status(404),
    }
}

struct Yard {
    server: Scripted,
    session: Session,
    _folder: tempfile::TempDir,
}

impl Yard {
    async fn open() -> Yard {
        let folder = tempfile::tempdir().unwrap();
        let server = Scripted::start(script).await;
        let root = folder.path().join("src/yard/v00.00.00000");
        write_file(&root.join("provider.yaml"), PROVIDER);
        write_file(&root.join("services/fleet.yaml"), &SERVICE.replace("SERVER", &server.url));
        let options = SessionOptions {
            registries: vec![folder.path().to_owned()],
            settings: impatient(),
            ..SessionOptions::default()
        };
        Yard { server, session: Session::new(options).unwrap(), _folder: folder }
    }

    /// The rows as text, and the requests.
    async fn read(&self, sql: &str) -> (Vec<String>, Vec<String>) {
        let given = run_in(&self.session, sql).await.unwrap_or_else(|error| panic!("{sql}: {}", told(&error)));
        assert!(given.failure.is_none(), "{sql}");
        (lines(&given), self.server.lines())
    }

    /// The error of a statement that sends nothing.
    async fn refused(&self, sql: &str) -> String {
        let error = match run_in(&self.session, sql).await {
            Err(error) => told(&error),
            Ok(given) => told(&given.failure.unwrap_or_else(|| panic!("{sql} was not refused"))),
        };
        assert_eq!(self.server.lines(), Vec::<String>::new(), "{sql}");
        error
    }
}

fn lines(given: &Given) -> Vec<String> {
    let cell = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    given.rows.iter().map(|row| row.values().map(cell).collect::<Vec<_>>().join(" | ")).collect()
}

#[tokio::test]
async fn what_is_said_of_a_view_reaches_the_request() {
    let yard = Yard::open().await;
    let north = ["north a | yard of north", "north b | yard of north"].map(str::to_owned).to_vec();
    let south = ["south a | yard of south", "south b | yard of south"].map(str::to_owned).to_vec();
    for (sql, rows, requests) in [
        // Its own value holds where nothing is said.
        ("SELECT shipName, builder FROM yard.fleet.vw_names", &north, vec!["GET /north/ships"]),
        ("SELECT ship_name, builder FROM yard.fleet.vw_names WHERE region = 'south'", &south, vec!["GET /south/ships"]),
        (
            "SELECT ship_name, v.builder FROM yard.fleet.vw_names v WHERE v.region = 'south' AND ship_name LIKE 's%'",
            &south,
            vec!["GET /south/ships"],
        ),
        (
            "SELECT shipName, builder FROM yard.fleet.vw_names WHERE region IN ('south') ORDER BY 1",
            &south,
            vec!["GET /south/ships"],
        ),
        (
            "WITH x AS (SELECT * FROM yard.fleet.vw_names WHERE region = 'south') SELECT ship_name, builder FROM x",
            &south,
            vec!["GET /south/ships"],
        ),
        // What is said of the rows alone stays a filter.
        (
            "SELECT shipName, builder FROM yard.fleet.vw_names WHERE builder = 'another'",
            &Vec::new(),
            vec!["GET /north/ships"],
        ),
    ] {
        let (found, asked) = yard.read(sql).await;
        assert_eq!((&found, asked), (rows, requests.into_iter().map(str::to_owned).collect::<Vec<_>>()), "{sql}");
    }
    // A view over a view.
    let (found, asked) = yard.read("SELECT * FROM yard.fleet.vw_north").await;
    assert_eq!((found, asked), (vec!["yard of north | 2".to_owned()], vec!["GET /north/ships".to_owned()]));
}

#[tokio::test]
async fn a_placeholder_takes_the_value_and_without_one_the_table_says_what_it_needs() {
    let yard = Yard::open().await;
    // `region` is no column of the view: the condition has done its work in the request.
    let (rows, asked) =
        yard.read("SELECT sailor FROM yard.fleet.vw_crew WHERE region = 'east' AND sailor <> 'Bob'").await;
    assert_eq!((rows, asked), (vec!["Ada".to_owned(), "Ada".to_owned()], vec!["GET /east/ships".to_owned()]));
    let error = yard.refused("SELECT sailor FROM yard.fleet.vw_crew").await;
    assert!(error.contains("needs region"), "{error}");
    let error = yard.refused("SELECT * FROM yard.fleet.whole").await;
    assert!(error.contains("yard.fleet.whole needs id") && error.contains("WHERE id = '...'"), "{error}");
    let (rows, asked) = yard.read("SELECT builder FROM yard.fleet.whole WHERE Id = 'z' AND region = 'west'").await;
    assert_eq!((rows, asked), (vec!["yard of west".to_owned()], vec!["GET /west/ships/z".to_owned()]));
}

#[tokio::test]
async fn what_a_view_needs_may_come_from_another_table() {
    let yard = Yard::open().await;
    let sql = "SELECT s.ship_name, w.builder FROM yard.fleet.ships s JOIN yard.fleet.whole w ON w.id = s.id \
               WHERE s.region = 'west' AND w.region = 'west' ORDER BY 1";
    let (rows, mut asked) = yard.read(sql).await;
    asked.sort();
    assert_eq!(rows, ["west a | yard of west", "west b | yard of west"]);
    assert_eq!(asked, ["GET /west/ships", "GET /west/ships/a", "GET /west/ships/b"]);
}

#[tokio::test]
async fn a_view_is_listed_and_described_and_its_methods_still_write() {
    let yard = Yard::open().await;
    let describe = yard.read("DESCRIBE EXTENDED yard.fleet.vw_names").await;
    assert_eq!(
        describe.0,
        ["region | string | null", "ship_name | string | What is painted on it.", "builder | string | null"]
    );
    let methods = yard.read("SHOW METHODS IN yard.fleet.whole").await;
    assert_eq!(methods.0, ["__view__ | id | SELECT", "remove | region, id | DELETE"]);
    assert_eq!(yard.read("DESCRIBE yard.fleet.whole").await.0, ["region | string", "id | string", "builder | string"]);
    let gone = yard.read("DELETE FROM yard.fleet.whole WHERE region = 'west' AND id = 'z'").await;
    assert_eq!(gone.1, ["DELETE /west/ships/z"]);
    let explained = yard.read("EXPLAIN SELECT * FROM yard.fleet.vw_names WHERE region = 'south'").await;
    assert!(explained.0.iter().any(|line| line.contains("/south/ships")) && explained.1.is_empty(), "{explained:?}");
}

#[tokio::test]
async fn a_view_that_cannot_be_read_is_refused_with_its_name_and_hides_no_other() {
    let yard = Yard::open().await;
    for (table, reason) in [
        ("circle", "without an end"),
        ("broken", "around the view yard.fleet.broken"),
        ("nosy", "it reads the file `/etc/passwd.csv`, which a document must not"),
        ("garbled", "the view yard.fleet.garbled cannot be read"),
    ] {
        let error = yard.refused(&format!("SELECT * FROM yard.fleet.{table}")).await;
        assert!(error.contains(reason), "{table}: {error}");
    }
    let error = yard.refused("DELETE FROM yard.fleet.vw_names WHERE shipName = 'a'").await;
    assert!(error.contains("does not support DELETE") && error.contains("it supports SELECT"), "{error}");
    let error = yard.refused("COPY yard.fleet.vw_names TO 'never.parquet'").await;
    assert!(error.contains("is a view") && error.contains("COPY (SELECT"), "{error}");
    let resources = yard.read("SHOW RESOURCES IN yard.fleet").await;
    assert_eq!(resources.0.len(), 10);
}
