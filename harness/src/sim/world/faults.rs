//! What the plan does to the world: its faults, its load, and the reading of the gauges.

use squall_reports::record::{ALL_HOSTS, EventKind, Gauge, HostState, Mark, UNDIGESTED};

use super::{Action, CrashLoop, World};
use crate::{
    interpose,
    plan::{Fault, FaultKind, ProcessFault, Target, nanos},
    run::{environment::Task, timeline::Due},
    sim::{
        clocks::Clocks,
        disk::{Disk, faults::stream_of},
        guests::Guests,
    },
};

/// Gauges are not read more often than this.
const SAMPLE_LEAST_NS: u64 = 1_000_000;

/// Growth of memory is shown in steps of this, in bytes: pools and tables that grew under the
/// load and stay are below it, a leak at every request is not.
const MEMORY_STEP: u64 = 4 << 20;

impl World {
    pub(super) fn perform(&mut self, action: Action, now: u64) {
        match action {
            Action::Due(due) => self.perform_due(due, now),
            Action::Loop { crash_loop, up } => self.turn_crash_loop(crash_loop, up, now),
            Action::Kill { host, incarnation } => {
                let host = usize::from(host);
                if self.machines[host].incarnation == incarnation {
                    self.crash(host, now);
                }
            }
        }
    }

    /// Does what the plan says.
    fn perform_due(&mut self, due: Due, now: u64) {
        match due {
            Due::Inject(number) => self.inject(number, now),
            Due::Heal(number) => self.heal(number, now),
            Due::WarmUp => self.spawn_everywhere(now, |guests, host| guests.warm_up(host)),
            Due::Scrape => {
                self.scraping = true;
                self.spawn_everywhere(now, |guests, host| guests.scrapes(host));
            }
            Due::BeginLoad => {
                self.load_began = true;
                self.sample_memory(now);
                self.shared.record(EventKind::Mark(Mark::LoadBegins));
                self.spawn_everywhere(now, |guests, host| guests.load(host));
            }
            Due::EndLoad => self.shared.record(EventKind::Mark(Mark::LoadEnds)),
            Due::Settled => {
                self.sample_memory(now);
                self.shared.record(EventKind::Mark(Mark::Settled));
            }
            Due::Sample => {
                self.sample();
                let next = now + nanos(self.shared.plan.sample_every).max(SAMPLE_LEAST_NS);
                if next < self.end_at {
                    self.agenda.entry(next).or_default().push(Action::Due(Due::Sample));
                }
            }
            Due::LastSample => self.sample(),
        }
    }

    /// Starts what the guests have for each host.
    fn spawn_everywhere(&mut self, now: u64, tasks: impl Fn(&dyn Guests, u16) -> Vec<Task>) {
        for host in 0..self.machines.len() {
            self.spawn_all(host, tasks(&*self.guests, self.machines[host].host_os.id));
            self.set_deadline(host, Some(now));
        }
    }

    pub(super) fn spawn_all(&self, host: usize, tasks: Vec<Task>) {
        for task in tasks {
            self.machines[host].spawn(task);
        }
    }

    /// Reads the gauges: tasks that are alive, sockets that are open, and connections that the
    /// host has tried to open since the beginning of the run.
    fn sample(&self) {
        let network = self.shared.network.borrow();
        for machine in &self.machines {
            let host = machine.host_os.id;
            // A pod that does not run is not there.
            if self.guests.manages(host) && !machine.is_running() {
                continue;
            }
            for (name, value) in [
                ("tasks", machine.tasks()),
                ("sockets", network.sockets_of(host)),
                ("connections_opened", network.connections_opened(host)),
            ] {
                let (name, value) = (self.shared.intern(name), real(value));
                self.shared.record(EventKind::Gauge(Gauge { host, name, value }));
            }
        }
    }

    /// Reads how much more memory all hosts hold together than before the load, in whole steps of
    /// four megabytes. How large a future is depends on how it was compiled, and a digest must
    /// not.
    fn sample_memory(&mut self, now: u64) {
        self.shared.network.borrow_mut().forget_ended(now);
        // Known also to a program that does not count: its records name the same things.
        let name = self.shared.intern(UNDIGESTED);
        let Some(held) = self.shared.bytes_held_in_memory() else { return };
        let before = *self.bytes_before_load.get_or_insert(held);
        let grown = u64::try_from(held - before).unwrap_or(0);
        let value = real((grown / MEMORY_STEP * MEMORY_STEP) >> 20);
        self.shared.record(EventKind::Gauge(Gauge { host: ALL_HOSTS, name, value }));
    }

    fn inject(&mut self, number: u16, now: u64) {
        let Fault { kind, target, .. } = self.shared.plan.faults[usize::from(number)].clone();
        self.shared.set_active(number, true);
        match kind {
            FaultKind::Network(fault) => {
                self.shared.network.borrow_mut().inject(number, &fault, &target, now);
            }
            FaultKind::Process(fault) => self.on_target(&target, |world, host| {
                world.inject_process_fault(host, number, &fault, now);
            }),
            FaultKind::Disk(fault) => self.on_target(&target, |world, host| {
                let seed = world.shared.seed;
                let inject = |disk: &mut Disk| disk.inject(number, &fault, seed, now);
                world.machines[host].host_os.with_disk(inject);
            }),
            FaultKind::Clock(fault) => self.on_target(&target, |world, host| {
                world.change_clocks(host, now, |clocks, at| clocks.inject(number, fault, at));
            }),
            FaultKind::Names(fault) => self.on_target(&target, |world, host| {
                world.machines[host].host_os.inject_name_fault(number, fault);
            }),
            // The sidecars and the clients look at which faults are active.
            FaultKind::Service(_) | FaultKind::Load(_) => {}
        }
    }

    fn heal(&mut self, number: u16, now: u64) {
        let Fault { kind, target, .. } = self.shared.plan.faults[usize::from(number)].clone();
        self.shared.set_active(number, false);
        match kind {
            FaultKind::Network(_) => self.shared.network.borrow_mut().heal(number, now),
            FaultKind::Process(fault) => self.on_target(&target, |world, host| {
                world.heal_process_fault(host, &fault, now);
            }),
            FaultKind::Disk(_) => self.on_target(&target, |world, host| {
                world.machines[host].host_os.with_disk(|disk| disk.heal(number, now));
            }),
            FaultKind::Clock(_) => self.on_target(&target, |world, host| {
                world.change_clocks(host, now, |clocks, at| clocks.heal(number, at));
            }),
            FaultKind::Names(_) => self.on_target(&target, |world, host| {
                world.machines[host].host_os.heal_name_fault(number);
            }),
            FaultKind::Service(_) | FaultKind::Load(_) => {}
        }
    }

    /// Does something with the host that a fault is on: one that is not of the network or the load is
    /// on one, in a checked plan.
    fn on_target(&mut self, target: &Target, act: impl FnOnce(&mut Self, usize)) {
        if let Target::Host { host, .. } = target
            && let Some(host) = self.shared.plan.topology.index_of(host)
        {
            act(self, host);
        }
    }

    /// A fault of its process begins.
    fn inject_process_fault(&mut self, host: usize, number: u16, fault: &ProcessFault, now: u64) {
        let id = self.machines[host].host_os.id;
        match fault {
            ProcessFault::Crash => {
                self.count_if_running(host, number);
                self.crash(host, now);
            }
            ProcessFault::PowerLoss => {
                self.count_if_running(host, number);
                self.cut_power(host, now);
            }
            ProcessFault::TornWrite => {
                let rng = stream_of(number, fault.name(), self.shared.seed);
                self.machines[host].host_os.with_disk(|disk| disk.tear(number, rng));
                self.cut_power(host, now);
            }
            ProcessFault::CrashLoop { up, down } => {
                let (up, down) = (nanos(*up), nanos(*down));
                self.turn_crash_loop(CrashLoop { fault: number, host: id, up, down }, false, now);
            }
            ProcessFault::Restart { grace } => {
                self.count_if_running(host, number);
                self.terminate(host, now);
                let incarnation = self.machines[host].incarnation;
                let kill = Action::Kill { host: id, incarnation };
                self.agenda.entry(now + nanos(*grace)).or_default().push(kill);
            }
            ProcessFault::Pause => {
                if self.machines[host].state == HostState::Up {
                    self.machines[host].state = HostState::Paused;
                    interpose::pause_threads(id, true);
                    self.machines[host].paused_since = Some(now);
                    self.shared.record(EventKind::Host { host: id, state: HostState::Paused });
                }
            }
            ProcessFault::SlowCpu { factor } => {
                self.machines[host].host_os.slow_down(Some((*factor, number)));
            }
        }
    }

    /// A fault of its process ends. Those who manage a process start it again themselves.
    fn heal_process_fault(&mut self, host: usize, fault: &ProcessFault, now: u64) {
        let managed = self.guests.manages(self.machines[host].host_os.id);
        match fault {
            ProcessFault::Crash
            | ProcessFault::PowerLoss
            | ProcessFault::TornWrite
            | ProcessFault::CrashLoop { .. } => {
                if !managed && !self.machines[host].is_running() {
                    self.start(host, now);
                }
            }
            ProcessFault::Restart { .. } => {
                if !managed {
                    self.crash(host, now);
                    self.start(host, now);
                }
            }
            ProcessFault::Pause => self.resume(host, now),
            ProcessFault::SlowCpu { .. } => self.machines[host].host_os.slow_down(None),
        }
    }

    /// Counts what happens to a process, if there is one.
    fn count_if_running(&self, host: usize, fault: u16) {
        self.shared.affect(fault, u64::from(self.machines[host].is_running()));
    }

    /// A machine loses its power.
    fn cut_power(&mut self, host: usize, now: u64) {
        let id = self.machines[host].host_os.id;
        self.kill(host, HostState::PoweredOff, now);
        self.shared.record(EventKind::Host { host: id, state: HostState::PoweredOff });
        self.report_end(id, "power loss");
    }

    /// Asks the service of a host to stop, if there is one.
    pub(super) fn terminate(&mut self, host: usize, now: u64) {
        if !self.machines[host].is_running() {
            return;
        }
        let wakers = self.machines[host].host_os.terminate();
        self.machines[host].wakers.extend(wakers);
        self.set_deadline(host, Some(now));
        if self.shared.plan.signals {
            self.on_host(host, |_, _| {
                // A process without a handler works on, as the first one of a container does.
                interpose::deliver(libc::SIGTERM);
            });
            self.note_woken(None);
        }
        let host = self.machines[host].host_os.id;
        self.shared.record(EventKind::Host { host, state: HostState::Terminating });
    }

    /// Changes what the clocks of a host show, from what its process has seen of them already on.
    /// When its next timer fires is to be seen again.
    fn change_clocks(&mut self, host: usize, now: u64, change: impl FnOnce(&Clocks, u64)) {
        let machine = &self.machines[host];
        change(&machine.host_os.clocks, now.max(machine.blocked_until));
        if machine.is_running() {
            self.set_deadline(host, Some(now));
        }
    }

    /// Kills the process of a host, if there is one.
    pub(super) fn crash(&mut self, host: usize, now: u64) {
        if self.machines[host].is_running() {
            self.kill(host, HostState::Crashed, now);
            let host = self.machines[host].host_os.id;
            self.shared.record(EventKind::Host { host, state: HostState::Crashed });
            self.report_end(host, "killed");
        }
    }

    fn resume(&mut self, host: usize, now: u64) {
        let machine = &mut self.machines[host];
        let Some(since) = machine.paused_since.take() else { return };
        machine.state = HostState::Up;
        machine.host_os.delay_work(now - since);
        let id = machine.host_os.id;
        interpose::pause_threads(id, false);
        self.shared.record(EventKind::Host { host: id, state: HostState::Up });
        self.set_deadline(host, Some(now));
    }

    fn turn_crash_loop(&mut self, crash_loop: CrashLoop, up: bool, now: u64) {
        let CrashLoop { fault, host: id, up: up_for, down: down_for } = crash_loop;
        if !self.shared.is_active(fault) {
            return;
        }
        let host = usize::from(id);
        let next = if up {
            if !self.guests.manages(id) && !self.machines[host].is_running() {
                self.start(host, now);
            }
            now + up_for
        } else {
            self.count_if_running(host, fault);
            self.crash(host, now);
            now + down_for
        };
        self.agenda.entry(next).or_default().push(Action::Loop { crash_loop, up: !up });
    }
}

/// A count as the value of a gauge.
#[expect(clippy::cast_precision_loss, reason = "tasks, sockets and megabytes are far below 2^53")]
fn real(count: u64) -> f64 {
    count as f64
}
