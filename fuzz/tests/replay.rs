//! The inputs that are kept of each target, once more: those that reach different code, and those
//! that once found something.

use std::{
    fs, panic,
    path::{Path, PathBuf},
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Files of a target; more are not for reading.
const FILES_MAX: usize = 50;

/// Bytes that they have together.
const BYTES_MAX: u64 = 200_000;

/// Panics of this process. One in a task of a service is caught by its runtime, and is one all the
/// same.
static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Names the input that something was wrong with.
struct Named<'a>(&'a Path);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input is {}", self.0.display());
        }
    }
}

fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, Ordering::SeqCst);
            before(info);
        }));
    });
}

#[track_caller]
fn replay(name: &str, target: fn(&[u8])) {
    count_panics();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!((1..=FILES_MAX).contains(&files.len()), "{name}: {} files", files.len());
    let mut bytes = 0;
    for file in &files {
        let input = fs::read(file).expect("a file");
        bytes += input.len() as u64;
        let named = Named(file);
        target(&input);
        assert_eq!(PANICS.load(Ordering::SeqCst), 0, "a panic that a runtime has caught");
        drop(named);
    }
    assert!(bytes <= BYTES_MAX, "{name}: {bytes} bytes, at most {BYTES_MAX}");
}

#[test]
fn grpc() {
    replay("grpc", squall_fuzz::grpc);
}

#[test]
fn http() {
    replay("http", squall_fuzz::http);
}

#[test]
fn journal() {
    replay("journal", squall_fuzz::journal);
}

#[test]
fn plans() {
    replay("plans", squall_fuzz::plans);
}

#[test]
fn records() {
    replay("records", squall_fuzz::records);
}

#[test]
fn toxiproxy() {
    replay("toxiproxy", squall_fuzz::toxiproxy);
}
