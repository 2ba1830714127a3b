//! The table of system calls is whole, and the program does what it says.

use std::collections::BTreeMap;

use libc::{c_long, sock_filter};

use super::program::program;
use crate::interpose::system_calls::{self, Treatment, rows};

/// What a filter makes of a call, by the rules of classic BPF.
fn run(program: &[sock_filter], words: &BTreeMap<u32, u32>) -> u32 {
    let (mut at, mut loaded) = (0, 0_u32);
    loop {
        let sock_filter { code, jt, jf, k } = program[at];
        at += 1;
        let code = u32::from(code);
        let test = |so: bool| usize::from(if so { jt } else { jf });
        if code == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS {
            loaded = words.get(&k).copied().unwrap_or(0);
        } else if code == libc::BPF_RET {
            return k;
        } else if code == libc::BPF_JMP | libc::BPF_JA {
            at += k as usize;
        } else if code == libc::BPF_JMP | libc::BPF_JEQ {
            at += test(loaded == k);
        } else if code == libc::BPF_JMP | libc::BPF_JGE {
            at += test(loaded >= k);
        } else if code == libc::BPF_JMP | libc::BPF_JSET {
            at += test(loaded & k != 0);
        } else {
            panic!("an instruction that the filter does not use: {code:#x}");
        }
    }
}

/// What is made of the call of this number with these arguments, of 32 bits, from outside of libc.
fn made(program: &[sock_filter], number: c_long, arguments: [u32; 6]) -> u32 {
    let arch = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };
    let mut words = BTreeMap::from([(0, u32::try_from(number).expect("small")), (4, arch)]);
    words.extend((0..).zip(arguments).map(|(place, value)| (16 + 8 * place, value)));
    run(program, &words)
}

#[test]
fn each_system_call_is_in_the_table_once() {
    let mut numbers: Vec<c_long> = rows().iter().map(|row| row.number).collect();
    let count = numbers.len();
    numbers.dedup();
    assert_eq!(numbers.len(), count, "a number is there twice");
    #[cfg(target_arch = "x86_64")]
    {
        let known: Vec<c_long> = (0..=334).chain(424..=system_calls::LAST).collect();
        assert_eq!(numbers, known);
    }
    for row in rows() {
        assert_eq!(
            system_calls::row(row.number).map(|row| row.treatment),
            Some(row.treatment),
            "{}",
            row.name()
        );
    }
}

#[test]
fn the_filter_does_with_each_number_what_the_table_says() {
    let (allow, trap) = (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_TRAP);
    let filter = program(true);
    assert!(filter.len() < 4096, "{} instructions", filter.len());
    let simulated = u32::try_from(super::super::descriptors::FIRST).expect("positive");
    for row in rows() {
        let made = |arguments| made(&filter, row.number, arguments);
        let name = row.name();
        match row.treatment {
            Treatment::Passed => assert_eq!(made([0; 6]), allow, "{name}"),
            Treatment::Answered
            | Treatment::OnlyOfRun
            | Treatment::OfLibc
            | Treatment::Begin
            | Treatment::Refused(_) => {
                assert_eq!(made([0; 6]), trap, "{name}")
            }
            Treatment::Absent(error) => {
                let error = libc::SECCOMP_RET_ERRNO | error.unsigned_abs();
                assert_eq!(made([0; 6]), error, "{name}");
            }
            Treatment::Asked => {
                assert_eq!(made([0; 6]), trap, "{name}");
                assert_eq!(made([0, 0, 0, 0, 0, super::super::real::MEANT]), allow, "{name}");
            }
            Treatment::OfDescriptor => {
                assert_eq!(made([simulated, 0, 0, 0, 0, 0]), trap, "{name}");
                assert_eq!(made([simulated - 1, 0, 0, 0, 0, 0]), allow, "{name}");
                assert_eq!(made([u32::MAX, 0, 0, 0, 0, 0]), allow, "{name}");
            }
            Treatment::Signal(argument) => {
                let of = |signal: u32| {
                    let mut arguments = [0; 6];
                    arguments[argument as usize] = signal;
                    made(arguments)
                };
                assert_eq!((of(15), of(6), of(33)), (trap, allow, allow), "{name}");
            }
        }
    }
    // What libc asks for itself: from within its code, and not from behind it.
    let libc_at = super::super::real::real_syscall() as usize as u64;
    let from = |at: u64, number: c_long, first: u32| {
        let halves = [(at >> 32) as u32, (at & u64::from(u32::MAX)) as u32];
        let arch = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };
        let number = u32::try_from(number).expect("small");
        let words = [(0, number), (4, arch), (8, halves[1]), (12, halves[0]), (16, first)];
        run(&filter, &BTreeMap::from(words))
    };
    let thread = libc::CLONE_THREAD.unsigned_abs();
    for at in [libc_at, libc_at + 64] {
        assert_eq!(from(at, libc::SYS_futex, 0), allow);
        assert_eq!(from(at, libc::SYS_clone3, 0), allow);
        assert_eq!(from(at, libc::SYS_clone, thread), allow);
        assert_eq!(from(at, libc::SYS_clone, 17), trap, "it would be a process");
    }
    for at in [libc_at + (1 << 26), libc_at - (1 << 26), libc_at + (1 << 33), 0] {
        assert_eq!(from(at, libc::SYS_futex, 0), trap);
        assert_eq!(from(at, libc::SYS_clone, thread), trap);
    }
    for unknown in [system_calls::LAST + 1, 400, 9_999] {
        assert_eq!(made(&filter, unknown, [0; 6]), trap, "{unknown}");
    }
    assert_eq!(made(&program(false), libc::SYS_getrandom, [0; 6]), allow);
    assert_eq!(run(&filter, &BTreeMap::from([(0, 1), (4, 0x4000_0003)])), trap, "of 32 bits");
}
