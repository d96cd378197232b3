//! Completion and hints as somebody types them, against a small world of names.

use std::sync::Arc;

use super::*;
use crate::session::{Column, Routine, Table};

fn column(name: &str) -> Column {
    Column { name: name.to_owned(), wire: name.to_owned(), ..Column::default() }
}

fn in_body(name: &str) -> Column {
    Column { in_body: true, ..column(name) }
}

fn required(name: &str) -> Column {
    Column { required: true, ..column(name) }
}

fn routine(name: &str, verb: &str, takes: &[Column]) -> Routine {
    Routine { name: name.to_owned(), verb: verb.to_owned(), takes: takes.to_vec(), body: verb != "SELECT" }
}

fn world() -> Knowledge {
    let status = Column { values: vec!["LIVE".into(), "IDLE".into()], ..column("status") };
    let days = Column { wire: "deleteAfterDays".into(), ..column("delete_after_days") };
    let streams = Table {
        path: vec!["acme".into(), "video".into(), "streams".into()],
        columns: vec![column("id"), status.clone(), days, column("Odd Name"), column("app_id")],
        methods: vec![
            routine("list", "SELECT", &[required("app_id"), status.clone()]),
            routine("create", "INSERT", &[required("app_id"), required("title"), status.clone()]),
            routine("edit", "UPDATE", &[required("app_id"), required("id"), in_body("title"), in_body("note")]),
            routine("remove", "DELETE", &[required("app_id"), required("id")]),
            routine("stop", "EXEC", &[required("app_id"), required("id"), status]),
        ],
    };
    let apps = Table {
        path: vec!["acme".into(), "video".into(), "apps".into()],
        columns: vec![column("id"), column("name")],
        methods: vec![routine("list", "SELECT", &[])],
    };
    Knowledge {
        providers: [("acme".to_owned(), vec!["video".to_owned(), "mail".to_owned()])].into(),
        read: [(("acme".to_owned(), "video".to_owned()), Arc::new(vec![streams, apps]))].into(),
        own: vec![
            Table { path: vec!["mine".into()], columns: vec![column("x")], methods: Vec::new() },
            Table { path: ["system", "session", "requests"].map(str::to_owned).to_vec(), ..Table::default() },
        ],
        functions: ["json_get", "json_length", "count", "concat"].map(str::to_owned).into(),
        settings: vec![("strict".to_owned(), String::new()), ("max_requests".to_owned(), String::new())],
        choices: vec![("strict", &["true", "false"]), ("dry_run", &["off", "text", "curl"])],
        in_use: Vec::new(),
        commands: vec![
            ("\\d".into(), "[name]".into()),
            ("\\dm".into(), "[name]".into()),
            ("\\i".into(), "file".into()),
            ("\\pset".into(), "[option [value]]".into()),
            ("\\x".into(), "[on|off|auto]".into()),
            ("\\c".into(), "provider[.service]".into()),
        ],
        words: [("\\pset", ["format", "null"]), ("\\pset format", ["csv", "json"]), ("\\c", ["careful", "usual"])]
            .map(|(behind, words)| (behind.to_owned(), words.map(str::to_owned).to_vec()))
            .to_vec(),
        wanted: std::sync::Mutex::default(),
    }
}

/// What is offered at `|`, joined by spaces.
fn offered(text: &str) -> Vec<String> {
    offered_in(&world(), text)
}

fn offered_in(knows: &Knowledge, text: &str) -> Vec<String> {
    let cursor = text.find('|').expect("a cursor");
    let text = text.replacen('|', "", 1);
    complete(&text, cursor, knows).list.into_iter().map(|c| c.text).collect()
}

#[track_caller]
fn offers(text: &str, wanted: &[&str]) {
    let found = offered(text);
    for one in wanted {
        assert!(found.iter().any(|f| f == one), "{text}: {one} is not in {found:?}");
    }
}

#[test]
fn a_name_is_completed_part_by_part() {
    assert_eq!(offered("SELECT * FROM ac|"), ["acme."]);
    assert_eq!(offered("SELECT * FROM acme.|"), ["mail.", "video."]);
    assert_eq!(offered("SELECT * FROM acme.video.s|"), ["streams"]);
    assert_eq!(offered("select * from acme.video.s| where x"), ["streams"]);
    offers("SELECT * FROM |", &["mine", "acme.", "system."]);
    assert_eq!(offered("DESCRIBE acme.video.a|"), ["apps"]);
    assert_eq!(offered("USE acme.v|"), ["video"]);
    assert_eq!(offered("SHOW METHODS IN acme.video.|"), ["streams", "apps"]);
    assert_eq!(offered("SHOW RESOURCES IN acme.m|"), ["mail"]);
    assert_eq!(offered("SELECT 1; SELECT * FROM mi|; SELECT 2"), ["mine"]);
    assert_eq!(offered("WITH cte AS (SELECT 1 AS n) SELECT * FROM ct|"), ["cte"]);
    assert_eq!(offered("WITH cte AS (SELECT 1 AS n) SELECT | FROM cte")[0], "n");
}

#[test]
fn names_under_use_are_short() {
    let knows = Knowledge { in_use: vec!["acme".into(), "video".into()], ..world() };
    assert_eq!(offered_in(&knows, "SELECT * FROM st|"), ["streams"]);
    assert_eq!(offered_in(&knows, "SELECT sta| FROM streams"), ["status"]);
}

#[test]
fn columns_come_from_the_tables_in_scope_and_aliases_count() {
    assert_eq!(offered("SELECT st| FROM acme.video.streams")[0], "status");
    assert_eq!(offered("SELECT s.i| FROM acme.video.streams s, acme.video.apps a"), ["id"]);
    assert_eq!(offered("SELECT a.n| FROM acme.video.streams s JOIN acme.video.apps AS a ON true"), ["name"]);
    assert_eq!(offered("SELECT deleteA| FROM acme.video.streams"), ["deleteAfterDays"]);
    assert_eq!(offered("SELECT delete_| FROM acme.video.streams"), ["delete_after_days"]);
    assert_eq!(offered("SELECT od| FROM acme.video.streams"), ["\"Odd Name\""]);
    assert_eq!(offered("SELECT \"Od| FROM acme.video.streams"), Vec::<String>::new(), "the quote is open to the end");
    assert_eq!(offered("SELECT \"Od|\" FROM acme.video.streams"), ["\"Odd Name\""]);
    assert_eq!(offered("SELECT 1 FROM acme.video.apps ORDER BY na|"), ["name"]);
    let inner = offered("SELECT 1 FROM acme.video.apps WHERE id IN (SELECT x FROM mine WHERE |");
    assert!(inner.contains(&"x".to_owned()) && inner.contains(&"name".to_owned()), "{inner:?}");
}

#[test]
fn what_a_filter_lacks_is_offered_first() {
    assert_eq!(offered("SELECT * FROM acme.video.streams WHERE |")[0], "app_id");
    let shown = complete("SELECT * FROM acme.video.streams WHERE ", 39, &world()).list[0].shown.clone();
    assert_eq!(shown, "app_id (required by streams)");
    assert_eq!(offered("INSERT INTO acme.video.streams (|")[..2], ["app_id", "title"]);
    assert_eq!(offered("INSERT INTO acme.video.streams (app_id, t|"), ["title"]);
    assert!(!offered("INSERT INTO acme.video.streams (app_id, |").contains(&"app_id".to_owned()));
}

#[test]
fn words_follow_the_clause_and_the_case_that_was_begun() {
    offers("|", &["SELECT", "EXEC", "SHOW"]);
    assert_eq!(offered("sel|"), ["select"]);
    assert_eq!(offered("SELECT * FROM mine WH|"), ["WHERE"]);
    assert_eq!(offered("SELECT * FROM mine wh|"), ["where"]);
    assert_eq!(offered("SELECT x FR|"), ["FROM"]);
    assert_eq!(offered("SELECT * FR|"), ["FROM"]);
    offers("SELECT * FROM mine ORDER BY x |", &["ASC", "DESC", "LIMIT"]);
    assert_eq!(offered("SHOW PRO|"), ["PROVIDERS"]);
    assert_eq!(offered("SELECT 1 -- wh|"), Vec::<String>::new());
    assert_eq!(offered("SELECT 'wh|"), Vec::<String>::new());
}

#[test]
fn functions_come_with_their_bracket() {
    offers("SELECT json_| FROM mine", &["json_get(", "json_length("]);
    offers("SELECT json_get(co|", &["count(", "concat("]);
    assert_eq!(offered("SELECT mine.co| FROM mine"), Vec::<String>::new());
}

#[test]
fn values_are_offered_in_quotes_and_for_quotes() {
    assert_eq!(offered("SELECT * FROM acme.video.streams WHERE status = '|"), ["LIVE'", "IDLE'"]);
    assert_eq!(offered("SELECT * FROM acme.video.streams WHERE status = 'l|"), ["LIVE'"]);
    assert_eq!(offered("SELECT * FROM acme.video.streams WHERE status = 'I|' AND id"), ["IDLE"]);
    assert_eq!(offered("SELECT * FROM acme.video.streams s WHERE s.status <> '|"), ["LIVE'", "IDLE'"]);
    assert_eq!(offered("SELECT * FROM acme.video.streams WHERE status IN ('LIVE', '|"), ["LIVE'", "IDLE'"]);
    assert_eq!(offered("SELECT * FROM acme.video.streams WHERE status NOT IN ('|"), ["LIVE'", "IDLE'"]);
    assert_eq!(offered("SELECT * FROM acme.video.streams WHERE id = '|"), Vec::<String>::new());
    assert_eq!(offered("SELECT * FROM acme.video.streams WHERE status = |")[..2], ["'LIVE'", "'IDLE'"]);
    assert_eq!(offered("INSERT INTO acme.video.streams (title, status) VALUES ('a, b', '|"), ["LIVE'", "IDLE'"]);
    assert_eq!(offered("EXEC acme.video.streams.stop @status = '|"), ["LIVE'", "IDLE'"]);
}

#[test]
fn exec_offers_methods_and_then_what_they_take() {
    assert_eq!(offered("EXEC acme.video.st|"), ["streams."]);
    assert_eq!(offered("EXEC acme.video.streams.s|"), ["stop"]);
    assert_eq!(offered("EXEC acme.video.streams.stop |"), ["@app_id = ", "@id = ", "@status = ", "@@json = "]);
    assert_eq!(offered("EXEC acme.video.streams.stop @app_id = 'x', @i|"), ["@id = "]);
    assert_eq!(offered("EXEC acme.video.streams.stop @@|"), ["@@json = "]);
}

#[test]
fn a_change_offers_what_it_sets_and_then_what_names_the_row() {
    assert_eq!(offered("UPDATE acme.video.streams SET |"), ["title", "note"], "what names the row belongs to WHERE");
    assert_eq!(offered("EXPLAIN UPDATE acme.video.streams SET title = 'x', |"), ["note"]);
    assert_eq!(offered("UPDATE acme.video.streams SET title = 'x' |"), ["WHERE", "FROM", "RETURNING"]);
    assert_eq!(offered("UPDATE acme.video.streams SET status = '|"), ["LIVE'", "IDLE'"]);
    for begun in ["UPDATE acme.video.streams SET title = 'x'", "DELETE FROM acme.video.streams"] {
        let found = offered(&format!("{begun} WHERE |"));
        assert_eq!(found[..2], ["app_id", "id"], "{begun}");
        offers(&format!("{begun} WHERE |"), &["status", "NOT"]);
        assert_eq!(offered(&format!("{begun} WHERE app_id = 'x' AND i|")), ["id", "interval"], "{begun}");
        assert!(!offered(&format!("{begun} WHERE id = 'x' |")).contains(&"GROUP BY".to_owned()), "{begun}");
        assert_eq!(offered(&format!("{begun} WHERE id IN (SELECT x FROM mi|")), ["mine"]);
    }
    assert_eq!(offered("DELETE FROM acme.video.streams |")[..2], ["WHERE", "RETURNING"]);
    offers("DELETE FROM acme.video.streams WHERE id IN (SELECT x FROM mine |", &["ORDER BY", "LIMIT"]);
    let shown = complete("DELETE FROM acme.video.streams WHERE ", 37, &world()).list;
    assert_eq!(shown[0].shown, "app_id (required by streams)");
    assert_eq!(shown[1].shown, "id (names the row)");
}

#[test]
fn exec_for_each_row_of_a_table_offers_its_columns() {
    assert_eq!(offered("EXEC acme.video.streams.stop @app_id = 'x' F|"), ["FROM"]);
    offers("EXEC acme.video.streams.stop @app_id = 'x', @id = 'y' |", &["FROM", "@status = "]);
    assert_eq!(offered("EXEC acme.video.streams.stop FROM acme.video.s|"), ["streams"]);
    assert_eq!(offered("EXEC acme.video.streams.stop FROM acme.video.streams WHERE sta|")[0], "status");
}

#[test]
fn settings_and_meta_commands() {
    assert_eq!(offered("SET max|"), ["max_requests"]);
    assert_eq!(offered("RESET str|"), ["strict"]);
    assert_eq!(offered("SHOW stri|"), ["strict"]);
    assert_eq!(offered("SET acme.|"), ["app_id", "id", "title"]);
    assert_eq!(offered("SET strict = |"), ["true", "false"]);
    assert_eq!(offered("set DRY_RUN TO c|"), ["curl"]);
    assert_eq!(offered("SET dry_run = '|"), ["off'", "text'", "curl'"]);
    assert_eq!(offered("SET max_requests = |"), Vec::<String>::new());
    assert_eq!(offered("SET strict = true |"), Vec::<String>::new());
    assert_eq!(offered("\\d|"), ["\\d", "\\dm"]);
    assert_eq!(offered("\\dm acme.video.s|"), ["streams"]);
    assert_eq!(offered("\\x a|"), ["auto"]);
    assert_eq!(offered("\\pset |"), ["format", "null"]);
    assert_eq!(offered("\\pset null |"), Vec::<String>::new());
    assert_eq!(offered("\\pset  format c|"), ["csv"]);
    assert_eq!(offered("\\pset format csv |"), Vec::<String>::new());
    assert_eq!(offered("\\c acme.v|"), ["video"]);
    assert_eq!(offered("\\c |"), ["careful", "usual", "acme", "system"]);
    assert_eq!(offered("\\c u|"), ["usual"]);
    assert_eq!(offered("COPY mine TO 'x' |"), ["STORED AS"]);
    assert_eq!(offered("COPY mine TO 'x' STORED AS par|"), ["parquet"]);
    assert_eq!(offered("CREATE EXTERNAL TABLE x STORED AS |"), ["CSV", "JSON", "PARQUET", "ARROW"]);
    assert_eq!(complete("\\i some/fi", 10, &world()).path.as_deref(), Some("some/fi"));
    assert_eq!(complete("COPY mine TO 'out/", 18, &world()).path.as_deref(), Some("out/"));
    assert_eq!(complete("SELECT * FROM 'da", 17, &world()).path.as_deref(), Some("da"));
}

#[test]
fn a_service_that_is_not_read_is_noted() {
    let knows = world();
    assert_eq!(offered_in(&knows, "SELECT * FROM acme.mail.|"), Vec::<String>::new());
    assert_eq!(knows.wanted.lock().unwrap().iter().collect::<Vec<_>>(), [&("acme".to_owned(), "mail".to_owned())]);
    assert_eq!(offered_in(&knows, "SELECT * FROM acme.none.|"), Vec::<String>::new());
    assert_eq!(knows.wanted.lock().unwrap().len(), 1, "what does not exist is not fetched");
}

#[test]
fn hints_say_what_is_missing() {
    let hinted = |text: &str| hint(text, &world()).unwrap_or_default();
    assert_eq!(hinted("SELECT * FROM acme.video.streams"), "  needs app_id");
    assert_eq!(hinted("SELECT * FROM acme.video.streams WHERE app_id = 'x'"), "");
    assert_eq!(hinted("SELECT * FROM acme.video.apps"), "");
    assert_eq!(hinted("INSERT INTO acme.video.streams (status) "), "  needs app_id and title");
    assert_eq!(hinted("EXEC acme.video.streams.stop @id = 'x'"), "  needs @app_id");
    assert_eq!(hinted("UPDATE acme.video.streams SET title = 'x'"), "  needs app_id and id");
    assert_eq!(hinted("UPDATE acme.video.streams SET title = 'x' WHERE id = 'y'"), "  needs app_id");
    assert_eq!(hinted("DELETE FROM acme.video.streams WHERE status = 'LIVE'"), "  needs app_id", "they are read first");
    assert_eq!(hinted("DELETE FROM acme.video.streams WHERE app_id = 'x' AND status = 'LIVE'"), "");
    assert_eq!(hinted("EXPLAIN DELETE FROM acme.video.streams"), "  needs app_id and id");
    assert_eq!(hinted("EXEC acme.video.streams.stop FROM mine"), "  needs @app_id and @id");
    assert_eq!(hinted("EXEC acme.video.streams.stop FROM acme.video.streams"), "  needs app_id");
    assert_eq!(hinted("EXEC acme.video.streams.stop FROM acme.video.streams WHERE app_id = 'x'"), "");
    assert_eq!(hinted("SELECT * FROM acme.video.streams;"), "");
    assert_eq!(hinted("SELECT (1,\n"), "  -- ( of line 1 is open");
    assert_eq!(hinted("SELECT 'a\n"), "  -- ' of line 1 is open");
    assert_eq!(hinted("SELECT $q$a\n"), "  -- $q$ of line 1 is open");
    assert_eq!(hinted("SELECT 1 /* \n"), "  -- /* of line 1 is open");
    assert_eq!(hinted("SELECT 1\n"), "  -- ; ends the statement");
    let set = Knowledge { settings: vec![("acme.app_id".into(), "x".into())], ..world() };
    assert_eq!(hint("SELECT * FROM acme.video.streams", &set), None, "SET gives it");
}

#[test]
fn completion_of_a_long_text_is_fast() {
    let text = "SELECT a, 'b', (c + 1) FROM mine WHERE x = 1;\n".repeat(2_000);
    let begun = std::time::Instant::now();
    for _ in 0..5 {
        complete(&text, text.len() / 2 + 3, &world());
        hint(&text, &world());
    }
    // Far more than it takes, far less than anything that grows with the square.
    assert!(begun.elapsed().as_secs() < 10, "{:?}", begun.elapsed());
}

#[test]
fn every_format_is_offered() {
    let mut offered: Vec<String> = super::words::WRITTEN.iter().map(|word| word.to_lowercase()).collect();
    let mut known: Vec<&str> = crate::output::Format::names().collect();
    offered.sort_unstable();
    known.sort_unstable();
    assert_eq!(offered, known);
}
