//! The book under docs/ as a whole: it can be built, each of its links and anchors leads somewhere, and it names what the
//! program has: every option, setting and exit code, and no others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use mdbook_driver::MDBook;
use weir::error::Kind;

use crate::harness::{Program, home};
use crate::pages::chapters;

/// Options of other programs that the pages speak of.
const FOREIGN: [&str; 7] = ["--query", "--output", "--quiet", "--path", "--locked", "--data-raw", "--release"];

/// Builds the book into a folder of its own, or into the one that `WEIR_BOOK` names, to be looked at.
fn built() -> (PathBuf, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests")]
    let named = std::env::var_os("WEIR_BOOK");
    let root = named.map_or_else(|| folder.path().join("book"), |named| home().join(named));
    let mut book = MDBook::load(home()).unwrap();
    book.config.build.build_dir.clone_from(&root);
    book.build().unwrap();
    (root, folder)
}

#[test]
fn the_book_can_be_built_and_each_of_its_links_leads_somewhere() {
    let (root, _folder) = built();
    let (mut links, mut broken) = (0, Vec::new());
    for chapter in chapters() {
        let name = chapter.file_stem().unwrap().to_str().unwrap().to_owned() + ".html";
        let html = std::fs::read_to_string(root.join(&name)).unwrap_or_else(|_| {
            panic!("{} is not in docs/SUMMARY.md", chapter.display());
        });
        assert!(!html.contains("{{#"), "{name}: something was not included");
        for link in between(&html, "href=\"", "\"").into_iter().chain(between(&html, "src=\"", "\"")) {
            links += 1;
            if !leads_somewhere(&root, &name, link) {
                broken.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(links > 100, "{links} links were found");
    assert_eq!(broken, Vec::<String>::new(), "these lead nowhere");
}

/// Whether a link of a page is elsewhere on the net, or a file, or a place in one, that is there.
fn leads_somewhere(root: &Path, page: &str, link: &str) -> bool {
    if link.starts_with("https://") {
        return true;
    }
    let (file, place) = link.split_once('#').unwrap_or((link, ""));
    let path = root.join(if file.is_empty() { page } else { file });
    let there = std::fs::read_to_string(&path).or_else(|e| if path.is_file() { Ok(String::new()) } else { Err(e) });
    let has = |html: &str| html.contains(&format!("id=\"{place}\""));
    there.is_ok_and(|html| place.is_empty() || has(&html))
}

#[test]
fn links_of_the_other_pages_lead_to_files() {
    let mut links = 0;
    for page in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "benches/README.md"] {
        let path = home().join(page);
        let text = std::fs::read_to_string(&path).unwrap();
        for link in between(&text, "](", ")") {
            let file = link.split('#').next().unwrap();
            if !link.starts_with("http") && !file.is_empty() {
                links += 1;
                assert!(path.parent().unwrap().join(file).exists(), "{page}: {link} leads nowhere");
            }
        }
    }
    assert!(links > 8, "{links} links were found");
}

#[test]
fn the_table_of_contents_has_every_page_once() {
    let summary = std::fs::read_to_string(home().join("docs/SUMMARY.md")).unwrap();
    let mut listed: Vec<&str> = between(&summary, "](", ")");
    listed.sort_unstable();
    let pages: Vec<String> =
        chapters().iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(listed, pages);
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.html"), "<h2 id=\"there\">").unwrap();
    for (link, there) in [("#there", true), ("a.html#there", true), ("#not", false), ("b.html", false), ("..", false)] {
        assert_eq!(leads_somewhere(folder.path(), "a.html", link), there, "{link}");
    }
}

/// The commands of the program, and the options of each, as its help has them.
async fn commands() -> Vec<(String, BTreeSet<String>)> {
    let help = Program::new().arguments(["--help"]).run().await.code(0).out;
    let listed = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<String> = names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    assert!(names.iter().any(|name| name == "exec"), "{help}");
    let mut commands = vec![(String::new(), options(&help))];
    for name in names.into_iter().filter(|name| name != "help") {
        let help = Program::new().arguments([&name, "--help"]).run().await.code(0).out;
        commands.push((name, options(&help)));
    }
    commands
}

/// The options that a help text describes: what begins a line with a hyphen.
fn options(help: &str) -> BTreeSet<String> {
    let described = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    described.flat_map(|line| flags(line).into_iter().take(1)).collect()
}

/// Everything in a text that is written as a long option.
fn flags(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = text;
    let mut before = ' ';
    while let Some(at) = rest.find("--") {
        before = rest[..at].chars().next_back().unwrap_or(before);
        let name: String = rest[at + 2..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        if !before.is_alphanumeric() && before != '-' && name.starts_with(|c: char| c.is_ascii_lowercase()) {
            found.insert(format!("--{}", name.trim_end_matches('-')));
        }
        before = '-';
        rest = &rest[at + 2 + name.len()..];
    }
    found
}

/// The pages of the book with their names; without the blocks of SQL, where `--` begins a comment.
fn texts() -> Vec<(String, String)> {
    let text = |path: &Path| {
        let mut statement = false;
        let keep = |line: &&str| {
            let kept = !statement;
            statement = if statement { *line != "```" } else { *line == "```sql" };
            kept
        };
        std::fs::read_to_string(path).unwrap().lines().filter(keep).collect::<Vec<_>>().join("\n")
    };
    chapters().iter().map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), text(path))).collect()
}

#[tokio::test]
async fn the_book_names_every_option_and_no_other() {
    let known: BTreeSet<String> = commands().await.into_iter().flat_map(|(_, options)| options).collect();
    assert!(known.contains("--dry-run") && known.contains("--resend-unknown"), "{known:?}");
    let mut named = BTreeSet::from(["--help".to_owned(), "--version".to_owned()]);
    for (page, text) in texts() {
        for flag in flags(&text) {
            assert!(known.contains(&flag) || FOREIGN.contains(&flag.as_str()), "{page}: there is no {flag}");
            named.insert(flag);
        }
    }
    let missing: Vec<&String> = known.difference(&named).collect();
    assert!(missing.is_empty(), "no page of docs/ says what these are: {missing:?}");
}

#[tokio::test]
async fn the_book_names_every_command_and_setting() {
    let texts: String = texts().into_iter().map(|(_, text)| text + "\n").collect();
    for (command, _) in commands().await.iter().skip(1) {
        assert!(texts.contains(&format!("weir {command}")), "no page of docs/ has `weir {command}`");
    }
    let all = Program::new().arguments(["-o", "jsonl"]).exec("SHOW ALL").await.code(0).out;
    let settings: Vec<serde_json::Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(settings.len() >= 15);
    for setting in &settings {
        let name = setting["name"].as_str().unwrap();
        let spelled = texts.contains(&format!("`{name}`")) || texts.contains(&format!("SET {name}"));
        assert!(spelled, "no page of docs/ says what the setting {name} is");
    }
    for said in between(&texts, "`SET ", "`") {
        let name = said.split([' ', '=']).next().unwrap();
        let known = settings.iter().any(|setting| setting["name"] == name);
        assert!(known || name.contains('.') || ["name", "provider"].contains(&name), "there is no setting {name}");
    }
}

#[tokio::test]
async fn the_book_and_the_help_have_every_exit_code() {
    let page = std::fs::read_to_string(home().join("docs/errors.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse::<u8>().ok());
    let listed: BTreeSet<u8> = rows.collect();
    let codes: BTreeSet<u8> = KINDS.iter().map(|kind| kind.exit_code()).chain([0]).collect();
    assert_eq!(listed, codes);
    let help = Program::new().arguments(["--help"]).run().await.code(0).out;
    let told = help.split("Exit codes:").nth(1).unwrap();
    let numbers = told.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse::<u8>().ok());
    assert_eq!(numbers.collect::<BTreeSet<u8>>(), codes, "{told}");
}

const KINDS: [Kind; 12] = [
    Kind::Statement,
    Kind::Document,
    Kind::Usage,
    Kind::Credentials,
    Kind::Api,
    Kind::Network,
    Kind::Partial,
    Kind::Assert,
    Kind::Incomplete,
    Kind::Interrupted,
    Kind::Terminated,
    Kind::Internal,
];

#[test]
fn no_kind_of_error_is_left_out() {
    for (at, kind) in KINDS.iter().enumerate() {
        // A new kind does not compile here until it has a place.
        let place = match kind {
            Kind::Statement => 0,
            Kind::Document => 1,
            Kind::Usage => 2,
            Kind::Credentials => 3,
            Kind::Api => 4,
            Kind::Network => 5,
            Kind::Partial => 6,
            Kind::Assert => 7,
            Kind::Incomplete => 8,
            Kind::Interrupted => 9,
            Kind::Terminated => 10,
            Kind::Internal => 11,
        };
        assert_eq!(at, place);
    }
}

#[test]
fn options_are_found_where_they_stand() {
    let text = "`--dry-run=curl`, a--b, ---, --, (--strict) and --max-requests n; -- a comment";
    let found: Vec<String> = flags(text).into_iter().collect();
    assert_eq!(found, ["--dry-run", "--max-requests", "--strict"]);
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open).skip(1).filter_map(|rest| rest.split_once(close).map(|(inner, _)| inner)).collect()
}
