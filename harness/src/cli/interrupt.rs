//! Ctrl-C, SIGTERM, with which CI systems cancel, or SIGHUP, when a terminal is closed: the runs that
//! are going on end, and what they have so far is kept.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The ways in which a process is asked to stop.
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

/// Set once the process was asked to stop. A second signal ends it at once.
pub(super) fn watch() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    let (listens, listening) = mpsc::channel();
    // A thread of its own, which ends with the process. Without it a signal just ends the process,
    // which is what it does everywhere else.
    let _ = std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let Ok(mut asked) = Asked::listen() else { return };
            // Nobody waits any more only if the process ends.
            let _ = listens.send(());
            for is_second in [false, true] {
                asked.stopped().await;
                if is_second {
                    std::process::exit(130);
                }
                flag.store(true, Ordering::Relaxed);
            }
        });
    });
    // From here on a signal is noticed, or never is: then the sender is gone.
    let _ = listening.recv();
    interrupted
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
