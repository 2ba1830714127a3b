//! The clocks of a host, and the faults that put them wrong.

use std::cell::{Cell, RefCell};

use crate::{
    interpose::{Clock, Readings},
    plan::FaultKind,
};

/// The clocks of one host. They belong to the machine: a new process finds them as they are.
pub(crate) struct Clocks {
    clock: Cell<Clock>,
    acting: RefCell<Vec<(u16, FaultKind)>>,
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

    pub(crate) fn inject(&self, fault: u16, kind: FaultKind, now: u64) {
        let mut clock = self.clock.get();
        match kind {
            FaultKind::ClockSkew { by_ms } => clock.slew(nanos(by_ms), now),
            FaultKind::ClockJump { by_ms } => clock.step(nanos(by_ms), now),
            _ => {}
        }
        self.acting.borrow_mut().push((fault, kind));
        clock.run_at(self.factor(), now);
        self.clock.set(clock);
    }

    pub(crate) fn heal(&self, fault: u16, now: u64) {
        let mut clock = self.clock.get();
        self.acting.borrow_mut().retain(|(number, kind)| {
            match kind {
                FaultKind::ClockSkew { by_ms } if *number == fault => {
                    clock.slew(-nanos(*by_ms), now);
                }
                FaultKind::ClockJump { by_ms } if *number == fault => {
                    clock.step(-nanos(*by_ms), now);
                }
                _ => {}
            }
            *number != fault
        });
        clock.run_at(self.factor(), now);
        if !self.drifts() {
            clock.correct(now);
        }
        self.clock.set(clock);
    }

    /// How many times as fast as they should the clocks run.
    fn factor(&self) -> f64 {
        self.acting.borrow().iter().fold(1.0, |factor, (_, kind)| match kind {
            FaultKind::ClockDrift { rate } => factor * (1.0 + rate),
            _ => factor,
        })
    }

    fn drifts(&self) -> bool {
        self.acting.borrow().iter().any(|(_, kind)| matches!(kind, FaultKind::ClockDrift { .. }))
    }

    /// The faults that acted while clocks were read that were off, and how often each has made a
    /// difference.
    pub(crate) fn affected(&self, wrong: Readings) -> Vec<(u16, u64)> {
        let count = |kind: &FaultKind| match kind {
            FaultKind::ClockDrift { .. } => wrong.wall + wrong.monotonic,
            _ => wrong.wall,
        };
        self.acting.borrow().iter().map(|(fault, kind)| (*fault, count(kind))).collect()
    }
}

/// A checked time of a plan, in nanoseconds.
fn nanos(ms: i64) -> i64 {
    ms.saturating_mul(1_000_000)
}
