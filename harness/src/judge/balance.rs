//! Judges gauges that are to balance at every instant.

use std::collections::BTreeMap;

use squall_reports::{
    verdict::{Finding, Verdict},
    words,
};

use super::{
    Conclude, Evaluate, FindingBuilder, Index,
    accounting::{balances, side, unbalanced},
};
use crate::objective::Balance;

/// What was read of one host at one instant: the left gauges and the right ones.
#[derive(Default)]
struct Sample {
    left: Vec<f64>,
    right: Vec<f64>,
}

impl Evaluate for Balance {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        vec![self.find(builder.finding(None), builder, index)]
    }

    /// Gauges that were not sampled once the load had begun are some that nobody samples.
    fn is_unfinished(
        &self,
        finding: &Finding,
        builder: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> bool {
        let has_samples = |name: &String| !index.gauge(name, builder.scope).is_empty();
        let are_sampled = self.left.iter().chain(&self.right).all(has_samples);
        finding.verdict == Verdict::NoData && (are_sampled || index.load_begins.is_none())
    }
}

impl Balance {
    fn find(
        &self,
        mut finding: Finding,
        builder: &FindingBuilder<'_>,
        index: &Index<'_>,
    ) -> Finding {
        let mut samples: BTreeMap<(u64, u16), Sample> = BTreeMap::new();
        for (names, is_left) in [(&self.left, true), (&self.right, false)] {
            for name in names {
                let readings = index.gauge(name, builder.scope);
                if readings.is_empty() {
                    return finding.no_data(format!("no samples of {name}"));
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
        let total = |side: &[f64]| side.iter().sum::<f64>();
        let most = samples.values().map(|sample| total(&sample.left)).reduce(f64::max);
        match most {
            None => return finding.no_data("no sample has all of the gauges"),
            Some(most) => finding.observed = format!("up to {}", words::quantity(most)),
        }
        let all = || samples.values().flat_map(|it| it.left.iter().chain(&it.right));
        if all().all(|value| *value == 0.0) {
            return finding.no_data("all of the gauges are zero throughout: nothing happened");
        }
        let wrong = samples.iter().find(|(_, it)| !balances(total(&it.left), total(&it.right)));
        let Some(((at, host), sample)) = wrong else { return finding.passed() };
        finding.observed = format!("{} against {}", side(&sample.left), side(&sample.right));
        finding.wrong_at(Some(*at)).failed(format!(
            "{}, on {} at {}",
            unbalanced(total(&sample.left), total(&sample.right)),
            index.record.host(*host),
            words::time(*at),
        ))
    }
}
