//! The network faults: what happens to packets and connections.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    FaultKind,
    attribute::{check_share, check_turns, percent},
};
use crate::plan::millis;

/// What is broken in the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NetworkFault {
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
}

impl From<NetworkFault> for FaultKind {
    fn from(fault: NetworkFault) -> Self {
        Self::Network(fault)
    }
}

impl NetworkFault {
    /// The fault's name, as in the reference table of the docs.
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
        }
    }

    /// The attributes, for people; empty when there are none.
    pub(super) fn attributes(&self) -> String {
        match self {
            Self::Latency { latency, jitter } if jitter.is_zero() => format!("{latency:?}"),
            Self::Latency { latency, jitter } => format!("{latency:?} ± {jitter:?}"),
            Self::Jitter { jitter } => format!("up to {jitter:?}"),
            Self::Loss { rate } | Self::Duplicate { rate } | Self::Corrupt { rate } => {
                percent(*rate)
            }
            Self::Reorder { rate, by } => format!("{} by {by:?}", percent(*rate)),
            Self::Bandwidth { rate } => format!("{rate} KB/s"),
            Self::Flap { down, up } => format!("{down:?} down, {up:?} up"),
            Self::Timeout { timeout } | Self::ResetPeer { timeout } => format!("after {timeout:?}"),
            Self::SlowClose { delay } => format!("{delay:?}"),
            Self::Slicer { average_size, size_variation, delay } => {
                format!("{average_size} ± {size_variation} B every {delay:?}")
            }
            Self::LimitData { bytes } => format!("{bytes} B"),
            Self::Partition | Self::Blackhole | Self::HalfOpen | Self::Reset | Self::Refuse => {
                String::new()
            }
        }
    }

    /// What is wrong with the attributes, in a network that works in steps of `step`: what holds
    /// packets up for less changes nothing.
    pub(super) fn check(&self, step: Duration) -> Option<String> {
        let held_up = |what, most: Duration| {
            let reason = format!(
                "expected a {what} of at least {step:?}, the resolution of the network, found \
                 {most:?}"
            );
            (most < step).then_some(reason)
        };
        match self {
            Self::Latency { latency, jitter } if jitter > latency => {
                Some(format!("expected a jitter up to the latency {latency:?}, found {jitter:?}"))
            }
            Self::Latency { latency, jitter } => held_up("latency", *latency + *jitter),
            Self::Jitter { jitter } => held_up("jitter", *jitter),
            Self::Loss { rate } | Self::Duplicate { rate } | Self::Corrupt { rate } => {
                check_share(*rate)
            }
            Self::Reorder { rate, by } => check_share(*rate).or_else(|| held_up("delay", *by)),
            Self::Bandwidth { rate } => {
                (*rate == 0).then(|| "expected at least 1 KB/s, found 0".to_owned())
            }
            Self::Flap { down, up } => check_turns(*up, *down),
            Self::SlowClose { delay } => held_up("delay", *delay),
            Self::Slicer { average_size, size_variation, .. } if average_size <= size_variation => {
                Some(format!(
                    "expected a variation below the size {average_size}, found {size_variation}"
                ))
            }
            Self::Slicer { delay, .. } => delay.is_zero().then(|| {
                "expected a pause between the pieces, without which they are read as one, found \
                 zero"
                    .to_owned()
            }),
            Self::Partition
            | Self::Blackhole
            | Self::HalfOpen
            | Self::Reset
            | Self::Refuse
            | Self::Timeout { .. }
            | Self::ResetPeer { .. }
            | Self::LimitData { .. } => None,
        }
    }
}
