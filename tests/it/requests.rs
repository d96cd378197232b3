//! What is sent for a document as StackQL's authors write them, held by what the server was asked: names of body properties, bodies
//! by media type, parameters by style, selectors, server variables.

use serde_json::json;
use tempfile::TempDir;
use weir::session::{Session, SessionOptions};

use crate::harness::{impatient, run_in, told, write_file};
use crate::scripted::{Reply, Scripted};

const PROVIDER: &str = include_str!("stack/provider.yaml");

const DESK: &str = include_str!("stack/desk.yaml");

struct Desk {
    server: Scripted,
    session: Session,
    _documents: TempDir,
}

impl Desk {
    async fn open() -> Desk {
        let server = Scripted::start(|asked| match asked.method.as_str() {
            "GET" => Reply::json(&json!([])),
            _ => Reply::json(&json!({})),
        })
        .await;
        let documents = tempfile::tempdir().unwrap();
        let folder = documents.path().join("src/stack/v00.00.00000");
        write_file(&folder.join("provider.yaml"), PROVIDER);
        write_file(&folder.join("services/desk.yaml"), &DESK.replace("$URL", &server.url));
        let mut settings = impatient();
        settings.write_concurrency = 1;
        let options =
            SessionOptions { registries: vec![documents.path().to_owned()], settings, ..SessionOptions::default() };
        Desk { server, session: Session::new(options).unwrap(), _documents: documents }
    }

    /// What is said, led by `!` where it is an error.
    async fn said(&self, sql: &str) -> String {
        match run_in(&self.session, sql).await {
            Ok(given) => match given.failure {
                Some(error) => format!("! {}", told(&error)),
                None => given.message.unwrap_or_default(),
            },
            Err(error) => format!("! {}", told(&error)),
        }
    }

    /// That each statement sends just this request.
    async fn sends(&self, cases: &[(&str, &str)]) {
        for (sql, expected) in cases {
            let said = self.said(sql).await;
            assert!(!said.starts_with('!'), "{sql}: {said}");
            assert_eq!(self.server.lines(), [*expected], "{sql}");
        }
    }

    /// That each statement is refused in these words, and nothing is sent.
    async fn refuses(&self, cases: &[(&str, &str)]) {
        for (sql, words) in cases {
            let said = self.said(sql).await;
            assert!(said.starts_with("! exit 1") && said.contains(words), "{sql}: {said}");
            assert_eq!(self.server.lines(), [""; 0], "{sql}");
        }
    }
}

#[tokio::test]
async fn a_body_property_is_called_by_its_name_or_with_stackqls_prefix_in_either_spelling() {
    let desk = Desk::open().await;
    let sent = "POST /notes {\"title\":\"t\",\"dueDate\":\"d\",\"done\":false}";
    for columns in ["title, due_date, done", "title, dueDate, done", "data__title, data__dueDate, data__done"] {
        desk.sends(&[(&format!("INSERT INTO stack.desk.notes ({columns}) VALUES ('t', 'd', false)"), sent)]).await;
    }
    desk.sends(&[
        ("REPLACE stack.desk.notes SET data__title = 't' WHERE id = 'a'", "PUT /notes/a {\"title\":\"t\"}"),
        (
            "INSERT INTO stack.desk.notes (title, \"look.fontSize\", \"data__look.colour\") VALUES ('t', 5, 'red')",
            "POST /notes {\"title\":\"t\",\"look\":{\"fontSize\":5,\"colour\":\"red\"}}",
        ),
        (
            "INSERT INTO stack.desk.notes (title, \"free.a.b\", \"free.c\") VALUES ('t', '[1]', 2)",
            "POST /notes {\"title\":\"t\",\"free\":{\"a\":{\"b\":[1]},\"c\":2}}",
        ),
        (
            "INSERT INTO stack.desk.notes (title, code) VALUES ('t', '{\"a\": 1}')",
            "POST /notes {\"title\":\"t\",\"code\":\"{\\\"a\\\": 1}\"}",
        ),
        ("EXEC stack.desk.notes.written @title = 't'", "POST /notes {\"note\": \"t\"}"),
    ])
    .await;
    desk.refuses(&[
        ("INSERT INTO stack.desk.notes (done) VALUES (true)", "needs title"),
        ("INSERT INTO stack.desk.notes (title, id) VALUES ('t', 'i')", "does not take id"),
        ("INSERT INTO stack.desk.notes (title, \"look.size\") VALUES ('t', 1)", "does not take look.size"),
        ("INSERT INTO stack.desk.notes (title, \"look.fontSize\") VALUES ('t', 'big')", "look.fontSize = 'big'"),
        (
            "INSERT INTO stack.desk.notes (title, look, \"look.colour\") VALUES ('t', '{\"colour\": \"a\"}', 'b')",
            "twice",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_body_is_written_as_its_document_has_it() {
    let desk = Desk::open().await;
    desk.sends(&[
        (
            "EXEC stack.desk.posts.form @name = 'a b', @loud = false, @list = '[\"x\", \"y\"]'",
            "POST /forms name=a%20b&loud=false&list=x&list=y",
        ),
        ("EXEC stack.desk.posts.text @body = '{\"as\": \"it is\"}'", "POST /texts {\"as\": \"it is\"}"),
        ("EXEC stack.desk.posts.list @body = '[\"a\", \"b\"]'", "POST /lists [\"a\",\"b\"]"),
        ("EXEC stack.desk.posts.list @@json = '[\"a\"]'", "POST /lists [\"a\"]"),
        ("EXEC stack.desk.notes.filled", "POST /texts as it was"),
        ("EXEC stack.desk.notes.filled @body = 'anew'", "POST /texts anew"),
        (
            "EXEC stack.desk.posts.cloud @BucketName = 'b', @Tags = '[{\"K\": 1}]'",
            "POST /clouds {\"TypeName\":\"A::B\",\"DesiredState\":\"{\\\"BucketName\\\":\\\"b\\\",\\\"Tags\\\":[{\\\"K\\\":1}]}\"}",
        ),
        ("EXEC stack.desk.rooms.change @room = 'r1', @size = 0", "PUT /rooms/r1 {\"size\":0,\"room\":\"r1\"}"),
    ])
    .await;
    assert!(!desk.said("EXEC stack.desk.posts.file @name = 'n', @data = 'bytes'").await.starts_with('!'));
    let asked = desk.server.asked().pop().unwrap();
    let boundary =
        asked.header("content-type").unwrap().strip_prefix("multipart/form-data; boundary=").unwrap().to_owned();
    assert_eq!(asked.body.matches(&format!("--{boundary}")).count(), 3, "{}", asked.body);
    assert!(asked.body.contains("name=\"data\"; filename=\"data\""), "{}", asked.body);
}

#[tokio::test]
async fn parameters_are_written_in_their_style_and_selectors_are_not_sent() {
    let desk = Desk::open().await;
    desk.sends(&[
        (
            "SELECT title FROM stack.desk.notes WHERE filter = '{\"a\": \"x y\", \"b\": {\"c\": 1}}'",
            "GET /notes?filter%5Ba%5D=x%20y&filter%5Bb%5D%5Bc%5D=1",
        ),
        ("SELECT title FROM stack.desk.notes WHERE tags = '[\"a\", \"b\"]'", "GET /notes?tags=a%7Cb"),
        ("SELECT title FROM stack.desk.notes WHERE ids = '[1, 2]'", "GET /notes?ids=1,2"),
        ("SELECT title FROM stack.desk.notes WHERE \"where\" = '{\"a\": 1}'", "GET /notes?where=%7B%22a%22%3A1%7D"),
        ("EXEC stack.desk.notes.pin @note_id = 'a', @__type = 'pin'", "POST /notes/a/actions {\"type\":\"pin\"}"),
        (
            "EXEC stack.desk.notes.pin @note_id = 'a', @__type = 'pin', @place = 0",
            "POST /notes/a/actions {\"type\":\"pin\",\"place\":0}",
        ),
        (
            "EXEC stack.desk.posts.query @Name = 'n&m', @Tag = '[{\"Key\": \"k\", \"Value\": \"v\"}]'",
            "POST / Action=MakeThing&Version=1&Name=n%26m&Tag.1.Key=k&Tag.1.Value=v",
        ),
        // The path's `id` is declared nowhere.
        ("DELETE FROM stack.desk.notes WHERE id = 'a'", "DELETE /notes/a"),
    ])
    .await;
}

#[tokio::test]
async fn no_value_sends_a_request_to_a_host_that_nobody_named() {
    let desk = Desk::open().await;
    let host = desk.server.url.strip_prefix("http://").unwrap().to_owned();
    desk.sends(&[(&format!("EXEC stack.desk.posts.away @host = '{host}'"), "POST /away")]).await;
    desk.refuses(&[
        // A default is an example; who gets the credentials is for the statement to say.
        ("EXEC stack.desk.posts.away", "needs host"),
        ("EXEC stack.desk.posts.below", "needs tenant"),
        ("EXEC stack.desk.posts.cookie", "cookie `sid`"),
    ])
    .await;
    for bad in ["evil.invalid/", "evil.invalid#", "a@b", "a:1", "", "a?b", "a b", "..", "a\\", "%2e"] {
        desk.refuses(&[(&format!("EXEC stack.desk.posts.below @tenant = '{bad}'"), "part of a server's address")])
            .await;
    }
    for bad in [format!("{host}/x"), format!("u@{host}"), format!("{host}?"), format!("{host}#"), "h:1:2".to_owned()] {
        desk.refuses(&[(&format!("EXEC stack.desk.posts.away @host = '{bad}'"), "part of a server's address")]).await;
    }
}

#[tokio::test]
async fn the_first_method_of_a_verb_that_fits_is_meant_wherever_it_stands() {
    let desk = Desk::open().await;
    desk.sends(&[
        ("INSERT INTO stack.desk.pairs (name) VALUES ('n')", "POST /forms name=n"),
        ("INSERT INTO stack.desk.pairs (title) VALUES ('t')", "POST /notes {\"title\":\"t\"}"),
    ])
    .await;
}
