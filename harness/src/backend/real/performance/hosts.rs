//! The processes of hosts: how they begin and end.

use std::{collections::BTreeMap, os::unix::process::ExitStatusExt, time::Duration};

use squall_reports::record::{EndCause, EventKind, HostState, Level, Log};

use super::Performance;
use crate::{
    backend::real::{
        child::{PANIC, PANICKED},
        environment::Real,
        exit::Exit,
        layout::has_sidecar,
        machines::Machines,
        start::{Entrypoint, Start},
    },
    cluster,
    run::command::Command,
    service::Foreign,
    sidecar,
};

impl<M: Machines> Performance<'_, M> {
    /// Takes the ports of a host whose service has faults; the service is behind it then.
    pub(super) async fn stand_before(&mut self, host: u16) {
        let plan = &self.shared.plan;
        if !has_sidecar(plan, usize::from(host)) {
            return;
        }
        let layout = self.shared.network.layout();
        for port in plan.topology.hosts[usize::from(host)].ports.clone() {
            // A port that is taken is told when nobody gets through to the service.
            let listener = tokio::net::TcpListener::bind(layout.binds(host, port)).await;
            let Ok(listener) = listener else { continue };
            let environment = Real::on(&self.shared, host);
            let behind = layout.service(host, port);
            self.tasks.spawn(sidecar::serve(environment, port, listener, behind));
        }
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
        self.unplug(host).await;
        let network = &self.shared.network;
        let peers = network.names().peers_in(host, config);
        let made = network.make(host, &peers).await;
        made.map_err(|error| format!("there is no way to what it needs: {error}"))?;
        let way = |to, port| network.address(host, to, port);
        let listens = network.layout().listens(host);
        let config = network.names().filled_in(host, config, listens, &way);
        let start = Start {
            host: self.name(host),
            parent: None,
            what: self.what(service, config)?,
            telemetry: self.telemetry,
            sample_every_ms: sample_every_ms(self.shared.plan.sample_every),
            refused_writes: None,
        };
        self.machines.start(host, start).await
    }

    /// What a service is, to the process that is to be it.
    pub(super) fn what(
        &self,
        service: &str,
        config: serde_json::Value,
    ) -> Result<Entrypoint, String> {
        let Some(foreign) = self.scenario.services().foreign(service) else {
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
            format!(
                "expected args and env as the configuration of the {foreign} {service}: {error}"
            )
        })?;
        let (args, env) = (arguments.args, arguments.env.into_iter().collect());
        Ok(match foreign {
            Foreign::Program(path) => Entrypoint::Program { path: path.to_owned(), args, env },
            Foreign::Image(image) => Entrypoint::Image { image: image.to_owned(), args, env },
        })
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

    /// Has a host a process, and power?
    pub(super) fn is_up(&self, host: u16) -> bool {
        self.machines.is_running(host) && self.states[usize::from(host)] != HostState::PoweredOff
    }

    /// Kills what a host without power still has of a process.
    pub(super) async fn unplug(&mut self, host: u16) {
        if self.states[usize::from(host)] == HostState::PoweredOff {
            self.machines.kill(host).await;
        }
    }

    /// Kills the process of a host, if it has one.
    pub(super) async fn crash(&mut self, host: u16) {
        if self.is_up(host) {
            self.machines.kill(host).await;
            self.enter(host, HostState::Crashed);
            self.report_end(host, "killed");
        }
    }

    /// Asks the process of a host to stop, if it has one.
    pub(super) async fn terminate(&mut self, host: u16) {
        if self.is_up(host) {
            self.machines.terminate(host).await;
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
            Command::Terminate { host } => self.terminate(host).await,
            Command::Kill { host } => self.crash(host).await,
        }
    }

    /// A process has ended by itself.
    pub(super) async fn note_exit(&mut self, exit: &Exit) {
        if !self.machines.ended(exit) {
            return;
        }
        let is_asked = self.states[usize::from(exit.host)] == HostState::Terminating;
        self.enter(exit.host, HostState::Exited);
        self.log_exit(exit, is_asked);
        let (host, how) = (self.name(exit.host), ended(exit));
        if let Some(message) = panic_of(exit) {
            self.shared.stop(EndCause::Panicked { host, message });
        } else if self.shared.is_pod(exit.host) {
            self.report_end(exit.host, if exit.status.success() { "completed" } else { &how });
        } else if !exit.status.success() && !is_asked {
            self.shared.stop(EndCause::ServiceFailed { host, message: how });
        }
    }

    /// The record has how a process has ended, whatever that means for the run.
    fn log_exit(&self, exit: &Exit, is_asked: bool) {
        let is_well = exit.status.success() || is_asked;
        let ended = match (exit.status.code(), exit.status.signal()) {
            (Some(code), _) => ("code", code.to_string()),
            (None, signal) => ("signal", signal.unwrap_or_default().to_string()),
        };
        let log = Log {
            host: exit.host,
            level: if is_well { Level::Info } else { Level::Warn },
            target: self.shared.intern("process"),
            message: self.shared.intern("exited"),
            attributes: self.shared.attributes([(ended.0, ended.1.as_str())]),
            request: 0,
            after: self.shared.last_span(),
        };
        self.shared.record(EventKind::Log(Box::new(log)));
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
