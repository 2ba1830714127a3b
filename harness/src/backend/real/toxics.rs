//! What the network faults are, to a proxy of streams.

use std::time::Duration;

use squall_proxy::{
    Attributes, Bandwidth, Latency, LimitData, ResetPeer, Slicer, SlowClose, Timeout,
};

use crate::plan::{Direction, Fault, FaultKind, NetworkFault, ProcessFault, Target};

/// What a proxy does for a fault.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// It has this toxic, for a moment only or until the heal.
    Toxic { attributes: Attributes, momentary: bool },
    /// It is switched off.
    Off,
}

/// What is held up for this long waits for the heal, whose removal of the toxic lets it go on.
const UNTIL_THE_HEAL: Duration = Duration::from_secs(365 * 24 * 3600);

impl Act {
    pub(super) fn is_momentary(&self) -> bool {
        matches!(self, Self::Toxic { momentary: true, .. })
    }
}

/// What a proxy does for a fault of this kind, or why it cannot.
pub(super) fn act_of(fault: &NetworkFault) -> Result<Act, &'static str> {
    let attributes = match fault {
        NetworkFault::Latency { latency, jitter } => {
            Attributes::Latency(Latency { latency: ms(*latency), jitter: ms(*jitter) })
        }
        // Up to so much is as much as half of it, more or less by as much.
        NetworkFault::Jitter { jitter } => {
            let half = ms(*jitter / 2);
            Attributes::Latency(Latency { latency: half, jitter: half })
        }
        NetworkFault::Bandwidth { rate } => {
            Attributes::Bandwidth(Bandwidth { rate: i64::try_from(*rate).unwrap_or(i64::MAX) })
        }
        NetworkFault::Partition | NetworkFault::Flap { .. } | NetworkFault::Blackhole => {
            Attributes::Latency(Latency { latency: ms(UNTIL_THE_HEAL), jitter: 0 })
        }
        NetworkFault::Timeout { timeout } => Attributes::Timeout(Timeout { timeout: ms(*timeout) }),
        NetworkFault::ResetPeer { timeout } => {
            Attributes::ResetPeer(ResetPeer { timeout: ms(*timeout) })
        }
        NetworkFault::Reset => {
            let attributes = Attributes::ResetPeer(ResetPeer { timeout: 0 });
            return Ok(Act::Toxic { attributes, momentary: true });
        }
        NetworkFault::SlowClose { delay } => Attributes::SlowClose(SlowClose { delay: ms(*delay) }),
        NetworkFault::Slicer { average_size, size_variation, delay } => {
            Attributes::Slicer(Slicer {
                average_size: i64::from(*average_size),
                size_variation: i64::from(*size_variation),
                // In microseconds, this one.
                delay: i64::try_from(delay.as_micros()).unwrap_or(i64::MAX),
            })
        }
        NetworkFault::LimitData { bytes } => {
            Attributes::LimitData(LimitData { bytes: i64::try_from(*bytes).unwrap_or(i64::MAX) })
        }
        NetworkFault::Refuse => return Ok(Act::Off),
        NetworkFault::Loss { .. }
        | NetworkFault::Duplicate { .. }
        | NetworkFault::Reorder { .. }
        | NetworkFault::Corrupt { .. } => {
            return Err("a proxy passes streams on, and has no packets to do it to");
        }
        NetworkFault::HalfOpen => {
            return Err("a proxy cannot forget a connection and keep its socket silent");
        }
    };
    Ok(Act::Toxic { attributes, momentary: false })
}

fn ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// What the count of a fault of this kind counts on processes.
pub(super) fn counts(kind: &FaultKind) -> &'static str {
    match kind {
        FaultKind::Network(fault) => match fault {
            NetworkFault::Latency { .. } | NetworkFault::Jitter { .. } => "bytes delayed",
            NetworkFault::Bandwidth { .. } => "bytes throttled",
            NetworkFault::Slicer { .. } => "bytes sliced",
            NetworkFault::Partition | NetworkFault::Flap { .. } | NetworkFault::Blackhole => {
                "bytes held up"
            }
            NetworkFault::Reset => "directions reset",
            NetworkFault::Refuse => "directions switched off",
            _ => "bytes that came to it",
        },
        FaultKind::Process(ProcessFault::Pause) => "processes stopped",
        FaultKind::Process(ProcessFault::SlowCpu { .. }) => "periods without processor time",
        _ => kind.counts(),
    }
}

impl Fault {
    /// Does a fault of the network act on what `from` sends to `to`?
    pub(super) fn sees(&self, from: &str, to: &str) -> bool {
        let (acts_on, is_other, direction) = match &self.target {
            Target::Host { host, direction } => {
                ([from == host, to == host], [true, true], *direction)
            }
            Target::Between { a, b, direction } => {
                let has = |group: &[String], name: &str| group.iter().any(|it| it == name);
                ([has(a, from), has(a, to)], [has(b, to), has(b, from)], *direction)
            }
            Target::Load => return false,
        };
        // A machine without power neither sends nor receives.
        let direction = match self.kind {
            FaultKind::Process(_) => Direction::Both,
            _ => direction,
        };
        let sends = matches!(direction, Direction::Downstream | Direction::Both);
        let receives = matches!(direction, Direction::Upstream | Direction::Both);
        (sends && acts_on[0] && is_other[0]) || (receives && acts_on[1] && is_other[1])
    }
}
