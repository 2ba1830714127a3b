//! What the processes of a run's hosts run on: this machine, or containers.

use squall_reports::record::EndCause;

use super::{exit::Exit, start::Start};

/// What runs the processes of hosts, one each at a time.
///
/// What is refused by the system is told in a sentence.
pub(in crate::backend) trait Machines {
    /// Makes what hosts need before their first process.
    async fn prepare(&mut self) -> Result<(), String>;

    /// Starts the process of a host that has none.
    async fn start(&mut self, host: u16, start: Start) -> Result<(), String>;

    fn is_running(&self, host: u16) -> bool;

    /// Which process of the host's it is, counted from 1.
    fn incarnation(&self, host: u16) -> u64;

    /// The end of what the process of a host has written so far.
    async fn output(&self, host: u16) -> String;

    /// Takes note that a process has ended; false if it is not the one that the host has now.
    fn ended(&mut self, exit: &Exit) -> bool;

    /// Asks the process of a host to stop, if it has one.
    async fn terminate(&mut self, host: u16);

    /// Kills the process of a host, if it has one; its end is not told then.
    async fn kill(&mut self, host: u16);

    /// Stops and resumes the process of a host, if it has one.
    async fn pause(&mut self, host: u16) -> Result<(), String>;
    async fn resume(&mut self, host: u16);

    /// Have the processes of a host written files, which would survive a loss of power?
    async fn has_files(&self, host: u16) -> bool;

    /// The process of a host has `1 / factor` of the processor time of `cores` for a fault.
    async fn slow(&mut self, fault: u16, host: u16, cores: u16, factor: f64) -> Result<(), String>;

    /// It has all of it again: how often did it have to wait?
    async fn end_slow(&mut self, fault: u16) -> u64;

    /// A fault leaves no room on the disk of a host.
    async fn fill_disk(&mut self, fault: u16, host: u16) -> Result<(), String>;

    /// There is room again, if the fault had taken it: how many writes were refused?
    async fn make_room(&mut self, fault: u16, host: u16) -> Result<u64, String>;

    /// The gauges of the process of a host that the system tells; nothing if it has none.
    async fn gauges(&mut self, host: u16) -> Vec<(&'static str, f64)>;

    async fn kill_all(&mut self);

    /// Gives back what was made for the run.
    async fn end(self);
}

/// What became of a fault that the system did not perform.
pub(super) fn not_performed(label: &str, error: &str) -> EndCause {
    EndCause::LimitReached { limit: format!("{label} could not be performed: {error}") }
}
