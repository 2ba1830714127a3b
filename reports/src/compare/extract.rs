//! The measures of one run, from its record and what was concluded from it.

use std::collections::{BTreeMap, BTreeSet};

use super::measure::{Measure, Unit, Worse};
use crate::{
    Record,
    record::{EventKind, Outcome, Phase, UNDIGESTED},
    report::place_of,
    stats::Percentile,
    tally::Tally,
    verdict::{Judgement, Verdict},
};

/// The values of a run.
pub(super) type Values = BTreeMap<Measure, f64>;

/// A record may come from anywhere: of what it has more of than this, the rest is not measured.
const ROUTES_MAX: usize = 20;
const FINDINGS_MAX: usize = 500;
const GAUGES_MAX: usize = 500;
const FAULTS_MAX: usize = 100;

/// All measures of a run.
pub(super) fn measures(record: &Record, judgement: &Judgement) -> Values {
    let mut values = Values::new();
    let passes = measure("passes", "", "run", Unit::Fraction, Worse::Lower);
    enter(&mut values, passes, f64::from(u8::from(judgement.verdict == Verdict::Pass)));
    requests(&mut values, record);
    margins(&mut values, judgement);
    gauges(&mut values, record);
    faults(&mut values, record);
    values
}

fn measure(name: &str, scope: &str, place: &str, unit: Unit, worse: Worse) -> Measure {
    Measure { name: name.to_owned(), scope: scope.to_owned(), place: place.to_owned(), unit, worse }
}

/// Two objectives, or two faults, may have the same name: the second is another measure.
fn enter(values: &mut Values, mut measure: Measure, value: f64) {
    let (scope, mut number) = (measure.scope.clone(), 1);
    while values.contains_key(&measure) {
        number += 1;
        measure.scope = format!("{scope} ({number})").trim_start().to_owned();
    }
    values.insert(measure, value);
}

/// The requests of a phase, all of them or those of a route.
#[derive(Default)]
struct Part {
    tally: Tally,
    attempts: u64,
    latencies: Vec<u64>,
}

fn requests(values: &mut Values, record: &Record) {
    let routes: BTreeSet<&str> =
        record.requests().map(|(_, request)| record.text(request.route)).collect();
    let apart: BTreeSet<&str> = match routes.len() {
        0 | 1 => BTreeSet::new(),
        _ => routes.into_iter().take(ROUTES_MAX).collect(),
    };
    let scopes = || std::iter::once(None).chain(apart.iter().copied().map(Some));
    let phases = record.header.phases.iter().map(|span| span.phase);
    let mut parts: BTreeMap<(Phase, Option<&str>), Part> = phases
        .flat_map(|phase| scopes().map(move |scope| ((phase, scope), Part::default())))
        .collect();
    for (at, request) in record.requests() {
        let phase = record.header.phase_at(request.intended);
        for scope in [None, Some(record.text(request.route))] {
            let Some(part) = parts.get_mut(&(phase, scope)) else { continue };
            part.tally.add(request.outcome);
            part.attempts += u64::from(request.attempts);
            if request.outcome.was_waited_for() {
                part.latencies.push(at.saturating_sub(request.intended));
            }
        }
    }
    for ((phase, route), part) in parts {
        let scope = route.map_or(String::new(), |route| format!("route {route}"));
        enter_part(values, part, &scope, phase.name());
    }
}

fn enter_part(values: &mut Values, mut part: Part, scope: &str, phase: &str) {
    let mut add = |name: &str, unit, worse, value| {
        enter(values, measure(name, scope, phase, unit, worse), value);
    };
    let sent = real(part.tally.sent);
    add("requests sent", Unit::Count, Worse::Neither, sent);
    if part.tally.sent == 0 {
        return;
    }
    for outcome in Outcome::ALL {
        let worse = match outcome {
            Outcome::Succeeded => Worse::Lower,
            Outcome::Degraded | Outcome::Failed | Outcome::Shed => Worse::Higher,
            // The plan tells clients to go away, not the service.
            Outcome::Abandoned => Worse::Neither,
        };
        add(outcome.name(), Unit::Fraction, worse, real(part.tally.of(outcome)) / sent);
    }
    add("attempts per request", Unit::Count, Worse::Higher, real(part.attempts) / sent);
    for percentile in [Percentile::P50, Percentile::P95, Percentile::P99] {
        if let Some(latency) = percentile.select(&mut part.latencies) {
            let name = format!("{percentile} latency");
            add(&name, Unit::Nanoseconds, Worse::Higher, real(latency));
        }
    }
}

fn margins(values: &mut Values, judgement: &Judgement) {
    for finding in judgement.findings.iter().take(FINDINGS_MAX) {
        if let Some(margin) = finding.margin.filter(|margin| margin.is_finite()) {
            let name = format!("margin of {}", finding.name);
            let place = place_of(finding);
            let measure = measure(&name, &finding.scope, place, Unit::Fraction, Worse::Lower);
            enter(values, measure, margin);
        }
    }
}

/// The highest value of each gauge, but for the one that depends on how the program was compiled.
fn gauges(values: &mut Values, record: &Record) {
    let mut highest: BTreeMap<(&str, &str), f64> = BTreeMap::new();
    for event in &record.events {
        if let EventKind::Gauge(gauge) = event.what {
            let key = (record.text(gauge.name), record.host(gauge.host));
            let slot = highest.entry(key).or_insert(gauge.value);
            *slot = gauge.value.max(*slot);
        }
    }
    let digested =
        highest.into_iter().filter(|((name, _), value)| *name != UNDIGESTED && value.is_finite());
    for ((name, host), value) in digested.take(GAUGES_MAX) {
        let name = format!("highest {name}");
        enter(values, measure(&name, "", host, Unit::Count, Worse::Neither), value);
    }
}

fn faults(values: &mut Values, record: &Record) {
    let affected = record.header.faults.iter().zip(record.affected());
    for (fault, affected) in affected.take(FAULTS_MAX) {
        let name = format!("affected {}", fault.counts);
        let measure = measure(&name, &fault.label, "run", Unit::Count, Worse::Neither);
        enter(values, measure, real(affected));
    }
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53: 104 days in nanoseconds")]
fn real(value: u64) -> f64 {
    value as f64
}
