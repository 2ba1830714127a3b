//! A client that speaks HTTP/2 with prior knowledge: many requests at a time on each of a bounded
//! number of connections.
//!
//! Connections are opened when they are needed and take turns. While one is being opened, all
//! requests whose turn it is wait for it; an attempt to open one is nobody's own, so that it goes
//! on when the request that began it has run out of time.
//!
//! A request that runs out of time resets its stream and leaves its connection to the others, so
//! that nobody would notice a peer which is gone without a word until TCP does, after many minutes.
//! So a connection on which nothing came for as long as a request may take is asked for a sign of
//! life (PING), and is given up after as long again.

use std::{
    io,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::watch;

use super::client::{Answer, Reason, io_reason, reason};
use crate::run::environment::Environment;

type Sender = SendRequest<Full<Bytes>>;

/// A connection, once it is there or has failed.
type Opening = watch::Receiver<Option<Result<Sender, Reason>>>;

/// Why there is no answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broken {
    /// In a word.
    pub(crate) reason: Reason,
    /// What the server said with it, if it has ended just this stream.
    pub(crate) reset: Option<h2::Reason>,
}

impl From<Reason> for Broken {
    fn from(reason: Reason) -> Self {
        Self { reason, reset: None }
    }
}

impl From<hyper::Error> for Broken {
    fn from(error: hyper::Error) -> Self {
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            if let Some(h2) = cause.downcast_ref::<h2::Error>() {
                return Self::of_h2(h2);
            }
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                return Self::of_io(io);
            }
            source = cause.source();
        }
        reason(&error).into()
    }
}

impl Broken {
    fn of_io(error: &io::Error) -> Self {
        // What is under way when a connection ends, and never before.
        let is_closed = error.kind() == io::ErrorKind::BrokenPipe;
        if is_closed { "connection closed" } else { io_reason(error) }.into()
    }

    fn of_h2(error: &h2::Error) -> Self {
        if let Some(error) = error.get_io() {
            return Self::of_io(error);
        }
        let said = error.reason().filter(|_| error.is_remote());
        match said {
            Some(h2::Reason::REFUSED_STREAM) if error.is_reset() => {
                Self { reason: "stream refused", reset: said }
            }
            Some(_) if error.is_reset() => Self { reason: "stream reset", reset: said },
            Some(_) => "connection closed".into(),
            None => "malformed answer".into(),
        }
    }
}

/// The connections of a load to its target.
pub(crate) struct Connections<E> {
    environment: E,
    target: String,
    /// How long an attempt to open one may take, and how long one may be silent while requests are
    /// under way before it is asked for a sign of life.
    patience: Duration,
    places: Vec<Mutex<Option<Opening>>>,
    next: AtomicUsize,
}

impl<E: Environment> Connections<E> {
    /// Up to `most` connections to `target`, for requests that are waited for `patience`.
    pub(crate) fn new(environment: E, target: &str, most: u32, patience: Duration) -> Self {
        let places = (0..most.max(1)).map(|_| Mutex::default()).collect();
        let (target, next) = (target.to_owned(), AtomicUsize::new(0));
        Self { environment, target, patience, places, next }
    }

    /// Sends a request and waits for the whole answer. Dropping the future resets its stream.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, Broken> {
        let (head, body) = self.begin(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// Sends a request and waits for the head of the answer.
    pub(crate) async fn begin(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Broken> {
        let again = request.clone();
        match self.connection().await?.send_request(request).await {
            Ok(response) => Ok(response),
            // The connection had ended just then, and nothing was sent on it: every client opens
            // another one.
            Err(error) if error.is_canceled() => {
                Ok(self.connection().await?.send_request(again).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn connection(&self) -> Result<Sender, Reason> {
        let place = self.next.fetch_add(1, Ordering::Relaxed) % self.places.len();
        let mut opening = self.opening(place);
        let opened = opening.wait_for(Option::is_some).await.ok().and_then(|it| it.clone());
        opened.unwrap_or(Err("connection closed"))
    }

    /// The connection at this place, or the attempt to open it; a new one if it is closed.
    fn opening(&self, place: usize) -> Opening {
        let mut kept = self.places[place].lock().expect("nothing panics while it holds the lock");
        let is_usable = |opening: &Opening| match &*opening.borrow() {
            None => true,
            Some(Ok(sender)) => !sender.is_closed(),
            Some(Err(_)) => false,
        };
        if let Some(opening) = kept.as_ref().filter(|opening| is_usable(opening)) {
            return opening.clone();
        }
        let (send, receive) = watch::channel(None);
        let (environment, target) = (self.environment.clone(), self.target.clone());
        let patience = self.patience;
        tokio::spawn(async move {
            let opening = open(&environment, &target, patience);
            let opened = tokio::time::timeout(patience, opening).await;
            send.send_replace(Some(opened.unwrap_or(Err("connection timed out"))));
        });
        kept.insert(receive).clone()
    }
}

async fn open(
    environment: &impl Environment,
    target: &str,
    patience: Duration,
) -> Result<Sender, Reason> {
    let stream = environment.connect(target).await.map_err(|error| io_reason(&error))?;
    // As load generators do: a request is not to wait for an acknowledgement.
    stream.set_nodelay(true).map_err(|error| io_reason(&error))?;
    let handshake = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(patience)
        .keep_alive_timeout(patience)
        .handshake(TokioIo::new(stream));
    let (sender, connection) = handshake.await.map_err(|error| reason(&error))?;
    tokio::spawn(async move {
        // Its errors reach whoever waits for an answer on it.
        let _ = connection.await;
    });
    Ok(sender)
}
