//! Answers within one statement: equal reads are sent once. Kept up to a limit, for the statement's life only.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::error::Result;
use crate::http::{Call, Client, Exchange, Reply, prepare};
use crate::plan::warnings::Warnings;
use crate::registry::HttpVerb;

/// Bytes of answers that are kept.
const KEPT: usize = 64 << 20;

/// The answers of a statement that may ask for the same thing twice.
#[derive(Debug, Default)]
pub struct Answers {
    /// Whether the statement has two places that could send equal requests; without, nothing is kept.
    shared: AtomicBool,
    kept: AtomicUsize,
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    answers: HashMap<String, Arc<OnceCell<Reply>>>,
    /// Requests whose answers were too much to keep.
    dropped: HashSet<String>,
}

impl Answers {
    /// From now on answers are kept.
    pub fn share(&self) {
        self.shared.store(true, Ordering::Relaxed);
    }

    /// Sends a read, or gives the answer that an equal one got. Two equal reads at the same time are one request.
    ///
    /// # Errors
    /// When it cannot be sent or has no whole answer. An error is not kept.
    pub async fn get(&self, client: &Client, exchange: &Exchange, call: &Call, warnings: &Warnings) -> Result<Reply> {
        if !self.shared.load(Ordering::Relaxed) || call.method.http != HttpVerb::Get {
            return client.send(exchange, call).await;
        }
        let prepared = prepare(call, exchange.base_url.as_deref())?;
        let key = format!("{} {:?}", prepared.url, prepared.headers);
        let (cell, again) = {
            let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
            let again = book.dropped.contains(&key);
            (book.answers.entry(key.clone()).or_default().clone(), again)
        };
        if again {
            warnings.add("answers beyond 64 MiB are not kept: some requests of this statement were sent again");
        }
        let mut first = false;
        let reply = cell
            .get_or_try_init(|| {
                first = true;
                client.send(exchange, call)
            })
            .await?
            .clone();
        if first && self.kept.fetch_add(reply.body.len(), Ordering::Relaxed) + reply.body.len() > KEPT {
            self.kept.fetch_sub(reply.body.len(), Ordering::Relaxed);
            let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
            book.answers.remove(&key);
            book.dropped.insert(key);
        }
        Ok(reply)
    }
}
