//! The retry budget of one dependency: a token bucket as gRPC's retry throttling has it.
//!
//! Retries heal single failures and feed widespread ones, so they must stop when failures are
//! the rule. The bucket starts full; a failed attempt takes one token, a successful one gives a
//! fraction back, and retries are made only while more than half is left (gRFC A6). At a ratio
//! of 0.1 retries cease once some 9 % of the attempts fail, whatever the load.
//!
//! This rather than tower's `TpsBudget`: it has no clock and no floor of retries per second, so
//! a dead dependency gets none, and what it does depends on the answers alone.

use std::sync::atomic::{AtomicU32, Ordering};

/// Tokens are counted in thousandths, so that a fraction can be given back.
const TOKEN: u32 = 1000;

/// Says whether a failed call may be tried again.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    tokens: AtomicU32,
    max: u32,
    gain: u32,
}

impl RetryBudget {
    /// A full bucket of `tokens_max` that gains `token_ratio` of a token with each success.
    pub(crate) fn new(tokens_max: u32, token_ratio: f64) -> Self {
        let max = tokens_max.saturating_mul(TOKEN);
        // A ratio outside 0..=1 is refused with the configuration; `as` saturates.
        let gain = (token_ratio * f64::from(TOKEN)) as u32;
        Self { tokens: AtomicU32::new(max), max, gain }
    }

    /// An attempt succeeded.
    pub(crate) fn succeeded(&self) {
        // A full bucket is the usual case and needs no write.
        if self.tokens.load(Ordering::Relaxed) < self.max {
            self.change(|tokens| (tokens + self.gain).min(self.max));
        }
    }

    /// An attempt failed.
    pub(crate) fn failed(&self) {
        self.change(|tokens| tokens.saturating_sub(TOKEN));
    }

    /// May a failed call be tried again?
    pub(crate) fn permits(&self) -> bool {
        self.tokens.load(Ordering::Relaxed) > self.max / 2
    }

    fn change(&self, to: impl Fn(u32) -> u32) {
        let set = |tokens| Some(to(tokens));
        // The closure always gives a value, so the update cannot fail.
        let _ = self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_until_half_is_spent() {
        let budget = RetryBudget::new(10, 0.1);
        for failures in 0..5 {
            assert!(budget.permits(), "after {failures} failures");
            budget.failed();
        }
        assert!(!budget.permits());
    }

    #[test]
    fn successes_earn_retries_back() {
        let budget = RetryBudget::new(10, 0.1);
        for _ in 0..100 {
            budget.failed();
        }
        for _ in 0..50 {
            budget.succeeded();
        }
        assert!(!budget.permits(), "exactly half");
        budget.succeeded();
        assert!(budget.permits());
    }

    #[test]
    fn never_holds_more_than_the_maximum() {
        let budget = RetryBudget::new(4, 0.5);
        for _ in 0..100 {
            budget.succeeded();
        }
        budget.failed();
        budget.failed();
        assert!(!budget.permits());
    }

    #[test]
    fn an_empty_budget_permits_nothing() {
        assert!(!RetryBudget::new(0, 0.1).permits());
    }
}
