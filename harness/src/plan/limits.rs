//! How far a run may go.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis;

/// Bounds on a run. To reach one ends the run with an error that names it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Limits {
    /// Virtual time.
    #[serde(rename = "virtual_time_ms", with = "millis")]
    pub virtual_time: Duration,
    /// Real time.
    #[serde(rename = "wall_time_ms", with = "millis")]
    pub wall_time: Duration,
    /// Events in the record, which is what a run keeps in memory.
    pub events_max: u64,
    /// Packets sent.
    pub packets_max: u64,
    /// Bytes of payload under way or waiting for a retransmission.
    pub network_bytes_max: u64,
    /// Bytes of memory that the hosts hold together, the record aside. Known only to a program
    /// with the [`CountingAllocator`](crate::CountingAllocator).
    pub memory_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            virtual_time: Duration::from_secs(2 * 3600),
            wall_time: Duration::from_secs(300),
            events_max: 20_000_000,
            packets_max: 200_000_000,
            network_bytes_max: 256 << 20,
            memory_bytes_max: 2 << 30,
        }
    }
}
