//! Judges the time to recover.

use squall_reports::{
    verdict::{Finding, Good},
    words,
};

use super::{
    Conclude, Evaluate, FindingBuilder, Index,
    number::{nanos, real},
    sample::Sample,
};
use crate::objective::{Claim, Latency, Objective, Recovery, Scope, Share};

impl Evaluate for Recovery {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        vec![self.find(builder.finding(None), builder, index)]
    }

    /// All that is bad after the last heal.
    fn against(
        &self,
        _finding: &Finding,
        _draft: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> Option<Vec<Sample>> {
        let healed = index.last_heal?;
        let samples = index.samples(&self.objective.scope);
        let test = Test::new(&self.objective, &samples).ok()?;
        let after = samples.iter().filter(|sample| sample.start >= healed && test.counts(sample));
        Some(after.filter(|sample| test.is_bad(sample)).copied().collect())
    }

    /// There was no heal yet, or not enough load after it.
    fn is_unfinished(
        &self,
        _finding: &Finding,
        _draft: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> bool {
        let Some(healed) = index.last_heal else { return index.awaits_heal() };
        let samples = index.samples(&self.objective.scope);
        let latest = healed.saturating_add(nanos(self.within)).saturating_add(nanos(self.window));
        index.load_ends.is_none()
            && latest > index.record.end.at
            && Test::new(&self.objective, &samples).is_ok()
    }
}

impl Recovery {
    fn find(
        &self,
        mut finding: Finding,
        builder: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> Finding {
        let Some(healed) = index.last_heal else {
            return finding.no_data("no fault was healed in this run");
        };
        let scope = &self.objective.scope;
        let samples = index.samples(scope);
        let test = match Test::new(&self.objective, &samples) {
            Ok(test) => test,
            Err(reason) => return finding.no_data(reason),
        };
        let after: Vec<&Sample> =
            samples.iter().filter(|sample| sample.start >= healed && test.counts(sample)).collect();
        finding.samples = after.len() as u64;
        let window = nanos(self.window);
        let load = Coverage::new(scope, index, healed, window);
        let within = nanos(self.within);
        let Some(first) = load.windows.first().filter(|window| window.0 - healed <= within) else {
            return finding.no_data(load.missing(healed, window, within));
        };
        let until = load.last.unwrap_or(first.1);
        let found = first_window(&test, &after, &load, window);
        let before = found.unwrap_or(u64::MAX);
        let bad = after.iter().take_while(|sample| sample.start < before);
        let last_bad = bad.filter(|sample| test.is_bad(sample) && sample.request != 0).last();
        finding.worst = last_bad.map(|sample| sample.request);
        finding.at = Some(healed.saturating_add(within));
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
        let shown = words::time_apart(took, within);
        finding.observed.clone_from(&shown);
        finding.compare(real(took), Good::AtMost, real(within));
        finding.concluded(took <= within, || {
            format!(
                "{} took {shown}, {} over the bound of {} ({})",
                builder.name,
                words::time(took - within),
                words::time_exact(within),
                words::counted(after.len() as u64, "sample"),
            )
        })
    }
}

/// Into how many parts a window is divided, each of which must have load in it.
const PARTS: u64 = 4;

/// Where load was meant to be, whatever came of it: a window in which nobody was to ask anything
/// shows nothing of recovery.
struct Coverage {
    /// The beginnings of windows that count, as stretches: the first and the last of each.
    windows: Vec<(u64, u64)>,
    /// When load was last meant to start.
    last: Option<u64>,
}

impl Coverage {
    /// A window counts if no stretch of a quarter of it is without a request that was meant to
    /// start there.
    fn new(scope: &Scope, index: &Index<'_>, healed: u64, window: u64) -> Self {
        // Calls come of requests. Without a load of requests the calls themselves must do.
        let of_requests = match &scope.calls {
            Some(_) => Scope { calls: None, host: None, ..scope.clone() },
            None => scope.clone(),
        };
        let mut load = index.samples(&of_requests);
        if load.is_empty() {
            load = index.samples(scope);
        }
        let starts = load.iter().map(|sample| sample.start).filter(|start| *start >= healed);
        let gap = (window / PARTS).max(1);
        let (mut windows, mut last) = (Vec::new(), None);
        // A run of starts without a gap, which may begin a gap before its first.
        let mut run: Option<(u64, u64)> = None;
        let mut close = |run: Option<(u64, u64)>| {
            let Some((first, last)) = run else { return };
            let (from, until) = (first.saturating_sub(gap).max(healed), last.saturating_add(gap));
            if let Some(latest) = until.checked_sub(window).filter(|latest| *latest >= from) {
                windows.push((from, latest));
            }
        };
        for start in starts {
            last = last.max(Some(start));
            run = match run {
                Some((first, last)) if start - last <= gap => Some((first, start)),
                before => {
                    close(before);
                    Some((start, start))
                }
            };
        }
        close(run);
        Self { windows, last }
    }

    /// Why no window counts.
    fn missing(&self, healed: u64, window: u64, within: u64) -> String {
        let part = words::time((window / PARTS).max(1));
        let window = words::time(window);
        let (Some(last), true) = (self.last, self.windows.is_empty()) else {
            let first = self.windows.first().map(|first| words::time(first.0 - healed));
            let when = first.map_or_else(
                || "no load was meant to start after the last heal".to_owned(),
                |first| format!("load began {first} after the last heal"),
            );
            return format!(
                "{when}: expected some throughout a window of {window} that begins within {}",
                words::time(within)
            );
        };
        format!(
            "expected load throughout a window of {window} after the last heal, with no more than \
             {part} without any; the last was meant to start {} after it",
            words::time(last - healed)
        )
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

/// The first instant from which the test holds over a whole window that counts. The counts of a
/// window change only where a sample leaves it or enters it, and whether it begins with a gap that is
/// too long only where its first sample comes near, so only those instants are looked at.
fn first_window(test: &Test<'_>, samples: &[&Sample], load: &Coverage, window: u64) -> Option<u64> {
    let counts =
        |instant: &u64| load.windows.iter().any(|(from, to)| (*from..=*to).contains(instant));
    let mut instants: Vec<u64> = load.windows.iter().map(|(from, _)| *from).collect();
    instants.extend(samples.iter().map(|sample| sample.start + 1));
    instants.extend(samples.iter().map(|sample| (sample.start + 1).saturating_sub(window)));
    let gap = (window / PARTS).max(1);
    instants.extend(samples.iter().map(|sample| sample.start.saturating_sub(gap)));
    instants.retain(counts);
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
        let inside = &samples[from..to];
        if test.holds(bad, inside.len() as u64) && spreads(inside, instant, window, gap) {
            return Some(instant);
        }
    }
    None
}

/// Do the samples that the test looks at reach through the window? Where all else was shed or
/// abandoned, one good answer at its end shows no recovery.
fn spreads(samples: &[&Sample], begin: u64, window: u64, gap: u64) -> bool {
    let starts = samples.iter().map(|sample| sample.start);
    let mut last = begin;
    for start in starts.chain([begin.saturating_add(window)]) {
        if start - last > gap {
            return false;
        }
        last = start;
    }
    true
}
