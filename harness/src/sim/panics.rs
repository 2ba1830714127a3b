//! Panics of simulated code: taken note of instead of printed.

use std::{cell::RefCell, panic, sync::Once};

use crate::interpose;

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on, a panic on a thread that runs a simulation is kept for [`take`]. All others go
/// to the hook that was there before.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !interpose::active() {
                return before(info);
            }
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            let text = text.unwrap_or("a panic without a text");
            let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line()));
            let message = format!("{text}{}", place.unwrap_or_default());
            LAST.with_borrow_mut(|last| {
                last.get_or_insert(message);
            });
        }));
    });
}

/// The first panic of this thread's run since the last call.
pub(crate) fn take() -> Option<String> {
    LAST.take()
}
