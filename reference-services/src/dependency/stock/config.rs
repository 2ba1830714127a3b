//! What can be configured of stock that changes.

use serde::{Deserialize, Serialize};

use crate::config::Invalid;

/// How the stock changes, and who may watch it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StockConfig {
    /// Changes a second that happen by themselves. At most 100000; default 0.
    pub changes_per_s: f64,
    /// After so many of them nothing changes by itself any more; 0 for no end. Default 0.
    pub changes_max: u64,
    /// The products whose stock changes by itself: 1 to this. Default 100.
    pub changing: u64,
    /// Changes that are remembered, for watchers that resume. Default 10000.
    pub history_max: usize,
    /// Products whose stock can be set. Default 10000.
    pub products_max: usize,
    /// Watchers at once. Default 256.
    pub watchers_max: usize,
    /// Products that one watcher can watch. At most 1000, which is the default.
    pub watched_max: usize,
    /// Revisions that a watcher is told beyond what it has acknowledged. Default 1024.
    pub unacknowledged_max: u64,
    /// How long a watcher may take nothing and acknowledge nothing while there is something to be
    /// told. Default 5000.
    pub stalled_ms: u64,
}

impl Default for StockConfig {
    fn default() -> Self {
        Self {
            changes_per_s: 0.0,
            changes_max: 0,
            changing: 100,
            history_max: 10_000,
            products_max: 10_000,
            watchers_max: 256,
            watched_max: 1_000,
            unacknowledged_max: 1_024,
            stalled_ms: 5_000,
        }
    }
}

impl StockConfig {
    /// Checks what the types cannot.
    pub(crate) fn validate(&self) -> Result<(), Invalid> {
        let rate = self.changes_per_s;
        let in_range = (0.0..=100_000.0).contains(&rate);
        Invalid::unless(in_range, "stock.changes_per_s", "0 to 100000", rate)?;
        let (watched, in_range) = (self.watched_max, (1..=1_000).contains(&self.watched_max));
        Invalid::unless(in_range, "stock.watched_max", "1 to 1000", watched)?;
        let (stalled, day) = (self.stalled_ms, 86_400_000);
        let expected = format!("1 to {day}");
        Invalid::unless((1..=day).contains(&stalled), "stock.stalled_ms", expected, stalled)?;
        let at_least_one = [
            ("stock.changing", self.changing),
            ("stock.history_max", self.history_max as u64),
            ("stock.products_max", self.products_max as u64),
            ("stock.watchers_max", self.watchers_max as u64),
            ("stock.unacknowledged_max", self.unacknowledged_max),
        ];
        for (field, value) in at_least_one {
            Invalid::unless(value >= 1, field, "at least 1", value)?;
        }
        Ok(())
    }
}
