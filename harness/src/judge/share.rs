//! Judges shares of requests.

use squall_reports::{
    verdict::{Finding, Good},
    words,
};

use super::{
    Conclude, Evaluate, FindingBuilder, Index, index::in_phase, names::unseen, number::real,
    sample::Sample,
};
use crate::objective::{Share, ShareBound};

impl Evaluate for Share {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        let samples = index.samples(builder.scope);
        let things = if builder.scope.calls.is_some() { "call" } else { "request" };
        builder.for_each_part(index, |mut finding| {
            let (at, phase) = (builder.place(finding.phase), finding.phase);
            let counted = || {
                let of_phase = samples.iter().filter(move |sample| in_phase(phase, sample.phase));
                of_phase.filter(|sample| self.of.counts(sample))
            };
            let whole = counted().count() as u64;
            if whole == 0 {
                if let Some(calls) = builder.scope.calls.as_ref().filter(|_| samples.is_empty()) {
                    finding.note = unseen(calls, index);
                }
                return finding.no_data(format!("no {things} {at} came to an end"));
            }
            let part = counted().filter(|sample| self.of.holds(sample)).count() as u64;
            let share = real(part) / real(whole);
            finding.samples = whole;
            let bad = || counted().filter(|sample| self.is_bad(sample));
            finding.worst = worst(bad());
            finding.at = bad().map(|sample| sample.end).min();
            let of = format!("{} of {}", words::count(part), words::counted(whole, things));
            match self.bound {
                ShareBound::AtLeast(fraction) => {
                    finding.observed = words::percent_apart(share, fraction);
                    finding.compare(share, Good::AtLeast, fraction);
                }
                ShareBound::AtMost(fraction) => {
                    finding.observed = words::percent_apart(share, fraction);
                    finding.compare(share, Good::AtMost, fraction);
                }
                ShareBound::CountAtMost(count) => {
                    finding.observed = words::count(part);
                    finding.compare(real(part), Good::AtMost, real(count));
                }
            }
            let (name, observed) = (&builder.name, finding.observed.clone());
            finding.concluded(self.bound.allows(part, whole), || match self.bound {
                ShareBound::AtLeast(fraction) => format!(
                    "{name}: {observed} {at}, under the bound of {} ({of})",
                    words::percent_exact(fraction)
                ),
                ShareBound::AtMost(fraction) => format!(
                    "{name}: {observed} {at}, over the bound of {} ({of})",
                    words::percent_exact(fraction)
                ),
                ShareBound::CountAtMost(count) => {
                    format!("{name}: {of} {at}, at most {} allowed", words::count(count))
                }
            })
        })
    }

    fn against(
        &self,
        finding: &Finding,
        builder: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> Option<Vec<Sample>> {
        let phase = builder.phase_of(finding);
        let samples = index.samples(builder.scope);
        let counted = samples.iter().filter(|sample| in_phase(phase, sample.phase));
        let bad = counted.filter(|sample| self.of.counts(sample) && self.is_bad(sample));
        Some(bad.copied().collect())
    }
}

impl Share {
    /// Does `sample` speak against the bound?
    pub(super) fn is_bad(&self, sample: &Sample) -> bool {
        match self.bound {
            ShareBound::AtLeast(_) => !self.of.holds(sample),
            ShareBound::AtMost(_) | ShareBound::CountAtMost(_) => self.of.holds(sample),
        }
    }
}

/// The slowest of `samples` that belongs to a request, and the first of equals.
pub(super) fn worst<'s>(samples: impl Iterator<Item = &'s Sample>) -> Option<u32> {
    let mut worst: Option<&Sample> = None;
    for sample in samples.filter(|sample| sample.request != 0) {
        if worst.is_none_or(|worst| sample.latency() > worst.latency()) {
            worst = Some(sample);
        }
    }
    worst.map(|sample| sample.request)
}
