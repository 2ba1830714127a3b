//! The replica-set controller: which pods go when a set has too many.

/// What the order depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The host of the pod.
    pub(crate) pod: u16,
    /// Does it run on a node?
    pub(crate) scheduled: bool,
    /// Has its container ever run?
    pub(crate) running: bool,
    pub(crate) ready: bool,
    /// How many pods of its set are on the same node.
    pub(crate) beside: u32,
    /// Since when it is ready, or else when it was created.
    pub(crate) since: u64,
    /// How often its container was started again.
    pub(crate) restarts: u32,
}

/// The pods to delete when `surplus` of them must go: first those on no node, then those that were
/// never started, those that are not ready, those that share their node with most others of the set,
/// those that are ready for the shortest time, those that were started again most often, and the
/// newest.
pub(crate) fn surplus(mut pods: Vec<Candidate>, surplus: u32) -> Vec<u16> {
    pods.sort_by_key(|pod| {
        let quiet = (pod.scheduled, pod.running, pod.ready);
        let crowded = std::cmp::Reverse(pod.beside);
        let young = std::cmp::Reverse(pod.since);
        (quiet, crowded, young, std::cmp::Reverse(pod.restarts), std::cmp::Reverse(pod.pod))
    });
    pods.iter().take(surplus as usize).map(|pod| pod.pod).collect()
}

#[cfg(test)]
mod tests {
    use super::{Candidate, surplus};

    const POD: Candidate = Candidate {
        pod: 0,
        scheduled: true,
        running: true,
        ready: true,
        beside: 1,
        since: 100,
        restarts: 0,
    };

    /// The first of two pods goes.
    #[track_caller]
    fn check(source: &str, first: Candidate, second: Candidate) {
        let (first, second) = (Candidate { pod: 1, ..first }, Candidate { pod: 2, ..second });
        assert_eq!(surplus(vec![second, first], 1), [1], "{source}");
        assert_eq!(surplus(vec![first, second], 1), [1], "{source}");
    }

    #[test]
    fn the_pods_that_go_are_chosen_as_documented() {
        // https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset
        check(
            "Pending (and unschedulable) pods are scaled down first",
            Candidate { scheduled: false, running: false, ready: false, ..POD },
            Candidate { running: false, ready: false, ..POD },
        );
        check(
            "Pending (and unschedulable) pods are scaled down first",
            Candidate { running: false, ready: false, ..POD },
            Candidate { ready: false, ..POD },
        );
        check(
            "Pods on nodes with more replicas come before pods on nodes with fewer replicas",
            Candidate { beside: 2, since: 1, ..POD },
            Candidate { beside: 1, since: 200, ..POD },
        );
        check(
            "the pod that was created more recently comes before the older pod",
            Candidate { since: 200, ..POD },
            Candidate { since: 100, ..POD },
        );
        // ActivePodsWithRanks in pkg/controller/controller_utils.go says more than the page.
        check("Not ready < ready", Candidate { ready: false, ..POD }, POD);
        check("higher restart counts < lower", Candidate { restarts: 2, ..POD }, POD);
    }

    #[test]
    fn as_many_go_as_are_too_many() {
        let pods = |count| (0..count).map(|pod| Candidate { pod, ..POD }).collect::<Vec<_>>();
        assert_eq!(surplus(pods(4), 2), [3, 2], "the newest, all else being equal");
        assert_eq!(surplus(pods(2), 0), [] as [u16; 0]);
    }
}
