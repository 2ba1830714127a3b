//! The mistakes that engineers really make in such a service, switchable by name.

use std::collections::BTreeSet;

crate::defect::defects! {
    /// The dependencies are asked one after the other.
    SequentialCalls = "sequential-calls", "asks the dependencies one after the other";
    /// Each call makes a client of its own and connects again.
    ClientPerRequest = "client-per-request", "makes a client and a connection for each call";
    /// Calls have no deadline.
    NoCallTimeout = "no-call-timeout", "calls wait for an answer as long as it takes";
    /// Calls run in tasks that nothing ends when their request does.
    UncancelledCalls = "uncancelled-calls", "calls run in tasks that outlive their request";
    /// Calls have a deadline of their own for each attempt and know nothing of the request's.
    DetachedDeadline = "detached-deadline",
        "each attempt has its own deadline and ignores the request's and its cancellation";
    /// The dependencies are not told how long an answer is of use.
    NoDeadlineSent = "no-deadline-sent", "does not tell the dependencies its deadline";
    /// The reviews are those of the next product.
    NeighboursReviews = "neighbours-reviews", "asks for the reviews by an index that is one off";
    /// The last of the latest reviews is cut off.
    TruncatedList = "truncated-list", "answers with a list that is cut short";
    /// The price has lost its cents.
    RoundedPrice = "rounded-price", "loses the cents of a price in a conversion";
    /// A section is missing, and the document does not say so.
    SilentDegradation = "silent-degradation", "does not name the sections that it leaves out";
    /// Failed calls are tried again however many fail.
    NoRetryBudget = "no-retry-budget", "tries failed calls again however many of them fail";
    /// There is no pause before the next attempt.
    RetriesAtOnce = "retries-at-once", "tries a failed call again at once";
    /// Every pause is as long as the other.
    RetriesInStep = "retries-in-step", "all failed calls are tried again after the same pause";
    /// A dependency that says when to come back is not listened to.
    IgnoresPushback = "ignores-pushback",
        "tries again earlier than the dependency has asked for";
    /// An answer that only says no counts as a failure.
    BreakerCountsRefusals = "breaker-counts-refusals",
        "its breakers take a refusal for a failure of the dependency";
    /// One failure opens a breaker that has seen little else.
    BreakerTripsEarly = "breaker-trips-early", "its breakers open on a single failed call";
    /// A probe that its client left is waited for.
    BreakerWedges = "breaker-wedges", "a breaker waits for ever for a probe whose client has left";
    /// A new configuration starts the service anew, in its own place.
    ReloadDropsConnections = "reload-drops-connections",
        "starts anew in its own place when its configuration changes";
    /// Endpoints that are down get as many calls as those that are well.
    BalancesBlindly = "balances-blindly",
        "sends calls to endpoints that are not well or fail all the time";
    /// An endpoint that is just back gets its whole share at once.
    NoSlowStart = "no-slow-start", "sends an endpoint that is just back its whole share at once";
    /// A hedged call that has its answer leaves the other attempt to itself.
    HedgeWithoutCancel = "hedge-without-cancel",
        "leaves the second attempt of a hedged call under way when the first has answered";
    /// As many calls are hedged as are late.
    HedgeWithoutBudget = "hedge-without-budget", "hedges late calls however many of them are late";
    /// Connections are accepted however many there are.
    NoConnectionLimit = "no-connection-limit", "accepts connections beyond its bound";
    /// A call that fails keeps its place in the bulkhead.
    LeakedPlace = "leaked-place", "a failed call keeps its place in the bulkhead";
    /// What one tenant takes, the others do not get.
    SharedBulkhead = "shared-bulkhead", "all tenants share what each should have";
    /// So many requests may be in flight that all of them are late.
    StaticLimitTooHigh = "static-limit-too-high",
        "has a fixed limit of requests in flight that it can never answer in time";
    /// Who pays is turned away like everybody else.
    ShedsBlindly = "sheds-blindly", "turns requests away without regard to who pays";
    /// A health check is turned away like a request.
    ShedsProbes = "sheds-probes", "turns health checks away when it has no room for requests";
    /// It says that it is ready before it has reached its dependencies.
    ReadyTooEarly = "ready-too-early", "says that it is ready before it has reached anything";
    /// Whoever is at the address of a dependency is taken for it.
    AcceptsAnyCertificate = "accepts-any-certificate",
        "takes whoever has any certificate for the dependency that it calls";
    /// What is in flight when the service is asked to stop is dropped.
    CutOffAtStop = "cut-off-at-stop", "drops what is in flight when it is asked to stop";
}

/// Looked up on every call: one bit each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defects(u32);

impl Defects {
    /// Is this one planted?
    pub(super) fn has(self, defect: Defect) -> bool {
        self.0 & bit(defect) != 0
    }
}

impl From<&BTreeSet<Defect>> for Defects {
    fn from(defects: &BTreeSet<Defect>) -> Self {
        Self(defects.iter().map(|defect| bit(*defect)).sum())
    }
}

fn bit(defect: Defect) -> u32 {
    1 << defect as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_defect_is_planted_alone() {
        for planted in Defect::ALL {
            let defects = Defects::from(&BTreeSet::from([*planted]));
            for other in Defect::ALL {
                assert_eq!(defects.has(*other), other == planted, "{planted} and {other}");
            }
        }
        assert!(!Defect::ALL.iter().any(|it| Defects::from(&BTreeSet::new()).has(*it)));
    }

    #[test]
    fn names_go_there_and_back() {
        for defect in Defect::ALL {
            assert_eq!(defect.name().parse::<Defect>().expect("known"), *defect);
            let json = serde_json::to_value(defect).expect("serializable");
            assert_eq!(json, defect.name());
            assert_eq!(serde_json::from_value::<Defect>(json).expect("known"), *defect);
            assert!(!defect.description().is_empty());
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "sequental-calls".parse::<Defect>().expect_err("unknown").to_string();
        assert!(error.starts_with("expected a defect (sequential-calls, client-per-request, "));
        assert!(error.ends_with("), found `sequental-calls`"), "{error}");
    }
}
