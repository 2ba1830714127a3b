//! What is drawn of a run: latency and availability over time.

use crate::{
    Record,
    record::{FaultSpan, Outcome},
    view::Buckets,
};

/// A run over time, in equal stretches.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Curves {
    /// How long the run was, in nanoseconds.
    pub(crate) end: u64,
    /// How long each stretch is.
    pub(crate) width: u64,
    /// The percentiles of what was meant to start in each.
    pub(crate) p50: Vec<Option<f64>>,
    pub(crate) p99: Vec<Option<f64>>,
    /// The share of useful answers.
    pub(crate) useful: Vec<Option<f64>>,
    /// When faults acted.
    pub(crate) faults: Vec<FaultSpan>,
}

impl Curves {
    pub(super) fn of(record: &Record) -> Self {
        let buckets = Buckets::of(record);
        let real = super::measures::real;
        let useful = buckets.all.iter().map(|bucket| {
            let requests = &bucket.requests;
            let useful = requests.of(Outcome::Succeeded) + requests.of(Outcome::Degraded);
            (requests.sent > 0).then(|| real(useful) / real(requests.sent))
        });
        Self {
            end: record.end.at,
            width: buckets.width,
            p50: buckets.all.iter().map(|bucket| bucket.p50.map(real)).collect(),
            p99: buckets.all.iter().map(|bucket| bucket.p99.map(real)).collect(),
            useful: useful.collect(),
            faults: record.header.faults.clone(),
        }
    }
}
