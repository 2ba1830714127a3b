//! BBR version 1, as in Linux (`tcp_bbr.c`): paces at the rate at which data is delivered, and takes
//! no loss for congestion.

use super::{Recovery, Round};
use crate::sim::net::tcp::{MILLISECOND, Nanos, SECOND};

/// Gains and bandwidths are in units of 1/256 and of a segment a microsecond times 2^24.
const UNIT: u64 = 256;
const BANDWIDTH_SHIFT: u32 = 24;
/// 2/ln 2, which doubles the rate every round trip.
const HIGH_GAIN: u64 = UNIT * 2885 / 1000 + 1;
const DRAIN_GAIN: u64 = UNIT * 1000 / 2885;
const CWND_GAIN: u64 = UNIT * 2;
const CYCLE: [u64; 8] = [UNIT * 5 / 4, UNIT * 3 / 4, UNIT, UNIT, UNIT, UNIT, UNIT, UNIT];
/// The bandwidth is the most of so many rounds.
const BANDWIDTH_ROUNDS: u64 = 10;
/// The pipe is full when the bandwidth has not grown by a quarter for three rounds.
const FULL_ROUNDS: u32 = 3;
const MIN_RTT_WINDOW: Nanos = 10 * SECOND;
const PROBE_RTT_TIME: Nanos = 200 * MILLISECOND;
const CWND_MIN: u32 = 4;
/// One per cent is left as a margin.
const PACING_MARGIN: u64 = 99;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Startup,
    Drain,
    ProbeBandwidth,
    ProbeRtt,
}

#[derive(Clone, Debug)]
pub(crate) struct Bbr {
    mss: u32,
    mode: Mode,
    /// The bandwidth of the last rounds, most first.
    bandwidths: Vec<(u64, u64)>,
    rounds: u64,
    next_round_delivered: u64,
    round_start: bool,
    min_rtt: Option<Nanos>,
    min_rtt_at: Nanos,
    probe_rtt_done: Option<Nanos>,
    probe_rtt_round_done: bool,
    full_bandwidth: u64,
    full_rounds: u32,
    full: bool,
    cycle: usize,
    cycle_at: Nanos,
    pacing_gain: u64,
    cwnd_gain: u64,
    /// Bytes a second.
    pacing_rate: u64,
    has_seen_rtt: bool,
    prior_cwnd: u32,
    recovery: Recovery,
    packet_conservation: bool,
    idle_restart: bool,
    draw: u32,
}

impl Bbr {
    /// Begins with the initial window a millisecond; `draw` is random and spreads the cycles.
    pub(crate) fn new(mss: u32, draw: u32) -> Self {
        let mut new = Self {
            mss,
            mode: Mode::Startup,
            bandwidths: Vec::with_capacity(3),
            rounds: 0,
            next_round_delivered: 0,
            round_start: false,
            min_rtt: None,
            min_rtt_at: 0,
            probe_rtt_done: None,
            probe_rtt_round_done: false,
            full_bandwidth: 0,
            full_rounds: 0,
            full: false,
            cycle: 0,
            cycle_at: 0,
            pacing_gain: HIGH_GAIN,
            cwnd_gain: HIGH_GAIN,
            pacing_rate: 0,
            has_seen_rtt: false,
            prior_cwnd: 0,
            recovery: Recovery::None,
            packet_conservation: false,
            idle_restart: false,
            draw,
        };
        new.initial_rate(10, MILLISECOND);
        new
    }

    /// The handshake has shown a round-trip time.
    pub(crate) fn initial_rate(&mut self, cwnd: u32, rtt: Nanos) {
        let bandwidth = (u64::from(cwnd) << BANDWIDTH_SHIFT) * 1000 / rtt.max(1000);
        self.pacing_rate = self.rate(bandwidth, HIGH_GAIN);
    }

    pub(crate) fn save_window(&mut self, cwnd: u32) {
        let saved = self.recovery == Recovery::None && self.mode != Mode::ProbeRtt;
        self.prior_cwnd = if saved { cwnd } else { self.prior_cwnd.max(cwnd) };
    }

    pub(crate) fn timed_out(&mut self) {
        self.recovery = Recovery::Timeout;
        self.full_bandwidth = 0;
        self.round_start = true;
    }

    /// Data goes out again after nothing was under way.
    pub(crate) fn resume(&mut self) {
        self.idle_restart = true;
        if self.mode == Mode::ProbeBandwidth {
            self.pacing_rate = self.rate(self.bandwidth(), UNIT);
        }
    }

    pub(crate) fn pacing(&self, bytes: u64) -> Option<Nanos> {
        Some(
            (u128::from(bytes) * u128::from(SECOND) / u128::from(self.pacing_rate.max(1)))
                .try_into()
                .unwrap_or(SECOND),
        )
    }

    fn bandwidth(&self) -> u64 {
        self.bandwidths.first().map_or(0, |(bandwidth, _)| *bandwidth)
    }

    /// Bytes a second at a bandwidth and a gain.
    fn rate(&self, bandwidth: u64, gain: u64) -> u64 {
        let rate = u128::from(bandwidth) * u128::from(self.mss + 52) * u128::from(gain)
            / u128::from(UNIT)
            * 1_000_000
            * u128::from(PACING_MARGIN)
            / 100;
        u64::try_from(rate >> BANDWIDTH_SHIFT).unwrap_or(u64::MAX)
    }

    /// The window of so many round trips at the bandwidth.
    fn window(&self, bandwidth: u64, gain: u64) -> u32 {
        let Some(rtt) = self.min_rtt else { return 10 };
        let product =
            u128::from(bandwidth) * u128::from(rtt / 1000) * u128::from(gain) / u128::from(UNIT);
        let window = product.div_ceil(1 << BANDWIDTH_SHIFT);
        // Room for what stretched acknowledgements hold back, and an even number.
        let window = u32::try_from(window).unwrap_or(u32::MAX / 2) + 6;
        let window = (window + 1) & !1;
        if self.mode == Mode::ProbeBandwidth && self.cycle == 0 { window + 2 } else { window }
    }

    /// Takes an acknowledgement; returns the window.
    pub(crate) fn acknowledged(&mut self, cwnd: u32, round: &Round) -> u32 {
        self.update_bandwidth(round);
        self.update_cycle(round);
        self.check_full(round);
        self.check_drain(round);
        let cwnd = self.update_min_rtt(cwnd, round);
        self.update_gains();
        self.update_rate(round);
        self.next_window(cwnd, round)
    }

    fn update_bandwidth(&mut self, round: &Round) {
        self.round_start = false;
        let Some(sample) = round.sample.filter(|sample| sample.interval > 0) else { return };
        if sample.prior_delivered >= self.next_round_delivered {
            self.next_round_delivered = round.delivered;
            self.rounds += 1;
            self.round_start = true;
            self.packet_conservation = false;
        }
        let interval = (sample.interval / 1000).max(1);
        let bandwidth = (sample.delivered << BANDWIDTH_SHIFT) / interval;
        // A sample that is limited by the application says something only if it is larger.
        if sample.app_limited && bandwidth < self.bandwidth() {
            return;
        }
        let oldest = self.rounds.saturating_sub(BANDWIDTH_ROUNDS);
        self.bandwidths.retain(|(known, at)| *known > bandwidth && *at >= oldest);
        self.bandwidths.push((bandwidth, self.rounds));
    }

    fn update_cycle(&mut self, round: &Round) {
        if self.mode != Mode::ProbeBandwidth {
            return;
        }
        let full_length = round.now - self.cycle_at > self.min_rtt.unwrap_or(0);
        let window = |gain| self.window(self.bandwidth(), gain);
        let over = match self.pacing_gain.cmp(&UNIT) {
            std::cmp::Ordering::Equal => full_length,
            std::cmp::Ordering::Greater => {
                full_length && (round.lost > 0 || round.prior_in_flight >= window(self.pacing_gain))
            }
            std::cmp::Ordering::Less => full_length || round.prior_in_flight <= window(UNIT),
        };
        if over {
            self.cycle = (self.cycle + 1) % CYCLE.len();
            self.cycle_at = round.now;
        }
    }

    fn check_full(&mut self, round: &Round) {
        let limited = round.sample.is_none_or(|sample| sample.app_limited);
        if self.full || !self.round_start || limited {
            return;
        }
        if self.bandwidth() >= self.full_bandwidth * 5 / 4 {
            self.full_bandwidth = self.bandwidth();
            self.full_rounds = 0;
            return;
        }
        self.full_rounds += 1;
        self.full = self.full_rounds >= FULL_ROUNDS;
    }

    fn check_drain(&mut self, round: &Round) {
        if self.mode == Mode::Startup && self.full {
            self.mode = Mode::Drain;
        }
        if self.mode == Mode::Drain && round.in_flight <= self.window(self.bandwidth(), UNIT) {
            self.probe_bandwidth(round.now);
        }
    }

    fn probe_bandwidth(&mut self, now: Nanos) {
        self.mode = Mode::ProbeBandwidth;
        // Any phase but the one that drains.
        self.cycle = CYCLE.len() - 1 - self.draw as usize % (CYCLE.len() - 1);
        self.cycle = (self.cycle + 1) % CYCLE.len();
        self.cycle_at = now;
    }

    fn update_min_rtt(&mut self, mut cwnd: u32, round: &Round) -> u32 {
        let expired = self.min_rtt.is_some() && round.now > self.min_rtt_at + MIN_RTT_WINDOW;
        if let Some(rtt) = round.rtt
            && (self.min_rtt.is_none_or(|min| rtt <= min) || expired)
        {
            self.min_rtt = Some(rtt);
            self.min_rtt_at = round.now;
        }
        if expired && !self.idle_restart && self.mode != Mode::ProbeRtt {
            self.save_window(cwnd);
            self.mode = Mode::ProbeRtt;
            self.probe_rtt_done = None;
        }
        if self.mode == Mode::ProbeRtt {
            match self.probe_rtt_done {
                None if round.in_flight <= CWND_MIN => {
                    self.probe_rtt_done = Some(round.now + PROBE_RTT_TIME);
                    self.probe_rtt_round_done = false;
                    self.next_round_delivered = round.delivered;
                }
                None => {}
                Some(done) => {
                    self.probe_rtt_round_done |= self.round_start;
                    if self.probe_rtt_round_done && round.now > done {
                        self.min_rtt_at = round.now;
                        cwnd = cwnd.max(self.prior_cwnd);
                        if self.full {
                            self.probe_bandwidth(round.now);
                        } else {
                            self.mode = Mode::Startup;
                        }
                    }
                }
            }
        }
        if round.sample.is_some_and(|sample| sample.delivered > 0) {
            self.idle_restart = false;
        }
        cwnd
    }

    fn update_gains(&mut self) {
        (self.pacing_gain, self.cwnd_gain) = match self.mode {
            Mode::Startup => (HIGH_GAIN, HIGH_GAIN),
            Mode::Drain => (DRAIN_GAIN, HIGH_GAIN),
            Mode::ProbeBandwidth => (CYCLE[self.cycle], CWND_GAIN),
            Mode::ProbeRtt => (UNIT, UNIT),
        };
    }

    fn update_rate(&mut self, round: &Round) {
        if !self.has_seen_rtt
            && let Some(rtt) = round.rtt
        {
            self.has_seen_rtt = true;
            self.initial_rate(10, rtt);
        }
        let rate = self.rate(self.bandwidth(), self.pacing_gain);
        if self.full || rate > self.pacing_rate {
            self.pacing_rate = rate;
        }
    }

    fn next_window(&mut self, mut cwnd: u32, round: &Round) -> u32 {
        if round.lost > 0 {
            cwnd = cwnd.saturating_sub(round.lost).max(1);
        }
        let before = std::mem::replace(&mut self.recovery, round.recovery);
        if round.recovery == Recovery::Fast && before != Recovery::Fast {
            self.packet_conservation = true;
            self.next_round_delivered = round.delivered;
            cwnd = round.in_flight + round.acked;
        } else if before != Recovery::None && round.recovery == Recovery::None {
            cwnd = cwnd.max(self.prior_cwnd);
            self.packet_conservation = false;
        }
        if self.packet_conservation {
            cwnd = cwnd.max(round.in_flight + round.acked);
        } else if round.acked > 0 {
            let target = self.window(self.bandwidth(), self.cwnd_gain);
            if self.full {
                cwnd = (cwnd + round.acked).min(target);
            } else if cwnd < target || round.delivered < 10 {
                cwnd += round.acked;
            }
        }
        cwnd = cwnd.max(CWND_MIN);
        if self.mode == Mode::ProbeRtt { cwnd.min(CWND_MIN) } else { cwnd }
    }
}
