//! The phases of a plan.

use std::time::Duration;

use squall_reports::record::{Phase, PhaseSpan};

use super::{Fault, Plan};

impl Plan {
    /// The phases of a run of this plan, in nanoseconds from the beginning of the run.
    ///
    /// A request belongs to the phase in which it was meant to start. One that is under way when
    /// the first fault is injected meets the fault as well, so `during` begins earlier by the
    /// plan's [`exposure`](Plan::exposure). Boot and warm-up are in none. Without faults all is `baseline`. A phase of no
    /// length is left out.
    #[must_use]
    pub fn phases(&self) -> Vec<PhaseSpan> {
        let begin = nanos(self.boot);
        let end = begin + nanos(self.duration());
        let exposed = |fault: &Fault| nanos(fault.inject.saturating_sub(self.exposure));
        let first = self.faults.iter().map(|fault| begin + exposed(fault)).min();
        let last = self.faults.iter().map(|fault| begin + nanos(fault.heal)).max();
        let (Some(first), Some(last)) = (first, last) else {
            return vec![PhaseSpan { phase: Phase::Baseline, from: begin, until: end }];
        };
        let recovered = (last + nanos(self.recovery)).min(end);
        // A fault from the first instant on leaves no baseline to be measured.
        let cuts = [begin, first, last, recovered, end];
        let phases = Phase::ALL
            .into_iter()
            .zip(cuts.windows(2))
            .map(|(phase, cut)| PhaseSpan { phase, from: cut[0], until: cut[1] })
            .filter(|span| span.from < span.until);
        phases.collect()
    }
}

/// Whole nanoseconds; plans are checked to be shorter than centuries.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
