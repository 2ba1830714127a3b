//! The replica-set controller: which pods go when a set has too many.

/// What the order depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The host of the pod.
    pub(crate) pod: u16,
    /// Does it run on a node?
    pub(crate) scheduled: bool,
    /// Does its container run?
    pub(crate) running: bool,
    pub(crate) ready: bool,
    /// How many pods of its set are on the same node.
    pub(crate) beside: u32,
    /// Since when it is ready, or else when it was created.
    pub(crate) since: u64,
    /// How often its container was started again.
    pub(crate) restarts: u32,
}

/// The pods to delete when `surplus` of them must go: first those on no node, then those that do
/// not run, those that are not ready, those that share their node with most others of the set,
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
