//! The names that an objective refers to, so that those that a plan knows can be checked, and which
//! name was meant by another.

use super::{Claim, Matching, Objective, Requirement, Sent, Sum, Term};

impl Objective {
    /// The patterns for hosts in it.
    pub(crate) fn hosts(&self) -> Vec<&str> {
        let of_patterns = self.patterns().into_iter().flat_map(|pattern| &pattern.hosts);
        let scopes = self.scopes().into_iter();
        scopes.filter_map(|scope| scope.host.as_ref()).chain(of_patterns).map(|it| &**it).collect()
    }

    /// The routes in it.
    pub(crate) fn routes(&self) -> Vec<&str> {
        self.scopes().into_iter().filter_map(|scope| scope.route.as_deref()).collect()
    }

    /// The gauges in it.
    pub(crate) fn gauges(&self) -> Vec<&str> {
        match &self.claim {
            Claim::Level(claim) => vec![&claim.gauge],
            Claim::Settles(claim) => vec![&claim.gauge],
            Claim::Balance(claim) => {
                claim.left.iter().chain(&claim.right).map(|it| &**it).collect()
            }
            Claim::Accounting(claim) => {
                let terms = claim.left.terms.iter().chain(&claim.right.terms);
                let gauges = terms.filter_map(|term| match term {
                    Term::Gauge(name) => Some(&**name),
                    _ => None,
                });
                gauges.collect()
            }
            Claim::Recovery(claim) => claim.objective.gauges(),
            Claim::Latency(_)
            | Claim::Share(_)
            | Claim::Budget(_)
            | Claim::Burn(_)
            | Claim::Amplification(_)
            | Claim::Pace(_)
            | Claim::Concurrency(_)
            | Claim::Lifetime(_)
            | Claim::NeverAfter(_)
            | Claim::Occurrence(_)
            | Claim::Sequence(_)
            | Claim::Between(_) => Vec::new(),
        }
    }

    /// Its scope, and that of an objective inside of it.
    fn scopes(&self) -> Vec<&super::Scope> {
        match &self.claim {
            Claim::Recovery(claim) => vec![&self.scope, &claim.objective.scope],
            _ => vec![&self.scope],
        }
    }

    /// The patterns for spans and log events in it.
    fn patterns(&self) -> Vec<&Matching> {
        let mut patterns: Vec<&Matching> = self.scope.calls.iter().collect();
        match &self.claim {
            Claim::Recovery(claim) => patterns.extend(claim.objective.patterns()),
            Claim::Amplification(claim) => match &claim.sent {
                Sent::PerRequest(sent) => patterns.push(sent),
                Sent::PerSpan(sent, needed) => patterns.extend([sent, needed]),
                Sent::ByClients => {}
            },
            Claim::Pace(claim) => patterns.push(&claim.attempts),
            Claim::Concurrency(claim) => patterns.push(&claim.spans),
            Claim::Accounting(claim) => {
                patterns.extend(in_sum(&claim.left).chain(in_sum(&claim.right)));
            }
            Claim::Lifetime(claim) => patterns.push(&claim.spans),
            Claim::Occurrence(claim) => {
                patterns.push(&claim.what);
                match &claim.required {
                    Requirement::Always(other)
                    | Requirement::Follows { trigger: other, .. }
                    | Requirement::Preceded { before: other, .. } => patterns.push(other),
                    Requirement::Count { .. }
                    | Requirement::Eventually { .. }
                    | Requirement::OncePer(_) => {}
                }
            }
            Claim::NeverAfter(claim) => patterns.extend([&claim.what, &claim.ended]),
            Claim::Sequence(claim) => patterns.extend(&claim.steps),
            Claim::Between(claim) => patterns.extend([&claim.what, &claim.from, &claim.until]),
            Claim::Latency(_)
            | Claim::Share(_)
            | Claim::Budget(_)
            | Claim::Burn(_)
            | Claim::Level(_)
            | Claim::Settles(_)
            | Claim::Balance(_) => {}
        }
        patterns
    }
}

fn in_sum(sum: &Sum) -> impl Iterator<Item = &Matching> {
    sum.terms.iter().filter_map(|term| match term {
        Term::Count(of) | Term::Distinct { of, .. } | Term::Total { of, .. } => Some(of),
        Term::Gauge(_) | Term::Requests(_) => None,
    })
}

/// Is `text` what `pattern` says? A `*` at the end of a pattern stands for any ending.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern == text,
    }
}

/// How alike two names must be for one to be what was meant by the other, from 0 to 1.
const ALIKE: f64 = 0.75;

/// The name among `known` that is most like `found`, if one is like it at all; the first of equals.
pub(crate) fn nearest<'k>(
    found: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let mut best: Option<(f64, &str)> = None;
    for name in known {
        let alike = strsim::jaro_winkler(found.trim_end_matches('*'), name);
        if alike >= ALIKE && best.is_none_or(|(most, _)| alike > most) {
            best = Some((alike, name));
        }
    }
    best.map(|(_, name)| name)
}
