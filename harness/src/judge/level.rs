//! Judges bounds on what there is at an instant.

use std::collections::BTreeMap;

use squall_reports::{
    record::{Phase, RequestId},
    verdict::{Finding, Good, Verdict},
    words,
};

use super::{
    Conclude, Evaluate, FindingBuilder, Index,
    index::{Hit, Reading, in_phase},
    number::real,
};
use crate::objective::{Concurrency, Level, LevelBound, Settles};

impl Evaluate for Concurrency {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        let hits = self.open(builder, index);
        let peaks = sweep(&hits, self.at_most, index);
        builder.for_each_part(index, |mut finding| {
            let phase = finding.phase;
            let peaks = peaks.iter().filter(|(at, _)| in_phase(phase, **at));
            // The first of equals.
            let peak = peaks.rev().max_by_key(|(_, peak)| peak.open).map(|(_, peak)| peak);
            let Some(peak) = peak else {
                let at = builder.place(phase);
                return finding.no_data(format!("no {} was open {at}", self.spans));
            };
            finding.samples = hits.len() as u64;
            finding.worst = peak.request;
            finding.at = peak.first_over;
            finding.observed = words::count(peak.open);
            finding.compare(real(peak.open), Good::AtMost, real(self.at_most));
            finding.concluded(peak.open <= self.at_most, || {
                format!(
                    "{} were open at once at {}, {} over the bound of {} ({})",
                    words::count(peak.open),
                    words::time(peak.at),
                    words::count(peak.open - self.at_most),
                    words::count(self.at_most),
                    words::counted(hits.len() as u64, "span"),
                )
            })
        })
    }
}

impl Concurrency {
    /// The spans in the order of opening. What was opened during the boot and is still open when
    /// the load begins counts from there on.
    fn open(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Hit> {
        let begins = index.begins(builder.scope);
        let mut hits = index.hits_at_any_time(&self.spans, builder.scope);
        hits.retain(|hit| hit.at >= begins || hit.end > begins);
        for hit in &mut hits {
            hit.at = hit.at.max(begins);
        }
        hits
    }
}

/// The most that was open at once.
struct Peak {
    open: u64,
    at: u64,
    /// The request whose span made it so many.
    request: Option<RequestId>,
    /// When there first were too many.
    first_over: Option<u64>,
}

/// The highest number of open spans in each phase, and when there were more than `at_most`. `hits` are in the order of opening.
fn sweep(hits: &[Hit], at_most: u64, index: &Index<'_>) -> BTreeMap<Phase, Peak> {
    let lasting = hits.iter().filter(|hit| hit.end > hit.at);
    let mut closings: Vec<u64> = lasting.map(|hit| hit.end).collect();
    closings.sort_unstable();
    let mut closings = closings.into_iter().peekable();
    // What is open as a phase begins counts in that phase, too.
    let mut beginnings = index.phases.iter().map(|span| span.from).peekable();
    let mut peaks: BTreeMap<Phase, Peak> = BTreeMap::new();
    let mut see = |at: u64, open: u64, request: Option<RequestId>| {
        let new = Peak { open, at, request, first_over: None };
        let peak = peaks.entry(index.phase_at(at)).or_insert(new);
        if open > peak.open {
            (peak.open, peak.at, peak.request) = (open, at, request);
        }
        if open > at_most {
            peak.first_over.get_or_insert(at);
        }
    };
    let (mut open, mut last) = (0_u64, None);
    let ends = hits.iter().map(Some).chain([None]);
    for hit in ends {
        let now = hit.map_or(u64::MAX, |hit| hit.at);
        loop {
            let closing = closings.peek().copied().unwrap_or(u64::MAX);
            let beginning = beginnings.peek().copied().unwrap_or(u64::MAX);
            if closing.min(beginning) > now || closing.min(beginning) == u64::MAX {
                break;
            }
            if closing <= beginning {
                closings.next();
                open -= 1;
            } else {
                beginnings.next();
                if open > 0 {
                    see(beginning, open, last);
                }
            }
        }
        let Some(hit) = hit else { break };
        let brief = u64::from(hit.end <= hit.at);
        open += 1 - brief;
        last = hit.request();
        see(hit.at, open + brief, last);
    }
    peaks
}

impl Evaluate for Level {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        let readings = index.gauge(&self.gauge, builder.scope);
        let (bound, good, sign) = match self.bound {
            LevelBound::AtMost(bound) => (bound, Good::AtMost, 1.0),
            LevelBound::AtLeast(bound) => (bound, Good::AtLeast, -1.0),
        };
        // How far a reading is on the wrong side.
        let over = |reading: &Reading| (reading.value - bound) * sign;
        builder.for_each_part(index, |mut finding| {
            let (at, phase) = (builder.place(finding.phase), finding.phase);
            let here = || readings.iter().filter(|r| in_phase(phase, index.phase_at(r.at)));
            let worst = here().rev().max_by(|a, b| over(a).total_cmp(&over(b)));
            let Some(worst) = worst else {
                return finding.no_data(format!("no samples of {} {at}", self.gauge));
            };
            finding.samples = here().count() as u64;
            let shown = words::quantity_apart(worst.value, bound);
            finding.observed.clone_from(&shown);
            finding.compare(worst.value, good, bound);
            let first = here().find(|reading| over(reading) > 0.0);
            finding.wrong_at(first.map(|reading| reading.at)).concluded(first.is_none(), || {
                format!(
                    "{} was {shown} on {} at {}, {} {} the bound of {} ({})",
                    self.gauge,
                    index.record.host(worst.host),
                    words::time(worst.at),
                    words::quantity(over(worst)),
                    if sign > 0.0 { "over" } else { "under" },
                    words::quantity(bound),
                    words::counted(here().count() as u64, "sample"),
                )
            })
        })
    }

    /// A gauge that was not sampled once the load had begun is one that nobody samples, unless its
    /// part of the run was still to come.
    fn is_unfinished(
        &self,
        finding: &Finding,
        builder: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> bool {
        let has_samples = !index.gauge(&self.gauge, builder.scope).is_empty();
        finding.verdict == Verdict::NoData
            && !builder.is_over(finding, index)
            && (has_samples || index.load_begins.is_none())
    }
}

impl Evaluate for Settles {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        vec![self.find(builder.finding(None), builder, index)]
    }

    fn is_unfinished(
        &self,
        finding: &Finding,
        builder: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> bool {
        let has_samples = !index.gauge_at_any_time(&self.gauge, builder.scope).is_empty();
        finding.verdict == Verdict::NoData
            && index.settled.is_none()
            && (has_samples || index.load_begins.is_none())
    }
}

impl Settles {
    fn find(
        &self,
        mut finding: Finding,
        builder: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> Finding {
        let (Some(begins), Some(settled)) = (index.load_begins, index.settled) else {
            return finding.no_data("the run has no load that begins and settles");
        };
        let readings = index.gauge_at_any_time(&self.gauge, builder.scope);
        let before = last_by_host(&readings, begins);
        let mut after = last_by_host(&readings, settled);
        after.retain(|_, reading| reading.at >= index.load_ends.unwrap_or(begins));
        if before.is_empty() {
            return finding.no_data(format!("no samples of {} before the load", self.gauge));
        }
        // The host that grew most; the first of equals.
        let mut worst: Option<(u16, f64, f64)> = None;
        for (host, then) in &before {
            let Some(now) = after.get(host) else {
                let host = index.record.host(*host);
                return finding
                    .no_data(format!("no samples of {} on {host} after the load", self.gauge));
            };
            let growth = now.value - then.value;
            if worst.is_none_or(|(_, then, now)| growth > now - then) {
                worst = Some((*host, then.value, now.value));
            }
        }
        let Some((host, then, now)) = worst else {
            return finding.no_data(format!("no samples of {} before the load", self.gauge));
        };
        let (host, growth) = (index.record.host(host), (now - then).max(0.0));
        finding.samples = before.len() as u64;
        let (shown_then, shown_now) = (words::quantity(then), words::quantity(now));
        finding.observed = format!("{shown_then} to {shown_now} on {host}");
        finding.compare(growth, Good::AtMost, real(self.tolerance));
        finding.wrong_at(Some(settled)).concluded(growth <= real(self.tolerance), || {
            format!(
                "{} on {host} were {shown_then} before the load and {shown_now} after it had \
                 settled, {} more ({} allowed)",
                self.gauge,
                words::quantity(growth),
                words::count(self.tolerance),
            )
        })
    }
}

/// The last reading of each host at or before `at`.
fn last_by_host(readings: &[Reading], at: u64) -> BTreeMap<u16, Reading> {
    let until = readings.iter().filter(|reading| reading.at <= at);
    until.map(|reading| (reading.host, *reading)).collect()
}
