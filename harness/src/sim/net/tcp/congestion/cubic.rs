//! CUBIC (RFC 9438) with HyStart, in whole numbers as in Linux (`tcp_cubic.c`), so that debug and
//! release builds and all machines agree.

use crate::sim::net::tcp::{MILLISECOND, Nanos, SECOND};

/// The window falls to 717/1024 = 0.7 of itself.
const BETA: u64 = 717;
const BETA_SCALE: u64 = 1024;
/// C = 0.4, in 2^-10 of a segment a second cubed, times ten.
const C_SCALED: u64 = 410;
/// HyStart leaves smaller windows alone.
const HYSTART_LOW_WINDOW: u32 = 16;
/// A round's delay is judged by its first samples.
const HYSTART_SAMPLES: u32 = 8;
const HYSTART_DELAY: std::ops::RangeInclusive<Nanos> = 4 * MILLISECOND..=16 * MILLISECOND;
/// Acknowledgements that are closer than this are a train.
const HYSTART_ACK_GAP: Nanos = 2 * MILLISECOND;
/// Time in the cubic function is counted in 1/1024 s.
const TICK: Nanos = SECOND / 1024;

#[derive(Clone, Debug, Default)]
pub(crate) struct Cubic {
    /// Acknowledged segments that grow the window by one.
    cnt: u64,
    last_max: u32,
    last_cwnd: u32,
    last_time: Nanos,
    origin: u64,
    k: u64,
    delay_min: Nanos,
    epoch: Option<Nanos>,
    acked: u64,
    reno_cwnd: u64,
    counted: u64,
    /// HyStart: the round, and whether it has found the end of slow start.
    found: bool,
    round_start: Nanos,
    last_ack: Nanos,
    round_end: u64,
    samples: u32,
    round_rtt: Nanos,
}

impl Cubic {
    /// The window that a loss leaves as slow start's threshold.
    pub(crate) fn threshold(&mut self, cwnd: u32) -> u32 {
        self.epoch = None;
        let window = u64::from(cwnd);
        // Fast convergence: who has less than before makes room.
        self.last_max = if cwnd < self.last_max {
            narrow(window * (BETA_SCALE + BETA) / (2 * BETA_SCALE))
        } else {
            cwnd
        };
        narrow(window * BETA / BETA_SCALE).max(2)
    }

    /// A retransmission timeout: everything begins again, except for what is known of HyStart's
    /// round.
    pub(crate) fn reset(&mut self, now: Nanos, nxt: u64) {
        *self = Self::default();
        self.begin_round(now, nxt);
    }

    /// The connection was idle for `idle`: the time does not count.
    pub(crate) fn resume(&mut self, now: Nanos, idle: Nanos) {
        if let Some(epoch) = &mut self.epoch {
            *epoch = (*epoch + idle).min(now);
        }
    }

    /// Grows the window by what `acked` segments are worth in congestion avoidance.
    pub(crate) fn avoid(&mut self, cwnd: &mut u32, acked: u32, now: Nanos) {
        self.update(*cwnd, acked, now);
        if self.counted >= self.cnt {
            self.counted = 0;
            *cwnd += 1;
        }
        self.counted += u64::from(acked);
        if self.counted >= self.cnt {
            let by = self.counted / self.cnt;
            self.counted -= by * self.cnt;
            *cwnd += narrow(by);
        }
    }

    fn update(&mut self, cwnd: u32, acked: u32, now: Nanos) {
        self.acked += u64::from(acked);
        if self.last_cwnd == cwnd && now.saturating_sub(self.last_time) <= SECOND / 32 {
            return;
        }
        let window = u64::from(cwnd);
        self.last_cwnd = cwnd;
        self.last_time = now;
        let epoch = *self.epoch.get_or_insert_with(|| {
            self.acked = u64::from(acked);
            self.reno_cwnd = window;
            if self.last_max <= cwnd {
                self.k = 0;
                self.origin = window;
            } else {
                self.k = cube_root((1 << 40) / C_SCALED * u64::from(self.last_max - cwnd));
                self.origin = u64::from(self.last_max);
            }
            now
        });
        let time = (now - epoch + self.delay_min) / TICK;
        let off = time.abs_diff(self.k);
        let delta = narrow_wide((u128::from(C_SCALED) * u128::from(off).pow(3)) >> 40);
        let target =
            if time < self.k { self.origin.saturating_sub(delta) } else { self.origin + delta };
        self.cnt = if target > window { window / (target - window) } else { 100 * window };
        if self.last_max == 0 && self.cnt > 20 {
            self.cnt = 20;
        }
        // The Reno-friendly region.
        let beta_scale = 8 * (BETA_SCALE + BETA) / 3 / (BETA_SCALE - BETA);
        let per_segment = (window * beta_scale) >> 3;
        if self.acked > per_segment && per_segment > 0 {
            let grown = self.acked.div_ceil(per_segment) - 1;
            self.acked -= grown * per_segment;
            self.reno_cwnd += grown;
        }
        if self.reno_cwnd > window {
            self.cnt = self.cnt.min(window / (self.reno_cwnd - window));
        }
        self.cnt = self.cnt.max(2);
    }

    /// Takes the round-trip time of an acknowledgement. True if slow start is to end here.
    pub(crate) fn acknowledged(
        &mut self,
        rtt: Nanos,
        slow_start: bool,
        cwnd: u32,
        (una, nxt): (u64, u64),
        now: Nanos,
    ) -> bool {
        // Samples just after a recovery are of queues that were.
        if self.epoch.is_some_and(|epoch| now.saturating_sub(epoch) < SECOND) {
            return false;
        }
        let rtt = rtt.max(1);
        if self.delay_min == 0 || self.delay_min > rtt {
            self.delay_min = rtt;
        }
        if self.found || !slow_start || cwnd < HYSTART_LOW_WINDOW {
            return false;
        }
        self.hystart(rtt, (una, nxt), now)
    }

    fn hystart(&mut self, rtt: Nanos, (una, nxt): (u64, u64), now: Nanos) -> bool {
        if una > self.round_end {
            self.begin_round(now, nxt);
        }
        if now.saturating_sub(self.last_ack) <= HYSTART_ACK_GAP {
            self.last_ack = now;
            // Without pacing a train as long as half the least delay says that the pipe is full.
            if now.saturating_sub(self.round_start) > self.delay_min / 2 {
                self.found = true;
            }
        }
        self.round_rtt = self.round_rtt.min(rtt);
        if self.samples < HYSTART_SAMPLES {
            self.samples += 1;
        } else {
            let more = (self.delay_min / 8).clamp(*HYSTART_DELAY.start(), *HYSTART_DELAY.end());
            if self.round_rtt > self.delay_min + more {
                self.found = true;
            }
        }
        self.found
    }

    pub(crate) fn begin_round(&mut self, now: Nanos, nxt: u64) {
        (self.round_start, self.last_ack) = (now, now);
        self.round_end = nxt;
        self.round_rtt = Nanos::MAX;
        self.samples = 0;
    }
}

fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn narrow_wide(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

/// The whole part of the cube root.
fn cube_root(value: u64) -> u64 {
    let mut root = 0_u64;
    for bit in (0..22).rev() {
        let tried = root | (1 << bit);
        if tried.checked_pow(3).is_some_and(|cube| cube <= value) {
            root = tried;
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::{Cubic, MILLISECOND, SECOND, cube_root};

    #[test]
    fn cube_roots_are_whole_parts() {
        for (value, root) in [(0, 0), (7, 1), (8, 2), (26, 2), (27, 3), (u64::MAX, 2_642_245)] {
            assert_eq!(cube_root(value), root, "of {value}");
        }
    }

    /// RFC 9438, 4.2: W(t) = C (t - K)^3 + W_max with K = cbrt(W_max (1 - beta) / C), so a window
    /// of 100 falls to 70 and is back after cbrt(75) = 4.2 s, if the round trip is so long that the
    /// Reno-friendly region does not come first.
    #[test]
    fn the_window_is_back_after_k_seconds() {
        let mut cubic = Cubic::default();
        let mut cwnd = cubic.threshold(100);
        assert_eq!(cwnd, 70);
        let rtt = 200 * MILLISECOND;
        let mut now = 10 * SECOND;
        let begin = now;
        while cwnd < 99 {
            now += rtt;
            let in_flight = cwnd;
            for _ in 0..in_flight {
                cubic.avoid(&mut cwnd, 1, now);
            }
            assert!(now < begin + 10 * SECOND, "still at {cwnd}");
        }
        let took = now - begin;
        assert!((3 * SECOND..5 * SECOND).contains(&took), "{took}");
    }

    #[test]
    fn a_train_of_acknowledgements_ends_slow_start() {
        let mut cubic = Cubic::default();
        cubic.begin_round(0, 1000);
        let rtt = 20 * MILLISECOND;
        let mut ended = None;
        for step in 1..20 {
            let now = step * MILLISECOND;
            if cubic.acknowledged(rtt, true, 40, (500, 1000), now) {
                ended = Some(step);
                break;
            }
        }
        assert_eq!(ended, Some(11), "half of the delay");
    }
}
