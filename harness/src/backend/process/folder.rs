//! The folder that the processes of a run work in, each in a folder of its own in it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::backend::real::FILES;

const PREFIX: &str = "squall-run-";

/// A temporary folder, removed when it is dropped.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Makes one for this process and network, and removes those of processes that are no more.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(super) fn make(network: u8) -> io::Result<Self> {
        let all = std::env::temp_dir();
        remove_left_over(&all);
        let folder = all.join(format!("{PREFIX}{}-{network}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// What is one host's: a folder that a disk can be mounted on.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(super) fn of(&self, host: u16) -> io::Result<PathBuf> {
        let folder = self.0.join(format!("host-{host}"));
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Where the processes of one host work, which find it as the last one has left it.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(super) fn files_of(&self, host: u16) -> io::Result<PathBuf> {
        let files = self.of(host)?.join(FILES);
        fs::create_dir_all(&files)?;
        Ok(files)
    }

    /// Have the processes of a host written files?
    pub(super) fn has_files(&self, host: u16) -> bool {
        let files = self.0.join(format!("host-{host}")).join(FILES);
        fs::read_dir(files).is_ok_and(|mut it| it.next().is_some())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is found by the next run.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn remove_left_over(all: &Path) {
    let Ok(entries) = fs::read_dir(all) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(process_of) else { continue };
        if !Path::new("/proc").join(process).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The process that a folder is of.
fn process_of(name: &str) -> Option<&str> {
    let (process, network) = name.strip_prefix(PREFIX)?.split_once('-')?;
    (process.parse::<u32>().is_ok() && network.parse::<u8>().is_ok()).then_some(process)
}

#[cfg(test)]
mod tests {
    use super::{Folder, process_of};

    #[test]
    fn a_folder_goes_with_its_run() {
        let folder = Folder::make(7).expect("a folder");
        let host = folder.files_of(3).expect("a folder in it");
        std::fs::write(host.join("journal"), "text").expect("a file");
        drop(folder);
        assert!(!host.exists());
    }

    #[test]
    fn only_folders_of_runs_are_taken_for_such() {
        assert_eq!(process_of("squall-run-123-64"), Some("123"));
        for other in ["squall-run-", "squall-run-1", "squall-run-x-1", "squall-run-1-999", "other"]
        {
            assert_eq!(process_of(other), None, "{other}");
        }
    }
}
