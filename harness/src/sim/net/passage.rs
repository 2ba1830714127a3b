//! The packets that a fault makes late, and those that overtake them.
//!
//! A fault counts what it has changed, not what it might have: one that is late and that nothing
//! overtakes is not out of order.

use std::collections::{BTreeMap, BTreeSet};

use super::packet::{Body, Flow, Packet};

/// The way of packets that have an order among themselves: of one connection in one direction, or
/// of datagrams between two sockets.
pub(super) type Way = (Flow, bool);

/// The packets that a fault has made late and that have not arrived.
#[derive(Default)]
pub(super) struct Late {
    /// By their way: when each arrives, a number that tells it from others, and the fault.
    ways: BTreeMap<Way, BTreeSet<(u64, u64, u16)>>,
    next: u64,
}

impl Late {
    pub(super) fn add(&mut self, way: Way, arrives: u64, fault: u16) {
        self.next += 1;
        self.ways.entry(way).or_default().insert((arrives, self.next, fault));
    }

    /// A packet is sent at `now` and arrives at `arrives`. Returns those that are late and that it
    /// overtakes.
    pub(super) fn overtaken(
        &mut self,
        way: Way,
        arrives: u64,
        now: u64,
    ) -> BTreeSet<(u64, u64, u16)> {
        if self.ways.is_empty() {
            return BTreeSet::new();
        }
        let Some(late) = self.ways.get_mut(&way) else { return BTreeSet::new() };
        while late.first().is_some_and(|(arrived, ..)| *arrived <= now) {
            late.pop_first();
        }
        let overtaken = late.split_off(&(arrives + 1, 0, 0));
        if late.is_empty() {
            self.ways.remove(&way);
        }
        overtaken
    }

    pub(super) fn forget_arrived(&mut self, now: u64) {
        self.ways.retain(|_, late| {
            *late = late.split_off(&(now + 1, 0, 0));
            !late.is_empty()
        });
    }

    pub(super) fn len(&self) -> usize {
        self.ways.len()
    }
}

pub(super) fn way(packet: &Packet) -> Way {
    (packet.flow(), matches!(packet.body, Body::Tcp(_)))
}
