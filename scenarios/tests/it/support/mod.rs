//! What the tests share.

pub(crate) mod collector;
#[cfg(feature = "browser")]
pub(crate) mod driver;
pub(crate) mod on_processes;
#[cfg(feature = "browser")]
pub(crate) mod viewer;
#[cfg(feature = "browser")]
pub(crate) mod window;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    time::{Duration, Instant},
};

/// A folder of its own for each test, gone when the test is over.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("the target folder can be written to");
        Self(folder)
    }

    /// A folder with the records of `fixtures/records`.
    pub(crate) fn with_records(name: &str) -> Self {
        let folder = Self::new(name);
        for entry in fs::read_dir(records()).expect("the fixtures are there") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a file");
            fs::copy(&path, folder.0.join(name)).expect("a record can be copied");
        }
        folder
    }

    pub(crate) fn path(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    pub(crate) fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .expect("the folder is there")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// The records in it.
    pub(crate) fn kept(&self) -> Vec<String> {
        self.files().into_iter().filter(|name| name.ends_with(".jsonl")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The folder of small records.
pub(crate) fn records() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/records")
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squall"));
    // In CI no failed seed is kept, which a test must not do either.
    command.args(arguments).env("CI", "true").stdin(Stdio::null());
    command
}

pub(crate) fn squall(arguments: &[&str]) -> Output {
    command(arguments).output().expect("squall can be started")
}

/// How long a process that was asked to end may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits for the end of a process, and ends it if it takes too long.
pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("expected the process to end within {PATIENCE:?}");
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("squall prints UTF-8")
}

/// Bad input: exit 3, one sentence on standard error, nothing on standard output.
#[track_caller]
pub(crate) fn check_refused(arguments: &[&str], sentence: &str) {
    let output = squall(arguments);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(3), "{arguments:?}: {out}{err}");
    assert_eq!(out, "", "{arguments:?}");
    assert_eq!(err.lines().count(), 1, "{arguments:?}: {err}");
    assert!(err.starts_with("squall: ") && err.contains(sentence), "{arguments:?}: {err}");
}
