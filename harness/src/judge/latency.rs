//! Judges percentiles of latency.

use squall_reports::{
    record::Phase,
    stats::Percentile,
    verdict::{Finding, Good, Verdict},
    words,
};

use super::{
    Conclude, Evaluate, FindingBuilder, Index,
    index::in_phase,
    number::{nanos, real},
    sample::Sample,
};
use crate::objective::{Latency, LatencyBound, Scope};

impl Evaluate for Latency {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        let samples = index.samples(builder.scope);
        builder.for_each_part(index, |mut finding| {
            let (at, phase) = (builder.place(finding.phase), finding.phase);
            let things = if builder.scope.calls.is_some() { "call" } else { "request" };
            let Some(found) = self.observe(&samples, builder.scope, phase) else {
                return finding.no_data(format!("no {things} {at} has a latency to judge"));
            };
            finding.samples = found.samples;
            finding.worst = (found.worst != 0).then_some(found.worst);
            // For a reader to whom there is nothing to compare it with.
            finding.observed = words::time(found.value);
            let bound = match self.limit(&samples, builder.scope) {
                Ok(bound) => bound,
                Err(reason) => return finding.no_data(reason),
            };
            if let LatencyBound::TimesBaseline(_) = self.bound {
                finding.bound = format!("{} ({})", finding.bound, words::time_exact(bound));
            }
            finding.observed = words::time_apart(found.value, bound);
            finding.compare(real(found.value), Good::AtMost, real(bound));
            // Over the bound from the moment at which it had been waited for too long.
            let late = self.counted(&samples, builder.scope, phase);
            let late = late.filter(|sample| sample.latency() > bound);
            finding.at = late.map(|sample| sample.start.saturating_add(bound)).min();
            finding.concluded(found.value <= bound, || {
                format!(
                    "{} was {} {at}, {} over the bound of {} ({})",
                    builder.name,
                    words::time_apart(found.value, bound),
                    words::time(found.value - bound),
                    words::time_exact(bound),
                    words::counted(found.samples, "sample"),
                )
            })
        })
    }

    fn against(
        &self,
        finding: &Finding,
        builder: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> Option<Vec<Sample>> {
        let samples = index.samples(builder.scope);
        let bound = self.limit(&samples, builder.scope).ok()?;
        let late = self.counted(&samples, builder.scope, builder.phase_of(finding));
        Some(late.filter(|sample| sample.latency() > bound).copied().collect())
    }

    /// A baseline that is over and has nothing to compare with will not have it later.
    fn is_unfinished(
        &self,
        finding: &Finding,
        builder: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> bool {
        let has_bound = self.limit(&index.samples(builder.scope), builder.scope).is_ok();
        finding.verdict == Verdict::NoData
            && !builder.is_over(finding, index)
            && (has_bound || !index.is_over(Phase::Baseline))
    }
}

struct Found {
    value: u64,
    samples: u64,
    /// The request with the highest latency; 0 for none.
    worst: u32,
}

impl Latency {
    /// The samples that have a latency in a phase.
    fn counted<'s>(
        &self,
        samples: &'s [Sample],
        scope: &Scope,
        phase: Option<Phase>,
    ) -> impl DoubleEndedIterator<Item = &'s Sample> {
        let of_phase = samples.iter().filter(move |sample| in_phase(phase, sample.phase));
        of_phase.filter(move |sample| sample.has_latency(scope))
    }

    fn observe(&self, samples: &[Sample], scope: &Scope, phase: Option<Phase>) -> Option<Found> {
        let counted = || self.counted(samples, scope, phase);
        let mut latencies: Vec<u64> = counted().map(Sample::latency).collect();
        let value = self.percentile().select(&mut latencies)?;
        // The first of equals, so that the same record names the same request.
        let worst = counted().rev().max_by_key(|sample| sample.latency())?.request;
        Some(Found { value, samples: latencies.len() as u64, worst })
    }

    /// The bound as a time.
    pub(super) fn limit(&self, samples: &[Sample], scope: &Scope) -> Result<u64, String> {
        match self.bound {
            LatencyBound::AtMost(bound) => Ok(nanos(bound)),
            LatencyBound::TimesBaseline(times) => {
                let baseline = self.observe(samples, scope, Some(Phase::Baseline));
                let baseline = baseline.ok_or("the baseline has no latency to compare with")?;
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a positive number of nanoseconds, to the nearest"
                )]
                Ok((real(baseline.value) * times).round() as u64 + nanos(self.slack))
            }
        }
    }

    /// The percentile; the maximum for a number that `check` has refused.
    pub(super) fn percentile(&self) -> Percentile {
        self.exact().unwrap_or(Percentile::MAX)
    }
}
