//! Ctrl-C or SIGTERM, with which CI systems cancel: the runs that are going on end, and what they
//! have so far is kept.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::signal::unix::{SignalKind, signal};

/// Set once the process was asked to stop. A second signal ends it at once.
pub(super) fn watch() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    // A thread of its own, which ends with the process. Without it a signal just ends the process,
    // which is what it does everywhere else.
    let _ = std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
            let Ok(mut interrupt) = signal(SignalKind::interrupt()) else { return };
            for is_second in [false, true] {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if is_second {
                    std::process::exit(130);
                }
                flag.store(true, Ordering::Relaxed);
            }
        });
    });
    interrupted
}
