//! What can be configured, with defaults for a load of 5,000 requests a second.

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};

use super::{addresses::Upstreams, defect::Defect, hedge::HedgeConfig, standing::HealthConfig};
use crate::{
    breaker::BreakerConfig,
    config::{self, Invalid},
    dependency::Kind,
    endpoints::{OutlierConfig, SlowStartConfig},
    tls::ServerTls,
};

/// The configuration of the aggregation API.
///
/// Bounds follow from Little's law: 5,000 requests a second that take all of their 180 ms are
/// 900 in flight, and calls that take all of their 150 ms are 750 to each dependency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Address to listen on, `host:port`. Default `127.0.0.1:8080`.
    pub listen: String,
    /// The four dependencies.
    pub upstreams: Upstreams,
    /// Time for a request from its head to its answer. Default 180.
    pub request_deadline_ms: u64,
    /// Time for a call with all its attempts, never beyond the request's. Default 150.
    pub call_timeout_ms: u64,
    /// Time to connect; shorter than a call, so that a single probe tries all of it. Default 100.
    pub connect_timeout_ms: u64,
    /// How often a connection is asked whether it lives. Default 1000.
    pub keep_alive_interval_ms: u64,
    /// How long it may take to say so. Default 500.
    pub keep_alive_timeout_ms: u64,
    /// Calls in flight to each dependency. Default 1000.
    pub bulkhead: usize,
    /// Requests in flight, of all classes. Default 1200.
    pub in_flight_max: usize,
    /// How many requests may be in flight when that many would take too long.
    pub adaptive: AdaptiveConfig,
    /// Whose requests are turned away last.
    pub priority: PriorityConfig,
    /// Requests that are begun in one turn of the runtime, or in one millisecond if that is longer;
    /// further ones wait for the next. Default 32.
    pub step_max: usize,
    /// What each tenant may have, which is whom the header `x-tenant` names; all requests without one
    /// are of one tenant.
    pub tenants: TenantConfig,
    /// Client connections. Default 8192.
    pub connections_max: usize,
    /// Time for a client to send the head of a request, and for an idle connection to begin with
    /// one. Default 15000.
    pub header_timeout_ms: u64,
    /// Size of the head of a request. At least 8192; default 16384.
    pub header_bytes_max: usize,
    /// Number of header fields. Default 64.
    pub headers_max: usize,
    /// What connections of clients are secured with. Default: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ServerTls>,
    /// What `Retry-After` says to those turned away. Default 1.
    pub retry_after_s: u64,
    /// Retries of failed calls.
    pub retry: RetryConfig,
    /// The breaker of each dependency.
    pub breaker: BreakerConfig,
    /// How the endpoints of a dependency that has several are asked for their health.
    pub health: HealthConfig,
    /// When one of several endpoints is left out because calls to it fail.
    pub outlier: OutlierConfig,
    /// How one of several endpoints that is back gets its share of the calls again.
    pub slow_start: SlowStartConfig,
    /// Second attempts at another endpoint while the first one is still under way.
    pub hedge: HedgeConfig,
    /// How long the service waits for a first answer of each dependency before it says that it is
    /// ready without. Default 2000.
    pub warm_up_ms: u64,
    /// Time between "not ready" and the end of listening. Default 0.
    pub stop_delay_ms: u64,
    /// Time for what is in flight when the service stops. Default 25000.
    pub drain_ms: u64,
    /// Processor time of one request, for simulations; 0 states none. Default 60.
    pub cpu_us: u64,
    /// Planted mistakes. Default none.
    pub defects: BTreeSet<Defect>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".to_owned(),
            upstreams: Upstreams::default(),
            request_deadline_ms: 180,
            call_timeout_ms: 150,
            connect_timeout_ms: 100,
            keep_alive_interval_ms: 1000,
            keep_alive_timeout_ms: 500,
            bulkhead: 1000,
            in_flight_max: 1200,
            adaptive: AdaptiveConfig::default(),
            priority: PriorityConfig::default(),
            step_max: 32,
            tenants: TenantConfig::default(),
            connections_max: 8192,
            header_timeout_ms: 15_000,
            header_bytes_max: 16 * 1024,
            headers_max: 64,
            tls: None,
            retry_after_s: 1,
            retry: RetryConfig::default(),
            breaker: BreakerConfig::default(),
            health: HealthConfig::default(),
            outlier: OutlierConfig::default(),
            slow_start: SlowStartConfig::default(),
            hedge: HedgeConfig::default(),
            warm_up_ms: 2000,
            stop_delay_ms: 0,
            drain_ms: 25_000,
            cpu_us: 60,
            defects: BTreeSet::new(),
        }
    }
}

/// When a failed call is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    /// Attempts of a call, the first included. Default 2.
    pub attempts_max: u32,
    /// The longest pause before the second attempt; it doubles with each further one, and the
    /// pause is uniform between nothing and it. Default 10.
    pub backoff_ms: u64,
    /// Time that must be left after the pause for an attempt to make sense. Default 20.
    pub useful_ms: u64,
    /// Size of the retry budget. Default 100.
    pub tokens_max: u32,
    /// What a success gives back to it. Default 0.1.
    pub token_ratio: f64,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self { attempts_max: 2, backoff_ms: 10, useful_ms: 20, tokens_max: 100, token_ratio: 0.1 }
    }
}

/// A bound on the requests in flight that follows from how long they take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptiveConfig {
    /// The latency that nine requests in ten are to keep to: well below `request_deadline_ms`, and
    /// above what a page takes whose dependencies are slow, since fewer requests do not make those
    /// faster. 0 for a bound of `in_flight_max`, whatever they take. Default 0.
    pub latency_ms: u64,
    /// Requests in flight at first. Default 100.
    pub initial: usize,
    /// And however long they take. Default 20.
    pub min: usize,
}

impl Default for AdaptiveConfig {
    fn default() -> Self {
        Self { latency_ms: 0, initial: 100, min: 20 }
    }
}

/// Who is turned away first, and who last, when there is no room for all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PriorityConfig {
    /// The tenants that pay, which is whom the header `x-tenant` names. Default none: all are alike.
    pub paying: BTreeSet<String>,
    /// Requests of the others are let in while all that are in flight are less than this share of
    /// those that may be. Default 70.
    pub free_percent: u32,
}

impl Default for PriorityConfig {
    fn default() -> Self {
        Self { paying: BTreeSet::new(), free_percent: 70 }
    }
}

/// What each tenant may have of the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantConfig {
    /// Requests a second; 0 for no limit, of any kind. Default 0.
    pub rate: f64,
    /// Requests that may come at once. Default 100.
    pub burst: u32,
    /// The share of `in_flight_max` that one tenant may take. Default 50.
    pub places_percent: u32,
    /// Tenants that are told apart; beyond that, new ones are turned away. Default 10000.
    pub names_max: usize,
}

impl Default for TenantConfig {
    fn default() -> Self {
        Self { rate: 0.0, burst: 100, places_percent: 50, names_max: 10_000 }
    }
}

impl TenantConfig {
    fn validate(&self) -> Result<(), Invalid> {
        let rate = self.rate;
        let expected = "0, or 0.001 to 1000000";
        let in_range = rate == 0.0 || (0.001..=1_000_000.0).contains(&rate);
        Invalid::unless(in_range, "tenants.rate", expected, rate)?;
        let burst = self.burst;
        Invalid::unless((1..=1_000_000).contains(&burst), "tenants.burst", "1 to 1000000", burst)?;
        let (field, percent) = ("tenants.places_percent", self.places_percent);
        Invalid::unless((1..=100).contains(&percent), field, "1 to 100", percent)?;
        let names = self.names_max;
        Invalid::unless(names >= 1, "tenants.names_max", "at least 1", names)
    }
}

impl config::Config for Config {
    const LIVE: &'static [&'static str] = &[
        "request_deadline_ms",
        "call_timeout_ms",
        "retry.attempts_max",
        "retry.backoff_ms",
        "retry.useful_ms",
        "retry_after_s",
    ];

    fn validate(&self) -> Result<(), Invalid> {
        let deadline = self.request_deadline_ms;
        let at_least_one = [
            ("request_deadline_ms", deadline),
            ("connect_timeout_ms", self.connect_timeout_ms),
            ("keep_alive_interval_ms", self.keep_alive_interval_ms),
            ("keep_alive_timeout_ms", self.keep_alive_timeout_ms),
            ("bulkhead", self.bulkhead as u64),
            ("in_flight_max", self.in_flight_max as u64),
            ("adaptive.initial", self.adaptive.initial as u64),
            ("adaptive.min", self.adaptive.min as u64),
            ("step_max", self.step_max as u64),
            ("connections_max", self.connections_max as u64),
            ("header_timeout_ms", self.header_timeout_ms),
            ("headers_max", self.headers_max as u64),
            ("retry.attempts_max", u64::from(self.retry.attempts_max)),
        ];
        for (field, value) in at_least_one {
            Invalid::unless(value >= 1, field, "at least 1", value)?;
        }
        Invalid::unless(
            (1..=deadline).contains(&self.call_timeout_ms),
            "call_timeout_ms",
            format!("1 to request_deadline_ms ({deadline})"),
            self.call_timeout_ms,
        )?;
        let latency = self.adaptive.latency_ms;
        let expected = format!("less than request_deadline_ms ({deadline})");
        Invalid::unless(latency < deadline, "adaptive.latency_ms", expected, latency)?;
        let (field, percent) = ("priority.free_percent", self.priority.free_percent);
        Invalid::unless((1..=100).contains(&percent), field, "1 to 100", percent)?;
        let header_bytes = self.header_bytes_max;
        Invalid::unless(header_bytes >= 8192, "header_bytes_max", "at least 8192", header_bytes)?;
        self.breaker.validate()?;
        self.health.validate()?;
        self.outlier.validate()?;
        self.slow_start.validate()?;
        self.hedge.validate()?;
        self.tenants.validate()?;
        let ratio = self.retry.token_ratio;
        Invalid::unless((0.0..=1.0).contains(&ratio), "retry.token_ratio", "0 to 1", ratio)?;
        if let Some(tls) = &self.tls {
            tls.validate("tls")?;
        }
        if let Some(tls) = &self.upstreams.tls {
            tls.validate("upstreams.tls")?;
        }
        Kind::ALL.into_iter().try_for_each(|kind| self.upstreams.uris(kind).map(drop))
    }
}

impl Config {
    pub(super) fn request_deadline(&self) -> Duration {
        Duration::from_millis(self.request_deadline_ms)
    }

    /// With less time left than this a call is not begun.
    pub(super) fn call_useful(&self) -> Duration {
        Duration::from_millis(self.retry.useful_ms).min(self.request_deadline() / 2)
    }

    pub(super) fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.call_timeout_ms)
    }

    pub(super) fn cpu(&self) -> Option<Duration> {
        (self.cpu_us > 0).then(|| Duration::from_micros(self.cpu_us))
    }
}
