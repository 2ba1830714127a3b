//! Loads of single items that are under way, of which there is one at a time for each item.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

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

/// Those under way, by item. Bounded by the number of items.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<BTreeMap<u64, watch::Receiver<Option<Loaded>>>>);

impl Flights {
    pub(super) fn under_way(
        &self,
    ) -> MutexGuard<'_, BTreeMap<u64, watch::Receiver<Option<Loaded>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
