//! The real program several times at once, against a sandbox that enforces a rate: what the processes of one user know of
//! it together. Everything is counted at the server. It knows nothing of how limits are kept.

use std::path::{Path, PathBuf};

use weir::sandbox::{self, Fault, FaultKind, LIVE_INPUTS, Limits, Sandbox};

use crate::harness::{Program, Ran};

const LIST: &str = "SELECT count(uid) AS n FROM rated.stream.live_inputs;";

/// The sandbox with its limits, and a folder for what the processes know.
struct Rated {
    sandbox: Sandbox,
    state: tempfile::TempDir,
    /// The windows of the document.
    windows: &'static str,
}

impl Rated {
    async fn new(limits: Limits, windows: &'static str) -> Rated {
        let sandbox = Sandbox::start(sandbox::Options { limits, ..sandbox::Options::default() }).await.unwrap();
        Rated { sandbox, state: tempfile::tempdir().unwrap(), windows }
    }

    /// A process that sends `requests`, one after the other.
    async fn process(&self, requests: usize, arguments: &[&str]) -> Ran {
        let mut program = Program::new().environment(self.sandbox.environment());
        let documents = Path::new(env!("CARGO_MANIFEST_DIR")).join("registry");
        for path in files(&documents.join("cloudflare")) {
            let text = std::fs::read_to_string(&path).unwrap();
            // Another name: a folder does not change how a provider of the program's own is reached.
            let text = text.replace("id: cloudflare\nname: cloudflare", "id: rated\nname: rated");
            let text =
                text.replace("windows: [{requests: 1200, seconds: 300}, {requests: 200, seconds: 1}]", self.windows);
            let name = Path::new("docs").join(path.strip_prefix(&documents).unwrap());
            program = program.file(name.to_str().unwrap(), &text);
        }
        let state = self.state.path().display().to_string();
        let program = program.set("WEIR_STATE_DIR", &state).arguments(["--registry", "docs", "-o", "csv"]);
        program.arguments(arguments).exec(&LIST.repeat(requests)).await
    }

    /// The next request gets a 429 that asks to wait so many seconds.
    fn turn_away_once(&self, retry_after: u64) {
        let kind = FaultKind::RateLimited { retry_after };
        let (method, path_contains, query_contains) = (None, "/live_inputs".to_owned(), None);
        self.sandbox.add_fault(Fault { method, path_contains, query_contains, skip: 0, times: 1, kind });
    }

    /// The statuses of all answers.
    fn statuses(&self) -> Vec<u16> {
        self.sandbox.requests().iter().map(|seen| seen.status.unwrap()).collect()
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Slow machines make it take longer; no request comes that the server would not have.
#[tokio::test]
async fn processes_side_by_side_are_never_over_the_limit_of_the_server() {
    let limits = Limits { per_second: Some(5), per_five_minutes: None };
    let rated = Rated::new(limits, "windows: [{requests: 5, seconds: 1}]").await;
    let n = LIVE_INPUTS.to_string();
    let (one, other, third) = tokio::join!(rated.process(4, &[]), rated.process(4, &[]), rated.process(4, &[]));
    for ran in [one, other, third] {
        assert_eq!(ran.code(0).out.lines().filter(|line| **line == *n).count(), 4);
    }
    assert_eq!(rated.statuses(), [200; 12], "one too many would be a 429, and repeated");
    let known = std::fs::read_dir(rated.state.path().join("limits")).unwrap();
    let mut names: Vec<String> = known.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_by_key(String::len);
    assert!(names.len() == 2 && names[0] == "key", "the names say nothing: {names:?}");
}

/// Of eight requests the window has six: the process that would come later says so at once, and sends nothing more.
#[tokio::test]
async fn a_window_longer_than_the_patience_ends_one_of_them_and_locks_out_nobody() {
    let limits = Limits { per_second: None, per_five_minutes: Some(6) };
    let rated = Rated::new(limits, "windows: [{requests: 6, seconds: 300}]").await;
    let patience = ["--timeout", "100"];
    let (one, other) = tokio::join!(rated.process(4, &patience), rated.process(4, &patience));
    let late: Vec<&Ran> = [&one, &other].into_iter().filter(|ran| ran.code != Some(0)).collect();
    assert!(!late.is_empty());
    for ran in late {
        assert_eq!(ran.code, Some(5), "{}", ran.talk);
        assert!(ran.talk.contains("keeping under the documented rate"), "{}", ran.talk);
    }
    assert_eq!(rated.statuses(), [200; 6]);
}

#[tokio::test]
async fn what_the_api_asks_of_one_process_the_others_heed() {
    let rated = Rated::new(Limits::default(), "windows: []").await;
    rated.turn_away_once(300);
    let patience = ["--timeout", "100"];
    rated.process(1, &patience).await.code(5).says(&["the API asks to wait 300 s"]);
    let (one, other) = tokio::join!(rated.process(1, &patience), rated.process(1, &patience));
    for ran in [one, other] {
        ran.code(5).says(&["rate limited by the API, as it told another process"]);
    }
    assert_eq!(rated.statuses(), [429], "the others sent nothing");
}

/// The API turns away whoever comes first, for a second; both processes are under way by then.
#[tokio::test]
async fn both_finish_where_one_of_them_was_turned_away() {
    let rated = Rated::new(Limits::default(), "windows: []").await;
    rated.turn_away_once(1);
    let n = LIVE_INPUTS.to_string();
    let (one, other) = tokio::join!(rated.process(3, &[]), rated.process(3, &[]));
    for ran in [one, other] {
        assert_eq!(ran.code(0).out.lines().filter(|line| **line == *n).count(), 3);
    }
    let statuses = rated.statuses();
    assert_eq!((statuses.len(), statuses.iter().filter(|status| **status == 429).count()), (7, 1), "{statuses:?}");
}
