//! Values that must not be seen, and the text filter that keeps them out of what is printed.
//! The ground: knows no floor.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, RwLock};

/// A secret value. `Debug` and `Display` print `***`; only [`Secret::expose`] gives the text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Makes a folder, and those it stands in, that only its owner may look into. One that is there stays as it is.
///
/// # Errors
/// When it cannot be made.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// What stands where a secret stood.
pub const MASK: &str = "***";

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Replaces every secret it has been told of, wherever it stands in a text. Clones share the list.
#[derive(Clone, Default)]
pub struct Redactor(Arc<RwLock<Vec<Secret>>>);

impl Redactor {
    /// Shorter texts are not replaced: masking every `a` would hide the message and protect nothing.
    const SHORTEST: usize = 6;

    /// From now on `secret` is masked.
    pub fn learn(&self, secret: &str) {
        if secret.len() < Self::SHORTEST {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !known.iter().any(|s| s.0 == secret) {
            known.push(Secret::new(secret));
            // The longest first, so that a secret within another leaves no rest behind.
            known.sort_by_key(|s| std::cmp::Reverse(s.0.len()));
        }
    }

    /// `text` with every known secret replaced by `***`.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        let known = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.iter().fold(
            text.to_owned(),
            |text, secret| {
                if text.contains(&secret.0) { text.replace(&secret.0, MASK) } else { text }
            },
        )
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_itself() {
        assert_eq!(format!("{0} {0:?}", Secret::new("hunter2hunter2")), "*** ***");
    }

    #[test]
    fn the_longer_secret_goes_first() {
        let redactor = Redactor::default();
        redactor.learn("secret-one");
        redactor.learn("secret-one-and-more");
        redactor.learn("a");
        assert_eq!(redactor.clean("a secret-one-and-more, secret-one"), "a ***, ***");
    }
}
