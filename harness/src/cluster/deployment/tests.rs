//! The deployment controller against what the documentation of Kubernetes says, each row with its
//! source.

use super::{Set, Size, reconcile};
use crate::plan::{Amount, Deployment, percent};

/// <https://kubernetes.io/docs/concepts/workloads/controllers/deployment/>
const DEPLOYMENT: &str = "concepts/workloads/controllers/deployment";

/// A set of so many pods, so many of them available, in a deployment of ten with a surge of three.
fn set(replicas: u32, available: u32) -> Set {
    Set { replicas, available, sized_for: (10, 13) }
}

const TEN: Size = Size { replicas: 10, surge: 3, unavailable: 2 };

#[track_caller]
fn check(source: &str, size: Size, sets: &[Set], expected: &[u32]) {
    assert_eq!(reconcile(size, sets), expected, "{source}");
}

#[test]
fn amounts_are_rounded_as_documented() {
    let fenceposts = |surge: Amount, unavailable: Amount, replicas| {
        let web = Deployment::new("web", "web", serde_json::Value::Null, replicas);
        web.max_surge(surge).max_unavailable(unavailable).fenceposts(replicas)
    };
    // "The absolute number is calculated from the percentage by rounding up" (max surge), "...
    // by rounding down" (max unavailable); "the default value is 25%" for both.
    assert_eq!(fenceposts(percent(25), percent(25), 10), (3, 2), "{DEPLOYMENT}");
    assert_eq!(fenceposts(percent(30), percent(30), 10), (3, 3), "{DEPLOYMENT}");
    assert_eq!(fenceposts(percent(1), percent(99), 1), (1, 0), "{DEPLOYMENT}");
    assert_eq!(fenceposts(1.into(), 0.into(), 3), (1, 0), "{DEPLOYMENT}");
    // Both cannot be zero; a percentage that comes to zero would block the rollout (the
    // function `ResolveFenceposts` of the deployment controller).
    assert_eq!(fenceposts(0.into(), percent(25), 3), (0, 1), "pkg/controller/deployment/util");
}

#[test]
fn a_rollout_begins_with_the_surge_and_what_may_be_missing() {
    // "It scaled up the new ReplicaSet to 1 [...] then scaled down the old [...]": three replicas,
    // surge one, none unavailable (Updating a Deployment).
    let three = Size { replicas: 3, surge: 1, unavailable: 0 };
    let of = |replicas, available| Set { replicas, available, sized_for: (3, 4) };
    let source = "concepts/workloads/controllers/deployment/#updating-a-deployment";
    check(source, three, &[of(3, 3), of(0, 0)], &[3, 1]);
    check(source, three, &[of(3, 3), of(1, 0)], &[3, 1]);
    check(source, three, &[of(3, 3), of(1, 1)], &[2, 1]);
    check(source, three, &[of(2, 2), of(1, 1)], &[2, 2]);
    check(source, three, &[of(2, 2), of(2, 2)], &[1, 2]);
    check(source, three, &[of(1, 1), of(2, 2)], &[1, 3]);
    check(source, three, &[of(1, 1), of(3, 3)], &[0, 3]);
    check(source, three, &[of(0, 0), of(3, 3)], &[0, 3]);
    // "the old ReplicaSet can be scaled down to 70% of desired Pods immediately when the rolling
    // update starts" with 30 % unavailable; "the total number of Pods [...] at most 130%".
    let source = "concepts/workloads/controllers/deployment/#max-unavailable";
    let thirty = Size { replicas: 10, surge: 3, unavailable: 3 };
    check(source, thirty, &[set(10, 10), set(0, 0)], &[10, 3]);
    check(source, thirty, &[set(10, 10), set(3, 0)], &[7, 3]);
    check(source, thirty, &[set(7, 7), set(3, 0)], &[7, 6]);
    check(source, thirty, &[set(7, 7), set(6, 0)], &[7, 6]);
}

#[test]
fn a_rollout_of_a_version_that_is_never_ready_stops() {
    // The example of proportional scaling: ten replicas, max surge 3, max unavailable 2, and an
    // image that cannot be fetched end in 8 old pods and 5 new ones.
    let source = "concepts/workloads/controllers/deployment/#proportional-scaling";
    check(source, TEN, &[set(10, 10), set(0, 0)], &[10, 3]);
    check(source, TEN, &[set(10, 10), set(3, 0)], &[8, 3]);
    check(source, TEN, &[set(8, 8), set(3, 0)], &[8, 5]);
    check(source, TEN, &[set(8, 8), set(5, 0)], &[8, 5]);
}

#[test]
fn scaling_in_the_middle_of_a_rollout_is_proportional() {
    let source = "concepts/workloads/controllers/deployment/#proportional-scaling";
    // "3 replicas are added to the old ReplicaSet and 2 replicas are added to the new": 11 and 7.
    let fifteen = Size { replicas: 15, surge: 3, unavailable: 2 };
    check(source, fifteen, &[set(8, 8), set(5, 0)], &[11, 7]);
    // "ReplicaSets with zero replicas are not scaled up."
    check(source, fifteen, &[set(0, 0), set(8, 8), set(5, 0)], &[0, 11, 7]);
    // Down again, in the same proportion.
    let of = |replicas, available| Set { replicas, available, sized_for: (15, 18) };
    check(source, TEN, &[of(11, 11), of(7, 0)], &[8, 5]);
    // "Any leftovers are added to the ReplicaSet with the most replicas": 10 to 11, one to add,
    // which the rounding gives to neither of three sets.
    let eleven = Size { replicas: 11, surge: 3, unavailable: 2 };
    check(source, eleven, &[set(5, 5), set(4, 4), set(4, 4)], &[6, 4, 4]);
    // None at all.
    let none = Size { replicas: 0, surge: 0, unavailable: 1 };
    check(source, none, &[set(8, 8), set(5, 0)], &[0, 0]);
}

#[test]
fn scaling_without_a_rollout_scales_the_one_revision() {
    let source = "concepts/workloads/controllers/deployment/#scaling-a-deployment";
    let size = |replicas| Size { replicas, surge: 3, unavailable: 2 };
    check(source, size(15), &[set(10, 10)], &[15]);
    check(source, size(4), &[set(0, 0), set(10, 10)], &[0, 4]);
    // And a new deployment gets all of its pods at once.
    check(source, TEN, &[Set { replicas: 0, available: 0, sized_for: (0, 0) }], &[10]);
}

#[test]
fn a_rollout_that_is_overtaken_gives_way_to_the_newest() {
    // "it would scale down the 3 Pods [...] immediately and start creating [the newer] Pods. It
    // does not wait for the 5 replicas [...] to be created before changing course": the pods that
    // are not available go first.
    let source =
        "concepts/workloads/controllers/deployment/#rollover-aka-multiple-updates-in-flight";
    let five = Size { replicas: 5, surge: 1, unavailable: 1 };
    let of = |replicas, available| Set { replicas, available, sized_for: (5, 6) };
    check(source, five, &[of(3, 3), of(3, 1), of(0, 0)], &[3, 1, 0]);
    check(source, five, &[of(3, 3), of(1, 1), of(0, 0)], &[3, 1, 2]);
}

#[test]
fn what_is_reached_stays() {
    check(DEPLOYMENT, TEN, &[set(0, 0), set(10, 10)], &[0, 10]);
    // A pod that is lost does not bring the old revision back.
    check(DEPLOYMENT, TEN, &[set(0, 0), set(10, 9)], &[0, 10]);
    check(DEPLOYMENT, TEN, &[], &[]);
}

#[test]
fn steps_end_within_the_bounds_whatever_becomes_available() {
    for replicas in 1..=6 {
        for surge in 0..=3 {
            for unavailable in 0..=replicas.min(3) {
                if surge + unavailable > 0 {
                    roll_out(Size { replicas, surge, unavailable });
                }
            }
        }
    }
}

/// Rolls out with one pod at a time that becomes available, and looks at every step.
fn roll_out(size: Size) {
    let sized_for = (size.replicas, size.replicas + size.surge);
    let mut old = Set { replicas: size.replicas, available: size.replicas, sized_for };
    let mut new = Set { replicas: 0, available: 0, sized_for };
    for _ in 0..100 {
        let next = reconcile(size, &[old, new]);
        let still = next == [old.replicas, new.replicas];
        (old.replicas, new.replicas) = (next[0], next[1]);
        old.available = old.available.min(old.replicas);
        assert!(old.replicas + new.replicas <= size.replicas + size.surge, "{size:?}");
        assert!(old.available + new.available + size.unavailable >= size.replicas, "{size:?}");
        if still && new.available < new.replicas {
            new.available += 1;
        } else if still {
            break;
        }
    }
    assert_eq!((old.replicas, new.replicas), (0, size.replicas), "{size:?}");
}

#[test]
fn a_rollback_keeps_the_bounds_of_a_rollout() {
    for replicas in 1..=6 {
        for surge in 0..=3 {
            for unavailable in 0..=replicas.min(3) {
                let size = Size { replicas, surge, unavailable };
                for steps in 0..=3 * replicas {
                    if surge + unavailable > 0 {
                        turn_back(size, steps, true);
                        turn_back(size, steps, false);
                    }
                }
            }
        }
    }
}

/// Rolls out for so many steps a version whose pods become available, or never do, and then back;
/// looks at every step of both.
fn turn_back(size: Size, steps: u32, works: bool) {
    let sized_for = (size.replicas, size.replicas + size.surge);
    let all = Set { replicas: size.replicas, available: size.replicas, sized_for };
    // The version before and the new one; the last of a list is the one that is wanted.
    let (mut before, mut new) = (all, Set { replicas: 0, available: 0, sized_for });
    for _ in 0..steps {
        step(size, &mut before, &mut new, works);
    }
    for _ in 0..100 {
        if !step(size, &mut new, &mut before, true) {
            break;
        }
    }
    let end = [new.replicas, before.replicas, before.available];
    assert_eq!(end, [0, size.replicas, size.replicas], "{size:?} after {steps} steps");
}

/// One step towards `wanted`, or, where none is left, one pod of it that becomes available; says
/// whether anything happened.
fn step(size: Size, old: &mut Set, wanted: &mut Set, works: bool) -> bool {
    let next = reconcile(size, &[*old, *wanted]);
    let moved = next != [old.replicas, wanted.replicas];
    (old.replicas, wanted.replicas) = (next[0], next[1]);
    // What is not available goes first.
    old.available = old.available.min(old.replicas);
    let ready = !moved && works && wanted.available < wanted.replicas;
    wanted.available += u32::from(ready);
    let (pods, available) = (old.replicas + wanted.replicas, old.available + wanted.available);
    assert!(pods <= size.replicas + size.surge, "{size:?}: {pods} pods");
    assert!(available + size.unavailable >= size.replicas, "{size:?}: {available} available");
    moved || ready
}
