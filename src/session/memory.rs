//! The memory that statements may use: how a limit is written, and the engine's accounts under it. What does not fit is
//! spilled to temporary files where the engine can do that, and is an error where it cannot. Knows no statement.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};

use crate::error::{Error, Result};
use crate::plan::unwrap;

/// Bytes that the statements of a session may use together: `100MB`, `1.5 GiB`, `1000000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimit(usize);

/// Units, largest first: as others write them, decimal without an `i`.
const UNITS: [(&str, usize); 8] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
];

impl MemoryLimit {
    /// Less than this, and not even one page and one sort have a place.
    const LEAST: usize = 1_000_000;

    /// The limit in bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.0
    }
}

impl Default for MemoryLimit {
    fn default() -> Self {
        MemoryLimit(1_000_000_000)
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = UNITS.iter().filter(|(name, _)| !name.contains('i'));
        let binary = UNITS.iter().filter(|(name, _)| name.contains('i'));
        match decimal.chain(binary).find(|(_, size)| self.0.is_multiple_of(*size)) {
            Some((name, size)) => write!(f, "{}{name}", self.0 / size),
            None => write!(f, "{}", self.0),
        }
    }
}

impl FromStr for MemoryLimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::statement(format!("memory_limit = '{text}' is not an amount of memory"))
                .hint("write it as '500MB' or '2GB'")
        };
        let typed = text.trim();
        let (number, unit) = typed.split_at(typed.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(typed.len()));
        let unit = unit.trim();
        let (number, short) = (number.trim(), unit.trim_end_matches(['b', 'B']));
        let known = UNITS.iter().find(|(name, _)| {
            name.eq_ignore_ascii_case(unit) || name.trim_end_matches('B').eq_ignore_ascii_case(short)
        });
        let size = match known {
            _ if unit.is_empty() || unit.eq_ignore_ascii_case("b") => 1,
            Some((_, size)) => *size,
            None => return Err(wrong()),
        };
        let bytes = match number.parse::<usize>() {
            Ok(whole) => whole.checked_mul(size),
            Err(_) => number.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0).map(|n| scaled(n, size)),
        };
        let bytes = bytes.ok_or_else(wrong)?;
        if bytes < Self::LEAST {
            let least = MemoryLimit(Self::LEAST);
            return Err(Error::statement(format!("memory_limit = '{text}' is too little: {least} is the least")));
        }
        Ok(MemoryLimit(bytes))
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a limit to a byte"
)]
fn scaled(number: f64, size: usize) -> usize {
    (number * size as f64) as usize
}

/// The engine's surroundings under the limit in force; those of the last limit are kept, as nearly all statements
/// run under the same. Statements side by side share them.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<Option<(MemoryLimit, Arc<RuntimeEnv>)>>);

impl Memory {
    pub(super) fn under(&self, limit: MemoryLimit) -> Result<Arc<RuntimeEnv>> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, runtime)) = last.as_ref()
            && *known == limit
        {
            return Ok(runtime.clone());
        }
        // Each part that can spill gets an equal share, so that a sort does not starve the join above it.
        let pool = FairSpillPool::new(limit.bytes());
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::new(pool)).build_arc().map_err(unwrap)?;
        *last = Some((limit, runtime.clone()));
        Ok(runtime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them_and_written_back() {
        for (text, bytes, back) in [
            ("100MB", 100_000_000, "100MB"),
            ("1 gb", 1_000_000_000, "1GB"),
            ("1.5GB", 1_500_000_000, "1500MB"),
            ("512MiB", 512 << 20, "512MiB"),
            ("2g", 2_000_000_000, "2GB"),
            ("64mi", 64 << 20, "64MiB"),
            ("1234567", 1_234_567, "1234567"),
            ("2000000 B", 2_000_000, "2MB"),
        ] {
            let limit: MemoryLimit = text.parse().unwrap();
            assert_eq!((limit.bytes(), limit.to_string().as_str()), (bytes, back), "{text}");
            assert_eq!(back.parse::<MemoryLimit>().unwrap(), limit);
        }
        for text in ["", "MB", "lots", "-1GB", "1e400GB", "100 parsecs", "99999999999TB", "10KB", "0"] {
            let error = text.parse::<MemoryLimit>().unwrap_err();
            assert!(error.message().contains("memory_limit"), "{text}: {error}");
        }
    }

    #[test]
    fn one_limit_has_one_account() {
        let memory = Memory::default();
        let (one, same) =
            (memory.under(MemoryLimit::default()).unwrap(), memory.under(MemoryLimit::default()).unwrap());
        assert!(Arc::ptr_eq(&one, &same));
        assert!(!Arc::ptr_eq(&one, &memory.under("2GB".parse().unwrap()).unwrap()));
    }
}
