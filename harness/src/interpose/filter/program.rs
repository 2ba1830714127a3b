//! The program by which the kernel looks at each system call of a thread: the [`system_calls`]
//! as a search for the number, in the instructions of BPF.

use std::{
    ffi::{CStr, c_void},
    ops::Range,
};

use libc::{c_int, dl_phdr_info, size_t, sock_filter};

use crate::interpose::{
    descriptors,
    real::{MEANT, real_syscall},
    system_calls::{self, Treatment},
};

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Where the number of a call is in what a filter sees, and what else there is.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const PLACE: u32 = 8;
const PLACE_HIGH: u32 = 12;
const FIRST_ARGUMENT: u32 = 16;
const ARGUMENT_BYTES: u32 = 8;
const LAST_ARGUMENT: u32 = 56;

/// The signals that libc sends to its own threads: to end a thread, and to change who all of them are.
const OF_LIBC: [u32; 2] = [32, 33];

fn statement(code: u32, k: u32) -> sock_filter {
    #[expect(clippy::cast_possible_truncation, reason = "the codes of BPF have 16 bits")]
    let code = code as u16;
    sock_filter { code, jt: 0, jf: 0, k }
}

fn load(place: u32) -> sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, place)
}

fn end(action: u32) -> sock_filter {
    statement(libc::BPF_RET, action)
}

/// Does what follows if it is so, or goes on behind that.
fn when(condition: u32, k: u32, then: Vec<sock_filter>) -> Vec<sock_filter> {
    #[expect(clippy::cast_possible_truncation, reason = "the codes of BPF have 16 bits")]
    let code = (libc::BPF_JMP | condition | libc::BPF_K) as u16;
    let skip = statement(libc::BPF_JMP | libc::BPF_JA, u32::try_from(then.len()).unwrap_or(0));
    let test = sock_filter { code, jt: 1, jf: 0, k };
    [vec![test, skip], then].concat()
}

/// What is done with a call of this fate.
fn decide(treatment: Treatment, libc_at: &[Range<u64>]) -> Vec<sock_filter> {
    let (allow, trap) = (end(libc::SECCOMP_RET_ALLOW), end(libc::SECCOMP_RET_TRAP));
    let first = u32::try_from(descriptors::FIRST).unwrap_or(u32::MAX);
    match treatment {
        Treatment::Passed => vec![allow],
        Treatment::Answered | Treatment::OnlyOfRun | Treatment::Refused(_) => vec![trap],
        Treatment::Absent(error) => vec![end(libc::SECCOMP_RET_ERRNO | error.unsigned_abs())],
        Treatment::Asked => {
            [vec![load(LAST_ARGUMENT)], when(libc::BPF_JEQ, MEANT, vec![allow]), vec![trap]]
                .concat()
        }
        // Those that are no descriptors are negative.
        Treatment::OfDescriptor => [
            vec![load(FIRST_ARGUMENT)],
            when(libc::BPF_JSET, 1 << 31, vec![allow]),
            when(libc::BPF_JGE, first, vec![trap]),
            vec![allow],
        ]
        .concat(),
        Treatment::Signal(argument) => {
            let mut decision = vec![load(FIRST_ARGUMENT + argument * ARGUMENT_BYTES)];
            for signal in OF_LIBC.into_iter().chain([libc::SIGABRT.unsigned_abs()]) {
                decision.extend(when(libc::BPF_JEQ, signal, vec![allow]));
            }
            decision.push(trap);
            decision
        }
        Treatment::OfLibc => [within(libc_at, &[allow]), vec![trap]].concat(),
        Treatment::Begin => {
            let thread = libc::CLONE_THREAD.unsigned_abs();
            let begins = [
                vec![load(NUMBER)],
                // Its flags are in memory, which a filter does not see.
                when(libc::BPF_JEQ, number(libc::SYS_clone3), vec![allow]),
                vec![load(FIRST_ARGUMENT)],
                when(libc::BPF_JSET, thread, vec![allow]),
            ]
            .concat();
            [within(libc_at, &begins), vec![trap]].concat()
        }
    }
}

/// Does this if the call is made from one of these places.
fn within(places: &[Range<u64>], then: &[sock_filter]) -> Vec<sock_filter> {
    let halves = |place: u64| ((place >> 32) as u32, (place & u64::from(u32::MAX)) as u32);
    let mut decision = Vec::new();
    for place in places {
        let ((high, from), (last_high, to)) = (halves(place.start), halves(place.end));
        let parts = if high == last_high {
            vec![(high, from, to)]
        } else {
            vec![(high, from, u32::MAX), (last_high, 0, to)]
        };
        for (high, from, to) in parts {
            let inside = when(libc::BPF_JGE, from, then.to_vec());
            // Behind the end of the place there is nothing to be done.
            let skip = u32::try_from(inside.len()).unwrap_or(0);
            let skip = vec![statement(libc::BPF_JMP | libc::BPF_JA, skip)];
            let inner = [vec![load(PLACE)], when(libc::BPF_JGE, to, skip), inside].concat();
            decision.push(load(PLACE_HIGH));
            decision.extend(when(libc::BPF_JEQ, high, inner));
        }
    }
    decision
}

/// Numbers from one on that have the same decision.
struct Part {
    from: u32,
    decision: Vec<sock_filter>,
}

/// Looks for the part that the number is in.
fn search(parts: &[Part]) -> Vec<sock_filter> {
    match parts {
        [] => vec![end(libc::SECCOMP_RET_TRAP)],
        [one] => one.decision.clone(),
        several => {
            let (low, high) = several.split_at(several.len() / 2);
            [when(libc::BPF_JGE, high[0].from, search(high)), search(low)].concat()
        }
    }
}

fn number(call: libc::c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

/// The program that looks at each system call of a thread, with or without those for randomness.
pub(super) fn program(randomness: bool) -> Vec<sock_filter> {
    let libc_at = libc_at();
    let unknown = || vec![end(libc::SECCOMP_RET_TRAP)];
    let (mut parts, mut next, mut last) = (Vec::new(), 0, None);
    for row in system_calls::rows() {
        let from = number(row.number);
        let treatment = match row.treatment {
            Treatment::Answered if !randomness && row.number == libc::SYS_getrandom => {
                Treatment::Passed
            }
            treatment => treatment,
        };
        if from > next {
            parts.push(Part { from: next, decision: unknown() });
            last = None;
        }
        if last != Some(treatment) {
            parts.push(Part { from, decision: decide(treatment, &libc_at) });
        }
        (next, last) = (from + 1, Some(treatment));
    }
    parts.push(Part { from: next, decision: unknown() });
    let mut program = vec![load(ARCH)];
    program.extend(when(
        libc::BPF_JEQ,
        ARCHITECTURE,
        [vec![load(NUMBER)], search(&parts)].concat(),
    ));
    // The calls of programs for 32 bits.
    program.push(end(libc::SECCOMP_RET_TRAP));
    program
}

/// Where the code of libc and of the loader is.
fn libc_at() -> Vec<Range<u64>> {
    /// # Safety
    ///
    /// `info` is of a loaded object, and `found` the list of [`libc_at`].
    unsafe extern "C" fn note(info: *mut dl_phdr_info, _: size_t, found: *mut c_void) -> c_int {
        // SAFETY: the loader and `libc_at` vouch for both.
        let (info, found) = unsafe { (&*info, &mut *found.cast::<Vec<Range<u64>>>()) };
        if info.dlpi_phdr.is_null() {
            return 0;
        }
        let name = if info.dlpi_name.is_null() {
            &[]
        } else {
            // SAFETY: the loader vouches for the name.
            unsafe { CStr::from_ptr(info.dlpi_name) }.to_bytes()
        };
        // SAFETY: the loader vouches for so many headers.
        let headers =
            unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        let code = headers
            .iter()
            .filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0)
            .map(|header| {
                let start = info.dlpi_addr.wrapping_add(header.p_vaddr);
                start..start.wrapping_add(header.p_memsz)
            });
        let code: Vec<Range<u64>> = code.collect();
        let own = real_syscall() as usize as u64;
        let file = name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        if code.iter().any(|range| range.contains(&own))
            || [&b"ld-linux"[..], b"libpthread"].iter().any(|known| file.starts_with(known))
        {
            found.extend(code);
        }
        0
    }
    let mut found: Vec<Range<u64>> = Vec::new();
    // SAFETY: `note` takes what it is given here, and does not outlive the call.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut found).cast()) };
    found
}
