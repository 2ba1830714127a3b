//! The faults that act on a disk, and what they do to what it is asked for.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::{
    plan::DiskFault,
    run::rng::{chance, stream},
};

/// The faults that act, each kind in the order in which they were injected.
#[derive(Default)]
pub(super) struct Faults {
    full: Vec<u16>,
    failing: Vec<Share>,
    slow: Vec<Slow>,
    corrupting: Vec<Share>,
    /// The faults that have affected something since this was last asked.
    hits: Vec<u16>,
}

/// A fault that meets a share of the operations.
struct Share {
    fault: u16,
    rate: f64,
    rng: ChaCha8Rng,
}

/// A fault that makes each operation take longer.
struct Slow {
    fault: u16,
    factor: f64,
}

/// The random stream of a fault of a disk.
pub(crate) fn stream_of(number: u16, name: &str, seed: u64) -> ChaCha8Rng {
    stream(seed, &format!("fault {number} {name}"))
}

impl Faults {
    pub(super) fn inject(&mut self, number: u16, fault: &DiskFault, seed: u64) {
        let share =
            |rate| Share { fault: number, rate, rng: stream_of(number, fault.name(), seed) };
        match *fault {
            DiskFault::Full => self.full.push(number),
            DiskFault::Error { rate } => self.failing.push(share(rate)),
            DiskFault::Slow { factor } => self.slow.push(Slow { fault: number, factor }),
            DiskFault::Corrupt { rate } => self.corrupting.push(share(rate)),
        }
    }

    pub(super) fn heal(&mut self, number: u16) {
        self.full.retain(|fault| *fault != number);
        self.failing.retain(|it| it.fault != number);
        self.slow.retain(|it| it.fault != number);
        self.corrupting.retain(|it| it.fault != number);
    }

    pub(super) fn take_hits(&mut self) -> Vec<u16> {
        std::mem::take(&mut self.hits)
    }

    /// A fault has affected something.
    pub(super) fn hit(&mut self, number: u16) {
        self.hits.push(number);
    }

    /// How long something takes that takes `cost` on a disk that is well.
    pub(super) fn slowed(&mut self, cost: u64) -> u64 {
        self.slow.iter().fold(cost, |cost, Slow { fault, factor }| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                reason = "a cost times a checked factor, to the nanosecond as far as it matters"
            )]
            let slowed = (cost as f64 * factor) as u64;
            if slowed > cost {
                self.hits.push(*fault);
            }
            slowed
        })
    }

    /// Does an operation fail now?
    pub(super) fn fails(&mut self) -> bool {
        let fault = self.failing.iter_mut().find_map(Share::draw);
        self.hits.extend(fault);
        fault.is_some()
    }

    /// Is there no space left, whatever the capacity?
    pub(super) fn is_full(&self) -> bool {
        !self.full.is_empty()
    }

    /// Something could not grow although there was space. The first of the faults is to blame.
    pub(super) fn found_full(&mut self) {
        self.hits.extend(self.full.first());
    }

    /// Flips a bit in a share of what is read.
    pub(super) fn corrupt(&mut self, data: &mut [u8]) {
        if data.is_empty() {
            return;
        }
        for share in &mut self.corrupting {
            if let Some(fault) = share.draw() {
                let at = share.rng.random_range(0..data.len());
                data[at] ^= 1 << share.rng.random_range(0..8);
                self.hits.push(fault);
            }
        }
    }
}

impl Share {
    /// The fault, if the next operation is one that it meets.
    fn draw(&mut self) -> Option<u16> {
        chance(self.rate, &mut self.rng).then_some(self.fault)
    }
}
