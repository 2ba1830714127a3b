//! The files and directories of one disk, as processes see them and as they survive.
//!
//! Files and directories are known by number; a directory has names for some of them. Processes
//! see the live names. A power loss leaves the durable ones, and some of the changes since: the
//! disk writes what is done to a directory in order and when it likes, but when the directory is
//! synced all of it. The content of a file has no such luck: it is there as far as it was synced.

mod durability;

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    io,
    path::{Component, Path},
    time::SystemTime,
};

use super::{
    content::Content,
    directory::{Change, Directory, Names, PENDING_MAX},
};
use crate::interpose::FileStatus;

/// File systems hand out space in blocks of this many bytes: on one that is full a file can grow to the end
/// of its last block. It is the size of a page, which `tmpfs` takes, and what ext4 and XFS choose for all
/// but small disks (`mke2fs(8)`, `mkfs.xfs(8)`).
const BLOCK_BYTES: u64 = 4096;

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
    /// There is no block left, whatever the capacity.
    pub(super) full: bool,
    /// Something could not grow for that reason alone, since this was last asked.
    starved: bool,
}

struct Node {
    what: NodeKind,
    /// How many names lead here that processes see.
    live: u32,
    /// How many names lead here that are durable, or may become it by a power loss.
    durable: u32,
    /// How often the file is open.
    open: u32,
}

impl Node {
    fn is_dir(&self) -> bool {
        matches!(self.what, NodeKind::Directory(_))
    }

    fn memory_bytes(&self) -> i64 {
        match &self.what {
            NodeKind::File(content) => content.memory_bytes(),
            NodeKind::Directory(_) => 0,
        }
    }
}

enum NodeKind {
    File(Content),
    Directory(Directory),
}

/// An error of the operating system, as a service would see it in production.
pub(super) fn refused(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

impl Volume {
    pub(super) fn new(capacity_bytes: u64) -> Self {
        let what = NodeKind::Directory(Directory::new(SystemTime::UNIX_EPOCH));
        let root = Node { what, live: 1, durable: 1, open: 0 };
        Self {
            nodes: BTreeMap::from([(ROOT, root)]),
            next: 1,
            used_bytes: 0,
            capacity_bytes,
            memory_bytes: 0,
            full: false,
            starved: false,
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
            NodeKind::Directory(directory) => Ok(&directory.live),
            NodeKind::File(_) => Err(refused(libc::ENOTDIR)),
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
            NodeKind::File(content) => content,
            NodeKind::Directory(_) => unreachable!("a directory is never opened"),
        }
    }

    fn is_dir(&self, number: u64) -> bool {
        self.nodes[&number].is_dir()
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
                self.add(parent, name, NodeKind::File(Content::new(now)), now)
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
        let len = self.content(file).len();
        let end_max = len.saturating_add(self.space(len));
        let room = usize::try_from(end_max.saturating_sub(at)).unwrap_or(usize::MAX);
        let taken = data.len().min(room);
        // What is cut off at the end of a block is short, and not refused.
        let is_refused = taken == 0 && !data.is_empty();
        self.starved |= is_refused && self.full && self.free_bytes() > 0;
        if let (Ok(at), true) = (usize::try_from(at), taken > 0) {
            self.change(file, |content| content.write(at, &data[..taken], now));
        }
        self.used_bytes += self.content(file).len() - len;
        taken
    }

    pub(super) fn set_len(&mut self, file: u64, len: u64, now: SystemTime) -> io::Result<()> {
        let before = self.content(file).len();
        let grows_by = len.saturating_sub(before);
        if grows_by > self.space(before) {
            self.starved |= self.full && grows_by <= self.free_bytes();
            return Err(refused(libc::ENOSPC));
        }
        let new = usize::try_from(len).map_err(|_| refused(libc::EFBIG))?;
        self.change(file, |content| content.set_len(new, now));
        self.used_bytes = self.used_bytes - before + len;
        Ok(())
    }

    /// How many bytes a file of this length can grow by.
    fn space(&self, len: u64) -> u64 {
        match self.full {
            true => self.free_bytes().min(len.next_multiple_of(BLOCK_BYTES) - len),
            false => self.free_bytes(),
        }
    }

    /// How many bytes are free.
    fn free_bytes(&self) -> u64 {
        self.capacity_bytes.saturating_sub(self.used_bytes)
    }

    /// Was there something, since this was last asked, that could not grow only because nothing
    /// can?
    pub(super) fn take_starved(&mut self) -> bool {
        std::mem::take(&mut self.starved)
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
            NodeKind::File(content) => {
                let (len, modified) = (content.len(), content.modified);
                FileStatus { number, len, is_dir: false, modified }
            }
            NodeKind::Directory(directory) => {
                FileStatus { number, len: 0, is_dir: true, modified: directory.modified }
            }
        }
    }

    pub(super) fn status_at(&self, path: &Path) -> io::Result<FileStatus> {
        Ok(self.status(self.find(path)?))
    }

    pub(super) fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        Ok(self.names(self.find(path)?)?.keys().cloned().collect())
    }

    pub(super) fn create_dir(&mut self, path: &Path, now: SystemTime) -> io::Result<()> {
        match self.find(path) {
            Ok(_) => return Err(refused(libc::EEXIST)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let (parent, name) = self.place(path)?;
        self.add(parent, name, NodeKind::Directory(Directory::new(now)), now);
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
        if (from_parent, from_name) == (to_parent, to_name) {
            return Ok(());
        }
        let from = (from_name.to_owned(), None);
        let to = (to_name.to_owned(), Some(moved));
        if from_parent == to_parent {
            self.change_names(to_parent, vec![from, to], now);
        } else {
            self.change_names(to_parent, vec![to], now);
            self.change_names(from_parent, vec![from], now);
        }
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &Path, now: SystemTime) -> io::Result<()> {
        if self.is_dir(self.find(path)?) {
            return Err(refused(libc::EISDIR));
        }
        let (parent, name) = self.place(path)?;
        self.change_names(parent, vec![(name.to_owned(), None)], now);
        Ok(())
    }

    pub(super) fn remove_dir(&mut self, path: &Path, now: SystemTime) -> io::Result<()> {
        if !self.read_dir(path)?.is_empty() {
            return Err(refused(libc::ENOTEMPTY));
        }
        let (parent, name) = self.place(path)?;
        self.change_names(parent, vec![(name.to_owned(), None)], now);
        Ok(())
    }

    /// Adds something new to a directory.
    fn add(&mut self, parent: u64, name: &OsStr, what: NodeKind, now: SystemTime) -> u64 {
        let number = self.next;
        self.next += 1;
        self.nodes.insert(number, Node { what, live: 0, durable: 0, open: 0 });
        self.change_names(parent, vec![(name.to_owned(), Some(number))], now);
        number
    }

    /// Changes names in a directory, all of them or none: they lead to other things, or to nothing.
    fn change_names(&mut self, parent: u64, change: Change, now: SystemTime) {
        for number in change.iter().filter_map(|(_, to)| *to) {
            let node = self.node(number);
            (node.live, node.durable) = (node.live + 1, node.durable + 1);
        }
        let directory = self.directory(parent);
        directory.modified = now;
        let mut lost = Vec::new();
        for (name, to) in &change {
            lost.extend(match to {
                Some(number) => directory.live.insert(name.clone(), *number),
                None => directory.live.remove(name),
            });
        }
        directory.pending.push_back(change);
        let overdue = directory.pending.len() > PENDING_MAX;
        let overdue = overdue.then(|| directory.pending.pop_front()).flatten();
        for number in lost {
            self.node(number).live -= 1;
            self.free(number);
        }
        if let Some(change) = overdue {
            self.apply(parent, change);
        }
    }

    fn directory(&mut self, number: u64) -> &mut Directory {
        match &mut self.node(number).what {
            NodeKind::Directory(directory) => directory,
            NodeKind::File(_) => unreachable!("only directories have names in them"),
        }
    }

    /// A process has lost a way to get at something. If it was the last one, its space is free.
    fn free(&mut self, number: u64) {
        let Node { what, live: 0, open: 0, .. } = self.node(number) else { return };
        if let NodeKind::File(content) = what {
            self.used_bytes -= content.len();
        }
        self.forget_unreachable(number);
    }
}

#[cfg(test)]
mod tests;
