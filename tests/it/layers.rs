//! The floors of the house, read from the sources: who may import whom, which crates and words stand where, and how long a
//! file may be. The reader of sources is itself tested on lines that it must refuse.

use std::collections::BTreeSet;
use std::path::Path;

use crate::harness::home;

/// Each part of the crate, and the parts that it may name besides itself.
const FLOORS: [(&str, &[&str]); 13] = [
    ("error", &["secret"]),
    ("secret", &[]),
    ("registry", &["error", "secret"]),
    ("sql", &["error", "secret"]),
    ("http", &["error", "secret", "registry"]),
    ("rows", &["error", "secret", "registry"]),
    ("journal", &["error", "secret"]),
    ("plan", &["error", "secret", "registry", "http", "rows"]),
    ("session", &["error", "secret", "registry", "sql", "http", "rows", "journal", "plan", "output"]),
    ("output", &["error", "secret"]),
    ("shell", &["error", "secret", "session", "output", "sql", "sandbox"]),
    ("sandbox", &[]),
    // What the library shows; it names its parts and nothing else.
    ("lib", &[]),
];

/// A crate, and the paths (beginnings) that may name it.
const CRATES: [(&str, &[&str]); 10] = [
    ("reqwest", &["http/transport.rs"]),
    ("rustyline", &["shell/"]),
    ("clap", &["shell/"]),
    ("axum", &["sandbox/"]),
    ("datafusion", &["sql/", "plan/", "session/", "output/columnar.rs"]),
    ("rusqlite", &["journal/"]),
    ("ring", &["journal/seal.rs", "http/transport.rs", "http/auth/jwt.rs", "http/processes.rs", "registry/cache.rs"]),
    ("aws_sigv4", &["http/auth/aws.rs"]),
    ("quick_xml", &["registry/xml/tree.rs", "http/written.rs"]),
    ("regex", &["registry/template/call.rs", "registry/method/configured.rs", "http/page.rs"]),
];

/// Words of one provider, which only the sandbox may know.
const WORDS: [&str; 9] = [
    "cloudflare",
    "livestream",
    "live_input",
    "liveinput",
    "realtime",
    "total_count",
    "result_info",
    "\"$.result",
    "\"$.data",
];

/// A source file, its path from `src/`.
struct Source {
    path: String,
    text: String,
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<Source>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                found.push(Source { path: name, text: std::fs::read_to_string(&path).unwrap() });
            }
        }
    }
    let (root, mut found) = (home().join("src"), Vec::new());
    walk(&root, &root, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 50, "the sources were not found");
    found
}

impl Source {
    fn floor(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// How deep the file's module lies below the crate: `http/mod.rs` 1, `http/call.rs` 2.
    fn depth(&self) -> usize {
        let path = self.path.trim_end_matches(".rs");
        let path = path.strip_suffix("/mod").unwrap_or(path);
        if path == "lib" || path == "main" { 0 } else { path.split('/').count() }
    }

    /// The words and signs of the code, without comments, texts and characters.
    fn tokens(&self) -> Vec<String> {
        tokens(&self.text)
    }

    /// The lines before the tests.
    fn code_lines(&self) -> usize {
        self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count()
    }
}

fn tokens(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\n');
    let (mut i, mut tokens) = (0, Vec::new());
    while i < chars.len() {
        let c = chars[i];
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && chars[i] != '\n' {
                i += 1;
            }
        } else if c == '"' || (c == 'r' && (at(i + 1) == '"' || (at(i + 1) == '#' && matches!(at(i + 2), '#' | '"')))) {
            i = after_text(&chars, i);
            tokens.push("\"\"".to_owned());
        } else if c == '/' && at(i + 1) == '*' {
            i = after_comment(&chars, i);
        } else if c == '\'' && at(i + 1) == '\\' {
            i += 3;
            while i < chars.len() && chars[i] != '\'' {
                i += 1;
            }
            i += 1;
        } else if c == '\'' && at(i + 2) == '\'' {
            i += 3;
        } else if c.is_alphanumeric() || c == '_' {
            let start = i;
            while at(i).is_alphanumeric() || at(i) == '_' {
                i += 1;
            }
            tokens.push(chars[start..i].iter().collect());
        } else {
            if !c.is_whitespace() {
                tokens.push(c.to_string());
            }
            i += 1;
        }
    }
    tokens
}

/// The place behind the comment that begins at `i`; comments nest.
fn after_comment(chars: &[char], mut i: usize) -> usize {
    let mut depth = 0;
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                i += 1;
                continue;
            }
        }
        i += 2;
        if depth == 0 {
            return i;
        }
    }
    chars.len()
}

/// The place behind the text literal that begins at `i`.
fn after_text(chars: &[char], i: usize) -> usize {
    if chars[i] == '"' {
        let mut end = i + 1;
        while end < chars.len() && chars[end] != '"' {
            end += if chars[end] == '\\' { 2 } else { 1 };
        }
        return end + 1;
    }
    let hashes = chars[i + 1..].iter().take_while(|c| **c == '#').count();
    let mut end = i + 2 + hashes;
    let closes =
        |end: usize| chars[end] == '"' && chars[end + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
    while end < chars.len() && !closes(end) {
        end += 1;
    }
    end + 1 + hashes
}

/// The parts of the crate that code names: `crate::a::..`, `crate::{a, b::..}`, and `super::super::a` where that climbs
/// out of the part. Modules inside the file deepen it.
fn named_parts(tokens: &[String], depth: usize) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let (mut braces, mut inner) = (0_usize, Vec::new());
    let mut i = 0;
    while i < tokens.len() {
        match tokens[i].as_str() {
            "{" => braces += 1,
            "}" => {
                braces = braces.saturating_sub(1);
                if inner.last() == Some(&braces) {
                    inner.pop();
                }
            }
            "mod" if tokens.get(i + 2).is_some_and(|t| t == "{") => inner.push(braces),
            "crate" => named.extend(first_names(tokens, i + 1)),
            "super" if i < 2 || tokens[i - 2..i] != [":", ":"] => {
                let mut climbed = 1;
                while tokens.get(i + 3 * climbed).is_some_and(|t| t == "super") {
                    climbed += 1;
                }
                if climbed >= depth + inner.len() {
                    named.extend(first_names(tokens, i + 3 * climbed - 2));
                }
                i += 3 * (climbed - 1);
            }
            _ => {}
        }
        i += 1;
    }
    named
}

/// The names right behind the `::` at `i`: one, or the first of each item in braces.
fn first_names(tokens: &[String], i: usize) -> Vec<String> {
    let sign = |at: usize| tokens.get(at).map(String::as_str);
    if sign(i) != Some(":") || sign(i + 1) != Some(":") {
        return Vec::new();
    }
    if sign(i + 2) != Some("{") {
        return tokens.get(i + 2).cloned().into_iter().collect();
    }
    let (mut names, mut depth, mut at, mut fresh) = (Vec::new(), 1, i + 3, true);
    while depth > 0 && at < tokens.len() {
        match tokens[at].as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => fresh = true,
            name if fresh => {
                names.push(name.to_owned());
                fresh = false;
            }
            _ => {}
        }
        at += 1;
    }
    names
}

/// What the file names and may not.
fn forbidden_imports(source: &Source) -> Vec<String> {
    let floor = source.floor();
    if floor == "main" {
        return Vec::new();
    }
    let Some((_, allowed)) = FLOORS.iter().find(|(name, _)| *name == floor) else {
        return vec![format!("src/{}: `{floor}` has no floor in this test", source.path)];
    };
    let is_part = |name: &String| FLOORS.iter().any(|(part, _)| part == name);
    let named = named_parts(&source.tokens(), source.depth());
    let bad = named.iter().filter(|name| is_part(name) && *name != floor && !allowed.contains(&name.as_str()));
    bad.map(|name| format!("src/{}: {floor} must not know {name}", source.path)).collect()
}

fn forbidden_crates(source: &Source) -> Vec<String> {
    let tokens = source.tokens();
    let named = |name: &str| tokens.windows(3).any(|w| w[0] == name && w[1] == ":" && w[2] == ":");
    let stands = |places: &[&str]| places.iter().any(|place| source.path.starts_with(place));
    let crates = CRATES.iter().filter(|(name, places)| named(name) && !stands(places));
    let mut bad: Vec<String> = crates.map(|(name, _)| format!("src/{}: names {name}", source.path)).collect();
    let reads = ["var", "vars", "var_os", "vars_os"];
    let environment =
        tokens.windows(4).any(|w| w[0] == "env" && w[1] == ":" && w[2] == ":" && reads.contains(&w[3].as_str()));
    if environment && source.path != "shell/args.rs" {
        bad.push(format!("src/{}: reads the environment", source.path));
    }
    bad
}

#[track_caller]
fn none(bad: &[String]) {
    assert!(bad.is_empty(), "\n{}", bad.join("\n"));
}

#[test]
fn imports_go_one_way() {
    none(&sources().iter().flat_map(forbidden_imports).collect::<Vec<_>>());
}

#[test]
fn crates_and_the_environment_are_named_where_they_belong() {
    none(&sources().iter().flat_map(forbidden_crates).collect::<Vec<_>>());
}

#[test]
fn a_bad_import_is_found_however_it_is_written() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let bad = [
        ("http/call.rs", "use crate::session::Session;"),
        ("http/call.rs", "fn f() { crate::session::go() }"),
        ("http/mod.rs", "use crate::{error::{Error, Kind}, plan};"),
        ("http/call.rs", "use super::super::plan::Names;"),
        ("http/mod.rs", "use super::rows::schema;"),
        ("http/mod.rs", "mod tests { use super::super::{error::Error, plan::Names}; }"),
        ("sandbox/kit/apps.rs", "use crate::error::Error;"),
        ("registry/load.rs", "// fine\n/* \" */ use crate::http::Call;"),
        ("output/mod.rs", "let x = 'a'; let y = '\\''; let z = '\"'; use crate::session::Rows;"),
        ("journal/run.rs", "use crate::http::Call;"),
        ("attic/mod.rs", "fn f() {}"),
    ];
    for (path, text) in bad {
        assert_eq!(forbidden_imports(&source(path, text)).len(), 1, "{path}: {text}");
    }
    let good = [
        ("http/call.rs", "use crate::registry::Method; use super::page::Page;"),
        ("http/call.rs", "// use crate::session::Session;\nlet s = \"crate::session\"; let r = r#\"crate::\"plan\"#;"),
        ("http/call.rs", "mod tests { use super::super::page::Page; }"),
        ("plan/mod.rs", "pub(crate) fn f(it: crate::http::Call) -> crate::rows::Rows {}"),
    ];
    for (path, text) in good {
        assert_eq!(forbidden_imports(&source(path, text)), Vec::<String>::new(), "{path}: {text}");
    }
    for (path, text) in [
        ("http/client.rs", "use reqwest::Client;"),
        ("rows/decode.rs", "let x: datafusion::common::Result<()>;"),
        ("session/mutate.rs", "use rusqlite::Connection;"),
        ("session/mod.rs", "let home = std::env::var(\"HOME\");"),
        ("session/mod.rs", "use std::env; fn f() { env::vars_os(); }"),
    ] {
        assert_eq!(forbidden_crates(&source(path, text)).len(), 1, "{path}: {text}");
    }
    none(&forbidden_crates(&source("session/show.rs", "std::env::consts::OS")));
}

#[test]
fn no_provider_is_known_outside_the_sandbox() {
    let mut bad = Vec::new();
    for source in sources().iter().filter(|source| source.floor() != "sandbox") {
        for (number, line) in source.text.lines().enumerate() {
            // How APIs name their totals and tokens is known there, theirs among others.
            if ["registry/method/inferred.rs", "registry/method/leaves.rs"].contains(&source.path.as_str()) {
                continue;
            }
            // The library's front page shows how it is used.
            if source.path == "lib.rs" && line.starts_with("//!") {
                continue;
            }
            let lower = line.to_lowercase();
            for word in WORDS.iter().filter(|word| lower.contains(*word)) {
                bad.push(format!("src/{}:{}: {word}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    none(&bad);
}

#[test]
fn files_are_short_and_say_first_what_they_own() {
    let mut bad = Vec::new();
    for source in sources() {
        if source.code_lines() > 400 {
            bad.push(format!("src/{}: {} lines before its tests", source.path, source.code_lines()));
        }
        if !source.text.starts_with("//!") {
            bad.push(format!("src/{}: does not say what it owns", source.path));
        }
        let name = source.path.rsplit('/').next().unwrap_or_default();
        if ["util", "utils", "common", "helper", "helpers", "misc", "shared", "manager"]
            .contains(&name.trim_end_matches(".rs"))
        {
            bad.push(format!("src/{}: a name that says nothing", source.path));
        }
    }
    none(&bad);
}
