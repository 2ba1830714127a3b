//! The clocks of a host, and the faults that put them wrong.

use std::cell::{Cell, RefCell};

use crate::{
    interpose::{Clock, Readings},
    plan::ClockFault,
};

/// The clocks of one host. They belong to the machine: a new process finds them as they are.
pub(crate) struct Clocks {
    clock: Cell<Clock>,
    acting: RefCell<Vec<(u16, ClockFault)>>,
}

impl Default for Clocks {
    fn default() -> Self {
        Self { clock: Cell::new(Clock::RIGHT), acting: RefCell::default() }
    }
}

impl Clocks {
    pub(crate) fn get(&self) -> Clock {
        self.clock.get()
    }

    pub(crate) fn inject(&self, number: u16, fault: ClockFault, now: u64) {
        let mut clock = self.clock.get();
        match fault {
            ClockFault::Skew { by_ms } => clock.slew(nanos(by_ms), now),
            ClockFault::Jump { by_ms } => clock.step(nanos(by_ms), now),
            // Together with the others that act.
            ClockFault::Drift { .. } => {}
        }
        self.acting.borrow_mut().push((number, fault));
        clock.run_at(self.factor(), now);
        self.clock.set(clock);
    }

    pub(crate) fn heal(&self, number: u16, now: u64) {
        let mut clock = self.clock.get();
        for (_, fault) in self.acting.borrow_mut().extract_if(.., |(acting, _)| *acting == number) {
            match fault {
                ClockFault::Skew { by_ms } => clock.slew(-nanos(by_ms), now),
                ClockFault::Jump { by_ms } => clock.step(-nanos(by_ms), now),
                ClockFault::Drift { .. } => {}
            }
        }
        clock.run_at(self.factor(), now);
        if !self.drifts() {
            clock.correct(now);
        }
        self.clock.set(clock);
    }

    /// How many times as fast as they should the clocks run.
    fn factor(&self) -> f64 {
        self.acting
            .borrow()
            .iter()
            .filter_map(|(_, fault)| drift(fault))
            .map(|rate| 1.0 + rate)
            .product()
    }

    fn drifts(&self) -> bool {
        self.acting.borrow().iter().any(|(_, fault)| drift(fault).is_some())
    }

    /// The faults that acted while clocks were read that were off, and how often each has made a
    /// difference.
    pub(crate) fn affected(&self, wrong: Readings) -> Vec<(u16, u64)> {
        let count = |fault: &ClockFault| match fault {
            ClockFault::Skew { .. } | ClockFault::Jump { .. } => wrong.wall,
            ClockFault::Drift { .. } => wrong.wall + wrong.monotonic,
        };
        self.acting.borrow().iter().map(|(number, fault)| (*number, count(fault))).collect()
    }
}

/// By which share a fault makes clocks run faster, if it does.
fn drift(fault: &ClockFault) -> Option<f64> {
    match fault {
        ClockFault::Skew { .. } | ClockFault::Jump { .. } => None,
        ClockFault::Drift { rate } => Some(*rate),
    }
}

/// A checked time of a plan, in nanoseconds.
fn nanos(ms: i64) -> i64 {
    ms.saturating_mul(1_000_000)
}
