//! Wake-ups at an exact instant, for the processor queue and the load, where Tokio's timers
//! have a resolution of a millisecond.

use std::{cmp::Reverse, collections::BinaryHeap, task::Waker};

#[derive(Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<Entry>>,
    sequence: u64,
}

struct Entry {
    at: u64,
    sequence: u64,
    host: u16,
    waker: Waker,
}

impl Timers {
    /// Wakes a task of `host` at `at`.
    pub(crate) fn register(&mut self, at: u64, host: u16, waker: Waker) {
        self.sequence += 1;
        self.heap.push(Reverse(Entry { at, sequence: self.sequence, host, waker }));
    }

    /// When the next wake-up is.
    pub(crate) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes the next wake-up that is due by `now`.
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<(u16, Waker)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(entry)| (entry.host, entry.waker))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

#[cfg(test)]
mod tests;
