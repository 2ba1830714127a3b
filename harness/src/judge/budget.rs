//! Judges error budgets and burn rates.

use squall_reports::{
    record::{Outcome, Phase},
    verdict::{Finding, Good},
    words,
};

use super::{
    Conclude, Evaluate, FindingBuilder, Index, index::in_phase, number::real, sample::Sample,
    share::worst,
};
use crate::objective::{Budget, Burn, BurnWindow};

/// The share of the budget of `target` that `bad` of `whole` requests spend: 1 is all of it.
///
/// The budget is taken to the billionth, in integers: in floating point 1 - 0.9 is a little less
/// than the 0.1 that somebody meant.
fn spent(target: f64, bad: u64, whole: u64) -> f64 {
    const PARTS: f64 = 1e9;
    let budget = ((1.0 - target) * PARTS).round();
    real(bad) * PARTS / (real(whole) * budget)
}

fn counts(sample: &Sample) -> bool {
    sample.outcome != Outcome::Abandoned
}

impl Evaluate for Budget {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        let samples = index.samples(builder.scope);
        builder.for_each_part(index, |mut finding| {
            let (at, phase) = (builder.place(finding.phase), finding.phase);
            let counted = || {
                let of_phase = samples.iter().filter(move |sample| in_phase(phase, sample.phase));
                of_phase.filter(|sample| counts(sample))
            };
            let bad = || counted().filter(|sample| !sample.is_useful());
            let whole = counted().count() as u64;
            if whole == 0 {
                return finding.no_data(format!("no request {at} came to an end"));
            }
            let lost = bad().count() as u64;
            let spent = spent(self.target, lost, whole);
            finding.samples = whole;
            finding.worst = worst(bad());
            finding.at = bad().map(|sample| sample.end).min();
            let shown = words::percent_apart(spent, self.spent_at_most);
            finding.observed = format!("{shown} spent");
            finding.compare(spent, Good::AtMost, self.spent_at_most);
            finding.concluded(spent <= self.spent_at_most, || {
                format!(
                    "{}: {shown} was spent {at}, over the bound of {} ({} of {} bad)",
                    builder.name,
                    words::percent_exact(self.spent_at_most),
                    words::count(lost),
                    words::counted(whole, "request"),
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
        Some(bad(builder.phase_of(finding), builder, index))
    }
}

/// What spends a budget in a phase.
fn bad(phase: Option<Phase>, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Sample> {
    let samples = index.samples(builder.scope);
    let counted = samples.iter().filter(|it| in_phase(phase, it.phase) && counts(it));
    counted.filter(|sample| !sample.is_useful()).copied().collect()
}

impl Evaluate for Burn {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        let samples: Vec<Sample> =
            index.samples(builder.scope).iter().copied().filter(counts).collect();
        let load = index.load();
        let judge = |window: &BurnWindow| self.judge_window(window, builder, &samples, load);
        self.windows.iter().map(judge).collect()
    }

    fn against(
        &self,
        _finding: &Finding,
        builder: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> Option<Vec<Sample>> {
        Some(bad(None, builder, index))
    }
}

/// The highest burn rate that both windows reached at once.
struct Peak {
    rate: f64,
    at: u64,
    /// The requests in the long window then.
    samples: u64,
    worst: Option<u32>,
}

impl Burn {
    fn judge_window(
        &self,
        window: &BurnWindow,
        builder: &FindingBuilder<'_>,
        samples: &[Sample],
        load: (u64, u64),
    ) -> Finding {
        let mut finding = builder.finding(None);
        finding.name = format!("{}, {}", builder.name, window.name());
        finding.bound = window.bound();
        let Some(peak) = self.peak(window, samples, load) else {
            return finding.no_data(format!(
                "no window held {} from its beginning to its end",
                words::counted(self.samples_at_least.max(1), "request")
            ));
        };
        finding.samples = samples.len() as u64;
        finding.worst = peak.worst;
        finding.at = Some(peak.at);
        let shown = words::apart(peak.rate, window.factor, 3);
        finding.observed.clone_from(&shown);
        finding.compare(peak.rate, Good::AtMost, window.factor);
        finding.concluded(peak.rate <= window.factor, || {
            format!(
                "{} reached {shown}x at {}, over the bound of {}x ({} in the long window)",
                builder.name,
                words::time(peak.at),
                window.factor,
                words::counted(peak.samples, "request"),
            )
        })
    }

    /// Looks at each instant with requests as an alert would: back over both windows. The alert
    /// fires when both rates exceed the factor, so the lower of the two is what counts. Windows are
    /// fractions of the whole load, on whatever part of it the objective is.
    fn peak(
        &self,
        window: &BurnWindow,
        samples: &[Sample],
        (begin, end): (u64, u64),
    ) -> Option<Peak> {
        let run = end.saturating_sub(begin);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a fraction of the run, in whole nanoseconds"
        )]
        let long = (real(run) * window.long) as u64;
        let short = long / 12;
        let mut bad_before = Vec::with_capacity(samples.len() + 1);
        let mut bad = 0_u64;
        bad_before.push(bad);
        for sample in samples {
            bad += u64::from(!sample.is_useful());
            bad_before.push(bad);
        }
        let rate = |from: usize, to: usize| {
            spent(self.target, bad_before[to] - bad_before[from], (to - from) as u64)
        };
        let (mut from_long, mut from_short) = (0, 0);
        let (mut peak, mut worst): (Option<Peak>, _) = (None, None);
        for (place, sample) in samples.iter().enumerate() {
            if !sample.is_useful() && sample.request != 0 {
                worst = Some(sample.request);
            }
            let at = sample.start;
            // Those that start at one instant are one observation.
            if samples.get(place + 1).is_some_and(|next| next.start == at) {
                continue;
            }
            while samples[from_long].start + long < at {
                from_long += 1;
            }
            while samples[from_short].start + short < at {
                from_short += 1;
            }
            let enough = (place + 1 - from_short) as u64 >= self.samples_at_least;
            if at.saturating_sub(begin) < long || !enough {
                continue;
            }
            let rate = rate(from_long, place + 1).min(rate(from_short, place + 1));
            if peak.as_ref().is_none_or(|peak| rate > peak.rate) {
                let samples = (place + 1 - from_long) as u64;
                let worst = (rate > 0.0).then_some(worst).flatten();
                peak = Some(Peak { rate, at, samples, worst });
            }
        }
        peak
    }
}
