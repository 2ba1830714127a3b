//! The deployment controller: how many pods each revision has.
//!
//! Level-triggered: from what there is and what there shall be it follows what is done next, and
//! doing it again changes nothing. The rules are those of Kubernetes' rolling update.

/// How many pods a deployment shall have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) replicas: u32,
    /// How many more there may be.
    pub(crate) surge: u32,
    /// How many may be missing.
    pub(crate) unavailable: u32,
}

/// A replica set: the pods of one revision.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Set {
    /// How many pods it shall have.
    pub(crate) replicas: u32,
    /// How many of them are available.
    pub(crate) available: u32,
    /// The replicas of the deployment, and these with the surge, when the set got its size
    /// (the annotations `desired-replicas` and `max-replicas`).
    pub(crate) sized_for: (u32, u32),
}

/// How many pods each set shall have: `sets` are the revisions from the oldest to the newest,
/// which is the one that is rolled out. What it says is one step; when nothing changes any more,
/// it is over until something else does.
pub(crate) fn reconcile(size: Size, sets: &[Set]) -> Vec<u32> {
    let mut replicas: Vec<u32> = sets.iter().map(|set| set.replicas).collect();
    let Some((new, old)) = sets.split_last() else { return replicas };
    let active = || sets.iter().filter(|set| set.replicas > 0);
    if active().any(|set| set.sized_for.0 != size.replicas) {
        return scaled(size, sets);
    }
    let all: u32 = replicas.iter().sum();
    let most = size.replicas + size.surge;
    let grown = match new.replicas.cmp(&size.replicas) {
        std::cmp::Ordering::Greater => size.replicas,
        std::cmp::Ordering::Equal => new.replicas,
        std::cmp::Ordering::Less => {
            new.replicas + most.saturating_sub(all).min(size.replicas - new.replicas)
        }
    };
    if grown == new.replicas {
        shrink(size, old, *new, &mut replicas);
    } else {
        replicas[old.len()] = grown;
    }
    replicas
}

/// Takes pods from the older revisions: first those that are not available anyway, then as many
/// of the others as may be missing.
fn shrink(size: Size, old: &[Set], new: Set, replicas: &mut [u32]) {
    let least = size.replicas.saturating_sub(size.unavailable);
    let all: u32 = replicas.iter().sum();
    let new_missing = new.replicas.saturating_sub(new.available);
    let mut removable = all.saturating_sub(least).saturating_sub(new_missing);
    if removable == 0 {
        return;
    }
    for (set, replicas) in old.iter().zip(replicas.iter_mut()) {
        let unhealthy = replicas.saturating_sub(set.available).min(removable);
        *replicas -= unhealthy;
        removable -= unhealthy;
    }
    let available = old.iter().map(|set| set.available).sum::<u32>() + new.available;
    let mut spare = available.saturating_sub(least);
    for replicas in replicas.iter_mut().take(old.len()) {
        let removed = (*replicas).min(spare);
        *replicas -= removed;
        spare -= removed;
    }
}

/// The deployment was given another number of pods: in the middle of a rollout each revision gets
/// its share of them.
fn scaled(size: Size, sets: &[Set]) -> Vec<u32> {
    let mut replicas: Vec<u32> = sets.iter().map(|set| set.replicas).collect();
    let active: Vec<usize> = (0..sets.len()).filter(|at| sets[*at].replicas > 0).collect();
    let newest = sets.len() - 1;
    if let &[] | &[_] = active.as_slice() {
        replicas[active.first().copied().unwrap_or(newest)] = size.replicas;
        return replicas;
    }
    let new = sets[newest];
    if new.replicas == size.replicas && new.available == size.replicas {
        replicas[..newest].fill(0);
        return replicas;
    }
    let most = if size.replicas > 0 { i64::from(size.replicas + size.surge) } else { 0 };
    let add = most - sets.iter().map(|set| i64::from(set.replicas)).sum::<i64>();
    let mut order = active;
    // The largest first; of two of a size the newer grows and the older shrinks first.
    order.sort_by_key(|&at| {
        let age = i64::try_from(at).unwrap_or(i64::MAX);
        (std::cmp::Reverse(sets[at].replicas), if add > 0 { -age } else { age })
    });
    let mut added = 0;
    for &at in &order {
        let share = share(size, sets[at], add - added);
        added += share;
        replicas[at] = whole(i64::from(replicas[at]) + share);
    }
    if let Some(&largest) = order.first() {
        replicas[largest] = whole(i64::from(replicas[largest]) + add - added);
    }
    replicas
}

/// How many of the pods that are `left` to add (or to remove, below zero) a set gets.
fn share(size: Size, set: Set, left: i64) -> i64 {
    let has = i64::from(set.replicas);
    if size.replicas == 0 {
        return -has;
    }
    let was = i64::from(set.sized_for.1.max(1));
    // Rounded to the nearest pod.
    let grown = (2 * has * i64::from(size.replicas + size.surge) + was) / (2 * was);
    if left > 0 { (grown - has).clamp(0, left) } else { (grown - has).clamp(left, 0) }
}

fn whole(pods: i64) -> u32 {
    u32::try_from(pods.max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
