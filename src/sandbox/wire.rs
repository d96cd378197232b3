//! The connections: accepting them, reading a request, sending what came of it, and breaking a connection on purpose. axum
//! and hyper stop here; everything behind works on plain text.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use futures::StreamExt;
use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::Shared;
use super::faults::Outcome;
use super::gate::Incoming;
use super::reply::Reply;

/// Nothing that is sent here is larger; a body that is breaks the connection.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// Serves connections until the task is stopped.
pub async fn serve(listener: TcpListener, shared: Arc<Shared>, cords: Cords) -> io::Result<()> {
    let service = Router::new().fallback(answer).with_state(shared);
    axum::serve(Lines { listener, cords }, service.into_make_service_with_connect_info::<Cord>()).await
}

async fn answer(State(shared): State<Arc<Shared>>, ConnectInfo(cord): ConnectInfo<Cord>, request: Request) -> Response {
    let outcome = match incoming(request).await {
        Some(incoming) => shared.answer(incoming).await,
        None => Outcome::Broken,
    };
    match outcome {
        Outcome::Answer(reply) => {
            let body = Body::from(reply.body.clone());
            response(&reply, body)
        }
        Outcome::Truncated(reply) => truncated(reply),
        Outcome::Broken => {
            cord.cut();
            Response::new(Body::empty())
        }
    }
}

async fn incoming(request: Request) -> Option<Incoming> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LARGEST_BODY).await.ok()?;
    let query_text = parts.uri.query().unwrap_or_default().to_owned();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Some(Incoming {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query_text.as_bytes()).into_owned().collect(),
        query_text,
        headers: parts.headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect(),
        body: text(&body),
    })
}

fn response(reply: &Reply, body: Body) -> Response {
    let mut builder = Response::builder().status(reply.status);
    if let Some(kind) = reply.content_type {
        builder = builder.header("content-type", kind);
    }
    for (name, value) in &reply.headers {
        builder = builder.header(name, value);
    }
    builder.body(body).unwrap_or_else(|_| {
        // Only a fault's own text (a redirect's address, say) can be no header; the sandbox's user should see that.
        let mut broken = Response::new(Body::from("the sandbox was told to send what is not a header"));
        *broken.status_mut() = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
        broken
    })
}

/// The head announces the whole body, the first half follows, then the connection ends.
fn truncated(mut reply: Reply) -> Response {
    let half = Bytes::copy_from_slice(&reply.body.as_bytes()[..reply.body.len() / 2]);
    // An empty body cannot be cut: announce one.
    let length = reply.body.len().max(2);
    reply.headers.push(("content-length".to_owned(), length.to_string()));
    let end = futures::stream::once(async {
        // The half is on its way only after the server had a chance to flush it.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionAborted))
    });
    let body = Body::from_stream(futures::stream::iter([Ok(half)]).chain(end));
    response(&reply, body)
}

/// Breaks one connection: what is cut neither reads nor writes any more.
#[derive(Clone, Default)]
pub struct Cord(Arc<Fibre>);

#[derive(Default)]
struct Fibre {
    cut: AtomicBool,
    reader: AtomicWaker,
}

impl Cord {
    fn cut(&self) {
        self.0.cut.store(true, Ordering::Release);
        self.0.reader.wake();
    }

    fn whole(&self) -> io::Result<()> {
        if self.0.cut.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

/// The cords of the connections that are open.
#[derive(Clone, Default)]
pub struct Cords(Arc<Mutex<Vec<Weak<Fibre>>>>);

impl Cords {
    fn add(&self, cord: &Cord) {
        let mut cords = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cords.retain(|cord| cord.strong_count() > 0);
        cords.push(Arc::downgrade(&cord.0));
    }

    /// Breaks every connection.
    pub fn cut_all(&self) {
        for fibre in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if let Some(fibre) = fibre.upgrade() {
                Cord(fibre).cut();
            }
        }
    }
}

struct Lines {
    listener: TcpListener,
    cords: Cords,
}

impl Listener for Lines {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        // axum's own accept waits out a shortage of file descriptors.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Without it, small answers wait for acknowledgements; a socket that refuses is only slower.
        let _ = stream.set_nodelay(true);
        let cord = Cord::default();
        self.cords.add(&cord);
        (Line { stream, cord }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Lines>> for Cord {
    fn connect_info(stream: IncomingStream<'_, Lines>) -> Self {
        stream.io().cord.clone()
    }
}

struct Line {
    stream: TcpStream,
    cord: Cord,
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.cord.0.reader.register(cx.waker());
        self.cord.whole()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.cord.whole()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        Poll::Ready(self.cord.whole())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
