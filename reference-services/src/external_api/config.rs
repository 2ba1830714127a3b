//! What can be configured of the external API.

use serde::{Deserialize, Serialize};

use crate::{
    config::{self, Invalid},
    dependency::Latency,
    server::Limits,
};

/// The configuration of the external API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Address to listen on, `host:port`. Default `127.0.0.1:8070`.
    pub listen: String,
    /// How long a job takes. Default: from 50 to 500 ms, any of them as likely.
    pub latency: Latency,
    /// Calls worked on at once; further ones are answered with 429. Default 100.
    pub concurrency_max: usize,
    /// What `Retry-After` says to those turned away. Default 1.
    pub retry_after_s: u64,
    /// Idempotency keys that are remembered; the oldest one is forgotten first. Default 100000.
    pub keys_max: usize,
    /// Time for what is in flight when the service stops. Default 5000.
    pub drain_ms: u64,
    /// Processor time of one call, for simulations; 0 states none. Default 50.
    pub cpu_us: u64,
    /// The bounds of the HTTP server.
    pub http: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8070".to_owned(),
            latency: Latency::Uniform { min_ms: 50.0, max_ms: 500.0 },
            concurrency_max: 100,
            retry_after_s: 1,
            keys_max: 100_000,
            drain_ms: 5_000,
            cpu_us: 50,
            http: Limits::default(),
        }
    }
}

impl config::Config for Config {
    const LIVE: &'static [&'static str] = &["latency", "retry_after_s"];

    fn validate(&self) -> Result<(), Invalid> {
        self.latency.validate()?;
        let concurrency = self.concurrency_max;
        Invalid::unless(concurrency >= 1, "concurrency_max", "at least 1", concurrency)?;
        self.http.validate()
    }
}
