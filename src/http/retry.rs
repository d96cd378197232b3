//! When a request is sent again, and how long to wait before: pure rules, no clock of its own and no network.
//! GET and HEAD are repeated on 408, 429, 5xx and broken connections. Anything else only on 429, when the connection
//! was never made, or when the document makes repeating safe (an idempotency key, or `safe_to_retry`).

use std::time::{Duration, SystemTime};

use super::transport::Stage;
use crate::registry::{HttpVerb, Method};

/// A `Retry-After` beyond a year is taken for one: it must still fit the clock.
const LONGEST_ASKED: Duration = Duration::from_hours(24 * 365);

/// How often and how patiently.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// Attempts in all, the first one included.
    pub attempts: u32,
    /// Wait after the first attempt; each further wait is twice as long.
    pub base: Duration,
    /// No wait of our own choice is longer.
    pub longest: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Policy { attempts: 4, base: Duration::from_millis(500), longest: Duration::from_secs(8) }
    }
}

impl Policy {
    /// The wait after attempt number `attempt` (from 1). `random` in 0..1 takes up to a quarter off, so that many
    /// clients do not come back at the same moment.
    pub(super) fn wait(&self, attempt: u32, random: f64) -> Duration {
        let doubled = self.base.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
        doubled.min(self.longest).mul_f64(1.0 - 0.25 * random.clamp(0.0, 1.0))
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The API answered with this status.
    Answered(u16),
    /// No whole answer came.
    Failed(Stage),
}

/// Whether a request of `method` may be sent again though it may have taken effect.
pub(super) fn is_safe(method: &Method) -> bool {
    reads(method.http) || method.idempotency.is_some() || method.safe_to_retry
}

/// Whether a request that ended so may be sent again; `safe`: also if it may have taken effect.
pub(super) fn may_repeat(safe: bool, ending: Ending) -> bool {
    match ending {
        // The request was turned away unread.
        Ending::Answered(429) | Ending::Failed(Stage::Unconnected) => true,
        Ending::Answered(408 | 500..=599) | Ending::Failed(Stage::Broken | Stage::Truncated | Stage::TimedOut) => safe,
        Ending::Answered(_) | Ending::Failed(Stage::Untrusted | Stage::Unsendable | Stage::TooLarge) => false,
    }
}

/// Whether the verb only reads.
pub(super) fn reads(verb: HttpVerb) -> bool {
    matches!(verb, HttpVerb::Get | HttpVerb::Head)
}

/// The wait that a `Retry-After` header asks for: seconds, or a date. A date that has passed asks for none.
pub(super) fn asked_wait(header: &str, now: SystemTime) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds).min(LONGEST_ASKED));
    }
    let date = httpdate::parse_http_date(header).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO).min(LONGEST_ASKED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::scripted::method;
    use crate::registry::Idempotency;

    #[test]
    fn a_read_is_repeated_where_a_write_is_not() {
        let read = method(HttpVerb::Get, "/x");
        let write = method(HttpVerb::Post, "/x");
        let table = [
            (Ending::Answered(429), true, true),
            (Ending::Failed(Stage::Unconnected), true, true),
            (Ending::Answered(408), true, false),
            (Ending::Answered(500), true, false),
            (Ending::Answered(524), true, false),
            (Ending::Failed(Stage::Broken), true, false),
            (Ending::Failed(Stage::Truncated), true, false),
            (Ending::Failed(Stage::TimedOut), true, false),
            (Ending::Failed(Stage::Untrusted), false, false),
            (Ending::Failed(Stage::TooLarge), false, false),
            (Ending::Answered(404), false, false),
            (Ending::Answered(409), false, false),
        ];
        for (ending, reading, writing) in table {
            assert_eq!(may_repeat(is_safe(&read), ending), reading, "GET {ending:?}");
            assert_eq!(may_repeat(is_safe(&write), ending), writing, "POST {ending:?}");
        }
    }

    #[test]
    fn an_idempotency_key_or_the_document_makes_a_write_repeatable() {
        let mut keyed = method(HttpVerb::Post, "/x");
        keyed.idempotency = Some(Idempotency { header: "Idempotency-Key".into(), valid: None });
        assert!(may_repeat(is_safe(&keyed), Ending::Answered(500)));
        let mut safe = method(HttpVerb::Put, "/x");
        safe.safe_to_retry = true;
        assert!(may_repeat(is_safe(&safe), Ending::Failed(Stage::Broken)));
    }

    #[test]
    fn waits_double_up_to_the_longest_and_jitter_only_shortens() {
        let policy = Policy::default();
        let seconds: Vec<f64> = (1..=6).map(|n| policy.wait(n, 0.0).as_secs_f64()).collect();
        assert_eq!(seconds, [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]);
        assert_eq!(policy.wait(2, 1.0), Duration::from_millis(750));
        assert_eq!(policy.wait(u32::MAX, 0.0), Duration::from_secs(8));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT").unwrap();
        assert_eq!(asked_wait(" 30 ", now), Some(Duration::from_secs(30)));
        assert_eq!(asked_wait("Wed, 21 Oct 2015 07:28:07 GMT", now), Some(Duration::from_secs(7)));
        assert_eq!(asked_wait("Wed, 21 Oct 2015 07:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(asked_wait("18446744073709551615", now), Some(LONGEST_ASKED));
        assert_eq!(asked_wait("soon", now), None);
        assert_eq!(asked_wait("-1", now), None);
    }
}
