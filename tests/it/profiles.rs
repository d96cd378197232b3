//! What is said outside of statements: the configuration file, its profiles and catalogs, the environment and the command
//! line. Everything through the real program.

use serde_json::json;

use crate::door;
use crate::harness::{Program, World};
use crate::scripted::{Reply, Scripted};

/// The provider `gate`, and the program beside it.
fn program() -> Program {
    let provider = door::provider("x-weir:\n  base_url: {env: GATE_URL}\n  auth: [{bearer: {env: GATE_TOKEN}}]");
    let service = door::service("http://127.0.0.1:9", true);
    Program::new().file("docs/gate/provider.yaml", &provider).file("docs/gate/services/door.yaml", &service)
}

/// A server that gives each account its own things, to those who have its token.
async fn accounts() -> Scripted {
    Scripted::start(|asked| {
        let account = asked.target.split('/').nth(2).unwrap_or_default().to_owned();
        let token = format!("Bearer token-of-{account}");
        match asked.header("authorization") == Some(&token) {
            true => Reply::json(&json!({"items": [{"id": format!("thing of {account}")}], "id": "new"})),
            false => Reply::json(&json!({})).status(403),
        }
    })
    .await
}

const TWO: &str = "
registry = [\"docs\"]
[providers.gate]
credentials = { env = \"HERE\" }
defaults = { account_id = \"here\" }
[catalogs.gate_eu]
provider = \"gate\"
credentials = { command = [\"printf\", \"token-of-there\"] }
defaults = { door = { account_id = \"there\" } }
";

#[tokio::test]
async fn two_accounts_stand_in_one_query_and_no_token_goes_with_the_others_request() {
    let server = accounts().await;
    let of = |sql: &'static str| {
        let program = program().file("w.toml", TWO).set("GATE_URL", &server.url).set("HERE", "token-of-here");
        program.set("PATH", "/usr/bin:/bin").arguments(["--config", "w.toml", "-o", "csv"]).exec(sql)
    };
    let both = "SELECT a.id, b.id FROM gate.door.things a JOIN gate_eu.door.things b ON a.id <> b.id";
    assert_eq!(of(both).await.code(0).out, "id,id\nthing of here,thing of there\n");
    assert_eq!(server.asked().len(), 2);
    // The same URL is another question with another token.
    let same = "SELECT count(*) FROM gate.door.things a JOIN gate_eu.door.things b ON true \
                WHERE a.account_id = 'there' AND b.account_id = 'there'";
    of(same).await.code(3);
    for sql in [
        "INSERT INTO gate_eu.door.things (id) VALUES ('x')",
        "INSERT INTO gate.door.things (id) SELECT id FROM gate_eu.door.things",
        "SHOW PROVIDERS; SELECT 1",
    ] {
        of(sql).await.code(0);
    }
    for asked in server.asked() {
        let right = asked.target.contains("/here/") == (asked.header("authorization") == Some("Bearer token-of-here"));
        assert!(right || (asked.method == "GET" && asked.target.contains("/there/")), "{asked:?}");
    }
    let providers = of("SHOW PROVIDERS").await.code(0).out;
    assert!(providers.contains("\ngate,") && providers.contains("\ngate_eu,"), "{providers}");
    let told = of("SELECT id FROM gate_eu.door.things; SELECT url FROM system.session.requests").await.code(0).out;
    assert!(told.contains("/accounts/there/things"), "{told}");
}

#[tokio::test]
async fn a_catalog_whose_credentials_are_missing_takes_nobody_elses() {
    let server = accounts().await;
    let config = TWO.replace("{ command = [\"printf\", \"token-of-there\"] }", "{ env = \"NOT_SET\" }");
    let program = program().file("w.toml", &config).set("GATE_URL", &server.url).set("GATE_TOKEN", "token-of-there");
    let ran = program
        .set("HERE", "token-of-here")
        .arguments(["--config", "w.toml"])
        .exec("SELECT id FROM gate_eu.door.things");
    ran.await.code(3).says(&["NOT_SET"]);
    assert_eq!(server.asked().len(), 0);
}

#[tokio::test]
async fn a_run_whose_catalog_is_gone_says_what_to_configure() {
    let server = accounts().await;
    let state = tempfile::tempdir().unwrap();
    let of = |arguments: &[&str]| {
        let program = program().file("w.toml", &TWO.replace("token-of-there", "token-of-nobody"));
        let program = program.set("GATE_URL", &server.url).set("HERE", "token-of-here").set("PATH", "/usr/bin:/bin");
        program.set("WEIR_STATE_DIR", state.path().to_str().unwrap()).arguments(arguments).run()
    };
    let write = "INSERT INTO gate_eu.door.things (id) VALUES ('x'), ('y')";
    let ran = of(&["--config", "w.toml", "exec", write]).await;
    let id = ran.talk.split("weir resume ").nth(1).unwrap_or_else(|| panic!("{}", ran.talk));
    let id = id.split_whitespace().next().unwrap();
    let sent = server.asked().len();
    let ran = of(&["--registry", "docs", "resume", id]).await.code(2);
    ran.says(&["`gate_eu` is neither a provider nor a catalog now", "[catalogs.gate_eu]", "--profile", &server.url]);
    of(&["--registry", "docs", "resume", id, "--show"]).await.code(0);
    assert_eq!(server.asked().len(), sent);
}

#[tokio::test]
async fn two_base_urls_are_one_too_many() {
    let server = accounts().await;
    let config = format!("registry = [\"docs\"]\n[providers.gate]\nbase_url = \"{}\"\n", server.url);
    let ask = |program: Program| {
        let program = program.file("w.toml", &config).set("GATE_TOKEN", "token-of-a").set("WEIR_CONFIG", "w.toml");
        program.exec("SELECT id FROM gate.door.things WHERE account_id = 'a'")
    };
    ask(program()).await.code(0);
    ask(program().set("GATE_URL", &server.url)).await.code(0);
    ask(program().set("GATE_URL", "http://127.0.0.1:1")).await.code(2).says(&["two base URLs", "GATE_URL"]);
    assert_eq!(server.asked().len(), 2);
}

const SOURCES: &str = "
max_requests = 1
default_profile = \"usual\"
[profiles.usual]
max_requests = 2
output = \"csv\"
[profiles.careful]
read_only = true
";

#[tokio::test]
async fn what_stands_nearer_wins() {
    let show = |program: Program, sql: &'static str| program.file("w.toml", SOURCES).arguments(["-o", "csv"]).exec(sql);
    let value = "SHOW max_requests";
    let with = || Program::new().set("WEIR_CONFIG", "w.toml");
    for (program, sql, expected) in [
        (Program::new(), value, "1000"),
        (with(), value, "2"),
        (with().arguments(["--profile", "careful"]), value, "1"),
        (with().set("WEIR_PROFILE", "careful"), value, "1"),
        (with().set("WEIR_PROFILE", "careful").arguments(["--profile", "usual"]), value, "2"),
        (with().set("WEIR_MAX_REQUESTS", "3"), value, "3"),
        (with().set("WEIR_MAX_REQUESTS", "3").arguments(["--max-requests", "4"]), value, "4"),
        (with().arguments(["--max-requests", "4"]), "SET max_requests = 5; SHOW max_requests", "5"),
        (with().arguments(["--max-requests", "4"]), "SET max_requests = 5; RESET max_requests; SHOW max_requests", "4"),
    ] {
        let ran = show(program, sql).await.code(0);
        assert_eq!(ran.out.lines().last(), Some(expected), "{sql}");
    }
    let ran = with().file("w.toml", SOURCES).exec("SELECT 1 AS a").await.code(0);
    assert_eq!(ran.out, "a\n1\n", "the profile's format");
}

#[tokio::test]
async fn a_read_only_profile_is_not_talked_out_of_it() {
    let world = World::new().await;
    for more in [vec![], vec!["--read-only"]] {
        let program = world.program().file("w.toml", SOURCES).set("WEIR_READ_ONLY", "off");
        let program = program.arguments(["--config", "w.toml", "--profile", "careful"]).arguments(more);
        let sql = "SET read_only = off; DELETE FROM cloudflare.stream.live_inputs WHERE live_input_identifier = 'x'";
        program.exec(sql).await.code(1).says(&["began read-only"]);
    }
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_wrong_is_said_with_its_place_and_nothing_is_sent() {
    for (config, arguments, words) in [
        ("max_request = 1", vec![], vec!["w.toml:1:1", "did you mean `max_requests`?"]),
        ("strict = true\nmax_requests = \"many\"", vec![], vec!["w.toml:2:16", "a whole number"]),
        ("[profiles.work]\n", vec!["--profile", "wrok"], vec!["no profile `wrok`", "did you mean `work`?"]),
        ("default_profile = \"x\"\n", vec![], vec!["w.toml:1:19", "no profile `x`"]),
        ("[providers.cloudflaer]\n", vec![], vec!["w.toml:1:12", "did you mean `cloudflare`?"]),
        ("[catalogs.cloudflare]\nprovider = \"cloudflare\"\n", vec![], vec!["w.toml:1:11"]),
        ("[catalogs.system]\nprovider = \"cloudflare\"\n", vec![], vec!["weir's own"]),
        ("[providers.cloudflare]\ntoken = \"canary-1\"\n", vec![], vec!["w.toml:2:1", "no secret stands in this file"]),
        ("[providers.cloudflare]\ndefaults = { acount = \"1\" }\n", vec![], vec!["w.toml:2:14", "acount"]),
        ("[datafusion.execution]\nbatch_sise = 1\n", vec![], vec!["batch_sise"]),
    ] {
        let program = Program::new().file("w.toml", config).arguments(["--config", "w.toml"]).arguments(arguments);
        let ran = program.exec("SELECT 1").await;
        assert_ne!(ran.code, Some(0), "{config}");
        let ran = ran.says(&words);
        assert!(!ran.talk.contains("canary"), "{}", ran.talk);
    }
    Program::new().arguments(["--config", "none.toml"]).exec("SELECT 1").await.code(2).says(&["none.toml"]);
    Program::new().arguments(["--profile", "a"]).exec("SELECT 1").await.code(2).says(&["no configuration file"]);
    Program::new().set("WEIR_MAX_REQUESTS", "x").exec("SELECT 1").await.code(2).says(&["WEIR_MAX_REQUESTS"]);
}

#[tokio::test]
async fn the_simulation_sees_nothing_real() {
    let config = "[providers.cloudflare]\nbase_url = \"https://192.0.2.1\"\ncredentials = { env = \"REAL\" }\n\
                  defaults = { account_id = \"real\" }\n[catalogs.other]\nprovider = \"cloudflare\"\n";
    let program = Program::new().file("w.toml", config).arguments(["--sandbox", "--config", "w.toml", "-o", "csv"]);
    let ran = program
        .exec("SELECT count(*) FROM other.stream.live_inputs; SELECT count(*) FROM cloudflare.stream.live_inputs");
    assert_eq!(ran.await.code(0).out.matches("120").count(), 2);
}

#[tokio::test]
async fn the_shell_changes_profiles_and_keeps_what_is_the_persons_own() {
    let config = format!("{SOURCES}[profiles.broken]\n[profiles.broken.providers.nobody]\n");
    let input = "\\set a 1\nCREATE TABLE t AS SELECT 1 AS x;\n\\c careful\nSHOW read_only;\n\\echo :a\nSELECT * FROM t;\n\
                 \\c\n\\c broken\nSHOW read_only;\n\\c cloudflare\n\\c usual\nSHOW read_only;\n";
    let program = Program::new().file("w.toml", &config).set("WEIR_CONFIG", "w.toml").input(input);
    let ran = program.arguments(["shell", "-o", "csv"]).run().await;
    let shown: Vec<&str> = ran.out.lines().filter(|line| ["on", "off", "1"].contains(line)).collect();
    assert_eq!(shown, ["on", "1", "on", "off"], "{}\n{}", ran.out, ran.talk);
    ran.says(&[
        "a new session of profile careful; the tables of the one before",
        "profile careful, of broken, careful, usual",
        "nobody",
        "using cloudflare",
    ]);
}
