//! The journal of writes: which rows of a write were planned, sent and answered, on disk before the next step is taken,
//! so that a write that was cut off can be taken up where it stopped and no row is sent twice.
//! A side module of floor 1. It knows the ground alone: no session, no HTTP, no environment; its directory is given.
//!
//! A [`Run`] is one write. [`Journal::begin`] plans its rows in one transaction; then, for each row, [`Run::sent`] comes
//! before its request and [`Run::answered`] after its answer; [`Run::finish`] ends it. The process may go away anywhere
//! between: [`Journal::runs`] shows the run as interrupted, [`Journal::resume`] takes it up under a lock.
//! Opening, planning, listing and reading block for as long as the disk takes; marks do not.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::Value;

use crate::error::{Error, Kind, Result, counted, nearest};
use crate::secret::{Redactor, Secret};

mod failure;
mod head;
mod lock;
mod place;
mod record;
mod rows;
mod run;
mod seal;
mod store;
mod writer;

pub use record::{
    Counts, Ending, Idempotency, KeptRow, NewRow, NewRun, Operation, Outcome, RowState, RunHead, RunState, RunSummary,
    Target,
};
pub use rows::Rows;
pub use run::Run;
pub use seal::{Inputs, MARK, Seal};

use head::{Found, find};
use lock::RunLock;
use rows::Which;
use store::{Store, millis};
use writer::{Writer, lose};

/// How long a run that is done is remembered. One that is not is never forgotten by itself.
const REMEMBERED: Duration = Duration::from_hours(30 * 24);
/// Rounds of the hash of a credential: long and random, it is not to be guessed; and every run needs one.
const FINGERPRINT: u32 = 10_000;

/// The journal in one directory. Several processes may have it open, and several runs be under way.
pub struct Journal {
    store: Arc<Store>,
    writer: Arc<Writer>,
}

impl Journal {
    /// Opens the journal in `dir`, or makes one. A place that cannot be written to, or not be kept from others, a
    /// damaged file and one of a newer weir are refused here. Texts are kept as `redactor` lets them through.
    pub fn open(dir: &Path, redactor: &Redactor) -> Result<Journal> {
        let store = Arc::new(Store::open(dir, redactor.clone())?);
        let writer = Arc::new(Writer::start(store.clone())?);
        Ok(Journal { store, writer })
    }

    /// Plans a run with all its rows: on disk when this returns, or not there at all. The rows are taken one by one
    /// while the file is locked, and are never all in memory.
    pub fn begin(&self, run: &NewRun, rows: impl IntoIterator<Item = NewRow>) -> Result<Run> {
        self.prune(run.created_at)?;
        let (number, id, lock) = self.store.write("plan a write", |transaction| {
            let id = head::new_id(transaction, run.created_at).map_err(|e| self.store.failed("plan a write", e))?;
            let lock = RunLock::take(&self.store.dir, &id)?.ok_or_else(|| {
                Error::new(Kind::Internal, format!("somebody works on run {id}, which is only being planned"))
            })?;
            let number = head::insert(&self.store, transaction, &id, run)?;
            rows::plan(&self.store, transaction, (number, &run.seal), rows)?;
            Ok((number, id, lock))
        })?;
        if let Err(error) = self.store.settle("plan a write") {
            // Planned, and there is no room to go on. What cannot be taken back is listed as not sent.
            drop(lock);
            let _ = self.forget(&id);
            return Err(error);
        }
        Ok(self.run(number, id, run.seal.clone(), lock))
    }

    /// The runs, unfinished ones first, then the latest first.
    pub fn runs(&self) -> Result<Vec<RunSummary>> {
        let mut runs = head::summaries(&self.store)?;
        runs.sort_by_key(|run| (run.state == RunState::Done, std::cmp::Reverse(run.head.created_at)));
        Ok(runs)
    }

    /// Run `id` as it was begun; nothing is locked.
    pub fn head(&self, id: &str) -> Result<RunHead> {
        Ok(self.found(id)?.head)
    }

    /// All rows of run `id`, to be looked at.
    pub fn rows(&self, id: &str) -> Result<Rows> {
        let found = self.found(id)?;
        let running = found.running && RunLock::is_held(&self.store.dir, &found.head.id)?;
        Ok(Rows::new(self.store.clone(), found.number, Which::All, running))
    }

    /// Takes up run `id`, to send the rest of its rows ([`Run::open_rows`]) to `target`. Refused where another process
    /// works on it, where it is done, and where it was begun against another target. Rows that were sent and not
    /// answered are unknown from here on.
    pub fn resume(&self, id: &str, target: &Target) -> Result<(Run, RunHead)> {
        let found = self.found(id)?;
        found.head.target.check(&found.head.id, target)?;
        found.check_open()?;
        let lock = self.lock(&found.head.id)?;
        // Between the look and the lock it may have ended, or been forgotten.
        let found = self.store.write("resume a run", |transaction| {
            let found = self.found_in(transaction, &found.head.id)?;
            found.check_open()?;
            let failed = |e| self.store.failed("resume a run", e);
            lose(transaction, found.number).map_err(failed)?;
            let again = "UPDATE runs SET state = 'running', finished_at = NULL WHERE number = ?1";
            transaction.execute(again, [found.number]).map_err(failed)?;
            Ok(found)
        })?;
        let Found { number, head, seal, .. } = found;
        Ok((self.run(number, head.id.clone(), seal, lock), head))
    }

    /// Removes run `id` and its rows. Refused while a process works on it.
    pub fn forget(&self, id: &str) -> Result<()> {
        let id = self.found(id)?.head.id;
        let lock = self.lock(&id)?;
        self.remove("forget a run", "id = ?1", params![id])?;
        lock.remove();
        Ok(())
    }

    /// A text that stands for `credential` in [`Target::account`]: the same in this journal each time, of no use
    /// elsewhere.
    pub fn fingerprint(&self, credential: &Secret) -> Result<String> {
        let salt: Vec<u8> = self
            .store
            .connection()
            .query_row("SELECT salt FROM salt", [], |row| row.get(0))
            .map_err(|e| self.store.failed("read the journal", e))?;
        Ok(Seal::from_parts(salt, FINGERPRINT).hash(&Value::String(credential.expose().to_owned())))
    }

    fn run(&self, number: i64, id: String, seal: Seal, lock: RunLock) -> Run {
        Run { store: self.store.clone(), writer: self.writer.clone(), number, id, seal, lock }
    }

    fn lock(&self, id: &str) -> Result<RunLock> {
        RunLock::take(&self.store.dir, id)?.ok_or_else(|| {
            Error::new(Kind::Usage, format!("another process works on run {id}"))
                .hint("wait until it has ended; if it hangs, end it (its lock goes with it)")
        })
    }

    fn found(&self, id: &str) -> Result<Found> {
        self.found_in(&self.store.connection(), id)
    }

    fn found_in(&self, connection: &Connection, id: &str) -> Result<Found> {
        let failed = |e| self.store.failed("find a run", e);
        if let Some(found) = find(&self.store, connection, id.trim())? {
            return Ok(found);
        }
        let mut select = connection.prepare("SELECT id FROM runs").map_err(failed)?;
        let known: Vec<String> = select.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(failed)?;
        let hint = match nearest(id.trim(), known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("the journal `{}` has {}", self.store.path.display(), counted(known.len() as u64, "run")),
        };
        Err(Error::new(Kind::Usage, format!("no run is called `{}`", id.trim())).hint(hint))
    }

    /// Forgets runs that have long been done, so that the file does not grow for ever.
    fn prune(&self, now: SystemTime) -> Result<()> {
        let before = millis(now.checked_sub(REMEMBERED).unwrap_or(SystemTime::UNIX_EPOCH));
        let old = "state = 'done' AND finished_at < ?1";
        let any = format!("SELECT 1 FROM runs WHERE {old} LIMIT 1");
        let any = self.store.connection().query_row(&any, [before], |_| Ok(())).optional();
        match any.map_err(|e| self.store.failed("read the journal", e))? {
            Some(()) => self.remove("forget old runs", old, params![before]),
            None => Ok(()),
        }
    }

    /// Removes the runs of which `which` is true, and gives their room back to the disk.
    fn remove(&self, doing: &str, which: &str, value: &[&dyn rusqlite::ToSql]) -> Result<()> {
        let failed = |e| self.store.failed(doing, e);
        self.store.write(doing, |transaction| {
            let rows = format!("DELETE FROM rows WHERE run IN (SELECT number FROM runs WHERE {which})");
            transaction.execute(&rows, value).map_err(failed)?;
            transaction.execute(&format!("DELETE FROM runs WHERE {which}"), value).map_err(failed)?;
            Ok(())
        })?;
        self.store.connection().execute_batch("PRAGMA incremental_vacuum").map_err(failed)?;
        self.store.settle(doing)
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Journal({})", self.store.path.display())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;
    use std::time::Instant;

    use serde_json::json;
    use tempfile::TempDir;

    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    fn now() -> SystemTime {
        // 2026-11-21 01:00:00 UTC
        START + Duration::from_hours(498_673)
    }

    fn open(dir: &TempDir) -> Journal {
        Journal::open(dir.path(), &Redactor::default()).unwrap()
    }

    fn target() -> Target {
        Target { provider: "acme".into(), base_url: "https://api.acme.test/v1".into(), account: "a1".into() }
    }

    fn insert(at: SystemTime) -> NewRun {
        NewRun {
            statement: "INSERT INTO acme.shop.things (name) SELECT name FROM 'things.csv'".into(),
            operation: Operation {
                verb: "insert".into(),
                resource: "acme.shop.things".into(),
                method: "create".into(),
                document: Some("d0c".into()),
            },
            target: target(),
            idempotency: Some(Idempotency { header: "Idempotency-Key".into(), lifetime: Duration::from_hours(6) }),
            settings: json!({"on_error": "stop"}),
            seal: Seal::new(10).unwrap(),
            created_at: at,
        }
    }

    fn things(count: u64) -> impl Iterator<Item = NewRow> {
        (0..count).map(|n| NewRow {
            arguments: json!({"name": format!("thing {n}"), "size": n, "shape": null}),
            label: format!("thing {n}"),
            idempotency_key: Some(format!("key-{n}")),
            secret: false,
        })
    }

    fn ended(ending: Ending) -> Outcome {
        Outcome { status: Some(200), request_id: Some("ray-1".into()), millis: 12, ..Outcome::new(ending, now()) }
    }

    fn states(rows: Rows) -> Vec<RowState> {
        rows.map(|row| row.unwrap().state).collect()
    }

    fn only(journal: &Journal) -> RunSummary {
        let mut runs = journal.runs().unwrap();
        assert_eq!(runs.len(), 1);
        runs.remove(0)
    }

    fn refused<T: std::fmt::Debug>(result: Result<T>) -> String {
        let error = result.unwrap_err();
        let text = format!("{error} | {}", error.hint_text().unwrap_or("no hint"));
        assert_eq!(error.kind(), Kind::Usage, "{text}");
        text
    }

    #[tokio::test]
    async fn a_run_that_ends_well_is_done_and_says_what_became_of_each_row() {
        let dir = TempDir::new().unwrap();
        let journal = open(&dir);
        let run = journal.begin(&insert(now()), things(2)).unwrap();
        assert_eq!(run.id(), "20261121-1");
        assert_eq!(only(&journal).state, RunState::Running);
        for row in 0..2 {
            run.sent(row, now()).await.unwrap();
            let outcome = Outcome { answer: Some(json!({"id": row})), ..ended(Ending::Done) };
            run.answered(row, outcome).await.unwrap();
        }
        assert_eq!(run.finish(now()).await.unwrap(), RunState::Done);
        let summary = only(&journal);
        assert_eq!((summary.state, summary.counts.done, summary.finished_at), (RunState::Done, 2, Some(now())));
        assert_eq!(summary.head.idempotency, insert(now()).idempotency);
        assert_eq!(summary.head.settings, json!({"on_error": "stop"}));
        let last = journal.rows("20261121-1").unwrap().last().unwrap().unwrap();
        assert_eq!(last.arguments, json!({"name": "thing 1", "size": 1, "shape": null}));
        assert_eq!((last.number, last.label.as_str(), last.sent_at), (1, "thing 1", Some(now())));
        assert_eq!(last.outcome, Some(Outcome { answer: Some(json!({"id": 1})), ..ended(Ending::Done) }));
        assert!(refused(journal.resume("20261121-1", &target())).contains("is done"));
        assert!(!dir.path().join("run-20261121-1.lock").exists());
        assert_eq!(journal.begin(&insert(now()), []).unwrap().id(), "20261121-2");
    }

    #[tokio::test]
    async fn a_run_that_was_cut_off_is_taken_up_with_the_rows_that_are_not_done() {
        let dir = TempDir::new().unwrap();
        let journal = open(&dir);
        let run = journal.begin(&insert(now()), things(1_203)).unwrap();
        run.sent(0, now()).await.unwrap();
        run.answered(0, ended(Ending::Done)).await.unwrap();
        run.sent(1, now()).await.unwrap();
        let refusal = Outcome { status: Some(400), message: Some("no".into()), ..ended(Ending::Failed) };
        run.answered(1, refusal.clone()).await.unwrap();
        run.sent(2, now()).await.unwrap();
        run.sent(3, now()).await.unwrap();
        run.answered(3, ended(Ending::NotSent)).await.unwrap();
        let under_way = only(&journal);
        assert_eq!(under_way.counts.to_string(), "1 of 1203 rows done, 1 failed, 1 under way, 1200 not sent");
        drop((run, journal));

        let journal = open(&dir);
        let left = only(&journal);
        assert_eq!(left.state, RunState::Interrupted);
        assert_eq!(left.counts.to_string(), "1 of 1203 rows done, 1 failed, 1 unknown, 1200 not sent");
        assert_eq!(states(journal.rows(&left.head.id).unwrap())[2], RowState::Unknown);
        let (run, head) = journal.resume(" 20261121-1 ", &target()).unwrap();
        assert_eq!(head, left.head);
        let open: Vec<KeptRow> = run.open_rows().map(Result::unwrap).collect();
        assert_eq!(open.len(), 1_202);
        assert!(open.iter().zip(1..).all(|(row, number)| row.number == number));
        assert_eq!((open[0].state, open[0].outcome.clone()), (RowState::Failed, Some(refusal)));
        assert_eq!((open[1].state, open[2].state), (RowState::Unknown, RowState::Planned));
        for row in run.open_rows() {
            let number = row.unwrap().number;
            run.sent(number, now()).await.unwrap();
            run.answered(number, ended(Ending::Done)).await.unwrap();
        }
        assert_eq!(run.open_rows().count(), 0);
        assert_eq!(run.finish(now()).await.unwrap(), RunState::Done);
        assert_eq!(only(&journal).counts, Counts { done: 1_203, ..Counts::default() });
    }

    #[tokio::test]
    async fn a_row_is_never_marked_as_sent_twice() {
        let dir = TempDir::new().unwrap();
        let journal = open(&dir);
        let run = journal.begin(&insert(now()), things(2)).unwrap();
        let defect = |result: Result<()>| {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), Kind::Internal);
            error.to_string()
        };
        assert!(defect(run.answered(0, ended(Ending::Done)).await).contains("row 1"));
        run.sent(0, now()).await.unwrap();
        assert!(defect(run.sent(0, now()).await).contains("is sent"));
        run.answered(0, ended(Ending::Done)).await.unwrap();
        assert!(defect(run.sent(0, now()).await).contains("is done"));
        assert!(defect(run.answered(0, ended(Ending::Failed)).await).contains("is done"));
        assert!(defect(run.sent(2, now()).await).contains("not part of the run"));
        // One that makes no sense does not take its neighbours with it.
        let (good, bad) = tokio::join!(run.sent(1, now()), run.sent(0, now()));
        assert!(good.is_ok() && bad.is_err());
        assert_eq!(run.finish(now()).await.unwrap(), RunState::Partial);
        assert_eq!(only(&journal).counts, Counts { done: 1, unknown: 1, ..Counts::default() });
    }

    #[tokio::test]
    async fn a_key_lives_from_its_first_use_and_a_new_one_from_its_own() {
        let dir = TempDir::new().unwrap();
        let journal = open(&dir);
        let run = journal.begin(&insert(now()), things(1)).unwrap();
        let key = insert(now()).idempotency.unwrap();
        let hours = |n: u64| now() + Duration::from_hours(n);
        let row = || run.open_rows().next().unwrap().unwrap();
        assert!(!row().key_lives(&key, now()), "never used");
        run.sent(0, now()).await.unwrap();
        run.answered(0, ended(Ending::Unknown)).await.unwrap();
        assert!(row().key_lives(&key, hours(5)) && !row().key_lives(&key, hours(6)));
        assert!(!row().key_lives(&key, START), "a clock that was set back says nothing");
        run.sent(0, hours(5)).await.unwrap();
        run.answered(0, ended(Ending::Failed)).await.unwrap();
        assert_eq!((row().key_used_at, row().sent_at), (Some(now()), Some(hours(5))));
        run.sent_under(0, "key-new", hours(7)).await.unwrap();
        let row = row();
        assert_eq!((row.idempotency_key.as_deref(), row.key_used_at), (Some("key-new"), Some(hours(7))));
        assert_eq!((row.state, row.outcome), (RowState::Sent, None));
    }

    #[test]
    fn one_process_at_a_time_works_on_a_run() {
        let dir = TempDir::new().unwrap();
        let (here, there) = (open(&dir), open(&dir));
        let run = here.begin(&insert(now()), things(3)).unwrap();
        let other = there.begin(&insert(now()), things(3)).unwrap();
        assert_eq!((run.id(), other.id()), ("20261121-1", "20261121-2"));
        assert_eq!(there.runs().unwrap()[0].state, RunState::Running);
        for journal in [&here, &there] {
            assert!(refused(journal.resume(run.id(), &target())).contains("another process works on run 20261121-1"));
            assert!(refused(journal.forget(run.id())).contains("another process"));
        }
        drop(run);
        assert_eq!(
            here.runs().unwrap().iter().find(|r| r.head.id == "20261121-1").unwrap().state,
            RunState::Interrupted
        );
        let (taken, _) = there.resume("20261121-1", &target()).unwrap();
        assert!(refused(here.resume("20261121-1", &target())).contains("another process"));
        drop(taken);
        here.resume("20261121-1", &target()).unwrap();
    }

    #[test]
    fn many_who_open_and_plan_at_once_all_get_their_runs() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("not/there/yet");
        let ids: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
            let begin = || {
                let journal = Journal::open(&path, &Redactor::default()).unwrap();
                journal.begin(&insert(now()), things(20)).unwrap().id().to_owned()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(begin)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(ids.len(), 8);
        let runs = Journal::open(&path, &Redactor::default()).unwrap().runs().unwrap();
        assert!(runs.len() == 8 && runs.iter().all(|run| run.counts.planned == 20), "{runs:?}");
    }

    #[test]
    fn a_run_is_not_resumed_against_somebody_else() {
        let dir = TempDir::new().unwrap();
        let journal = open(&dir);
        drop(journal.begin(&insert(now()), things(1)).unwrap());
        for (other, word) in [
            (Target { base_url: "http://127.0.0.1:1".into(), ..target() }, "https://api.acme.test/v1"),
            (Target { account: "a2".into(), ..target() }, "against a1"),
            (Target { provider: "ajax".into(), ..target() }, "against acme"),
        ] {
            assert!(refused(journal.resume("20261121-1", &other)).contains(word));
        }
        let (one, two) = (Secret::new("token-one-token"), Secret::new("token-two-token"));
        let print = journal.fingerprint(&one).unwrap();
        assert_eq!(print, open(&dir).fingerprint(&one).unwrap());
        assert_ne!(print, journal.fingerprint(&two).unwrap());
        assert_ne!(print, open(&TempDir::new().unwrap()).fingerprint(&one).unwrap());
    }

    #[test]
    fn a_name_that_is_not_known_gets_the_nearest_one() {
        let dir = TempDir::new().unwrap();
        let journal = open(&dir);
        assert!(refused(journal.head("1")).contains("has 0 runs"));
        drop(journal.begin(&insert(now()), things(1)).unwrap());
        assert!(refused(journal.rows("20261121-2")).contains("did you mean 20261121-1?"));
        assert!(refused(journal.resume("../../etc/passwd", &target())).contains("no run is called"));
    }

    #[tokio::test]
    async fn runs_that_are_long_done_are_forgotten_and_no_others() {
        let dir = TempDir::new().unwrap();
        let journal = open(&dir);
        let days = |n: u64| now() + Duration::from_hours(24 * n);
        for (count, at) in [(400, now()), (0, now()), (1, days(20))] {
            let run = journal.begin(&insert(at), things(count)).unwrap();
            for row in 0..count.min(1) {
                run.sent(row, at).await.unwrap();
                run.answered(row, ended(Ending::Done)).await.unwrap();
            }
            run.finish(at).await.unwrap();
        }
        let full = fs::metadata(dir.path().join("journal.sqlite")).unwrap().len();
        drop(journal.begin(&insert(days(31)), things(1)).unwrap());
        let ids: Vec<_> = journal.runs().unwrap().into_iter().map(|run| (run.head.id, run.state)).collect();
        let expected =
            [("20261222-1", RunState::Interrupted), ("20261121-1", RunState::Partial), ("20261211-1", RunState::Done)];
        assert_eq!(ids, expected.map(|(id, state)| (id.to_owned(), state)));
        journal.forget("20261121-1").unwrap();
        assert_eq!(journal.runs().unwrap().len(), 2);
        assert!(!dir.path().join("run-20261121-1.lock").exists());
        assert!(fs::metadata(dir.path().join("journal.sqlite")).unwrap().len() < full, "its room is given back");
        assert_eq!(journal.begin(&insert(now()), []).unwrap().id(), "20261121-3", "an id is given once");
    }

    #[tokio::test]
    async fn no_secret_reaches_the_disk_and_the_input_is_found_again_by_its_marks() {
        let dir = TempDir::new().unwrap();
        let redactor = Redactor::default();
        redactor.learn("token-of-the-session");
        let journal = Journal::open(dir.path(), &redactor).unwrap();
        let clear = |n: u64| json!({"name": "same", "password": format!("hunter2-{n}")});
        let new = NewRun {
            statement: "INSERT .. token-of-the-session".into(),
            settings: json!({"x": "token-of-the-session"}),
            ..insert(now())
        };
        let seal = new.seal.clone();
        let rows = (0..3).map(|n| {
            let password = clear(n)["password"].clone();
            NewRow {
                arguments: json!({"name": "same", "password": seal.mark(&password)}),
                label: "token-of-the-session".into(),
                idempotency_key: None,
                secret: true,
            }
        });
        // One where nobody thought of it.
        let slip = NewRow {
            arguments: json!({"name": "x token-of-the-session"}),
            label: "slip".into(),
            idempotency_key: None,
            secret: false,
        };
        let run = journal.begin(&new, rows.chain([slip])).unwrap();
        run.sent(0, now()).await.unwrap();
        let outcome = Outcome {
            code: Some("token-of-the-session".into()),
            message: Some("bad token-of-the-session".into()),
            answer: Some(json!({"token-of-the-session": "token-of-the-session"})),
            ..ended(Ending::Failed)
        };
        run.answered(0, outcome).await.unwrap();
        for entry in fs::read_dir(dir.path()).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            for secret in ["token-of-the-session", "hunter2"] {
                assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
            }
        }
        drop((run, journal));
        let (run, _) = Journal::open(dir.path(), &redactor).unwrap().resume("20261121-1", &target()).unwrap();
        // In another order, and one row is no longer what it was.
        let mut inputs = Inputs::new(vec![clear(2), clear(0), clear(9), json!({"name": "x token-of-the-session"})]);
        let found: Vec<Option<Value>> = run
            .open_rows()
            .map(|row| row.unwrap())
            .inspect(|row| assert!(row.secret))
            .map(|row| inputs.find(run.seal(), &row).cloned())
            .collect();
        assert_eq!(found, [Some(clear(0)), None, Some(clear(2)), Some(json!({"name": "x token-of-the-session"}))]);
    }

    #[test]
    fn a_disk_without_room_refuses_the_plan_and_leaves_nothing_of_it() {
        let dir = TempDir::new().unwrap();
        let journal = open(&dir);
        journal.store.connection().execute_batch("PRAGMA max_page_count = 40").unwrap();
        let text = refused(journal.begin(&insert(now()), things(10_000)));
        assert!(text.contains("the disk is full") && text.contains("journal.sqlite"), "{text}");
        assert_eq!(journal.runs().unwrap(), []);
        journal.store.connection().execute_batch("PRAGMA max_page_count = 4000000").unwrap();
        journal.begin(&insert(now()), things(10)).unwrap();
        assert_eq!(only(&journal).counts.planned, 10);
    }

    #[tokio::test]
    async fn a_mark_that_the_disk_does_not_take_is_an_error_before_the_request_and_the_rest_stays_readable() {
        let dir = TempDir::new().unwrap();
        let journal = open(&dir);
        let run = journal.begin(&insert(now()), things(10)).unwrap();
        journal.store.connection().execute_batch("PRAGMA query_only = ON").unwrap();
        assert!(refused(run.sent(0, now()).await).contains("cannot be written"));
        journal.store.connection().execute_batch("PRAGMA query_only = OFF").unwrap();
        run.sent(0, now()).await.unwrap();
        assert_eq!(only(&journal).counts, Counts { planned: 9, sent: 1, ..Counts::default() });
    }

    #[test]
    fn a_place_that_will_not_do_is_refused_with_its_path() {
        let dir = TempDir::new().unwrap();
        let open = |path: &Path| Journal::open(path, &Redactor::default());
        fs::write(dir.path().join("file"), "x").unwrap();
        for path in ["file", "file/below", "file/below/that"] {
            let path = dir.path().join(path);
            assert!(refused(open(&path)).contains(dir.path().to_str().unwrap()));
        }
        // Linux has a directory that takes no files from anybody.
        if Path::new("/proc/self").is_dir() {
            assert!(refused(open(Path::new("/proc/self"))).contains("/proc/self"));
            assert!(refused(open(Path::new("/proc/self/journal"))).contains("/proc/self/journal"));
        }
        let taken = dir.path().join("taken");
        fs::create_dir_all(taken.join("journal.sqlite")).unwrap();
        assert!(refused(open(&taken)).contains("is not a plain file"));
    }

    #[test]
    fn files_that_are_no_sound_journal_are_refused_and_left_alone() {
        let dir = TempDir::new().unwrap();
        let refuse = |name: &str, bytes: &[u8], word: &str| {
            let dir = dir.path().join(name);
            fs::create_dir(&dir).unwrap();
            let file = dir.join("journal.sqlite");
            fs::write(&file, bytes).unwrap();
            let text = refused(Journal::open(&dir, &Redactor::default()));
            assert!(text.contains(word) && text.contains(file.to_str().unwrap()), "{name}: {text}");
            assert!(fs::read(&file).unwrap() == bytes, "{name}: the file was changed");
        };
        let source = TempDir::new().unwrap();
        drop(open(&source).begin(&insert(now()), things(500)).unwrap());
        let file = source.path().join("journal.sqlite");
        let whole = fs::read(&file).unwrap();
        assert!(whole.len() > 50_000);
        refuse("garbage", &[b'x'; 9_000], "is damaged");
        refuse("short", b"SQLite", "is damaged");
        refuse("cut in the middle", &whole[..whole.len() / 2], "is damaged");
        refuse("cut within a page", &whole[..20_001], "is damaged");
        let mut holed = whole.clone();
        holed[24_576..32_768].fill(0x5a);
        refuse("overwritten", &holed, "is damaged");
        let change = |sql: &str| {
            let connection = Connection::open(&file).unwrap();
            connection.execute_batch(&format!("PRAGMA journal_mode = DELETE; {sql}")).unwrap();
            drop(connection);
            fs::read(&file).unwrap()
        };
        refuse("newer", &change("PRAGMA user_version = 2"), "newer weir");
        refuse("somebody's", &change("PRAGMA application_id = 5"), "not a journal of weir");
        refuse("anybody's", &change("PRAGMA application_id = 0"), "not a journal of weir");
        // An empty file is a journal that has not begun.
        fs::create_dir(dir.path().join("empty")).unwrap();
        fs::write(dir.path().join("empty/journal.sqlite"), "").unwrap();
        Journal::open(&dir.path().join("empty"), &Redactor::default()).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn the_files_are_their_owners_alone() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let dir = TempDir::new().unwrap();
        let place = dir.path().join("state/weir");
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let open = || Journal::open(&place, &Redactor::default());
        let modes = || {
            let mut found: Vec<(PathBuf, u32)> =
                fs::read_dir(&place).unwrap().map(|e| e.unwrap().path()).map(|p| (p.clone(), mode(&p))).collect();
            found.sort();
            found
                .into_iter()
                .map(|(path, mode)| (path.file_name().unwrap().to_str().unwrap().to_owned(), mode))
                .collect()
        };
        let journal = open().unwrap();
        let run = journal.begin(&insert(now()), things(5)).unwrap();
        assert_eq!((mode(&place), mode(&dir.path().join("state"))), (0o700, 0o700));
        let files = ["journal.sqlite", "journal.sqlite-shm", "journal.sqlite-wal", "run-20261121-1.lock"];
        let closed: Vec<(String, u32)> = files.map(|name| (name.to_owned(), 0o600)).to_vec();
        let found: Vec<(String, u32)> = modes();
        assert_eq!(found, closed);
        for name in files {
            set(&place.join(name), 0o666);
        }
        set(&place, 0o777);
        let again = open().unwrap();
        drop(run);
        drop(again.resume("20261121-1", &target()).unwrap());
        assert_eq!((mode(&place), modes()), (0o700, closed));
        // A directory that others have things in is not closed to them behind their backs.
        let public = dir.path().join("public");
        fs::create_dir(&public).unwrap();
        fs::write(public.join("theirs"), "").unwrap();
        set(&public, 0o1777);
        assert!(refused(Journal::open(&public, &Redactor::default())).contains("others may write"));
        assert_eq!(fs::metadata(&public).unwrap().mode() & 0o7777, 0o1777);
    }

    /// Sends `count` rows, `callers` at a time, to a server that takes `latency`; the answer of one row and the next
    /// row share a flush.
    async fn send(run: &Run, callers: u64, count: u64, latency: Duration) {
        let done = || ended(Ending::Done);
        futures::future::join_all((0..callers).map(|caller| async move {
            let mut last = None;
            for row in (caller..count).step_by(usize::try_from(callers).unwrap()) {
                match last.replace(row) {
                    Some(last) => tokio::try_join!(run.answered(last, done()), run.sent(row, now())).map(drop).unwrap(),
                    None => run.sent(row, now()).await.unwrap(),
                }
                tokio::time::sleep(latency).await;
            }
            run.answered(last.unwrap(), done()).await.unwrap();
        }))
        .await;
    }

    /// The same, with a flush for each.
    async fn send_plainly(run: &Run, callers: u64, count: u64, latency: Duration) {
        futures::future::join_all((0..callers).map(|caller| async move {
            for row in (caller..count).step_by(usize::try_from(callers).unwrap()) {
                run.sent(row, now()).await.unwrap();
                tokio::time::sleep(latency).await;
                run.answered(row, ended(Ending::Done)).await.unwrap();
            }
        }))
        .await;
    }

    #[test]
    #[ignore = "a measurement: cargo test --lib journal -- --ignored --nocapture"]
    fn how_fast_rows_are_marked() {
        // On the disk that the sources are on: a temporary directory may be in memory.
        let dir = TempDir::new_in(".").unwrap();
        let journal = open(&dir);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let timed = |callers: u64, count: u64, latency: u64| {
            for plainly in [true, false] {
                let run = journal.begin(&insert(now()), things(count)).unwrap();
                let (begun, latency) = (Instant::now(), Duration::from_millis(latency));
                match plainly {
                    true => runtime.block_on(send_plainly(&run, callers, count, latency)),
                    false => runtime.block_on(send(&run, callers, count, latency)),
                }
                let (took, count) = (begun.elapsed(), u32::try_from(count).unwrap());
                let rate = f64::from(count) / took.as_secs_f64();
                println!("{callers} at once, {latency:?} a request, plainly {plainly}: {took:?}, {rate:.0} rows/s");
            }
        };
        timed(1, 400, 0);
        timed(4, 1_600, 0);
        timed(16, 6_400, 0);
        timed(1, 100, 20);
        timed(4, 500, 20);
    }

    #[test]
    #[ignore = "a measurement: cargo test --lib journal -- --ignored --nocapture"]
    fn how_fast_runs_are_planned_and_read() {
        let dir = TempDir::new_in(".").unwrap();
        let journal = open(&dir);
        let timed = |what: &str, begun: Instant| println!("{what}: {:?}", begun.elapsed());
        for count in [10_000, 500_000] {
            let begun = Instant::now();
            let run = journal.begin(&insert(now()), things(count)).unwrap();
            timed(&format!("{count} rows planned"), begun);
            let begun = Instant::now();
            assert_eq!(u64::try_from(run.open_rows().count()).unwrap(), count);
            timed("read", begun);
            let begun = Instant::now();
            journal.runs().unwrap();
            timed("listed", begun);
            let id = run.id().to_owned();
            drop(run);
            let begun = Instant::now();
            journal.forget(&id).unwrap();
            timed("forgotten", begun);
        }
        let seal = Seal::new(1_000).unwrap();
        let begun = Instant::now();
        (0..1_000).for_each(|n| drop(seal.mark(&json!(format!("secret {n}")))));
        timed("1000 secrets hashed", begun);
    }
}
