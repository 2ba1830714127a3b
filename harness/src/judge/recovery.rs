//! Judges the time to recover.

use squall_reports::{verdict::Finding, words};

use super::{
    Conclude, Draft, Index, Judged,
    draft::{margin_below, nanos, real},
    sample::Sample,
};
use crate::objective::{Claim, Latency, Objective, Recovery, Share};

impl Judged for Recovery {
    fn judge(&self, draft: &Draft<'_>, index: &Index<'_>) -> Vec<Finding> {
        vec![self.find(draft.finding(None), draft, index)]
    }
}

impl Recovery {
    fn find(&self, mut finding: Finding, draft: &Draft<'_>, index: &Index<'_>) -> Finding {
        let Some(healed) = index.last_heal else {
            return finding.no_data("no fault was healed in this run");
        };
        let samples = index.samples(&self.objective.scope);
        let test = match Test::new(&self.objective, &samples) {
            Ok(test) => test,
            Err(reason) => return finding.no_data(reason),
        };
        let after: Vec<&Sample> =
            samples.iter().filter(|sample| sample.start >= healed && test.counts(sample)).collect();
        let window = nanos(self.window);
        let last = after.last().map_or(healed, |sample| sample.start + 1);
        let until = index.load_ends.map_or(last, |ends| ends.max(last));
        finding.samples = after.len() as u64;
        if after.is_empty() || until - healed < window {
            return finding.no_data(format!(
                "the load went on for {} after the last heal, too short for a window of {}",
                words::time(until.saturating_sub(healed)),
                words::time(window),
            ));
        }
        let within = nanos(self.within);
        let found = first_window(&test, &after, healed, window, until);
        let before = found.unwrap_or(until);
        let bad = after.iter().take_while(|sample| sample.start < before);
        let last_bad = bad.filter(|sample| test.is_bad(sample) && sample.request != 0).last();
        finding.worst = last_bad.map(|sample| sample.request);
        let Some(found) = found else {
            finding.observed = "not recovered".to_owned();
            return finding.failed(format!(
                "{} {} never held for {} in the {} of load after the last heal ({})",
                self.objective.name(),
                self.objective.bound(),
                words::time(window),
                words::time(until - healed),
                words::counted(after.len() as u64, "sample"),
            ));
        };
        let took = found - healed;
        finding.observed = words::time(took);
        finding.margin = margin_below(real(took), real(within));
        finding.concluded(took <= within, || {
            format!(
                "{} took {}, {} over the bound of {} ({})",
                draft.name,
                words::time(took),
                words::time(took - within),
                words::time(within),
                words::counted(after.len() as u64, "sample"),
            )
        })
    }
}

/// An objective as a test on two counts: how many samples a window has, how many are good.
enum Test<'o> {
    /// A percentile is within the bound if that many of the samples are.
    Latency {
        claim: &'o Latency,
        objective: &'o Objective,
        limit: u64,
    },
    Share(&'o Share),
}

impl<'o> Test<'o> {
    fn new(objective: &'o Objective, samples: &[Sample]) -> Result<Self, String> {
        match &objective.claim {
            Claim::Latency(claim) => {
                let limit = claim.limit(samples, &objective.scope)?;
                Ok(Self::Latency { claim, objective, limit })
            }
            Claim::Share(claim) => Ok(Self::Share(claim)),
            _ => Err("expected a latency or a share to recover".to_owned()),
        }
    }

    fn counts(&self, sample: &Sample) -> bool {
        match self {
            Self::Latency { objective, .. } => sample.has_latency(&objective.scope),
            Self::Share(claim) => claim.of.counts(sample),
        }
    }

    fn is_bad(&self, sample: &Sample) -> bool {
        match self {
            Self::Latency { limit, .. } => sample.latency() > *limit,
            Self::Share(claim) => claim.is_bad(sample),
        }
    }

    fn holds(&self, bad: u64, whole: u64) -> bool {
        if whole == 0 {
            return false;
        }
        let good = whole - bad;
        match self {
            Self::Latency { claim, .. } => {
                let rank = usize::try_from(whole).ok().and_then(|n| claim.percentile().rank(n));
                rank.is_some_and(|rank| good >= rank as u64)
            }
            Self::Share(claim) => {
                let at_least = matches!(claim.bound, crate::objective::ShareBound::AtLeast(_));
                claim.bound.allows(if at_least { good } else { bad }, whole)
            }
        }
    }
}

/// The first instant from `healed` on from which the test holds over a whole window that ends by
/// `until`. The counts of a window change only where a sample leaves it or enters it, so only
/// those instants are looked at.
fn first_window(
    test: &Test<'_>,
    samples: &[&Sample],
    healed: u64,
    window: u64,
    until: u64,
) -> Option<u64> {
    let latest = until.checked_sub(window)?;
    let mut instants = vec![healed];
    instants.extend(samples.iter().map(|sample| sample.start + 1));
    instants.extend(samples.iter().map(|sample| (sample.start + 1).saturating_sub(window)));
    instants.retain(|instant| (healed..=latest).contains(instant));
    instants.sort_unstable();
    let (mut from, mut to, mut bad) = (0, 0, 0);
    for instant in instants {
        while to < samples.len() && samples[to].start < instant + window {
            bad += u64::from(test.is_bad(samples[to]));
            to += 1;
        }
        while from < to && samples[from].start < instant {
            bad -= u64::from(test.is_bad(samples[from]));
            from += 1;
        }
        if test.holds(bad, (to - from) as u64) {
            return Some(instant);
        }
    }
    None
}
