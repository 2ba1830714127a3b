//! Seeds that once failed, kept so that they run first from then on.
//!
//! One file for each scenario, one seed a line, the newest last; what follows a `#` says what
//! failed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use squall_reports::{plain, regular};

use crate::whole_file;

/// A file grows to so many seeds at the most; a scenario with more has one bug, not hundreds.
const SEEDS_MAX: usize = 32;

pub(crate) struct Regressions {
    folder: PathBuf,
}

/// Why seeds cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegressionError {
    #[error("cannot read the failed seeds in {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot keep the failed seed in {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{}:{line}: expected a seed, found {found:?}", path.display())]
    NotASeed { path: PathBuf, line: usize, found: String },
}

impl Regressions {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The seeds that once failed for this scenario, each once.
    pub(crate) fn of(&self, scenario: &str) -> Result<Vec<u64>, RegressionError> {
        let path = self.file_of(scenario);
        let text = read(&path)?;
        let mut seeds = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let found = line.split('#').next().unwrap_or_default().trim();
            if found.is_empty() {
                continue;
            }
            let seed: u64 = found.parse().map_err(|_| RegressionError::NotASeed {
                path: path.clone(),
                line: number,
                found: found.to_owned(),
            })?;
            if !seeds.contains(&seed) {
                seeds.push(seed);
            }
        }
        Ok(seeds)
    }

    /// Keeps a seed, unless it is there already. True if it was added.
    pub(crate) fn keep(
        &self,
        scenario: &str,
        seed: u64,
        reason: &str,
    ) -> Result<bool, RegressionError> {
        let known = self.of(scenario)?;
        if known.contains(&seed) || known.len() >= SEEDS_MAX {
            return Ok(false);
        }
        let path = self.file_of(scenario);
        let mut text = read(&path)?;
        // Whoever wrote the last line may not have ended it.
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!("{seed} # {}\n", plain::line(reason)));
        fs::create_dir_all(&self.folder)
            .and_then(|()| whole_file::write(&path, text))
            .map_err(|source| RegressionError::Write { path, source })?;
        Ok(true)
    }

    /// The file with the seeds of this scenario.
    pub(crate) fn file_of(&self, scenario: &str) -> PathBuf {
        self.folder.join(format!("{scenario}.seeds"))
    }
}

/// The text of a file that need not be there.
fn read(path: &Path) -> Result<String, RegressionError> {
    match regular::read_text(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(RegressionError::Read { path: path.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests {
    use super::Regressions;

    fn folder(name: &str) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("squall-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        folder
    }

    #[test]
    fn a_seed_is_kept_once_and_read_back() {
        let folder = folder("regressions");
        let regressions = Regressions::new(folder.clone());
        assert_eq!(regressions.of("slow").unwrap(), Vec::<u64>::new());
        assert!(regressions.keep("slow", 7, "p99\nlatency").unwrap());
        assert!(!regressions.keep("slow", 7, "again").unwrap());
        assert!(regressions.keep("slow", 9, "availability").unwrap());
        assert_eq!(regressions.of("slow").unwrap(), [7, 9]);
        let text = std::fs::read_to_string(folder.join("slow.seeds")).unwrap();
        assert_eq!(text, "7 # p99 latency\n9 # availability\n");
        std::fs::remove_dir_all(folder).unwrap();
    }

    /// What an editor or a merge makes of the file.
    #[test]
    fn a_seed_is_added_to_a_file_however_its_lines_end() {
        let folder = folder("edited-seeds");
        std::fs::create_dir_all(&folder).unwrap();
        let regressions = Regressions::new(folder.clone());
        let path = folder.join("slow.seeds");
        for (kept, known) in [
            ("12", vec![12]),
            ("12 # why", vec![12]),
            ("12\r\n13 # why\r\n", vec![12, 13]),
            ("\u{feff}12\r\n13", vec![12, 13]),
            ("# nothing yet", vec![]),
            ("12\n12\n13\n12\n", vec![12, 13]),
        ] {
            std::fs::write(&path, kept).unwrap();
            assert_eq!(regressions.of("slow").unwrap(), known, "{kept:?}");
            assert!(regressions.keep("slow", 34, "p99").unwrap(), "{kept:?}");
            let with = [known, vec![34]].concat();
            assert_eq!(regressions.of("slow").unwrap(), with, "{kept:?}");
        }
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_reason_is_a_comment_of_one_line() {
        let folder = folder("hostile-reason");
        let regressions = Regressions::new(folder.clone());
        regressions.keep("slow", 7, "\u{1b}[2J\u{7}\u{0}a\r\n8\u{2028}9\r10").unwrap();
        let text = std::fs::read_to_string(folder.join("slow.seeds")).unwrap();
        assert_eq!(text, "7 # \u{fffd}[2J\u{fffd}\u{fffd}a 8 9 10\n");
        assert_eq!(regressions.of("slow").unwrap(), [7]);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_not_a_seed_is_named_with_its_line() {
        let folder = folder("not-a-seed");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("slow.seeds"), "1 # fine\nseven\n").unwrap();
        let error = Regressions::new(folder.clone()).of("slow").unwrap_err().to_string();
        assert!(error.ends_with("slow.seeds:2: expected a seed, found \"seven\""), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
