//! The file that the shell runs before its first prompt: lines as somebody would type them. It must not know what a
//! line does.

use std::path::Path;

use super::editor::is_finished;

/// One input of the file, and the line (from 1) on which it begins.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    pub line: usize,
    pub text: String,
}

/// The inputs of the file: each as long as it takes until it is finished. What never is comes last.
pub fn entries(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut open: Option<Entry> = None;
    for (at, line) in text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate() {
        let entry = match open.take() {
            Some(entry) => Entry { text: format!("{}\n{line}", entry.text), ..entry },
            None => Entry { line: at + 1, text: line.to_owned() },
        };
        // A comment alone is finished too, and nothing to run.
        if is_finished(&entry.text) {
            entries.push(entry);
        } else {
            open = Some(entry);
        }
    }
    entries.extend(open);
    entries.retain(|entry| !entry.text.trim().is_empty());
    entries
}

/// The file's text; none where there is none.
pub fn read(path: &Path) -> Option<std::io::Result<String>> {
    match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        read => Some(read),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_takes_as_many_lines_as_it_needs() {
        let found = entries("-- mine\n\\timing\n\nSET strict\n  = true; -- yes\nSELECT 'a;\nb';\nSELECT 1");
        let found: Vec<(usize, &str)> = found.iter().map(|e| (e.line, e.text.as_str())).collect();
        assert_eq!(
            found,
            [
                (1, "-- mine"),
                (2, "\\timing"),
                (4, "SET strict\n  = true; -- yes"),
                (6, "SELECT 'a;\nb';"),
                (8, "SELECT 1")
            ]
        );
    }
}
