//! A made-up provider, as unlike the built-in one as the format allows: other envelopes, a key in a header of its own, a page
//! style for each table, rows that are no objects, a nested body, a broken table beside good ones. It is read from a folder and
//! served by a scripted server, so that nothing in weir can know it.

use serde_json::{Value, json};
use tempfile::TempDir;
use weir::session::{Session, SessionOptions};

use crate::harness::{Given, Program, impatient, run_in, write_file};
use crate::scripted::{Asked, Reply, Scripted};

const PROVIDER: &str = include_str!("acme/provider.yaml");

const STORE: &str = include_str!("acme/services/store.yaml");

fn documents() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_file(&folder.path().join("acme/provider.yaml"), PROVIDER);
    write_file(&folder.path().join("acme/services/store.yaml"), STORE);
    // Nobody names it, so that nobody finds out that it is no YAML.
    write_file(&folder.path().join("acme/services/attic.yaml"), "openapi: [3.0.3\n");
    folder
}

/// Five things on pages of two, in the manner of each list.
fn answer(asked: &Asked, host: &str) -> Reply {
    let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
    let parameter = |name: &str| {
        let found = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned));
        found.unwrap_or_default()
    };
    let thing = |at: usize| json!({"id": format!("t{at}"), "colour": if at.is_multiple_of(2) { "red" } else { "green" }, "madeAt": "2026-01-02T03:04:05.6Z", "size": {"w": at}, "weight": 0.5});
    let page = |from: usize| (from..5.min(from + 2)).map(thing).collect::<Vec<_>>();
    let at = |name: &str| parameter(name).trim_start_matches('t').parse::<usize>();
    let (from, more) = match path {
        "/crates" => (at("cursor").unwrap_or(0), "cursor"),
        "/boxes" => (at("from").unwrap_or(0), ""),
        "/pallets" | "/barrels" => (at("p").unwrap_or(0), "p"),
        "/bins" => (at("after").map_or(0, |last| last + 1), ""),
        _ => return others(asked, path, host),
    };
    let next = (from + 2 < 5).then(|| from + 2);
    let mut body = json!({"items": page(from)});
    match (path, next) {
        ("/crates", Some(next)) => body["next"] = json!(next.to_string()),
        ("/pallets", Some(next)) => body["next"] = json!(format!("{host}{path}?{more}={next}")),
        ("/barrels", Some(next)) => {
            return Reply::json(&body)
                .with("link", &format!("<{host}{path}?{more}={next}>; rel=\"next\", <{host}{path}>; rel=\"first\""));
        }
        _ => {}
    }
    Reply::json(&body)
}

fn others(asked: &Asked, path: &str, host: &str) -> Reply {
    let order = |number: u64| json!({"number": number, "customer": {"fullName": "Ada"}, "giftWrap": null, "doorCode": "canary-door"});
    match (asked.method.as_str(), path) {
        ("GET", "/labels") => Reply::json(&json!({"items": ["fragile", "this side up"]})),
        ("GET", "/shelves/away/orders") => {
            Reply::json(&json!({"problem": {"number": 17, "text": "being packed"}})).status(409)
        }
        ("GET", "/shelves/far%20left/orders") => Reply::json(&json!([order(7), order(8)])),
        ("POST", "/shelves/far%20left/orders") => Reply::json(&json!({"order": order(9), "receipt": "r9"})).status(201),
        ("POST", "/shelves/far%20left/orders/9/ship") => Reply::json(&json!({"order": order(9)})),
        _ => Reply::json(&json!({"problem": {"number": 404, "text": format!("{host} has no {path}")}})).status(404),
    }
}

struct Acme {
    server: Scripted,
    session: Session,
    documents: TempDir,
}

impl Acme {
    async fn open() -> Acme {
        // The host is known only when the server runs; a request carries it.
        let server =
            Scripted::start(|asked| answer(asked, &format!("http://{}", asked.header("host").unwrap_or_default())))
                .await;
        let documents = documents();
        let variables = [("ACME_URL", server.url.clone()), ("ACME_KEY", "canary-key".to_owned())];
        let options = SessionOptions {
            registries: vec![documents.path().to_owned()],
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            settings: impatient(),
            ..SessionOptions::default()
        };
        Acme { server, session: Session::new(options).unwrap(), documents }
    }

    async fn run(&self, sql: &str) -> Given {
        run_in(&self.session, sql).await.unwrap_or_else(|error| panic!("{sql}\n{}", crate::harness::told(&error)))
    }

    fn program(&self) -> Program {
        let program = Program::new().set("ACME_URL", &self.server.url).set("ACME_KEY", "canary-key");
        program.arguments(["--registry", self.documents.path().to_str().unwrap()])
    }
}

#[tokio::test]
async fn every_page_style_reads_every_row() {
    let acme = Acme::open().await;
    for (table, requests) in [
        ("crates", vec!["/crates?max=2", "/crates?cursor=2&max=2", "/crates?cursor=4&max=2"]),
        ("boxes", vec!["/boxes?from=0&max=2", "/boxes?from=2&max=2", "/boxes?from=4&max=2"]),
        ("pallets", vec!["/pallets", "/pallets?p=2", "/pallets?p=4"]),
        ("barrels", vec!["/barrels", "/barrels?p=2", "/barrels?p=4"]),
    ] {
        let given = acme.run(&format!("SELECT * FROM acme.store.{table} ORDER BY id")).await;
        let ids: Vec<&str> = given.rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["t0", "t1", "t2", "t3", "t4"], "{table}");
        let mut lines: Vec<String> = acme.server.lines().iter().map(|line| line.replace("GET ", "")).collect();
        lines.sort();
        let mut requests = requests;
        requests.sort_unstable();
        assert_eq!(lines, requests, "{table}");
        assert_eq!(given.columns[..5], ["id", "colour", "made_at", "size", "weight"], "{table}");
        assert_eq!(
            (&given.rows[1]["made_at"], &given.rows[1]["weight"]),
            (&json!("2026-01-02T03:04:05.6Z"), &json!(0.5))
        );
    }
    let given = acme.run("SELECT id, size->>'w' AS w FROM acme.store.bins ORDER BY id").await;
    assert_eq!((given.rows.len(), &given.rows[4]["w"]), (5, &json!("4")));
    let seen = acme.server.asked();
    assert!(
        seen.iter()
            .all(|asked| asked.header("x-acme-key") == Some("canary-key") && asked.header("authorization").is_none())
    );
}

#[tokio::test]
async fn filters_enums_and_wire_names_are_the_documents() {
    let acme = Acme::open().await;
    let given = acme.run("SELECT madeAt FROM acme.store.crates WHERE colour = 'red' LIMIT 1").await;
    assert_eq!((given.rows.len(), given.columns), (1, vec!["made_at".to_owned()]));
    assert!(acme.server.lines()[0].contains("colour=red"));
    let error = run_in(&acme.session, "SELECT id FROM acme.store.crates WHERE colour = 'blue'").await.err().unwrap();
    assert!(error.message().contains("colour = 'blue'") && error.message().contains("red, green"), "{error}");
    let given = acme.run("SELECT * FROM acme.store.labels").await;
    let words: Vec<&Value> = given.rows.iter().map(|row| row.values().next().unwrap()).collect();
    assert_eq!(words, [&json!("fragile"), &json!("this side up")], "rows that are no objects: {:?}", given.columns);
}

#[tokio::test]
async fn writes_go_where_the_documents_say() {
    let acme = Acme::open().await;
    let sql = "INSERT INTO acme.store.orders (shelf, customer, lines, gift_wrap, weightKg) VALUES \
         ('far left', '{\"fullName\": \"Ada\", \"tier\": \"tin\"}', '[{\"sku\": \"a\", \"amount\": 2}]', false, 1.5) \
         RETURNING number, customer->>'fullName' AS who, door_code, receipt, shelf";
    let given = acme.run(sql).await;
    assert_eq!(
        json!(given.rows[0]),
        json!({"number": 9, "who": "Ada", "door_code": "canary-door", "receipt": "r9", "shelf": "far left"})
    );
    let body = json!({"customer": {"fullName": "Ada", "tier": "tin"}, "lines": [{"sku": "a", "amount": 2}], "giftWrap": false, "weightKg": 1.5});
    let asked = acme.server.asked().pop().unwrap();
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/shelves/far%20left/orders"));
    assert_eq!(serde_json::from_str::<Value>(&asked.body).unwrap(), body);
    acme.server.lines();

    let given = acme
        .run("EXEC acme.store.orders.ship @shelf = 'far left', @number = 9 @@json = '{\"carrier\": \"owl\"}'")
        .await;
    assert_eq!(given.rows[0]["number"], json!(9));
    assert_eq!(acme.server.lines(), ["POST /shelves/far%20left/orders/9/ship {\"carrier\":\"owl\"}"]);
    acme.run("USE acme.store").await;
    let given = acme.run("SELECT number, giftWrap FROM orders WHERE shelf = 'far left' ORDER BY number DESC").await;
    assert_eq!(json!(given.rows), json!([{"number": 8, "gift_wrap": null}, {"number": 7, "gift_wrap": null}]));
    acme.server.lines();

    for (sql, words) in [
        ("INSERT INTO orders (shelf, lines) VALUES ('x', '[]')", "customer"),
        ("INSERT INTO orders (shelf, customer) VALUES ('x', '{}')", "fullName"),
        (
            "INSERT INTO orders (shelf, customer) VALUES ('x', '{\"fullName\": \"A\", \"tier\": \"lead\"}')",
            "customer.tier",
        ),
        (
            "INSERT INTO orders (shelf, customer, lines) VALUES ('x', '{\"fullName\": \"A\"}', '[{\"amount\": 0}]')",
            "amount",
        ),
        ("INSERT INTO orders (shelf, customer, weight_kg) VALUES ('x', '{\"fullName\": \"A\"}', 30.5)", "weight_kg"),
        ("EXEC orders.ship @shelf = 'x', @number = 'nine'", "number"),
        ("SELECT * FROM orders", "shelf"),
    ] {
        let error = run_in(&acme.session, sql).await.err().unwrap_or_else(|| panic!("{sql}"));
        assert!(error.message().contains(words), "{sql}: {error}");
        assert_eq!(acme.server.lines(), Vec::<String>::new(), "{sql}");
    }
    let error = run_in(&acme.session, "SELECT * FROM orders WHERE shelf = 'away'").await;
    let error = match error {
        Err(error) => error,
        Ok(given) => given.failure.unwrap(),
    };
    assert!(error.message().contains("being packed (17)"), "{error}");
    assert_eq!(error.hint_text(), Some("Somebody else is packing it."));
}

#[tokio::test]
async fn looking_around_reads_no_more_documents_than_are_named() {
    let acme = Acme::open().await;
    let read = || {
        let mut read = acme.session.registry().documents_read();
        read.sort();
        read.iter()
            .map(|name| name.rsplit("acme/").next().unwrap_or(name).to_owned())
            .filter(|name| !name.contains("cloudflare"))
            .collect::<Vec<_>>()
    };
    assert_eq!(read(), Vec::<String>::new(), "nothing is read before a statement needs it");
    let given = acme.run("SHOW SERVICES IN acme").await;
    assert_eq!(given.rows.iter().map(|row| row["name"].as_str().unwrap()).collect::<Vec<_>>(), ["attic", "store"]);
    assert_eq!(read(), ["provider.yaml"]);
    acme.run("SELECT id FROM acme.store.pallets LIMIT 1").await;
    assert_eq!(read(), ["provider.yaml", "services/store.yaml"]);
    acme.run("DESCRIBE acme.store.orders").await;
    acme.run("SHOW INSERT INTO acme.store.orders").await;
    acme.run("USE acme.store").await;
    assert_eq!(read(), ["provider.yaml", "services/store.yaml"]);
    let all = acme.session.registry().documents_read();
    assert!(!all.iter().any(|name| name.contains("stream.yaml") || name.contains("realtime_kit.yaml")), "{all:?}");
}

#[tokio::test]
async fn a_broken_table_hides_no_other_and_says_why_it_cannot_be_used() {
    let acme = Acme::open().await;
    let given = acme.run("SHOW RESOURCES IN acme.store").await;
    let names: Vec<&str> = given.rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
    for name in ["barrels", "bins", "boxes", "crates", "labels", "orders", "pallets"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(
        given.summary.warnings.iter().any(|w| w.contains("broken") && w.contains("store.yaml")),
        "{:?}",
        given.summary.warnings
    );
    let ran = acme.program().exec("SELECT * FROM acme.store.broken").await.code(1).says(&[
        "`broken`",
        "store.yaml",
        "nowhere",
    ]);
    assert_eq!(ran.out, "");
    acme.program().exec("SELECT * FROM acme.attic.things").await.code(1).says(&["attic.yaml:", "not YAML"]);
    // The other provider is still there, and a broken document is not blamed for a slip.
    acme.program().exec("SHOW SERVICES IN cloudflare").await.code(0);
    acme.program().exec("SHOW SERVICES IN acne").await.code(1).says(&["no provider `acne`", "did you mean `acme`"]);
}

#[tokio::test]
async fn the_key_goes_to_its_own_origin_only_and_is_shown_nowhere() {
    let elsewhere = Scripted::start(|_| Reply::json(&json!({"items": []}))).await;
    let url = elsewhere.url.clone();
    let server = Scripted::start(move |asked| match asked.target.as_str() {
        "/pallets" => Reply::json(&json!({"items": [{"id": "t0"}], "next": format!("{url}/pallets?p=2")})),
        _ => Reply::json(&json!({"items": [{"id": "t0"}]})).with("link", &format!("<{url}/barrels?p=2>; rel=\"next\"")),
    })
    .await;
    let documents = documents();
    for table in ["pallets", "barrels"] {
        let program = Program::new().set("ACME_URL", &server.url).set("ACME_KEY", "canary-key");
        let program = program.arguments(["-v", "--registry", documents.path().to_str().unwrap()]);
        let ran = program.exec(&format!("SELECT id FROM acme.store.{table}")).await;
        assert_ne!(ran.code, Some(0), "a page that is somewhere else is not had: {}", ran.talk);
        assert!(!ran.talk.contains("canary-key"), "{}", ran.talk);
        assert!(ran.talk.contains("hint: "), "{}", ran.talk);
    }
    assert_eq!(elsewhere.lines(), Vec::<String>::new());
    let program =
        Program::new().set("ACME_URL", &server.url).arguments(["--registry", documents.path().to_str().unwrap()]);
    program.exec("SELECT id FROM acme.store.pallets").await.code(3).says(&["ACME_KEY", "Ask the storekeeper."]);
}
