//! What to say of a name that is in no document, or in one that cannot be used. Owns the words; looks nothing up.

use crate::error::{Error, nearest};

/// The error for `name`. `names` are those there are, `look` the statement that lists them, and `problems` what is wrong
/// with the documents that might have it.
pub(super) fn unknown<'a>(
    what: &str,
    name: &str,
    names: impl Iterator<Item = &'a str>,
    look: &str,
    problems: &[String],
) -> Error {
    if let Some(problem) = problems.first() {
        return Error::document(format!("{what} `{name}` cannot be used: {problem}"))
            .hint("mend the document at that place; docs/registry.md describes what may stand there");
    }
    let names: Vec<&str> = names.collect();
    let hint = match nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {look} lists them all"),
        None => format!("{look} lists them"),
    };
    Error::statement(format!("there is no {what} `{name}`")).hint(hint)
}
