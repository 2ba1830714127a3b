//! One run on real processes, from its first process to its record.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use squall_proxy::{Client, Options, Server};
use squall_reports::record::{
    ALL_HOSTS, Backend, End, EndCause, FaultAction, HostState, Mark, Record, UNDIGESTED, What,
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Processes,
    addresses::Addresses,
    calls,
    child::{PANIC, PANICKED},
    environment::{LATE, Real, Shared},
    folder::Folder,
    gauges,
    network::Network,
    quota::Quota,
    readiness,
    start::{SUBCOMMAND, Start, What as StartOf},
    supervisor::{Exit, Program, Supervisor},
    telemetry::receiver::Receiver,
    timer::Timer,
    told::Listener,
    toxics,
};
use crate::{
    backend::Asked,
    cluster, load,
    plan::{Fault, FaultKind, NetworkFault, ProcessFault, Target, nanos},
    run::{
        command::Command,
        environment::Task,
        signals::Signals,
        timeline::{Due, Timeline, with_drawn_times},
    },
    scenario::Scenario,
    scrape,
    service::Calls,
    sidecar,
};

/// How often it is looked whether the run was interrupted.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long processes may take to end in order once the run is over.
const LAST_GRACE: Duration = Duration::from_secs(1);

/// A share of the requests of a load that may be sent late: less than a hundredth, so that the 99th
/// percentile of a latency is that of the service.
const LATE_SHARE_MAX: f64 = 0.005;

/// Growth of memory is shown in steps of this many bytes, as in the simulation.
const MEMORY_STEP: f64 = 4.0 * 1024.0 * 1024.0;

/// Something to be done at a given time.
#[derive(Clone, Copy, Debug)]
enum Step {
    Due(Due),
    /// The process of a crash loop dies or starts again.
    Loop {
        fault: u16,
        up: bool,
    },
    /// A flapping link is cut or whole again.
    Flap {
        fault: u16,
        down: bool,
    },
    /// The grace of a process that was asked to stop is over.
    Kill {
        host: u16,
        incarnation: u64,
    },
}

/// A run that goes on.
struct Performance<'a> {
    backend: &'a Processes,
    scenario: &'a Scenario,
    shared: Arc<Shared>,
    supervisor: Supervisor,
    states: Vec<HostState>,
    folder: Folder,
    telemetry: SocketAddr,
    listener: Listener,
    agenda: BTreeMap<u64, Vec<Step>>,
    end_at: u64,
    tasks: JoinSet<()>,
    quotas: BTreeMap<u16, Quota>,
    /// What all hosts held when the load began, in bytes.
    held_before: Option<f64>,
}

/// Performs the plan of a scenario.
pub(super) async fn perform(backend: &Processes, asked: Asked) -> Result<Record, String> {
    let title = asked.title();
    let Asked { scenario, seed, signals } = asked;
    let plan = scenario.plan();
    let whole = with_drawn_times(plan.clone().with_rates_of_processes(), seed);
    let whole = Arc::new(whole.with_cluster_hosts());
    let header = title.header(Backend::Processes, (plan, &whole), seed, toxics::counts);

    let addresses = Addresses::take(&whole)
        .map_err(|error| format!("there is no network of loopback addresses: {error}"))?;
    let folder = Folder::make(addresses.own(0).octets()[1])
        .map_err(|error| format!("there is no folder for the processes: {error}"))?;
    let (server, client) = proxy(backend, seed).await?;
    let network = Network::new(&whole, addresses, client);
    let listener = Listener::default();
    let sink = listener.clone();
    let receiver = Receiver::bind(([127, 0, 0, 1], 0).into(), move |told| sink.take(told));
    let receiver =
        receiver.map_err(|error| format!("nobody can listen to the processes: {error}"))?;
    let timer = Timer::start().map_err(|error| format!("there is no clock: {error}"))?;
    let (commands, mut commanded) = mpsc::unbounded_channel();
    let shared = Shared::new(Arc::clone(&whole), seed, network, timer, commands);
    let (supervisor, mut exits) = Supervisor::new(whole.topology.hosts.len());
    let timeline = Timeline::of(&whole);
    let mut run = Performance {
        backend,
        scenario: &scenario,
        supervisor,
        states: vec![HostState::Crashed; whole.topology.hosts.len()],
        folder,
        telemetry: receiver.address(),
        listener,
        agenda: BTreeMap::new(),
        end_at: timeline.end,
        tasks: JoinSet::new(),
        quotas: BTreeMap::new(),
        held_before: None,
        shared: Arc::clone(&shared),
    };
    for (at, due) in timeline.due {
        run.agenda.entry(at).or_default().push(Step::Due(due));
    }
    let end = match run.come_up(&signals, &mut exits).await {
        Ok(()) => run.go_on(&signals, &mut exits, &mut commanded).await,
        Err(cause) => {
            shared.begin();
            run.listener.begin(&shared);
            End { at: 0, cause }
        }
    };
    run.wind_up(&end, &mut exits).await;
    drop(run);
    receiver.stop().await;
    shared.network.remove().await;
    if let Some(server) = server {
        server.stop().await;
    }
    Ok(shared.take_recorder().finish(header, end))
}

/// The proxy server of the run, if it has its own, and a client of it.
async fn proxy(backend: &Processes, seed: u64) -> Result<(Option<Server>, Client), String> {
    if let Some(url) = &backend.toxiproxy {
        let client = Client::new(url).map_err(|error| error.to_string())?;
        let version = client.version().await;
        version.map_err(|error| format!("the proxy server at {url} does not answer: {error}"))?;
        return Ok((None, client));
    }
    let mut options = Options::default();
    options.seed = Some(seed);
    let server = Server::start(options).await;
    let server = server.map_err(|error| format!("the proxy does not start: {error}"))?;
    let client = Client::new(&format!("http://{}", server.address()));
    Ok((Some(server), client.map_err(|error| error.to_string())?))
}

impl Performance<'_> {
    fn hosts(&self) -> impl Iterator<Item = u16> + use<> {
        0..u16::try_from(self.states.len()).expect("a run on processes has at most 250 hosts")
    }

    /// Starts all processes that are there from the beginning, and waits until they are up.
    async fn come_up(
        &mut self,
        signals: &Signals,
        exits: &mut mpsc::UnboundedReceiver<Exit>,
    ) -> Result<(), EndCause> {
        let began = Instant::now();
        let plan = Arc::clone(&self.shared.plan);
        for host in self.hosts() {
            self.stand_before(host).await;
        }
        let mut waits = JoinSet::new();
        for (host, spec) in self.hosts().zip(&plan.topology.hosts) {
            let Some(service) = &spec.service else { continue };
            self.start(host, service, &spec.config)
                .await
                .map_err(|message| EndCause::ServiceFailed { host: spec.name.clone(), message })?;
            for port in &spec.ports {
                let address = SocketAddr::from((self.listens(host), *port));
                let waits_for = readiness::wait_for(address, began);
                waits.spawn(async move { (host, waits_for.await) });
            }
        }
        let all_up = async {
            while let Some(waited) = waits.join_next().await {
                if let Ok((host, Err(reason))) = waited {
                    return Some((host, reason));
                }
            }
            None
        };
        let failed = tokio::select! {
            failed = all_up => failed.map(|(host, reason)| {
                (host, with_output(&reason, &self.supervisor.output(host)))
            }),
            exit = exits.recv() => exit.map(|exit| {
                self.supervisor.ended(&exit);
                (exit.host, ended(&exit))
            }),
            () = interrupted(signals) => return Err(EndCause::Interrupted),
        };
        if let Some((host, reason)) = failed {
            let message = format!("it did not come up: {reason}");
            return Err(EndCause::ServiceFailed { host: self.name(host), message });
        }
        self.shared.begin();
        self.listener.begin(&self.shared);
        let shared = Arc::clone(&self.shared);
        for host in self.hosts().filter(|host| !shared.is_pod(*host)) {
            self.enter(host, HostState::Up);
            if plan.cluster.is_some()
                && let Some(task) = cluster::agent(&Real::on(&self.shared, host), host)
            {
                self.tasks.spawn(task);
            }
        }
        Ok(())
    }

    /// Takes the ports of a host whose service has faults; the service is behind it then.
    async fn stand_before(&mut self, host: u16) {
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

    fn has_sidecar(&self, host: u16) -> bool {
        let name = self.name(host);
        self.shared
            .plan
            .faults
            .iter()
            .any(|fault| matches!(fault.kind, FaultKind::Service(_)) && fault.is_on(&name))
    }

    /// Where the service of a host listens.
    fn listens(&self, host: u16) -> std::net::Ipv4Addr {
        let addresses = self.shared.network.addresses();
        if self.has_sidecar(host) { addresses.behind(host) } else { addresses.own(host) }
    }

    fn name(&self, host: u16) -> String {
        self.shared.plan.topology.hosts[usize::from(host)].name.clone()
    }

    fn enter(&mut self, host: u16, state: HostState) {
        self.states[usize::from(host)] = state;
        self.shared.record(What::Host { host, state });
    }

    /// Starts the process of a host.
    async fn start(
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
        };
        let mut input = serde_json::to_vec(&start).map_err(|error| error.to_string())?;
        input.push(b'\n');
        let program = Program {
            path: self.backend.program.clone(),
            args: vec![SUBCOMMAND.to_owned()],
            env: vec![
                // For those who have an exporter of OpenTelemetry themselves.
                ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), format!("http://{}", self.telemetry)),
                ("OTEL_EXPORTER_OTLP_PROTOCOL".to_owned(), "http/protobuf".to_owned()),
                ("OTEL_SERVICE_NAME".to_owned(), start.host.clone()),
                ("OTEL_RESOURCE_ATTRIBUTES".to_owned(), format!("host.name={}", start.host)),
            ],
            input,
            folder: self.folder.of(host).map_err(|error| error.to_string())?,
        };
        self.supervisor
            .start(host, program)
            .map_err(|error| format!("the system does not start its process: {error}"))
    }

    /// What a service is, to the process that is to be it.
    fn what(&self, service: &str, config: serde_json::Value) -> Result<StartOf, String> {
        let Some(path) = self.scenario.services().program(service) else {
            let scenario = self.scenario.name().to_owned();
            return Ok(StartOf::Function { scenario, service: service.to_owned(), config });
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
        Ok(StartOf::Program { path: path.clone(), args: arguments.args, env })
    }

    /// Performs the plan to its end, or to where something stops it.
    async fn go_on(
        &mut self,
        signals: &Signals,
        exits: &mut mpsc::UnboundedReceiver<Exit>,
        commanded: &mut mpsc::UnboundedReceiver<Command>,
    ) -> End {
        let limits = self.shared.plan.limits;
        let started = Instant::now();
        loop {
            let now = self.shared.now();
            signals.now.store(now, Ordering::Relaxed);
            if signals.interrupt.load(Ordering::Relaxed) {
                self.shared.stop(EndCause::Interrupted);
            } else if started.elapsed() > limits.wall_time {
                let limit = format!("{:?} of real time (wall_time_ms)", limits.wall_time);
                self.shared.stop(EndCause::LimitReached { limit });
            }
            if let Some(cause) = self.shared.stop_cause() {
                return End { at: now, cause };
            }
            while let Some(entry) = self.agenda.first_entry().filter(|it| *it.key() <= now) {
                for step in entry.remove() {
                    self.perform(step).await;
                }
            }
            if now >= self.end_at {
                return self.end_of_plan(now);
            }
            let next = self.agenda.keys().next().copied().unwrap_or(self.end_at);
            let pause = Duration::from_nanos(next.saturating_sub(self.shared.now()));
            tokio::select! {
                biased;
                Some(exit) = exits.recv() => self.note_exit(&exit).await,
                Some(command) = commanded.recv() => self.obey(command).await,
                () = self.shared.stopped.notified() => {}
                () = sleep(pause.min(LOOK_EVERY)) => {}
            }
        }
    }

    /// The plan was performed; was its load sent as it says?
    fn end_of_plan(&self, now: u64) -> End {
        let lateness = self.shared.take_lateness();
        #[expect(clippy::cast_precision_loss, reason = "requests are far below 2^53")]
        let share = lateness.late as f64 / (lateness.sent.max(1)) as f64;
        let cause = if share > LATE_SHARE_MAX {
            EndCause::LoadBehind {
                how: format!(
                    "{} of {} requests were sent more than {LATE:?} late, and {} % may be",
                    lateness.late,
                    lateness.sent,
                    LATE_SHARE_MAX * 100.0
                ),
            }
        } else {
            EndCause::Completed
        };
        End { at: now, cause }
    }

    async fn perform(&mut self, step: Step) {
        match step {
            Step::Due(Due::Inject(number)) => self.inject(number).await,
            Step::Due(Due::Heal(number)) => self.heal(number).await,
            Step::Due(Due::WarmUp) => {
                let calls = self.calls();
                self.spawn_from_clients(|plan| plan.loads.iter().map(|it| &it.client).collect(), {
                    move |environment, number| {
                        Box::pin(load::warm_up(environment, number, Arc::clone(&calls)))
                    }
                });
            }
            Step::Due(Due::Scrape) => {
                self.spawn_from_clients(
                    |plan| plan.scrapes.iter().map(|it| &it.client).collect(),
                    |environment, number| Box::pin(scrape::scrape(environment, number)),
                );
            }
            Step::Due(Due::BeginLoad) => {
                self.sample_memory();
                self.shared.record(What::Mark(Mark::LoadBegins));
                let calls = self.calls();
                self.spawn_from_clients(|plan| plan.loads.iter().map(|it| &it.client).collect(), {
                    move |environment, number| {
                        Box::pin(load::generate(environment, number, Arc::clone(&calls)))
                    }
                });
            }
            Step::Due(Due::EndLoad) => self.shared.record(What::Mark(Mark::LoadEnds)),
            Step::Due(Due::Settled) => {
                self.sample_memory();
                self.shared.record(What::Mark(Mark::Settled));
            }
            Step::Due(Due::Sample) => {
                self.sample();
                let every = nanos(self.shared.plan.sample_every).max(1_000_000);
                let next = self.shared.now() + every;
                if next < self.end_at {
                    self.agenda.entry(next).or_default().push(Step::Due(Due::Sample));
                }
            }
            Step::Due(Due::LastSample) => self.sample(),
            Step::Loop { fault, up } => self.turn_crash_loop(fault, up).await,
            Step::Flap { fault, down } => self.turn_flap(fault, down).await,
            Step::Kill { host, incarnation } => {
                if self.supervisor.incarnation(host) == incarnation {
                    self.crash(host);
                }
            }
        }
    }

    /// The calls of the user's own, for one load.
    fn calls(&self) -> Arc<Calls> {
        calls::guarded(&self.scenario.services().shared_calls(), &self.shared)
    }

    /// Spawns something for each of what has a client, on that host.
    fn spawn_from_clients(
        &mut self,
        clients: impl Fn(&crate::plan::Plan) -> Vec<&String>,
        task: impl Fn(Real, usize) -> Task,
    ) {
        let plan = Arc::clone(&self.shared.plan);
        for (number, client) in clients(&plan).into_iter().enumerate() {
            let Some(host) = plan.topology.index_of(client) else { continue };
            let host = u16::try_from(host).expect("a run on processes has at most 250 hosts");
            self.tasks.spawn(task(Real::on(&self.shared, host), number));
        }
    }

    /// Reads the gauges of all processes, and how late the load is.
    fn sample(&self) {
        for host in self.hosts() {
            if let Some(pid) = self.supervisor.pid(host) {
                for (name, value) in gauges::of(pid) {
                    self.shared.gauge(host, name, value);
                }
            }
        }
        let late = Duration::from_nanos(self.shared.take_lateness().longest);
        self.shared.gauge(ALL_HOSTS, "load_lag_ms", late.as_secs_f64() * 1e3);
    }

    /// Reads how much more memory all hosts hold together than before the load.
    fn sample_memory(&mut self) {
        let Some(held) = self.listener.held() else { return };
        let before = *self.held_before.get_or_insert(held);
        let steps = ((held - before).max(0.0) / MEMORY_STEP).floor();
        self.shared.gauge(ALL_HOSTS, UNDIGESTED, steps * 4.0);
    }

    fn host_of(&self, target: &Target) -> Option<u16> {
        let Target::Host { host, .. } = target else { return None };
        let found = self.shared.plan.topology.index_of(host)?;
        u16::try_from(found).ok()
    }

    async fn inject(&mut self, number: u16) {
        let fault = self.shared.plan.faults[usize::from(number)].clone();
        self.shared.set_active(number, true);
        match &fault.kind {
            FaultKind::Network(NetworkFault::Reset) => {
                let reset = self.shared.network.reset(number, &fault).await;
                self.count(number, reset);
            }
            FaultKind::Network(NetworkFault::Flap { .. }) => self.turn_flap(number, true).await,
            FaultKind::Network(_) => self.inject_network(number, &fault).await,
            FaultKind::Process(kind) => self.inject_process(number, &fault, kind).await,
            // The sidecars and the load look at what acts.
            FaultKind::Service(_) | FaultKind::Load(_) => {}
            FaultKind::Disk(_) | FaultKind::Clock(_) | FaultKind::Names(_) => {
                unreachable!("what processes lack is told before the run")
            }
        }
    }

    async fn inject_network(&self, number: u16, fault: &Fault) {
        let injected = self.shared.network.inject(number, fault).await;
        self.count(number, injected.map(|()| 0));
    }

    async fn inject_process(&mut self, number: u16, fault: &Fault, kind: &ProcessFault) {
        let Some(host) = self.host_of(&fault.target) else { return };
        let is_running = u64::from(self.supervisor.is_running(host));
        match *kind {
            ProcessFault::Crash => {
                self.shared.affect(number, is_running);
                self.crash(host);
            }
            ProcessFault::PowerLoss => {
                if self.folder.has_files(host) {
                    return self.shared.stop(EndCause::ServiceFailed {
                        host: self.name(host),
                        message:
                            "it writes files, and what it did not sync would survive a loss of \
                                  power here: only a simulation can show what it loses"
                                .to_owned(),
                    });
                }
                // Silent first, so that nobody hears of its end.
                self.inject_network(number, fault).await;
                self.shared.affect(number, is_running);
                if self.supervisor.is_running(host) {
                    self.supervisor.kill(host);
                    self.enter(host, HostState::PoweredOff);
                    self.report_end(host, "power loss");
                }
            }
            ProcessFault::CrashLoop { .. } => self.turn_crash_loop(number, false).await,
            ProcessFault::Restart { grace } => {
                self.shared.affect(number, is_running);
                self.terminate(host);
                let incarnation = self.supervisor.incarnation(host);
                let at = self.shared.now() + nanos(grace);
                let kill = Step::Kill { host, incarnation };
                self.agenda.entry(at).or_default().push(kill);
            }
            ProcessFault::Pause => {
                if self.supervisor.is_running(host) {
                    self.supervisor.signal(host, Signal::STOP);
                    self.shared.affect(number, 1);
                    self.enter(host, HostState::Paused);
                }
            }
            ProcessFault::SlowCpu { factor } => {
                let Some(pid) = self.supervisor.pid(host) else { return };
                let cores = self.shared.plan.topology.hosts[usize::from(host)].cores;
                let network = self.shared.network.own(0).octets()[1];
                match Quota::give(&format!("{network}-{host}"), pid, cores, factor) {
                    Ok(quota) => drop(self.quotas.insert(number, quota)),
                    Err(error) => {
                        let limit = format!("{} could not be performed: {error}", fault.label());
                        self.shared.stop(EndCause::LimitReached { limit });
                    }
                }
            }
            ProcessFault::TornWrite => {
                unreachable!("what processes lack is told before the run")
            }
        }
    }

    async fn heal(&mut self, number: u16) {
        let fault = self.shared.plan.faults[usize::from(number)].clone();
        if let FaultKind::Network(_) = fault.kind {
            let healed = self.shared.network.heal(number).await;
            self.count(number, healed);
        }
        self.shared.set_active(number, false);
        let FaultKind::Process(kind) = &fault.kind else { return };
        let Some(host) = self.host_of(&fault.target) else { return };
        let managed = self.shared.is_pod(host);
        match kind {
            ProcessFault::Crash | ProcessFault::CrashLoop { .. } => {
                if !managed && !self.supervisor.is_running(host) {
                    self.start_again(host).await;
                }
            }
            ProcessFault::PowerLoss => {
                // What was on its way to it is to nobody any more.
                let healed = self.shared.network.heal(number).await;
                self.count(number, healed.map(|_| 0));
                if !managed && !self.supervisor.is_running(host) {
                    self.start_again(host).await;
                }
            }
            ProcessFault::Restart { .. } => {
                if !managed {
                    self.crash(host);
                    self.start_again(host).await;
                }
            }
            ProcessFault::Pause => {
                if self.states[usize::from(host)] == HostState::Paused {
                    self.supervisor.signal(host, Signal::CONT);
                    self.enter(host, HostState::Up);
                }
            }
            ProcessFault::SlowCpu { .. } => self.end_quota(number),
            ProcessFault::TornWrite => {}
        }
    }

    /// Counts what a fault has affected, or ends the run with what went wrong.
    fn count(&self, number: u16, affected: Result<u64, squall_proxy::ClientError>) {
        match affected {
            Ok(affected) => self.shared.affect(number, affected),
            Err(error) => {
                let label = self.shared.plan.faults[usize::from(number)].label();
                let limit = format!("the proxy did not do what {label} needs: {error}");
                self.shared.stop(EndCause::LimitReached { limit });
            }
        }
    }

    /// A process has all processors again.
    fn end_quota(&mut self, number: u16) {
        if let Some(quota) = self.quotas.remove(&number) {
            self.shared.affect(number, quota.throttled());
        }
    }

    async fn turn_crash_loop(&mut self, number: u16, up: bool) {
        if !self.shared.is_active(number) {
            return;
        }
        let fault = self.shared.plan.faults[usize::from(number)].clone();
        let FaultKind::Process(ProcessFault::CrashLoop { up: up_for, down: down_for }) = fault.kind
        else {
            return;
        };
        let Some(host) = self.host_of(&fault.target) else { return };
        let next = if up {
            if !self.shared.is_pod(host) && !self.supervisor.is_running(host) {
                self.start_again(host).await;
            }
            up_for
        } else {
            self.shared.affect(number, u64::from(self.supervisor.is_running(host)));
            self.crash(host);
            down_for
        };
        let at = self.shared.now() + nanos(next);
        self.agenda.entry(at).or_default().push(Step::Loop { fault: number, up: !up });
    }

    async fn turn_flap(&mut self, number: u16, down: bool) {
        if !self.shared.is_active(number) {
            return;
        }
        let fault = self.shared.plan.faults[usize::from(number)].clone();
        let FaultKind::Network(NetworkFault::Flap { down: down_for, up: up_for }) = fault.kind
        else {
            return;
        };
        let (turned, next) = if down {
            (self.shared.network.inject(number, &fault).await.map(|()| 0), down_for)
        } else {
            (self.shared.network.heal(number).await, up_for)
        };
        self.count(number, turned);
        let at = self.shared.now() + nanos(next);
        self.agenda.entry(at).or_default().push(Step::Flap { fault: number, down: !down });
    }

    /// Starts the service of a host again, as the topology has it.
    async fn start_again(&mut self, host: u16) {
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
    fn crash(&mut self, host: u16) {
        if self.supervisor.is_running(host) {
            self.supervisor.kill(host);
            self.enter(host, HostState::Crashed);
            self.report_end(host, "killed");
        }
    }

    /// Asks the process of a host to stop, if it has one.
    fn terminate(&mut self, host: u16) {
        if self.supervisor.is_running(host) {
            self.supervisor.signal(host, Signal::TERM);
            self.enter(host, HostState::Terminating);
        }
    }

    fn report_end(&self, host: u16, how: &str) {
        if self.shared.is_pod(host) {
            cluster::container_ended(&Real::on(&self.shared, host), host, how);
        }
    }

    /// Does what the cluster wants of processes.
    async fn obey(&mut self, command: Command) {
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
    async fn note_exit(&mut self, exit: &Exit) {
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

    /// Ends all that goes on, and enters what is counted at the end.
    async fn wind_up(&mut self, end: &End, exits: &mut mpsc::UnboundedReceiver<Exit>) {
        self.tasks.shutdown().await;
        for fault in 0..self.shared.plan.faults.len() {
            let fault = u16::try_from(fault).expect("plans have few faults");
            self.end_quota(fault);
            let healed = self.shared.network.heal(fault).await;
            self.shared.affect(fault, healed.unwrap_or(0));
            let affected = self.shared.affected(fault);
            let action = FaultAction::Count;
            self.shared.record_at(end.at, What::Fault { fault, action, affected });
        }
        let name = self.shared.intern("requests_sent");
        let value = f64::from(self.shared.requests_sent());
        let gauge = squall_reports::record::Gauge { host: ALL_HOSTS, name, value };
        self.shared.record_at(end.at, What::Gauge(gauge));
        self.shared.end_at(end.at);
        // What is open then is told by those who end in order.
        for host in self.hosts() {
            self.supervisor.signal(host, Signal::CONT);
            self.supervisor.signal(host, Signal::TERM);
        }
        let all_ended = async {
            while self.hosts().any(|host| self.supervisor.is_running(host)) {
                let Some(exit) = exits.recv().await else { break };
                self.supervisor.ended(&exit);
            }
        };
        let _ = timeout(LAST_GRACE, all_ended).await;
        self.supervisor.kill_all();
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
fn ended(exit: &Exit) -> String {
    let how = match exit.status.code() {
        Some(0) => "it ended by itself".to_owned(),
        Some(code) => format!("it ended with exit code {code}"),
        None => format!("it ended: {}", exit.status),
    };
    with_output(&how, &exit.output)
}

fn with_output(how: &str, output: &str) -> String {
    if output.is_empty() { how.to_owned() } else { format!("{how}. It wrote:\n{output}") }
}

/// Waits until the run is interrupted.
async fn interrupted(signals: &Signals) {
    while !signals.interrupt.load(Ordering::Relaxed) {
        sleep(LOOK_EVERY).await;
    }
}
