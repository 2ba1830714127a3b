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
