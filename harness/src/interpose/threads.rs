//! The threads of a run: which they are, what they wait for, and how they hand over the right to move.
//!
//! Nothing here knows what is done when a thread has that right: who lets threads move is [`lockstep`].
//!
//! [`lockstep`]: super::lockstep

mod baton;
mod family;
mod handover;
mod here;
mod words;

pub(crate) use family::{Child, Family, Job, Wait, lock, others_run};
pub(crate) use handover::{at_descriptors, at_kernel, block, count_yield, lend};
pub(crate) use here::{
    CHILD, KERNELS, active, begin, bytes, end, enter, family, in_run, is_child, is_inside, kernel,
    number, set_active,
};
pub(crate) use words::{hold, is_held, wake_waiters, wake_waiters_anywhere, with_family};
