//! An answer that takes its time: one line after the other, with a pause between them.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, Sleep, sleep};

use super::{
    entries::{Document, Found},
    state::Cache,
};

/// The lines of an export, as the body of an answer.
#[derive(Debug)]
pub(super) struct Export {
    cache: Arc<Cache>,
    next: u64,
    last: u64,
    pause: Pin<Box<Sleep>>,
    every: Duration,
}

impl Export {
    /// The items from 1 to `items`.
    pub(super) fn new(cache: Arc<Cache>, items: u64) -> Self {
        let every = Duration::from_millis(cache.config.get().export_pause_ms);
        Self { cache, next: 1, last: items, pause: Box::pin(sleep(Duration::ZERO)), every }
    }

    /// The next item that is there, as a line.
    fn line(&mut self) -> Option<Bytes> {
        while self.next <= self.last {
            let id = self.next;
            self.next += 1;
            let (entry, warnings): (_, &[&str]) = match self.cache.entries.find(id) {
                Found::Fresh(entry) | Found::Ageing(entry) => (entry, &[]),
                Found::Stale(entry) => (entry, &["stale"]),
                Found::Missing => continue,
            };
            let version = &self.cache.config.get().version;
            let document = Document { id, value: &entry.value, version, warnings, session: None };
            // Our own structs have string keys and no failing implementation.
            let mut line = serde_json::to_vec(&document).expect("a struct that serializes");
            line.push(b'\n');
            return Some(line.into());
        }
        None
    }
}

impl Body for Export {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.pause.as_mut().poll(cx));
        let next = Instant::now() + self.every;
        self.pause.as_mut().reset(next);
        Poll::Ready(self.line().map(|line| Ok(Frame::data(line))))
    }
}
