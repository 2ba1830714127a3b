//! What is asked of the disk of the host whose code runs.
//!
//! A call takes as long as the disk does. A thread of its own waits for that; the thread of a runtime
//! keeps its host busy meanwhile, as one that sleeps does.

use std::io;

use crate::interpose::{
    answers::{bad, os},
    kernel::{DiskAnswer, DiskRequest, FileStatus},
    lockstep::pass_until,
    threads::{at_kernel, kernel},
};

/// Asks the disk of the host whose code runs, and waits for its answer.
pub(crate) fn ask(request: DiskRequest) -> io::Result<DiskAnswer> {
    let gone = || io::Error::from_raw_os_error(libc::EIO);
    let number = at_kernel(|| {
        let kernel = kernel().ok_or_else(gone)?;
        Ok(kernel.disk(request))
    })?;
    loop {
        let answer = at_kernel(|| {
            let kernel = kernel().ok_or_else(gone)?;
            kernel.disk_answer(number).ok_or_else(gone)
        })?;
        match answer {
            Ok(answer) => return answer,
            Err(due) => pass_until(due),
        }
    }
}

/// Gives an open file back to the disk, which answers nothing.
pub(crate) fn give_back(file: u64) -> io::Result<()> {
    at_kernel(|| {
        let kernel = kernel().ok_or_else(bad)?;
        kernel.disk(DiskRequest::Close { file });
        Ok(())
    })
}

/// Asks for a status.
pub(crate) fn status(request: DiskRequest) -> io::Result<FileStatus> {
    match ask(request)? {
        DiskAnswer::Status(status) => Ok(status),
        _ => os(libc::EIO),
    }
}
