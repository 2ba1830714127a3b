//! Ctrl-C, SIGTERM, with which CI systems cancel, or SIGHUP, when a terminal is closed: the runs that
//! are going on end, and what they have so far is kept.

use std::{
    io,
    sync::{Arc, atomic::AtomicBool},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::interpose;

/// The ways in which a process is asked to stop that makes no runs.
pub(super) struct Asked {
    terminate: Signal,
    interrupt: Signal,
    /// Not there in a process that `nohup` has started: it is to outlive its terminal.
    hangup: Option<Signal>,
}

impl Asked {
    /// Listens from now on; needs a runtime with I/O.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    /// Waits until the process is asked.
    pub(super) async fn stopped(&mut self) {
        let Self { terminate, interrupt, hangup } = self;
        let hung_up = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hung_up => {}
        }
    }
}

/// Was this process started with SIGHUP ignored?
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignored_in(&status) & (1 << (SignalKind::hangup().as_raw_value() - 1)) != 0
}

/// The mask of ignored signals in the text of a `/proc/PID/status`.
fn ignored_in(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Set once the process was asked to stop, while runs go on. A second signal ends it at once.
pub(super) fn watch() -> Arc<AtomicBool> {
    let [terminate, interrupt, hangup] =
        [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()]
            .map(|kind| kind.as_raw_value());
    let all = [terminate, interrupt, hangup];
    let wanted = if ignores_hangup() { &all[..2] } else { &all };
    // Where signals cannot be handled, one just ends the process, as it does everywhere else.
    interpose::watch_for_stop(wanted).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::ignored_in;

    #[test]
    fn the_mask_of_ignored_signals_is_found() {
        let status = "Name:\tsquall\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001001\n";
        assert_eq!(ignored_in(status), 0x1001);
        assert_eq!(ignored_in(""), 0);
    }
}
