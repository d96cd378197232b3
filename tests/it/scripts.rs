//! Scripts as operations run them: variables, branches, files within files, what happens after a failure, events, and
//! what `check` finds without sending anything.

use serde_json::{Value, json};

use crate::harness::{APP, Program, World};

const READ: [&str; 3] = ["-o", "jsonl", "exec"];

#[tokio::test]
async fn variables_come_from_the_command_line_and_from_files() {
    let ran = Program::new()
        .file("v.json", r#"{"n":1,"name":"it's","ids":["a","b"],"site":{"zone":"z'1"},"none":null}"#)
        .file("v.env", "n=2\nexport WHO='me'\n")
        .file("s.sql", "#!/usr/bin/env -S weir exec -i\nSELECT :n AS n, :name AS name, :WHO AS who, :site.zone AS zone,\n 'b' IN :ids AS b, :none IS NULL AS none, :'n' AS t, 1 AS :\"name\";")
        .arguments(READ)
        .arguments(["-i", "s.sql", "--vars", "v.json", "--vars", "v.env", "--var", "n=3"])
        .run()
        .await
        .code(0);
    let row: Value = serde_json::from_str(&ran.out).unwrap();
    let expected = json!({"n":3,"name":"it's","who":"me","zone":"z'1","b":true,"none":true,"t":"3","it's":1});
    assert_eq!(row, expected);
    let ran = Program::new().arguments(READ).arguments(["SELECT :n AS n", "--text", "n=5"]).run().await.code(0);
    assert_eq!(ran.out, "{\"n\":\"5\"}\n");
}

#[tokio::test]
async fn a_hostile_value_is_only_a_value() {
    let world = World::new().await;
    for value in ["'; DELETE FROM cloudflare.stream.live_inputs; --", "\\' OR 1=1 --", "{{ .x }}", "a\nb\"", "$$"] {
        let ran = world
            .program()
            .arguments(READ)
            .arguments(["SELECT :v AS v, count(*) AS n FROM cloudflare.stream.live_inputs WHERE name = :v"])
            .arguments(["--text".to_owned(), format!("v={value}")])
            .run()
            .await
            .code(0);
        let row: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!(row, json!({"v": value, "n": 0}));
    }
    assert_eq!(world.sandbox.counts().writes, 0);
}

#[tokio::test]
async fn an_unset_variable_and_a_slip_in_the_last_file_stop_all_before_anything_runs() {
    let world = World::new().await;
    let insert = "INSERT INTO cloudflare.realtime_kit.apps (name) VALUES ('never');\n";
    let run = |last: &str| {
        let program = world.program().file("a.sql", insert).file("b.sql", last);
        program.arguments(["exec", "-i", "a.sql", "-i", "b.sql", "--var", "name=x"]).run()
    };
    run("SELECT 1;\n  SELECT :nmae;").await.code(1).says(&["b.sql:2:10: the variable `nmae` is not set", "`:name`"]);
    run("SELEC 1;").await.code(1).says(&["b.sql:1:1: "]);
    run("\\if :name\n\\endif\n").await.code(1).says(&["b.sql:1:1: `x` is neither true nor false"]);
    run("\\if 1\n").await.code(1).says(&["b.sql:1:1: the \\if that begins here has no \\endif"]);
    run("\\! rm -r .\n").await.code(1).says(&["b.sql:1:1: \\! is for the shell"]);
    run("\\i none.sql\n").await.code(2).says(&["b.sql:1:1: none.sql cannot be read"]);
    assert_eq!((world.seen(), world.sandbox.counts().writes), (Vec::<String>::new(), 0));
}

#[tokio::test]
async fn branches_results_and_files_lead_through_a_script() {
    let world = World::new().await;
    let script = "SELECT id AS app, 2 AS n FROM cloudflare.realtime_kit.apps LIMIT 1 \\gset first_\n\
                  \\if :{?first_app}\n\\echo app :first_app\n\\else\nSELECT 'never' AS x;\n\\endif\n\
                  \\set twice false\n\\if :twice\nSELECT 'never' AS x;\n\\elif :first_n\n\\endif\n";
    let program =
        world.program().file("sub/a.sql", script).file("sub/b.sql", "SELECT :first_n + 1 AS n;\n\\q\nSELECT 9 AS n;");
    let wrong = program.arguments(["exec", "-i", "sub/a.sql"]).run().await.code(1);
    wrong.says(&["sub/a.sql:10:1: `2` is neither true nor false"]);
    let script = script.replace("\\elif :first_n\n", "\\else\n\\ir b.sql\n");
    let program =
        world.program().file("sub/a.sql", &script).file("sub/b.sql", "SELECT :first_n + 1 AS n;\n\\q\nSELECT 9 AS n;");
    let ran = program.arguments(READ).arguments(["-i", "sub/a.sql"]).run().await.code(0);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert!(lines[0].starts_with("app ") && lines.len() == 2, "{}", ran.out);
    assert_eq!(lines[1], "{\"n\":3}");
}

#[tokio::test]
async fn after_a_failure_a_script_stops_or_goes_on() {
    let world = World::new().await;
    let script =
        "SELECT 1 AS n;\nEXEC cloudflare.stream.live_inputs.disable @uid = 'x';\nSELECT nope;\nSELECT 2 AS n;\n";
    let run = |script: &str, more: &[&str]| {
        let more: Vec<String> = more.iter().map(|m| (*m).to_owned()).collect();
        world.program().file("s.sql", script).arguments(READ).arguments(["-i", "s.sql"]).arguments(more).run()
    };
    let ran = run(script, &[]).await.code(4).says(&["error: s.sql:2:"]);
    assert_eq!(ran.out, "{\"n\":1}\n");
    let ran = run(script, &["--keep-going"]).await.code(4).says(&[
        "error: s.sql:2:",
        "error: s.sql:3:8: ",
        "2 of 4 statements failed",
    ]);
    assert_eq!(ran.out, "{\"n\":1}\n{\"n\":2}\n");
    let ran = run(&format!("\\set ON_ERROR_STOP off\n{script}"), &[]).await.code(4).says(&["2 of 4"]);
    assert_eq!(ran.out, "{\"n\":1}\n{\"n\":2}\n");
    let ran = run(&format!("\\set ON_ERROR_STOP on\n{script}"), &["--keep-going"]).await.code(4);
    assert_eq!(ran.out, "{\"n\":1}\n");
}

#[tokio::test]
async fn events_tell_each_statement_and_no_secret() {
    let world = World::new().await;
    let script = "SELECT uid FROM cloudflare.stream.live_inputs LIMIT 1;\n\\if false\nSELECT 2;\n\\endif\n\
                  UPDATE cloudflare.stream.live_inputs SET name = 'hunter2hunter2', stream_key = 'hunter2hunter2' WHERE uid = 'x';\nSELECT 3;";
    let program = world.program().file("s.sql", script).arguments(["exec", "-i", "s.sql", "--events", "e.jsonl"]);
    let (ran, folder) = program.run_kept().await;
    ran.code(1);
    let text = std::fs::read_to_string(folder.path().join("e.jsonl")).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<String> =
        events.iter().map(|e| format!("{} {} {}", e["event"].as_str().unwrap(), e["n"], e["outcome"])).collect();
    assert_eq!(
        told,
        [
            "statement_start 1 null",
            "statement_end 1 \"ok\"",
            "statement_end 2 \"skipped\"",
            "statement_start 3 null",
            "statement_end 3 \"error\"",
            "run_end null null"
        ]
    );
    assert_eq!((&events[1]["rows"], &events[1]["requests"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&events[0]["verb"], &events[0]["file"], &events[0]["line"]),
        (&json!("SELECT"), &json!("s.sql"), &json!(1))
    );
    assert_eq!((&events[4]["error"]["line"], &events[4]["error"]["kind"]), (&json!(5), &json!("statement")));
    assert_eq!(
        (&events[5]["statements"], &events[5]["failed"], &events[5]["skipped"], &events[5]["exit_code"]),
        (&json!(2), &json!(1), &json!(2), &json!(1))
    );
}

#[tokio::test]
async fn stackqls_placeholders_are_filled_in_and_cannot_leave_their_place() {
    let world = World::new().await;
    let sql = "SELECT '{{ .values.name }}' AS name, {{ .values.n }} AS n, count(*) AS c FROM cloudflare.stream.{{ .values.table }}";
    let run = |data: &str, sql: &str| {
        let program = world.program().file("v.json", data).file("s.iql", sql).arguments(READ);
        program.arguments(["-i", "s.iql", "--iqldata", "v.json"]).run()
    };
    let ran = run(r#"{"values":{"name":"it's'; --","n":5,"table":"live_inputs"}}"#, sql).await.code(0);
    assert_eq!(ran.out, "{\"name\":\"it's'; --\",\"n\":5,\"c\":120}\n");
    let evil = r#"{"values":{"name":"x","n":"1; DELETE","table":"live_inputs"}}"#;
    run(evil, sql).await.code(1).says(&["s.iql:1:38: outside of quotes", "hint: "]);
    run("{}", "SELECT 1;\nSELECT '{{ range .values }}'").await.code(1).says(&["s.iql:2:9: ", "more than a value"]);
    run("{}", "SELECT '{{ .values.app }}'").await.code(1).says(&["has no value in the file of --iqldata"]);
    // A place behind what was filled in is that of the file.
    let ran = run(r#"{"values":{"name":"a long name it is"}}"#, "SELECT '{{ .values.name }}', nope").await;
    ran.code(1).says(&["s.iql:1:30: "]);
    Program::new().exec("SELECT '{{ .values.app }}'").await.code(1).says(&["is not filled in"]);
}

#[tokio::test]
async fn a_check_finds_all_that_is_wrong_and_sends_nothing() {
    let world = World::new().await;
    let script = format!(
        "CREATE TABLE mine AS SELECT uid, name FROM cloudflare.stream.live_inputs;\n\
         CREATE VIEW seen AS SELECT uid FROM mine;\n\
         SELECT uid, nope FROM mine;\n\
         SELECT uid FROM seen;\n\
         SELECT nonsense(1);\n\
         DELETE FROM cloudflare.stream.live_inputs;\n\
         INSERT INTO cloudflare.stream.live_inputs (enabled) VALUES (true) RETURNING nope;\n\
         SELECT id FROM cloudflare.realtime_kit.livestreams WHERE app_id = '{APP}';\n\
         SET nonsense = 1;\n\
         SELEC 1;\n\
         SELECT :unset;\n\
         SELECT uid AS one FROM mine LIMIT 1 \\gset\n\
         DELETE FROM cloudflare.stream.live_inputs WHERE uid = :one;\n\
         ASSERT (SELECT count(*) FROM mine) = 'x' || 'y';\n\
         ASSERT 1;\n\
         COPY mine TO 'never.csv';\n\
         UPDATE cloudflare.stream.live_inputs SET enabled = 'perhaps' WHERE uid = 'x';\n\
         SET read_only = on;\n\
         EXEC cloudflare.stream.live_inputs.disable @uid = 'x';\n"
    );
    let program = world.program().unset("CLOUDFLARE_API_TOKEN").unset("CLOUDFLARE_ACCOUNT_ID").file("s.sql", &script);
    let (ran, folder) = program.arguments(["-o", "json", "check", "s.sql"]).run_kept().await;
    let ran = ran.code(1).says(&["s.sql:3:13: ", "s.sql:10:1: ", "nothing sent"]);
    let found: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
    let lines: Vec<u64> =
        found.iter().filter(|f| f["severity"] == "error").map(|f| f["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 5, 6, 7, 9, 10, 11, 15, 17, 19], "{}", ran.talk);
    assert_eq!((world.seen(), world.sandbox.counts().writes), (Vec::<String>::new(), 0));
    assert!(!folder.path().join("never.csv").exists());
    // A script without a slip is fine without any credentials.
    let fine = Program::new().file("s.sql", "SELECT uid FROM cloudflare.stream.live_inputs;\nSELECT :n;");
    fine.arguments(["check", "s.sql", "--var", "n=1"]).run().await.code(0).says(&["2 statements checked", "0 errors"]);
}

/// What a value would lose on its way, or which of two would hold, nobody is left to guess.
#[tokio::test]
async fn values_that_are_not_what_the_file_says_are_refused() {
    for (name, text, words) in [
        (
            "twice.json",
            "{\"a\": 1,\n \"b\": {\"c\": 1, \"c\": 2}}",
            "twice.json:2:18: not JSON: the key `c` stands there twice",
        ),
        ("twice.yaml", "a: 1\na: 2\n", "the key `a` stands there twice"),
        ("long.yaml", "a: {id: [12345678901234567890123]}\n", "long.yaml: `a.id` has more digits than a number keeps"),
        ("long.json", "{\"a\": 12345678901234567890123}", "hint: write it in quotes"),
        ("odd.json", "{\"a b\": 1}", "odd.json: `a b` cannot be the name of a variable\nhint: it needs letters"),
        ("list.json", "[1]", "an object of names and values"),
    ] {
        let program = Program::new().file(name, text).arguments(READ);
        program.arguments(["--vars", name, "SELECT 1"]).run().await.code(2).says(&[words]);
    }
    let fine =
        Program::new().file("v.json", r#"{"a": 1e300, "b": 9223372036854775807, "c": 1.50, "d": [true, null, "x"]}"#);
    let ran =
        fine.arguments(READ).arguments(["--vars", "v.json", "SELECT :a AS a, :b AS b, :c AS c"]).run().await.code(0);
    assert_eq!(ran.out, "{\"a\":1e300,\"b\":9223372036854775807,\"c\":1.5}\n");
}

#[tokio::test]
async fn what_a_file_holds_does_not_drive_the_terminal() {
    let ran =
        Program::new().file("s.sql", "SELECT 1 \u{1b}]0;title\u{7}\0;").arguments(["exec", "-i", "s.sql"]).run().await;
    let ran = ran.code(1).says(&["s.sql:1:10: "]);
    assert!(!ran.talk.contains(['\u{1b}', '\u{7}', '\0']), "{:?}", ran.talk);
}

#[cfg(unix)]
#[tokio::test]
async fn events_that_cannot_be_written_are_told_once_and_stop_nothing() {
    let program = Program::new().arguments(["-o", "csv", "exec", "--events", "/dev/full"]);
    let ran = program.arguments(["SELECT 1 AS a; SELECT 2 AS a"]).run().await.code(0);
    assert_eq!((ran.out.as_str(), ran.talk.matches("/dev/full cannot be written").count()), ("a\n1\na\n2\n", 1));
}

/// Each format of COPY is known to `check`, which writes none.
#[tokio::test]
async fn a_check_plans_a_copy_to_every_format() {
    let endings = ["csv", "tsv", "json", "jsonl", "md", "html", "vl.json", "sql", "parquet", "arrow", "arrows"];
    let copies = endings.map(|end| format!("COPY (SELECT 1 AS a, 'x' AS b) TO 'never.{end}';\n")).concat();
    let script = format!("{copies}COPY (SELECT nope) TO 'never.md';\nCOPY (SELECT 1) TO 'never.nope';\n");
    let (ran, folder) = Program::new().file("s.sql", &script).arguments(["check", "s.sql"]).run_kept().await;
    ran.code(1).says(&["2 errors", "s.sql:12:14: ", "s.sql:13:1: the name `never.nope` does not tell a format"]);
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_str().unwrap().starts_with("never")));
}

#[tokio::test]
async fn words_of_commands_are_joined_as_psql_joins_them() {
    let script = "\\set folder 'out put'\n\\set path :folder '/x' .csv\n\\echo :path :folder/y ':folder'\nSELECT :'path' AS p;\n";
    let ran = Program::new().file("s.sql", script).arguments(READ).arguments(["-i", "s.sql"]).run().await.code(0);
    assert_eq!(ran.out, "out put/x.csv out put/y :folder\n{\"p\":\"out put/x.csv\"}\n");
}
