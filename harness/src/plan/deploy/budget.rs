//! How far evictions may go.

use serde::{Deserialize, Serialize};

use super::Amount;

/// A disruption budget (Kubernetes' `PodDisruptionBudget`): what an eviction, such as that of a
/// drain, must leave. It does not bind a rollout, nor what breaks by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DisruptionBudget {
    /// The deployment whose pods it is for.
    pub deployment: String,
    /// The bound.
    pub bound: Bound,
}

/// What an eviction must leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// At least so many pods are ready afterwards; a percentage is rounded up.
    MinAvailable(Amount),
    /// At most so many pods are not ready afterwards; a percentage is rounded up.
    MaxUnavailable(Amount),
}

impl DisruptionBudget {
    /// An eviction leaves at least so many pods that are ready.
    #[must_use]
    pub fn min_available(deployment: impl Into<String>, pods: impl Into<Amount>) -> Self {
        Self { deployment: deployment.into(), bound: Bound::MinAvailable(pods.into()) }
    }

    /// An eviction leaves at most so many pods that are not ready.
    #[must_use]
    pub fn max_unavailable(deployment: impl Into<String>, pods: impl Into<Amount>) -> Self {
        Self { deployment: deployment.into(), bound: Bound::MaxUnavailable(pods.into()) }
    }

    /// How many of `desired` pods must be ready after an eviction.
    #[must_use]
    pub fn desired_healthy(&self, desired: u32) -> u32 {
        match self.bound {
            Bound::MinAvailable(amount) => amount.ceil_of(desired),
            Bound::MaxUnavailable(amount) => desired.saturating_sub(amount.ceil_of(desired)),
        }
    }
}
