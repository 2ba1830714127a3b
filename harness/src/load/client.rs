//! An HTTP/1.1 client with a pool of connections, as the load uses it.

use std::{collections::VecDeque, sync::Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use crate::run::environment::Environment;

type Sender = SendRequest<Full<Bytes>>;

pub(crate) struct Client<E> {
    environment: E,
    target: String,
    idle: Mutex<VecDeque<Sender>>,
    idle_max: usize,
}

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer, in a word.
pub(crate) type Reason = &'static str;

impl<E: Environment> Client<E> {
    /// A client of the service at `target` that keeps up to `idle_max` connections open.
    pub(crate) fn new(environment: E, target: &str, idle_max: usize) -> Self {
        Self { environment, target: target.to_owned(), idle: Mutex::default(), idle_max }
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// Sends a request and waits for the whole answer. Dropping the future closes its connection.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, Reason> {
        let (mut sender, reused) = match self.take_idle() {
            Some(sender) => (sender, true),
            None => (self.connect().await?, false),
        };
        let again = reused.then(|| request.clone());
        let response = match (sender.send_request(request).await, again) {
            (Ok(response), _) => response,
            // The server closed the idle connection just then, and nothing was sent on it: every
            // client opens another one.
            (Err(error), Some(request)) if error.is_canceled() => {
                sender = self.connect().await?;
                sender.send_request(request).await.map_err(|error| reason(&error))?
            }
            (Err(error), _) => return Err(reason(&error)),
        };
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| reason(&error))?.to_bytes();
        self.put_back(sender);
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    async fn connect(&self) -> Result<Sender, Reason> {
        let opened = self.environment.connect(&self.target).await;
        let stream = opened.map_err(|error| io_reason(&error))?;
        // As load generators do: a request is not to wait for an acknowledgement.
        stream.set_nodelay(true).map_err(|error| io_reason(&error))?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| reason(&error))?;
        tokio::spawn(async move {
            // Its errors reach whoever waits for an answer on it.
            let _ = connection.await;
        });
        Ok(sender)
    }

    fn take_idle(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().expect("nothing panics while it holds the lock");
        // The last one that was put back is the least likely to have been closed.
        std::iter::from_fn(|| idle.pop_back()).find(Sender::is_ready)
    }

    fn put_back(&self, sender: Sender) {
        let mut idle = self.idle.lock().expect("nothing panics while it holds the lock");
        if idle.len() < self.idle_max && !sender.is_closed() {
            idle.push_back(sender);
        }
    }
}

pub(super) fn reason(error: &hyper::Error) -> Reason {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            return io_reason(io);
        }
        source = cause.source();
    }
    if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        "connection closed"
    } else if error.is_parse() {
        "malformed answer"
    } else {
        "connection failed"
    }
}

pub(super) fn io_reason(error: &std::io::Error) -> Reason {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => "connection refused",
        std::io::ErrorKind::ConnectionReset => "connection reset",
        std::io::ErrorKind::TimedOut => "connection timed out",
        std::io::ErrorKind::NotFound => "unknown host",
        std::io::ErrorKind::UnexpectedEof => "answer broken off",
        _ => "connection failed",
    }
}
