//! Who is woken when a word changes that threads of a run wait for, and who has the mutexes in static memory.

use std::{cell::Cell, sync::Arc};

use super::{
    family::{Family, lock, wake_others},
    here::{CHILD, family},
};
use crate::interpose::program::statics;

/// Does something with the threads of this run, which this thread may be given up by: then it does
/// nothing to them.
pub(crate) fn with_family<R: Default>(act: impl FnOnce(&Arc<Family>) -> R) -> R {
    let Some(family) = family() else { return R::default() };
    match CHILD.try_with(Cell::get).ok().flatten() {
        Some(child) => {
            let lost = lock(&child.lost);
            if *lost { R::default() } else { act(&family) }
        }
        None => act(&family),
    }
}

/// Wakes up to `most` threads of this run that wait for a word. How many did?
pub(crate) fn wake_waiters(word: usize, most: usize) -> usize {
    with_family(|family| family.state().wake(word, most))
}

/// Wakes up to `most` threads of this run that wait for a word, or tells other runs that it was
/// woken. How many did, of this run?
pub(crate) fn wake_waiters_anywhere(word: usize, most: usize) -> usize {
    let woken = with_family(|family| family.state().wake(word, most));
    // A word of its own nobody else waits for, if somebody of the run did.
    if woken == 0 || woken < most && statics::contain(word) {
        wake_others(family().as_ref(), word);
    }
    woken
}

/// A thread of this run has taken the mutex in static memory, or is about to give it back.
pub(crate) fn hold(mutex: usize, takes: bool) {
    with_family(|family| family.state().hold(mutex, takes));
}

/// Does a thread of this run have the mutex?
pub(crate) fn is_held(mutex: usize) -> bool {
    with_family(|family| family.state().is_held(mutex))
}
