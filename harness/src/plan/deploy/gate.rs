//! Gates: what a new revision must hold while it is rolled out.
//!
//! The orchestrator reads the metrics of the load balancers and judges the requests that pods of
//! the new revision answered. A bound that does not hold closes the gate, and the revision is
//! rolled back. Kubernetes has no such thing; delivery tools have.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis;

/// What a new revision must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Gate {
    /// The bounds, all of which must hold.
    pub bounds: Vec<GateBound>,
    /// How many requests a window must have before it is judged.
    pub samples_min: u64,
    /// How often the metrics are read.
    #[serde(rename = "every_ms", with = "millis")]
    pub every: Duration,
    /// What the metrics are called.
    pub metrics: MetricNames,
}

/// One bound of a gate, over the requests of the new revision in a window that ends now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GateBound {
    /// At most this share of them failed.
    ErrorShare {
        /// Which share.
        at_most: f64,
        /// The window.
        #[serde(rename = "window_ms", with = "millis")]
        window: Duration,
    },
    /// The error budget does not burn too fast: the alarm of several windows and burn rates of
    /// the SRE workbook, which sounds when one pair of windows is over its factor in both.
    BurnRate {
        /// The share that must succeed in the long run, such as 0.999.
        objective: f64,
        /// The pairs of windows.
        windows: Vec<BurnWindow>,
    },
    /// At least 99 % of them were answered this fast, as far as the buckets of the histogram tell.
    P99 {
        /// How fast.
        #[serde(rename = "at_most_ms", with = "millis")]
        at_most: Duration,
        /// The window.
        #[serde(rename = "window_ms", with = "millis")]
        window: Duration,
    },
}

/// A pair of windows of a burn-rate alarm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BurnWindow {
    /// The window that shows that it matters.
    #[serde(rename = "long_ms", with = "millis")]
    pub long: Duration,
    /// The window that shows that it still goes on.
    #[serde(rename = "short_ms", with = "millis")]
    pub short: Duration,
    /// How many times as fast as allowed the budget burns.
    pub factor: f64,
}

/// What a load balancer calls its metrics, in the text format of Prometheus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct MetricNames {
    /// The label with the name of the group of endpoints.
    pub group: String,
    /// The counter of requests.
    pub requests: String,
    /// The counter of requests that failed.
    pub failures: String,
    /// The histogram of latencies in seconds.
    pub latency: String,
}

impl Default for MetricNames {
    fn default() -> Self {
        Self {
            group: "group".to_owned(),
            requests: "balancer_requests_total".to_owned(),
            failures: "balancer_failures_total".to_owned(),
            latency: "balancer_latency_seconds".to_owned(),
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// No bounds yet; metrics once a second, windows of at least a hundred requests.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bounds: Vec::new(),
            samples_min: 100,
            every: Duration::from_secs(1),
            metrics: MetricNames::default(),
        }
    }

    /// At most this share of the requests in `window` failed.
    #[must_use]
    pub fn error_share(mut self, at_most: f64, window: Duration) -> Self {
        self.bounds.push(GateBound::ErrorShare { at_most, window });
        self
    }

    /// The budget of an objective burns at most `factor` times as fast as allowed, in a `long` and
    /// a `short` window. More pairs for the same objective are one alarm.
    #[must_use]
    pub fn burn_rate(
        mut self,
        objective: f64,
        factor: f64,
        long: Duration,
        short: Duration,
    ) -> Self {
        let pair = BurnWindow { long, short, factor };
        for bound in &mut self.bounds {
            if let GateBound::BurnRate { objective: of, windows } = bound
                && of.total_cmp(&objective).is_eq()
            {
                windows.push(pair);
                return self;
            }
        }
        self.bounds.push(GateBound::BurnRate { objective, windows: vec![pair] });
        self
    }

    /// At least 99 % of the requests in `window` were answered this fast.
    #[must_use]
    pub fn p99(mut self, at_most: Duration, window: Duration) -> Self {
        self.bounds.push(GateBound::P99 { at_most, window });
        self
    }

    /// Sets how many requests a window must have before it is judged.
    #[must_use]
    pub fn samples_min(mut self, requests: u64) -> Self {
        self.samples_min = requests;
        self
    }

    /// Sets how often the metrics are read.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Sets what the metrics are called.
    #[must_use]
    pub fn metrics(mut self, names: MetricNames) -> Self {
        self.metrics = names;
        self
    }
}

impl MetricNames {
    /// The names of the counters of requests and of failures and of the histogram of latencies,
    /// all of them with the label `group`.
    #[must_use]
    pub fn new(
        requests: impl Into<String>,
        failures: impl Into<String>,
        latency: impl Into<String>,
    ) -> Self {
        Self {
            requests: requests.into(),
            failures: failures.into(),
            latency: latency.into(),
            ..Self::default()
        }
    }
}
