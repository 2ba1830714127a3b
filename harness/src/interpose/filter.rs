//! System calls that go past libc: simulated as well, or refused.
//!
//! Some crates (`rustix` among them), code in assembly and libc itself make system calls that no symbol
//! stands in front of. A seccomp filter on the threads of a run turns those that matter into a
//! signal, whose handler answers them from the simulation: [`system_calls`] says which, and
//! [`perform`] how.
//! What cannot be answered ends the run: a call that reached the real network would meet neither
//! faults nor virtual time, and one that changed the real file system would outlive the run.
//!
//! [`system_calls`]: super::system_calls

mod call;
mod handler;
mod perform;
mod program;
#[cfg(test)]
mod tests;

pub(crate) use handler::install;
