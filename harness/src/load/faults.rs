//! The faults of the load: when they act, and what of them concerns which part of it.

use std::time::Duration;

use crate::plan::{FaultKind, LoadFault, Plan};

/// The faults of a plan's load, each kind in the order of the plan.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Those that change how many requests there are in a second.
    pub(super) rates: Vec<Timed<Rate>>,
    /// Those that add requests at one instant.
    pub(super) stampedes: Vec<Timed<u32>>,
    /// Those that make clients go away.
    pub(super) disconnects: Vec<Timed<Disconnect>>,
}

/// A fault of the load that acts for a time.
#[derive(Debug)]
pub(super) struct Timed<T> {
    /// Its number in the plan.
    pub(super) number: u16,
    pub(super) inject: Duration,
    pub(super) heal: Duration,
    pub(super) what: T,
}

/// How many times as high the rate is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rate {
    /// As long as the fault acts.
    Constant(f64),
    /// At its end, and the same as without it at its beginning.
    Rising(f64),
}

/// A share of the clients that goes away so long after it has sent its request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disconnect {
    pub(super) rate: f64,
    pub(super) after: Duration,
}

impl Faults {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut faults = Self::default();
        for (number, fault) in (0..).zip(&plan.faults) {
            let FaultKind::Load(kind) = &fault.kind else { continue };
            let (inject, heal) = (fault.inject, fault.heal);
            match *kind {
                LoadFault::Burst { factor } => {
                    faults.rates.push(Timed { number, inject, heal, what: Rate::Constant(factor) });
                }
                LoadFault::Ramp { factor } => {
                    faults.rates.push(Timed { number, inject, heal, what: Rate::Rising(factor) });
                }
                LoadFault::Stampede { requests } => {
                    faults.stampedes.push(Timed { number, inject, heal, what: requests });
                }
                LoadFault::Disconnect { rate, after } => {
                    let what = Disconnect { rate, after };
                    faults.disconnects.push(Timed { number, inject, heal, what });
                }
            }
        }
        faults
    }
}

impl<T> Timed<T> {
    /// Does it act so long after the beginning of the load?
    pub(super) fn acts(&self, at: Duration) -> bool {
        self.inject <= at && at < self.heal
    }
}
