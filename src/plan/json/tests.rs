//! JSON in SQL as it is typed: answers beside questions.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringViewArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::config::Dialect;
use datafusion::execution::context::SessionContext;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionConfig;
use datafusion::sql::parser::Statement;

use super::values::json_field;
use super::{register, respell_from, without_unions};
use crate::error::Result;
use crate::plan::errors::unwrap;
use crate::rows::JSON_KEY;

const ROWS: [(i64, Option<&str>, Option<&str>); 5] = [
    (
        1,
        Some(r#"{"name":"Ada","n":12345678901234567890.10,"tags":["x","y"],"a.b":{"c":[1,{"d":null}]}}"#),
        Some(r#"["x","y"]"#),
    ),
    (2, Some(r#"{"name":"123","n":7,"tags":[],"ok":true}"#), Some("[]")),
    (3, Some("not json"), Some(r#"[{"k":1},2.50,null,"z"]"#)),
    (4, None, None),
    (5, Some(r#"{"name":"\u00fc\ud83d\ude00","n":1,"n":2,"x":1e400}"#), Some("[[1],[2,3]]")),
];

fn context() -> SessionContext {
    let config = SessionConfig::new().with_target_partitions(2);
    let state = SessionStateBuilder::new().with_config(config).with_default_features().build();
    let mut state = SessionContext::new_with_state(state).state();
    datafusion_functions_json::register_all(&mut state).unwrap();
    register(&mut state).unwrap();
    let context = SessionContext::new_with_state(state);
    let text = |values: Vec<Option<&str>>| Arc::new(StringViewArray::from(values)) as ArrayRef;
    let fields = vec![
        Arc::new(Field::new("id", DataType::Int64, false)),
        json_field("meta", "object"),
        json_field("tags", "array"),
        Arc::new(Field::new("note", DataType::Utf8View, true)),
    ];
    let columns = vec![
        Arc::new(ROWS.iter().map(|r| r.0).collect::<Int64Array>()) as ArrayRef,
        text(ROWS.iter().map(|r| r.1).collect()),
        text(ROWS.iter().map(|r| r.2).collect()),
        text(vec![Some("{}"); ROWS.len()]),
    ];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    context.register_batch("t", batch).unwrap();
    let names = RecordBatch::try_from_iter([
        ("tag", text(vec![Some("x"), Some("z")])),
        ("means", text(vec![Some("ex"), Some("zed")])),
    ]);
    context.register_batch("words", names.unwrap()).unwrap();
    context
}

async fn plan(context: &SessionContext, sql: &str) -> Result<LogicalPlan> {
    let state = context.state();
    let mut statement = state.sql_to_statement(sql, &Dialect::PostgreSQL).map_err(unwrap)?;
    if let Statement::Statement(inner) = &mut statement {
        respell_from(inner.as_mut());
    }
    state.statement_to_plan(statement).await.map_err(unwrap)
}

async fn run(context: &SessionContext, plan: LogicalPlan) -> Result<Vec<RecordBatch>> {
    context.execute_logical_plan(plan).await.map_err(unwrap)?.collect().await.map_err(unwrap)
}

fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let mut lines = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap());
        let columns: Vec<_> = columns.collect();
        for row in 0..batch.num_rows() {
            lines.push(columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    lines
}

async fn asked(sql: &str) -> Result<Vec<String>> {
    let context = context();
    let plan = plan(&context, sql).await?;
    Ok(lines(&run(&context, plan).await?))
}

/// Each question with its answer, row by row.
async fn answers(cases: &[(&str, &[&str])]) {
    for (sql, expected) in cases {
        match asked(sql).await {
            Ok(rows) => assert_eq!(rows, *expected, "{sql}"),
            Err(error) => panic!("{sql}: {error}"),
        }
    }
}

async fn refused(sql: &str) -> (String, String) {
    let error = asked(sql).await.expect_err(sql);
    (error.message().to_owned(), error.hint_text().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn json_extract_yields_text_and_null_where_nothing_is() {
    answers(&[
        ("SELECT json_extract(meta, '$.name') FROM t ORDER BY id", &["Ada", "123", "NULL", "NULL", "ü😀"]),
        ("SELECT json_extract(meta, '$.n') FROM t ORDER BY id", &["12345678901234567890.10", "7", "NULL", "NULL", "1"]),
        ("SELECT json_extract(meta, '$.\"a.b\".c[#-1]') FROM t WHERE id = 1", &[r#"{"d":null}"#]),
        ("SELECT json_extract(meta, '$.\"a.b\".c[1].d') FROM t WHERE id = 1", &["NULL"]),
        ("SELECT json_extract(meta, '$.name', '$.no', '$.tags') FROM t WHERE id = 1", &[r#"["Ada",null,["x","y"]]"#]),
        ("SELECT json_extract(meta, '$.ok'), json_extract(meta, NULL) FROM t WHERE id = 2", &["true|NULL"]),
        ("SELECT json_extract(tags, '$[' || id || ']') FROM t WHERE id = 1", &["y"]),
        ("SELECT id FROM t WHERE json_extract(meta, '$.name') = 'Ada'", &["1"]),
        ("SELECT json_extract(meta -> 'a.b', '$.c[0]') FROM t WHERE id = 1", &["1"]),
        ("SELECT json_extract('{ \"a\" : [ 1, 2 ] }', '$.a')", &["[1,2]"]),
        ("SELECT json_extract(NULL, '$.a')", &["NULL"]),
    ])
    .await;
}

#[tokio::test]
async fn a_slip_in_a_call_is_refused_while_planning() {
    for (sql, message, hint) in [
        ("SELECT json_extract(meta, 'name') FROM t", "`name` is no path", "did you mean '$.name'?"),
        ("SELECT json_set(meta, '$[', 1) FROM t", "`$[` is no path", "a path looks like"),
        ("SELECT json_each(meta, 'x') FROM t", "`x` is no path", "'$.x'"),
        ("SELECT json_extract(meta) FROM t", "does not take 1 argument", "json_extract(json, '$.path', ...)"),
        ("SELECT json_set(meta, '$.a') FROM t", "does not take 2 arguments", "json_set(json, '$.path', value, ...)"),
        ("SELECT json_extract(id, '$.a') FROM t", "json_extract needs JSON as text here", ""),
        ("SELECT json_extract(meta, 1) FROM t", "json_extract needs a path as text here", ""),
        ("SELECT json_object('a') FROM t", "does not take 1 argument", "json_object('key', value, ...)"),
    ] {
        let context = context();
        let error = plan(&context, sql).await.expect_err(sql);
        assert!(error.message().contains(message), "{sql}: {error}");
        assert!(error.hint_text().unwrap_or_default().contains(hint), "{sql}: {:?}", error.hint_text());
    }
    let (message, _) = refused("SELECT json_extract(meta, note) FROM t").await;
    assert_eq!(message, "`{}` is no path into JSON: it does not begin with $");
}

#[tokio::test]
async fn values_keep_their_types_in_new_json() {
    answers(&[
        (
            "SELECT json_set(note, '$.i', 1, '$.f', 1.5, '$.b', true, '$.z', NULL, '$.t', 'x', \
             '$.d', DATE '2026-01-02') FROM t WHERE id = 1",
            &[r#"{"i":1,"f":1.5,"b":true,"z":null,"t":"x","d":"2026-01-02"}"#],
        ),
        // Text is text, however much it looks like JSON; JSON is what says so.
        ("SELECT json_set('{}', '$.a', '[1]', '$.b', note) FROM t WHERE id = 1", &[r#"{"a":"[1]","b":"{}"}"#]),
        ("SELECT json_set('{}', '$.a', json('[1]'), '$.b', tags) FROM t WHERE id = 1", &[r#"{"a":[1],"b":["x","y"]}"#]),
        (
            "SELECT json_set('{}', '$.a', meta -> 'tags', '$.n', meta -> 'name', '$.e', json_extract(meta, '$.tags')) \
             FROM t WHERE id = 1",
            &[r#"{"a":["x","y"],"n":"Ada","e":["x","y"]}"#],
        ),
        ("SELECT json_set('{}', '$.n', json_extract(meta, '$.name')) FROM t WHERE id = 2", &[r#"{"n":"123"}"#]),
        (
            "SELECT json_set(meta, '$.n', 1) FROM t WHERE id = 5",
            &[r#"{"name":"\u00fc\ud83d\ude00","n":1,"n":2,"x":1e400}"#],
        ),
        (
            "SELECT json_object('a', json_array(1, 'x', NULL), 'b', json_object()), json_array()",
            &[r#"{"a":[1,"x",null],"b":{}}|[]"#],
        ),
        ("SELECT json_array(named_struct('a', 1, 'b', [true]))", &[r#"[{"a":1,"b":[true]}]"#]),
        ("SELECT json_set(json_object('n', id), '$.m', id) FROM t WHERE id = 2", &[r#"{"n":2,"m":2}"#]),
    ])
    .await;
}

#[tokio::test]
async fn documents_are_changed_by_path() {
    answers(&[
        (
            "SELECT json_set(tags, '$[#]', 'n', '$[0]', 0) FROM t WHERE id IN (1, 2, 4) ORDER BY id",
            &[r#"[0,"y","n"]"#, "[0]", "NULL"],
        ),
        (
            "SELECT json_insert('{\"a\":1}', '$.a', 2, '$.b', 2), json_replace('{\"a\":1}', '$.a', 2, '$.b', 2)",
            &[r#"{"a":1,"b":2}|{"a":2}"#],
        ),
        (
            "SELECT json_remove(meta, '$.\"a.b\"', '$.tags', '$.no') FROM t WHERE id = 1",
            &[r#"{"name":"Ada","n":12345678901234567890.10}"#],
        ),
        ("SELECT json_remove('[1]', '$'), json_set('{}', NULL, 1)", &["NULL|NULL"]),
        ("SELECT json(' { \"a\" : 1.0 } '), json(NULL)", &[r#"{"a":1.0}|NULL"#]),
        ("SELECT json_valid(meta) FROM t ORDER BY id", &["true", "true", "false", "NULL", "true"]),
    ])
    .await;
    for sql in
        ["SELECT json_set(meta, '$.a', 1) FROM t", "SELECT json(meta) FROM t", "SELECT json_remove(meta, '$.a') FROM t"]
    {
        let (message, hint) = refused(sql).await;
        assert!(message.ends_with("was given text that is not JSON: not json"), "{message}");
        assert!(hint.contains("json_valid"), "{hint}");
    }
    let (message, _) = refused("SELECT json_object(NULL, 1)").await;
    assert_eq!(message, "json_object was given NULL as a key");
}

#[tokio::test]
async fn json_each_in_from_is_a_row_for_every_member() {
    answers(&[
        (
            "SELECT id, json_each.value FROM t, json_each(tags) WHERE id < 4 ORDER BY id, key",
            &["1|x", "1|y", "3|{\"k\":1}", "3|2.50", "3|NULL", "3|z"],
        ),
        (
            "SELECT e.key, e.value, e.type FROM t CROSS JOIN json_each(meta) AS e WHERE t.id = 2",
            &["name|123|text", "n|7|integer", "tags|[]|array", "ok|true|true"],
        ),
        (
            "SELECT e.* FROM t JOIN LATERAL json_each(t.meta, '$.tags') e ON true WHERE id = 1",
            &["0|x|text", "1|y|text"],
        ),
        ("SELECT id, e.v FROM t JOIN json_each(tags) AS e(k, v) ON e.v = 'y'", &["1|y"]),
        (
            "SELECT id, value FROM t LEFT JOIN json_each(tags) e ON true WHERE id IN (2, 4) ORDER BY id",
            &["2|NULL", "4|NULL"],
        ),
        ("SELECT value FROM json_each('{\"a\":{\"b\":[]}}')", &["{\"b\":[]}"]),
        ("SELECT key, value, type FROM json_each('5')", &["NULL|5|integer"]),
        ("SELECT count(*) FROM t, json_each(meta) WHERE id IN (3, 4)", &["0"]),
        (
            "SELECT id, means FROM t, json_each(t.tags) AS e JOIN words w ON w.tag = e.value ORDER BY id",
            &["1|ex", "3|zed"],
        ),
        ("SELECT id, means FROM t, words w, json_each(tags) e WHERE w.tag = e.value ORDER BY id", &["1|ex", "3|zed"]),
        ("SELECT b.value FROM t, json_each(tags) a, json_each(a.value) b WHERE id = 5", &["1", "2", "3"]),
        (
            "SELECT a.value, b.value FROM t, json_each(tags) a, json_each(tags) b WHERE id = 1 AND a.key < b.key",
            &["x|y"],
        ),
        (
            "SELECT value, count(*) FROM t, json_each(tags) GROUP BY value HAVING value > 'x' ORDER BY value",
            &["y|1", "z|1", "{\"k\":1}|1"],
        ),
        ("SELECT id FROM t WHERE id IN (SELECT u.id FROM t u, json_each(u.tags) e WHERE e.value = 'z')", &["3"]),
        (
            "WITH e AS (SELECT id, value FROM t, json_each(tags)) SELECT value FROM e WHERE id = 1 ORDER BY 1",
            &["x", "y"],
        ),
        ("SELECT t.*, json_each.* FROM t, json_each(tags) WHERE id = 2", &[]),
        ("SELECT key FROM json_each('{\"\\u0061\":1,\"a\":2}')", &["a", "a"]),
    ])
    .await;
}

#[tokio::test]
async fn arrays_are_unnested_in_select_and_in_from() {
    answers(&[
        ("SELECT id, unnest(json_get_array(meta, 'tags')) FROM t WHERE id = 1", &["1|\"x\"", "1|\"y\""]),
        (
            "SELECT unnest(json_each(tags)) FROM t WHERE id = 1",
            &["{key: 0, value: x, type: text}", "{key: 1, value: y, type: text}"],
        ),
        ("SELECT id, v FROM t, UNNEST(json_get_array(t.meta, 'tags')) AS u(v) WHERE id < 3", &["1|\"x\"", "1|\"y\""]),
        (
            "SELECT id, v FROM t LEFT JOIN UNNEST(json_get_array(t.meta, 'tags')) AS u(v) ON true WHERE id < 3",
            &["1|\"x\"", "1|\"y\"", "2|NULL"],
        ),
        ("SELECT id, n FROM t CROSS JOIN LATERAL (SELECT id * 2 AS n) l WHERE id = 3", &["3|6"]),
        (
            "SELECT id, w FROM t, LATERAL (SELECT v || '!' AS w FROM UNNEST(['a', 'b']) u(v)) l \
             WHERE id = 1 AND w <> 'a!'",
            &["1|b!"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_json_each_cannot_do_is_said() {
    let (message, hint) = refused("SELECT id FROM t LEFT JOIN json_each(tags) e ON e.value = 'x'").await;
    assert_eq!(message, "a LEFT JOIN with json_each or UNNEST takes no condition");
    assert!(hint.contains("ON true"));
    let (message, hint) =
        refused("SELECT id FROM t WHERE EXISTS (SELECT 1 FROM json_each(t.tags) e WHERE e.value = 'x')").await;
    assert!(message.contains("not supported here"), "{message}");
    assert!(hint.contains("FROM t, json_each(t.x)"));
}

#[tokio::test]
async fn filters_on_the_table_go_below_json_each() {
    let context = context();
    let sql = "SELECT value FROM t, json_each(tags) e WHERE id = 1 AND e.value = 'x'";
    let plan = context.state().optimize(&plan(&context, sql).await.unwrap()).unwrap();
    let text = plan.display_indent().to_string();
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what} is not in\n{text}"));
    assert!(at("Unnest") < at("t.id = Int64(1)"), "{text}");
    assert!(at("= Utf8View(\"x\")") < at("Unnest"), "{text}");
}

#[tokio::test]
async fn results_say_that_they_are_json() {
    let context = context();
    let sql = "SELECT json_set(meta, '$.a', 1) AS s, json_array(1) AS a, json_object() AS o, \
               json_extract(meta, '$.n') AS e, json_extract(meta, '$.n', '$.a') AS m, json('1') AS j, \
               value, key FROM t, json_each(tags) WHERE id = 1";
    let batches = run(&context, plan(&context, sql).await.unwrap()).await.unwrap();
    let schema = batches[0].schema();
    let marks = schema.fields().iter().map(|f| f.metadata().get(JSON_KEY).map_or("", String::as_str));
    assert_eq!(marks.collect::<Vec<_>>(), ["any", "array", "object", "nested", "array", "any", "nested", ""]);
}

#[tokio::test]
async fn unions_become_text_at_the_top_of_every_plan_that_leaves() {
    let context = context();
    let query = "SELECT id, meta -> 'name', meta -> 'tags' AS tags, meta -> 'n' FROM t WHERE id IN (2, 4) ORDER BY id";
    let plain = plan(&context, query).await.unwrap();
    let names = plain.schema().field_names();
    let text = without_unions(plain).unwrap();
    assert_eq!(text.schema().field_names(), names);
    let batches = run(&context, text).await.unwrap();
    assert_eq!(lines(&batches), ["2|123|[]|7", "4|NULL|NULL|NULL"]);
    assert_eq!(batches[0].schema().field(1).metadata().get(JSON_KEY).map(String::as_str), Some("nested"));

    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("a.csv", "CSV"), ("a.parquet", "PARQUET"), ("a.json", "JSON")] {
        let file = folder.path().join(name).display().to_string();
        let copy = plan(&context, &format!("COPY ({query}) TO '{file}' STORED AS {format}")).await.unwrap();
        let written = run(&context, without_unions(copy).unwrap()).await.unwrap();
        assert_eq!(lines(&written), ["2"], "{format}");
    }
    let csv = std::fs::read_to_string(folder.path().join("a.csv")).unwrap();
    assert!(csv.lines().any(|line| line == "2,123,[],7"), "{csv}");

    for (name, kind) in [("kept", "TABLE"), ("seen", "VIEW")] {
        let made = plan(&context, &format!("CREATE {kind} {name} AS {query}")).await.unwrap();
        run(&context, without_unions(made).unwrap()).await.unwrap();
        let read = plan(&context, &format!("SELECT tags FROM {name} WHERE tags = '[]'")).await.unwrap();
        assert_eq!(lines(&run(&context, read).await.unwrap()), ["[]"], "{kind}");
    }
}

#[tokio::test]
async fn a_view_over_json_each_is_read_again() {
    let context = context();
    let made = plan(&context, "CREATE VIEW v AS SELECT id, e.value AS tag FROM t, json_each(tags) e").await.unwrap();
    run(&context, made).await.unwrap();
    let read = plan(&context, "SELECT tag FROM v WHERE id = 1 ORDER BY tag DESC LIMIT 1").await.unwrap();
    assert_eq!(lines(&run(&context, read).await.unwrap()), ["y"]);
}

#[tokio::test]
async fn hostile_documents_cost_no_stack_and_lose_no_digit() {
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let context = context();
    let batch = RecordBatch::try_from_iter([("x", Arc::new(StringViewArray::from(vec![deep.as_str()])) as ArrayRef)]);
    context.register_batch("deep", batch.unwrap()).unwrap();
    let sql = "SELECT length(json_extract(x, '$[0]')), length(json_set(x, '$[#]', 1)), json_valid(x) FROM deep";
    let rows = run(&context, plan(&context, sql).await.unwrap()).await.unwrap();
    assert_eq!(lines(&rows), ["399998|400002|true"]);
    answers(&[
        (
            "SELECT json_set('[123456789012345678901234567890, 0.10, 1e400]', '$[#]', 1)",
            &["[123456789012345678901234567890,0.10,1e400,1]"],
        ),
        ("SELECT json_extract('\"\\ud800\"', '$'), json_extract('{\"\\ud800\":1}', '$.a')", &["\\ud800|NULL"]),
        ("SELECT json_extract('{\"a\":1}}', '$.a'), json_extract('', '$')", &["NULL|NULL"]),
        ("SELECT json_extract('{\"a\\\"b\":1}', '$.\"a\\\"b\"')", &["1"]),
    ])
    .await;
}
