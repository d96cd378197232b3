//! Candidates on a line with a meta command: its name, and what it takes, by the words of its synopsis. Which commands
//! there are is told from outside.

use super::names::{begins, plain, schemas, tables};
use super::{Around, Candidates, Knowledge};

/// Candidates where the text is a meta command; none where it is a statement.
pub fn complete(text: &str, cursor: usize, knows: &Knowledge) -> Option<Candidates> {
    let begun = text.trim_start();
    if !begun.starts_with('\\') {
        return None;
    }
    let line = &text[text.len() - begun.len()..cursor.max(text.len() - begun.len())];
    let Some((command, rest)) = line.split_once(char::is_whitespace) else {
        let fitting = knows.commands.iter().filter(|(name, _)| name.starts_with(line));
        let list = fitting.map(|(name, takes)| super::Candidate {
            text: name.clone(),
            shown: format!("{name} {takes}").trim_end().to_owned(),
        });
        return Some(Candidates { start: text.len() - begun.len(), list: list.collect(), path: None });
    };
    let takes = knows.commands.iter().find(|(name, _)| name == command).map_or("", |(_, takes)| takes.as_str());
    let word = &rest[rest.rfind(char::is_whitespace).map_or(0, |i| i + 1)..];
    let start = cursor - word.len();
    if takes.contains("file") {
        return Some(Candidates { start, list: Vec::new(), path: Some(word.to_owned()) });
    }
    let mut parts: Vec<String> = word.split('.').map(str::to_owned).collect();
    let prefix = word.rsplit('.').next().unwrap_or_default();
    parts.pop();
    let around =
        Around { tokens: Vec::new(), before: Vec::new(), qualifier: parts, prefix, start: cursor - prefix.len() };
    let before = line[..line.len() - word.len()].split_whitespace().collect::<Vec<_>>().join(" ");
    let words = knows.words.iter().filter(|(behind, _)| *behind == before && around.qualifier.is_empty());
    let words = words.flat_map(|(_, words)| words).filter(|w| begins(w, prefix)).map(|w| plain(w.clone()));
    let told = knows.words.iter().any(|(behind, _)| behind == command);
    let list = if takes.contains("provider") {
        words.chain(schemas(&around, knows)).collect()
    } else if told {
        words.collect()
    } else if takes.contains("name") {
        tables(&around, knows)
    } else {
        // `on|off|auto`, and `vi|emacs`.
        let words = takes.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
        let choices = if takes.contains('|') { words.collect() } else { Vec::new() };
        choices.into_iter().filter(|w| begins(w, prefix)).map(|w| plain(w.to_owned())).collect()
    };
    Some(Candidates { start: around.start, list, path: None })
}
