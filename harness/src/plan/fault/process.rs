//! The faults of a process: its end, its pauses, its processor, and the power of its machine.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    FaultKind,
    attribute::{check_factor, check_turns, times},
};
use crate::plan::millis;

/// What happens to the process of a host, which has one such fault at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProcessFault {
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
}

impl From<ProcessFault> for FaultKind {
    fn from(fault: ProcessFault) -> Self {
        Self::Process(fault)
    }
}

impl ProcessFault {
    /// The fault's name, as in the reference table of the docs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::PowerLoss => "power_loss",
            Self::TornWrite => "torn_write",
            Self::CrashLoop { .. } => "crash_loop",
            Self::Restart { .. } => "restart",
            Self::Pause => "pause",
            Self::SlowCpu { .. } => "slow_cpu",
        }
    }

    /// What the count of affected things counts.
    #[must_use]
    pub fn counts(&self) -> &'static str {
        match self {
            Self::Crash | Self::PowerLoss | Self::CrashLoop { .. } => "processes killed",
            Self::TornWrite => "writes torn",
            Self::Restart { .. } => "processes stopped",
            Self::Pause => "wake-ups held back",
            Self::SlowCpu { .. } => "pieces of work slowed",
        }
    }

    /// The attributes, for people; empty when there are none.
    pub(super) fn attributes(&self) -> String {
        match self {
            Self::CrashLoop { up, down } => format!("{up:?} up, {down:?} down"),
            Self::Restart { grace } => format!("grace {grace:?}"),
            Self::SlowCpu { factor } => times(*factor),
            Self::Crash | Self::PowerLoss | Self::TornWrite | Self::Pause => String::new(),
        }
    }

    /// What is wrong with the attributes.
    pub(super) fn check(&self) -> Option<String> {
        match self {
            Self::CrashLoop { up, down } => check_turns(*up, *down),
            Self::SlowCpu { factor } => check_factor(*factor),
            Self::Crash
            | Self::PowerLoss
            | Self::TornWrite
            | Self::Restart { .. }
            | Self::Pause => None,
        }
    }
}
