//! What of a volume is durable: syncs of directories, and power losses.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io,
    path::{Component, Path},
};

use rand_chacha::ChaCha8Rng;

use super::{Change, Directory, Node, NodeKind, ROOT, Volume};

impl Volume {
    /// Makes what was done to the directory at `path` durable, and its own name with those that
    /// lead to it.
    pub(in crate::sim::disk) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let directory = self.find(path)?;
        self.names(directory)?;
        let mut here = ROOT;
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            let Some(&next) = self.names(here)?.get(name) else { break };
            self.make_durable(here, name, next);
            here = next;
        }
        while let Some(change) = self.directory(directory).pending.pop_front() {
            self.apply(directory, change);
        }
        Ok(())
    }

    /// A sync of the directory at `path` has failed. As with files, what it was to make durable is
    /// taken for durable, and a later sync makes durable only what was done after it.
    pub(in crate::sim::disk) fn fail_sync_dir(&mut self, path: &Path) {
        let Ok(directory) = self.find(path) else { return };
        if self.is_dir(directory) {
            let given_up = std::mem::take(&mut self.directory(directory).pending);
            self.no_longer_durable(given_up.into_iter().flatten().filter_map(|(_, to)| to));
        }
    }

    /// Makes one name in a directory durable, ahead of what else was done to it.
    fn make_durable(&mut self, directory: u64, name: &OsStr, number: u64) {
        self.node(number).durable += 1;
        let Directory { durable, pending, .. } = self.directory(directory);
        let mut dropped = Vec::new();
        durable.retain(|other, known| {
            let stays = other != name && *known != number;
            dropped.extend((!stays).then_some(*known));
            stays
        });
        durable.insert(name.to_owned(), number);
        for change in pending.iter_mut() {
            change.retain(|(other, to)| {
                let stays = other != name && *to != Some(number);
                dropped.extend(to.filter(|_| !stays));
                stays
            });
        }
        pending.retain(|change| !change.is_empty());
        self.no_longer_durable(dropped);
    }

    /// Makes a change of the names in a directory durable.
    pub(super) fn apply(&mut self, directory: u64, change: Change) {
        for (name, to) in change {
            let durable = &mut self.directory(directory).durable;
            let before = match to {
                Some(number) => durable.insert(name, number),
                None => durable.remove(&name),
            };
            self.no_longer_durable(before);
        }
    }

    /// Durable names, or such as might have become it, lead to these no longer.
    pub(super) fn no_longer_durable(&mut self, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            self.node(number).durable -= 1;
            self.forget_unreachable(number);
        }
    }

    /// The power has failed. Of what was done to each directory since it was last synced `rng`
    /// draws how much is durable. Returns how many files torn changes made a difference to, if
    /// they are to be torn.
    pub(in crate::sim::disk) fn lose_power(
        &mut self,
        rng: &mut ChaCha8Rng,
        mut tear: Option<&mut ChaCha8Rng>,
    ) -> u64 {
        let mut torn = 0;
        let mut kept: BTreeMap<u64, Node> = BTreeMap::new();
        let mut left = vec![(None, ROOT)];
        while let Some((place, number)) = left.pop() {
            if let Some(known) = kept.get_mut(&number) {
                // A name that was moved from one directory to another may have survived in both.
                let Some((parent, name)) = place.filter(|_| known.is_dir()) else {
                    (known.live, known.durable) = (known.live + 1, known.durable + 1);
                    continue;
                };
                // A directory has one place: the first that is found.
                if let Some(NodeKind::Directory(parent)) =
                    kept.get_mut(&parent).map(|it| &mut it.what)
                {
                    parent.live.remove(&name);
                    parent.durable.remove(&name);
                }
                continue;
            }
            let Some(mut node) = self.nodes.remove(&number) else { continue };
            match &mut node.what {
                NodeKind::File(content) => {
                    torn += u64::from(content.lose_power(tear.as_deref_mut()))
                }
                NodeKind::Directory(directory) => {
                    directory.lose_power(rng);
                    let inner = directory.durable.iter().rev();
                    left.extend(inner.map(|(name, inner)| (Some((number, name.clone())), *inner)));
                }
            }
            kept.insert(number, Node { live: 1, durable: 1, open: 0, ..node });
        }
        self.nodes = kept;
        self.used_bytes = self.nodes.keys().map(|number| self.status(*number).len).sum();
        self.memory_bytes = self.nodes.values().map(Node::memory_bytes).sum();
        torn
    }

    /// Forgets what no process can get at, once no power loss can bring it back.
    pub(super) fn forget_unreachable(&mut self, number: u64) {
        let Node { what, live: 0, durable: 0, open: 0 } = self.node(number) else { return };
        let inner: Vec<u64> = match what {
            NodeKind::File(_) => Vec::new(),
            NodeKind::Directory(directory) => directory.may_be_durable().collect(),
        };
        if let Some(forgotten) = self.nodes.remove(&number) {
            self.memory_bytes -= forgotten.memory_bytes();
        }
        self.no_longer_durable(inner);
    }
}
