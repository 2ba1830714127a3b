//! Judges bounds on what there is at an instant.

use std::collections::BTreeMap;

use squall_reports::{record::Phase, verdict::Finding, words};

use super::{
    Conclude, Draft, Index, Judged,
    draft::{margin_below, place, real},
    index::{Hit, Reading, in_phase},
};
use crate::objective::{Concurrency, Level, Settles};

impl Judged for Concurrency {
    fn judge(&self, draft: &Draft<'_>, index: &Index<'_>) -> Vec<Finding> {
        let hits = index.hits(&self.spans, draft.scope);
        let peaks = sweep(&hits, index);
        draft.for_each_part(index, |mut finding| {
            let phase = finding.phase;
            let peaks = peaks.iter().filter(|(at, _)| in_phase(phase, **at));
            // The first of equals.
            let peak = peaks.rev().max_by_key(|(_, peak)| peak.open).map(|(_, peak)| peak);
            let Some(peak) = peak else {
                let at = place(phase);
                return finding.no_data(format!("no {} was open {at}", self.spans));
            };
            finding.samples = hits.len() as u64;
            finding.worst = (peak.request != 0).then_some(peak.request);
            finding.observed = words::count(peak.open);
            finding.margin = margin_below(real(peak.open), real(self.at_most));
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

/// The most that was open at once.
struct Peak {
    open: u64,
    at: u64,
    /// The request whose span made it so many.
    request: u32,
}

/// The highest number of open spans in each phase. `hits` are in the order of opening.
fn sweep(hits: &[Hit], index: &Index<'_>) -> BTreeMap<Phase, Peak> {
    let lasting = hits.iter().filter(|hit| hit.end > hit.at);
    let mut closings: Vec<u64> = lasting.map(|hit| hit.end).collect();
    closings.sort_unstable();
    let mut closings = closings.into_iter().peekable();
    // What is open as a phase begins counts in that phase, too.
    let mut beginnings = index.record.header.phases.iter().map(|span| span.from).peekable();
    let mut peaks: BTreeMap<Phase, Peak> = BTreeMap::new();
    let mut see = |at: u64, open: u64, request: u32| {
        let peak = peaks.entry(index.phase_at(at)).or_insert(Peak { open, at, request });
        if open > peak.open {
            *peak = Peak { open, at, request };
        }
    };
    let (mut open, mut last) = (0_u64, 0);
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
        last = hit.request;
        see(hit.at, open + brief, last);
    }
    peaks
}

impl Judged for Level {
    fn judge(&self, draft: &Draft<'_>, index: &Index<'_>) -> Vec<Finding> {
        let readings = index.gauge(&self.gauge, draft.scope);
        draft.for_each_part(index, |mut finding| {
            let (at, phase) = (place(finding.phase), finding.phase);
            let here = || readings.iter().filter(|r| in_phase(phase, index.phase_at(r.at)));
            let Some(highest) = here().rev().max_by_key(|reading| reading.value) else {
                return finding.no_data(format!("nobody sampled {} {at}", self.gauge));
            };
            finding.samples = here().count() as u64;
            finding.observed = words::count(highest.value);
            finding.margin = margin_below(real(highest.value), real(self.at_most));
            finding.concluded(highest.value <= self.at_most, || {
                format!(
                    "{} was {} on {} at {}, {} over the bound of {} ({})",
                    self.gauge,
                    words::count(highest.value),
                    index.record.host(highest.host),
                    words::time(highest.at),
                    words::count(highest.value - self.at_most),
                    words::count(self.at_most),
                    words::counted(here().count() as u64, "sample"),
                )
            })
        })
    }
}

impl Judged for Settles {
    fn judge(&self, draft: &Draft<'_>, index: &Index<'_>) -> Vec<Finding> {
        vec![self.find(draft.finding(None), draft, index)]
    }
}

impl Settles {
    fn find(&self, mut finding: Finding, draft: &Draft<'_>, index: &Index<'_>) -> Finding {
        let (Some(begins), Some(settled)) = (index.load_begins, index.settled) else {
            return finding.no_data("the run has no load that begins and settles");
        };
        let readings = index.gauge(&self.gauge, draft.scope);
        let before = last_by_host(&readings, begins);
        let mut after = last_by_host(&readings, settled);
        after.retain(|_, reading| reading.at >= index.load_ends.unwrap_or(begins));
        if before.is_empty() {
            return finding.no_data(format!("nobody sampled {} before the load", self.gauge));
        }
        // The host that grew most; the first of equals.
        let mut worst: Option<(u16, u64, u64)> = None;
        for (host, then) in &before {
            let Some(now) = after.get(host) else {
                let host = index.record.host(*host);
                return finding
                    .no_data(format!("nobody sampled {} on {host} after the load", self.gauge));
            };
            let growth = now.value.saturating_sub(then.value);
            if worst.is_none_or(|(_, then, now)| growth > now.saturating_sub(then)) {
                worst = Some((*host, then.value, now.value));
            }
        }
        let Some((host, then, now)) = worst else {
            return finding.no_data(format!("nobody sampled {} before the load", self.gauge));
        };
        let (host, growth) = (index.record.host(host), now.saturating_sub(then));
        finding.samples = before.len() as u64;
        finding.observed = format!("{} to {} on {host}", words::count(then), words::count(now));
        finding.margin = margin_below(real(growth), real(self.tolerance));
        finding.concluded(growth <= self.tolerance, || {
            format!(
                "{} on {host} were {} before the load and {} after it had settled, \
                 {} more ({} allowed)",
                self.gauge,
                words::count(then),
                words::count(now),
                words::count(growth),
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
