//! One run in real time, from its first process to its record.

mod faults;
mod hosts;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use self::hosts::{ended, with_output};
use squall_proxy::Client;
use squall_reports::record::{
    ALL_HOSTS, Backend, End, EndCause, EventKind, FaultAction, HostState, Mark, Record, UNDIGESTED,
};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    calls,
    ear::Ear,
    environment::{LATE, Real, Shared},
    exit::Exit,
    gauges,
    layout::Layout,
    machines::Machines,
    network::Network,
    readiness,
    telemetry::receiver::Receiver,
    timer::Timer,
    told::Listener,
    toxics,
};
use crate::{
    backend::Asked,
    cluster, load,
    plan::{Plan, nanos},
    run::{
        command::Command,
        environment::Task,
        signals::Signals,
        timeline::{Due, Timeline, with_drawn_times},
    },
    scenario::Scenario,
    scrape,
    service::Calls,
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
struct Performance<'a, M> {
    scenario: &'a Scenario,
    shared: Arc<Shared>,
    machines: M,
    states: Vec<HostState>,
    telemetry: SocketAddr,
    listener: Listener,
    agenda: BTreeMap<u64, Vec<Step>>,
    end_at: u64,
    tasks: JoinSet<()>,
    /// What all hosts held when the load began, in bytes.
    held_before: Option<f64>,
}

/// What a run is performed on.
pub(in crate::backend) struct Stage<M> {
    pub(in crate::backend) layout: Arc<dyn Layout>,
    pub(in crate::backend) machines: M,
    /// The API of the proxies.
    pub(in crate::backend) proxies: Client,
    /// Where the run listens to what services say.
    pub(in crate::backend) hears_at: SocketAddr,
}

/// Performs the plan of a scenario on what `set` makes for it.
pub(super) async fn perform<M: Machines>(
    backend: Backend,
    asked: Asked,
    set: impl AsyncFnOnce(&Plan, u64, Ear) -> Result<Stage<M>, String>,
) -> Result<Record, String> {
    let title = asked.title();
    let Asked { scenario, seed, signals } = asked;
    let plan = scenario.plan();
    let whole = with_drawn_times(plan.clone().with_rates_of_processes(), seed);
    let whole = Arc::new(whole.with_cluster_hosts());
    let header = title.header(backend, (plan, &whole), seed, toxics::counts);

    let (exited, mut exits) = mpsc::unbounded_channel();
    let listener = Listener::default();
    let ear = Ear::new(exited, listener.clone());
    let Stage { layout, machines, proxies, hears_at } = set(&whole, seed, ear).await?;
    let network = Network::new(&whole, layout, proxies);
    let (machines, receiver, timer) = ready(machines, hears_at, &listener).await?;
    let (commands, mut commanded) = mpsc::unbounded_channel();
    let shared = Shared::new(Arc::clone(&whole), seed, network, timer, commands);
    let timeline = Timeline::of(&whole);
    let mut run = Performance {
        scenario: &scenario,
        machines,
        states: vec![HostState::Crashed; whole.topology.hosts.len()],
        telemetry: receiver.address(),
        listener,
        agenda: BTreeMap::new(),
        end_at: timeline.end,
        tasks: JoinSet::new(),
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
    let Performance { machines, .. } = run;
    receiver.stop().await;
    shared.network.remove().await;
    machines.end().await;
    let mut record = shared.take_recorder().finish(header, end);
    note_heals(&mut record, &whole);
    Ok(record)
}

/// What a run needs beside its hosts, which are given back if it is not to be had.
async fn ready<M: Machines>(
    mut machines: M,
    hears_at: SocketAddr,
    listener: &Listener,
) -> Result<(M, Receiver, Timer), String> {
    let sink = listener.clone();
    let made = async {
        machines.prepare().await?;
        let receiver = Receiver::bind(hears_at, move |told| sink.take(told));
        let receiver =
            receiver.map_err(|error| format!("nobody can listen to the processes: {error}"))?;
        let timer = Timer::start().map_err(|error| format!("there is no clock: {error}"))?;
        Ok((receiver, timer))
    };
    match made.await {
        Ok((receiver, timer)) => Ok((machines, receiver, timer)),
        Err(error) => {
            machines.end().await;
            Err(error)
        }
    }
}

/// A heal takes its time here, and until it is done a request meets the fault: the phases of the record are
/// those that were.
fn note_heals(record: &mut Record, plan: &Plan) {
    let mut healed = 0;
    for event in &record.events {
        if let EventKind::Fault { fault, action: FaultAction::Heal, .. } = event.what {
            let span = &mut record.header.faults[usize::from(fault)];
            span.heal = span.heal.max(event.at);
            healed = healed.max(event.at);
        }
    }
    record.header.phases = plan.phases_healed_at(healed);
}

impl<M: Machines> Performance<'_, M> {
    fn hosts(&self) -> std::ops::Range<u16> {
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
                let address = self.shared.network.layout().service(host, *port);
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
            failed = all_up => match failed {
                Some((host, reason)) => {
                    Some((host, with_output(&reason, &self.machines.output(host).await)))
                }
                None => None,
            },
            exit = exits.recv() => exit.map(|exit| {
                self.machines.ended(&exit);
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
                Some(command) = commanded.recv() => self.apply_command(command).await,
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
                self.shared.record(EventKind::Mark(Mark::LoadBegins));
                let calls = self.calls();
                self.spawn_from_clients(|plan| plan.loads.iter().map(|it| &it.client).collect(), {
                    move |environment, number| {
                        Box::pin(load::generate(environment, number, Arc::clone(&calls)))
                    }
                });
            }
            Step::Due(Due::EndLoad) => self.shared.record(EventKind::Mark(Mark::LoadEnds)),
            Step::Due(Due::Settled) => {
                self.sample_memory();
                self.shared.record(EventKind::Mark(Mark::Settled));
            }
            Step::Due(Due::Sample) => {
                self.sample().await;
                let every = nanos(self.shared.plan.sample_every).max(1_000_000);
                let next = self.shared.now() + every;
                if next < self.end_at {
                    self.agenda.entry(next).or_default().push(Step::Due(Due::Sample));
                }
            }
            Step::Due(Due::LastSample) => self.sample().await,
            Step::Loop { fault, up } => self.turn_crash_loop(fault, up).await,
            Step::Flap { fault, down } => self.turn_flap(fault, down).await,
            Step::Kill { host, incarnation } => {
                if self.machines.incarnation(host) == incarnation {
                    self.crash(host).await;
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

    /// Reads the gauges of all processes, what the proxies tell of them, and how late the load is.
    async fn sample(&mut self) {
        let opened = self.shared.network.connections_opened().await;
        for host in self.hosts() {
            // A machine without power has nothing, although its process is still there.
            if self.states[usize::from(host)] == HostState::PoweredOff {
                continue;
            }
            for (name, value) in self.machines.gauges(host).await {
                self.shared.gauge(host, name, value);
            }
            let none = self.machines.is_running(host).then_some(0.0);
            if let Some(opened) = opened.as_ref().and_then(|it| it.get(&host).copied().or(none)) {
                self.shared.gauge(host, gauges::CONNECTIONS_OPENED, opened);
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

    /// Ends all that goes on, and enters what is counted at the end.
    async fn wind_up(&mut self, end: &End, exits: &mut mpsc::UnboundedReceiver<Exit>) {
        self.tasks.shutdown().await;
        for fault in 0..self.shared.plan.faults.len() {
            let fault = u16::try_from(fault).expect("plans have few faults");
            self.end_slow(fault).await;
            self.make_room(fault).await;
            let healed = self.shared.network.heal(fault).await;
            self.shared.affect(fault, healed.unwrap_or(0));
            let affected = self.shared.affected(fault);
            let action = FaultAction::Count;
            self.shared.record_at(end.at, EventKind::Fault { fault, action, affected });
        }
        let name = self.shared.intern("requests_sent");
        let value = f64::from(self.shared.requests_sent());
        let gauge = squall_reports::record::Gauge { host: ALL_HOSTS, name, value };
        self.shared.record_at(end.at, EventKind::Gauge(gauge));
        self.shared.end_at(end.at);
        // What is open then is told by those who end in order.
        for host in self.hosts() {
            self.unplug(host).await;
            self.machines.resume(host).await;
            self.machines.terminate(host).await;
        }
        let all_ended = async {
            while self.hosts().any(|host| self.machines.is_running(host)) {
                let Some(exit) = exits.recv().await else { break };
                self.machines.ended(&exit);
            }
        };
        let _ = timeout(LAST_GRACE, all_ended).await;
        self.machines.kill_all().await;
    }
}

/// Waits until the run is interrupted.
async fn interrupted(signals: &Signals) {
    while !signals.interrupt.load(Ordering::Relaxed) {
        sleep(LOOK_EVERY).await;
    }
}
