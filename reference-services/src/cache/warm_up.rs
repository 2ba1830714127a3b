//! Filling the cache at start, and keeping it fresh.
//!
//! A pod that runs is nearest, a file survives all pods, the source has everything but bears the
//! load of all who ask it. So they are asked in this order, each for what is missing or too old
//! after the one before.

use std::{error::Error, ops::RangeInclusive, time::Duration};

use futures_util::{StreamExt, stream};
use rand::Rng;
use tokio::time::{Instant, sleep};

use super::{file, peer, snapshot::Snapshot, state::Cache};

/// Pauses between attempts do not double further than this.
const BACKOFF_DOUBLINGS: u32 = 4;

/// Fills the cache; returns when it is warm.
pub(super) async fn warm_up(cache: &Cache) {
    let begun = Instant::now();
    if cache.config.get().on_demand {
        seed(cache).await;
    } else if cache.defects.blocking_cold_warm_up {
        block(cache).await;
    } else {
        seed(cache).await;
        let ranges = stream::iter(ranges(cache));
        ranges.for_each_concurrent(None, |range| load_range(cache, range)).await;
    }
    cache.set_warm();
    let (items, took_ms) = (cache.entries.held(), begun.elapsed().as_millis());
    tracing::info!(items, took_ms, version = cache.config.get().version, "warm");
    keep(cache).await;
}

/// Takes from a peer and from the file what they have.
async fn seed(cache: &Cache) {
    let warm_up = &cache.config.get().warm_up;
    if let Some(peer) = &warm_up.peer {
        let asked = Instant::now();
        let within = Duration::from_millis(warm_up.peer_timeout_ms);
        let seeded = peer::snapshot_of(peer, within).await.and_then(|text| {
            let snapshot = if cache.defects.trusts_snapshots {
                Snapshot::decode_unchecked(&text)?
            } else {
                Snapshot::decode(&text)?
            };
            // What travelled is older by as long as it took at the most.
            Ok(adopt(cache, snapshot, asked.elapsed()))
        });
        tell("peer", seeded);
    }
    let warm = cache.entries.first_unfit(1).is_none();
    if let Some(path) = warm_up.snapshot.as_ref().filter(|_| !warm) {
        let seeded = file::read(path).await.map(|snapshot| {
            let age = snapshot.age();
            adopt(cache, snapshot, age)
        });
        tell("snapshot", seeded);
    }
}

/// Keeps what the cache holds for those who start later. A disk that fails costs only that.
async fn keep(cache: &Cache) {
    if let Some(path) = &cache.config.get().warm_up.snapshot
        && let Err(error) = file::write(path, &cache.entries).await
    {
        tracing::warn!(path = %path.display(), %error, "the snapshot could not be written");
    }
}

/// Takes the items of a snapshot that is older than its items say.
fn adopt(cache: &Cache, snapshot: Snapshot, older: Duration) -> usize {
    let now = Instant::now();
    let mut taken = 0;
    for (id, value, age) in &snapshot.items {
        // Defect: how old an item was in the snapshot is not looked at.
        let age = if cache.defects.adopts_as_new { &Duration::ZERO } else { age };
        // A time before the clock began is too long ago for anything.
        if let Some(loaded) = now.checked_sub(*age + older) {
            cache.entries.insert(*id, value, loaded);
            taken += 1;
        }
    }
    taken
}

fn tell(from: &'static str, seeded: Result<usize, Box<dyn Error + Send + Sync>>) {
    match seeded {
        Ok(items) => tracing::info!(from, items, "seeded"),
        Err(error) => tracing::warn!(from, error = &*error, "could not be seeded"),
    }
}

/// All items, in as many ranges as may be loaded at once.
fn ranges(cache: &Cache) -> Vec<RangeInclusive<u64>> {
    let items = cache.entries.places();
    let length = items.div_ceil(cache.config.get().warm_up.concurrency as u64).max(1);
    (1..=items)
        .step_by(usize::try_from(length).unwrap_or(usize::MAX))
        .map(|first| first..=items.min(first + length - 1))
        .collect()
}

/// Loads what a range lacks, however often it takes.
async fn load_range(cache: &Cache, range: RangeInclusive<u64>) {
    let (mut first, last) = range.into_inner();
    let mut failures = 0;
    while let Some(from) = cache.entries.first_unfit(first).filter(|from| *from <= last) {
        match cache.source.load(from, last - from + 1, &cache.entries).await {
            Ok(()) => return,
            Err(status) => {
                tracing::warn!(from, %status, "a range could not be loaded");
                failures = if from > first { 1 } else { failures + 1 };
                first = from;
                sleep(pause(cache.config.get().warm_up.backoff_ms, failures)).await;
            }
        }
    }
}

/// Full jitter: uniform between nothing and a bound that doubles.
fn pause(backoff_ms: u64, failures: u32) -> Duration {
    let doublings = (failures.max(1) - 1).min(BACKOFF_DOUBLINGS);
    let bound = backoff_ms.saturating_mul(1000).saturating_mul(1 << doublings);
    Duration::from_micros(rand::rng().random_range(0..=bound))
}

/// Defect: a client that asks for each item by itself and holds the thread until it has it.
async fn block(cache: &Cache) {
    load_range(cache, 1..=cache.entries.places()).await;
    for _ in 0..cache.entries.held() {
        #[expect(
            clippy::disallowed_methods,
            reason = "the defect: inside a run virtual time passes, and the host does nothing else"
        )]
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Loads everything again before it is too old, for as long as the service runs.
pub(super) async fn keep_fresh(cache: &Cache) {
    if cache.config.get().on_demand {
        // Whoever asks for an item keeps it so.
        std::future::pending::<()>().await;
    }
    let fresh_for = cache.config.get().fresh_for();
    let mut pause = (fresh_for / 2).saturating_sub(cache.entries.oldest());
    loop {
        // Pods that were started together do not ask the source together.
        let share = cache.config.get().jitter() * rand::rng().random::<f64>();
        sleep(pause.mul_f64(1.0 - share)).await;
        let mut whole = true;
        for range in ranges(cache) {
            let (first, last) = range.into_inner();
            let loaded = cache.source.load(first, last - first + 1, &cache.entries).await;
            if let Err(status) = loaded {
                tracing::warn!(from = first, %status, "a range could not be refreshed");
                cache.metrics.refreshes_failed.inc();
                whole = false;
            }
        }
        if cache.defects.refresh_stops && !whole {
            // Defect: the error ends the loop, and nobody notices.
            std::future::pending::<()>().await;
        }
        keep(cache).await;
        pause = if whole { fresh_for / 2 } else { fresh_for / 8 };
    }
}
