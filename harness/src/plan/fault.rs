//! Faults: what is broken, where, from when until when.
//!
//! Each kind has a function of its name that begins one; [`from`](FaultBuilder::from) and
//! [`until`](FaultBuilder::until) say when, and end in plain data. A fault is nothing without its
//! heal, so `until` is what makes it whole:
//!
//! ```
//! use std::time::Duration;
//! use squall::plan::{latency, partition};
//!
//! let slow = latency("reviews", Duration::from_millis(400))
//!     .from(Duration::from_secs(2))
//!     .until(Duration::from_secs(4));
//! let cut = partition("api", "pricing").from(Duration::from_secs(2)).until(Duration::from_secs(3));
//! assert_eq!(slow.kind.name(), "latency");
//! assert_eq!(cut.label(), "partition between api and pricing");
//! ```
//!
//! The kinds that Toxiproxy has too (`latency`, `bandwidth`, `slow_close`, `timeout`,
//! `reset_peer`, `slicer`, `limit_data`) have its names and attributes, and act on what the
//! target sends (`downstream`), as they do there. Where they differ in what they do, the reference in
//! the documentation says how.

mod builders;
mod describe;
pub(crate) use describe::Performer;

pub use builders::{
    FaultBuilder, bandwidth, blackhole, burst, clock_drift, clock_jump, clock_skew, corrupt,
    corrupt_answer, corrupt_disk, crash, crash_loop, disconnect, disk_error, disk_full,
    dns_failure, duplicate, error_code, fail_first, fail_fraction, flap, half_open, hang, jitter,
    latency, limit_data, loss, partition, partition_groups, partition_one_way, pause, power_loss,
    ramp, refuse, reorder, reset, reset_peer, restart, slicer, slow_answer, slow_close, slow_cpu,
    slow_disk, slow_dns, stale_dns, stampede, timeout, torn_write, truncate_answer,
};

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis;

/// One fault of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fault {
    /// What is broken.
    pub kind: FaultKind,
    /// Where.
    pub target: Target,
    /// From when, counted from the beginning of the load.
    #[serde(rename = "inject_ms", with = "millis")]
    pub inject: Duration,
    /// Until when.
    #[serde(rename = "heal_ms", with = "millis")]
    pub heal: Duration,
    /// By how much later it is injected and healed at the most: each seed draws another time.
    #[serde(
        rename = "spread_ms",
        with = "millis",
        default,
        skip_serializing_if = "Duration::is_zero"
    )]
    pub spread: Duration,
}

/// Where a fault acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Target {
    /// A host: its process, its service, or all of its traffic.
    Host {
        /// The host.
        host: String,
        /// Which of its traffic, for a fault of the network.
        direction: Direction,
    },
    /// The traffic between two groups of hosts.
    Between {
        /// One group.
        a: Vec<String>,
        /// The other group.
        b: Vec<String>,
        /// `Downstream` for what `a` sends to `b` only.
        direction: Direction,
    },
    /// The load.
    Load,
}

/// Which traffic of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// What it sends.
    Downstream,
    /// What is sent to it.
    Upstream,
    /// All.
    Both,
}

/// What is broken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// Every packet takes longer.
    Latency {
        /// By this.
        #[serde(rename = "latency_ms", with = "millis")]
        latency: Duration,
        /// Plus or minus up to this.
        #[serde(rename = "jitter_ms", with = "millis")]
        jitter: Duration,
    },
    /// Packets take longer by up to this, each by another time.
    Jitter {
        /// The most.
        #[serde(rename = "jitter_ms", with = "millis")]
        jitter: Duration,
    },
    /// Packets are lost.
    Loss {
        /// Which share.
        rate: f64,
    },
    /// Packets arrive twice.
    Duplicate {
        /// Which share.
        rate: f64,
    },
    /// Packets are overtaken by later ones.
    Reorder {
        /// Which share.
        rate: f64,
        /// How much later they arrive.
        #[serde(rename = "by_ms", with = "millis")]
        by: Duration,
    },
    /// Packets arrive damaged: lost, to TCP and to UDP with its checksum.
    Corrupt {
        /// Which share.
        rate: f64,
    },
    /// Only so much gets through; the rest waits.
    Bandwidth {
        /// Kilobytes per second.
        rate: u64,
    },
    /// Nothing gets through.
    Partition,
    /// Nothing gets through, then everything, in turn.
    Flap {
        /// How long nothing does.
        #[serde(rename = "down_ms", with = "millis")]
        down: Duration,
        /// How long everything does.
        #[serde(rename = "up_ms", with = "millis")]
        up: Duration,
    },
    /// Everything that the target sends or is sent vanishes.
    Blackhole,
    /// Connections that exist vanish without a word; new ones work.
    HalfOpen,
    /// All connections are reset at once.
    Reset,
    /// Connection attempts are refused.
    Refuse,
    /// Data vanishes; connections are closed after a while (at the heal, if zero).
    Timeout {
        /// After this, counted from the last data that vanished.
        #[serde(rename = "timeout_ms", with = "millis")]
        timeout: Duration,
    },
    /// Connections are reset after a while (at once, if zero).
    ResetPeer {
        /// After this, counted from the first packet that the fault sees.
        #[serde(rename = "timeout_ms", with = "millis")]
        timeout: Duration,
    },
    /// Closing a connection takes longer.
    SlowClose {
        /// By this.
        #[serde(rename = "delay_ms", with = "millis")]
        delay: Duration,
    },
    /// Data arrives in small pieces.
    Slicer {
        /// Bytes in a piece on average.
        average_size: u32,
        /// Bytes more or less.
        size_variation: u32,
        /// The pause between two pieces.
        #[serde(rename = "delay_ms", with = "millis")]
        delay: Duration,
    },
    /// A stream ends after so much data.
    LimitData {
        /// Bytes of payload.
        bytes: u64,
    },
    /// The process dies; its kernel closes its sockets. Healed by a new start.
    Crash,
    /// The machine loses its power: silence. Healed by a new start.
    PowerLoss,
    /// The machine loses its power in the middle of a write. Healed by a new start.
    TornWrite,
    /// The process dies again and again.
    CrashLoop {
        /// How long it lives each time.
        #[serde(rename = "up_ms", with = "millis")]
        up: Duration,
        /// How long it takes to start again.
        #[serde(rename = "down_ms", with = "millis")]
        down: Duration,
    },
    /// The service is asked to stop gracefully, killed if it does not, and started at the heal.
    Restart {
        /// How long it may take to stop.
        #[serde(rename = "grace_ms", with = "millis")]
        grace: Duration,
    },
    /// The process stands still (SIGSTOP, a long garbage collection).
    Pause,
    /// The processor takes so many times as long.
    SlowCpu {
        /// How many.
        factor: f64,
    },
    /// No file can grow.
    DiskFull,
    /// What the disk is asked for fails.
    DiskError {
        /// In which share of the operations.
        rate: f64,
    },
    /// The disk takes so many times as long.
    SlowDisk {
        /// How many.
        factor: f64,
    },
    /// Bits of what is read are flipped.
    CorruptDisk {
        /// In which share of the reads.
        rate: f64,
    },
    /// The wall clock comes to be off, and right again, without a step.
    ClockSkew {
        /// By this in milliseconds: ahead if positive, behind if negative.
        by_ms: i64,
    },
    /// The wall clock jumps, and jumps back at the heal.
    ClockJump {
        /// By this in milliseconds: ahead if positive, back if negative.
        by_ms: i64,
    },
    /// The clocks run faster or slower, and timers with them.
    ClockDrift {
        /// By which share: faster if positive, slower if negative.
        rate: f64,
    },
    /// Look-ups of names fail.
    DnsFailure,
    /// Look-ups of names take longer.
    SlowDns {
        /// By this.
        #[serde(rename = "delay_ms", with = "millis")]
        delay: Duration,
    },
    /// Look-ups of a name answer with the address of another host.
    StaleDns {
        /// The name that is looked up.
        name: String,
        /// The host whose address is the answer.
        old: String,
    },
    /// The service answers the first requests with an error.
    FailFirst {
        /// How many.
        requests: u64,
        /// The HTTP status; a gRPC call gets the status that corresponds.
        status: u16,
    },
    /// The service answers a share of the requests with an error.
    FailFraction {
        /// Which share.
        rate: f64,
        /// The HTTP status; a gRPC call gets the status that corresponds.
        status: u16,
    },
    /// The service answers every request with an error.
    ErrorCode {
        /// The HTTP status; a gRPC call gets the status that corresponds.
        status: u16,
    },
    /// The service answers late.
    SlowAnswer {
        /// By this.
        #[serde(rename = "delay_ms", with = "millis")]
        delay: Duration,
    },
    /// The service takes requests and never answers.
    Hang,
    /// Bits of the answer's body are flipped.
    CorruptAnswer {
        /// In which share of the answers.
        rate: f64,
    },
    /// The answer's body breaks off in the middle.
    TruncateAnswer {
        /// In which share of the answers.
        rate: f64,
    },
    /// The load is so many times as high.
    Burst {
        /// How many.
        factor: f64,
    },
    /// The load rises linearly.
    Ramp {
        /// To so many times as high.
        factor: f64,
    },
    /// Additional requests, all at the same instant.
    Stampede {
        /// How many.
        requests: u32,
    },
    /// Clients go away in the middle of a request.
    Disconnect {
        /// Which share of them.
        rate: f64,
        /// How long after it was sent.
        #[serde(rename = "after_ms", with = "millis")]
        after: Duration,
    },
}
