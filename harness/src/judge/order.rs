//! Judges things that happen in an order.

use squall_reports::{
    verdict::{Finding, Good},
    words,
};

use super::{Conclude, Evaluate, FindingBuilder, Index, index::Hit, number::real};
use crate::objective::{Between, Sequence};

impl Evaluate for Sequence {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        let mut finding = builder.finding(None);
        // What comes next must come later, or at the same instant on another host.
        let mut last: Option<Hit> = None;
        for (place, step) in self.steps.iter().enumerate() {
            let hits = index.hits(step, builder.scope);
            if place == 0 {
                finding.samples = hits.len() as u64;
            }
            let follows =
                |hit: &&Hit| last.is_none_or(|last| !hit.is_before(&last) && !hit.is(&last));
            let Some(hit) = hits.iter().find(follows) else {
                finding.observed = format!("{place} of {} steps", self.steps.len());
                let since = match last {
                    None => String::new(),
                    Some(hit) => {
                        format!(" after {} at {}", self.steps[place - 1], words::time(hit.at))
                    }
                };
                let at = last.map_or(index.record.end.at, |hit| hit.at);
                return vec![finding.wrong_at(Some(at)).failed(format!(
                    "{step} never happened{since}: step {} of {}",
                    place + 1,
                    self.steps.len()
                ))];
            };
            last = Some(*hit);
        }
        finding.observed = format!("all {} steps", self.steps.len());
        vec![finding.passed()]
    }

    /// The step that never happened might have.
    fn is_unfinished(
        &self,
        _finding: &Finding,
        _draft: &FindingBuilder<'_>,
        _index: &Index<'_>,
    ) -> bool {
        true
    }
}

impl Evaluate for Between {
    fn judge(&self, builder: &FindingBuilder<'_>, index: &Index<'_>) -> Vec<Finding> {
        let mut finding = builder.finding(None);
        // A stretch may have begun before the load did.
        let [begins, ends] =
            [&self.from, &self.until].map(|what| index.hits_at_any_time(what, builder.scope));
        let counted = index.hits(&self.what, builder.scope);
        if begins.is_empty() {
            return vec![finding.no_data(format!("{} never happened", self.from))];
        }
        // A bound on what never happens anywhere says nothing, and a misspelt name is the likely
        // cause. Only a bound of zero claims just that.
        if counted.is_empty() && self.at_most > 0 {
            return vec![finding.no_data(format!("{} never happened in the run", self.what))];
        }
        // The stretch with the most: its number, its beginning and what it counted.
        let mut most: (u64, u64, Option<&Hit>) = (0, begins[0].at, None);
        let mut stretches = 0;
        let mut free_from = 0;
        for begin in &begins {
            if begin.at < free_from {
                continue;
            }
            // What happens at the instant of a beginning does not end it.
            let end = ends.get(ends.partition_point(|end| end.at <= begin.at));
            let end = end.map_or(u64::MAX, |end| end.at);
            free_from = end;
            stretches += 1;
            let first = counted.partition_point(|hit| hit.at < begin.at);
            let inside = &counted[first..counted.partition_point(|hit| hit.at <= end)];
            if inside.len() as u64 > most.0 {
                let over = usize::try_from(self.at_most).unwrap_or(usize::MAX);
                most = (inside.len() as u64, begin.at, inside.get(over));
            }
        }
        finding.samples = stretches;
        finding.observed = words::count(most.0);
        finding.compare(real(most.0), Good::AtMost, real(self.at_most));
        finding.worst = most.2.and_then(Hit::request);
        finding.at = most.2.map(|hit| hit.at);
        vec![finding.concluded(most.0 <= self.at_most, || {
            format!(
                "{} happened {} in the stretch that began at {}, at most {} allowed ({} begun)",
                self.what,
                words::counted(most.0, "time"),
                words::time(most.1),
                words::count(self.at_most),
                words::count(stretches),
            )
        })]
    }
}
