//! When what of a plan is due, for whoever performs it.

use std::time::Duration;

use rand::Rng;

use super::rng;
use crate::plan::{Plan, nanos};

/// How long after the timeout of the last request a run goes on at least.
const AFTER_TIMEOUT: Duration = Duration::from_millis(100);

/// Something that is due at a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// The fault with this number of the plan.
    Inject(u16),
    Heal(u16),
    /// The loads send what warms the services up.
    WarmUp,
    /// Metrics are read from now on.
    Scrape,
    BeginLoad,
    EndLoad,
    /// The gauges are read, and again after each of the plan's intervals.
    Sample,
    LastSample,
    Settled,
}

/// What is due in a run, and when, in nanoseconds since it began.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    /// What is due at the same time is due in this order.
    pub(crate) due: Vec<(u64, Due)>,
    pub(crate) end: u64,
}

impl Timeline {
    pub(crate) fn of(plan: &Plan) -> Self {
        let begin = nanos(plan.boot);
        let load_end = begin + nanos(plan.duration());
        // Every request has come to its end by then, if only by its timeout.
        let patience = plan.loads.iter().map(|load| load.timeout).max().unwrap_or_default();
        let end = load_end + nanos(plan.settle.max(patience + AFTER_TIMEOUT));
        let mut due = Vec::new();
        // A fault that begins where another one ends finds its host whole.
        let faults = || (0..).zip(&plan.faults);
        due.extend(faults().map(|(number, it)| (begin + nanos(it.heal), Due::Heal(number))));
        due.extend(faults().map(|(number, it)| (begin + nanos(it.inject), Due::Inject(number))));
        due.extend([
            (begin / 2, Due::WarmUp),
            // So that what was scraped has a value from before the load, and from after the warm-up.
            (begin - begin / 8, Due::Scrape),
            (begin, Due::Sample),
            (begin, Due::BeginLoad),
            (load_end, Due::EndLoad),
            (end, Due::LastSample),
            (end, Due::Settled),
        ]);
        Self { due, end }
    }
}

/// The plan with its faults at the times that the seed draws.
pub(crate) fn with_drawn_times(mut plan: Plan, seed: u64) -> Plan {
    for (number, fault) in plan.faults.iter_mut().enumerate() {
        let most = nanos(fault.spread) / 1_000;
        if most > 0 {
            let mut rng = rng::stream(seed, &format!("spread of fault {number}"));
            let later = Duration::from_micros(rng.random_range(0..=most));
            fault.inject += later;
            fault.heal += later;
        }
    }
    plan
}
