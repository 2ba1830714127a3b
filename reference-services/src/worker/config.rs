//! What can be configured of a worker host.

use std::{collections::BTreeSet, time::Duration};

use http::Uri;
use serde::{Deserialize, Serialize};

use super::Defect;
use crate::{
    backoff::BackoffConfig,
    breaker::BreakerConfig,
    config::{self, Invalid},
    server::{Limits, endpoint},
    tls::ClientTls,
};

/// The configuration of a worker host.
///
/// Four hosts with 25 calls each are the 100 that the external API admits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The host's name, for the broker's logs. Default `worker`.
    pub name: String,
    /// Address for probes and metrics, HTTP, `host:port`. Default `127.0.0.1:8060`.
    pub listen: String,
    /// The broker. Default `http://127.0.0.1:50071`.
    pub queue: String,
    /// The external API, which has an `http` or an `https` address. Default `http://127.0.0.1:8070`.
    pub external_api: String,
    /// The result store. Default `http://127.0.0.1:50072`.
    pub result_store: String,
    /// What the connections to the broker, to the store and to an `https` address of the external
    /// API are secured with. Default: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// Workers, and so calls at once to the external API. Default 25.
    pub concurrency: usize,
    /// Jobs that are taken and not begun; the reader waits when there are so many. At most twice
    /// the workers; default 50.
    pub buffer_max: usize,
    /// How long the reader lets the broker wait for a job. Default 2000.
    pub wait_ms: u32,
    /// Time for a call to the external API, its connection included. Default 2000.
    pub call_timeout_ms: u64,
    /// Time for a call to the result store or the broker. Default 1000.
    pub rpc_timeout_ms: u64,
    /// Pauses between attempts of a job.
    pub backoff: BackoffConfig,
    /// When no more jobs are taken because the external API does not answer. Default: when 10 calls
    /// and half of all have failed within 5000 ms, for 1000 ms.
    pub breaker: BreakerConfig,
    /// Time for what is in flight when the service stops. Default 30000.
    pub drain_ms: u64,
    /// Processor time of one job, for simulations; 0 states none. Default 50.
    pub cpu_us: u64,
    /// The bounds of the HTTP server.
    pub http: Limits,
    /// Planted mistakes. Default none.
    pub defects: BTreeSet<Defect>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: "worker".to_owned(),
            listen: "127.0.0.1:8060".to_owned(),
            queue: "http://127.0.0.1:50071".to_owned(),
            external_api: "http://127.0.0.1:8070".to_owned(),
            result_store: "http://127.0.0.1:50072".to_owned(),
            tls: None,
            concurrency: 25,
            buffer_max: 50,
            wait_ms: 2_000,
            call_timeout_ms: 2_000,
            rpc_timeout_ms: 1_000,
            backoff: BackoffConfig::default(),
            breaker: BreakerConfig {
                window_ms: 5_000,
                calls_min: 10,
                failure_percent: 50,
                open_ms: 1_000,
            },
            drain_ms: 30_000,
            cpu_us: 50,
            http: Limits::default(),
            defects: BTreeSet::new(),
        }
    }
}

impl config::Config for Config {
    const LIVE: &'static [&'static str] = &["call_timeout_ms", "backoff"];

    fn validate(&self) -> Result<(), Invalid> {
        let name = &self.name;
        let plain = |byte: u8| byte.is_ascii_graphic();
        let named = (1..=64).contains(&name.len()) && name.bytes().all(plain);
        Invalid::unless(named, "name", "1 to 64 visible ASCII characters", name)?;
        let concurrency = self.concurrency;
        let range = (1..=1000).contains(&concurrency);
        Invalid::unless(range, "concurrency", "1 to 1000", concurrency)?;
        let (buffer, most) = (self.buffer_max, 2 * concurrency);
        let expected = format!("1 to twice the concurrency ({most})");
        Invalid::unless((1..=most).contains(&buffer), "buffer_max", expected, buffer)?;
        for (field, value) in
            [("call_timeout_ms", self.call_timeout_ms), ("rpc_timeout_ms", self.rpc_timeout_ms)]
        {
            Invalid::unless(value >= 1, field, "at least 1", value)?;
        }
        self.backoff.validate()?;
        self.breaker.validate()?;
        if let Some(tls) = &self.tls {
            tls.validate("tls")?;
        }
        self.queue()?;
        self.external_api()?;
        self.result_store()?;
        self.http.validate()
    }
}

impl Config {
    pub(super) fn queue(&self) -> Result<Uri, Invalid> {
        endpoint("queue", &self.queue, self.tls.as_ref())
    }

    pub(super) fn external_api(&self) -> Result<Uri, Invalid> {
        let tls = self.tls.as_ref().filter(|_| self.external_api.starts_with("https:"));
        endpoint("external_api", &self.external_api, tls)
    }

    pub(super) fn result_store(&self) -> Result<Uri, Invalid> {
        endpoint("result_store", &self.result_store, self.tls.as_ref())
    }

    pub(super) fn has(&self, defect: Defect) -> bool {
        self.defects.contains(&defect)
    }

    pub(super) fn rpc_timeout(&self) -> Duration {
        Duration::from_millis(self.rpc_timeout_ms)
    }
}
