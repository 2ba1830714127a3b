//! The simulation kernel: performs a plan in virtual time and makes its record.
//!
//! One thread, one run. Each host has a Tokio runtime of its own; [`interpose`](crate::interpose)
//! gives it virtual clocks and hands back its next deadline when it has nothing to do. The
//! [`World`] jumps from one instant at which something is due to the next; the network holds the
//! sockets of the hosts' kernels and carries packets between them, with the faults that act on
//! them; the OS of a host gives services their sockets, their processor time and their stop signal; the
//! observer turns their tracing into events of the record.
//!
//! The kernel knows plans and makes records. It judges nothing.

mod acting;
mod clocks;
mod disk;
pub(crate) mod guests;
pub(crate) mod host_os;
mod machine;
mod net;
pub(crate) mod observe;
pub(crate) mod panics;
pub(crate) mod shared;
mod timers;
pub(crate) mod world;

#[cfg(test)]
mod tests;
