//! The program that all runs of this process are in: its static memory, which they share, and what of
//! it is Tokio's for signals, which each process of a host has contents of its own for.

mod elf;
mod image;
pub(crate) mod statics;
mod turns;

pub(crate) use image::{Image, handler_of_tokio, prepare_signals};
pub(crate) use turns::{is_some_hosts, take_turn};
