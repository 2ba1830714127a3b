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
//! Faults come in families, one for each part of a backend that performs faults, and each in a
//! file of its own: which there are, what they are called and count, and what can be wrong with
//! them. A performer matches its whole family, so that it cannot pass over a new fault in silence.
//!
//! The kinds that Toxiproxy has too (`latency`, `bandwidth`, `slow_close`, `timeout`,
//! `reset_peer`, `slicer`, `limit_data`) have its names and attributes, and act on what the
//! target sends (`downstream`), as they do there. Where they differ in what they do, the reference in
//! the documentation says how.

mod attribute;
mod builders;
mod clock;
mod describe;
mod disk;
mod load;
mod names;
mod network;
mod process;
mod service;

pub use builders::{
    FaultBuilder, bandwidth, blackhole, burst, clock_drift, clock_jump, clock_skew, corrupt,
    corrupt_answer, corrupt_disk, crash, crash_loop, disconnect, disk_error, disk_full,
    dns_failure, duplicate, error_code, fail_first, fail_fraction, flap, half_open, hang, jitter,
    latency, limit_data, loss, partition, partition_groups, partition_one_way, pause, power_loss,
    ramp, refuse, reorder, reset, reset_peer, restart, slicer, slow_answer, slow_close, slow_cpu,
    slow_disk, slow_dns, stale_dns, stampede, timeout, torn_write, truncate_answer,
};
pub use clock::ClockFault;
pub use disk::DiskFault;
pub use load::LoadFault;
pub use names::NameFault;
pub use network::NetworkFault;
pub use process::ProcessFault;
pub use service::ServiceFault;

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

/// What is broken, by its family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultKind {
    /// Packets and connections.
    Network(NetworkFault),
    /// The process of a host.
    Process(ProcessFault),
    /// The disk of a host.
    Disk(DiskFault),
    /// The clocks of a host.
    Clock(ClockFault),
    /// Look-ups of names that a host makes.
    Names(NameFault),
    /// How the service on a host answers.
    Service(ServiceFault),
    /// What the clients of the load do.
    Load(LoadFault),
}
