//! What faults remember of connections.

use std::collections::{BTreeMap, BTreeSet};

use crate::sim::net::{deadlines::Deadlines, packet::Flow};

/// What a fault remembers of some connections. It is forgotten with them.
pub(super) trait Memory {
    /// Forgets one direction of a connection.
    fn forget(&mut self, flow: Flow);

    /// Forgets the connections that are no more.
    fn retain(&mut self, lives: &dyn Fn(&Flow) -> bool);

    /// How many directions of connections it remembers something of.
    fn len(&self) -> usize;
}

impl Memory for BTreeSet<Flow> {
    fn forget(&mut self, flow: Flow) {
        self.remove(&flow);
    }

    fn retain(&mut self, lives: &dyn Fn(&Flow) -> bool) {
        BTreeSet::retain(self, lives);
    }

    fn len(&self) -> usize {
        BTreeSet::len(self)
    }
}

impl<T> Memory for BTreeMap<Flow, T> {
    fn forget(&mut self, flow: Flow) {
        self.remove(&flow);
    }

    fn retain(&mut self, lives: &dyn Fn(&Flow) -> bool) {
        BTreeMap::retain(self, |flow, _| lives(flow));
    }

    fn len(&self) -> usize {
        BTreeMap::len(self)
    }
}

impl Memory for Deadlines {
    fn forget(&mut self, flow: Flow) {
        self.remove(flow);
    }

    fn retain(&mut self, lives: &dyn Fn(&Flow) -> bool) {
        Deadlines::retain(self, lives);
    }

    fn len(&self) -> usize {
        Deadlines::len(self)
    }
}
