//! The scheduler: which node a pod runs on.

/// What the choice depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    /// Takes new pods: ready and not cordoned.
    pub(crate) open: bool,
    /// How many pods it has, those that terminate included.
    pub(crate) pods: u32,
    /// How many it takes.
    pub(crate) pods_max: u32,
    /// How many pods of the same deployment it has, those that terminate aside.
    pub(crate) beside: u32,
}

/// The place of the node that a pod goes to: one that takes pods and has room, with the fewest
/// pods of the same deployment, then the fewest pods, then the first; `None` if there is none.
pub(crate) fn choose(nodes: &[Candidate]) -> Option<usize> {
    let fits = |node: &Candidate| node.open && node.pods < node.pods_max;
    let nodes = nodes.iter().enumerate().filter(|(_, node)| fits(node));
    nodes.min_by_key(|(at, node)| (node.beside, node.pods, *at)).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::{Candidate, choose};

    const NODE: Candidate = Candidate { open: true, pods: 1, pods_max: 3, beside: 1 };

    #[test]
    fn pods_go_where_there_are_fewest() {
        let check = |expected, nodes: &[Candidate]| assert_eq!(choose(nodes), expected);
        check(None, &[]);
        check(Some(0), &[NODE, NODE]);
        check(Some(1), &[NODE, Candidate { beside: 0, pods: 2, ..NODE }]);
        check(Some(1), &[Candidate { pods: 2, ..NODE }, NODE]);
        // "marking a node as unschedulable prevents the scheduler from placing new pods onto that
        // Node": https://kubernetes.io/docs/concepts/architecture/nodes/#manual-node-administration
        check(Some(1), &[Candidate { open: false, beside: 0, ..NODE }, NODE]);
        check(Some(1), &[Candidate { pods: 3, beside: 0, ..NODE }, NODE]);
        check(None, &[Candidate { open: false, ..NODE }, Candidate { pods: 3, ..NODE }]);
    }
}
