//! Tokio's statics for signals, and what they hold for each process of a host.
//!
//! They are found in the symbols of the program, and what they hold at first in the program's file.

use std::{cell::RefCell, ffi::c_void, fs, rc::Rc, sync::OnceLock};

use libc::{c_int, dl_phdr_info, size_t};

use super::elf::Program;

/// The place of a static, and what it holds at first.
struct Static {
    at: usize,
    first: Vec<u8>,
}

/// The statics of Tokio for signals, of each version of it that the program has.
struct Statics {
    all: Vec<Static>,
    /// The function that Tokio has signals handled by.
    handler: usize,
}

/// What the statics hold for one process of a host.
pub(crate) struct Image(Vec<Vec<u8>>);

impl Image {
    /// That of a new process; `None` if the statics were not found.
    pub(crate) fn fresh() -> Option<Rc<RefCell<Self>>> {
        let statics = statics()?;
        let first = statics.all.iter().map(|one| one.first.clone()).collect();
        Some(Rc::new(RefCell::new(Self(first))))
    }

    /// Exchanges what the statics hold and what is kept here.
    pub(super) fn exchange(&mut self) {
        let Some(statics) = statics() else { return };
        for (one, kept) in statics.all.iter().zip(&mut self.0) {
            // SAFETY: the static has that length, and nobody else touches it: who does so has a turn.
            unsafe {
                let place = std::slice::from_raw_parts_mut(one.at as *mut u8, kept.len());
                place.swap_with_slice(kept);
            }
        }
    }
}

/// Looks the statics up, in the file of the program.
fn statics() -> Option<&'static Statics> {
    static STATICS: OnceLock<Option<Statics>> = OnceLock::new();
    STATICS.get_or_init(find).as_ref()
}

/// The function that Tokio has signals handled by, if the program has any of it.
pub(crate) fn handler_of_tokio() -> Option<usize> {
    statics().map(|statics| statics.handler)
}

/// Looks the statics up before a run begins, which has files of its own.
pub(crate) fn prepare_signals() -> bool {
    statics().is_some()
}

/// # Safety
///
/// It is called by `dl_iterate_phdr` only, with a place for an address.
unsafe extern "C" fn note_first(info: *mut dl_phdr_info, _: size_t, place: *mut c_void) -> c_int {
    // SAFETY: the loader and the caller vouch for both.
    #[expect(clippy::cast_possible_truncation, reason = "addresses fit into usize")]
    unsafe {
        *place.cast::<usize>() = (*info).dlpi_addr as usize;
    }
    // The first object is the program; no other is wanted.
    1
}

fn find() -> Option<Statics> {
    let file = fs::read("/proc/self/exe").ok()?;
    let program = Program { file: &file };
    let mut base = 0_usize;
    // SAFETY: the function only writes to the place.
    unsafe { libc::dl_iterate_phdr(Some(note_first), (&raw mut base).cast()) };
    let mut found = Statics { all: Vec::new(), handler: 0 };
    program.each_symbol(|name, value, size| {
        if name.contains("tokio6signal8registry7globals7GLOBALS") && size > 0 {
            if let Some(first) = program.contents(value..value + size) {
                found.all.push(Static { at: base + value, first });
            }
        } else if name.contains("signal_hook_registry7handler") {
            found.handler = base + value;
        }
    })?;
    (!found.all.is_empty()).then_some(found)
}
