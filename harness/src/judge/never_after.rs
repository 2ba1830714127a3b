//! Judges what is not to happen once something has ended.

use std::collections::BTreeMap;

use squall_reports::{verdict::Finding, words};

use super::{Conclude, Evaluate, FindingBuilder, Index, index::Hit};
use crate::objective::NeverAfter;

impl Evaluate for NeverAfter {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        let mut finding = builder.finding(None);
        let hits = index.hits(&self.what, builder.scope);
        // For each key its first end.
        let mut ended: BTreeMap<&str, Hit> = BTreeMap::new();
        // It may have come before the load did.
        for hit in index.hits_at_any_time(&self.ended, builder.scope) {
            if let Some(key) = index.value(&hit, &self.same) {
                ended.entry(key).or_insert(hit);
            }
        }
        let end = |hit: &Hit| index.value(hit, &self.same).and_then(|key| ended.get(key));
        let keyed = hits.iter().filter(|hit| index.value(hit, &self.same).is_some()).count();
        if keyed == 0 {
            let (what, same) = (&self.what, &self.same);
            return vec![finding.no_data(format!("no {what} with a {same} happened"))];
        }
        finding.samples = keyed as u64;
        let late: Vec<(&Hit, &Hit)> = hits
            .iter()
            .filter_map(|hit| end(hit).filter(|end| end.is_before(hit)).map(|end| (hit, end)))
            .collect();
        finding.observed = words::count(late.len() as u64);
        let Some((hit, end)) = late.first() else { return vec![finding.passed()] };
        finding.worst = hit.request();
        finding.at = Some(hit.at);
        let reason = format!(
            "{} of {} {} came after {}; the first is on {} at {}, {} too late: {}",
            words::count(late.len() as u64),
            words::count(finding.samples),
            self.what,
            self.ended,
            index.record.host(hit.host),
            words::time(hit.at),
            words::time(hit.at - end.at),
            index.record.shown(hit.attributes),
        );
        vec![finding.failed(reason)]
    }
}
