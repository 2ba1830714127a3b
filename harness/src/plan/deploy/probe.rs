//! Probes: how the kubelet looks after a container.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis;

/// An HTTP GET to the pod, again and again. A status from 200 to 399 within the timeout is a
/// success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Probe {
    /// The path.
    pub path: String,
    /// The port; that of the deployment if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// From the start of the container to the first probe (`initialDelaySeconds`).
    #[serde(rename = "initial_delay_ms", with = "millis")]
    pub initial_delay: Duration,
    /// From one probe to the next (`periodSeconds`).
    #[serde(rename = "period_ms", with = "millis")]
    pub period: Duration,
    /// How long an answer may take (`timeoutSeconds`).
    #[serde(rename = "timeout_ms", with = "millis")]
    pub timeout: Duration,
    /// Successes in a row after a failure that make a success (`successThreshold`).
    pub success_threshold: u32,
    /// Failures in a row that make a failure (`failureThreshold`).
    pub failure_threshold: u32,
}

impl Probe {
    /// A GET of `path` every 10 s from the start on, answered within 1 s; one success is enough,
    /// three failures are too many. These are the defaults of Kubernetes.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            port: None,
            initial_delay: Duration::ZERO,
            period: Duration::from_secs(10),
            timeout: Duration::from_secs(1),
            success_threshold: 1,
            failure_threshold: 3,
        }
    }

    /// Sets the port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Sets how long after the start of the container the first probe is.
    #[must_use]
    pub fn initial_delay(mut self, delay: Duration) -> Self {
        self.initial_delay = delay;
        self
    }

    /// Sets the time from one probe to the next.
    #[must_use]
    pub fn period(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }

    /// Sets how long an answer may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how many successes in a row after a failure make a success.
    #[must_use]
    pub fn success_threshold(mut self, threshold: u32) -> Self {
        self.success_threshold = threshold;
        self
    }

    /// Sets how many failures in a row make a failure.
    #[must_use]
    pub fn failure_threshold(mut self, threshold: u32) -> Self {
        self.failure_threshold = threshold;
        self
    }
}
