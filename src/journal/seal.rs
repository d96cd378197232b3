//! Secret values in the journal: a keyed, salted, slow hash in their place, and finding the clear values again when
//! the statement's input is given a second time. Must not know SQLite, nor which values are secret.
//!
//! The hash is PBKDF2-HMAC-SHA256 over a random salt of the run, so equal secrets of one run have equal marks (that is
//! how rows are told apart), and those of two runs do not. It keeps a secret that cannot be guessed. One that can (a
//! PIN, a word) is found by trying, by anyone who reads the file: each try costs what one mark did, between 1,000 and
//! 100,000 rounds. That is why the file is its owner's alone, too.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use ring::rand::SecureRandom;
use ring::{digest, pbkdf2, rand};
use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};
use crate::secret::{MASK, Redactor};

/// The one key of the object that stands where a secret value stood.
pub const MARK: &str = "$hash";

/// Rounds of all distinct values of a run together: a third of a second, spent before anything is sent.
const ROUNDS: u32 = 1_000_000;
/// Fewest and most rounds of one value. At the fewest, 10,000 values take three seconds, and their requests minutes.
const FEWEST: u32 = 1_000;
const MOST: u32 = 100_000;

/// Hashes the secret values of one run. Clones share what they have hashed.
#[derive(Clone)]
pub struct Seal {
    pub(super) salt: Vec<u8>,
    pub(super) rounds: NonZeroU32,
    // Known by a digest of the value, so that the cache keeps no secret alive.
    known: Arc<Mutex<HashMap<Vec<u8>, String>>>,
}

impl Seal {
    /// A seal for a run with about `expected` distinct secret values; the fewer, the slower the hash can be.
    pub fn new(expected: usize) -> Result<Seal> {
        let mut salt = vec![0; 16];
        rand::SystemRandom::new()
            .fill(&mut salt)
            .map_err(|_| Error::new(Kind::Internal, "the system gives no random numbers"))?;
        let expected = u32::try_from(expected.max(1)).unwrap_or(u32::MAX);
        Ok(Seal::from_parts(salt, (ROUNDS / expected).clamp(FEWEST, MOST)))
    }

    pub(super) fn from_parts(salt: Vec<u8>, rounds: u32) -> Seal {
        Seal { salt, rounds: NonZeroU32::new(rounds).unwrap_or(NonZeroU32::MIN), known: Arc::default() }
    }

    /// What stands in the journal for the secret `value`: `{"$hash": "..."}`.
    pub fn mark(&self, value: &Value) -> Value {
        Value::Object(Map::from_iter([(MARK.to_owned(), Value::String(self.hash(value)))]))
    }

    /// Whether `kept`, with its marks, stands for `fresh`, which has clear values in their place.
    pub fn fits(&self, kept: &Value, fresh: &Value) -> bool {
        match (kept, fresh) {
            (Value::Object(kept), fresh) => {
                let same = fresh.as_object().is_some_and(|fresh| {
                    let fits = |key: &String, kept| fresh.get(key).is_some_and(|fresh| self.fits(kept, fresh));
                    kept.len() == fresh.len() && kept.iter().all(|(key, value)| fits(key, value))
                });
                let mark = || kept.get(MARK).and_then(Value::as_str).filter(|_| kept.len() == 1);
                same || mark().is_some_and(|hash| hash == self.hash(fresh))
            }
            (Value::Array(kept), Value::Array(fresh)) => {
                kept.len() == fresh.len() && kept.iter().zip(fresh).all(|(kept, fresh)| self.fits(kept, fresh))
            }
            (kept, fresh) => kept == fresh,
        }
    }

    /// Puts marks where `value` holds a secret that `redactor` knows; says whether there was one.
    pub(super) fn hide(&self, value: &mut Value, redactor: &Redactor) -> bool {
        let dirty = |text: &str| redactor.clean(text) != text;
        let secret = match value {
            Value::String(text) => dirty(text),
            Value::Object(fields) => fields.keys().any(|key| dirty(key)),
            _ => false,
        };
        if secret {
            *value = self.mark(value);
            return true;
        }
        match value {
            Value::Object(fields) => fields.values_mut().fold(false, |found, v| self.hide(v, redactor) | found),
            Value::Array(items) => items.iter_mut().fold(false, |found, v| self.hide(v, redactor) | found),
            _ => false,
        }
    }

    pub(super) fn hash(&self, value: &Value) -> String {
        // A text and a number that look alike are two values; JSON tells them apart, once its keys are in order.
        let text = sorted(value).to_string();
        let name = digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec();
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hash) = known().get(&name) {
            return hash.clone();
        }
        let mut hash = [0_u8; 16];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, self.rounds, &self.salt, text.as_bytes(), &mut hash);
        let hash = hex(&hash);
        known().insert(name, hash.clone());
        hash
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({MASK}, {} rounds)", self.rounds)
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// The statement's input, given a second time: rows in clear, to be found by what the journal keeps of them.
#[derive(Debug)]
pub struct Inputs {
    rows: Vec<Value>,
    /// Where the next search begins: rows mostly come in the order that they came in before.
    next: usize,
}

impl Inputs {
    /// The arguments of each row of the input, in order and in clear.
    pub fn new(rows: Vec<Value>) -> Self {
        Inputs { rows, next: 0 }
    }

    /// The clear arguments of the row that `row` stands for, or `None`: then the input is not what it was. Rows that
    /// are equal are as good as each other.
    pub fn find(&mut self, seal: &Seal, row: &super::KeptRow) -> Option<&Value> {
        let own = usize::try_from(row.number).unwrap_or(usize::MAX);
        let order = std::iter::once(own).chain(self.next..self.rows.len()).chain(0..self.next);
        let mut found = order.filter(|at| self.rows.get(*at).is_some_and(|fresh| seal.fits(&row.arguments, fresh)));
        let at = found.next()?;
        self.next = at + 1;
        self.rows.get(at)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn quick() -> Seal {
        Seal { rounds: NonZeroU32::MIN, ..Seal::new(1).unwrap() }
    }

    #[test]
    fn few_values_are_hashed_slowly_and_many_faster_but_never_fast() {
        let rounds = |expected| Seal::new(expected).unwrap().rounds.get();
        assert_eq!((rounds(0), rounds(1), rounds(10)), (100_000, 100_000, 100_000));
        assert_eq!((rounds(200), rounds(10_000), rounds(usize::MAX)), (5_000, 1_000, 1_000));
    }

    #[test]
    fn a_mark_fits_its_value_in_its_own_run_alone() {
        let (seal, other) = (quick(), quick());
        let kept = json!({"name": "a", "deep": [1, seal.mark(&json!("hunter2"))]});
        assert!(!kept.to_string().contains("hunter2"));
        assert!(seal.fits(&kept, &json!({"deep": [1, "hunter2"], "name": "a"})));
        for wrong in [
            json!({"deep": [1, "hunter3"], "name": "a"}),
            json!({"deep": [1, "hunter2"], "name": "b"}),
            json!({"deep": [1, "hunter2", 2], "name": "a"}),
            json!({"deep": [1, "hunter2"]}),
            json!({"deep": [1, "hunter2"], "name": "a", "more": null}),
        ] {
            assert!(!seal.fits(&kept, &wrong), "{wrong}");
        }
        assert!(!other.fits(&kept, &json!({"name": "a", "deep": [1, "hunter2"]})));
        assert_ne!(seal.mark(&json!("1")), seal.mark(&json!(1)));
        assert_eq!(seal.mark(&json!({"a": 1, "b": 2})), seal.mark(&json!({"b": 2, "a": 1})));
    }

    #[test]
    fn an_argument_that_looks_like_a_mark_is_itself() {
        let seal = quick();
        let literal = json!({"$hash": "abc"});
        assert!(seal.fits(&literal, &literal) && !seal.fits(&literal, &json!("abc")));
        assert!(seal.fits(&seal.mark(&literal), &literal));
    }

    #[test]
    fn a_known_secret_is_hidden_wherever_it_stands() {
        let redactor = Redactor::default();
        redactor.learn("hunter2hunter2");
        let seal = quick();
        let clear = json!({"a": "x hunter2hunter2 y", "b": {"hunter2hunter2": 1}, "c": ["ok", 7]});
        let mut kept = clear.clone();
        assert!(seal.hide(&mut kept, &redactor));
        assert!(!kept.to_string().contains("hunter2"), "{kept}");
        assert_eq!(kept["c"], clear["c"]);
        assert!(seal.fits(&kept, &clear));
        assert!(!seal.hide(&mut json!(["a", {"b": null}]), &redactor));
    }
}
