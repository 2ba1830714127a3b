//! The relay of the outbox: sends events in the order in which they were written down, the same ones
//! again until they were delivered, and then writes that down.
//!
//! So each is delivered at least once. A crash between the delivery and the note of it sends it again;
//! the consumer knows it by its id.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, time::sleep};

use super::{Config, consumer::Consumer, ledger::Ledger};
use crate::{
    backoff::pause,
    config::Live,
    journal::{Keeper, Undecided},
};

/// Events that are sent together at the most.
const EVENTS_MAX: usize = 64;

/// Sends what is in the outbox, and waits to be woken when there is nothing. Ends with the ledger.
pub(super) async fn relay(
    keeper: Keeper<Ledger>,
    consumer: Consumer,
    config: Live<Config>,
    written: Arc<Notify>,
) {
    let mut last = Duration::ZERO;
    loop {
        let Ok(events) = keeper.read(|ledger| ledger.oldest(EVENTS_MAX)).await else { return };
        let Some(newest) = events.last().map(|event| event.number) else {
            written.notified().await;
            continue;
        };
        let sent = match consumer.deliver(&events).await {
            Ok(()) => keeper.decide("outbox", move |ledger, _| (ledger.sent(newest), ())).await,
            Err(error) => {
                tracing::warn!(error, events = events.len(), "could not deliver events");
                Err(Undecided::Disk)
            }
        };
        match sent {
            Ok(()) => last = Duration::ZERO,
            Err(Undecided::Gone) => return,
            Err(Undecided::Disk) => {
                last = pause(&config.get().backoff, last, &mut rand::rng());
                sleep(last).await;
            }
        }
    }
}
