//! Answers within one statement: equal reads are sent once. Kept up to a limit, for the statement's life only, and only
//! where two places of the plan could send equal requests. What is kept is the statement's memory. Knows no rows.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use tokio::sync::OnceCell;

use crate::error::Result;
use crate::http::{Call, Client, Exchange, Reply, prepare};
use crate::plan::warnings::Warnings;
use crate::registry::HttpVerb;

/// Bytes of answers that are kept at most.
const MOST: usize = 64 << 20;
/// The share of the statement's memory that they may take.
const SHARE: usize = 4;

/// The answers of a statement that may ask for the same thing twice.
#[derive(Debug, Default)]
pub struct Answers {
    /// What is kept and how much may be; without it, nothing is.
    kept: OnceLock<Kept>,
    book: Mutex<Book>,
}

#[derive(Debug)]
struct Kept {
    reservation: MemoryReservation,
    most: usize,
}

impl Kept {
    /// Whether there is room for so many bytes more; they are taken then.
    fn take(&self, bytes: usize) -> bool {
        self.reservation.size() + bytes <= self.most && self.reservation.try_grow(bytes).is_ok()
    }
}

#[derive(Debug, Default)]
struct Book {
    answers: HashMap<String, Arc<OnceCell<Reply>>>,
    /// Requests whose answers were too much to keep.
    dropped: HashSet<String>,
}

impl Answers {
    /// From now on answers are kept, within `pool`.
    pub fn share(&self, pool: &Arc<dyn MemoryPool>) {
        self.kept.get_or_init(|| {
            let most = match pool.memory_limit() {
                MemoryLimit::Finite(bytes) => MOST.min(bytes / SHARE),
                _ => MOST,
            };
            Kept { reservation: MemoryConsumer::new("answers read twice").register(pool), most }
        });
    }

    /// Sends a read, or gives the answer that an equal one got. Two equal reads at the same time are one request.
    ///
    /// # Errors
    /// When it cannot be sent or has no whole answer. An error is not kept.
    pub async fn get(&self, client: &Client, exchange: &Exchange, call: &Call, warnings: &Warnings) -> Result<Reply> {
        let kept = match self.kept.get() {
            Some(kept) if call.method.http == HttpVerb::Get => kept,
            _ => return client.send(exchange, call).await,
        };
        let prepared = prepare(call, exchange.base_url.as_deref())?;
        // Two catalogs may ask for the same URL with other credentials: what one may see is not the other's.
        let key = format!("{} {} {:?}", exchange.credentials.fingerprint(), prepared.url, prepared.headers);
        let (cell, again) = {
            let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
            let again = book.dropped.contains(&key);
            (book.answers.entry(key.clone()).or_default().clone(), again)
        };
        if again {
            warnings.add(format!(
                "answers beyond {} are not kept: some requests of this statement were sent again",
                amount(kept.most)
            ));
        }
        let mut first = false;
        let reply = cell
            .get_or_try_init(|| {
                first = true;
                client.send(exchange, call)
            })
            .await?
            .clone();
        if first && !kept.take(reply.body.len()) {
            let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
            book.answers.remove(&key);
            book.dropped.insert(key);
        }
        Ok(reply)
    }
}

fn amount(bytes: usize) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{} KiB", bytes >> 10) }
}
