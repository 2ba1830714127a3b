//! Panics of simulated code: taken note of instead of printed.

use std::{cell::RefCell, panic, sync::Once};

use super::shared;
use crate::interpose;

thread_local! {
    static LAST: RefCell<Option<(u16, String)>> = const { RefCell::new(None) };
}

/// From now on, a panic on a thread of a run is kept for [`take`]. All others go to the hook that was
/// there before.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !interpose::in_run() {
                return before(info);
            }
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let text = text.unwrap_or("a panic without a text");
            let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line()));
            let message = format!("{text}{}", place.unwrap_or_default());
            let note = move || {
                let host = shared::current().map_or(0, |shared| shared.host());
                LAST.with_borrow_mut(|last| {
                    last.get_or_insert((host, message));
                });
                Ok(())
            };
            // A thread whose process is gone tells nobody.
            let _ = interpose::at_kernel(note);
        }));
    });
}

/// The first panic of this thread's run since the last call, and whose it was.
pub(crate) fn take() -> Option<(u16, String)> {
    LAST.take()
}
