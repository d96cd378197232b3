//! What a statement brings to every request it sends: credentials, deadline, budget, and where its notices go.
//! Owns the budget. Must not know how a request is sent.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;

use super::auth::Credentials;
use crate::error::{Error, Kind, Result, counted};
use crate::registry::Access;
use crate::secret::Redactor;

/// The statement's side of an exchange. Clones share budget, notices and redactor.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// How the provider is reached.
    pub access: Arc<Access>,
    /// How to sign in.
    pub credentials: Credentials,
    /// Replaces the document's server, where set.
    pub base_url: Option<String>,
    /// When the statement must be done.
    pub deadline: Option<Instant>,
    /// Number of the statement, for the log.
    pub statement: u64,
    /// Keeps secrets out of messages.
    pub redactor: Redactor,
    /// How many requests the statement may still send.
    pub budget: Budget,
    /// Where notices go while the statement runs.
    pub notices: Notices,
}

/// How many requests a statement may send; every attempt that reaches the wire counts. Clones share the count.
#[derive(Debug, Clone)]
pub struct Budget(Arc<Purse>);

#[derive(Debug)]
struct Purse {
    most: u64,
    spent: AtomicU64,
}

impl Budget {
    /// At most `most` requests.
    pub fn new(most: u64) -> Self {
        Budget(Arc::new(Purse { most, spent: AtomicU64::new(0) }))
    }

    /// No bound.
    pub fn unlimited() -> Self {
        Self::new(u64::MAX)
    }

    /// How many are left.
    pub fn left(&self) -> u64 {
        self.0.most.saturating_sub(self.spent())
    }

    /// How many were sent.
    pub fn spent(&self) -> u64 {
        self.0.spent.load(Ordering::Relaxed)
    }

    /// Takes one.
    pub(super) fn take(&self) -> Result<()> {
        let taken = self
            .0
            .spent
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |spent| (spent < self.0.most).then_some(spent + 1));
        taken.map(|_| ()).map_err(|spent| {
            Error::new(
                Kind::Network,
                format!("the statement has sent {}, which is its budget", counted(spent, "request")),
            )
            .hint("Narrow the statement (a key, a filter the API knows, a LIMIT), or raise max_requests.")
        })
    }

    /// Gives one back that never reached the wire.
    pub(super) fn give_back(&self) {
        // Only a taken one is given back, so this never goes below zero.
        self.0.spent.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where notices go ("rate limited, waiting 30 s"): they tell a person why nothing happens.
#[derive(Clone)]
pub struct Notices(Arc<dyn Fn(&str) + Send + Sync>);

impl Notices {
    /// Every notice is handed to `sink`, which must not block.
    pub fn new(sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Notices(Arc::new(sink))
    }

    /// Nobody listens.
    pub fn ignored() -> Self {
        Self::new(|_| {})
    }

    /// Hands one over.
    pub(super) fn tell(&self, text: &str) {
        (self.0)(text);
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notices")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_shared_by_its_clones_and_ends() {
        let budget = Budget::new(2);
        let clone = budget.clone();
        assert!(budget.take().is_ok() && clone.take().is_ok());
        let error = budget.take().unwrap_err();
        assert_eq!(error.kind(), Kind::Network);
        assert!(error.message().contains("2 requests, which"), "{error}");
        clone.give_back();
        assert_eq!((budget.left(), budget.spent()), (1, 1));
    }
}
