//! The operating system under the code of a run, taken over from libc.
//!
//! Unmodified Tokio and unmodified services read time through `clock_gettime`, wait in
//! `epoll_wait`, speak through sockets, start threads and draw randomness from `getrandom`. This
//! module defines those symbols in the final executable, ahead of libc's. On the thread of a run,
//! and on those that the code of the run has started, they answer from the simulation; on all
//! others they pass the call on to libc, found with `dlsym(RTLD_NEXT)`.
//!
//! These modules are the only ones of Squall with `unsafe` code. They know nothing of links or
//! faults: [`Session`] switches them on for the current thread, [`enter`] says whose [`Kernel`] is
//! called by the code that runs now, [`use_clock`] how far its clocks are off, and the free
//! functions set and read the few cells they work from.
//!
//! Each layer knows those before it only. At the bottom is what knows no run: [`real`], [`answers`],
//! [`system_calls`], [`program`], [`stopping`], [`no_space`]. Then come the cells of a thread: [`clocks`], [`seeded`], [`idle`],
//! [`blocked`]; what is asked of a host: [`kernel`]; who moves: [`threads`]; what there is to be asked for:
//! [`descriptors`]; how it is waited for: [`lockstep`]; and the functions of libc themselves: [`calls`].
//! At the top are what answers system calls past libc, [`filter`], and the [`session`].

#![expect(unsafe_code, reason = "redefines functions of libc, which is what this module is for")]

mod allocator;
mod answers;
mod blocked;
mod calls;
mod clocks;
mod descriptors;
mod filter;
mod idle;
mod kernel;
mod lockstep;
mod no_space;
mod program;
mod real;
mod refusal;
mod seeded;
mod session;
mod stopping;
mod system_calls;
#[cfg(test)]
mod tests;
mod threads;

pub use allocator::CountingAllocator;
pub(crate) use allocator::{
    count_process, live as live_bytes, live_of_process as live_bytes_of_process,
};
pub(crate) use blocked::{Blocked, take_blocked};
pub(crate) use calls::process::signals::deliver;
pub(crate) use clocks::{
    Clock, Readings, now, set_now, take_wrong_readings, use_clock, wall_clock,
};
pub(crate) use descriptors::{notify, take_hosts};
pub(crate) use idle::{expect_idle, idle_for};
pub(crate) use kernel::{
    DiskAnswer, DiskRequest, FileStatus, Kernel, Readiness, SocketOption, SocketOptionName,
};
pub(crate) use lockstep::{
    Stuck, next_due, on_each_thread, pause as pause_threads, retire as retire_threads, run_due,
};
pub(crate) use no_space::count_in as count_refused_writes_in;
pub(crate) use program::{Image, prepare_signals, take_turn};
pub(crate) use real::real_now;
pub(crate) use session::{Parts, Session};
pub(crate) use stopping::watch as watch_for_stop;
pub(crate) use threads::{active, at_kernel, enter, in_run, is_child, lend};
