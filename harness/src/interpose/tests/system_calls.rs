//! System calls that go past libc, against those of the machine, and what they must not reach.

use std::{
    ffi::CString,
    fs,
    future::pending,
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use libc::{AT_EMPTY_PATH, AT_FDCWD, AT_REMOVEDIR, c_long};
use squall_reports::record::EndCause;

use super::{alone, left, logged};

/// A system call as assembly makes it.
fn raw(number: c_long, arguments: &[usize]) -> io::Result<usize> {
    let argument = |place: usize| arguments.get(place).copied().unwrap_or(0);
    let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(argument);
    // SAFETY: each test passes what the call is documented to take.
    let result = unsafe { libc::syscall(number, a, b, c, d, e) };
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

const HERE: usize = AT_FDCWD as usize;

/// A path for C, which lives as long as the test.
fn c(path: &Path) -> usize {
    let path = CString::new(path.to_str().expect("a plain name")).expect("no zero");
    path.into_raw() as usize
}

fn told<T: std::fmt::Debug>(what: &str, result: io::Result<T>) -> String {
    let told = result.map_err(|error| error.raw_os_error());
    format!("{what}: {told:?}")
}

/// The names in a directory, as `getdents64` gives them.
fn names(directory: &Path) -> io::Result<Vec<String>> {
    let flags = libc::O_DIRECTORY as usize;
    let fd = raw(libc::SYS_openat, &[HERE, c(directory), flags])?;
    let (mut names, mut buffer) = (Vec::new(), [0_u64; 8]);
    loop {
        let place = buffer.as_mut_ptr() as usize;
        let length = raw(libc::SYS_getdents64, &[fd, place, size_of_val(&buffer)])?;
        if length == 0 {
            break;
        }
        let bytes: Vec<u8> = buffer.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut at = 0;
        while at < length {
            let size = usize::from(u16::from_ne_bytes([bytes[at + 16], bytes[at + 17]]));
            let name = bytes[at + 19..at + size].split(|byte| *byte == 0).next();
            names.push(String::from_utf8_lossy(name.unwrap_or_default()).into_owned());
            at += size;
        }
    }
    raw(libc::SYS_close, &[fd])?;
    names.sort();
    Ok(names)
}

/// The kind and length of what is at a path, or of a descriptor.
fn status(directory: usize, path: usize, flags: usize) -> io::Result<(u32, i64, i64)> {
    // SAFETY: zeros are valid for both.
    let (mut old, mut new): (libc::stat, libc::statx) = unsafe { std::mem::zeroed() };
    let (old_place, new_place) = ((&raw mut old) as usize, (&raw mut new) as usize);
    raw(libc::SYS_newfstatat, &[directory, path, old_place, flags])?;
    let basic = libc::STATX_BASIC_STATS as usize;
    raw(libc::SYS_statx, &[directory, path, flags, basic, new_place])?;
    Ok((old.st_mode & libc::S_IFMT, old.st_size, new.stx_size.cast_signed()))
}

/// What a program does with files that has no libc.
fn story(root: &Path) -> Vec<String> {
    let at = |name: &str| c(&root.join(name));
    let mut lines = Vec::new();
    let mut tell = |line: String| lines.push(line);
    let (write, create) = (libc::O_RDWR as usize, (libc::O_RDWR | libc::O_CREAT) as usize);

    tell(told("nothing is there", raw(libc::SYS_openat, &[HERE, at("file"), write])));
    tell(told("directory", raw(libc::SYS_mkdirat, &[HERE, at("directory"), 0o755])));
    let fd = raw(libc::SYS_openat, &[HERE, at("file"), create, 0o644]).expect("it is made");
    tell(told("write", raw(libc::SYS_write, &[fd, c(Path::new("hello")), 5])));
    tell(told("status of it", status(fd, c(Path::new("")), AT_EMPTY_PATH as usize)));
    tell(told("status of its path", status(HERE, at("file"), 0).map(|it| (it.1, it.2))));
    tell(told("status of nothing", status(HERE, at("none"), 0)));
    tell(told("access", raw(libc::SYS_faccessat, &[HERE, at("file"), 0])));
    tell(told("access, with flags", raw(libc::SYS_faccessat2, &[HERE, at("file"), 0, 0])));
    tell(told("no access", raw(libc::SYS_faccessat2, &[HERE, at("none"), 0, 0])));
    let mut link = [0_u8; 64];
    let room = [link.as_mut_ptr() as usize, link.len()];
    tell(told("no link", raw(libc::SYS_readlinkat, &[HERE, at("file"), room[0], room[1]])));
    let kind = raw(libc::SYS_readlinkat, &[HERE, at("none"), room[0], room[1]]);
    tell(told("link of nothing", kind));
    tell(told("rights", raw(libc::SYS_fchmodat, &[HERE, at("file"), 0o600])));
    tell(told(
        "rights of nothing",
        raw(libc::SYS_fchmodat, &[HERE, at("none"), 0o600]).map_err(
            // Nothing of the machine is changed, whether or not it is there.
            |_| io::Error::from_raw_os_error(libc::ENOENT),
        ),
    ));
    tell(told("its rights", raw(libc::SYS_fchmod, &[fd, 0o600])));
    tell(told("times", raw(libc::SYS_utimensat, &[HERE, at("file"), 0, 0])));
    tell(told("its times", raw(libc::SYS_utimensat, &[fd, 0, 0, 0])));
    tell(told("shorter", raw(libc::SYS_truncate, &[at("file"), 3])));
    tell(told("end", raw(libc::SYS_lseek, &[fd, 0, libc::SEEK_END as usize])));
    tell(told("hint", raw(libc::SYS_fadvise64, &[fd, 0, 0, 0])));
    tell(told("names", names(root)));
    let renamed = raw(libc::SYS_renameat2, &[HERE, at("file"), HERE, at("moved"), 0]);
    tell(told("renamed", renamed));
    tell(told("closed", raw(libc::SYS_close_range, &[fd, fd, 0])));
    tell(told("closed again", raw(libc::SYS_close, &[fd])));
    let directory = [HERE, at("directory"), AT_REMOVEDIR as usize];
    tell(told("directory removed", raw(libc::SYS_unlinkat, &directory)));
    tell(told("file removed", raw(libc::SYS_unlinkat, &[HERE, at("moved"), 0])));
    tell(told("nothing left", names(root)));
    #[cfg(target_arch = "x86_64")]
    {
        tell(told("made", raw(libc::SYS_creat, &[at("old"), 0o644]).map(drop)));
        // SAFETY: zeros are valid.
        let mut found: libc::stat = unsafe { std::mem::zeroed() };
        let place = (&raw mut found) as usize;
        tell(told("status as of old", raw(libc::SYS_stat, &[at("old"), place])));
        tell(told("of the link", raw(libc::SYS_lstat, &[at("old"), place])));
        tell(told("a file", Ok(found.st_mode & libc::S_IFMT == libc::S_IFREG)));
        tell(told("access", raw(libc::SYS_access, &[at("old"), 0])));
        tell(told("no link", raw(libc::SYS_readlink, &[at("old"), room[0], room[1]])));
        tell(told("rights", raw(libc::SYS_chmod, &[at("old"), 0o600])));
        tell(told("gone", raw(libc::SYS_unlink, &[at("old")])));
    }
    lines
}

#[test]
fn system_calls_on_files_do_in_a_run_what_they_do_on_the_machine() {
    let root = std::env::temp_dir().join(format!("squall-raw-{}", std::process::id()));
    fs::create_dir(&root).expect("there is a place for it");
    let real = story(&root);
    fs::remove_dir_all(&root).expect("it is ours");
    let lines = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&lines);
    let run = alone(move || {
        let told = Arc::clone(&told);
        async move {
            let simulated = tokio::task::spawn_blocking(|| {
                fs::create_dir("/raw")?;
                Ok::<_, io::Error>(story(Path::new("/raw")))
            });
            *told.lock().expect("nobody panics") = simulated.await??;
            pending().await
        }
    });
    assert_eq!(run.record.end.cause, EndCause::Completed);
    let simulated = lines.lock().expect("nobody panics").clone();
    for (real, simulated) in real.iter().zip(&simulated) {
        assert_eq!(simulated, real, "in the run, and on the machine");
    }
    assert_eq!(simulated.len(), real.len());
    assert!(!Path::new("/raw").exists(), "it was never on the machine");
}

/// What of a file would show that it was changed.
fn state(path: &Path) -> (u32, u32, i64, i64, u64, u64, String) {
    let it = fs::metadata(path).expect("it is there");
    let text = fs::read_to_string(path).expect("it can be read");
    (it.mode(), it.uid(), it.mtime(), it.mtime_nsec(), it.nlink(), it.ino(), text)
}

/// System calls that change what is at a path, or make something beside it.
fn changes(path: usize, beside: usize) -> Vec<(&'static str, c_long, Vec<usize>)> {
    let truncates = (libc::O_TRUNC | libc::O_RDONLY) as usize;
    let mut all = vec![
        ("openat", libc::SYS_openat, vec![HERE, path, libc::O_WRONLY as usize]),
        ("openat, truncating", libc::SYS_openat, vec![HERE, path, truncates]),
        ("truncate", libc::SYS_truncate, vec![path, 0]),
        ("fchmodat", libc::SYS_fchmodat, vec![HERE, path, 0o777]),
        ("fchmodat2", 452, vec![HERE, path, 0o777, 0]),
        ("fchownat", libc::SYS_fchownat, vec![HERE, path, 1, 1, 0]),
        ("utimensat", libc::SYS_utimensat, vec![HERE, path, 0, 0]),
        ("symlinkat", libc::SYS_symlinkat, vec![path, HERE, beside]),
        ("linkat", libc::SYS_linkat, vec![HERE, path, HERE, beside, 0]),
        ("mknodat", libc::SYS_mknodat, vec![HERE, beside, 0o010_644, 0]),
        ("mkdirat", libc::SYS_mkdirat, vec![HERE, beside, 0o755]),
        ("setxattr", libc::SYS_setxattr, vec![path, c(Path::new("user.a")), path, 1, 0]),
        ("renameat2", libc::SYS_renameat2, vec![HERE, path, HERE, beside, 0]),
        ("unlinkat", libc::SYS_unlinkat, vec![HERE, path, 0]),
        ("openat2", libc::SYS_openat2, vec![HERE, path, beside, 24]),
    ];
    #[cfg(target_arch = "x86_64")]
    all.extend([
        ("creat", libc::SYS_creat, vec![path, 0o644]),
        ("chmod", libc::SYS_chmod, vec![path, 0o777]),
        ("chown", libc::SYS_chown, vec![path, 1, 1]),
        ("lchown", libc::SYS_lchown, vec![path, 1, 1]),
        ("utime", libc::SYS_utime, vec![path, 0]),
        ("utimes", libc::SYS_utimes, vec![path, 0]),
        ("symlink", libc::SYS_symlink, vec![path, beside]),
        ("link", libc::SYS_link, vec![path, beside]),
        ("mknod", libc::SYS_mknod, vec![beside, 0o010_644, 0]),
        ("mkdir", libc::SYS_mkdir, vec![beside, 0o755]),
        ("rename", libc::SYS_rename, vec![path, beside]),
        ("unlink", libc::SYS_unlink, vec![path]),
    ]);
    all
}

#[test]
fn no_system_call_of_a_run_changes_the_real_file_system() {
    let root = std::env::temp_dir().join(format!("squall-kept-{}", std::process::id()));
    fs::create_dir(&root).expect("there is a place for it");
    let (file, beside) = (root.join("file"), root.join("beside"));
    fs::write(&file, "kept").expect("there is room");
    // Open for writing from before the run, which may go on writing.
    let open = fs::OpenOptions::new().write(true).open(&file).expect("it is there");
    let before = state(&file);
    let run = alone({
        let (file, beside) = (file.clone(), beside.clone());
        move || {
            let (path, other) = (c(&file), c(&beside));
            let fd = std::os::fd::AsRawFd::as_raw_fd(&open).unsigned_abs() as usize;
            async move {
                for (name, number, arguments) in changes(path, other) {
                    // On the simulated disk of the host there is no such directory.
                    if let Ok(done) = raw(number, &arguments) {
                        tracing::info!("{name} returned {done}");
                    }
                }
                let mut of_descriptor = vec![
                    raw(libc::SYS_fchmod, &[fd, 0o777]),
                    raw(libc::SYS_fchown, &[fd, 1, 1]),
                    raw(libc::SYS_utimensat, &[fd, 0, 0, 0]),
                ];
                of_descriptor.retain(Result::is_ok);
                assert!(of_descriptor.is_empty(), "{of_descriptor:?}");
                // What is only there may be read.
                assert_eq!(status(HERE, path, 0)?.1, 4);
                raw(libc::SYS_faccessat, &[HERE, path, 0])?;
                let fd = raw(libc::SYS_openat, &[HERE, path, libc::O_RDONLY as usize])?;
                let mut four = [0_u8; 4];
                raw(libc::SYS_read, &[fd, four.as_mut_ptr() as usize, 4])?;
                raw(libc::SYS_close, &[fd])?;
                assert_eq!(&four, b"kept");
                // Where memory is shared by name, something would be left on the machine.
                let shared = Path::new("/dev/shm/squall-shared");
                fs::write(shared, "x").expect_err("it is not of the host");
                fs::write("/dev/null", "x")?;
                pending().await
            }
        }
    });
    assert_eq!(run.record.end.cause, EndCause::Completed);
    assert_eq!(logged(&run), [], "nothing of it was done");
    assert_eq!(state(&file), before);
    let names: Vec<PathBuf> =
        fs::read_dir(&root).expect("it is there").map(|it| it.expect("a name").path()).collect();
    assert_eq!(names, [file], "and nothing beside it");
    fs::remove_dir_all(&root).expect("it is ours");
}

#[test]
fn what_cannot_be_simulated_ends_the_run_with_its_name_and_its_reason() {
    let refused: [(&str, c_long, &[usize], &str); 12] = [
        ("sync", libc::SYS_sync, &[], "fsync"),
        ("ptrace", libc::SYS_ptrace, &[0, 0, 0, 0], "another process"),
        ("process_vm_readv", libc::SYS_process_vm_readv, &[1], "another process"),
        ("bpf", libc::SYS_bpf, &[0, 0, 0], "another process"),
        ("mount", libc::SYS_mount, &[], "the machine"),
        ("shmget", libc::SYS_shmget, &[0, 4096, 0o600], "in common"),
        ("mq_open", libc::SYS_mq_open, &[], "in common"),
        ("timer_create", libc::SYS_timer_create, &[0, 0, 0], "clock of the machine"),
        ("setitimer", libc::SYS_setitimer, &[0, 0, 0], "clock of the machine"),
        ("unshare", libc::SYS_unshare, &[0], "may do"),
        ("io_submit", libc::SYS_io_submit, &[0, 0, 0], "by itself"),
        ("999", 999, &[], "does not know"),
    ];
    for (name, number, arguments, why) in refused {
        let run = alone(move || async move {
            raw(number, arguments).expect_err("it is refused");
            pending().await
        });
        let what = left(&run);
        assert!(what.contains(name) && what.contains(why), "{name}: {what}");
        assert!(what.contains("system_calls.rs"), "who asked: {what}");
    }
}

#[test]
fn what_the_kernel_of_a_host_lacks_is_lacking_for_everybody() {
    let run = alone(|| async {
        let path = c(Path::new("/"));
        for (number, arguments) in [
            (libc::SYS_inotify_init1, vec![0]),
            (libc::SYS_timerfd_create, vec![1, 0]),
            (libc::SYS_signalfd4, vec![usize::MAX, path, 8, 0]),
            (libc::SYS_pidfd_open, vec![1, 0]),
            (libc::SYS_openat2, vec![HERE, path, path, 24]),
        ] {
            let error = raw(number, &arguments).expect_err("it is lacking");
            assert_eq!(error.raw_os_error(), Some(libc::ENOSYS), "{number}");
        }
        let error = raw(libc::SYS_getxattr, &[path, path, 0, 0]).expect_err("it is lacking");
        assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP));
        tracing::info!("went on");
        pending().await
    });
    assert_eq!(run.record.end.cause, EndCause::Completed);
    assert_eq!(logged(&run).len(), 1);
}

#[test]
fn a_process_may_go_to_another_directory_and_the_harness_stays_where_it_is() {
    let before = std::env::current_dir().expect("there is one");
    let run = alone(|| async {
        assert_eq!(std::env::current_dir()?, Path::new("/"));
        fs::create_dir_all("/data/deep")?;
        std::env::set_current_dir("/data")?;
        fs::write("file", "x")?;
        tracing::info!("{}", fs::read_to_string("/data/file")?);
        std::env::set_current_dir("deep/..")?;
        tracing::info!("{}", std::env::current_dir()?.display());
        let on_a_thread = tokio::task::spawn_blocking(|| fs::exists("deep")).await??;
        tracing::info!("{on_a_thread}");
        let error = std::env::set_current_dir("file").expect_err("it is a file");
        tracing::info!("{:?}", error.kind());
        pending().await
    });
    let said: Vec<String> = logged(&run).into_iter().map(|(_, what)| what).collect();
    assert_eq!(said, ["x", "/data", "true", "NotADirectory"]);
    assert_eq!(std::env::current_dir().expect("there is one"), before);
}

#[test]
fn a_signal_is_for_the_process_of_the_host_alone() {
    let told = alone(|| async {
        // SAFETY: it takes any numbers.
        unsafe {
            assert_eq!(libc::kill(1, 0), 0);
            assert_eq!(libc::kill(std::os::unix::process::parent_id().cast_signed(), 0), 0);
            assert_eq!(libc::kill(77, libc::SIGKILL), -1);
            assert_eq!(libc::raise(libc::SIGWINCH), 0);
            libc::signal(libc::SIGUSR1, libc::SIG_IGN);
            assert_eq!(libc::raise(libc::SIGUSR1), 0);
        }
        tracing::info!("lives");
        std::thread::spawn(|| {
            // SAFETY: as above.
            assert_eq!(unsafe { libc::raise(libc::SIGHUP) }, 0);
        });
        pending().await
    });
    assert_eq!(logged(&told).len(), 1);
    // SAFETY: nothing is changed, and an action of zeros is valid.
    let ignored = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGUSR1, std::ptr::null(), &raw mut action);
        action.sa_sigaction
    };
    assert_eq!(ignored, libc::SIG_DFL, "the real process handles it as before");
    let what = left(&told);
    assert!(what.contains("the signal 1") && what.contains("system_calls.rs"), "{what}");
}

#[test]
fn a_thread_that_wants_no_signals_is_simulated_all_the_same() {
    let run = alone(|| async {
        let asks = std::thread::spawn(|| {
            // SAFETY: the set is filled before it is used.
            unsafe {
                let mut all: libc::sigset_t = std::mem::zeroed();
                libc::sigfillset(&raw mut all);
                libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
            }
            raw(libc::SYS_mkdirat, &[HERE, c(Path::new("/made")), 0o755])
        });
        asks.join().expect("it ends")?;
        tracing::info!("{}", fs::exists("/made")?);
        // SAFETY: it is a C string.
        assert_eq!(unsafe { libc::system(c"true".as_ptr()) }, -1);
        pending().await
    });
    assert_eq!(logged(&run).len(), 1);
    assert!(left(&run).contains("another program"));
}
