//! The scripts of examples/, run as their head comments say: the preview, the real run, and what each promises beyond that. What
//! they sent is counted by the server.

use weir::sandbox::{Fault, FaultKind};

#[cfg(unix)]
use crate::fire::{Fire, names};
use crate::harness::{ACCOUNT, APP, Program, Ran, World, home, run_in};

/// A world, and a folder that stays, with the examples in it.
struct Desk {
    world: World,
    folder: tempfile::TempDir,
}

impl Desk {
    async fn new() -> Desk {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("examples")).unwrap();
        for entry in std::fs::read_dir(home().join("examples")).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, folder.path().join("examples").join(path.file_name().unwrap())).unwrap();
        }
        Desk { world: World::new().await, folder }
    }

    /// A command line in the folder.
    async fn run(&self, line: &str) -> Ran {
        let weir = std::path::Path::new(env!("CARGO_BIN_EXE_weir")).parent().unwrap();
        let program = Program::shell(&format!("cd '{}'; {line}", self.folder.path().display()));
        let program = program.environment(self.world.sandbox.environment());
        program.set("PATH", &format!("{}:/usr/bin:/bin", weir.display())).run().await
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn writes(&self) -> usize {
        self.world.sandbox.requests().iter().filter(|seen| seen.method != "GET").count()
    }
}

/// The command lines in the head comment of an example.
fn lines(example: &str) -> Vec<String> {
    let text = std::fs::read_to_string(home().join("examples").join(example)).unwrap();
    let commands = text.lines().filter_map(|line| line.strip_prefix("--     "));
    commands.filter(|line| line.starts_with("weir exec ")).map(str::to_owned).collect()
}

#[test]
fn every_example_has_a_head_that_says_how_it_is_run() {
    let mut scripts = 0;
    for entry in std::fs::read_dir(home().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|e| e == "sql") {
            scripts += 1;
            let text = std::fs::read_to_string(home().join("examples").join(&name)).unwrap();
            assert!(text.starts_with("#!/usr/bin/env -S weir exec -i\n-- "), "{name}");
            assert!(!lines(&name).is_empty(), "{name} does not say how it is run");
            for line in lines(&name) {
                assert!(line.ends_with(&format!("-i examples/{name}")), "{name}: {line}");
            }
        }
    }
    assert_eq!(scripts, 6);
}

#[tokio::test]
async fn the_inventory_counts_every_livestream() {
    let desk = Desk::new().await;
    for line in lines("inventory.sql") {
        desk.world.sandbox.forget_requests();
        let ran = desk.run(&line.replace("weir exec", "weir exec -o jsonl")).await.code(0);
        let counted: u64 = ran.out.lines().map(|row| json(row)["livestreams"].as_u64().unwrap()).sum();
        let apps = desk.world.sandbox.apps(ACCOUNT);
        let there = apps.iter().map(|app| desk.world.sandbox.livestreams(app["id"].as_str().unwrap()).len());
        assert_eq!(counted, there.sum::<usize>() as u64);
        // The apps once, and for each app at least a page of its own.
        let seen = desk.world.sandbox.requests();
        assert!(seen.len() > apps.len() && desk.writes() == 0, "{} requests", seen.len());
        assert_eq!(seen.iter().filter(|seen| seen.path.ends_with("/apps")).count(), 1);
    }
}

#[tokio::test]
async fn idle_inputs_are_shown_then_disabled_and_busy_ones_left_alone() {
    let desk = Desk::new().await;
    let [preview, run] = &lines("disable_idle_inputs.sql")[..] else { panic!("a preview and a run") };
    let busy = "878a3ee149ee14b075df7cb3ea6720a3";
    assert!(desk.world.sandbox.connect(busy));
    let enabled = || {
        let inputs = desk.world.sandbox.live_inputs(ACCOUNT);
        inputs.iter().filter(|input| input["enabled"] == true).count()
    };
    let before = enabled();
    let shown = desk.run(preview).await.code(0);
    let announced = shown.out.lines().filter(|line| line.starts_with("PUT ")).count();
    assert!(announced > 5 && !shown.out.contains(busy), "{}", shown.out);
    assert_eq!((desk.writes(), enabled()), (0, before));
    let ran = desk.run(run).await.code(0).says(&[&format!("{announced} rows updated")]);
    assert!(!ran.out.contains(busy), "{}", ran.out);
    assert_eq!((desk.writes(), enabled()), (announced, before - announced));
    // Once more, and there is nothing left to do.
    desk.run(run).await.code(0).says(&["0 rows updated"]);
    assert_eq!(desk.writes(), announced);
}

#[tokio::test]
async fn inputs_are_made_from_the_file_as_they_were_shown() {
    let desk = Desk::new().await;
    let [preview, run] = &lines("bulk_create.sql")[..] else { panic!("a preview and a run") };
    let shown = desk.run(preview).await.code(0);
    assert_eq!((shown.out.matches("POST ").count(), desk.writes()), (4, 0), "{}", shown.out);
    desk.run(run).await.code(0).says(&["4 rows inserted"]);
    assert_eq!(desk.writes(), 4);
    let made = desk.world.sandbox.live_inputs(ACCOUNT);
    let hut = made.iter().find(|input| input["meta"]["name"] == "The \"Hut\"").unwrap();
    assert_eq!((&hut["meta"]["owner"], &hut["recording"]["mode"]), (&"events@example.com".into(), &"off".into()));
    let stage = made.iter().find(|input| input["meta"]["name"] == "Main stage").unwrap();
    assert_eq!(stage["deleteRecordingAfterDays"], 90);
    let outcomes = std::fs::read_to_string(desk.file("outcomes.jsonl")).unwrap();
    assert_eq!(outcomes.lines().filter(|line| json(line)["outcome"] == "done").count(), 4, "{outcomes}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_create_that_is_killed_is_resumed_and_makes_nothing_twice() {
    const ROWS: usize = 120;
    let fire = Fire::with(ROWS).await;
    let rows = names(ROWS).join(",ops@example.com,off,30\n");
    fire.file("inputs.csv", &format!("name,owner,mode,keep_days\n{rows},ops@example.com,off,30\n"));
    fire.gate.let_answers(30);
    let script = home().join("examples/bulk_create.sql");
    let running = fire.start(["exec", "--var", "file=inputs.csv", "-i", script.to_str().unwrap()]);
    fire.gate.until(|passage| passage.answered == 34).await;
    running.kill();
    assert_eq!(fire.made().len(), 34);
    fire.gate.lose();
    let run = fire.last_run().0;
    let list = fire.run(["resume"]).await.code(0);
    assert!(list.out.contains(&run) && list.out.contains("interrupted"), "{}", list.out);
    fire.run(["resume", &run]).await.code(0);
    fire.assert_complete(ROWS);
}

#[tokio::test]
async fn the_export_can_be_read_back_and_a_night_that_fails_leaves_the_last_one() {
    let desk = Desk::new().await;
    let folder = desk.folder.path().display();
    let line = lines("nightly_export.sql")[0].replace("/srv/export", &folder.to_string());
    desk.run(&line).await.code(0);
    assert_eq!(desk.writes(), 0);
    let session = &desk.world.session;
    let streams = format!("SELECT app, id, created_at FROM '{folder}/livestreams.parquet'");
    let read = run_in(session, &streams).await.unwrap();
    let apps = desk.world.sandbox.apps(ACCOUNT);
    let there = apps.iter().map(|app| desk.world.sandbox.livestreams(app["id"].as_str().unwrap()).len());
    assert_eq!(read.rows.len(), there.sum::<usize>());
    assert!(read.types[2].starts_with("Timestamp(ns"), "{:?}", read.types);
    let inputs = format!("SELECT count(*) AS n FROM '{folder}/live_inputs.parquet' WHERE enabled");
    let enabled = desk.world.sandbox.live_inputs(ACCOUNT).iter().filter(|input| input["enabled"] == true).count();
    assert_eq!(run_in(session, &inputs).await.unwrap().rows[0]["n"], enabled);

    let last = std::fs::read(desk.file("live_inputs.parquet")).unwrap();
    desk.world.sandbox.add_fault(Fault { times: 99, ..Fault::once("/live_inputs", FaultKind::SuccessFalse) });
    desk.run(&line).await.code(4);
    assert!(std::fs::read(desk.file("live_inputs.parquet")).unwrap() == last, "the file of the night before is there");
}

#[tokio::test]
async fn the_gate_opens_and_closes_with_its_sentence() {
    let desk = Desk::new().await;
    for line in lines("gate.sql") {
        desk.run(&line).await.code(0);
    }
    #[cfg(unix)]
    desk.run("./examples/gate.sql --read-only").await.code(0);
    let events = std::fs::read_to_string(desk.file("events.jsonl")).unwrap();
    assert_eq!(json(events.lines().last().unwrap())["exit_code"], 0, "{events}");
    desk.world.run("INSERT INTO cloudflare.stream.live_inputs (meta) VALUES ('{\"name\": \"test 1\"}')").await;
    let made = desk.writes();
    for line in lines("gate.sql") {
        let ran = desk.run(&line).await.code(7);
        ran.says(&["error: examples/gate.sql:10:1: ", "an input that was made for tests is enabled"]);
    }
    assert_eq!(desk.writes(), made, "a gate writes nothing");
    let events = std::fs::read_to_string(desk.file("events.jsonl")).unwrap();
    assert_eq!(json(events.lines().last().unwrap())["exit_code"], 7, "{events}");
}

#[tokio::test]
async fn a_meeting_goes_live_and_the_script_says_where() {
    let desk = Desk::new().await;
    let ran = desk.run(&lines("go_live.sql")[0]).await.code(0);
    assert!(ran.out.contains("LIVE") && ran.out.contains("manifest/video.m3u8"), "{}", ran.out);
    assert!(lines("go_live.sql")[0].contains(APP));
    assert_eq!(desk.writes(), 1, "it was started once");
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}
