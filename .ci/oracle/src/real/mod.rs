//! The real side: two network namespaces, the link between them, and the application in each.

mod child;
mod emulator;
mod namespace;
mod packet;

use std::{
    io,
    net::Ipv4Addr,
    path::Path,
    process::Child,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use nix::time::{ClockId, clock_gettime};
use squall::BoxError;

pub(crate) use self::{
    child::{Said, run_client, run_server},
    emulator::{Capture, Passed},
    namespace::Namespace,
    packet::Segment,
};
use crate::{
    app::{Job, Report},
    link::Conditions,
};

/// The addresses of the two hosts. They exist in namespaces only, so they can meet no other.
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);

/// Why nothing can be measured on this machine, if so.
pub(crate) fn cannot_measure() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("measuring needs root".to_owned());
    }
    if !Path::new("/dev/net/tun").exists() {
        return Some("measuring needs /dev/net/tun".to_owned());
    }
    let trial = Namespace::new(CLIENT);
    trial.err().map(|error| format!("this machine allows no network namespaces: {error}"))
}

/// One run with real TCP.
pub(crate) struct Run<'a> {
    pub(crate) conditions: &'a Conditions,
    pub(crate) job: &'a Job,
    pub(crate) congestion: &'a str,
    pub(crate) seed: u64,
    /// Keep the head of every packet.
    pub(crate) captures: bool,
}

/// A pair of namespaces and the emulated link between them, for as long as this lives.
pub(crate) struct Linked {
    pub(crate) client: Namespace,
    pub(crate) server: Namespace,
    stop: Arc<AtomicBool>,
    begin: Arc<AtomicU64>,
    emulator: thread::JoinHandle<io::Result<Capture>>,
}

impl Linked {
    pub(crate) fn new(conditions: &Conditions, seed: u64, captures: bool) -> io::Result<Self> {
        let (client, server) = (Namespace::new(CLIENT)?, Namespace::new(SERVER)?);
        let stop = Arc::new(AtomicBool::new(false));
        let begin = Arc::new(AtomicU64::new(emulator::NOT_YET));
        let ends = [client.device(), server.device()];
        let emulator = emulator::Emulator::new(
            conditions,
            seed,
            captures,
            Arc::clone(&stop),
            Arc::clone(&begin),
        );
        let emulator = thread::spawn(move || emulator.run(&ends));
        Ok(Self { client, server, stop, begin, emulator })
    }

    /// Takes the link down and tells what it carried.
    pub(crate) fn end(self) -> io::Result<Capture> {
        self.stop.store(true, Ordering::Relaxed);
        self.emulator.join().map_err(|_| io::Error::other("the emulator panicked"))?
    }
}

impl Run<'_> {
    /// Performs it.
    ///
    /// # Errors
    ///
    /// When the namespaces or the link cannot be made, or the application cannot be started.
    pub(crate) fn perform(&self) -> Result<(Report, Capture), BoxError> {
        let linked = Linked::new(self.conditions, self.seed, self.captures)?;
        let (job, congestion) = (self.job.clone(), self.congestion.to_owned());
        let server = linked.server.within(move || child::start("server", &job, &congestion))?;
        let mut server = Killed(server?);
        child::listen(&mut server.0, |said| matches!(said, Said::Ready))?;
        let (job, congestion) = (self.job.clone(), self.congestion.to_owned());
        let client = linked.client.within(move || child::start("client", &job, &congestion))?;
        let mut client = Killed(client?);
        let mut report = None;
        child::listen(&mut client.0, |said| {
            match said {
                Said::Begins(at) => linked.begin.store(at, Ordering::Relaxed),
                Said::Saw(saw) => report = Some(saw),
                Said::Ready => {}
            }
            report.is_some()
        })?;
        drop((client, server));
        let capture = linked.end()?;
        Ok((report.ok_or("the client ended without a report")?, capture))
    }
}

/// A process that ends with its owner.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The monotonic clock, in nanoseconds: the one that all processes have in common.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux has a monotonic clock");
    u64::try_from(now.tv_sec()).unwrap_or(0) * 1_000_000_000
        + u64::try_from(now.tv_nsec()).unwrap_or(0)
}
