//! How large the terminal is at this moment; it may change between two statements.
//! Must not know what is shown on it.

use std::collections::HashMap;
use std::process::{Command, Stdio};

use crate::shell::args::terminal_width;

/// Columns and lines of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Screen {
    pub width: usize,
    pub height: usize,
}

/// What terminals have that do not say.
const USUAL: Screen = Screen { width: 80, height: 24 };

impl Screen {
    /// Asks the terminal, and the environment where that does not answer.
    pub fn look(environment: &HashMap<String, String>) -> Screen {
        let told = |name: &str| environment.get(name)?.parse().ok().filter(|size: &usize| *size > 0);
        let size = asked();
        let width = terminal_width().or(size.map(|size| size.width)).or_else(|| told("COLUMNS"));
        let height = size.map(|size| size.height).or_else(|| told("LINES"));
        Screen { width: width.unwrap_or(USUAL.width), height: height.unwrap_or(USUAL.height) }
    }
}

/// What `stty` says of the terminal that standard input is: nothing here knows its height otherwise.
fn asked() -> Option<Screen> {
    let output = Command::new("stty").arg("size").stdin(Stdio::inherit()).stderr(Stdio::null()).output().ok()?;
    size(&String::from_utf8(output.stdout).ok()?)
}

fn size(text: &str) -> Option<Screen> {
    let (height, width) = text.trim().split_once(' ')?;
    let (height, width) = (height.parse().ok()?, width.parse().ok()?);
    (height > 0 && width > 0).then_some(Screen { width, height })
}

#[cfg(test)]
mod tests {
    use super::{Screen, size};

    #[test]
    fn a_terminal_that_does_not_know_its_size_says_nothing() {
        assert_eq!(size("24 80\n"), Some(Screen { width: 80, height: 24 }));
        for text in ["0 0", "", "24", "stty: stdin isn't a terminal"] {
            assert_eq!(size(text), None);
        }
    }
}
