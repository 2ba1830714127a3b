//! Disks that can be full: a file system in memory for each host whose disk a plan fills.
//!
//! They are mounted in a namespace that only the thread of the run is in, and the processes that it starts.
//! With the last of these the kernel unmounts them, however the run ends. `tmpfs(5)`: what is not there
//! takes no memory, and the size can be set to what is there.

use std::{
    ffi::CString,
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
    thread,
};

use crate::backend::real::{Filled, REFUSED};

use rustix::{
    fs::statvfs,
    io::Errno,
    mount::{
        MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, mount_remount,
        unmount,
    },
    thread::UnshareFlags,
};

/// What a disk has room for while it is not full, in bytes.
const ROOM: u64 = 1 << 30;

/// So often a disk is made full, since somebody who writes can be in between.
const ATTEMPTS: usize = 100;

/// Can a host have such a disk here? It is tried once.
pub(super) fn is_available() -> bool {
    static IS_AVAILABLE: OnceLock<bool> = OnceLock::new();
    *IS_AVAILABLE.get_or_init(|| {
        // The namespace is that of a thread that has nothing else to do.
        let tried = thread::spawn(|| {
            enter_namespace()?;
            let at = std::env::temp_dir();
            Disk::mount(&at).map(drop)
        });
        tried.join().is_ok_and(|tried| tried.is_ok())
    })
}

/// From now on nobody else sees what this thread mounts, but for the processes that it starts.
///
/// # Errors
///
/// When the system refuses.
pub(super) fn enter_namespace() -> io::Result<()> {
    #[expect(deprecated, reason = "what is wrong with it is wrong for FILES alone")]
    rustix::thread::unshare(UnshareFlags::NEWNS)?;
    // What is mounted here is passed on to where this namespace comes from, unless it is said otherwise.
    let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    Ok(mount_change("/", flags)?)
}

/// The disk of one host.
#[derive(Debug)]
pub(super) struct Disk {
    at: PathBuf,
    filled: Filled,
}

impl Disk {
    /// Mounts an empty disk on a folder.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(super) fn mount(at: &Path) -> io::Result<Self> {
        let size = CString::new(format!("size={ROOM}"))?;
        let flags = MountFlags::NODEV | MountFlags::NOSUID;
        mount("squall", at, "tmpfs", flags, size.as_c_str())?;
        let disk = Self { at: at.to_owned(), filled: Filled::default() };
        // It is written in its place from now on, for which it takes no more room.
        fs::write(at.join(REFUSED), 0_u64.to_le_bytes())?;
        Ok(disk)
    }

    /// A fault leaves no room for anything that is not there.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(super) fn fill(&mut self, fault: u16) -> io::Result<()> {
        let refused = self.refused()?;
        for _ in 0..ATTEMPTS {
            let there = statvfs(&self.at)?;
            match self.resize(there.f_blocks.saturating_sub(there.f_bfree) * there.f_frsize) {
                // Somebody has written meanwhile: it cannot be smaller than what is there.
                Err(Errno::INVAL) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    self.filled.begin(fault, refused);
                    return Ok(());
                }
            }
        }
        Err(io::Error::other("there is always more on it than it was made small for"))
    }

    /// A fault is over: there is room again if no other one is left. How many writes were refused for it?
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(super) fn make_room(&mut self, fault: u16) -> io::Result<u64> {
        if !self.filled.has(fault) {
            return Ok(0);
        }
        if self.filled.is_only(fault) {
            self.resize(ROOM)?;
        }
        Ok(self.filled.end(fault, self.refused()?))
    }

    /// How many writes the processes of the host were refused so far.
    fn refused(&self) -> io::Result<u64> {
        let bytes = fs::read(self.at.join(REFUSED))?;
        let bytes = bytes.try_into().map_err(|_| io::Error::other("not a count of eight bytes"))?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn resize(&self, bytes: u64) -> Result<(), Errno> {
        let flags = MountFlags::NODEV | MountFlags::NOSUID;
        mount_remount(&self.at, flags, format!("size={bytes}"))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever is still on it keeps it until the end.
        let _ = unmount(&self.at, UnmountFlags::DETACH);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        io::{self, Write},
        os::unix::fs::MetadataExt,
        thread,
    };

    use super::{Disk, REFUSED, enter_namespace, is_available};

    /// What a process would count, counted by hand.
    fn refuse(at: &std::path::Path, count: u64) {
        fs::write(at.join(REFUSED), count.to_le_bytes()).expect("it is written in its place");
    }

    #[test]
    fn a_full_disk_takes_nothing_new_until_there_is_room_and_nobody_else_sees_it() {
        if !is_available() {
            eprintln!("ignored, nothing can be mounted here");
            return;
        }
        let at = std::env::temp_dir().join(format!("squall-disk-{}", std::process::id()));
        fs::create_dir_all(&at).expect("a folder");
        let there = at.clone();
        let tried = thread::spawn(move || {
            enter_namespace().expect("there are namespaces");
            let mut disk = Disk::mount(&there).expect("there are file systems in memory");
            let file = there.join("journal");
            fs::write(&file, [1; 8_000]).expect("there is room");
            disk.fill(0).expect("it can be made small");
            disk.fill(1).expect("it can be made small");
            let full = fs::write(there.join("other"), [1; 5000]).expect_err("there is no room");
            assert_eq!(full.kind(), io::ErrorKind::StorageFull);
            // What is there can be written, and the last block of a file has room: as in the simulation,
            // where a test of faults of disks says the same.
            fs::write(&file, [2; 8_000]).expect("it takes no more room");
            let mut journal = File::options().append(true).open(&file).expect("it is there");
            let has = |file: &std::path::Path| fs::metadata(file).expect("it is there");
            let room = has(&file).blocks() * 512;
            while journal.write_all(&[3; 50]).is_ok() {}
            assert_eq!(has(&file).len(), room, "the last write is done in part");
            refuse(&there, 3);
            assert_eq!(disk.make_room(0).expect("it is there"), 3);
            fs::write(there.join("other"), [1; 5000]).expect_err("there is another fault");
            refuse(&there, 5);
            assert_eq!(disk.make_room(1).expect("it is there"), 2);
            assert_eq!(disk.make_room(1).expect("it is there"), 0, "it was over");
            fs::write(there.join("other"), [1; 5000]).expect("there is room again");
            drop(disk);
            assert_eq!(fs::read_dir(&there).expect("a folder").count(), 0);
        });
        let went = tried.join();
        assert_eq!(fs::read_dir(&at).expect("a folder").count(), 0, "it was seen elsewhere");
        fs::remove_dir(&at).expect("it is empty");
        went.expect("nothing failed there");
    }
}
