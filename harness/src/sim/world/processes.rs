//! The processes of pods: started and ended as the orchestrator says, and with their node.

use squall_reports::record::{EventKind, HostState};

use super::World;
use crate::run::command::Command;

impl World {
    /// Does what is wanted of processes.
    pub(super) fn apply_commands(&mut self, now: u64) {
        loop {
            let commands = self.guests.take_commands();
            if commands.is_empty() {
                return;
            }
            for command in commands {
                match command {
                    Command::Start { host, service: name, config } => {
                        let index = usize::from(host);
                        let mut service = None;
                        self.on_host(index, |world, _| {
                            let start = world.services.start(&name, &config);
                            service = Some(start);
                        });
                        // With a wrong configuration it ends as soon as it has read it.
                        let (service, wrong) = match service {
                            Some(Ok(service)) => (Some(Ok(service)), None),
                            Some(Err(error)) => (None, Some(error)),
                            None => (None, None),
                        };
                        self.start_process(index, service, now);
                        self.guests.started(host);
                        if let Some(error) = wrong {
                            self.exit(host, &error.to_string(), now);
                        }
                    }
                    Command::Terminate { host } => self.terminate(usize::from(host), now),
                    Command::Kill { host } => self.crash(usize::from(host), now),
                }
            }
            self.note_woken(None);
        }
    }

    /// The process of a host has ended: if it is a pod, those who look after it learn of it now.
    pub(super) fn report_end(&mut self, host: u16, how: &str) {
        if self.guests.manages(host) {
            self.guests.ended(host, how);
            self.note_woken(None);
        }
    }

    /// The process of a node is gone, and with it those of its pods.
    pub(super) fn take_pods_along(&mut self, node: u16, state: HostState, now: u64) {
        for host in self.guests.fell(node) {
            if self.machines[usize::from(host)].is_running() {
                self.kill(usize::from(host), state, now);
                self.shared.record(EventKind::Host { host, state });
                self.report_end(host, "node");
            }
        }
    }
}
