//! The summary of a run for a reviewer: the text that goldens keep.
//!
//! The same record and findings give the same bytes. Each fact has a line of its own and no
//! column moves with its neighbours, so that a change of one number is a change of one line.
//! Latencies are those of requests that a client waited for: succeeded, degraded and failed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
};

use crate::{
    Record, plain,
    record::{Outcome, Phase},
    stats::Percentile,
    tally::Tally,
    verdict::{Finding, Judgement},
    words,
};

/// The summary of `record` and what was concluded from it.
#[must_use]
pub fn summary(record: &Record, judgement: &Judgement) -> String {
    let mut text = String::new();
    write_all(&mut text, record, judgement).expect("a string takes any text");
    plain::lines(&text)
}

fn write_all(out: &mut String, record: &Record, judgement: &Judgement) -> fmt::Result {
    let header = &record.header;
    let defects = match header.defects.as_slice() {
        [] => "none".to_owned(),
        defects => defects.join(", "),
    };
    writeln!(out, "scenario: {}", header.scenario)?;
    writeln!(out, "hypothesis: {}", header.hypothesis)?;
    writeln!(out, "verdict: {}", judgement.verdict.name())?;
    writeln!(out, "seed: {}", header.seed)?;
    writeln!(out, "defects: {defects}")?;
    writeln!(out, "end: {}, after {}", record.end.cause, words::time(record.end.at))?;
    writeln!(out, "digest: {}", record.digest())?;
    writeln!(out, "\nfindings:")?;
    for finding in &judgement.findings {
        write_finding(out, finding)?;
    }
    write_faults(out, record)?;
    write_requests(out, record)?;
    write_latencies(out, record)
}

fn write_finding(out: &mut String, finding: &Finding) -> fmt::Result {
    let phase = finding.phase.map_or("run", Phase::name);
    let scope = match finding.scope.as_str() {
        "" => String::new(),
        scope => format!(" [{scope}]"),
    };
    let observed = match finding.observed.as_str() {
        "" => "nothing",
        observed => observed,
    };
    write!(out, "  {:<7} {phase:<8} {}{scope}: ", finding.verdict.name(), finding.name)?;
    write!(out, "{observed}; bound: {}", finding.bound)?;
    writeln!(out, " ({})", words::counted(finding.samples, "sample"))?;
    if !finding.reason.is_empty() {
        writeln!(out, "          because {}", finding.reason)?;
    }
    Ok(())
}

fn write_faults(out: &mut String, record: &Record) -> fmt::Result {
    if record.header.faults.is_empty() {
        return writeln!(out, "\nfaults: none");
    }
    writeln!(out, "\nfaults:")?;
    for (fault, affected) in record.header.faults.iter().zip(record.affected()) {
        let (from, until) = (words::time(fault.inject), words::time(fault.heal));
        let affected = words::affected(affected, &fault.counts);
        writeln!(out, "  {}, {from} to {until}: {affected}", fault.label)?;
    }
    Ok(())
}

fn write_requests(out: &mut String, record: &Record) -> fmt::Result {
    let mut tallies: BTreeMap<Phase, Tally> =
        record.header.phases.iter().map(|span| (span.phase, Tally::default())).collect();
    for (_, request) in record.requests() {
        let phase = record.header.phase_at(request.intended);
        tallies.entry(phase).or_default().add(request.outcome);
    }
    writeln!(out, "\nrequests:")?;
    for (phase, tally) in tallies {
        write!(out, "  {phase:<8} {} sent", words::count(tally.sent))?;
        for outcome in Outcome::ALL {
            write!(out, ", {} {}", words::count(tally.of(outcome)), outcome.name())?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn write_latencies(out: &mut String, record: &Record) -> fmt::Result {
    let mut latencies: BTreeMap<(Phase, &str), Vec<u64>> = BTreeMap::new();
    let mut routes = BTreeSet::new();
    for (at, request) in record.requests() {
        let route = record.text(request.route);
        routes.insert(route);
        if request.outcome.was_waited_for() {
            let phase = record.header.phase_at(request.intended);
            let latency = at.saturating_sub(request.intended);
            latencies.entry((phase, route)).or_default().push(latency);
        }
    }
    writeln!(out, "\nlatency:")?;
    let phases = record.header.phases.iter().map(|span| span.phase);
    for (phase, route) in phases.flat_map(|phase| routes.iter().map(move |route| (phase, *route))) {
        let values = latencies.entry((phase, route)).or_default();
        values.sort_unstable();
        let shown = |percentile: Percentile| {
            percentile.of_sorted(values).map_or_else(|| "none".to_owned(), words::time)
        };
        writeln!(
            out,
            "  {phase:<8} {route}: p50 {}, p95 {}, p99 {}, max {} ({})",
            shown(Percentile::P50),
            shown(Percentile::P95),
            shown(Percentile::P99),
            shown(Percentile::MAX),
            words::counted(values.len() as u64, "sample"),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
