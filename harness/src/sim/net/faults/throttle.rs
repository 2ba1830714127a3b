//! The queue of a fault that limits the bandwidth: what is sent leaves one after the other, and
//! all at once when the fault is healed.

use std::collections::VecDeque;

use super::{
    outcome::{Delay, Hold},
    scope::Scope,
};
use crate::sim::net::{link::transmission, packet::Packet};

/// A packet that is to leave a host.
#[derive(Debug)]
pub(crate) struct Leaving {
    pub(crate) packet: Packet,
    /// From which host to which.
    pub(crate) hosts: (u16, u16),
    /// How long it has waited so far, and because of which faults.
    pub(crate) waited: Vec<Delay>,
}

/// A fault that limits the bandwidth.
pub(crate) struct Throttle {
    pub(crate) fault: u16,
    scope: Scope,
    bits_per_second: u64,
    /// When the last byte of what it was given so far will have left.
    free_at: u64,
    queue: VecDeque<Queued>,
}

struct Queued {
    leaving: Leaving,
    entered: u64,
    departs: u64,
}

impl Throttle {
    /// The queue of a fault that lets `rate` kilobytes pass in a second.
    pub(crate) fn new(number: u16, rate: u64, scope: Scope) -> Self {
        Self {
            fault: number,
            scope,
            bits_per_second: rate.saturating_mul(8_000),
            free_at: 0,
            queue: VecDeque::new(),
        }
    }

    pub(crate) fn sees(&self, (src, dst): (u16, u16)) -> bool {
        self.scope.sees(src, dst)
    }

    /// Takes the bandwidth for `bytes` at `now`. Returns when they will have left.
    fn take(&mut self, bytes: u32, now: u64) -> u64 {
        let takes = transmission(u64::from(bytes), self.bits_per_second);
        self.free_at = self.free_at.max(now).saturating_add(takes);
        self.free_at
    }

    /// Puts something at the end of the queue.
    pub(crate) fn push(&mut self, leaving: Leaving, now: u64) {
        let departs = self.take(leaving.packet.size(), now);
        self.queue.push_back(Queued { leaving, entered: now, departs });
    }

    /// Takes back what a host sent after `now`. Returns the bytes of content.
    pub(crate) fn take_back(&mut self, host: u16, now: u64) -> u64 {
        let before: u64 = self.queue.iter().map(|queued| queued.leaving.packet.payload()).sum();
        self.queue.retain(|queued| !queued.leaving.packet.is_ahead(host, now));
        before - self.queue.iter().map(|queued| queued.leaving.packet.payload()).sum::<u64>()
    }

    /// When the next one leaves.
    pub(crate) fn next(&self) -> Option<u64> {
        self.queue.front().map(|queued| queued.departs)
    }

    /// Takes the first one out of the queue at `at`: by itself when it is its turn, or because the
    /// fault was healed.
    pub(crate) fn pop(&mut self, at: u64) -> Option<Leaving> {
        let Queued { mut leaving, entered, .. } = self.queue.pop_front()?;
        let by = at.saturating_sub(entered);
        if by > 0 {
            leaving.waited.push(Delay { fault: self.fault, by, how: Hold::Queued });
        }
        Some(leaving)
    }
}
