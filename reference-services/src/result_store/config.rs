//! What can be configured of the result store.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::Defect;
use crate::{
    config::{self, Invalid},
    server::{GrpcLimits, Limits},
};

/// The configuration of the result store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Address to listen on, gRPC, `host:port`. Default `127.0.0.1:50072`.
    pub listen: String,
    /// Address for probes and metrics, HTTP. Default `127.0.0.1:8072`.
    pub listen_probes: String,
    /// The journal. Its folder is made if it is not there. Default `result-data/results.journal`.
    pub journal: PathBuf,
    /// Results kept; further ones are refused. Default 1000000.
    pub results_max: usize,
    /// Bytes that they have together; further ones are refused. Default 256 MiB.
    pub bytes_max: u64,
    /// Size of one result. Default 65536.
    pub result_bytes_max: usize,
    /// A journal shorter than this is not rewritten, however much of it is history. Default
    /// 1 MiB.
    pub compact_bytes_min: u64,
    /// Time for what is in flight when the service stops. Default 10000.
    pub drain_ms: u64,
    /// Processor time of one call, for simulations; 0 states none. Default 20.
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
            listen: "127.0.0.1:50072".to_owned(),
            listen_probes: "127.0.0.1:8072".to_owned(),
            journal: PathBuf::from("result-data/results.journal"),
            results_max: 1_000_000,
            bytes_max: 256 << 20,
            result_bytes_max: 64 * 1024,
            compact_bytes_min: 1 << 20,
            drain_ms: 10_000,
            cpu_us: 20,
            http: Limits::default(),
            grpc: GrpcLimits::default(),
            defects: BTreeSet::new(),
        }
    }
}

impl config::Config for Config {
    const LIVE: &'static [&'static str] = &["results_max", "bytes_max"];

    fn validate(&self) -> Result<(), Invalid> {
        let at_least_one = [
            ("results_max", self.results_max as u64),
            ("bytes_max", self.bytes_max),
            ("result_bytes_max", self.result_bytes_max as u64),
        ];
        for (field, value) in at_least_one {
            Invalid::unless(value >= 1, field, "at least 1", value)?;
        }
        let mib = 1 << 20;
        let bytes = self.result_bytes_max;
        Invalid::unless(bytes <= mib, "result_bytes_max", "at most 1048576", bytes)?;
        let named = self.journal.file_name().is_some();
        Invalid::unless(named, "journal", "the path of a file", self.journal.display())?;
        self.grpc.validate()?;
        self.http.validate()
    }
}

impl Config {
    pub(super) fn cpu(&self) -> Option<Duration> {
        (self.cpu_us > 0).then(|| Duration::from_micros(self.cpu_us))
    }
}
