//! A folder of its own for each test, and commands that are given there.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use super::{
    catalogue::{FIXTURES, NAME, ON_PROCESSES},
    program::PROGRAM,
};

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that is gone when the test is over.
pub(crate) struct Place(PathBuf);

/// What a command left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("the target folder can be written to");
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The same as an argument.
    pub(crate) fn at(&self, name: &str) -> String {
        self.path(name).to_string_lossy().into_owned()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A folder that stands where a file is to be written.
    pub(crate) fn block(&self, name: &str) {
        fs::create_dir_all(self.path(name).join("in the way")).expect("a folder");
    }

    /// All files below it, without the folders.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&self.0).expect("it is below");
                    files.push(name.to_string_lossy().into_owned());
                }
            }
        }
        files.sort();
        files
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let program = std::env::current_exe().expect("this program");
        let mut command = Command::new(program);
        command.args(arguments).env(FIXTURES, self.path("fixtures")).stdin(Stdio::null());
        for variable in ["CI", "COLUMNS", "NO_COLOR", NAME, ON_PROCESSES, PROGRAM] {
            command.env_remove(variable);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.command(arguments))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a command leaves behind that ends by itself, within a time.
pub(crate) fn ran(mut command: Command) -> Ran {
    let mut child =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be started");
    // Its output is read on the side, or it would wait for that.
    let out = read_on_the_side(child.stdout.take().expect("a pipe"));
    let err = read_on_the_side(child.stderr.take().expect("a pipe"));
    let code = ended(&mut child).code();
    let text = |reader: std::thread::JoinHandle<String>| reader.join().expect("text");
    Ran { code, out: text(out), err: text(err) }
}

fn read_on_the_side(from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || std::io::read_to_string(from).expect("text"))
}

/// Waits for the end of a process, and ends it if it takes too long.
pub(crate) fn ended(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = child.kill();
    let _ = child.wait();
    panic!("expected the process to end within {PATIENCE:?}");
}

/// A device on which there is never any room.
pub(crate) fn full() -> File {
    File::options().write(true).open("/dev/full").expect("Linux has one")
}
