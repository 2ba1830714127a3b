//! Where orders are handed in. Each is placed and driven by a task of its own, which goes on when the
//! client that handed it in has gone.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::{JoinError, JoinSet},
    time::timeout,
};

use super::{ledger::Placed, record::Order, work::Work};
use crate::journal::Undecided;

/// Orders that have no task yet; who hands in another one waits.
const HANDED_IN_MAX: usize = 1024;

/// An order, and who waits for what comes of it.
type HandedIn = (Order, oneshot::Sender<Result<Placed, Undecided>>);

/// Hands in orders.
#[derive(Debug)]
pub(super) struct Desk {
    orders: mpsc::Sender<HandedIn>,
}

impl Desk {
    /// The two ends: for requests, and for [`serve`].
    pub(super) fn new() -> (Self, mpsc::Receiver<HandedIn>) {
        let (orders, handed_in) = mpsc::channel(HANDED_IN_MAX);
        (Self { orders }, handed_in)
    }

    /// Hands an order in; the answer comes when it is durable.
    pub(super) async fn place(&self, order: Order) -> Result<Placed, Undecided> {
        let (answer, answered) = oneshot::channel();
        self.orders.send((order, answer)).await.map_err(|_| Undecided::Gone)?;
        answered.await.map_err(|_| Undecided::Gone)?
    }
}

/// Drives the orders that are open, and those that are handed in, until nobody can hand one in any more
/// and `drain` has passed. What is not final by then is taken up again by the next start.
pub(super) async fn serve(
    work: Arc<Work>,
    open: Vec<Order>,
    mut handed_in: mpsc::Receiver<HandedIn>,
    drain: Duration,
) {
    // Bounded by the orders that may be open and the requests in flight.
    let mut sagas = JoinSet::new();
    for order in open {
        let work = Arc::clone(&work);
        sagas.spawn(async move { work.drive(order).await });
    }
    loop {
        tokio::select! {
            biased;
            Some(ended) = sagas.join_next() => check(ended),
            next = handed_in.recv() => match next {
                Some(next) => {
                    sagas.spawn(place(Arc::clone(&work), next));
                }
                None => break,
            },
        }
    }
    let all = async {
        while let Some(ended) = sagas.join_next().await {
            check(ended);
        }
    };
    if timeout(drain, all).await.is_err() {
        tracing::info!(orders = sagas.len(), "left for the next start");
        sagas.shutdown().await;
    }
}

async fn place(work: Arc<Work>, (order, answer): HandedIn) {
    let placed = work.place(order).await;
    let new = match &placed {
        Ok(Placed::New(order)) => Some(order.clone()),
        _ => None,
    };
    // Who does not wait any more will hand it in again, and be told that it is there.
    let _ = answer.send(placed);
    if let Some(order) = new {
        work.announce(&order).await;
        work.drive(order).await;
    }
}

/// A task that panics is a mistake of ours, and ends the service.
fn check(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        std::panic::resume_unwind(error.into_panic());
    }
}
