//! What is asked of libc and of the kernel of the machine themselves, past the functions that stand in
//! front of them.

mod calls;
mod next;
mod waits;

pub(crate) use calls::{MEANT, is_passing, open_really, passing, real_now, real_syscall, really};
pub(crate) use next::Next;
pub(crate) use waits::{real_futex, real_pause, real_wait, real_yield};
