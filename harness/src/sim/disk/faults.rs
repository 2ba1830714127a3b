//! The faults that act on a disk, and what they do to what it is asked for.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::{
    plan::FaultKind,
    run::rng::{chance, stream},
};

#[derive(Default)]
pub(super) struct Faults {
    acting: Vec<Acting>,
    /// The faults that have affected something since this was last asked.
    hits: Vec<u16>,
}

struct Acting {
    number: u16,
    kind: FaultKind,
    rng: ChaCha8Rng,
}

/// The random stream of a fault of a disk.
pub(crate) fn stream_of(number: u16, kind: &FaultKind, seed: u64) -> ChaCha8Rng {
    stream(seed, &format!("fault {number} {}", kind.name()))
}

impl Faults {
    pub(super) fn inject(&mut self, number: u16, kind: FaultKind, seed: u64) {
        let rng = stream_of(number, &kind, seed);
        self.acting.push(Acting { number, kind, rng });
    }

    pub(super) fn heal(&mut self, number: u16) {
        self.acting.retain(|acting| acting.number != number);
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
        self.acting.iter().fold(cost, |cost, acting| {
            let FaultKind::SlowDisk { factor } = acting.kind else { return cost };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                clippy::cast_sign_loss,
                reason = "a cost times a checked factor, to the nanosecond as far as it matters"
            )]
            let slowed = (cost as f64 * factor) as u64;
            if slowed > cost {
                self.hits.push(acting.number);
            }
            slowed
        })
    }

    /// Does an operation fail now?
    pub(super) fn fails(&mut self) -> bool {
        let mut fails = false;
        for acting in &mut self.acting {
            let FaultKind::DiskError { rate } = acting.kind else { continue };
            if !fails && chance(rate, &mut acting.rng) {
                self.hits.push(acting.number);
                fails = true;
            }
        }
        fails
    }

    /// Is there no space left, whatever the capacity?
    pub(super) fn is_full(&self) -> bool {
        self.acting.iter().any(|acting| acting.kind == FaultKind::DiskFull)
    }

    /// Something could not grow although there was space. The first of the faults is to blame.
    pub(super) fn found_full(&mut self) {
        let full = self.acting.iter().find(|acting| acting.kind == FaultKind::DiskFull);
        self.hits.extend(full.map(|acting| acting.number));
    }

    /// Flips a bit in a share of what is read.
    pub(super) fn corrupt(&mut self, data: &mut [u8]) {
        for acting in &mut self.acting {
            let FaultKind::CorruptDisk { rate } = acting.kind else { continue };
            if !data.is_empty() && chance(rate, &mut acting.rng) {
                let at = acting.rng.random_range(0..data.len());
                data[at] ^= 1 << acting.rng.random_range(0..8);
                self.hits.push(acting.number);
            }
        }
    }
}
