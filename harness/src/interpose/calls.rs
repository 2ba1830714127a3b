//! The functions of libc that are redefined, a file for each family of them. In a run they answer from the
//! simulation; otherwise they pass the call on.

mod bytes;
pub(crate) mod files;
pub(crate) mod handles;
pub(crate) mod network;
mod parts;
pub(crate) mod process;
mod random;
pub(crate) mod threads;
pub(crate) mod time;
mod waiting;
