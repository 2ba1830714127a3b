//! Which traffic a fault acts on.

use std::collections::BTreeSet;

use crate::plan::{Direction, Target, Topology};

/// Which packets a fault sees, by the hosts' indices.
pub(crate) struct Scope {
    a: BTreeSet<u16>,
    /// `None` for all others.
    b: Option<BTreeSet<u16>>,
    direction: Direction,
}

impl Scope {
    pub(crate) fn new(target: &Target, topology: &Topology) -> Self {
        let index = |name: &String| topology.index_of(name).and_then(|at| u16::try_from(at).ok());
        let all = |names: &[String]| names.iter().filter_map(index).collect();
        match target {
            Target::Host { host, direction } => {
                Self { a: index(host).into_iter().collect(), b: None, direction: *direction }
            }
            Target::Between { a, b, direction } => {
                Self { a: all(a), b: Some(all(b)), direction: *direction }
            }
            Target::Load => Self { a: BTreeSet::new(), b: None, direction: Direction::Both },
        }
    }

    pub(crate) fn sees(&self, src: u16, dst: u16) -> bool {
        let other = |host: u16| self.b.as_ref().is_none_or(|b| b.contains(&host));
        (self.direction.sends() && self.a.contains(&src) && other(dst))
            || (self.direction.receives() && self.a.contains(&dst) && other(src))
    }

    /// Does the fault act on the connections between these hosts at all?
    pub(crate) fn touches(&self, src: u16, dst: u16) -> bool {
        self.sees(src, dst) || self.sees(dst, src)
    }
}
