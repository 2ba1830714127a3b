//! Judges retry amplification.

use std::collections::BTreeMap;

use squall_reports::{
    record::{Phase, RequestId, SpanId},
    verdict::{Finding, Good},
    words,
};

use super::{
    Conclude, Evaluate, FindingBuilder, Index,
    index::{Hit, in_phase},
    number::real,
};
use crate::objective::{Amplification, Sent};

impl Evaluate for Amplification {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        let counts = Counts::of(&self.sent, builder, index);
        builder.for_each_part(index, |mut finding| {
            let at = builder.place(finding.phase);
            let (sent, needed, worst) = counts.in_phase(finding.phase);
            if needed == 0 {
                return finding.no_data(format!("nothing was sent {at}"));
            }
            let times = real(sent) / real(needed);
            finding.samples = needed;
            finding.worst = worst;
            let shown = words::apart(times, self.at_most, 4);
            finding.observed = format!("{shown}x");
            finding.compare(times, Good::AtMost, self.at_most);
            finding.concluded(times <= self.at_most, || {
                format!(
                    "{} was {shown}x {at}, over the bound of {}x ({} sent for {} needed)",
                    builder.name,
                    self.at_most,
                    words::count(sent),
                    words::count(needed),
                )
            })
        })
    }
}

/// What was sent and what needed sending, each in the phase of what it was sent for: the attempts
/// of a request over the edge of a phase are one request's.
enum Counts {
    PerRequest(Vec<Row>),
    PerSpan(Vec<Row>, Vec<Row>),
    /// Phase, number and attempts of each request that was sent at all.
    ByClients(Vec<(Phase, RequestId, u64)>),
}

impl Counts {
    fn of(sent: &Sent, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Self {
        match sent {
            Sent::PerRequest(attempts) => {
                let attempts = index.hits(attempts, builder.scope);
                Self::PerRequest(attempts.iter().map(|hit| row(hit, index)).collect())
            }
            Sent::PerSpan(attempts, needed) => {
                let [attempts, needed] =
                    [attempts, needed].map(|spans| index.hits(spans, builder.scope));
                let phases: BTreeMap<SpanId, Phase> =
                    needed.iter().map(|hit| (hit.span_id(), index.phase_of(hit))).collect();
                let of_attempt = |hit: &Hit| {
                    let inside = index.ancestors(hit).find_map(|id| phases.get(&id));
                    (*inside.unwrap_or(&index.phase_of(hit)), hit.request())
                };
                Self::PerSpan(
                    attempts.iter().map(of_attempt).collect(),
                    needed.iter().map(|hit| row(hit, index)).collect(),
                )
            }
            Sent::ByClients => {
                let samples = index.samples(builder.scope);
                let sent = samples.iter().filter(|sample| sample.attempts > 0);
                let sent =
                    sent.map(|sample| (sample.phase, sample.request, u64::from(sample.attempts)));
                Self::ByClients(sent.collect())
            }
        }
    }

    /// What was sent, what needed sending, and the request with the most.
    fn in_phase(&self, phase: Option<Phase>) -> (u64, u64, Option<RequestId>) {
        let here = |rows: &[Row]| -> Vec<RequestId> {
            let kept = rows.iter().filter(|(at, _)| in_phase(phase, *at));
            kept.map(|(_, request)| request.unwrap_or(0)).collect()
        };
        let per_request = |requests: &[RequestId]| {
            let mut counts: BTreeMap<RequestId, u64> = BTreeMap::new();
            for request in requests.iter().filter(|request| **request != 0) {
                *counts.entry(*request).or_default() += 1;
            }
            counts
        };
        match self {
            Self::PerRequest(hits) => {
                let counts = per_request(&here(hits));
                (counts.values().sum(), counts.len() as u64, most(counts))
            }
            Self::PerSpan(attempts, needed) => {
                let (attempts, needed) = (here(attempts), here(needed).len() as u64);
                (attempts.len() as u64, needed, most(per_request(&attempts)))
            }
            Self::ByClients(rows) => {
                let rows = rows.iter().filter(|(at, ..)| in_phase(phase, *at));
                let counts: BTreeMap<_, _> = rows.map(|(_, id, sent)| (*id, *sent)).collect();
                (counts.values().sum(), counts.len() as u64, most(counts))
            }
        }
    }
}

/// The phase that a span counts in, and its request.
type Row = (Phase, Option<RequestId>);

fn row(hit: &Hit, index: &Index<'_>) -> Row {
    (index.phase_of(hit), hit.request())
}

/// The first of those with the most.
fn most(counts: BTreeMap<RequestId, u64>) -> Option<RequestId> {
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(request, _)| request)
}
