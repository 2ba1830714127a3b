//! What the kernel asks of those who run on its hosts besides the services: loads, scrapes, sidecars,
//! a cluster. It knows none of them; whoever puts a simulation together does.

use crate::run::{command::Command, environment::Task};

/// Those who run on the hosts of one simulation besides its services.
pub(crate) trait Guests {
    /// Is the process of this host theirs to start? Then they are told how it ended as well, and
    /// an error of its service is theirs to deal with.
    fn manages(&self, host: u16) -> bool;

    /// What runs beside the service of a host from the start of each of its processes on.
    fn beside(&self, host: u16) -> Option<Task>;

    /// What warms the services up from a host.
    fn warm_up(&self, host: u16) -> Vec<Task>;

    /// What a host sends from the beginning of the load on.
    fn load(&self, host: u16) -> Vec<Task>;

    /// What reads metrics from a host.
    fn scrapes(&self, host: u16) -> Vec<Task>;

    /// What stands in front of a port of the current host, whose service listens behind it.
    fn sidecar(&self, port: u16) -> Task;

    /// What is wanted of processes since this was last asked.
    fn take_commands(&self) -> Vec<Command>;

    /// The process of a host that they manage has started.
    fn started(&self, host: u16);

    /// It has ended, and how.
    fn ended(&self, host: u16, how: &str);

    /// The process of a host is gone, and with it those of the hosts that are named.
    fn fell(&self, host: u16) -> Vec<u16>;
}
