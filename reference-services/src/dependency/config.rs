//! What can be configured of a dependency.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tonic::Code;

use super::{Defect, Kind, Latency, StockConfig, WarmUp};
use crate::{
    config::{self, Invalid},
    server::GrpcLimits,
};

/// The configuration of a dependency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Which of the four it is. Default `inventory`.
    pub kind: Kind,
    /// Address to listen on. Default: loopback, with the [port of the kind](Kind::port).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// How long an answer takes. Default: [as the kind has it](Kind::latency).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// Calls worked on at once; further ones wait. Default 1024.
    pub concurrency: usize,
    /// How it begins after a start. Default: as it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
    /// Calls that may wait; further ones are refused with `resource-exhausted`. Default 1024.
    pub queue_max: usize,
    /// The first so many calls since the start fail. Default 0.
    pub fail_first: u64,
    /// Share of calls that fail, 0 to 1. Default 0.
    pub fail_fraction: f64,
    /// What a failing call fails with. Default `unavailable`.
    pub fail_code: FailCode,
    /// What calls that fail so, and those that are refused because too many wait, are told to wait
    /// before they come again, in `grpc-retry-pushback-ms`. Default: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u32>,
    /// Products are numbered from 1 to this; others are not found. Default 10,000,000.
    pub products: u64,
    /// Time for what is in flight when the service stops. Default 25000.
    pub drain_ms: u64,
    /// Processor time of one call, for simulations; 0 states none. Default 100.
    pub cpu_us: u64,
    /// How the stock of the inventory changes, and who may watch it.
    pub stock: StockConfig,
    /// The bounds of the gRPC server.
    pub grpc: GrpcLimits,
    /// Planted mistakes. Default none.
    pub defects: BTreeSet<Defect>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kind: Kind::default(),
            listen: None,
            latency: None,
            concurrency: 1024,
            warm_up: None,
            queue_max: 1024,
            fail_first: 0,
            fail_fraction: 0.0,
            fail_code: FailCode::default(),
            retry_after_ms: None,
            products: 10_000_000,
            drain_ms: 25_000,
            cpu_us: 100,
            stock: StockConfig::default(),
            grpc: GrpcLimits::default(),
            defects: BTreeSet::new(),
        }
    }
}

/// The gRPC status of a planned failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are gRPC's")]
pub enum FailCode {
    #[default]
    Unavailable,
    Aborted,
    Internal,
    Unknown,
    ResourceExhausted,
    DeadlineExceeded,
    FailedPrecondition,
    PermissionDenied,
}

impl From<FailCode> for Code {
    fn from(code: FailCode) -> Self {
        match code {
            FailCode::Unavailable => Self::Unavailable,
            FailCode::Aborted => Self::Aborted,
            FailCode::Internal => Self::Internal,
            FailCode::Unknown => Self::Unknown,
            FailCode::ResourceExhausted => Self::ResourceExhausted,
            FailCode::DeadlineExceeded => Self::DeadlineExceeded,
            FailCode::FailedPrecondition => Self::FailedPrecondition,
            FailCode::PermissionDenied => Self::PermissionDenied,
        }
    }
}

impl Config {
    /// The defaults of one of the four.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// The address to listen on.
    #[must_use]
    pub fn address(&self) -> String {
        self.listen.clone().unwrap_or_else(|| format!("127.0.0.1:{}", self.kind.port()))
    }
}

impl config::Config for Config {
    const LIVE: &'static [&'static str] =
        &["latency", "fail_fraction", "fail_code", "retry_after_ms", "queue_max"];

    fn validate(&self) -> Result<(), Invalid> {
        self.latency.unwrap_or(self.kind.latency()).validate()?;
        Invalid::unless(self.concurrency >= 1, "concurrency", "at least 1", self.concurrency)?;
        self.warm_up.map_or(Ok(()), |it| it.validate(self.concurrency))?;
        let fraction = self.fail_fraction;
        Invalid::unless((0.0..=1.0).contains(&fraction), "fail_fraction", "0 to 1", fraction)?;
        self.stock.validate()?;
        self.grpc.validate()
    }
}
