//! How a link behaves.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis;

/// How long a packet takes, as a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "distribution")]
#[non_exhaustive]
pub enum Latency {
    /// Always the same.
    Constant {
        /// The latency.
        #[serde(rename = "ms", with = "millis")]
        value: Duration,
    },
    /// Anything between two bounds.
    Uniform {
        /// The least.
        #[serde(rename = "min_ms", with = "millis")]
        min: Duration,
        /// The most.
        #[serde(rename = "max_ms", with = "millis")]
        max: Duration,
    },
    /// A bell curve; what falls below zero is zero.
    Normal {
        /// The mean.
        #[serde(rename = "mean_ms", with = "millis")]
        mean: Duration,
        /// The standard deviation.
        #[serde(rename = "deviation_ms", with = "millis")]
        deviation: Duration,
    },
    /// A bell curve of the logarithm, which is what networks and services mostly show.
    LogNormal {
        /// The median.
        #[serde(rename = "median_ms", with = "millis")]
        median: Duration,
        /// The standard deviation of the natural logarithm.
        sigma: f64,
    },
    /// Few that take very long.
    Pareto {
        /// The least.
        #[serde(rename = "min_ms", with = "millis")]
        min: Duration,
        /// The tail index: the smaller, the heavier the tail.
        shape: f64,
    },
}

impl Latency {
    /// Always `value`.
    #[must_use]
    pub fn constant(value: Duration) -> Self {
        Self::Constant { value }
    }
}

/// How a link behaves, in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Link {
    /// How long a packet takes.
    pub latency: Latency,
    /// Added to the latency: uniform between zero and this.
    #[serde(rename = "jitter_ms", with = "millis")]
    pub jitter: Duration,
    /// The share of packets that are lost.
    pub loss: f64,
    /// The share of packets that arrive twice.
    pub duplicate: f64,
    /// The share of packets that are overtaken by later ones.
    pub reorder: f64,
    /// The share of packets that arrive damaged, which a checksum turns into loss.
    pub corrupt: f64,
    /// Bits per second; `None` for no bound.
    pub bandwidth_bps: Option<u64>,
    /// Bytes that wait for the bandwidth before more are dropped.
    pub queue_bytes: u64,
}

impl Default for Link {
    /// Half a millisecond, as between two racks, and nothing else.
    fn default() -> Self {
        Self {
            latency: Latency::constant(Duration::from_micros(500)),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            corrupt: 0.0,
            bandwidth_bps: None,
            queue_bytes: 1 << 20,
        }
    }
}

impl Link {
    /// A link that only delays.
    #[must_use]
    pub fn new(latency: Latency) -> Self {
        Self { latency, ..Self::default() }
    }

    /// A link that delays every packet by the same.
    #[must_use]
    pub fn constant(latency: Duration) -> Self {
        Self::new(Latency::constant(latency))
    }

    /// Adds up to `jitter` to the latency.
    #[must_use]
    pub fn jitter(mut self, jitter: Duration) -> Self {
        self.jitter = jitter;
        self
    }

    /// Loses this share of the packets.
    #[must_use]
    pub fn loss(mut self, rate: f64) -> Self {
        self.loss = rate;
        self
    }

    /// Delivers this share of the packets twice.
    #[must_use]
    pub fn duplicate(mut self, rate: f64) -> Self {
        self.duplicate = rate;
        self
    }

    /// Lets later packets overtake this share of the packets.
    #[must_use]
    pub fn reorder(mut self, rate: f64) -> Self {
        self.reorder = rate;
        self
    }

    /// Damages this share of the packets.
    #[must_use]
    pub fn corrupt(mut self, rate: f64) -> Self {
        self.corrupt = rate;
        self
    }

    /// Lets through this many bits per second; what does not fit waits in a queue.
    #[must_use]
    pub fn bandwidth_bps(mut self, bits_per_second: u64) -> Self {
        self.bandwidth_bps = Some(bits_per_second);
        self
    }

    /// Lets this many bytes wait for the bandwidth.
    #[must_use]
    pub fn queue_bytes(mut self, bytes: u64) -> Self {
        self.queue_bytes = bytes;
        self
    }
}
