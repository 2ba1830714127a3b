//! Loading an item that somebody asks for: once, however many ask.
//!
//! A load is a task of its own: those who wait for it may go away, and the others still get it.

use std::sync::Arc;

use tokio::{sync::watch, time::Instant};
use tonic::{Code, Status};

use super::{
    flights::{Loaded, Unloaded},
    state::Cache,
};

/// Begins to load an item, unless it is being loaded.
pub(super) fn begin(cache: &Arc<Cache>, id: u64) -> watch::Receiver<Option<Loaded>> {
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
