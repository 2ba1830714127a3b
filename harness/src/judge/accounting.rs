//! Judges accounts that are to balance.

use std::collections::{BTreeMap, BTreeSet};

use squall_reports::{verdict::Finding, words};

use super::{Conclude, Draft, Index, Judged, fields};
use crate::objective::{Accounting, Scope, Sum, Term};

impl Judged for Accounting {
    fn judge(&self, draft: &Draft<'_>, index: &Index<'_>) -> Vec<Finding> {
        let mut finding = draft.finding(None);
        let values = |sum: &Sum| -> Result<Vec<u64>, String> {
            sum.terms.iter().map(|term| value(term, draft.scope, index)).collect()
        };
        let (left, right) = match (values(&self.left), values(&self.right)) {
            (Ok(left), Ok(right)) => (left, right),
            (Err(reason), _) | (_, Err(reason)) => return vec![finding.no_data(reason)],
        };
        let (sum_left, sum_right): (u64, u64) = (left.iter().sum(), right.iter().sum());
        finding.samples = sum_left.max(sum_right);
        if sum_left == 0 && sum_right == 0 {
            return vec![finding.no_data("both sides are zero: nothing happened")];
        }
        let side = |values: &[u64]| {
            let shown: Vec<_> = values.iter().map(|value| words::count(*value)).collect();
            shown.join(" + ")
        };
        let equal = sum_left == sum_right;
        let sign = if equal { "=" } else { "against" };
        finding.observed = format!("{} {sign} {}", side(&left), side(&right));
        vec![finding.concluded(equal, || {
            let wrong = if sum_left > sum_right { "missing" } else { "too many" };
            format!(
                "{} {wrong}: {} is {}, {} is {}",
                words::count(sum_left.abs_diff(sum_right)),
                self.left,
                side(&left),
                self.right,
                side(&right),
            )
        })]
    }
}

/// The value of a count. What was never sampled is not zero but unknown.
fn value(term: &Term, scope: &Scope, index: &Index<'_>) -> Result<u64, String> {
    let record = index.record;
    match term {
        Term::Count(of) => Ok(index.hits(of, scope).len() as u64),
        Term::Distinct { field, of } => {
            let hits = index.hits(of, scope);
            let values: BTreeSet<&str> = hits
                .iter()
                .filter_map(|hit| fields::value(record.text(hit.fields), field))
                .collect();
            Ok(values.len() as u64)
        }
        Term::Total { field, of } => {
            let hits = index.hits(of, scope);
            hits.iter().filter_map(|hit| fields::value(record.text(hit.fields), field)).try_fold(
                0_u64,
                |total, text| {
                    text.parse().ok().and_then(|number| total.checked_add(number)).ok_or_else(
                        || format!("expected a whole number in {field} of {of}, found \"{text}\""),
                    )
                },
            )
        }
        Term::Gauge(name) => {
            let readings = index.gauge(name, scope);
            let last: BTreeMap<u16, u64> =
                readings.iter().map(|reading| (reading.host, reading.value)).collect();
            if last.is_empty() {
                return Err(format!("nobody sampled {name}"));
            }
            Ok(last.values().fold(0, |sum, value| sum.saturating_add(*value)))
        }
        Term::Requests(outcomes) => {
            let samples = index.samples(scope);
            let counts = |outcome| outcomes.is_empty() || outcomes.contains(outcome);
            Ok(samples.iter().filter(|sample| counts(&sample.outcome)).count() as u64)
        }
    }
}
