//! What can be configured of a breaker.

use serde::{Deserialize, Serialize};

use crate::config::Invalid;

/// When a breaker opens and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// How far back calls are judged. Default 1000.
    pub window_ms: u64,
    /// With fewer calls in the window there is no judgement. Default 20.
    pub calls_min: u32,
    /// Share of failures that opens it. Default 50.
    pub failure_percent: u32,
    /// Time until the probe. Default 500.
    pub open_ms: u64,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { window_ms: 1000, calls_min: 20, failure_percent: 50, open_ms: 500 }
    }
}

impl BreakerConfig {
    /// Checks what the types cannot.
    pub(crate) fn validate(&self) -> Result<(), Invalid> {
        let at_least_one =
            [("breaker.calls_min", u64::from(self.calls_min)), ("breaker.open_ms", self.open_ms)];
        for (field, value) in at_least_one {
            Invalid::unless(value >= 1, field, "at least 1", value)?;
        }
        let window = self.window_ms;
        Invalid::unless(window >= 10, "breaker.window_ms", "at least 10", window)?;
        let (field, percent) = ("breaker.failure_percent", self.failure_percent);
        Invalid::unless((1..=100).contains(&percent), field, "1 to 100", percent)
    }
}
