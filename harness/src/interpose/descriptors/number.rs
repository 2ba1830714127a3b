//! Which numbers are those of simulated descriptors.

use libc::c_int;

/// The first number of a simulated descriptor: `fs.nr_open`, below which those of the real kernel
/// stay.
pub(crate) const FIRST: c_int = 1 << 20;

/// Is this the number of a descriptor of some run?
pub(crate) fn is_simulated(fd: c_int) -> bool {
    fd >= FIRST
}
