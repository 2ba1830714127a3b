//! Loads of single items that are under way, of which there is one at a time for each item.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::watch, time::Instant};

/// What became of a load.
pub(super) type Loaded = Result<Arc<str>, Unloaded>;

/// Why there is no item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unloaded {
    /// The source has none.
    Unknown,
    /// The source does not say.
    Failed,
}

/// Those under way, by item, and when those that failed may be tried again. Bounded by the number of
/// items.
#[derive(Debug, Default)]
pub(super) struct Flights {
    under_way: Mutex<BTreeMap<u64, watch::Receiver<Option<Loaded>>>>,
    failed: Mutex<BTreeMap<u64, Instant>>,
}

impl Flights {
    pub(super) fn under_way(
        &self,
    ) -> MutexGuard<'_, BTreeMap<u64, watch::Receiver<Option<Loaded>>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A load has ended; one that failed is not made again before that.
    pub(super) fn ended(&self, id: u64, again: Option<Instant>) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match again {
            Some(again) => failed.insert(id, again),
            None => failed.remove(&id),
        };
    }

    /// Has a load failed just now, so that what is old will do?
    pub(super) fn has_failed(&self, id: u64, now: Instant) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get(&id).is_some_and(|again| *again > now)
    }
}
