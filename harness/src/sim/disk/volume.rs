//! The files and directories of one disk, as processes see them and as they survive.
//!
//! Files and directories are known by number; a directory has names for some of them. Processes
//! see the live names. The durable ones, which are there after a power loss, become what the
//! live ones are when the directory is synced. The same goes for the content of each file.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    path::{Component, Path},
    time::SystemTime,
};

use rand_chacha::ChaCha8Rng;
use squall_os::sim::FileStatus;

use super::content::Content;

/// The number of the root directory.
const ROOT: u64 = 0;

pub(super) struct Volume {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    /// The lengths of all files that processes can get at.
    used_bytes: u64,
    capacity_bytes: u64,
    /// The memory that the content of all files takes.
    memory_bytes: i64,
    /// Nothing can grow, whatever the capacity.
    pub(super) full: bool,
}

struct Node {
    what: What,
    /// How many names lead here that processes see.
    live: u32,
    /// How many names lead here that are durable.
    durable: u32,
    /// How often the file is open.
    open: u32,
}

impl Node {
    fn memory_bytes(&self) -> i64 {
        match &self.what {
            What::File(content) => content.memory_bytes(),
            What::Directory { .. } => 0,
        }
    }
}

enum What {
    File(Content),
    Directory { live: Names, durable: Names, modified: SystemTime },
}

type Names = BTreeMap<OsString, u64>;

/// An error of the operating system, as a service would see it in production.
pub(super) fn refused(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

impl Volume {
    pub(super) fn new(capacity_bytes: u64) -> Self {
        let root = Node { what: directory(SystemTime::UNIX_EPOCH), live: 1, durable: 1, open: 0 };
        Self {
            nodes: BTreeMap::from([(ROOT, root)]),
            next: 1,
            used_bytes: 0,
            capacity_bytes,
            memory_bytes: 0,
            full: false,
        }
    }

    /// The number of what is at `path`.
    fn find(&self, path: &Path) -> io::Result<u64> {
        let mut found = vec![ROOT];
        for component in path.components() {
            let here = *found.last().expect("the root is never left");
            match component {
                Component::Normal(name) => {
                    let next = self.names(here)?.get(name).ok_or_else(|| refused(libc::ENOENT))?;
                    found.push(*next);
                }
                Component::ParentDir if found.len() > 1 => drop(found.pop()),
                _ => {}
            }
        }
        Ok(found.pop().expect("the root is never left"))
    }

    /// The directory that `path` is to be in, and its name there.
    fn place<'a>(&self, path: &'a Path) -> io::Result<(u64, &'a OsStr)> {
        let name = path.file_name().ok_or_else(|| refused(libc::EINVAL))?;
        let parent = self.find(path.parent().unwrap_or(Path::new("")))?;
        self.names(parent)?;
        Ok((parent, name))
    }

    /// The live names in a directory.
    fn names(&self, number: u64) -> io::Result<&Names> {
        match &self.nodes[&number].what {
            What::Directory { live, .. } => Ok(live),
            What::File(_) => Err(refused(libc::ENOTDIR)),
        }
    }

    fn node(&mut self, number: u64) -> &mut Node {
        self.nodes.get_mut(&number).expect("what has a name or is open is there")
    }

    pub(super) fn memory_bytes(&self) -> i64 {
        self.memory_bytes
    }

    /// Changes the content of an open file.
    fn change<R>(&mut self, file: u64, change: impl FnOnce(&mut Content) -> R) -> R {
        let content = self.content(file);
        let before = content.memory_bytes();
        let result = change(content);
        let grown = content.memory_bytes() - before;
        self.memory_bytes += grown;
        result
    }

    /// The content of an open file.
    fn content(&mut self, file: u64) -> &mut Content {
        match &mut self.node(file).what {
            What::File(content) => content,
            What::Directory { .. } => unreachable!("a directory is never opened"),
        }
    }

    fn is_dir(&self, number: u64) -> bool {
        matches!(self.nodes[&number].what, What::Directory { .. })
    }

    /// Opens the file at `path` and returns its number.
    pub(super) fn open(
        &mut self,
        path: &Path,
        create: bool,
        create_new: bool,
        now: SystemTime,
    ) -> io::Result<u64> {
        let file = match self.find(path) {
            Ok(_) if create_new => return Err(refused(libc::EEXIST)),
            Ok(found) if self.is_dir(found) => return Err(refused(libc::EISDIR)),
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound && (create || create_new) => {
                let (parent, name) = self.place(path)?;
                self.add(parent, name, What::File(Content::new(now)), now)
            }
            Err(error) => return Err(error),
        };
        self.node(file).open += 1;
        Ok(file)
    }

    pub(super) fn close(&mut self, file: u64) {
        self.node(file).open -= 1;
        self.free(file);
    }

    pub(super) fn read(&mut self, file: u64, at: u64, bytes_max: usize) -> Vec<u8> {
        self.content(file).read(at, bytes_max).to_vec()
    }

    /// Writes as much of `data` as there is space for, and returns how much that is.
    pub(super) fn write(&mut self, file: u64, at: u64, data: &[u8], now: SystemTime) -> usize {
        let space = self.space();
        let len = self.content(file).len();
        let end_max = len.saturating_add(space);
        let room = usize::try_from(end_max.saturating_sub(at)).unwrap_or(usize::MAX);
        let taken = data.len().min(room);
        if let (Ok(at), true) = (usize::try_from(at), taken > 0) {
            self.change(file, |content| content.write(at, &data[..taken], now));
        }
        self.used_bytes += self.content(file).len() - len;
        taken
    }

    pub(super) fn set_len(&mut self, file: u64, len: u64, now: SystemTime) -> io::Result<()> {
        let space = self.space();
        let before = self.content(file).len();
        if len.saturating_sub(before) > space {
            return Err(refused(libc::ENOSPC));
        }
        let new = usize::try_from(len).map_err(|_| refused(libc::EFBIG))?;
        self.change(file, |content| content.set_len(new, now));
        self.used_bytes = self.used_bytes - before + len;
        Ok(())
    }

    /// How many bytes files can grow by.
    fn space(&self) -> u64 {
        if self.full { 0 } else { self.capacity_bytes.saturating_sub(self.used_bytes) }
    }

    pub(super) fn sync(&mut self, file: u64) {
        self.change(file, Content::sync);
    }

    pub(super) fn fail_sync(&mut self, file: u64) {
        self.content(file).fail_sync();
    }

    pub(super) fn len(&mut self, file: u64) -> u64 {
        self.content(file).len()
    }

    pub(super) fn status(&self, number: u64) -> FileStatus {
        match &self.nodes[&number].what {
            What::File(content) => {
                FileStatus { len: content.len(), is_dir: false, modified: content.modified }
            }
            What::Directory { modified, .. } => {
                FileStatus { len: 0, is_dir: true, modified: *modified }
            }
        }
    }

    pub(super) fn status_at(&self, path: &Path) -> io::Result<FileStatus> {
        Ok(self.status(self.find(path)?))
    }

    pub(super) fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        Ok(self.names(self.find(path)?)?.keys().cloned().collect())
    }

    pub(super) fn create_dir(&mut self, path: &Path, all: bool, now: SystemTime) -> io::Result<()> {
        match self.find(path) {
            Ok(found) if all && self.is_dir(found) => return Ok(()),
            Ok(_) => return Err(refused(libc::EEXIST)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if all && let Some(parent) = path.parent() {
            self.create_dir(parent, true, now)?;
        }
        let (parent, name) = self.place(path)?;
        self.add(parent, name, directory(now), now);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, now: SystemTime) -> io::Result<()> {
        let (from_parent, from_name) = self.place(from)?;
        let moved = self.find(from)?;
        let (to_parent, to_name) = self.place(to)?;
        let replaced = self.names(to_parent)?.get(to_name).copied();
        if let Some(replaced) = replaced.filter(|replaced| *replaced != moved) {
            match (self.is_dir(moved), self.is_dir(replaced)) {
                (true, false) => return Err(refused(libc::ENOTDIR)),
                (false, true) => return Err(refused(libc::EISDIR)),
                (true, true) if !self.names(replaced)?.is_empty() => {
                    return Err(refused(libc::ENOTEMPTY));
                }
                _ => {}
            }
        }
        if self.is_dir(moved) && to.starts_with(from) && from != to {
            return Err(refused(libc::EINVAL));
        }
        self.node(moved).live += 1;
        self.remove(from_parent, from_name, now);
        if replaced.is_some_and(|replaced| replaced != moved) {
            self.remove(to_parent, to_name, now);
        }
        self.live_names(to_parent, now).insert(to_name.to_owned(), moved);
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &Path, now: SystemTime) -> io::Result<()> {
        if self.is_dir(self.find(path)?) {
            return Err(refused(libc::EISDIR));
        }
        let (parent, name) = self.place(path)?;
        self.remove(parent, name, now);
        Ok(())
    }

    pub(super) fn remove_dir_all(&mut self, path: &Path, now: SystemTime) -> io::Result<()> {
        let names = self.read_dir(path)?;
        for name in names {
            let inner = path.join(name);
            if self.is_dir(self.find(&inner)?) {
                self.remove_dir_all(&inner, now)?;
            } else {
                self.remove_file(&inner, now)?;
            }
        }
        let (parent, name) = self.place(path)?;
        self.remove(parent, name, now);
        Ok(())
    }

    /// Makes the names in the directory at `path` durable, and its own with those that lead to it.
    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        let directory = self.find(path)?;
        self.names(directory)?;
        let mut here = ROOT;
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            let Some(&next) = self.names(here)?.get(name) else { break };
            self.drop_durable(here, |other, number| number != next || other == name);
            if let What::Directory { durable, .. } = &mut self.node(here).what
                && durable.insert(name.to_owned(), next).is_none()
            {
                self.node(next).durable += 1;
            }
            here = next;
        }
        self.sync_names(directory);
        Ok(())
    }

    /// Makes the durable names in a directory what the live ones are.
    fn sync_names(&mut self, directory: u64) {
        let names = self.names(directory).cloned().unwrap_or_default();
        self.drop_durable(directory, |name, number| names.get(name) == Some(&number));
        for (name, number) in names {
            let What::Directory { durable, .. } = &mut self.node(directory).what else { return };
            if durable.insert(name, number).is_none() {
                self.node(number).durable += 1;
            }
        }
    }

    /// Drops the durable names in a directory that are not to be kept.
    fn drop_durable(&mut self, directory: u64, keep: impl Fn(&OsStr, u64) -> bool) {
        let mut dropped = Vec::new();
        if let What::Directory { durable, .. } = &mut self.node(directory).what {
            durable.retain(|name, number| {
                let kept = keep(name, *number);
                dropped.extend((!kept).then_some(*number));
                kept
            });
        }
        for number in dropped {
            self.node(number).durable -= 1;
            self.forget_unreachable(number);
        }
    }

    /// The power has failed: only what is durable is left. Returns how many writes were torn, if
    /// they are to be.
    pub(super) fn lose_power(&mut self, mut tear: Option<&mut ChaCha8Rng>) -> u64 {
        let mut torn = 0;
        let mut kept = BTreeMap::new();
        let mut left = vec![ROOT];
        while let Some(number) = left.pop() {
            // A name that was moved from one directory to another may have survived in both.
            let Some(mut node) = self.nodes.remove(&number) else {
                if let Some(Node { live, durable, .. }) = kept.get_mut(&number) {
                    *live += 1;
                    *durable += 1;
                }
                continue;
            };
            match &mut node.what {
                What::File(content) => torn += u64::from(content.lose_power(tear.as_deref_mut())),
                What::Directory { live, durable, .. } => {
                    live.clone_from(durable);
                    left.extend(durable.values().rev());
                }
            }
            kept.insert(number, Node { live: 1, durable: 1, open: 0, ..node });
        }
        self.nodes = kept;
        self.used_bytes = self.nodes.keys().map(|number| self.status(*number).len).sum();
        self.memory_bytes = self.nodes.values().map(Node::memory_bytes).sum();
        torn
    }

    /// Adds something new to a directory.
    fn add(&mut self, parent: u64, name: &OsStr, what: What, now: SystemTime) -> u64 {
        let number = self.next;
        self.next += 1;
        self.nodes.insert(number, Node { what, live: 1, durable: 0, open: 0 });
        self.live_names(parent, now).insert(name.to_owned(), number);
        number
    }

    /// Takes a name out of a directory.
    fn remove(&mut self, parent: u64, name: &OsStr, now: SystemTime) {
        if let Some(number) = self.live_names(parent, now).remove(name) {
            self.node(number).live -= 1;
            self.free(number);
        }
    }

    /// The live names of a directory that changes now.
    fn live_names(&mut self, number: u64, now: SystemTime) -> &mut Names {
        match &mut self.node(number).what {
            What::Directory { live, modified, .. } => {
                *modified = now;
                live
            }
            What::File(_) => unreachable!("only directories have names in them"),
        }
    }

    /// A process has lost a way to get at something. If it was the last one, its space is free.
    fn free(&mut self, number: u64) {
        let Node { what, live: 0, open: 0, .. } = self.node(number) else { return };
        if let What::File(content) = what {
            self.used_bytes -= content.len();
        }
        self.forget_unreachable(number);
    }

    /// Forgets what no process can get at, once no power loss can bring it back.
    fn forget_unreachable(&mut self, number: u64) {
        let Node { what, live: 0, durable: 0, open: 0 } = self.node(number) else { return };
        let inner: Vec<u64> = match what {
            What::File(_) => Vec::new(),
            What::Directory { durable, .. } => durable.values().copied().collect(),
        };
        if let Some(forgotten) = self.nodes.remove(&number) {
            self.memory_bytes -= forgotten.memory_bytes();
        }
        for inner in inner {
            self.node(inner).durable -= 1;
            self.forget_unreachable(inner);
        }
    }
}

fn directory(now: SystemTime) -> What {
    What::Directory { live: Names::new(), durable: Names::new(), modified: now }
}

#[cfg(test)]
mod tests;
