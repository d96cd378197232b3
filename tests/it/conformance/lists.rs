//! A list of a thousand rows through StackQL's documents, from a server that pages as its API does: complete, and in no more
//! requests than that takes.

use serde_json::json;
use weir::session::{Session, SessionOptions};

use crate::harness::{impatient, run_in, write_file};
use crate::scripted::{Asked, Reply, Scripted};

const RECORDS: usize = 1000;

/// The documented default and a bound that the server has for itself.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 5000;

fn records(asked: &Asked) -> Reply {
    let query = asked.target.split_once('?').map_or("", |(_, query)| query);
    let number = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(found, _)| found == name).and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let size = number("per_page").unwrap_or(PAGE).min(LARGEST_PAGE);
    let page = number("page").unwrap_or(1).max(1);
    let from = ((page - 1) * size).min(RECORDS);
    let to = (from + size).min(RECORDS);
    let rows: Vec<_> = (from..to)
        .map(|at| json!({"id": format!("{at:032}"), "name": format!("r{at}.example.com"), "type": "A", "ttl": 60}))
        .collect();
    Reply::json(&json!({
        "success": true, "errors": [], "messages": [],
        "result_info": {"page": page, "per_page": size, "count": rows.len(), "total_count": RECORDS,
                        "total_pages": RECORDS.div_ceil(size)},
        "result": rows,
    }))
}

struct Zone {
    server: Scripted,
    session: Session,
    _documents: tempfile::TempDir,
}

impl Zone {
    /// `None`, said aloud, where there are no documents.
    async fn open() -> Option<Zone> {
        let registry = super::registry()?;
        let server = Scripted::start(records).await;
        let documents = tempfile::tempdir().unwrap();
        let folder = "src/cloudflare/v00.00.00000";
        for file in ["provider.yaml", "services/dns.yaml"] {
            let file = format!("{folder}/{file}");
            let text = std::fs::read_to_string(registry.join(&file)).unwrap();
            let url = format!("- url: {}/client/v4", server.url);
            write_file(
                &documents.path().join(&file),
                &text.replace("- url: https://api.cloudflare.com/client/v4", &url),
            );
        }
        let session = Session::new(SessionOptions {
            registries: vec![documents.path().to_owned()],
            variables: [("CLOUDFLARE_API_TOKEN".to_owned(), "credential-of-nobody".to_owned())].into(),
            settings: impatient(),
            ..SessionOptions::default()
        });
        Some(Zone { server, session: session.unwrap(), _documents: documents })
    }

    /// The first column, and the number of requests.
    async fn ask(&self, sql: &str) -> (Vec<String>, usize) {
        let before = self.server.asked().len();
        let given = run_in(&self.session, sql).await.unwrap();
        assert!(given.failure.is_none(), "{sql}: {:?}", given.failure);
        let first = &given.columns[0];
        let values =
            given.rows.iter().map(|row| row[first].as_str().map_or_else(|| row[first].to_string(), str::to_owned));
        (values.collect(), self.server.asked().len() - before)
    }
}

#[tokio::test]
async fn a_thousand_records_come_whole_and_a_limit_takes_one_request() {
    let Some(zone) = Zone::open().await else { return };
    let table = "cloudflare.dns.zones_dns_records WHERE zone_id = 'z'";
    let (mut ids, requests) = zone.ask(&format!("SELECT id FROM {table}")).await;
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), RECORDS);
    assert!(requests <= RECORDS.div_ceil(PAGE), "{requests} requests");
    assert_eq!(zone.ask(&format!("SELECT id FROM {table} LIMIT 10")).await.1, 1);
    let (count, requests) = zone.ask(&format!("SELECT count(*) FROM {table}")).await;
    assert_eq!((count, requests), (vec![RECORDS.to_string()], 1));
}
