//! Answers that a document reshapes before rows are looked for: templates over JSON, text and XML, XML by schema and by
//! `XPath`, maps, paths with wildcards, text. Held by the rows that come out, and by what the server was asked.

use serde_json::{Value, json};
use tempfile::TempDir;
use weir::session::{Session, SessionOptions};

use crate::harness::{impatient, run_in, told, write_file};
use crate::scripted::{Asked, Reply, Scripted};

struct Kiosk {
    server: Scripted,
    session: Session,
    _documents: TempDir,
}

impl Kiosk {
    async fn open(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Kiosk {
        let server = Scripted::start(script).await;
        let documents = tempfile::tempdir().unwrap();
        write_file(&documents.path().join("kiosk/provider.yaml"), include_str!("reshaped/provider.yaml"));
        write_file(&documents.path().join("kiosk/services/shop.yaml"), include_str!("reshaped/shop.yaml"));
        let variables = [("KIOSK_URL", server.url.clone()), ("KIOSK_KEY", "canary-key".to_owned())];
        let options = SessionOptions {
            registries: vec![documents.path().to_owned()],
            variables: variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            settings: impatient(),
            ..SessionOptions::default()
        };
        Kiosk { server, session: Session::new(options).unwrap(), _documents: documents }
    }

    /// A kiosk that answers everything with this.
    async fn saying(media_type: &'static str, body: &str) -> Kiosk {
        let body = body.to_owned();
        Kiosk::open(move |_| Reply {
            status: 200,
            headers: vec![("content-type".to_owned(), media_type.to_owned())],
            body: body.clone(),
        })
        .await
    }

    /// The rows of a statement, or what is said in their place.
    async fn rows(&self, sql: &str) -> Value {
        match run_in(&self.session, sql).await {
            Ok(given) if given.failure.is_none() => json!(given.rows),
            Ok(given) => json!(given.failure.map(|error| told(&error))),
            Err(error) => json!(told(&error)),
        }
    }
}

#[tokio::test]
async fn xml_becomes_rows_by_a_template_by_a_schema_or_by_a_path() {
    let item = |id: &str| {
        format!("<item><volumeId>{id}</volumeId><diskId>{id}</diskId><size>8</size><encrypted>true</encrypted></item>")
    };
    let body = format!(
        "<?xml version=\"1.0\"?><DescribeVolumesResponse xmlns=\"urn:x\"><requestId>r</requestId><volumeSet>{}{}</volumeSet></DescribeVolumesResponse>",
        item("v-1"),
        item("v-2")
    );
    let kiosk = Kiosk::saying("text/xml", &body).await;
    let volume = |id: &str| json!({"volume_id": id, "size": 8, "encrypted": true});
    assert_eq!(kiosk.rows("SELECT * FROM kiosk.shop.volumes").await, json!([volume("v-1"), volume("v-2")]));
    let disk = |id: &str| json!({"disk_id": id, "size": 8, "tags": null});
    assert_eq!(kiosk.rows("SELECT * FROM kiosk.shop.disks ORDER BY disk_id").await, json!([disk("v-1"), disk("v-2")]));
    assert_eq!(kiosk.server.asked()[0].header("accept"), Some("text/xml"));
    let kiosk = Kiosk::saying("text/xml", "<Racks><rack id='a'><units>42</units></rack><rack id='b'/></Racks>").await;
    assert_eq!(
        kiosk.rows("SELECT * FROM kiosk.shop.racks").await,
        json!([{"id": "a", "units": 42}, {"id": "b", "units": null}])
    );
}

#[tokio::test]
async fn what_does_not_fit_its_template_is_an_error_that_quotes_nothing() {
    let kiosk = Kiosk::saying("text/xml", "<DescribeVolumesResponse>SECRET</DescribeVolumesResponse>").await;
    let said = kiosk.rows("SELECT * FROM kiosk.shop.volumes").await.to_string();
    assert!(
        said.contains("kiosk.shop.volumes") && said.contains("template, line 1, column") && !said.contains("SECRET"),
        "{said}"
    );
    let kiosk = Kiosk::saying("text/xml", "{\"secret\": \"SECRET\"}").await;
    let said = kiosk.rows("SELECT * FROM kiosk.shop.disks").await.to_string();
    assert!(said.contains("not XML") && !said.contains("SECRET"), "{said}");
    let kiosk = Kiosk::saying("application/json", "no JSON SECRET").await;
    let said = kiosk.rows("SELECT * FROM kiosk.shop.users").await.to_string();
    assert!(said.contains("what the document makes of that is not JSON") && !said.contains("SECRET"), "{said}");
    // The API's own word for failure is in the answer as it came.
    let kiosk = Kiosk::saying("application/json", r#"{"ok": false, "message": "closed today"}"#).await;
    let said = kiosk.rows("SELECT * FROM kiosk.shop.pages").await.to_string();
    assert!(said.contains("closed today"), "{said}");
}

#[tokio::test]
async fn text_templates_make_rows_also_of_what_a_write_answers() {
    let kiosk = Kiosk::open(|asked: &Asked| match asked.method.as_str() {
        "GET" => Reply::json(&json!([{"id": "1", "lastName": "Ada \"A\" <L>", "@type": "person"}, {"id": "2"}])),
        _ => Reply::json(&json!({"id": "1", "lastName": "Byron", "@type": "person"})),
    })
    .await;
    let ada = json!({"id": "1", "last_name": "Ada \"A\" <L>", "type": "person"});
    let rows = kiosk.rows("SELECT id, lastName, \"type\" FROM kiosk.shop.users").await;
    assert_eq!(rows[0]["id"], ada["id"]);
    assert_eq!(rows[0].as_object().unwrap().values().nth(1), Some(&ada["last_name"]));
    assert_eq!(rows.as_array().unwrap().len(), 2);
    let changed =
        kiosk.rows("UPDATE kiosk.shop.users SET lastName = 'Byron' WHERE id = '1' RETURNING id, last_name").await;
    assert_eq!(changed, json!([{"id": "1", "last_name": "Byron"}]));
    assert_eq!(kiosk.server.lines().last().unwrap(), "PUT /users/1 {\"lastName\":\"Byron\"}");
}

#[tokio::test]
async fn the_next_page_is_found_in_the_answer_as_it_came() {
    let kiosk = Kiosk::open(|asked: &Asked| {
        let (id, next) = if asked.target.contains("after=p2") { ("b", Value::Null) } else { ("a", json!("p2")) };
        Reply::json(&json!({"ok": true, "data": {"items": [{"id": id}]}, "meta": {"next": next, "total": 2}}))
    })
    .await;
    assert_eq!(kiosk.rows("SELECT id FROM kiosk.shop.pages").await, json!([{"id": "a"}, {"id": "b"}]));
    assert_eq!(kiosk.server.lines(), ["GET /pages", "GET /pages?after=p2"]);
}

#[tokio::test]
async fn a_map_gives_a_row_for_each_key_and_a_wildcard_what_is_in_all_of_them() {
    let body = json!({"items": {"eu-1": {"state": "up", "disks": [{"id": "a"}, {"id": "b"}]}, "eu-2": {"state": "down"}, "us-1": {"disks": [{"id": "c"}]}}});
    let kiosk = Kiosk::saying("application/json", &body.to_string()).await;
    let states = kiosk.rows("SELECT key, state FROM kiosk.shop.zones").await;
    assert_eq!(
        states,
        json!([{"key": "eu-1", "state": "up"}, {"key": "eu-2", "state": "down"}, {"key": "us-1", "state": null}])
    );
    assert_eq!(kiosk.rows("SELECT * FROM kiosk.shop.zone_disks").await, json!([{"id": "a"}, {"id": "b"}, {"id": "c"}]));
}

#[tokio::test]
async fn text_is_one_row_and_a_list_that_is_left_out_has_none() {
    let kiosk = Kiosk::saying("text/plain", "first\n\"second\"").await;
    assert_eq!(kiosk.rows("SELECT * FROM kiosk.shop.log").await, json!([{"column_anon": "first\n\"second\""}]));
    let kiosk = Kiosk::saying("application/json", r#"{"kind": "list"}"#).await;
    assert_eq!(kiosk.rows("SELECT * FROM kiosk.shop.none").await, json!([]));
    // One that complains has not left its rows out for want of any.
    let kiosk = Kiosk::saying("application/json", r#"{"errors": [{"message": "no"}]}"#).await;
    assert!(kiosk.rows("SELECT * FROM kiosk.shop.none").await.to_string().contains("the answer has no rows"));
}
