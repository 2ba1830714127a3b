//! What can be configured of a relay.

use std::{collections::BTreeSet, time::Duration};

use http::Uri;
use serde::{Deserialize, Serialize};

use super::Defect;
use crate::{
    config::{self, Invalid},
    server::{Limits, endpoint},
};

/// The configuration of a relay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// What it calls itself in answers. Default `relay`.
    pub name: String,
    /// Address to listen on, `host:port`. Default `127.0.0.1:8090`.
    pub listen: String,
    /// Whom it asks, as `http://host:port`. Default: nobody, it is the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Requests that are worked on, or waited for, at once; further ones are shed. Default 1024.
    pub in_flight_max: usize,
    /// How many of them may be waiting for the next one. Default 512.
    pub calls_max: usize,
    /// Time for a request, if whoever asks does not leave less. Default 900.
    pub request_timeout_ms: u64,
    /// Time for one try of a call to the next one. Default 300.
    pub try_timeout_ms: u64,
    /// When a call that failed is tried again.
    pub retry: RetryConfig,
    /// What `Retry-After` says to those turned away. Default 1.
    pub retry_after_s: u64,
    /// Time for what is in flight when the service stops. Default 5000.
    pub drain_ms: u64,
    /// Processor time of the work for one request, for simulations; 0 states none. Default 100.
    pub cpu_us: u64,
    /// The bounds of the HTTP server.
    pub http: Limits,
    /// Planted mistakes. Default none.
    pub defects: BTreeSet<Defect>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "relay".to_owned(),
            listen: "127.0.0.1:8090".to_owned(),
            next: None,
            in_flight_max: 1024,
            calls_max: 512,
            request_timeout_ms: 900,
            try_timeout_ms: 300,
            retry: RetryConfig::default(),
            retry_after_s: 1,
            drain_ms: 5_000,
            cpu_us: 100,
            http: Limits::default(),
            defects: BTreeSet::new(),
        }
    }
}

/// When a call that failed is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Tries of a call, the first included. Default 3.
    pub attempts_max: u32,
    /// The longest pause before the second try; it doubles with each further one, and the pause is
    /// uniform between nothing and it. Default 10.
    pub backoff_ms: u64,
    /// Time that must be left for a try, or a request, to make sense. Default 20.
    pub useful_ms: u64,
    /// Size of the retry budget. Default 20.
    pub tokens_max: u32,
    /// What a success gives back to it. Default 0.1.
    pub token_ratio: f64,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self { attempts_max: 3, backoff_ms: 10, useful_ms: 20, tokens_max: 20, token_ratio: 0.1 }
    }
}

impl config::Config for Config {
    const LIVE: &'static [&'static str] = &[
        "request_timeout_ms",
        "try_timeout_ms",
        "retry.attempts_max",
        "retry.backoff_ms",
        "retry.useful_ms",
        "retry_after_s",
    ];

    fn validate(&self) -> Result<(), Invalid> {
        let at_least_one = [
            ("in_flight_max", self.in_flight_max as u64),
            ("calls_max", self.calls_max as u64),
            ("request_timeout_ms", self.request_timeout_ms),
            ("try_timeout_ms", self.try_timeout_ms),
            ("retry.attempts_max", u64::from(self.retry.attempts_max)),
        ];
        for (field, value) in at_least_one {
            Invalid::unless(value >= 1, field, "at least 1", value)?;
        }
        let ratio = self.retry.token_ratio;
        Invalid::unless((0.0..=1.0).contains(&ratio), "retry.token_ratio", "0 to 1", ratio)?;
        self.next_uri()?;
        self.http.validate()
    }
}

impl Config {
    /// Where the next one is, if there is one.
    pub(super) fn next_uri(&self) -> Result<Option<Uri>, Invalid> {
        self.next.as_deref().map(|next| endpoint("next", next, None)).transpose()
    }

    /// With less time left than this nothing is begun.
    pub(super) fn useful(&self) -> Duration {
        Duration::from_millis(self.retry.useful_ms)
    }

    pub(super) fn has(&self, defect: Defect) -> bool {
        self.defects.contains(&defect)
    }
}
