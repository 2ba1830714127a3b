//! A rolling window of call results, in ten slices.

use std::time::Duration;

use tokio::time::Instant;

const SLICES: usize = 10;

/// Counts calls and failures of the last `length`, give or take a tenth of it.
#[derive(Debug)]
pub(crate) struct Window {
    slices: [Slice; SLICES],
    slice: Duration,
    current: usize,
    began: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slice {
    calls: u32,
    failures: u32,
}

impl Window {
    pub(crate) fn new(length: Duration, now: Instant) -> Self {
        let slice = length / SLICES as u32;
        Self { slices: Default::default(), slice, current: 0, began: now }
    }

    pub(crate) fn count(&mut self, now: Instant, failed: bool) {
        self.roll(now);
        let slice = &mut self.slices[self.current];
        slice.calls += 1;
        slice.failures += u32::from(failed);
    }

    /// Calls and failures up to the last one counted.
    pub(crate) fn totals(&self) -> (u32, u32) {
        let add =
            |(calls, failures), slice: &Slice| (calls + slice.calls, failures + slice.failures);
        self.slices.iter().fold((0, 0), add)
    }

    pub(crate) fn clear(&mut self, now: Instant) {
        self.slices = Default::default();
        self.began = now;
    }

    fn roll(&mut self, now: Instant) {
        if now.duration_since(self.began) >= self.slice * 2 * SLICES as u32 {
            return self.clear(now);
        }
        while now.duration_since(self.began) >= self.slice {
            self.began += self.slice;
            self.current = (self.current + 1) % SLICES;
            self.slices[self.current] = Slice::default();
        }
    }
}
