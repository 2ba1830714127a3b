//! The names in one directory: those that processes see, those that are durable, and what was done
//! in between.

use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsString,
    time::SystemTime,
};

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// So many changes of a directory wait at the most: beyond, the disk writes the oldest by itself,
/// as the journal of a file system is committed every few seconds.
pub(super) const PENDING_MAX: usize = 64;

pub(super) type Names = BTreeMap<OsString, u64>;

/// Names that lead to something else, or to nothing, all at once.
pub(super) type Change = Vec<(OsString, Option<u64>)>;

/// What is in a directory: numbers by their names.
pub(super) struct Directory {
    pub(super) live: Names,
    pub(super) durable: Names,
    /// What was done since the durable names were the live ones, in order. A change that a failed
    /// sync has given up is not among them.
    pub(super) pending: VecDeque<Change>,
    pub(super) modified: SystemTime,
}

impl Directory {
    pub(super) fn new(now: SystemTime) -> Self {
        Self { live: Names::new(), durable: Names::new(), pending: VecDeque::new(), modified: now }
    }

    /// What names lead to that are durable or may become it, as often as they do.
    pub(super) fn may_be_durable(&self) -> impl Iterator<Item = u64> {
        let pending = self.pending.iter().flatten().filter_map(|(_, to)| *to);
        self.durable.values().copied().chain(pending)
    }

    /// The power has failed: so many of the changes are durable as `rng` draws, the oldest first.
    pub(super) fn lose_power(&mut self, rng: &mut ChaCha8Rng) {
        let most = self.pending.len();
        let made = if most > 0 { rng.random_range(0..=most) } else { 0 };
        for (name, to) in self.pending.drain(..).take(made).flatten() {
            match to {
                Some(number) => self.durable.insert(name, number),
                None => self.durable.remove(&name),
            };
        }
        self.live.clone_from(&self.durable);
    }
}
