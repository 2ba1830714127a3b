//! What the plan breaks, on real processes.

use squall_reports::record::{EndCause, HostState};

use super::{Machines, Performance, Step};
use crate::backend::real::machines::not_performed;
use crate::plan::{DiskFault, Fault, FaultKind, NetworkFault, ProcessFault, Target, nanos};

impl<M: Machines> Performance<'_, M> {
    pub(super) fn host_of(&self, target: &Target) -> Option<u16> {
        self.shared.plan.host_of(target)
    }

    pub(super) async fn inject(&mut self, number: u16) {
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
            FaultKind::Disk(DiskFault::Full) => self.fill_disk(number, &fault).await,
            FaultKind::Disk(_) | FaultKind::Clock(_) | FaultKind::Names(_) => {
                unreachable!("what processes lack is told before the run")
            }
        }
    }

    pub(super) async fn inject_network(&self, number: u16, fault: &Fault) {
        let injected = self.shared.network.inject(number, fault).await;
        self.count(number, injected.map(|()| 0));
    }

    pub(super) async fn inject_process(&mut self, number: u16, fault: &Fault, kind: &ProcessFault) {
        let Some(host) = self.host_of(&fault.target) else { return };
        let is_up = u64::from(self.is_up(host));
        match *kind {
            ProcessFault::Crash => {
                self.shared.affect(number, is_up);
                self.crash(host).await;
            }
            ProcessFault::PowerLoss => {
                // Silent first: the rest takes its time.
                self.inject_network(number, fault).await;
                if self.machines.has_files(host).await {
                    let limit = format!(
                        "{} could not be performed: the process has written files, and what it did \
                         not sync would survive here; only a simulation can show what is lost",
                        fault.label()
                    );
                    return self.shared.stop(EndCause::LimitReached { limit });
                }
                self.shared.affect(number, is_up);
                if is_up == 1 {
                    // It is killed at the heal: of an end now its peers would hear, since a proxy passes
                    // it on.
                    if let Err(error) = self.machines.pause(host).await {
                        return self.shared.stop(not_performed(&fault.label(), &error));
                    }
                    self.enter(host, HostState::PoweredOff);
                    self.report_end(host, "power loss");
                }
            }
            ProcessFault::CrashLoop { .. } => self.turn_crash_loop(number, false).await,
            ProcessFault::Restart { grace } => {
                self.shared.affect(number, is_up);
                self.terminate(host).await;
                let incarnation = self.machines.incarnation(host);
                let at = self.shared.now() + nanos(grace);
                let kill = Step::Kill { host, incarnation };
                self.agenda.entry(at).or_default().push(kill);
            }
            ProcessFault::Pause => {
                if is_up == 1 {
                    if let Err(error) = self.machines.pause(host).await {
                        return self.shared.stop(not_performed(&fault.label(), &error));
                    }
                    self.shared.affect(number, 1);
                    self.enter(host, HostState::Paused);
                }
            }
            ProcessFault::SlowCpu { factor } => {
                let cores = self.shared.plan.topology.hosts[usize::from(host)].cores;
                let slowed = self.machines.slow(number, host, cores, factor).await;
                if let Err(error) = slowed {
                    self.shared.stop(not_performed(&fault.label(), &error));
                }
            }
            ProcessFault::TornWrite => {
                unreachable!("what processes lack is told before the run")
            }
        }
    }

    /// Undoes what a fault does. It is healed when that is done, which takes its time.
    pub(super) async fn heal(&mut self, number: u16) {
        let fault = self.shared.plan.faults[usize::from(number)].clone();
        if let FaultKind::Network(_) = fault.kind {
            let healed = self.shared.network.heal(number).await;
            self.count(number, healed);
        }
        self.make_room(number).await;
        if let (FaultKind::Process(kind), Some(host)) = (&fault.kind, self.host_of(&fault.target)) {
            self.heal_process(number, kind, host).await;
        }
        self.shared.set_active(number, false);
    }

    async fn heal_process(&mut self, number: u16, kind: &ProcessFault, host: u16) {
        let managed = self.shared.is_pod(host);
        match kind {
            ProcessFault::Crash | ProcessFault::CrashLoop { .. } => {
                if !managed && !self.machines.is_running(host) {
                    self.start_again(host).await;
                }
            }
            ProcessFault::PowerLoss => {
                self.unplug(host).await;
                // What was on its way to it is to nobody any more.
                let healed = self.shared.network.heal(number).await;
                self.count(number, healed.map(|_| 0));
                if !managed && !self.machines.is_running(host) {
                    self.start_again(host).await;
                }
            }
            ProcessFault::Restart { .. } => {
                if !managed {
                    self.crash(host).await;
                    self.start_again(host).await;
                }
            }
            ProcessFault::Pause => {
                if self.states[usize::from(host)] == HostState::Paused {
                    self.machines.resume(host).await;
                    self.enter(host, HostState::Up);
                }
            }
            ProcessFault::SlowCpu { .. } => self.end_slow(number).await,
            ProcessFault::TornWrite => {}
        }
    }

    /// Counts what a fault has affected, or ends the run with what went wrong.
    pub(super) fn count(&self, number: u16, affected: Result<u64, squall_proxy::ClientError>) {
        match affected {
            Ok(affected) => self.shared.affect(number, affected),
            Err(error) => {
                let label = self.shared.plan.faults[usize::from(number)].label();
                let limit = format!("the proxy did not do what {label} needs: {error}");
                self.shared.stop(EndCause::LimitReached { limit });
            }
        }
    }

    async fn fill_disk(&mut self, number: u16, fault: &Fault) {
        let Some(host) = self.host_of(&fault.target) else { return };
        if let Err(error) = self.machines.fill_disk(number, host).await {
            self.shared.stop(not_performed(&fault.label(), &error));
        }
    }

    /// There is room on the disk that this fault has filled, if it has filled one.
    pub(super) async fn make_room(&mut self, number: u16) {
        let fault = self.shared.plan.faults[usize::from(number)].clone();
        let Some(host) = self.host_of(&fault.target) else { return };
        match self.machines.make_room(number, host).await {
            Ok(refused) => self.shared.affect(number, refused),
            Err(error) => {
                self.shared.stop(not_performed(&format!("the end of {}", fault.label()), &error))
            }
        }
    }

    /// A process has all processors again.
    pub(super) async fn end_slow(&mut self, number: u16) {
        let throttled = self.machines.end_slow(number).await;
        self.shared.affect(number, throttled);
    }

    pub(super) async fn turn_crash_loop(&mut self, number: u16, up: bool) {
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
            if !self.shared.is_pod(host) && !self.machines.is_running(host) {
                self.start_again(host).await;
            }
            up_for
        } else {
            self.shared.affect(number, u64::from(self.is_up(host)));
            self.crash(host).await;
            down_for
        };
        let at = self.shared.now() + nanos(next);
        self.agenda.entry(at).or_default().push(Step::Loop { fault: number, up: !up });
    }

    pub(super) async fn turn_flap(&mut self, number: u16, down: bool) {
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
}
