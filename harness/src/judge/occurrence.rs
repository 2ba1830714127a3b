//! Judges what always, never, sometimes or eventually happens.

use std::{collections::BTreeMap, time::Duration};

use squall_reports::{
    verdict::{Finding, Good, Verdict},
    words,
};

use super::{
    Conclude, Evaluate, FindingBuilder, Index,
    index::{Hit, in_phase},
    matcher::Matcher,
    names::unseen,
    number::{nanos, real},
};
use crate::objective::{Matching, Occurrence, Requirement};

impl Evaluate for Occurrence {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        let hits = index.hits(&self.what, builder.scope);
        match &self.required {
            Requirement::Eventually { within } => {
                let finding = builder.finding(None);
                return vec![self.eventually(finding, &hits, within.map(nanos), index)];
            }
            Requirement::Follows { trigger, same, within, or_before } => {
                let triggers = index.hits(trigger, builder.scope);
                let (same, within) = (same.as_deref(), within.map(nanos));
                let follows = Follows { same, within, or_before: *or_before };
                // What comes before may have come before the load did.
                let hits = if *or_before {
                    index.hits_at_any_time(&self.what, builder.scope)
                } else {
                    hits
                };
                return vec![self.follows(
                    builder.finding(None),
                    &triggers,
                    &hits,
                    &follows,
                    index,
                )];
            }
            Requirement::Preceded { before, same } => {
                // What comes first may have come before the load did.
                let before = index.hits_at_any_time(before, builder.scope);
                let finding = builder.finding(None);
                return vec![self.preceded(finding, &hits, &before, same.as_deref(), index)];
            }
            _ => {}
        }
        let candidates = if self.what.is_log() { index.logs.len() } else { index.spans.len() };
        builder.for_each_part(index, |finding| {
            let phase = finding.phase;
            let here: Vec<Hit> = hits
                .iter()
                .copied()
                .filter(|hit| in_phase(phase, index.phase_at(hit.at)))
                .collect();
            match &self.required {
                Requirement::Always(condition) => {
                    self.always(finding, builder, &here, condition, index)
                }
                Requirement::OncePer(field) => self.once_per(finding, builder, &here, field, index),
                Requirement::Count { at_least, at_most } => {
                    let bounds = Bounds { at_least: *at_least, at_most: *at_most };
                    let mut finding = self.count(finding, builder, &here, &bounds, candidates);
                    if hits.is_empty() && candidates > 0 {
                        finding.note = unseen(&self.what, index);
                    }
                    finding
                }
                Requirement::Eventually { .. }
                | Requirement::Follows { .. }
                | Requirement::Preceded { .. } => finding,
            }
        })
    }

    /// What never happened might have, unless it was late already.
    fn is_unfinished(
        &self,
        finding: &Finding,
        builder: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> bool {
        let is_failed = finding.verdict == Verdict::Fail;
        // From the first that was not followed on.
        let has_time = |within: Option<Duration>| {
            let until =
                |at: u64| within.map_or(u64::MAX, |within| at.saturating_add(nanos(within)));
            finding.at.is_some_and(|at| until(at) > index.record.end.at)
        };
        match &self.required {
            Requirement::Eventually { within: None } if is_failed => true,
            Requirement::Eventually { .. } if is_failed => {
                finding.at.is_some_and(|late| late > index.record.end.at)
            }
            Requirement::Eventually { .. } => index.awaits_heal(),
            Requirement::Follows { within, .. } if is_failed => has_time(*within),
            // Too many have an instant, too few have none.
            Requirement::Count { .. } if is_failed => {
                finding.at.is_none() && !builder.is_over(finding, index)
            }
            _ => !is_failed && !builder.is_over(finding, index),
        }
    }
}

/// How often something is to happen.
struct Bounds {
    at_least: u64,
    at_most: Option<u64>,
}

/// How one thing is to follow another.
struct Follows<'o> {
    same: Option<&'o str>,
    within: Option<u64>,
    or_before: bool,
}

impl Occurrence {
    fn count(
        &self,
        mut finding: Finding,
        builder: &FindingBuilder<'_>,
        hits: &[Hit],
        bounds: &Bounds,
        candidates: usize,
    ) -> Finding {
        let what = &self.what;
        let Bounds { at_least, at_most } = *bounds;
        let (found, at) = (hits.len() as u64, builder.place(finding.phase));
        if candidates == 0 {
            let things = if what.is_log() { "log event" } else { "span" };
            return finding.no_data(format!("the record has no {things} at all"));
        }
        // That something never happened rests on everything that did.
        finding.samples = if at_most == Some(0) { candidates as u64 } else { found };
        finding.observed = words::count(found);
        match at_most {
            Some(most) => finding.compare(real(found), Good::AtMost, real(most)),
            None => finding.compare(real(found), Good::AtLeast, real(at_least)),
        }
        if let Some(most) = at_most.filter(|most| found > *most) {
            let first_over = usize::try_from(most).ok().and_then(|place| hits.get(place));
            finding.worst = first_over.and_then(Hit::request);
            finding.at = first_over.map(|hit| hit.at);
            let when = first_over.map_or(0, |hit| hit.at);
            return finding.failed(format!(
                "{what} happened {} {at}, at most {} allowed; the first too many at {}",
                words::counted(found, "time"),
                words::count(most),
                words::time(when),
            ));
        }
        finding.concluded(found >= at_least, || {
            let found = words::counted(found, "time");
            format!("{what} happened {found} {at}, expected at least {}", words::count(at_least))
        })
    }

    fn always(
        &self,
        mut finding: Finding,
        builder: &FindingBuilder<'_>,
        hits: &[Hit],
        condition: &Matching,
        index: &Index<'_>,
    ) -> Finding {
        let at = builder.place(finding.phase);
        if hits.is_empty() {
            return finding.no_data(format!("{} never happened {at}", self.what));
        }
        let matcher = Matcher::new(index.record, condition, None);
        let bad: Vec<&Hit> = hits
            .iter()
            .filter(|hit| match self.what.is_log() {
                true => !matcher.log(index.logs[hit.place].1),
                false => !matcher.span(index.spans[hit.place].1),
            })
            .collect();
        finding.samples = hits.len() as u64;
        finding.observed =
            format!("{} of {}", words::count((hits.len() - bad.len()) as u64), hits.len());
        let Some(first) = bad.first() else { return finding.passed() };
        finding.worst = first.request();
        finding.at = Some(first.at);
        finding.failed(format!(
            "{} of {} {at} are not {condition}; the first is on {} at {}: {}",
            words::count(bad.len() as u64),
            words::count(hits.len() as u64),
            index.record.host(first.host),
            words::time(first.at),
            index.record.shown(first.attributes),
        ))
    }

    fn once_per(
        &self,
        mut finding: Finding,
        builder: &FindingBuilder<'_>,
        hits: &[Hit],
        field: &str,
        index: &Index<'_>,
    ) -> Finding {
        let at = builder.place(finding.phase);
        let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
        let mut again: Option<(&Hit, &str)> = None;
        for hit in hits {
            let Some(value) = index.value(hit, field) else { continue };
            let times = seen.entry(value).or_default();
            *times += 1;
            if *times > 1 && again.is_none() {
                again = Some((hit, value));
            }
        }
        finding.samples = seen.values().sum();
        if seen.is_empty() {
            return finding.no_data(format!("no {} with a {field} happened {at}", self.what));
        }
        finding.observed = words::counted(seen.values().max().copied().unwrap_or(0), "time");
        let Some((hit, value)) = again else { return finding.passed() };
        let many = seen.values().filter(|times| **times > 1).count() as u64;
        finding.worst = hit.request();
        finding.at = Some(hit.at);
        finding.failed(format!(
            "{} happened more than once for {} of {} {at}; first for {field}={value}, again at {}",
            self.what,
            words::count(many),
            words::counted(seen.len() as u64, "value"),
            words::time(hit.at),
        ))
    }

    fn eventually(
        &self,
        mut finding: Finding,
        hits: &[Hit],
        within: Option<u64>,
        index: &Index<'_>,
    ) -> Finding {
        let Some(healed) = index.last_heal else {
            return finding.no_data("no fault was healed in this run");
        };
        let mut after = hits.iter().filter(|hit| hit.at >= healed);
        let late = within.map_or(index.record.end.at, |within| healed.saturating_add(within));
        finding.at = Some(late);
        let Some(first) = after.next() else {
            finding.observed = "never".to_owned();
            finding.note = unseen(&self.what, index);
            return finding.failed(format!("{} never happened after the last heal", self.what));
        };
        let took = first.at - healed;
        finding.samples = 1 + after.count() as u64;
        finding.observed = format!("{} after", words::time(took));
        let Some(within) = within else { return finding.passed() };
        let shown = words::time_apart(took, within);
        finding.observed = format!("{shown} after");
        finding.compare(real(took), Good::AtMost, real(within));
        finding.concluded(took <= within, || {
            format!(
                "{} first happened {shown} after the last heal, {} over the bound of {}",
                self.what,
                words::time(took - within),
                words::time_exact(within),
            )
        })
    }

    fn follows(
        &self,
        mut finding: Finding,
        triggers: &[Hit],
        hits: &[Hit],
        follows: &Follows<'_>,
        index: &Index<'_>,
    ) -> Finding {
        let key = |hit: &Hit| match follows.same {
            Some(field) => index.value(hit, field),
            None => Some(""),
        };
        // For each key what may follow, in order.
        let mut later: BTreeMap<&str, Vec<&Hit>> = BTreeMap::new();
        for hit in hits {
            if let Some(key) = key(hit) {
                later.entry(key).or_default().push(hit);
            }
        }
        let is_followed = |trigger: &&Hit| {
            let Some(later) = key(trigger).and_then(|key| later.get(key)) else { return false };
            let from = later.partition_point(|hit| hit.at < trigger.at);
            let is_earlier = |hit: &&Hit| hit.at < trigger.at || hit.is_before(trigger);
            if follows.or_before && later.first().is_some_and(is_earlier) {
                return true;
            }
            let next = later[from..].iter().find(|hit| !hit.is_before(trigger) && !hit.is(trigger));
            next.is_some_and(|hit| {
                follows.within.is_none_or(|within| hit.at - trigger.at <= within)
            })
        };
        if triggers.is_empty() {
            return finding.no_data("there was nothing to follow");
        }
        let lost: Vec<&Hit> = triggers.iter().filter(|trigger| !is_followed(trigger)).collect();
        let kept = (triggers.len() - lost.len()) as u64;
        finding.samples = triggers.len() as u64;
        finding.observed = format!("{} of {}", words::count(kept), words::count(finding.samples));
        let Some(first) = lost.first() else { return finding.passed() };
        finding.worst = first.request();
        finding.at = Some(first.at);
        let of = words::count(finding.samples);
        finding.failed(format!(
            "{} of {of} were not followed by {}{}; the first at {}: {}",
            words::count(lost.len() as u64),
            self.what,
            follows.within.map_or(String::new(), |t| format!(" within {}", words::time(t))),
            words::time(first.at),
            index.record.shown(first.attributes),
        ))
    }

    fn preceded(
        &self,
        mut finding: Finding,
        hits: &[Hit],
        before: &[Hit],
        same: Option<&str>,
        index: &Index<'_>,
    ) -> Finding {
        if hits.is_empty() {
            return finding.no_data(format!("{} never happened", self.what));
        }
        let key = |hit: &Hit| match same {
            Some(field) => index.value(hit, field),
            None => Some(""),
        };
        // For each key what happened at the first instant at which it did.
        let mut first: BTreeMap<&str, Vec<&Hit>> = BTreeMap::new();
        for hit in before {
            let Some(key) = key(hit) else { continue };
            let first = first.entry(key).or_default();
            if first.first().is_none_or(|earliest| earliest.at == hit.at) {
                first.push(hit);
            }
        }
        let is_preceded = |hit: &&Hit| {
            let first = key(hit).and_then(|key| first.get(key));
            first.is_some_and(|first| first.iter().any(|it| !hit.is_before(it) && !hit.is(it)))
        };
        let early: Vec<&Hit> = hits.iter().filter(|hit| !is_preceded(hit)).collect();
        let kept = (hits.len() - early.len()) as u64;
        finding.samples = hits.len() as u64;
        finding.observed = format!("{} of {}", words::count(kept), words::count(finding.samples));
        let Some(worst) = early.first() else { return finding.passed() };
        finding.worst = worst.request();
        finding.at = Some(worst.at);
        let of = words::count(finding.samples);
        finding.failed(format!(
            "{} of {of} came too early; the first at {}: {}",
            words::count(early.len() as u64),
            words::time(worst.at),
            index.record.shown(worst.attributes),
        ))
    }
}
