//! The mistakes that engineers really make in such a service, switchable by name.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A planted mistake. All are off by default; a harness that cannot catch one is worth nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Defect {
    /// The dependencies are asked one after the other.
    SequentialCalls,
    /// Each call makes a client of its own and connects anew.
    ClientPerRequest,
    /// Calls have no deadline.
    NoCallTimeout,
    /// Calls run in tasks that nothing ends when their request does.
    UncancelledCalls,
    /// Calls have a deadline of their own for each attempt and know nothing of the request's.
    DetachedDeadline,
}

impl Defect {
    /// Every defect, in order of name in the documentation.
    pub const ALL: [Self; 5] = [
        Self::SequentialCalls,
        Self::ClientPerRequest,
        Self::NoCallTimeout,
        Self::UncancelledCalls,
        Self::DetachedDeadline,
    ];

    /// The name in configuration.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SequentialCalls => "sequential-calls",
            Self::ClientPerRequest => "client-per-request",
            Self::NoCallTimeout => "no-call-timeout",
            Self::UncancelledCalls => "uncancelled-calls",
            Self::DetachedDeadline => "detached-deadline",
        }
    }

    /// What is wrong, in one line.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::SequentialCalls => "asks the dependencies one after the other",
            Self::ClientPerRequest => "makes a client and a connection for each call",
            Self::NoCallTimeout => "calls wait for an answer as long as it takes",
            Self::UncancelledCalls => "calls run in tasks that outlive their request",
            Self::DetachedDeadline => {
                "each attempt has its own deadline and ignores the request's and its cancellation"
            }
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Defect {
    type Err = UnknownDefect;

    fn from_str(name: &str) -> Result<Self, UnknownDefect> {
        let known = Self::ALL.into_iter().find(|defect| defect.name() == name);
        known.ok_or_else(|| UnknownDefect(name.to_owned()))
    }
}

/// No defect has this name.
#[derive(Debug, thiserror::Error)]
#[error("expected a defect ({known}), found `{0}`", known = names())]
pub struct UnknownDefect(String);

fn names() -> String {
    Defect::ALL.map(Defect::name).join(", ")
}

/// Looked up on every call: one flag each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defects {
    pub(super) sequential_calls: bool,
    pub(super) client_per_request: bool,
    pub(super) no_call_timeout: bool,
    pub(super) uncancelled_calls: bool,
    pub(super) detached_deadline: bool,
}

impl From<&BTreeSet<Defect>> for Defects {
    fn from(defects: &BTreeSet<Defect>) -> Self {
        let has = |defect| defects.contains(&defect);
        Self {
            sequential_calls: has(Defect::SequentialCalls),
            client_per_request: has(Defect::ClientPerRequest),
            no_call_timeout: has(Defect::NoCallTimeout),
            uncancelled_calls: has(Defect::UncancelledCalls),
            detached_deadline: has(Defect::DetachedDeadline),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for defect in Defect::ALL {
            assert_eq!(defect.name().parse::<Defect>().expect("known"), defect);
            let json = serde_json::to_value(defect).expect("serializable");
            assert_eq!(json, defect.name());
            assert_eq!(serde_json::from_value::<Defect>(json).expect("known"), defect);
            assert!(!defect.description().is_empty());
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "sequental-calls".parse::<Defect>().expect_err("unknown").to_string();
        assert_eq!(
            error,
            "expected a defect (sequential-calls, client-per-request, no-call-timeout, \
             uncancelled-calls, detached-deadline), found `sequental-calls`"
        );
    }
}
