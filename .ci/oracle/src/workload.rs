//! The four workloads: what is done over which links, and what is said about it.

use std::time::Duration;

use clap::ValueEnum;

use crate::{
    app::{Job, Report},
    figures::{Sample, milliseconds, seconds},
    link::{Conditions, nanos},
    outage,
    side::{Outcome, Side},
};

/// A group of measurements with one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// HTTP/1.1 with keep-alive, open loop.
    W1,
    /// One bulk transfer.
    W2,
    /// A partition within W1.
    W3,
    /// One HTTP/2 connection, open loop.
    W4,
}

/// One link with one job.
pub(crate) struct Case {
    /// What tells it from the others of its workload, a cell of the table each.
    pub(crate) key: Vec<String>,
    pub(crate) conditions: Conditions,
    pub(crate) job: Job,
    /// How many runs it takes for figures that mean something.
    pub(crate) seeds: u64,
}

/// What a row of a table says about one side: its key and its figures.
pub(crate) type Figures = (Vec<String>, Vec<String>);

/// Requests per second of the open loops.
const RATE: u32 = 500;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Workload {
    pub(crate) const ALL: [Self; 4] = [Self::W1, Self::W2, Self::W3, Self::W4];

    /// The name of its block in a document.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::W1 => "w1",
            Self::W2 => "w2",
            Self::W3 => "w3",
            Self::W4 => "w4",
        }
    }

    /// The headings of the cells that tell its rows apart.
    pub(crate) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::W1 => &["RTT", "loss"],
            Self::W2 => &["Mbit/s", "MiB", "loss"],
            Self::W3 => &["what"],
            Self::W4 => &["loss"],
        }
    }

    /// The headings of its figures.
    pub(crate) fn values(self) -> &'static [&'static str] {
        match self {
            Self::W2 => &["median", "least", "most", "runs"],
            Self::W1 | Self::W3 | Self::W4 => &["p50", "p90", "p99", "p99.9", "max"],
        }
    }

    /// The figures that Squall is held to, and how far they may be off.
    pub(crate) fn bounds(self, reference: Side) -> (&'static [&'static str], f64) {
        let bbr = reference == Side::Linux("bbr");
        match self {
            Self::W2 => (&["median"], if bbr { 0.25 } else { 0.15 }),
            Self::W1 | Self::W3 | Self::W4 => (&["p50", "p99"], if bbr { 0.25 } else { 0.10 }),
        }
    }

    /// Does it look at single packets?
    pub(crate) fn captures(self) -> bool {
        self == Self::W3
    }

    pub(crate) fn cases(self) -> Vec<Case> {
        match self {
            Self::W1 => {
                let links = [(10, 0), (10, 1), (10, 2), (10, 5), (100, 1)];
                links.map(|(rtt, loss)| w1(rtt, loss)).into()
            }
            Self::W2 => {
                let all = [8, 100].into_iter().flat_map(|mbit| {
                    [1, 10]
                        .into_iter()
                        .flat_map(move |mib| [0, 1, 2].map(|loss| w2(mbit, mib, loss)))
                });
                all.collect()
            }
            Self::W3 => vec![Case {
                key: Vec::new(),
                conditions: Conditions::round_trip(ms(10)).partition(ms(4_000), ms(2_000)),
                job: Job::http1(RATE, 20, ms(12_000)),
                seeds: 3,
            }],
            Self::W4 => [0, 1, 2].map(w4).into(),
        }
    }

    /// What the runs of one case come to.
    pub(crate) fn figures(self, case: &Case, outcomes: &[Outcome]) -> Vec<Figures> {
        let all = |report: &Report| report.requests.iter().map(|r| r.took).collect::<Vec<_>>();
        let sample = Sample::new(outcomes.iter().flat_map(|outcome| all(&outcome.report)));
        let Some(sample) = sample else { return Vec::new() };
        match self {
            Self::W1 | Self::W4 => vec![(case.key.clone(), latencies(&sample))],
            Self::W2 => {
                let figures = [sample.percentile(50.0), sample.least(), sample.most()];
                let runs = outcomes.len().to_string();
                let figures = figures.map(seconds).into_iter().chain([runs]).collect();
                vec![(case.key.clone(), figures)]
            }
            Self::W3 => {
                let (from, lasts) = case.conditions.partition.unwrap_or_default();
                let samples = outage::samples(outcomes, nanos(from), nanos(from + lasts));
                samples.into_iter().map(|(what, it)| (vec![what], latencies(&it))).collect()
            }
        }
    }
}

pub(crate) fn latencies(sample: &Sample) -> Vec<String> {
    let percentiles = [50.0, 90.0, 99.0, 99.9].map(|percent| sample.percentile(percent));
    percentiles.into_iter().chain([sample.most()]).map(milliseconds).collect()
}

fn percent(share: u32) -> String {
    format!("{share} %")
}

fn w1(rtt: u64, loss: u32) -> Case {
    // Twice as many connections as requests are under way at once.
    let connections = u32::try_from(rtt).unwrap_or(u32::MAX).max(20);
    Case {
        key: vec![format!("{rtt} ms"), percent(loss)],
        conditions: Conditions::round_trip(ms(rtt)).loss(f64::from(loss) / 100.0),
        job: Job::http1(RATE, connections, ms(20_000)),
        seeds: 3,
    }
}

fn w2(mbit: u64, mib: usize, loss: u32) -> Case {
    Case {
        key: vec![mbit.to_string(), mib.to_string(), percent(loss)],
        conditions: Conditions::round_trip(ms(20))
            .bandwidth(mbit * 1_000_000, 256 << 10)
            .loss(f64::from(loss) / 100.0),
        job: Job::Bulk { bytes: mib << 20 },
        // How long a short transfer takes rests on which few segments were lost, the more so the
        // less the bandwidth matters.
        seeds: match (mbit, mib, loss) {
            (_, _, 0) | (_, 10, _) => 5,
            (8, _, _) => 41,
            _ => 161,
        },
    }
}

fn w4(loss: u32) -> Case {
    Case {
        key: vec![percent(loss)],
        conditions: Conditions::round_trip(ms(10)).loss(f64::from(loss) / 100.0),
        job: Job::http2(RATE, ms(20_000)),
        // One more timeout in a run moves the p99 of many losses.
        seeds: if loss > 1 { 8 } else { 4 },
    }
}
