//! The table of failures: for each, the exit code, words of the message, and a hint, as somebody at a command line sees them.
//! No message shows how weir is made inside, and none shows the token.

use weir::sandbox::{API_KEY, EMAIL, Fault, FaultKind, TOKEN, TOKEN_STREAM_READ, TOKEN_WITHOUT_PERMISSIONS};

use crate::harness::{APP, Program, Ran, World};

/// One row of the table. Every statement here must fail with `code` and a hint.
struct Case {
    what: &'static str,
    sql: &'static str,
    /// What is different from a healthy environment.
    arrange: fn(&World, Program) -> Program,
    code: i32,
    says: &'static [&'static str],
}

const LIST: &str = "SELECT id FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP'";
const INPUTS: &str = "SELECT uid FROM cloudflare.stream.live_inputs";

/// A statement that fails in a healthy environment.
fn case(code: i32, what: &'static str, sql: &'static str, says: &'static [&'static str]) -> Case {
    Case { what, sql, arrange: |_, program| program, code, says }
}

impl Case {
    fn with(self, arrange: fn(&World, Program) -> Program) -> Case {
        Case { arrange, ..self }
    }
}

/// Every request of the statement meets this.
fn always(world: &World, kind: FaultKind) {
    world.sandbox.add_fault(Fault { times: 99, ..Fault::once("/accounts/", kind) });
}

fn credentials() -> Vec<Case> {
    vec![
        case(3, "wrong token, RealtimeKit", LIST, &["401", "Authentication error", "token is not known"])
            .with(|_, p| p.set("CLOUDFLARE_API_TOKEN", "cfut_wrong")),
        case(3, "wrong token, Stream", INPUTS, &["401", "token is not known"])
            .with(|_, p| p.set("CLOUDFLARE_API_TOKEN", "cfut_wrong")),
        case(3, "no token", LIST, &["no credentials", "CLOUDFLARE_API_TOKEN"])
            .with(|_, p| p.unset("CLOUDFLARE_API_TOKEN")),
        case(3, "nothing set up", INPUTS, &["no credentials", "CLOUDFLARE_API_TOKEN"])
            .with(|_, p| p.unset("CLOUDFLARE_API_TOKEN").unset("CLOUDFLARE_ACCOUNT_ID")),
        case(3, "empty token", LIST, &["no credentials", "CLOUDFLARE_API_TOKEN"])
            .with(|_, p| p.set("CLOUDFLARE_API_TOKEN", "")),
        case(3, "half of the older credentials", INPUTS, &["CLOUDFLARE_API_KEY"])
            .with(|_, p| p.unset("CLOUDFLARE_API_TOKEN").set("CLOUDFLARE_EMAIL", EMAIL)),
        case(3, "token without permission", LIST, &["403", "permission"])
            .with(|_, p| p.set("CLOUDFLARE_API_TOKEN", TOKEN_WITHOUT_PERMISSIONS)),
        case(
            3,
            "token that may only read",
            "INSERT INTO cloudflare.stream.live_inputs (enabled) VALUES (false)",
            &["403", "Stream Write"],
        )
        .with(|_, p| p.set("CLOUDFLARE_API_TOKEN", TOKEN_STREAM_READ)),
        case(3, "key and e-mail where only tokens are taken", LIST, &["401", "hint"]).with(|_, p| {
            p.unset("CLOUDFLARE_API_TOKEN").set("CLOUDFLARE_EMAIL", EMAIL).set("CLOUDFLARE_API_KEY", API_KEY)
        }),
    ]
}

fn statements() -> Vec<Case> {
    vec![
        case(
            1,
            "unknown provider",
            "SELECT 1 FROM cloudflair.stream.live_inputs",
            &["-:1:15: ", "`cloudflair`", "cloudflare"],
        ),
        case(
            1,
            "unknown service",
            "SELECT 1 FROM cloudflare.streams.live_inputs",
            &["-:1:26: ", "`streams`", "did you mean `stream`"],
        ),
        case(
            1,
            "unknown table",
            "SELECT 1\nFROM cloudflare.stream.live_inptus",
            &["-:2:24: ", "`live_inptus`", "did you mean `live_inputs`"],
        ),
        case(1, "unknown bare table", "SELECT 1 FROM live_inputs", &["-:1:15: ", "live_inputs"]),
        case(
            1,
            "unknown column",
            "SELECT id,\n  nmae FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP'",
            &["-:2:3: ", "`nmae`", "did you mean `name`"],
        ),
        case(
            1,
            "unknown column in WHERE",
            "SELECT id FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP' AND sttus = 'LIVE'",
            &["-:1:110: ", "`sttus`", "`status`"],
        ),
        case(
            1,
            "unknown column of INSERT",
            "INSERT INTO cloudflare.stream.live_inputs (enabeld) VALUES (false)",
            &["-:1:44: ", "enabeld", "enabled"],
        ),
        case(
            1,
            "unknown argument of EXEC",
            "EXEC cloudflare.stream.live_inputs.disable @uidd = 'x'",
            &["-:1:45: ", "uidd", "uid"],
        ),
        case(
            1,
            "unknown method",
            "EXEC cloudflare.stream.live_inputs.disabel @uid = 'x'",
            &["-:1:36: ", "disabel", "did you mean `disable`"],
        ),
        case(
            1,
            "missing app_id",
            "SELECT id FROM cloudflare.realtime_kit.livestreams",
            &["needs app_id", "WHERE app_id ="],
        ),
        case(
            1,
            "missing app_id in INSERT",
            "INSERT INTO cloudflare.realtime_kit.livestreams (name) VALUES ('x')",
            &["app_id"],
        ),
        case(1, "missing account_id", INPUTS, &["needs account_id", "CLOUDFLARE_ACCOUNT_ID"])
            .with(|_, p| p.unset("CLOUDFLARE_ACCOUNT_ID")),
        case(
            1,
            "bad enum in SELECT",
            "SELECT id FROM cloudflare.realtime_kit.livestreams WHERE app_id = '$APP' AND status = 'LIV'",
            &["status", "'LIV'", "LIVE, IDLE, ERRORED, INVOKED"],
        ),
        case(
            1,
            "bad enum in INSERT",
            "INSERT INTO cloudflare.stream.live_inputs (recording) VALUES ('{\"mode\": \"on\"}')",
            &["recording.mode", "'on'", "off", "automatic"],
        ),
        case(
            1,
            "bad enum in EXEC",
            "EXEC cloudflare.realtime_kit.meetings.update @app_id = '$APP', @id = 'x', @status = 'ACTIV'",
            &["status", "'ACTIV'", "ACTIVE", "INACTIVE"],
        ),
        case(
            1,
            "value out of range",
            "INSERT INTO cloudflare.stream.live_inputs (delete_recording_after_days) VALUES (5)",
            &["delete_recording_after_days", "5", "30", "1096"],
        ),
        case(
            1,
            "delete of everything",
            "DELETE FROM cloudflare.stream.live_inputs",
            &["without a condition", "every row", "nothing was sent", "allow_unfiltered"],
        ),
    ]
}

fn refusals() -> Vec<Case> {
    vec![
        case(4, "unknown account", INPUTS, &["404", "7003", "account_id"])
            .with(|_, p| p.set("CLOUDFLARE_ACCOUNT_ID", "00000000000000000000000000000000")),
        case(
            4,
            "unknown app",
            "SELECT id FROM cloudflare.realtime_kit.livestreams WHERE app_id = '00000000-0000-4000-8000-000000000000'",
            &["404", "app"],
        ),
        case(4, "unknown live input", "EXEC cloudflare.stream.live_inputs.disable @uid = 'x'", &["404", "10003"]),
        case(4, "success: false with 200", LIST, &["200"]).with(|w, p| {
            always(w, FaultKind::SuccessFalse);
            p
        }),
        case(4, "500, every time", LIST, &["500", "try again later"]).with(|w, p| {
            always(w, FaultKind::ServerError);
            p
        }),
        case(
            4,
            "withdrawn upstream",
            "INSERT INTO cloudflare.realtime_kit.livestreams (app_id, name) VALUES ('$APP', 'x')",
            &["404", "withdrew it from the published API", "meeting_id"],
        )
        .with(|w, p| {
            w.sandbox.set_shapes(weir::sandbox::Shapes { withdrawn: true, ..Default::default() });
            p
        }),
    ]
}

fn network_and_budget() -> Vec<Case> {
    vec![
        case(5, "unreachable host", INPUTS, &["no connection", "refused"])
            .with(|_, p| p.set("CLOUDFLARE_BASE_URL", "http://127.0.0.1:1/client/v4")),
        case(5, "unknown host", INPUTS, &["no connection"])
            .with(|_, p| p.set("CLOUDFLARE_BASE_URL", "http://localhost:1/client/v4")),
        case(5, "HTML 502", LIST, &["502", "HTML"]).with(|w, p| {
            always(w, FaultKind::BadGatewayHtml);
            p
        }),
        case(5, "truncated body", LIST, &["broke off"]).with(|w, p| {
            always(w, FaultKind::TruncatedBody);
            p
        }),
        case(5, "answer lost", LIST, &["GET"]).with(|w, p| {
            always(w, FaultKind::AnswerLost);
            p
        }),
        case(
            5,
            "rate limited for longer than the statement may take",
            "SET statement_timeout = 5; $LIST",
            &["429", "300"],
        )
        .with(|w, p| {
            always(w, FaultKind::RateLimited { retry_after: 300 });
            p
        }),
        case(
            5,
            "no answer within the statement's time",
            "SET statement_timeout = 0.5; $LIST",
            &["time ran out after", "ms"],
        )
        .with(|w, p| {
            always(w, FaultKind::Hang);
            p
        }),
        case(4, "redirect to another origin", LIST, &["redirect", "127.0.0.1:1"]).with(|w, p| {
            always(w, FaultKind::Redirect { to: "http://127.0.0.1:1/elsewhere".to_owned() });
            p
        }),
        case(4, "redirect of a write", "INSERT INTO cloudflare.realtime_kit.apps (name) VALUES ('x')", &["redirect"])
            .with(|w, p| {
                always(w, FaultKind::Redirect { to: w.sandbox.base_url() });
                p
            }),
        case(2, "credentials over plain http to elsewhere", INPUTS, &["plain http", "192.0.2.1", "https"])
            .with(|_, p| p.set("CLOUDFLARE_BASE_URL", "http://192.0.2.1/client/v4")),
        case(5, "budget of requests", "SET max_requests = 2; $LIST", &["2 requests", "max_requests"]),
    ]
}

/// What no message may show: the token, and how weir is made.
#[track_caller]
pub fn presentable(what: &str, ran: &Ran) {
    for never in [
        TOKEN,
        "cfut_",
        API_KEY,
        "External error",
        "Invariant",
        "DataFusion",
        "Error {",
        "Some(",
        "panicked",
        "Inner {",
    ] {
        assert!(!ran.talk.contains(never), "{what}: stderr shows {never:?}\n{}", ran.talk);
    }
}

/// What is refused as it stands is found by `check`, in the same words, without credentials and without a request.
#[tokio::test]
async fn a_check_finds_each_statement_that_is_refused() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    // What the environment lacks is no fault of a script.
    for case in statements().into_iter().filter(|case| case.what != "missing account_id") {
        let program = world.program().unset("CLOUDFLARE_API_TOKEN").unset("CLOUDFLARE_ACCOUNT_ID");
        let ran = program.arguments(["check", "-"]).input(&case.sql.replace("$APP", APP)).run().await;
        let text = format!("--- {}\n{}", case.what, ran.talk);
        if ran.code != Some(1) || !ran.talk.contains("1 error,") {
            wrong.push(format!("exit {:?} {text}", ran.code));
        }
        for word in case.says.iter().filter(|word| !ran.talk.contains(**word)) {
            wrong.push(format!("should say {word:?} {text}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(world.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn each_failure_gives_its_message_a_hint_and_its_exit_code() {
    let mut wrong = Vec::new();
    let groups = [credentials(), statements(), refusals(), network_and_budget()];
    for case in groups.into_iter().flatten() {
        let world = World::new().await;
        let program = (case.arrange)(&world, world.program());
        let sql = case.sql.replace("$LIST", LIST).replace("$APP", APP);
        // Nobody should wait for a back-off here; the statement stays the last one, and its place is moved by the first.
        let ran = program
            .file("retry.sql", "SET retry_delay = 0.001;")
            .arguments(["exec", "-i", "retry.sql", "-i", "-"])
            .input(&sql)
            .run()
            .await;
        let text = format!("--- {}\n{}", case.what, ran.talk);
        if ran.code != Some(case.code) {
            wrong.push(format!("exit {:?} instead of {} {text}", ran.code, case.code));
        }
        for word in case.says.iter().filter(|word| !ran.talk.contains(**word)) {
            wrong.push(format!("should say {word:?} {text}"));
        }
        let errors = ran.talk.lines().filter(|line| line.starts_with("error: ")).count();
        let hints = ran.talk.lines().filter(|line| line.starts_with("hint: ")).count();
        if (errors, hints) != (1, 1) {
            wrong.push(format!("{errors} errors and {hints} hints {text}"));
        }
        presentable(case.what, &ran);
        assert!(!ran.talk.contains("cfut_wrong"), "{text}");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
