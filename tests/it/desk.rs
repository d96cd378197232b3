//! Commands and results of the shell: at a terminal where the size matters, else through a pipe.

#[cfg(unix)]
use std::sync::mpsc::channel;

use crate::harness::{APP, World};
#[cfg(unix)]
use crate::terminal::{CTRL_C, LONG_ENOUGH, Terminal, at_a_terminal, at_a_terminal_of};
use weir::sandbox::{Fault, FaultKind};

const INPUTS: &str = "cloudflare.stream.live_inputs";
const STREAMS: &str = "cloudflare.realtime_kit.livestreams";

/// Types a line at the prompt.
#[cfg(unix)]
#[track_caller]
fn ask(t: &mut Terminal, line: &str) {
    t.ready("weir>");
    t.line(line);
}

/// What the shell prints and says when `lines` come through a pipe.
async fn piped(world: &World, lines: &str) -> (String, String) {
    let ran = world.program().arguments(["-o", "csv", "shell"]).input(lines).run().await.code(0);
    (ran.out, ran.talk)
}

#[tokio::test]
async fn variables_are_values_and_names_and_never_pasted() {
    let world = World::new().await;
    let lines = "\\set n 5\n\\set t it's -- fine\n\\set odd ''';DROP TABLE t;--'\n\\set c answer\n\
                 SELECT :n + 1 AS \"sum\", :t AS t, :odd AS odd, :'n' || '!' AS text, 42 AS :\"c\", 7::text AS seven;\n\
                 SELECT :missing;\nSELECT 40 + 2 AS answer, NULL AS gone \\gset my_\n\\echo :my_answer :my_gone ok\n\
                 SELECT 1 WHERE false \\gset\n\\unset n\nSELECT :n;\n\\set 1x y\n";
    let (out, talk) = piped(&world, lines).await;
    // A quote that is not closed is an error of the command: it's needs one more.
    assert!(talk.contains("the ' in the command is not closed"), "{talk}");
    for said in [
        "the variable `t` is not set",
        "\\gset needs exactly one row, and there are 0 rows",
        "the variable `n` is not set",
    ] {
        assert!(talk.contains(said), "{said}\n{talk}");
    }
    assert!(talk.contains("`1x` cannot be the name of a variable"), "{talk}");
    assert_eq!(out, "42 :my_gone ok\n");
    let lines = "\\set n 5\n\\set t 'it''s'\n\\set odd ''';DROP TABLE t;--'\n\\set c answer\n\
                 SELECT :n + 1 AS total, :t AS t, :odd AS odd, :'n' || '!' AS text, 42 AS :\"c\", 7::text AS seven;\n";
    let (out, talk) = piped(&world, lines).await;
    assert_eq!(out, "total,t,odd,text,answer,seven\n6,it's,';DROP TABLE t;--,5!,42,7\n", "{talk}");
}

#[tokio::test]
async fn the_last_result_is_a_table_that_costs_no_request() {
    let world = World::new().await;
    let lines = format!(
        "SELECT uid, enabled FROM {INPUTS};\n\\d\nSELECT count(*) AS n, count(DISTINCT uid) AS uids FROM _;\n\\requests\nSELECT n * 2 AS \
         twice FROM _;\nSELECT a.uid, b.uid FROM _ a, _ b LIMIT 1;\n"
    );
    let (out, talk) = piped(&world, &lines).await;
    assert!(out.contains("n,uids\n120,120\n") && out.contains("twice\n240\n"), "{out}\n{talk}");
    assert_eq!(world.seen().len(), 1, "only the first statement asked");
    assert!(out.contains("method,url,status"), "{out}");
    // Two columns of one name are told apart, and a result that is too large says so when it is used.
    let lines = "SELECT a.n, b.n FROM (SELECT 1 AS n) a, (SELECT 2 AS n) b;\nSELECT n, n_1 FROM _;\n\
                 SELECT value FROM generate_series(1, 100001) AS g(value) WHERE value < 0;\n\
                 SELECT value FROM generate_series(1, 100001) AS g(value);\nSELECT count(*) FROM _;\n";
    let (out, talk) = piped(&world, lines).await;
    assert!(out.contains("n,n_1\n1,2\n"), "{out}\n{talk}");
    assert!(talk.contains("100001 rows are more than _ holds") && talk.contains("CREATE TABLE t AS SELECT"), "{talk}");
}

#[tokio::test]
async fn secrets_in_the_last_result_stay_secret() {
    let world = World::new().await;
    let lines = format!(
        "SELECT id, stream_key FROM {STREAMS} WHERE app_id = '{APP}' AND stream_key IS NOT NULL LIMIT 1;\n\
         SELECT stream_key FROM _ \\gset\nSELECT CAST(stream_key AS INT) FROM _;\nCREATE TABLE kept AS SELECT * FROM _;\nSELECT 1;\nSELECT CAST(stream_key AS INT) FROM kept;\nSELECT CAST('plain' AS INT);\n"
    );
    let ran = world.program().arguments(["-o", "csv", "shell"]).input(&lines).run().await.code(0);
    let key = ran.out.lines().nth(1).unwrap().split(',').nth(1).unwrap().to_owned();
    assert!(key.len() > 8, "{}", ran.out);
    assert!(!ran.talk.contains(&key), "the key is in what was said:\n{}", ran.talk);
    assert_eq!(ran.talk.matches("\nerror: ").count(), 3, "{}", ran.talk);
}

#[tokio::test]
async fn a_statement_can_write_statements() {
    let world = World::new().await;
    let (out, talk) = piped(
        &world,
        "SELECT 'SELECT ' || n || ' AS m; SELECT ' || n * 2 || ' AS k' FROM (VALUES (1), (2)) AS v(n) \\gexec\n\
         SELECT 'SELECT broken FROM nowhere' \\gexec\n\\g\n",
    )
    .await;
    assert_eq!(out.lines().take(8).collect::<Vec<_>>(), ["m", "1", "k", "2", "m", "2", "k", "4"], "{talk}");
    assert!(talk.contains("SELECT 1 AS m;\n") && talk.contains("there is no table `nowhere`"), "{talk}");
}

#[tokio::test]
async fn results_go_to_files_and_programs_and_files_are_read() {
    let world = World::new().await;
    let program = world
        .program()
        .file("sub/one.sql", "SELECT 1 AS one;\n\\ir two.sql\n")
        .file("sub/two.sql", "\\set who 'from two'\nSELECT :who AS who;\n")
        .file("bad.sql", "SELECT 1 AS fine;\n\nSELECT nope FROM _;\nSELECT 'not reached';\n")
        .file("slip.sql", "\\x\n\\wach 5\n")
        .file("loop.sql", "\\i loop.sql\n");
    let lines = "\\i sub/one.sql\n\\i bad.sql\n\\i slip.sql\n\\x off\n\\i loop.sql\n\\i nothing.sql\n\
                 SELECT 7 AS n \\g seven.csv\n\\o many.csv\nSELECT 8 AS n;\nSELECT 9 AS n;\n\\o\n\
                 SELECT 'b' AS l UNION ALL SELECT 'a' ORDER BY 1 DESC \\g | sort > sorted.txt\n\
                 SELECT nope FROM _ \\g never.csv\n\\! echo from-the-system\n\\! exit 3\nSELECT 10 AS last;\n";
    let (ran, folder) = program.arguments(["-o", "csv", "shell"]).input(lines).run_kept().await;
    let ran = ran.code(0).says(&[
        "bad.sql:3:8: ",
        "slip.sql:2:1: there is no command \\wach",
        "is read by a file that it reads",
        "nothing.sql cannot be read",
        "the command ended with exit status: 3",
    ]);
    let file = |name: &str| std::fs::read_to_string(folder.path().join(name));
    assert!(ran.out.starts_with("one\n1\nwho\nfrom two\nfine\n1\n"), "{}", ran.out);
    assert!(ran.out.ends_with("from-the-system\nlast\n10\n"), "{}", ran.out);
    assert_eq!(file("seven.csv").unwrap(), "n\n7\n");
    assert_eq!(file("many.csv").unwrap(), "n\n8\nn\n9\n");
    assert_eq!(file("sorted.txt").unwrap(), "a\nb\nl\n");
    assert!(file("never.csv").is_err(), "a result that failed leaves no file");
}

#[tokio::test]
async fn looking_around_needs_no_request() {
    let world = World::new().await;
    let lines = "\\l\n\\dn cloudflare\n\\c cloudflare.stream\n\\d\n\\d live_inputs\n\\dm live_inputs\n\\dm\n\\d live_inptus\n\
                 \\conninfo\n\\h insert\n\\h\n\\?\n\\pset null -\nSELECT NULL AS n;\n\\pset nul\n\\timing\nSELECT 1 AS quiet;\n\\nonsense\n\
                 SELECT 1 \\wach\nSELECT 1 \\x\n";
    let (out, talk) = piped(&world, lines).await;
    for shown in [
        "cloudflare,v1",
        "stream:v1",
        "live_input_outputs",
        "one request a row",
        "rotate_keys,",
        "live_inputs,create,INSERT",
    ] {
        assert!(out.contains(shown), "{shown}\n{out}");
    }
    for said in [
        "did you mean `live_inputs`?",
        "using cloudflare.stream",
        "signs in by",
        "RETURNING",
        "\\watch",
        "did you mean `null`?",
        "timing is off",
        "there is no command \\nonsense",
        "there is no command \\wach",
        "\\x does not run the statement before it",
        "error: there is no table `live_inptus`",
    ] {
        assert!(talk.contains(said), "{said}\n{talk}");
    }
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn psqls_words_for_the_look_of_results_are_known() {
    let world = World::new().await;
    let one = "SELECT 1 AS a, 'b c' AS b;\n";
    let lines = format!(
        "\\pset format aligned\n{one}\\a\n{one}\\t\n{one}\\a\n\\t\n\\pset format unaligned\n{one}\\pset footer off\n\\pset\n\\pset format nonsense\n"
    );
    let (out, talk) = piped(&world, &lines).await;
    let table = "┌───┬─────┐\n│ a │ b   │\n├───┼─────┤\n│ 1 │ b c │\n└───┴─────┘\n";
    assert_eq!(out, format!("{table}a\tb\n1\tb c\n1\tb c\na\tb\n1\tb c\n"));
    for said in
        ["values have a tab", "results are tables", "footer    = off", "timing    = off", "no format `nonsense`"]
    {
        assert!(talk.contains(said), "{said}\n{talk}");
    }
    for option in ["expanded", "footer", "format", "header", "into", "null", "pager", "separator", "rows", "timing"] {
        assert!(talk.lines().any(|line| line.starts_with(option)), "\\pset lists {option}\n{talk}");
    }
}

#[tokio::test]
async fn watching_repeats_reads_only() {
    let world = World::new().await;
    let lines = format!(
        "SELECT count(*) AS n FROM {INPUTS} \\watch 0.01 c=3\nEXEC {INPUTS}.disable @uid = 'x' \\watch 1\nUPDATE {INPUTS} SET enabled = true WHERE uid = 'x' \\watch 1\nDELETE FROM {INPUTS} WHERE uid = 'x' \\watch 1\n\\watch x\nSELECT 5 AS still;\n"
    );
    let (out, talk) = piped(&world, &lines).await;
    assert_eq!(out.matches("n\n120\n").count(), 3, "{out}");
    assert!(out.ends_with("still\n5\n") && !out.contains('\u{1b}'), "{out}");
    for verb in ["EXEC", "UPDATE", "DELETE"] {
        assert!(talk.contains(&format!("\\watch repeats reads, and {verb} is none")), "{talk}");
    }
    assert!(world.seen().iter().all(|request| request.starts_with("GET ")));
}

#[tokio::test]
async fn charts_are_drawn_from_the_last_result() {
    let world = World::new().await;
    let lines = format!(
        "SELECT status, count(*) AS n FROM {STREAMS} WHERE app_id = '{APP}' GROUP BY status ORDER BY n DESC;\n\\chart\n\
         SELECT name FROM {STREAMS} WHERE app_id = '{APP}' LIMIT 3;\n\\chart\n"
    );
    let (out, talk) = piped(&world, &lines).await;
    assert!(out.contains("n by status\n") && out.contains("LIVE "), "{out}");
    assert!(out.lines().any(|line| line.starts_with("IDLE ") && line.contains('#')), "no locale, no blocks: {out}");
    assert!(talk.contains("no column of the last result is a number"), "{talk}");
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_longer_than_the_screen_goes_to_the_pager_whole() {
    let world = World::new().await;
    let ended = at_a_terminal(world.program().set("PAGER", "cat > paged"), |t: &mut Terminal| {
        ask(t, &format!("SELECT uid, enabled, meta, created FROM {INPUTS};"));
        t.until("120 rows, 1 request");
        // What fits is shown at once.
        ask(t, "SELECT 1 AS fits;");
        t.shows("│    1 │");
        ask(t, "\\pset pager off");
        ask(t, &format!("SELECT uid, enabled FROM {INPUTS};"));
        t.until("showing 40 of 120 rows");
        ask(t, "\\q");
    })
    .await;
    assert_eq!(ended.code, Some(0));
    let paged = std::fs::read_to_string(ended.folder.path().join("paged")).unwrap();
    assert_eq!(paged.lines().count(), 124, "{paged}");
    assert!(
        paged.lines().next().unwrap().contains('┬') && paged.lines().nth(1).unwrap().contains("created"),
        "{paged}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_pager_that_is_left_ends_the_read_and_the_first_rows_need_not_wait_for_the_last() {
    let world = World::new().await;
    // The seventh page never comes.
    let hang = Fault {
        query_contains: Some("page_no=7".to_owned()),
        times: usize::MAX,
        ..Fault::once("/livestreams", FaultKind::Hang)
    };
    world.sandbox.add_fault(hang);
    let ended = at_a_terminal(world.program().set("PAGER", "head -n 5"), |t: &mut Terminal| {
        ask(t, &format!("SELECT id, status FROM {STREAMS} WHERE app_id = '{APP}';"));
        t.shows("│ id ");
        t.until("the rest was not asked for; _ holds the");
        ask(t, "SELECT count(*) BETWEEN 1 AND 2400 AS some FROM _;");
        t.shows("│ true");
        ask(t, "\\q");
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn less_scrolls_and_the_prompt_comes_back() {
    let world = World::new().await;
    if !std::path::Path::new("/usr/bin/less").exists() {
        eprintln!("left out: this machine has no less");
        return;
    }
    let ended = at_a_terminal(world.program(), |t: &mut Terminal| {
        ask(t, &format!("SELECT uid, created FROM {INPUTS} ORDER BY uid;"));
        t.sees(|screen| screen.lines().last().is_some_and(|line| line.starts_with(':')));
        t.type_in("G");
        t.sees(|screen| screen.contains('└'));
        t.type_in("q");
        t.until("120 rows");
        ask(t, "\\q");
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn rows_stand_in_a_table_or_below_each_other_as_the_terminal_is_wide() {
    let world = World::new().await;
    let ended = at_a_terminal_of(world.program(), &["shell"], (30, 120), |t: &mut Terminal| {
        let sql = "SELECT 'a value of some length' AS first_column, 'and another value' AS second_column;";
        ask(t, "\\x auto");
        ask(t, sql);
        t.shows("│ a value of some length │ and another value │");
        t.resize(30, 44);
        ask(t, sql);
        t.shows("first_column  │ a value of some length");
        t.shows("─[ row 1 ]─");
        ask(t, "\\x off");
        ask(t, sql);
        t.until("stand in a table");
        // Fitted: what is cut is marked, and no line is wider than the terminal.
        t.shows("…");
        t.shows("┌");
        // Not what stands on the screen already: `line` looks for what it has typed.
        ask(t, "\\x on");
        ask(t, "SELECT 1 AS one;");
        t.shows("one │ 1");
        ask(t, "\\q");
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn wide_characters_fit_a_narrow_terminal() {
    let world = World::new().await;
    let ended = at_a_terminal_of(world.program(), &["shell"], (24, 40), |t: &mut Terminal| {
        ask(t, "SELECT repeat('日本語', 20) AS wide, '👩‍👩‍👧é' AS x, 5 AS n;");
        t.shows("└");
        let rows = t.rows();
        let top = rows.iter().position(|row| row.starts_with('┌')).unwrap();
        assert!(rows[top].ends_with('┐') && rows[top + 1].ends_with('│') && rows[top + 3].ends_with('│'), "{rows:#?}");
        assert!(rows[top + 3].contains("日本語") && rows[top + 3].contains('…'), "{rows:#?}");
        ask(t, "\\q");
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn a_slow_statement_shows_a_live_line_that_leaves_no_trace() {
    let world = World::new().await;
    let slow = Fault { times: usize::MAX, skip: 3, ..Fault::once("/livestreams", FaultKind::Slow { ms: 700 }) };
    world.sandbox.add_fault(slow);
    let ended = at_a_terminal(world.program().set("PAGER", "cat > paged"), |t: &mut Terminal| {
        ask(t, &format!("SELECT count(name) AS n FROM {STREAMS} WHERE app_id = '{APP}';"));
        t.shows("requests/s");
        t.shows("/2500 rows");
        t.until("2500");
        t.until("1 row, ");
        t.ready("weir>");
        assert!(!t.screen().contains("requests/s"), "{}", t.screen());
        ask(t, "SELECT 1 AS quick;");
        ask(t, "\\q");
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_ends_a_slow_statement_in_the_pager_and_out_of_it() {
    let world = World::new().await;
    let hang = Fault {
        query_contains: Some("page_no=7".to_owned()),
        times: usize::MAX,
        ..Fault::once("/livestreams", FaultKind::Hang)
    };
    world.sandbox.add_fault(hang);
    let ended = at_a_terminal(world.program().set("PAGER", "trap '' INT; cat"), |t: &mut Terminal| {
        let sql = format!("SELECT id, status FROM {STREAMS} WHERE app_id = '{APP}';");
        // Rows are on the screen while the rest is still to come. The pager stays when it is interrupted, as less does.
        ask(t, &sql);
        t.shows("│ IDLE");
        t.type_in(CTRL_C);
        t.until("interrupted");
        ask(t, "\\pset pager off");
        ask(t, &sql.replace("id, status", "count(name)"));
        t.shows("requests/s");
        t.type_in(CTRL_C);
        t.until("interrupted");
        ask(t, "SELECT 6 * 7 AS answer;");
        t.shows("42");
        ask(t, "\\q");
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn watching_redraws_in_place_and_marks_what_changed() {
    let world = World::new().await;
    let uid =
        world.rows(&format!("SELECT uid FROM {INPUTS} WHERE enabled ORDER BY created LIMIT 1")).await[0]["uid"].clone();
    let uid = uid.as_str().unwrap().to_owned();
    let (tell, told) = channel::<()>();
    let watched = uid.clone();
    let person = at_a_terminal(world.program(), move |t: &mut Terminal| {
        ask(t, &format!("SELECT uid, enabled FROM {INPUTS} WHERE uid = '{watched}' \\watch 3"));
        t.until("1 row, 1 request");
        let marked = |t: &mut Terminal, text: &str| {
            let row = t.row_of(text);
            let cells = (0..80).map(|column| t.cell(row, column)).filter(|cell| cell.inverse());
            cells.map(|cell| cell.contents().to_owned()).collect::<String>()
        };
        assert_eq!(marked(t, "│ true"), "", "nothing has changed yet");
        tell.send(()).unwrap();
        t.shows("│ false");
        assert_eq!(marked(t, "│ false").trim(), "false", "the cell that changed, and no other");
        // Drawn in the same place: there is one table on the screen.
        assert_eq!(t.screen().matches('└').count(), 1, "{}", t.screen());
        t.type_in(CTRL_C);
        ask(t, "SELECT 1 AS after;");
        t.shows("after");
        ask(t, "\\q");
    });
    let changer = async {
        let told = tokio::task::spawn_blocking(move || told.recv_timeout(LONG_ENOUGH)).await.unwrap();
        if told.is_ok() {
            world.run(&format!("EXEC {INPUTS}.disable @uid = '{uid}'")).await;
        }
    };
    let (ended, ()) = tokio::join!(person, changer);
    assert_eq!(ended.code, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn a_statement_is_edited_in_the_editor_of_the_environment() {
    let world = World::new().await;
    let program = world
        .program()
        .file("edit.sh", "sed -i.bak 's/1 AS/2 AS/' \"$1\"\n")
        .file("draft.sh", "printf 'SELECT 3 AS draft' > \"$1\"\n")
        .set("PATH", "/usr/bin:/bin");
    let lines = "SELECT 1 AS edited;\n\\! true\n\\e\nSELECT 1 AS typed \\e\n\\e\n\\g\n";
    let ran = program.set("EDITOR", "sh edit.sh").arguments(["-o", "csv", "shell"]).input(lines).run().await.code(0);
    assert_eq!(ran.out, "edited\n1\nedited\n2\ntyped\n2\n", "{}", ran.talk);
    ran.says(&["it does not end with `;`", "nothing was changed"]);
    let program =
        world.program().file("draft.sh", "printf 'SELECT 3 AS draft' > \"$1\"\n").set("PATH", "/usr/bin:/bin");
    let ran = program.set("VISUAL", "sh draft.sh").arguments(["-o", "csv", "shell"]).input("\\e\n\\g\n").run().await;
    assert_eq!(ran.code(0).says(&["it does not end with `;`"]).out, "draft\n3\n");
}
