//! What the code of a run has done that it cannot go on from.

use std::cell::RefCell;

thread_local! {
    static BLOCKED: RefCell<Option<Blocked>> = const { RefCell::new(None) };
}

/// What the code of a host has done that it cannot go on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blocked {
    /// The host, if it is not the one whose code runs.
    pub(crate) host: Option<u16>,
    pub(crate) what: String,
}

/// The code of a host has done something that it cannot go on from.
pub(crate) fn blocked(host: Option<u16>, what: &str) {
    BLOCKED.with_borrow_mut(|blocked| {
        blocked.get_or_insert_with(|| Blocked { host, what: what.to_owned() });
    });
}

/// What the code of a host has done that it cannot go on from, since this was last asked.
pub(crate) fn take_blocked() -> Option<Blocked> {
    BLOCKED.take()
}
