//! Retry amplification: how many times the load is multiplied on its way down.

use serde::{Deserialize, Serialize};
use squall_reports::verdict::FindingKind;

use super::{Claim, Describe, Dimension, Matching, Objective, Over, claim::expect, early::Early};

/// Retries do not multiply the load: what was sent, divided by what needed sending. Attempts count
/// in the phase of the request or span that they are for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Amplification {
    /// What is counted.
    pub sent: Sent,
    /// How many times as much as was needed. 1 is no retry at all.
    pub at_most: f64,
}

/// What an amplification counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Sent {
    /// Spans, per request of the load that has at least one of them.
    PerRequest(Matching),
    /// The first spans, per one of the second.
    PerSpan(Matching, Matching),
    /// The attempts of the load's own clients, per request that was sent.
    ByClients,
}

/// An amplification that needs a bound.
#[derive(Clone, Debug)]
#[must_use = "an amplification is no objective until it has a bound"]
pub struct AmplificationBuilder {
    sent: Sent,
    pub(super) early: Early,
}

/// How many of these spans there were per request of the load that had any. With one span for
/// each call that went out, narrowed to one dependency, this is what that dependency received
/// per request that needed it.
pub fn retry_amplification(attempts: impl Into<Matching>) -> AmplificationBuilder {
    AmplificationBuilder { sent: Sent::PerRequest(attempts.into()), early: Early::default() }
}

/// How many times the load's own clients sent each request.
pub fn client_retry_amplification() -> AmplificationBuilder {
    AmplificationBuilder { sent: Sent::ByClients, early: Early::default() }
}

impl AmplificationBuilder {
    /// Per one of these spans instead of per request, such as a call that holds its attempts.
    pub fn per(self, needed: impl Into<Matching>) -> Self {
        let sent = match self.sent {
            Sent::PerRequest(attempts) | Sent::PerSpan(attempts, _) => {
                Sent::PerSpan(attempts, needed.into())
            }
            Sent::ByClients => Sent::ByClients,
        };
        Self { sent, ..self }
    }

    /// At most `times` what was needed, in each phase of the run.
    pub fn at_most(self, times: f64) -> Objective {
        let claim = Amplification { sent: self.sent, at_most: times };
        self.early.give_to(Objective::new(Claim::Amplification(claim), Over::EachPhase))
    }
}

impl Describe for Amplification {
    fn kind(&self) -> FindingKind {
        FindingKind::Objective
    }

    fn name(&self) -> String {
        match &self.sent {
            Sent::PerRequest(attempts) => format!("retry amplification of {attempts}"),
            Sent::PerSpan(attempts, needed) => {
                format!("retry amplification of {attempts} per {needed}")
            }
            Sent::ByClients => "retry amplification by clients".to_owned(),
        }
    }

    fn bound(&self) -> String {
        format!("at most {}x", self.at_most)
    }

    fn check(&self) -> Result<(), String> {
        match &self.sent {
            Sent::PerRequest(attempts) => attempts.check_span()?,
            Sent::PerSpan(attempts, needed) => {
                attempts.check_span()?;
                needed.check_span()?;
            }
            Sent::ByClients => {}
        }
        if matches!(self.sent, Sent::ByClients | Sent::PerRequest(_)) && self.at_most < 1.0 {
            return Err(format!("expected a factor of at least 1, found {}", self.at_most));
        }
        expect::positive("a factor", self.at_most)
    }

    fn scopes(&self) -> &'static [Dimension] {
        use Dimension::{Boot, Host, Phase, Route};
        &[Phase, Route, Host, Boot]
    }
}
