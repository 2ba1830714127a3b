//! Requests by the time at which they were meant to start.

use crate::{Record, stats::Percentile, tally::Tally};

/// More columns than a screen tells apart.
const BUCKETS_MAX: u64 = 300;

const MS: u64 = 1_000_000;

/// A run cut into equal stretches of time.
pub(crate) struct Buckets {
    /// How long each is, in nanoseconds.
    pub(crate) width: u64,
    pub(crate) all: Vec<Bucket>,
}

/// What was meant to start in one stretch, and what was open in it.
#[derive(Default)]
pub(crate) struct Bucket {
    pub(crate) requests: Tally,
    /// The percentiles of latency, of requests that a client waited for.
    pub(crate) p50: Option<u64>,
    pub(crate) p95: Option<u64>,
    pub(crate) p99: Option<u64>,
    /// The most requests that were open at one instant.
    pub(crate) open_max: u64,
}

impl Buckets {
    pub(crate) fn of(record: &Record) -> Self {
        let width = width_for(record.end.at);
        let count = record.end.at.div_ceil(width).max(1);
        let mut all: Vec<Bucket> = (0..count).map(|_| Bucket::default()).collect();
        let mut latencies: Vec<Vec<u64>> = vec![Vec::new(); all.len()];
        let last = all.len() - 1;
        let place = |at: u64| usize::try_from(at / width).map_or(last, |at| at.min(last));
        for (at, request) in record.requests() {
            let place = place(request.intended);
            all[place].requests.add(request.outcome);
            if request.outcome.was_waited_for() {
                latencies[place].push(at.saturating_sub(request.intended));
            }
        }
        for (bucket, latencies) in all.iter_mut().zip(&mut latencies) {
            latencies.sort_unstable();
            bucket.p50 = Percentile::P50.of_sorted(latencies);
            bucket.p95 = Percentile::P95.of_sorted(latencies);
            bucket.p99 = Percentile::P99.of_sorted(latencies);
        }
        let mut changes: Vec<(u64, i64)> =
            record.requests().flat_map(|(at, request)| [(request.started, 1), (at, -1)]).collect();
        changes.sort_unstable();
        let (mut open, mut next) = (0_i64, 0);
        for (number, bucket) in (0_u64..).zip(&mut all) {
            let until = (number + 1).saturating_mul(width);
            let mut most = open;
            while let Some((_, change)) = changes.get(next).filter(|(at, _)| *at < until) {
                open += change;
                most = most.max(open);
                next += 1;
            }
            bucket.open_max = u64::try_from(most).unwrap_or(0);
        }
        Self { width, all }
    }

    /// The most of something that any bucket has.
    pub(crate) fn most(&self, of: impl Fn(&Bucket) -> u64) -> u64 {
        self.all.iter().map(of).max().unwrap_or(0)
    }
}

/// A round length of which a run has at most [`BUCKETS_MAX`].
fn width_for(end: u64) -> u64 {
    let mut scale = MS;
    loop {
        for step in [1, 2, 5] {
            let width = scale.saturating_mul(step);
            if end.div_ceil(width) <= BUCKETS_MAX {
                return width;
            }
        }
        scale = scale.saturating_mul(10);
    }
}

#[cfg(test)]
mod tests {
    use super::{Buckets, MS, width_for};
    use crate::fixture;

    #[test]
    fn widths_are_round_and_there_are_not_too_many() {
        for (end, expected) in [
            (0, 1),
            (300 * MS, 1),
            (301 * MS, 2),
            (9_000 * MS, 50),
            (90_000 * MS, 500),
            (3_600_000 * MS, 20_000),
        ] {
            assert_eq!(width_for(end), expected * MS, "{end}");
        }
        assert!(width_for(u64::MAX) > 0);
    }

    #[test]
    fn requests_belong_to_the_time_at_which_they_were_meant_to_start() {
        let buckets = Buckets::of(&fixture::record());
        assert_eq!((buckets.width, buckets.all.len()), (2 * MS, 200));
        let first = &buckets.all[1];
        assert_eq!((first.requests.succeeded, first.p50), (1, Some(10 * MS)));
        assert_eq!(buckets.all[60].requests.failed, 1);
        assert_eq!(buckets.most(|bucket| bucket.open_max), 2);
        assert_eq!(buckets.all[5].open_max, 2, "both are open at 10 ms");
        assert_eq!(buckets.all[50].open_max, 0);
        let sent: u64 = buckets.all.iter().map(|bucket| bucket.requests.sent).sum();
        assert_eq!(sent, 4);
    }
}
