//! The calls of libc by which threads begin, end and wait for each other.

pub(crate) mod futex;
mod locks;
pub(crate) mod spawn;
