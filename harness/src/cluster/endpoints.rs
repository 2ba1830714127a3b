//! The endpoints controller: who takes requests, and with what weight.

use serde::Serialize;

/// The endpoints of one revision, as a load balancer is told of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Group {
    /// `revision-1`, `revision-2` and so on: the revision that its pods were created for.
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
    pub(crate) name: String,
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
            name: ready.name.clone(),
            weight: u32::try_from(weight).unwrap_or(u32::MAX),
            endpoints: ready.endpoints.clone(),
        }
    });
    groups.collect()
}

#[cfg(test)]
mod tests {
    use super::{Ready, groups};

    fn ready(revision: u32, pods: &[u32], canary: bool) -> Ready {
        let endpoints = pods.iter().map(|pod| format!("web-{pod}:80")).collect();
        Ready { name: format!("revision-{revision}"), endpoints, canary }
    }

    #[track_caller]
    fn check(sets: Vec<Ready>, weight: Option<u32>, expected: &[(&str, u32)]) {
        let groups = groups(sets, weight);
        let found: Vec<_> = groups.iter().map(|it| (it.name.as_str(), it.weight)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_pod_gets_as_much_as_any_other_and_a_canary_its_weight() {
        check(vec![], None, &[]);
        let rolling = || vec![ready(1, &[1, 2, 3], false), ready(2, &[4], false)];
        check(rolling(), None, &[("revision-1", 3), ("revision-2", 1)]);
        check(vec![ready(1, &[], false), ready(2, &[4], false)], None, &[("revision-2", 1)]);
        let canary = || vec![ready(1, &[1, 2, 3], false), ready(2, &[4], true)];
        check(canary(), Some(5), &[("revision-1", 95 * 3), ("revision-2", 5 * 3)]);
        check(canary(), Some(0), &[("revision-1", 300), ("revision-2", 0)]);
        check(canary(), Some(100), &[("revision-1", 0), ("revision-2", 300)]);
        // If all of the others are gone, the canary is what there is.
        check(vec![ready(1, &[], false), ready(2, &[4], true)], Some(5), &[("revision-2", 1)]);
    }
}
