//! The processes of a run: starts, signals and ends them, and learns how they ended.
//!
//! None outlives its run. Each asks the kernel to be killed when the thread that started it ends,
//! however it does; so all must be started on the thread of the run. Each is the first of a group of its
//! own: what it starts itself gets its signals too, and Ctrl-C at a terminal is heard by the run alone.

use std::{io, path::PathBuf, process::Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::backend::real::{Ear, Exit, Tail};

/// What is started.
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    /// What is written to its standard input, which is closed then.
    pub(super) input: Vec<u8>,
    /// Where it runs.
    pub(super) folder: PathBuf,
    /// The name of its host, if the record is to have what it writes.
    pub(super) heard: Option<String>,
}

/// The process of one host.
#[derive(Debug, Default)]
struct Place {
    running: Option<Running>,
    incarnation: u64,
}

#[derive(Debug)]
struct Running {
    pid: Pid,
    tail: Tail,
}

/// The processes of one run, by host.
pub(super) struct Supervisor {
    places: Vec<Place>,
    ear: Ear,
}

impl Supervisor {
    /// No processes yet; what becomes of them is told to `ear`.
    pub(super) fn new(hosts: usize, ear: Ear) -> Self {
        let places = (0..hosts).map(|_| Place::default()).collect();
        Self { places, ear }
    }

    /// Starts the process of a host that has none.
    ///
    /// # Errors
    ///
    /// When the system does not start it.
    pub(super) fn start(&mut self, host: u16, program: Program) -> io::Result<()> {
        let Program { path, args, env, input, folder, heard } = program;
        let mut child = Command::new(&path)
            .args(args)
            .envs(env)
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pid = pid.ok_or_else(|| io::Error::other("a process without a number"))?;
        let tail = Tail::default();
        if let Some(mut stdin) = child.stdin.take() {
            tokio::spawn(async move {
                // One that has ended already does not read it.
                let _ = stdin.write_all(&input).await;
            });
        }
        let lines = |stream| heard.as_ref().map(|host| self.ear.lines(host, stream));
        let streams = [
            child.stdout.take().map(|it| tokio::spawn(tail.clone().follow(it, lines("stdout")))),
            child.stderr.take().map(|it| tokio::spawn(tail.clone().follow(it, lines("stderr")))),
        ];
        let place = &mut self.places[usize::from(host)];
        place.incarnation += 1;
        place.running = Some(Running { pid, tail: tail.clone() });
        let (incarnation, ear) = (place.incarnation, self.ear.clone());
        tokio::spawn(async move {
            let Ok(status) = child.wait().await else { return };
            // What it has started itself may hold the streams open for as long as it likes.
            let streams = async {
                for stream in streams.into_iter().flatten() {
                    let _ = stream.await;
                }
            };
            let _ = tokio::time::timeout(std::time::Duration::from_millis(200), streams).await;
            let output = tail.text();
            ear.exit(Exit { host, incarnation, status, output });
        });
        Ok(())
    }

    /// Takes note that a process has ended; false if it is not the one that the host has now.
    pub(super) fn ended(&mut self, exit: &Exit) -> bool {
        let place = &self.places[usize::from(exit.host)];
        let is_present = place.incarnation == exit.incarnation && place.running.is_some();
        if is_present {
            // What it has started itself does not outlive it.
            self.kill(exit.host);
        }
        is_present
    }

    pub(super) fn is_running(&self, host: u16) -> bool {
        self.places[usize::from(host)].running.is_some()
    }

    pub(super) fn pid(&self, host: u16) -> Option<Pid> {
        self.places[usize::from(host)].running.as_ref().map(|running| running.pid)
    }

    pub(super) fn incarnation(&self, host: u16) -> u64 {
        self.places[usize::from(host)].incarnation
    }

    /// The end of what the process of a host has written so far.
    pub(super) fn output(&self, host: u16) -> String {
        let running = self.places[usize::from(host)].running.as_ref();
        running.map(|running| running.tail.text()).unwrap_or_default()
    }

    /// Sends a signal to the process of a host and to those that it has started, if it has one.
    pub(super) fn signal(&self, host: u16, signal: Signal) {
        if let Some(pid) = self.pid(host) {
            // One that has just ended is told by its end.
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Kills the process of a host and forgets it; its end is not told then.
    pub(super) fn kill(&mut self, host: u16) {
        self.signal(host, Signal::KILL);
        self.places[usize::from(host)].running = None;
    }

    /// Kills all processes.
    pub(super) fn kill_all(&mut self) {
        for host in 0..self.places.len() {
            self.kill(u16::try_from(host).expect("a run on processes has at most 250 hosts"));
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.kill_all();
    }
}
