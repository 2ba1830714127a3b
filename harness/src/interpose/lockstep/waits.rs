//! How threads of a run wait in virtual time: for descriptors, for words, for each other, or for a time.

use std::{
    io,
    sync::atomic::{AtomicU32, Ordering},
};

use libc::c_int;

use super::patience::{lead_waits, wait_really};
use crate::interpose::{
    blocked::blocked,
    clocks::{advance_to, now},
    descriptors::await_all,
    program::statics,
    real::real_yield,
    threads::{CHILD, Wait, count_yield, family, others_run, with_family},
};

/// Waits for descriptors. False if the time is up.
///
/// # Errors
///
/// `EDEADLK` on the thread of the run, which all hosts share and which cannot wait.
pub(crate) fn wait_for(descriptors: &[(c_int, c_int)], until: Option<u64>) -> io::Result<bool> {
    let wait = Wait { descriptors: descriptors.to_vec(), until, ..Wait::default() };
    match CHILD.get() {
        Some(child) => {
            child.ask(|| await_all(descriptors, true), false)?;
            let woken = child.wait(wait, || false);
            child.ask(|| await_all(descriptors, false), true)?;
            Ok(woken)
        }
        None => {
            blocked(None, "it waits for a socket on the thread of its runtime");
            Err(io::Error::from_raw_os_error(libc::EDEADLK))
        }
    }
}

/// A thread of the code of a run sleeps until then.
pub(crate) fn sleep_until(until: u64) -> bool {
    let Some(child) = CHILD.get() else { return false };
    child.wait(Wait { until: Some(until), ..Wait::default() }, || false);
    true
}

/// A thread that sleeps instead of waiting asynchronously: the thread of a runtime keeps its host's
/// processor busy, one of its own waits.
pub(crate) fn pass_until(until: u64) {
    if !sleep_until(until) {
        advance_to(until);
    }
}

/// So often in a row a thread may let others go first before that takes virtual time: it may wait
/// for a thread of another run, which holds a lock for a moment.
const YIELDS_FREE: u32 = 64;

/// A thread lets others go first, for `moment` of virtual time if it does so for long.
pub(crate) fn give_way(moment: u64) {
    if count_yield() < YIELDS_FREE || !sleep_until(now() + moment) {
        real_yield();
    }
}

/// Waits in virtual time until a thread has ended, if it is one of this run.
pub(crate) fn await_end(thread: libc::pthread_t) {
    let Some(family) = family() else { return };
    let number = with_family(|family| family.state().number_of(thread));
    let Some(number) = number else { return };
    match CHILD.get() {
        Some(child) => {
            child.wait(Wait { end_of: Some(number), ..Wait::default() }, || false);
        }
        None => {
            let ended = || !family.state().knows(number);
            lead_waits(&family, "the end of a thread", None, None, ended);
        }
    }
}

/// Waits until a word is woken that has this value. False if the time is up.
pub(crate) fn wait_for_word(word: &AtomicU32, value: u32, until: Option<u64>) -> bool {
    let address = std::ptr::from_ref(word) as usize;
    // Who holds a lock in static memory may be a thread of another run. Of the others, the thread of
    // the run waits for those within libraries for which it is too early to say.
    let is_shared = statics::contain(address);
    let may_be_held = is_shared || others_run() && CHILD.get().is_none();
    if may_be_held && wait_really(word, value, is_shared) {
        return true;
    }
    wait_for_address("a lock, a condition or a channel", address, until, || {
        word.load(Ordering::SeqCst) != value
    })
}

/// Waits until something at an address is woken, or is so already. False if the time is up.
pub(crate) fn wait_for_address(
    what: &str,
    address: usize,
    until: Option<u64>,
    is_over: impl Fn() -> bool,
) -> bool {
    match CHILD.get() {
        Some(child) => child.wait(Wait { word: Some(address), until, ..Wait::default() }, is_over),
        None => {
            family().is_none_or(|family| lead_waits(&family, what, Some(address), until, is_over))
        }
    }
}
