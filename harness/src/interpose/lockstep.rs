//! The threads that the code of a run starts, in lockstep with it.
//!
//! Such a thread is a real one, but of all threads of a run one moves at a time. Who moves has the
//! baton: the thread of the run, which hands it to one of the others when its own code has nothing
//! to do, and gets it back when that one waits or ends. Virtual time stands still meanwhile. Which
//! of several is next is drawn from the seed. So what they do is a function of the seed, as long
//! as they wait in ways that can be seen: for a futex, on which all locks, channels and condition
//! variables of Rust rest, for a lock or condition of C, for descriptors, for each other's end, or
//! for a time.
//!
//! The simulated kernel belongs to the thread of the run, and is asked there: a thread that calls
//! it lends its call to that thread together with the baton.
//!
//! What runs of one process share is another matter: a lock in static memory may be held by a
//! thread of another run, which will give it back in real time. Such a wait takes no virtual time,
//! and nobody else moves in it.

mod patience;
mod settle;
mod stuck;
mod waits;

pub(crate) use patience::await_outside;
#[cfg(test)]
pub(crate) use settle::{PATIENCE, lose};
pub(crate) use settle::{next_due, on_each_thread, pause, retire, run_due, settle};
pub(crate) use stuck::Stuck;
pub(crate) use waits::{
    await_end, give_way, pass_until, sleep_until, wait_for, wait_for_address, wait_for_word,
};
