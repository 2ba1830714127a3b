//! A quota of processor time for one process, by a control group of its own: version 2, or the
//! controller `cpu` of version 1.
//!
//! <https://docs.kernel.org/scheduler/sched-bwc.html>

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, access},
    process::Pid,
};

use crate::backend::real::{PERIOD_US, quota_us};

const ROOT: &str = "/sys/fs/cgroup";
const PREFIX: &str = "squall-";

/// Where control groups are made, and of which version.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Hierarchy {
    V1(PathBuf),
    V2(PathBuf),
}

impl Hierarchy {
    /// The one of this machine that has the controller of processors and can be written to.
    fn find() -> Option<Self> {
        let root = Path::new(ROOT);
        let has_cpu = |file: &str| {
            let listed = fs::read_to_string(root.join(file)).unwrap_or_default();
            listed.split_whitespace().any(|controller| controller == "cpu")
        };
        let found = if has_cpu("cgroup.subtree_control") {
            Self::V2(root.to_owned())
        } else if root.join("cpu/cpu.cfs_quota_us").exists() || root.join("cpu/tasks").exists() {
            Self::V1(root.join("cpu"))
        } else {
            return None;
        };
        let (Self::V1(folder) | Self::V2(folder)) = &found;
        // Asked of the kernel: the folder's mode denies it to all, which does not bind root.
        access(folder, Access::WRITE_OK).is_ok().then_some(found)
    }
}

/// Can processes be given quotas on this machine?
pub(super) fn is_available() -> bool {
    Hierarchy::find().is_some()
}

/// The quota of one process, until it is dropped.
#[derive(Debug)]
pub(super) struct Quota {
    hierarchy: Hierarchy,
    folder: PathBuf,
}

impl Quota {
    /// Gives a process the share `1 / factor` of what it has by itself: `cores` processors, or all of
    /// this machine if those are fewer.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(super) fn give(name: &str, pid: Pid, cores: u16, factor: f64) -> io::Result<Self> {
        let hierarchy = Hierarchy::find().ok_or_else(|| {
            io::Error::new(io::ErrorKind::Unsupported, "there is no writable control group")
        })?;
        remove_left_over(&hierarchy);
        let (Hierarchy::V1(root) | Hierarchy::V2(root)) = &hierarchy;
        let folder = root.join(format!("{PREFIX}{}-{name}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let quota = Self { hierarchy, folder };
        let micros = quota_us(cores, factor);
        match quota.hierarchy {
            Hierarchy::V1(_) => {
                fs::write(quota.folder.join("cpu.cfs_period_us"), PERIOD_US.to_string())?;
                fs::write(quota.folder.join("cpu.cfs_quota_us"), micros.to_string())?;
            }
            Hierarchy::V2(_) => {
                fs::write(quota.folder.join("cpu.max"), format!("{micros} {PERIOD_US}"))?;
            }
        }
        fs::write(quota.folder.join("cgroup.procs"), pid.as_raw_nonzero().to_string())?;
        Ok(quota)
    }

    /// In how many periods the process has used up its quota.
    pub(super) fn throttled(&self) -> u64 {
        let stat = fs::read_to_string(self.folder.join("cpu.stat")).unwrap_or_default();
        let line = stat.lines().find_map(|line| line.strip_prefix("nr_throttled "));
        line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        let (Hierarchy::V1(root) | Hierarchy::V2(root)) = &self.hierarchy;
        empty(&self.folder, root);
        // What cannot be removed is found by the next run.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// Puts the processes of a group back to where all are.
fn empty(folder: &Path, root: &Path) {
    let processes = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    for process in processes.lines() {
        // One that has ended is in none any more.
        let _ = fs::write(root.join("cgroup.procs"), process);
    }
}

/// Removes the groups of processes that are no more.
fn remove_left_over(hierarchy: &Hierarchy) {
    let (Hierarchy::V1(root) | Hierarchy::V2(root)) = hierarchy;
    let Ok(entries) = fs::read_dir(root) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        let is_gone = |process: &str| !Path::new("/proc").join(process).exists();
        if process.is_some_and(|process| process.parse::<u32>().is_ok() && is_gone(process)) {
            empty(&entry.path(), root);
            let _ = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        process::{Command, Stdio},
        thread,
        time::Duration,
    };

    use rustix::process::Pid;

    use super::{Quota, is_available};

    /// The kernel's own count is the oracle: whoever spins with a tenth of a processor is throttled in
    /// nearly every period, whoever sleeps in none.
    #[test]
    fn a_process_that_wants_more_than_its_quota_is_throttled() {
        if !is_available() {
            eprintln!("ignored, no control group can be made here");
            return;
        }
        for (script, is_busy) in [("while :; do :; done", true), ("sleep 10", false)] {
            let child = Command::new("/bin/sh").args(["-c", script]).stdin(Stdio::null()).spawn();
            let mut child = child.expect("a shell");
            let pid = Pid::from_raw(child.id().cast_signed()).expect("a process");
            let quota = Quota::give("test", pid, 1, 10.0).expect("a quota");
            let mut throttled = 0;
            for _ in 0..50 {
                thread::sleep(Duration::from_millis(100));
                throttled = quota.throttled();
                if throttled > 5 {
                    break;
                }
            }
            let folder = quota.folder.clone();
            drop(quota);
            child.kill().and_then(|()| child.wait()).expect("the shell ends");
            assert_eq!(throttled > 5, is_busy, "{script}: {throttled} periods");
            assert!(!folder.exists(), "the group is removed");
            if is_busy {
                continue;
            }
            break;
        }
    }
}
