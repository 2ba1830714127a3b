//! Accounts that balance: what went in came out, or is still inside.

use std::fmt;

use serde::{Deserialize, Serialize};
use squall_reports::{record::Outcome, verdict::FindingKind};

use super::{Claim, Describe, Dimension, Matching, Objective, Over, claim::expect};

/// Two sums of counts are equal. If both are zero, nothing happened, which is no data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Accounting {
    /// What went in.
    pub left: Sum,
    /// Where it is.
    pub right: Sum,
}

/// A sum of counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
#[must_use = "a sum is no objective until it equals another"]
pub struct Sum {
    /// What is added up.
    pub terms: Vec<Term>,
}

/// A count drawn from the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Term {
    /// How often something happened.
    Count(Matching),
    /// How many values a field had.
    Distinct {
        /// The field.
        field: String,
        /// Of what.
        of: Matching,
    },
    /// The sum of a field that is a whole number.
    Total {
        /// The field.
        field: String,
        /// Of what.
        of: Matching,
    },
    /// The last sample of a gauge, added up over the hosts that have it.
    Gauge(String),
    /// The requests of the load that had one of these outcomes; all of them if empty.
    Requests(Vec<Outcome>),
}

/// How often something happened.
pub fn count(what: impl Into<Matching>) -> Sum {
    Term::Count(what.into()).into()
}

/// How many values the field `field` had, such as the jobs in a log that may name one twice.
pub fn distinct(field: impl Into<String>, of: impl Into<Matching>) -> Sum {
    Term::Distinct { field: field.into(), of: of.into() }.into()
}

/// The sum of the field `field`, where it is a whole number.
pub fn sum_of(field: impl Into<String>, of: impl Into<Matching>) -> Sum {
    Term::Total { field: field.into(), of: of.into() }.into()
}

/// The last sample of a gauge in the run, added up over the hosts that have it.
pub fn gauge_at_end(name: impl Into<String>) -> Sum {
    Term::Gauge(name.into()).into()
}

/// The requests of the load that had one of these outcomes; all of them if none is given.
pub fn requests(outcomes: impl IntoIterator<Item = Outcome>) -> Sum {
    Term::Requests(outcomes.into_iter().collect()).into()
}

/// The account of `sum`, which must equal another.
pub fn accounting(sum: Sum) -> Sum {
    sum
}

impl From<Term> for Sum {
    fn from(term: Term) -> Self {
        Self { terms: vec![term] }
    }
}

impl Sum {
    /// And `more`.
    pub fn plus(mut self, more: Self) -> Self {
        self.terms.extend(more.terms);
        self
    }

    /// Equals `other` at the end of the run.
    pub fn equals(self, other: Self) -> Objective {
        let claim = Accounting { left: self, right: other };
        Objective::new(Claim::Accounting(claim), Over::Run)
    }

    fn check(&self) -> Result<(), String> {
        if self.terms.is_empty() {
            return Err("expected at least one count, found none".to_owned());
        }
        self.terms.iter().try_for_each(|term| match term {
            Term::Count(of) => of.check(),
            Term::Distinct { field, of } | Term::Total { field, of } => {
                expect::named("a field", field)?;
                of.check()
            }
            Term::Gauge(name) => expect::named("the name of a gauge", name),
            Term::Requests(_) => Ok(()),
        })
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(of) => write!(f, "{of}"),
            Self::Distinct { field, of } => write!(f, "each {field} of {of}"),
            Self::Total { field, of } => write!(f, "total {field} of {of}"),
            Self::Gauge(name) => write!(f, "gauge {name} at the end"),
            Self::Requests(outcomes) if outcomes.is_empty() => f.write_str("requests"),
            Self::Requests(outcomes) => {
                let names: Vec<_> = outcomes.iter().map(|outcome| outcome.name()).collect();
                write!(f, "requests {}", names.join(" or "))
            }
        }
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, term) in self.terms.iter().enumerate() {
            let plus = if place == 0 { "" } else { " + " };
            write!(f, "{plus}{term}")?;
        }
        Ok(())
    }
}

impl Describe for Accounting {
    fn kind(&self) -> FindingKind {
        FindingKind::Invariant
    }

    fn name(&self) -> String {
        format!("accounting of {}", self.left)
    }

    fn bound(&self) -> String {
        format!("equals {}", self.right)
    }

    fn check(&self) -> Result<(), String> {
        self.left.check()?;
        self.right.check()
    }

    fn scopes(&self) -> &'static [Dimension] {
        &[Dimension::Host, Dimension::Boot]
    }
}
