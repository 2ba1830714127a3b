//! A bound on what happens at once, without a queue.
//!
//! Waiting for a place would spend the deadline on it; beyond the bound work is turned away, so
//! that one slow dependency cannot take up all memory and all of the others' time.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Admits at most a fixed number of holders at any instant.
#[derive(Debug)]
pub(crate) struct Bulkhead {
    held: AtomicUsize,
    max: usize,
}

impl Bulkhead {
    /// A bulkhead with `max` places.
    pub(crate) fn new(max: usize) -> Self {
        Self { held: AtomicUsize::new(0), max }
    }

    /// Takes a place until the guard is dropped; `None` when all are taken.
    pub(crate) fn enter(&self) -> Option<Place<'_>> {
        let take = |held| (held < self.max).then_some(held + 1);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        Some(Place(self))
    }

    /// The places taken.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

/// A place in a [`Bulkhead`].
#[derive(Debug)]
#[must_use = "the place is given back when this is dropped"]
pub(crate) struct Place<'a>(&'a Bulkhead);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_up_to_its_bound() {
        let bulkhead = Bulkhead::new(2);
        let first = bulkhead.enter();
        let second = bulkhead.enter();
        assert!(first.is_some() && second.is_some());
        assert!(bulkhead.enter().is_none());
        assert_eq!(bulkhead.held(), 2);
        drop(first);
        assert_eq!(bulkhead.held(), 1);
        assert!(bulkhead.enter().is_some());
    }

    #[test]
    fn the_rejected_take_no_place() {
        let bulkhead = Bulkhead::new(0);
        assert!(bulkhead.enter().is_none());
        assert_eq!(bulkhead.held(), 0);
    }
}
