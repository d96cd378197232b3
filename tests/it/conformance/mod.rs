//! The proof that StackQL's documents run: every method of every document, by the statement that a user would write, against
//! a server made up from the same documents, and judged by code that shares nothing with the loader.

mod answer;
mod document;
mod request;
mod sample;
mod schema;
mod server;
mod statement;
mod tally;
mod walk;

use std::path::PathBuf;
use std::time::Instant;

/// Deep schemas and deep plans in an unoptimised build.
const STACK: usize = 16 << 20;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(STACK).build().unwrap()
}

#[test]
fn every_method_of_a_registry_sends_what_its_document_allows() {
    let Some(registry) = std::env::var_os("WEIR_STACKQL_REGISTRY").map(PathBuf::from) else {
        eprintln!("NOT RUN: no registry is walked; WEIR_STACKQL_REGISTRY names none");
        return;
    };
    let only = std::env::var("WEIR_STACKQL_PROVIDER").ok();
    let runtime = runtime();
    for provider in document::providers(&registry) {
        if only.as_ref().is_some_and(|only| *only != provider.name) {
            continue;
        }
        let started = Instant::now();
        let folder = tempfile::tempdir().unwrap();
        let outcomes = runtime.block_on(walk::walk(&provider, &registry, folder.path()));
        let tally = tally::Tally::of(&outcomes);
        let seconds = |micros: &std::sync::atomic::AtomicU64| {
            std::time::Duration::from_micros(micros.swap(0, std::sync::atomic::Ordering::Relaxed)).as_secs_f64()
        };
        eprintln!(
            "{}in {:.1} s (side by side: loading {:.1} s, the judge's reading {:.1} s)\n",
            tally.report(&provider.name),
            started.elapsed().as_secs_f64(),
            seconds(&walk::LOADING),
            seconds(&walk::READING)
        );
    }
}
