//! The processes of hosts: how they begin and end.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    time::Duration,
};

use rustix::process::Signal;
use squall_reports::record::{EndCause, EventKind, HostState};

use super::Performance;
use crate::{
    backend::process::{
        child::{PANIC, PANICKED},
        disk::{self, Disk, REFUSED},
        environment::Real,
        start::{Entrypoint, SUBCOMMAND, Start},
        supervisor::{Exit, Program},
        telemetry,
    },
    cluster,
    plan::FaultKind,
    run::command::Command,
    sidecar,
};

impl Performance<'_> {
    /// Gives each host a disk of its own that a fault fills.
    pub(super) fn mount_disks(&mut self) -> io::Result<()> {
        let plan = Arc::clone(&self.shared.plan);
        let filled = plan.faults.iter().filter(|it| matches!(it.kind, FaultKind::Disk(_)));
        let hosts: Vec<u16> = filled.filter_map(|fault| self.host_of(&fault.target)).collect();
        for host in hosts {
            if self.disks.is_empty() {
                disk::enter_namespace()?;
            }
            if let Entry::Vacant(place) = self.disks.entry(host) {
                place.insert(Disk::mount(&self.folder.of(host)?)?);
            }
        }
        Ok(())
    }

    /// Takes the ports of a host whose service has faults; the service is behind it then.
    pub(super) async fn stand_before(&mut self, host: u16) {
        if !self.has_sidecar(host) {
            return;
        }
        let addresses = self.shared.network.addresses();
        let (own, behind) = (addresses.own(host), addresses.behind(host));
        for port in addresses.ports(host).to_vec() {
            let at = SocketAddr::from((own, port));
            let behind = SocketAddr::from((behind, port));
            // A port that is taken is told when nobody gets through to the service.
            let Ok(listener) = tokio::net::TcpListener::bind(at).await else { continue };
            let environment = Real::on(&self.shared, host);
            self.tasks.spawn(sidecar::serve(environment, port, listener, behind));
        }
    }

    pub(super) fn has_sidecar(&self, host: u16) -> bool {
        let name = self.name(host);
        self.shared
            .plan
            .faults
            .iter()
            .any(|fault| matches!(fault.kind, FaultKind::Service(_)) && fault.is_on(&name))
    }

    /// Where the service of a host listens.
    pub(super) fn listens(&self, host: u16) -> std::net::Ipv4Addr {
        let addresses = self.shared.network.addresses();
        if self.has_sidecar(host) { addresses.behind(host) } else { addresses.own(host) }
    }

    pub(super) fn name(&self, host: u16) -> String {
        self.shared.plan.topology.hosts[usize::from(host)].name.clone()
    }

    pub(super) fn enter(&mut self, host: u16, state: HostState) {
        self.states[usize::from(host)] = state;
        self.shared.record(EventKind::Host { host, state });
    }

    /// Starts the process of a host.
    pub(super) async fn start(
        &mut self,
        host: u16,
        service: &str,
        config: &serde_json::Value,
    ) -> Result<(), String> {
        let network = &self.shared.network;
        let peers = network.addresses().peers_in(host, config);
        let made = network.make(host, &peers).await;
        made.map_err(|error| format!("there is no way to what it needs: {error}"))?;
        let way = |to, port| network.address(host, to, port);
        let config = network.addresses().filled_in(host, config, self.listens(host), &way);
        let start = Start {
            host: self.name(host),
            parent: rustix::process::getpid().as_raw_nonzero().get(),
            what: self.what(service, config)?,
            telemetry: self.telemetry,
            sample_every_ms: sample_every_ms(self.shared.plan.sample_every),
            refused_writes: self.disks.contains_key(&host).then(|| Path::new("..").join(REFUSED)),
        };
        let mut input = serde_json::to_vec(&start).map_err(|error| error.to_string())?;
        input.push(b'\n');
        let program = Program {
            path: self.backend.program.clone(),
            args: vec![SUBCOMMAND.to_owned()],
            env: vec![
                // For those who have an exporter of OpenTelemetry themselves.
                (
                    "OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(),
                    telemetry::endpoint(self.telemetry, &start.host),
                ),
                ("OTEL_EXPORTER_OTLP_PROTOCOL".to_owned(), "http/protobuf".to_owned()),
                ("OTEL_SERVICE_NAME".to_owned(), start.host.clone()),
                ("OTEL_RESOURCE_ATTRIBUTES".to_owned(), format!("host.name={}", start.host)),
            ],
            input,
            folder: self.folder.files_of(host).map_err(|error| error.to_string())?,
        };
        self.supervisor
            .start(host, program)
            .map_err(|error| format!("the system does not start its process: {error}"))
    }

    /// What a service is, to the process that is to be it.
    pub(super) fn what(
        &self,
        service: &str,
        config: serde_json::Value,
    ) -> Result<Entrypoint, String> {
        let Some(path) = self.scenario.services().program(service) else {
            let scenario = self.scenario.name().to_owned();
            return Ok(Entrypoint::Function { scenario, service: service.to_owned(), config });
        };
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Arguments {
            #[serde(default)]
            args: Vec<String>,
            #[serde(default)]
            env: BTreeMap<String, String>,
        }
        let arguments: Arguments = serde_json::from_value(config).map_err(|error| {
            format!("expected a configuration of a program, with args and env: {error}")
        })?;
        let env = arguments.env.into_iter().collect();
        Ok(Entrypoint::Program { path: path.clone(), args: arguments.args, env })
    }

    /// Starts the service of a host again, as the topology has it.
    pub(super) async fn start_again(&mut self, host: u16) {
        let spec = self.shared.plan.topology.hosts[usize::from(host)].clone();
        let Some(service) = spec.service else { return };
        match self.start(host, &service, &spec.config).await {
            Ok(()) => self.enter(host, HostState::Up),
            Err(message) => {
                self.shared.stop(EndCause::ServiceFailed { host: spec.name, message });
            }
        }
    }

    /// Kills the process of a host, if it has one.
    pub(super) fn crash(&mut self, host: u16) {
        if self.supervisor.is_running(host) {
            self.supervisor.kill(host);
            self.enter(host, HostState::Crashed);
            self.report_end(host, "killed");
        }
    }

    /// Asks the process of a host to stop, if it has one.
    pub(super) fn terminate(&mut self, host: u16) {
        if self.supervisor.is_running(host) {
            self.supervisor.signal(host, Signal::TERM);
            self.enter(host, HostState::Terminating);
        }
    }

    pub(super) fn report_end(&self, host: u16, how: &str) {
        if self.shared.is_pod(host) {
            cluster::container_ended(&Real::on(&self.shared, host), host, how);
        }
    }

    /// Does what the cluster wants of processes.
    pub(super) async fn apply_command(&mut self, command: Command) {
        match command {
            Command::Start { host, service, config } => {
                let started = self.start(host, &service, &config).await;
                self.enter(host, HostState::Up);
                cluster::container_started(&Real::on(&self.shared, host), host);
                if let Err(reason) = started {
                    self.enter(host, HostState::Exited);
                    self.report_end(host, &reason);
                }
            }
            Command::Terminate { host } => self.terminate(host),
            Command::Kill { host } => self.crash(host),
        }
    }

    /// A process has ended by itself.
    pub(super) async fn note_exit(&mut self, exit: &Exit) {
        if !self.supervisor.ended(exit) {
            return;
        }
        let is_asked = self.states[usize::from(exit.host)] == HostState::Terminating;
        self.enter(exit.host, HostState::Exited);
        let (host, how) = (self.name(exit.host), ended(exit));
        if let Some(message) = panic_of(exit) {
            self.shared.stop(EndCause::Panicked { host, message });
        } else if self.shared.is_pod(exit.host) {
            self.report_end(exit.host, if exit.status.success() { "completed" } else { &how });
        } else if !exit.status.success() && !is_asked {
            self.shared.stop(EndCause::ServiceFailed { host, message: how });
        }
    }
}

fn sample_every_ms(every: Duration) -> u64 {
    u64::try_from(every.as_millis()).unwrap_or(u64::MAX).max(10)
}

/// What a process has panicked with. A program in Rust says it in its own words.
fn panic_of(exit: &Exit) -> Option<String> {
    if exit.status.code() != Some(PANICKED) {
        return None;
    }
    let said = exit.output.lines().rev().find_map(|line| line.strip_prefix(PANIC));
    let said = said.map(str::to_owned);
    said.or_else(|| exit.output.contains("panicked at").then(|| exit.output.clone()))
}

/// How a process has ended, in words.
pub(super) fn ended(exit: &Exit) -> String {
    let how = match exit.status.code() {
        Some(0) => "it ended by itself".to_owned(),
        Some(code) => format!("it ended with exit code {code}"),
        None => format!("it ended: {}", exit.status),
    };
    with_output(&how, &exit.output)
}

pub(super) fn with_output(how: &str, output: &str) -> String {
    if output.is_empty() { how.to_owned() } else { format!("{how}. It wrote:\n{output}") }
}
