//! No work outlives what it is done for.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use squall_reports::{verdict::FindingKind, words};

use super::{Claim, Describe, Dimension, Matching, Objective, Over, claim::expect};

/// No span closes after what it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lifetime {
    /// Which spans.
    pub spans: Matching,
    /// What they belong to.
    pub ancestor: Ancestor,
    /// How much later they may close, for news that takes its time to travel.
    #[serde(rename = "grace_ms", with = "super::millis")]
    pub grace: Duration,
}

/// What a span belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Ancestor {
    /// The span it is directly part of.
    Parent,
    /// The outermost span of this name that it is part of.
    Root(String),
    /// The request of the load, which ends when its client has an answer or goes away.
    Request,
}

/// No span of these closes after its parent.
pub fn no_span_outlives_its_parent(spans: impl Into<Matching>) -> Objective {
    lifetime(spans.into(), Ancestor::Parent)
}

/// No span of these closes after the outermost span `root` that it is part of.
pub fn no_span_outlives_its_root(spans: impl Into<Matching>, root: impl Into<String>) -> Objective {
    lifetime(spans.into(), Ancestor::Root(root.into()))
}

/// No span of these closes after the request of the load that it works for has ended. The news
/// that a client went away has to travel: add a [grace](Objective::with_grace).
pub fn no_span_outlives_its_request(spans: impl Into<Matching>) -> Objective {
    lifetime(spans.into(), Ancestor::Request)
}

fn lifetime(spans: Matching, ancestor: Ancestor) -> Objective {
    let claim = Lifetime { spans, ancestor, grace: Duration::ZERO };
    Objective::new(Claim::Lifetime(claim), Over::Run)
}

impl Objective {
    /// For a lifetime: closing up to `grace` later is no offence.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        if let Claim::Lifetime(claim) = &mut self.claim {
            claim.grace = grace;
        }
        self
    }
}

impl Describe for Lifetime {
    fn kind(&self) -> FindingKind {
        FindingKind::Invariant
    }

    fn name(&self) -> String {
        let ancestor = match &self.ancestor {
            Ancestor::Parent => "its parent".to_owned(),
            Ancestor::Root(root) => format!("span \"{root}\""),
            Ancestor::Request => "its request".to_owned(),
        };
        format!("no {} outlives {ancestor}", self.spans)
    }

    fn bound(&self) -> String {
        if self.grace.is_zero() {
            "none".to_owned()
        } else {
            format!("none by more than {}", words::duration(self.grace))
        }
    }

    fn check(&self) -> Result<(), String> {
        if let Ancestor::Root(root) = &self.ancestor {
            expect::named("the name of a root span", root)?;
        }
        self.spans.check_span()
    }

    fn scopes(&self) -> &'static [Dimension] {
        use Dimension::{Boot, Host, Phase, Route};
        &[Phase, Route, Host, Boot]
    }
}
