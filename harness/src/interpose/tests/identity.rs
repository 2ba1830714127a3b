//! What a process learns of itself and of its machine.

use std::{
    ffi::CStr,
    fs,
    future::pending,
    io,
    mem::zeroed,
    sync::{Arc, Mutex},
};

use libc::c_long;

use super::{alone, logged};

/// A system call with two places.
fn raw(number: c_long, one: usize, other: usize) -> c_long {
    // SAFETY: each caller passes what the call is documented to take.
    unsafe { libc::syscall(number, one, other, 0, 0, 0, 0) }
}

/// The names of the machine, as two functions of C tell them.
fn names() -> Vec<String> {
    let text = |place: &[libc::c_char]| {
        // SAFETY: it ends with a zero.
        unsafe { CStr::from_ptr(place.as_ptr()) }.to_string_lossy().into_owned()
    };
    let mut host = [0; 65];
    // SAFETY: there is room for so many bytes, and names of zeros are valid.
    let mut names: libc::utsname = unsafe {
        assert_eq!(libc::gethostname(host.as_mut_ptr(), host.len()), 0);
        zeroed()
    };
    // SAFETY: the place is valid.
    assert_eq!(unsafe { libc::uname(&raw mut names) }, 0);
    vec![text(&host), text(&names.nodename), text(&names.sysname), text(&names.release)]
}

#[test]
fn a_process_is_the_first_one_of_its_host() {
    let run = alone(|| async {
        assert_eq!(names(), ["a", "a", "Linux", "6.18.0"]);
        let mut names: libc::utsname = zeros();
        assert_eq!(raw(libc::SYS_uname, (&raw mut names) as usize, 0), 0);
        assert_eq!(names.nodename[..2], [b'a'.cast_signed(), 0]);
        let numbers = || {
            // SAFETY: they only say a number.
            unsafe { (libc::getpid(), libc::getppid(), libc::gettid(), libc::sched_getcpu()) }
        };
        assert_eq!(numbers(), (1, 0, 1, 0));
        assert_eq!(raw(libc::SYS_getpid, 0, 0), 1);
        let of_thread = std::thread::spawn(move || (numbers().2, raw(libc::SYS_gettid, 0, 0)));
        assert_eq!(of_thread.join().expect("it ends"), (2, 2));
        let (mut processor, mut node) = (7_u32, 7_u32);
        let places = ((&raw mut processor) as usize, (&raw mut node) as usize);
        assert_eq!(raw(libc::SYS_getcpu, places.0, places.1), 0);
        assert_eq!((processor, node), (0, 0));
        // SAFETY: as above.
        let cores = unsafe {
            (libc::sysconf(libc::_SC_NPROCESSORS_ONLN), libc::sysconf(libc::_SC_NPROCESSORS_CONF))
        };
        let parallel = std::thread::available_parallelism()?.get();
        assert_eq!((cores.0, cores.1, parallel), (4, 4, 4));
        tracing::info!("done");
        pending().await
    });
    assert_eq!(logged(&run).len(), 1, "{:?}", run.record.end.cause);
    assert_ne!(names()[3], "6.18.0", "the machine has another kernel");
}

/// A structure of C that is all zeros.
fn zeros<T: Copy>() -> T {
    // SAFETY: the tests ask for structures of numbers only.
    unsafe { zeroed() }
}

#[test]
fn the_clock_that_system_calls_read_is_the_runs() {
    let run = alone(|| async {
        tokio::time::sleep(super::ms(250)).await;
        let (mut time, mut wall): (libc::timespec, libc::timeval) = (zeros(), zeros());
        let place = (&raw mut time) as usize;
        for clock in [libc::CLOCK_REALTIME, libc::CLOCK_MONOTONIC] {
            raw(libc::SYS_clock_gettime, clock.unsigned_abs() as usize, place);
            tracing::info!("{} {}", time.tv_sec, time.tv_nsec);
        }
        raw(libc::SYS_gettimeofday, (&raw mut wall) as usize, 0);
        tracing::info!("{} {}", wall.tv_sec, wall.tv_usec);
        #[cfg(target_arch = "x86_64")]
        tracing::info!("{}", raw(libc::SYS_time, 0, 0));
        let mut used: libc::rusage = zeros();
        // SAFETY: the place is valid.
        unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut used) };
        tracing::info!("{} {}", used.ru_utime.tv_usec, used.ru_maxrss);
        let mut system: libc::sysinfo = zeros();
        // SAFETY: the place is valid.
        unsafe { libc::sysinfo(&raw mut system) };
        tracing::info!("{} {}", system.uptime, system.totalram >> 30);
        pending().await
    });
    let said: Vec<String> = logged(&run).into_iter().map(|(_, what)| what).collect();
    let wall = "1767225600 250000";
    let mut expected = vec!["1767225600 250000000", "1000000 250000000", wall];
    if cfg!(target_arch = "x86_64") {
        expected.push("1767225600");
    }
    expected.extend(["0 0", "1000000 16"]);
    assert_eq!(said, expected);
}

#[test]
fn code_of_c_is_told_of_a_device_that_no_other_run_has() {
    let device = || {
        let found = Arc::new(Mutex::new(0_u64));
        let tells = Arc::clone(&found);
        alone(move || {
            let tells = Arc::clone(&tells);
            async move {
                fs::write("/file", "")?;
                let (mut one, mut other): (libc::stat, libc::stat) = (zeros(), zeros());
                let file = fs::File::open("/file")?;
                let before = super::super::now();
                // SAFETY: the path is a C string, and the places are valid.
                unsafe {
                    libc::stat(c"/file".as_ptr(), &raw mut one);
                    libc::fstat(std::os::fd::AsRawFd::as_raw_fd(&file), &raw mut other);
                }
                assert_eq!((one.st_dev, one.st_ino), (other.st_dev, other.st_ino));
                assert_eq!(super::super::now(), before, "whether it asks is no matter of time");
                *tells.lock().expect("nobody panics") = one.st_dev;
                pending().await
            }
        });
        *found.lock().expect("nobody panics")
    };
    let (one, other) = (device(), device());
    assert!(one != 0 && one != other, "{one} and {other}");
}

#[test]
fn files_that_machines_differ_in_are_the_hosts() {
    let read = || {
        let run = alone(|| async {
            tokio::time::sleep(super::ms(250)).await;
            for path in [
                "/etc/hostname",
                "/proc/sys/kernel/hostname",
                "/etc/machine-id",
                "/proc/uptime",
                "/proc/loadavg",
                "/sys/devices/system/cpu/online",
                "/proc/self/statm",
                "/proc/sys/kernel/random/uuid",
            ] {
                tracing::info!("{}", fs::read_to_string(path)?.trim_end());
            }
            for path in ["/proc/self/cgroup", "/sys/fs/cgroup/cpu.max"] {
                fs::read(path).expect_err("a host has none");
            }
            let mut file = fs::File::open("/proc/self/stat")?;
            let mut stat = String::new();
            io::Read::read_to_string(&mut file, &mut stat)?;
            assert_eq!(stat.split_whitespace().count(), 52);
            io::Seek::rewind(&mut file)?;
            io::Read::read_exact(&mut file, &mut [0; 2])?;
            assert_eq!(io::Seek::stream_position(&mut file)?, 2);
            assert!(file.metadata()?.is_file());
            fs::write("/proc/sys/kernel/hostname", "b").expect_err("it is not to be changed");
            // What a host has on its disk is what it finds there.
            fs::create_dir_all("/etc")?;
            fs::write("/etc/hostname", "own")?;
            tracing::info!("{}", fs::read_to_string("/etc/hostname")?);
            pending().await
        });
        logged(&run).into_iter().map(|(_, what)| what).collect::<Vec<_>>()
    };
    let said = read();
    let machine = format!("{:032x}", 1);
    let first = ["a", "a", &machine, "1000000.25 1000000.25", "0.00 0.00 0.00 1/1 1", "0-3"];
    assert_eq!(said[..6], first);
    assert_eq!(said.last().map(String::as_str), Some("own"));
    let uuid = uuid::Uuid::parse_str(&said[7]).expect("it is one");
    assert_eq!(uuid.get_version_num(), 4);
    assert_eq!(read(), said);
}
