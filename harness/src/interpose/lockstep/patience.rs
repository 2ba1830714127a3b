//! How long threads of a run wait in real time, for what threads of other runs may be about to do, and
//! how the thread of the run waits in virtual time.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{settle::settle_family, stuck};
use crate::interpose::{
    blocked::blocked,
    clocks::advance_to,
    program::statics,
    real::{real_pause, real_wait, real_yield},
    refusal,
    threads::{Family, kernel, others_run},
};

/// How often a thread of a run lets threads of other runs go first, and then for how many
/// milliseconds it waits for them in real time: none of them holds a lock for long.
const YIELDS: u32 = 1_000;
const PAUSES: u32 = 1_000;
/// The same, if there is no other run: threads of none hold locks as well, but then it is more likely
/// that one of this run does.
const PAUSES_ALONE: u32 = 100;

/// For how many milliseconds a thread of a run waits in real time for a lock that somebody outside of
/// the run has: whoever has it that long does not hold it for a moment.
const PAUSES_OUTSIDE: u32 = 10_000;

/// Waits in real time for what somebody outside of the run is about to give back. Is it done?
pub(crate) fn await_outside(mut done: impl FnMut() -> bool) -> bool {
    for waited in 0..YIELDS + PAUSES_OUTSIDE {
        if done() {
            return true;
        }
        if waited < YIELDS {
            real_yield();
        } else {
            real_pause();
        }
    }
    done()
}

/// Waits in real time for a word to change; not for long, unless it is known to be shared.
pub(crate) fn wait_really(word: &AtomicU32, value: u32, is_shared: bool) -> bool {
    let has_changed = || word.load(Ordering::SeqCst) != value;
    for _ in 0..YIELDS {
        if has_changed() {
            return true;
        }
        real_yield();
    }
    // Threads of the process that are of no run hold such a lock for moments, too.
    let pauses = match (is_shared, others_run()) {
        (true, true) => PAUSES,
        (true, false) => PAUSES_ALONE,
        (false, _) => 0,
    };
    for _ in 0..pauses {
        // Whoever gives a lock back that others want as well finds the word as it was before.
        if has_changed() || real_wait(word, value) {
            return true;
        }
    }
    has_changed()
}

/// The thread of the run waits: the other threads of its host move, and if none of them can, the
/// host does nothing until one can. False if the time is up.
pub(crate) fn lead_waits(
    family: &Family,
    what: &str,
    word: Option<usize>,
    until: Option<u64>,
    is_over: impl Fn() -> bool,
) -> bool {
    if let Some(word) = word {
        family.note_word(word, true);
        family.state().lead_waits(word, true);
    }
    let told = Cell::new(false);
    let in_time = lead_waits_until(family, (what, &told), word, until, || {
        family.state().lead_was_woken() || is_over()
    });
    if told.get() {
        stuck::note(None);
    }
    if let Some(word) = word {
        family.note_word(word, false);
        family.state().lead_waits(word, false);
    }
    in_time
}

fn lead_waits_until(
    family: &Family,
    (what, told): (&str, &Cell<bool>),
    word: Option<usize>,
    until: Option<u64>,
    is_over: impl Fn() -> bool,
) -> bool {
    let host = kernel().map(|kernel| kernel.host());
    let mut waited = 0;
    loop {
        if is_over() {
            return true;
        }
        if settle_family(family, host) {
            continue;
        }
        let next = [family.state().next_due(host), until].into_iter().flatten().min();
        // In other runs, and in this one's own libraries, somebody may hold a lock for a moment.
        let is_shared = word.is_some_and(statics::contain);
        let most = match (is_shared, others_run()) {
            // Nobody of this run has it: none of them will ever move.
            (true, _) if next.is_none() => PAUSES_OUTSIDE,
            (_, true) => PAUSES,
            (true, false) => PAUSES_ALONE,
            (false, false) => 0,
        };
        if word.is_some() && waited < most {
            waited += 1;
            real_pause();
            continue;
        }
        let Some(next) = next else {
            if !told.replace(true) {
                let what = format!(
                    "it waits for {what} on the thread of its runtime, which nobody in the run can \
                     bring about{}",
                    refusal::asked_by()
                );
                blocked(host, &what);
                stuck::note(Some(what));
            }
            real_pause();
            continue;
        };
        advance_to(next);
        family.state().wake_due(next);
        if until.is_some_and(|until| until <= next) && !settle_family(family, host) && !is_over() {
            return false;
        }
    }
}
