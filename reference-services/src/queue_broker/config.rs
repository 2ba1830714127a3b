//! What can be configured of the broker.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::Defect;
use crate::{
    config::{self, Invalid},
    server::{GrpcLimits, Limits},
};

/// The configuration of the broker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Address for jobs and operators, HTTP, `host:port`. Default `127.0.0.1:8050`.
    pub listen: String,
    /// Address for workers, gRPC. Default `127.0.0.1:50071`.
    pub listen_workers: String,
    /// The journal. Its folder is made if it is not there. Default `queue-data/jobs.journal`.
    pub journal: PathBuf,
    /// Jobs and dead letters; further jobs are turned away. Default 100000.
    pub jobs_max: usize,
    /// Bytes that they have together; further jobs are turned away. Default 256 MiB.
    pub bytes_max: u64,
    /// Ids of jobs that are done and still known, so that they are not accepted again. Default
    /// 100000.
    pub done_max: usize,
    /// Requests of clients and workers in flight. Default 20000.
    pub in_flight_max: usize,
    /// What `Retry-After` says to those turned away. Default 1.
    pub retry_after_s: u64,
    /// How long a worker has a job, unless it extends that. Default 30000.
    pub lease_ms: u64,
    /// Jobs handed out at once. Default 200.
    pub lease_jobs_max: usize,
    /// The longest that a worker may wait for a job. Default 10000.
    pub wait_ms_max: u64,
    /// Failures after which a job is a dead letter. Default 3.
    pub failures_max: usize,
    /// Leases that end by themselves, one after the other, after which a job is a dead letter: it may
    /// be what its workers die of. Default 10.
    pub expiries_max: u32,
    /// Dead letters that become jobs again by themselves.
    pub redrive: RedriveConfig,
    /// A journal shorter than this is not rewritten, however much of it is history. Default
    /// 1 MiB.
    pub compact_bytes_min: u64,
    /// Time for what is in flight when the service stops. Default 10000.
    pub drain_ms: u64,
    /// Processor time of one request, for simulations; 0 states none. Default 20.
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
            listen: "127.0.0.1:8050".to_owned(),
            listen_workers: "127.0.0.1:50071".to_owned(),
            journal: PathBuf::from("queue-data/jobs.journal"),
            jobs_max: 100_000,
            bytes_max: 256 << 20,
            done_max: 100_000,
            in_flight_max: 20_000,
            retry_after_s: 1,
            lease_ms: 30_000,
            lease_jobs_max: 200,
            wait_ms_max: 10_000,
            failures_max: 3,
            expiries_max: 10,
            redrive: RedriveConfig::default(),
            compact_bytes_min: 1 << 20,
            drain_ms: 10_000,
            cpu_us: 20,
            http: Limits::default(),
            grpc: GrpcLimits::default(),
            defects: BTreeSet::new(),
        }
    }
}

/// When dead letters are replayed without anybody asking for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct RedriveConfig {
    /// How long a job has been a dead letter by then; 0 for never. Default 0.
    pub after_ms: u64,
    /// How often this is done with a job, until somebody replays it. Default 3.
    pub times_max: u32,
    /// How many a second at the most. Default 50.
    pub per_second: u32,
}

impl Default for RedriveConfig {
    fn default() -> Self {
        Self { after_ms: 0, times_max: 3, per_second: 50 }
    }
}

impl config::Config for Config {
    const LIVE: &'static [&'static str] = &[
        "jobs_max",
        "bytes_max",
        "retry_after_s",
        "lease_jobs_max",
        "failures_max",
        "expiries_max",
        "redrive",
    ];

    fn validate(&self) -> Result<(), Invalid> {
        let at_least_one = [
            ("jobs_max", self.jobs_max as u64),
            ("bytes_max", self.bytes_max),
            ("in_flight_max", self.in_flight_max as u64),
            ("lease_jobs_max", self.lease_jobs_max as u64),
            ("failures_max", self.failures_max as u64),
            ("expiries_max", u64::from(self.expiries_max)),
            ("redrive.per_second", u64::from(self.redrive.per_second)),
        ];
        for (field, value) in at_least_one {
            Invalid::unless(value >= 1, field, "at least 1", value)?;
        }
        // The longest that still makes sense, and keeps the arithmetic in range.
        let hour = 3_600_000;
        let lease = self.lease_ms;
        Invalid::unless((100..=hour).contains(&lease), "lease_ms", "100 to 3600000", lease)?;
        let wait = self.wait_ms_max;
        Invalid::unless(wait <= hour, "wait_ms_max", "at most 3600000", wait)?;
        let after = self.redrive.after_ms;
        let day = 24 * hour;
        Invalid::unless(after <= day, "redrive.after_ms", "at most 86400000", after)?;
        let named = self.journal.file_name().is_some();
        Invalid::unless(named, "journal", "the path of a file", self.journal.display())?;
        self.grpc.validate()?;
        self.http.validate()
    }
}

impl Config {
    pub(super) fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    pub(super) fn cpu(&self) -> Option<Duration> {
        (self.cpu_us > 0).then(|| Duration::from_micros(self.cpu_us))
    }
}
