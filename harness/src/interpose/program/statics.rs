//! The static memory of the process, which all its runs share.
//!
//! A lock in there may be held by a thread of another run, which gives it back in real time; a lock
//! anywhere else belongs to the run whose threads wait for it.

use std::{ffi::c_void, ops::Range, sync::OnceLock};

use libc::{c_int, dl_phdr_info, size_t};

/// Where the writable segments of the executable and its libraries are, in the order of their
/// addresses.
fn segments() -> &'static [Range<usize>] {
    static SEGMENTS: OnceLock<Vec<Range<usize>>> = OnceLock::new();
    SEGMENTS.get_or_init(|| {
        let mut found: Vec<Range<usize>> = Vec::new();
        // SAFETY: `note` takes what it is given here, and does not outlive the call.
        unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut found).cast()) };
        found.sort_by_key(|segment| segment.start);
        found
    })
}

/// # Safety
///
/// `info` is of a loaded object, and `found` the list of [`segments`].
unsafe extern "C" fn note(info: *mut dl_phdr_info, _: size_t, found: *mut c_void) -> c_int {
    // SAFETY: the loader and `segments` vouch for both.
    let (info, found) = unsafe { (&*info, &mut *found.cast::<Vec<Range<usize>>>()) };
    if !info.dlpi_phdr.is_null() {
        // SAFETY: the loader vouches for so many headers.
        let headers =
            unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        for header in headers {
            if header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W != 0 {
                #[expect(clippy::cast_possible_truncation, reason = "addresses fit into usize")]
                let (at, length) = (header.p_vaddr as usize, header.p_memsz as usize);
                #[expect(clippy::cast_possible_truncation, reason = "as above")]
                let start = (info.dlpi_addr as usize).wrapping_add(at);
                found.push(start..start.wrapping_add(length));
            }
        }
    }
    0
}

/// Looks up where static memory is, before a thread of a run asks.
pub(crate) fn prepare() {
    segments();
}

/// Is there static memory at `address`?
pub(crate) fn contain(address: usize) -> bool {
    let segments = segments();
    let after = segments.partition_point(|segment| segment.start <= address);
    after > 0 && segments[after - 1].contains(&address)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn statics_are_told_from_what_is_on_the_heap_and_on_the_stack() {
        static WORD: AtomicU32 = AtomicU32::new(7);
        let (boxed, local) = (Box::new(AtomicU32::new(0)), AtomicU32::new(0));
        assert!(contain((&raw const WORD) as usize));
        assert!(!contain(std::ptr::from_ref(&*boxed) as usize));
        assert!(!contain((&raw const local) as usize));
    }
}
