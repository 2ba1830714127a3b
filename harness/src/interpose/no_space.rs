//! What the real kernel has not written since there was no space left, counted in a file: who started this
//! process reads there what a full disk has affected, however the process ends.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    answers::Answer,
    real::{is_passing, passing},
};

static COUNTED: OnceLock<Count> = OnceLock::new();

/// How many writes were refused, and where that is said.
struct Count {
    refused: AtomicU64,
    told: File,
}

/// Counts from now on in this file, on from the number that its first eight bytes are, in little-endian
/// order. They are there already, so that they can be written on a full disk, too.
///
/// # Errors
///
/// When the file cannot be read.
pub(crate) fn count_in(told: File) -> io::Result<()> {
    let mut bytes = [0; 8];
    told.read_exact_at(&mut bytes, 0)?;
    let refused = AtomicU64::new(u64::from_le_bytes(bytes));
    // A process counts in one file.
    let _ = COUNTED.set(Count { refused, told });
    Ok(())
}

/// Takes note of how the real kernel has answered a call, and gives that back.
pub(super) fn noted<R: Answer + PartialEq>(result: R) -> R {
    if result == R::FAILED
        && let Some(count) = COUNTED.get()
    {
        note(count);
    }
    result
}

fn note(count: &Count) {
    let error = io::Error::last_os_error();
    if error.raw_os_error() != Some(libc::ENOSPC) || is_passing() {
        return;
    }
    let refused = count.refused.fetch_add(1, Ordering::SeqCst) + 1;
    passing(|| {
        // One that cannot be told is not counted, and a fault that affected nothing is no data.
        let _ = count.told.write_all_at(&refused.to_le_bytes(), 0);
    });
    // SAFETY: it is the cell of this thread, as the call left it that was noted.
    unsafe { *libc::__errno_location() = libc::ENOSPC }
}

#[cfg(test)]
mod tests {
    use std::{fs::OpenOptions, io::Write};

    use super::*;

    /// `/dev/full` is Linux's own disk without space.
    #[test]
    fn what_a_full_device_refuses_is_counted_and_its_error_stays() {
        let path = std::env::temp_dir().join(format!("squall-no-space-{}", std::process::id()));
        std::fs::write(&path, 41_u64.to_le_bytes()).expect("a file");
        let told = OpenOptions::new().read(true).write(true).open(&path).expect("the file");
        count_in(told).expect("it has a number");
        let mut full = OpenOptions::new().write(true).open("/dev/full").expect("there is one");
        let refused = full.write_all(b"text").expect_err("it is full");
        assert_eq!(refused.raw_os_error(), Some(libc::ENOSPC));
        // Another error is none of these.
        std::fs::File::open(&path).expect("it").write_all(b"text").expect_err("only to be read");
        let bytes = std::fs::read(&path).expect("the file");
        assert_eq!(bytes, 42_u64.to_le_bytes());
        std::fs::remove_file(&path).expect("it is there");
    }
}
