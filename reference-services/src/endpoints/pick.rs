//! Which of several endpoints comes next.

use rand::Rng;

/// The better of two drawn at random: nearly as good as the best of all, and not the same for all
/// who choose at once.
pub(crate) fn better_of_two<'a, T>(
    candidates: impl Iterator<Item = &'a T> + Clone,
    load: impl Fn(&T) -> usize,
    rng: &mut impl Rng,
) -> Option<&'a T> {
    let count = candidates.clone().count();
    if count <= 1 {
        return candidates.into_iter().next();
    }
    let first = rng.random_range(0..count);
    let second = (first + rng.random_range(1..count)) % count;
    let (first, second) = (candidates.clone().nth(first)?, candidates.clone().nth(second)?);
    Some(if load(second) < load(first) { second } else { first })
}

/// Who takes part in a draw: each with the probability that its weight has beside the greatest one, so
/// that at least one does, and all do if they weigh the same.
///
/// A comparison of weights would not do: among endpoints with little to do the lighter one would
/// never get anything.
pub(crate) fn draw_by_weight<'a, T>(candidates: &[(&'a T, f64)], rng: &mut impl Rng) -> Vec<&'a T> {
    let greatest = candidates.iter().map(|&(_, weight)| weight).fold(0.0, f64::max);
    let mut takes_part = |weight: f64| weight >= greatest || rng.random_bool(weight / greatest);
    candidates.iter().filter(|&&(_, weight)| takes_part(weight)).map(|&(it, _)| it).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn the_worst_of_three_is_never_chosen() {
        let mut rng = StdRng::seed_from_u64(1);
        let loads = [3, 9, 4];
        let mut chosen = [0; 3];
        for _ in 0..3000 {
            let load = better_of_two(loads.iter(), |&load| load, &mut rng).expect("one of them");
            chosen[loads.iter().position(|it| it == load).expect("it is there")] += 1;
        }
        assert_eq!(chosen[1], 0);
        assert!(chosen[0] > chosen[2] && chosen[2] > 500, "{chosen:?}");
    }

    #[test]
    fn who_weighs_a_tenth_is_drawn_every_tenth_time() {
        let mut rng = StdRng::seed_from_u64(1);
        let candidates = [(&"old", 1.0), (&"new", 0.1)];
        let mut drawn = 0;
        for _ in 0..10_000 {
            let draw = draw_by_weight(&candidates, &mut rng);
            assert_eq!(*draw[0], "old");
            drawn += draw.len() - 1;
        }
        assert!((900..1100).contains(&drawn), "{drawn}");
    }

    proptest! {
        #[test]
        fn somebody_is_drawn_and_all_are_that_weigh_the_same(
            weights in proptest::collection::vec(0.001_f64..=1.0, 1..20),
            seed: u64,
        ) {
            let mut rng = StdRng::seed_from_u64(seed);
            let candidates: Vec<_> = weights.iter().map(|weight| (weight, *weight)).collect();
            let greatest = weights.iter().copied().fold(0.0, f64::max);
            let draw = draw_by_weight(&candidates, &mut rng);
            prop_assert!(draw.iter().any(|&&weight| weight >= greatest));
            let same: Vec<_> = weights.iter().map(|weight| (weight, 0.5)).collect();
            prop_assert_eq!(draw_by_weight(&same, &mut rng).len(), weights.len());
        }

        #[test]
        fn of_two_the_better_one_is_chosen(loads in [0_usize..100, 0..100], seed: u64) {
            let mut rng = StdRng::seed_from_u64(seed);
            let chosen = better_of_two(loads.iter(), |&load| load, &mut rng);
            prop_assert_eq!(chosen, loads.iter().min());
        }
    }
}
