//! What of the findings on a run follows from another one, so that reports can put it below its
//! cause.
//!
//! A finding follows from others only where the record shows that it says nothing of its own; one
//! that might stays by itself. There are three ways:
//!
//! - The run was cut short, and the finding is that something was not there yet.
//! - The requests that speak against it are exactly those that speak against others, the first of
//!   which went wrong no later. Calls speak for the requests that made them, not the other way
//!   round: a slow call makes a request slow.
//! - No request came to an end, and the finding is on requests.
//!
//! No verdict changes by it.

use std::{cmp::Reverse, collections::BTreeSet};

use squall_reports::{
    record::{RequestId, SpanId},
    verdict::{Finding, Follows, Verdict},
    words,
};

use super::{Evaluate, FindingBuilder, Index, sample::Sample};

/// A finding with what it may follow from.
pub(super) struct Concluded {
    pub(super) finding: Finding,
    /// Might it have come out otherwise, had the run not been cut short?
    is_unfinished: bool,
    /// Is it without data because there was no request?
    lacks_requests: bool,
    against: Option<Against>,
}

impl Concluded {
    /// A finding that stands by itself.
    pub(super) fn alone(finding: Finding) -> Self {
        Self { finding, is_unfinished: false, lacks_requests: false, against: None }
    }

    /// The same, if it might have come out otherwise, had the run not been cut short.
    pub(super) fn unfinished(self, is_unfinished: bool) -> Self {
        Self { is_unfinished, ..self }
    }

    /// The same, if it is without data because there was no request.
    pub(super) fn lacking_requests(self, lacks_requests: bool) -> Self {
        Self { lacks_requests, ..self }
    }

    pub(super) fn new(
        finding: Finding,
        claim: &dyn Evaluate,
        builder: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> Self {
        let is_cut_short = !index.record.end.cause.is_complete();
        let is_unfinished = finding.verdict != Verdict::Pass
            && is_cut_short
            && claim.is_unfinished(&finding, builder, index);
        let is_of_calls = builder.scope.calls.is_some();
        let against = match finding.verdict {
            Verdict::Fail => claim.against(&finding, builder, index),
            Verdict::Pass | Verdict::NoData => None,
        };
        let against = against.map(|samples| Against::new(&samples, is_of_calls));
        Self { finding, is_unfinished, lacks_requests: false, against }
    }
}

/// What tells one sample from another one.
type Key = (RequestId, SpanId);

/// The requests or calls that speak against an objective.
struct Against {
    is_of_calls: bool,
    samples: BTreeSet<Key>,
    /// The requests of the load that they are or belong to; `None` if some belong to none.
    requests: Option<BTreeSet<RequestId>>,
}

impl Against {
    fn new(samples: &[Sample], is_of_calls: bool) -> Self {
        let key = |it: &Sample| (it.request, it.span);
        let request = |it: &Sample| (it.request != 0).then_some(it.request);
        Self {
            is_of_calls,
            samples: samples.iter().map(key).collect(),
            requests: samples.iter().map(request).collect(),
        }
    }

    /// How much of this one `cause` shows, if it shows nothing else.
    fn shown_by<'c>(&self, cause: &'c Self) -> Option<Shown<'c>> {
        if self.is_of_calls == cause.is_of_calls {
            let shows = !cause.samples.is_empty() && cause.samples.is_subset(&self.samples);
            return shows.then_some(Shown::Samples(&cause.samples));
        }
        let (Some(of), Some(requests), false) = (&self.requests, &cause.requests, self.is_of_calls)
        else {
            return None;
        };
        (!requests.is_empty() && requests.is_subset(of)).then_some(Shown::Requests(requests))
    }

    /// Do these show all of it?
    fn is_covered_by(&self, shown: &[Shown<'_>]) -> bool {
        let is_shown = |key: &Key| {
            shown.iter().any(|shown| match shown {
                Shown::Samples(samples) => samples.contains(key),
                Shown::Requests(requests) => requests.contains(&key.0),
            })
        };
        !self.samples.is_empty() && self.samples.iter().all(is_shown)
    }

    fn why(&self) -> String {
        let thing = if self.is_of_calls { "call" } else { "request" };
        format!("the same {}", words::counted(self.samples.len() as u64, thing))
    }
}

/// What a cause shows of something else.
enum Shown<'c> {
    Samples(&'c BTreeSet<Key>),
    Requests(&'c BTreeSet<RequestId>),
}

/// Notes on each finding what it follows from. `conservation`, if there is one, and `completion` are
/// the places of these findings.
pub(super) fn note(all: &mut [Concluded], conservation: Option<usize>, completion: usize) {
    let follows = |from: usize, why: &str| Follows { from: vec![from], why: why.to_owned() };
    for concluded in all.iter_mut().filter(|it| it.is_unfinished) {
        concluded.finding.follows = Some(follows(completion, "the run was cut short"));
    }
    let is_cause = |place: &usize| {
        let finding = &all[*place].finding;
        finding.verdict != Verdict::Pass && finding.follows.is_none()
    };
    if let Some(conservation) = conservation.filter(is_cause) {
        for concluded in all.iter_mut().filter(|it| it.lacks_requests) {
            let none = || follows(conservation, "no request came to an end");
            concluded.finding.follows.get_or_insert_with(none);
        }
    }
    note_same_requests(all);
}

/// Calls before requests, and few before many, so that what a finding may follow from has been
/// looked at before it.
fn note_same_requests(all: &mut [Concluded]) {
    let went_wrong = |it: &Concluded| it.finding.at.unwrap_or(u64::MAX);
    let mut places: Vec<usize> = (0..all.len())
        .filter(|place| all[*place].against.is_some() && all[*place].finding.follows.is_none())
        .collect();
    places.sort_by_key(|place| {
        let it = &all[*place];
        let against = it.against.as_ref().map(|it| (Reverse(it.is_of_calls), it.samples.len()));
        (against, went_wrong(it), *place)
    });
    let mut causes: Vec<usize> = Vec::new();
    for place in places {
        let Some(against) = &all[place].against else { continue };
        let mut from = Vec::new();
        let mut shown = Vec::new();
        for cause in &causes {
            let of_cause = all[*cause].against.as_ref();
            if let Some(part) = of_cause.and_then(|cause| against.shown_by(cause)) {
                from.push(*cause);
                shown.push(part);
            }
        }
        from.sort_by_key(|cause| (went_wrong(&all[*cause]), *cause));
        let is_later =
            from.first().is_some_and(|it| went_wrong(&all[*it]) <= went_wrong(&all[place]));
        if is_later && against.is_covered_by(&shown) {
            let why = against.why();
            all[place].finding.follows = Some(Follows { from, why });
        } else {
            causes.push(place);
        }
    }
}
