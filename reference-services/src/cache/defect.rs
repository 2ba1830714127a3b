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
    /// The signature of a session is not looked at.
    UnsignedSessions = "unsigned-sessions", "believes a session that somebody made up";
    /// The age of a session is not looked at.
    EternalSessions = "eternal-sessions", "knows sessions long after they have run out";
    /// An answer does not carry what it changed of its session.
    LostVisits = "lost-visits", "changes a session and does not hand the change back";
    /// The loop that refreshes the cache ends with the first error.
    RefreshStops = "refresh-stops", "refreshes its cache until that fails once, and never again";
    /// What is too old is answered like what is fresh.
    UnmarkedStale = "unmarked-stale", "answers with what is too old and does not say so";
    /// The digest of a snapshot is not compared.
    TrustsSnapshots = "trusts-snapshots", "takes a damaged snapshot for the truth";
    /// What comes from a snapshot counts as loaded just now.
    AdoptsAsNew = "adopts-as-new", "takes what a snapshot says for as new as the snapshot";
    /// Each request for an item that is not there asks for it.
    NoSingleflight = "no-singleflight", "loads an item as often as it is asked for meanwhile";
    /// All items are as old as each other, and loaded again when somebody misses them.
    SynchronisedExpiry = "synchronised-expiry", "lets everything expire at the same time";
    /// What the guard of a flag finds is not acted upon.
    NoKillSwitch = "no-kill-switch", "leaves a flag on whatever it does";
    /// Nine items in ten are enough to be ready.
    ReadyEarly = "ready-early", "says that it is ready when nine tenths of its cache are warm";
}

/// One flag each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defects {
    pub(super) kill_without_grace: bool,
    pub(super) no_readiness: bool,
    pub(super) no_pre_stop_delay: bool,
    pub(super) blocking_cold_warm_up: bool,
    pub(super) in_memory_sessions: bool,
    pub(super) unsigned_sessions: bool,
    pub(super) eternal_sessions: bool,
    pub(super) lost_visits: bool,
    pub(super) refresh_stops: bool,
    pub(super) unmarked_stale: bool,
    pub(super) trusts_snapshots: bool,
    pub(super) adopts_as_new: bool,
    pub(super) ready_early: bool,
    pub(super) no_singleflight: bool,
    pub(super) no_kill_switch: bool,
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
            unsigned_sessions: has(Defect::UnsignedSessions),
            eternal_sessions: has(Defect::EternalSessions),
            lost_visits: has(Defect::LostVisits),
            refresh_stops: has(Defect::RefreshStops),
            unmarked_stale: has(Defect::UnmarkedStale),
            trusts_snapshots: has(Defect::TrustsSnapshots),
            adopts_as_new: has(Defect::AdoptsAsNew),
            ready_early: has(Defect::ReadyEarly),
            no_singleflight: has(Defect::NoSingleflight),
            no_kill_switch: has(Defect::NoKillSwitch),
        }
    }
}
