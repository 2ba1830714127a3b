//! Judges accounts that are to balance.

use std::collections::{BTreeMap, BTreeSet};

use squall_reports::{verdict::Finding, words};

use super::{Conclude, Evaluate, FindingBuilder, Index, number::real};
use crate::objective::{Accounting, Scope, Sum, Term};

/// Up to here each whole number is a value of its own, so that two sums can be told apart.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Evaluate for Accounting {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        let mut finding = builder.finding(None);
        let values = |sum: &Sum| -> Result<Vec<f64>, String> {
            sum.terms.iter().map(|term| value(term, builder.scope, index)).collect()
        };
        let (left, right) = match (values(&self.left), values(&self.right)) {
            (Ok(left), Ok(right)) => (left, right),
            (Err(reason), _) | (_, Err(reason)) => return vec![finding.no_data(reason)],
        };
        let (sum_left, sum_right): (f64, f64) = (left.iter().sum(), right.iter().sum());
        if let Some(large) = [sum_left, sum_right].into_iter().find(|sum| sum.abs() > EXACT) {
            return vec![finding.no_data(format!(
                "expected sums up to 2^53, which are exact, found {}",
                words::quantity(large)
            ))];
        }
        finding.samples = samples(sum_left.max(sum_right));
        if left.iter().chain(&right).all(|value| *value == 0.0) {
            return vec![finding.no_data("both sides are zero: nothing happened")];
        }
        let equal = balances(sum_left, sum_right);
        let sign = if equal { "=" } else { "against" };
        finding.observed = format!("{} {sign} {}", side(&left), side(&right));
        vec![
            finding
                .wrong_at(Some(index.record.end.at))
                .concluded(equal, || unbalanced(sum_left, sum_right)),
        ]
    }

    /// An account is made up at the end, which did not come.
    fn is_unfinished(
        &self,
        _finding: &Finding,
        _draft: &FindingBuilder<'_>,
        _index: &Index<'_>,
    ) -> bool {
        true
    }
}

/// Are two sums equal? Whole numbers are, if they are; of fractions, which are rounded in whatever
/// computes them, the last digits do not count.
pub(super) fn balances(left: f64, right: f64) -> bool {
    if left.fract() == 0.0 && right.fract() == 0.0 {
        return left == right;
    }
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs())
}

/// By how much, and on which side there is more.
pub(super) fn unbalanced(left: f64, right: f64) -> String {
    let which = if left > right { "left" } else { "right" };
    let (difference, left) = (words::quantity((left - right).abs()), words::quantity(left));
    format!("{difference} more on the {which}: {left} against {}", words::quantity(right))
}

/// The values of one side: `6 + 1 + 3`.
pub(super) fn side(values: &[f64]) -> String {
    let shown: Vec<_> = values.iter().map(|value| words::quantity(*value)).collect();
    shown.join(" + ")
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, exact")]
fn samples(sum: f64) -> u64 {
    sum.max(0.0) as u64
}

/// The value of a count. What was never sampled is not zero but unknown.
fn value(term: &Term, scope: &Scope, index: &Index<'_>) -> Result<f64, String> {
    match term {
        Term::Count(of) => Ok(real(index.hits(of, scope).len() as u64)),
        Term::Distinct { field, of } => {
            let hits = index.hits(of, scope);
            let values: BTreeSet<&str> =
                hits.iter().filter_map(|hit| index.value(hit, field)).collect();
            Ok(real(values.len() as u64))
        }
        Term::Total { field, of } => {
            let hits = index.hits(of, scope);
            let texts = hits.iter().filter_map(|hit| index.value(hit, field));
            let total = texts.map(|text| {
                text.parse::<u64>().map(real).map_err(|_| {
                    format!("expected a whole number in {field} of {of}, found \"{text}\"")
                })
            });
            total.sum()
        }
        Term::Gauge(name) => {
            let readings = index.gauge_at_any_time(name, scope);
            let last: BTreeMap<u16, f64> =
                readings.iter().map(|reading| (reading.host, reading.value)).collect();
            if last.is_empty() {
                return Err(format!("no samples of {name}"));
            }
            Ok(last.values().sum())
        }
        Term::Requests(outcomes) => {
            let samples = index.samples(scope);
            let counts = |outcome| outcomes.is_empty() || outcomes.contains(outcome);
            Ok(real(samples.iter().filter(|sample| counts(&sample.outcome)).count() as u64))
        }
    }
}
