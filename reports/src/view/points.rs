//! Every failure as a point, as far as a screen tells points apart.

use std::collections::BTreeSet;

use crate::{Record, record::Outcome};

/// What a screen tells apart.
const COLUMNS: u64 = 1_500;
const ROWS_PER_DECADE: f64 = 40.0;

/// A request that did not come to a useful answer.
pub(crate) struct Point {
    /// When it was meant to start.
    pub(crate) at: u64,
    pub(crate) latency: u64,
    pub(crate) outcome: Outcome,
}

/// The requests that failed, were shed or abandoned. Of those that would lie on one another the
/// first.
pub(crate) fn failures(record: &Record) -> Vec<Point> {
    let mut taken = BTreeSet::new();
    let points = record.requests().filter_map(|(at, request)| {
        if matches!(request.outcome, Outcome::Succeeded | Outcome::Degraded) {
            return None;
        }
        let latency = at.saturating_sub(request.intended);
        let column =
            u128::from(request.intended) * u128::from(COLUMNS) / u128::from(record.end.at.max(1));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            clippy::cast_sign_loss,
            reason = "a row on a screen"
        )]
        let row = ((latency.max(1) as f64).log10() * ROWS_PER_DECADE) as u64;
        taken.insert((column, row, request.outcome)).then_some(Point {
            at: request.intended,
            latency,
            outcome: request.outcome,
        })
    });
    points.collect()
}

#[cfg(test)]
mod tests {
    use super::failures;
    use crate::{
        fixture::{self, MS},
        record::EventKind,
    };

    #[test]
    fn each_failure_is_a_point_unless_it_lies_on_another() {
        let mut record = fixture::record();
        let points = failures(&record);
        assert_eq!(points.iter().map(|point| point.at).collect::<Vec<_>>(), [120 * MS]);
        let failed =
            record.events.iter().rfind(|event| matches!(event.what, EventKind::Request(_)));
        let failed = failed.expect("a request").clone();
        record.events.extend([failed.clone(), failed]);
        assert_eq!(failures(&record).len(), 1);
    }
}
