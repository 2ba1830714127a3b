//! Loading an item that somebody asks for: once, however many ask.
//!
//! A load is a task of its own: those who wait for it may go away, and the others still get it.

use std::{sync::Arc, time::Duration};

use rand::Rng;
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};
use tonic::{Code, Status};

use super::{
    flights::{Loaded, Unloaded},
    state::Cache,
};

/// The shortest pause after a load that failed; the longest is twice that. Only who has an old value
/// waits so: who has none asks again.
const AGAIN: Duration = Duration::from_millis(500);

/// How long somebody waits for a new value who has an old one.
const PATIENCE: Duration = Duration::from_millis(100);

/// Loads an item again that is getting too old, and waits for nothing.
pub(super) fn refresh(cache: &Arc<Cache>, id: u64) {
    if !cache.flights.has_failed(id, Instant::now()) {
        drop(begin(cache, id));
    }
}

/// The new value of an item that is too old, if there is one soon.
pub(super) async fn renew(cache: &Arc<Cache>, id: u64) -> Option<Arc<str>> {
    if cache.flights.has_failed(id, Instant::now()) {
        return None;
    }
    timeout(PATIENCE, load(cache, id)).await.ok()?.ok()
}

/// Begins to load an item, unless it is being loaded.
fn begin(cache: &Arc<Cache>, id: u64) -> watch::Receiver<Option<Loaded>> {
    let mut under_way = cache.flights.under_way();
    // Defect: each that asks makes a call of its own.
    if let Some(flight) = under_way.get(&id).filter(|_| !cache.defects.no_singleflight) {
        return flight.clone();
    }
    let (ended, flight) = watch::channel(None);
    under_way.insert(id, flight.clone());
    let cache = Arc::clone(cache);
    tokio::spawn(async move {
        let asked = Instant::now();
        let loaded = match cache.source.get(id).await {
            Ok(value) => {
                cache.entries.insert(id, &value, asked);
                Ok(value.into())
            }
            Err(status) => Err(why(id, &status)),
        };
        let pause = AGAIN.mul_f64(1.0 + rand::rng().random::<f64>());
        cache.flights.ended(id, loaded.is_err().then(|| Instant::now() + pause));
        // In this order: who comes in between finds the item, or asks again.
        cache.flights.under_way().remove(&id);
        ended.send_replace(Some(loaded));
    });
    flight
}

/// Waits for an item to be loaded.
pub(super) async fn load(cache: &Arc<Cache>, id: u64) -> Loaded {
    let mut flight = begin(cache, id);
    let ended = flight.wait_for(Option::is_some).await;
    // A load that ends without a word was ended with the service.
    ended.ok().and_then(|loaded| loaded.clone()).unwrap_or(Err(Unloaded::Failed))
}

fn why(id: u64, status: &Status) -> Unloaded {
    if status.code() == Code::NotFound {
        return Unloaded::Unknown;
    }
    tracing::debug!(id, %status, "an item could not be loaded");
    Unloaded::Failed
}
