//! What files say that the kernel, or whoever set the machine up, writes for each machine: its name, its
//! processors, its memory, and what a process has used of them. A host has its own.

use std::{fmt::Write as _, path::Path};

use crate::interpose::{
    calls::process::identity::{MEMORY_BYTES, RELEASE, VERSION, cores, host_name},
    clocks::{MONOTONIC_START_NS, REALTIME_START_NS, now},
    seeded,
    threads::{at_kernel, kernel},
};

/// What is at a path of the machine.
pub(super) enum Found {
    /// This, for the host.
    Text(Vec<u8>),
    /// It is about the machine alone: a host has nothing there.
    Nothing,
    /// The same on each machine, as far as services care.
    Same,
}

/// Of which host it is, from 1 on.
fn number() -> u64 {
    let host = || Ok(kernel().map_or(0, |kernel| u64::from(kernel.host())));
    at_kernel(host).unwrap_or(0) + 1
}

/// Bytes of the seed in the way of a UUID of version 4.
fn uuid() -> String {
    let mut bytes = [0; 16];
    seeded::fill(&mut bytes);
    let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62);
    let digits = format!("{:032x}", number | 0x4 << 76 | 0b10 << 62);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}

/// What a host says at `path`, which is normal.
pub(super) fn read(path: &Path) -> Found {
    let Some(path) = path.to_str() else { return Found::Same };
    let cores = || cores().unwrap_or(1);
    let up = || {
        let hundredths = (MONOTONIC_START_NS + now()) / 10_000_000;
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    };
    let text = match path {
        "/etc/hostname" | "/proc/sys/kernel/hostname" => host_name(),
        "/etc/machine-id" | "/var/lib/dbus/machine-id" => format!("{:032x}", number()),
        "/proc/sys/kernel/random/boot_id" => format!("00000000-0000-4000-8000-{:012x}", number()),
        "/proc/sys/kernel/random/uuid" => uuid(),
        "/proc/sys/kernel/osrelease" => RELEASE.to_owned(),
        "/proc/version" => format!("Linux version {RELEASE} {VERSION}"),
        "/proc/uptime" => format!("{} {}", up(), up()),
        "/proc/loadavg" => "0.00 0.00 0.00 1/1 1".to_owned(),
        "/sys/devices/system/cpu/online"
        | "/sys/devices/system/cpu/possible"
        | "/sys/devices/system/cpu/present" => match cores() {
            1 => "0".to_owned(),
            several => format!("0-{}", several - 1),
        },
        "/proc/cpuinfo" => processors(cores()),
        "/proc/meminfo" => {
            let total = MEMORY_BYTES >> 10;
            let free = total / 2;
            format!("MemTotal: {total} kB\nMemFree: {free} kB\nMemAvailable: {free} kB")
        }
        "/proc/stat" => {
            let mut text = "cpu 0 0 0 0 0 0 0 0 0 0".to_owned();
            for core in 0..cores() {
                let _ = write!(text, "\ncpu{core} 0 0 0 0 0 0 0 0 0 0");
            }
            let begun = (REALTIME_START_NS - MONOTONIC_START_NS) / 1_000_000_000;
            format!("{text}\nbtime {begun}\nprocesses 1")
        }
        "/proc/self/stat" | "/proc/1/stat" => {
            // It has used nothing: computation is free.
            format!("1 (service) R 0 1 1 0 -1 0{}", " 0".repeat(43))
        }
        "/proc/self/statm" | "/proc/1/statm" => "0 0 0 0 0 0 0".to_owned(),
        "/proc/self/status" | "/proc/1/status" => {
            "Name:\tservice\nState:\tR (running)\nTgid:\t1\nPid:\t1\nPPid:\t0\nThreads:\t1"
                .to_owned()
        }
        "/proc/self/io" | "/proc/1/io" => {
            "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0".to_owned()
        }
        // How much of the machine the harness is given is not what a host has.
        "/proc/self/cgroup" | "/proc/1/cgroup" => return Found::Nothing,
        _ if path.starts_with("/sys/fs/cgroup") => return Found::Nothing,
        _ => return Found::Same,
    };
    Found::Text((text + "\n").into_bytes())
}

fn processors(cores: usize) -> String {
    let mut text = String::new();
    for core in 0..cores {
        let _ = write!(
            text,
            "processor\t: {core}\nmodel name\t: simulated\nphysical id\t: 0\nsiblings\t: {cores}\ncore \
             id\t\t: {core}\ncpu cores\t: {cores}\n\n"
        );
    }
    text
}
