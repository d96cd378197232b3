//! Runs the code blocks of README.md and of the book as they stand, and compares what they print with what the pages say that
//! they print. A promise that is not kept fails here. `WEIR_BLESS=1` writes the pages anew.
//!
//! An `sql` block is run by `weir exec --sandbox`, each against a sandbox of its own; an `sh` block by a shell that finds
//! `weir`. The `text` block right behind is what was printed: standard output, then what standard error says besides the
//! sandbox's notice, and with 8787 for any port. Where it ends with a line `...`, the rest is not compared. A comment on the line before a block asks for
//! something else, several things at commas:
//!
//! ```text
//! <!-- weir: exec --dry-run -->              options of `weir exec`
//! <!-- weir: without sandbox -->             no sandbox and no token, but an account
//! <!-- weir: same session -->                after the statements of the block before
//! <!-- weir: exit 1 -->                      it ends with this exit code
//! <!-- weir: shell -->                      typed into `weir shell`; what it costs is not shown
//! <!-- weir: bare -->                        a table of one column is shown without its borders
//! <!-- weir: file examples/gate.sql -->      the block is this file, and the file is run
//! ```

use std::ops::Range;
use std::path::Path;

use futures::StreamExt;

use crate::harness::{ACCOUNT, Program, Ran, home, same_text};
use crate::pages::{Block, Page, ended, pages, rewrite};

/// What the blocks find beside them, besides examples/.
const FILES: [(&str, &str); 1] =
    [("old.csv", "uid\n387e4193a099995cf8d0e9e7bdc54176\n4b70f19e159ac1bb026b725433d0db99\n")];

/// Who runs a block.
#[derive(Default, PartialEq)]
enum By {
    /// `weir exec --sandbox`.
    #[default]
    Exec,
    /// `weir exec`, with an account and no token.
    WithoutSandbox,
    /// `weir shell --sandbox`.
    Shell,
}

/// How a block is run.
#[derive(Default)]
struct Asks {
    by: By,
    options: Vec<String>,
    same_session: bool,
    bare: bool,
    code: i32,
    file: Option<String>,
}

impl Asks {
    fn of(block: &Block) -> Result<Asks, String> {
        let mut asks = Asks::default();
        for ask in &block.asks {
            match (ask.as_str(), ask.split_once(' ')) {
                ("without sandbox", _) => asks.by = By::WithoutSandbox,
                ("same session", _) => asks.same_session = true,
                ("shell", _) => asks.by = By::Shell,
                ("bare", _) => asks.bare = true,
                (_, Some(("exec", options))) => asks.options = options.split(' ').map(str::to_owned).collect(),
                (_, Some(("exit", code))) => asks.code = code.parse().map_err(|_| format!("no exit code: {code}"))?,
                (_, Some(("file", file))) => asks.file = Some(file.to_owned()),
                _ => return Err(format!("nobody knows what `{ask}` asks for")),
            }
        }
        Ok(asks)
    }
}

/// A block to run.
struct Job {
    page: String,
    block: Block,
    asks: Asks,
    /// The statements of the blocks before, where it goes on with their session.
    before: String,
}

/// What a block that was run leads to: lines of the page that should read otherwise.
type Changes = Vec<(Range<usize>, String)>;

impl Job {
    fn what(&self) -> String {
        format!("{}, the block at line {}", self.page, self.block.line)
    }

    async fn run(&self) -> Changes {
        let mut changes = Vec::new();
        if let Some(file) = &self.asks.file {
            let text = std::fs::read_to_string(home().join(file)).unwrap_or_else(|e| panic!("{}: {e}", self.what()));
            if text != self.block.text {
                let first = self.block.line;
                changes.push((first..first + self.block.text.lines().count(), text));
            }
        }
        let mut shown = self.shown(&self.once(&self.before, &self.block.text).await);
        if !self.before.is_empty() {
            let before = self.shown(&self.once(&self.before, "").await);
            let rest = shown.strip_prefix(&before).map(str::to_owned);
            shown = rest.unwrap_or_else(|| panic!("{}: the session before went otherwise", self.what()));
        }
        if let Some(prints) = &self.block.prints {
            let shown = match prints.text.ends_with("\n...\n") {
                true => first_lines(&shown, prints.text.lines().count() - 1),
                false => shown,
            };
            if shown != prints.text {
                changes.push((prints.lines.clone(), shown));
            }
        }
        changes
    }

    async fn once(&self, before: &str, text: &str) -> Ran {
        let program = match self.block.language.as_str() {
            _ if self.asks.by == By::Shell => Program::new().arguments(["shell", "--sandbox", "--no-rc"]).input(text),
            "sh" => Program::shell(&text.replace("cargo run --quiet --", "weir")).set("PATH", &path()),
            _ => {
                let program = Program::new().arguments(["exec"]).arguments(&self.asks.options);
                let program = match self.asks.by {
                    By::WithoutSandbox => program.set("CLOUDFLARE_ACCOUNT_ID", ACCOUNT),
                    _ => program.arguments(["--sandbox"]),
                };
                match &self.asks.file {
                    Some(file) => program.arguments(["-i", file]),
                    // A statement may begin with a comment, which begins as an option does.
                    None => program.arguments(["--".to_owned(), format!("{before}{text}")]),
                }
            }
        };
        let ran = beside(program).run().await;
        let code = if text.is_empty() { 0 } else { self.asks.code };
        assert_eq!(ran.code, Some(code), "{}\n{text}\n--- stdout\n{}\n--- stderr\n{}", self.what(), ran.out, ran.talk);
        ran
    }

    fn shown(&self, ran: &Ran) -> String {
        let out = if self.asks.bare { without_borders(&ran.out) } else { ran.out.clone() };
        let unheard = |line: &&str| self.asks.by != By::Shell && !line.contains("answered by the sandbox");
        let talk = ran.talk.lines().filter(unheard);
        on_one_port(&(out + &ended(talk)))
    }
}

/// With the files that the pages speak of beside it.
fn beside(mut program: Program) -> Program {
    for (name, text) in FILES {
        program = program.file(name, text);
    }
    for entry in std::fs::read_dir(home().join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let (name, text) = (path.file_name().unwrap().to_str().unwrap(), std::fs::read_to_string(&path).unwrap());
        program = program.file(&format!("examples/{name}"), &text);
        if path.extension().is_some_and(|e| e == "csv") {
            program = program.file(name, &text);
        }
    }
    program
}

/// Where a shell finds `weir`, and nothing else that this machine may have.
fn path() -> String {
    format!("{}:/usr/bin:/bin", Path::new(env!("CARGO_BIN_EXE_weir")).parent().unwrap().display())
}

/// A sandbox takes any port that is free; on the pages it is always the same.
fn on_one_port(text: &str) -> String {
    const HOST: &str = "http://127.0.0.1:";
    let mut parts = text.split(HOST);
    let mut same = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        same = same + HOST + "8787" + part.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    same
}

fn first_lines(text: &str, count: usize) -> String {
    ended(text.lines().take(count)) + "...\n"
}

/// Tables of one column without borders and heading; an EXPLAIN is easier to read so.
fn without_borders(text: &str) -> String {
    let (mut lines, mut heading) = (String::new(), false);
    for line in text.lines() {
        match line.chars().next() {
            Some('┌') => heading = true,
            Some('├') => heading = false,
            Some('│') if heading => {}
            Some('│') => {
                lines.push_str(line.trim_matches('│').strip_prefix(' ').unwrap_or_default().trim_end());
                lines.push('\n');
            }
            Some('└') => {}
            _ => {
                lines.push_str(line);
                lines.push('\n');
            }
        }
    }
    lines
}

/// What is to be run, and how many blocks there are of each language.
fn jobs(pages: Vec<Page>) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    for page in pages {
        let mut before = String::new();
        for block in page.blocks {
            let what = format!("{}, line {}", page.name, block.line);
            let asks = Asks::of(&block).unwrap_or_else(|slip| panic!("{what}: {slip}"));
            match block.language.as_str() {
                // These build, test and measure; they are what runs this.
                "sh" if matches!(block.text.trim(), "cargo test" | "cargo bench") => {}
                "sh" | "sql" => {
                    let session = if asks.same_session { before.clone() } else { String::new() };
                    before = format!("{session}{};\n", block.text.trim_end().trim_end_matches(';'));
                    jobs.push(Job { page: page.name.clone(), block, asks, before: session });
                }
                // What nobody can run says so by being text; the others are read by `other_blocks_are_what_they_say`.
                "text" | "yaml" | "toml" | "json" | "rust" | "csv" => {
                    assert!(block.asks.is_empty(), "{what}: nothing is run here, so nothing can be asked for");
                }
                other => panic!("{what}: no test knows what `{other}` is; say sql, sh, yaml, toml, json, csv or text"),
            }
        }
    }
    jobs
}

#[tokio::test(flavor = "multi_thread")]
async fn every_block_of_every_page_does_what_it_says() {
    let jobs = jobs(pages());
    let shown = jobs.iter().filter(|job| job.block.prints.is_some()).count();
    assert!(jobs.len() >= 40 && shown >= 35, "{} blocks were found, {shown} with what they print", jobs.len());
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests")]
    let bless = std::env::var_os("WEIR_BLESS").is_some();
    let running = jobs.into_iter().map(|job| async move {
        let ran = tokio::spawn(async move { (job.run().await, job) });
        ran.await.map_err(|panic| {
            let panic = panic.into_panic();
            panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a block could not be run".to_owned())
        })
    });
    let done: Vec<_> = futures::stream::iter(running).buffered(4).collect().await;
    let (mut wrong, mut written): (Vec<String>, Vec<(String, Changes)>) = (Vec::new(), Vec::new());
    for result in done {
        match result {
            Err(slip) => wrong.push(slip),
            Ok((changes, job)) if bless => match written.iter_mut().find(|(page, _)| *page == job.page) {
                Some((_, all)) => all.extend(changes),
                None => written.push((job.page, changes)),
            },
            Ok((changes, job)) => wrong.extend(changes.iter().map(|(lines, new)| job.differs(lines, new))),
        }
    }
    for (page, changes) in &written {
        rewrite(page, changes);
    }
    assert!(
        wrong.is_empty(),
        "{} blocks are not what they say; WEIR_BLESS=1 writes the pages anew\n\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

impl Job {
    /// The lines of the page that are not what was printed.
    fn differs(&self, lines: &Range<usize>, new: &str) -> String {
        let old = match &self.block.prints {
            Some(prints) if prints.lines == *lines => prints.text.clone(),
            _ => self.block.text.clone(),
        };
        let what = format!("{}: lines {} to {}", self.what(), lines.start + 1, lines.end);
        let panic = std::panic::catch_unwind(|| same_text(&old, new, &what)).unwrap_err();
        panic.downcast_ref::<String>().cloned().unwrap_or(what)
    }
}

/// YAML is YAML, and the smallest provider of docs/registry.md is one.
#[tokio::test]
async fn other_blocks_are_what_they_say() {
    let mut program = Program::new();
    let (mut yaml, mut files) = (0, 0);
    for page in pages() {
        for block in page.blocks {
            let what = format!("{}, the block at line {}", page.name, block.line);
            match block.language.as_str() {
                "yaml" => {
                    let read = yaml_serde::from_str::<yaml_serde::Value>(&block.text);
                    read.unwrap_or_else(|e| panic!("{what}: {e}"));
                    yaml += 1;
                    if let Some(name) = block.text.lines().next().and_then(|line| line.strip_prefix("# ")) {
                        program = program.file(&format!("registry/demo/{name}"), &block.text);
                        files += 1;
                    }
                }
                // Whether the keys are known is for the tests of the configuration to say.
                "toml" => {
                    let read = toml::from_str::<toml::Table>(&block.text);
                    read.unwrap_or_else(|e| panic!("{what}: {e}"));
                }
                "json" => {
                    let read = serde_json::from_str::<serde_json::Value>(&block.text);
                    read.unwrap_or_else(|e| panic!("{what}: {e}"));
                }
                _ => {}
            }
        }
    }
    assert!(yaml >= 6 && files == 2, "{yaml} blocks of YAML, {files} files among them");
    let ran = program.arguments(["--registry", "registry", "-o", "csv"]).exec("DESCRIBE demo.things.things").await;
    assert_eq!(ran.code(0).out, "name,type\nid,string\nmade_at,timestamp\n");
}

#[test]
fn what_a_block_asks_for_is_understood_or_refused() {
    let block = |asks: &[&str]| Block {
        line: 1,
        language: "sql".to_owned(),
        text: String::new(),
        asks: asks.iter().map(|ask| (*ask).to_owned()).collect(),
        prints: None,
    };
    let asks = Asks::of(&block(&["exec --dry-run -o csv", "exit 6", "bare"])).unwrap();
    assert_eq!((asks.options.join(" ").as_str(), asks.code, asks.bare), ("--dry-run -o csv", 6, true));
    for slip in ["exit soon", "without sandboxes", "skip"] {
        assert!(Asks::of(&block(&[slip])).is_err(), "{slip}");
    }
    assert_eq!(
        on_one_port("PUT http://127.0.0.1:40123/x, http://127.0.0.1:1"),
        "PUT http://127.0.0.1:8787/x, http://127.0.0.1:8787"
    );
    assert_eq!(without_borders("┌──────┐\n│ plan │\n├──────┤\n│ a    │\n│   b  │\n└──────┘\nx\n"), "a\n  b\nx\n");
}
