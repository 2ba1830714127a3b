//! One function for each kind of fault.

use std::time::Duration;

use super::{
    ClockFault, Direction, DiskFault, Fault, FaultKind, LoadFault, NameFault, NetworkFault,
    ProcessFault, ServiceFault, Target,
};

/// A fault that still needs its times.
#[derive(Clone, Debug)]
#[must_use = "a fault acts only once it has its times, with `from` and `until`, and is in a plan"]
pub struct FaultBuilder {
    kind: FaultKind,
    target: Target,
    inject: Duration,
    spread: Duration,
}

impl FaultBuilder {
    /// Injects the fault at this time, counted from the beginning of the load.
    pub fn from(mut self, inject: Duration) -> Self {
        self.inject = inject;
        self
    }

    /// Heals the fault at this time, counted from the beginning of the load.
    #[must_use]
    pub fn until(self, heal: Duration) -> Fault {
        let Self { kind, target, inject, spread } = self;
        Fault { kind, target, inject, heal, spread }
    }

    /// Injects and heals the fault later than its times say, by up to `spread`: at a random
    /// instant, which each seed draws again.
    pub fn spread(mut self, spread: Duration) -> Self {
        self.spread = spread;
        self
    }

    /// Heals the fault this long after its injection.
    #[must_use]
    pub fn lasting(self, duration: Duration) -> Fault {
        let heal = self.inject + duration;
        self.until(heal)
    }

    /// Acts on what is sent to the target, not on what the target sends.
    pub fn upstream(self) -> Self {
        self.direction(Direction::Upstream)
    }

    /// Acts on what the target sends.
    pub fn downstream(self) -> Self {
        self.direction(Direction::Downstream)
    }

    /// Acts on all traffic of the target.
    pub fn both_ways(self) -> Self {
        self.direction(Direction::Both)
    }

    /// Acts only on the traffic with this other host.
    pub fn with_peer(mut self, peer: &str) -> Self {
        if let Target::Host { host, direction } = self.target {
            self.target = Target::Between { a: vec![host], b: vec![peer.to_owned()], direction };
        }
        self
    }

    /// Lets a [`latency`] vary by up to `jitter` more or less.
    ///
    /// # Panics
    ///
    /// When the fault is another: [`jitter`](fn@jitter) alone is a fault of its own.
    #[track_caller]
    pub fn jitter(mut self, jitter: Duration) -> Self {
        let FaultKind::Network(NetworkFault::Latency { jitter: of_latency, .. }) = &mut self.kind
        else {
            panic!("expected a latency to vary, found the fault {}", self.kind.name());
        };
        *of_latency = jitter;
        self
    }

    fn direction(mut self, new: Direction) -> Self {
        if let Target::Host { direction, .. } | Target::Between { direction, .. } = &mut self.target
        {
            *direction = new;
        }
        self
    }
}

fn on(host: &str, direction: Direction, kind: impl Into<FaultKind>) -> FaultBuilder {
    let target = Target::Host { host: host.to_owned(), direction };
    FaultBuilder { kind: kind.into(), target, inject: Duration::ZERO, spread: Duration::ZERO }
}

fn between(a: &[&str], b: &[&str], direction: Direction, fault: NetworkFault) -> FaultBuilder {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let target = Target::Between { a: owned(a), b: owned(b), direction };
    FaultBuilder { kind: fault.into(), target, inject: Duration::ZERO, spread: Duration::ZERO }
}

fn load(fault: LoadFault) -> FaultBuilder {
    FaultBuilder {
        kind: fault.into(),
        target: Target::Load,
        inject: Duration::ZERO,
        spread: Duration::ZERO,
    }
}

/// What `host` sends takes longer by `latency`.
pub fn latency(host: &str, latency: Duration) -> FaultBuilder {
    on(host, Direction::Downstream, NetworkFault::Latency { latency, jitter: Duration::ZERO })
}

/// What `host` sends takes longer by up to `jitter`.
pub fn jitter(host: &str, jitter: Duration) -> FaultBuilder {
    on(host, Direction::Downstream, NetworkFault::Jitter { jitter })
}

/// This share of the packets that `host` sends or is sent is lost.
pub fn loss(host: &str, rate: f64) -> FaultBuilder {
    on(host, Direction::Both, NetworkFault::Loss { rate })
}

/// This share of the packets that `host` sends or is sent arrives twice.
pub fn duplicate(host: &str, rate: f64) -> FaultBuilder {
    on(host, Direction::Both, NetworkFault::Duplicate { rate })
}

/// This share of the packets that `host` sends or is sent arrives later by `by`.
pub fn reorder(host: &str, rate: f64, by: Duration) -> FaultBuilder {
    on(host, Direction::Both, NetworkFault::Reorder { rate, by })
}

/// This share of the packets that `host` sends or is sent arrives damaged.
pub fn corrupt(host: &str, rate: f64) -> FaultBuilder {
    on(host, Direction::Both, NetworkFault::Corrupt { rate })
}

/// `host` can send `rate` kilobytes per second.
pub fn bandwidth(host: &str, rate: u64) -> FaultBuilder {
    on(host, Direction::Downstream, NetworkFault::Bandwidth { rate })
}

/// Nothing gets from `a` to `b` or from `b` to `a`.
pub fn partition(a: &str, b: &str) -> FaultBuilder {
    between(&[a], &[b], Direction::Both, NetworkFault::Partition)
}

/// Nothing gets from `from` to `to`; the other way is open.
pub fn partition_one_way(from: &str, to: &str) -> FaultBuilder {
    between(&[from], &[to], Direction::Downstream, NetworkFault::Partition)
}

/// Nothing gets from one group of hosts to the other or back.
pub fn partition_groups(a: &[&str], b: &[&str]) -> FaultBuilder {
    between(a, b, Direction::Both, NetworkFault::Partition)
}

/// Nothing gets from `a` to `b` or back for `down`, everything for `up`, in turn.
pub fn flap(a: &str, b: &str, down: Duration, up: Duration) -> FaultBuilder {
    between(&[a], &[b], Direction::Both, NetworkFault::Flap { down, up })
}

/// Everything that `host` sends or is sent vanishes.
pub fn blackhole(host: &str) -> FaultBuilder {
    on(host, Direction::Both, NetworkFault::Blackhole)
}

/// Connections that `host` has vanish without a word; new ones work.
pub fn half_open(host: &str) -> FaultBuilder {
    on(host, Direction::Both, NetworkFault::HalfOpen)
}

/// All connections of `host` are reset at once.
pub fn reset(host: &str) -> FaultBuilder {
    on(host, Direction::Both, NetworkFault::Reset)
}

/// Connection attempts to `host` are refused.
pub fn refuse(host: &str) -> FaultBuilder {
    on(host, Direction::Upstream, NetworkFault::Refuse)
}

/// What `host` sends vanishes; its connections are closed after `timeout`, or at the heal.
pub fn timeout(host: &str, timeout: Duration) -> FaultBuilder {
    on(host, Direction::Downstream, NetworkFault::Timeout { timeout })
}

/// Connections of `host` are reset `timeout` after their next packet.
pub fn reset_peer(host: &str, timeout: Duration) -> FaultBuilder {
    on(host, Direction::Downstream, NetworkFault::ResetPeer { timeout })
}

/// When `host` closes a connection, the peer learns it later by `delay`.
pub fn slow_close(host: &str, delay: Duration) -> FaultBuilder {
    on(host, Direction::Downstream, NetworkFault::SlowClose { delay })
}

/// What `host` sends arrives in pieces of `average_size` bytes, `size_variation` more or less,
/// with `delay` between them.
pub fn slicer(host: &str, average_size: u32, size_variation: u32, delay: Duration) -> FaultBuilder {
    on(host, Direction::Downstream, NetworkFault::Slicer { average_size, size_variation, delay })
}

/// What `host` sends on a connection ends after `bytes`.
pub fn limit_data(host: &str, bytes: u64) -> FaultBuilder {
    on(host, Direction::Downstream, NetworkFault::LimitData { bytes })
}

/// The process on `host` dies, and starts again at the heal.
pub fn crash(host: &str) -> FaultBuilder {
    on(host, Direction::Both, ProcessFault::Crash)
}

/// `host` loses its power, and starts again at the heal.
pub fn power_loss(host: &str) -> FaultBuilder {
    on(host, Direction::Both, ProcessFault::PowerLoss)
}

/// `host` loses its power in the middle of writing, and starts again at the heal: of each file,
/// the last write that was not synced is there in part.
pub fn torn_write(host: &str) -> FaultBuilder {
    on(host, Direction::Both, ProcessFault::TornWrite)
}

/// The process on `host` dies after `up` each time, and starts again after `down`.
pub fn crash_loop(host: &str, up: Duration, down: Duration) -> FaultBuilder {
    on(host, Direction::Both, ProcessFault::CrashLoop { up, down })
}

/// The service on `host` is asked to stop, killed after `grace`, and started at the heal.
pub fn restart(host: &str, grace: Duration) -> FaultBuilder {
    on(host, Direction::Both, ProcessFault::Restart { grace })
}

/// The process on `host` stands still.
pub fn pause(host: &str) -> FaultBuilder {
    on(host, Direction::Both, ProcessFault::Pause)
}

/// The processor of `host` takes `factor` times as long.
pub fn slow_cpu(host: &str, factor: f64) -> FaultBuilder {
    on(host, Direction::Both, ProcessFault::SlowCpu { factor })
}

/// No file on `host` can grow.
pub fn disk_full(host: &str) -> FaultBuilder {
    on(host, Direction::Both, DiskFault::Full)
}

/// This share of what the disk of `host` is asked for fails.
pub fn disk_error(host: &str, rate: f64) -> FaultBuilder {
    on(host, Direction::Both, DiskFault::Error { rate })
}

/// The disk of `host` takes `factor` times as long.
pub fn slow_disk(host: &str, factor: f64) -> FaultBuilder {
    on(host, Direction::Both, DiskFault::Slow { factor })
}

/// This share of what `host` reads from its disk has a flipped bit.
pub fn corrupt_disk(host: &str, rate: f64) -> FaultBuilder {
    on(host, Direction::Both, DiskFault::Corrupt { rate })
}

/// The wall clock of `host` comes to be off by `by_ms` without a step: ahead if positive, behind if
/// negative. It gains or loses half a second per second on the way there, and on the way back after
/// the heal.
pub fn clock_skew(host: &str, by_ms: i64) -> FaultBuilder {
    on(host, Direction::Both, ClockFault::Skew { by_ms })
}

/// The wall clock of `host` jumps by `by_ms` (back, if negative), and back to the right time at the
/// heal.
pub fn clock_jump(host: &str, by_ms: i64) -> FaultBuilder {
    on(host, Direction::Both, ClockFault::Jump { by_ms })
}

/// The clocks of `host` run faster by this share, or slower if it is negative, and its timers fire
/// early or late. At the heal the wall clock is set right; the monotonic clock goes on from where
/// it is.
pub fn clock_drift(host: &str, rate: f64) -> FaultBuilder {
    on(host, Direction::Both, ClockFault::Drift { rate })
}

/// Look-ups of names that `host` makes fail.
pub fn dns_failure(host: &str) -> FaultBuilder {
    on(host, Direction::Both, NameFault::Failure)
}

/// Look-ups of names that `host` makes take longer by `delay`.
pub fn slow_dns(host: &str, delay: Duration) -> FaultBuilder {
    on(host, Direction::Both, NameFault::Slow { delay })
}

/// When `host` looks up `name`, the answer is the address of the host `old`.
pub fn stale_dns(host: &str, name: &str, old: &str) -> FaultBuilder {
    let (name, old) = (name.to_owned(), old.to_owned());
    on(host, Direction::Both, NameFault::Stale { name, old })
}

/// The service on `host` answers the first `requests` with this HTTP status.
pub fn fail_first(host: &str, requests: u64, status: u16) -> FaultBuilder {
    on(host, Direction::Both, ServiceFault::FailFirst { requests, status })
}

/// The service on `host` answers this share of the requests with this HTTP status.
pub fn fail_fraction(host: &str, rate: f64, status: u16) -> FaultBuilder {
    on(host, Direction::Both, ServiceFault::FailFraction { rate, status })
}

/// The service on `host` answers every request with this HTTP status.
pub fn error_code(host: &str, status: u16) -> FaultBuilder {
    on(host, Direction::Both, ServiceFault::ErrorCode { status })
}

/// The service on `host` answers later by `delay`.
pub fn slow_answer(host: &str, delay: Duration) -> FaultBuilder {
    on(host, Direction::Both, ServiceFault::SlowAnswer { delay })
}

/// The service on `host` takes requests and never answers.
pub fn hang(host: &str) -> FaultBuilder {
    on(host, Direction::Both, ServiceFault::Hang)
}

/// This share of the answers of `host` has flipped bits in its body.
pub fn corrupt_answer(host: &str, rate: f64) -> FaultBuilder {
    on(host, Direction::Both, ServiceFault::CorruptAnswer { rate })
}

/// This share of the answers of `host` breaks off in the middle of its body.
pub fn truncate_answer(host: &str, rate: f64) -> FaultBuilder {
    on(host, Direction::Both, ServiceFault::TruncateAnswer { rate })
}

/// The load is `factor` times as high.
pub fn burst(factor: f64) -> FaultBuilder {
    load(LoadFault::Burst { factor })
}

/// The load rises linearly to `factor` times as high.
pub fn ramp(factor: f64) -> FaultBuilder {
    load(LoadFault::Ramp { factor })
}

/// This many additional requests at the same instant.
pub fn stampede(requests: u32) -> FaultBuilder {
    load(LoadFault::Stampede { requests })
}

/// This share of the clients goes away `after` it has sent its request.
pub fn disconnect(rate: f64, after: Duration) -> FaultBuilder {
    load(LoadFault::Disconnect { rate, after })
}
