//! The formats as the program writes them: to a pipe, to a file by its ending, and by COPY; what hostile values become in
//! each, and what a browser makes of the page.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Program, World};

/// Values that mean something to some format, a text beyond ASCII, a NULL and an empty text.
const HOSTILE: &str = "SELECT * FROM (VALUES \
    (1, 'a|b,c\t\"d\"', '</script><img src=x onerror=alert(1)>', '日本', 9007199254740993), \
    (2, 'it''s; DROP', '*x* `y` \\ [l](u)', NULL, -9223372036854775808), \
    (3, '', 'two\nlines', '', NULL)) AS t (n, a, b, c, big)";

async fn written(format: &str, sql: &str) -> String {
    Program::new().arguments(["-o", format]).exec(sql).await.code(0).out
}

#[tokio::test]
async fn every_text_format_keeps_hostile_values_apart() {
    for (format, expected) in [
        (
            "tsv",
            "n\ta\tb\tc\tbig\n\
             1\t\"a|b,c\t\"\"d\"\"\"\t</script><img src=x onerror=alert(1)>\t日本\t9007199254740993\n\
             2\tit's; DROP\t*x* `y` \\ [l](u)\t\t-9223372036854775808\n\
             3\t\"\"\t\"two\nlines\"\t\"\"\t\n",
        ),
        (
            "markdown",
            "| n | a | b | c | big |\n|--:|---|---|---|--:|\n\
             | 1 | a\\|b,c \"d\" | \\</script>\\<img src=x onerror=alert(1)> | 日本 | 9007199254740993 |\n\
             | 2 | it's; DROP | \\*x\\* \\`y\\` \\\\ \\[l\\](u) | NULL | -9223372036854775808 |\n\
             | 3 |  | two<br>lines |  | NULL |\n",
        ),
        (
            "insert",
            "INSERT INTO \"rows\" (\"n\", \"a\", \"b\", \"c\", \"big\") VALUES \
             (1, 'a|b,c\t\"d\"', '</script><img src=x onerror=alert(1)>', '日本', 9007199254740993);\n\
             INSERT INTO \"rows\" (\"n\", \"a\", \"b\", \"c\", \"big\") VALUES \
             (2, 'it''s; DROP', '*x* `y` \\ [l](u)', NULL, -9223372036854775808);\n\
             INSERT INTO \"rows\" (\"n\", \"a\", \"b\", \"c\", \"big\") VALUES \
             (3, '', 'two\nlines', '', NULL);\n",
        ),
    ] {
        assert_eq!(written(format, HOSTILE).await, expected, "{format}");
    }
    let spec: Value = serde_json::from_str(&written("vega", HOSTILE).await).unwrap();
    assert_eq!(spec["data"]["values"][0]["big"], 9_007_199_254_740_993_i64);
    assert_eq!(spec["data"]["values"][1]["c"], Value::Null);
}

#[tokio::test]
async fn a_file_has_the_format_of_its_ending_and_copy_writes_the_same() {
    let endings = ["csv", "tsv", "jsonl", "ndjson", "md", "html", "vl.json", "sql", "arrows"];
    let mut copies = String::new();
    for ending in endings {
        let _ = write!(copies, "COPY ({HOSTILE}) TO 'new/copy.{ending}'; ");
    }
    let _ = write!(
        copies,
        "COPY ({HOSTILE}) TO 'table.txt' STORED AS TABLE; COPY ({HOSTILE}) TO 'vertical' STORED AS VERTICAL"
    );
    let program = Program::new().arguments(["exec", copies.as_str()]);
    let (ran, copied) = program.run_kept().await;
    assert_eq!(ran.code(0).talk, "3 rows written\n".repeat(endings.len() + 2));
    for ending in endings {
        let name = format!("out.{ending}");
        let (ran, folder) = Program::new().arguments(["-f", name.as_str(), "exec", HOSTILE]).run_kept().await;
        assert_eq!(ran.code(0).out, "", "{ending}");
        let read = |folder: &Path, name: &str| std::fs::read(folder.join(name)).unwrap();
        let (file, copy) = (read(folder.path(), &name), read(copied.path(), &format!("new/copy.{ending}")));
        assert!(file == copy && !file.is_empty(), "{ending}");
        if ending != "arrows" {
            let format = if ending == "vl.json" { "vega" } else { ending };
            assert_eq!(String::from_utf8(file).unwrap(), written(format, HOSTILE).await, "{ending}");
        }
    }
    let table = std::fs::read_to_string(copied.path().join("table.txt")).unwrap();
    assert_eq!(table, written("table", HOSTILE).await);
    // What an ending tells, -o overrules; what tells nothing is a table.
    let (_, folder) = Program::new().arguments(["-f", "x.csv", "-o", "json", "exec", "SELECT 1 AS a"]).run_kept().await;
    assert_eq!(std::fs::read_to_string(folder.path().join("x.csv")).unwrap(), "[{\"a\":1}]\n");
}

#[tokio::test]
async fn parquet_and_arrow_are_read_back_as_they_were() {
    let sql = "SELECT CAST('2024-02-29T12:30:00.000000001Z' AS TIMESTAMP) AS at, true AS b, 9223372036854775807 AS n, \
               0.1 AS f, '日本' AS t, NULL AS nothing, [1, 2] AS l";
    let plain = written("jsonl", sql).await;
    for name in ["x.parquet", "x.arrow"] {
        for write in [vec!["-f", name, "exec", sql], vec!["exec", &format!("COPY ({sql}) TO '{name}'")]] {
            let (ran, folder) = Program::new().arguments(write.clone()).run_kept().await;
            ran.code(0);
            let path = folder.path().join(name);
            let read = format!("SELECT * FROM '{}'", path.display());
            assert_eq!(written("jsonl", &read).await, plain, "{write:?}");
        }
        let (ran, folder) = Program::new().arguments(["-f", name, "exec", &format!("{sql} LIMIT 0")]).run_kept().await;
        ran.code(0);
        let read = format!("SELECT count(*) AS n, max(n) AS m FROM '{}'", folder.path().join(name).display());
        assert_eq!(written("jsonl", &read).await, "{\"n\":0,\"m\":null}\n", "{name}");
    }
}

#[tokio::test]
async fn what_holds_one_result_refuses_a_second_before_anything_is_sent() {
    let world = World::new().await;
    let write = "INSERT INTO cloudflare.realtime_kit.apps (name) VALUES ('a')";
    for format in ["parquet", "arrow", "arrows", "vega"] {
        for script in [format!("SELECT 1 AS n; {write}; SELECT 2 AS n"), format!("{write} RETURNING id; SELECT 1 AS n")]
        {
            let ran = world.program().arguments(["-o", format]).exec(&script).await.code(2);
            let ran = ran.says(&["holds one result", "nothing was run", "COPY"]);
            assert_eq!((ran.out.as_str(), world.seen()), ("", vec![]), "{format}");
        }
    }
    // Others have room for several.
    let page = written("html", "SELECT 1 AS a; SELECT 2 AS b").await;
    assert_eq!((page.matches("<!doctype").count(), page.matches("<table>").count()), (1, 2));
    assert_eq!(
        written("markdown", "SELECT 1 AS a; SELECT 2 AS b").await,
        "| a |\n|--:|\n| 1 |\n\n| b |\n|--:|\n| 2 |\n"
    );
    let program = world.program().arguments(["-o", "html", "--dry-run"]);
    program.exec(write).await.code(2).says(&["dry run", "-o table"]);
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn switches_say_how_values_are_told_apart() {
    let sql = "SELECT 1 AS a, NULL AS b, '-' AS c, 'x;y' AS d";
    for (switches, expected) in [
        (vec!["-o", "csv", "--separator", ";"], "a;b;c;d\n1;;-;\"x;y\"\n"),
        (vec!["-o", "csv", "--null", "-", "--no-header"], "1,-,\"-\",x;y\n"),
        (vec!["-o", "tsv", "--separator", "|"], "a|b|c|d\n1||-|x;y\n"),
        (
            vec!["-o", "insert", "--into", "a.b"],
            "INSERT INTO a.b (\"a\", \"b\", \"c\", \"d\") VALUES (1, NULL, '-', 'x;y');\n",
        ),
        (vec!["--null", "∅", "--no-header"], "┌───┬───┬───┬─────┐\n│ 1 │ ∅ │ - │ x;y │\n└───┴───┴───┴─────┘\n"),
    ] {
        let ran = Program::new().arguments(switches.clone()).exec(sql).await.code(0);
        assert_eq!((ran.out.as_str(), ran.talk.as_str()), (expected, ""), "{switches:?}");
    }
    for (switches, says) in [
        (vec!["-o", "json", "--separator", ";"], "--separator is nothing for json"),
        (vec!["-o", "html", "--no-header"], "--no-header is nothing for html"),
        (vec!["--into", "x"], "--into is nothing for table"),
        (vec!["-o", "csv", "--separator", "ab"], "cannot separate values"),
        (vec!["-o", "csv", "--null", "a,b"], "cannot stand for NULL"),
    ] {
        Program::new().arguments(switches).exec(sql).await.code(2).says(&[says]);
    }
    let script = "SET strict = true; CREATE TABLE t AS SELECT 1 AS a; SELECT * FROM t";
    let quiet = Program::new().arguments(["-q", "--sandbox", "-o", "csv"]).exec(script).await.code(0);
    assert_eq!((quiet.out.as_str(), quiet.talk.as_str()), ("a\n1\n", ""));
    Program::new().arguments(["-q"]).exec("SELECT nonsense").await.code(1).says(&["nonsense"]);
}

#[tokio::test]
async fn copy_refuses_what_it_cannot_write() {
    for (end, says) in [
        ("'x.xlsx'", "does not tell a format"),
        ("'x'", "does not tell a format"),
        ("'x.csv' STORED AS XLS", "there is no format `XLS`"),
        ("'x.md' OPTIONS ('a' 'b')", "neither OPTIONS nor PARTITIONED BY"),
        ("'s3://b/x.md'", "takes a file"),
        ("'x.vl.json'", "nothing to draw"),
    ] {
        let (ran, folder) =
            Program::new().arguments(["exec", &format!("COPY (SELECT 'a' AS t) TO {end}")]).run_kept().await;
        ran.code(1).says(&[says]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{end}");
    }
}

/// A page as Chromium has it once its script has run. None where there is no Chromium.
fn seen(page: &Path, hash: &str) -> Option<String> {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new("chromium");
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    match command.arg(format!("file://{}#{hash}", page.display())).output() {
        Ok(output) => Some(String::from_utf8(output.stdout).unwrap()),
        Err(error) => {
            eprintln!("WHAT A BROWSER MAKES OF THE PAGE IS NOT CHECKED: chromium cannot be started: {error}");
            None
        }
    }
}

#[tokio::test]
async fn a_browser_sorts_and_filters_and_runs_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    std::fs::write(&page, written("html", HOSTILE).await).unwrap();
    // The first cells of the rows that are shown.
    let order = |dom: &str| -> Vec<String> {
        let body = dom.split_once("<tbody>").unwrap().1;
        let rows = body.split("<tr").skip(1).filter(|row| !row.starts_with(" hidden"));
        rows.map(|row| row.split_once("<td class=\"n\">").unwrap().1.split('<').next().unwrap().to_owned()).collect()
    };
    for (hash, expected) in [
        ("", ["1", "2", "3"].as_slice()),
        // Digits beyond a double's, and NULL last in either order.
        ("sort=big", &["2", "1", "3"]),
        ("sort=-big", &["1", "2", "3"]),
        ("sort=-c", &["1", "3", "2"]),
        ("sort=-n", &["3", "2", "1"]),
        ("filter=DROP+it", &["2"]),
    ] {
        let Some(dom) = seen(&page, hash) else { return };
        assert_eq!(order(&dom), expected, "{hash}");
        assert!(dom.contains("type=\"search\""), "the script has run");
        assert!(!dom.contains("<img"), "a value became an element");
    }
}

#[tokio::test]
async fn the_page_allows_its_own_script_and_no_other() {
    let page = written("html", HOSTILE).await;
    let script = page.split_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
    let digest = ring::digest::digest(&ring::digest::SHA256, script.as_bytes());
    assert!(
        page.contains(&format!("script-src 'sha256-{}'", base64(digest.as_ref()))),
        "SCRIPT_HASH: {}",
        base64(digest.as_ref())
    );
    let rest = page.replace("https://", "");
    assert!(
        !rest.contains("src=\"") && !rest.contains("href=") && !rest.contains("url("),
        "it needs nothing but itself"
    );
    assert_eq!(page.matches("<script").count(), 1);
}

fn base64(bytes: &[u8]) -> String {
    const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let byte = |at: usize| u32::from(part.get(at).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let sign = SIGNS[(bits >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= part.len() { char::from(sign) } else { '=' });
        }
    }
    text
}
