//! Congestion control: how large the window may become and what a loss does to it.

mod bbr;
mod cubic;

pub(crate) use bbr::Bbr;
pub(crate) use cubic::Cubic;

use super::{Nanos, rate::Sample};
use crate::plan::CongestionControl;

/// The congestion control of one connection.
#[derive(Clone, Debug)]
pub(crate) enum Congestion {
    Cubic(Box<Cubic>),
    Bbr(Box<Bbr>),
}

/// What an acknowledgement means to BBR.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    pub(crate) sample: Option<Sample>,
    pub(crate) rtt: Option<Nanos>,
    pub(crate) delivered: u64,
    pub(crate) acked: u32,
    pub(crate) lost: u32,
    pub(crate) in_flight: u32,
    pub(crate) prior_in_flight: u32,
    pub(crate) recovery: Recovery,
    pub(crate) now: Nanos,
}

/// Whether a connection recovers from a loss, for BBR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recovery {
    None,
    Fast,
    Timeout,
}

impl Congestion {
    pub(crate) fn new(which: CongestionControl, mss: u32, draw: u32) -> Self {
        match which {
            CongestionControl::Cubic => Self::Cubic(Box::default()),
            CongestionControl::Bbr => Self::Bbr(Box::new(Bbr::new(mss, draw))),
        }
    }

    /// Slow start's threshold after a loss.
    pub(crate) fn threshold(&mut self, cwnd: u32) -> Option<u32> {
        match self {
            Self::Cubic(cubic) => Some(cubic.threshold(cwnd)),
            Self::Bbr(bbr) => {
                bbr.save_window(cwnd);
                None
            }
        }
    }

    pub(crate) fn timed_out(&mut self, now: Nanos, nxt: u64) {
        match self {
            Self::Cubic(cubic) => cubic.reset(now, nxt),
            Self::Bbr(bbr) => bbr.timed_out(),
        }
    }

    /// How long the next segment of `bytes` keeps the following ones waiting.
    pub(crate) fn pacing(&self, bytes: u64) -> Option<Nanos> {
        match self {
            Self::Cubic(_) => None,
            Self::Bbr(bbr) => bbr.pacing(bytes),
        }
    }

    /// How many windows the send buffer holds.
    pub(crate) fn buffered_windows(&self) -> u64 {
        match self {
            Self::Cubic(_) => 2,
            Self::Bbr(_) => 3,
        }
    }
}
