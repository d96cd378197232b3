//! The proof that StackQL's documents run: every method of every document, by the statement that a user would write, against
//! a server made up from the same documents, and judged by code that shares nothing with the loader.
//!
//! What is not right is known by its class and number (`known/`), so that a new class fails, and one that is gone as
//! well. `WEIR_BLESS=1` writes those files anew: read the difference before it is committed.

mod account;
mod answer;
mod compare;
mod document;
mod judged;
mod lists;
mod request;
mod sample;
mod schema;
mod server;
mod signature;
mod statement;
mod tally;
mod tokens;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{home, same_text, write_file};
use tally::Tally;

/// Deep schemas and deep plans in an unoptimised build.
const STACK: usize = 16 << 20;

/// Of a hundred methods that speak JSON, so many are right at least.
const LEAST: f64 = 95.0;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build().unwrap()
}

#[expect(clippy::disallowed_methods, reason = "how the tests are run is said by their own environment")]
fn said(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

/// The registry to walk, where one is named.
fn registry() -> Option<PathBuf> {
    let named = said("WEIR_STACKQL_REGISTRY").map(PathBuf::from);
    if named.is_none() {
        eprintln!("NOT RUN: no registry is walked; WEIR_STACKQL_REGISTRY names none");
    }
    named
}

/// Walks the providers of a registry, and tells what came of it.
fn walked(registry: &Path, only: Option<&str>) -> Vec<(String, Tally)> {
    let runtime = runtime();
    let mut all = Vec::new();
    for provider in document::providers(registry) {
        if only.is_some_and(|only| only != provider.name) {
            continue;
        }
        let started = Instant::now();
        let folder = tempfile::tempdir().unwrap();
        let outcomes = runtime.block_on(walk::walk(&provider, registry, folder.path()));
        let tally = Tally::of(&outcomes);
        let seconds = |micros: &AtomicU64| Duration::from_micros(micros.swap(0, Ordering::Relaxed)).as_secs_f64();
        eprintln!(
            "{}in {:.1} s (side by side: loading {:.1} s, the judge's reading {:.1} s)\n",
            tally.report(&provider.name),
            started.elapsed().as_secs_f64(),
            seconds(&walk::LOADING),
            seconds(&walk::READING)
        );
        all.push((provider.name, tally));
    }
    all
}

/// Holds what came of a walk against what is known.
fn compare(file: &str, all: &[(String, Tally)]) {
    let path = home().join("tests/it/conformance/known").join(file);
    let found: String = all.iter().map(|(name, tally)| tally.known(name)).collect();
    if said("WEIR_BLESS").is_some() {
        write_file(&path, &found);
        return;
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    same_text(&known, &found, &format!("what is known to be wrong ({file}) and what is"));
}

#[test]
fn every_shape_of_a_made_up_provider_is_sent_as_its_document_allows() {
    let all = walked(&home().join("tests/it/conformance/registry"), None);
    compare("made_up.txt", &all);
}

#[test]
fn every_method_of_a_registry_sends_what_its_document_allows() {
    let Some(registry) = registry() else { return };
    let only = said("WEIR_STACKQL_PROVIDER");
    let all = walked(&registry, only.as_deref());
    for one in &all {
        let file = format!("registry/{}.txt", one.0);
        // A provider that was never walked before has to be right enough, and no more.
        if said("WEIR_BLESS").is_some() || home().join("tests/it/conformance/known").join(&file).exists() {
            compare(&file, std::slice::from_ref(one));
        }
    }
    for (name, tally) in &all {
        assert!(tally.share() >= LEAST, "of {name}, only {:.1} % of the methods are right", tally.share());
    }
}
