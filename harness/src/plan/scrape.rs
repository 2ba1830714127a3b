//! What is read from the metrics of services, as a monitoring system reads it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis;

/// Reads series from the metrics page of a service, in the Prometheus text format, again and
/// again, over the network. Each becomes a gauge of the service's host, named as it is here.
///
/// ```
/// use std::time::Duration;
/// use squall::{objective::gauge, plan::Scrape};
///
/// let depth = r#"queue_jobs{state="queued"}"#;
/// let scrape = Scrape::new("clients", "broker:8080").series(depth).every(Duration::from_millis(100));
/// let bounded = gauge(depth).at_most(10_000).on_host("broker");
/// ```
///
/// The value is what the page says, also one below zero or an infinite one; NaN is no sample. What
/// a service that is down or cut off would have said is not sampled either.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Scrape {
    /// The host that reads.
    pub client: String,
    /// `name:port` of the service.
    pub target: String,
    /// The path of the metrics page.
    pub path: String,
    /// From one reading to the next, from shortly before the load (an eighth of
    /// [`Plan::boot`](super::Plan::boot)) to the end of the run. A reading that takes longer is
    /// given up.
    #[serde(rename = "every_ms", with = "millis")]
    pub every: Duration,
    /// Which series: a name, with labels in braces if it has any, in any order.
    pub series: Vec<String>,
}

impl Scrape {
    /// The host `client` reads `/metrics` of the service at `target` (`name:port`) every 500 ms.
    #[must_use]
    pub fn new(client: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            client: client.into(),
            target: target.into(),
            path: "/metrics".to_owned(),
            every: Duration::from_millis(500),
            series: Vec::new(),
        }
    }

    /// Adds a series to read.
    #[must_use]
    pub fn series(mut self, series: impl Into<String>) -> Self {
        self.series.push(series.into());
        self
    }

    /// Sets how often.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// Sets the path of the metrics page.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }
}
