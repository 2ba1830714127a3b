//! Judges that no work outlives what it is done for.

use squall_reports::{verdict::Finding, words};

use super::{
    Conclude, Evaluate, FindingBuilder, Index,
    index::{Hit, in_phase},
    number::nanos,
};
use crate::objective::{Ancestor, Lifetime};

impl Evaluate for Lifetime {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        let hits = index.hits(&self.spans, builder.scope);
        let grace = nanos(self.grace);
        let pairs: Vec<(Hit, u64)> = hits
            .into_iter()
            .filter_map(|hit| self.end_of_ancestor(&hit, index).map(|end| (hit, end)))
            .collect();
        builder.for_each_part(index, |mut finding| {
            let (at, phase) = (builder.place(finding.phase), finding.phase);
            let here = || pairs.iter().filter(|(hit, _)| in_phase(phase, index.phase_at(hit.at)));
            finding.samples = here().count() as u64;
            if finding.samples == 0 {
                return finding
                    .no_data(format!("no {} {at} belongs to anything that ended", self.spans));
            }
            let late = |(hit, end): &(Hit, u64)| hit.end.saturating_sub(*end);
            let offenders = || here().filter(|pair| late(pair) > grace);
            let Some(worst) = offenders().rev().max_by_key(|pair| late(pair)) else {
                finding.observed = "none".to_owned();
                return finding.passed();
            };
            let count = offenders().count() as u64;
            finding.observed = words::count(count);
            finding.worst = worst.0.request();
            finding.at = offenders().map(|(_, end)| end.saturating_add(grace)).min();
            let (spans, of) = (words::count(count), words::counted(finding.samples, "span"));
            finding.failed(format!(
                "{spans} of {of} {at} outlived {}, the worst by {} on {} at {}",
                match &self.ancestor {
                    Ancestor::Parent => "the parent".to_owned(),
                    Ancestor::Root(root) => format!("the span \"{root}\""),
                    Ancestor::Request => "the request".to_owned(),
                },
                words::time(late(worst)),
                index.record.host(worst.0.host),
                words::time(worst.0.end),
            ))
        })
    }
}

impl Lifetime {
    /// When that which the span belongs to ended; `None` if it has none, or none that ended.
    fn end_of_ancestor(&self, hit: &Hit, index: &Index<'_>) -> Option<u64> {
        let (_, span) = index.spans[hit.place];
        match &self.ancestor {
            Ancestor::Parent => index.span(span.parent).map(|(end, _)| end),
            Ancestor::Request => index.request(span.request).map(|request| request.end),
            Ancestor::Root(root) => {
                let ancestors = index.ancestors(hit).filter_map(|id| index.span(id));
                let named = ancestors.filter(|(_, span)| index.record.text(span.name) == root);
                named.last().map(|(end, _)| end)
            }
        }
    }
}
