//! What a fault is called, and what its count counts.

use super::{Direction, Fault, FaultKind, Target};

/// Which part of the harness performs a kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Performer {
    Network,
    Process,
    Disk,
    Names,
    Clock,
    Service,
    Load,
}

impl FaultKind {
    /// The kind's name, as in the reference table of the docs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Jitter { .. } => "jitter",
            Self::Loss { .. } => "loss",
            Self::Duplicate { .. } => "duplicate",
            Self::Reorder { .. } => "reorder",
            Self::Corrupt { .. } => "corrupt",
            Self::Bandwidth { .. } => "bandwidth",
            Self::Partition => "partition",
            Self::Flap { .. } => "flap",
            Self::Blackhole => "blackhole",
            Self::HalfOpen => "half_open",
            Self::Reset => "reset",
            Self::Refuse => "refuse",
            Self::Timeout { .. } => "timeout",
            Self::ResetPeer { .. } => "reset_peer",
            Self::SlowClose { .. } => "slow_close",
            Self::Slicer { .. } => "slicer",
            Self::LimitData { .. } => "limit_data",
            Self::Crash => "crash",
            Self::PowerLoss => "power_loss",
            Self::TornWrite => "torn_write",
            Self::CrashLoop { .. } => "crash_loop",
            Self::Restart { .. } => "restart",
            Self::Pause => "pause",
            Self::SlowCpu { .. } => "slow_cpu",
            Self::DiskFull => "disk_full",
            Self::DiskError { .. } => "disk_error",
            Self::SlowDisk { .. } => "slow_disk",
            Self::CorruptDisk { .. } => "corrupt_disk",
            Self::ClockSkew { .. } => "clock_skew",
            Self::ClockJump { .. } => "clock_jump",
            Self::ClockDrift { .. } => "clock_drift",
            Self::DnsFailure => "dns_failure",
            Self::SlowDns { .. } => "slow_dns",
            Self::StaleDns { .. } => "stale_dns",
            Self::FailFirst { .. } => "fail_first",
            Self::FailFraction { .. } => "fail_fraction",
            Self::ErrorCode { .. } => "error_code",
            Self::SlowAnswer { .. } => "slow_answer",
            Self::Hang => "hang",
            Self::CorruptAnswer { .. } => "corrupt_answer",
            Self::TruncateAnswer { .. } => "truncate_answer",
            Self::Burst { .. } => "burst",
            Self::Ramp { .. } => "ramp",
            Self::Stampede { .. } => "stampede",
            Self::Disconnect { .. } => "disconnect",
        }
    }

    /// What the count of affected things counts.
    #[must_use]
    pub fn counts(&self) -> &'static str {
        match self {
            Self::Latency { .. } | Self::Jitter { .. } => "packets delayed",
            Self::Loss { .. } | Self::Corrupt { .. } => "packets lost",
            Self::Duplicate { .. } => "packets duplicated",
            Self::Reorder { .. } => "packets overtaken",
            Self::Bandwidth { .. } => "packets throttled",
            Self::Partition | Self::Flap { .. } | Self::Blackhole | Self::HalfOpen => {
                "packets dropped"
            }
            Self::Timeout { .. } => "packets dropped or connections closed",
            Self::Reset | Self::ResetPeer { .. } => "connections reset",
            Self::LimitData { .. } => "connections ended",
            Self::Refuse => "connections refused",
            Self::SlowClose { .. } => "closes delayed",
            Self::Slicer { .. } => "segments sliced",
            Self::Crash | Self::PowerLoss | Self::CrashLoop { .. } => "processes killed",
            Self::Restart { .. } => "processes stopped",
            Self::Pause => "wake-ups held back",
            Self::SlowCpu { .. } => "pieces of work slowed",
            Self::TornWrite => "writes torn",
            Self::DiskFull => "writes refused",
            Self::DiskError { .. } => "disk operations failed",
            Self::SlowDisk { .. } => "disk operations slowed",
            Self::CorruptDisk { .. } => "reads corrupted",
            Self::ClockSkew { .. } | Self::ClockJump { .. } | Self::ClockDrift { .. } => {
                "wrong readings of clocks"
            }
            Self::DnsFailure => "look-ups failed",
            Self::SlowDns { .. } => "look-ups delayed",
            Self::StaleDns { .. } => "look-ups misled",
            Self::FailFirst { .. } | Self::FailFraction { .. } | Self::ErrorCode { .. } => {
                "requests failed"
            }
            Self::SlowAnswer { .. } => "requests delayed",
            Self::Hang => "requests hung",
            Self::CorruptAnswer { .. } => "answers corrupted",
            Self::TruncateAnswer { .. } => "answers truncated",
            Self::Burst { .. } | Self::Ramp { .. } | Self::Stampede { .. } => "requests added",
            Self::Disconnect { .. } => "clients disconnected",
        }
    }

    pub(crate) fn performer(&self) -> Performer {
        match self {
            Self::Crash
            | Self::PowerLoss
            | Self::TornWrite
            | Self::CrashLoop { .. }
            | Self::Restart { .. }
            | Self::Pause
            | Self::SlowCpu { .. } => Performer::Process,
            Self::DiskFull
            | Self::DiskError { .. }
            | Self::SlowDisk { .. }
            | Self::CorruptDisk { .. } => Performer::Disk,
            Self::ClockSkew { .. } | Self::ClockJump { .. } | Self::ClockDrift { .. } => {
                Performer::Clock
            }
            Self::DnsFailure | Self::SlowDns { .. } | Self::StaleDns { .. } => Performer::Names,
            Self::FailFirst { .. }
            | Self::FailFraction { .. }
            | Self::ErrorCode { .. }
            | Self::SlowAnswer { .. }
            | Self::Hang
            | Self::CorruptAnswer { .. }
            | Self::TruncateAnswer { .. } => Performer::Service,
            Self::Burst { .. }
            | Self::Ramp { .. }
            | Self::Stampede { .. }
            | Self::Disconnect { .. } => Performer::Load,
            _ => Performer::Network,
        }
    }

    /// The attributes, for people; empty when there are none.
    fn attributes(&self) -> String {
        match self {
            Self::Latency { latency, jitter } if jitter.is_zero() => format!("{latency:?}"),
            Self::Latency { latency, jitter } => format!("{latency:?} ± {jitter:?}"),
            Self::Jitter { jitter } => format!("up to {jitter:?}"),
            Self::Loss { rate }
            | Self::Duplicate { rate }
            | Self::Corrupt { rate }
            | Self::DiskError { rate }
            | Self::CorruptDisk { rate }
            | Self::CorruptAnswer { rate }
            | Self::TruncateAnswer { rate } => percent(*rate),
            Self::Reorder { rate, by } => format!("{} by {by:?}", percent(*rate)),
            Self::Bandwidth { rate } => format!("{rate} KB/s"),
            Self::Flap { down, up } => format!("{down:?} down, {up:?} up"),
            Self::Timeout { timeout } | Self::ResetPeer { timeout } => format!("after {timeout:?}"),
            Self::SlowClose { delay } | Self::SlowAnswer { delay } | Self::SlowDns { delay } => {
                format!("{delay:?}")
            }
            Self::ClockSkew { by_ms } | Self::ClockJump { by_ms } => format!("{by_ms:+} ms"),
            Self::ClockDrift { rate } => format!("{:+} %", (rate * 1e8).round() / 1e6),
            Self::StaleDns { name, old } => format!("{name} is {old}"),
            Self::Slicer { average_size, size_variation, delay } => {
                format!("{average_size} ± {size_variation} B every {delay:?}")
            }
            Self::LimitData { bytes } => format!("{bytes} B"),
            Self::CrashLoop { up, down } => format!("{up:?} up, {down:?} down"),
            Self::Restart { grace } => format!("grace {grace:?}"),
            Self::SlowCpu { factor }
            | Self::SlowDisk { factor }
            | Self::Burst { factor }
            | Self::Ramp { factor } => {
                // As people write it: 3x, 3.33x.
                format!("{}x", (factor * 100.0).round() / 100.0)
            }
            Self::FailFirst { requests, status } => format!("{requests} with {status}"),
            Self::FailFraction { rate, status } => format!("{} with {status}", percent(*rate)),
            Self::ErrorCode { status } => status.to_string(),
            Self::Stampede { requests } => requests.to_string(),
            Self::Disconnect { rate, after } => format!("{} after {after:?}", percent(*rate)),
            Self::Partition
            | Self::Blackhole
            | Self::HalfOpen
            | Self::Reset
            | Self::Refuse
            | Self::Crash
            | Self::PowerLoss
            | Self::TornWrite
            | Self::DiskFull
            | Self::DnsFailure
            | Self::Pause
            | Self::Hang => String::new(),
        }
    }
}

fn percent(rate: f64) -> String {
    format!("{} %", rate * 100.0)
}

impl Fault {
    /// Kind, target and attributes in one line for people.
    #[must_use]
    pub fn label(&self) -> String {
        let attributes = self.kind.attributes();
        let place = match &self.target {
            Target::Host { host, direction: Direction::Upstream } => format!(" towards {host}"),
            Target::Host { host, .. } => format!(" at {host}"),
            Target::Between { a, b, direction } => {
                let (a, b) = (a.join("+"), b.join("+"));
                match direction {
                    Direction::Both => format!(" between {a} and {b}"),
                    Direction::Downstream => format!(" from {a} to {b}"),
                    Direction::Upstream => format!(" from {b} to {a}"),
                }
            }
            Target::Load => " of the load".to_owned(),
        };
        match attributes.as_str() {
            "" => format!("{}{place}", self.kind.name()),
            attributes => format!("{}{place}: {attributes}", self.kind.name()),
        }
    }
}

impl Fault {
    /// Does the fault act on the host with this name as a whole?
    pub(crate) fn is_on(&self, name: &str) -> bool {
        matches!(&self.target, Target::Host { host, .. } if host == name)
    }
}
