//! The mistakes that engineers really make with a service that is deployed while it is used,
//! switchable by name.

use std::collections::BTreeSet;

crate::defect::defects! {
    /// The signal to terminate ends the process at once.
    KillWithoutGrace = "kill-without-grace", "the signal to terminate ends the process at once";
    /// It says that it is ready before its cache is warm.
    NoReadiness = "no-readiness", "says that it is ready before its cache is warm";
    /// The pre-stop hook returns at once.
    NoPreStopDelay = "no-pre-stop-delay", "stops before the last client knows that it will";
    /// The cache is filled item by item, and nothing else is done meanwhile.
    BlockingColdWarmUp = "blocking-cold-warm-up",
        "fills its cache item by item and answers nothing meanwhile";
    /// Sessions are in the memory of one process.
    InMemorySessions = "in-memory-sessions", "keeps sessions in the memory of one process";
}

/// One flag each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defects {
    pub(super) kill_without_grace: bool,
    pub(super) no_readiness: bool,
    pub(super) no_pre_stop_delay: bool,
    pub(super) blocking_cold_warm_up: bool,
    pub(super) in_memory_sessions: bool,
}

impl From<&BTreeSet<Defect>> for Defects {
    fn from(defects: &BTreeSet<Defect>) -> Self {
        let has = |defect| defects.contains(&defect);
        Self {
            kill_without_grace: has(Defect::KillWithoutGrace),
            no_readiness: has(Defect::NoReadiness),
            no_pre_stop_delay: has(Defect::NoPreStopDelay),
            blocking_cold_warm_up: has(Defect::BlockingColdWarmUp),
            in_memory_sessions: has(Defect::InMemorySessions),
        }
    }
}
