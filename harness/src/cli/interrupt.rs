//! Ctrl-C: the runs that are going on end, and what they have so far is kept.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Set once the process was interrupted. A second interrupt ends it at once.
pub(super) fn watch() -> Arc<AtomicBool> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    // A thread of its own, which ends with the process. Without it Ctrl-C just ends the process,
    // which is what it does everywhere else.
    let _ = std::thread::Builder::new().name("interrupt".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            if tokio::signal::ctrl_c().await.is_ok() {
                flag.store(true, Ordering::Relaxed);
            }
            if tokio::signal::ctrl_c().await.is_ok() {
                std::process::exit(130);
            }
        });
    });
    interrupted
}
