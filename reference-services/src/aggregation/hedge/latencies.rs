//! How long attempts took lately, for their 95th percentile.

use std::time::Duration;

/// As many are remembered: at a thousand calls a second those of half a second.
const REMEMBERED: usize = 512;

/// The percentile is looked for again after so many more: to sort them for each call would cost more
/// than it tells.
const NEWS: usize = 64;

/// The last so many, in no order.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    last: Vec<Duration>,
    next: usize,
    since: usize,
    p95: Option<Duration>,
}

impl Latencies {
    /// Takes note of one more.
    pub(super) fn add(&mut self, time: Duration) {
        match self.last.get_mut(self.next) {
            Some(oldest) => *oldest = time,
            None => self.last.push(time),
        }
        self.next = (self.next + 1) % REMEMBERED;
        self.since += 1;
        if self.since == NEWS {
            self.since = 0;
            self.p95 = Some(self.nearest_rank(95));
        }
    }

    /// The time that 95 of 100 did not exceed; nothing until there were some.
    pub(super) fn p95(&self) -> Option<Duration> {
        self.p95
    }

    fn nearest_rank(&self, percent: usize) -> Duration {
        let mut sorted = self.last.clone();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        *sorted.select_nth_unstable(rank - 1).1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn p95(ms: impl IntoIterator<Item = u64>) -> Option<Duration> {
        let mut latencies = Latencies::default();
        ms.into_iter().for_each(|ms| latencies.add(Duration::from_millis(ms)));
        latencies.p95()
    }

    #[test]
    fn nothing_is_known_at_first() {
        assert_eq!(p95(1..64), None);
        assert_eq!(p95(1..=64), Some(Duration::from_millis(61)));
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let slow_then_fast = [1000; 512].into_iter().chain([10; 512]);
        assert_eq!(p95(slow_then_fast), Some(Duration::from_millis(10)));
    }

    proptest! {
        #[test]
        fn a_twentieth_at_the_most_is_above(ms in proptest::collection::vec(0_u64..1000, 64..=512)) {
            // As many as the percentile was made of.
            let ms = &ms[..ms.len() / NEWS * NEWS];
            let found = p95(ms.iter().copied()).expect("there were some");
            let above = ms.iter().filter(|&&ms| Duration::from_millis(ms) > found).count();
            let from = ms.iter().filter(|&&ms| Duration::from_millis(ms) >= found).count();
            prop_assert!(above * 20 <= ms.len());
            prop_assert!(from * 20 >= ms.len(), "a smaller one would do");
        }
    }
}
