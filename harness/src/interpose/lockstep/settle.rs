//! Letting the threads of a run move, one at a time, until each of them waits or has ended.

#[cfg(test)]
use std::cell::Cell;
use std::sync::atomic::Ordering;

use super::stuck;
use crate::interpose::{
    blocked::blocked,
    clocks::{Clock, now},
    descriptors,
    program::{statics, take_turn},
    threads::{Child, Family, Job, KERNELS, family, kernel, lock},
};

/// Has each thread that the run of this thread starts call this first.
pub(crate) fn on_each_thread(call: impl Fn() + Send + Sync + 'static) {
    if let Some(family) = family() {
        family.call_first(Box::new(call));
    }
}

/// Lets the other threads of this run, of one host or all, move until each of them waits or has
/// ended. Did any?
pub(crate) fn settle_family(family: &Family, host: Option<u16>) -> bool {
    let mut moved = false;
    loop {
        note_outside(family);
        look_at_descriptors(family, host);
        let next = {
            let mut state = family.state();
            let next = state.next(host);
            if let Some(child) = &next {
                let clock =
                    KERNELS.with_borrow(|kernels| Some(kernels.get(&child.number)?.clock()));
                state.now = now();
                state.clock = clock.unwrap_or(Clock::RIGHT);
            }
            next
        };
        let Some(child) = next else { return moved };
        moved = true;
        if !let_move(family, &child) {
            return moved;
        }
        let number = child.number;
        if family.state().bury(number) {
            KERNELS.with_borrow_mut(|kernels| kernels.remove(&number));
        }
    }
}

/// So many milliseconds of real time a thread may compute without a wait.
const PATIENCE_MS: u32 = 60_000;

#[cfg(test)]
thread_local! {
    /// What tests have instead.
    pub(crate) static PATIENCE: Cell<u32> = const { Cell::new(PATIENCE_MS) };
}

#[cfg(test)]
fn patience_ms() -> u32 {
    PATIENCE.get()
}

#[cfg(not(test))]
fn patience_ms() -> u32 {
    PATIENCE_MS
}

/// Gives a thread up, unless it has handed the baton back just now. Was it given up?
pub(crate) fn lose(family: &Family, child: &Child) -> bool {
    let mut lost = lock(&child.lost);
    *lost = !family.lead.has_come();
    *lost
}

/// Hands the baton to a thread, and performs what it asks, until it waits or ends. False if it does
/// neither.
fn let_move(family: &Family, child: &Child) -> bool {
    let number = child.number;
    // Its host may not be the one whose code runs.
    let image = KERNELS.with_borrow(|kernels| kernels.get(&number)?.image());
    let _turn = image.map(|image| take_turn(true, Some(image)));
    loop {
        child.baton.hand_over();
        if !family.lead.await_it_for(patience_ms()) && lose(family, child) {
            let (name, host) = (name_of(family, number), family.state().host_of(number));
            family.state().abandon(number);
            let does = stuck::doing(child.thread.load(Ordering::Relaxed));
            blocked(host, &format!("its thread {name} {does}, and neither waits nor ends"));
            return false;
        }
        let job = family.state().job.take();
        let Some(Job { call, of_descriptors }) = job else { return true };
        let allowed = family.state().may_call(number);
        match allowed {
            // SAFETY: it lives while its thread waits for the baton.
            Ok(()) => perform(family, number, unsafe { &mut *call }),
            // SAFETY: as above.
            Err(true) if of_descriptors => perform(family, number, unsafe { &mut *call }),
            Err(true) => {}
            Err(false) => {
                family.state().abandon(number);
                return true;
            }
        }
    }
}

/// Lets the other threads of the host whose code runs move until each of them waits or has ended.
/// Did any?
pub(crate) fn settle() -> bool {
    let Some(family) = family() else { return false };
    settle_family(&family, kernel().map(|kernel| kernel.host()))
}

/// Performs the call of a thread on behalf of its host. It cannot move meanwhile, even if the call
/// waits for another one.
fn perform(family: &Family, number: u64, job: &mut dyn FnMut()) {
    let kernel = KERNELS.with_borrow(|kernels| kernels.get(&number).cloned());
    family.state().stand_still(number, true);
    match kernel {
        Some(kernel) => kernel.on_behalf(job),
        None => job(),
    }
    family.state().stand_still(number, false);
}

/// The name that a thread was given.
fn name_of(family: &Family, number: u64) -> String {
    let thread = family.state().thread(number);
    let mut name = [0_u8; 16];
    if let Some(thread) = thread {
        // SAFETY: the thread lives, and there is room for the longest name.
        unsafe { libc::pthread_getname_np(thread, name.as_mut_ptr().cast(), name.len()) };
    }
    let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    format!("{:?}", String::from_utf8_lossy(&name[..length]))
}

/// Somebody outside of the run has ended the wait of one of its threads, at a time that no seed
/// decides. That is no matter for a lock in static memory, which all runs have in common.
fn note_outside(family: &Family) {
    for word in family.take_from_outside() {
        let Some(number) = family.state().first_waiting_for(word) else { continue };
        if statics::contain(word) {
            family.state().wake(word, usize::MAX);
            continue;
        }
        let (name, host) = (name_of(family, number), family.state().host_of(number));
        blocked(
            host,
            &format!(
                "its thread {name} waited for what another run of this process holds: a run cannot \
                 simulate what it shares with others; give each a process of its own"
            ),
        );
        family.state().wake(word, usize::MAX);
    }
}

/// Ends the waits for descriptors that something has happened to.
fn look_at_descriptors(family: &Family, host: Option<u16>) {
    let waiting = family.state().awaited(host);
    for (number, wanted) in waiting {
        let happened = wanted.iter().any(|(fd, events)| match descriptors::get(*fd) {
            Ok(object) => {
                descriptors::mask(&object, *events) & (events | libc::EPOLLERR | libc::EPOLLHUP)
                    != 0
            }
            // Closed meanwhile: the call finds that out.
            Err(_) => true,
        });
        if happened {
            family.state().wake_member(number);
        }
    }
}

/// When a thread of this run has something to do: now, if one is ready.
pub(crate) fn next_due() -> Option<u64> {
    let family = family()?;
    let state = family.state();
    if state.is_ready() { Some(now()) } else { state.next_due(None) }
}

/// Lets the threads move whose time is up by `now`.
pub(crate) fn run_due(now: u64) {
    let Some(family) = family() else { return };
    family.state().wake_due(now);
    settle_family(&family, None);
}

/// The threads of a host stand still, or go on.
pub(crate) fn pause(host: u16, paused: bool) {
    if let Some(family) = family() {
        family.state().pause(host, paused);
    }
}

/// The process of a host is gone. Its threads come to their ends if they are about to, and never
/// move again if not; the kernel does nothing for them any more.
pub(crate) fn retire(host: u16) {
    let Some(family) = family() else { return };
    family.state().condemn(host);
    settle_family(&family, Some(host));
    let left = family.state().condemned(host);
    for number in left {
        family.state().abandon(number);
        KERNELS.with_borrow_mut(|kernels| kernels.remove(&number));
    }
}
