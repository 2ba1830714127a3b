//! A system call that was stopped, as the registers of its thread have it.

#[cfg(target_arch = "x86_64")]
use libc::c_int;
use libc::{c_long, ucontext_t};

/// A system call with its arguments.
pub(super) struct Call {
    pub(super) number: c_long,
    pub(super) arguments: [usize; 6],
}

/// What was called.
#[cfg(target_arch = "x86_64")]
pub(super) fn call(context: &ucontext_t) -> Call {
    let registers = &context.uc_mcontext.gregs;
    let register = |which: c_int| registers[usize::try_from(which).unwrap_or(0)];
    let arguments =
        [libc::REG_RDI, libc::REG_RSI, libc::REG_RDX, libc::REG_R10, libc::REG_R8, libc::REG_R9];
    #[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "registers")]
    let arguments = arguments.map(|which| register(which) as usize);
    Call { number: register(libc::REG_RAX), arguments }
}

/// Has the call return this.
#[cfg(target_arch = "x86_64")]
pub(super) fn set_result(context: &mut ucontext_t, result: isize) {
    let place = usize::try_from(libc::REG_RAX).unwrap_or(0);
    context.uc_mcontext.gregs[place] = result as i64;
}

/// What was called.
#[cfg(target_arch = "aarch64")]
pub(super) fn call(context: &ucontext_t) -> Call {
    let registers = &context.uc_mcontext.regs;
    let arguments = [0, 1, 2, 3, 4, 5].map(|which| registers[which] as usize);
    Call { number: registers[8].cast_signed(), arguments }
}

/// Has the call return this.
#[cfg(target_arch = "aarch64")]
pub(super) fn set_result(context: &mut ucontext_t, result: isize) {
    context.uc_mcontext.regs[0] = result as u64;
}
