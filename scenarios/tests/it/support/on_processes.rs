//! Commands whose runs are on real processes: what they start, and what they leave behind.

use std::{
    fs,
    path::Path,
    process::{Child, Command},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use squall_reports::Record;

use super::{Folder, command, ended};

/// How long a command may take to get somewhere.
const PATIENCE: Duration = Duration::from_secs(60);

/// So often a run is made at the most whose load the machine could not send in time.
pub(crate) const ATTEMPTS: usize = 3;

/// Where what a command prints is kept.
const OUT: &str = "out";
const ERR: &str = "err";

/// What the process of a host is called in its arguments.
const PROCESS: &str = "process-of-a-host";

/// Runs on processes take the time of the machine from each other.
pub(crate) fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where a test keeps records, and where its commands keep their temporary folders.
pub(crate) struct Place {
    backend: &'static str,
    records: Folder,
    temporary: Folder,
}

/// What became of a run.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    /// The object that it printed.
    pub(crate) report: serde_json::Value,
    pub(crate) record: Record,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        Self::on("processes", name)
    }

    /// A place for runs on another backend.
    pub(crate) fn on(backend: &'static str, name: &str) -> Self {
        let folder = |what: &str| Folder::new(&format!("{backend}-{name}-{what}"));
        Self { backend, records: folder("records"), temporary: folder("temporary") }
    }

    pub(crate) fn records(&self) -> &Folder {
        &self.records
    }

    /// The temporary folders of runs that are there.
    pub(crate) fn left_over(&self) -> Vec<String> {
        self.temporary.files()
    }

    /// A run of one scenario, not started yet.
    fn command(&self, scenario: &str, more: &[&str]) -> Command {
        let path = self.records.path();
        let run = ["run", scenario, "--seed", "1", "--backend", self.backend, "--format", "json"];
        let mut command = command(&[&run[..], &["--record", &path], more].concat());
        // A group of its own, so that a signal to all of it is none to the tests.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.env("TMPDIR", &self.temporary.0);
        command
    }

    /// Runs a scenario to its end; again, if the machine was too busy to send the load in time.
    #[track_caller]
    pub(crate) fn run(&self, scenario: &str, more: &[&str]) -> Ran {
        for _ in 0..ATTEMPTS {
            let ran = self.start(scenario, more).finish(self);
            if ran.report["end"].get("load_behind").is_none() {
                return ran;
            }
        }
        panic!("the load of {scenario} could not be sent in time {ATTEMPTS} times");
    }

    /// Starts a run and comes back while it goes on.
    pub(crate) fn start(&self, scenario: &str, more: &[&str]) -> Going {
        // One that was killed has left it behind.
        let _ = fs::remove_file(self.records.0.join("in-progress.json"));
        let mut command = self.command(scenario, more);
        // In files: nobody reads while it runs.
        for (name, is_error) in [(OUT, false), (ERR, true)] {
            let file = fs::File::create(self.records.0.join(name)).expect("a file");
            if is_error {
                command.stderr(file)
            } else {
                command.stdout(file)
            };
        }
        Going { child: command.spawn().expect("squall can be started") }
    }
}

/// A command whose run goes on.
pub(crate) struct Going {
    child: Child,
}

impl Going {
    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the plan is being performed, for a second at least: the processes of its hosts, and
    /// the network that they are in.
    #[track_caller]
    pub(crate) fn in_the_middle(&self, place: &Place) -> (Vec<u32>, u8) {
        self.reach_the_middle(place);
        let network = self.network(place).expect("a run that goes on has a folder");
        (processes_of(self.pid()), network)
    }

    /// Waits until the plan is being performed, for a second at least.
    #[track_caller]
    pub(crate) fn reach_the_middle(&self, place: &Place) {
        let file = place.records.0.join("in-progress.json");
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let said = fs::read_to_string(&file).unwrap_or_default();
            let said: serde_json::Value = serde_json::from_str(&said).unwrap_or_default();
            if said["running"][0]["reached_ms"].as_u64().is_some_and(|it| it > 1_000) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("expected a run to be going on within {PATIENCE:?}");
    }

    /// The second part of the addresses of its hosts, which its folder is called after.
    fn network(&self, place: &Place) -> Option<u8> {
        let prefix = format!("squall-run-{}-", self.pid());
        let folders = place.left_over();
        folders.iter().find_map(|name| name.strip_prefix(&prefix)?.parse().ok())
    }

    /// Sends a signal to it and to all of its group, as a terminal does.
    pub(crate) fn signal_group(&self, signal: &str) {
        kill(signal, &format!("-{}", self.pid()));
    }

    /// Sends a signal to the command alone.
    pub(crate) fn signal(&self, signal: &str) {
        kill(signal, &self.pid().to_string());
    }

    /// Waits for its end.
    pub(crate) fn code(&mut self) -> Option<i32> {
        ended(&mut self.child).code()
    }

    /// Waits for its end, and reads what it has made.
    #[track_caller]
    pub(crate) fn finish(mut self, place: &Place) -> Ran {
        let code = self.code();
        let read = |name| fs::read_to_string(place.records.0.join(name)).expect("text");
        let (out, err) = (read(OUT), read(ERR));
        let report = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{code:?}: {out}{err}"));
        let kept = place.records.kept();
        let [name] = kept.as_slice() else { panic!("expected one record, found {kept:?}") };
        let record = Record::read(&place.records.0.join(name)).expect("a whole record").0;
        Ran { code, report, record, err }
    }
}

/// A test that fails leaves no run behind.
impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn kill(signal: &str, to: &str) {
    let sent = Command::new("kill").args(["-s", signal, "--", to]).status();
    assert!(sent.expect("there is a kill command").success());
}

/// The processes of hosts that a command has started.
#[track_caller]
fn processes_of(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("Linux has it").flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let found: Vec<u32> = all.filter(|pid| is_process_of(*pid, parent)).collect();
    assert!(!found.is_empty(), "expected {parent} to have processes of hosts");
    found
}

fn is_process_of(pid: u32, parent: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let its = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    its.is_some_and(|its| its.trim() == parent.to_string()) && is_a_host(pid)
}

/// Is this still the process of a host? One that has ended and that nobody has waited for is not.
fn is_a_host(pid: u32) -> bool {
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&arguments).contains(PROCESS)
}

/// Waits until none of these processes is there any more.
#[track_caller]
pub(crate) fn gone_within(processes: &[u32], patience: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if !processes.iter().any(|pid| is_a_host(*pid)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("expected no process of a host {patience:?} after its run, of {processes:?}");
}

/// The ports in the network of a run that somebody listens on.
pub(crate) fn listened_on(network: u8) -> Vec<String> {
    const LISTENS: &str = "0A";
    let all = fs::read_to_string(Path::new("/proc/net/tcp")).expect("Linux has it");
    let lines = all.lines().filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, _, state) = (fields.next()?, fields.next()?, fields.next()?);
        // As four bytes in the order of the machine: 0100407F is 127.64.0.1.
        let address = u32::from_str_radix(local.split_once(':')?.0, 16).ok()?.to_ne_bytes();
        let is_in_it = address[..2] == [127, network];
        (is_in_it && state == LISTENS).then(|| local.to_owned())
    });
    lines.collect()
}
