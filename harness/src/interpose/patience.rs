//! How long threads of a run wait in real time, for what threads of other runs may be about to do, and
//! how the thread of the run waits in virtual time.

use std::{
    cell::Cell,
    sync::atomic::{AtomicU32, Ordering},
};

use super::{
    family::{Family, others_run},
    futex::{real_pause, real_wait, real_yield},
    refusal, stuck,
    threads::settle_family,
};

/// How often a thread of a run lets threads of other runs go first, and then for how many
/// milliseconds it waits for them in real time: none of them holds a lock for long.
const YIELDS: u32 = 1_000;
const PAUSES: u32 = 1_000;
/// The same, if there is no other run.
const PAUSES_ALONE: u32 = 20;

/// Waits in real time for what a thread of another run may be about to give back. Is it done?
pub(super) fn try_really(mut done: impl FnMut() -> bool) -> bool {
    if !others_run() {
        return false;
    }
    for waited in 0..YIELDS + PAUSES {
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
pub(super) fn wait_really(word: &AtomicU32, value: u32, is_shared: bool) -> bool {
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
        if has_changed() {
            return true;
        }
        real_wait(word, value);
    }
    has_changed()
}

/// The thread of the run waits: the other threads of its host move, and if none of them can, the
/// host does nothing until one can. False if the time is up.
pub(super) fn lead_waits(
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
    let in_time = lead_waits_until(family, (what, &told), word.is_some(), until, || {
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
    for_word: bool,
    until: Option<u64>,
    is_over: impl Fn() -> bool,
) -> bool {
    let host = super::kernel().map(|kernel| kernel.host());
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
        if for_word && others_run() && waited < PAUSES {
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
                super::blocked(host, &what);
                stuck::note(Some(what));
            }
            real_pause();
            continue;
        };
        super::NOW_NS.set(super::NOW_NS.get().max(next));
        family.state().wake_due(next);
        if until.is_some_and(|until| until <= next) && !settle_family(family, host) && !is_over() {
            return false;
        }
    }
}
