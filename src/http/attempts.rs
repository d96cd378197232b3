//! The attempts at one URL: limiter, budget, wire, and whether to try again, in that order.
//! What may be repeated is `retry`'s to say. Must not know calls, redirects or what an answer means.

use std::time::SystemTime;

use bytes::Bytes;
use std::time::Duration;
use tokio::time::Instant;

use super::call::Prepared;
use super::client::{Client, Course};
use super::exchange::Exchange;
use super::limit::{before, seconds};
use super::log::Entry;
use super::reply::{failed, may_have_taken_effect, uncertain};
use super::retry::{Ending, asked_wait, may_repeat, reads};
use super::transport::{Failure, Incoming, Outgoing, random_fraction};
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

/// The attempts at one URL.
pub(super) struct Attempts<'a> {
    client: &'a Client,
    exchange: &'a Exchange,
    /// Whether it may be sent again though it may have taken effect.
    safe: bool,
    prepared: &'a Prepared,
    body: Option<Bytes>,
    entry: Entry,
    tries: u32,
    /// An attempt was sent, brought no success, and may have taken effect.
    doubt: bool,
    /// Of the last attempt, where it was answered whole.
    status: Option<u16>,
    /// What the last answer that has one calls the request.
    request_id: Option<String>,
    /// The token that the last attempt carried.
    token: Option<Secret>,
    /// A token that the API did not take; there is one more attempt with a new one, and no more.
    refused: Option<Secret>,
}

impl<'a> Attempts<'a> {
    pub(super) fn open(client: &'a Client, exchange: &'a Exchange, safe: bool, prepared: &'a Prepared) -> Self {
        let url = exchange.redactor.clean(&prepared.shown_url);
        let entry = Entry::open(&client.log, exchange.statement, prepared.verb, url);
        let body = prepared.body.clone().map(Bytes::from);
        Attempts {
            client,
            exchange,
            safe,
            prepared,
            body,
            entry,
            tries: 0,
            doubt: false,
            status: None,
            request_id: None,
            token: None,
            refused: None,
        }
    }

    /// The last answer, and whether an earlier attempt may have taken effect. Adds what happened to `course`.
    pub(super) async fn run(mut self, course: &mut Course) -> Result<(Incoming, bool)> {
        let result = self.repeat().await;
        course.status = self.status;
        course.request_id =
            self.request_id.take().map(|id| self.exchange.redactor.clean(&id)).or(course.request_id.take());
        self.entry.note(|record| {
            course.attempts += record.attempts;
            course.waited += record.waited;
            course.taken += record.taken;
        });
        result
    }

    async fn repeat(&mut self) -> Result<(Incoming, bool)> {
        loop {
            let outcome = match self.attempt().await {
                Ok(outcome) => outcome,
                Err(error) => return Err(self.finish(error)),
            };
            if self.renews(&outcome) {
                continue;
            }
            let wait = match self.next_wait(&outcome) {
                Ok(wait) => wait,
                Err(error) => return Err(self.finish(error)),
            };
            let again = match wait {
                None => None,
                Some(wait) => tokio::select! {
                    biased;
                    () = self.halted() => None,
                    () = tokio::time::sleep(wait) => Some(wait),
                },
            };
            match (again, outcome) {
                (Some(wait), outcome) => {
                    self.doubt |= match outcome {
                        Ok(incoming) => incoming.status != 429 && !reads(self.prepared.verb),
                        Err(failure) => failure.stage.left() && !reads(self.prepared.verb),
                    };
                    self.entry.note(|record| record.waited += wait);
                }
                (None, Ok(incoming)) => {
                    self.entry.note(|record| record.error = None);
                    return Ok((incoming, self.doubt));
                }
                (None, Err(failure)) => {
                    let error = failed(&self.prepared.label, self.prepared.verb, &failure, self.tries);
                    return Err(self.finish(error));
                }
            }
        }
    }

    /// Whether the API turned the token away, so that a new one is worth another attempt. It did nothing else then.
    fn renews(&mut self, outcome: &Result<Incoming, Failure>) -> bool {
        if self.refused.is_some() || !matches!(outcome, Ok(Incoming { status: 401, .. })) {
            return false;
        }
        self.refused = self.token.take();
        self.refused.is_some()
    }

    /// A good token, where the credentials are one that is asked for.
    async fn renewed(&self) -> Result<Option<Secret>> {
        let Some(source) = self.exchange.credentials.token_source() else { return Ok(None) };
        let asked = self.client.token(self.exchange, source, self.refused.as_ref());
        tokio::select! {
            biased;
            () = self.halted() => Err(Error::new(Kind::Interrupted, "interrupted while it waited to be sent")),
            asked = before(self.exchange.deadline, asked) => match asked {
                Some(token) => token.map(Some),
                None => Err(Error::new(Kind::Network, format!("{}: the statement's time ran out before a token came", self.prepared.label))
                    .hint("Give the statement more time.")),
            },
        }
    }

    /// One attempt. An error ends the request; a failure may be repeated.
    async fn attempt(&mut self) -> Result<Result<Incoming, Failure>> {
        self.token = self.renewed().await?;
        let Exchange { access, credentials, budget, deadline, .. } = self.exchange;
        let origin = self.prepared.url.origin().ascii_serialization();
        let lane = self.client.limiter.lane(&origin, credentials, access);
        let arrived = Instant::now();
        let pass = tokio::select! {
            biased;
            () = self.halted() => Err(Error::new(Kind::Interrupted, "interrupted while it waited to be sent")),
            pass = lane.enter(self.exchange) => pass,
        };
        let pass = pass.map_err(|error| self.in_place(&error))?;
        self.entry.note(|record| record.waited += pass.waited);
        if let Err(error) = budget.take() {
            pass.unsent();
            return Err(error);
        }
        self.tries += 1;
        self.entry.note(|record| record.attempts += 1);
        self.status = None;
        // Signed anew for each attempt: a signature has its time.
        let signed = credentials.sign(self.prepared, self.token.as_ref())?;
        let begun = Instant::now();
        let outgoing = Outgoing {
            verb: self.prepared.verb,
            url: &signed.url,
            headers: &self.prepared.headers,
            credentials: &signed.headers,
            body: self.body.clone(),
            request_id: access.request_id.as_deref(),
            page_header: self.prepared.page_header.as_deref(),
        };
        let outcome = before(*deadline, self.client.transport.exchange(outgoing)).await;
        self.entry.note(|record| record.taken += begun.elapsed());
        let Some(outcome) = outcome else {
            let message =
                format!("{}: the statement's time ran out after {}", self.prepared.label, seconds(arrived.elapsed()));
            let error = Error::new(Kind::Network, message).hint("Give the statement more time, or ask for less.");
            return Err(uncertain(error, self.prepared.verb));
        };
        self.keep(&outcome);
        match &outcome {
            Ok(incoming) => self.entry.note(|record| {
                record.status = Some(incoming.status);
                record.bytes += incoming.body.len() as u64;
            }),
            Err(failure) => {
                self.entry.note(|record| {
                    record.status = None;
                    record.bytes += failure.received;
                });
                if !failure.stage.left() {
                    self.entry.note(|record| record.attempts -= 1);
                    budget.give_back();
                    pass.unsent();
                }
            }
        }
        if let Ok(Incoming { status: 429, retry_after, .. }) = &outcome {
            // Every request with these credentials would be turned away: all of them wait.
            let asked = retry_after.as_deref().and_then(|header| asked_wait(header, SystemTime::now()));
            lane.pause(asked.unwrap_or_else(|| self.own_wait()));
        }
        Ok(outcome)
    }

    /// How long to wait before the next attempt; `None`: there is none.
    fn next_wait(&self, outcome: &Result<Incoming, Failure>) -> Result<Option<Duration>> {
        let ending = match outcome {
            Ok(incoming) => Ending::Answered(incoming.status),
            Err(failure) => Ending::Failed(failure.stage),
        };
        if !may_repeat(self.safe, ending) || self.tries >= self.client.policy.attempts {
            return Ok(None);
        }
        let header = outcome.as_ref().ok().and_then(|incoming| incoming.retry_after.as_deref());
        let asked = header.and_then(|header| asked_wait(header, SystemTime::now()));
        let wait = asked.unwrap_or_else(|| self.own_wait());
        let late = self.exchange.deadline.is_some_and(|deadline| Instant::now() + wait > deadline);
        match (ending, asked) {
            (Ending::Answered(status), Some(asked)) if late => {
                let message = format!(
                    "{} answered {status}: the API asks to wait {}, and the statement's time is up before that",
                    self.prepared.label,
                    seconds(asked)
                );
                let error =
                    Error::new(Kind::Network, message).hint("Wait, and run it again; or give the statement more time.");
                Err(if status == 429 { error } else { uncertain(error, self.prepared.verb) })
            }
            _ if late => Ok(None),
            // The lane is paused already: waiting there tells the user, and keeps the order of the queue.
            (Ending::Answered(429), _) => Ok(Some(Duration::ZERO)),
            _ => Ok(Some(wait)),
        }
    }

    fn keep(&mut self, outcome: &Result<Incoming, Failure>) {
        let (status, id) = match outcome {
            Ok(incoming) => (Some(incoming.status), &incoming.request_id),
            Err(failure) => (None, &failure.request_id),
        };
        self.status = status;
        self.request_id = id.clone().or(self.request_id.take());
    }

    /// Waits until nothing more is to be sent.
    async fn halted(&self) {
        match &self.client.halt {
            Some(halt) => halt.wished().await,
            None => std::future::pending().await,
        }
    }

    fn own_wait(&self) -> Duration {
        self.client.policy.wait(self.tries, random_fraction())
    }

    /// The same error, led by the request it concerns.
    fn in_place(&self, error: &Error) -> Error {
        let led = Error::new(error.kind(), format!("{}: {}", self.prepared.label, error.message()));
        match error.hint_text() {
            Some(hint) => led.hint(hint),
            None => led,
        }
    }

    /// Notes the error in the log, and masks what is secret in it.
    fn finish(&mut self, error: Error) -> Error {
        let cleaned = self.exchange.redactor.clean(error.message());
        let doubtful = self.doubt || may_have_taken_effect(&error);
        let error = error.map_text(|text| self.exchange.redactor.clean(text));
        self.entry.note(|record| record.error = Some(cleaned));
        if doubtful { uncertain(error, self.prepared.verb) } else { error }
    }
}
