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
        self.phases_healed_at(0)
    }

    /// The phases, if the last heal took until `healed`: so much of the recovery is of `during`. An
    /// instant before the plan's last heal is of no account.
    pub(crate) fn phases_healed_at(&self, healed: u64) -> Vec<PhaseSpan> {
        let begin = nanos(self.boot);
        let end = begin + nanos(self.duration());
        let exposed = |fault: &Fault| nanos(fault.inject.saturating_sub(self.exposure));
        let first = self.faults.iter().map(|fault| begin + exposed(fault)).min();
        let last = self.faults.iter().map(|fault| begin + nanos(fault.heal)).max();
        let (Some(first), Some(last)) = (first, last) else {
            return vec![PhaseSpan { phase: Phase::Baseline, from: begin, until: end }];
        };
        let recovered = (last + nanos(self.recovery)).min(end);
        let last = last.max(healed.min(recovered));
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use squall_reports::record::{Phase, PhaseSpan};

    use crate::plan::{Load, Plan, Topology, crash};

    #[test]
    fn a_late_heal_ends_during_later_and_moves_nothing_else() {
        let ms = Duration::from_millis;
        let topology = Topology::new().host("a", "a", serde_json::json!({})).client("b");
        let load = Load::constant("b", "a:80", 1.0).lasts(ms(3_000));
        let fault = crash("a").from(ms(1_000)).until(ms(2_000));
        let plan = Plan::new(topology).boot(ms(100)).load(load).fault(fault).recovery(ms(300));
        let planned = plan.phases();
        assert_eq!(plan.phases_healed_at(2_000_000_000), planned);
        let late = plan.phases_healed_at(2_107_000_000);
        assert_eq!(late.len(), planned.len());
        for (late, planned) in late.iter().zip(planned) {
            let PhaseSpan { phase, mut from, mut until } = planned;
            if phase == Phase::During {
                until += 7_000_000;
            }
            if phase == Phase::Recovery {
                from += 7_000_000;
            }
            assert_eq!(*late, PhaseSpan { phase, from, until });
        }
        // So late that nothing is left of the recovery.
        let late = plan.phases_healed_at(9_000_000_000);
        let phases: Vec<Phase> = late.iter().map(|span| span.phase).collect();
        assert_eq!(phases, [Phase::Baseline, Phase::During, Phase::After]);
    }
}
