//! When requests start.

use std::time::Duration;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::plan::{Arrivals, Fault, FaultKind, Load, nanos};

/// A rate below this is none: the next look is a millisecond later.
const RATE_LEAST: f64 = 1e-3;
const LOOK_AGAIN_NS: u64 = 1_000_000;

/// The instants at which an open load sends, one after the other, from `begin` on.
pub(crate) struct Schedule<'a> {
    load: &'a Load,
    faults: &'a [Fault],
    /// The beginning of the load, in nanoseconds.
    begin: u64,
    /// The exact next instant, in nanoseconds after the beginning.
    next: f64,
    rng: &'a mut ChaCha8Rng,
}

/// One arrival.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Arrival {
    /// When, in nanoseconds.
    pub(crate) at: u64,
    /// How many times the plan's own rate the rate is, because of faults.
    pub(crate) factor: f64,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a run of hours in nanoseconds is well inside the 53 bits of a double"
)]
impl<'a> Schedule<'a> {
    pub(crate) fn new(
        load: &'a Load,
        faults: &'a [Fault],
        begin: u64,
        rng: &'a mut ChaCha8Rng,
    ) -> Self {
        Self { load, faults, begin, next: 0.0, rng }
    }

    /// The next arrival; `None` when the load is over, and for a closed load.
    pub(crate) fn next(&mut self) -> Option<Arrival> {
        let lasts = nanos(self.load.lasts) as f64;
        while self.next < lasts {
            let at = self.next as u64;
            let factor = self.factor(Duration::from_nanos(at));
            let rate = self.rate(at)? * factor;
            if rate < RATE_LEAST {
                self.next += LOOK_AGAIN_NS as f64;
                continue;
            }
            self.next += self.gap(rate);
            return Some(Arrival { at: self.begin + at, factor });
        }
        None
    }

    /// Nanoseconds to the next arrival.
    fn gap(&mut self, rate: f64) -> f64 {
        let mean = 1e9 / rate;
        match self.load.arrivals {
            Arrivals::Poisson { .. } => {
                -mean * (1.0 - self.rng.random::<f64>()).max(f64::MIN_POSITIVE).ln()
            }
            _ => mean,
        }
    }

    /// Requests per second that the plan wants at this time after the beginning.
    fn rate(&self, at: u64) -> Option<f64> {
        let share = at as f64 / nanos(self.load.lasts) as f64;
        match &self.load.arrivals {
            Arrivals::Constant { rate } | Arrivals::Poisson { rate } => Some(*rate),
            Arrivals::Ramp { from, to } => Some(from + (to - from) * share),
            Arrivals::Steps { rates } => {
                let step = (share * rates.len() as f64) as usize;
                rates.get(step).or(rates.last()).copied()
            }
            Arrivals::Bursts { rate, peak, every, burst } => {
                let inside = at % nanos(*every) < nanos(*burst);
                Some(if inside { *peak } else { *rate })
            }
            Arrivals::Closed { .. } => None,
        }
    }

    /// How many times the rate is what the plan wants, because of faults of the load.
    fn factor(&self, at: Duration) -> f64 {
        self.faults
            .iter()
            .filter(|fault| fault.inject <= at && at < fault.heal)
            .map(|fault| match fault.kind {
                FaultKind::Burst { factor } => factor,
                FaultKind::Ramp { factor } => {
                    let into = (at - fault.inject).as_secs_f64();
                    1.0 + (factor - 1.0) * into / (fault.heal - fault.inject).as_secs_f64()
                }
                _ => 1.0,
            })
            .product()
    }
}
