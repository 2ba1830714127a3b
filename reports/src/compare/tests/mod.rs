//! Comparisons of handmade runs.

mod conclusions;
mod measured;
mod rendered;

use super::{Comparison, Noise, Side};
use crate::{
    Record,
    fixture::{self, MS},
    record::{Event, EventKind, Outcome, Request},
    verdict::Judgement,
};

/// What moved between two sides of one backend.
#[track_caller]
fn compare(a: &Side, b: &Side, noise: Noise<'_>) -> Comparison {
    super::compare(a, b, noise).expect("one backend")
}

/// A run of `reviews-slow` without defects and without requests.
fn empty(seed: u64) -> Record {
    let mut record = fixture::record();
    record.header.defects.clear();
    record.header.seed = seed;
    record.events.retain(|event| !matches!(event.what, EventKind::Request(_)));
    record
}

/// The same with requests in the baseline that take so many milliseconds each.
fn run(seed: u64, latencies: &[u64]) -> Record {
    let mut record = empty(seed);
    for latency in latencies {
        add(&mut record, "GET /x", Outcome::Succeeded, *latency);
    }
    record
}

fn add(record: &mut Record, route: &str, outcome: Outcome, latency: u64) {
    let request = Request {
        id: 1,
        client: 0,
        route: record.symbols.intern(route),
        intended: 0,
        started: 0,
        outcome,
        status: 200,
        attempts: 1,
        note: record.symbols.intern(""),
    };
    record.events.push(Event { at: latency * MS, what: EventKind::Request(request) });
}

fn passed() -> Judgement {
    fixture::judged([fixture::passed()])
}

/// A side of runs that passed.
fn side(name: &str, runs: &[Record]) -> Side {
    let mut side = Side::new(name);
    for record in runs {
        side.add(record, &passed()).expect("each seed once");
    }
    side
}

/// A side with these seeds, whose request takes about so long: a little more with each seed.
fn taking(name: &str, seeds: std::ops::Range<u64>, latency: u64) -> Side {
    let runs: Vec<Record> = seeds.map(|seed| run(seed, &[latency + seed % 7])).collect();
    side(name, &runs)
}
