//! What an objective is restricted to.

use serde::{Deserialize, Serialize};
use squall_reports::record::{Outcome, Phase};

use super::{Matching, Objective, spans};

/// The restrictions of an objective. Nothing given, nothing left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Scope {
    /// Which part of the run.
    pub over: Over,
    /// Only requests of this route, and spans of such requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Not the requests of the load, but the calls that these spans stand for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<Matching>,
    /// Only what happened on this host; for requests, what this client host sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Also what happened before the load began, and what was done for requests that warm up.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub boot: bool,
    /// Only requests with one of these outcomes; empty for the claim's own choice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<Outcome>,
}

/// Which part of the run an objective judges.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Over {
    /// All of it at once: one finding.
    #[default]
    Run,
    /// Each phase that the run has by itself: one finding for each.
    EachPhase,
    /// Each of these phases by itself.
    Phases(Vec<Phase>),
    /// Each operation on the plan's cluster by itself, but for those that were over at once.
    EachOperation,
    /// The time of the operation with this label, from its beginning to its end.
    Operation(String),
}

/// A direction in which an objective can be restricted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    Phase,
    Route,
    Calls,
    Host,
    Outcome,
    Boot,
}

impl Objective {
    /// Only for `phase`.
    pub fn in_phase(self, phase: Phase) -> Self {
        self.in_phases([phase])
    }

    /// For each of `phases` by itself.
    pub fn in_phases(mut self, phases: impl IntoIterator<Item = Phase>) -> Self {
        self.scope.over = Over::Phases(phases.into_iter().collect());
        self
    }

    /// For each phase that the run has by itself.
    pub fn in_every_phase(mut self) -> Self {
        self.scope.over = Over::EachPhase;
        self
    }

    /// Only while the operation with this label goes on: `rollout of web`, `drain node-a`; the
    /// second of the same is `rollout of web (2)`, in order of time.
    ///
    /// A request belongs to it if it was meant to start then. An operation that is never over goes on
    /// until the end of the load, and the finding says so.
    pub fn in_operation(mut self, label: impl Into<String>) -> Self {
        self.scope.over = Over::Operation(label.into());
        self
    }

    /// For each operation on the plan's cluster by itself, while it goes on, but for those that are
    /// over at once.
    pub fn during_operations(mut self) -> Self {
        self.scope.over = Over::EachOperation;
        self
    }

    /// For the run as a whole.
    pub fn over_the_run(mut self) -> Self {
        self.scope.over = Over::Run;
        self
    }

    /// Only for the route `route`.
    pub fn on_route(mut self, route: impl Into<String>) -> Self {
        self.scope.route = Some(route.into());
        self
    }

    /// For the calls to a dependency, which are the spans `call` with the field `dependency=name`,
    /// instead of the requests of the load. Spans of other names go to [`Self::of_calls`].
    pub fn to_dependency(self, name: impl Into<String>) -> Self {
        self.of_calls(spans("call").with("dependency", name))
    }

    /// For the calls that spans stand for, instead of the requests of the load.
    ///
    /// A call starts when its span opens and ends when it closes. Its outcome is the span's field
    /// `outcome`: `ok`, `success` or `succeeded`; `degraded`; `shed` or `rejected`; `cancelled`,
    /// `canceled` or `abandoned`; any other value is a failure, and a span without the field was
    /// dropped before its end: abandoned. An abandoned call counts for latency, since it took at
    /// least so long, but for no share, since nobody knows how it would have ended.
    pub fn of_calls(mut self, calls: impl Into<Matching>) -> Self {
        self.scope.calls = Some(calls.into());
        self
    }

    /// Only on the host `host`; for requests of the load, only those of this client.
    pub fn on_host(mut self, host: impl Into<String>) -> Self {
        self.scope.host = Some(host.into());
        self
    }

    /// From the beginning of the run on: boot and warm-up are judged, too. Without this, judging
    /// begins with the load, and what is done for requests that warm up is left out.
    pub fn including_boot(mut self) -> Self {
        self.scope.boot = true;
        self
    }

    /// Only for requests that ended in one of `outcomes`.
    pub fn with_outcomes(mut self, outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        self.scope.outcomes = outcomes.into_iter().collect();
        self
    }
}

impl Scope {
    /// The restrictions besides the phase, in words; empty for none.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        if let Some(route) = &self.route {
            parts.push(format!("route {route}"));
        }
        if let Some(calls) = &self.calls {
            parts.push(match calls.dependency() {
                Some(dependency) => format!("dependency {dependency}"),
                None => calls.to_string(),
            });
        }
        if let Some(host) = &self.host {
            parts.push(format!("host {host}"));
        }
        if self.boot {
            parts.push("boot included".to_owned());
        }
        if !self.outcomes.is_empty() {
            let names: Vec<_> = self.outcomes.iter().map(|outcome| outcome.name()).collect();
            parts.push(names.join(" or "));
        }
        parts.join(", ")
    }

    pub(super) fn check(&self, known: &[Dimension]) -> Result<(), String> {
        let operations = matches!(self.over, Over::EachOperation | Over::Operation(_));
        let used = [
            (Dimension::Phase, operations, "operations"),
            (Dimension::Phase, self.over != Over::Run, "phases"),
            (Dimension::Route, self.route.is_some(), "a route"),
            (Dimension::Calls, self.calls.is_some(), "calls to a dependency"),
            (Dimension::Host, self.host.is_some(), "a host"),
            (Dimension::Outcome, !self.outcomes.is_empty(), "outcomes"),
        ];
        for (dimension, used, name) in used {
            if used && !known.contains(&dimension) {
                return Err(format!("it cannot be restricted to {name}"));
            }
        }
        if self.boot && !known.contains(&Dimension::Boot) {
            return Err("it cannot include the boot".to_owned());
        }
        if matches!(&self.over, Over::Phases(phases) if phases.is_empty()) {
            return Err("expected at least one phase, found none".to_owned());
        }
        if self.route.as_deref() == Some("") || self.host.as_deref() == Some("") {
            return Err("expected the name of a route or host, found an empty name".to_owned());
        }
        match &self.calls {
            Some(calls) if calls.is_log() => {
                Err("expected spans for the calls, found logs, which have no duration".to_owned())
            }
            Some(calls) => calls.check(),
            None => Ok(()),
        }
    }
}

impl From<&str> for Matching {
    fn from(name: &str) -> Self {
        spans(name)
    }
}
