//! How a thread that the code of a run has started hands the baton over: to ask where the kernel is, or
//! to wait.

use std::{cell::Cell, io, sync::MutexGuard};

use super::{
    family::{Child, Family, Job, Wait, lock},
    here::{CHILD, family},
};
use crate::interpose::{answers::bad, blocked::blocked, clocks, real::real_pause};

thread_local! {
    /// How often the thread has let others go first since it last did something else.
    static YIELDED: Cell<u32> = const { Cell::new(0) };
}

/// Performs a call where the simulated kernel is.
///
/// # Errors
///
/// Those of the call, and `EBADF` when the process is no more.
pub(crate) fn at_kernel<R: Send>(act: impl FnOnce() -> io::Result<R> + Send) -> io::Result<R> {
    match CHILD.get() {
        None => act(),
        Some(child) => child.ask(act, false),
    }
}

/// Does something where the descriptors of the run are.
///
/// # Errors
///
/// Those of what is done.
pub(crate) fn at_descriptors<R: Send>(act: impl FnOnce() -> io::Result<R> + Send) -> io::Result<R> {
    match CHILD.get() {
        None => act(),
        Some(child) => child.ask(act, true),
    }
}

impl Child {
    /// Asks for something to be done where the kernel is, and waits until it has been.
    pub(crate) fn ask<R: Send>(
        &self,
        act: impl FnOnce() -> io::Result<R> + Send,
        of_descriptors: bool,
    ) -> io::Result<R> {
        let (mut act, mut result) = (Some(act), None);
        let mut perform = || result = act.take().map(|act| act());
        let call: *mut (dyn FnMut() + Send + '_) = &raw mut perform;
        // SAFETY: only the lifetime changes, and this thread waits until the job is done.
        let call: *mut (dyn FnMut() + Send) = unsafe { std::mem::transmute(call) };
        self.pass(|family| family.state().job = Some(Job { call, of_descriptors }));
        result.unwrap_or_else(|| Err(bad()))
    }

    /// Waits, unless that is over already. False if it was only for the time.
    pub(crate) fn wait(&self, wait: Wait, is_over: impl Fn() -> bool) -> bool {
        let word = wait.word;
        drop(self.hold());
        if let Some(word) = word {
            self.family.note_word(word, true);
            // Somebody outside of the run may have ended it before that.
            if is_over() {
                self.family.note_word(word, false);
                return true;
            }
        }
        self.pass(|family| family.state().wait(self.number, wait));
        if let Some(word) = word {
            self.family.note_word(word, false);
        }
        self.family.state().was_woken(self.number)
    }

    /// Says what is wanted, hands the baton back, and waits to get it again.
    fn pass(&self, say: impl FnOnce(&Family)) {
        let held = self.hold();
        say(&self.family);
        self.family.lead.hand_over();
        drop(held);
        self.baton.await_it();
        self.resume();
    }

    /// The right to touch what is the run's, which a thread that was given up has no more: it never
    /// moves again.
    pub(crate) fn hold(&self) -> MutexGuard<'_, bool> {
        let held = lock(&self.lost);
        if *held {
            drop(held);
            loop {
                real_pause();
            }
        }
        held
    }

    pub(crate) fn resume(&self) {
        let state = self.family.state();
        clocks::resume(state.now, state.clock);
        YIELDED.set(0);
    }
}

/// Does something where the run is, on behalf of one of its threads; `None` if the process of that
/// thread is no more.
pub(crate) fn lend<R>(act: impl FnOnce() -> R) -> Option<R> {
    let Some(child) = CHILD.get() else { return Some(act()) };
    let (mut result, mut act) = (None, Lent(Some(act)));
    let place = Lent(&raw mut result);
    child
        .ask(
            move || {
                let (act, place) = (act.take(), place);
                // SAFETY: its owner waits until this is over.
                unsafe { *place.0 = act.map(|act| act()) };
                Ok(())
            },
            false,
        )
        .ok()?;
    result
}

/// What crosses to the thread of the run and back while its owner stands still: at no time do two
/// threads touch it.
struct Lent<T>(T);

// SAFETY: see above.
unsafe impl<T> Send for Lent<T> {}

impl<T> Lent<Option<T>> {
    fn take(&mut self) -> Option<T> {
        self.0.take()
    }
}

/// The code of this thread has done something that the run cannot go on from.
pub(crate) fn block(what: &str) {
    match CHILD.get() {
        None => blocked(None, what),
        Some(child) => {
            let number = child.number;
            let tell = || {
                let host = family().and_then(|family| family.state().host_of(number));
                blocked(host, what);
                Ok(())
            };
            // A thread whose process is gone has nobody to tell.
            let _ = child.ask(tell, false);
        }
    }
}

/// This thread lets others go first. How often in a row has it done so?
pub(crate) fn count_yield() -> u32 {
    let yielded = YIELDED.get().saturating_add(1);
    YIELDED.set(yielded);
    yielded
}
