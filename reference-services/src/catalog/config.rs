//! What can be configured of the catalog source.

use serde::{Deserialize, Serialize};

use crate::{
    config::{self, Invalid},
    dependency::{self, FailCode, Latency},
    server::GrpcLimits,
};

/// The configuration of the catalog source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Address to listen on, `host:port`. Default `127.0.0.1:50061`.
    pub listen: String,
    /// Items are numbered from 1 to this. Default 1000.
    pub items: u64,
    /// Every item has another value after so long, at multiples of it since 1970; 0 for never.
    /// Default 0.
    pub changes_every_ms: u64,
    /// Items in a page unless asked for fewer. Default 100.
    pub page_size: u32,
    /// How long a page, or a single item, takes. Default 5 ms.
    pub latency: Latency,
    /// Pages and single items worked on at once; further ones wait. Default 64.
    pub concurrency: usize,
    /// How many may wait; further ones are refused with `resource-exhausted`. Default 1024.
    pub queue_max: usize,
    /// The first so many pages or items since the start fail. Default 0.
    pub fail_first: u64,
    /// Share of pages or items that fail, 0 to 1. Default 0.
    pub fail_fraction: f64,
    /// What they fail with. Default `unavailable`.
    pub fail_code: FailCode,
    /// The bounds of the gRPC server.
    pub grpc: GrpcLimits,
    /// Time for what is in flight when the service stops. Default 25000.
    pub drain_ms: u64,
    /// Processor time of a page or a single item, for simulations; 0 states none. Default 100.
    pub cpu_us: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:50061".to_owned(),
            items: 1000,
            changes_every_ms: 0,
            page_size: 100,
            latency: Latency::Constant { ms: 5.0 },
            concurrency: 64,
            queue_max: 1024,
            fail_first: 0,
            fail_fraction: 0.0,
            fail_code: FailCode::default(),
            grpc: GrpcLimits::default(),
            drain_ms: 25_000,
            cpu_us: 100,
        }
    }
}

impl Config {
    /// The behaviour is that of a dependency, with pages in place of calls.
    pub(super) fn behaviour(&self) -> dependency::Config {
        dependency::Config {
            latency: Some(self.latency),
            concurrency: self.concurrency,
            queue_max: self.queue_max,
            fail_first: self.fail_first,
            fail_fraction: self.fail_fraction,
            fail_code: self.fail_code,
            products: self.items,
            cpu_us: self.cpu_us,
            grpc: self.grpc.clone(),
            ..dependency::Config::default()
        }
    }
}

impl config::Config for Config {
    const LIVE: &'static [&'static str] = &["latency", "queue_max", "fail_fraction", "fail_code"];

    fn validate(&self) -> Result<(), Invalid> {
        let items = self.items;
        Invalid::unless(items <= 10_000_000, "items", "at most 10000000", items)?;
        let page = self.page_size;
        Invalid::unless((1..=1000).contains(&page), "page_size", "1 to 1000", page)?;
        self.behaviour().validate()
    }
}
