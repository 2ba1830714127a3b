//! The calls of libc on open files: reading, writing, and what else is done with their content.

use std::io;

use libc::{c_int, c_void, iovec, off_t, size_t, ssize_t};

use super::{
    disk::{ask, status},
    open_file::{known, set_position, with_text},
};
use crate::interpose::{
    answers::os,
    calls::parts::{parts_at, scatter, signed, slices},
    clocks::now,
    descriptors::{self, Kind, Lock, OpenFile, Text, on_descriptors},
    kernel::{DiskAnswer, DiskRequest},
    lockstep::sleep_until,
    seeded,
    threads::{at_kernel, is_child},
};

/// As much is read or written by one call, at most: what Linux does, less what fits no page.
const BYTES_MAX: usize = 0x7fff_f000;

/// Reads from a text.
fn read_text(text: &Text, wanted: usize, at: Option<u64>) -> Vec<u8> {
    let from = at.map_or(text.position.get(), |at| usize::try_from(at).unwrap_or(usize::MAX));
    let left = text.bytes.get(from..).unwrap_or_default();
    let read = left[..left.len().min(wanted)].to_vec();
    if at.is_none() {
        text.position.set(from.saturating_add(read.len()));
    }
    read
}

fn is_random(fd: c_int) -> io::Result<bool> {
    at_kernel(|| Ok(matches!(descriptors::get(fd)?.kind, Kind::Random)))
}

/// Where a read or write of so many bytes begins, which is from then on behind it: what others do with
/// the file meanwhile begins there.
fn reserve(fd: c_int, bytes: usize) -> io::Result<u64> {
    at_kernel(|| {
        let object = descriptors::get(fd)?;
        let Kind::File(file) = &object.kind else { return os(libc::EINVAL) };
        let from = file.position.get();
        file.position.set(from + bytes as u64);
        Ok(from)
    })
}

/// Only so many of the bytes were there, or could be written.
fn settle(fd: c_int, from: u64, reserved: usize, done: usize) -> io::Result<()> {
    at_kernel(|| {
        if let Kind::File(file) = &descriptors::get(fd)?.kind
            && file.position.get() == from + reserved as u64
        {
            file.position.set(from + done as u64);
        }
        Ok(())
    })
}

/// Reads from `at`, or from where the file stands.
///
/// # Safety
///
/// The parts are valid.
pub(crate) unsafe fn read_parts(
    fd: c_int,
    parts: &[iovec],
    at: Option<u64>,
) -> io::Result<ssize_t> {
    let wanted: usize = parts.iter().map(|part| part.iov_len).sum();
    let data = if let Some(read) = with_text(fd, |text| read_text(text, wanted, at))? {
        read
    } else if is_random(fd)? {
        let mut data = vec![0; wanted.min(1 << 20)];
        seeded::fill(&mut data);
        data
    } else {
        let known = known(fd)?;
        let file = known.file()?;
        if !known.readable {
            return os(libc::EBADF);
        }
        let bytes_max = wanted.min(BYTES_MAX);
        let from = at.map_or_else(|| reserve(fd, bytes_max), Ok)?;
        let answer = ask(DiskRequest::ReadAt { file, at: from, bytes_max });
        let read = match &answer {
            Ok(DiskAnswer::Data(data)) => data.len(),
            _ => 0,
        };
        if at.is_none() && read < bytes_max {
            settle(fd, from, bytes_max, read)?;
        }
        let DiskAnswer::Data(data) = answer? else { return os(libc::EIO) };
        data
    };
    // SAFETY: the caller vouches for the parts.
    Ok(signed(unsafe { scatter(&data, parts) }))
}

/// Writes to `at`, or to where the file stands.
///
/// # Safety
///
/// The parts are valid.
pub(crate) unsafe fn write_parts(
    fd: c_int,
    parts: &[iovec],
    at: Option<u64>,
) -> io::Result<ssize_t> {
    let mut data = Vec::new();
    // SAFETY: the caller vouches for the parts.
    for bytes in unsafe { slices(parts) } {
        data.extend_from_slice(bytes);
    }
    if is_random(fd)? {
        return Ok(data.len().cast_signed());
    }
    let known = known(fd)?;
    let file = known.file()?;
    if !known.writable {
        return os(libc::EBADF);
    }
    let length = data.len();
    if known.append {
        // On Linux `pwrite` appends as well if the file was opened for that.
        let answer = ask(DiskRequest::WriteAt { file, at: None, data })?;
        let DiskAnswer::Written { at: from, bytes } = answer else { return os(libc::EIO) };
        if at.is_none() {
            set_position(fd, from + bytes as u64)?;
        }
        return Ok(bytes.cast_signed());
    }
    let from = at.map_or_else(|| reserve(fd, length), Ok)?;
    let answer = ask(DiskRequest::WriteAt { file, at: Some(from), data });
    let written = match &answer {
        Ok(DiskAnswer::Written { bytes, .. }) => *bytes,
        _ => 0,
    };
    if at.is_none() && written < length {
        settle(fd, from, length, written)?;
    }
    answer.map(|_| written.cast_signed())
}

/// Moves to another place in a file.
fn seek(fd: c_int, offset: i64, whence: c_int) -> io::Result<off_t> {
    let of_text = with_text(fd, |text| {
        let base = match whence {
            libc::SEEK_SET => 0,
            libc::SEEK_CUR => text.position.get(),
            _ => return os(libc::EINVAL),
        };
        let place = i64::try_from(base).unwrap_or(i64::MAX).checked_add(offset);
        let position = place.and_then(|place| usize::try_from(place).ok());
        let Some(position) = position else { return os(libc::EINVAL) };
        text.position.set(position);
        Ok(off_t::try_from(position).unwrap_or(off_t::MAX))
    })?;
    if let Some(result) = of_text {
        return result;
    }
    let known = known(fd)?;
    let Some(file) = known.number else {
        // Of a directory it is the number of an entry.
        let place = match whence {
            libc::SEEK_SET => offset,
            libc::SEEK_CUR => known.position.cast_signed().saturating_add(offset),
            _ => return os(libc::EINVAL),
        };
        let Ok(position) = u64::try_from(place) else { return os(libc::EINVAL) };
        set_position(fd, position)?;
        return Ok(place);
    };
    let end = || match ask(DiskRequest::Length { file })? {
        DiskAnswer::Number(end) => Ok(end),
        _ => os(libc::EIO),
    };
    let base = match whence {
        libc::SEEK_SET => 0,
        libc::SEEK_CUR => known.position,
        libc::SEEK_END => end()?,
        // There are no holes: data everywhere, and the only hole behind the end.
        libc::SEEK_DATA if offset >= 0 && offset.unsigned_abs() < end()? => 0,
        libc::SEEK_HOLE if offset >= 0 && offset.unsigned_abs() < end()? => {
            end()?.saturating_sub(offset.unsigned_abs())
        }
        libc::SEEK_DATA | libc::SEEK_HOLE => return os(libc::ENXIO),
        _ => return os(libc::EINVAL),
    };
    let place = base.checked_add_signed(offset).filter(|place| i64::try_from(*place).is_ok());
    let Some(place) = place else { return os(libc::EINVAL) };
    set_position(fd, place)?;
    Ok(place.cast_signed())
}

fn sync(fd: c_int) -> io::Result<c_int> {
    let known = known(fd)?;
    let request = match known.number {
        Some(file) => DiskRequest::Sync { file },
        None => DiskRequest::SyncDir { path: known.path },
    };
    ask(request).map(|_| 0)
}

fn set_len(fd: c_int, len: i64) -> io::Result<c_int> {
    let known = known(fd)?;
    let file = known.file().or_else(|_| os(libc::EINVAL))?;
    let Ok(len) = u64::try_from(len) else { return os(libc::EINVAL) };
    if !known.writable {
        return os(libc::EINVAL);
    }
    ask(DiskRequest::SetLen { file, len }).map(|_| 0)
}

/// Space is there when it is written to: a file only grows to the length that is asked for.
fn allocate(fd: c_int, mode: c_int, offset: i64, len: i64) -> io::Result<c_int> {
    if mode != 0 {
        return os(libc::EOPNOTSUPP);
    }
    let known = known(fd)?;
    let file = known.file().or_else(|_| os(libc::ENODEV))?;
    let Some(end) = offset.checked_add(len).filter(|_| offset >= 0 && len > 0) else {
        return os(libc::EINVAL);
    };
    let length = status(DiskRequest::Status { file })?.len;
    if end.unsigned_abs() > length { set_len(fd, end) } else { Ok(0) }
}

/// Locks a file as `flock(2)` does, if nobody else has.
fn try_lock(fd: c_int, wanted: Lock) -> io::Result<bool> {
    at_kernel(|| {
        let object = descriptors::get(fd)?;
        let Kind::File(file) = &object.kind else { return os(libc::EBADF) };
        let in_the_way = |other: &OpenFile| {
            let same = other.path == file.path && other.process == file.process;
            let excludes = wanted == Lock::Exclusive || other.lock.get() == Lock::Exclusive;
            same && other.lock.get() != Lock::None && excludes
        };
        let is_free = wanted == Lock::None
            || !descriptors::any_other(
                &object,
                |kind| matches!(kind, Kind::File(other) if in_the_way(other)),
            );
        if is_free {
            file.lock.set(wanted);
        }
        Ok(is_free)
    })
}

/// How often a thread looks whether a lock is free, in nanoseconds.
const LOCK_LOOKS_NS: u64 = 1_000_000;

fn lock(fd: c_int, operation: c_int) -> io::Result<c_int> {
    let wanted = match operation & !libc::LOCK_NB {
        libc::LOCK_UN => Lock::None,
        libc::LOCK_SH => Lock::Shared,
        libc::LOCK_EX => Lock::Exclusive,
        _ => return os(libc::EINVAL),
    };
    while !try_lock(fd, wanted)? {
        if operation & libc::LOCK_NB != 0 || !is_child() {
            return os(libc::EWOULDBLOCK);
        }
        sleep_until(now() + LOCK_LOOKS_NS);
    }
    Ok(0)
}

on_descriptors! {
    /// `pread(2)`
    fn pread(fd, bytes: *mut c_void, count: size_t, at: off_t) -> ssize_t {
        let Ok(at) = u64::try_from(at) else { return os(libc::EINVAL) };
        let part = iovec { iov_base: bytes, iov_len: count };
        // SAFETY: the caller vouches for the bytes.
        unsafe { read_parts(fd, &[part], Some(at)) }
    }

    /// `pread(2)`
    fn pread64(fd, bytes: *mut c_void, count: size_t, at: off_t) -> ssize_t {
        let Ok(at) = u64::try_from(at) else { return os(libc::EINVAL) };
        let part = iovec { iov_base: bytes, iov_len: count };
        // SAFETY: the caller vouches for the bytes.
        unsafe { read_parts(fd, &[part], Some(at)) }
    }

    /// `pwrite(2)`
    fn pwrite(fd, bytes: *const c_void, count: size_t, at: off_t) -> ssize_t {
        let Ok(at) = u64::try_from(at) else { return os(libc::EINVAL) };
        let part = iovec { iov_base: bytes.cast_mut(), iov_len: count };
        // SAFETY: the caller vouches for the bytes.
        unsafe { write_parts(fd, &[part], Some(at)) }
    }

    /// `pwrite(2)`
    fn pwrite64(fd, bytes: *const c_void, count: size_t, at: off_t) -> ssize_t {
        let Ok(at) = u64::try_from(at) else { return os(libc::EINVAL) };
        let part = iovec { iov_base: bytes.cast_mut(), iov_len: count };
        // SAFETY: the caller vouches for the bytes.
        unsafe { write_parts(fd, &[part], Some(at)) }
    }

    /// `preadv(2)`
    fn preadv64(fd, places: *const iovec, count: c_int, at: off_t) -> ssize_t {
        let Ok(at) = u64::try_from(at) else { return os(libc::EINVAL) };
        let count = usize::try_from(count).or_else(|_| os(libc::EINVAL))?;
        // SAFETY: the caller vouches for the places.
        unsafe { read_parts(fd, parts_at(places, count)?, Some(at)) }
    }

    /// `pwritev(2)`
    fn pwritev64(fd, places: *const iovec, count: c_int, at: off_t) -> ssize_t {
        let Ok(at) = u64::try_from(at) else { return os(libc::EINVAL) };
        let count = usize::try_from(count).or_else(|_| os(libc::EINVAL))?;
        // SAFETY: the caller vouches for the places.
        unsafe { write_parts(fd, parts_at(places, count)?, Some(at)) }
    }

    /// `lseek(2)`
    fn lseek(fd, offset: off_t, whence: c_int) -> off_t {
        seek(fd, offset, whence)
    }

    /// `lseek(2)`
    fn lseek64(fd, offset: off_t, whence: c_int) -> off_t {
        seek(fd, offset, whence)
    }

    /// `fsync(2)`
    fn fsync(fd) -> c_int {
        sync(fd)
    }

    /// `fdatasync(2)`
    fn fdatasync(fd) -> c_int {
        sync(fd)
    }

    /// `ftruncate(2)`
    fn ftruncate(fd, len: off_t) -> c_int {
        set_len(fd, len)
    }

    /// `ftruncate(2)`
    fn ftruncate64(fd, len: off_t) -> c_int {
        set_len(fd, len)
    }

    /// `fallocate(2)`
    fn fallocate(fd, mode: c_int, offset: off_t, len: off_t) -> c_int {
        allocate(fd, mode, offset, len)
    }

    /// `fallocate(2)`
    fn fallocate64(fd, mode: c_int, offset: off_t, len: off_t) -> c_int {
        allocate(fd, mode, offset, len)
    }

    /// `flock(2)`
    fn flock(fd, operation: c_int) -> c_int {
        lock(fd, operation)
    }

    /// `fchmod(2)`: nobody is refused anything on a simulated disk
    fn fchmod(fd, mode: libc::mode_t) -> c_int {
        let _ = mode;
        known(fd).map(|_| 0)
    }

    /// `fchown(2)`, as `fchmod`
    fn fchown(fd, user: libc::uid_t, group: libc::gid_t) -> c_int {
        let _ = (user, group);
        known(fd).map(|_| 0)
    }

    /// `futimens(2)`: what a simulated disk shows is when the content was changed
    fn futimens(fd, times: *const libc::timespec) -> c_int {
        let _ = times;
        known(fd).map(|_| 0)
    }

    /// `copy_file_range(2)`, without which callers read and write themselves
    fn copy_file_range(
        fd,
        from: *mut off_t,
        to: c_int,
        at: *mut off_t,
        count: size_t,
        flags: libc::c_uint,
    ) -> ssize_t {
        let _ = (from, to, at, count, flags);
        os(libc::EXDEV)
    }

    /// `sendfile(2)`, as `copy_file_range`
    fn sendfile(to, from: c_int, at: *mut off_t, count: size_t) -> ssize_t {
        let _ = (to, from, at, count);
        os(libc::EINVAL)
    }

    /// `sendfile(2)`
    fn sendfile64(to, from: c_int, at: *mut off_t, count: size_t) -> ssize_t {
        let _ = (to, from, at, count);
        os(libc::EINVAL)
    }

    /// `splice(2)`, as `copy_file_range`
    fn splice(
        from,
        at: *mut off_t,
        to: c_int,
        place: *mut off_t,
        count: size_t,
        flags: libc::c_uint,
    ) -> ssize_t {
        let _ = (from, at, to, place, count, flags);
        os(libc::EINVAL)
    }
}
