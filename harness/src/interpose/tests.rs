//! What code of C, and code that goes past libc, does on the threads of a run.

use std::{
    cell::UnsafeCell, future::pending, io, os::fd::AsRawFd as _, sync::Arc, thread, time::Duration,
};

use squall_reports::record::{EndCause, EventKind};

use crate::{
    Run, Scenario, Services, Signals,
    interpose::Parts,
    plan::{Plan, Topology},
    run::{RunError, perform::run_parts},
};

mod given_up;
mod identity;
mod static_locks;
mod system_calls;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A run of a second on a host of its own.
fn alone<F>(service: impl Fn() -> F + Send + Sync + 'static) -> Run
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    try_alone(service).expect("the plan is sound")
}

/// The same, if it comes to a record.
fn try_alone<F>(service: impl Fn() -> F + Send + Sync + 'static) -> Result<Run, RunError>
where
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let services = Services::new().with("alone", move |_: serde_json::Value| service());
    let topology = Topology::new().host("a", "alone", serde_json::Value::Null);
    let plan = Plan::new(topology).lasts(ms(1_000));
    let scenario = Scenario::new("alone", "code of C is simulated, too", plan, services);
    run_parts(&scenario, 1, Signals::default(), Parts::default())
}

/// When what was logged.
fn logged(run: &Run) -> Vec<(Duration, String)> {
    let record = &run.record;
    let logs = record.events.iter().filter_map(|event| match &event.what {
        EventKind::Log(log) => {
            Some((Duration::from_nanos(event.at), record.text(log.message).to_owned()))
        }
        _ => None,
    });
    logs.collect()
}

/// A mutex and a condition of C.
struct OfC {
    mutex: UnsafeCell<libc::pthread_mutex_t>,
    condition: UnsafeCell<libc::pthread_cond_t>,
}

// SAFETY: both are made for threads to share.
unsafe impl Sync for OfC {}
// SAFETY: it is not moved while a thread uses it.
unsafe impl Send for OfC {}

impl OfC {
    const fn new() -> Self {
        let mutex = UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER);
        Self { mutex, condition: UnsafeCell::new(libc::PTHREAD_COND_INITIALIZER) }
    }

    fn lock(&self) {
        // SAFETY: the mutex lives as long as this.
        assert_eq!(unsafe { libc::pthread_mutex_lock(self.mutex.get()) }, 0);
    }

    fn unlock(&self) {
        // SAFETY: as above, and the caller has it.
        assert_eq!(unsafe { libc::pthread_mutex_unlock(self.mutex.get()) }, 0);
    }

    fn wait(&self) {
        let (condition, mutex) = (self.condition.get(), self.mutex.get());
        // SAFETY: as above, for both.
        assert_eq!(unsafe { libc::pthread_cond_wait(condition, mutex) }, 0);
    }

    fn wait_until(&self, until: libc::timespec) -> i32 {
        let (condition, mutex) = (self.condition.get(), self.mutex.get());
        // SAFETY: as above.
        unsafe { libc::pthread_cond_timedwait(condition, mutex, &raw const until) }
    }

    fn signal(&self) {
        // SAFETY: as above.
        assert_eq!(unsafe { libc::pthread_cond_signal(self.condition.get()) }, 0);
    }
}

/// What the wall clock shows then.
fn wall_clock_in(pause: Duration) -> libc::timespec {
    let then = std::time::SystemTime::now() + pause;
    let then = then.duration_since(std::time::UNIX_EPOCH).expect("it is after that");
    libc::timespec {
        tv_sec: i64::try_from(then.as_secs()).expect("it is before the end of time"),
        tv_nsec: i64::from(then.subsec_nanos()),
    }
}

#[test]
fn locks_and_conditions_of_c_wait_in_virtual_time() {
    let run = alone(|| async {
        let shared = Arc::new(OfC::new());
        let (holder, waiter) = (Arc::clone(&shared), Arc::clone(&shared));
        thread::spawn(move || {
            holder.lock();
            thread::sleep(ms(300));
            holder.unlock();
        });
        thread::spawn(move || {
            thread::sleep(ms(100));
            waiter.lock();
            tracing::info!("locked");
            waiter.wait();
            tracing::info!("signalled");
            assert_eq!(waiter.wait_until(wall_clock_in(ms(20))), libc::ETIMEDOUT);
            tracing::info!("time is up");
            waiter.unlock();
        });
        tokio::time::sleep(ms(400)).await;
        shared.signal();
        tokio::time::sleep(ms(100)).await;
        // The runtime's own thread may wait as well: its host stands still meanwhile.
        let other = Arc::clone(&shared);
        thread::spawn(move || {
            other.lock();
            thread::sleep(ms(50));
            other.unlock();
        });
        tokio::time::sleep(ms(1)).await;
        shared.lock();
        tracing::info!("the runtime has it");
        shared.unlock();
        pending().await
    });
    let expected =
        [(300, "locked"), (400, "signalled"), (420, "time is up"), (550, "the runtime has it")];
    assert_eq!(logged(&run), expected.map(|(at, what)| (ms(at), what.to_owned())));
}

/// A system call that goes past libc, as `rustix` and assembly make them.
fn past_libc(number: libc::c_long, arguments: [usize; 3]) -> io::Result<usize> {
    let [a, b, c] = arguments;
    // SAFETY: each test passes what the call is documented to take.
    let result = unsafe { libc::syscall(number, a, b, c) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Reads a line from whoever connects to `port`, with nothing but system calls.
fn line_from_a_client(port: u16) -> io::Result<String> {
    let stream = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    let listener = past_libc(libc::SYS_socket, [libc::AF_INET as usize, stream as usize, 0])?;
    let address = libc::sockaddr_in {
        sin_family: libc::sa_family_t::try_from(libc::AF_INET).expect("it is small"),
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: 0 },
        sin_zero: [0; 8],
    };
    let (place, length) = ((&raw const address) as usize, size_of_val(&address));
    past_libc(libc::SYS_bind, [listener, place, length])?;
    past_libc(libc::SYS_listen, [listener, 8, 0])?;
    let accepted = past_libc(libc::SYS_accept, [listener, 0, 0])?;
    let mut line = [0_u8; 64];
    let length = past_libc(libc::SYS_read, [accepted, line.as_mut_ptr() as usize, line.len()])?;
    past_libc(libc::SYS_close, [accepted, 0, 0])?;
    past_libc(libc::SYS_close, [listener, 0, 0])?;
    Ok(String::from_utf8_lossy(&line[..length]).into_owned())
}

#[test]
fn system_calls_past_libc_are_simulated() {
    let run = alone(|| async {
        let server = tokio::task::spawn_blocking(|| line_from_a_client(80));
        tokio::time::sleep(ms(250)).await;
        let mut client = tokio::net::TcpStream::connect("127.0.0.1:80").await?;
        tokio::io::AsyncWriteExt::write_all(&mut client, b"hello").await?;
        let line = server.await??;
        tracing::info!("{line}");
        let mut random = [0_u8; 8];
        past_libc(libc::SYS_getrandom, [random.as_mut_ptr() as usize, random.len(), 0])?;
        tracing::info!("{random:?}");
        pending().await
    });
    let first = logged(&run);
    let (at, line) = &first[0];
    assert_eq!(line, "hello");
    assert!((ms(250)..ms(251)).contains(at), "{at:?}");
    let again = alone(|| async {
        let mut random = [0_u8; 8];
        past_libc(libc::SYS_getrandom, [random.as_mut_ptr() as usize, random.len(), 0])?;
        tracing::info!("{random:?}");
        pending().await
    });
    let also = alone(|| async {
        let mut random = [0_u8; 8];
        past_libc(libc::SYS_getrandom, [random.as_mut_ptr() as usize, random.len(), 0])?;
        tracing::info!("{random:?}");
        pending().await
    });
    assert_eq!(logged(&again), logged(&also), "randomness is of the seed");
}

/// What ended a run, which must be that a host left the simulation.
#[track_caller]
fn left(run: &Run) -> String {
    match &run.record.end.cause {
        EndCause::NotDeterministic { what, .. } => what.clone(),
        other => panic!("expected the run to end because a call left it, found {other:?}"),
    }
}

#[test]
fn what_would_leave_the_simulation_ends_the_run_and_is_named() {
    let netlink = || {
        alone(|| async {
            let kind = libc::SOCK_RAW as usize;
            let error = past_libc(libc::SYS_socket, [libc::AF_NETLINK as usize, kind, 0])
                .expect_err("there is none");
            assert_eq!(error.raw_os_error(), Some(libc::EAFNOSUPPORT));
            pending().await
        })
    };
    let what = left(&netlink());
    assert!(what.contains("AF_NETLINK") && what.contains("interpose/tests.rs"), "{what}");

    #[expect(clippy::disallowed_types, reason = "a socket of the real network")]
    let outside = Arc::new(std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    let what = left(&alone(move || {
        let outside = Arc::clone(&outside);
        async move {
            outside.accept().map(drop).expect_err("it is of the real network");
            assert!(outside.as_raw_fd() < super::descriptors::FIRST);
            pending().await
        }
    }));
    assert!(what.contains("not of the simulation"), "{what}");

    let what = left(&alone(|| async {
        std::process::Command::new("true").status().expect_err("no process is started");
        pending().await
    }));
    assert!(what.contains("another program"), "{what}");

    let what = left(&alone(|| async {
        thread::spawn(|| {
            past_libc(libc::SYS_io_uring_setup, [8, 0, 0]).expect_err("there is none");
        });
        pending().await
    }));
    assert!(what.contains("io_uring"), "{what}");
}

#[test]
fn files_of_c_and_of_system_calls_are_on_the_disk_of_the_host() {
    let place = std::env::temp_dir().join(format!("squall-real-{}", std::process::id()));
    std::fs::write(&place, "real").expect("there is a place for it");
    let name = std::ffi::CString::new(place.to_str().expect("a plain name")).expect("no zero");
    let run = alone(move || {
        let name = name.clone();
        async move {
            // SAFETY: both are C strings, and the stream is closed once.
            unsafe {
                assert_eq!(libc::remove(name.as_ptr()), -1, "it is not the run's");
                let stream = libc::fopen(c"/file".as_ptr(), c"w".as_ptr());
                assert!(!stream.is_null(), "{}", io::Error::last_os_error());
                assert!(libc::fputs(c"text".as_ptr(), stream) >= 0);
                assert_eq!(libc::fclose(stream), 0);
            }
            tracing::info!("{}", std::fs::read_to_string("/file")?);
            #[cfg(target_arch = "x86_64")]
            {
                let flags = (libc::O_CREAT | libc::O_WRONLY) as usize;
                let path = c"/raw".as_ptr() as usize;
                let fd = past_libc(libc::SYS_open, [path, flags, 0o644])?;
                past_libc(libc::SYS_write, [fd, c"raw".as_ptr() as usize, 3])?;
                past_libc(libc::SYS_close, [fd, 0, 0])?;
                assert_eq!(std::fs::read_to_string("/raw")?, "raw");
                past_libc(libc::SYS_unlink, [path, 0, 0])?;
                assert!(!std::fs::exists("/raw")?);
            }
            // SAFETY: it is a C string.
            assert_eq!(unsafe { libc::remove(c"/file".as_ptr()) }, 0);
            // SAFETY: nothing is written to.
            let seconds = unsafe { libc::time(std::ptr::null_mut()) };
            tracing::info!("{seconds} {}", std::process::id());
            pending().await
        }
    });
    let said: Vec<String> = logged(&run).into_iter().map(|(_, what)| what).collect();
    assert_eq!(said, ["text", "1767225600 1"]);
    assert_eq!(std::fs::read_to_string(&place).expect("it is still there"), "real");
    std::fs::remove_file(&place).expect("it is ours");
    assert!(!std::path::Path::new("/raw").exists());
}
