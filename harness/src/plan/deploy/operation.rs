//! Operations: what is done to a cluster, and when.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Gate, millis};

/// Something that people or tools do to a cluster. It is no fault, and begins no phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Operation {
    /// What is done.
    pub kind: OperationKind,
    /// When, counted from the beginning of the load.
    #[serde(rename = "at_ms", with = "millis")]
    pub at: Duration,
}

/// What is done to a cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OperationKind {
    /// Another revision of a deployment, rolled out pod by pod.
    Rollout {
        /// The deployment.
        deployment: String,
        /// What changes in the configuration of its pods (a JSON merge patch, RFC 7396).
        patch: serde_json::Value,
        /// What rolls it back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gate: Option<Gate>,
    },
    /// Another revision of a deployment beside the present one, which gets a growing share of the
    /// requests.
    Canary {
        /// The deployment.
        deployment: String,
        /// What changes in the configuration of its pods (a JSON merge patch, RFC 7396).
        patch: serde_json::Value,
        /// The shares, one after the other; after the last one the revision is the deployment's.
        steps: Vec<CanaryStep>,
        /// What rolls it back.
        gate: Gate,
    },
    /// Another number of pods.
    Scale {
        /// The deployment.
        deployment: String,
        /// How many.
        replicas: u32,
    },
    /// No new pods on a node.
    Cordon {
        /// The node.
        node: String,
    },
    /// No new pods on a node, and its pods are evicted as far as the disruption budgets allow; a
    /// refused eviction is tried again every five seconds (`kubectl drain`).
    Drain {
        /// The node.
        node: String,
    },
    /// New pods on a node again.
    Uncordon {
        /// The node.
        node: String,
    },
}

/// A share of the requests, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CanaryStep {
    /// In percent.
    pub weight: u32,
    /// For how long at least.
    #[serde(rename = "hold_ms", with = "millis")]
    pub hold: Duration,
}

/// An operation that still needs its time.
#[derive(Clone, Debug)]
#[must_use = "an operation happens only once it has its time, with `at`, and is in a cluster"]
pub struct OperationBuilder {
    kind: OperationKind,
}

impl OperationBuilder {
    /// Does it at this time, counted from the beginning of the load.
    #[must_use]
    pub fn at(self, at: Duration) -> Operation {
        Operation { kind: self.kind, at }
    }

    /// For a [`rollout`] or a [`canary`]: rolls back when this gate closes. Other operations have
    /// none.
    pub fn gate(mut self, new: Gate) -> Self {
        match &mut self.kind {
            OperationKind::Rollout { gate, .. } => *gate = Some(new),
            OperationKind::Canary { gate, .. } => *gate = new,
            _ => {}
        }
        self
    }

    /// For a [`canary`]: the shares of the requests in percent, one after the other, each held for
    /// `hold` at least. Other operations have none.
    pub fn weights(mut self, weights: &[u32], hold: Duration) -> Self {
        if let OperationKind::Canary { steps, .. } = &mut self.kind {
            *steps = weights.iter().map(|&weight| CanaryStep { weight, hold }).collect();
        }
        self
    }
}

/// Rolls another revision of `deployment` out: its configuration with `patch` merged into it.
pub fn rollout(deployment: impl Into<String>, patch: serde_json::Value) -> OperationBuilder {
    let (deployment, gate) = (deployment.into(), None);
    OperationBuilder { kind: OperationKind::Rollout { deployment, patch, gate } }
}

/// Gives another revision of `deployment` 5, 25, 50 and 100 percent of the requests, each for ten
/// seconds, while its [`gate`](OperationBuilder::gate) is open.
pub fn canary(deployment: impl Into<String>, patch: serde_json::Value) -> OperationBuilder {
    let (deployment, steps, gate) = (deployment.into(), Vec::new(), Gate::new());
    let kind = OperationKind::Canary { deployment, patch, steps, gate };
    OperationBuilder { kind }.weights(&[5, 25, 50, 100], Duration::from_secs(10))
}

/// Gives `deployment` another number of pods.
pub fn scale(deployment: impl Into<String>, replicas: u32) -> OperationBuilder {
    OperationBuilder { kind: OperationKind::Scale { deployment: deployment.into(), replicas } }
}

/// Puts no new pods on `node`.
pub fn cordon(node: impl Into<String>) -> OperationBuilder {
    OperationBuilder { kind: OperationKind::Cordon { node: node.into() } }
}

/// Puts no new pods on `node` and evicts those that it has.
pub fn drain(node: impl Into<String>) -> OperationBuilder {
    OperationBuilder { kind: OperationKind::Drain { node: node.into() } }
}

/// Puts new pods on `node` again.
pub fn uncordon(node: impl Into<String>) -> OperationBuilder {
    OperationBuilder { kind: OperationKind::Uncordon { node: node.into() } }
}

impl Operation {
    /// What is done, in a few words.
    #[must_use]
    pub fn label(&self) -> String {
        self.kind.to_string()
    }

    /// When it is over at the earliest: a canary has its steps, all else takes as long as it takes.
    pub(super) fn over(&self) -> Duration {
        let held = match &self.kind {
            OperationKind::Canary { steps, .. } => steps.iter().map(|step| step.hold).sum(),
            _ => Duration::ZERO,
        };
        self.at.saturating_add(held)
    }
}

impl fmt::Display for OperationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rollout { deployment, .. } => write!(f, "rollout of {deployment}"),
            Self::Canary { deployment, .. } => write!(f, "canary of {deployment}"),
            Self::Scale { deployment, replicas } => write!(f, "scale {deployment} to {replicas}"),
            Self::Cordon { node } => write!(f, "cordon {node}"),
            Self::Drain { node } => write!(f, "drain {node}"),
            Self::Uncordon { node } => write!(f, "uncordon {node}"),
        }
    }
}
