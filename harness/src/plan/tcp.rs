//! How TCP behaves.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis;

/// How TCP behaves on every host. The names and the defaults are those of Linux's sysctls
/// (`net.ipv4.tcp_...`, as of 6.12), without the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TcpConfig {
    /// Which congestion control connections use.
    pub congestion_control: CongestionControl,
    /// Ticks of the kernel in a second, at which its timers fire (`CONFIG_HZ`: 250 on Debian and
    /// Ubuntu, 1000 on Fedora and Arch, 100 in some clouds).
    pub hz: u32,
    /// The first retransmission timeout of a connection attempt, and of data before there is a
    /// sample of the round-trip time (RFC 6298, 2.1). A constant of Linux.
    #[serde(rename = "rto_initial_ms", with = "millis")]
    pub rto_initial: Duration,
    /// What the deviation counts at least in the retransmission timeout, which is the round trip
    /// and this (`tcp_rto_min_us`).
    #[serde(rename = "rto_min_ms", with = "millis")]
    pub rto_min: Duration,
    /// Timeouts stop doubling here.
    #[serde(rename = "rto_max_ms", with = "millis")]
    pub rto_max: Duration,
    /// A connection attempt is repeated so often, besides the linear timeouts: with those, 131 s.
    pub syn_retries: u32,
    /// The first so many timeouts of a connection attempt are not doubled.
    pub syn_linear_timeouts: u32,
    /// How often the answer to a connection attempt is repeated.
    pub synack_retries: u32,
    /// Data is retransmitted for as long as so many retransmissions with backoff take: 924.6 s.
    pub retries2: u32,
    /// The same when the process has closed its socket. Zero means eight.
    pub orphan_retries: u32,
    /// How long the kernel waits for the peer's end after the process has closed its socket.
    #[serde(rename = "fin_timeout_ms", with = "millis")]
    pub fin_timeout: Duration,
    /// How long a connection with `SO_KEEPALIVE` is idle before it is probed.
    #[serde(rename = "keepalive_time_ms", with = "millis")]
    pub keepalive_time: Duration,
    /// The time between two probes.
    #[serde(rename = "keepalive_intvl_ms", with = "millis")]
    pub keepalive_intvl: Duration,
    /// So many probes without an answer end the connection.
    pub keepalive_probes: u32,
    /// The receive buffer, in bytes: least, first, most. Half of the first and five eighths of the
    /// most can be window.
    pub rmem: [u64; 3],
    /// The send buffer, in bytes: least, first, most.
    pub wmem: [u64; 3],
    /// Segments that may be sent before the first acknowledgement (RFC 6928; an attribute of
    /// routes in Linux).
    pub initcwnd: u32,
    /// Whether the congestion window falls back after a pause.
    pub slow_start_after_idle: bool,
    /// The most connections that wait to be accepted, whatever the service asks for
    /// (`net.core.somaxconn`).
    pub somaxconn: u32,
}

/// A congestion control.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CongestionControl {
    /// CUBIC (RFC 9438), the default of Linux: takes a loss for congestion.
    #[default]
    Cubic,
    /// BBR, the default of some distributions and clouds: paces at the rate that it measures, and
    /// hardly minds a loss.
    Bbr,
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            congestion_control: CongestionControl::Cubic,
            hz: 250,
            rto_initial: Duration::from_secs(1),
            rto_min: Duration::from_millis(200),
            rto_max: Duration::from_secs(120),
            syn_retries: 6,
            syn_linear_timeouts: 4,
            synack_retries: 5,
            retries2: 15,
            orphan_retries: 0,
            fin_timeout: Duration::from_secs(60),
            keepalive_time: Duration::from_secs(7200),
            keepalive_intvl: Duration::from_secs(75),
            keepalive_probes: 9,
            rmem: [4096, 131_072, 6_291_456],
            wmem: [4096, 16_384, 4_194_304],
            initcwnd: 10,
            slow_start_after_idle: true,
            somaxconn: 4096,
        }
    }
}
