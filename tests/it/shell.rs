//! The interactive shell, typed at through a terminal (`script` lends one) and fed through a pipe.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::channel;

use weir::sandbox::{Fault, FaultKind};

use crate::harness::{Program, World};
use crate::terminal::{CTRL_C, CTRL_D, CTRL_R, LONG_ENOUGH, Terminal, UP, at_a_terminal, at_a_terminal_of};

#[tokio::test]
async fn statements_span_lines_ctrl_c_clears_and_the_history_remembers() {
    let world = World::new().await;
    let ended = at_a_terminal(world.program(), |t| {
        t.ready("weir>");
        t.line("SELECT 40 +");
        t.line(" 2 AS answer;");
        t.until("42");
        t.ready("weir>");
        t.type_in("SELECT 'thrown away");
        t.shows("thrown away");
        t.type_in(CTRL_C);
        t.ready("weir>");
        t.line("USE cloudflare.stream;");
        t.ready("weir:cloudflare.stream>");
        t.line("SELECT nonsense FROM live_inputs;");
        t.until("error: ");
        t.until("hint: ");
        t.ready("weir:cloudflare.stream>");
        t.line("SELECT count(*) AS n FROM live_inputs;");
        t.until("120");
        t.until("1 row, ");
        t.ready("weir:cloudflare.stream>");
        t.line("EXEC live_inputs.disable @uid = 'x', @stream_key = 'canary-typed';");
        t.ready("weir:cloudflare.stream>");
        // One up is what was typed before that, because that is forgotten at once.
        t.type_in(UP);
        t.shows("count(*)");
        t.line("");
        t.until("120");
        t.ready("weir:cloudflare.stream>");
        t.line("\\q");
    })
    .await;
    assert_eq!(ended.code, Some(0));
    let history = ended.history;
    assert!(history.contains("SELECT 40 +") && history.contains("USE cloudflare.stream"), "{history}");
    assert!(!history.contains("canary") && !history.contains("thrown away"), "{history}");
}

#[tokio::test]
async fn ctrl_c_stops_a_statement_and_the_shell_goes_on() {
    let world = World::new().await;
    world.sandbox.add_fault(Fault::once("/live_inputs", FaultKind::Hang));
    let program = world.program();
    let (tell, told) = channel::<()>();
    let person = at_a_terminal(program, move |t| {
        t.ready("weir>");
        t.line("SELECT uid FROM cloudflare.stream.live_inputs;");
        told.recv_timeout(LONG_ENOUGH).unwrap();
        t.type_in(CTRL_C);
        t.until("interrupted");
        t.ready("weir>");
        t.line("SELECT count(uid) AS n FROM cloudflare.stream.live_inputs;");
        t.until("120");
        t.ready("weir>");
        t.type_in(CTRL_D);
    });
    let server = async {
        while world.sandbox.requests().is_empty() {
            tokio::task::yield_now().await;
        }
        tell.send(()).unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = person => assert_eq!(ended.code, Some(0)),
        () = server => {}
    }
}

/// Where the simulation says that somebody is in the shell.
const SANDBOX: &str = "weir(sandbox)>";

/// Documents are read beside the typing: types something behind `text` and takes it away until the hint is there.
#[track_caller]
fn hinted(t: &mut Terminal, text: &str, hint: &str) {
    let begun = std::time::Instant::now();
    while begun.elapsed() < LONG_ENOUGH {
        t.type_in("~");
        t.shows(&format!("{text}~"));
        t.type_in("\x7f");
        t.hides("~");
        if t.screen().contains(&format!("{text}{hint}")) {
            return;
        }
    }
    panic!("no hint {hint:?}:\n{}", t.screen());
}

#[tokio::test]
async fn tab_completes_names_and_shows_what_may_follow() {
    let world = World::new().await;
    let ended = at_a_terminal(world.program(), |t| {
        t.ready("weir>");
        t.type_in("SELECT name FROM cloudflare.realtime_kit.livestreams");
        hinted(t, "livestreams", "  needs app_id");
        t.type_in(" WHERE \t");
        t.shows("app_id (required by livestreams)");
        t.type_in("app_id = 'x' AND status = '\t");
        t.shows("IDLE");
        t.type_in("L\t");
        t.shows("status = 'LIVE'");
        t.sees(|screen| !screen.ends_with("needs app_id"));
        t.type_in(CTRL_C);
        t.ready("weir>");
        t.type_in("EXEC cloudflare.stream.live_inputs.disable");
        hinted(t, "live_inputs.disable", "  needs @");
        t.type_in(CTRL_C);
        t.ready("weir>");
        t.type_in("SELECT uid, status FROM cloudf\t");
        t.shows("FROM cloudflare.");
        t.type_in("str\t");
        t.shows("FROM cloudflare.stream.");
        t.type_in("live\t");
        t.shows("live_inputs         live_input_outputs");
        t.type_in("s");
        t.shows("FROM cloudflare.stream.live_inputs");
        t.type_in(" WHE\t");
        t.shows("live_inputs WHERE");
        t.type_in(" status_r\t");
        t.shows("WHERE status_reason");
        t.type_in(CTRL_C);
        t.ready("weir>");
        t.type_in("EXEC cloudflare.stream.live_inputs.disable ");

        t.type_in("@u\t");
        t.shows("disable @uid =");
        t.type_in(CTRL_C);
        t.ready("weir>");
        t.line("CREATE TABLE mine AS SELECT 1 AS my_column;");
        t.ready("weir>");
        t.type_in("SELECT m. FROM mine AS m\x01\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\x1b[C\t");
        t.shows("SELECT m.my_column FROM mine AS m");
        t.type_in(CTRL_C);
        t.ready("weir>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(world.seen(), Vec::<String>::new(), "completion sends nothing");
}

#[tokio::test]
async fn files_are_completed_where_a_path_belongs() {
    let program = Program::new().file("data/people.csv", "name\nAda\n");
    let ended = at_a_terminal(program, |t| {
        t.ready("weir>");
        t.type_in("SELECT name FROM 'da\t");
        t.shows("FROM 'data/");
        t.type_in("p\t");
        t.shows("FROM 'data/people.csv'");
        t.line(";");
        t.until("Ada");
        t.ready("weir>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[tokio::test]
async fn what_is_open_is_said_on_the_next_line_and_ctrl_c_tells_how_to_leave_only_when_nothing_was_typed() {
    let ended = at_a_terminal(Program::new(), |t| {
        t.ready("weir>");
        t.line("SELECT (1,");
        t.shows("-- ( of line 1 is open");
        t.line("2) -- it's");
        t.shows("-- ; ends the statement");
        t.hides("of line 1 is open");
        t.type_in(CTRL_C);
        t.ready("weir>");
        assert!(!t.screen().contains("leaves"), "{}", t.screen());
        t.type_in(CTRL_C);
        t.shows("\\q or Ctrl-D leaves");
        t.ready("weir>");
        t.line("EXIT");
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[tokio::test]
async fn statements_are_coloured_unless_nobody_wants_it() {
    let ended = at_a_terminal(Program::new(), |t| {
        t.ready("weir>");
        t.type_in("SELECT 'x', (1)");
        t.shows("SELECT 'x', (1)");
        let row = t.row_of("SELECT 'x'");
        t.sees(|screen| screen.ends_with("(1)"));
        assert!(t.cell(row, 6).bold() && t.cell(row, 6).fgcolor() == vt100::Color::Idx(4), "a keyword");
        assert_eq!(t.cell(row, 14).fgcolor(), vt100::Color::Idx(2), "a string");
        assert!(t.cell(row, 18).inverse() && t.cell(row, 20).inverse(), "brackets that match");
        t.type_in(" AS a, (2) AS b;\x1b[D");
        t.shows("(2) AS b;");
        t.type_in("\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\r");
        t.until("1 row");
        t.ready("weir>");
        assert!((0..40).all(|column| !t.cell(row, column).inverse()), "what is left behind has no mark");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let ended = at_a_terminal(Program::new().set(name, value), |t| {
            t.ready("weir>");
            t.type_in("SELECT 'x' AS a;\r");
            t.until("1 row");
            let row = t.row_of("SELECT 'x'");
            let plain = vt100::Color::Default;
            assert!((0..20).all(|column| t.cell(row, column).fgcolor() == plain && !t.cell(row, column).bold()));
            t.ready("weir>");
            t.type_in(CTRL_D);
        })
        .await;
        assert_eq!(ended.code, Some(0), "{name}");
    }
}

#[tokio::test]
async fn the_history_recalls_whole_statements_over_sessions_and_is_for_nobody_else() {
    let program = Program::new();
    let path = program.folder.path().join("state/history");
    let program = program.set("WEIR_HISTORY", path.to_str().unwrap());
    let ended = at_a_terminal(program, |t| {
        t.ready("weir>");
        t.line("SELECT 'first'");
        t.line(" AS a;");
        t.until("1 row");
        t.ready("weir>");
        for _ in 0..2 {
            t.line("SELECT 'second' AS b;");
            t.until("1 row");
            t.ready("weir>");
        }
        t.line("SET retry_delay = 'hunter-token=abc';");
        t.ready("weir>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
    let folder = ended.folder;
    let text = std::fs::read_to_string(folder.path().join("state/history")).unwrap();
    assert!(!text.contains("hunter"), "{text}");
    assert_eq!(text.matches("second").count(), 1, "{text}");
    let mode = |path: &str| std::fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("state"), mode("state/history")), (0o700, 0o600));
    let program = Program::new().set("WEIR_HISTORY", path.to_str().unwrap());
    let ended = at_a_terminal(program, |t| {
        t.ready("weir>");
        t.type_in(UP);
        t.shows("'second'");
        t.type_in(UP);
        t.shows("weir> SELECT 'first'\n AS a;");
        t.type_in(CTRL_C);
        t.ready("weir>");
        t.type_in(CTRL_R);
        t.type_in("sec");
        t.shows("SELECT 'second' AS b;");
        t.type_in("\r");
        t.until("1 row");
        t.ready("weir>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[tokio::test]
async fn keys_can_be_those_of_vi() {
    let program = Program::new().file("inputrc", "set editing-mode vi\n");
    let path = program.folder.path().join("inputrc");
    let ended = at_a_terminal(program.set("INPUTRC", path.to_str().unwrap()), |t| {
        t.ready("weir>");
        t.type_in("SELECT 1 AS wrong");
        t.shows("AS wrong");
        // Escape, back a word, change it.
        t.type_in("\x1b");
        t.type_in("bcwright;");
        t.shows("AS right;");
        t.type_in("\r");
        t.until("right");
        t.until("1 row");
        t.ready("weir>");
        t.line("\\set EDIT_MODE emacs");
        t.ready("weir>");
        t.type_in("1 AS e;\x01SELECT ");
        t.shows("SELECT 1 AS e;");
        t.type_in("\r");
        t.until("1 row");
        t.ready("weir>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[tokio::test]
async fn two_hundred_pasted_lines_run_once_each_and_in_order() {
    let lines: Vec<String> = (0..200).map(|n| format!("SELECT {n} * 1000 + 7 AS n; -- it's {n}")).collect();
    let ended = at_a_terminal(Program::new(), move |t| {
        t.ready("weir>");
        t.paste(&lines.join("\n"));
        t.shows("-- it's 199");
        t.type_in("\r");
        for n in 0..200 {
            let before = t.until(&format!("│ {} │", n * 1000 + 7));
            assert_eq!(before.matches("1 row").count(), usize::from(n > 0), "{before}");
        }
        t.until("1 row");
        t.ready("weir>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
    let history = ended.history;
    assert!(history.contains("it's 0") && history.contains("it's 199"), "recalled as it was pasted");
}

/// Some terminals send a paste as if it were typed: each line with its Enter, faster than it can be run.
#[tokio::test]
async fn two_hundred_lines_that_come_faster_than_they_run_all_run_in_their_order() {
    let typed: Vec<String> = (0..200).map(|n| format!("SELECT {n} * 1000 + 7 AS n; -- it's {n}\r")).collect();
    let ended = at_a_terminal(Program::new(), move |t| {
        t.ready("weir>");
        t.type_in(&typed.concat());
        for n in 0..200 {
            let before = t.until(&format!("│ {} │", n * 1000 + 7));
            assert_eq!(before.matches("1 row").count(), usize::from(n > 0), "{before}");
        }
        t.until("1 row");
        t.ready("weir>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
    assert!(ended.history.contains("it's 199"), "recalled as it was pasted");
}

#[tokio::test]
async fn a_new_size_and_wide_characters_keep_the_line_whole() {
    let ended = at_a_terminal(Program::new(), |t| {
        t.ready("weir>");
        t.type_in("SELECT '日本語のライブ配信' AS 名前, 'é👍🏽' AS b");
        t.shows("AS b");
        t.resize(24, 30);
        t.type_in(", 'and more than a line' AS c;");
        t.sees(|screen| screen.replace('\n', "").contains("'and more than a line' AS c;"));
        t.resize(24, 100);
        t.type_in("\r");
        t.until("日本語のライブ配信");
        t.until("1 row");
        t.ready("weir>");
        t.type_in("SELECT '日本");
        t.shows("'日本");
        // One key takes one character away.
        t.type_in("\x7f語';");
        t.shows("SELECT '日語';");
        t.type_in("\r");
        t.until("1 row");
        t.ready("weir>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[tokio::test]
async fn the_prompt_tells_of_the_sandbox_and_of_use() {
    let ended = at_a_terminal_of(Program::new(), &["shell", "--sandbox"], (24, 80), |t| {
        t.ready(SANDBOX);
        assert!(!t.screen().contains("credentials"), "{}", t.screen());
        t.line("USE cloudflare.stream;");
        t.ready("weir(sandbox):cloudflare.stream>");
        t.line("SELECT count(*) FROM live_inputs;");
        t.until("120");
        t.ready("weir(sandbox):cloudflare.stream>");
        t.line("quit;");
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[tokio::test]
async fn the_prompt_tells_of_a_session_that_only_reads() {
    let arguments = &["shell", "--sandbox", "--read-only"];
    let ended = at_a_terminal_of(Program::new(), arguments, (24, 80), |t| {
        t.ready("weir(sandbox, read-only)>");
        t.line("DELETE FROM cloudflare.stream.live_inputs WHERE uid = 'x';");
        t.until("error: ");
        t.ready("weir(sandbox, read-only)>");
        t.line("SET read_only = off;");
        t.until("stays so");
        t.ready("weir(sandbox, read-only)>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
    let ended = at_a_terminal(Program::new(), |t| {
        t.ready("weir>");
        t.line("SET read_only = on;");
        t.ready("weir(read-only)>");
        t.line("SET read_only = off;");
        t.ready("weir>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[tokio::test]
async fn what_was_typed_is_listed_and_written_to_a_file_without_its_secrets() {
    let ended = at_a_terminal(Program::new(), |t| {
        t.ready("weir>");
        t.line("SELECT 1 AS first;");
        t.until("1 row");
        t.ready("weir>");
        t.line("\\set token canary-typed");
        t.ready("weir>");
        t.line("\\s typed.sql");
        t.ready("weir>");
        t.type_in("\x0c");
        t.hides("canary");
        t.line("\\s");
        t.shows("SELECT 1 AS first;\n\\s typed.sql");
        t.ready("weir>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
    let typed = std::fs::read_to_string(ended.folder.path().join("typed.sql")).unwrap();
    assert_eq!(typed, "SELECT 1 AS first;\n");
}

#[tokio::test]
async fn habits_from_other_shells_are_understood_or_answered() {
    let ended = at_a_terminal(Program::new(), |t| {
        t.ready("weir>");
        t.line(".tables");
        t.until("here it is \\d;");
        t.ready("weir>");
        t.line("SELECT 1 AS a\\G");
        t.until("a │ 1");
        t.ready("weir>");
        // In the middle of a statement, too.
        t.line("SELECT 1");
        t.shows("; ends the statement");
        t.line("\\q");
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[tokio::test]
async fn changes_and_settings_are_completed() {
    let world = World::new().await;
    let ended = at_a_terminal(world.program(), |t| {
        t.ready("weir>");
        t.line("USE cloudflare.stream;");
        t.ready("weir:cloudflare.stream>");
        t.type_in("DELETE FROM live_inputs");
        hinted(t, "FROM live_inputs", "  needs uid");
        t.type_in(" WHERE \t");
        t.shows("uid (names the row)");
        t.type_in("NOT enabled");
        t.sees(|screen| screen.ends_with("NOT enabled"));
        t.type_in(CTRL_C);
        t.ready("weir:cloudflare.stream>");
        t.type_in("UPDATE live_inputs SET ena\t");
        t.shows("SET enabled");
        t.type_in(CTRL_C);
        t.ready("weir:cloudflare.stream>");
        t.type_in("EXEC live_inputs.disable FROM live_inputs WHERE ena\t");
        t.shows("WHERE enabled");
        t.sees(|screen| screen.ends_with("WHERE enabled"));
        t.type_in(CTRL_C);
        t.ready("weir:cloudflare.stream>");
        t.type_in("SET on_error = c\t;");
        t.shows("SET on_error = continue;");
        t.type_in("\r");
        t.until("on_error set");
        t.ready("weir:cloudflare.stream>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(world.seen(), Vec::<String>::new(), "completion sends nothing");
}

#[tokio::test]
async fn a_first_start_tells_how_to_get_credentials_and_what_works_without() {
    let ended = at_a_terminal(Program::new(), |t| {
        t.ready("weir>");
        let screen = t.screen();
        for words in ["set CLOUDFLARE_API_TOKEN", "https://dash.cloudflare.com/", "weir shell --sandbox"] {
            assert!(screen.contains(words), "{words}: {screen}");
        }
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
    let program = Program::new().set("CLOUDFLARE_API_TOKEN", "canary-token-123456");
    let ended = at_a_terminal(program, |t| {
        t.ready("weir>");
        assert!(!t.screen().contains("credentials"), "{}", t.screen());
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
}

#[tokio::test]
async fn the_rc_file_runs_first_and_its_errors_stop_nothing() {
    let rc = "-- mine\nSET max_requests = 77;\n\\nonsense\nSELECT 1 AS a,\n  nope AS b;\nUSE cloudflare.stream;\n";
    let with_rc = || {
        let program = Program::new().file("config/weir/rc", rc);
        let folder = program.folder.path().join("config");
        program.set("XDG_CONFIG_HOME", folder.to_str().unwrap())
    };
    let ended = at_a_terminal(with_rc(), |t| {
        t.ready("weir:cloudflare.stream>");
        t.shows("there is no command \\nonsense");
        t.shows("rc:5:3");
        t.line("SHOW max_requests;");
        t.until("77");
        t.ready("weir:cloudflare.stream>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
    let ran = with_rc().arguments(["shell"]).input("\\q\n").run().await.code(0);
    ran.says(&[
        "rc:3:1: there is no command \\nonsense",
        "rc:5:3: there is no column `nope`",
        "using cloudflare.stream",
    ]);
    let ran = with_rc().arguments(["shell", "--no-rc"]).input("\\q\n").run().await.code(0);
    assert!(!ran.talk.contains("nonsense"), "{}", ran.talk);
    let program = with_rc().file("other", "\\q\nSELECT 1;\n").set("WEIR_RC", "other");
    let ran = program.arguments(["shell"]).input("SELECT 'not reached';").run().await.code(0);
    assert_eq!(ran.out, "");
}

#[tokio::test]
async fn an_error_is_drawn_into_its_line_on_a_terminal_and_one_line_elsewhere() {
    let world = World::new().await;
    let ended = at_a_terminal(world.program(), |t| {
        t.ready("weir>");
        t.line("SELECT uid, 'ü日' AS x,");
        t.line("  statsu FROM cloudflare.stream.live_inputs;");
        t.shows("error: there is no column `statsu`");
        t.shows("2 |   statsu FROM cloudflare.stream.live_inputs;\n  |   ^^^^^^");
        t.shows("hint: did you mean `status`");
        t.ready("weir>");
        t.line("SELECT 1 AS a; SELECT 2 AS;");
        t.shows("^");
        t.ready("weir>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
    let size = (24, 80);
    let arguments = &["exec", "-i", "s.sql"];
    let program = Program::new().file("s.sql", "SELECT 1 AS a;\nSELECT\tnope;\n");
    let ended = at_a_terminal_of(program, arguments, size, |t| {
        t.shows("--> s.sql:2:8");
        t.shows("2 | SELECT    nope;\n  |           ^^^^");
    })
    .await;
    assert_eq!(ended.code, Some(1));
    let ran = Program::new().file("s.sql", "SELECT 1 AS a;\nSELECT\tnope;\n").arguments(["exec", "-i", "s.sql"]);
    let ran = ran.run().await.code(1);
    assert!(ran.talk.starts_with("error: s.sql:2:8: there is no column `nope`\n"), "{}", ran.talk);
}

#[tokio::test]
async fn the_shell_reads_a_pipe_goes_on_after_an_error_and_needs_no_terminal() {
    let world = World::new().await;
    let lines = "USE cloudflare.stream;\nSELECT 1 AS a,\n  2 AS b;\nSELECT nonsense FROM live_inputs;\nSELECT count(*) AS n FROM live_inputs; SELECT 3 AS c;\n\\nonsense\n\\?\n\\q\nSELECT 'not reached';\n";
    let ran = world.program().arguments(["-o", "csv", "shell"]).input(lines).run().await.code(0);
    assert_eq!(ran.out, "a,b\n1,2\nn\n120\nc\n3\n");
    ran.says(&[
        "using cloudflare.stream",
        "there is no column `nonsense`",
        "there is no command \\nonsense",
        "SHOW PROVIDERS",
        "1 row, 1 request",
    ]);
    // The end of the input ends the shell, and what was not finished is not run.
    let ran =
        world.program().arguments(["-o", "csv", "shell"]).input("SELECT 1 AS a;\nSELECT 2 AS b\n").run().await.code(0);
    assert!(ran.out.starts_with("a\n1\n"), "{}", ran.out);
    let ran = Program::new().arguments(["shell", "--sandbox"]).input("\\q\n").run().await.code(0);
    ran.says(&["simulation"]);
}

/// A provider of a hundred services; one of them has eleven hundred resources.
fn large_registry(program: Program) -> Program {
    let mut provider = "name: huge\nversion: v1\nproviderServices:\n".to_owned();
    let mut program = program;
    for n in 0..100 {
        let _ = writeln!(
            provider,
            "  svc_{n:03}: {{id: 'svc_{n:03}:v1', name: svc_{n:03}, preferred: true, service: {{$ref: services/svc_{n:03}.yaml}}, title: s, version: v1, description: d}}"
        );
    }
    let mut service =
        "openapi: 3.0.0\ninfo: {title: t, version: v1}\nservers: [{url: 'http://127.0.0.1:1'}]\npaths:\n".to_owned();
    let mut resources = "components:\n  x-stackQL-resources:\n".to_owned();
    for n in 0..1_100 {
        let _ = writeln!(
            service,
            "  /r{n}:\n    get:\n      operationId: list{n}\n      parameters: [{{name: need_{n}, in: query, required: true, schema: {{type: string}}}}]\n      responses:\n        '200': {{description: ok, content: {{application/json: {{schema: {{type: array, items: {{type: object, properties: {{id: {{type: string}}, name: {{type: string}}}}}}}}}}}}}}"
        );
        let _ = writeln!(
            resources,
            "    res_{n:04}:\n      id: huge.svc_000.res_{n:04}\n      name: res_{n:04}\n      title: r\n      methods:\n        list: {{operation: {{$ref: '#/paths/~1r{n}/get'}}, response: {{mediaType: application/json, openAPIDocKey: '200'}}}}\n      sqlVerbs: {{select: [{{$ref: '#/components/x-stackQL-resources/res_{n:04}/methods/list'}}], insert: [], update: [], delete: [], replace: []}}"
        );
    }
    program = program.file("large/huge/provider.yaml", &provider);
    program.file("large/huge/services/svc_000.yaml", &(service + &resources))
}

#[tokio::test]
async fn a_large_service_is_read_beside_the_typing_and_no_key_waits_for_it() {
    let program = large_registry(Program::new());
    let arguments = &["shell", "--registry", "large"];
    let ended = at_a_terminal_of(program, arguments, (24, 80), |t| {
        t.ready("weir>");
        t.type_in("SELECT * FROM huge.svc_000.res_0007");
        hinted(t, "huge.svc_000.res_0007", "  needs need_7");
        t.type_in(CTRL_C);
        t.ready("weir>");
        let begun = std::time::Instant::now();
        t.type_in("SELECT * FROM huge.svc_000.res_109\t5 WH\t");
        t.shows("res_1095 WHERE");
        // A thousand names are looked through in a moment, even in a build that is not optimised.
        assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
        t.type_in(CTRL_C);
        t.ready("weir>");
        t.type_in(CTRL_D);
    })
    .await;
    assert_eq!(ended.code, Some(0));
}
