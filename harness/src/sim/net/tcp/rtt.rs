//! The round-trip time of a connection and the retransmission timeout that follows from it.
//!
//! RFC 6298 with what Linux makes of it (`tcp_rtt_estimator`): the deviation is the largest of the
//! last round trip, falls slowly, and never counts less than `tcp_rto_min`, so that the timeout is
//! the smoothed round trip *plus* at least 200 ms. A first sample of 10 ms gives 210 ms and not 200.

use super::{Nanos, SECOND};

/// Before there is a sample: RFC 6298, 2.1.
pub(crate) const RTO_INITIAL: Nanos = SECOND;

/// How long the least round trip is remembered (`tcp_min_rtt_wlen`).
const MIN_RTT_WINDOW: Nanos = 300 * SECOND;

#[derive(Clone, Debug)]
pub(crate) struct Rtt {
    /// The smoothed round-trip time, times eight; zero before the first sample.
    srtt_8: u64,
    /// The mean deviation, times four.
    mdev_4: u64,
    /// The largest of the current round trip.
    mdev_max: u64,
    /// The deviation in force: that of the last round trips.
    rttvar: u64,
    /// Where the current round trip of the estimator ends.
    round_end: u64,
    min: Option<(Nanos, Nanos)>,
    rto_min: Nanos,
    rto_max: Nanos,
    /// Without backoff.
    rto: Nanos,
}

impl Rtt {
    pub(crate) fn new(rto_min: Nanos, rto_max: Nanos, rto_initial: Nanos) -> Self {
        Self {
            srtt_8: 0,
            mdev_4: 0,
            mdev_max: 0,
            rttvar: 0,
            round_end: 0,
            min: None,
            rto_min,
            rto_max,
            rto: rto_initial,
        }
    }

    /// Takes a sample at `now`. `una` is what is acknowledged so far, `nxt` what was sent.
    pub(crate) fn sample(&mut self, rtt: Nanos, now: Nanos, una: u64, nxt: u64) {
        let rtt = rtt.max(1);
        match self.min {
            Some((min, at)) if min < rtt && now.saturating_sub(at) < MIN_RTT_WINDOW => {}
            _ => self.min = Some((rtt, now)),
        }
        if self.srtt_8 == 0 {
            self.srtt_8 = rtt * 8;
            self.mdev_4 = rtt * 2;
            self.rttvar = self.mdev_4.max(self.rto_min);
            self.mdev_max = self.rttvar;
            self.round_end = nxt;
        } else {
            let error = rtt.cast_signed() - (self.srtt_8 / 8).cast_signed();
            self.srtt_8 = self.srtt_8.saturating_add_signed(error).max(1);
            let deviation = if error < 0 {
                // A shorter round trip is less of a surprise: it counts an eighth.
                let off = error.unsigned_abs().cast_signed() - (self.mdev_4 / 4).cast_signed();
                if off > 0 { off / 8 } else { off }
            } else {
                error - (self.mdev_4 / 4).cast_signed()
            };
            self.mdev_4 = self.mdev_4.saturating_add_signed(deviation);
            if self.mdev_4 > self.mdev_max {
                self.mdev_max = self.mdev_4;
                self.rttvar = self.rttvar.max(self.mdev_max);
            }
            if una > self.round_end {
                if self.mdev_max < self.rttvar {
                    self.rttvar -= (self.rttvar - self.mdev_max) / 4;
                }
                self.round_end = nxt;
                self.mdev_max = self.rto_min;
            }
        }
        self.rto = (self.srtt_8 / 8 + self.rttvar).min(self.rto_max);
    }

    /// The smoothed round-trip time; `None` before the first sample.
    pub(crate) fn smoothed(&self) -> Option<Nanos> {
        (self.srtt_8 > 0).then_some(self.srtt_8 / 8)
    }

    /// The least round-trip time of the last minutes.
    pub(crate) fn min(&self) -> Option<Nanos> {
        self.min.map(|(min, _)| min)
    }

    /// The retransmission timeout, without backoff.
    pub(crate) fn rto(&self) -> Nanos {
        self.rto
    }

    pub(crate) fn rto_min(&self) -> Nanos {
        self.rto_min
    }

    pub(crate) fn rto_max(&self) -> Nanos {
        self.rto_max
    }
}

#[cfg(test)]
mod tests {
    use super::{Rtt, SECOND};

    const MS: u64 = 1_000_000;

    fn rtt() -> Rtt {
        Rtt::new(200 * MS, 120 * SECOND, SECOND)
    }

    #[test]
    fn the_timeout_is_the_round_trip_and_at_least_200_ms() {
        let mut rtt = rtt();
        assert_eq!(rtt.rto(), SECOND);
        rtt.sample(10 * MS, 0, 0, 1);
        assert_eq!(rtt.rto(), 210 * MS);
        for round in 1..50 {
            rtt.sample(10 * MS, round * 10 * MS, round, round + 1);
        }
        assert_eq!(rtt.rto(), 210 * MS);
        assert_eq!(rtt.smoothed(), Some(10 * MS));
    }

    #[test]
    fn a_long_round_trip_raises_the_timeout_for_several_round_trips() {
        let mut rtt = rtt();
        rtt.sample(10 * MS, 0, 0, 1);
        rtt.sample(400 * MS, MS, 1, 2);
        let raised = rtt.rto();
        assert!(raised > 400 * MS, "{raised}");
        for round in 2..4 {
            rtt.sample(10 * MS, round * MS, round, round + 1);
        }
        assert!(rtt.rto() > 250 * MS, "{}", rtt.rto());
        assert_eq!(rtt.min(), Some(10 * MS));
    }
}
