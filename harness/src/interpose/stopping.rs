//! The signals by which the real process is asked to stop.
//!
//! Tokio's way leads through its static for signals, which runs put contents of their hosts into
//! (see [`program`](super::program)): a real signal that comes while a host's code runs would be that
//! host's, and be lost. This way is a store to a flag, on whichever thread the kernel interrupts.

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use libc::c_int;

/// What a process exits with that is interrupted, as shells have it for SIGINT.
const INTERRUPTED: c_int = 130;

static STOPPING: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// The flag that is set from now on when the process is asked to stop, by one of `signals`. Asked a
/// second time, the process ends at once, with exit code 130.
///
/// # Errors
///
/// When the kernel does not know a signal, or lets nobody handle it.
pub(crate) fn watch(signals: &[c_int]) -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::clone(STOPPING.get_or_init(Arc::default));
    for signal in signals {
        // SAFETY: an action of zeros is valid, and so is what is set in it: the handler is one for a
        // signal alone, and does nothing that is not allowed in one.
        let handled = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_signal as *const () as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(*signal, &raw const action, std::ptr::null_mut())
        };
        if handled != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(flag)
}

extern "C" fn on_signal(_: c_int) {
    // It is there before the handler is, so that nothing is made here.
    let Some(flag) = STOPPING.get() else { return };
    if flag.swap(true, Ordering::SeqCst) {
        // SAFETY: it takes any number.
        unsafe { libc::_exit(INTERRUPTED) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interpose::{Image, prepare_signals, take_turn};

    #[test]
    fn a_signal_that_comes_while_a_host_has_the_statics_is_not_its() {
        let flag = watch(&[libc::SIGUSR2]).expect("it can be handled");
        assert!(!flag.load(Ordering::SeqCst));
        assert!(prepare_signals(), "the statics are in the symbols of this program");
        let turn = take_turn(true, Image::fresh());
        // SAFETY: the signal is handled.
        unsafe { libc::raise(libc::SIGUSR2) };
        assert!(flag.load(Ordering::SeqCst));
        drop(turn);
    }
}
