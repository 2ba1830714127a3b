//! The calls of libc on sockets: those of the network, which the kernel of a host has, and those within a host.

mod address;
mod channels;
mod names;
mod options;
mod sockets;
mod transfer;
pub(crate) mod unix;

pub(super) use transfer::{receive, transmit};
