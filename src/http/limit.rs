//! Keeps under the documented rate: one lane per origin and credential, shared by every statement of the session.
//! Owns permits, sliding windows and the pause after a 429. Must not know requests or answers.
//!
//! A slot of a window is taken from the moment a request may go out until a window's length after its answer came: the
//! server saw it somewhere in between, so it never sees more than the window allows.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::auth::Credentials;
use super::exchange::Exchange;
use super::processes::{Book, Shared, Turn as Answer};
use crate::error::{Error, Kind, Result};
use crate::registry::{Access, RateWindow};

/// Requests at the same time where the document says nothing.
const CONCURRENT: usize = 8;

/// Why a request waits: the API asked for it; it asked another process; the document says what is too many.
const ASKED: &str = "rate limited by the API";
const ELSEWHERE: &str = "rate limited by the API, as it told another process";
const KEEPING: &str = "keeping under the documented rate";

/// Waits below this are not worth a notice.
const WORTH_TELLING: Duration = Duration::from_secs(1);

/// All lanes of a session. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Limiter {
    lanes: Arc<Mutex<Lanes>>,
    /// What other processes know of them, too.
    shared: Option<Arc<Shared>>,
}

type Lanes = HashMap<(String, u64), Arc<Lane>>;

impl Limiter {
    /// One that keeps under the rate together with the other processes that use `folder`.
    pub(super) fn shared(folder: PathBuf) -> Limiter {
        Limiter { lanes: Arc::default(), shared: Some(Arc::new(Shared::new(folder))) }
    }

    /// The lane of `origin` with these credentials. What `access` says when it is first used holds.
    pub(super) fn lane(&self, origin: &str, credentials: &Credentials, access: &Access) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (origin.to_owned(), credentials.fingerprint());
        let lane = lanes.entry(key).or_insert_with(|| {
            let book = self.shared.as_ref().map(|shared| match shared.book(origin, credentials) {
                Ok(book) => Outside::Book(book),
                Err(error) => Outside::Lost(shared.clone(), error),
            });
            Arc::new(Lane::new(origin, access, book))
        });
        Arc::clone(lane)
    }
}

/// What there is of the other processes.
#[derive(Debug)]
enum Outside {
    Book(Book),
    /// It cannot be had, and why.
    Lost(Arc<Shared>, std::io::Error),
}

/// Looks at a file that another process is writing; longer than that, it is stopped and not writing.
const LOOKS: u32 = 2000;

/// The way to one origin with one credential.
#[derive(Debug)]
pub(super) struct Lane {
    origin: String,
    windows: Vec<RateWindow>,
    permits: Arc<Semaphore>,
    /// Held by the one who waits for a slot; the others queue behind it in order.
    turn: Turn<()>,
    /// Told when a request came back.
    back: Notify,
    traffic: Mutex<Traffic>,
    outside: Option<Outside>,
}

#[derive(Debug, Default)]
struct Traffic {
    in_flight: usize,
    /// When requests came back, oldest first, as far back as the longest window.
    done: VecDeque<Instant>,
    paused_until: Option<Instant>,
}

/// The right to send one request. Dropping it ends the request.
#[derive(Debug)]
pub(super) struct Pass {
    lane: Arc<Lane>,
    /// What the rate made us wait.
    pub(super) waited: Duration,
    unsent: bool,
    /// The turn's number among all processes.
    number: Option<u64>,
    _permit: OwnedSemaphorePermit,
}

impl Pass {
    /// The request never left: it counts in no window.
    pub(super) fn unsent(mut self) {
        self.unsent = true;
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut traffic = self.lane.traffic();
        traffic.in_flight = traffic.in_flight.saturating_sub(1);
        if !self.unsent && !self.lane.windows.is_empty() {
            traffic.done.push_back(Instant::now());
        }
        drop(traffic);
        self.lane.back.notify_one();
        if let (Some(number), Some(Outside::Book(book))) = (self.number, &self.lane.outside) {
            book.end(number, !self.unsent);
        }
    }
}

/// Until when to wait, and why.
type Wait = (Instant, &'static str);

/// When a request may go.
enum Slot {
    Free,
    /// Not before this moment, and why.
    At(Instant, &'static str),
    /// When one of those in flight is back.
    AfterAnother,
}

impl Lane {
    fn new(origin: &str, access: &Access, outside: Option<Outside>) -> Self {
        let concurrent = if access.concurrent == 0 { CONCURRENT } else { access.concurrent };
        Lane {
            origin: origin.to_owned(),
            windows: access.windows.iter().copied().filter(|w| w.requests > 0 && w.seconds > 0).collect(),
            permits: Arc::new(Semaphore::new(concurrent.min(Semaphore::MAX_PERMITS))),
            turn: Turn::new(()),
            back: Notify::new(),
            traffic: Mutex::default(),
            outside,
        }
    }

    /// Waits until a request may go out.
    ///
    /// # Errors
    /// At once when the wait would go beyond the statement's deadline.
    pub(super) async fn enter(self: &Arc<Self>, exchange: &Exchange) -> Result<Pass> {
        let out_of_time = || Error::new(Kind::Network, "the statement's time ran out while its requests queued");
        let late = exchange.deadline;
        let permit = before(late, Arc::clone(&self.permits).acquire_owned()).await.ok_or_else(out_of_time)?;
        let permit =
            permit.map_err(|error| Error::new(Kind::Internal, "the request queue is closed").caused_by(error))?;
        let arrived = Instant::now();
        let _turn = before(late, self.turn.lock()).await.ok_or_else(out_of_time)?;
        let mut looks = 0;
        let number = loop {
            match self.slot() {
                Slot::Free => match self.ask_outside(exchange, &mut looks) {
                    Ok(number) => break number,
                    // Not yet: the slot here is for somebody else meanwhile.
                    Err((moment, why)) => {
                        self.leave_slot();
                        self.wait_until((moment, why), exchange).await?;
                    }
                },
                Slot::AfterAnother => before(late, self.back.notified()).await.ok_or_else(out_of_time)?,
                Slot::At(moment, why) => self.wait_until((moment, why), exchange).await?,
            }
        };
        Ok(Pass { lane: Arc::clone(self), waited: arrived.elapsed(), unsent: false, number, _permit: permit })
    }

    async fn wait_until(&self, (moment, why): (Instant, &'static str), exchange: &Exchange) -> Result<()> {
        let wait = moment.saturating_duration_since(Instant::now());
        if exchange.deadline.is_some_and(|deadline| moment > deadline) {
            return Err(self.too_long(why, wait));
        }
        if wait >= WORTH_TELLING {
            exchange.notices.tell(&format!("{}: {why}, waiting {}", self.origin, seconds(wait)));
        }
        tokio::time::sleep_until(moment).await;
        Ok(())
    }

    /// A turn among the processes, where there are others to know of; or when to ask again, and why.
    fn ask_outside(&self, exchange: &Exchange, looks: &mut u32) -> std::result::Result<Option<u64>, Wait> {
        let (shared, error) = match &self.outside {
            None => return Ok(None),
            Some(Outside::Lost(shared, error)) => (shared.as_ref(), error.to_string()),
            Some(Outside::Book(book)) => match book.take(&self.windows) {
                Ok(Answer::Free(0)) => return Ok(None),
                Ok(Answer::Free(number)) => return Ok(Some(number)),
                // How long to be patient is the statement's to say, whichever process the API told.
                Ok(Answer::Wait(wait, asked)) => {
                    let why = if asked { ELSEWHERE } else { KEEPING };
                    return Err((Instant::now() + Duration::from_millis(wait), why));
                }
                Ok(Answer::Busy) if *looks < LOOKS => {
                    *looks += 1;
                    return Err((Instant::now() + Duration::from_millis(1), "waiting for another process"));
                }
                Ok(Answer::Busy) => (book.shared(), "another process holds it".to_owned()),
                Err(error) => (book.shared(), error.to_string()),
            },
        };
        if shared.is_news() {
            let place = shared.folder().display();
            exchange.notices.tell(&format!("the rate limit is kept by this process alone: {place}: {error}"));
        }
        Ok(None)
    }

    fn leave_slot(&self) {
        let mut traffic = self.traffic();
        traffic.in_flight = traffic.in_flight.saturating_sub(1);
    }

    /// No request goes out for `wait` from now.
    pub(super) fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut traffic = self.traffic();
        traffic.paused_until = Some(traffic.paused_until.map_or(until, |set| set.max(until)));
        drop(traffic);
        if let Some(Outside::Book(book)) = &self.outside {
            book.pause(wait);
        }
    }

    /// Takes a slot where one is free; the caller holds the turn.
    fn slot(&self) -> Slot {
        let now = Instant::now();
        let mut traffic = self.traffic();
        if let Some(until) = traffic.paused_until {
            if until > now {
                return Slot::At(until, ASKED);
            }
            traffic.paused_until = None;
        }
        let longest = self.windows.iter().map(|w| u64::from(w.seconds)).max().unwrap_or(0);
        while traffic.done.front().is_some_and(|done| *done + Duration::from_secs(longest) <= now) {
            traffic.done.pop_front();
        }
        let mut free_at = None;
        for window in &self.windows {
            let length = Duration::from_secs(u64::from(window.seconds));
            let most = usize::try_from(window.requests).unwrap_or(usize::MAX);
            let recent = traffic.done.iter().rev().take_while(|done| **done + length > now).count();
            if traffic.in_flight + recent < most {
                continue;
            }
            // The window is full, never more than full: one fits when the oldest in it has grown old.
            let Some(oldest) = recent.checked_sub(1).and_then(|last| traffic.done.iter().rev().nth(last)) else {
                return Slot::AfterAnother;
            };
            free_at = free_at.max(Some(*oldest + length));
        }
        if let Some(moment) = free_at {
            return Slot::At(moment, KEEPING);
        }
        traffic.in_flight += 1;
        Slot::Free
    }

    fn too_long(&self, why: &str, wait: Duration) -> Error {
        let message = format!(
            "{}: {why}; the next request may go in {}, and the statement's time is up before that",
            self.origin,
            seconds(wait)
        );
        Error::new(Kind::Network, message).hint("Wait, and run it again; or give the statement more time.")
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `future` gives, unless the deadline comes first.
pub(super) async fn before<F: Future>(deadline: Option<Instant>, future: F) -> Option<F::Output> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, future).await.ok(),
        None => Some(future.await),
    }
}

/// `30 s`, `0.5 s`, `40 ms`: whole seconds from ten on, milliseconds below a tenth.
pub(super) fn seconds(duration: Duration) -> String {
    if duration >= Duration::from_secs(10) {
        format!("{:.0} s", duration.as_secs_f64().ceil())
    } else if duration < Duration::from_millis(100) && !duration.is_zero() {
        format!("{} ms", duration.as_millis().max(1))
    } else {
        let tenths = format!("{:.1}", duration.as_secs_f64());
        format!("{} s", tenths.trim_end_matches(".0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::exchange::Notices;
    use crate::http::scripted::exchange;
    use crate::secret::Secret;

    fn access(concurrent: usize, windows: &[(u32, u32)]) -> Access {
        let windows = windows.iter().map(|&(requests, seconds)| RateWindow { requests, seconds }).collect();
        Access { concurrent, windows, ..Access::default() }
    }

    fn lane(access: &Access) -> Arc<Lane> {
        Limiter::default().lane("https://api.example", &Credentials::none(), access)
    }

    async fn secs(lane: &Arc<Lane>, exchange: &Exchange, since: Instant) -> u64 {
        let pass = lane.enter(exchange).await.unwrap();
        drop(pass);
        since.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn no_window_ever_holds_more_than_it_may() {
        let access = access(8, &[(3, 10), (4, 60)]);
        let (lane, exchange) = (lane(&access), exchange(access, "http://127.0.0.1"));
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..9 {
            times.push(secs(&lane, &exchange, start).await);
        }
        assert_eq!(times, [0, 0, 0, 10, 60, 60, 60, 70, 120]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_is_held_until_a_window_after_the_answer() {
        let access = access(8, &[(1, 10)]);
        let (lane, exchange) = (lane(&access), exchange(access, "http://127.0.0.1"));
        let start = Instant::now();
        let pass = lane.enter(&exchange).await.unwrap();
        let slow = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(7)).await;
            drop(pass);
        });
        assert_eq!(secs(&lane, &exchange, start).await, 17);
        slow.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_never_left_counts_in_no_window() {
        let access = access(8, &[(1, 10)]);
        let (lane, exchange) = (lane(&access), exchange(access, "http://127.0.0.1"));
        lane.enter(&exchange).await.unwrap().unsent();
        assert_eq!(secs(&lane, &exchange, Instant::now()).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_run_side_by_side_than_allowed() {
        let access = access(2, &[]);
        let (lane, exchange) = (lane(&access), exchange(access, "http://127.0.0.1"));
        let first = lane.enter(&exchange).await.unwrap();
        let _second = lane.enter(&exchange).await.unwrap();
        let third = tokio::time::timeout(Duration::from_secs(5), lane.enter(&exchange));
        assert!(third.await.is_err());
        drop(first);
        assert!(tokio::time::timeout(Duration::from_secs(5), lane.enter(&exchange)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_all_of_one_credential_and_is_told() {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = Arc::clone(&told);
        let access = access(8, &[]);
        let mut exchange = exchange(access.clone(), "http://127.0.0.1");
        exchange.notices = Notices::new(move |text| sink.lock().unwrap().push(text.to_owned()));
        let limiter = Limiter::default();
        let (me, other) = (Credentials::none(), Credentials::header("Key", Secret::new("other")));
        let mine = limiter.lane("https://api.example", &me, &access);
        limiter.clone().lane("https://api.example", &me, &access).pause(Duration::from_secs(30));
        let start = Instant::now();
        assert_eq!(secs(&limiter.lane("https://api.example", &other, &access), &exchange, start).await, 0);
        let pass = mine.enter(&exchange).await.unwrap();
        assert_eq!(pass.waited, Duration::from_secs(30));
        assert_eq!(*told.lock().unwrap(), ["https://api.example: rate limited by the API, waiting 30 s"]);
    }

    #[tokio::test]
    async fn where_the_folder_cannot_be_written_the_limit_is_this_processs_and_that_is_told_once() {
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let sink = Arc::clone(&told);
        let access = access(8, &[(3, 10)]);
        let mut exchange = exchange(access.clone(), "http://127.0.0.1");
        exchange.notices = Notices::new(move |text| sink.lock().unwrap().push(text.to_owned()));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let limiter = Limiter::shared(file.join("limits"));
        for origin in ["https://a.example", "https://b.example", "https://b.example"] {
            limiter.lane(origin, &Credentials::none(), &access).enter(&exchange).await.unwrap();
        }
        let told = told.lock().unwrap();
        assert!(told.len() == 1 && told[0].contains("by this process alone"), "{told:?}");
    }

    /// A limiter of another process, as far as it can be told apart: its file's clock is the test's.
    fn beside(folder: &std::path::Path) -> Limiter {
        fn clock() -> u64 {
            static BEGUN: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
            let since = Instant::now().into_std().duration_since(*BEGUN.get_or_init(std::time::Instant::now));
            1_000_000 + u64::try_from(since.as_millis()).unwrap()
        }
        Limiter { lanes: Arc::default(), shared: Some(Arc::new(Shared::with_clock(folder.to_owned(), clock))) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_of_another_process_is_waited_out_as_long_as_the_statement_has_patience() {
        for (minutes, told) in [(1, "60 s"), (60, "3600 s"), (6000, "360000 s")] {
            let folder = tempfile::tempdir().unwrap();
            let access = access(8, &[]);
            let (mut exchange, heard) =
                (exchange(access.clone(), "http://127.0.0.1"), Arc::<Mutex<Vec<String>>>::default());
            let sink = Arc::clone(&heard);
            exchange.notices = Notices::new(move |text| sink.lock().unwrap().push(text.to_owned()));
            let lane = || beside(folder.path()).lane("https://a.example", &Credentials::none(), &access);
            let (one, other) = (lane(), lane());
            other.enter(&exchange).await.unwrap();
            let pause = Duration::from_mins(minutes);
            one.pause(pause);

            let start = Instant::now();
            exchange.deadline = Some(start + pause / 2);
            let error = other.enter(&exchange).await.unwrap_err();
            assert!(error.message().contains(ELSEWHERE) && error.message().contains(told), "{error}");
            assert_eq!(start.elapsed(), Duration::ZERO, "it is known at once");

            exchange.deadline = None;
            let pass = other.enter(&exchange).await.unwrap();
            assert_eq!(pass.waited.as_secs().abs_diff(minutes * 60), 0, "{:?}", pass.waited);
            let heard = heard.lock().unwrap();
            assert_eq!(*heard, [format!("https://a.example: {ELSEWHERE}, waiting {told}")]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn two_processes_together_send_no_more_than_the_window_has() {
        let folder = tempfile::tempdir().unwrap();
        let access = access(8, &[(3, 10)]);
        let exchange = exchange(access.clone(), "http://127.0.0.1");
        let lane = || beside(folder.path()).lane("https://a.example", &Credentials::none(), &access);
        let (one, other) = (lane(), lane());
        let start = Instant::now();
        let mut times = Vec::new();
        for _ in 0..4 {
            times.push(secs(&one, &exchange, start).await);
            times.push(secs(&other, &exchange, start).await);
        }
        assert_eq!(times, [0, 0, 0, 10, 10, 10, 20, 20]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_deadline_is_an_error_at_once() {
        let access = access(8, &[]);
        let (lane, mut exchange) = (lane(&access), exchange(access, "http://127.0.0.1"));
        exchange.deadline = Some(Instant::now() + Duration::from_secs(20));
        lane.pause(Duration::from_mins(5));
        let start = Instant::now();
        let error = lane.enter(&exchange).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Network);
        assert!(error.message().contains("300 s"), "{error}");
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[test]
    fn waits_read_like_a_person_says_them() {
        let text = |millis| seconds(Duration::from_millis(millis));
        assert_eq!([text(40), text(500), text(2_000), text(29_990)], ["40 ms", "0.5 s", "2 s", "30 s"]);
    }
}
