//! What the sandbox remembers: accounts, apps, livestreams, meetings, live inputs, and the clock. It holds records and the
//! few rules that time alone drives; it knows neither requests nor the JSON they are answered with.

use serde_json::{Map, Value};

use super::clock::{self, Ids};
use super::reply::Shapes;

/// Everything there is.
#[derive(Debug)]
pub struct State {
    /// The present, in nanoseconds since 1970. Writes move it, and nobody else but `advance`.
    pub now: i64,
    /// Where new identifiers and secrets come from.
    pub ids: Ids,
    /// How answers look at the moment.
    pub shapes: Shapes,
    /// The accounts, the main one first.
    pub accounts: Vec<Account>,
    /// How many writes took effect.
    pub writes: u64,
}

/// One account.
#[derive(Debug)]
pub struct Account {
    pub id: String,
    pub apps: Vec<App>,
    pub live_inputs: Vec<LiveInput>,
    /// The idempotency keys that were used to create live inputs.
    pub used_keys: Vec<UsedKey>,
}

/// A `RealtimeKit` app.
#[derive(Debug)]
pub struct App {
    pub id: String,
    pub name: String,
    pub created: i64,
    pub livestreams: Vec<Livestream>,
    pub meetings: Vec<Meeting>,
}

/// What a livestream is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Live,
    Idle,
    Errored,
    Invoked,
}

/// A livestream: a meeting's, or one that stands alone.
#[derive(Debug)]
pub struct Livestream {
    pub id: String,
    pub name: Option<String>,
    pub status: Status,
    pub disabled: bool,
    pub stream_key: String,
    /// The video that the playback address names.
    pub video: String,
    pub meeting_id: Option<String>,
    pub created: i64,
    pub updated: i64,
    pub sessions: Vec<Session>,
    /// When a started livestream will be live. Seeded ones never change by themselves.
    pub live_at: Option<i64>,
}

/// One run of a livestream.
#[derive(Debug)]
pub struct Session {
    pub id: String,
    pub err_message: Option<&'static str>,
    pub invoked: i64,
    pub started: Option<i64>,
    pub stopped: Option<i64>,
    pub viewer_seconds: f64,
}

/// A meeting.
#[derive(Debug)]
pub struct Meeting {
    pub id: String,
    pub active: bool,
    pub created: i64,
    pub updated: i64,
    /// Title and switches, by the names they have on the wire.
    pub settings: Map<String, Value>,
    /// Until when a stopped livestream keeps the meeting from starting another.
    pub stopping_until: i64,
}

/// A Stream live input.
#[derive(Debug)]
pub struct LiveInput {
    pub uid: String,
    pub created: i64,
    pub modified: i64,
    pub meta: Value,
    /// Null when recordings are kept.
    pub delete_recording_after_days: Value,
    pub enabled: bool,
    pub prefer_low_latency: bool,
    pub recording: Value,
    pub publish_secret: String,
    pub playback_secret: String,
    pub keys_rotated: Option<i64>,
    /// What encoders did, the last thing last; empty before the first connection.
    pub connections: Vec<Connection>,
    /// Reports its connection as one word where shapes are mixed.
    pub worded: bool,
    pub outputs: Vec<Output>,
}

/// One thing that an encoder did.
#[derive(Debug, Clone)]
pub struct Connection {
    pub state: &'static str,
    pub reason: &'static str,
    pub since: i64,
}

/// Where a live input is sent on to.
#[derive(Debug)]
pub struct Output {
    pub uid: String,
    pub url: String,
    pub stream_key: String,
    pub enabled: bool,
}

/// An idempotency key and what it made.
#[derive(Debug)]
pub struct UsedKey {
    pub key: String,
    pub uid: String,
    pub expires: i64,
}

/// How much there is, and how often it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Accounts.
    pub accounts: usize,
    /// `RealtimeKit` apps of all accounts.
    pub apps: usize,
    /// Livestreams of all apps.
    pub livestreams: usize,
    /// Sessions of all livestreams.
    pub livestream_sessions: usize,
    /// Meetings of all apps.
    pub meetings: usize,
    /// Live inputs of all accounts.
    pub live_inputs: usize,
    /// Outputs of all live inputs.
    pub outputs: usize,
    /// Writes that took effect since the start.
    pub writes: u64,
}

impl Status {
    /// Every status, as the wire spells it.
    pub const WORDS: [&'static str; 4] = ["LIVE", "IDLE", "ERRORED", "INVOKED"];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// Whether a meeting with such a livestream cannot start another.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Live | Self::Invoked)
    }
}

impl State {
    /// A write took effect: a millisecond passes. Returns the new present.
    pub fn tick(&mut self) -> i64 {
        self.writes += 1;
        self.now += clock::MILLISECOND;
        self.now
    }

    /// Lets time pass, and with it what only waits for time.
    pub fn advance(&mut self, milliseconds: i64) {
        self.now = self.now.saturating_add(milliseconds.saturating_mul(clock::MILLISECOND));
        let now = self.now;
        let apps = self.accounts.iter_mut().flat_map(|account| &mut account.apps);
        for livestream in apps.flat_map(|app| &mut app.livestreams) {
            if let Some(at) = livestream.live_at.filter(|at| *at <= now) {
                livestream.go_live(at);
            }
        }
    }

    /// The account, when it exists.
    pub fn account(&mut self, id: &str) -> Option<&mut Account> {
        self.accounts.iter_mut().find(|account| account.id == id)
    }

    /// The app, when the account has it.
    pub fn app(&mut self, account: &str, id: &str) -> Option<&mut App> {
        self.account(account)?.apps.iter_mut().find(|app| app.id == id)
    }

    /// How much there is.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { accounts: self.accounts.len(), writes: self.writes, ..Counts::default() };
        for account in &self.accounts {
            counts.apps += account.apps.len();
            counts.live_inputs += account.live_inputs.len();
            counts.outputs += account.live_inputs.iter().map(|input| input.outputs.len()).sum::<usize>();
            for app in &account.apps {
                counts.meetings += app.meetings.len();
                counts.livestreams += app.livestreams.len();
                counts.livestream_sessions += app.livestreams.iter().map(|stream| stream.sessions.len()).sum::<usize>();
            }
        }
        counts
    }
}

impl App {
    /// What keeps this meeting from starting a livestream.
    pub fn active_livestream(&mut self, meeting: &str) -> Option<&mut Livestream> {
        let mine =
            |stream: &&mut Livestream| stream.meeting_id.as_deref() == Some(meeting) && stream.status.is_active();
        self.livestreams.iter_mut().find(mine)
    }
}

impl Livestream {
    /// An encoder arrived.
    pub fn go_live(&mut self, at: i64) {
        self.live_at = None;
        self.status = Status::Live;
        self.updated = at;
        if let Some(session) = self.sessions.last_mut() {
            session.started = Some(at);
        }
    }

    /// The encoder left, or the livestream was stopped.
    pub fn stop(&mut self, at: i64) {
        self.live_at = None;
        self.status = Status::Idle;
        self.updated = at;
        if let Some(session) = self.sessions.last_mut() {
            session.stopped = Some(at);
        }
    }
}

impl Session {
    /// A run that was asked for and has not begun.
    pub fn invoked(id: String, at: i64) -> Self {
        Self { id, err_message: None, invoked: at, started: None, stopped: None, viewer_seconds: 0.0 }
    }

    /// Whether it goes on.
    pub fn is_open(&self) -> bool {
        self.stopped.is_none() && self.err_message.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::seed;

    #[test]
    fn only_writes_and_advance_move_the_clock() {
        let mut state = seed::state();
        assert_eq!(state.now, clock::BASE);
        assert_eq!(state.tick(), clock::BASE + clock::MILLISECOND);
        state.advance(10);
        assert_eq!(state.now, clock::BASE + 11 * clock::MILLISECOND);
        assert_eq!(state.counts().writes, 1);
    }

    #[test]
    fn words_stand_in_the_order_of_the_variants() {
        let all = [Status::Live, Status::Idle, Status::Errored, Status::Invoked];
        assert_eq!(all.map(Status::word), Status::WORDS);
    }
}
