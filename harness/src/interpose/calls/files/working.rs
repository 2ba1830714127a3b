//! The directory that a process is in.

use std::{cell::RefCell, collections::BTreeMap, io, path::PathBuf};

use libc::c_int;

use crate::interpose::{
    answers::bad,
    threads::{at_kernel, kernel},
};

thread_local! {
    /// Where processes are that are not at the root, where each begins; of the thread of the run.
    static WORKING: RefCell<BTreeMap<u32, PathBuf>> = const { RefCell::new(BTreeMap::new()) };
}

/// The run is over.
pub(crate) fn forget() {
    WORKING.take();
}

/// The directory that the process whose code runs is in.
pub(crate) fn working() -> io::Result<PathBuf> {
    at_kernel(|| {
        let process = kernel().ok_or_else(bad)?.device();
        let found = WORKING.with_borrow(|working| working.get(&process).cloned());
        Ok(found.unwrap_or_else(|| PathBuf::from("/")))
    })
}

/// From now on it is this one.
pub(super) fn enter(path: PathBuf) -> io::Result<c_int> {
    at_kernel(|| {
        let process = kernel().ok_or_else(bad)?.device();
        WORKING.with_borrow_mut(|working| working.insert(process, path));
        Ok(0)
    })
}
