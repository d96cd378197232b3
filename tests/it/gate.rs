//! A gate between the program and its server: it counts requests and answers, and holds either until the test lets
//! them through, so that a program can be stopped at a chosen point of its road. It knows HTTP/1.1 with
//! `content-length`, and no API.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How far messages came, each counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passage {
    /// Requests that came from the program.
    pub asked: usize,
    /// Requests that went on to the server.
    pub forwarded: usize,
    /// Answers that came from the server.
    pub answered: usize,
    /// Answers that went on to the program.
    pub passed: usize,
    /// How many requests may go on.
    requests: usize,
    /// How many answers may go on.
    answers: usize,
    /// Counts the breaks: what was held before the last one is lost.
    breaks: usize,
}

/// The gate. Dropping it closes it and breaks what runs through it.
pub struct Gate {
    address: SocketAddr,
    passage: Arc<watch::Sender<Passage>>,
    task: JoinHandle<()>,
}

impl Gate {
    /// An open gate in front of `server`.
    pub async fn before(server: SocketAddr) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let open = Passage { requests: usize::MAX, answers: usize::MAX, ..Passage::default() };
        let passage = Arc::new(watch::Sender::new(open));
        let shared = passage.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                // Either side may break off in the middle; the other then sees just that.
                connections.spawn(serve(client, server, shared.clone()));
            }
        });
        Gate { address, passage, task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn passage(&self) -> Passage {
        *self.passage.borrow()
    }

    /// Lets `more` requests go on from here, and then no further one.
    pub fn let_requests(&self, more: usize) {
        self.passage.send_modify(|p| p.requests = p.forwarded.saturating_add(more));
    }

    /// Lets `more` answers go on from here, and then no further one.
    pub fn let_answers(&self, more: usize) {
        self.passage.send_modify(|p| p.answers = p.passed.saturating_add(more));
    }

    /// Lets everything through again.
    pub fn open(&self) {
        self.let_requests(usize::MAX);
        self.let_answers(usize::MAX);
    }

    /// Loses everything that is held, as a network does whose cable was pulled, and lets everything else through.
    pub fn lose(&self) {
        self.passage.send_modify(|p| p.breaks += 1);
        self.open();
    }

    /// Waits until `there` holds; a minute without it is a failure.
    #[track_caller]
    pub fn until(&self, there: impl Fn(&Passage) -> bool) -> impl Future<Output = Passage> {
        let mut seen = self.passage.subscribe();
        let place = std::panic::Location::caller();
        async move {
            let found = tokio::time::timeout(std::time::Duration::from_mins(1), seen.wait_for(there)).await;
            let Ok(found) = found else { panic!("{place}: it did not come so far: {:?}", *self.passage.borrow()) };
            *found.unwrap()
        }
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(client: TcpStream, server: SocketAddr, passage: Arc<watch::Sender<Passage>>) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let mut server = BufReader::new(TcpStream::connect(server).await?);
    while let Some(request) = message(&mut client).await? {
        let count = |p: &mut Passage| p.asked += 1;
        turn(&passage, count, |p| (p.forwarded < p.requests).then(|| p.forwarded += 1)).await?;
        server.write_all(&request).await?;
        let Some(answer) = message(&mut server).await? else { return Ok(()) };
        let count = |p: &mut Passage| p.answered += 1;
        turn(&passage, count, |p| (p.passed < p.answers).then(|| p.passed += 1)).await?;
        client.write_all(&answer).await?;
    }
    Ok(())
}

/// Counts a message and waits until `step` was taken for it; an error where it is lost meanwhile.
async fn turn(
    passage: &watch::Sender<Passage>,
    count: impl Fn(&mut Passage),
    step: impl Fn(&mut Passage) -> Option<()>,
) -> io::Result<()> {
    let mut seen = passage.subscribe();
    let mut begun = 0;
    passage.send_modify(|p| {
        count(p);
        begun = p.breaks;
    });
    loop {
        let mut lost = false;
        let taken = passage.send_if_modified(|p| {
            lost = p.breaks > begun;
            !lost && step(p).is_some()
        });
        match (taken, lost) {
            (true, _) => return Ok(()),
            (false, true) => return Err(io::ErrorKind::ConnectionReset.into()),
            // The sender lives as long as its gate.
            (false, false) => drop(seen.changed().await),
        }
    }
}

/// One message, head and body, as it came; none where the other side has closed.
async fn message(from: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let (mut text, mut length) = (Vec::new(), 0);
    loop {
        let begin = text.len();
        if from.read_until(b'\n', &mut text).await? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&text[begin..]).to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        assert!(!line.starts_with("transfer-encoding:"), "the gate knows content-length alone: {line}");
        if line.trim_end().is_empty() {
            break;
        }
    }
    let begin = text.len();
    text.resize(begin + length, 0);
    from.read_exact(&mut text[begin..]).await?;
    Ok(Some(text))
}
