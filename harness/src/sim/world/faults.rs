//! What the plan does to the world: its faults, its load, and the reading of the gauges.

use squall_reports::record::{ALL_HOSTS, Gauge, HostState, Mark, UNDIGESTED, What};

use super::{Action, World};
use crate::{
    interpose,
    plan::{Fault, FaultKind, Performer, Target, nanos},
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
            Action::Loop { fault, up } => self.turn_crash_loop(fault, up, now),
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
                self.shared.record(What::Mark(Mark::LoadBegins));
                self.spawn_everywhere(now, |guests, host| guests.load(host));
            }
            Due::EndLoad => self.shared.record(What::Mark(Mark::LoadEnds)),
            Due::Settled => {
                self.sample_memory(now);
                self.shared.record(What::Mark(Mark::Settled));
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
            self.spawn_all(host, tasks(&*self.guests, self.machines[host].seam.id));
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
            let host = machine.seam.id;
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
                self.shared.record(What::Gauge(Gauge { host, name, value }));
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
        self.shared.record(What::Gauge(Gauge { host: ALL_HOSTS, name, value }));
    }

    fn inject(&mut self, number: u16, now: u64) {
        let fault = self.shared.plan.faults[usize::from(number)].clone();
        self.shared.set_active(number, true);
        let Some(host) = self.host_of(&fault.target) else {
            self.inject_elsewhere(number, &fault, now);
            return;
        };
        let id = self.machines[host].seam.id;
        match fault.kind {
            FaultKind::Crash => {
                self.shared.affect(number, u64::from(self.machines[host].is_running()));
                self.crash(host, now);
            }
            FaultKind::PowerLoss | FaultKind::TornWrite => {
                if fault.kind == FaultKind::PowerLoss {
                    self.shared.affect(number, u64::from(self.machines[host].is_running()));
                } else {
                    let rng = stream_of(number, &fault.kind, self.shared.seed);
                    self.machines[host].seam.with_disk(|disk| disk.tear(number, rng));
                }
                self.kill(host, HostState::PoweredOff, now);
                self.shared.record(What::Host { host: id, state: HostState::PoweredOff });
                self.report_end(id, "power loss");
            }
            FaultKind::CrashLoop { .. } => self.turn_crash_loop(number, false, now),
            FaultKind::Restart { grace } => {
                self.shared.affect(number, u64::from(self.machines[host].is_running()));
                self.terminate(host, now);
                let incarnation = self.machines[host].incarnation;
                let kill = Action::Kill { host: id, incarnation };
                self.agenda.entry(now + nanos(grace)).or_default().push(kill);
            }
            FaultKind::Pause => {
                if self.machines[host].state == HostState::Up {
                    self.machines[host].state = HostState::Paused;
                    interpose::pause_threads(id, true);
                    self.machines[host].paused_since = Some(now);
                    self.shared.record(What::Host { host: id, state: HostState::Paused });
                }
            }
            FaultKind::SlowCpu { factor } => {
                self.machines[host].seam.slow_down(Some((factor, number)));
            }
            _ => match fault.kind.performer() {
                Performer::Disk => {
                    let (kind, seed) = (fault.kind, self.shared.seed);
                    let inject = |disk: &mut Disk| disk.inject(number, kind, seed, now);
                    self.machines[host].seam.with_disk(inject);
                }
                Performer::Names => self.machines[host].seam.misname(number, fault.kind),
                Performer::Clock => {
                    let kind = fault.kind;
                    self.change_clocks(host, now, |clocks, at| clocks.inject(number, kind, at));
                }
                _ => self.inject_elsewhere(number, &fault, now),
            },
        }
    }

    fn inject_elsewhere(&mut self, number: u16, fault: &Fault, now: u64) {
        // Service faults are the sidecars' and load faults the load's: both look at the plan.
        if fault.kind.performer() == Performer::Network {
            self.shared.network.borrow_mut().inject(number, fault, now);
        }
    }

    fn heal(&mut self, number: u16, now: u64) {
        let fault = self.shared.plan.faults[usize::from(number)].clone();
        self.shared.set_active(number, false);
        let Some(host) = self.host_of(&fault.target) else {
            return self.shared.network.borrow_mut().heal(number, now);
        };
        match fault.kind {
            FaultKind::Crash
            | FaultKind::PowerLoss
            | FaultKind::CrashLoop { .. }
            | FaultKind::Restart { .. }
                if self.guests.manages(self.machines[host].seam.id) => {}
            FaultKind::Crash
            | FaultKind::PowerLoss
            | FaultKind::TornWrite
            | FaultKind::CrashLoop { .. } => {
                if !self.machines[host].is_running() {
                    self.start(host, now);
                }
            }
            FaultKind::Restart { .. } => {
                self.crash(host, now);
                self.start(host, now);
            }
            FaultKind::Pause => self.resume(host, now),
            FaultKind::SlowCpu { .. } => self.machines[host].seam.slow_down(None),
            _ => match fault.kind.performer() {
                Performer::Disk => {
                    self.machines[host].seam.with_disk(|disk| disk.heal(number, now));
                }
                Performer::Names => self.machines[host].seam.name_again(number),
                Performer::Clock => {
                    self.change_clocks(host, now, |clocks, at| clocks.heal(number, at));
                }
                _ => self.shared.network.borrow_mut().heal(number, now),
            },
        }
    }

    /// Asks the service of a host to stop, if there is one.
    pub(super) fn terminate(&mut self, host: usize, now: u64) {
        if !self.machines[host].is_running() {
            return;
        }
        let wakers = self.machines[host].seam.terminate();
        self.machines[host].wakers.extend(wakers);
        self.set_deadline(host, Some(now));
        if self.shared.plan.signals {
            self.on_host(host, |_, _| {
                // A process without a handler works on, as the first one of a container does.
                interpose::deliver(libc::SIGTERM);
            });
            self.note_woken(None);
        }
        let host = self.machines[host].seam.id;
        self.shared.record(What::Host { host, state: HostState::Terminating });
    }

    /// Changes what the clocks of a host show, from what its process has seen of them already on.
    /// When its next timer fires is to be seen anew.
    fn change_clocks(&mut self, host: usize, now: u64, change: impl FnOnce(&Clocks, u64)) {
        let machine = &self.machines[host];
        change(&machine.seam.clocks, now.max(machine.blocked_until));
        if machine.is_running() {
            self.set_deadline(host, Some(now));
        }
    }

    /// Kills the process of a host, if there is one.
    pub(super) fn crash(&mut self, host: usize, now: u64) {
        if self.machines[host].is_running() {
            self.kill(host, HostState::Crashed, now);
            let host = self.machines[host].seam.id;
            self.shared.record(What::Host { host, state: HostState::Crashed });
            self.report_end(host, "killed");
        }
    }

    fn resume(&mut self, host: usize, now: u64) {
        let machine = &mut self.machines[host];
        let Some(since) = machine.paused_since.take() else { return };
        machine.state = HostState::Up;
        machine.seam.delay_work(now - since);
        let id = machine.seam.id;
        interpose::pause_threads(id, false);
        self.shared.record(What::Host { host: id, state: HostState::Up });
        self.set_deadline(host, Some(now));
    }

    fn turn_crash_loop(&mut self, number: u16, up: bool, now: u64) {
        if !self.shared.is_active(number) {
            return;
        }
        let fault = &self.shared.plan.faults[usize::from(number)];
        let FaultKind::CrashLoop { up: up_for, down: down_for } = fault.kind else { return };
        let Some(host) = self.host_of(&fault.target) else { return };
        let next = if up {
            let managed = self.guests.manages(self.machines[host].seam.id);
            if !managed && !self.machines[host].is_running() {
                self.start(host, now);
            }
            now + nanos(up_for)
        } else {
            self.shared.affect(number, u64::from(self.machines[host].is_running()));
            self.crash(host, now);
            now + nanos(down_for)
        };
        self.agenda.entry(next).or_default().push(Action::Loop { fault: number, up: !up });
    }

    fn host_of(&self, target: &Target) -> Option<usize> {
        match target {
            Target::Host { host, .. } => self.shared.plan.topology.index_of(host),
            Target::Between { .. } | Target::Load => None,
        }
    }
}

/// A count as the value of a gauge.
#[expect(clippy::cast_precision_loss, reason = "tasks, sockets and megabytes are far below 2^53")]
fn real(count: u64) -> f64 {
    count as f64
}
