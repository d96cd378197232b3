//! Lists that break in the middle. Whatever happens on the way, a read gives every row, or an error that says where it broke,
//! or a warning that rows were dropped; never a short answer that looks whole.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use weir::error::{Error, Kind};
use weir::sandbox::{Fault, FaultKind, LIVE_INPUTS};

use crate::harness::{ACCOUNT, APP, Given, World, impatient, run_in, session, told};
use crate::scripted::{Asked, Reply, Scripted};

const STREAMS: &str = "cloudflare.realtime_kit.livestreams";
const FOREVER: usize = usize::MAX;

/// Spoils page 7 of a list of livestreams.
fn on_page_seven(times: usize, kind: FaultKind) -> Fault {
    Fault { query_contains: Some("page_no=7".to_owned()), times, ..Fault::once("/livestreams", kind) }
}

/// The ids of an app, newest first.
fn truth(world: &World, app: &str) -> Vec<String> {
    let rows = world.sandbox.livestreams(app);
    rows.iter().rev().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

fn ids(given: &Given) -> Vec<String> {
    given.rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// What came of a read; `Ok` is a whole answer or one with warnings.
async fn came(world: &World, sql: &str) -> Result<Given, Error> {
    match world.try_run(sql).await {
        Ok(Given { failure: Some(error), .. }) | Err(error) => Err(error),
        Ok(given) => Ok(given),
    }
}

fn warned(given: &Given, words: &[&str]) {
    let warnings = given.summary.warnings.join("\n");
    for word in words {
        assert!(warnings.contains(word), "a warning should say {word:?}: {warnings:?}");
    }
}

/// Asserts that an error has these words.
pub fn says(error: &Error, words: &[&str]) {
    for word in words {
        assert!(told(error).contains(word), "the error should say {word:?}: {}", told(error));
    }
}

/// Statements over the first app, each with how many of its newest rows it gives.
fn statements() -> [(String, usize); 5] {
    let all = format!("SELECT id FROM {STREAMS} WHERE app_id = '{APP}'");
    [
        (all.clone(), 2500),
        (format!("{all} ORDER BY created_at DESC LIMIT 700"), 700),
        (format!("{all} AND length(id) > 3 ORDER BY created_at DESC LIMIT 650"), 650),
        (format!("{all} AND length(id) > 3 LIMIT 700"), 700),
        (format!("SELECT l.id FROM (VALUES ('{APP}')) v(app) JOIN {STREAMS} l ON l.app_id = v.app"), 2500),
    ]
}

#[tokio::test]
async fn what_passes_is_passed_over() {
    let kinds = [
        (FaultKind::ServerError, 2),
        (FaultKind::LateServerError, 2),
        (FaultKind::BadGatewayHtml, 2),
        (FaultKind::RateLimited { retry_after: 0 }, 2),
        (FaultKind::TruncatedBody, 2),
        (FaultKind::Drop, 2),
        (FaultKind::AnswerLost, 2),
        (FaultKind::Slow { ms: 5 }, 1),
    ];
    let world = World::new().await;
    let truth = truth(&world, APP);
    for (kind, times) in kinds {
        for (sql, rows) in statements() {
            world.sandbox.add_fault(on_page_seven(times, kind.clone()));
            let given = world.run(&sql).await;
            let mut expected = truth[..rows].to_vec();
            let mut found = ids(&given);
            expected.sort();
            found.sort();
            assert!(expected == found, "{kind:?}: {sql}: {} rows of {rows}", found.len());
            assert_eq!(given.summary.warnings, Vec::<String>::new(), "{kind:?}: {sql}");
            let slow = matches!(kind, FaultKind::Slow { .. });
            let expected = rows.div_ceil(100) + if slow { 0 } else { times };
            assert_eq!(world.seen().len(), expected, "{kind:?}: {sql}");
            assert_eq!(given.summary.totals.retried > 0, !slow, "{kind:?}: {sql}");
        }
    }
}

#[tokio::test]
async fn what_does_not_pass_is_an_error_that_names_the_page() {
    let elsewhere = FaultKind::Redirect { to: "http://127.0.0.1:1/elsewhere".to_owned() };
    let kinds = [
        (FaultKind::ServerError, "500"),
        (FaultKind::BadGatewayHtml, "502"),
        (FaultKind::RateLimited { retry_after: 0 }, "429"),
        (FaultKind::TruncatedBody, "page 7"),
        (FaultKind::Drop, "page 7"),
        (FaultKind::AnswerLost, "page 7"),
        (FaultKind::SuccessFalse, "An unknown error has occurred"),
        (elsewhere, "redirected to http://127.0.0.1:1/elsewhere, which is not followed"),
    ];
    let world = World::new().await;
    for (kind, words) in kinds {
        for (sql, _) in statements() {
            world.sandbox.add_fault(on_page_seven(FOREVER, kind.clone()));
            match came(&world, &sql).await {
                Ok(given) => panic!("{kind:?}: {sql}: {} rows and no error", given.rows.len()),
                Err(error) => {
                    says(&error, &[words, "page 7"]);
                    assert!(error.kind().exit_code() > 1, "{kind:?}: {}", told(&error));
                }
            }
            world.sandbox.clear_faults();
            world.seen();
        }
    }
}

#[tokio::test]
async fn a_page_that_never_comes_ends_with_the_statement() {
    let world = World::new().await;
    world.run("SET statement_timeout = 0.5").await;
    world.sandbox.add_fault(on_page_seven(FOREVER, FaultKind::Hang));
    let all = format!("SELECT id FROM {STREAMS} WHERE app_id = '{APP}'");
    let begun = Instant::now();
    let error = came(&world, &all).await.err().expect("a list with a hole");
    says(&error, &["time ran out", "page 7"]);
    assert_eq!(error.kind(), Kind::Network);
    assert!(begun.elapsed() >= Duration::from_millis(500) && begun.elapsed() < Duration::from_secs(10));
    // A page that nobody needs may hang.
    let given = world.run(&format!("{all} LIMIT 300")).await;
    assert_eq!(given.rows.len(), 300);
}

#[tokio::test]
async fn waiting_longer_than_the_statement_may_take_is_refused_at_once() {
    let world = World::new().await;
    world.run("SET statement_timeout = 20").await;
    world.sandbox.add_fault(on_page_seven(FOREVER, FaultKind::RateLimited { retry_after: 300 }));
    let begun = Instant::now();
    let error = came(&world, &statements()[0].0).await.err().expect("a list with a hole");
    says(&error, &["300 s"]);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_page_that_comes_back_short_is_a_list_that_is_cut() {
    let world = World::new().await;
    let truth = truth(&world, APP);
    for (sql, rows) in statements() {
        world.sandbox.add_fault(on_page_seven(FOREVER, FaultKind::ShortPage { by: 3 }));
        match came(&world, &sql).await {
            Err(error) => says(&error, &["the list is cut", if rows == 2500 { "2497" } else { "697" }]),
            // Rows that a limit leaves out may be missing.
            Ok(given) if ids(&given).iter().eq(&truth[..rows]) => {}
            Ok(given) => {
                assert_eq!(given.rows.len(), rows, "{sql}");
                warned(&given, &["should have brought", "some are missing"]);
            }
        }
        world.sandbox.clear_faults();
    }
}

#[tokio::test]
async fn rows_that_come_again_count_once_and_it_is_said() {
    let world = World::new().await;
    let truth = truth(&world, APP);
    for (sql, rows) in statements() {
        world.sandbox.add_fault(on_page_seven(FOREVER, FaultKind::RepeatedRows { rows: 3 }));
        let given = came(&world, &sql).await.unwrap_or_else(|error| panic!("{sql}: {}", told(&error)));
        let found = ids(&given);
        let distinct: BTreeSet<&String> = found.iter().collect();
        assert_eq!(found.len(), distinct.len(), "{sql}: rows came twice");
        // Three rows are on no page at all; a limit finds others further on.
        assert_eq!(found.len(), if rows == 2500 { 2497 } else { rows }, "{sql}");
        if found != truth[..rows] {
            warned(&given, &["3 rows came twice and counted once", STREAMS]);
        }
        world.sandbox.clear_faults();
    }
}

#[tokio::test]
async fn a_list_that_grows_at_its_head_has_every_row_that_was_there() {
    // From page 2 on everything is three rows further down.
    let world = World::new().await;
    let app = world.sandbox.apps(ACCOUNT)[5]["id"].as_str().unwrap().to_owned();
    let fault = Fault { skip: 1, times: FOREVER, ..Fault::once("/livestreams", FaultKind::RepeatedRows { rows: 3 }) };
    world.sandbox.add_fault(fault);
    let given = came(&world, &format!("SELECT id FROM {STREAMS} WHERE app_id = '{app}'")).await.unwrap();
    // 250 rows on pages of 100, 100 and 50: the last page has room for the three that moved.
    let found: BTreeSet<String> = ids(&given).into_iter().collect();
    assert!(found.len() == 250 && given.rows.len() == 250, "{} rows", given.rows.len());
    warned(&given, &["3 rows came twice"]);
}

#[tokio::test]
async fn a_total_that_shrinks_on_the_way_is_said() {
    let world = World::new().await;
    for (skip, times) in [(3, FOREVER), (1, 1), (0, 1)] {
        let kind = FaultKind::SmallerTotal { by: 100 };
        world.sandbox.add_fault(Fault { skip, times, ..Fault::once("/livestreams", kind) });
        let sql = &statements()[0].0;
        match came(&world, sql).await {
            Ok(given) => {
                let whole = given.rows.len() == 2500;
                assert!(whole || skip == 0, "{} rows when {times} totals shrank after {skip}", given.rows.len());
                warned(&given, &["total changed while the list was read"]);
            }
            Err(error) => says(&error, &["the list is cut"]),
        }
        world.sandbox.clear_faults();
    }
}

#[tokio::test]
async fn what_breaks_in_one_of_many_lists_breaks_the_statement() {
    let world = World::new().await;
    let apps = world.sandbox.apps(ACCOUNT);
    let broken = apps[6]["id"].as_str().unwrap();
    let join = format!("SELECT l.id FROM cloudflare.realtime_kit.apps a JOIN {STREAMS} l ON l.app_id = a.id");
    let path = format!("{broken}/livestreams");
    world.sandbox.add_fault(Fault { times: 3, ..Fault::once(&path, FaultKind::ServerError) });
    let rows: usize = weir::sandbox::LIVESTREAMS.iter().sum();
    assert_eq!(world.run(&join).await.rows.len(), rows);
    for sql in [join, format!("SELECT id FROM {STREAMS} WHERE app_id IN ('{APP}', '{broken}')")] {
        world.sandbox.add_fault(Fault { times: FOREVER, ..Fault::once(&path, FaultKind::Drop) });
        let error = came(&world, &sql).await.err().unwrap_or_else(|| panic!("{sql}"));
        says(&error, &[&path]);
        world.sandbox.clear_faults();
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_fetched_by_key_breaks_the_statement_and_one_that_is_gone_is_null() {
    let world = World::new().await;
    let uid = world.sandbox.live_inputs(ACCOUNT)[7]["uid"].as_str().unwrap().to_owned();
    let path = format!("live_inputs/{uid}");
    let sql = "SELECT uid, rtmps FROM cloudflare.stream.live_inputs";
    world.sandbox.add_fault(Fault { times: 2, ..Fault::once(&path, FaultKind::ServerError) });
    let given = world.run(sql).await;
    assert!(given.rows.len() == LIVE_INPUTS && given.rows.iter().all(|row| !row["rtmps"].is_null()));
    world.sandbox.add_fault(Fault { times: FOREVER, ..Fault::once(&path, FaultKind::TruncatedBody) });
    let error = came(&world, sql).await.err().expect("a row is missing");
    says(&error, &[&uid]);
}

fn gone(asked: &Asked) -> Reply {
    let answer = |result: Value| Reply::json(&json!({"success": true, "errors": [], "result": result}));
    match asked.target.rsplit('/').next().unwrap() {
        "live_inputs" => answer(json!([{"uid": "a"}, {"uid": "b"}, {"uid": "c"}])),
        "b" => Reply::json(&json!({"success": false, "errors": [{"code": 10003, "message": "Not Found"}]})).status(404),
        uid => answer(json!({"uid": uid, "rtmps": {"url": uid}})),
    }
}

#[tokio::test]
async fn a_row_that_is_gone_when_it_is_fetched_has_nulls_and_a_warning() {
    let server = Scripted::start(gone).await;
    let session = session(kit_at(&server), impatient());
    let given = run_in(&session, "SELECT uid, rtmps FROM cloudflare.stream.live_inputs").await.unwrap();
    let nulls: Vec<bool> = given.rows.iter().map(|row| row["rtmps"].is_null()).collect();
    assert_eq!(nulls, [false, true, false]);
    warned(&given, &["1 row", "gone", "NULL"]);
    assert_eq!(server.lines().len(), 4);
}

fn kit_at(server: &Scripted) -> [(&'static str, String); 3] {
    [
        ("CLOUDFLARE_BASE_URL", server.url.clone()),
        ("CLOUDFLARE_API_TOKEN", "cfut_test".to_owned()),
        ("CLOUDFLARE_ACCOUNT_ID", ACCOUNT.to_owned()),
    ]
}

#[tokio::test]
async fn the_program_ends_with_an_error_or_says_what_is_missing() {
    let world = World::new().await;
    let sql = &statements()[0].0;
    let run = async |fault: FaultKind, arguments: &[&str]| {
        world.sandbox.clear_faults();
        world.sandbox.add_fault(on_page_seven(FOREVER, fault));
        world.program().arguments(arguments.iter().copied()).exec(&format!("SET retry_delay = 0.001; {sql}")).await
    };
    for kind in [FaultKind::ServerError, FaultKind::TruncatedBody, FaultKind::Drop] {
        let ran = run(kind.clone(), &[]).await.says(&["page 7"]);
        assert!(ran.code.is_some_and(|code| code > 1), "{kind:?}: {ran:?}");
    }
    let short = run(FaultKind::ShortPage { by: 1 }, &[]).await.says(&["the list is cut"]);
    assert!(short.code.is_some_and(|code| code > 1), "{:?}", short.code);
    run(FaultKind::RepeatedRows { rows: 2 }, &[]).await.code(0).says(&["2 rows came twice"]);
    let strict = run(FaultKind::RepeatedRows { rows: 2 }, &["--strict"]).await.says(&["may not be whole"]);
    assert!(strict.code.is_some_and(|code| code > 1), "{:?}", strict.code);
}
