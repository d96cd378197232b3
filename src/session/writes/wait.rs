//! Waiting for an asynchronous effect: the resource is asked for its row until the state is there that the document
//! names, or the time is up. Sends only reads.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::{Answered, Write};
use crate::error::{Error, Kind, Result, counted};
use crate::http::{Call, success};
use crate::registry::{Column, Method, Parameter, Settles};
use crate::session::{Run, Session};

/// How long AWAIT waits where no setting says it.
const LONGEST: Duration = Duration::from_mins(5);

/// A thing that has not settled yet.
struct Pending {
    /// Its place among the answers.
    at: usize,
    call: Call,
    /// The last state seen.
    state: String,
}

impl Session {
    /// Waits until what the answers speak of has settled; the rows of the answers are then those that were last seen.
    pub(super) async fn settle(&self, run: &Run, write: &Write, answers: &mut [Answered]) -> Result<()> {
        let longest = match (write.awaits, run.settings.wait) {
            (false, Duration::ZERO) => return Ok(()),
            (_, Duration::ZERO) => LONGEST,
            (_, wait) => wait,
        };
        let whole = format!("{}.{}", write.resource.full_name(), write.method.name);
        let Some(settles) = &write.method.settles else {
            if write.awaits {
                run.context
                    .warnings
                    .add(format!("AWAIT: the document does not say when {whole} has settled; not waited"));
            }
            return Ok(());
        };
        let Some(asked) = write.resource.method(&settles.method).cloned() else { return Ok(()) };
        let mut pending = Vec::with_capacity(answers.len());
        for (at, answer) in answers.iter().enumerate() {
            pending.push(Pending { at, call: call_for(write, &asked, answer)?, state: String::new() });
        }
        let end = Instant::now() + longest;
        let all = pending.len();
        let mut failed = Vec::new();
        while !pending.is_empty() {
            let mut left = Vec::with_capacity(pending.len());
            for mut one in pending {
                let row = self.look(run, write, &one.call).await?;
                one.state = row.as_ref().and_then(|row| state_of(write, &asked, settles, row)).unwrap_or_default();
                if let Some(row) = row {
                    refresh(&write.method, &mut answers[one.at], row);
                }
                if settles.failed.contains(&one.state) {
                    failed.push(one.state);
                } else if !settles.done.contains(&one.state) {
                    left.push(one);
                }
            }
            pending = left;
            let Some(first) = pending.first() else { break };
            if run.interrupted.is_wished() {
                return Err(Error::new(Kind::Interrupted, "interrupted while waiting; the write itself is done"));
            }
            if Instant::now() + settles.every > end {
                let text = format!(
                    "{whole} is done, and {} of {} still {} = '{}' after {} s",
                    pending.len(),
                    counted(all as u64, "row"),
                    settles.column,
                    first.state,
                    longest.as_secs_f64()
                );
                return Err(Error::new(Kind::Network, text)
                    .hint(format!("SET wait = '10m' waits longer; SELECT {} looks again", settles.column)));
            }
            tokio::time::sleep(settles.every).await;
        }
        match failed.first() {
            None => Ok(()),
            Some(state) => Err(Error::new(
                Kind::Api,
                format!(
                    "{whole} was taken, and {} of {} ended as {} = '{state}'",
                    failed.len(),
                    counted(all as u64, "row"),
                    settles.column
                ),
            )),
        }
    }

    /// The row as it is now.
    async fn look(&self, run: &Run, write: &Write, call: &Call) -> Result<Option<Value>> {
        let exchange = run.context.exchange_for(&write.resource.provider, &call.method).await?;
        let reply = run.context.client.send(&exchange, call).await?;
        if call.method.not_found.as_ref().is_some_and(|rule| crate::http::no_rows(rule, &exchange.access, &reply)) {
            return Ok(None);
        }
        Ok(success(&exchange, &call.method, &reply)?.as_ref().and_then(|body| row_of(&call.method, body)))
    }
}

/// The call that asks for the row that an answer speaks of: its parameters are in the answer's row, or were sent.
fn call_for(write: &Write, asked: &Arc<Method>, answer: &Answered) -> Result<Call> {
    let row = answer.body.as_ref().and_then(|body| row_of(&write.method, body));
    let of_row = |name: &str| {
        let column = write.method.answer.columns.iter().find(|c| c.name == name)?;
        value_at(column, row.as_ref()?)
    };
    let value = |parameter: &Parameter| {
        let sent = || answer.sent.iter().find(|(name, _)| *name == parameter.name).map(|(_, value)| value.clone());
        // A parameter that has a name of its own is the key, where the resource has just one.
        let key = || match write.resource.key.as_slice() {
            [only] => of_row(only),
            _ => None,
        };
        of_row(&parameter.name).or_else(sent).or_else(key)
    };
    let mut arguments = Vec::new();
    for parameter in asked.parameters.iter().filter(|p| p.required) {
        let value = value(parameter).ok_or_else(|| {
            Error::new(Kind::Api, format!("the answer has no {}, so its state cannot be asked for", parameter.name))
                .hint("the write itself is done")
        })?;
        arguments.push((parameter.wire.clone(), value));
    }
    Ok(Call::new(asked.clone(), arguments))
}

/// The first row of an answer.
fn row_of(method: &Method, body: &Value) -> Option<Value> {
    match method.answer.rows.iter().find_map(|path| path.find(body))? {
        Value::Array(rows) => rows.first().cloned(),
        Value::Null => None,
        row => Some(row.clone()),
    }
}

fn value_at(column: &Column, row: &Value) -> Option<Value> {
    column.paths.iter().find_map(|path| path.find(row)).filter(|v| !v.is_null()).cloned()
}

fn state_of(write: &Write, asked: &Method, settles: &Settles, row: &Value) -> Option<String> {
    let column = write.resource.row_column(asked, &settles.column)?;
    value_at(column, row).map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
}

/// The answer's row takes what was seen since.
fn refresh(method: &Method, answer: &mut Answered, row: Value) {
    let Some(body) = answer.body.as_mut() else { return };
    let Some(path) = method.answer.rows.iter().find(|path| path.find(body).is_some()) else { return };
    let mut place = body;
    for key in &path.0 {
        match place.get_mut(key) {
            Some(inner) => place = inner,
            None => return,
        }
    }
    if let (Value::Object(old), Value::Object(new)) = (place, row) {
        old.extend(new);
    }
}
