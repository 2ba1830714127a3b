//! What can be configured of a participant.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::Kind;
use crate::{
    config::{self, Invalid},
    dependency::Latency,
    server::{GrpcLimits, Limits},
};

/// The configuration of a participant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Which of the three it is. Default `stock`.
    pub kind: Kind,
    /// Address to listen on, gRPC, `host:port`. Default: loopback, with the [port of the
    /// kind](Kind::port).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen: Option<String>,
    /// Address for operators and probes, HTTP. Default: loopback, with the [port of the
    /// kind](Kind::http_port).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listen_http: Option<String>,
    /// The journal. Its folder is made if it is not there. Default `NAME-data/book.journal`, with the
    /// name of the kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal: Option<PathBuf>,
    /// Keys in the book; whatever would need another one is turned away. Default 1000000.
    pub entries_max: usize,
    /// How long it takes to do something or undo it. Default: log-normal around 5 ms.
    pub latency: Latency,
    /// Share of what is asked for that is refused for good, 0 to 1. Default 0.
    pub refuse_fraction: f64,
    /// Share of what is done or undone whose answer is an error all the same, 0 to 1. Default 0.
    pub lose_answer_fraction: f64,
    /// A journal shorter than this is not rewritten, however much of it is history. Default
    /// 1 MiB.
    pub compact_bytes_min: u64,
    /// Time for what is in flight when the service stops. Default 10000.
    pub drain_ms: u64,
    /// Processor time of one call, for simulations; 0 states none. Default 50.
    pub cpu_us: u64,
    /// The bounds of the HTTP server.
    pub http: Limits,
    /// The bounds of the gRPC server.
    pub grpc: GrpcLimits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            kind: Kind::default(),
            listen: None,
            listen_http: None,
            journal: None,
            entries_max: 1_000_000,
            latency: Latency::LogNormal { median_ms: 5.0, sigma: 0.3, cap_ms: 100.0 },
            refuse_fraction: 0.0,
            lose_answer_fraction: 0.0,
            compact_bytes_min: 1 << 20,
            drain_ms: 10_000,
            cpu_us: 50,
            http: Limits::default(),
            grpc: GrpcLimits::default(),
        }
    }
}

impl config::Config for Config {
    const LIVE: &'static [&'static str] = &["latency", "refuse_fraction", "lose_answer_fraction"];

    fn validate(&self) -> Result<(), Invalid> {
        Invalid::unless(self.entries_max >= 1, "entries_max", "at least 1", self.entries_max)?;
        self.latency.validate()?;
        for (field, value) in [
            ("refuse_fraction", self.refuse_fraction),
            ("lose_answer_fraction", self.lose_answer_fraction),
        ] {
            Invalid::unless((0.0..=1.0).contains(&value), field, "0 to 1", value)?;
        }
        let journal = self.journal();
        let named = journal.file_name().is_some();
        Invalid::unless(named, "journal", "the path of a file", journal.display())?;
        self.grpc.validate()?;
        self.http.validate()
    }
}

impl Config {
    /// The defaults of one of the three.
    #[must_use]
    pub fn new(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }

    pub(super) fn address(&self) -> String {
        self.listen.clone().unwrap_or_else(|| format!("127.0.0.1:{}", self.kind.port()))
    }

    pub(super) fn http_address(&self) -> String {
        self.listen_http.clone().unwrap_or_else(|| format!("127.0.0.1:{}", self.kind.http_port()))
    }

    pub(super) fn journal(&self) -> PathBuf {
        let default = || PathBuf::from(format!("{}-data/book.journal", self.kind));
        self.journal.clone().unwrap_or_else(default)
    }

    pub(super) fn cpu(&self) -> Option<Duration> {
        (self.cpu_us > 0).then(|| Duration::from_micros(self.cpu_us))
    }
}
