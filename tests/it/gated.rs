//! A server of one long list that waits to be told: the first page comes at once, every other when the test lets it. It
//! tells which pages were asked for and which of those nobody waits for any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use weir::session::{Session, SessionOptions, Settings};

use crate::harness::{Program, impatient, write_file};

const PROVIDER: &str = r"
{id: gate, name: gate, version: v1, title: Gate, description: A list., protocolType: http, config: {auth: {type: null_auth}},
providerServices: {store: {id: 'store:v1', name: store, preferred: true, title: Store, version: v1, description: A list., service: {$ref: services/store.yaml}}},
x-weir: {base_url: {env: GATE_URL}, limits: {concurrent: 4}}}
";

/// Nothing here takes as long: a test that would hang fails instead.
const LONG_ENOUGH: Duration = Duration::from_mins(1);

/// What a page answers, by its number from 1.
pub type Page = dyn Fn(usize) -> (u16, String) + Send + Sync;

/// The server, and where its documents are.
pub struct Gate {
    pub url: String,
    told: Arc<Told>,
    task: JoinHandle<()>,
    documents: TempDir,
}

struct Told {
    page: Box<Page>,
    /// A permit lets one waiting page go.
    open: Semaphore,
    pages: Mutex<Pages>,
    changed: Notify,
}

/// Pages by what became of them.
#[derive(Debug, Default, Clone)]
pub struct Pages {
    pub asked: Vec<usize>,
    pub answered: Vec<usize>,
    /// The connection ended before the answer.
    pub left: Vec<usize>,
}

/// A page of rows with an id, a name and a text of so many bytes.
pub fn rows(page: usize, size: usize, text: usize, total: usize) -> String {
    let row = |at: usize| {
        // Names that stand in another order than the rows.
        let name = format!("n{:07}", at * 7919 % 1_000_003);
        json!({"id": at, "name": name, "text": "x".repeat(text), "size": {"w": at}})
    };
    let from = (page - 1) * size;
    json!({"rows": (from..total.min(from + size)).map(row).collect::<Vec<_>>(), "total": total}).to_string()
}

fn document(size: usize) -> String {
    let list = json!({"operation": {"$ref": "#/paths/~1things/get"},
        "response": {"mediaType": "application/json", "openAPIDocKey": "200", "objectKey": "$.rows"},
        "x-weir": {"paging": {"style": "page", "parameter": "page", "first": 1, "size": {"parameter": "size", "largest": size}, "total": ["$.total"], "concurrent": true}}});
    let thing = json!({"type": "object", "properties": {"id": {"type": "integer"}, "name": {"type": "string"}, "text": {"type": "string"}, "size": {"type": "object"}}});
    let answer = json!({"200": {"description": "Rows.", "content": {"application/json": {"schema": {"type": "object", "properties": {"rows": {"type": "array", "items": thing}}}}}}});
    json!({"openapi": "3.0.3", "info": {"title": "Store", "version": "v1"}, "servers": [{"url": "https://gate.example"}],
        "paths": {"/things": {"get": {"operationId": "things", "parameters": [], "responses": answer}}},
        "components": {"x-stackQL-resources": {"things": {"id": "gate.store.things", "name": "things", "title": "Things", "description": "Things.",
            "methods": {"list": list}, "x-weir": {"key": ["id"]},
            "sqlVerbs": {"select": [{"$ref": "#/components/x-stackQL-resources/things/methods/list"}], "insert": [], "update": [], "replace": [], "delete": []}}}}})
    .to_string()
}

impl Gate {
    /// Pages of `size` rows.
    pub async fn new(size: usize, page: impl Fn(usize) -> (u16, String) + Send + Sync + 'static) -> Gate {
        let documents = tempfile::tempdir().unwrap();
        write_file(&documents.path().join("gate/provider.yaml"), PROVIDER);
        write_file(&documents.path().join("gate/services/store.yaml"), &document(size));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let told = Arc::new(Told {
            page: Box::new(page),
            open: Semaphore::new(0),
            pages: Mutex::default(),
            changed: Notify::new(),
        });
        let shared = told.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, shared.clone()));
            }
        });
        Gate { url, told, task, documents }
    }

    /// The folder of its documents.
    pub fn documents(&self) -> &std::path::Path {
        self.documents.path()
    }

    /// Lets so many pages go.
    pub fn open(&self, pages: usize) {
        self.told.open.add_permits(pages);
    }

    /// What became of the pages so far.
    pub fn pages(&self) -> Pages {
        self.told.pages.lock().unwrap().clone()
    }

    /// Waits until the pages are as they should be.
    pub async fn until(&self, what: &str, holds: impl Fn(&Pages) -> bool) -> Pages {
        let wait = async {
            loop {
                let changed = self.told.changed.notified();
                let pages = self.pages();
                if holds(&pages) {
                    return pages;
                }
                changed.await;
            }
        };
        tokio::time::timeout(LONG_ENOUGH, wait).await.unwrap_or_else(|_| panic!("{what}: {:?}", self.pages()))
    }

    pub fn session(&self) -> Session {
        self.session_with(SessionOptions { settings: impatient(), ..SessionOptions::default() })
    }

    pub fn session_with(&self, options: SessionOptions) -> Session {
        let variables = HashMap::from([("GATE_URL".to_owned(), self.url.clone())]);
        let settings = Settings { max_requests: 10_000, ..options.settings };
        let registries = vec![self.documents.path().to_owned()];
        Session::new(SessionOptions { registries, variables, settings, ..options }).unwrap()
    }

    pub fn program(&self) -> Program {
        let program = Program::new().set("GATE_URL", &self.url);
        program.arguments(["--registry", self.documents.path().to_str().unwrap()])
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Told {
    fn note(&self, change: impl FnOnce(&mut Pages)) {
        change(&mut self.pages.lock().unwrap());
        self.changed.notify_waiters();
    }
}

async fn serve(stream: TcpStream, told: Arc<Told>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if stream.read_line(&mut first).await? == 0 {
            return Ok(());
        }
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 2 {
            line.clear();
        }
        let page = first.split("page=").nth(1).and_then(|rest| rest.split(['&', ' ']).next());
        let page: usize = page.map_or(1, |page| page.parse().unwrap());
        told.note(|pages| pages.asked.push(page));
        if page > 1 {
            let mut nothing = [0];
            tokio::select! {
                permit = told.open.acquire() => permit.unwrap().forget(),
                // A client that waits says nothing; one that has gone is heard.
                _ = stream.read(&mut nothing) => {
                    told.note(|pages| pages.left.push(page));
                    return Ok(());
                }
            }
        }
        let (status, body) = (told.page)(page);
        let head = format!(
            "HTTP/1.1 {status} Gated\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        told.note(|pages| pages.answered.push(page));
    }
}
