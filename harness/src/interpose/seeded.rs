//! The randomness of a run, all of which is the seed's.

use std::cell::RefCell;

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

thread_local! {
    static RANDOM: RefCell<Option<ChaCha8Rng>> = const { RefCell::new(None) };
}

/// A run begins on this thread, or a thread that its code has started.
pub(crate) fn begin(seed: u64) {
    RANDOM.set(Some(ChaCha8Rng::seed_from_u64(seed)));
}

/// It ends.
pub(crate) fn end() {
    let _ = RANDOM.try_with(RefCell::take);
}

/// Fills `bytes`. Whether it did: not where randomness is left alone.
pub(crate) fn fill(bytes: &mut [u8]) -> bool {
    RANDOM.with_borrow_mut(|random| match random {
        Some(random) => {
            random.fill_bytes(bytes);
            true
        }
        None => false,
    })
}
