//! The scheduler of a run: jumps from one event of the world to the next.
//!
//! There are no ticks. At each instant at which something is due, the world performs the plan,
//! hands packets and wake-ups to hosts, runs the hosts that have something to do, each until it
//! has nothing. What they send is on its way at once. Then the world looks for the next such instant.
//! Hosts that have nothing to do cost nothing.

mod faults;
mod processes;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::atomic::Ordering,
    time::Duration,
};

use squall_reports::record::{ALL_HOSTS, End, EndCause, EventKind, FaultAction, Gauge, HostState};

use super::{
    guests::Guests,
    host_os::HostOs,
    machine::{Machine, Turn},
    observe, panics,
    shared::Shared,
};
use crate::{
    interpose::{self, Blocked, Readings},
    plan::{FaultKind, ProcessFault, nanos},
    run::{
        rng,
        signals::Signals,
        timeline::{Due, Timeline},
    },
    service::{CannotStart, ServiceFuture, Services},
};

/// How often the limits that are slow to look at are looked at, in instants.
const LIMITS_EVERY: u64 = 1024;

/// Something that happens to the world at a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// The plan says so.
    Due(Due),
    /// The process of a crash loop dies or starts again.
    Loop { crash_loop: CrashLoop, up: bool },
    /// The grace of a service that was asked to stop is over.
    Kill { host: u16, incarnation: u64 },
}

/// A process that dies again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CrashLoop {
    fault: u16,
    host: u16,
    /// How long it lives each time, in nanoseconds.
    up: u64,
    /// How long it takes to start again, in nanoseconds.
    down: u64,
}

/// Why signals cannot be sent.
const NO_STATICS: &str = "expected the statics of tokio::signal among the symbols of this program, in \
                          which a plan with signals sends them; found none: it was stripped, or is \
                          built without Tokio's feature signal";

pub(crate) struct World {
    shared: Rc<Shared>,
    services: Services,
    guests: Box<dyn Guests>,
    machines: Vec<Machine>,
    agenda: BTreeMap<u64, Vec<Action>>,
    /// The deadlines of the machines that have one.
    deadlines: BTreeSet<(u64, u16)>,
    /// The machines to run at this instant.
    runnable: BTreeSet<u16>,
    signals: Signals,
    end_at: u64,
    load_began: bool,
    scraping: bool,
    /// What all hosts held together when the load began.
    bytes_before_load: Option<i64>,
    started: Duration,
    instants: u64,
    woken: Vec<u16>,
    watchers: Vec<u32>,
    hit: Vec<u16>,
}

impl World {
    pub(crate) fn new(
        shared: Rc<Shared>,
        services: Services,
        guests: Box<dyn Guests>,
        signals: Signals,
    ) -> Self {
        let timeline = Timeline::of(&shared.plan);
        let mut agenda: BTreeMap<u64, Vec<Action>> = BTreeMap::new();
        for (at, due) in timeline.due {
            agenda.entry(at).or_default().push(Action::Due(due));
        }
        let hosts = (0..).zip(&shared.plan.topology.hosts);
        let machines = hosts.map(|(id, host)| Machine::new(HostOs::new(id, host, &shared)));
        Self {
            machines: machines.collect(),
            services,
            guests,
            agenda,
            deadlines: BTreeSet::new(),
            runnable: BTreeSet::new(),
            signals,
            end_at: timeline.end,
            load_began: false,
            scraping: false,
            bytes_before_load: None,
            started: interpose::real_now(),
            instants: 0,
            woken: Vec::new(),
            watchers: Vec::new(),
            hit: Vec::new(),
            shared,
        }
    }

    /// Performs the plan to its end, or to where something stops it.
    pub(crate) fn run(mut self) -> End {
        for host in 0..self.machines.len() {
            if !self.guests.manages(self.machines[host].host_os.id) {
                self.start(host, 0);
            }
        }
        let mut now = 0;
        loop {
            self.instant(now);
            if let Some(cause) = self.shared.stopped() {
                return self.end(now, cause);
            }
            if now >= self.end_at {
                return self.end(now, EndCause::Completed);
            }
            let next = self.next().unwrap_or(self.end_at).clamp(now, self.end_at);
            self.check_limits(next);
            if let Some(cause) = self.shared.stopped() {
                return self.end(now, cause);
            }
            now = next;
            self.signals.now.store(now, Ordering::Relaxed);
        }
    }

    fn end(mut self, now: u64, cause: EndCause) -> End {
        interpose::set_now(now);
        for fault in 0..self.shared.plan.faults.len() {
            let fault = u16::try_from(fault).expect("plans have few faults");
            self.shared.record(EventKind::Fault {
                fault,
                action: FaultAction::Count,
                affected: self.shared.affected(fault),
            });
        }
        let name = self.shared.intern("requests_sent");
        let value = f64::from(self.shared.requests_sent());
        self.shared.record(EventKind::Gauge(Gauge { host: ALL_HOSTS, name, value }));
        for host in 0..self.machines.len() {
            self.drop_tasks(host);
        }
        // What tasks did while they were dropped is not part of the run.
        panics::take();
        End { at: now, cause }
    }

    fn next(&self) -> Option<u64> {
        let agenda = self.agenda.keys().next().copied();
        let deadline = self.deadlines.first().map(|(at, _)| *at);
        let timer = self.shared.timers.borrow().next();
        let network = self.shared.network.borrow().next();
        [agenda, deadline, timer, network, interpose::next_due()].into_iter().flatten().min()
    }

    fn check_limits(&mut self, next: u64) {
        self.instants += 1;
        if self.signals.interrupt.load(Ordering::Relaxed) {
            return self.stop_from_outside();
        }
        let limits = &self.shared.plan.limits;
        let reached = |limit: String| self.shared.stop(EndCause::LimitReached { limit });
        if next > nanos(limits.virtual_time) {
            reached(format!("{:?} of virtual time (virtual_time_ms)", limits.virtual_time));
        }
        if self.shared.network.borrow().packets() > limits.packets_max {
            reached(format!("{} packets (packets_max)", limits.packets_max));
        }
        let held = self.shared.bytes_held().and_then(|held| u64::try_from(held).ok());
        if held.is_some_and(|held| held > limits.memory_bytes_max) {
            reached(format!("{} bytes of memory (memory_bytes_max)", limits.memory_bytes_max));
        }
        if !self.instants.is_multiple_of(LIMITS_EVERY) {
            return;
        }
        if self.shared.network.borrow().bytes() > limits.network_bytes_max {
            reached(format!(
                "{} bytes in the network (network_bytes_max)",
                limits.network_bytes_max
            ));
        }
        if self.is_out_of_patience() {
            self.stop_from_outside();
        }
    }

    /// Has the run taken too long in real time?
    fn is_out_of_patience(&self) -> bool {
        interpose::real_now().saturating_sub(self.started) > self.shared.plan.limits.wall_time
    }

    /// Ends the run for a reason that virtual time knows nothing of.
    fn stop_from_outside(&self) {
        self.shared.stop(if self.signals.interrupt.load(Ordering::Relaxed) {
            EndCause::Interrupted
        } else {
            let limit = self.shared.plan.limits.wall_time;
            EndCause::LimitReached { limit: format!("{limit:?} of real time (wall_time_ms)") }
        });
    }

    /// Everything that is due at `now`.
    fn instant(&mut self, now: u64) {
        interpose::set_now(now);
        while let Some(entry) = self.agenda.first_entry() {
            if *entry.key() > now {
                break;
            }
            for action in entry.remove() {
                self.perform(action, now);
            }
        }
        self.apply_commands(now);
        self.advance_network(now);
        self.wake_timers(now);
        self.run_threads(now);
        self.note_woken(None);
        while let Some(&(at, host)) = self.deadlines.first() {
            if at > now {
                break;
            }
            self.deadlines.pop_first();
            self.machines[usize::from(host)].deadline = None;
            self.runnable.insert(host);
        }
        while let Some(host) = self.runnable.pop_first() {
            self.run_host(usize::from(host), now);
            if self.shared.stopped().is_some() {
                return;
            }
        }
    }

    /// Lets the network do what is due, which goes on while processes do not.
    fn advance_network(&mut self, now: u64) {
        let mut watchers = std::mem::take(&mut self.watchers);
        let mut hit = std::mem::take(&mut self.hit);
        {
            let mut network = self.shared.network.borrow_mut();
            network.advance(now);
            network.take_woken(&mut watchers);
            network.take_hit(&mut hit);
        }
        for host in hit.drain(..) {
            if self.machines[usize::from(host)].state == HostState::Paused {
                self.hold_back(host);
            }
        }
        watchers.drain(..).for_each(interpose::notify);
        (self.watchers, self.hit) = (watchers, hit);
    }

    /// Lets the threads that services have started do what is due.
    fn run_threads(&mut self, now: u64) {
        if interpose::next_due().is_some_and(|at| at <= now) {
            {
                let _turn = interpose::take_turn(self.shared.plan.signals, None);
                interpose::run_due(now);
            }
            self.note_panic();
            self.note_blocked(0);
        }
    }

    fn note_panic(&self) {
        if let Some((host, message)) = panics::take() {
            let host = self.shared.host_name(host).to_owned();
            self.shared.stop(EndCause::Panicked { host, message });
        }
    }

    fn wake_timers(&mut self, now: u64) {
        loop {
            let due = self.shared.timers.borrow_mut().pop_due(now);
            let Some((host, waker)) = due else { break };
            self.machines[usize::from(host)].wakers.push(waker);
            self.runnable.insert(host);
        }
    }

    /// Hosts whose runtimes have something to see run at this instant. That the one that ran last
    /// woke itself is no news.
    fn note_woken(&mut self, ran: Option<usize>) {
        let mut woken = std::mem::take(&mut self.woken);
        interpose::take_hosts(&mut woken);
        for host in woken.drain(..) {
            let index = usize::from(host);
            if ran != Some(index) && self.machines[index].is_running() {
                self.runnable.insert(host);
            }
        }
        self.woken = woken;
    }

    /// Brings the deadline of a machine forward to `at`.
    fn set_deadline(&mut self, host: usize, at: Option<u64>) {
        let machine = &mut self.machines[host];
        let id = machine.host_os.id;
        let sooner = match (machine.deadline, at) {
            (Some(old), Some(new)) => Some(old.min(new)),
            (old, new) => old.or(new),
        };
        if let Some(old) = machine.deadline {
            self.deadlines.remove(&(old, id));
        }
        machine.deadline = sooner;
        if let Some(at) = sooner {
            self.deadlines.insert((at, id));
        }
    }

    fn hold_back(&self, host: u16) {
        if let Some(fault) = self.pausing(host) {
            self.shared.affect(fault, 1);
        }
    }

    /// The fault that makes this host stand still.
    fn pausing(&self, host: u16) -> Option<u16> {
        let name = self.shared.host_name(host);
        (0..).zip(&self.shared.plan.faults).find_map(|(number, fault)| {
            let pauses = fault.kind == FaultKind::Process(ProcessFault::Pause);
            (pauses && self.shared.is_active(number) && fault.is_on(name)).then_some(number)
        })
    }

    /// Runs a host until it has nothing to do, unless it cannot run now.
    fn run_host(&mut self, host: usize, now: u64) {
        let machine = &self.machines[host];
        if !machine.is_running() {
            return;
        }
        if machine.state == HostState::Paused {
            self.hold_back(machine.host_os.id);
            return;
        }
        if machine.blocked_until > now {
            let until = machine.blocked_until;
            self.set_deadline(host, Some(until));
            return;
        }
        let old = self.machines[host].deadline.take();
        if let Some(old) = old {
            self.deadlines.remove(&(old, self.machines[host].host_os.id));
        }
        let over = {
            let (shared, signals) = (Rc::clone(&self.shared), self.signals.clone());
            let (started, patience) = (self.started, self.shared.plan.limits.wall_time);
            move || {
                shared.stopped().is_some()
                    || signals.interrupt.load(Ordering::Relaxed)
                    || interpose::real_now().saturating_sub(started) > patience
            }
        };
        self.on_host(host, |world, host| {
            let turn = world.machines[host].run(now, over);
            world.note_panic();
            match turn {
                Turn::Idle => {}
                Turn::Cut => world.stop_from_outside(),
            }
        });
        let deadline = self.machines[host].deadline.take();
        self.set_deadline(host, deadline);
        self.note_blocked(host);
        self.note_woken(Some(host));
        self.start_sidecars(host, now);
        self.note_ended(now);
        self.apply_commands(now);
    }

    /// Has the code of a host, or of this one, done what a run cannot go on from?
    fn note_blocked(&self, host: usize) {
        if let Some(Blocked { host: of, what }) = interpose::take_blocked() {
            let host = of.map_or(host, usize::from);
            let host = self.shared.plan.topology.hosts[host].name.clone();
            self.shared.stop(EndCause::NotDeterministic { host, what });
        }
    }

    /// Does something on behalf of a host: sockets, clocks and logs are those of that host.
    fn on_host(&mut self, host: usize, act: impl FnOnce(&mut Self, usize)) {
        let host_os = Rc::clone(&self.machines[host].host_os);
        self.shared.set_host(host_os.id);
        let image = host_os.image.borrow().clone();
        let _turn = interpose::take_turn(self.shared.plan.signals, image);
        host_os.enter(|| {
            act(self, host);
            let wrong = interpose::take_wrong_readings();
            if wrong != Readings::default() {
                for (fault, count) in host_os.clocks.affected(wrong) {
                    self.shared.affect(fault, count);
                }
            }
        });
    }

    fn note_ended(&mut self, now: u64) {
        let ended = self.shared.ended.take();
        for (host, result) in ended {
            match result {
                Ok(()) => self.exit(host, "completed", now),
                Err(message) if self.guests.manages(host) => self.exit(host, &message, now),
                Err(message) => self.shared.stop(EndCause::ServiceFailed {
                    host: self.shared.host_name(host).to_owned(),
                    message,
                }),
            }
        }
    }

    /// A process has ended by itself.
    fn exit(&mut self, host: u16, how: &str, now: u64) {
        let index = usize::from(host);
        self.machines[index].state = HostState::Exited;
        self.shared.record(EventKind::Host { host, state: HostState::Exited });
        self.kill(index, HostState::Exited, now);
        self.report_end(host, how);
    }

    fn start_sidecars(&mut self, host: usize, now: u64) {
        let wanted = self.machines[host].host_os.sidecars_wanted.take();
        for port in wanted {
            let sidecar = self.guests.sidecar(port);
            self.machines[host].spawn(sidecar);
            self.set_deadline(host, Some(now));
        }
    }

    /// Starts the process of a host and its service.
    fn start(&mut self, host: usize, now: u64) {
        let spec = self.shared.plan.topology.hosts[host].clone();
        let mut service = None;
        self.on_host(host, |world, _| {
            let start = |name: &String| world.services.start(name, &spec.config);
            service = spec.service.as_ref().map(start);
        });
        self.start_process(host, service, now);
    }

    /// Starts a process of a host that runs `service`, if there is one.
    fn start_process(
        &mut self,
        host: usize,
        service: Option<Result<ServiceFuture, CannotStart>>,
        now: u64,
    ) {
        let spec = self.shared.plan.topology.hosts[host].clone();
        let incarnation = self.machines[host].incarnation;
        let seed = rng::seed(self.shared.seed, &format!("host {} {incarnation}", spec.name));
        let shared = Rc::clone(&self.shared);
        let fail = |message: String| {
            shared.stop(EndCause::ServiceFailed { host: spec.name.clone(), message });
        };
        let id = self.machines[host].host_os.id;
        self.shared.network.borrow_mut().set_power(id, true);
        interpose::pause_threads(id, false);
        if shared.plan.signals {
            let image = interpose::Image::fresh();
            if image.is_none() {
                return fail(NO_STATICS.to_owned());
            }
            self.machines[host].host_os.image.replace(image);
        }
        let mut started = Ok(());
        self.on_host(host, |world, host| started = world.machines[host].start(seed, now));
        if let Err(error) = started {
            return fail(format!("no runtime could be made for it: {error}"));
        }
        match service {
            Some(Ok(service)) => self.machines[host].spawn(async move {
                let result = service.await.map_err(|error| crate::service::chain(&*error));
                if let Some(shared) = super::shared::current() {
                    shared.ended.borrow_mut().push((id, result));
                }
            }),
            Some(Err(error)) => return fail(error.to_string()),
            None => {}
        }
        if let Some(task) = self.guests.beside(id) {
            self.machines[host].spawn(task);
        }
        self.shared.record(EventKind::Host { host: id, state: HostState::Up });
        self.set_deadline(host, Some(now));
        if self.load_began {
            self.spawn_all(host, self.guests.load(id));
        }
        if self.scraping {
            self.spawn_all(host, self.guests.scrapes(id));
        }
    }

    /// Drops the process of a host with all its tasks.
    fn drop_tasks(&mut self, host: usize) {
        self.on_host(host, |world, host| {
            let (now, machine) = (interpose::now(), &world.machines[host]);
            machine.host_os.is_killed.set(machine.state != HostState::Exited);
            world.shared.set_dying(true);
            world.machines[host].kill();
            interpose::retire_threads(world.machines[host].host_os.id);
            world.shared.set_dying(false);
            // What destructors waited for was not on the way of anybody else.
            interpose::set_now(now);
            observe::close_left_open(&world.shared);
            world.shared.end_left_open();
        });
    }

    /// Ends the process of a host; how its peers learn of it depends on the state it goes to.
    fn kill(&mut self, host: usize, state: HostState, now: u64) {
        let id = self.machines[host].host_os.id;
        if !self.machines[host].is_running() {
            self.end_sockets(id, state, now);
            self.machines[host].host_os.end_process(state, now);
            self.machines[host].state = state;
            return;
        }
        if let Some(at) = self.machines[host].deadline {
            self.deadlines.remove(&(at, id));
        }
        self.drop_tasks(host);
        panics::take();
        self.machines[host].host_os.end_process(state, now);
        self.machines[host].state = state;
        self.end_sockets(id, state, now);
        self.take_pods_along(id, state, now);
    }

    /// The kernel of a host closes the sockets of a process that has ended; without power it
    /// forgets them.
    fn end_sockets(&self, host: u16, state: HostState, now: u64) {
        let mut network = self.shared.network.borrow_mut();
        if state != HostState::Exited {
            network.take_back(host, now);
        }
        if state == HostState::PoweredOff {
            network.set_power(host, false);
        } else {
            network.close_all(host, now);
        }
    }
}
