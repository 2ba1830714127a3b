//! One watcher: what it is told next, when there is room for it, and how it ends.

use std::{
    collections::BTreeSet,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::Stream;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};
use tonic::{Status, Streaming};

use super::{
    history::Beginning,
    store::{Bounds, SCAN_MAX, Store},
};
use crate::pb::inventory::{
    Begin, Changes, WatchReply, WatchRequest, watch_reply::Reply, watch_request::Request,
};

/// What a watcher is told, as far as it waits for room on the wire.
#[derive(Debug)]
pub(crate) struct Replies(mpsc::Receiver<Result<WatchReply, Status>>);

impl Stream for Replies {
    type Item = Result<WatchReply, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

/// Begins to listen to a watcher. Its task ends with it, or with the server.
///
/// # Errors
///
/// When there are as many watchers as there may be.
pub(crate) fn begin(
    store: &Arc<Store>,
    requests: Streaming<WatchRequest>,
) -> Result<Replies, Status> {
    let Some(place) = store.place() else {
        return Err(Status::resource_exhausted("too many watchers"));
    };
    let bounds = store.bounds();
    let (replies, queue) = mpsc::channel(bounds.queued + 1);
    // There is always room for how it ends.
    let last = replies.clone().try_reserve_owned();
    let last = last.map_err(|_| Status::internal("expected a queue with room"))?;
    let watcher = Watcher {
        newest: store.newest(),
        store: Arc::clone(store),
        requests,
        replies,
        bounds,
        watching: None,
    };
    tokio::spawn(async move {
        if let Some(status) = watcher.run().await {
            tracing::info!(code = ?status.code(), reason = status.message(), "watch ended");
            last.send(Err(status));
        }
        drop(place);
    });
    Ok(Replies(queue))
}

/// A client that watches.
struct Watcher {
    store: Arc<Store>,
    newest: watch::Receiver<u64>,
    requests: Streaming<WatchRequest>,
    replies: mpsc::Sender<Result<WatchReply, Status>>,
    bounds: Bounds,
    watching: Option<Watching>,
}

/// What it watches, and how far it is.
#[derive(Debug)]
pub(super) struct Watching {
    products: BTreeSet<u64>,
    due: Due,
    /// The history has been looked through up to here.
    scanned: u64,
    told: u64,
    acknowledged: u64,
}

/// What is told next, whether or not anything changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Snapshot,
    /// That the watch goes on, and from where.
    Answer,
    Nothing,
}

impl Watcher {
    /// Returns how the server ends the watch; nothing if the client has ended it.
    async fn run(mut self) -> Option<Status> {
        let mut moved = Instant::now();
        loop {
            let newest = *self.newest.borrow_and_update();
            let watching = self.watching.as_ref();
            let has_news = watching.is_some_and(|it| it.has_news(newest));
            let has_room = watching.is_some_and(|it| it.has_room(self.bounds.unacknowledged));
            // Who has not begun yet is waited for, too.
            let waits = has_news || watching.is_none();
            if !waits {
                moved = Instant::now();
            }
            tokio::select! {
                biased;
                () = self.store.stopped() => {
                    return Some(Status::unavailable("the server stops; resume elsewhere"));
                }
                () = self.replies.closed() => return None,
                request = self.requests.message() => match request {
                    Ok(Some(request)) => {
                        if let Err(status) = hear(&mut self.watching, &self.store, request) {
                            return Some(status);
                        }
                        moved = Instant::now();
                    }
                    // It has said all, or has gone.
                    Ok(None) | Err(_) => return None,
                },
                permit = self.replies.reserve(), if has_news && has_room => {
                    let Ok(permit) = permit else { return None };
                    let next = self.watching.as_mut().and_then(|it| it.next(&self.store));
                    if let Some(reply) = next {
                        permit.send(Ok(WatchReply { reply: Some(reply) }));
                        moved = Instant::now();
                        if let Some(cost) = self.store.cpu() {
                            squall_os::cpu::spend(cost).await;
                        }
                    }
                }
                _ = self.newest.changed(), if !has_news => {}
                () = sleep_until(moved + self.bounds.stalled), if waits => {
                    let reason = "expected a watcher that begins, reads and acknowledges";
                    return Some(Status::resource_exhausted(reason));
                }
            }
        }
    }
}

/// Takes in what a watcher says.
fn hear(
    watching: &mut Option<Watching>,
    store: &Store,
    request: WatchRequest,
) -> Result<(), Status> {
    match (request.request, watching) {
        (Some(Request::Begin(begin)), watching) => {
            *watching = Some(Watching::begin(store, begin)?);
            Ok(())
        }
        (Some(Request::Applied(applied)), Some(watching)) => {
            if applied.revision > watching.told {
                return Err(Status::invalid_argument("expected a revision that was told"));
            }
            watching.acknowledged = watching.acknowledged.max(applied.revision);
            Ok(())
        }
        (Some(Request::Applied(_)), None) => {
            Err(Status::failed_precondition("expected Begin first, found Applied"))
        }
        (None, _) => Err(Status::invalid_argument("expected Begin or Applied, found neither")),
    }
}

impl Watching {
    pub(super) fn begin(store: &Store, mut begin: Begin) -> Result<Self, Status> {
        let (found, most) = (begin.product_ids.len(), store.config().watched_max);
        if !(1..=most).contains(&found) {
            let reason = format!("expected 1 to {most} products, found {found}");
            return Err(Status::invalid_argument(reason));
        }
        let products: BTreeSet<u64> = std::mem::take(&mut begin.product_ids).into_iter().collect();
        let revision = begin.revision;
        let beginning = store.beginning(begin);
        tracing::info!(products = products.len(), how = beginning.name(), "watch begun");
        let due = match beginning {
            Beginning::Resumed => Due::Answer,
            _ => Due::Snapshot,
        };
        Ok(Self { products, due, scanned: revision, told: revision, acknowledged: revision })
    }

    pub(super) fn has_news(&self, newest: u64) -> bool {
        self.due != Due::Nothing || self.scanned < newest
    }

    fn has_room(&self, unacknowledged_max: u64) -> bool {
        self.told.saturating_sub(self.acknowledged) < unacknowledged_max
    }

    /// What to tell, if what has changed is of interest.
    pub(super) fn next(&mut self, store: &Store) -> Option<Reply> {
        let due = std::mem::replace(&mut self.due, Due::Nothing);
        let changes = match due {
            Due::Snapshot => None,
            Due::Answer | Due::Nothing => store.since(self.scanned, &self.products),
        };
        let Some(changes) = changes else { return Some(self.snapshot(store)) };
        self.scanned = changes.revision;
        // Somebody who watches what seldom changes is told how far it is all the same, now and then,
        // so that it can resume.
        let far = self.scanned.saturating_sub(self.told) >= SCAN_MAX as u64;
        if changes.changes.is_empty() && due == Due::Nothing && !far {
            return None;
        }
        let after = std::mem::replace(&mut self.told, self.scanned);
        Some(Reply::Changes(Changes { after, ..changes }))
    }

    fn snapshot(&mut self, store: &Store) -> Reply {
        let snapshot = store.snapshot(&self.products);
        self.scanned = snapshot.revision;
        self.told = snapshot.revision;
        // What was told before counts no more. The snapshot itself is to be acknowledged.
        self.acknowledged = 0;
        Reply::Snapshot(snapshot)
    }
}
