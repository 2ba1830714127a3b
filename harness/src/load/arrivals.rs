//! When requests start.
//!
//! An open load has a rate that changes over time, by its own plan and by faults. Requests start
//! where the rate, integrated from the beginning, passes each whole number (evenly spaced
//! arrivals) or steps of exponential length (Poisson arrivals, by the time-rescaling theorem).

use std::time::Duration;

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::faults::{Rate, Timed};
use crate::plan::{Arrivals, Load, nanos};

/// A ramp of the load times a ramp of a fault is a curve; it is taken as straight for so long.
const STRAIGHT_NS: f64 = 10e6;

/// The instants at which an open load sends, one after the other, from `begin` on.
pub(crate) struct Schedule<'a> {
    load: &'a Load,
    faults: &'a [Timed<Rate>],
    /// The beginning of the load, in nanoseconds.
    begin: u64,
    /// The beginning of the stretch that the next request is in, in nanoseconds after the
    /// beginning.
    at: f64,
    /// How many requests from there the next one is: counted from one place for a whole stretch,
    /// because what is rounded for each request adds up.
    ahead: f64,
    rng: &'a mut ChaCha8Rng,
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
        faults: &'a [Timed<Rate>],
        begin: u64,
        rng: &'a mut ChaCha8Rng,
    ) -> Self {
        let mut schedule = Self { load, faults, begin, at: 0.0, ahead: 0.0, rng };
        if matches!(load.arrivals, Arrivals::Poisson { .. }) {
            schedule.ahead = schedule.gap();
        }
        schedule
    }

    /// When the next request starts, in nanoseconds; `None` when the load is over, and for a closed
    /// load.
    pub(crate) fn next(&mut self) -> Option<u64> {
        let lasts = nanos(self.load.lasts) as f64;
        while self.at < lasts {
            // Requests per nanosecond, at the two ends of a stretch on which they are linear.
            let (from, until) = (self.at, self.stretch_end().min(lasts));
            let first = self.rate(from, from)? * self.factor(from, from) / 1e9;
            let last = self.rate(until, from)? * self.factor(until, from) / 1e9;
            let stretch = until - from;
            let area = f64::midpoint(first, last) * stretch;
            if area <= 0.0 || area < self.ahead {
                self.ahead -= area;
                self.at = until;
                continue;
            }
            let at = (from + reach(self.ahead, first, last, stretch)).round();
            self.ahead += self.gap();
            if at >= lasts {
                return None;
            }
            return Some(self.begin + at as u64);
        }
        None
    }

    /// How many requests the next one is after this one.
    fn gap(&mut self) -> f64 {
        match self.load.arrivals {
            Arrivals::Poisson { .. } => {
                -(1.0 - self.rng.random::<f64>()).max(f64::MIN_POSITIVE).ln()
            }
            _ => 1.0,
        }
    }

    /// Until when the rate is linear from `self.at` on, at least.
    fn stretch_end(&self) -> f64 {
        let at = self.at;
        let next_multiple = |of: f64| ((at / of).floor() + 1.0) * of;
        let lasts = nanos(self.load.lasts) as f64;
        let own = match &self.load.arrivals {
            Arrivals::Steps { rates } => next_multiple(lasts / rates.len() as f64),
            Arrivals::Bursts { every, burst, .. } => {
                let (every, burst) = (nanos(*every) as f64, nanos(*burst) as f64);
                let begun = (at / every).floor() * every;
                if at < begun + burst { begun + burst } else { begun + every }
            }
            _ => lasts,
        };
        let edges = self.faults.iter().flat_map(|fault| {
            let curve = match fault.what {
                Rate::Rising(_) if is_acting(fault, at) => at + STRAIGHT_NS,
                Rate::Rising(_) | Rate::Constant(_) => f64::INFINITY,
            };
            [nanos(fault.inject) as f64, nanos(fault.heal) as f64, curve]
        });
        edges.filter(|edge| *edge > at).fold(own, f64::min).max(at + 1.0)
    }

    /// Requests per second that the plan wants at `at`, seen from the stretch that `from` is in.
    fn rate(&self, at: f64, from: f64) -> Option<f64> {
        let lasts = nanos(self.load.lasts) as f64;
        match &self.load.arrivals {
            Arrivals::Constant { rate } | Arrivals::Poisson { rate } => Some(*rate),
            Arrivals::Ramp { from, to } => Some(from + (to - from) * at / lasts),
            Arrivals::Steps { rates } => {
                let step = (from / lasts * rates.len() as f64) as usize;
                rates.get(step).or(rates.last()).copied()
            }
            Arrivals::Bursts { rate, peak, every, burst } => {
                let inside = from % (nanos(*every) as f64) < nanos(*burst) as f64;
                Some(if inside { *peak } else { *rate })
            }
            Arrivals::Closed { .. } => None,
        }
    }

    /// How many times the rate at `at` is what the plan wants, because of the faults that act at
    /// `from`.
    fn factor(&self, at: f64, from: f64) -> f64 {
        let acting = self.faults.iter().filter(|fault| is_acting(fault, from));
        acting.map(|fault| factor_of(fault, at)).product()
    }

    /// The faults that change the rate, and which share of a request at `at` would not be there
    /// without each.
    pub(crate) fn added(&self, at: u64) -> impl Iterator<Item = (u16, f64)> {
        let at = (at - self.begin) as f64;
        let acting = self.faults.iter().filter(move |fault| is_acting(fault, at));
        acting.map(move |fault| (fault.number, 1.0 - 1.0 / factor_of(fault, at)))
    }
}

/// How many times as high a fault makes the rate, this many nanoseconds after the beginning.
fn factor_of(fault: &Timed<Rate>, at: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "hours in nanoseconds fit into a double")]
    let float = |time| nanos(time) as f64;
    match fault.what {
        Rate::Constant(factor) => factor,
        Rate::Rising(factor) => {
            let into = at - float(fault.inject);
            1.0 + (factor - 1.0) * into / float(fault.heal - fault.inject)
        }
    }
}

fn is_acting(fault: &Timed<Rate>, at: f64) -> bool {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole nanoseconds after the beginning"
    )]
    let at = Duration::from_nanos(at as u64);
    fault.acts(at)
}

/// How far into a stretch, on which a rate goes from `first` to `last`, its area is `area`.
fn reach(area: f64, first: f64, last: f64, stretch: f64) -> f64 {
    let slope = (last - first) / stretch;
    let root = (first * first + 2.0 * slope * area).max(0.0).sqrt();
    // The stable form of the solution of first * x + slope / 2 * x^2 = area.
    if area == 0.0 { 0.0 } else { (2.0 * area / (first + root)).min(stretch) }
}

#[cfg(test)]
mod tests;
