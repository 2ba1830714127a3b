//! Files of a target, in memory where the machine has that: an input writes one and reads it again
//! thousands of times a second.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// A folder that nobody else uses. It is left behind, since a fuzzer ends without a word, and is
/// the next one's.
#[derive(Debug)]
pub(crate) struct Scratch {
    folder: PathBuf,
    _lock: File,
}

impl Scratch {
    /// One that is empty.
    pub(crate) fn new(name: &str) -> Self {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let named = |number| parent.join(format!("squall-fuzz-{name}-{number}"));
        let free = (0..1000).find_map(|number| Self::take(named(number)));
        free.expect("one of a thousand folders for temporary files is free")
    }

    fn take(folder: PathBuf) -> Option<Self> {
        fs::create_dir_all(&folder).ok()?;
        let lock = File::create(folder.join("lock")).ok()?;
        lock.try_lock().ok()?;
        for entry in fs::read_dir(&folder).ok()? {
            let path = entry.ok()?.path();
            if !path.ends_with("lock") {
                fs::remove_file(path).ok()?;
            }
        }
        Some(Self { folder, _lock: lock })
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_users_and_then_the_next_ones() {
        let name = format!("scratch-{}", std::process::id());
        let first = Scratch::new(&name);
        fs::write(first.file("a"), "left behind").expect("written");
        let second = Scratch::new(&name);
        assert_ne!(first.folder, second.folder);
        let folder = first.folder.clone();
        drop(first);
        let third = Scratch::new(&name);
        assert_eq!(third.folder, folder);
        assert!(!third.file("a").exists(), "empty");
        for scratch in [second, third] {
            fs::remove_dir_all(scratch.folder).expect("removed");
        }
    }
}
