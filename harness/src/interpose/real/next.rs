//! The functions of libc that the symbols of the interposition stand in front of.

use std::{
    ffi::{CStr, c_void},
    sync::atomic::{AtomicPtr, Ordering},
};

/// The function of libc that a symbol of ours stands in front of.
pub(crate) struct Next {
    name: &'static CStr,
    /// glibc has two of it on x86-64, of which `dlsym` may find the one of before 2003.
    has_two: bool,
    found: AtomicPtr<c_void>,
}

impl Next {
    /// `name` ends with a zero, as C has it.
    pub(crate) const fn named(name: &'static str) -> Self {
        match CStr::from_bytes_with_nul(name.as_bytes()) {
            Ok(name) => Self { name, has_two: false, found: AtomicPtr::new(std::ptr::null_mut()) },
            Err(_) => panic!("expected a zero at the end of a name of C, and no other"),
        }
    }

    /// One of the functions on conditions.
    pub(crate) const fn versioned(name: &'static str) -> Self {
        Self { has_two: true, ..Self::named(name) }
    }

    pub(crate) fn get(&self) -> *mut c_void {
        let found = self.found.load(Ordering::Relaxed);
        if !found.is_null() {
            return found;
        }
        let mut found = std::ptr::null_mut();
        if self.has_two && cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
            // SAFETY: as below; the version is a C string, too.
            found = unsafe {
                libc::dlvsym(libc::RTLD_NEXT, self.name.as_ptr(), c"GLIBC_2.3.2".as_ptr())
            };
        }
        if found.is_null() {
            // SAFETY: the name is a C string, and RTLD_NEXT asks for the definition after ours.
            found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        }
        if found.is_null() {
            // Without libc's own function nothing in the process can go on.
            std::process::abort();
        }
        self.found.store(found, Ordering::Relaxed);
        found
    }
}
