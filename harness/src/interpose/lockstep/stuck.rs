//! What the thread of a run is stuck in, for those who wait for its record in vain.

use std::{
    cell::RefCell,
    fs,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI32, Ordering},
    },
};

use libc::c_int;

use crate::interpose::{real::really, system_calls};

thread_local! {
    static OWN: RefCell<Option<Stuck>> = const { RefCell::new(None) };
}

/// What is known of the thread of a run from outside of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stuck(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    /// The number that the kernel has for the thread.
    thread: AtomicI32,
    /// What it waits for, which nobody can bring about.
    waits: Mutex<Option<String>>,
}

impl Stuck {
    /// From now on it is this thread that is looked at.
    pub(crate) fn watch_this_thread(&self) {
        // SAFETY: it only says a number.
        let thread = unsafe { really(libc::SYS_gettid, [0; 5]) };
        self.0.thread.store(c_int::try_from(thread).unwrap_or(0), Ordering::Relaxed);
        OWN.set(Some(self.clone()));
    }

    /// Why there is no record, as far as is known.
    pub(crate) fn reason(&self) -> String {
        self.waits().unwrap_or_else(|| match called(self.0.thread.load(Ordering::Relaxed)) {
            Some(call) => format!("the thread of the run waits in the system call {call}"),
            None => "a task on some host never yields".to_owned(),
        })
    }

    /// What it waits for that nobody in the run can bring about, if it does.
    pub(crate) fn waits(&self) -> Option<String> {
        self.0.waits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The thread of the run waits for what nobody can bring about, or no longer does.
pub(crate) fn note(what: Option<String>) {
    OWN.with_borrow(|own| {
        if let Some(Stuck(known)) = own {
            *known.waits.lock().unwrap_or_else(PoisonError::into_inner) = what;
        }
    });
}

/// What a thread of this process does now: it runs, or waits in a system call.
pub(crate) fn doing(thread: c_int) -> String {
    called(thread)
        .map_or_else(|| "runs".to_owned(), |call| format!("waits in the system call {call}"))
}

/// The system call of the machine that a thread of this process is in.
fn called(thread: c_int) -> Option<&'static str> {
    let found = fs::read_to_string(format!("/proc/self/task/{thread}/syscall")).ok()?;
    system_calls::name(found.split_whitespace().next()?.parse().ok()?)
}
