//! The pages that people read, README.md and docs/*.md, cut into their code blocks: what a block says, what the comment before
//! it asks for, and the text behind it that is what it prints. Knows nothing of how a block is run.

use std::path::{Path, PathBuf};

use crate::harness::home;

/// A page and its blocks, in order.
pub struct Page {
    /// From the folder of the package: `docs/sql.md`.
    pub name: String,
    pub blocks: Vec<Block>,
}

/// A code block.
#[derive(Debug, PartialEq)]
pub struct Block {
    /// The line of its fence, from 1.
    pub line: usize,
    pub language: String,
    pub text: String,
    /// What the comment `<!-- weir: .. -->` on the line before asks for, at its commas.
    pub asks: Vec<String>,
    /// The `text` block that begins on the line behind it.
    pub prints: Option<Printed>,
}

/// What a block prints, and where that stands: the lines between the two fences.
#[derive(Debug, PartialEq)]
pub struct Printed {
    pub text: String,
    pub lines: std::ops::Range<usize>,
}

/// README.md, and the pages of the book.
pub fn pages() -> Vec<Page> {
    let mut paths: Vec<PathBuf> = chapters();
    paths.push(home().join("README.md"));
    paths.iter().map(|path| page(path)).collect()
}

/// The files of the book, without its table of contents.
pub fn chapters() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(home().join("docs")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "md") && !path.ends_with("SUMMARY.md"));
    paths.sort();
    paths
}

fn page(path: &Path) -> Page {
    let name = path.strip_prefix(home()).unwrap().display().to_string();
    let text = std::fs::read_to_string(path).unwrap();
    let blocks = blocks(&text).unwrap_or_else(|slip| panic!("{name}: {slip}"));
    Page { name, blocks }
}

/// The blocks of a page; what would hide a block from the tests is a slip.
fn blocks(page: &str) -> Result<Vec<Block>, String> {
    let lines: Vec<&str> = page.lines().collect();
    let mut blocks: Vec<Block> = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(language) = lines[at].strip_prefix("```") else {
            if lines[at].trim_start().starts_with("```") || lines[at].starts_with("~~~") {
                return Err(format!("line {}: a block must begin at the margin, with three backticks", at + 1));
            }
            at += 1;
            continue;
        };
        let length = lines[at + 1..].iter().position(|line| *line == "```");
        let length = length.ok_or_else(|| format!("line {}: the block does not end", at + 1))?;
        let body = at + 1..at + 1 + length;
        let text = ended(lines[body.clone()].iter().copied());
        let asks = at.checked_sub(1).map(|before| asked(lines[before])).unwrap_or_default();
        let behind = at.checked_sub(1).is_some_and(|before| lines[before] == "```");
        let shows = blocks.last().is_some_and(|last| matches!(last.language.as_str(), "sh" | "sql") && behind);
        if language == "text" && shows {
            blocks.last_mut().unwrap().prints = Some(Printed { text, lines: body });
        } else {
            blocks.push(Block { line: at + 1, language: language.to_owned(), text, asks, prints: None });
        }
        at += length + 2;
    }
    Ok(blocks)
}

fn asked(line: &str) -> Vec<String> {
    let inner = line.strip_prefix("<!-- weir: ").and_then(|rest| rest.strip_suffix(" -->"));
    inner.map(|asks| asks.split(", ").map(str::to_owned).collect()).unwrap_or_default()
}

/// Lines, each with its end.
pub fn ended<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Writes lines of a page anew: each range becomes its text. Ranges are in the page's order.
pub fn rewrite(name: &str, changes: &[(std::ops::Range<usize>, String)]) {
    let path = home().join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    for (range, new) in changes.iter().rev() {
        lines.splice(range.clone(), new.lines());
    }
    std::fs::write(path, lines.join("\n") + "\n").unwrap();
}

#[test]
fn a_block_and_what_it_prints_belong_together() {
    let page = "a\n```sh\nx\ny\n```\n```text\nout\n```\n\n```text\nno\n```\n<!-- weir: exit 1, bare -->\n```sql\nz\n```\n\n```text\nno\n```\n";
    let found = blocks(page).unwrap();
    let short: Vec<_> = found.iter().map(|b| (b.line, b.language.as_str(), b.text.as_str())).collect();
    assert_eq!(short, [(2, "sh", "x\ny\n"), (10, "text", "no\n"), (14, "sql", "z\n"), (18, "text", "no\n")]);
    assert_eq!(found[0].prints, Some(Printed { text: "out\n".to_owned(), lines: 6..7 }));
    assert_eq!((found[2].asks.join("|").as_str(), &found[2].prints), ("exit 1|bare", &None));
    for slip in [" ```sql\nx\n ```\n", "```sql\nx\n", "~~~\nx\n~~~\n"] {
        assert!(blocks(slip).is_err(), "{slip}");
    }
}
