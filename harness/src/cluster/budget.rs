//! The eviction API: may this pod be evicted?

/// What the answer depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Health {
    /// Has the container of the pod ever run?
    pub(crate) running: bool,
    /// Is the pod itself ready?
    pub(crate) ready: bool,
    /// How many pods of the deployment are ready and not terminating.
    pub(crate) healthy: u32,
    /// How many must be, after the eviction.
    pub(crate) desired_healthy: u32,
}

/// May the pod be evicted? One that was never started may always be; one that runs and is not ready
/// takes nothing from a deployment that has what it needs (`IfHealthyBudget`), be it nothing.
///
/// The documentation is followed here, and not the API server, which is stricter at one point: it
/// refuses to evict an unready pod where no pod is healthy and none needs to be. Its eviction handler
/// leaves the budget alone for an unready pod only if `DesiredHealthy > 0`, and otherwise wants a
/// disruption that is allowed (`EvictionREST.Create` and `checkAndDecrement` in Kubernetes'
/// `pkg/registry/core/pod/storage/eviction.go`); and the allowed ones are `CurrentHealthy` less
/// `DesiredHealthy`, here none (`updatePdbStatus` in `pkg/controller/disruption/disruption.go`).
pub(crate) fn allows(health: Health) -> bool {
    if !health.running {
        true
    } else if health.ready {
        health.healthy > health.desired_healthy
    } else {
        health.healthy >= health.desired_healthy
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, allows};
    use crate::plan::{DisruptionBudget, percent};

    #[test]
    fn percentages_are_rounded_up() {
        // "if you have 7 Pods and you set minAvailable to \"50%\" [...] Kubernetes rounds up to the
        // nearest integer, so in this case, 4 Pods must be available":
        // https://kubernetes.io/docs/tasks/run-application/configure-pdb/
        assert_eq!(DisruptionBudget::min_available("web", percent(50)).desired_healthy(7), 4);
        assert_eq!(DisruptionBudget::max_unavailable("web", percent(50)).desired_healthy(7), 3);
        assert_eq!(DisruptionBudget::max_unavailable("web", percent(30)).desired_healthy(10), 7);
        // "With a minAvailable of 5, evictions are allowed as long as they leave behind 5 or more"
        assert_eq!(DisruptionBudget::min_available("web", 5).desired_healthy(7), 5);
        assert_eq!(DisruptionBudget::max_unavailable("web", 5).desired_healthy(3), 0);
    }

    #[test]
    fn an_eviction_leaves_what_the_budget_wants() {
        let check = |expected, running, ready, healthy, desired_healthy, source| {
            let health = Health { running, ready, healthy, desired_healthy };
            assert_eq!(allows(health), expected, "{source}: {health:?}");
        };
        let source =
            "they leave behind 5 or more healthy pods (tasks/run-application/configure-pdb)";
        check(true, true, true, 6, 5, source);
        check(false, true, true, 5, 5, source);
        check(false, true, true, 4, 5, source);
        // https://kubernetes.io/docs/tasks/run-application/configure-pdb/#unhealthy-pod-eviction-policy
        let source = "IfHealthyBudget: only if currentHealthy is at least equal to desiredHealthy";
        check(true, true, false, 5, 5, source);
        check(false, true, false, 4, 5, source);
        for healthy in 0..3 {
            check(true, true, false, healthy, 0, source);
        }
        let source =
            "Pods in Pending, Succeeded or Failed phase are always considered for eviction";
        check(true, false, false, 0, 5, source);
    }
}
