//! Judges gauges that are to balance at every instant.

use std::collections::BTreeMap;

use squall_reports::{verdict::Finding, words};

use super::{Conclude, Draft, Index, Judged};
use crate::objective::Balance;

/// What was read of one host at one instant: the left gauges and the right ones.
#[derive(Default)]
struct Sample {
    left: Vec<u64>,
    right: Vec<u64>,
}

impl Judged for Balance {
    fn judge(&self, draft: &Draft<'_>, index: &Index<'_>) -> Vec<Finding> {
        vec![self.find(draft.finding(None), draft, index)]
    }
}

impl Balance {
    fn find(&self, mut finding: Finding, draft: &Draft<'_>, index: &Index<'_>) -> Finding {
        let mut samples: BTreeMap<(u64, u16), Sample> = BTreeMap::new();
        for (names, is_left) in [(&self.left, true), (&self.right, false)] {
            for name in names {
                let readings = index.gauge(name, draft.scope);
                if readings.is_empty() {
                    return finding.no_data(format!("nobody sampled {name}"));
                }
                for reading in readings {
                    let sample = samples.entry((reading.at, reading.host)).or_default();
                    let side = if is_left { &mut sample.left } else { &mut sample.right };
                    side.push(reading.value);
                }
            }
        }
        let whole = |sample: &Sample| {
            sample.left.len() == self.left.len() && sample.right.len() == self.right.len()
        };
        samples.retain(|_, sample| whole(sample));
        finding.samples = samples.len() as u64;
        let total = |side: &[u64]| side.iter().fold(0_u64, |sum, value| sum.saturating_add(*value));
        let most = samples.values().map(|sample| total(&sample.left)).max();
        match most {
            None => return finding.no_data("no sample has all of the gauges"),
            Some(most) => finding.observed = format!("up to {}", words::count(most)),
        }
        if samples.values().all(|it| total(&it.left) == 0 && total(&it.right) == 0) {
            return finding.no_data("all of the gauges are zero throughout: nothing happened");
        }
        let wrong = samples.iter().find(|(_, it)| total(&it.left) != total(&it.right));
        let Some(((at, host), sample)) = wrong else { return finding.passed() };
        let side = |values: &[u64]| {
            let shown: Vec<_> = values.iter().map(|value| words::count(*value)).collect();
            shown.join(" + ")
        };
        let (left, right) = (total(&sample.left), total(&sample.right));
        finding.observed = format!("{} against {}", side(&sample.left), side(&sample.right));
        finding.failed(format!(
            "{} {} on {} at {}: {} is {}, {} is {}",
            words::count(left.abs_diff(right)),
            if left > right { "missing" } else { "too many" },
            index.record.host(*host),
            words::time(*at),
            self.left.join(" + "),
            side(&sample.left),
            self.right.join(" + "),
            side(&sample.right),
        ))
    }
}
