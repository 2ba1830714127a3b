//! What can be configured of hedging.

use serde::{Deserialize, Serialize};

use crate::config::Invalid;

/// When a call that takes long is made a second time, at another endpoint of a dependency that has
/// several. The first answer counts, and the other attempt is cancelled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HedgeConfig {
    /// Hedges for each hundred calls at the most; 0 for none at all. Default 0.
    pub percent: f64,
    /// Time without an answer after which a call is hedged; 0 for the 95th percentile of how long
    /// attempts took lately. Default 0.
    pub delay_ms: u64,
    /// Hedges that may come at once, when there were none for a while. Default 10.
    pub tokens_max: u32,
}

impl Default for HedgeConfig {
    fn default() -> Self {
        Self { percent: 0.0, delay_ms: 0, tokens_max: 10 }
    }
}

impl HedgeConfig {
    /// May anything be hedged?
    pub(crate) fn is_on(&self) -> bool {
        self.percent > 0.0
    }

    /// Checks what the types cannot.
    pub(crate) fn validate(&self) -> Result<(), Invalid> {
        let percent = self.percent;
        Invalid::unless((0.0..=100.0).contains(&percent), "hedge.percent", "0 to 100", percent)?;
        let (field, tokens) = ("hedge.tokens_max", self.tokens_max);
        Invalid::unless((1..=1_000_000).contains(&tokens), field, "1 to 1000000", tokens)
    }
}
