//! What can be configured of a replica of stock.

use std::{collections::BTreeSet, time::Duration};

use http::Uri;
use serde::{Deserialize, Serialize};

use super::Defect;
use crate::{
    backoff::BackoffConfig,
    config::{self, Invalid},
    server::{GrpcLimits, Limits, endpoint},
};

/// The configuration of a replica of stock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Address for HTTP, `host:port`. Default `127.0.0.1:8095`.
    pub listen: String,
    /// Address for gRPC, `host:port`. Default `127.0.0.1:50055`.
    pub listen_grpc: String,
    /// The inventory. Default `http://127.0.0.1:50051`.
    pub inventory: String,
    /// The products that are followed: 1 to this. What is asked of others is asked of the inventory.
    /// At most 1000, which is the default.
    pub products: u64,
    /// After what silence the inventory is asked whether it is there (an HTTP/2 ping). Default 1000.
    pub keep_alive_interval_ms: u64,
    /// How long it may take to answer that. Default 1000.
    pub keep_alive_timeout_ms: u64,
    /// The pauses before the stream is begun again. Default: from 100 to 2000 ms.
    pub backoff: BackoffConfig,
    /// How old the copy may be at the most; what is older is not answered with. At least the silence
    /// after which a peer is given up; default 30000.
    pub stale_max_ms: u64,
    /// Time for a connection, for the first message of a stream, and for a call to the inventory,
    /// which has less if its caller has. Default 1000.
    pub call_timeout_ms: u64,
    /// Time for what is in flight when the service stops. Default 25000.
    pub drain_ms: u64,
    /// Processor time of one request, for simulations; 0 states none. Default 50.
    pub cpu_us: u64,
    /// The bounds of the HTTP server.
    pub http: Limits,
    /// The bounds of the gRPC server.
    pub grpc: GrpcLimits,
    /// Planted mistakes. Default none.
    pub defects: BTreeSet<Defect>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8095".to_owned(),
            listen_grpc: "127.0.0.1:50055".to_owned(),
            inventory: "http://127.0.0.1:50051".to_owned(),
            products: 1_000,
            keep_alive_interval_ms: 1_000,
            keep_alive_timeout_ms: 1_000,
            backoff: BackoffConfig { base_ms: 100, cap_ms: 2_000 },
            stale_max_ms: 30_000,
            call_timeout_ms: 1_000,
            drain_ms: 25_000,
            cpu_us: 50,
            http: Limits::default(),
            grpc: GrpcLimits::default(),
            defects: BTreeSet::new(),
        }
    }
}

impl config::Config for Config {
    const LIVE: &'static [&'static str] = &["backoff", "call_timeout_ms"];

    fn validate(&self) -> Result<(), Invalid> {
        let products = self.products;
        Invalid::unless((1..=1_000).contains(&products), "products", "1 to 1000", products)?;
        let day = 86_400_000;
        for (field, value) in [
            ("keep_alive_interval_ms", self.keep_alive_interval_ms),
            ("keep_alive_timeout_ms", self.keep_alive_timeout_ms),
            ("call_timeout_ms", self.call_timeout_ms),
        ] {
            Invalid::unless((1..=day).contains(&value), field, "1 to 86400000", value)?;
        }
        let silence = self.keep_alive_interval_ms + self.keep_alive_timeout_ms;
        let expected = format!("at least the two of keep_alive together ({silence})");
        let stale = self.stale_max_ms;
        Invalid::unless(stale >= silence, "stale_max_ms", expected, stale)?;
        self.backoff.validate()?;
        self.inventory()?;
        self.http.validate()?;
        self.grpc.validate()
    }
}

impl Config {
    pub(super) fn inventory(&self) -> Result<Uri, Invalid> {
        endpoint("inventory", &self.inventory, None)
    }

    pub(super) fn has(&self, defect: Defect) -> bool {
        self.defects.contains(&defect)
    }

    pub(super) fn call_timeout(&self) -> Duration {
        Duration::from_millis(self.call_timeout_ms)
    }

    pub(super) fn stale_max(&self) -> Duration {
        Duration::from_millis(self.stale_max_ms)
    }

    /// How long the inventory can have been gone without this service having noticed.
    pub(super) fn unnoticed(&self) -> Duration {
        Duration::from_millis(self.keep_alive_interval_ms + self.keep_alive_timeout_ms)
    }

    pub(super) fn cpu(&self) -> Option<Duration> {
        (self.cpu_us > 0).then(|| Duration::from_micros(self.cpu_us))
    }
}
