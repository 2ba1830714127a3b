//! TCP, as Linux speaks it: one connection as a state machine that knows neither hosts nor links.
//!
//! Segments, calls of the process and timers go in with the time at which they happen; segments and
//! what has changed come out. Sequence numbers have 64 bits and never wrap, which is what the
//! timestamps of RFC 7323 make of Linux's 32.

mod ca_state;
mod congestion;
mod connection;
mod handshake;
mod patience;
mod process;
mod rack;
mod rate;
mod receiver;
mod recovery;
mod rest;
mod retransmission;
mod rtt;
mod scoreboard;
mod segment;
mod sender;
mod ticks;
mod undo;
mod window;

pub(crate) use connection::{Changes, Connection, State};
pub(crate) use handshake::{Answered, Request};
pub(crate) use rest::{Rest, RestAnswer};
pub(crate) use segment::{Flags, Segment};
pub(crate) use ticks::Ticks;

use std::{cell::RefCell, time::Duration};

use crate::plan::{CongestionControl, TcpConfig, nanos};

/// Nanoseconds of virtual time.
pub(crate) type Nanos = u64;

pub(crate) const MILLISECOND: Nanos = 1_000_000;
pub(crate) const SECOND: Nanos = 1_000_000_000;

/// The length of a header with a timestamp: 20 bytes of IP, 20 of TCP, 12 of options.
pub(crate) const HEADER: u32 = 52;

/// `TCP_TIMEWAIT_LEN`.
pub(crate) const TIME_WAIT: Nanos = 60 * SECOND;

/// A connection that does nothing keeps room for so much in each of its queues.
const KEPT: usize = 8;

/// [`TcpConfig`] in the units that the stack works with.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) congestion_control: CongestionControl,
    pub(crate) hz: u32,
    pub(crate) rto_initial: Nanos,
    pub(crate) rto_min: Nanos,
    pub(crate) rto_max: Nanos,
    pub(crate) syn_retries: u32,
    pub(crate) syn_linear_timeouts: u32,
    pub(crate) synack_retries: u32,
    pub(crate) retries2: u32,
    pub(crate) orphan_retries: u32,
    pub(crate) fin_timeout: Nanos,
    pub(crate) keepalive_time: Nanos,
    pub(crate) keepalive_intvl: Nanos,
    pub(crate) keepalive_probes: u32,
    pub(crate) rmem: [u64; 3],
    pub(crate) wmem: [u64; 3],
    pub(crate) init_cwnd: u32,
    pub(crate) slow_start_after_idle: bool,
    /// The list of what is to be sent, empty, which connections use one after the other.
    outgoing: RefCell<Vec<sender::Outgoing>>,
}

impl Config {
    pub(crate) fn new(tcp: &TcpConfig) -> Self {
        Self {
            congestion_control: tcp.congestion_control,
            hz: tcp.hz,
            rto_initial: nanos(tcp.rto_initial),
            rto_min: nanos(tcp.rto_min),
            rto_max: nanos(tcp.rto_max),
            syn_retries: tcp.syn_retries,
            syn_linear_timeouts: tcp.syn_linear_timeouts,
            synack_retries: tcp.synack_retries,
            retries2: tcp.retries2,
            orphan_retries: if tcp.orphan_retries == 0 { 8 } else { tcp.orphan_retries },
            fin_timeout: nanos(tcp.fin_timeout),
            keepalive_time: nanos(tcp.keepalive_time),
            keepalive_intvl: nanos(tcp.keepalive_intvl),
            keepalive_probes: tcp.keepalive_probes,
            rmem: tcp.rmem,
            wmem: tcp.wmem,
            init_cwnd: tcp.initcwnd,
            slow_start_after_idle: tcp.slow_start_after_idle,
            outgoing: RefCell::default(),
        }
    }

    /// How long `retries` retransmissions with backoff take, from the first of them
    /// (`tcp_model_timeout`).
    pub(crate) fn patience(&self, retries: u32) -> Nanos {
        let base = self.rto_min.max(1);
        let doublings = (self.rto_max / base).max(1).ilog2();
        if retries <= doublings {
            ((2 << retries) - 1) * base
        } else {
            ((2 << doublings) - 1) * base + u64::from(retries - doublings) * self.rto_max
        }
    }
}

/// Settings of one socket that a connection inherits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) nodelay: bool,
    pub(crate) keepalive: bool,
    pub(crate) keepalive_time: Option<Nanos>,
    pub(crate) keepalive_intvl: Option<Nanos>,
    pub(crate) keepalive_probes: Option<u32>,
    pub(crate) user_timeout: Option<Nanos>,
    /// `SO_LINGER`: only zero makes a difference to a process that never waits.
    pub(crate) linger: Option<Duration>,
    pub(crate) send_buffer: Option<u64>,
    pub(crate) receive_buffer: Option<u64>,
    /// Without an effect here: links treat all packets alike.
    pub(crate) ttl: Option<u32>,
    pub(crate) tos: u32,
}

#[cfg(test)]
mod tests;
