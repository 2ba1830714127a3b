//! Bounds on times, for a machine whose time is not its own: so much later things may happen there.

use std::time::Duration;

use super::{
    Claim, LatencyBound, Objective, Pace, Requirement, ShareOf, latency::Latency, pace::Pauses,
};

impl Objective {
    /// The objective with each upper bound on a time this much larger, and each lower one as much
    /// smaller. Bounds on shares, counts and sums stay what they are.
    pub(crate) fn with_slack(mut self, slack: Duration) -> Self {
        match &mut self.claim {
            Claim::Latency(Latency { bound: LatencyBound::AtMost(bound), .. }) => *bound += slack,
            Claim::Latency(latency) => latency.slack += slack,
            Claim::Share(share) => {
                if let ShareOf::OnTime(bound) = &mut share.of {
                    *bound += slack;
                }
            }
            Claim::Recovery(recovery) => {
                recovery.within += slack;
                *recovery.objective = (*recovery.objective).clone().with_slack(slack);
            }
            Claim::Pace(Pace { pauses, .. }) => match pauses {
                Pauses::AtMost(bound) => *bound += slack,
                Pauses::AtLeast(bound) => *bound = bound.saturating_sub(slack),
                Pauses::GrowingBy(_) | Pauses::SpreadAtLeast(_) | Pauses::NotBefore(_) => {}
            },
            Claim::Lifetime(lifetime) => lifetime.grace += slack,
            Claim::Occurrence(occurrence) => match &mut occurrence.required {
                Requirement::Eventually { within } | Requirement::Follows { within, .. } => {
                    *within = within.map(|bound| bound + slack);
                }
                Requirement::Always(_)
                | Requirement::Count { .. }
                | Requirement::Preceded { .. }
                | Requirement::OncePer(_) => {}
            },
            Claim::Budget(_)
            | Claim::Burn(_)
            | Claim::Amplification(_)
            | Claim::Concurrency(_)
            | Claim::Level(_)
            | Claim::Settles(_)
            | Claim::Accounting(_)
            | Claim::Balance(_)
            | Claim::NeverAfter(_)
            | Claim::Sequence(_)
            | Claim::Between(_) => {}
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::objective::{
        Objective, every, gauge, goodput, logs, no_span_outlives_its_request, p99, recovers, spans,
    };

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[track_caller]
    fn check(objective: &Objective, expected: &Objective) {
        assert_eq!(objective.clone().with_slack(MS(5)), *expected);
        assert_eq!(objective.clone().with_slack(Duration::ZERO), *objective);
    }

    #[test]
    fn bounds_on_times_have_slack_and_others_have_none() {
        check(&p99().at_most(MS(10)), &p99().at_most(MS(15)));
        let relative = p99().at_most_times_baseline(2.0).with_slack(MS(5));
        assert_eq!(relative.bound(), "at most 2 times the baseline and 5 ms");
        check(&goodput().within(MS(10)).at_least(0.9), &goodput().within(MS(15)).at_least(0.9));
        check(
            &recovers(p99().at_most(MS(10))).holding_for(MS(100)).within(MS(50)),
            &recovers(p99().at_most(MS(15))).holding_for(MS(100)).within(MS(55)),
        );
        check(
            &no_span_outlives_its_request(spans("call")).with_grace(MS(1)),
            &no_span_outlives_its_request(spans("call")).with_grace(MS(6)),
        );
        let follows = || every(logs("a"), logs("b"));
        check(&follows().soon(MS(20)), &follows().soon(MS(25)));
        check(&follows(), &follows());
        check(&gauge("tasks").at_most(3), &gauge("tasks").at_most(3));
    }
}
