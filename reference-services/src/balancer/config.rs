//! What can be configured, with defaults for a load of 10,000 requests a second.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Defect, EndpointsSpec};
use crate::{
    config::{self, Invalid},
    endpoints::OutlierConfig,
    server::Limits,
};

/// The configuration of the load balancer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Address for clients, `host:port`. Default `127.0.0.1:8000`.
    pub listen: String,
    /// Address for the orchestrator and for probes, `host:port`. Default `127.0.0.1:8001`.
    pub admin: String,
    /// The endpoints until the orchestrator names others. Default none.
    pub endpoints: EndpointsSpec,
    /// What is taken from clients at the most. The body of a client's request passes through, so
    /// that `stall_timeout_ms` and `upload_timeout_ms` bound it, and `body_timeout_ms` those on the
    /// admin port only.
    pub http: Limits,
    /// Requests in flight; further ones wait. Default 4096.
    pub concurrency_max: usize,
    /// Requests that wait; further ones are shed. Default 1024.
    pub queue_max: usize,
    /// How long a request waits before it is shed. Default 200.
    pub queue_timeout_ms: u64,
    /// What `Retry-After` says to those turned away. Default 1.
    pub retry_after_s: u64,
    /// Time to connect to an endpoint. Default 250.
    pub connect_timeout_ms: u64,
    /// Time for an endpoint to take the next piece of a request, and from the last one to the head of
    /// its answer. The time that a client takes to send the body is not the endpoint's. Default 500.
    pub per_try_timeout_ms: u64,
    /// The longest silence within a body, of a request or an answer. Default 15000.
    pub stall_timeout_ms: u64,
    /// Time for a client to send the whole body of a request. Default 60000.
    pub upload_timeout_ms: u64,
    /// Requests whose bodies are still to come; further ones are shed, since slow clients would take all
    /// of `concurrency_max`. Default 1024.
    pub uploads_max: usize,
    /// Idle connections kept for each endpoint. Default 256.
    pub idle_max: usize,
    /// Retries on another endpoint.
    pub retry: RetryConfig,
    /// Endpoints that fail again and again.
    pub outlier: OutlierConfig,
    /// Time between "not ready" and the end of listening. Default 0.
    pub stop_delay_ms: u64,
    /// Time for what is in flight when the service stops. Default 25000.
    pub drain_ms: u64,
    /// Processor time of one request, for simulations; 0 states none. Default 15.
    pub cpu_us: u64,
    /// Planted mistakes. Default none.
    pub defects: BTreeSet<Defect>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8000".to_owned(),
            admin: "127.0.0.1:8001".to_owned(),
            endpoints: EndpointsSpec::default(),
            http: Limits { body_bytes_max: 16 * 1024 * 1024, ..Limits::default() },
            concurrency_max: 4096,
            queue_max: 1024,
            queue_timeout_ms: 200,
            retry_after_s: 1,
            connect_timeout_ms: 250,
            per_try_timeout_ms: 500,
            stall_timeout_ms: 15_000,
            upload_timeout_ms: 60_000,
            uploads_max: 1024,
            idle_max: 256,
            retry: RetryConfig::default(),
            outlier: OutlierConfig::default(),
            stop_delay_ms: 0,
            drain_ms: 25_000,
            cpu_us: 15,
            defects: BTreeSet::new(),
        }
    }
}

/// When a request is sent to another endpoint: if it can be repeated, after a failure to connect,
/// a connection that breaks before the answer, no answer in time, and 502, 503 and 504.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RetryConfig {
    /// Attempts of a request, the first included. Default 2.
    pub attempts_max: u32,
    /// After 500 as well. Default false.
    pub on_500: bool,
    /// Size of the retry budget. Default 1000.
    pub tokens_max: u32,
    /// What a success gives back to it. Default 0.1.
    pub token_ratio: f64,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self { attempts_max: 2, on_500: false, tokens_max: 1000, token_ratio: 0.1 }
    }
}

impl config::Config for Config {
    const LIVE: &'static [&'static str] = &[
        "retry_after_s",
        "connect_timeout_ms",
        "per_try_timeout_ms",
        "stall_timeout_ms",
        "upload_timeout_ms",
        "retry.attempts_max",
        "retry.on_500",
    ];

    fn validate(&self) -> Result<(), Invalid> {
        self.http.validate()?;
        let at_least_one = [
            ("concurrency_max", self.concurrency_max as u64),
            ("queue_timeout_ms", self.queue_timeout_ms),
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("per_try_timeout_ms", self.per_try_timeout_ms),
            ("stall_timeout_ms", self.stall_timeout_ms),
            ("upload_timeout_ms", self.upload_timeout_ms),
            ("uploads_max", self.uploads_max as u64),
            ("retry.attempts_max", u64::from(self.retry.attempts_max)),
        ];
        for (field, value) in at_least_one {
            Invalid::unless(value >= 1, field, "at least 1", value)?;
        }
        let ratio = self.retry.token_ratio;
        Invalid::unless((0.0..=1.0).contains(&ratio), "retry.token_ratio", "0 to 1", ratio)?;
        self.outlier.validate()?;
        self.endpoints.validate().map_err(|error| Invalid {
            field: "endpoints".into(),
            expected: error.expected.to_owned(),
            found: error.found,
        })
    }
}

impl Config {
    pub(super) fn cpu(&self) -> Option<Duration> {
        (self.cpu_us > 0).then(|| Duration::from_micros(self.cpu_us))
    }
}
