//! A whole registry as StackQL publishes it, walked: every resource and method of every document answers SHOW and
//! DESCRIBE. The registry is not part of this project; the environment says where one is.

use std::path::{Path, PathBuf};
use std::time::Instant;

use weir::registry::{Registry, Service, VIEW_METHOD};
use weir::session::{Session, SessionOptions};

/// Where a registry is. None is said loudly: a check that was left out must not look like one that passed.
#[expect(clippy::disallowed_methods, reason = "the registry is the tester's own, and nothing else says where it is")]
#[expect(clippy::print_stderr, reason = "it must be seen")]
fn registry() -> Option<PathBuf> {
    let found = std::env::var_os("WEIR_STACKQL_REGISTRY").map(PathBuf::from);
    if found.is_none() {
        eprintln!("\n*** NOT RUN: no registry was walked, as WEIR_STACKQL_REGISTRY does not name one ***\n");
    }
    found
}

/// What a provider's documents hold, as they are counted by their keys alone.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    services: usize,
    resources: usize,
    methods: usize,
    /// Methods and whole documents that cannot be used.
    broken: usize,
}

/// The services of a provider that come from the registry, and not from the program itself: of the same name there may be
/// one in either.
fn services_of(registry: &Registry, provider: &str) -> Vec<String> {
    let own = Registry::open(&[], None).unwrap();
    let is_own = |name: &str| {
        let built_in = own.service(provider, name).ok();
        built_in.is_some_and(|built_in| registry.service(provider, name).is_ok_and(|service| service == built_in))
    };
    let all = registry.provider(provider).unwrap();
    all.services.iter().map(|s| s.name.clone()).filter(|name| !is_own(name)).collect()
}

fn count(registry: &Registry, provider: &str) -> Count {
    let names = services_of(registry, provider);
    registry.read_all(provider, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let mut count = Count { services: names.len(), ..Count::default() };
    for name in &names {
        let Ok(service) = registry.service(provider, name) else {
            count.broken += 1;
            continue;
        };
        count.resources += service.resources.len();
        let lost = service.problems.iter().filter(|p| p.contains(".methods.") && !p.contains("it is taken as")).count();
        count.methods += methods(&service) + lost;
        count.broken += lost;
    }
    count
}

fn methods(service: &Service) -> usize {
    service.resources.iter().flat_map(|r| &r.methods).filter(|m| m.name != VIEW_METHOD).count()
}

#[test]
fn every_document_is_read_and_counted() {
    let Some(root) = registry() else { return };
    let folder = tempfile::tempdir().unwrap();
    let walk = |cache: Option<&Path>| {
        let begin = Instant::now();
        let registry = Registry::open(std::slice::from_ref(&root), cache).unwrap();
        let names: Vec<String> = registry.providers().map(|p| p.name.clone()).collect();
        let counts: Vec<(String, Count)> =
            names.into_iter().map(|name| (name.clone(), count(&registry, &name))).collect();
        (counts, registry.problems(), begin.elapsed())
    };
    let (counts, problems, cold) = walk(Some(folder.path()));
    let (again, same_problems, warm) = walk(Some(folder.path()));
    for (name, count) in &counts {
        eprintln!("{name}: {count:?}");
    }
    eprintln!("{} problems; read in {cold:?}, from the cache in {warm:?}", problems.len());
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(counts, again, "the cache says the same");
    assert_eq!(sorted(problems), sorted(same_problems));
    if let Some((_, count)) = counts.iter().find(|(name, _)| name == "cloudflare") {
        assert_eq!((count.services, count.resources, count.methods), (108, 1_127, 2_764));
    }
}

#[test]
fn every_resource_is_the_same_from_the_cache() {
    let Some(root) = registry() else { return };
    let folder = tempfile::tempdir().unwrap();
    let open = |cache| Registry::open(std::slice::from_ref(&root), cache).unwrap();
    let (plain, writing) = (open(None), open(Some(folder.path())));
    for provider in plain.providers() {
        let names: Vec<&str> = provider.services.iter().map(|s| s.name.as_str()).collect();
        writing.read_all(&provider.name, &names);
        plain.read_all(&provider.name, &names);
    }
    let reading = open(Some(folder.path()));
    for provider in plain.providers() {
        for service in &provider.services {
            let place = (provider.name.as_str(), service.name.as_str());
            let Ok(whole) = plain.resources(place.0, place.1) else {
                assert!(reading.service(place.0, place.1).is_err());
                continue;
            };
            let kept = reading.resources(place.0, place.1).unwrap();
            assert!(format!("{whole:?}") == format!("{kept:?}"), "{place:?} differs");
        }
    }
}

/// What the lists of each service say of all its resources and methods, and the statements that name one of them.
#[tokio::test]
async fn every_resource_and_method_answers() {
    let Some(root) = registry() else { return };
    let options = SessionOptions { registries: vec![root], ..SessionOptions::default() };
    let session = Session::new(options).unwrap();
    let registry = session.registry();
    let mut wrong = Vec::new();
    for provider in registry.providers() {
        for service in services_of(registry, &provider.name) {
            let Ok(read) = registry.service(&provider.name, &service) else { continue };
            for statement in statements(&provider.name, &read) {
                if let Err(error) = crate::harness::run_in(&session, &statement).await {
                    wrong.push(format!("{statement}: {error}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} statements:\n{}", wrong.len(), wrong[..wrong.len().min(30)].join("\n"));
}

fn statements(provider: &str, service: &Service) -> Vec<String> {
    let place = format!("{provider}.\"{}\"", service.name);
    let mut statements = vec![format!("SHOW EXTENDED RESOURCES IN {place}")];
    for table in ["methods", "columns", "parameters"] {
        let of = format!("provider = '{provider}' AND service = '{}'", service.name);
        statements.push(format!("SELECT * FROM system.registry.{table} WHERE {of}"));
    }
    let usable = service.resources.iter().filter(|r| !r.methods.is_empty());
    for (i, resource) in usable.enumerate() {
        let full = format!("{place}.\"{}\"", resource.name);
        if resource.methods.iter().any(|m| m.verb == weir::registry::Verb::Insert) {
            statements.push(format!("SHOW INSERT INTO {full}"));
        }
        // These are selections from the lists above; one a service is enough to see that the names lead there.
        let method = resource.methods.iter().find(|m| m.name != VIEW_METHOD);
        if let (0, Some(method)) = (i, method) {
            statements.push(format!("SHOW EXTENDED METHODS IN {full}"));
            statements.push(format!("DESCRIBE EXTENDED {full}"));
            statements.push(format!("DESCRIBE METHOD {full}.\"{}\"", method.name));
        }
    }
    statements
}

/// DESCRIBE plans the query of a view, and sends nothing.
#[tokio::test]
async fn nearly_every_view_is_planned() {
    let Some(root) = registry() else { return };
    let options = SessionOptions { registries: vec![root], ..SessionOptions::default() };
    let session = Session::new(options).unwrap();
    let registry = session.registry();
    let (mut planned, mut wrong) = (0, Vec::new());
    for provider in registry.providers() {
        for service in services_of(registry, &provider.name) {
            let Ok(read) = registry.service(&provider.name, &service) else { continue };
            let is_view = |r: &&weir::registry::ResourceEntry| r.methods.iter().any(|m| m.name == VIEW_METHOD);
            for resource in read.resources.iter().filter(is_view) {
                let full = format!("\"{}\".\"{service}\".\"{}\"", provider.name, resource.name);
                match crate::harness::run_in(&session, &format!("DESCRIBE {full}")).await {
                    Ok(given) if given.rows.is_empty() => wrong.push(format!("{full}: it has no columns")),
                    Ok(_) => planned += 1,
                    Err(error) => wrong.push(format!("{full}: {error}")),
                }
            }
        }
    }
    eprintln!("{planned} views are planned, {} are not:\n{}", wrong.len(), wrong.join("\n"));
    assert!(wrong.len() * 20 <= planned, "more than one view in twenty is not planned");
}
