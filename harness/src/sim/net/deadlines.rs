//! When connections are to be severed.

use std::collections::{BTreeMap, BTreeSet};

use super::packet::Flow;

/// A time for each of some connections, and which of them comes first.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    of: BTreeMap<Flow, u64>,
    ordered: BTreeSet<(u64, Flow)>,
}

/// A deadline that does not come by itself.
pub(super) const NEVER: u64 = u64::MAX;

impl Deadlines {
    pub(super) fn set(&mut self, flow: Flow, at: u64) {
        if let Some(before) = self.of.insert(flow, at) {
            self.ordered.remove(&(before, flow));
        }
        self.ordered.insert((at, flow));
    }

    pub(super) fn has(&self, flow: Flow) -> bool {
        self.of.contains_key(&flow)
    }

    pub(super) fn remove(&mut self, flow: Flow) {
        if let Some(at) = self.of.remove(&flow) {
            self.ordered.remove(&(at, flow));
        }
    }

    /// The first one that comes by itself.
    pub(super) fn next(&self) -> Option<u64> {
        self.ordered.first().map(|(at, _)| *at).filter(|at| *at < NEVER)
    }

    /// Takes the next connection whose time has come by `now`.
    pub(super) fn pop(&mut self, now: u64) -> Option<Flow> {
        let (at, flow) = self.ordered.first().copied()?;
        if at > now || at == NEVER {
            return None;
        }
        self.remove(flow);
        Some(flow)
    }

    /// Takes all of them.
    pub(super) fn take(&mut self) -> Vec<Flow> {
        self.ordered.clear();
        std::mem::take(&mut self.of).into_keys().collect()
    }

    pub(super) fn retain(&mut self, lives: impl Fn(&Flow) -> bool) {
        self.of.retain(|flow, _| lives(flow));
        self.ordered.retain(|(_, flow)| lives(flow));
    }

    pub(super) fn len(&self) -> usize {
        self.of.len()
    }
}
