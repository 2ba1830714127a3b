//! The processes of pods: started and ended as the orchestrator says, and with their node.

use squall_reports::record::{HostState, What};

use super::World;
use crate::orchestrator::{self, Command};

impl World {
    /// Does what the orchestrator wants of processes.
    pub(super) fn obey(&mut self, now: u64) {
        loop {
            let commands = self.shared.commands.take();
            if commands.is_empty() {
                return;
            }
            for command in commands {
                match command {
                    Command::Start { host, template } => {
                        let index = usize::from(host);
                        let service = self.services.start(&template.service, &template.config);
                        match service {
                            Ok(service) => self.start_process(index, Some(Ok(service)), now),
                            // As a process that ends as soon as it has read its configuration.
                            Err(error) => {
                                self.start_process(index, None, now);
                                orchestrator::container_started(host);
                                self.exit(host, &error.to_string(), now);
                                continue;
                            }
                        }
                        orchestrator::container_started(host);
                    }
                    Command::Terminate { host } => self.terminate(usize::from(host), now),
                    Command::Kill { host } => self.crash(usize::from(host), now),
                }
            }
            self.note_woken(now);
        }
    }

    /// The process of a node is gone, and with it those of its pods.
    pub(super) fn take_pods_along(&mut self, node: u16, state: HostState, now: u64) {
        for host in orchestrator::pods_on(node) {
            if self.machines[usize::from(host)].is_running() {
                self.kill(usize::from(host), state, now);
                self.shared.record(What::Host { host, state });
                orchestrator::container_ended(host, "node");
            }
        }
    }
}
