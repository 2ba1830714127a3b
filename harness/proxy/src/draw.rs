//! Chance that depends on nothing but a seed and names.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The seed of a server, from which all that its toxics leave to chance is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed(u64);

impl Seed {
    /// This one, or one of the system's randomness.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self(seed.unwrap_or_else(|| ChaCha8Rng::from_os_rng().next_u64()))
    }

    /// What is left to chance for one toxic on one connection of a proxy, counted from zero. The
    /// first draw decides whether the toxic meets the connection. So it is the same whatever other
    /// connections and toxics there are, and however late the toxic is added.
    pub(crate) fn draws(self, proxy: &str, toxic: &str, connection: u64) -> ChaCha8Rng {
        let mut key = [0; 32];
        let parts = [self.0, name(proxy), name(toxic), connection];
        for (place, part) in key.chunks_exact_mut(8).zip(parts) {
            place.copy_from_slice(&part.to_le_bytes());
        }
        ChaCha8Rng::from_seed(key)
    }
}

/// FNV-1a, 64 bits: it need not be hard to collide with.
fn name(text: &str) -> u64 {
    let step = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    fn first(seed: u64, proxy: &str, toxic: &str, connection: u64) -> f32 {
        Seed(seed).draws(proxy, toxic, connection).random()
    }

    #[test]
    fn a_draw_depends_on_each_of_its_names_and_on_nothing_else() {
        let it = first(1, "p", "t", 0);
        assert_eq!(it, first(1, "p", "t", 0));
        for other in [first(2, "p", "t", 0), first(1, "q", "t", 0), first(1, "p", "u", 0)] {
            assert_ne!(it, other);
        }
        assert_ne!(it, first(1, "p", "t", 1));
        assert_ne!(Seed::new(None), Seed::new(None));
    }

    #[test]
    fn a_share_of_the_connections_is_met() {
        for toxicity in [0.1, 0.5, 0.9] {
            let met = (0..10_000).filter(|n| first(7, "p", "t", *n) < toxicity).count();
            // Six standard deviations of a binomial distribution.
            let expected = 10_000.0 * f64::from(toxicity);
            let bound = 6.0 * (expected * (1.0 - f64::from(toxicity))).sqrt();
            let met = f64::from(u32::try_from(met).expect("at most 10,000"));
            assert!((met - expected).abs() < bound, "{toxicity}: {met}");
        }
    }
}
