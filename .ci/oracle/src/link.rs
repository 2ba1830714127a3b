//! The link between the two hosts, as one description for both sides.
//!
//! The emulator and the simulation take their links from here, so that a workload cannot be measured
//! over one link and simulated over another.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use squall::plan::{Latency, Link};

/// What both directions of the link have in common, and what differs.
#[derive(Clone, Debug)]
pub(crate) struct Conditions {
    /// One way.
    pub(crate) delay: Duration,
    /// Added to the delay: uniform between zero and this.
    pub(crate) jitter: Duration,
    /// The share of packets that are lost, for each [`Direction`].
    pub(crate) loss: [f64; 2],
    /// Bits per second; `None` for no bound.
    pub(crate) bandwidth_bps: Option<u64>,
    /// Bytes that wait for the bandwidth before more are dropped.
    pub(crate) queue_bytes: u64,
    /// When nothing gets through, counted from the begin of the load, and for how long.
    pub(crate) partition: Option<(Duration, Duration)>,
}

/// Which way a packet goes. Its number is its place in pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    ToServer = 0,
    ToClient = 1,
}

impl Direction {
    pub(crate) const BOTH: [Self; 2] = [Self::ToServer, Self::ToClient];
}

impl Conditions {
    /// A link that only delays, by half the round trip in each direction.
    pub(crate) fn round_trip(rtt: Duration) -> Self {
        Self {
            delay: rtt / 2,
            jitter: Duration::ZERO,
            loss: [0.0; 2],
            bandwidth_bps: None,
            queue_bytes: 1 << 20,
            partition: None,
        }
    }

    /// Loses this share of the packets in each direction.
    pub(crate) fn loss(mut self, share: f64) -> Self {
        self.loss = [share; 2];
        self
    }

    pub(crate) fn bandwidth(mut self, bits_per_second: u64, queue_bytes: u64) -> Self {
        (self.bandwidth_bps, self.queue_bytes) = (Some(bits_per_second), queue_bytes);
        self
    }

    pub(crate) fn partition(mut self, from: Duration, lasts: Duration) -> Self {
        self.partition = Some((from, lasts));
        self
    }

    /// The same link in a plan.
    pub(crate) fn in_plan(&self, direction: Direction) -> Link {
        let mut link = Link::new(Latency::constant(self.delay))
            .jitter(self.jitter)
            .loss(self.loss[direction as usize]);
        (link.bandwidth_bps, link.queue_bytes) = (self.bandwidth_bps, self.queue_bytes);
        link
    }
}

/// One direction of the emulated link: when its bandwidth is free, and its own random stream.
pub(crate) struct Carrier {
    conditions: Conditions,
    loss: f64,
    rng: ChaCha8Rng,
    /// When the last byte that was sent so far will have left.
    free_at: u64,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives after so many nanoseconds.
    Arrives(u64),
    /// It is lost by chance.
    Lost,
    /// The queue has no room for it.
    Full,
    /// It met the partition.
    Parted,
}

impl Carrier {
    pub(crate) fn new(conditions: &Conditions, direction: Direction, seed: u64) -> Self {
        Self {
            conditions: conditions.clone(),
            loss: conditions.loss[direction as usize],
            rng: ChaCha8Rng::seed_from_u64(2 * seed + direction as u64),
            free_at: 0,
        }
    }

    /// Sends a packet of `bytes` at `now`, with the rules of a simulated link in their order: the
    /// bandwidth first, and then loss, so that what is lost has taken its time of the bandwidth.
    /// The partition is last, as faults are.
    pub(crate) fn carry(&mut self, now: u64, bytes: usize, parted: bool) -> Fate {
        let jitter = nanos(self.conditions.jitter);
        let jitter = if jitter == 0 { 0 } else { self.rng.random_range(0..=jitter) };
        let mut delay = nanos(self.conditions.delay) + jitter;
        if let Some(bits_per_second) = self.conditions.bandwidth_bps {
            let wait = self.free_at.saturating_sub(now);
            if wait > transmission(self.conditions.queue_bytes, bits_per_second) {
                return Fate::Full;
            }
            self.free_at = now + wait + transmission(bytes as u64, bits_per_second);
            delay += self.free_at - now;
        }
        if self.loss > 0.0 && self.rng.random_bool(self.loss) {
            return Fate::Lost;
        }
        if parted { Fate::Parted } else { Fate::Arrives(delay) }
    }
}

/// How long so many bytes take, in nanoseconds.
fn transmission(bytes: u64, bits_per_second: u64) -> u64 {
    bytes * 8 * 1_000_000_000 / bits_per_second
}

pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn carrier(conditions: &Conditions) -> Carrier {
        Carrier::new(conditions, Direction::ToClient, 1)
    }

    #[test]
    fn packets_wait_for_the_bandwidth_until_the_queue_is_full() {
        // A packet of 1000 bytes takes a millisecond, and two of them may wait.
        let link = Conditions::round_trip(Duration::from_millis(10)).bandwidth(8_000_000, 2_000);
        let mut carrier = carrier(&link);
        let found: Vec<Fate> = (0..5).map(|_| carrier.carry(0, 1_000, false)).collect();
        let arrives = |ms| Fate::Arrives(ms * MS);
        assert_eq!(found, [arrives(6), arrives(7), arrives(8), Fate::Full, Fate::Full]);
        assert_eq!(carrier.carry(3 * MS, 1_000, false), arrives(6));
    }

    #[test]
    fn loss_has_its_share_and_the_seed_decides_which() {
        let link = Conditions::round_trip(Duration::from_millis(10)).loss(0.1);
        let fates = |seed| {
            let mut carrier = Carrier::new(&link, Direction::ToServer, seed);
            (0..10_000).map(|_| carrier.carry(0, 1_500, false)).collect::<Vec<_>>()
        };
        let lost = fates(1).iter().filter(|fate| **fate == Fate::Lost).count();
        assert!((880..1_120).contains(&lost), "{lost} of 10000");
        assert!(fates(1) == fates(1) && fates(1) != fates(2));
    }

    #[test]
    fn jitter_is_added_and_a_partition_lets_nothing_through() {
        let mut link = Conditions::round_trip(Duration::from_millis(10));
        link.jitter = Duration::from_millis(2);
        let mut carrier = carrier(&link);
        for _ in 0..100 {
            let Fate::Arrives(after) = carrier.carry(0, 100, false) else { panic!("no loss") };
            assert!((5 * MS..=7 * MS).contains(&after), "{after}");
        }
        assert_eq!(carrier.carry(0, 100, true), Fate::Parted);
    }
}
