//! The processes of this machine that the hosts of a run are, and what acts on them.

use std::{collections::BTreeMap, path::PathBuf};

use rustix::process::Signal;
use squall_proxy::Server;

use super::{
    disk::{self, Disk},
    folder::Folder,
    quota::Quota,
    supervisor::{Program, Supervisor},
};
use crate::{
    backend::real::{
        Ear, Entrypoint, Exit, Machines, SUBCOMMAND, Start, count_from_files, gauges_of,
    },
    plan::Plan,
};

/// The processes of one run.
pub(super) struct Local {
    /// The program that they all are.
    program: PathBuf,
    /// The number of the run's network, which no other run has at the same time.
    network: u8,
    supervisor: Supervisor,
    /// The hosts whose disks the plan fills.
    filled: Vec<u16>,
    quotas: BTreeMap<u16, Quota>,
    // Unmounted before the folder is removed.
    disks: BTreeMap<u16, Disk>,
    folder: Folder,
    /// The run's own proxy server, if it has one.
    proxies: Option<Server>,
}

impl Local {
    pub(super) fn new(
        plan: &Plan,
        program: PathBuf,
        network: u8,
        proxies: Option<Server>,
        ear: Ear,
    ) -> Result<Self, String> {
        let folder = Folder::make(network)
            .map_err(|error| format!("there is no folder for the processes: {error}"))?;
        Ok(Self {
            program,
            network,
            supervisor: Supervisor::new(plan.topology.hosts.len(), ear),
            filled: plan.hosts_with_full_disks(),
            quotas: BTreeMap::new(),
            disks: BTreeMap::new(),
            folder,
            proxies,
        })
    }

    /// Gives each host a disk of its own that a fault fills.
    fn mount_disks(&mut self) -> std::io::Result<()> {
        if !self.filled.is_empty() {
            disk::enter_namespace()?;
        }
        for host in &self.filled {
            self.disks.insert(*host, Disk::mount(&self.folder.of(*host)?)?);
        }
        Ok(())
    }
}

impl Machines for Local {
    async fn prepare(&mut self) -> Result<(), String> {
        let mounted = self.mount_disks();
        mounted.map_err(|error| format!("there is no disk that can be full: {error}"))
    }

    async fn start(&mut self, host: u16, mut start: Start) -> Result<(), String> {
        start.parent = Some(rustix::process::getpid().as_raw_nonzero().get());
        let has_disk = self.disks.contains_key(&host);
        start.refused_writes = has_disk.then(count_from_files);
        let program = Program {
            path: self.program.clone(),
            args: vec![SUBCOMMAND.to_owned()],
            env: start.env(),
            input: format!("{}\n", start.line()?).into_bytes(),
            folder: self.folder.files_of(host).map_err(|error| error.to_string())?,
            heard: matches!(start.what, Entrypoint::Program { .. }).then(|| start.host.clone()),
        };
        self.supervisor
            .start(host, program)
            .map_err(|error| format!("the system does not start its process: {error}"))
    }

    fn is_running(&self, host: u16) -> bool {
        self.supervisor.is_running(host)
    }

    fn incarnation(&self, host: u16) -> u64 {
        self.supervisor.incarnation(host)
    }

    async fn output(&self, host: u16) -> String {
        self.supervisor.output(host)
    }

    fn ended(&mut self, exit: &Exit) -> bool {
        self.supervisor.ended(exit)
    }

    async fn terminate(&mut self, host: u16) {
        self.supervisor.signal(host, Signal::TERM);
    }

    async fn kill(&mut self, host: u16) {
        self.supervisor.kill(host);
    }

    async fn pause(&mut self, host: u16) -> Result<(), String> {
        self.supervisor.signal(host, Signal::STOP);
        Ok(())
    }

    async fn resume(&mut self, host: u16) {
        self.supervisor.signal(host, Signal::CONT);
    }

    async fn has_files(&self, host: u16) -> bool {
        self.folder.has_files(host)
    }

    async fn slow(&mut self, fault: u16, host: u16, cores: u16, factor: f64) -> Result<(), String> {
        let Some(pid) = self.supervisor.pid(host) else { return Ok(()) };
        let quota = Quota::give(&format!("{}-{host}", self.network), pid, cores, factor);
        self.quotas.insert(fault, quota.map_err(|error| error.to_string())?);
        Ok(())
    }

    async fn end_slow(&mut self, fault: u16) -> u64 {
        self.quotas.remove(&fault).map_or(0, |quota| quota.throttled())
    }

    async fn fill_disk(&mut self, fault: u16, host: u16) -> Result<(), String> {
        let Some(disk) = self.disks.get_mut(&host) else { return Ok(()) };
        disk.fill(fault).map_err(|error| error.to_string())
    }

    async fn make_room(&mut self, fault: u16, host: u16) -> Result<u64, String> {
        let Some(disk) = self.disks.get_mut(&host) else { return Ok(0) };
        disk.make_room(fault).map_err(|error| error.to_string())
    }

    async fn gauges(&mut self, host: u16) -> Vec<(&'static str, f64)> {
        self.supervisor.pid(host).map(gauges_of).unwrap_or_default()
    }

    async fn kill_all(&mut self) {
        self.supervisor.kill_all();
    }

    async fn end(self) {
        if let Some(proxies) = self.proxies {
            proxies.stop().await;
        }
    }
}
