//! What a fault is called, what its count counts, and what of its attributes is wrong: each family
//! says it of its own.

use std::time::Duration;

use super::{Direction, Fault, FaultKind, Target};

impl FaultKind {
    /// The kind's name, as in the reference table of the docs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Network(fault) => fault.name(),
            Self::Process(fault) => fault.name(),
            Self::Disk(fault) => fault.name(),
            Self::Clock(fault) => fault.name(),
            Self::Names(fault) => fault.name(),
            Self::Service(fault) => fault.name(),
            Self::Load(fault) => fault.name(),
        }
    }

    /// What the count of affected things counts.
    #[must_use]
    pub fn counts(&self) -> &'static str {
        match self {
            Self::Network(fault) => fault.counts(),
            Self::Process(fault) => fault.counts(),
            Self::Disk(fault) => fault.counts(),
            Self::Clock(fault) => fault.counts(),
            Self::Names(fault) => fault.counts(),
            Self::Service(fault) => fault.counts(),
            Self::Load(fault) => fault.counts(),
        }
    }

    /// The attributes, for people; empty when there are none.
    fn attributes(&self) -> String {
        match self {
            Self::Network(fault) => fault.attributes(),
            Self::Process(fault) => fault.attributes(),
            Self::Disk(fault) => fault.attributes(),
            Self::Clock(fault) => fault.attributes(),
            Self::Names(fault) => fault.attributes(),
            Self::Service(fault) => fault.attributes(),
            Self::Load(fault) => fault.attributes(),
        }
    }
}

impl Fault {
    /// Kind, target and attributes in one line for people.
    #[must_use]
    pub fn label(&self) -> String {
        let attributes = self.kind.attributes();
        let place = match &self.target {
            Target::Host { host, direction: Direction::Upstream } => format!(" towards {host}"),
            Target::Host { host, .. } => format!(" at {host}"),
            Target::Between { a, b, direction } => {
                let (a, b) = (a.join("+"), b.join("+"));
                match direction {
                    Direction::Both => format!(" between {a} and {b}"),
                    Direction::Downstream => format!(" from {a} to {b}"),
                    Direction::Upstream => format!(" from {b} to {a}"),
                }
            }
            Target::Load => " of the load".to_owned(),
        };
        match attributes.as_str() {
            "" => format!("{}{place}", self.kind.name()),
            attributes => format!("{}{place}: {attributes}", self.kind.name()),
        }
    }

    /// Does the fault act on the host with this name as a whole?
    pub(crate) fn is_on(&self, name: &str) -> bool {
        matches!(&self.target, Target::Host { host, .. } if host == name)
    }

    /// What is wrong with the attributes, in a network that works in steps of `step`.
    pub(in crate::plan) fn check_attributes(&self, step: Duration) -> Option<String> {
        match &self.kind {
            FaultKind::Network(fault) => fault.check(step),
            FaultKind::Process(fault) => fault.check(),
            FaultKind::Disk(fault) => fault.check(),
            FaultKind::Clock(fault) => fault.check(self.heal - self.inject),
            FaultKind::Names(fault) => fault.check(),
            FaultKind::Service(fault) => fault.check(),
            FaultKind::Load(fault) => fault.check(),
        }
    }

    /// The hosts that its attributes name.
    pub(in crate::plan) fn named_hosts(&self) -> impl Iterator<Item = &str> {
        let names = match &self.kind {
            FaultKind::Names(fault) => Some(fault.hosts()),
            FaultKind::Network(_)
            | FaultKind::Process(_)
            | FaultKind::Disk(_)
            | FaultKind::Clock(_)
            | FaultKind::Service(_)
            | FaultKind::Load(_) => None,
        };
        names.into_iter().flatten()
    }
}
