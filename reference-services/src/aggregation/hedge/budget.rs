//! The budget of hedges: a bucket into which each call puts a part of a token, and from which each
//! hedge takes a whole one. However slow a dependency is, it gets no more than so many calls more.

use super::HedgeConfig;

/// Tokens are counted in millionths, so that a small part of one can be earned.
const TOKEN: u64 = 1_000_000;

/// Says how many hedges there may be.
#[derive(Debug)]
pub(super) struct HedgeBudget {
    tokens: u64,
    max: u64,
    earned: u64,
}

impl HedgeBudget {
    /// A full bucket.
    pub(super) fn new(config: &HedgeConfig) -> Self {
        let max = u64::from(config.tokens_max) * TOKEN;
        // A share outside 0..=100 is refused with the configuration; `as` saturates.
        let earned = (config.percent / 100.0 * TOKEN as f64) as u64;
        Self { tokens: max, max, earned }
    }

    /// A call is made.
    pub(super) fn earn(&mut self) {
        self.tokens = (self.tokens + self.earned).min(self.max);
    }

    /// Pays for a hedge, if there is enough.
    pub(super) fn spend(&mut self) -> bool {
        let left = self.tokens.checked_sub(TOKEN);
        self.tokens = left.unwrap_or(self.tokens);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn budget(percent: f64, tokens_max: u32) -> HedgeBudget {
        HedgeBudget::new(&HedgeConfig { percent, tokens_max, ..HedgeConfig::default() })
    }

    #[test]
    fn a_twentieth_of_the_calls_and_no_more() {
        let mut budget = budget(5.0, 10);
        let hedged = |budget: &mut HedgeBudget| {
            budget.earn();
            budget.spend()
        };
        let hedges = (0..1000).filter(|_| hedged(&mut budget)).count();
        assert_eq!(
            hedges,
            60 - 1,
            "fifty, and ten that were saved, whose bucket was full at first"
        );
    }

    proptest! {
        #[test]
        fn never_more_than_the_share_and_what_was_saved(
            percent in 0.0_f64..=100.0,
            tokens_max in 1_u32..50,
            calls in proptest::collection::vec(any::<bool>(), 0..2000),
        ) {
            let mut budget = budget(percent, tokens_max);
            let (mut made, mut hedges) = (0_u32, 0_u32);
            for slow in calls {
                budget.earn();
                made += 1;
                hedges += u32::from(slow && budget.spend());
                let most = f64::from(tokens_max) + f64::from(made) * percent / 100.0;
                prop_assert!(f64::from(hedges) <= most + 1e-6);
            }
        }
    }
}
