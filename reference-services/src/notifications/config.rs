//! What can be configured of the notifications.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::Defect;
use crate::{
    config::{self, Invalid},
    server::{GrpcLimits, Limits},
};

/// The configuration of the notifications.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Address to listen on, gRPC, `host:port`. Default `127.0.0.1:50084`.
    pub listen: String,
    /// Address for operators and probes, HTTP. Default `127.0.0.1:8094`.
    pub listen_http: String,
    /// The journal. Its folder is made if it is not there. Default
    /// `notifications-data/inbox.journal`.
    pub journal: PathBuf,
    /// Events that are still known, so that they have no effect again. At least 1024, which is far more
    /// than a relay has under way. Default 1000000.
    pub events_max: usize,
    /// A journal shorter than this is not rewritten, however much of it is history. Default
    /// 1 MiB.
    pub compact_bytes_min: u64,
    /// Time for what is in flight when the service stops. Default 10000.
    pub drain_ms: u64,
    /// Processor time of one event, for simulations; 0 states none. Default 50.
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
            listen: "127.0.0.1:50084".to_owned(),
            listen_http: "127.0.0.1:8094".to_owned(),
            journal: PathBuf::from("notifications-data/inbox.journal"),
            events_max: 1_000_000,
            compact_bytes_min: 1 << 20,
            drain_ms: 10_000,
            cpu_us: 50,
            http: Limits::default(),
            grpc: GrpcLimits::default(),
            defects: BTreeSet::new(),
        }
    }
}

impl config::Config for Config {
    const LIVE: &'static [&'static str] = &[];

    fn validate(&self) -> Result<(), Invalid> {
        Invalid::unless(self.events_max >= 1024, "events_max", "at least 1024", self.events_max)?;
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
