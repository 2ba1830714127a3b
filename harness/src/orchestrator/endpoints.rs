//! The endpoints controller: who takes requests, and with what weight.

use serde::Serialize;

/// The endpoints of one revision, as a load balancer is told of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Group {
    /// `revision-1`, `revision-2` and so on.
    pub(crate) name: String,
    /// Its share of the requests, relative to the other groups.
    pub(crate) weight: u32,
    /// `pod:port` of each pod that is ready and not terminating.
    pub(crate) endpoints: Vec<String>,
}

/// What a load balancer is told.
#[derive(Serialize)]
pub(crate) struct Endpoints<'a> {
    pub(crate) groups: &'a [Group],
}

/// The endpoints of a revision, before it is known what share it gets.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) revision: u32,
    pub(crate) endpoints: Vec<String>,
    /// Is it the canary?
    pub(crate) canary: bool,
}

/// The groups of a deployment. Without a canary each endpoint gets as many requests as any other;
/// a canary with endpoints gets its `weight` in percent, and the others share the rest. Revisions
/// without endpoints are left out.
pub(crate) fn groups(ready: Vec<Ready>, weight: Option<u32>) -> Vec<Group> {
    let count = |canary: bool| -> usize {
        let of = ready.iter().filter(|ready| ready.canary == canary);
        of.map(|ready| ready.endpoints.len()).sum()
    };
    let (canaries, others) = (count(true), count(false));
    let weight = weight.filter(|_| canaries > 0 && others > 0);
    let groups = ready.iter().filter(|ready| !ready.endpoints.is_empty());
    let groups = groups.map(|ready| {
        let pods = ready.endpoints.len();
        let weight = match weight {
            None => pods,
            Some(weight) if ready.canary => weight as usize * others,
            // The others are one revision, save while a rollout was overtaken by a canary.
            Some(weight) => (100 - weight.min(100)) as usize * pods,
        };
        Group {
            name: format!("revision-{}", ready.revision),
            weight: u32::try_from(weight).unwrap_or(u32::MAX),
            endpoints: ready.endpoints.clone(),
        }
    });
    groups.collect()
}
